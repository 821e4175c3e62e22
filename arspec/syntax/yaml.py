"""YAML text to a tree that knows its places.

PyYAML reads the events, by libyaml where it has that; the tree is built here, so that no Python object is ever
constructed from a tag, scalars have the meaning of YAML 1.2 (core schema), duplicate keys are refused with both places,
and every span can be edited.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml as pyyaml
from yaml import events

from arspec.diagnostics import (
    Collector,
    Diagnostic,
    InputError,
    Place,
    Source,
    SpecError,
    did_you_mean,
    did_you_mean_file,
)
from arspec.files.foreign import opened
from arspec.files.kinds import meant
from arspec.syntax.scalars import Value, core_value
from arspec.syntax.yaml_faults import told

MAX_BYTES = 1 << 20  # of a text in UTF-8
MAX_DEPTH = 64  # collections within collections
MAX_NODES = 100_000  # scalars, sequences and mappings as written
MAX_ALIASED = 10_000  # nodes that aliases stand for, all together
MOST_SHOWN = 6  # specs of a folder that a message names
KEPT = 1 << 16  # characters of a text whose tree is kept
LONGEST_KEY = 1024  # characters that YAML allows a key that no ? introduces

_CORE = "tag:yaml.org,2002:"
_KINDS: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "null": type(None),
}
# What libyaml and PyYAML's own reader, which decides, take for the same; libyaml is many times as fast. A % begins a
# directive in the first column alone.
_ALIKE = re.compile(r"[^\t?!%\ufeff]*(?:(?<=[^\r\n\x85\u2028\u2029])%[^\t?!%\ufeff]*)*")
_LIBYAML: Any = getattr(pyyaml, "CSafeLoader", None)
_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*|\s+|(?<=\s)#[^\r\n]*)*")


class _Loader(pyyaml.SafeLoader):
    """PyYAML's own, which goes through the open brackets at each token: as what may still be a key stands in the order
    in which it was read, the first tells of all."""

    possible_simple_keys: dict[int, Any]

    def next_possible_simple_key(self) -> int | None:
        for key in self.possible_simple_keys.values():
            return key.token_number
        return None

    def stale_possible_simple_keys(self) -> None:
        keys = self.possible_simple_keys
        while keys:
            level, key = next(iter(keys.items()))
            if key.line == self.line and self.index - key.index <= LONGEST_KEY:
                return
            if key.required:
                super().stale_possible_simple_keys()  # which refuses it
            del keys[level]


@dataclass(frozen=True)
class Tree:
    """A node of the text. An alias gives the very tree of its anchor, with the anchor's place."""

    place: Place


@dataclass(frozen=True)
class Scalar(Tree):
    """A value; the place is exactly its characters, quotes included, without properties, blanks and comments."""

    value: Value


@dataclass(frozen=True)
class Seq(Tree):
    """A YAML sequence. flow: whether it is written in brackets."""

    items: tuple[Tree, ...]
    flow: bool

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class Map(Tree):
    """`entries`: key to (place of the key, value), in the order of the text."""

    entries: dict[str, tuple[Place, Tree]]
    flow: bool

    def get(self, key: str) -> Tree | None:
        """The value of a key; None where the map has none."""
        entry = self.entries.get(key)
        return None if entry is None else entry[1]


def indent_below(entries: Mapping[str, tuple[Place, Tree]], key: str) -> str | None:
    """The help for a `key` that is out of place, where it lost its indentation: it follows a key that has no value. The
    entries from `key` on do not count."""
    owner = None
    for name, (_, tree) in entries.items():
        if name == key:
            break
        owner = name if isinstance(tree, Scalar) and tree.value is None and not tree.place.text else owner
    return None if owner is None else f"if it belongs to '{owner}' above, begin it further to the right than '{owner}'"


def read(path: str | os.PathLike[str]) -> Source:
    """The text of a file, named as given. InputError where it cannot be read, is no text by its name, is not UTF-8 or
    exceeds MAX_BYTES."""
    name = os.fspath(path)
    try:
        with opened(name, "AR003") as file:
            data = file.read(MAX_BYTES + 1)
    except InputError as error:
        raise InputError(error.code, error.message, _in_folder(name) or did_you_mean_file(name)) from None
    if (other := meant(name)) is not None:
        raise InputError("AR902", f"{name!r} is {other[0]} and no spec, which is YAML", other[1])
    if len(data) > MAX_BYTES:
        raise InputError("AR005", f"{name!r} is larger than {MAX_BYTES:,} bytes (limit MAX_BYTES)")
    try:
        return Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"{name!r} is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start} (line {line})"
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # UTF-16
        binary = b"\0" in data and not wide
        help = "it is no text; a spec is a text in YAML" if binary else "save the file as UTF-8"
        raise InputError("AR004", found, help) from None


