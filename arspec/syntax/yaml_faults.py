"""What is wrong with a text that is not YAML: PyYAML's complaint, as a newcomer understands it, at the place of its
cause."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml as pyyaml

from arspec.diagnostics import Place, Source

_COLONLESS = re.compile(r"([A-Za-z_]\w*) +([^:#\s]*|[\[{].*)")
_CLOSES = {"[": "]", "{": "}"}
_KINDS = {"[": "list", "{": "mapping", '"': "text", "'": "text"}


class Told(NamedTuple):
    """A diagnostic of a text that is not YAML, less its code."""

    message: str
    place: Place
    help: str | None = None
    related: tuple[tuple[Place, str], ...] = ()
    edits: tuple[tuple[Place, str], ...] = ()


def stops_at(text: str) -> int | None:
    """The line, from 0, at which libyaml finds that a text is not YAML; None where it reads the text, or is not there.
    It takes a fraction of the time in which `told` finds the cause."""
    loader: Any = getattr(pyyaml, "CSafeLoader", None)
    try:
        for _ in pyyaml.parse(text, Loader=loader) if loader is not None else ():
            pass
    except pyyaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return 0 if mark is None else mark.line
    except (pyyaml.YAMLError, ValueError):
        return 0
    return None


def told(source: Source, error: pyyaml.MarkedYAMLError) -> Told:
    """The cause of a syntax error, where it is one of those that people make most; else what PyYAML says."""
    problem, context = error.problem or "it cannot be read", error.context or ""
    mark = error.problem_mark or error.context_mark
    at = _index(source, mark)
    opened = _index(source, error.context_mark) if error.context_mark is not None else None
    here = source.text[at : at + 1]
    if "mapping values are not allowed" in problem:
        return _stray_colon(source, at)
    if "quoted scalar" in context and opened is not None:
        return _unclosed_quote(source, opened)
    long = _long_quote(source, at)
    if long is not None:
        return _unclosed_quote(source, long)
    if "while parsing a flow" in context and opened is not None:
        return _in_brackets(source, at, opened)
    if here and here in "]}":
        place = _one(source, at)
        return Told(f"this '{here}' closes nothing", place, "remove it, or open it before", (), ((place, ""),))
    if "expected <block end>" in problem and opened is not None:
        return _off(source, at, opened, here)
    if "could not find expected ':'" in problem and opened is not None:
        return _no_colon(source, opened)
    message = f"this is not YAML: {problem}" + (f" ({context})" if context else "")
    related = ((_one(source, opened), "it starts here"),) if opened is not None and opened != at else ()
    if here in ("*", "&", "%", "@", "`", "!") or "scanning an alias" in context or "scanning an anchor" in context:
        return Told(message, _one(source, at), f"a value that starts with {here or '* or &'} stands in quotes", related)
    return Told(message, _one(source, at), None, related)


def _index(source: Source, mark: Any) -> int:
    return min(mark.index if mark else 0, len(source.text))


def _one(source: Source, at: int, length: int = 1) -> Place:
    return Place(source, at, min(at + length, len(source.text)))


def _line_of(source: Source, number: int) -> Place:
    """A line without its blanks at both ends."""
    start, line = source.line_starts[number - 1], source.line(number)
    mark = 1 if number == 1 and source.text.startswith("\ufeff") else 0
    start += mark + len(line) - len(line.lstrip())
    return Place(source, start, start + len(line.strip()))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _before(source: Source, number: int) -> int | None:
    """The number of the last line before this one that is neither blank nor a comment."""
    for k in range(number - 1, 0, -1):
        if source.line(k).strip() and not source.line(k).lstrip().startswith("#"):
            return k
    return None


def _stray_colon(source: Source, at: int) -> Told:
    """A colon where no key may end: the line before lacks its own, this line is too deep, or its value has a colon."""
    number = source.line_at(at)
    line, start = source.line(number), source.line_starts[number - 1]
    before = _before(source, number)
    if re.match(r"\s*[A-Za-z_]\w* +[\[{]", line):
        return _no_colon(source, start)
    if ":" not in line[: at - start] and before is not None:
        other = source.line(before)
        if _indent(line) > _indent(other):
            found = "this line stands deeper than the line before it, whose value is complete"
            help = "the keys of one mapping begin in the same column"
            return Told(found, _line_of(source, number), help, ((_line_of(source, before), "the line before"),))
        return _no_colon(source, source.line_starts[before - 1])
    help = "a value that contains a colon and a space stands in quotes; between two keys stands a comma or a new line"
    return Told("a second colon in one value", _one(source, at), help)


def _no_colon(source: Source, at: int) -> Told:
    """A line that is to be a key with its value, and has no colon between."""
    place = _line_of(source, source.line_at(at))
    if place.text.startswith("//"):
        slashes = Place(source, place.start, place.start + 2)
        return Told("this line has no colon", place, "a comment begins with #", (), ((slashes, "#"),))
    known = _COLONLESS.fullmatch(place.text.partition(" #")[0].rstrip())
    joined = re.match(r"([A-Za-z_]\w*):(\S.*)", place.text)
    if joined:
        key = Place(source, place.start, place.start + len(joined[1]) + 1)
        return Told("no space behind this colon", key, f"write `{joined[1]}: ...`", (), ((key, f"{joined[1]}: "),))
    if known and known[2]:
        gap = Place(source, place.start + known.end(1), place.start + known.start(2))
        return Told("this line has no colon", place, f"write `{known[1]}: {known[2]}`", (), ((gap, ": "),))
    return Told("this line has no colon", place, "a key is followed by a colon and a space")


def _unclosed_quote(source: Source, at: int) -> Told:
    quote = source.text[at : at + 1]
    help = f"close it with {quote}" + (", or write '' for an apostrophe inside" if quote == "'" else "")
    return Told("a quote opens here, and does not close on its line", _one(source, at), help)


def _long_quote(source: Source, at: int) -> int | None:
    """Where the last quoted text before the trouble opens, if it runs over several lines: it was most likely to end on
    its first."""
    last: Any = None
    try:
        for token in pyyaml.scan(source.text):
            if token.start_mark.index >= at:
                break
            last = token if isinstance(token, pyyaml.ScalarToken) and token.style in ("'", '"') else last
    except (pyyaml.YAMLError, ValueError, OverflowError, IndexError, AttributeError):
        pass
    if last is None or last.start_mark.line == last.end_mark.line or last.end_mark.line != source.line_at(at) - 1:
        return None
    return int(last.start_mark.index)


def _in_brackets(source: Source, at: int, opened: int) -> Told:
    """Trouble inside [ ] or { }: one that is not closed, or a comma that is missing."""
    bracket = source.text[opened : opened + 1]
    kind = _KINDS.get(bracket, "mapping")
    if source.text[max(at - 1, 0) : at] == "$" and source.text[at : at + 1] == "{":
        name = re.match(r"\{\s*(\w+)\s*\}", source.text[at:])
        whole = Place(source, at - 1, at + (name.end() if name else 1))
        edits = ((whole, f"${name[1]}"),) if name else ()
        return Told("a parameter has no braces", whole, f"write `${name[1] if name else 'name'}`", (), edits)
    if not _closed(source, opened):
        close = _CLOSES.get(bracket, "}")
        found = f"this {kind} is not closed"
        return Told(found, _one(source, opened), f"close it with {close}", ((_one(source, at), "here it can't go on"),))
    indexed = re.search(r"([$]?)([A-Za-z_]\w*)$", source.text[max(at - 80, 0) : at])
    if source.text[at : at + 1] == "[" and indexed:
        place = Place(source, at - len(indexed[0]), at + 1)
        number = re.match(r"\[\s*(-?\d+)\s*\]", source.text[at:])
        help = f"one of several nodes is written `{indexed[2]}.{number[1] if number else 0}`"
        if indexed[1]:
            help = f"a list has no parts here: give each number a name under params, or write `{indexed[0]}`"
        return Told("square brackets take no part out of a list", place, help)
    hidden = _comment(source, opened, at)
    if hidden is not None:
        related = ((_one(source, opened), f"the {kind} starts here"),)
        return Told(
            "what stands behind this # is a comment", hidden, "leave the # out, or put the text in quotes", related
        )
    found = f"this can't follow what stands before it in a {kind}"
    help = "a comma stands between two entries; a text with , : [ ] { } stands in quotes"
    return Told(found, _one(source, at), help, ((_one(source, opened), f"the {kind} starts here"),))


def _comment(source: Source, opened: int, at: int) -> Place | None:
    """The comment on the line of a bracket that most likely was meant to be a value,
    if the trouble is on a later one."""
    number = source.line_at(opened)
    line, start = source.line(number), source.line_starts[number - 1]
    found = re.search(r"[:,\[{] +(#\S[^,\]}]*[,\]}].*)$", line)
    if found is None or source.line_at(at) == number or start + found.start() < opened:
        return None
    return _one(source, start + found.start(1))


def _closed(source: Source, opened: int) -> bool:
    """Whether the bracket that opens here is closed before a line that stands no deeper than its own."""
    text, stack, quote = source.text, list[str](), ""
    if text[opened : opened + 1] not in _CLOSES:
        return True
    number = source.line_at(opened)
    indent, lines = _indent(source.line(number)), len(source.line_starts)
    for at in range(opened, len(text)):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and text[at - 1] in " ,[{:\n":
            quote = char
        elif char == "\n":
            number += 1
            line = source.line(number) if number <= lines else ""
            if line.strip() and _indent(line) <= indent and line.lstrip()[0] not in "]}":
                return False
        elif char in "[{":
            stack.append(_CLOSES[char])
        elif char in "]}":
            if stack.pop() != char:
                return False
            if not stack:
                return True
    return False


def _off(source: Source, at: int, opened: int, here: str) -> Told:
    """A line that begins in a column of none of the mappings around it, or a value that goes on behind its quote."""
    number = source.line_at(at)
    start = source.line_starts[number - 1]
    if source.text[start:at].strip():
        found = "the text in quotes ended before this"
        return Told(found, _one(source, at), "inside '...' an apostrophe is written twice; or use double quotes")
    if here == "-":
        found, help = "a list item where keys stand", "an entry of a mapping has no dash: write `name: ...`"
        return Told(found, _one(source, at), help)
    before = _before(source, number)
    column = _indent(source.line(before or number)) + 1
    help = f"begin it in the column of the keys that it belongs to; those of the line before begin in column {column}"
    return Told("the indentation of this line fits none of the lines above", _one(source, at), help,
                ((_one(source, opened), "these keys begin here"),))  # fmt: skip


__all__ = ["Told", "told"]
