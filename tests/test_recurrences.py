"""Recurrences over many steps: the chunked form is the step form around the edges of chunks, and gradients pass it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.analysis.report import prove
from arspec.language.load import from_text
from arspec.layers import diagonal, linear_recurrence, selective_scan
from arspec.layers.diagonal import CHUNK, complex_times, real_times, recurrence
from arspec.model import Model
from arspec.sampler.drive.sampler import sampler_of
from arspec.verification.dependencies import gradient_pattern
from arspec.verification.labels import labelled_contexts
from arspec.verification.subject import subject_of
from tests.small import random_data, randomised

RUN = 23  # operations of one step of an LSTM in the parallel form, at the most
LENGTHS = [1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1]
NODES = {
    "selective_scan": """
  step: {layer: conv, from: past, kernel: 1, out: 4}
  b: {layer: conv, from: past, kernel: 1, out: 3}
  c: {layer: conv, from: past, kernel: 1, out: 3}
  state: {layer: selective_scan, from: past, step: step, input: b, output: c, states: 3}""",
    "decays of a node": """
  a: {layer: sigmoid, from: past}
  state: {layer: linear_recurrence, from: past, decay: a, normalise: true}""",
    "learned decays": "\n  state: {layer: linear_recurrence, from: past}",
    "complex": "\n  state: {layer: linear_recurrence, from: past, complex: true}",
    "a number": "\n  state: {layer: linear_recurrence, from: past, decay: {fixed: -0.9}}",
    "sum": "\n  state: {layer: cumulative, from: past}",
    "mean": "\n  state: {layer: cumulative, from: past, kind: mean, mask: earlier}",
}
LSTM = "\n  state: {layer: lstm, from: past, state: [[-1]]}"


class Counted(TorchDispatchMode):
    """How many operations there were."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def recurrent(name: str, length: int, order: str = "natural") -> Model:
    text = f"""arspec: 1
data: {{kind: sequence, length: {length}, levels: 5}}
order: {order}
graph:
  table: {{layer: embedding, out: 4}}
  past: {{layer: previous}}{NODES.get(name, LSTM)}
  logits: {{layer: conv, kernel: 1, out: $head}}
head: {{kind: categorical, from: logits}}
"""
    return randomised(from_text(text, name))


