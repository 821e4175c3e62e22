"""The closed pass: whatever labels call unchanged is compared with a pass on other values."""

from __future__ import annotations

import gc
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch import tensor as earlier
from torch.utils._python_dispatch import _disable_current_modes as unseen  # pyright: ignore[reportPrivateUsage]

from arspec.shadow import Closing, Closure, trace
from arspec.shadow.closed import LYING_BYTES

N = 8


def close(run: Callable[[Tensor], Tensor], rank: int = 3, *, route_given: bool = False, n: int = N) -> Closure:
    """A pass on some numbers, and one on others above the rank; element i is variable i."""
    torch.manual_seed(1)
    x = torch.randn(n)
    other = torch.where(torch.arange(n) > rank, torch.randn(n), x)
    torch.manual_seed(0)
    closing = Closing([0, rank, n - 2])
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


def test_what_a_proof_keeps_is_gone_with_it() -> None:
    """No circle holds a pass, of which watchers may keep gigabytes until garbage is collected."""
    x = torch.randn(N)
    gc.collect()
    gc.disable()
    try:
        closing = Closing([3])
        found = trace(lambda: x.cumsum(0) * 2, [(x, torch.arange(N))], watchers=[closing])
        assert closing.compare(lambda: x.cumsum(0) * 2, 3, found)[1].ok
        kept = [weakref.ref(closing), weakref.ref(found), weakref.ref(found.tracer)]
        del closing, found
        assert [one() for one in kept] == [None, None, None]
    finally:
        gc.enable()


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


TABLE = np.zeros(N, dtype=np.float32)
SHARED = torch.from_numpy(TABLE)
WORK: queue.Queue[Callable[[], object]] = queue.Queue()
DONE: queue.Queue[object] = queue.Queue()


def worker() -> None:
    """Runs what it is given, in a thread that was started before any pass."""
    while True:
        DONE.put(WORK.get()())


threading.Thread(target=worker, daemon=True).start()


def by_a_constructor_that_is_no_function(x: Tensor) -> Tensor:
    """A class makes a tensor of tensors, and no operator is called."""
    return torch.Tensor([x[7], x[6]]) * 2


def by_a_name_from_before(x: Tensor) -> Tensor:
    """The function was imported under a name of its own."""
    return earlier([x[7], x[6]]) * 2


def by_memory_that_is_shared(x: Tensor) -> Tensor:
    """Numpy's memory is a tensor's since before the pass; what is written there came by a pointer from before."""
    with unseen():
        TABLE[:] = x.flip(0).numpy()
    return SHARED * 2


def by_a_thread_from_before(x: Tensor) -> Tensor:
    """Another thread computes, and returns a tensor of its own."""
    WORK.put(lambda: x.flip(0))
    out: Any = DONE.get()
    return out * 2


def by_an_extension_that_writes_in_place(x: Tensor) -> Tensor:
    """A tensor with labels is written to by a kernel that no operator calls."""
    y = x * 1.0
    with unseen():
        y.copy_(x.flip(0))
    return y * 2


def by_the_last_write_of_all(x: Tensor) -> Tensor:
    """No operator reads what was written: it is returned."""
    y = x * 1.0
    with unseen():
        y.copy_(x.flip(0))
    return y


@pytest.mark.parametrize(
    "run",
    [
        by_a_constructor_that_is_no_function,
        by_a_name_from_before,
        by_memory_that_is_shared,
        by_a_thread_from_before,
        by_an_extension_that_writes_in_place,
        by_the_last_write_of_all,
    ],
)
@pytest.mark.parametrize("route_given", [False, True])
def test_what_labels_do_not_see_the_closed_pass_does(run: Callable[[Tensor], Tensor], route_given: bool) -> None:
    """Each hides a dependence from labels altogether: values contradict them, and there is no proof."""
    closure = close(run, route_given=route_given)
    assert not closure.ok
    assert closure.why == "an element that it may not move has moved"


