"""The open documents, and what is known of each. The text of an open document stands for its file everywhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from pygls.uris import from_fs_path, to_fs_path

from arspec.diagnostics import Source
from arspec.lsp.checking import Checked
from arspec.lsp.texts import Texts

_VERSION = re.compile(r"^arspec[ \t]*:", re.MULTILINE)
_SECTION = re.compile(r"^(data|order|graph|head|extends|blocks)\+?[ \t]*:", re.MULTILINE)


class Ticket:
    """One text of a document that is looked at: `wanted` until there is a newer one."""

    def __init__(self) -> None:
        self.wanted = True


@dataclass(eq=False)
class Document:
    """An open document. name: its path, by which diagnostics and other specs name it."""

    uri: str
    name: str
    version: int | None
    source: Source
    ticket: Ticket = field(default_factory=Ticket)
    checked: Checked | None = None  # of this text, as far as it has been looked at
    good: Checked | None = None  # of the last text that loaded; its places are those of that text
    cost: float = 0.0  # seconds that its last proof took
    sought: tuple[Ticket, Future[Checked | None]] | None = None  # mends of the text of this ticket
    asked: frozenset[str] = frozenset()  # paths that its last check looked for, open or not

    @property
    def is_spec(self) -> bool:
        """Whether the text means to be a spec or a library of blocks: other files of YAML are left alone."""
        text = self.source.text
        return _VERSION.search(text) is not None or len(set(_SECTION.findall(text))) > 1


class Documents:
    """The open documents by their URIs."""

    def __init__(self) -> None:
        self._open: dict[str, Document] = {}

    def __iter__(self) -> Iterator[Document]:
        return iter([*self._open.values()])

    def __len__(self) -> int:
        return len(self._open)

    def get(self, uri: str) -> Document | None:
        """The open document of a URI; None where there is none."""
        return self._open.get(uri)

    def open(self, uri: str, text: str, version: int | None) -> Document:
        """Takes a document in, or a newer text of one that is open."""
        kept = self._open.get(uri)
        if kept is None:
            name = name_of(uri)
            kept = self._open[uri] = Document(uri, name, version, Source(name, text))
        else:
            kept.source, kept.version = Source(kept.name, text), version
        return kept

    def close(self, uri: str) -> Document | None:
        """Lets a document go."""
        return self._open.pop(uri, None)

    def named(self, name: str) -> Document | None:
        """The open document of a path."""
        return next((each for each in self if each.name == name), None)

    def uri_of(self, name: str) -> str:
        """The URI of a path, as the editor names it where it has the file open."""
        found = self.named(name)
        return uri_of(name) if found is None else found.uri

    def texts(self, besides: Document) -> Texts:
        """The texts of the others, by their paths."""
        return Texts({each.name: each.source.text for each in self if each is not besides})

    def that_ask(self, name: str) -> list[Document]:
        """The open documents whose check looked for the file of this path."""
        return [each for each in self if name in each.asked and each.name != name]


def name_of(uri: str) -> str:
    """The path of a URI; of what is no file, the URI's last part."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    return os.path.normpath(path) if path else uri.rpartition("/")[2].rpartition(":")[2] or uri


def uri_of(name: str) -> str:
    """The URI of a path."""
    return from_fs_path(os.path.abspath(name)) or name
