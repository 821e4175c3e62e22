"""The expression of the author's code that calls an operator, and the module that runs it."""

# Frames have no public name.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import islice
from types import FrameType

import torch

from arspec.shadow.places import Place, beyond

_TORCH = os.path.dirname(torch.__file__) + os.sep
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_PYTHON = sysconfig.get_path("stdlib") + os.sep
_SITE = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
_HELPERS = tuple(site + name for site in _SITE for name in ("einops", "opt_einsum", "jaxtyping", "beartype", "numpy"))

UNKNOWN = Place("<unknown>", 0, "")


def inside(names: Mapping[int, str], files: Collection[str]) -> tuple[Place, str | None]:
    """The author's expression that runs, with its columns, and the path of the innermost module that runs it.

    `names`: the path of each module by its `id`. `files`: those that define modules under test, which count as the
    author's wherever they lie. The path is None where no module of them runs.
    """
    place: Place | None = None
    path: str | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not beyond(frame) and (place is None or path is None):
        file = frame.f_code.co_filename
        if place is None and _is_authors(file, files):
            place = _expression(frame)
        if path is None and frame.f_code.co_varnames[:1] == ("self",):
            path = names.get(id(frame.f_locals.get("self")))
        frame = frame.f_back
    return replace(place or UNKNOWN, module=path or ""), path


def _is_authors(file: str, files: Collection[str]) -> bool:
    if file in files:
        return True
    if file.startswith("<"):
        return bool(linecache.getline(file, 1))
    if file.startswith(_SITE):
        return not file.startswith((_TORCH, _PACKAGE, *_HELPERS))
    return not file.startswith((_TORCH, _PACKAGE, _PYTHON))


def _expression(frame: FrameType) -> Place:
    """The part of a line that the frame is at."""
    code = frame.f_code
    spot = next(islice(code.co_positions(), frame.f_lasti // 2, None), (None, None, None, None))
    line, end_line, column, end_column = spot
    if line is None or column is None or end_line is None or end_column is None:
        return Place(code.co_filename, frame.f_lineno or 0, code.co_name)
    return Place(code.co_filename, line, code.co_name, "", column, end_line, end_column)
