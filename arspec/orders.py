"""Orders of generation: for every position of a grid, its rank; for every site of the data, its rank.

`positions` makes a scan, and applies a transpose and flips to it. `order` joins it with the channels. Equal ranks are
generated together.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from arspec.diagnostics import InputError, did_you_mean
from arspec.ranks import Grid, Ranks, checked_grid, is_count, is_integer, size_text
from arspec.scans import SCANS_1D, SCANS_2D, Scan, Settings

MAX_VARIABLES = 2**26


def positions(
    scan: str,
    grid: Grid,
    *,
    seed: int = 0,
    flip: Sequence[str] = (),
    transpose: bool = False,
    ranks: Any = None,
    factor: int = 2,
) -> Ranks:
    """Rank of each position of a grid (H, W) or (T,), int64 [P], positions in row-major order, ranks contiguous from 0.

    The grid stays as it lies; only the ranks move. First the transpose: the scan is made for the grid (W, H), to which
    explicit `ranks` then belong too, and rank[i, j] = scan[j, i]. Then the flips, which commute: with "rows" (upside
    down) rank[i, j] = before[H-1-i, j], with "columns" (left to right) rank[i, j] = before[i, W-1-j].

    `ranks` (explicit only) are RANKS, [H][W] or flat: the entry at a position says when it is generated, not which
    position comes next. Ranks repeat only in explicit, checkerboard and interlaced.
    Raises InputError for unknown scans, settings that do not fit, and grids of more than 2**24 positions.
    """
    grid = checked_grid(grid)
    make = _scan(scan, grid)
    flips = (flip,) if isinstance(flip, str) else tuple(flip)
    _check_frame(flips, transpose, grid)
    _check_settings(scan, seed, factor, ranks)
    rank = make(grid[::-1] if transpose else grid, Settings(seed, factor, ranks))
    if transpose:
        rank = rank.T
    if "rows" in flips:
        rank = rank[::-1]
    if "columns" in flips:
        rank = rank[:, ::-1]
    return np.ascontiguousarray(rank, dtype=np.int64).reshape(-1)


@dataclasses.dataclass(frozen=True, eq=False)
class Order:
    """An order of the data's variables. Site g * P + p is the variable of group g at position p.

    groups: G, the channel groups that are generated one after the other at a position (1 where channels are joint).
    position_rank: int64 [P]. rank: int64 [G * P], which is G * position_rank[p] + g, except for planes that come before
    (`with_planes`). Both arrays are read-only. given: the variables of so many first ranks are given, not generated."""

    name: str
    grid: Grid
    groups: int
    position_rank: Ranks
    rank: Ranks
    given: int = 0

    @property
    def positions(self) -> int:
        """Number of positions P."""
        return len(self.position_rank)

    @property
    def variables(self) -> int:
        """Number of variables, G * P; with joint channels a variable is a whole pixel."""
        return len(self.rank)

    @functools.cached_property
    def steps(self) -> int:
        """Number of distinct ranks, which are 0 .. steps - 1."""
        return int(self.rank.max()) + 1

    @property
    def drawn(self) -> int:
        """Number of distinct ranks of what is generated."""
        return self.steps - self.given

    @functools.cached_property
    def modelled(self) -> NDArray[np.bool_]:
        """[G * P]: whether each variable is generated. The others are given."""
        return self.rank >= self.given

    @functools.cached_property
    def time(self) -> Ranks:
        """[G * P]: the step at which each variable is generated, from 0 on; -1 of what is given."""
        return _frozen(np.maximum(self.rank - self.given, -1))

    @functools.cached_property
    def by_rank(self) -> tuple[Ranks, Ranks]:
        """The sites of every rank as (starts [steps + 1], sites [G * P]): rank r has sites[starts[r]:starts[r + 1]]."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.rank, minlength=self.steps))])
        return _frozen(starts), _frozen(np.argsort(self.rank, kind="stable"))

    def sites_at(self, rank: int) -> Ranks:
        """The sites of one rank, ascending."""
        starts, sites = self.by_rank
        return sites[starts[rank] : starts[rank + 1]]


