"""Diagnostics as the protocol has them: ranges, severities, related places, and pages of their codes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from lsprotocol import types as lsp
from pygls.uris import from_fs_path

from arspec.diagnostics import CODES, Diagnostic, InputError, Place
from arspec.files.atomic import write_text
from arspec.files.cache import user_cache
from arspec.lsp.checking import top_of
from arspec.lsp.documents import Document, Documents
from arspec.lsp.positions import shown
from arspec.syntax.yaml import Map, Tree, parse
from arspec.version import VERSION

SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "note": lsp.DiagnosticSeverity.Information,
}
LEAKS = ("AR701", "AR702", "AR454")  # codes whose related places are the path of a leak
IDLE = ("AR206", "AR224", "AR318")  # codes of what is written and does nothing
PATH = "on the path of this leak"


@dataclass(frozen=True)
class Shown:
    """A diagnostic as it is shown in one file, and the one that it came from."""

    uri: str
    lsp: lsp.Diagnostic
    diagnostic: Diagnostic


class Publisher:
    """Turns diagnostics of a text into those of files. pages: whether the editor opens a page of a code."""

    def __init__(self, documents: Documents, pages: bool) -> None:
        self.documents, self.pages = documents, pages
        self._written: dict[str, str | None] = {}

    def found(self, document: Document, diagnostics: Iterable[Diagnostic]) -> list[Shown]:
        """What is shown of a document's diagnostics, each of them in the document itself. One whose place is in another
        file stands where the document names that file, and in that file too where it is open."""
        found: list[Shown] = []
        for one in diagnostics:
            place = one.place or top_of(document.source)
            related = [*one.related]
            if place.source.name == document.name:
                found.append(self._one(document.uri, one, place, related))
            else:
                related.insert(0, (place, "here"))
                found.append(self._one(document.uri, one, _naming(document, place), related))
                if self.documents.named(place.source.name) is not None:
                    found.append(
                        self._one(self.documents.uri_of(place.source.name), one, place, [*one.related], document.name)
                    )
            if one.code in LEAKS:
                found += self._path(one, place)
        return found

    def _path(self, leak: Diagnostic, culprit: Place) -> list[Shown]:
        """The other nodes of a leak's path, in whichever open files they stand."""
        found: list[Shown] = []
        told = {culprit}
        for place, words in leak.related:
            if place not in told and self.documents.named(place.source.name) is not None:
                told.add(place)
                step = Diagnostic(leak.code, f"{PATH}: {words}", place)
                step_ = self._one(self.documents.uri_of(place.source.name), step, place, [(culprit, leak.message)])
                step_.lsp.severity = lsp.DiagnosticSeverity.Information
                found.append(step_)
        return found

    def _one(
        self, uri: str, one: Diagnostic, place: Place, related: list[tuple[Place, str]], of: str | None = None
    ) -> Shown:
        message = one.message if of is None else f"in {os.path.basename(of)}: {one.message}"
        if one.help:
            message += f"\nhelp: {one.help}"
        href = self.page(one.code)
        said = lsp.Diagnostic(
            range=shown(place),
            message=message,
            severity=SEVERITIES[one.level],
            code=one.code,
            code_description=None if href is None else lsp.CodeDescription(href),
            source="arspec",
            tags=[lsp.DiagnosticTag.Unnecessary] if one.code in IDLE else None,
            related_information=[
                lsp.DiagnosticRelatedInformation(
                    lsp.Location(self.documents.uri_of(there.source.name), shown(there)), words
                )
                for there, words in related
            ]
            or None,
        )
        return Shown(uri, said, one)

    def page(self, code: str) -> str | None:
        """The URI of a code's page, which is written to the user's cache when it is first asked for; None where it
        can't be."""
        if not self.pages or code not in CODES:
            return None
        if code not in self._written:
            path = user_cache() / "pages" / VERSION / f"{code}.md"
            try:
                text = CODES[code].page
                if not path.is_file() or path.read_text("utf-8") != text:
                    write_text(path, text)
                self._written[code] = from_fs_path(str(path))
            except (InputError, OSError, UnicodeDecodeError):
                self._written[code] = None
        return self._written[code]


def _naming(document: Document, place: Place) -> Place:
    """Where a document names another file: its `extends`, or its `use`; its first line where neither is there."""
    try:
        tree: Tree = parse(document.source)
    except InputError:
        return top_of(document.source)
    entries = tree.entries if isinstance(tree, Map) else {}
    stem = os.path.basename(place.source.name).partition(".")[0]
    named = [entries[key][1].place for key in ("use", "extends") if key in entries]
    exact = [each for each in named if stem in each.text.replace("-", "_")]
    return (exact or named[::-1] or [top_of(document.source)])[0]
