"""The texts that facts name places in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath

from arspec.diagnostics import Diagnostic, Place, Source
from arspec.exploring.facts import PlaceFacts, Saying, SourceFacts
from arspec.language.load import Spec
from arspec.syntax.yaml import Map


@dataclass(eq=False)
class Sources:
    """Texts by number, each once, under the last part of its name."""

    found: list[Source] = field(default_factory=list[Source])
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def number(self, source: Source) -> int:
        """The number of a text."""
        key = source.name, source.text
        if key not in self._numbers:
            self._numbers[key] = len(self.found)
            self.found.append(source)
        return self._numbers[key]

    def place(self, place: Place, key: Place | None = None) -> PlaceFacts:
        """The lines of a place; from the line of its key where that stands in the same text."""
        start = key if key is not None and key.source.name == place.source.name and key.start < place.start else place
        return {"source": self.number(place.source), "line": start.line, "column": start.column,
                "endLine": max(start.line, place.end_line)}  # fmt: skip

    def section(self, spec: Spec, name: str) -> PlaceFacts | None:
        """The lines of the data section, or of the condition of a name."""
        conditions = spec.sections.get("condition")
        if isinstance(conditions, Map) and name in conditions.entries:
            key, tree = conditions.entries[name]
            return self.place(tree.place, key)
        data = spec.sections.get("data")
        return None if data is None else self.place(data.place)

    def saying(self, said: Diagnostic) -> Saying:
        """A diagnostic."""
        place = said.place if said.place is not None and said.place.source.quoted else None
        return {"code": said.code, "severity": said.level, "text": said.message, "help": said.help,
                "place": None if place is None else self.place(place)}  # fmt: skip

    def facts(self) -> list[SourceFacts]:
        """The texts, by number."""
        names = [PurePath(source.name).name or source.name for source in self.found]
        return [
            {
                "name": source.name if names.count(name) > 1 else name,
                "text": source.text,
                "language": "python" if name.endswith(".py") else "yaml",
            }
            for source, name in zip(self.found, names, strict=True)
        ]
