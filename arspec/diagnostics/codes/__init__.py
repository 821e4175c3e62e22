"""The codes of the diagnostics and their pages, one file for each hundred, and for some subjects one of their own.

A new code is one `code(...)` in its file; nothing else lists it.
"""

from __future__ import annotations

from arspec.diagnostics.codes import (
    audits,
    blocks,
    checkpoints,
    classes,
    containers,
    data,
    editor,
    experts,
    expressions,
    guide,
    heads,
    inputs,
    library,
    machine,
    names,
    orders,
    params,
    plan,
    proof,
    shape,
    text,
    types,
    witness,
)
from arspec.diagnostics.codes.page import LEVELS, Code, Level

__all__ = ["CODES", "LEVELS", "Code", "Level"]

_FILES = (
    text,
    shape,
    names,
    params,
    blocks,
    expressions,
    types,
    experts,
    orders,
    heads,
    proof,
    inputs,
    data,
    audits,
    containers,
    checkpoints,
    machine,
    library,
    guide,
    plan,
    classes,
    editor,
    witness,
)

CODES: dict[str, Code] = {
    entry.code: entry for entry in sorted((e for file in _FILES for e in file.CODES), key=lambda e: e.code)
}
"""Every code with its title and page, in order."""
