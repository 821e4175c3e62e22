"""Masks that are windows: the relation found from their bounds is the one found by comparing all pairs, takes few
numbers, and attention by blocks gives what attention behind the whole mask gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from arspec.analysis.known_at import Relations, known_at
from arspec.analysis.report import prove
from arspec.language.load import Spec, from_text, load
from arspec.layers.attention import Attention
from arspec.layers.base import Node
from arspec.layers.dense import between
from arspec.layers.near import reading
from arspec.masks import Mask, resolve
from arspec.model import Model, build
from arspec.reads import Matrix, Ranked
from arspec.runs import Runs
from arspec.sampler.drive.sampler import sampler_of
from arspec.types import Cells, Free, Member, Type
from tests.small import ROOT, randomised
from tests.test_layers import check_relation

STEPS = {
    "so_far and this.step - that.step < 4": True,  # whether it is nothing but bounds in the natural order
    "so_far and that.step > this.step - 4": True,
    "so_far and that.step >= this.step - 3 and not that.step > this.step": True,
    "so_far and this.step // 4 == that.step // 4": True,
    "earlier and 2 * this.step - 2 * that.step <= 5": True,
    "so_far and (this.step - that.step < 3 or that.step < 2)": True,
    "so_far or that.step < 3": True,
    "so_far and that.step < 3": True,
    "this.step - that.step <= 2 and that.step - this.step <= 1": True,
    "so_far and -1 * this.step + that.step > -3": True,
    "so_far and that.step // 3 >= this.step // 3 - 1": True,
    "so_far and 3 < this.step and that.step < 7": True,
    "so_far and this.step - that.step < 6 and (this.step - that.step) % 2 == 0": False,
    "so_far and (this.step - that.step < 3 or (this.step - that.step) % 3 == 0)": False,
    "so_far and this.step - that.step < 5 and that.step != 4": False,
    "not (earlier or here) and that.step <= this.step + 2": False,
    "before and this.position - that.position < 4": True,
    "so_far and that.rank > this.rank - 4": True,
    "here or (so_far and that.step == this.step - 2)": True,
    "that.step + this.step < 9 and that.step > 2": True,
    "B and so_far and this.step - that.step < 3": False,
}
PLACES = {
    "so_far and this.row - that.row <= 1": True,
    "so_far and that.row == this.row": True,
    "so_far and that.column == this.column": True,
    "so_far and this.row - that.row <= 1 and this.column - that.column <= 2 and that.column - this.column <= 1": True,
    "so_far and this.row // 2 == that.row // 2 and this.column // 2 == that.column // 2": True,
    "so_far and this.position - that.position < 5": True,
    "earlier and that.position > this.position - 5": True,
    "so_far and that.rank >= this.rank - 6": True,
    "so_far and (that.row == this.row or that.column == this.column)": True,
    "rows_above and this.row - that.row < 2": True,
    "left_so_far and this.column - that.column < 3": True,
    "so_far and that.row >= this.row - 1 and that.group <= this.group": False,
    "before and (this.row + this.column - that.row - that.column) % 2 == 0 and that.row == this.row": False,
}  # fmt: skip
KINDS = {
    "steps": ("{kind: sequence, length: 13, levels: 3}", "natural", STEPS),
    "reversed": ("{kind: sequence, length: 13, levels: 3}", "reversed", STEPS),
    "shuffled": ("{kind: sequence, length: 13, levels: 3}", "{scan: random, seed: 3}", STEPS),
    "tied": ("{kind: sequence, length: 6, levels: 3}", "{scan: explicit, ranks: [0, 0, 1, 1, 1, 2]}", STEPS),
    "image": ("{kind: image, height: 5, width: 4, levels: 3}", "raster", PLACES),
    "serpentine": ("{kind: image, height: 5, width: 4, levels: 3}", "serpentine", PLACES),
    "colour": ("{kind: image, height: 3, width: 4, channels: 3, levels: 3}", "raster", PLACES),
    "joint": ("{kind: image, height: 5, width: 4, channels: 3, levels: 3}", "{channels: joint}", PLACES),
}


def member_of(kind: str) -> tuple[Type, Member]:
    data, order, _ = KINDS[kind]
    spec = from_text(f"""arspec: 1
data: {data}
order: {order}
graph:
  s: {{layer: scale}}
  logits: {{layer: conv, kernel: 1, out: $head, mask: earlier}}