def _in_folder(name: str) -> str | None:
    """What to name instead of a folder: the model or the specs that lie there.
    None where it is no folder or holds none."""
    path = Path(name)
    try:
        if (path / "model.safetensors").exists():
            return f"it holds a trained model: arspec.load_model({name!r}) in Python; sample, eval ... take the folder"
        found = sorted(each.name for each in path.iterdir() if each.suffix in (".yaml", ".yml"))
    except (OSError, ValueError):
        return None
    more = f" ... ({len(found)} in all)" if len(found) > MOST_SHOWN else ""
    return f"name a spec that lies there: {', '.join(found[:MOST_SHOWN])}{more}" if found else None


def parse(source: Source) -> Tree:
    """The tree of a text with one document. SpecError with every fault that can be found."""
    if len(source.text) > MAX_BYTES or len(source.text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        found = f"the text is larger than {MAX_BYTES:,} bytes (limit MAX_BYTES)"
        raise SpecError([Diagnostic("AR005", found, Place(source, 0, 0))])
    return _tree(source) if len(source.text) <= KEPT else _composed(source)


@lru_cache(maxsize=16)  # the variants of a spec have its text
def _tree(source: Source) -> Tree:
    return _composed(source)


def _composed(source: Source) -> Tree:
    if _LIBYAML is not None and _ALIKE.fullmatch(source.text):
        try:
            return _Composer(source, _LIBYAML).document()
        except _Unread:  # what is wrong with it is said by PyYAML's own reader
            pass
    return _Composer(source, _Loader).document()


def scanned(text: str) -> Iterator[Any]:
    """The tokens of a text, as PyYAML has them. Raises what PyYAML raises where it is not YAML."""
    loader = _LIBYAML if _LIBYAML is not None and _ALIKE.fullmatch(text) else _Loader
    return pyyaml.scan(text, Loader=loader)


def plain(tree: Tree) -> Any:
    """The tree as plain Python: dict, list, str, int, float, bool, None."""
    if isinstance(tree, Map):
        return {key: plain(value) for key, (_, value) in tree.entries.items()}
    if isinstance(tree, Seq):
        return [plain(item) for item in tree.items]
    assert isinstance(tree, Scalar)
    return tree.value


class _Refused(Exception):
    """Reading cannot go on; the diagnostic is in the collector."""


class _Unread(Exception):
    """libyaml does not take the text."""


class _Read(NamedTuple):
    """A tree, where it is written (the alias, for an alias), its nodes with aliases expanded, and its height."""

    tree: Tree
    written: Place
    size: int
    height: int


@dataclass
class _Anchor:
    place: Place
    read: _Read | None = None  # None while its node is being read: an alias to it then would be recursive


class _Composer:
    """Builds one tree from the events of a loader of PyYAML and collects the faults on the way."""

    def __init__(self, source: Source, loader: Any) -> None:
        self.source, self.loader = source, loader
        self.loaded: Any = None  # the loader of this text, that knows how far it has read
        self.faults = Collector()
        self.anchors: dict[str, _Anchor] = {}
        self.written = 0
        self.aliased = 0
        self.next: Callable[[], Any] = self._own_events().__next__  # gives the next event

    def document(self) -> Tree:
        """The tree. _Unread where libyaml does not take the text."""
        if self.loader is not _LIBYAML:
            return self._document()
        try:
            self.next = self.loader(self.source.text).get_event
            return self._document()
        except (pyyaml.YAMLError, ValueError):
            raise _Unread from None

    def _document(self) -> Tree:
        tree: Tree | None = None
        try:
            self.next()  # the stream starts
            event = self.next()
            if isinstance(event, events.DocumentStartEvent):
                tree = self._node(self.next(), 1).tree
                self.next()  # the document ends
                event = self.next()
                if isinstance(event, events.DocumentStartEvent):
                    place = self._place(event)
                    self.faults.add("AR013", "a second document starts here; a spec is one document", place)
        except _Refused:
            pass
        if (tree is None or (isinstance(tree, Scalar) and tree.value is None)) and not self.faults:
            self.faults.add("AR014", "the text is empty", Place(self.source, 0, 0))
        self.faults.raise_if_any()
        assert tree is not None
        return tree

    def _own_events(self) -> Iterator[Any]:
        """As PyYAML's own reader finds them; whatever its scanner raises becomes a diagnostic."""
        try:
            self.loaded = loader = self.loader(self.source.text)
            while loader.check_event():
                yield loader.get_event()
        except pyyaml.reader.ReaderError as error:
            at = Place(self.source, error.position, error.position + 1)
            # the reader gives the character's code as an integer, whatever its annotation says
            self.faults.add("AR016", f"the character U+{_code_point(error.character):04X} may not stand in YAML", at)
        except pyyaml.MarkedYAMLError as error:
            self._syntax(error)
        except (ValueError, OverflowError, IndexError, AttributeError) as error:
            # escapes beyond Unicode, version numbers of thousands of digits: PyYAML lets these through
            at = min(getattr(self.loaded, "index", 0), len(self.source.text))
            self.faults.add("AR001", f"this is not YAML: {error}", Place(self.source, at, at))
        else:
            return
        raise _Refused

    def _syntax(self, error: pyyaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        at = min(mark.index if mark else 0, len(self.source.text))
        place = Place(self.source, at, min(at + 1, len(self.source.text)))
        problem = error.problem or "it cannot be read"
        here = self.source.text[at : at + 1]
        line_start = self.source.line_starts[place.line - 1]
        if here == "\t" or ("\t" in self.source.text[line_start:at] and "'\\t'" in problem):
            first = not self.source.text[line_start:at].strip()
            help = "indent with spaces" if first else "write a space"
            self.faults.add("AR015", "a tab where only spaces may stand", place, help)
            return
        self.faults.add("AR001", *told(self.source, error))

    def _place(self, event: Any) -> Place:
        return Place(self.source, event.start_mark.index, max(event.start_mark.index, event.end_mark.index))

    def _refuse(self, code: str, message: str, place: Place, help: str | None = None) -> _Refused:
        self.faults.add(code, message, place, help)
        return _Refused()

    def _node(self, event: Any, depth: int) -> _Read:
        if isinstance(event, events.AliasEvent):
            return self._alias(event, depth)
        self.written += 1
        if self.written > MAX_NODES:
            raise self._refuse("AR007", f"more than {MAX_NODES:,} nodes (limit MAX_NODES)", self._place(event))
        anchor = None if event.anchor is None else self._anchor(event)
        if isinstance(event, events.ScalarEvent):
            result = _Read(scalar := self._scalar(event), scalar.place, 1, 0)
        else:
            if depth > MAX_DEPTH:
                at = self._start(event)
                found = f"nested more than {MAX_DEPTH} deep (limit MAX_DEPTH)"
                raise self._refuse("AR006", found, Place(self.source, at, at + 1))
            result = self._collection(event, depth)
        if anchor is not None:
            anchor.read = result
        return result

    def _anchor(self, event: Any) -> _Anchor:
        name: str = event.anchor
        start: int = event.start_mark.index
        anchor = _Anchor(Place(self.source, start, start + len(name) + 1))
        if name in self.anchors:
            first = self.anchors[name].place
            self.faults.add("AR009", f"the anchor &{name} is set twice", anchor.place, None, [(first, "first here")])
        self.anchors[name] = anchor
        return anchor

    def _alias(self, event: Any, depth: int) -> _Read:
        place = self._place(event)
        name: str = event.anchor
        anchor = self.anchors.get(name)
        if anchor is None:
            help = did_you_mean(name, self.anchors, "anchors") or f"to mean the text, write it in quotes: '*{name}'"
            raise self._refuse("AR009", f"there is no anchor &{name} before this alias", place, help)
        target = anchor.read
        if target is None:
            raise self._refuse("AR009", f"the alias *{name} stands within its own anchor", place)
        self.aliased += target.size
        if self.aliased > MAX_ALIASED:
            raise self._refuse("AR008", f"aliases stand for more than {MAX_ALIASED:,} nodes (limit MAX_ALIASED)", place)
        if depth + target.height - 1 > MAX_DEPTH:
            raise self._refuse("AR006", f"nested more than {MAX_DEPTH} deep (limit MAX_DEPTH)", place)
        return target._replace(written=place)

    def _scalar(self, event: Any) -> Scalar:
        start, end = self._start(event), event.end_mark.index
        if event.style in ("|", ">"):  # PyYAML ends these after the blank lines that follow
            end = start + len(self.source.text[start:end].rstrip())
        place = Place(self.source, start, max(start, end))
        kind = None if event.tag is None else self._kind(event, tuple(_KINDS))
        text: str = event.value
        if kind == "str" or (kind is None and (event.style or event.tag == "!")):
            return Scalar(place, text)
        try:
            value = core_value(text)
        except OverflowError as limit:
            shown = text if len(text) <= 40 else f"{text[:30]}... ({len(text):,} characters)"
            self.faults.add("AR017", f"the number {shown} is beyond {limit}", place, "to mean the text, quote it")
            return Scalar(place, 0)
        if kind is not None:
            wrong = kind in ("int", "float") and isinstance(value, bool)
            if wrong or not isinstance(value, _KINDS[kind]):
                self.faults.add("AR010", f"{text[:40]!r} is no !!{kind}", place, "leave the tag out")
            elif kind == "float":
                value = float(value) if isinstance(value, int) else value
        return Scalar(place, value)

    def _kind(self, event: Any, allowed: tuple[str, ...]) -> str | None:
        """The core schema's tag of an event, None where it has none; any other tag is a fault."""
        tag: str = event.tag
        if tag == "!":
            return None
        kind = tag.removeprefix(_CORE)
        if tag.startswith(_CORE) and kind in allowed:
            return kind
        start: int = event.start_mark.index
        shown = f"!!{kind}" if tag.startswith(_CORE) else tag
        place = Place(self.source, start, max(start + 1, self._start(event)))
        self.faults.add("AR010", f"the tag {shown[:60]!r} is refused", place, "a spec is plain data: leave the tag out")
        return None

    def _start(self, event: Any) -> int:
        """Where the node itself starts: PyYAML's mark stands before the anchor and the tag."""
        start: int = event.start_mark.index
        if event.anchor is None and event.tag is None:
            return start
        match = _PROPERTIES.match(self.source.text, start, max(start, event.end_mark.index))
        return match.end() if match else start

    def _collection(self, opening: Any, depth: int) -> _Read:
        is_map = isinstance(opening, events.MappingStartEvent)
        if opening.tag is not None:
            self._kind(opening, ("map",) if is_map else ("seq",))
        start = self._start(opening)
        items: list[Tree] = []
        entries: dict[str, tuple[Place, Tree]] = {}
        size, height, end = 1, 0, start
        while not isinstance(event := self.next(), events.CollectionEndEvent):
            tree, written, inner, tall = key = self._node(event, depth + 1)
            if is_map:
                size, height, end = size + inner, max(height, tall), max(end, written.end)
                tree, written, inner, tall = self._behind_colon(self._node(self.next(), depth + 1), key.written.end)
                self._enter(entries, key, tree)
            else:
                items.append(tree)
            size, height, end = size + inner, max(height, tall), max(end, written.end)
        flow = bool(opening.flow_style)
        closing: int = event.end_mark.index
        # a block ends with its last child, not where PyYAML notices, which is after the comments that follow
        if flow and self.source.text[closing - 1 : closing] in ("]", "}"):
            end = max(end, closing)
        place = Place(self.source, start, end)
        tree = Map(place, entries, flow) if is_map else Seq(place, tuple(items), flow)
        return _Read(tree, place, size, height + 1)

    def _behind_colon(self, value: _Read, start: int) -> _Read:
        """A value of no characters stands behind its colon, where in brackets libyaml has it in front of the comma.
        start: where its key ends."""
        place = value.written
        if not isinstance(value.tree, Scalar) or place.start < place.end or place.start <= start:
            return value
        colon = self.source.text.find(":", start, place.start)
        if colon < 0 or self.source.text[colon + 1 : place.start].strip():
            return value
        place = Place(self.source, colon + 1, colon + 1)
        return value._replace(tree=Scalar(place, value.tree.value), written=place)

    def _enter(self, entries: dict[str, tuple[Place, Tree]], key: _Read, value: Tree) -> None:
        if not isinstance(key.tree, Scalar):
            what = "mapping" if isinstance(key.tree, Map) else "list"
            self.faults.add("AR011", f"a key is a name, and this is a {what}", key.written)
            return
        name = key.tree.value
        written = key.written.text
        if not isinstance(name, str):
            what = "null" if name is None else "a truth value" if isinstance(name, bool) else "a number"
            help = f'write "{written}" in quotes to make it a name' if written else "write a name before the colon"
            self.faults.add(
                "AR011", f"a key is a name, and {written[:40] or 'an empty key'} is {what}", key.written, help
            )
        elif name == "<<" and written == "<<":
            help = "repeat the keys, or use `extends`, which merges params, and with a + other sections"
            self.faults.add("AR012", "merge keys (<<) are not part of YAML 1.2", key.written, help)
        elif name in entries:
            first = entries[name][0]
            lost = indent_below(dict([*entries.items()][[*entries].index(name) + 1 :]), name)
            found = f"the key {name[:60]!r} stands twice"
            self.faults.add("AR002", found, key.written, lost or "keep one of the two", [(first, "first here")])
        else:
            entries[name] = (key.written, value)


def _code_point(character: Any) -> int:
    return ord(character[:1]) if isinstance(character, (str, bytes)) else int(character)
