"""A spec's text in an editor, with what follows from it: its tree, its names, and what it loads as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from arspec.diagnostics import Collector, InputError, Source
from arspec.editor.merged import links
from arspec.editor.names import Occurrence, Spot, Symbol
from arspec.editor.reading import Reading, read
from arspec.editor.text import Position, offset_at
from arspec.editor.walk import Names
from arspec.language.extends import SECTIONS, base_sections, sections_of
from arspec.language.load import Spec, from_text
from arspec.language.merging import merged_name
from arspec.language.using import use
from arspec.syntax.yaml import Map, Tree

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Document:
    """The text of a file. It does not change: `changed` gives the next one.

    open: the texts of all files that are open, by their paths. folders: those of the workspace, in which files that
    extend this one are looked for. good: the last spec that loaded; `loaded`: the spec of this very text, where someone
    has loaded it already. loads: whether it is loaded here where no one has."""

    file: str
    text: str
    version: int = 0
    open: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    folders: tuple[str, ...] = ()
    good: Spec | None = field(default=None, repr=False)
    loaded: Spec | None = field(default=None, repr=False)
    loads: bool = True

    def changed(self, text: str, version: int, open: Mapping[str, str] | None = None) -> Document:
        """The document with another text. What it last loaded as is kept."""
        known = self.open if open is None else open
        return Document(self.file, text, version, known, self.folders, self.last_good(), None, self.loads)

    @cached_property
    def source(self) -> Source:
        """The text under its name."""
        return Source(self.file, self.text)

    @cached_property
    def reading(self) -> Reading:
        """Its tree, without the lines that can't be read."""
        return read(self.source)

    @cached_property
    def texts(self) -> dict[str, str]:
        """What stands for the files that it extends or uses: the texts of those that are open, so far as they can be
        read."""
        return {file: read(Source(file, text)).source.text for file, text in self.open.items() if file != self.file}

    @cached_property
    def sections(self) -> dict[str, Tree]:
        """Its sections, those of the spec that it extends below them; its own alone where these can't be read."""
        try:
            return sections_of(self.reading.source, Collector(), self.texts)
        except InputError:
            own = self.reading.tree.entries.items()
            return {merged_name(key) or key: tree for key, (_, tree) in own if (merged_name(key) or key) in SECTIONS}

    @cached_property
    def places(self) -> dict[str, Source]:
        """The sources of all texts that its sections come from, by their files."""
        found = {self.file: self.source}
        waiting: list[Tree] = [*self.sections.values()]
        while waiting:
            tree = waiting.pop()
            found.setdefault(tree.place.source.name, tree.place.source)
            if isinstance(tree, Map):
                for place, value in tree.entries.values():
                    found.setdefault(place.source.name, place.source)
                    waiting.append(value)
        return found

    @cached_property
    def names(self) -> Names:
        """The names of the spec, those of the files that it extends and uses among them."""
        return Names(self.sections)

    @cached_property
    def merged_keys(self) -> list[tuple[Spot, Spot]]:
        """The keys of its own text that speak of a key below, each with that."""
        source, tree = self.reading.source, self.reading.tree
        own = {key: value for key, (_, value) in tree.entries.items() if key in SECTIONS}
        base = base_sections(source, self.texts)
        try:
            below = use(tree.get("use"), source, {**base, **own}, Collector(), self.texts)
        except InputError:
            below = {**base, **own}
        return [*links(tree, {**below, **({"params": base["params"]} if "params" in base else {})})]

    @cached_property
    def by_symbol(self) -> dict[Symbol, list[Occurrence]]:
        """Where each name occurs, in the files that it stands in."""
        found: dict[Symbol, list[Occurrence]] = {}
        for one in (*self.names.found, *self._speaking):
            found.setdefault(one.symbol, []).append(one)
        return found

    @cached_property
    def _speaking(self) -> list[Occurrence]:
        at = {one.spot: one.symbol for one in self.names.found}
        return [Occurrence(own, at[it], False) for own, it in self.merged_keys if it in at and own not in at]

    @cached_property
    def by_line(self) -> dict[int, list[Occurrence]]:
        """The names of the document's own text, by the lines, from 0, on which they begin."""
        found: dict[int, list[Occurrence]] = {}
        for one in (*self.names.found, *self._speaking):
            if one.spot.file == self.file:
                found.setdefault(self.source.line_at(one.spot.start) - 1, []).append(one)
        return found

    def at(self, position: Position) -> list[Occurrence]:
        """The names at a position: those whose characters it is in or behind."""
        offset = offset_at(self.source, position)
        line = self.source.line_at(offset) - 1
        return [one for one in self.by_line.get(line, ()) if one.spot.start <= offset <= one.spot.end]

    def definitions(self, symbol: Symbol) -> list[Occurrence]:
        """Where a name is stated."""
        return [one for one in self.by_symbol.get(symbol, ()) if one.defines]

    # -- what it loads as ------------------------------------------------------------------------------------------

    @cached_property
    def spec(self) -> Spec | None:
        """The spec of this text, with its graph made; None where it has faults, or is not loaded here."""
        if self.loaded is not None:
            return self.loaded
        if not self.loads or not self.reading.whole:
            return None
        try:
            spec = from_text(self.text, self.file, texts={k: v for k, v in self.open.items() if k != self.file})
            spec.graph()
        except InputError:
            return None
        return spec

    def last_good(self) -> Spec | None:
        """The spec of this text where that is known by now, else of the last one that loaded."""
        return self.__dict__.get("spec") or self.loaded or self.good

    @property
    def sized(self) -> Spec | None:
        """The spec that sizes are told of: this text's, or the last one's that loaded."""
        return self.spec or self.good