@pytest.mark.parametrize("order", ["natural", "{scan: random, seed: 3}"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", NODES)
def test_chunks_are_steps(name: str, length: int, order: str) -> None:
    model = recurrent(name, length, order)
    x = random_data(model, 2)
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)


@pytest.mark.parametrize("times", [real_times, complex_times])
@pytest.mark.parametrize("length", [1, 4, 5, 16, 17, 70])
@pytest.mark.parametrize("same", [True, False], ids=["one decay", "a decay a step"])
def test_chunks_of_chunks_are_steps(times: diagonal.Times, length: int, same: bool) -> None:
    """Chunks of 4: 70 steps are 18 chunks, whose ends are 5 chunks, whose ends are 2."""
    generator = torch.Generator().manual_seed(0)
    b = torch.randn(2, 3, length, 4, generator=generator, dtype=torch.float64)
    a = torch.randn(*((1, 1, 1) if same else (2, 3, length)), 4, generator=generator, dtype=torch.float64)
    state, wanted = torch.zeros_like(b[:, :, 0]), list[Tensor]()
    for step in range(length):
        state = times(a.expand_as(b)[:, :, step], state) + b[:, :, step]
        wanted.append(state)
    got = recurrence(a, b, times, chunk=4)
    torch.testing.assert_close(got, torch.stack(wanted, 2), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("times", [real_times, complex_times])
def test_steps_that_are_work_enough_are_not_cut_into_chunks(
    times: diagonal.Times, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(2)
    a, b = (torch.rand(1, 2, 9, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    monkeypatch.setattr(diagonal, "CHUNK", 4)
    in_chunks, cuts = recurrence(a, b, times), list[int]()
    monkeypatch.setattr(diagonal, "_in_chunks", lambda *_: cuts.append(1))
    monkeypatch.setattr(diagonal, "MUCH", 16)
    torch.testing.assert_close(recurrence(a, b, times), in_chunks, rtol=1e-12, atol=1e-12)
    assert not cuts


def test_a_step_of_a_recurrence_is_few_operations() -> None:
    """What is traced or compiled has these for each of its steps: longer data show how many they are."""
    counts: list[int] = []
    for length in (8, 16):
        model = recurrent("lstm", length)
        x = random_data(model, 2)
        with torch.no_grad(), Counted() as counted:
            model(x)
        counts.append(counted.count)
    assert 0 < counts[1] - counts[0] <= 8 * RUN


def test_small_decays_do_no_harm() -> None:
    """Where nothing is left of a state the next one is right: products of decays are never divided by."""
    b = torch.ones(1, 1, 200, 1, dtype=torch.float32)
    a = torch.full_like(b, 1e-30)
    a[:, :, 150:] = 1.0
    got = recurrence(a, b)[0, 0, :, 0]
    assert torch.equal(got[:150], torch.ones(150)) and torch.equal(got[150:], torch.arange(2.0, 52.0))


@pytest.mark.parametrize("times", [real_times, complex_times])
def test_gradients_pass_the_chunks(times: diagonal.Times) -> None:
    generator = torch.Generator().manual_seed(1)
    for shape in ((1, 1, 1, 2), (1, 2, 7, 2)):
        a = torch.rand(shape, generator=generator, dtype=torch.float64).requires_grad_()
        b = torch.rand((1, 2, 7, 2), generator=generator, dtype=torch.float64).requires_grad_()
        assert torch.autograd.gradcheck(lambda a, b: recurrence(a, b, times, chunk=3), (a, b))


@pytest.mark.parametrize("name", NODES)
def test_gradients_of_the_layers(name: str) -> None:
    """Of log p with respect to the weights, as differences say."""
    model = recurrent(name, CHUNK + 2)
    x = random_data(model, 1)
    weights = {n: w for n, w in model.named_parameters() if "state" in n or "past" in n or "table" in n}
    model.log_prob(x).sum().backward()
    for weight in weights.values():
        assert weight.grad is not None
        at = int(weight.grad.abs().argmax())
        with torch.no_grad():
            found: list[float] = []
            for move in (1e-5, -2e-5):
                weight.view(-1)[at] += move
                found.append(float(model.log_prob(x).sum()))
            weight.view(-1)[at] += 1e-5
        slope = (found[0] - found[1]) / 2e-5
        assert slope == pytest.approx(float(weight.grad.view(-1)[at]), rel=1e-4, abs=1e-7)


def reading_ahead(a: Tensor, b: Tensor, times: diagonal.Times = real_times, chunk: int = 4) -> Tensor:
    """A fault: what enters a chunk is the state at its own end, not at the end of the one before."""
    right = recurrence(a, b, times, chunk)
    ends = right[:, :, chunk - 1 :: chunk].repeat_interleave(chunk, 2)
    more = torch.zeros_like(right)
    more[:, :, : ends.shape[2]] = ends
    return right + more


@pytest.mark.parametrize(("name", "kind"), [("selective_scan", selective_scan), ("complex", linear_recurrence)])
def test_a_chunk_that_reads_ahead_is_caught(name: str, kind: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    model = recurrent(name, 12)
    proven = seen(Relations(model.spec.graph(), model.spec.members[0])).matrix()
    np.testing.assert_array_equal(labelled_contexts(model), proven)
    monkeypatch.setattr(kind, "recurrence", reading_ahead)
    found = labelled_contexts(model)
    assert found is not None and (found & ~proven).any()
    assert (gradient_pattern(subject_of(model, 0), draws=1, bases=1) & ~proven).any()


@pytest.mark.parametrize("block", ["mamba_layer", "griffin_layer"])
def test_the_shipped_layers_are_causal_and_sample(block: str) -> None:
    text = f"""arspec: 1
use: blocks/recurrence
data: {{kind: sequence, length: 9, levels: 5}}
graph:
  table: {{layer: embedding, out: 6}}
  body: {{block: {block}, repeat: 2, params: {{width: 6, inner: 8}}}}
  before: {{layer: shift, from: body.h, steps: 1}}
  logits: {{layer: conv, out: $head}}
head: {{kind: categorical, from: logits}}
"""
    spec = from_text(text, block)
    report = prove(spec)
    assert report.ok and report.coverage == 1
    model = randomised(spec)
    x = random_data(model, 2)
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)