head: {{kind: categorical, from: logits}}
""")
    return spec.graph().data.out, spec.members[0]


def sides(kind: Type, member: Member) -> list[Type]:
    """Grids that attention may read, or read from: the data's, one group, coarser, padded, and a condition's."""
    free = Type(kind.grid, 1, 2, Free())
    frame = kind.frame
    assert isinstance(frame, Cells)
    one = Type(kind.grid, 1, 2, frame)
    halved = Type(
        tuple(-(-n // 2) for n in kind.grid), kind.groups, 2, Cells((0,) * len(kind.grid), (2,) * len(kind.grid))
    )
    padded = Type(tuple(n + 2 for n in kind.grid), 1, 2, Cells((-1,) * len(kind.grid), (1,) * len(kind.grid)))
    return [kind, one, halved, padded, free]


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_leave_what_all_pairs_leave(kind: str) -> None:
    data, member = member_of(kind)
    found = 0
    for text, (this, that) in itertools.product(KINDS[kind][2], itertools.product(sides(data, member), repeat=2)):
        mask = Mask(resolve(text, {}, {}), None, text)
        relation, wanted = reading(this, that, mask, member), between(this, that, mask, member)
        assert isinstance(relation, Ranked | Matrix | Runs) and isinstance(wanted, Ranked | Matrix)
        np.testing.assert_array_equal(relation.matrix(), wanted.matrix(), f"{text}, {this} of {that}")
        if isinstance(relation, Runs):
            found += 1
            check_relation(relation, this.sites, that.sites)
            for first in (1, 3, that.sites):
                for site in range(this.sites):
                    one = np.array([site])
                    assert relation.reads_all(one, first) == wanted.reads_all(one, first)
    assert found >= 25


def test_a_prefix_before_the_data_takes_few_numbers() -> None:
    """Places of a condition that stand before those of the data have no rank, and are seen by all."""
    spec = from_text("""arspec: 1
data: {kind: sequence, length: 30000, levels: 4}
condition: {frames: {kind: series, channels: 8, length: 77}}
graph:
  e: {layer: embedding, from: x, out: 8}
  s: {layer: shift, steps: 1}
  long: {layer: pad, before: 77, fill: frames}
  a: {layer: attention, from: long, keys: long, values: long, mask: so_far or that.step < 0}
  c: {layer: crop, before: 77}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
""")
    node = next(node for node in spec.graph().nodes if node.name == "a")
    relation = node.layer.reads(node, spec.members[0])[1]
    assert isinstance(relation, Runs) and relation.start.shape[1] <= 2
    assert prove(spec, contexts=False).ok


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in ("steps", "image") for text in KINDS[kind][2]])
def test_what_is_nothing_but_bounds_is_runs(kind: str, text: str) -> None:
    data, member = member_of(kind)
    mask = Mask(resolve(text, {}, {}), None, text)
    if KINDS[kind][2][text]:
        assert isinstance(reading(data, data, mask, member), Runs)


# -- what it costs -----------------------------------------------------------------------------------------------------

LONG = """arspec: 1
data: {kind: sequence, length: LENGTH, levels: 4}
graph:
  e: {layer: embedding, from: x, out: 8}
  s: {layer: shift, steps: 1}
  k: {layer: conv, from: s, out: 4}
  a: {layer: attention, from: s, keys: s, values: s, heads: 2, mask: MASK}
  b: {layer: attention, from: a, keys: a, values: a, heads: 2, mask: MASK}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
WINDOWS = {  # a mask, and how many numbers a site's relation takes at the most
    "so_far and this.step - that.step < 128": 2,
    "so_far and this.step // 64 == that.step // 64": 2,
    "so_far and this.step // 64 - that.step // 64 <= 1": 2,
    "so_far and (that.step < 16 or this.step - that.step < 64)": 4,
    "so_far or that.step < 256": 4,
    "so_far and this.step - that.step < 64 and (this.step - that.step) % 4 == 0": 32,
}


def long(mask: str, length: int) -> Spec:
    return from_text(LONG.replace("LENGTH", str(length)).replace("MASK", mask))


@pytest.mark.parametrize("mask", WINDOWS)
@pytest.mark.parametrize("length", [4096, 32768])
def test_a_window_takes_few_numbers_however_long_the_data(mask: str, length: int) -> None:
    """The proof's relation, and what is counted for it before it is made, grow with the steps alone. (All pairs of
    32,768 steps are 1,073,741,824.)"""
    spec = long(mask, length)
    graph, member = spec.graph(), spec.members[0]
    node = next(node for node in graph.nodes if node.name == "a")
    relation = node.layer.reads(node, member)[1]
    assert isinstance(relation, Runs)
    assert relation.start.size + relation.stop.size <= WINDOWS[mask] * length
    assert spec.work.counts["reads"] <= 3000 * length
    known = known_at(Relations(graph, member))[graph.head_node]
    last = 255 if "or that.step < 256" in mask else 0  # the last of the prefix, one step late
    np.testing.assert_array_equal(known, np.maximum(np.arange(length), last) - 1)
    assert len(prove(spec, contexts=False).members[0].leaking) == last


