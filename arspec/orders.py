"""Orders of generation: for every position of a grid, its rank; for every site of the data, its rank.

A scan is a pure function of a grid that gives ranks, [H, W] or [T], contiguous from 0. `positions` applies a transpose
and flips to it, and `order` joins it with the channels. Equal ranks are generated together.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from arspec.diagnostics import InputError, did_you_mean
from arspec.files.foreign import opened

MAX_POSITIONS = 2**24
MAX_VARIABLES = 2**26
BYTES_PER_RANK = 32  # what a file may spend on one rank: numpy's savetxt, the most wasteful writer, takes 25

Ranks = NDArray[np.int64]
Grid = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What some scans need beside the grid: `seed` (random), `factor` (subscale, interlaced), `ranks` (explicit)."""

    seed: int = 0
    factor: int = 2
    ranks: Any = None


Scan = Callable[[Grid, Settings], Ranks]


def raster(grid: Grid, _: Settings) -> Ranks:
    """Rows from the top, each from left to right."""
    return np.arange(grid[0] * grid[1], dtype=np.int64).reshape(grid)


def columns(grid: Grid, _: Settings) -> Ranks:
    """Columns from the left, each from top to bottom: the transpose of raster."""
    return np.arange(grid[0] * grid[1], dtype=np.int64).reshape(grid[1], grid[0]).T


def serpentine(grid: Grid, settings: Settings) -> Ranks:
    """Rows from the top, the first from left to right, then alternating in direction (boustrophedon, S-curve)."""
    rank = raster(grid, settings)
    rank[1::2] = rank[1::2, ::-1].copy()
    return rank


def zigzag(grid: Grid, _: Settings) -> Ranks:
    """Anti-diagonals from the top left, alternating in direction as in JPEG: (0,0), (0,1), (1,0), (2,0), (1,1) ..."""
    start, upper, lower, d, i = _antidiagonals(grid)
    return start[d] + np.where(d % 2 == 1, i - upper[d], lower[d] - i)


def diagonal(grid: Grid, _: Settings) -> Ranks:
    """Anti-diagonals from the top left, each from its upper right end to its lower left end."""
    start, upper, _lower, d, i = _antidiagonals(grid)
    return start[d] + (i - upper[d])


def _antidiagonals(grid: Grid) -> tuple[Ranks, Ranks, Ranks, Ranks, Ranks]:
    """For each anti-diagonal the cells before it, its first and its last row; for each cell d = i + j, and i."""
    height, width = grid
    d = np.arange(height + width - 1)
    upper, lower = np.maximum(0, d - width + 1), np.minimum(d, height - 1)
    lengths = lower - upper + 1
    i, j = np.ogrid[:height, :width]
    return np.cumsum(lengths) - lengths, upper, lower, i + j, i


def spiral(grid: Grid, _: Settings) -> Ranks:
    """From the outside in, clockwise from the top left corner."""
    height, width = grid
    i, j = np.ogrid[:height, :width]
    ring = np.minimum(np.minimum(i, height - 1 - i), np.minimum(j, width - 1 - j))
    h, w = height - 2 * ring, width - 2 * ring  # the size of what is left when the rings outside are done
    i, j = i - ring, j - ring
    along = np.select(
        [i == 0, j == w - 1, i == h - 1],
        [j, (w - 1) + i, 2 * (w - 1) + (h - 1) - j],
        2 * (w - 1) + 2 * (h - 1) - i,
    )
    return height * width - h * w + along


def spiral_out(grid: Grid, settings: Settings) -> Ranks:
    """From the inside out, ending at the top left corner: spiral backwards."""
    return grid[0] * grid[1] - 1 - spiral(grid, settings)


def hilbert(grid: Grid, _: Settings) -> Ranks:
    """The generalised Hilbert curve from the top left to the other end of the longer side (of the top row in a square).

    It takes any size. Consecutive cells share a side, but for one diagonal step where the longer side is odd and the
    shorter one even and at least 4. There, by parity, no path goes through all cells between those two corners. Where
    the shorter side is 2 and the longer odd, every step is a side and the curve ends next to the corner instead."""
    # Červený 2019, "gilbert". A block is a corner (i, j), a vector a along which the curve travels, a vector b across,
    # and the first rank of its cells. All blocks of one depth are split at once, so that nothing recurses.
    height, width = grid
    rank = np.empty(grid, np.int64)
    a, b = ((0, width), (height, 0)) if width >= height else ((height, 0), (0, width))
    blocks = np.array([[0, 0, *a, *b, 0]], np.int32)
    while len(blocks):
        along, across = _size(blocks[:, 2:4]), _size(blocks[:, 4:6])
        strips = (along == 1) | (across == 1)
        _fill_strips(rank, blocks[strips], along[strips], across[strips])
        long = ~strips & (2 * along > 3 * across)
        blocks = np.concatenate([_halve(blocks[long]), _fold(blocks[~strips & ~long])])
    return rank


