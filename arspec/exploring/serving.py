"""Serving: the page of some specs, made again whenever one of their files changes. To this machine alone."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from arspec.diagnostics import InputError, SpecError, text, visible
from arspec.exploring.making import Made, beside, facts_of_spec
from arspec.exploring.page import page
from arspec.language.load import Spec
from arspec.language.shipped import found
from arspec.syntax.yaml import Map, Seq, Tree

HOST = "127.0.0.1"
EVERY = 0.3  # seconds between looks at the files
Stamp = tuple[int, int] | None  # when a file was changed, and its size


@dataclass(eq=False)
class Watched:
    """Specs that are read again when a file of theirs changes. `look` does so; the last page that could be made stays
    until another can.

    names: as they were given. read: gives the spec of a name. Raises InputError for a file that is not there."""

    names: Sequence[str]
    read: Callable[[str], Spec]
    version: int = 0
    error: str | None = None
    html: str = ""
    _files: dict[str, Stamp] = field(default_factory=dict[str, Stamp])

    def __post_init__(self) -> None:
        self._own = {found(name) for name in self.names}
        self._files = {file: _stamp(file) for file in self._own}
        self._make()

    def look(self) -> bool:
        """Reads the specs again where a file has changed since the last look. Whether one had."""
        now = {file: _stamp(file) for file in self._files}
        if now == self._files:
            return False
        self._files = now
        self._make()
        return True

    def _make(self) -> None:
        try:
            specs = [self.read(name) for name in self.names]
            self._watch({file for spec in specs for file in files_of(spec)})
            made = beside([facts_of_spec(spec) for spec in specs])
        except SpecError as error:
            self._watch({d.place.source.name for d in error.diagnostics if d.place is not None})
            self._failed(text(error.diagnostics))
        except InputError as error:
            if not self.html:
                raise
            self._failed(text(error.diagnostics))
        else:
            self._show(made)

    def _watch(self, files: set[str]) -> None:
        for file in files | self._own:
            self._files.setdefault(file, _stamp(file))

    def _failed(self, said: str) -> None:
        self.error = said
        if not self.html:
            self._show([], said)

    def _show(self, made: list[Made], error: str | None = None) -> None:
        self.version += 1
        self.error, self.html = error, page(made, self.version)

    @property
    def state(self) -> dict[str, Any]:
        """What the page asks for: the number of the last page, and what is wrong with the text as it is now."""
        return {"version": self.version, "error": None if self.error is None else visible(self.error, keep="\n")}


def files_of(spec: Spec) -> set[str]:
    """The files that a spec was read from: its own, those that it extends, those whose blocks it uses."""
    trees = [*spec.sections.values(), *spec.blocks.values()]
    return {spec.source.name, *(tree.place.source.name for top in trees for tree in _trees(top))}


def _trees(tree: Tree) -> Iterator[Tree]:
    yield tree
    inner = [value for _, value in tree.entries.values()] if isinstance(tree, Map) else []
    for one in tree.items if isinstance(tree, Seq) else inner:
        yield from _trees(one)


def _stamp(file: str) -> Stamp:
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


def server(watched: Watched, port: int) -> ThreadingHTTPServer:
    """A server of the page on this machine's own address, not yet started; port 0 takes a free one. InputError (AR951)
    where the port can't be had."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            own = {f"{name}:{made.server_port}" for name in (HOST, "localhost")}
            if self.headers.get("Host", "") not in own:  # a name of elsewhere that leads here
                self._answer(403, "text/plain", "this page is for this machine alone\n")
            elif self.path == "/":
                self._answer(200, "text/html", watched.html)
            elif self.path == "/state":
                self._answer(200, "application/json", json.dumps(watched.state))
            else:
                self._answer(404, "text/plain", "there is nothing here\n")

        def _answer(self, code: int, kind: str, body: str) -> None:
            raw = body.encode("utf-8", "backslashreplace")
            self.send_response(code)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing: a page asks every second."""

    try:
        made = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("AR951", f"the page cannot be served at {HOST}:{port}: {reason}",
                         "leave the number out: a free port is then taken") from None  # fmt: skip
    made.daemon_threads = True
    return made


def serve(watched: Watched, port: int, told: Callable[[str], None]) -> None:
    """Serves the page until it is interrupted, and makes it anew when a file changes. told: is given the address."""
    http = server(watched, port)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    told(f"http://{HOST}:{http.server_port}/")
    try:
        while True:
            watched.look()
            threading.Event().wait(EVERY)
    finally:
        http.shutdown()
        http.server_close()
