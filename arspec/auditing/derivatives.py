"""Derivatives of outputs by what they may not read, where no change of the input moved an output.

A step by a derivative may be lost in rounding beside large numbers, or taken back by a copy without gradient, as in a
straight-through estimator. What rounding leaves of a derivative changes with the precision of the numbers, so that a
derivative accuses where it is the same in both precisions.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.auditing.comparing import apart
from arspec.auditing.values import MAX_VARIABLES, SAMPLED, Search
from arspec.verification.dependencies import Findings, Leaf, Traced, Violation, find_leaves

ENTRIES = 1 << 14  # of an example, at most
PARAMETERS = 64  # of an output that are looked at one by one
ALIKE = 0.05  # relative: how far a derivative may be from itself in another precision


@dataclass(frozen=True)
class _Steep:
    """The derivative of one parameter of an output by one entry of a leaf."""

    output: int
    variable: int
    parameter: int
    derivative: float


def by_derivatives(subject: Borrowed, case: Case, alphabet: Tensor, suspects: Tensor, search: Search) -> Findings:
    """A violation where an output of `suspects` [V] has a derivative by what it may not read: with the module's own
    weights, else with redrawn ones. None where gradients cannot be had, or are rounding. That draw's weights stay."""
    found = Findings.none(case.variables if case.variables <= MAX_VARIABLES else 0)
    if case.layout.entries > ENTRIES or subject.dtype != torch.float64:
        return found
    generator = torch.Generator().manual_seed(search.seed)
    x = alphabet[torch.randint(len(alphabet), (1, *case.layout.shape), generator=generator)]
    tracing: Callable[[Tensor], Traced] | None = None
    for draw in (0, 1):
        subject.redraw(draw)
        try:
            with _recorded(subject):
                tracing = _tracing(subject, case, alphabet) if tracing is None else tracing
                traced = tracing(x)
                steep = _steepest(case, suspects, traced)
            if steep is None or bool((apart(traced.parameters.detach(), _plain(subject, x)) > 0).any()):
                continue  # none, or it does something else while gradients are recorded
            if not _in_floats(subject, case, alphabet, x, steep):
                continue
        except (Exception, SystemExit):  # no gradients, whatever is raised
            continue
        moved = (0.0, steep.derivative)
        found.violations.append(
            Violation(steep.output, (steep.variable,), "gradient", (), (), steep.parameter, moved, draw=draw)
        )
        found.gradients = True
        if len(found.leaks):
            found.leaks[steep.output, steep.variable] = True
        break
    return found


@contextmanager
def _recorded(subject: Borrowed) -> Generator[None]:
    """Calls record gradients."""
    recorded, subject.gradients = subject.gradients, True
    try:
        yield
    finally:
        subject.gradients = recorded


def _tracing(subject: Borrowed, case: Case, alphabet: Tensor) -> Callable[[Tensor], Traced]:
    """What runs a pass and gives its leaves: the input itself, or where integers become floats."""

    def run(x: Tensor) -> Tensor:
        given = subject.enter(x.reshape(-1, *case.layout.shape))
        return subject.rows(subject.taken(subject.whole(given, len(x))), len(x))

    if alphabet.is_floating_point():

        def trace(x: Tensor) -> Traced:
            leaf = x.clone().requires_grad_()
            return Traced(run(leaf), [Leaf(leaf, case.layout.variable)])

        return trace
    generator = torch.Generator().manual_seed(0)
    found = find_leaves(run, case.layout.shape, case.layout.variable, alphabet, generator)
    return (lambda x: Traced(run(x), [])) if found is None else found


def _steepest(case: Case, suspects: Tensor, traced: Traced, only: _Steep | None = None) -> _Steep | None:
    """The greatest derivative that may not be, as a part of the greatest that the same output has; `only`: that one."""
    wanted = suspects.nonzero()[:, 0] if only is None else torch.tensor([only.output])
    wanted = wanted[torch.linspace(0, len(wanted) - 1, min(SAMPLED, len(wanted))).long()]
    leaves = [leaf.tensor for leaf in traced.leaves]
    best: tuple[float, _Steep] | None = None
    for output in wanted.tolist():
        row = traced.parameters[0, output]
        forbidden = case.rank >= int(case.limit[output])
        for parameter in range(min(PARAMETERS, len(row))) if only is None else [only.parameter]:
            if not row.requires_grad or not leaves:
                break
            gradients = torch.autograd.grad(row[parameter], leaves, retain_graph=True, allow_unused=True)
            sizes = np.zeros(case.variables + 1)  # the last one: of no variable
            for leaf, gradient in zip(traced.leaves, gradients, strict=True):
                if gradient is not None:  # pyright: ignore[reportUnnecessaryComparison]
                    flat = leaf.per_example(gradient, 1)[0].double().nan_to_num(0.0, 0.0, 0.0)
                    for sign in (1, -1):  # the one that is farthest from zero, of either sign
                        np.maximum.at(sizes, leaf.variable, (flat * sign).numpy())
            sizes = sizes[:-1]
            if only is not None:
                return _Steep(output, only.variable, parameter, float(sizes[only.variable]))
            wrong = np.where(forbidden, sizes, 0.0)
            share = float(wrong.max()) / max(float(sizes.max()), 1e-300)
            if wrong.max() > 0 and (best is None or share > best[0]):
                variable = int(wrong.argmax())
                best = share, _Steep(output, variable, parameter, float(wrong[variable]))
    return None if best is None else best[1]


def _plain(subject: Borrowed, x: Tensor) -> Tensor:
    recorded, subject.gradients = subject.gradients, False
    try:
        with torch.no_grad():
            return subject(x)
    finally:
        subject.gradients = recorded


def _in_floats(subject: Borrowed, case: Case, alphabet: Tensor, x: Tensor, steep: _Steep) -> bool:
    """Whether the derivative is the same in half the precision: what rounding leaves of one is not."""
    if alphabet.is_floating_point():
        alphabet, x = alphabet.float(), x.float()
    with subject.lowered(), _recorded(subject):
        again = _steepest(case, torch.zeros(0), _tracing(subject, case, alphabet)(x), only=steep)
    return again is not None and abs(again.derivative - steep.derivative) <= ALIKE * abs(steep.derivative)


__all__ = ["by_derivatives"]