def test_a_pass_that_differs_from_itself_is_given_its_own_noise() -> None:
    """Numbers that no seed fixes are measured once more, and then not taken for a dependence."""
    torch.manual_seed(1)
    x = torch.randn(N)
    other = torch.where(torch.arange(N) > 3, torch.randn(N), x)
    noise = torch.Generator().manual_seed(0)

    def run(given: Tensor) -> Tensor:
        with unseen():
            hidden = torch.randn(N, generator=noise) * 1e-6
        return given * 1.0 + hidden

    closing = Closing([3])
    found = trace(lambda: run(x), [(x, torch.arange(N))], watchers=[closing])
    assert not closing.compare(lambda: run(other), 3, found)[1].ok
    output, closure = closing.compare(lambda: run(other), 3, found, same=lambda: run(x))
    assert torch.allclose(output, other, atol=1e-4)
    assert closure.ok, closure
    assert 0 < closure.floor < 1e-4
    assert not closing.compare(lambda: run(other * 1.001), 3, found, same=lambda: run(x))[1].ok


held = pytest.mark.parametrize("bound", [0, LYING_BYTES], ids=["checksums", "as they lie"])


@held
def test_one_bit_of_a_large_result_is_seen(bound: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By checksums, or where the result is kept as it lies."""

    monkeypatch.setattr("arspec.shadow.closed.LYING_BYTES", bound)
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
@held
def test_any_element_below_the_rank_is_seen(
    shape: tuple[int, ...], kind: torch.dtype, bound: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever axis the variables lie along: one element of variable 2 moves and is seen, one of variable 4 is not."""
    monkeypatch.setattr("arspec.shadow.closed.LYING_BYTES", bound)
    axis = shape.index(N)
    own = [N if k == axis else 1 for k in range(len(shape))]

    def run(x: Tensor, moved: int | None) -> Tensor:
        with unseen():
            hidden = torch.zeros(shape, dtype=kind)
            if moved is not None:
                hidden[tuple(moved if k == axis else size - 1 for k, size in enumerate(shape))] = round(
                    float(x[-1]) * 99
                )
        return ((x * 100).to(kind).reshape(own) + hidden).clone()

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


def test_an_operator_that_the_second_pass_adds_is_told() -> None:
    """After the last of the first pass, too."""
    passes = iter(range(2))

    def run(x: Tensor) -> Tensor:
        out = x.sin()
        if next(passes) == 1:
            x.cos()
        return out

    closure = close(run)
    assert not closure.ok
    assert (closure.operator, closure.why) == ("aten.cos.default", "it runs in the second pass alone")


@pytest.mark.parametrize("turn", [0, 1])
def test_a_detach_in_one_pass_alone_is_no_difference(turn: int) -> None:
    """It computes nothing, and torch adds some of its own."""
    passes = iter(range(2))

    def run(x: Tensor) -> Tensor:
        return (x.detach() if next(passes) == turn else x).sin().cumsum(0)

    closure = close(run)
    assert closure.ok, closure


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


def test_what_lies_is_copied_before_an_operator_writes_there() -> None:
    """A large result that the same pass, or the next one, writes to is compared as it was when it was made."""
    seen: list[Tensor] = []

    def run(x: Tensor, later: bool) -> Tensor:
        wide = x[:, None].expand(N, 100_000) * 2.0
        with unseen():
            other = seen[0] if seen and later else torch.zeros(N, 100_000)
        other.mul_(0.0)
        seen.append(wide)
        return wide.clone().mul_(3.0).narrow(0, 0, 2).add_(wide.sub_(1.0)[:2])

    assert close(lambda x: run(x, later=False)).ok
    seen.clear()
    assert close(lambda x: run(x, later=True)).ok


def test_memory_that_is_written_between_two_passes_is_named() -> None:
    kept: list[Tensor] = []

    def run(x: Tensor) -> Tensor:
        for wide in kept[:1]:
            with unseen():
                wide.zero_()
        kept.append(x[:, None].expand(N, 100_000) * 2.0)
        return kept[-1] * 1.0

    closure = close(run)
    assert (closure.ok, closure.operator) == (False, "aten.mul.Tensor")
    assert "written where no operator is seen" in closure.why
