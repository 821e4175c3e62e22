"""The graph as the sampler computes it: the same numbers, in fewer calls and fewer steps."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor

from arspec.analysis.contexts import depends_on
from arspec.analysis.known_at import Relations, known_at
from arspec.language.load import from_text, load
from arspec.layers.base import Node
from arspec.model import Model
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.lowered import lowered
from arspec.sampler.plan.passes import schedule
from arspec.sampler.plan.schedule import Lowered
from tests.small import ROOT, check_priming, randomised

TEXT = """
arspec: 1
data: {kind: image, height: 6, width: 12, channels: 1, levels: 3}
order: {scan: raster}
graph:
  start: {layer: scale, from: x}
  first: {layer: conv, kernel: 3, out: 4, mask: earlier}
  stack: {layer: conv, from: start, kernel: 3, out: 4, mask: rows_so_far}
  above: {layer: shift, rows: 2}
BETWEEN
  logits: {layer: conv, from: mixed, kernel: 1, out: $head, mask: so_far, weight_norm: true}
head: {kind: categorical, from: logits}
"""
MIXED = "mixed: {layer: conv, from: act, kernel: 1, out: 4}"
# what stands between, and which nodes the sampler computes in the place of the spec's
CASES = {
    # of two that are side by side each has its own share of the layer
    "both: {layer: concat, from: [first, above]}; act: {layer: concat_elu}; " + MIXED:
        ["act of above", "mixed of act of above", "act of first", "mixed of act of first", "mixed"],
    # several early ones stay together, and layers in between are made of each
    "both: {layer: concat, from: [above, first, stack_down]}; elu: {layer: elu}; act: {layer: dropout}; " + MIXED:
        ["both of above, stack_down", "elu of both of above, stack_down", "act of elu of both of above, stack_down",
         "mixed of act of elu of both of above, stack_down", "elu of first", "act of elu of first",
         "mixed of act of elu of first", "mixed"],
    # what is there already is not made again, and what adds the layer up adds up its shares
    "act2: {layer: elu, from: above}; other: {layer: conv, from: act2, kernel: 3, out: 4};"
    "both: {layer: concat, from: [first, above]}; act: {layer: elu}; one: {layer: conv, kernel: 1, out: 4};"
    "mixed: {layer: add, from: [one, other]}":
        ["one of act2", "act of first", "one of act of first", "mixed"],
    # what another layer wants as it is stays whole
    "both: {layer: concat, from: [first, above]}; act: {layer: elu}; "
    "other: {layer: conv, from: act, kernel: 1, out: 4}; one: {layer: conv, from: act, kernel: 1, out: 4}; "
    "mixed: {layer: add, from: [one, other]}": [],
    # what no variable influences stays with what is late
    "place: {layer: background, from: start}; both: {layer: concat, from: [first, place, above]}; act: {layer: elu};"
    + MIXED:
        ["act of above", "mixed of act of above", "both of first, place", "act of both of first, place",
         "mixed of act of both of first, place", "mixed"],
    # or whole, where nothing is early
    "place: {layer: background, from: start}; both: {layer: concat, from: [first, place]}; act: {layer: elu};"
    + MIXED: [],
    # nothing is early
    "both: {layer: concat, from: [first, start]}; act: {layer: elu}; "
    "mixed: {layer: conv, from: act, kernel: 1, out: 4, mask: earlier}": [],
    # a function of all the channels of a site
    "both: {layer: concat, from: [first, above]}; act: {layer: norm, over: channels}; " + MIXED: [],
}  # fmt: skip


def model_of(between: str) -> Model:
    down = "stack_down: {layer: shift, from: stack, rows: 3}"
    lines = [line.strip() for line in f"{down}; {between}".split(";")]
    return randomised(from_text(TEXT.replace("BETWEEN", "\n".join(f"  {line}" for line in lines))), worth=1)


def lowered_of(model: Model) -> Lowered:
    relations = Relations(model.graph, model.graph.members[0])
    return lowered(relations, known_at(relations), 1)


@pytest.mark.parametrize("between", CASES)
def test_layers_over_several_nodes_are_shared_out(between: str) -> None:
    model = model_of(between)
    lower = lowered_of(model)
    names = [node.name for node in lower.graph.live if node not in model.graph.nodes]
    assert names[: len(CASES[between])] == CASES[between]
    if not CASES[between]:
        assert lower.graph is model.graph
    x = torch.randint(0, 3, (2, 1, 6, 12), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)
    check_priming(model, x)


def test_what_is_early_is_multiplied_row_by_row() -> None:
    model = model_of(next(iter(CASES)))
    plan = schedule(model.graph, model.graph.members[0], sums=True, worth=1)
    (part,) = (p for p in plan.parts if p.node.name == "mixed")
    assert part.ahead is not None
    assert [len(t.columns) for t in part.ahead.terms] == [1, 0]
    assert [len(t.columns) for t in part.terms] == [0, 1]
    early, late = (int((np.diff(p.bounds) > 0).sum()) for p in (part.ahead, part))
    assert early * 4 <= late


def test_what_is_computed_twice_is_computed_once() -> None:
    """Of twins that are wanted at different sites each is told its own."""
    model = model_of(
        "act: {layer: elu, from: first}; same: {layer: elu, from: first}; left: {layer: shift, from: same, columns: 3};"
        "mixed: {layer: add, from: [act, left]}"
    )
    lower = lowered_of(model)
    names = [node.name for node in lower.graph.live]
    assert "act" in names and "same" not in names
    computed: Counter[tuple[str, int]] = Counter()
    sampler_of(model).run(1, {}, trace=lambda node, sites: computed.update((node.name, int(s)) for s in sites))
    assert {*computed.values()} == {1}
    count = Counter(name for name, _ in computed)
    assert count["act"] == 6 * 12 > count["same"] == 6 * 9


def test_layers_that_differ_are_no_twins() -> None:
    for one, other in (("elu", "relu"), ("shift, rows: 1", "shift, rows: 2"), ("conv, kernel: 1, out: 4",) * 2):
        model = model_of(
            f"act: {{layer: {one}, from: first}}; same: {{layer: {other}, from: first}};"
            "mixed: {layer: add, from: [act, same]}"
        )
        assert lowered_of(model).graph is model.graph


def test_pixelcnn_pp_makes_its_activations_once() -> None:
    graph = load(ROOT / "specs/pixelcnn_pp.yaml", {"height": 16, "width": 16, "filters": 160, "resnets": 2}).graph()
    plan = schedule(graph, graph.members[0], sums=True)
    names = {part.node.name for part in plan.parts}
    assert not {f"down0.{k}.dul.both" for k in range(3)} & names
    (part,) = (p for p in plan.parts if p.node.name == "down0.1.dul.sum")
    assert part.ahead is not None
    assert [t.node.inputs[0].name for t in part.windows] == ["down0.1.dul.act1", "up0.body.1.dul.act1"]


def random_mixture(seed: int) -> str:
    """Layers over early and late nodes side by side, with twins among what they are made of."""
    random = np.random.default_rng(seed)
    early, late, lines = ["above", "stack_down"], ["first"], ["place: {layer: background, from: start}"]

    def add(text: str) -> str:
        lines.append(f"n{len(lines)}: {{{text}}}")
        return lines[-1].partition(":")[0]

    for _ in range(3):
        names = [
            random.choice(early),
            random.choice(late),
            *random.choice([*early, *late, "place"], random.integers(0, 3)),
        ]
        last = add(f"layer: concat, from: [{', '.join(random.permutation(names))}]")
        for kind in random.choice(
            ["elu", "concat_elu", "dropout", "norm"], random.integers(0, 3), p=[0.4, 0.4, 0.15, 0.05]
        ):
            last = add(f"layer: {kind}, from: {last}")
        more = random.choice(["", ", weight_norm: true", ", bias: false", ", mask: so_far"])
        last = add(f"layer: conv, from: {last}, kernel: 1, out: 4{more}")
        if random.random() < 0.5:
            also = add(f"layer: conv, from: {random.choice(late)}, kernel: 3, out: 4, mask: so_far")
            last = add(f"layer: add, from: [{also}, {last}]")
        late.append(last)
        early.append(add(f"layer: {random.choice(['elu', 'tanh'])}, from: {random.choice(early[:2])}"))
    return "; ".join([*lines, f"mixed: {{layer: add, from: [{late[-1]}, {late[-2]}]}}"])


@pytest.mark.parametrize("seed", range(40))
def test_random_mixtures_are_what_the_module_computes(seed: int) -> None:
    model = model_of(random_mixture(seed))
    x = torch.randint(0, 3, (2, 1, 6, 12), generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=1e-9, atol=1e-9)
    computed: Counter[tuple[str, int]] = Counter()

    def count(node: Node, sites: Tensor) -> None:
        computed.update((node.name, int(s)) for s in sites)

    check_priming(model, x, count)
    wanted = depends_on(Relations(model.graph, model.graph.members[0]), model.graph.head_sites())
    assert computed == Counter((n.name, int(s)) for n in model.graph.live for s in np.flatnonzero(wanted[n]))


def test_most_of_them_are_lowered() -> None:
    found = [lowered_of(model_of(random_mixture(seed))) for seed in range(40)]
    assert sum(bool(lower.shares) for lower in found) > 30
    assert sum(any(len(nodes) > 1 for nodes in lower.computes.values()) for lower in found) > 30
    assert sum(bool(lower.unwritten) for lower in found) > 30
