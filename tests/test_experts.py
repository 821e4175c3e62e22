"""Experts: only those that are taken are computed, room is shared out by position alone, and the loss that balances
them enters training beside the likelihood."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import arspec
from arspec.analysis.known_at import Relations
from arspec.data import Examples
from arspec.language.load import from_text, load
from arspec.layers.base import Node
from arspec.layers.capacity import Capacity
from arspec.layers.experts import Inside, misfit
from arspec.layers.pointwise import Pointwise
from arspec.layers.top_k import TopK
from arspec.model import Model, build
from arspec.sampler.drive.sampler import sampler_of
from arspec.training.loop import train
from arspec.training.options import Options
from arspec.training.parallel import NegativeLogProb
from arspec.verification.dependencies import mixes_examples
from arspec.verification.subject import subject_of
from tests.small import ROOT, random_data, randomised

BLOCKS = """
blocks:
  expert:
    inputs: [h]
    nodes:
      up: {layer: conv, from: h, out: 8}
      silu: {layer: silu}
      down: {layer: conv, out: 6}
    outputs: down
"""
IMAGE = f"""
arspec: 1
data: {{kind: image, height: 4, width: 5, levels: 3}}
order: hilbert
{BLOCKS}
graph:
  scaled: {{layer: scale}}
  first: {{layer: conv, kernel: 3, out: 6, mask: earlier}}
  router: {{layer: conv, from: first, out: 4}}
  moe: {{experts: expert, from: first, router: router, count: 4, take: 2, capacity: 0.6}}
  both: {{layer: concat, from: [moe, first]}}
  logits: {{layer: conv, out: $head}}
head: {{kind: categorical, from: logits}}
"""
STEPS = f"""
arspec: 1
data: {{kind: sequence, length: 12, levels: 4}}
{BLOCKS}
graph:
  tokens: {{layer: embedding, from: x, out: 6}}
  before: {{layer: shift, steps: 1}}
  wide: {{layer: conv, kernel: 3, padding: causal, out: 6}}
  router: {{layer: conv, out: 4}}
  moe: {{experts: expert, from: wide, router: router, count: 4, take: 1, balance: 0.5}}
  sum: {{layer: add, from: [moe, wide]}}
  logits: {{layer: conv, out: $head}}
