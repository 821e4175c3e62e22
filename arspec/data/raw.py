"""A source as it lies in its file, before it is brought to a spec's shape and alphabet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from arspec.data.examples import Array
from arspec.diagnostics import InputError

Layout = Literal["images", "text", "audio", "array"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
T = TypeVar("T")
SPLITS = ("train", "valid", "test")
LEAST = 3  # of what is split: one for each split


@dataclass
class Raw:
    """One split of a source.

    x: images [N, C, H, W]; text: bytes [T]; audio: samples in -1 .. 1, [T]; array: integers [N, ...] or [T].
    levels: the size of the alphabet where the source states it. highest: of arrays that state none, the largest value
        of all splits. rate: Hz, of audio. at: of text, where a byte stands in its file.
    labels: class of each example [N], where the source has classes. classes: their names, where they have names.
    condition: arrays named as the spec's conditions.
    """

    layout: Layout
    x: Array
    levels: int | None = None
    highest: int | None = None
    rate: int | None = None
    labels: Array | None = None
    classes: tuple[str, ...] | None = None
    condition: dict[str, Array] = field(default_factory=dict[str, Array])
    notes: list[str] = field(default_factory=list[str])
    at: Callable[[int], str] | None = None


def split_of(things: Sequence[T], split: str, shuffle: bool, what: str, instead: str | None = None) -> list[T]:
    """The things of one split, as `split_indices` says."""
    chosen: list[int] = split_indices(len(things), split, shuffle, what, instead).tolist()
    return [things[i] for i in chosen]


def split_indices(
    count: int, split: str, shuffle: bool, what: str = "examples", instead: str | None = None
) -> NDArray[np.int64]:
    """Indices of one split of a source that comes without any: 80 / 10 / 10 %, shuffled by a fixed seed or in order.

    In order, the last tenth is the test split and the tenth before it the validation split. 'all' gives
    everything, as it lies there. what: the word for several. instead: what else can be done where they are too few.
    """
    if split == "all":
        return np.arange(count)
    order = np.random.default_rng(0).permutation(count) if shuffle else np.arange(count)
    tenth = count // 10 if count >= 10 else int(count >= LEAST)
    parts = dict(zip(SPLITS, np.split(order, [count - 2 * tenth, count - tenth]), strict=True))
    if split not in parts:
        raise InputError("AR803", f"there is no split '{split}': the splits are train, valid, test and all")
    if len(parts[split]) == 0:
        raise too_few(count, what, f"a split '{split}'", LEAST, instead)
    return np.sort(parts[split])


def held_out(count: int, shuffle: bool, what: str) -> tuple[list[int], list[int]]:
    """Indices for training and for validation, of a source that has a test split and none for validation: a tenth is
    held out, drawn by a fixed shuffle or the last one. InputError where there are fewer than two."""
    if count < 2:
        raise too_few(count, what, "training and validation", 2)
    order = np.random.default_rng(0).permutation(count) if shuffle else np.arange(count)
    tenth = max(1, count // 10)
    return sorted(order[:-tenth].tolist()), sorted(order[-tenth:].tolist())


def too_few(count: int, what: str, purpose: str, least: int, instead: str | None = None) -> InputError:
    """The error for fewer than are needed. what: the word for several, which ends in s. instead: what else helps."""
    came = f"1 {what.removesuffix('s')} is" if count == 1 else f"{count} {what} are"
    ways = [f"give {least} or more", *([instead] if instead is not None else [])]
    everything = "eval, score, explore and complete take --split all, which uses everything"
    return InputError("AR803", f"{came} too few for {purpose}", f"{', or '.join(ways)}; {everything}")
