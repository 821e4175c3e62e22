"""Single faults of the sampler, and the checks that find them: what steps give is what the module gives, what a stream
draws is what a sample of its length is, and what follows a prompt is what would have followed without one.

Each fault is put into one function of the step form, and into no function of the module's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arspec.language.load import from_text
from arspec.layers import KINDS, Node, conv
from arspec.layers.experts import Experts
from arspec.model import Model, build
from arspec.sampler.drive import priming
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan import caches
from arspec.types import Ints
from arspec.verification.subject import random_conditions
from tests.layer_cases import case
from tests.small import random_data, randomised

Right = Callable[..., Any]  # the function that is replaced


@dataclass(frozen=True)
class Fault:
    """where, name: the function that is replaced by `wrong`, which is given it and its arguments. shows: the cases in
    which it must be found: all of them."""

    where: Any
    name: str
    wrong: Callable[..., Any]
    shows: tuple[str, ...]

    def put_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right: Right = getattr(self.where, self.name)

        def replaced(*given: Any, **named: Any) -> Any:
            return self.wrong(right, *given, **named)

        monkeypatch.setattr(self.where, self.name, replaced)


# -- faults of layers --------------------------------------------------------------------------------------------------


def weights(change: Callable[[Node, dict[str, Any]], dict[str, Any]]) -> Callable[..., Any]:
    """A fault in what a layer prepares for its sites."""

    def wrong(right: Right, layer: Any, node: Node, *given: Any) -> dict[str, Any]:
        found = right(layer, node, *given)
        return {**found, **change(node, found)}

    return wrong


def rolled(*names: str, by: int = 1, dim: int = 0) -> Callable[..., Any]:
    return weights(lambda _, found: {name: found[name].roll(by, dim) for name in names if name in found})


def queries_by_another_step(node: Node, found: dict[str, Any]) -> dict[str, Any]:
    """Turned alike, queries and keys would give what they should: products know but the distance."""
    return {"turn": found["turn"].roll(-1, 0)} if node.short.startswith(("q", "tested")) else {}


def another_head_of_keys(right: Right, layer: Any, node: Node, port: int, x: Tensor) -> Tensor:
    found = right(layer, node, port, x)
    return found.roll(1, 1) if port == 1 else found


def heads_shared_in_turn(right: Right, layer: Any, node: Node, w: Any, xs: list[Tensor], sites: Any) -> Tensor:
    """Query head h asks the keys of head h mod kv_heads, in place of those of its group."""
    q, rows = xs[0], layer.heads // layer.shared
    turned = q.unflatten(2, (rows, layer.shared, -1)).transpose(2, 3).flatten(2)
    return right(layer, node, w, [turned, *xs[1:]], sites)


def seen_to_the_next(node: Node, found: dict[str, Any]) -> dict[str, Any]:
    return {"last": found["last"] + 1} if "last" in found else {}


def window_wider(node: Node, found: dict[str, Any]) -> dict[str, Any]:
    return {"start": (found["start"] - 1).clamp(min=0)} if "start" in found else {}


def one_place_less(right: Right, layer: Any, node: Node, w: Any, xs: list[Tensor], sites: Tensor) -> Tensor:
    gathered = xs[1].ndim == 3 and not node.traits.tell_gathered
    return right(layer, node, w, xs, (sites - 1).clamp(min=0) if gathered else sites)


def state_of_two_before(right: Right, layer: Any, node: Node, member: Any) -> dict[str, Any]:
    found = right(layer, node, member)
    table = found["table"]
    return {**found, "table": np.append(table, table.max(initial=node.out.sites))[np.minimum(table, len(table))]}


def state_kept(right: Right, layer: Any, node: Node, w: Any, xs: list[Tensor], before: Tensor, after: Tensor) -> Tensor:
    kept = before.clone()
    y = right(layer, node, w, xs, before, after)
    after.copy_(kept)
    return y


def states_before(right: Right, layer: Any, node: Node, w: Any, c: Any, xs: list[Tensor], sites: Tensor,
                  *asked: Tensor) -> Any:  # fmt: skip
    return right(layer, node, w, c, xs, (sites - 1).clamp(min=0), *asked)


def of_another_expert(node: Any, found: dict[str, Any]) -> dict[str, Any]:
    def next_one(key: str) -> str:
        e, _, rest = key.partition(".")
        return f"{(int(e) + 1) % node.layer.count}.{rest}"

    return {key: found[next_one(key)] for key in found}


def gates_changed(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """A fault in what a layer of experts takes for their weights [B, n, E]."""
    return lambda right, layer, node, w, xs, sites: right(layer, node, w, [*xs[:-1], change(xs[-1])], sites)


ROTARY, ATTENTION = KINDS["rotary"], KINDS["attention"]
LONG, ALONG = KINDS["long_conv"], KINDS["cumulative"].__mro__[1]
SCANS = ("linear_recurrence", "linear_recurrence complex", "selective_scan", "selective_scan on a curve", "cumulative",
         "cumulative mean", "linear attention that decays", "delta rule")  # fmt: skip
ROUTED = ("experts", "experts one of which is taken", "experts in full", "experts of two inputs")
STEPS = {
    "rotary by the next step": Fault(ROTARY, "prepare_sites", weights(queries_by_another_step), (
        "rotary", "rotary of rows and columns", "rotary in attention", "rotary yarn")),
    "a place of the step after": Fault(KINDS["sinusoid"], "prepare_sites", rolled("values", by=-1), ("sinusoid",)),
    "a learned place of the step after": Fault(KINDS["position"], "prepare_sites", rolled("bias", "values", by=-1),
                                               ("position",)),
    "keys of another head": Fault(ATTENTION, "view_context", another_head_of_keys, (
        "attention inclusive", "attention with shared keys", "rotary in attention")),
    "groups of heads mixed up": Fault(ATTENTION, "forward_sites", heads_shared_in_turn, (
        "attention with shared keys", "attention in a window of fewer keys", "rotary in attention")),
    "what comes next is seen": Fault(ATTENTION, "prepare_sites", weights(seen_to_the_next), (
        "attention", "attention inclusive", "attention with sinks before it")),
    "a window wider by one": Fault(ATTENTION, "prepare_sites", weights(window_wider), (
        "attention with buckets in a window",)),
    "a window narrower by one": Fault(ATTENTION, "forward_sites", one_place_less, (
        "attention in a window", "attention in blocks", "attention in a window to sinks")),
    "distances by one": Fault(ATTENTION, "prepare_sites", rolled("bias", dim=1), (
        "attention with slopes", "attention with buckets")),
    "a lag of one more": Fault(LONG, "prepare_sites", rolled("kernel"), (
        "long_conv", "long_conv strict", "long_conv of a network", "long_conv of colours", "long_conv along rows")),
    "places on lines by one": Fault(LONG, "prepare_sites", rolled("place"), ("long_conv", "long_conv along columns")),
    "taps the other way": Fault(conv, "prepare_depthwise_sites", lambda right, *given: {
        **(found := right(*given)), "weight": found["weight"].flip(0)}, ("conv depthwise", "conv depthwise masked")),
    "the state of two before": Fault(ALONG, "constants", state_of_two_before, SCANS),
    "a state kept a step too long": Fault(KINDS["selective_scan"], "advance", state_kept, (
        "selective_scan", "selective_scan on a curve")),
    "a state of matrices kept a step too long": Fault(KINDS["linear_attention"], "advance", state_kept, (
        "linear attention that decays", "delta rule", "linear attention whose decay comes a step later")),
    "a condition of another place": Fault(KINDS["gate"], "hoist", lambda right, *given: right(*given).roll(1, 1),
                                          ("conv of a condition",)),
    "weights of another expert": Fault(Experts, "prepare_sites", weights(of_another_expert), ROUTED),
    "a share of another expert": Fault(
        Experts, "forward_sites", gates_changed(lambda gates: gates.roll(1, -1)), ROUTED),
    "every expert that is taken counts alike": Fault(
        Experts, "forward_sites", gates_changed(lambda gates: (gates != 0).to(gates.dtype)), ROUTED),
    "the last expert is left out": Fault(
        Experts, "forward_sites", gates_changed(lambda gates: gates * (gates.cumsum(-1) < gates.sum(-1, True) - 1e-9)),
        ROUTED),
    "room for one site more": Fault(KINDS["capacity"], "prepare_sites", weights(
        lambda _, found: {"room": found["room"] + 1}), ("capacity", "capacity backwards", "experts with a capacity")),
    "places of a window by one": Fault(KINDS["conv"], "prepare_sites", rolled("weight", dim=1), (
        "conv", "conv by position", "conv causal")),
}  # fmt: skip


def apart(model: Model) -> float:
    """How far what steps give is from what the module gives."""
    x, given = random_data(model, 3), random_conditions(model, 0, 3)
    found = 0.0
    for member in range(model.members):
        stepped, whole = sampler_of(model, member).replay(x, given), model(x, member, **given)
        found = max(found, (stepped - whole).abs().nan_to_num(nan=torch.inf).max().item())
    return found


@pytest.mark.parametrize("name, shows", [(name, one) for name, fault in STEPS.items() for one in fault.shows])
def test_a_fault_of_a_layer_is_found(name: str, shows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a few sites at a time, which are not all sites at once: `test_layers` holds every kind to it."""
    assert apart(randomised(case(shows))) < 1e-9
    STEPS[name].put_in(monkeypatch)
    assert apart(randomised(case(shows))) > 1e-6


