"""Long convolutions: transforms give the sum over lags, and in evaluation no later step has a say in an earlier one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

import arspec
from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.language.load import from_text
from arspec.layers.causal import DIRECT, SHORT, causal
from arspec.model import Model
from arspec.sampler.drive.sampler import sampler_of
from arspec.verification.labels import labelled_contexts
from tests.small import random_data, randomised, refuses

LENGTHS = [1, 2, 7, SHORT, SHORT + 1, DIRECT - 1, DIRECT, DIRECT + 1, 2 * DIRECT, 2 * DIRECT + 1, 5 * DIRECT + 3]
KERNELS = {
    "weights": "",
    "network": ", skip: true, kernel: {kind: implicit, width: 4, waves: 2}",
    "network of a length": ", kernel: {kind: implicit, width: 4, waves: 2, length: 9}",
    "earlier": ", mask: earlier",
    "backward": ", backward: true",
}


def convolving(kernel: str, length: int, order: str = "natural") -> Model:
    return randomised(
        from_text(f"""arspec: 1
data: {{kind: sequence, length: {length}, levels: 5}}
order: {order}
graph:
  table: {{layer: embedding, out: 4}}
  past: {{layer: previous}}
  long: {{layer: long_conv{KERNELS[kernel]}}}
  logits: {{layer: conv, kernel: 1, out: $head}}
head: {{kind: categorical, from: logits}}
""")
    )


def drawn(length: int, lags: int | None = None) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(length)
    x = torch.randn(2, 3, length, generator=generator, dtype=torch.float64)
    return x, torch.randn(3, lags or length, generator=generator, dtype=torch.float64)


def summed(x: Tensor, kernel: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    for lag in range(x.shape[2]):
        y[:, :, lag:] += kernel[:, lag, None] * x[:, :, : x.shape[2] - lag]
    return y


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("length", LENGTHS)
def test_it_is_the_sum_over_lags(length: int, training: bool) -> None:
    for x, kernel in (drawn(length), drawn(length, length + 5)):
        torch.testing.assert_close(causal(x, kernel, training), summed(x, kernel), rtol=0, atol=1e-9)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_gradients_are_those_of_the_sum(training: bool) -> None:
    found: list[tuple[Tensor, ...]] = []
    runs: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (partial(causal, training=training), summed)
    for run in runs:
        x, kernel = (t.requires_grad_() for t in drawn(2 * DIRECT + 1))
        y = run(x, kernel)
        seed = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)
        found.append(torch.autograd.grad(y, [x, kernel], seed))
    for got, wanted in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("cut", [1, SHORT, DIRECT // 2, DIRECT, DIRECT + 1, 2 * DIRECT + 100])
def test_in_evaluation_nothing_later_changes_a_bit(cut: int) -> None:
    """Nor a gradient. One transform of the whole, as training has, rounds every step by all others."""
    x, kernel = drawn(3 * DIRECT)
    other = torch.cat([x[:, :, :cut], 1e3 * torch.randn_like(x[:, :, cut:])], 2)
    assert torch.equal(causal(x, kernel, False)[:, :, :cut], causal(other, kernel, False)[:, :, :cut])
    assert not torch.equal(causal(x, kernel, True)[:, :, :cut], causal(other, kernel, True)[:, :, :cut])
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(causal(x, kernel, False)[:, :, :cut].sum(), x)
    assert gradient[:, :, :cut].all() and not gradient[:, :, cut:].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_number_of_fewer_bits_stays_one(dtype: torch.dtype) -> None:
    x, kernel = drawn(2 * DIRECT)
    wanted = causal(x, kernel, False)
    for training in (True, False):
        found = causal(x.to(dtype), kernel.to(dtype), training)
        assert found.dtype == dtype
        apart = (found.double() - wanted).abs().max() / wanted.abs().max()
        assert apart < 8 * torch.finfo(dtype).eps


@pytest.mark.parametrize("order", ["natural", "{scan: random, seed: 3}"])
@pytest.mark.parametrize("kernel", ["weights", "network", "earlier"])
@pytest.mark.parametrize("length", [1, 7, DIRECT + 1])
def test_steps_are_the_whole(kernel: str, length: int, order: str) -> None:
    model = convolving(kernel, length, order)
    x = random_data(model, 2)
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)


def watched(x: Tensor) -> bool:
    """The transforms themselves, and not what stands for them where operators are written down."""
    return False


@pytest.mark.parametrize("kernel, order", [("weights", "natural"), ("backward", "reversed")])
def test_labels_of_its_transforms_are_its_contexts(kernel: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the halves too, which take over at once."""
    monkeypatch.setattr("arspec.layers.causal.DIRECT", 1)
    monkeypatch.setattr("arspec.layers.causal.unseen", watched)
    model = convolving(kernel, 9, order)
    proven = seen(Relations(model.graph, model.spec.members[0])).matrix()
    found = labelled_contexts(model)
    assert found is not None and (found == proven).all()


def test_an_audit_proves_its_transforms() -> None:
    """In training too, in which every number is rounded by all others of its channel."""
    report = arspec.audit(
        convolving("network", SHORT + 1), "b t", "b t k", {"t": SHORT + 1}, levels=5, modes="evaluation,training"
    )
    assert [str(mode.verdict) for mode in report.modes] == ["proven", "proven"], str(report)


@pytest.mark.parametrize(
    "kernel, why", [("weights", "`weight` of 'long' has numbers for each of the 9 steps"),
                    ("network", "'long' depends on how long the sequence is"),
                    ("network of a length", "'long' reads everything that came before")],
)  # fmt: skip
def test_a_stream_without_end_is_refused(kernel: str, why: str) -> None:
    refuses("AR822", lambda: next(iter(convolving(kernel, 9).stream(1, steps=50, seed=0))), why)
