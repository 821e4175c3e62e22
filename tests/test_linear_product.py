"""Products of training have torch's gradients, and those of large weights lie in memory that is kept."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from arspec.heads import softmax_of_product
from arspec.language.load import from_text
from arspec.layers import gradient_memory, linear_product, shared_table
from arspec.layers.gradient_memory import forget, gradient_of, kept
from arspec.layers.linear_product import linear
from arspec.model import Model, build
from arspec.verification.subject import random_conditions
from tests.small import every_spec, random_data, randomised, small

SPEC = """arspec: 1
name: two-products
data: {kind: sequence, length: 12, levels: 30, given: 1, start: 0}
graph:
  tokens: {layer: embedding, from: x, out: 16}
  up: {layer: conv, out: 24}
  act: {layer: silu}
  down: {layer: conv, out: 16}
  next: {layer: conv, out: $head, bias: false}
  logits: {layer: shift, steps: 1}
head: {kind: categorical, from: logits}
"""


def count() -> int:
    """Of how many weights memory is kept."""
    gc.collect()
    return len(kept)


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch):
    for module in (linear_product, gradient_memory, shared_table, softmax_of_product):
        monkeypatch.setattr(module, "LARGE", 0)


def given(*shape: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """x of this shape, a weight and a bias."""
    draw = torch.Generator().manual_seed(0)
    shapes = shape, (5, shape[-1]), (5,)
    return [torch.randn(s, generator=draw, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes]


def own(y: Tensor) -> bool:
    return "_LinearBackward" in type(y.grad_fn).__name__


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("shape", [(7, 3), (2, 4, 3), (2, 2, 2, 3)])
def test_gradients_are_those_of_torch(shape: tuple[int, ...], biased: bool):
    x, weight, bias = given(*shape)
    taken, bias = ([x, weight, bias], bias) if biased else ([x, weight], None)
    y, wanted = linear(x, weight, bias), F.linear(x, weight, bias)
    assert own(y)
    torch.testing.assert_close(y, wanted, rtol=0, atol=0)
    for each in (torch.rand_like(y), torch.ones((), dtype=y.dtype).expand(y.shape), torch.rand_like(y.mT).mT):
        for _ in range(2):
            found, other = (torch.autograd.grad(z, taken, each, retain_graph=True) for z in (y, wanted))
            torch.testing.assert_close(found, other, rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradgradcheck(lambda x, weight, bias=None: linear(x, weight, bias), taken)
    many = torch.eye(y.numel(), dtype=y.dtype).view(-1, *y.shape)
    found, other = (torch.autograd.grad(z, taken, many, is_grads_batched=True) for z in (y, wanted))
    torch.testing.assert_close(found, other, rtol=1e-12, atol=1e-12)


def test_rows_that_lie_apart_are_multiplied_too():
    x, weight, bias = given(6, 4, 8)
    for some in (x[:, 1:3], x.transpose(0, 1), x[::2, :, :]):
        found, other = (torch.autograd.grad(f(some, weight, bias).square().sum(), [x, weight, bias], retain_graph=True)
                        for f in (linear, F.linear))  # fmt: skip
        torch.testing.assert_close(found, other, rtol=1e-12, atol=1e-12)


def test_onednn_gives_the_same_numbers():
    """Where it is called; elsewhere torch's own product is compared with itself."""
    x, weight, bias = given(40, 96, dtype=torch.float32)
    y = linear(x, weight, bias)
    each = torch.randn_like(y)
    found = [y, *torch.autograd.grad(y, [x, weight, bias], each)]
    exact = [t.detach().double().requires_grad_() for t in (x, weight, bias)]
    z = F.linear(*exact)
    wanted = [z, *torch.autograd.grad(z, exact, each.double())]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("frozen", [{0}, {1}, {0, 2}, {1, 2}, set[int]()])
def test_what_is_frozen_takes_no_product(frozen: set[int]):
    """Whoever counts torch's products sees those of torch's own linear layer."""
    counts: list[int] = []
    for f in (linear, F.linear):
        tensors = [t.requires_grad_(k not in frozen) for k, t in enumerate(given(2, 7, 3, dtype=torch.float32))]
        with FlopCounterMode(display=False) as counter:
            f(*tensors).sum().backward()
        counts.append(counter.get_total_flops())
        assert [k for k, t in enumerate(tensors) if t.grad is None] == sorted(frozen)
    assert counts[0] == counts[1] > 0


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own, of forward derivatives
def test_it_is_torchs_where_others_follow():
    x, w, b = given(4, 6, 3)
    for how in (squares, forwards, mapped, lowered, sixteen_bits):
        torch.testing.assert_close(how(linear, x, w, b), how(F.linear, x, w, b), rtol=1e-12, atol=1e-12)