def order(
    scan: str,
    grid: Grid,
    channels: Literal["sequential", "joint"],
    channel_count: int,
    *,
    seed: int = 0,
    flip: Sequence[str] = (),
    transpose: bool = False,
    ranks: Any = None,
    factor: int = 2,
    groups: int | None = None,
) -> Order:
    """The order of data with `channel_count` channels on a grid; see `positions` for the scan and its settings.

    Sequential channels are one group each, or, where `groups` is given, that many slices of equal size, whose channels
    are generated together. Joint channels are one group.
    """
    if channels not in ("sequential", "joint"):
        raise InputError("AR808", f"channels are sequential or joint, not {channels!r}")
    if not is_count(channel_count):
        raise InputError("AR808", f"the number of channels must be a positive integer, not {channel_count!r}")
    if groups is None:
        groups = channel_count if channels == "sequential" else 1
    if not is_count(groups) or channel_count % groups or (channels == "joint" and groups != 1):
        allowed = "joint channels are one group" if channels == "joint" else "groups are slices of equal size"
        raise InputError("AR808", f"{channel_count} {channels} channels cannot form {groups!r} groups", help=allowed)
    grid = checked_grid(grid)
    if groups * int(np.prod(grid)) > MAX_VARIABLES:
        raise InputError(
            "AR505", f"{groups} groups on a grid of {size_text(grid)} exceed the limit of {MAX_VARIABLES} variables"
        )
    rank = positions(scan, grid, seed=seed, flip=flip, transpose=transpose, ranks=ranks, factor=factor)
    site_rank = (groups * rank + np.arange(groups)[:, None]).reshape(-1)
    return Order(_name(scan, seed, flip, transpose, factor), grid, groups, _frozen(rank), _frozen(site_rank))


def with_planes(order: Order, planes: int) -> Order:
    """The order with so many further groups in front. Each is generated whole, position by position in the same scan,
    before the next: first the planes (auxiliary images), then the order's own variables."""
    steps = int(order.position_rank.max()) + 1
    whole = [k * steps + order.position_rank for k in range(planes)]
    rank = np.concatenate([*whole, planes * steps + order.rank])
    if len(rank) > MAX_VARIABLES:
        raise InputError("AR505", f"{len(rank):,} variables exceed the limit of {MAX_VARIABLES}")
    return Order(order.name, order.grid, planes + order.groups, order.position_rank, _frozen(rank))


def with_given(order: Order, count: int) -> Order:
    """The order of data on one dimension whose first `count` positions are given: these have the first ranks, in their
    own order, and all others follow in the order as it was."""
    rank = np.empty_like(order.rank)
    rank[:count] = np.arange(count)
    rank[count:] = count + np.unique(order.rank[count:], return_inverse=True)[1].reshape(-1)
    frozen = _frozen(rank)
    return Order(order.name, order.grid, order.groups, frozen, frozen, count)


def _scan(scan: str, grid: Grid) -> Scan:
    scan = str(scan)
    scans, others = (SCANS_2D, SCANS_1D) if len(grid) == 2 else (SCANS_1D, SCANS_2D)
    if scan in scans:
        return scans[scan]
    kind, other = ("an image", "sequences and vectors") if len(grid) == 2 else ("a sequence or vector", "images")
    if scan in others:
        raise InputError("AR507", f"{scan!r} is an order of {other}", help=f"{kind} has the orders {', '.join(scans)}")
    raise InputError(
        "AR501", f"there is no order {scan[:40]!r} of {kind}", help=did_you_mean(scan, scans, "the orders are")
    )


def _check_frame(flips: tuple[str, ...], transpose: bool, grid: Grid) -> None:
    for flip in flips:
        if flip not in ("rows", "columns"):
            raise InputError("AR506", f"flip names rows or columns, not {flip!r}")
        if flips.count(flip) > 1:
            raise InputError("AR506", f"flip names {flip} more than once")
    if len(grid) == 1 and (flips or transpose):
        raise InputError(
            "AR506",
            f"a sequence or vector has nothing to {'flip' if flips else 'transpose'}",
            help="use the scan reversed",
        )


def _check_settings(scan: str, seed: int, factor: int, ranks: Any) -> None:
    if not is_integer(seed, 0, 2**64):
        raise InputError("AR808", f"a seed is an integer from 0 to 2**64 - 1, not {seed!r}")
    if not is_count(factor):
        raise InputError("AR808", f"the factor of {scan} must be a positive integer, not {factor!r}")
    if ranks is not None and scan != "explicit":
        raise InputError(
            "AR502", f"the order {scan} makes its own ranks", help="use the scan explicit, or leave `ranks` out"
        )


def _name(scan: str, seed: int, flip: Sequence[str], transpose: bool, factor: int) -> str:
    flips = (flip,) if isinstance(flip, str) else flip
    parts = [scan]
    parts += [f"seed {seed}"] if scan == "random" else []
    parts += [f"factor {factor}"] if scan in ("interlaced", "subscale") else []
    parts += ["transposed"] if transpose else []
    parts += [f"{name} flipped" for name in ("rows", "columns") if name in flips]
    return ", ".join(parts)


def _frozen(array: NDArray[Any]) -> Ranks:
    array = np.ascontiguousarray(array, dtype=np.int64)
    array.setflags(write=False)
    return array
