"""The degrees of a MADE, found again from its masks (Germain et al. 2015, equations 13 and 14)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from arspec.checkpoints.mapping import UNFIT
from arspec.checkpoints.stored import Stored
from arspec.diagnostics import InputError
from arspec.types import Bools, Ints

MASK = re.compile(r"net\.(\d+)\.mask")
MOST_UNITS = 1 << 16


def config_of_masks(tensors: Mapping[str, Stored], source: str) -> dict[str, Any]:
    """What the masks of a MADE say: its size, the rank of each entry, and the degrees of the units of each layer.
    InputError where they are no comparisons of degrees."""
    numbers = sorted(int(found[1]) for name in tensors if (found := MASK.fullmatch(name)))
    names = [f"net.{number}.mask" for number in numbers]
    shapes = [tensors[name].shape for name in names]
    fits = all(len(shape) == 2 for shape in shapes) and numbers == list(range(0, 2 * len(names), 2))
    if len(names) < 2 or not fits or any(a[0] != b[1] for a, b in itertools.pairwise(shapes)):
        raise InputError(UNFIT, f"the masks of {source} are not those of layers one after another")
    if max(max(shape) for shape in shapes) > MOST_UNITS:
        raise InputError(UNFIT, f"a layer of {source} has more than {MOST_UNITS:,} units")
    if shapes[0][1] != shapes[-1][0]:
        message = f"{source} gives {shapes[-1][0]:,} numbers for {shapes[0][1]:,} entries; one for each is understood"
        raise InputError(UNFIT, message, "a MADE of binary entries has one output for each")
    masks = [np.asarray(tensors[name].read().double().numpy()) != 0 for name in names]
    entries, units = _solved(masks, None)
    ranks = np.empty(len(entries), np.int64)
    ranks[np.argsort(entries, kind="stable")] = np.arange(len(entries))
    _, units = _solved(masks, ranks)
    if not _hold(masks, ranks, units):
        message = f"the masks of {source} are not those of one order and of degrees"
        raise InputError(
            UNFIT, message, "the masks of a MADE compare degrees: those below, and then the ranks of entries"
        )
    return {"size": len(ranks), "ranks": ranks.tolist(), "hidden_layers": len(units), "last": numbers[-1],
            "degrees": [each.tolist() for each in units]}  # fmt: skip


def _solved(masks: list[Bools], ranks: Ints | None) -> tuple[Ints, list[Ints]]:
    """The least ranks of entries and degrees of units that the masks allow; the ranks, where they are given."""
    entries = np.zeros(masks[0].shape[1], np.int64) if ranks is None else ranks
    units = [np.zeros(mask.shape[0], np.int64) for mask in masks[:-1]]
    for _ in range(2 * len(entries) + 2):
        before = [entries.copy(), *(each.copy() for each in units)]
        below = entries
        for mask, own in zip(masks, units, strict=False):
            np.maximum(own, _most(mask, below, 1), out=own)  # seen: not above it
            if below is not entries or ranks is None:
                np.maximum(below, _most(~mask, own[:, None] + 1, 0), out=below)  # not seen: above it
            below = own
        np.maximum(below, _most(~masks[-1], entries[:, None], 0), out=below)  # not seen by the entry: not below it
        if ranks is None:
            np.maximum(entries, _most(masks[-1], below, 1) + 1, out=entries)
        if all(np.array_equal(a, b) for a, b in zip(before, [entries, *units], strict=True)):
            break
    return entries, units


def _most(where: Bools, values: npt.NDArray[np.int64], axis: int) -> Ints:
    """The largest of the values where the mask holds; -1 where it holds nowhere."""
    return np.where(where, values, -1).max(axis, initial=-1)


def _hold(masks: list[Bools], ranks: Ints, units: list[Ints]) -> bool:
    """Whether the masks are what ranks and degrees make."""
    layers = [ranks, *units]
    made = [below <= own[:, None] for below, own in zip(layers, units, strict=False)]
    made.append(units[-1] < ranks[:, None])
    return all(np.array_equal(mask, each) for mask, each in zip(masks, made, strict=True))
