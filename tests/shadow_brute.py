"""Dependence found by exhaustive perturbation, and labels beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from arspec.shadow.algebra import Ranks
from arspec.shadow.sets import Sets
from arspec.shadow.tracer import Tracer
from arspec.shadow.tracing import trace

Run = Callable[..., Any]
SEED = 1234


def leaves(value: Any) -> list[Tensor]:
    """The tensors of a result, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in leaves(item)]
    return []


def flat(value: Any) -> Tensor:
    """All numbers of a result in one row of float64; complex numbers by their parts together."""
    parts: list[Tensor] = []
    for t in leaves(value):
        t = t.detach()
        if t.is_quantized:
            t = t.int_repr()
        if t.is_complex():
            t = torch.view_as_real(t.resolve_conj()).to(torch.float64)
            t = t[..., 0] * 1.7 + t[..., 1]
        parts.append(t.reshape(-1).to(torch.float64))
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def different(one: Tensor, other: Tensor, noise: float = 0.0) -> Tensor:
    """Where two rows of numbers differ, by more than a share of them; NaN is equal to NaN."""
    same = (one == other) | (one.isnan() & other.isnan())
    return ~(same | ((one - other).abs() <= noise * (1 + torch.maximum(one.abs(), other.abs())))) if noise else ~same


def others(value: Tensor) -> list[Any]:
    """Numbers to put in place of an element, of its kind."""
    if value.dtype == torch.bool:
        return [False, True]
    if value.is_complex():
        return [complex(0.7, -0.3), complex(-3.1, 2.2), complex(40.0, 11.0)]
    if value.is_floating_point():
        return [0.37, -1.9, 6.1, -40.0, 300.0, 0.0]
    return [0, 1, 2, 3]


def truth(run: Run, inputs: Sequence[Tensor], *, choices: Sequence[Any] | None = None, noise: float = 0.0) -> Tensor:
    """`[outputs, variables]` bool: which element of the inputs moves which number of the result."""
    torch.default_generator.manual_seed(SEED)
    base = flat(run(*[t.clone() for t in inputs]))
    columns: list[Tensor] = []
    for which, t in enumerate(inputs):
        for place in range(t.numel()):
            seen = torch.zeros_like(base, dtype=torch.bool)
            for other in choices or others(t):
                moved = [s.clone() for s in inputs]
                moved[which].view(-1)[place] = other
                torch.default_generator.manual_seed(SEED)
                got = flat(run(*moved))
                seen |= different(base, got, noise) if got.shape == base.shape else True
            columns.append(seen)
    return torch.stack(columns, 1) if columns else torch.zeros(len(base), 0, dtype=torch.bool)


@dataclass
class Labelled:
    """What labels say, and what the pass met."""

    reads: Tensor
    opaque: list[str] = field(default_factory=list[str])


def labelled(run: Run, inputs: Sequence[Tensor], *, orders: int = 3, route_given: bool = False) -> list[Tensor]:
    """For some orders of the variables: `[outputs]` labels; the order stands in front of them."""
    total = sum(t.numel() for t in inputs)
    found: list[Tensor] = []
    generator = torch.Generator().manual_seed(SEED)
    for _ in range(orders):
        order = torch.randperm(total, generator=generator)
        torch.default_generator.manual_seed(SEED)
        given = [t.clone() for t in inputs]
        tracer = Tracer(Ranks(), route_given=route_given)
        start = 0
        for t in given:
            tracer.source(t, order[start : start + t.numel()].reshape(t.shape))
            start += t.numel()
        with torch.no_grad(), tracer:
            out = run(*given)
        labels = torch.cat([tracer.labels(t).reshape(-1).expand(t.numel()) for t in leaves(out)])
        found += [order, labels, torch.tensor(len(tracer.opaque))]
    return found


def compare(run: Run, bases: Sequence[Sequence[Tensor]], **how: Any) -> tuple[int, int, int]:
    """Misses, places read too much, and places in all, over some orders of the variables."""
    known: Tensor | None = None
    for inputs in bases:
        seen = truth(run, inputs, choices=how.get("choices"), noise=how.get("noise", 0.0))
        known = seen if known is None else known | seen
    assert known is not None
    missed = over = total = 0
    found = labelled(run, bases[0], orders=how.get("orders", 3), route_given=how.get("route_given", False))
    for order, labels in zip(found[::3], found[1::3], strict=True):
        want = (
            torch.where(known, order + 2, 0).amax(1) if known.shape[1] else torch.zeros(len(known), dtype=torch.int64)
        )
        got = torch.where(labels <= 1, 0, labels)
        missed += int((got < want).sum())
        over += int((got > want).sum())
        total += len(want)
    return missed, over, total


def read(run: Run, inputs: Sequence[Tensor], *, route_given: bool = False) -> tuple[Tensor, int]:
    """`[outputs, variables]` bool: what labels of sets allow; and how many operators had no rule."""
    total = sum(t.numel() for t in inputs)
    algebra = Sets(total)
    torch.default_generator.manual_seed(SEED)
    given = [t.clone() for t in inputs]
    sources: list[tuple[Tensor, Tensor]] = []
    start = 0
    for t in given:
        sources.append((t, torch.arange(start, start + t.numel()).reshape(t.shape)))
        start += t.numel()
    with torch.no_grad():
        found = trace(lambda: run(*given), sources, algebra=algebra, route_given=route_given)
    labels = [found.labels(t).reshape(-1) for t in leaves(found.output)]
    if not labels:
        return torch.zeros(0, total, dtype=torch.bool), len(found.opaque)
    return torch.from_numpy(algebra.members(torch.cat(labels))), len(found.opaque)