@pytest.mark.parametrize("mask", [mask for mask in WINDOWS if "or that.step < 256" not in mask])
def test_the_work_grows_with_the_steps(mask: str) -> None:
    """Numbers multiplied in the module's own forward pass, and entries of the tables of a sampler's steps."""
    flops = list[int]()
    for length in (512, 1024):
        model = build(long(mask, length)).eval()
        x = torch.zeros(1, length, dtype=torch.long)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(x)
        flops.append(counter.get_total_flops())
    assert flops[1] <= 2.1 * flops[0]


@pytest.mark.parametrize("mask", [*WINDOWS, "so_far and this.step - that.step < 7", "earlier and that.step % 3 == 0"])
@pytest.mark.parametrize("more", ["", "kv_heads: 1, ", "sinks: true, soft_cap: 3.0, ", "relative: {kind: alibi}, "])
def test_blocks_give_what_the_whole_mask_gives(mask: str, more: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and gradients to 1e-12 in float64."""
    keys = "keys: k, values: k" if "kv_heads" in more else "keys: s, values: s"
    text = LONG.replace("LENGTH", "300").replace("MASK", mask)
    text = text.replace("from: s, keys: s, values: s", f"from: s, {more}{keys}")
    found = list[list[torch.Tensor]]()
    for blocks in (True, False):
        if not blocks:
            monkeypatch.setattr("arspec.layers.block_attention.blocks_of", lambda relation: None)
        model = build(from_text(text), seed=3).double()
        node = next(node for node in model.graph.nodes if node.name == "a")
        taken = "queries" in node.layer.constants(node, model.graph.members[0])
        assert taken == (blocks and not any(part in mask for part in ("that.step % 3", "or that.step < 256", "128")))
        torch.manual_seed(0)
        x = torch.randint(0, 4, (2, 300))
        y = model(x)
        (y * torch.randn_like(y)).sum().backward()
        found.append([y.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    assert len(found[0]) == len(found[1]) >= 4
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12 * max(1.0, float(b.abs().max())))


def test_a_step_of_the_sampler_keeps_a_ring() -> None:
    """Keys and values of a window are kept as long as they are read, and no longer."""
    model = build(long("so_far and this.step - that.step < 16", 200), seed=1).double().eval()
    caches = {node.name: kept.size for node, kept in sampler_of(model, 0).program.caches.items()}
    assert caches["s"] <= 18 and caches["a"] <= 18
    x = torch.randint(0, 4, (2, 200), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sampler_of(model, 0).replay(x, {}), model(x), rtol=0, atol=1e-9)


def test_a_window_on_an_image_is_counted_in_blocks() -> None:
    """Rows, columns and windows of two dimensions take a part of all pairs."""
    for mask, share in {
        "so_far and this.row == that.row": 16,
        "so_far and this.column == that.column": 16,
        "so_far and this.row - that.row < 3 and -2 < this.column - that.column < 2": 8,
    }.items():
        spec = from_text(f"""arspec: 1
data: {{kind: image, height: 32, width: 32, levels: 4}}
graph:
  s: {{layer: embedding, from: x, out: 4}}
  p: {{layer: previous}}
  a: {{layer: attention, from: p, keys: p, values: p, mask: {mask}}}
  logits: {{layer: conv, kernel: 1, out: $head}}
head: {{kind: categorical, from: logits}}
""")
        node = next(node for node in spec.graph().nodes if isinstance(node.layer, Attention))
        found = node.layer.constants(node, spec.members[0])
        assert found["queries"].size * found["keys"].shape[1] * share <= 1024 * 1024, mask


def test_a_given_prefix_is_read_both_ways() -> None:
    """The given steps see each other; what is modelled is what the module says, in the module's own numbers."""
    model = randomised(load(ROOT / "tests" / "fixtures" / "reads_small.yaml"))
    x = torch.randint(0, 4, (5, 12), generator=torch.Generator().manual_seed(0))
    wanted = model(x)
    got = sampler_of(model, 0).replay(x, {})
    torch.testing.assert_close(got[:, 3:], wanted[:, 3:], rtol=0, atol=1e-9)
    last = x.clone()
    last[:, 2] = (last[:, 2] + 1) % 4
    node = next(node for node in model.graph.nodes if node.name == "first")
    a, b = (values_at(model, data, node) for data in (x, last))
    assert bool((a[:, :, :3] != b[:, :, :3]).all()), "a given step is told of all given ones"
    drawn = model.sample(5, seed=1, prefix=x[:, :3])
    assert torch.equal(drawn[:, :3], x[:, :3])


def values_at(model: Model, x: torch.Tensor, node: Node) -> torch.Tensor:
    found: dict[Node, torch.Tensor] = {}
    with torch.no_grad():
        model.last(x, 0, {}, found.setdefault)
    return found[node]
