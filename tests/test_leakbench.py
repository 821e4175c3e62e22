"""LeakBench: every faulty module is told from its mended twin."""

from __future__ import annotations

import difflib

import pytest
from torch import nn

from tests.leakbench import table
from tests.leakbench.audits import audited, failures
from tests.leakbench.cases import CASES, MARK, ROOT, Case, Twin
from tests.leakbench.peers import measure
from tests.leakbench.truth import breaks, holds_elsewhere

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_the_table_names_every_folder_once():
    names = [case.name for case in CASES]
    assert sorted(names) == sorted(path.parent.name for path in ROOT.glob("*/faulty.py"))
    assert len(names) >= 44
    assert len({case.report for case in CASES}) == len(names)


@cases
def test_twins_differ_in_at_most_five_lines(case: Case):
    faulty, mended = (case.file(twin).read_text().splitlines() for twin in ("faulty", "mended"))
    changed = [line[0] for line in difflib.ndiff(mended, faulty) if line[:2] in ("- ", "+ ")]
    assert 1 <= max(changed.count("-"), changed.count("+")) <= 5
    assert case.line
    assert not any(MARK in line for line in mended)
    assert all(isinstance(case.build(twin), nn.Module) for twin in ("faulty", "mended"))


@cases
def test_the_modules_are_what_the_table_says(case: Case):
    """By values alone, in float64: the faulty module breaks in its mode and nowhere else, the mended one nowhere."""
    assert breaks(case, "faulty")
    assert not breaks(case, "mended")
    if case.mode not in ("evaluation", "forbid"):
        assert holds_elsewhere(case, "faulty")
        assert holds_elsewhere(case, "mended")


@pytest.mark.parametrize("twin", ("faulty", "mended"))
@cases
def test_the_audit_tells_the_twins_apart(case: Case, twin: Twin):
    """The faulty module leaks in its mode, the mended one is proven in all, by at most 30 forward passes each."""
    assert failures(case, twin, audited(case, twin)) == []


def test_the_guide_shows_what_is_measured():
    """Row by row what the common tests say; seconds are those of one run."""
    page = (ROOT.parent.parent / "arspec" / "guide" / "leakbench.md").read_text("utf-8")
    peers = {case.name: measure(case) for case in CASES}
    for case in CASES:
        assert table.without_seconds("| " + " | ".join(table.row(case, peers[case.name], "0.00")) + " |") in (
            table.without_seconds(page)
        )
    assert table.counts(list(peers.values())) in page