head: {{kind: categorical, from: logits}}
"""


def node(model: Model, name: str) -> Node:
    return next(node for node in model.graph.live if node.name == name)


# -- what is computed ------------------------------------------------------------------------------------------------


def test_an_expert_that_nobody_takes_is_not_computed():
    """Its weights are no numbers, and no output shows it."""
    model = randomised(from_text(STEPS))
    weights = model.nodes.named()
    x = random_data(model, 3)
    with torch.no_grad():
        weights["router.bias"][2] = -1e9
        wanted = model(x).clone()
        for name, weight in weights.items():
            if ".experts." in name:
                weight[2] = torch.nan
    torch.testing.assert_close(model(x), wanted, rtol=0, atol=0)
    torch.testing.assert_close(sampler_of(model).replay(x, {}), wanted, rtol=0, atol=1e-9)
    assert model.sample(2, seed=0).shape == (2, 12)


@pytest.mark.parametrize("take", [1, 3])
def test_every_site_goes_through_as_many_experts_as_it_takes(take: int, monkeypatch: pytest.MonkeyPatch):
    model = randomised(from_text(STEPS.replace("take: 1", f"take: {take}")))
    rows: list[int] = []

    def counted(name: str) -> None:
        function = getattr(Pointwise, name)

        def count(self: Any, one: Node, w: Any, *rest: Any) -> Tensor:
            xs = rest[0] if name == "forward_sites" else rest[1]
            if ".experts." in one.name:
                rows.append(xs[0].numel() // one.out.channels)
            return function(self, one, w, *rest)

        monkeypatch.setattr(Pointwise, name, count)

    counted("forward_sites")
    x = random_data(model, 5)
    sampler_of(model).replay(x, {})
    assert sum(rows) == 5 * 12 * take
    rows.clear()
    counted("forward")
    model(x)
    assert sum(rows) == 5 * 12 * take and len(rows) <= 4


def test_weights_of_zero_take_no_expert():
    text = STEPS.replace("moe:", "weights: {layer: relu}\n  moe:").replace("router: router", "router: weights")
    model = randomised(from_text(text.replace("take: 1, balance: 0.5", "scores: weights")))
    with torch.no_grad():
        model.nodes.named()["router.bias"].fill_(-100)
    x = random_data(model, 2)
    found = dict[Node, Tensor]()
    wanted = model.rows(model.last(x, 0, {}, lambda node, value: found.setdefault(node, value)))
    assert torch.equal(found[node(model, "moe.experts")], torch.zeros(2, 6, 12, dtype=torch.float64))
    torch.testing.assert_close(sampler_of(model).replay(x, {}), wanted, rtol=0, atol=1e-9)


def test_ties_go_to_the_first_everywhere():
    """The first step of a sequence often knows nothing, so that all experts have one score."""
    model = randomised(from_text(STEPS.replace("take: 1", "take: 2")))
    with torch.no_grad():
        model.nodes.named()["router.weight"].zero_()
        model.nodes.named()["router.bias"].zero_()
    x, found = random_data(model, 2), dict[Node, Tensor]()
    wanted = model.rows(model.last(x, 0, {}, lambda node, value: found.setdefault(node, value)))
    assert torch.equal(found[node(model, "moe.taken")][0, :, 0], torch.tensor([0.5, 0.5, 0, 0], dtype=torch.float64))
    torch.testing.assert_close(sampler_of(model).replay(x, {}), wanted, rtol=0, atol=1e-9)


def test_a_compiled_stream_computes_all_and_gives_the_same():
    spec = from_text(STEPS)
    model = randomised(spec)
    plain, compiled = (torch.cat([*model.stream(2, steps=40, seed=1, compiled=how)], 1) for how in (False, True))
    assert torch.equal(plain, compiled)


# -- capacity --------------------------------------------------------------------------------------------------------


def kept_by_hand(taken: Tensor, rank: Any, room: int) -> Tensor:
    """taken [B, E, P]: position after position in the order, each example by itself."""
    kept = torch.zeros_like(taken)
    for b in range(taken.shape[0]):
        had = [0] * taken.shape[1]
        for position in np.argsort(rank):
            for e in range(taken.shape[1]):
                if taken[b, e, position] != 0:
                    had[e] += 1
                    if had[e] <= room:
                        kept[b, e, position] = taken[b, e, position]
    return kept


def test_room_is_shared_out_in_the_order_of_generation_example_by_example():
    model = randomised(from_text(IMAGE))
    x, found = random_data(model, 4), dict[Node, Tensor]()
    wanted = model.rows(model.last(x, 0, {}, lambda node, value: found.setdefault(node, value)))
    taken, kept = (found[node(model, name)].flatten(2) for name in ("moe.taken", "moe.kept"))
    by_hand = kept_by_hand(taken, model.graph.members[0].order.rank, room=6)  # 0.6 · 2 · 20 / 4
    assert torch.equal(kept, by_hand) and not torch.equal(kept, taken)
    torch.testing.assert_close(sampler_of(model).replay(x, {}), wanted, rtol=0, atol=1e-9)


def test_a_site_reads_the_scores_of_all_earlier_ones():
    model = build(from_text(IMAGE))
    relations = Relations(model.graph, model.graph.members[0])
    one = node(model, "moe.kept")
    marks = np.zeros(one.out.sites, bool)
    last = int(np.argmax(model.graph.members[0].order.rank))
    marks[last] = True
    scan = relations.scan(one)
    assert scan is not None and scan.back(marks).all()


def test_room_that_examples_share_is_told():
    """Capacity over the batch, as it is often written, lets one example push out another."""
    model = randomised(load(ROOT / "tests/specs/ok/shared_experts_small.yaml"))
    x = random_data(model, 5)
    assert not mixes_examples(subject_of(model), torch.Generator().manual_seed(0))
    forward = Capacity.forward

    def over_the_batch(self: Any, one: Node, w: Any, c: Any, xs: list[Tensor], training: bool) -> Tensor:
        joined = xs[0].transpose(0, 1).flatten(1)  # [E, B * P]
        kept = joined * ((joined != 0).cumsum(1) <= len(xs[0]) * c["room"])
        return kept.view(xs[0].shape[1], len(xs[0]), -1).transpose(0, 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Capacity, "forward", over_the_batch)
        assert mixes_examples(subject_of(model), torch.Generator().manual_seed(0))
        assert (sampler_of(model).replay(x, {}) - model(x)).abs().max() > 1e-3
    assert Capacity.forward is forward


def test_a_stream_without_end_has_no_room_to_share_out():
    from arspec.diagnostics import InputError

    model = build(from_text(STEPS.replace("take: 1", "take: 1, capacity: 1.0")))
    assert torch.cat([*model.stream(1, steps=12, seed=0)], 1).shape == (1, 12)
    with pytest.raises(InputError) as refused:
        _ = [*model.stream(1, steps=13, seed=0)]
    assert refused.value.code == "AR822" and "moe.kept" in str(refused.value)


# -- the loss that balances ------------------------------------------------------------------------------------------


def test_the_loss_is_least_where_all_are_taken_equally_often():
    layer = TopK.model_validate({"layer": "top_k", "take": 2, "balance": 3.0})
    one: Any = type("", (), {"out": type("", (), {"channels": 4, "groups": 1})})
    even = torch.full((1, 4, 4), 0.25)
    taken = torch.tensor([[[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]]]).float()
    assert layer.auxiliary(one, [even], even * taken).item() == pytest.approx(3.0 * 2)  # as many as are taken
    skew = torch.tensor([0.7, 0.1, 0.1, 0.1])[None, :, None].expand(1, 4, 4)
    first = torch.tensor([1.0, 1, 0, 0])[None, :, None].expand(1, 4, 4)
    assert layer.auxiliary(one, [skew], skew * first).item() == pytest.approx(3.0 * 4 * 0.8)


def test_training_adds_the_loss_and_likelihoods_know_nothing_of_it(tmp_path: Path):
    spec = from_text(STEPS)
    model = build(spec, seed=1)
    x = random_data(model, 16).numpy().astype(np.uint8)
    options = Options(steps=2, batch=16, log_every=1, save_every=0, samples=0, eval_every=0)
    train(model, Examples(x, {}, "all", "", len(x)), None, tmp_path / "run", options, device="cpu", tensorboard=False)
    first = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[0])
    nats, extra = build(spec, seed=1).train().losses(torch.from_numpy(x))
    assert first["auxiliary"] == pytest.approx(extra.item(), rel=1e-5)
    assert first["train_bits_per_dim"] == pytest.approx(nats.mean().item() / 12 / np.log(2), rel=1e-5)
    plain = from_text(STEPS.replace(", balance: 0.5", ""))
    torch.testing.assert_close(nats, -build(plain, seed=1).log_prob(torch.from_numpy(x)))
    nats, extra = build(plain, seed=1).losses(torch.from_numpy(x))
    assert extra.item() == 0


def test_a_compiled_step_has_the_same_losses():
    model = randomised(from_text(STEPS)).train()
    x, through = random_data(model, 3), NegativeLogProb(model)
    compiled: Any = torch.compile(NegativeLogProb(model), backend="eager", fullgraph=True)
    torch.compiler.reset()
    expected = through(x, 0, {}, True)
    for found, wanted in zip(compiled(x, 0, {}, True), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


# -- the audit -------------------------------------------------------------------------------------------------------


class Bare(nn.Module):
    """A compiled network without the look at its input's range."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        data = self.model.graph.data
        return self.model.rows(self.model.run({data: x.unsqueeze(1).to(self.model.dtype)}, 0))