# -- faults of streams and prompts -------------------------------------------------------------------------------------

NODES = {
    "window": """
  q_turned: {layer: rotary, from: h, base: 30}
  k: {layer: rotary, from: h, base: 30}
  seen: {layer: attention, from: q_turned, keys: k, values: h, scale: 4, mask: so_far and that.step > this.step - 7}
  again: {layer: attention, from: seen, keys: seen, values: h, mask: so_far and that.step > this.step - 5}""",
    "queue": "\n  wide: {layer: conv, kernel: 3, dilation: 4, padding: causal, out: 6}\n"
    "  again: {layer: conv, kernel: 2, dilation: 2, padding: causal, out: 6}",
    "scan": "\n  seen: {layer: linear_attention, from: h, keys: h, values: h, decay: {fixed: 0.9}, scale: 0.2}",
    "selective": """
  b: {layer: conv, from: h, out: 2}
  seen: {layer: selective_scan, from: h, step: h, input: b, output: b, states: 2}""",
    "history": "\n  long: {layer: long_conv}\n  again: {layer: long_conv}",
}
STEPS_OF_A_STREAM = 60


def model_of(name: str, length: int = STEPS_OF_A_STREAM) -> Model:
    model = build(from_text(f"""arspec: 1
data: {{kind: sequence, length: {length}, levels: 5}}
graph:
  e: {{layer: embedding, from: x, out: 6}}
  s: {{layer: shift, steps: 1}}
  h: {{layer: conv, kernel: 2, padding: causal, out: 6}}{NODES[name]}
  logits: {{layer: conv, out: $head}}
head: {{kind: categorical, from: logits}}
"""), seed=1).double().eval()  # fmt: skip
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.5)
    return model


