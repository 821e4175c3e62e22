"""From data to a module's input, and from its output to the parameters of every variable.

Data lies here as [B, *shape] with the axes (channels, rows, columns), (channels, time), (rows, columns) or (time);
the patterns say how the module wants it. A variable is a scalar, or, where the output has no channel axis, all
channels of a position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from arspec.auditing.patterns import Pattern, check_sizes, parse, split_sizes
from arspec.diagnostics import InputError

BATCH, CHANNELS = "b", "c"
_WORDS = {"c": "channel", "h": "row", "w": "column"}


@dataclass(frozen=True)
class Layout:
    """`axes`: names of the data's axes, channels first. `grid`: those that are not channels. `joint`: are the channels
    of a position one variable? `hot`: the axis of the input that holds a one-hot code. `last`: how many of the last
    positions the output speaks of, where it does not speak of all."""

    input: Pattern
    output: Pattern
    sizes: dict[str, int]
    axes: tuple[str, ...]
    grid: tuple[str, ...]
    joint: bool
    hot: str | None = None
    last: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the data's axes, without the batch."""
        return tuple(self.sizes[axis] for axis in self.axes)

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """The sizes of the axes that are not channels."""
        return tuple(self.sizes[axis] for axis in self.grid)

    @property
    def channels(self) -> int:
        """How many channels the data has; 1 where no axis holds channels."""
        return self.sizes[CHANNELS] if CHANNELS in self.axes[: len(self.axes) - len(self.grid)] else 1

    @property
    def spoken(self) -> tuple[str, ...]:
        """The axes of the variables."""
        return self.grid if self.joint else self.axes

    @property
    def variables(self) -> int:
        """How many variables one example has."""
        return int(np.prod([self.sizes[axis] for axis in self.spoken]))

    @property
    def entries(self) -> int:
        """N: how many numbers one example has."""
        return int(np.prod(self.shape))

    @property
    def variable(self) -> NDArray[np.int64]:
        """[N]: the variable of each scalar of an example."""
        numbers = np.arange(self.variables).reshape([self.sizes[axis] for axis in self.spoken])
        return np.broadcast_to(numbers, self.shape).reshape(-1).copy()

    def by_entry(self, values: NDArray[Any]) -> Tensor:
        """What is known of each variable, [V], for each entry of an example: [1, *shape]."""
        return torch.from_numpy(values[self.variable]).reshape(1, *self.shape)

    def name(self, variable: int) -> str:
        """A variable for people: 'row 0, column 3, channel 1', or 't 5'."""
        place = np.unravel_index(variable, [self.sizes[axis] for axis in self.spoken])
        parts = {axis: f"{_WORDS.get(axis, axis)} {int(i)}" for axis, i in zip(self.spoken, place, strict=True)}
        return ", ".join([parts[axis] for axis in self.grid] + [parts[axis] for axis in self.spoken[: -len(self.grid)]])

    def to_module(self, x: Tensor) -> Tensor:
        """[B, *shape], with the code behind where the input is one-hot -> the module's input."""
        named = [part for part in self.input.flat if isinstance(part, str)]
        source = (BATCH, *self.axes, *([self.hot] if self.hot is not None else []))
        sizes = {**self.sizes, BATCH: len(x)}
        return x.permute([source.index(name) for name in named]).reshape(
            [
                int(np.prod([part if isinstance(part, int) else sizes[part] for part in axis]))
                for axis in self.input.axes
            ]
        )

    def spread(self, x: Tensor) -> Tensor:
        """A number for each entry of an example, [B, *shape] -> one for each number of the module's input."""
        return self.to_module(x if self.hot is None else x[..., None].expand(*x.shape, self.sizes[self.hot]))

    def from_module(self, x: Tensor) -> Tensor:
        """The module's input -> [B, *shape]; for what its sampler returns."""
        known = {name: size for name, size in self.sizes.items() if name in self.input.names}
        return self._arranged(x, self.input, known, "sample", self.axes).reshape(-1, *self.shape)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an output of this shape has the axes of its pattern, whatever the batch."""
        known = {name: size for name, size in self.sizes.items() if name in self.output.names}
        if self.last is not None:
            known[self.grid[0]] = min(self.last, self.sizes[self.grid[0]])
        try:
            split_sizes(self.output, shape, known, "output")
        except InputError:
            return False
        return True

    def parameters(self, out: Tensor, batch: int) -> Tensor:
        """The module's output -> [B, V, K]."""
        known = {**{name: size for name, size in self.sizes.items() if name in self.output.names}, BATCH: batch}
        missing = 0
        if self.last is not None:
            length = self.sizes[self.grid[0]]
            known[self.grid[0]] = min(self.last, length)
            missing = length - known[self.grid[0]]
        rows = self._arranged(out, self.output, known, "output", self.spoken)
        rows = rows.reshape(*rows.shape[: 1 + len(self.spoken)], -1)
        if missing:
            rows = pad(rows, (0, 0, missing, 0))
        return rows.reshape(batch, self.variables, -1)

    @property
    def silent(self) -> NDArray[np.bool_]:
        """[V]: places of the output that are not there, since it speaks of the last positions alone."""
        if self.last is None:
            return np.zeros(self.variables, dtype=bool)
        length = self.sizes[self.grid[0]]
        return np.arange(self.variables) % length < length - self.last

    @staticmethod
    def _arranged(x: Tensor, pattern: Pattern, known: dict[str, int], what: str, first: tuple[str, ...]) -> Tensor:
        """Parts of the pattern as axes: the batch, then `first`, then all others."""
        sizes = split_sizes(pattern, tuple(x.shape), known, what)
        lead = [pattern.flat.index(name) for name in (BATCH, *first)]
        rest = [place for place in range(len(sizes)) if place not in lead]
        return x.reshape(sizes).permute(lead + rest)


