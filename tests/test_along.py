"""Recurrences along lines: the chain relation is the relation of a scan, and its work does not grow by Python calls."""

from __future__ import annotations

import numpy as np
import pytest

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations, known_at
from arspec.chains import Chains
from arspec.language.load import Spec, from_text
from arspec.reads import Scan, Tap, Window, waves_of
from arspec.sampler.plan.passes import asked, through
from arspec.sampler.plan.rows import ROWS
from tests.counting import counted

RANDOM = np.random.default_rng(0)
LINES = {
    "one line": RANDOM.permutation(12).reshape(1, 12),
    "rows": np.arange(12).reshape(3, 4),
    "columns backward": np.arange(12).reshape(3, 4).T[:, ::-1],
    "no states": np.arange(12).reshape(12, 1),
}


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("name", LINES)
def test_a_chain_is_the_scan_that_reads_the_site_before(name: str, groups: int) -> None:
    chain = Chains(groups, LINES[name])
    own = Window(groups, 12, groups, 12, (Tap(chain.previous, np.eye(groups, dtype=bool)),))
    waves = waves_of(own)
    assert waves is not None
    plain = Scan(own, waves)
    sites = groups * 12
    np.testing.assert_array_equal(chain.wave, plain.wave)
    assert all(np.array_equal(np.sort(a), np.sort(b)) for a, b in zip(chain.waves, waves, strict=True))
    known, words = RANDOM.integers(-1, 9, sites), RANDOM.integers(0, 1 << 62, (sites, 2)).astype(np.uint64)
    np.testing.assert_array_equal(chain.known_at(known), plain.known_at(known))
    np.testing.assert_array_equal(chain.back(words[:, 0]), plain.back(words[:, 0]))
    np.testing.assert_array_equal(chain.back(known > 7), plain.back(known > 7))
    counts = known.astype(float)
    np.testing.assert_allclose(chain.back_counts(counts), plain.back_counts(counts))
    table, wide = chain.own.table(np.arange(sites)), own.table(np.arange(sites))
    np.testing.assert_array_equal(table[:, 0], wide.max(1))
    bits = np.zeros((sites, 1), np.uint64)
    bits[:, 0] = np.uint64(1) << np.arange(sites, dtype=np.uint64)
    expected = bits.copy()  # a scan joins all groups of a position, a chain its own alone
    for wave in waves:
        reads = wide[wave].max(1)
        expected[wave[reads >= 0]] |= expected[reads[reads >= 0]]
    np.testing.assert_array_equal(chain.context(bits), expected)


def recurrent(length: int) -> Spec:
    return from_text(
        f"""arspec: 1
data: {{kind: sequence, length: {length}, levels: 4}}
graph:
  table: {{layer: embedding, out: 4}}
  past: {{layer: shift, steps: 1}}
  first: {{layer: cumulative}}
  between: {{layer: conv, kernel: 1, out: 4}}
  second: {{layer: cumulative, kind: mean}}
  logits: {{layer: conv, kernel: 1, out: $head}}
head: {{kind: categorical, from: logits}}
""",
        "recurrent",
    )


def calls(length: int) -> int:
    spec = recurrent(length)
    graph, member = spec.graph(), spec.members[0]
    with counted() as work:
        relations = Relations(graph, member)
        known_at(relations)
        assert seen(relations, np.arange(0, length, length // 8)).unseen == 0
        through(asked(graph, member, sums=False, endless=False, in_blocks=False), ROWS)
    return work.calls


def test_longer_lines_are_proven_and_planned_by_no_more_calls() -> None:
    calls(64)  # what is imported or worked out once
    assert calls(16384) < 1.1 * calls(64)
