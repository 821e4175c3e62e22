"""Conditions in a container: one for all, one for each part, or one for each tile of the only part."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arspec.codec.interleaving import Share
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.data.adapt import check_condition
from arspec.data.examples import Array
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.language.sections import Condition as Section


def checked(given: Mapping[str, Array], sections: Mapping[str, Section], tiles: list[int]) -> dict[str, Array]:
    """The conditions of parts with so many tiles each, [rows, ...]; rows that are all alike become one. InputError for
    what does not fit."""
    for name in given:
        if name not in sections:
            raise InputError(
                "AR807", f"the spec has no condition '{name}'", f"its conditions are: {', '.join(sections)}"
            )
    found: dict[str, Array] = {}
    for name, section in sections.items():
        if name not in given and section.may_be_left_out:
            found[name] = np.full(
                (1, *section.shape), section.nothing, np.float32 if section.whole is None else np.int64
            )
            continue
        if name not in given:
            raise InputError("AR806", f"the model has the condition '{name}', which is not given")
        rows = np.asarray(given[name])
        rows = check_condition(name, section, rows, len(rows) if rows.ndim else 0)
        if len(rows) > 1 and (rows == rows[:1]).all():
            rows = rows[:1]
        if len(rows) not in (1, rows_for(tiles)):
            message = f"'{name}' is given for {len(rows)}, and there are {rows_for(tiles)} to give it for"
            raise InputError(
                "AR807", message, "give one for all, one for each file, or one for each example of one file"
            )
        found[name] = rows
    return found


def rows_for(tiles: list[int]) -> int:
    """For how many a condition can be given, other than once for all: the parts, or the tiles of the only part."""
    return tiles[0] if len(tiles) == 1 else len(tiles)


def pack(conditions: Mapping[str, Array]) -> bytes:
    """Checked conditions as bytes."""
    out = ByteWriter()
    for rows in conditions.values():
        out.number(len(rows)).raw(rows.astype("<i8" if rows.dtype.kind == "i" else "<f4").tobytes())
    return out.done()


def unpack(data: bytes, sections: Mapping[str, Section]) -> dict[str, Array]:
    """What `pack` packed, for the sections of the same spec."""
    source, found = ByteReader(data), dict[str, Array]()
    for name, section in sections.items():
        count, shape = source.number(1 << 40), section.shape
        each = (4 if section.whole is None else 8) * math.prod(shape)
        flat = np.frombuffer(source.raw(count * each), "<f4" if section.whole is None else "<i8")
        try:
            found[name] = check_condition(name, section, flat.reshape(count, *shape), count)
        except InputError as error:
            raise CorruptContainer(f"the container's conditions do not fit: {error.message}") from error
    source.end()
    return found


def of_share(conditions: Mapping[str, Array], parts: int) -> Callable[[Share], dict[str, Tensor]]:
    """The conditions of a share's tiles, among so many parts."""

    def chosen(share: Share) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, rows in conditions.items():
            own = np.arange(share.first, share.first + share.count) if parts == 1 else np.full(share.count, share.part)
            if len(rows) > 1 and own[-1] >= len(rows):
                raise CorruptContainer("the container has not a condition for every part")
            found[name] = torch.from_numpy(np.ascontiguousarray(rows[own if len(rows) > 1 else own * 0]))
        return found

    return chosen
