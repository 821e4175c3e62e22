"""Edits of a spec's text as people make them: each breaks or changes it at one place, and the next one mends it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

Change = Callable[[str, random.Random], str]


def edits(text: str, count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """The kind of each edit, and the text after it. Every second one mends what the one before did."""
    chance = random.Random(seed)
    kinds = [*KINDS]
    for k in range(count // 2):
        kind = kinds[k % len(kinds)]
        yield kind, KINDS[kind](text, chance)
        yield f"{kind}, mended", text


def _cut(text: str, start: int, end: int, put: str = "") -> str:
    return text[:start] + put + text[end:]


def _in_code(chance: random.Random, text: str) -> int:
    """A character of a line that states something."""
    places = [k for found in re.finditer(r"^ +\w.*$", text, re.MULTILINE) for k in range(*found.span())]
    return chance.choice([k for k in places if text[k] != " "])


def _character(text: str, chance: random.Random) -> str:
    at = _in_code(chance, text)
    return _cut(text, at, at + 1)


def _typed(text: str, chance: random.Random) -> str:
    at = _in_code(chance, text)
    return _cut(text, at, at, chance.choice("ax1-$, :[{"))


def _at(pattern: str) -> Change:
    """Deletes a character of a piece that matches."""

    def change(text: str, chance: random.Random) -> str:
        found = chance.choice([*re.finditer(pattern, text, re.MULTILINE)])
        at = chance.randrange(*found.span())
        return _cut(text, at, at + 1)

    return change


def _number(text: str, chance: random.Random) -> str:
    found = chance.choice([*re.finditer(r"\b\d+\b", text)])
    return _cut(text, *found.span(), str(int(found.group()) + chance.randint(1, 3)))


def _pasted(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    line = chance.choice([k for k, each in enumerate(lines) if "layer: " in each or "block: " in each])
    copy = re.sub(r"^( *)(\w+)", r"\1pasted", lines[line])
    return "".join([*lines[: line + 1], copy, *lines[line + 1 :]])


def _removed(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    line = chance.choice([k for k, each in enumerate(lines) if re.match(r" +\w", each)])
    return "".join([*lines[:line], *lines[line + 1 :]])


def _bracket(text: str, chance: random.Random) -> str:
    at = chance.choice([k for k, each in enumerate(text) if each in "[]{}"])
    return _cut(text, at, at + 1)


def _indented(text: str, chance: random.Random) -> str:
    at = chance.choice([*re.finditer(r"^ +(?=\w)", text, re.MULTILINE)]).end()
    return _cut(text, at, at, " ")


def _renamed(text: str, chance: random.Random) -> str:
    found = chance.choice([*re.finditer(r"^ +(\w+)(?=:)", text, re.MULTILINE)])
    return _cut(text, *found.span(1), f"{found.group(1)}_")


def _section(text: str, chance: random.Random) -> str:
    found = chance.choice([*re.finditer(r"^[a-z]+(?=:)", text, re.MULTILINE)])
    return _cut(text, found.end() - 1, found.end())


def _leaking(text: str, chance: random.Random) -> str:
    found = chance.choice([*re.finditer(r"layer: shift, \w+: 1", text)])
    return _cut(text, *found.span(), "layer: identity")


def _half(text: str, chance: random.Random) -> str:
    return text[: _in_code(chance, text)]


KINDS: dict[str, Change] = {
    "a character gone": _character,
    "a character more": _typed,
    "a character of a parameter gone": _at(r"^params:.*(?:\n .*)*"),
    "a character of a comment gone": _at(r"#.*$"),
    "a number changed": _number,
    "a line pasted": _pasted,
    "a line gone": _removed,
    "a bracket gone": _bracket,
    "a line indented": _indented,
    "a name changed": _renamed,
    "a section misspelt": _section,
    "the rest gone": _half,
    "a shift gone": _leaking,
}
