"""Scans: pure functions of a grid that give the rank of each position, [H, W] or [T], contiguous from 0."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arspec.diagnostics import InputError
from arspec.ranks import Grid, Ranks, checked_ranks


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
    return np.unique(checked_ranks(settings.ranks, grid), return_inverse=True)[1].reshape(grid).astype(np.int64)


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
