"""Diagnostics for programs: JSON and GitHub annotations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from arspec.diagnostics.diagnostic import Diagnostic
from arspec.diagnostics.foreign import visible
from arspec.diagnostics.place import Place


def to_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """For programs: one object a diagnostic; lines and columns from 1, offsets in characters from 0."""
    return [
        {
            "code": diagnostic.code,
            "level": diagnostic.level,
            "message": diagnostic.message,
            "help": diagnostic.help,
            "place": None if diagnostic.place is None else _place_json(diagnostic.place),
            "related": [{"message": note, "place": _place_json(place)} for place, note in diagnostic.related],
            "edits": [{"place": _place_json(place), "text": text} for place, text in diagnostic.edits],
        }
        for diagnostic in diagnostics
    ]


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """For GitHub Actions: one workflow command a diagnostic, which the site shows beside the line."""
    return "\n".join(_annotation(diagnostic) for diagnostic in diagnostics)


def _place_json(place: Place) -> dict[str, Any]:
    return {
        "file": place.source.name,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "start": place.start,
        "end": place.end,
    }


def _annotation(diagnostic: Diagnostic) -> str:
    command = "notice" if diagnostic.level == "note" else diagnostic.level
    properties: list[tuple[str, object]] = []
    place = diagnostic.place
    if place is not None:
        properties += [("file", place.source.name), ("line", place.line), ("endLine", place.end_line)]
        # GitHub shows no columns for a range of several lines and warns of those that run backwards
        properties.append(("col", place.column))
        if place.end_line == place.line:
            properties.append(("endColumn", max(place.column, place.end_column)))
    properties.append(("title", diagnostic.code))
    stated = ",".join(f"{name}={_escaped(str(value), (':', ','))}" for name, value in properties)
    parts: Sequence[str] = [
        diagnostic.message,
        *(f"{other}: {note}" for other, note in diagnostic.related),
        *([f"help: {diagnostic.help}"] if diagnostic.help else []),
    ]
    return f"::{command} {stated}::{_escaped(chr(10).join(parts))}"


def _escaped(value: str, more: Iterable[str] = ()) -> str:
    """Escapes of the workflow commands, https://github.com/actions/toolkit packages/core/src/command.ts."""
    value = visible(value, keep="\r\n")
    for char in ("%", "\r", "\n", *more):
        value = value.replace(char, f"%{ord(char):02X}")
    return value.encode("utf-8", "backslashreplace").decode()
