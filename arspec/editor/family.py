"""The files whose names hang together: those that a spec extends and uses, and those that extend or use it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from arspec.diagnostics import InputError
from arspec.editor.document import Document
from arspec.editor.names import Occurrence, Spot
from arspec.language.extends import extended_file
from arspec.language.shipped import SUFFIXES
from arspec.language.using import library_file, names_used
from arspec.syntax.yaml import MAX_BYTES, Scalar, read

MAX_FILES = 4000  # of the folders of a workspace, that are looked through
MAX_FOLDERS = 4000  # within them
_SPEAKS = re.compile(r"^(extends|use)\s*:", re.MULTILINE)


def refers_to(document: Document) -> list[str]:
    """The files that a spec extends and uses."""
    tree, found = document.reading.tree, list[str]()
    extends = tree.get("extends")
    here = os.path.normpath(document.file)
    if isinstance(extends, Scalar) and isinstance(extends.value, str):
        found.append(os.path.normpath(extended_file(extends.value, (here,))))
    found += [os.path.normpath(library_file(str(one.value), here)) for one in names_used(tree.get("use"))]
    return found


def beside(document: Document, file: str) -> Document | None:
    """Another file as a document: its text in the editor, or on the disk. None where it can't be read."""
    text = document.open.get(file)
    if text is None:
        try:
            text = read(file).text
        except InputError:
            return None
    return Document(file, text, 0, document.open, document.folders)


def family(document: Document) -> list[Document]:
    """All documents whose names hang together with those of this one, itself the first."""
    found = {document.file: document}
    speaking = dict[str, tuple[Document, list[str]]]()
    for file in _candidates(document):
        other = document if file == document.file else beside(document, file)
        if other is not None and _SPEAKS.search(other.text):
            speaking[file] = other, refers_to(other)
    waiting = [document]
    while waiting:
        one = waiting.pop()
        wanted = [*refers_to(one), *(file for file, (_, to) in speaking.items() if one.file in to)]
        for file in wanted:
            if file not in found:
                other = speaking[file][0] if file in speaking else beside(document, file)
                if other is not None:
                    found[file] = other
                    waiting.append(other)
    return [*found.values()]


def _candidates(document: Document) -> Iterator[str]:
    """The YAML files that are open, that lie beside the document, and in the folders of the workspace."""
    seen = dict.fromkeys(document.open)
    folder = os.path.dirname(document.file) or "."
    try:
        own = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(SUFFIXES))
    except OSError:
        own = []
    seen |= dict.fromkeys(map(os.path.normpath, own))
    for folder in document.folders:
        seen |= dict.fromkeys(_within(folder, MAX_FILES - len(seen)))
    return iter([*seen][:MAX_FILES])


def _within(folder: str, most: int) -> Iterator[str]:
    for number, (root, folders, files) in enumerate(os.walk(folder)):
        if number >= MAX_FOLDERS:
            return
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")) and name != "node_modules")
        for name in sorted(files):
            path = os.path.join(root, name)
            if name.endswith(SUFFIXES) and _size(path) <= MAX_BYTES:
                if most <= 0:
                    return
                most -= 1
                yield os.path.normpath(path)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return MAX_BYTES + 1


class Classes:
    """The spots of a family, in classes of one name."""

    def __init__(self, documents: list[Document]) -> None:
        self.occurrences: dict[Spot, list[Occurrence]] = {}
        self._parent: dict[Spot, Spot] = {}
        for document in documents:
            first: dict[object, Spot] = {}
            for one in document.names.found:
                self.occurrences.setdefault(one.spot, []).append(one)
                self._join(first.setdefault(one.symbol, one.spot), one.spot)
            for a, b in document.names.links:
                if a in first and b in first:
                    self._join(first[a], first[b])
            for a, b in document.merged_keys:
                self._join(a, b)

    def _top(self, spot: Spot) -> Spot:
        parent = self._parent.setdefault(spot, spot)
        while parent != self._parent[parent]:
            self._parent[parent] = self._parent[self._parent[parent]]
            parent = self._parent[parent]
        self._parent[spot] = parent
        return parent

    def _join(self, a: Spot, b: Spot) -> None:
        self._parent[self._top(b)] = self._top(a)

    def of(self, spot: Spot) -> list[Spot]:
        """All places of the name at a spot, by files and places."""
        top = self._top(spot)
        return sorted(other for other in [*self._parent] if self._top(other) == top)

    def kinds(self) -> dict[Spot, Spot]:
        """Every spot with the one that stands for its class."""
        return {spot: self._top(spot) for spot in [*self._parent]}
