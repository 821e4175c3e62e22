"""The closed pass: whatever labels call unchanged is compared with a pass on other values."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes as unseen  # pyright: ignore[reportPrivateUsage]

from arspec.shadow import Closing, Closure, trace

N = 8


def close(run: Callable[[Tensor], Tensor], rank: int = 3, *, route_given: bool = False, n: int = N) -> Closure:
    """A pass on some numbers, and one on others above the rank; element i is variable i."""
    torch.manual_seed(1)
    x = torch.randn(n)
    other = torch.where(torch.arange(n) > rank, torch.randn(n), x)
    torch.manual_seed(0)
    closing = Closing([rank])
    found = trace(lambda: run(x), [(x, torch.arange(n))], watchers=[closing], route_given=route_given)
    torch.manual_seed(0)
    _, closure = closing.compare(lambda: run(other), rank, found)
    return closure


def test_a_causal_pass_is_closed() -> None:
    """Labels are right, so nothing at or below the rank moves, and many elements are compared."""

    def run(x: Tensor) -> Tensor:
        scores = (x[:, None] * x[None, :]).masked_fill(torch.ones(N, N).triu(1) > 0, -torch.inf)
        return scores.softmax(-1) @ x + nn.functional.dropout(torch.ones(N))

    closure = close(run)
    assert closure.ok, closure
    assert closure.compared > 3 * N
    assert closure.steps[0] == closure.steps[1] > 4


def hidden_write(x: Tensor) -> Tensor:
    """An operator writes to a buffer behind the mode's back."""
    buffer = torch.zeros(N)
    with unseen():
        buffer.copy_(x.flip(0))
    return buffer * 2 + x.cumsum(0)


def test_a_write_that_nobody_sees_is_named() -> None:
    """The operator that first reads what was written is told, with its line."""
    closure = close(hidden_write)
    assert not closure.ok
    assert closure.operator == "aten.mul.Tensor"
    assert closure.place is not None
    assert closure.place.function == "hidden_write"
    assert closure.difference is not None
    assert closure.difference > 0.01


def test_large_results_are_compared_by_checksums() -> None:
    """One bit of one element of a large result is seen."""

    first: list[Tensor] = []

    def run(x: Tensor) -> Tensor:
        first.append(x)
        wide = x[:, None].expand(N, 100_000) * 2.0
        with unseen():
            wide[0, 777] = wide[0, 777].nextafter(torch.tensor(9.0 if x is first[0] else -9.0))
            wide[7] *= x[-1]
        return wide * 1.0

    closure = close(run)
    assert (closure.ok, closure.operator, closure.difference) == (False, "aten.mul.Tensor", None)
    assert close(lambda x: x[:, None].expand(N, 100_000) * 2.0).ok


@pytest.mark.parametrize("shape", [(N, 300, 120), (300, N, 120), (300, 120, N), (N, 40_000), (1, 40_000, N)])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.complex64, torch.int16])
def test_checksums_see_any_element_below_the_rank(shape: tuple[int, ...], kind: torch.dtype) -> None:
    """Whichever axis the variables lie along: one element of variable 2 moves and is seen, one of variable 4 is not."""
    axis = shape.index(N)
    own = [N if k == axis else 1 for k in range(len(shape))]

    def run(x: Tensor, moved: int | None) -> Tensor:
        wide = (x * 100).to(kind).reshape(own).expand(shape).clone()
        with unseen():
            if moved is not None:
                wide[tuple(moved if k == axis else size - 1 for k, size in enumerate(shape))] += round(
                    float(x[-1]) * 99
                )
        return wide.clone()

    assert close(lambda x: run(x, None)).ok
    assert close(lambda x: run(x, 4)).ok
    assert not close(lambda x: run(x, 2)).ok


def test_another_sequence_of_operators_is_told() -> None:
    """Labels of what Python does after a read that they missed."""

    def run(x: Tensor) -> Tensor:
        with unseen():
            large = bool(x[-1] > 0)
        return x.sin() if large else x.cos()

    torch.manual_seed(1)
    closures = [close(run, n=n) for n in range(5, 15)]
    told = [closure for closure in closures if not closure.ok]
    assert told
    assert all("runs instead" in closure.why for closure in told)
    assert {closure.operator for closure in told} <= {"aten.sin.default", "aten.cos.default"}


@pytest.mark.parametrize("given", [False, True])
def test_with_the_route_given_results_are_compared_up_to_rounding(given: bool) -> None:
    """Rows of a mixture stand elsewhere in the second pass; what comes back is compared."""

    def run(x: Tensor) -> Tensor:
        out = torch.zeros(N)
        for expert in range(2):
            place = ((x > 0) == bool(expert)).nonzero().squeeze(-1)
            out[place] = x[place] * (expert + 1.5)
        return out

    closure = close(run, route_given=given)
    assert closure.ok, closure
    assert closure.steps[0] < closure.steps[1] or not given


def test_with_the_route_given_a_moved_result_is_told() -> None:
    """The result is wrong though the route is taken as it is."""

    def run(x: Tensor) -> Tensor:
        order = x.argsort(stable=True)
        with unseen():
            leak = x.sum()
        return (x[order][order.argsort()]) + leak

    closure = close(run, route_given=True)
    assert not closure.ok
    assert closure.operator in {"the result of the pass", "aten.add.Tensor"}
