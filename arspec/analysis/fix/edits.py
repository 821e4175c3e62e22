"""Edits of a text by the marks of its tree, for flow and block style alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from arspec.diagnostics import Place
from arspec.syntax.yaml import Map, Seq


@dataclass(frozen=True)
class Edit:
    """What stands at a place becomes `text`."""

    place: Place
    text: str


def replaced(place: Place, text: str) -> Edit:
    """The edit that puts this text where the place is."""
    return Edit(place, text)


def added(tree: Map, key: str, text: str) -> Edit:
    """A key more, behind the last."""
    source, end = tree.place.source, tree.place.end
    if tree.flow:
        at = len(source.text[: end - 1].rstrip())
        lead = "" if not tree.entries else " " if source.text[at - 1] == "," else ", "
        return Edit(Place(source, at, at), f"{lead}{key}: {text}")
    first = next(iter(tree.entries.values()))[0]
    rest = re.compile(r"[ \t]+#[^\r\n]*").match(source.text, end)  # a comment stays on its line
    end = rest.end() if rest else end
    return Edit(Place(source, end, end), f"\n{' ' * (first.column - 1)}{key}: {text}")


def removed(tree: Map, key: str) -> Edit:
    """A key less, with its value."""
    names = list(tree.entries)
    spans = [(place.start, value.place.end) for place, value in tree.entries.values()]
    return _cut(tree, spans, names.index(key))


def dropped(tree: Seq, number: int) -> Edit:
    """An item of a list less."""
    spans = [(item.place.start, item.place.end) for item in tree.items]
    return _cut(tree, spans, number)


def _cut(tree: Map | Seq, spans: list[tuple[int, int]], number: int) -> Edit:
    start, end = spans[number]
    if number + 1 < len(spans):
        end = spans[number + 1][0]
    elif number > 0:
        start = spans[number - 1][1]
    return Edit(Place(tree.place.source, start, end), "")


def inserted(before: Place, flow: bool, name: str, text: str) -> Edit:
    """An entry more, in front of the one whose key stands at `before`."""
    rest = ", " if flow else "\n" + " " * (before.column - 1)
    return Edit(Place(before.source, before.start, before.start), f"{name}: {text}{rest}")


def apply(edits: Iterable[Edit]) -> dict[str, str]:
    """The edited texts, by the names of their sources."""
    found: dict[str, str] = {}
    for edit in sorted(edits, key=lambda e: e.place.start, reverse=True):
        source = edit.place.source
        text = found.get(source.name, source.text)
        found[source.name] = text[: edit.place.start] + edit.text + text[edit.place.end :]
    return found


def scalar(value: str) -> str:
    """A text as YAML that stands in flow and in block style, in quotes where it must."""
    plain = re.fullmatch(r"[A-Za-z_$(][^:#,\[\]{}&*!|%@`\"'\n]*", value) and value.strip() == value
    return value if plain else "'" + value.replace("'", "''") + "'"