def _size(vectors: NDArray[np.int32]) -> NDArray[np.int32]:
    """Length of vectors that lie along an axis, [N, 2] -> [N]."""
    return np.abs(vectors.sum(axis=1, dtype=np.int32))


def _block(
    corner: NDArray[np.int32], a: NDArray[np.int32], b: NDArray[np.int32], first: NDArray[np.int32]
) -> NDArray[np.int32]:
    return np.concatenate([corner, a, b, first[:, None]], axis=1)


def _fill_strips(rank: Ranks, blocks: NDArray[np.int32], along: NDArray[np.int32], across: NDArray[np.int32]) -> None:
    """Write the ranks of the blocks that are one cell wide."""
    length = np.maximum(along, across)
    step = np.sign(np.where((across == 1)[:, None], blocks[:, 2:4], blocks[:, 4:6]))
    of_block = np.repeat(np.arange(len(blocks)), length)
    k = np.arange(len(of_block)) - np.repeat(np.cumsum(length) - length, length)
    cells = blocks[of_block, 0:2] + k[:, None] * step[of_block]
    rank[cells[:, 0], cells[:, 1]] = blocks[of_block, 6] + k


def _even_half(vectors: NDArray[np.int32]) -> NDArray[np.int32]:
    """Half of each vector, lengthened by one where that makes its length even: even sides let blocks join."""
    half = vectors // 2
    odd = (_size(half) % 2 == 1) & (_size(vectors) > 2)
    return half + odd[:, None] * np.sign(vectors)


def _halve(blocks: NDArray[np.int32]) -> NDArray[np.int32]:
    """A long block becomes two, one after the other."""
    corner, a, b, first = blocks[:, 0:2], blocks[:, 2:4], blocks[:, 4:6], blocks[:, 6]
    half = _even_half(a)
    second = first + _size(half) * _size(b)
    return np.concatenate([_block(corner, half, b, first), _block(corner + half, a - half, b, second)])


def _fold(blocks: NDArray[np.int32]) -> NDArray[np.int32]:
    """Any other block becomes three: up across the first half, along the far side, and back across the second half."""
    corner, a, b, first = blocks[:, 0:2], blocks[:, 2:4], blocks[:, 4:6], blocks[:, 6]
    a_half, b_half = a // 2, _even_half(b)
    second = first + _size(a_half) * _size(b_half)
    third = second + _size(a) * _size(b - b_half)
    back = corner + (a - np.sign(a)) + (b_half - np.sign(b))
    return np.concatenate(
        [
            _block(corner, b_half, a_half, first),
            _block(corner + b_half, a, b - b_half, second),
            _block(back, -b_half, a_half - a, third),
        ]
    )


def checkerboard(grid: Grid, _: Settings) -> Ranks:
    """Two ranks: the cells with i + j even together, then all others together."""
    i, j = np.ogrid[: grid[0], : grid[1]]
    return (i + j) % 2


def interlaced(grid: Grid, settings: Settings) -> Ranks:
    """Cells with equal (row mod factor, column mod factor) together, phase after phase (Reed et al. 2017)."""
    i, j = np.ogrid[: grid[0], : grid[1]]
    rows, cols = min(settings.factor, grid[0]), min(settings.factor, grid[1])
    return (i % rows) * cols + j % cols


