"""Sums: linear layers, and what a graph adds to them, computed as one product, part of it ahead."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arspec.language.load import from_text, load
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.passes import schedule
from tests.small import ROOT, check_priming, randomised

# What is added up, and the names of the nodes that are computed with it.
SUMS = {
    "[across, skip]": ["across", "skip"],
    "[across, above]": ["across"],  # something else reads `above`, early for whole rows
    "[above, above, across]": [],  # a product takes one thing that is added to it
    "[skip, first]": ["skip"],
    "[dropped, across]": ["through", "dropped", "across"],
}
TEXT = """
arspec: 1
data: {kind: image, height: 6, width: 12, channels: 1, levels: 3}
order: {scan: raster}
graph:
  start: {layer: scale, from: x}
  first: {layer: conv, kernel: 3, out: 4, mask: earlier}
  stack: {layer: conv, from: start, kernel: 3, out: 4, mask: rows_so_far}
  down: {layer: shift, rows: 2}
  above: {layer: relu, from: down}
  across: {layer: conv, from: first, kernel: 3, out: 4, mask: so_far}
  skip: {layer: conv, from: first, kernel: 1, out: 4, bias: false, mask: so_far}
  through: {layer: conv, from: above, kernel: 1, out: 4}
  dropped: {layer: dropout, from: through}
  sum: {layer: add, from: SUM}
  act: {layer: elu, from: sum}
  both: {layer: concat, from: [act, above]}
  logits: {layer: conv, from: both, kernel: 1, out: $head, mask: so_far}
head: {kind: categorical, from: logits}
"""


@pytest.mark.parametrize("added", SUMS)
def test_a_sum_is_what_the_module_adds_up(added: str) -> None:
    model = randomised(from_text(TEXT.replace("SUM", added)), 0, worth=1)
    plan = schedule(model.graph, model.graph.members[0], sums=True, worth=1)
    (part,) = (p for p in plan.parts if p.node.name == "sum")
    assert [node.name for node in part.stands_for] == SUMS[added]
    x = torch.randint(0, 3, (2, 1, 6, 12), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)
    check_priming(model, x)


def test_what_both_streams_give_a_residual_layer_is_one_sum() -> None:
    graph = load(ROOT / "specs/pixelcnn_pp.yaml", {"height": 8, "width": 8, "filters": 8, "resnets": 1}).graph()
    plan, whole = schedule(graph, graph.members[0], sums=True, worth=1), schedule(graph, graph.members[0])
    assert all(part.ahead is None and not part.stands_for for part in whole.parts)
    (part,) = (p for p in plan.parts if p.node.name == "up0.body.0.dul.sum")
    assert part.ahead is not None
    names = [node.name for node in part.stands_for]
    assert names == [term.node.name for term in part.terms] == ["up0.body.0.dul.conv1", "up0.body.0.dul.a_conv"]
    assert not {*names} & {p.node.name for p in plan.parts}
    alone = {p.node: p for p in whole.parts}
    for first, rest in zip(part.ahead.terms, part.terms, strict=True):
        assert sorted([*first.columns, *rest.columns]) == alone[rest.node].inputs[0].columns.tolist()
    assert len(part.terms[1].columns) == 0  # the vertical stack is there for a whole row
    steps = [int((np.diff(p.bounds) > 0).sum()) for p in (part.ahead, alone[part.terms[1].node], part)]
    assert steps[0] == steps[1] == 8 < 7 * 8 < steps[2]