def lay_out(
    input: str,
    output: str,
    sizes: dict[str, int],
    channels: str | None = None,
    hot: str | None = None,
    last: int | None = None,
) -> Layout:
    """The layout of a module by its patterns. `channels`: 'sequential', 'joint' or None (by the output's pattern).

    Raises InputError for patterns that fit no data of arspec's kinds.
    """
    given, got = parse(input, "input pattern"), parse(output, "output pattern")
    for pattern, what in ((given, "input"), (got, "output")):
        if BATCH not in pattern.names:
            raise InputError(
                "AR813",
                f"the {what} pattern {pattern.text!r} has no batch axis",
                help="the batch axis is named b",
            )
    for part in given.flat:
        if isinstance(part, int) and part != 1:
            raise InputError(
                "AR813",
                f"the input pattern {input!r} has an axis of {part} entries without a name",
                help="name it, and give its size with --size; only 1 may stand without a name",
            )
    check_sizes(sizes, given, got)
    if hot is not None and hot not in given.names:
        raise InputError("AR813", f"the input pattern {input!r} has no axis {hot!r} for a one-hot code")
    data = [name for name in given.names if name not in (BATCH, hot)]
    grid = tuple(name for name in data if name != CHANNELS) or tuple(data)
    if set(grid) == {"h", "w"}:
        grid = ("h", "w")
    if not 1 <= len(grid) <= 2:
        raise InputError(
            "AR813",
            f"the data of {input!r} has {len(grid)} axes beside batch and channels: {', '.join(grid) or 'none'}",
            help="an image has two, such as h and w; a sequence or a vector has one; the channels are named c",
        )
    axes = (CHANNELS, *grid) if CHANNELS in data and CHANNELS not in grid else grid
    silent = [name for name in grid if name not in got.names]
    if silent:
        raise InputError(
            "AR813",
            f"the output pattern {output!r} lacks {', '.join(silent)}: it would speak for no single position",
            help="only the channel axis c may be missing, where the output speaks for whole pixels",
        )
    missing = CHANNELS in axes[: len(axes) - len(grid)] and CHANNELS not in got.names
    if channels == "sequential" and missing:
        raise InputError(
            "AR813",
            f"the output pattern {output!r} has no axis c: it speaks for whole pixels, so channels are joint",
            help="leave --channels out, or name the channels in the output",
        )
    joint = axes != grid and (missing or channels == "joint")
    if last is not None and (len(grid) != 1 or not 1 <= last <= sizes[grid[0]]):
        raise InputError("AR813", "the last positions are counted along the one axis of a sequence, from 1 on")
    return Layout(given, got, sizes, axes, grid, joint, hot, last)