def later_queries(right: Right, layer: Any, node: Node, w: Any, xs: list[Tensor], sites: Tensor) -> Tensor:
    return right(layer, node, w, xs, sites + 1 if node.short == "q_turned" and "turn" not in w else sites)


def one_place_too_few(right: Right, *given: Any) -> int:
    return max(1, right(*given) - 1)


def held_from_one_before(right: Right, written: int, begin: int, ring: int) -> tuple[Ints, Ints]:
    index, rows = right(written, begin, ring)
    return np.maximum(index - 1, 0), rows


def drawn_from_one_before(right: Right, *given: Any) -> Any:
    found = right(*given)
    return None if found is None else replace(found, sites=np.maximum(found.sites - 1, 0))


STREAMS = {
    "rotary by the next step of a stream": Fault(ROTARY, "forward_sites", later_queries, ("window",)),
    "a ring too short by one": Fault(caches, "_span", one_place_too_few, ("window", "queue")),
}
PROMPTS = {
    "a ring filled from one before": Fault(priming, "_held", held_from_one_before, ("window", "queue")),
    "a first draw from the site before": Fault(priming, "_drawn_by", drawn_from_one_before, tuple(NODES)),
    "states of one before": Fault(KINDS["linear_attention"], "kept_states", states_before, ("scan",)),
    "selective states of one before": Fault(KINDS["selective_scan"], "forward_and_states", states_before,
                                            ("selective",)),
}  # fmt: skip


def streamed(name: str) -> Tensor:
    """What a stream of a shorter model draws, beyond its own length."""
    model = model_of(name, 20)
    return torch.cat([*model.stream(16, steps=STEPS_OF_A_STREAM, seed=3, compiled=False)], 1)


def prompted(name: str, whole: Tensor) -> Tensor:
    """What follows the first half of what was drawn."""
    prefix = whole[:, : STEPS_OF_A_STREAM // 2]
    model = model_of(name)
    return torch.cat([*model.stream(16, steps=STEPS_OF_A_STREAM, seed=3, prefix=prefix, compiled=False)], 1)


def differs(run: Callable[[], Tensor], wanted: Tensor) -> bool:
    """Whether a run draws something else, or fails where it would read what is not there."""
    try:
        return not torch.equal(run(), wanted)
    except (IndexError, AssertionError):
        return True


def check_found(fault: Fault, run: Callable[[], Tensor], wanted: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not differs(run, wanted)
    fault.put_in(monkeypatch)
    assert differs(run, wanted)


@pytest.mark.parametrize("name, shows", [(name, one) for name, fault in STREAMS.items() for one in fault.shows])
def test_a_fault_of_a_stream_is_found(name: str, shows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the sample of a model of that length: `test_stream` and `test_endless` compare them."""
    whole = model_of(shows).sample(16, seed=3, method="once")
    check_found(STREAMS[name], partial(streamed, shows), whole, monkeypatch)


@pytest.mark.parametrize("name, shows", [(name, one) for name, fault in PROMPTS.items() for one in fault.shows])
def test_a_fault_of_a_prompt_is_found(name: str, shows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what would have followed without one: `test_prompts` compares the two."""
    whole = model_of(shows).sample(16, seed=3, method="once")
    check_found(PROMPTS[name], partial(prompted, shows, whole), whole, monkeypatch)


@pytest.mark.parametrize("name", NODES)
def test_without_a_fault_a_prompt_changes_nothing(name: str) -> None:
    whole = model_of(name).sample(16, seed=3, method="once")
    assert torch.equal(prompted(name, whole), whole)
