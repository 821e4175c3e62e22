"""What is being written at a place of a text, whether or not the text can be read: lines by their indentation, flow
mappings and lists by their brackets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from arspec.diagnostics import Source
from arspec.editor.text import Position, line_at, offset_at
from arspec.language.merging import merged_name

MAX_BACK = 400  # lines above a place that are looked at for the bracket that is open there
_BLOCK_KEY = re.compile(r"(?P<indent>\s*)(?:- +)*(?P<quote>['\"]?)(?P<key>[A-Za-z_][\w-]*\+?)(?P=quote)\s*:(?=\s|$)")
_ITEM = re.compile(r"\s*-(?:\s+|$)(?![A-Za-z_][\w-]*\s*:(?:\s|$))")
_WORD = re.compile(r"[\w$.*+-]")
_NAME = re.compile(r"[\w-]")


@dataclass(frozen=True)
class Context:
    """path: the keys from the top to the mapping at the place, without their +. key: the key whose value is written;
    None where a key itself is. word: what is written of it so far, [start, end) its characters in the text. siblings:
    the other keys of the mapping, with the text of their values. listed: whether the value is within a list. flow:
    whether the mapping is in brackets. line: the line, from 0, on which the entry of the mapping begins."""

    path: tuple[str, ...]
    key: str | None
    word: str
    start: int
    end: int
    siblings: dict[str, str] = field(default_factory=dict[str, str])
    listed: bool = False
    flow: bool = False
    plus: bool = False  # whether the mapping merges with one below it
    before: str = ""  # what stands before the word, of its value


@dataclass
class _Frame:
    """A bracket that is open: a mapping's with the key that is written, or a list's."""

    is_map: bool
    key: str | None = None
    keys: dict[str, str] = field(default_factory=dict[str, str])
    began: int = 0  # where the current key or value begins


def context(source: Source, position: Position) -> Context | None:
    """What is written at a position; None within a comment."""
    offset = offset_at(source, position)
    lines = [line_at(source, k) for k in range(len(source.line_starts))]
    at = min(position.line, len(lines) - 1)
    column = offset - source.line_starts[at]
    if _commented(lines[at][:column]):
        return None
    first = _opener(lines, at, column)
    key = _BLOCK_KEY.match(lines[first])
    in_value = key is not None and (first < at or column >= key.end())
    if key is None or not in_value:
        return _block(source, lines, at, column, offset)
    begin = source.line_starts[first] + key.end()
    frames, value = _scan(source.text, begin, offset)
    path = (*_parents(lines, first, len(key["indent"])), _bare(key["key"]))
    plus = key["key"].endswith("+")
    word, start, end = _word(source.text, offset, begin)
    if not frames:
        siblings = _neighbours(lines, first, len(key["indent"]))
        return Context(path[:-1], path[-1], word, start, end, siblings, before=source.text[value:start])
    for frame in frames[:-1]:
        if frame.is_map and frame.key is not None:
            path, plus = (*path, _bare(frame.key)), frame.key.endswith("+")
    last = frames[-1]
    inner = last if last.is_map else next((f for f in reversed(frames) if f.is_map), None)
    if inner is None:  # a list that is the value of the key of the line
        siblings = _neighbours(lines, first, len(key["indent"]))
        return Context(path[:-1], path[-1], word, start, end, siblings, True, before=source.text[value:start])
    if not last.is_map:
        path = path[:-1] if inner is not frames[-1] and path and path[-1] == _bare(inner.key or "") else path
    siblings = {**inner.keys, **_after(source.text, offset, len(frames) - frames.index(inner))}
    siblings.pop(inner.key or "", None)
    if inner.key is None:
        return Context(path, None, word, start, end, siblings, False, True, plus)
    return Context(path, _bare(inner.key), word, start, end, siblings, not last.is_map, True, plus,
                   source.text[value:start])  # fmt: skip


def _bare(key: str) -> str:
    return merged_name(key) or key


def _commented(text: str) -> bool:
    quote = ""
    for k, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and (k == 0 or text[k - 1] in " [{,:("):
            quote = character
        elif character == "#" and (k == 0 or text[k - 1] in " \t"):
            return True
    return False


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _opener(lines: list[str], at: int, column: int) -> int:
    """The line that has the key whose value goes on at a place: that line, or one above with a bracket still open."""
    own = lines[at]
    if _BLOCK_KEY.match(own) and not _inside_flow(lines, at):
        return at
    level = _indent(own) if own.strip() else column
    for k in range(at - 1, max(-1, at - 1 - MAX_BACK), -1):
        if _blank(lines[k]):
            continue
        key = _BLOCK_KEY.match(lines[k])
        if key is not None and len(key["indent"]) < level:
            frames, _ = _scan("\n".join(lines[k:at]) + "\n", key.end(), None)
            return k if frames else at
    return at


def _inside_flow(lines: list[str], at: int) -> bool:
    """Whether a line that looks like an entry goes on with what a line above, less indented, has opened."""
    level = _indent(lines[at])
    for k in range(at - 1, max(-1, at - 1 - MAX_BACK), -1):
        if _blank(lines[k]):
            continue
        key = _BLOCK_KEY.match(lines[k])
        if key is None or len(key["indent"]) >= level:
            if _indent(lines[k]) < level:
                continue
            if key is not None and len(key["indent"]) == level and not _open(lines[k], key.end()):
                return False
            continue
        return _open("\n".join(lines[k:at]) + "\n", key.end())
    return False


def _open(text: str, begin: int) -> bool:
    return bool(_scan(text, begin, None)[0])


def _scan(text: str, begin: int, end: int | None) -> tuple[list[_Frame], int]:
    """The brackets that are open at `end`, and where the value that is written there begins."""
    frames: list[_Frame] = []
    began, quote, k = begin, "", begin
    stop = len(text) if end is None else end
    while k < stop:
        character, before = text[k], text[k - 1] if k else " "
        if quote:
            quote = "" if character == quote and before != "\\" else quote
        elif character in "\"'" and before in " \n[{,:(":
            quote = character
        elif character == "#" and before in " \n\t":
            k = text.find("\n", k)
            if k < 0 or k >= stop:
                break
        elif character in "{[" and (frames or before in " \n:-"):
            frames.append(_Frame(character == "{"))
            began = k + 1
        elif character in "}]":
            if frames:
                frames.pop()
            began = k + 1
        elif character == "," and frames:
            frame = frames[-1]
            if frame.is_map:
                if frame.key is not None:
                    frame.keys[frame.key] = text[began:k].strip()
                frame.key = None
            began = k + 1
        elif character == ":" and frames and frames[-1].is_map and frames[-1].key is None:
            ends = k + 1 == stop or text[k + 1 : k + 2] in ("", " ", "\n", "\r")
            frames[-1].key = text[began:k].strip().strip("'\"") if ends else None
            began = k + 1 if ends else began
        k += 1
    return frames, began


def _after(text: str, offset: int, depth: int) -> dict[str, str]:
    """The keys that stand behind a place in the mapping around it."""
    found: dict[str, str] = {}
    level, k, began, key = depth, offset, offset, None
    while k < len(text) and k < offset + 2000:
        character = text[k]
        if character in "{[":
            level += 1
        elif character in "}]":
            level -= 1
            if level < 1:
                break
        elif level == 1 and character == ",":
            if key is not None:
                found[key] = text[began:k].strip()
            key, began = None, k + 1
        elif level == 1 and character == ":" and text[k + 1 : k + 2] in (" ", "\n") and key is None:
            word = text[began:k].strip()
            key = word if re.fullmatch(r"[\w+-]+", word) and began > offset else key
            began = k + 1
        elif (
            character == "\n" and _BLOCK_KEY.match(text[k + 1 : text.find("\n", k + 1) + 1 or len(text)]) and level == 1
        ):
            line = text[k + 1 : text.find("\n", k + 1) if text.find("\n", k + 1) >= 0 else len(text)]
            if "{" in line:
                break
        k += 1
    if key is not None:
        found[key] = text[began:k].strip()
    return found


def _word(text: str, offset: int, begin: int) -> tuple[str, int, int]:
    """What is written at a place: the text before it, and [start, end) with what goes on behind it."""
    start = offset
    while start > begin and _WORD.match(text[start - 1]):
        start -= 1
    end = offset
    while end < len(text) and _NAME.match(text[end]):
        end += 1
    return text[start:offset], start, end


def _block(source: Source, lines: list[str], at: int, column: int, offset: int) -> Context | None:
    """A key of a mapping that is written line by line."""
    level = _indent(lines[at]) if lines[at].strip() else column
    level = min(level, column)
    item = _ITEM.match(lines[at])
    if item is not None and column >= item.end():
        return _item(source, lines, at, item.end(), offset)
    word, start, end = _word(source.text, offset, source.line_starts[at])
    path = _parents(lines, at, level)
    siblings = _neighbours(lines, at, level)
    parent = next((k for k in range(at - 1, -1, -1) if not _blank(lines[k]) and _indent(lines[k]) < level), None)
    plus = parent is not None and (m := _BLOCK_KEY.match(lines[parent])) is not None and m["key"].endswith("+")
    return Context(path, None, word, start, end, siblings, plus=plus)


def _item(source: Source, lines: list[str], at: int, begin: int, offset: int) -> Context | None:
    """An item of a list that is written line by line; None where it is no value of a key."""
    level = _indent(lines[at])
    for k in range(at - 1, max(-1, at - 1 - MAX_BACK), -1):
        key = None if _blank(lines[k]) or _ITEM.match(lines[k]) else _BLOCK_KEY.match(lines[k])
        if key is not None and len(key["indent"]) <= level:
            word, start, end = _word(source.text, offset, source.line_starts[at] + begin)
            path, indent = _parents(lines, k, len(key["indent"])), len(key["indent"])
            return Context(path, _bare(key["key"]), word, start, end, _neighbours(lines, k, indent), True)
    return None


def _parents(lines: list[str], at: int, level: int) -> tuple[str, ...]:
    """The keys of the lines that a line is indented below."""
    found: list[str] = []
    for k in range(at - 1, -1, -1):
        if level == 0:
            break
        key = None if _blank(lines[k]) else _BLOCK_KEY.match(lines[k])
        if key is not None and len(key["indent"]) < level:
            found.append(_bare(key["key"]))
            level = len(key["indent"])
    return tuple(reversed(found))


def _neighbours(lines: list[str], at: int, level: int) -> dict[str, str]:
    """The keys of the mapping that a line belongs to, line by line."""
    found: dict[str, str] = {}
    for step in (-1, 1):
        k = at + step
        while 0 <= k < len(lines):
            if not _blank(lines[k]):
                if _indent(lines[k]) < level:
                    break
                key = _BLOCK_KEY.match(lines[k])
                if key is not None and len(key["indent"]) == level:
                    found.setdefault(key["key"], lines[k][key.end() :].strip())
            k += step
    return found
