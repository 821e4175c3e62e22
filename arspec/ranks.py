"""Ranks of a grid's positions, and those that a person gives: lists, arrays, files."""

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from arspec.diagnostics import InputError
from arspec.files.foreign import opened

MAX_POSITIONS = 2**24
BYTES_PER_RANK = 32  # what a file may spend on one rank: numpy's savetxt, the most wasteful writer, takes 25

Ranks = NDArray[np.int64]
Grid = tuple[int, ...]


def ranks_from_file(path: str | Path, grid: Grid, quoted: bool = True) -> Ranks:
    """The ranks of a file for the explicit scan, int64 in the grid's shape (the grid (W, H) for a transposed scan).

    `.npy`: an integer array in the grid's shape or flat. `.csv` and `.txt`: integers separated by commas or white
    space. They stand in one line for each row of the grid, or all in one line, or one in each line. Nothing is
    unpickled. Raises InputError for files that are missing, too large for the grid, or hold anything else. What they
    hold is part of its message where they are `quoted`."""
    path, grid = Path(path), checked_grid(grid)
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
            "AR504", f"{path}: larger than {limit} bytes, the limit for the ranks of a grid of {size_text(grid)}"
        )
    try:
        return checked_ranks(readers[path.suffix.lower()](content, grid), grid)
    except InputError as fault:
        if not quoted:
            hint = "it is not below the folder of the spec, so that nothing of it is shown"
            raise InputError("AR504", f"{path} holds no ranks for a grid of {size_text(grid)}", hint) from None
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


def checked_ranks(ranks: Any, grid: Grid) -> Ranks:
    """The given ranks as int64 in the grid's shape, still with their gaps."""
    if isinstance(ranks, list | tuple):
        ranks = _array(cast("Sequence[Any]", ranks), grid)
    if not isinstance(ranks, np.ndarray):
        raise InputError("AR502", f"ranks are a list of integers, not {type(ranks).__name__}")
    array = cast("NDArray[Any]", ranks)
    if array.dtype.kind not in "iu":
        raise InputError("AR502", f"ranks must be integers, not {array.dtype}", help="numpy's savetxt needs fmt='%d'")
    if array.shape not in (grid, (int(np.prod(grid)),)):
        raise InputError("AR503", f"{size_text(array.shape)} ranks do not fit a grid of {size_text(grid)}")
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
        raise InputError("AR503", f"{given} ranks do not fit a grid of {size_text(grid)}", help)
    for i, row in enumerate(rows):
        for j, rank in enumerate(row):
            if not is_integer(rank, 0, 2**63):
                where = f"row {i}, column {j}" if rows is ranks else f"entry {j}"
                raise InputError("AR502", f"ranks are integers from 0 to 2**63 - 1, not {repr(rank)[:40]} ({where})")
    array = np.array(rows, dtype=np.int64)
    return array if rows is ranks else array[0]


def checked_grid(grid: Grid) -> Grid:
    """A grid in plain integers. InputError for other than one or two positive sizes, and for too many positions."""
    if len(grid) not in (1, 2) or not all(is_count(size) for size in grid):
        raise InputError("AR808", f"a grid is (height, width) or (length,) in positive integers, not {grid!r}")
    grid = tuple(int(size) for size in grid)
    count = functools.reduce(lambda product, size: product * size, grid)
    if count > MAX_POSITIONS:
        raise InputError(
            "AR505", f"a grid of {size_text(grid)} has {count} positions; the limit is {MAX_POSITIONS} (2**24)"
        )
    return grid


def is_integer(value: object, lowest: int, limit: int) -> bool:
    """Whether a value of any type is an integer, not a bool, from `lowest` to below `limit`."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and lowest <= cast("int", value) < limit


def is_count(value: object) -> bool:
    """Whether a value of any type is a positive integer, not a bool."""
    return is_integer(value, 1, 2**63)


def size_text(shape: Sequence[int]) -> str:
    """A shape as messages name it, such as `8 x 8`."""
    return " x ".join(str(size) for size in shape) or "nothing"
