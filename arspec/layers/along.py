"""What layers along lines have in common: which sites come before each one, in the order of generation or along the
rows, columns or steps of the grid, and tensors with these lines as a dimension."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from arspec.chains import Chains
from arspec.layers.base import Constants, Fault, Layer, Node
from arspec.masks import by_rank
from arspec.reads import Ranked, Reads, Tap, Window
from arspec.runs import Runs, in_columns, runs_of_table
from arspec.types import Cells, Ints, Member, Type, coordinates, ranks

if TYPE_CHECKING:
    from torch import Tensor

Line = Literal["order", "rows", "columns", "steps"]


@lru_cache(maxsize=128)
def chains(kind: Type, along: Line, backward: bool, member: Member) -> Chains:
    """The lines of a grid, along which a state goes from site to site. `order`: one line through all positions, by
    their ranks, and by their numbers where these are equal. A channel group reads its own states alone."""
    lines = np.arange(kind.positions).reshape(kind.grid)
    if along == "order":
        lines = np.argsort(ranks(kind, member).position, kind="stable")
    elif along == "columns":
        lines = lines.T
    lines = lines.reshape(-1, lines.shape[-1])
    return Chains(kind.groups, lines[:, ::-1] if backward else lines)


def continued(scan: Chains) -> Window:
    """The relation with what is multiplied with the earlier state: every site reads its own, but for the first of each
    line, which has no earlier state."""
    here = np.where(scan.previous >= 0, np.arange(len(scan.previous)), -1)
    groups, positions = scan.own.out_groups, scan.own.out_positions
    return Window(groups, positions, groups, positions, (Tap(here, np.eye(groups, dtype=bool)),))


def before(scan: Chains) -> Window:
    """The relation in which every site reads the one before it on its line, of the same channel group."""
    return scan.own


def continued_before(scan: Chains) -> Window:
    """The relation with what is multiplied with the state before the earlier one: every site reads that of the one
    before it, but for the first two of each line."""
    here = continued(scan).taps[0].source
    groups, positions = scan.own.out_groups, scan.own.out_positions
    source = np.where(scan.previous >= 0, here[scan.previous], -1)
    return Window(groups, positions, groups, positions, (Tap(source, np.eye(groups, dtype=bool)),))


@lru_cache(maxsize=128)
def all_before(scan: Chains, strict: bool) -> Ranked | Runs:
    """The relation in which every site reads all that come before it on its line, of the same channel group, and
    itself unless `strict`."""
    count, positions = scan.lines.shape
    if scan.own.out_groups == count == 1:
        place = places_on(scan)
        return Ranked(place, place, strict)
    groups, of_all = scan.own.out_groups, scan.lines.size
    last = np.arange(positions)[:, None] - int(strict)
    table = np.where(np.arange(positions) <= last, scan.lines[:, None], of_all)  # [K, L, L]
    own = np.empty((of_all, positions), np.int64)
    own[scan.lines] = np.sort(table, axis=2)
    one = in_columns(*runs_of_table(own, own < of_all), of_all, of_all)
    first = np.repeat(np.arange(groups) * of_all, of_all)[:, None]
    return Runs(groups * of_all, *(np.tile(side, (groups, 1)) + first for side in (one.start, one.stop)))


def places_on(scan: Chains) -> Ints:
    """[P]: the place of each position on its line."""
    place = np.empty(scan.lines.size, np.int64)
    place[scan.lines] = np.arange(scan.lines.shape[1])
    return place


class OnLines(Layer):
    """A layer whose sites lie one behind the other on lines of the grid."""

    along: Line = Field(
        "order",
        description="Which sites follow one another: in the order of generation, along each row to the right, "
        "down each column, or along the steps of a sequence.",
    )
    backward: bool = Field(False, description="Whether the lines go the other way: to the left, up, or to the past.")

    def check_lines(self, node: Node) -> None:
        """Raises Fault where the grid of the first input has no such lines."""
        into, data, name = node.ins[0], node.data, node.inputs[0].name
        assert data is not None
        if self.along == "order":
            inside = isinstance(into.frame, Cells) and len(into.grid) == len(data.grid)
            inside = inside and all(
                ((x >= 0) & (x < n)).all() for x, n in zip(coordinates(into), data.grid, strict=True)
            )
            if not inside:
                raise Fault("AR430", f"`{self.layer}` goes in the order of generation, and '{name}' gives positions "
                            "that stand for none of the data's",
                            "say `along: rows`, `columns` or `steps`; or cut off what lies outside of the data",
                            "along")  # fmt: skip
            return
        wanted = 1 if self.along == "steps" else 2
        if len(into.grid) != wanted:
            have = {0: "no positions", 1: "steps", 2: "rows and columns"}[len(into.grid)]
            raise Fault("AR430", f"`{self.layer}` goes along {self.along}, and '{name}' gives {have}",
                        "images have rows and columns, sequences have steps", "along")  # fmt: skip

    def chains(self, node: Node, member: Member) -> Chains:
        """The lines of a node under one member of the family."""
        return chains(node.out, self.along, self.backward, member)

    def said(self) -> str:
        """Along which lines, for the diagram."""
        return f"along {self.along}, backward" if self.backward else f"along {self.along}"

    def line_constants(self, scan: Chains) -> Constants:
        """shape: how many lines, and the positions of each. Where these are not in order, lines [P] has them line after
        line; inverse [P] goes back."""
        found: Constants = {"shape": scan.lines.shape}
        flat = scan.lines.ravel()
        if np.array_equal(flat, np.arange(len(flat))):
            return found
        return {**found, "lines": flat, "inverse": np.argsort(flat)}


def leaves_out_own(node: Node) -> bool:
    """Whether the mask of a layer that counts sites of its line, `earlier`, leaves out the own one."""
    return node.mask is not None and by_rank(node.mask.predicate) is True


def check_own(node: Node) -> None:
    """Raises Fault where the mask of a layer that counts sites of its line says anything else than whether the own one
    counts."""
    if node.mask is not None and (node.mask.kernel is not None or by_rank(node.mask.predicate) is None):
        raise Fault("AR431", f"`{node.layer.layer}` counts the own site or leaves it out; its mask says `{node.mask}`",
                    "say `so_far` or `earlier`; `along` says which sites come before", "mask")  # fmt: skip


class Along(OnLines):
    """A recurrence along lines of the grid. A kind adds what a site makes of its inputs and of the state before it.

    Its cached channels are the state that the next site of the line reads: the output first, then what is not output.
    The state before the first site of a line is zero."""

    def scan(self, node: Node, member: Member) -> Chains:
        return self.chains(node, member)

    def continued(self, node: Node, member: Member) -> Reads:
        """The relation with what is multiplied with the earlier state, as in `continued`."""
        return continued(self.chains(node, member))

    def constants(self, node: Node, member: Member) -> Constants:
        """table [S, 1]: the own site that each reads; S, which is zero, at the start of a line. Beside it what
        `line_constants` gives."""
        scan = self.chains(node, member)
        table = scan.own.table(np.arange(node.out.sites))
        return {"table": np.where(table < 0, node.out.sites, table), **self.line_constants(scan)}


def in_lines(x: Tensor, groups: int, c: Constants) -> Tensor:
    """A tensor of the module along the lines: [B, G * C, *grid] -> [B, K, L, G, C]; `c`: the constants of `Along`."""
    flat = x.flatten(2)
    if "lines" in c:
        flat = flat.index_select(2, c["lines"])
    return flat.unflatten(2, c["shape"]).unflatten(1, (groups, -1)).permute(0, 3, 4, 1, 2)


def from_lines(y: Tensor, kind: Type, c: Constants) -> Tensor:
    """[B, K, L, G, C] -> [B, G * C, *grid]: the inverse of `in_lines`."""
    flat = y.permute(0, 3, 4, 1, 2).flatten(3).flatten(1, 2)
    if "inverse" in c:
        flat = flat.index_select(2, c["inverse"])
    return flat.reshape(*flat.shape[:2], *kind.grid)


def something(x: Tensor, channels: int) -> Tensor:
    """[B, n, C]: what some sites read of an input; zeros where no site of the node reads any, and x is empty."""
    return x if x.shape[-1] else x.new_zeros(*x.shape[:2], channels)
