"""Effective receptive field (Luo et al. 2016): how strongly one variable's distribution answers to each earlier
position, by gradients of the network with the weights that it has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from arspec.pictures import panels
from arspec.pictures.field import field_target
from arspec.pictures.states import COLOURS, MEANINGS, Field, Floats, State, field_of, told_apart
from arspec.pictures.style import (
    BODY,
    COLUMN,
    PAGE,
    colour_bar,
    inches,
    legend,
    seen_colours,
    sheet,
    styled,
    titled,
    width_of,
    write,
)
from arspec.types import Bools

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from arspec.network.module import Network

ACROSS = 4  # models side by side
INPUTS = 16  # random inputs that the gradient is averaged over
DECADES = 6  # of the colour scale at most, from the greatest gradient down
NONE = "earlier, without a gradient"


def render_effective(
    models: Sequence[Network], path: str | os.PathLike[str], *, variable: int | Sequence[int] | None = None,
    member: int = 0, inputs: int = INPUTS, seed: int = 0, width: str | float | None = None,
) -> Path:  # fmt: skip
    """A panel for each model, side by side, all on one logarithmic scale; each is relative to its own greatest
    gradient, since the size of the weights says nothing about the shape. Returns the path.

    variable: (row, column[, channel]), (step,) or (entry,), see `field_of`. width: column, page or inches. The
    suffix says how it is written: .svg, .png or .pdf, whole or not at all. InputError for what does not exist."""
    target = field_target(path, len(models), "models")
    chosen = [member if member < m.members or len(models) == 1 else 0 for m in models]
    fields = told_apart([field_of(m.spec, variable, one) for m, one in zip(models, chosen, strict=True)])
    found = [effective(m, f.variable, f.member, inputs, seed) for m, f in zip(models, fields, strict=True)]
    _draw(fields, found, target, inputs, width)
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


def _draw(fields: list[Field], found: list[Floats], target: Path, inputs: int, width: str | float | None) -> None:
    maps = [_by_position(f, values) for f, values in zip(fields, found, strict=True)]
    leaks = [_by_position(f, (values > 0) & ~f.legal) > 0 for f, values in zip(fields, found, strict=True)]
    least = min((float(m[m > 0].min()) for m in maps if m.any()), default=0.1)
    low = 10.0 ** max(-DECADES, np.floor(np.log10(least)))
    flat = all(panels.shape_of(f)[0] == 1 for f in fields)
    across = 1 if flat else min(ACROSS, len(fields))
    rows = -(-len(fields) // across)
    wide = inches(width, COLUMN if across <= 2 and not flat else PAGE)
    with styled():
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import LogNorm

        figure = sheet(wide, rows * ((0.3 if flat else wide / across - 0.2) + 0.75) + 0.8)
        grid: list[Axes] = figure.subplots(rows, across, squeeze=False).ravel().tolist()
        scale = ScalarMappable(LogNorm(low, 1), seen_colours())
        present = set[State]()
        for axes, field, values, leaking in zip(grid, fields, maps, leaks, strict=False):
            present |= _panel(axes, field, values, leaking, scale)
        for axes in grid[len(fields) :]:
            axes.set_axis_off()
        colour_bar(figure, scale, grid, f"mean |gradient| over {inputs} random inputs, as a share of the greatest",
                   extend="min" if least < low else "neither", fraction=0.04, aspect=40)  # fmt: skip
        meanings = {State.LATER: MEANINGS[State.LATER], State.UNSEEN: NONE, State.LEAK: MEANINGS[State.LEAK]}
        legend(figure, [(COLOURS[s], meanings[s]) for s in sorted(present)], itself=True)
        write(figure, target, effective_caption(fields, inputs))


def effective_caption(fields: Sequence[Field], inputs: int) -> str:
    """What the picture shows."""
    which = ", ".join(f"{f.called} at ({f.name})" for f in fields)
    return f"Effective receptive fields, by the mean |gradient| over {inputs} random inputs: {which}."


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
    if values.shape[0] == 1:
        axes.set_box_aspect(0.3 / width_of(axes))
    axes.set_anchor("N")
    panels.cells(axes, *panels.shape_of(field), "white")
    panels.mark(axes, field)
    reached = int((values[earlier] > 0).sum())
    strong = int((values[earlier] >= 0.01).sum())
    said = (
        f"({field.name}): of {int(earlier.sum()):,} earlier positions {reached:,} have a gradient, {strong:,} of at "
        "least 1% of the greatest"
    )
    titled(axes, said)
    lines = axes.get_title().count("\n") + 1
    name = f"{field.called} ({field.spec.data.size_text})"
    axes.annotate(name, (0.5, 1.0), (0, 6 + lines * 1.25 * BODY), "axes fraction",
                  "offset points", ha="center", fontsize=BODY + 1, fontweight="bold", parse_math=False)  # fmt: skip
    return {state for state, where in states.items() if where.any()}