def subscale(grid: Grid, settings: Settings) -> Ranks:
    """The factor x factor interleaved subimages one by one, each in raster order (Menick and Kalchbrenner 2018)."""
    height, width = grid
    rows, cols = min(settings.factor, height), min(settings.factor, width)
    i, j = np.ogrid[:height, :width]
    heights = (height - np.arange(rows) + rows - 1) // rows  # of each phase's subimage
    widths = (width - np.arange(cols) + cols - 1) // cols
    cells = np.outer(heights, widths)
    start = (np.cumsum(cells) - cells.reshape(-1)).reshape(cells.shape)
    return start[i % rows, j % cols] + (i // rows) * widths[j % cols] + j // cols


def random(grid: Grid, settings: Settings) -> Ranks:
    """A permutation drawn with `seed`, the same on every machine."""
    # The raw stream of a bit generator is fixed (Philox4x64-10 with the seed as its key, Salmon et al. 2011), whereas
    # numpy may change how Generator.permutation uses it. A cell's rank is the rank of its 64 bits; ties go by position.
    keys = np.random.Philox(key=settings.seed).random_raw(int(np.prod(grid)))
    rank = np.empty(len(keys), np.int64)
    rank[np.argsort(keys, kind="stable")] = np.arange(len(keys))
    return rank.reshape(grid)


def explicit(grid: Grid, settings: Settings) -> Ranks:
    """The given ranks, in the grid's shape or flat; equal ones are generated together, and gaps are closed."""
    if settings.ranks is None:
        raise InputError("AR502", "the explicit order needs its ranks", help="give `ranks`: one rank for each position")
    return np.unique(_checked(settings.ranks, grid), return_inverse=True)[1].reshape(grid).astype(np.int64)


def natural(grid: Grid, _: Settings) -> Ranks:
    """From the first to the last."""
    return np.arange(grid[0], dtype=np.int64)


def backwards(grid: Grid, _: Settings) -> Ranks:
    """From the last to the first."""
    return np.arange(grid[0], dtype=np.int64)[::-1]


SCANS_2D: dict[str, Scan] = {
    "raster": raster,
    "columns": columns,
    "serpentine": serpentine,
    "zigzag": zigzag,
    "diagonal": diagonal,
    "spiral": spiral,
    "spiral_out": spiral_out,
    "hilbert": hilbert,
    "checkerboard": checkerboard,
    "interlaced": interlaced,
    "subscale": subscale,
    "random": random,
    "explicit": explicit,
}
SCANS_1D: dict[str, Scan] = {"natural": natural, "reversed": backwards, "random": random, "explicit": explicit}


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
    grid = _checked_grid(grid)
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
    if not _is_count(channel_count):
        raise InputError("AR808", f"the number of channels must be a positive integer, not {channel_count!r}")
    if groups is None:
        groups = channel_count if channels == "sequential" else 1
    if not _is_count(groups) or channel_count % groups or (channels == "joint" and groups != 1):
        allowed = "joint channels are one group" if channels == "joint" else "groups are slices of equal size"
        raise InputError("AR808", f"{channel_count} {channels} channels cannot form {groups!r} groups", help=allowed)
    grid = _checked_grid(grid)
    if groups * int(np.prod(grid)) > MAX_VARIABLES:
        raise InputError(
            "AR505", f"{groups} groups on a grid of {_text(grid)} exceed the limit of {MAX_VARIABLES} variables"
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


def ranks_from_file(path: str | Path, grid: Grid, quoted: bool = True) -> Ranks:
    """The ranks of a file for the explicit scan, int64 in the grid's shape (the grid (W, H) for a transposed scan).

    `.npy`: an integer array in the grid's shape or flat. `.csv` and `.txt`: integers separated by commas or white
    space. They stand in one line for each row of the grid, or all in one line, or one in each line. Nothing is
    unpickled. Raises InputError for files that are missing, too large for the grid, or hold anything else. What they
    hold is part of its message where they are `quoted`."""
    path, grid = Path(path), _checked_grid(grid)
    readers = {".npy": _read_npy, ".csv": _read_text, ".txt": _read_text}
    if path.suffix.lower() not in readers:
        raise InputError("AR504", f"{path}: a file of ranks is .npy, .csv or .txt")
    limit = 4096 + BYTES_PER_RANK * int(np.prod(grid))
    if not os.path.exists(path):
        raise InputError("AR504", f"{path}: there is no such file of ranks")
    with opened(path, "AR504") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise InputError(
            "AR504", f"{path}: larger than {limit} bytes, the limit for the ranks of a grid of {_text(grid)}"
        )
    try:
        return _checked(readers[path.suffix.lower()](content, grid), grid)
    except InputError as fault:
        if not quoted:
            hint = "it is not below the folder of the spec, so that nothing of it is shown"
            raise InputError("AR504", f"{path} holds no ranks for a grid of {_text(grid)}", hint) from None
        raise InputError(fault.code, f"{path}: {fault.message}", help=fault.help) from None


def _read_npy(content: bytes, _: Grid) -> NDArray[Any]:
    import io

    try:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except Exception as fault:  # numpy's header parser lets through whatever its tokenizer and dtype constructor raise
        raise InputError("AR504", f"not an array of integers in numpy's .npy format ({fault})") from None


def _read_text(content: bytes, grid: Grid) -> list[Any]:
    """The integers of a text: nested where it has a line for each row of the grid, else flat."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError("AR504", "not a text in UTF-8") from None
    rows: list[list[int]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(",")] if "," in line else line.split()
        for field in fields:
            if not (field.isascii() and field.isdigit() and len(field) <= 18):
                found = repr(field[:40]) if field else "an empty field"
                raise InputError("AR504", f"line {number}: a rank is an integer from 0 on, not {found}")
        rows.append([int(field) for field in fields])
    flat = len(grid) == 1 or len(rows) == 1 or all(len(row) == 1 for row in rows)
    return [rank for row in rows for rank in row] if flat else rows


def _checked(ranks: Any, grid: Grid) -> Ranks:
    """The given ranks as int64 in the grid's shape, still with their gaps."""
    if isinstance(ranks, list | tuple):
        ranks = _array(cast("Sequence[Any]", ranks), grid)
    if not isinstance(ranks, np.ndarray):
        raise InputError("AR502", f"ranks are a list of integers, not {type(ranks).__name__}")
    array = cast("NDArray[Any]", ranks)
    if array.dtype.kind not in "iu":
        raise InputError("AR502", f"ranks must be integers, not {array.dtype}", help="numpy's savetxt needs fmt='%d'")
    if array.shape not in (grid, (int(np.prod(grid)),)):
        raise InputError("AR503", f"{_text(array.shape)} ranks do not fit a grid of {_text(grid)}")
    lowest, highest = int(array.min()), int(array.max())
    if lowest < 0 or highest >= 2**63:
        raise InputError("AR502", f"ranks are integers from 0 to 2**63 - 1, not {lowest if lowest < 0 else highest}")
    return array.astype(np.int64).reshape(grid)


def _array(ranks: Sequence[Any], grid: Grid) -> Ranks:
    """A flat list or a list of rows as an array, every entry checked: numpy would take True and 1.5 too."""
    rows = cast("Sequence[Sequence[Any]]", ranks if ranks and isinstance(ranks[0], list | tuple) else [ranks])
    if rows is ranks:
        for i, row in enumerate(rows):
            if not isinstance(row, list | tuple) or len(row) != len(rows[0]):
                found = f"{len(row)} ranks" if isinstance(row, list | tuple) else repr(row)[:40]
                raise InputError("AR503", f"row {i} of the ranks holds {found}, row 0 holds {len(rows[0])} ranks")
    if sum(len(row) for row in rows) != int(np.prod(grid)):
        given = f"{len(rows)} x {len(rows[0])}" if rows is ranks else f"{len(ranks)}"
        help = f"give one rank for each place, {int(np.prod(grid))} in all, row by row"
        raise InputError("AR503", f"{given} ranks do not fit a grid of {_text(grid)}", help)
    for i, row in enumerate(rows):
        for j, rank in enumerate(row):
            if not _is_integer(rank, 0, 2**63):
                where = f"row {i}, column {j}" if rows is ranks else f"entry {j}"
                raise InputError("AR502", f"ranks are integers from 0 to 2**63 - 1, not {repr(rank)[:40]} ({where})")
    array = np.array(rows, dtype=np.int64)
    return array if rows is ranks else array[0]


def _checked_grid(grid: Grid) -> Grid:
    if len(grid) not in (1, 2) or not all(_is_count(size) for size in grid):
        raise InputError("AR808", f"a grid is (height, width) or (length,) in positive integers, not {grid!r}")
    grid = tuple(int(size) for size in grid)
    count = functools.reduce(lambda product, size: product * size, grid)
    if count > MAX_POSITIONS:
        raise InputError(
            "AR505", f"a grid of {_text(grid)} has {count} positions; the limit is {MAX_POSITIONS} (2**24)"
        )
    return grid


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
    if not _is_integer(seed, 0, 2**64):
        raise InputError("AR808", f"a seed is an integer from 0 to 2**64 - 1, not {seed!r}")
    if not _is_count(factor):
        raise InputError("AR808", f"the factor of {scan} must be a positive integer, not {factor!r}")
    if ranks is not None and scan != "explicit":
        raise InputError(
            "AR502", f"the order {scan} makes its own ranks", help="use the scan explicit, or leave `ranks` out"
        )


def _is_integer(value: object, lowest: int, limit: int) -> bool:
    """Whether a value of any type is an integer, not a bool, from `lowest` to below `limit`."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and lowest <= cast("int", value) < limit


def _is_count(value: object) -> bool:
    return _is_integer(value, 1, 2**63)


def _text(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape) or "nothing"


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
