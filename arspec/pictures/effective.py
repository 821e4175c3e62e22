"""Effective receptive field (Luo et al. 2016): how strongly one variable's distribution answers to each earlier
position, by gradients of the network with the weights that it has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from arspec.diagnostics import visible
from arspec.extras import need
from arspec.pictures import panels
from arspec.pictures.field import field_target
from arspec.pictures.states import COLOURS, MEANINGS, Field, Floats, State, field_of
from arspec.pictures.style import STYLE, legend, sheet, write
from arspec.types import Bools

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from arspec.network.module import Network

INPUTS = 16  # random inputs that the gradient is averaged over
DECADES = 6  # of the colour scale at most, from the greatest gradient down
NONE = "earlier, without a gradient"


def render_effective(
    models: Sequence[Network], path: str | os.PathLike[str], *, variable: Sequence[int] | None = None, member: int = 0,
    inputs: int = INPUTS, seed: int = 0,
) -> Path:  # fmt: skip
    """A panel for each model, side by side, all on one logarithmic scale; each is relative to its own greatest
    gradient, since the size of the weights says nothing about the shape. Returns the path.

    variable: (row, column[, channel]), (step,) or (entry,), see `field_of`. The suffix says how it is written: .svg,
    .png or .pdf, whole or not at all. Raises InputError for what does not exist."""
    target = field_target(path, len(models), "models")
    fields = [field_of(m.spec, variable, member if member < m.members or len(models) == 1 else 0) for m in models]
    found = [effective(m, f.variable, f.member, inputs, seed) for m, f in zip(models, fields, strict=True)]
    _draw(fields, found, target, inputs)
    return target


def effective(model: Network, variable: int, member: int = 0, inputs: int = INPUTS, seed: int = 0) -> Floats:
    """[V]: mean absolute derivative of the sum of one variable's parameters, by each variable, over random inputs.

    Data enter as floats; where they become one-hot or are embedded, it is the sum over the entries that stand for the
    variable. Without dropout; conditions are drawn at random. One input at a time, so that a large model needs the
    memory of one example."""
    import torch

    from arspec.network.evaluating import evaluating
    from arspec.verification.subject import subject_of

    subject = subject_of(model, member, seed)
    assert subject.trace is not None
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(subject.variables + 1, dtype=torch.float64)  # the last stands for no variable
    with evaluating(model):
        for _ in range(inputs):
            traced = subject.trace(subject.random(1, generator).reshape(1, *subject.shape))
            answer = traced.parameters[0, variable].sum()
            if not answer.requires_grad:
                continue
            tensors = [leaf.tensor for leaf in traced.leaves]
            derivatives = cast("tuple[Tensor | None, ...]", torch.autograd.grad(answer, tensors, allow_unused=True))
            for leaf, derivative in zip(traced.leaves, derivatives, strict=True):
                if derivative is not None:
                    owner = torch.from_numpy(np.where(leaf.variable < 0, subject.variables, leaf.variable))
                    total.index_add_(0, owner, leaf.per_example(derivative, 1)[0].abs().double().cpu())
    return total[:-1].numpy() / inputs


def _draw(fields: list[Field], found: list[Floats], target: Path, inputs: int) -> None:
    matplotlib = need("matplotlib")

    maps = [_by_position(f, values) for f, values in zip(fields, found, strict=True)]
    leaks = [_by_position(f, (values > 0) & ~f.legal) > 0 for f, values in zip(fields, found, strict=True)]
    least = min((float(m[m > 0].min()) for m in maps if m.any()), default=0.1)
    low = 10.0 ** max(-DECADES, np.floor(np.log10(least)))
    flat = all(panels.shape_of(f)[0] == 1 for f in fields)
    width, height = (7.2, 1.9) if flat else (4.2, 5.0)
    with matplotlib.rc_context(STYLE):
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import LogNorm

        figure = sheet((width * len(fields) + 0.8, height), dpi=130)
        row: list[Axes] = figure.subplots(1, len(fields), squeeze=False)[0].tolist()
        scale = ScalarMappable(LogNorm(low, 1), "magma_r")
        present = set[State]()
        for axes, field, values, leaking in zip(row, fields, maps, leaks, strict=True):
            present |= _panel(axes, field, values, leaking, scale)
        figure.colorbar(scale, ax=row, label=f"mean |gradient| over {inputs} random inputs, of the greatest",
                        extend="min" if least < low else "neither", fraction=0.04, pad=0.02)  # fmt: skip
        meanings = {State.LATER: MEANINGS[State.LATER], State.UNSEEN: NONE, State.LEAK: MEANINGS[State.LEAK]}
        legend(figure, [(COLOURS[s], meanings[s]) for s in sorted(present)], 4, itself=True)
        write(figure, target, cut=True)


def _by_position(field: Field, values: Floats | Bools) -> Floats:
    """[V] -> [H, W]: the channels of a position together, as shares of the greatest."""
    summed = values.reshape(-1, field.spec.members[field.member].order.positions).sum(0)
    return summed.reshape(panels.shape_of(field)) / (summed.max() or 1.0)


def _panel(axes: Axes, field: Field, values: Floats, leaking: Bools, scale: Any) -> set[State]:
    """Draws a model's gradients; returns the states that are drawn in a colour of their own."""
    from matplotlib.colors import to_rgba

    legal = field.legal.reshape(-1, values.size)
    earlier = legal.any(0).reshape(values.shape)
    states = {
        State.LATER: ~earlier & (values == 0),
        State.UNSEEN: earlier & (values == 0),
        State.LEAK: leaking,
    }
    colours = scale.to_rgba(np.maximum(values, scale.norm.vmin))
    for state, where in states.items():
        colours[where] = to_rgba(COLOURS[state])
    axes.imshow(colours, interpolation="nearest", aspect="auto" if values.shape[0] == 1 else "equal")
    panels.cells(axes, *panels.shape_of(field), "white")
    panels.mark(axes, field)
    reached = int((values[earlier] > 0).sum())
    strong = int((values[earlier] >= 0.01).sum())
    size = "×".join(map(str, field.spec.data.shape))
    axes.set_title(f"{visible(field.spec.name)} ({size})", fontsize=11, fontweight="bold", pad=34, parse_math=False)
    said = (
        f"({field.name}): of {int(earlier.sum()):,} earlier positions {reached:,} have a gradient, {strong:,} of at "
        "least 1% of the greatest"
    )
    axes.annotate(panels.titled(said), (0.5, 1.0), (0, 7), "axes fraction", "offset points", ha="center", fontsize=9)
    return {state for state, where in states.items() if where.any()}
