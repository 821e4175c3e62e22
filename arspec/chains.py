"""Chains: the scan of a layer whose sites read one earlier state each, along lines of the grid.

A state then goes from site to site, in the order of generation or along rows and columns. There may be as many waves as
a line has sites, so nothing here is done wave by wave: a proof over 65,536 steps is one running maximum.

Shape letters: S sites, G groups, P positions, K lines, L sites of a line, W 64-bit words of a context.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from arspec.reads import Marks, Scan, Tap, Values, Window, Words
from arspec.types import Ints


class _Before(Window):
    """The site before each one on its line, of the same channel group: one column, where a window has one a group."""

    def table(self, sites: Ints) -> Ints:
        group, position = np.divmod(sites, self.out_positions)
        source = self.taps[0].source[position]
        return np.where(source < 0, -1, group * self.out_positions + source)[:, None]


class Chains(Scan):
    """lines [K, L]: the positions of each line, the first of which reads no earlier state. Every position lies on one
    line. A channel group reads its own states alone."""

    def __init__(self, groups: int, lines: Ints) -> None:
        previous = np.full(lines.size, -1)
        previous[lines[:, 1:]] = lines[:, :-1]
        own = _Before(groups, lines.size, groups, lines.size, (Tap(previous, np.eye(groups, dtype=bool)),))
        object.__setattr__(self, "own", own)
        object.__setattr__(self, "lines", lines)

    lines: Ints

    @property
    def previous(self) -> Ints:
        """[P]: the position whose state each one reads; -1 at the start of a line."""
        return self.own.taps[0].source

    @cached_property
    def waves(self) -> tuple[Ints, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The sites of each wave; made only where someone asks for them one by one."""
        first = np.arange(self.own.out_groups)[:, None] * self.own.out_positions
        return tuple((first + sites).ravel() for sites in self.lines.T)

    @cached_property
    def wave(self) -> Ints:
        """[S]: the place of each site on its line."""
        number = np.empty(self.lines.size, np.int64)
        number[self.lines] = np.arange(self.lines.shape[1])
        return np.tile(number, self.own.out_groups)

    def known_at(self, known: Ints) -> Ints:
        """known [S], by the inputs alone -> [S], with the own sites."""
        return self._along(known, np.maximum)

    def context(self, context: Words) -> Words:
        """context [S, W], by the inputs alone -> [S, W], with the own sites."""
        return self._along(context, np.bitwise_or)

    def back(self, marks: Marks) -> Marks:
        """marks [S] -> [S]: with those of all own sites that depend on each."""
        return self._along(marks, np.bitwise_or, backward=True)

    def back_counts(self, counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """counts [S] of paths from each site on -> [S]: with those through its later states."""
        return self._along(counts, np.add, backward=True)

    def _along(self, values: Values, join: np.ufunc, backward: bool = False) -> Any:
        """[S, ...]: the values joined along each line up to each site; with `backward`, from its end."""
        lines = self.lines[:, ::-1] if backward else self.lines
        by_group = values.reshape(self.own.out_groups, self.own.out_positions, *values.shape[1:])
        out = np.empty_like(by_group)
        out[:, lines] = join.accumulate(by_group[:, lines], axis=2)
        return out.reshape(values.shape)
