"""What may be written at a place of a spec: names, keys, kinds and values, with what they are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from arspec.editor import describe
from arspec.editor.context import Context, context
from arspec.editor.document import Document
from arspec.editor.facts import facts
from arspec.editor.hover import key_words, outer_siblings, scan
from arspec.editor.markdown import first_paragraph, flowing
from arspec.editor.names import Symbol
from arspec.editor.stated import ENTRY, entry_path, kinds_of_section, layer_kinds, refers, stated, values_of
from arspec.editor.text import Position, Range, offset_at, range_of
from arspec.editor.walk import Scope
from arspec.language.built_in import BUILT_IN
from arspec.language.extends import FORMS, SECTIONS, VERSION
from arspec.language.merging import MERGED
from arspec.language.shipped import SUFFIXES, shipped
from arspec.language.stated import output_trees
from arspec.language.using import LIBRARY, libraries
from arspec.masks import READY_MADE
from arspec.scans import SCANS_1D, SCANS_2D
from arspec.syntax.arithmetic import FUNCTIONS, WORDS
from arspec.syntax.predicates import COORDINATES
from arspec.syntax.yaml import Map

Sort = Literal["node", "output", "input", "param", "mask", "block", "condition", "key", "kind", "value", "word", "file",
               "section", "data"]  # fmt: skip


@dataclass(frozen=True)
class Item:
    """Something that may be written. text: what stands in the place of `range` then; snippet: whether it has places to
    fill in, `$1` and so on. about: in Markdown. rank: those with a lower one come first."""

    label: str
    sort: Sort
    text: str
    range: Range
    detail: str = ""
    about: str = ""
    rank: int = 5
    snippet: bool = False


@dataclass(frozen=True)
class _Offer:
    """An item that has no place yet."""

    label: str
    sort: Sort
    detail: str = ""
    about: str = ""
    rank: int = 5
    text: str | None = None
    snippet: bool = False


def completions(document: Document, position: Position) -> list[Item]:
    """What may be written at a position, the likeliest first."""
    at = context(document.source, position)
    if at is None:
        return []
    chosen = sorted(_Offers(document, at, offset_at(document.source, position)).all(), key=lambda one: one.rank)
    where = range_of(document.source, at.start + _ahead(at), at.end)
    keyed = at.key is None and document.text[at.end :].lstrip(" ").startswith(":")  # a key that has its colon
    return [
        Item(
            one.label, one.sort, one.label if keyed else one.text or one.label, where, one.detail, one.about, one.rank,
            one.snippet,
        )
        for one in chosen
    ]  # fmt: skip


def _ahead(at: Context) -> int:
    """How much of what is written stays before what is chosen: in `2*$wi` a parameter stands in the place of `$wi`."""
    if at.key is not None and "$" in at.word:
        return at.word.rindex("$")
    if at.key in (None, "from", "weights"):
        return 0
    return len(at.word) - len(at.word.lstrip("+*-"))


class _Offers:
    """What may be offered at one place."""

    def __init__(self, document: Document, at: Context, offset: int) -> None:
        self.document, self.at, self.offset = document, at, offset
        self.names = document.names
        self.found = entry_path(at.path)
        block = self.found[0] if self.found is not None else at.path[1] if at.path[:1] == ("blocks",) and at.path[
            1:2] else None  # fmt: skip
        self.scope = self.names.top if block is None else self.names.blocks.get(block, Scope(block, None))

    def all(self) -> Iterator[_Offer]:
        """All of it."""
        if "$" in self.at.word and self.at.key is not None:
            yield from self.params()
        elif self.at.key is None:
            yield from self.keys()
        else:
            yield from self.values(self.at.key)

    # -- keys ------------------------------------------------------------------------------------------------------

    def keys(self) -> Iterator[_Offer]:
        """Keys of the mapping at the place, those that it has left out."""
        at, have = self.at, {key.removesuffix("+") for key in self.at.siblings}
        if not at.path:
            yield from self._sections(have)
            return
        if self.found is not None and self.found[2][:1] == ("from",):
            yield from self._inputs(have)
            return
        if self.found is not None and self.found[2][:1] == ("params",):
            yield from self._block_params(have)
            return
        if at.plus and at.path[-1] in self._named_below():
            yield from (_Offer(f"{name}+", "key", "merges with what is below") for name in self._below() - have)
        if at.path[:1] == ("blocks",) and at.path[2:] == ("outputs",):
            yield from (_Offer(n, "input", "an output that the next repetition reads", text=f"{n}: ", rank=3)
                        for n in self.scope.inputs if n not in have)  # fmt: skip
        here = stated(at.path, at.siblings, outer_siblings(self.document, at.path))
        if here is None:
            if self.found is not None and not self.found[2]:
                return
            return
        first = self.found is not None and not self.found[2] and not have & set(ENTRY)
        for number, key in enumerate(here.keys):
            if key not in have:
                required = key in here.required or (first and key in ENTRY)
                yield _Offer(key, "key", here.line(key) if here.keys[key] else "", key_words(here, key) if here.keys[
                    key] else "", (1 if required else 3) + number // 100, f"{key}: ")  # fmt: skip

    def _sections(self, have: set[str]) -> Iterator[_Offer]:
        merges = "extends" in have or "use" in have
        library = "blocks" in have and not have & {"data", "graph", "head", "extends"}
        for key, about in SECTIONS.items():
            if key not in have:
                rank = 1 if key in ("arspec", "data", "graph", "head") else 4 if library and key not in LIBRARY else 2
                yield _Offer(key, "section", FORMS.get(key, ""), about, rank, f"{key}: ")
        for key in MERGED if merges else ():
            if key not in have:
                about = f"What is added to the section `{key}` below, by name; null takes an entry out."
                yield _Offer(f"{key}+", "section", "", about, 3, f"{key}+:\n  ")

    def _inputs(self, have: set[str]) -> Iterator[_Offer]:
        called = self._called()
        scope = self.names.blocks.get(called or "")
        for name in scope.inputs if scope is not None else ():
            if name not in have:
                about = describe.describe(self.document, Symbol("input", called, name))
                yield _Offer(name, "input", f"input of {called}", about, 1, f"{name}: ")

    def _block_params(self, have: set[str]) -> Iterator[_Offer]:
        called = self._called()
        scope = self.names.blocks.get(called or "")
        for name, (_, tree) in scope.params.entries.items() if scope is not None and scope.params is not None else ():
            if name not in have:
                yield _Offer(name, "param", f"default {tree.place.text[:40]}", "", 1, f"{name}: ")

    def _called(self) -> str | None:
        """The block of which the entry at the place is an instance."""
        outer = outer_siblings(self.document, self.at.path)
        if not outer and self.found is not None:
            outer = _entry_keys(self.document, self.at, self.found[1])
        return outer.get("block") or outer.get("experts")

    def _named_below(self) -> tuple[str, ...]:
        return ("graph", "blocks", "nodes", "masks", "condition", "params")

    def _below(self) -> set[str]:
        tree: object = self.document.sections
        for key in self.at.path:
            tree = tree.get(key) if isinstance(tree, (dict, Map)) else None
        return set(tree.entries) if isinstance(tree, Map) else set()

    # -- values ----------------------------------------------------------------------------------------------------

    def values(self, key: str) -> Iterator[_Offer]:
        """Values of a key."""
        at, path = self.at, self.at.path
        if not path:
            yield from self._of_section(key)
        elif self.found is not None and not self.found[2]:
            yield from self._of_entry(key)
        elif self.found is not None and self.found[2][:1] == ("from",):
            yield from self.nodes()
        elif self.found is not None and self.found[2][:1] == ("params",):
            yield from self.params()
            yield from self.masks() if self._is_mask(key) else ()
        elif path[:1] == ("blocks",) and (key == "outputs" or path[2:] == ("outputs",)):
            yield from self.nodes(after=True)
        elif path in (("graph",),) or (path[:1] == ("blocks",) and path[2:] == ("nodes",)):
            for one in ENTRY:
                yield _Offer(f"{{{one}: ...}}", "word", "", "", 1, f"{{{one}: $1}}", True)
        elif path == ("masks",):
            yield from self.masks()
        elif path == ("params",) or (path[:1] == ("blocks",) and path[2:] == ("params",)):
            yield from self.params()
        elif key == "kind" and path[0] in ("data", "head", "condition"):
            for name, about in kinds_of_section(path[0]).items():
                yield _Offer(name, "kind", first_paragraph(about)[:80], flowing(about), 1)
        elif key == "from" and path[0] in ("head", "heads"):
            yield from self.nodes(after=True)
        elif key == "scan":
            yield from self._scans()
        elif (here := stated(path, at.siblings, outer_siblings(self.document, path))) is not None and key in here.keys:
            yield from self._of_form(here.keys[key])

    def _of_section(self, key: str) -> Iterator[_Offer]:
        match key:
            case "arspec":
                yield _Offer(str(VERSION), "value", "the version of the language")
            case "extends":
                yield from (_Offer(name, "file", "ships with arspec", rank=2) for name in shipped())
                yield from self._files()
            case "use":
                yield from (_Offer(name, "file", "ships with arspec", rank=2) for name in libraries())
                yield from self._files()
            case "order":
                yield from self._scans()
            case _:
                return

    def _files(self) -> Iterator[_Offer]:
        """The specs that lie beside the document."""
        folder = os.path.dirname(self.document.file) or "."
        try:
            names = sorted(n for n in os.listdir(folder) if n.endswith(SUFFIXES))
        except OSError:
            names = []
        yield from (_Offer(n, "file", "lies beside this file", rank=3) for n in names
                    if n != os.path.basename(self.document.file))  # fmt: skip

    def _scans(self) -> Iterator[_Offer]:
        section = self.document.sections.get("data")
        kind = section.get("kind") if isinstance(section, Map) else None
        scans: Mapping[str, object] = {**SCANS_2D, **SCANS_1D}
        if kind is not None:
            scans = SCANS_2D if kind.place.text == "image" else SCANS_1D
        yield from (_Offer(name, "value", "scan", scan(name), 2) for name in scans)

    def _of_entry(self, key: str) -> Iterator[_Offer]:
        at = self.at
        if key == "layer":
            for name, about in layer_kinds().items():
                yield _Offer(name, "kind", first_paragraph(about)[:80], flowing(about), 2)
            return
        if key in ("block", "experts") or (key == "shared" and "experts" in at.siblings):
            chain = self.scope.block
            yield from (_Offer(name, "block", "block", describe.block(self.document, name), 1)
                        for name in self.names.blocks if name != chain)  # fmt: skip
            return
        if key == "params":
            return
        here = stated(at.path, at.siblings)
        form = here.keys.get(key, {}) if here is not None else {}
        if key in ("from", "weights") or refers(form, "reference"):
            yield from self.nodes()
        if key == "weights" and "repeat" in at.siblings:
            yield _Offer("shared", "word", "all repetitions have the weights of the first", rank=1)
        if key == "mask" or refers(form, "predicate"):
            yield from self.masks()
        yield from self._of_form(form)

    def _of_form(self, form: dict[str, object]) -> Iterator[_Offer]:
        yield from (_Offer(value, "value", rank=1) for value in values_of(form))
        if refers(form, "expression") or refers(form, "predicate"):
            yield from self.params()
        if refers(form, "expression") and self.at.before.strip():
            yield from (_Offer(name, "word", says, rank=8) for name, (_, says) in FUNCTIONS.items())

    # -- names -----------------------------------------------------------------------------------------------------

    def params(self) -> Iterator[_Offer]:
        """The parameters that may be named here, nearest first."""
        seen = set[str]()
        scopes = [self.scope, self.names.top] if self.scope.block is not None else [self.names.top]
        stated_here = self.at.key if self.at.path in (("params",),) or self.at.path[2:] == ("params",) else None
        for rank, scope in enumerate(scopes):
            for name, (_, tree) in scope.params.entries.items() if scope.params is not None else ():
                if name == stated_here and rank == 0:
                    break  # a parameter refers to those above it
                if name not in seen:
                    seen.add(name)
                    of = f" of the block {scope.block}" if scope.block is not None else ""
                    yield _Offer(f"${name}", "param", f"{tree.place.text[:40]}{of}", "", 3 + rank)
        if self.at.path != ("params",):
            yield from (
                _Offer(f"${name}", "param", about, "", 5) for name, about in BUILT_IN.items() if name not in seen
            )

    def masks(self) -> Iterator[_Offer]:
        """Masks, and the words that they are made of."""
        section = self.document.sections.get("masks")
        own = section.entries if isinstance(section, Map) else {}
        who, dot, _ = self.at.word.partition(".")
        if dot and who in ("this", "that"):
            yield from (_Offer(f"{who}.{what}", "word", about, rank=1) for what, about in COORDINATES.items())
            return
        for name, (_, tree) in own.items():
            if not (self.at.path == ("masks",) and self.at.key == name):
                yield _Offer(name, "mask", tree.place.text[:60], describe.mask(self.document, name), 1)
        for name, (_, meaning) in READY_MADE.items():
            yield _Offer(name, "mask", meaning, describe.mask(self.document, name), 2)
        for who in ("this", "that"):
            about = "the site that is computed" if who == "this" else "the site that may be read"
            yield _Offer(f"{who}.", "word", about, rank=6)
        yield from (_Offer(word, "word", WORDS[word], rank=7) for word in ("and", "or", "not"))
        yield from self.params()

    def _is_mask(self, name: str) -> bool:
        """Whether a parameter of the block that is called has a mask as its value."""
        called = self._called()
        own = Symbol("param", called, name)
        return any(one.symbol == own for one in self.names.found) and self.names.is_mask(own)

    def nodes(self, after: bool = False) -> Iterator[_Offer]:
        """The nodes that may be read here. after: whether all nodes of the scope stand before the place."""
        document, scope = self.document, self.scope
        prefix, dot, _ = self.at.word.rpartition(".")
        if dot:
            yield from self._outputs(prefix)
            return
        spec = document.sized
        about = None if spec is None else facts(spec)
        own = self.found[1] if self.found is not None else None
        above: list[str] = []
        for name, (place, _) in scope.nodes.entries.items() if scope.nodes is not None else ():
            if not after and (name == own or (place.source.name == document.file and place.start >= self.offset)):
                break
            above.append(name)
        for distance, name in enumerate(reversed(above)):
            nodes = about.nodes.get((scope.block, name), []) if about is not None else []
            entry = scope.entry(name)
            what = next((entry.entries[k][1].place.text for k in ENTRY if k in entry.entries), "") if entry else ""
            sizes = f"{what}  {nodes[0].out}" if nodes else what
            yield _Offer(name, "node", sizes, "", 1 if distance < 8 else 2)
            called = self.names.called(name, scope)
            if called is not None:
                many = entry is not None and "repeat" in entry.entries
                yield from self._of_instance(name, called, many, 2)
        for name in scope.inputs:
            yield _Offer(name, "input", f"input of the block {scope.block}", "", 1)
        for name in (*self.names.parts, "x"):
            yield _Offer(name, "data", "the data", "", 3)
        for name in self.names.conditions:
            yield _Offer(
                name, "condition", "condition", describe.describe(document, Symbol("condition", None, name)), 3
            )

    def _of_instance(self, name: str, called: str, many: bool, rank: int) -> Iterator[_Offer]:
        outputs = self._output_names(called)
        for one in outputs:
            if len(outputs) > 1 or many:
                yield _Offer(f"{name}.{one}", "output", f"output of {called}", "", rank)
            if many:
                yield _Offer(f"{name}.*.{one}", "output", "of every repetition", "", rank + 1)

    def _outputs(self, prefix: str) -> Iterator[_Offer]:
        """What may follow `name.`, `name.*.` or `name.0.`."""
        name, _, rest = prefix.partition(".")
        called = self.names.called(name, self.scope)
        if called is None:
            return
        entry = self.scope.entry(name)
        many = entry is not None and "repeat" in entry.entries
        for one in self._output_names(called):
            yield _Offer(f"{prefix}.{one}", "output", f"output of {called}", "", 1)
            if many and not rest:
                yield _Offer(f"{prefix}.*.{one}", "output", "of every repetition", "", 2)

    def _output_names(self, called: str) -> list[str]:
        blocks = self.document.sections.get("blocks")
        stated_ = blocks.get(called) if isinstance(blocks, Map) else None
        return [*output_trees(stated_.get("outputs"))] if isinstance(stated_, Map) else []


def _entry_keys(document: Document, at: Context, name: str) -> dict[str, str]:
    """The keys of an entry that can't be read, by what stands on its line."""
    line = document.source.line(document.source.line_at(at.start))
    found = re.search(rf"\b{re.escape(name)}\s*:\s*\{{(.*)", line)
    pairs: Iterable[str] = found[1].split(",") if found else ()
    return {key.strip(): value.strip(" }") for key, colon, value in (pair.partition(":") for pair in pairs) if colon}
