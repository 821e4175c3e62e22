"""What the sources of a graph give: the types of the data and of the conditions."""

from __future__ import annotations

from dataclasses import replace

from arspec.language.parsed import ParsedSpec
from arspec.language.sections import Condition
from arspec.types import Cells, Free, Type


def data_type(spec: ParsedSpec) -> Type:
    """The type of a spec's data; of data with auxiliary images in several parts, which have the names of the spec."""
    data, grid, groups = spec.data, spec.data.grid, spec.groups
    frame = Cells((0,) * len(grid), (1,) * len(grid))
    own = Type(grid, groups, data.channels // groups, frame, data.levels)
    if not data.auxiliary:
        return own
    parts: list[tuple[str, Type]] = [
        (name, Type(grid, 1, 1, replace(frame, part=(k, k + 1)), one.levels))
        for k, (name, one) in enumerate(data.auxiliary.items())
    ]
    parts.append(("x", replace(own, frame=replace(frame, part=(len(parts), len(parts) + groups)))))
    return Type(grid, len(data.auxiliary) + groups, own.channels, frame, None, tuple(parts))


def condition_type(section: Condition) -> Type:
    """The type of a condition: with a level more, or a channel more, where it may be left out."""
    more, shape = int(section.may_be_left_out), section.shape
    if section.whole is None:
        return Type(shape[1:], 1, shape[0] + more, Free())
    if not shape:  # as a one-hot vector
        return Type((), 1, section.whole + more, Free())
    return Type(shape, 1, 1, Free(), section.whole + more)