def squares(f: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.func.grad(lambda v: f(x, v, bias).square().sum())(weight)


def mapped(f: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.func.vmap(lambda v: f(v, weight, bias))(x)


def sixteen_bits(f: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.autograd.grad(f(x.bfloat16(), weight.bfloat16(), bias.bfloat16()).sum(), weight)[0]


def forwards(f: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(f(forward_ad.make_dual(x, torch.ones_like(x)), weight, bias)).tangent
    assert found is not None
    return found


def lowered(f: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    x, weight, bias = (t.detach().float().requires_grad_() for t in (x, weight, bias))
    with torch.autocast("cpu", torch.bfloat16):
        y = f(x, weight, bias)
    assert y.dtype == torch.bfloat16 and not own(y)
    return y


# -- memory ------------------------------------------------------------------------------------------------------------


def stepped(weight: Tensor) -> int:
    """Where the gradient of a weight lies."""
    weight.grad = None
    linear(torch.ones(2, weight.shape[1]), weight, None).sum().backward()
    assert isinstance(weight.grad, Tensor) and weight.grad.eq(2).all()
    return weight.grad.data_ptr()


def test_a_gradient_lies_where_the_last_one_lay():
    weight = nn.Parameter(torch.ones(5, 3))
    assert len({stepped(weight) for _ in range(3)}) == 1


def test_numbers_that_somebody_has_are_not_written_over():
    weight = nn.Parameter(torch.ones(5, 3))
    first = stepped(weight)
    held = weight.grad
    assert held is not None
    held = held.view(-1)[3:6]
    weight.grad = None
    linear(torch.full((1, 3), 7.0), weight, None).sum().backward()
    assert weight.grad is not None and weight.grad.data_ptr() != first
    assert held.eq(2).all() and weight.grad.eq(7).all()
    linear(torch.full((1, 3), 4.0), weight, None).sum().backward()  # added to what is there
    assert weight.grad.eq(11).all()
    two = linear(torch.ones(1, 3), weight, None) + linear(torch.full((1, 3), 2.0), weight, None)
    assert torch.autograd.grad(two.sum(), weight)[0].eq(3).all() and weight.grad.eq(11).all()


def test_memory_goes_with_the_weight_or_when_it_is_forgotten():
    weight, before = nn.Parameter(torch.ones(5, 3)), count()
    stepped(weight)
    assert weight in kept
    forget([weight])
    assert count() == before and weight.grad is not None and weight.grad.eq(2).all()
    stepped(weight)
    del weight
    assert count() == before


def test_nothing_is_kept_of_what_is_no_whole_weight():
    weight, before = nn.Parameter(torch.ones(6, 3)), count()
    for part in (weight[:4], weight * 2, weight.to(torch.float64)):
        assert gradient_of(part).shape == part.shape and gradient_of(part, zeros=True).eq(0).all()
    assert count() == before
    gradient_of(weight.view(3, 6)).fill_(1)
    assert count() == before + 1 and gradient_of(weight, zeros=True).eq(0).all()


def trained(model: Model, steps: int) -> list[Tensor]:
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, fused=True)
    draw = torch.Generator().manual_seed(0)
    for _ in range(steps):
        model.losses(torch.randint(30, (5, 12), generator=draw))[0].sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return [*model.parameters()]


def test_a_model_keeps_memory_until_it_is_evaluated(monkeypatch: pytest.MonkeyPatch):
    model, before = build(from_text(SPEC), seed=1).double().train(), count()
    found = trained(model, 4)
    assert count() == before + 4  # the table and three weights of products
    model.eval()
    assert count() == before
    for module in (linear_product, shared_table):
        monkeypatch.setattr(module, "LARGE", 1 << 60)
    for one, other in zip(found, trained(build(from_text(SPEC), seed=1).double().train(), 4), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@every_spec
def test_gradients_of_a_spec_are_those_of_torch(path: Any, monkeypatch: pytest.MonkeyPatch):
    model = randomised(small(path)).train()
    x, conditions = random_data(model, 3), random_conditions(model, 0, 3)
    found: list[list[Tensor | None]] = []
    for large in (0, 1 << 60):
        for module in (linear_product, shared_table):
            monkeypatch.setattr(module, "LARGE", large)
        torch.manual_seed(0)
        model.zero_grad()
        model.losses(x, **conditions)[0].sum().backward()
        found.append([None if p.grad is None else p.grad.clone() for p in model.parameters()])
    for one, other in zip(*found, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)
