"""The pattern of gradients: which parameters have a derivative by which variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.progress import track
from arspec.verification.dependencies.findings import Findings, Violation
from arspec.verification.dependencies.subject import Subject, Traced, mixes_examples


def gradient_pattern(
    subject: Subject,
    variables: Sequence[int] | None = None,
    *,
    draws: int = 3,
    bases: int = 2,
    batch: int = 64,
    seed: int = 0,
    mixes: bool | None = None,
) -> NDArray[np.bool_]:
    """Which variables the parameters of `variables` (default: all) have a nonzero gradient by.

    Returns [len(variables), V], united over `draws` of the weights and `bases` random inputs for each. `batch` rows
    are had from one backward pass: example r of a batch of equal inputs stands for row r. `mixes`: whether examples of
    a batch read one another, where that is known.
    """
    rows = np.arange(subject.variables) if variables is None else np.asarray(variables, dtype=np.int64)
    generator = torch.Generator().manual_seed(seed)
    pattern = np.zeros((len(rows), subject.variables), dtype=bool)
    for draw in track(range(draws), "testing gradients", "draws of weights"):
        if subject.redraw is not None:
            subject.redraw(draw)
        for _ in range(bases):
            pattern |= gradients(subject, rows, generator, batch, mixes) != 0
    return pattern


def gradients(
    subject: Subject, rows: NDArray[np.int64], generator: torch.Generator, batch: int = 64, mixes: bool | None = None
) -> NDArray[np.float64]:
    """Largest absolute derivative [len(rows), V] at one random input with the weights as they are.

    The parameters of a variable are joined with random coefficients, so that equal and opposite ones cannot cancel.
    Where examples of a batch read one another, each row is had alone, with other random examples beside it.
    """
    if subject.trace is None:
        raise InputError(
            "AR812",
            "no gradient can be had: the function has no float leaf that stands for a variable",
        )
    x = subject.random(1, generator)
    mixes = mixes_examples(subject, generator) if mixes is None else mixes
    companions = subject.random(3, generator) if mixes else x[:0]
    step = 1 if len(companions) else batch
    found = np.zeros((len(rows), subject.variables))
    for start in track(range(0, len(rows), step), "testing gradients", "batches"):
        chunk = torch.from_numpy(rows[start : start + step])
        examples = torch.cat([x.expand(len(chunk), -1), companions])
        traced = subject.trace(examples.reshape(-1, *subject.shape))
        chosen = traced.parameters[torch.arange(len(chunk)), chunk]
        coefficients = torch.randn(chosen.shape, generator=generator, dtype=chosen.dtype)
        found[start : start + step] = _by_variable(traced, (coefficients * chosen).sum(), len(chunk), subject.variables)
    return found


def _by_variable(traced: Traced, loss: Tensor, rows: int, variables: int) -> NDArray[np.float64]:
    """Largest absolute derivative [rows, V] of the loss by the leaves, each entry counted for its variable."""
    found = torch.zeros((rows, variables + 1), dtype=torch.float64)
    if not loss.requires_grad:  # nothing of the input reaches the parameters by a differentiable path
        return found[:, :-1].numpy()
    tensors = [leaf.tensor for leaf in traced.leaves]
    derivatives = cast("tuple[Tensor | None, ...]", torch.autograd.grad(loss, tensors, allow_unused=True))
    for leaf, derivative in zip(traced.leaves, derivatives, strict=True):
        if derivative is None:
            continue
        values = leaf.per_example(derivative, len(traced.parameters))[:rows].abs().double()
        # A derivative that is not a number (0 times infinity) shows nothing.
        values = torch.where(values.isnan(), 0.0, values)
        owner = torch.from_numpy(np.where(leaf.variable < 0, variables, leaf.variable)).expand(rows, -1)
        found.scatter_reduce_(1, owner, values, "amax")
    return found[:, :-1].numpy()


def gradient_findings(subject: Subject, generator: torch.Generator, draw: int = 0, batch: int = 64) -> Findings:
    """The same for every variable at one random input, as findings: what is seen and what is forbidden."""
    found = Findings.none(subject.variables)
    found.gradients = True
    derivative = gradients(subject, np.arange(subject.variables), generator, batch)
    found.seen = derivative != 0
    found.leaks = found.seen & (subject.limits[:, None] <= subject.rank[None, :])
    for output in np.flatnonzero(found.leaks.any(1)):
        source = int(np.argmax(np.where(found.leaks[output], derivative[output], 0)))
        moved = (0.0, float(derivative[output, source]))
        found.violations.append(Violation(int(output), (source,), "gradient", (), (), 0, moved, draw=draw))
    return found
