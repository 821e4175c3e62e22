"""Contexts of sampled variables: equal to their rows of the whole, chosen evenly, told as sampled, and linear."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from arspec.analysis.contexts import MAX_EXACT, SAMPLED, chosen_rows, head_contexts, row_contexts
from arspec.analysis.known_at import Relations
from arspec.analysis.report import prove
from arspec.cli.main import main
from arspec.language.load import load
from arspec.reads import Marks, Window
from tests.small import ROOT, every_spec, small


@every_spec
def test_rows_walked_backwards_are_those_of_the_whole(path: Path):
    spec = small(path)
    for member in spec.members:
        relations = Relations(spec.graph(), member)
        rows = np.random.default_rng(0).permutation(member.order.variables)[:100]  # more than one word of them
        np.testing.assert_array_equal(row_contexts(relations, rows), head_contexts(relations)[rows])


def test_rows_are_spread_over_the_order():
    order = load(ROOT / "specs/pixelcnn.yaml", {"height": 8, "width": 8, "scan": "spiral"}).members[0].order
    assert list(order.rank[chosen_rows(order, 3)]) == [0, 95, 191]
    assert len(chosen_rows(order)) == len(chosen_rows(order, "all")) == len(chosen_rows(order, 10_000)) == 192
    large = load(ROOT / "specs/wavenet.yaml", {"length": MAX_EXACT + 1}).members[0].order
    assert len(chosen_rows(large)) == SAMPLED and len(chosen_rows(large, "all")) == MAX_EXACT + 1


def test_a_sample_tells_blind_from_out_of_reach_as_the_whole_does():
    spec = load(ROOT / "specs/pixelcnn.yaml", {"height": 8, "width": 8, "blocks": 1, "kernel": 3})
    whole, some = prove(spec), prove(spec, contexts=40)
    assert whole.exact and not some.exact and some.rows == 40
    one, other = whole.members[0], some.members[0]
    assert one.seen and one.deep and other.seen and other.deep
    np.testing.assert_array_equal(other.seen.bits, one.seen.bits[other.seen.rows])
    np.testing.assert_array_equal(other.deep.bits, one.deep.bits[other.deep.rows])
    assert some.blind_spots and "of those of 40 sampled variables" in some.diagnostics[0].message


def test_the_rows_of_a_large_image_go_back_together(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Eight rows go back through every layer at once, and no context of all variables is made."""
    passed, back = list[int](), Window.back

    def counted(self: Window, marks: Marks) -> Marks:
        passed.append(len(marks))
        return back(self, marks)

    monkeypatch.setattr(Window, "back", counted)
    monkeypatch.setattr(Window, "context", lambda *_: pytest.fail("quadratic"))
    large = ["--set", "height=128", "--set", "width=128"]
    assert main(["verify", "--static", "--json", str(ROOT / "specs/pixelcnn.yaml"), *large, "--contexts", "8"]) == 0
    graph = load(ROOT / "specs/pixelcnn.yaml", {"height": 128, "width": 128}).graph()
    windows = sum(len(node.inputs) for node in graph.live)
    assert 0 < len(passed) <= 25 * windows  # of the spec, and of deeper ones, until these see no more; not once a row
    [found] = json.loads(capsys.readouterr().out)
    assert found["variables"] == 49_152 and found["rows"] == 8 and not found["exact"]
    assert main(["verify", "--static", str(ROOT / "specs/pixelcnn.yaml"), *large, "--contexts", "all"]) == 2
    assert "AR808" in capsys.readouterr().err


def test_contexts_can_be_left_out(capsys: pytest.CaptureFixture[str]):
    assert main(["verify", "--static", "--json", str(ROOT / "specs/pixelcnn.yaml"), "--contexts", "none"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert found["rows"] is None and found["coverage"] is None
    for wrong in ("0", "-3", "few"):
        assert main(["verify", "specs/pixelcnn.yaml", "--contexts", wrong]) == 2
        assert f"not '{wrong}'" in capsys.readouterr().err