def test_the_audit_proves_a_compiled_network_with_the_route_given():
    """It knows nothing of the spec: grouping sites by the experts that they take is a route, and is said to be one."""
    said = [
        [one.verdict for one in arspec.audit(Bare(randomised(from_text(text))), size={"t": 12}, levels=4,
                                             input_kind="int", modes=("evaluation", "batch")).modes]
        for text in (STEPS, re.sub(r"moe: .*", "moe: {block: expert, from: wide}", STEPS))
    ]  # fmt: skip
    assert said == [["proven, given the route"] * 2, ["proven"] * 2]


def test_experts_of_one_form_are_held_to_their_sites_once(monkeypatch: pytest.MonkeyPatch):
    """Layer for layer they are the same; those of other widths are looked at by themselves."""
    seen: list[Inside] = []

    def looked_at(inside: Inside, members: Any) -> Any:
        seen.append(inside)
        return misfit(inside, members)

    monkeypatch.setattr("arspec.language.experts.misfit", looked_at)
    graph = load("mixtral", {"layers": 3}).graph()
    assert len(seen) == 1 and sum(node.layer.layer == "experts" for node in graph.nodes) == 3
    text = (ROOT / "specs" / "mixtral.yaml").read_text("utf-8")
    expert = "  expert:\n    inputs: [h]\n"
    assert text.count(expert) == 1 and text.count("out: $inner") == 2 and text.count("from: norm2, router") == 1
    text = text.replace(expert, expert + "    params: {wide: 8}\n").replace("out: $inner", "out: $wide")
    text = text.replace("from: norm2, router", "from: norm2, params: {wide: 8 + $n}, router")
    text = text.replace("inputs: {h: residual stream}\n", "inputs: {h: residual stream}\n    params: {n: 0}\n")
    text = text.replace("repeat: $layers}", "repeat: $layers, params: {n: $i}}")
    from_text(text.replace("  inner: 14336", "  #"), "other.yaml", {"layers": 3}).graph()
    assert len(seen) == 4
