"""What a notebook shows of a thing: classes far down are drawn by packages that stand above them, which say so here.

A class that takes part is a `Shown`. Notebooks call its `_repr_html_`; the drawer that a package has told for the class
by `draws` answers. Where nothing has, the notebook prints the thing as Python does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from arspec.diagnostics import InputError

T = TypeVar("T", bound=Callable[..., Any])
MOST = 1 << 20  # bytes of an SVG in a notebook, beyond which a PNG stands for it

_DRAWERS: dict[tuple[type, str], Callable[..., Any]] = {}


def draws(kind: type, what: str = "page") -> Callable[[T], T]:
    """Tells, as a decorator, that a function draws things of a class. what: a page of HTML for notebooks, or the name
    of one of its pictures."""

    def tell(drawer: T) -> T:
        _DRAWERS[kind, what] = drawer
        return drawer

    return tell


def drawer_of(thing: object, what: str = "page") -> Callable[..., Any] | None:
    """The drawer that was told for the class of a thing, or for the nearest class above it; None without."""
    found = (_DRAWERS.get((kind, what)) for kind in type(thing).__mro__)
    return next((drawer for drawer in found if drawer is not None), None)


def drawn(thing: object, what: str, *args: Any, **options: Any) -> Any:
    """What the drawer of a thing makes of it. InputError where none was told."""
    drawer = drawer_of(thing, what)
    if drawer is None:
        name = type(thing).__name__
        raise InputError("AR970", f"nothing that is imported draws the {what} of a {name}", "import arspec.api")
    return drawer(thing, *args, **options)


class Shown:
    """What notebooks show as a page, once a drawer was told; its `repr` is a line of text."""

    def _repr_html_(self) -> str | None:
        drawer = drawer_of(self)
        return None if drawer is None else drawer(self)


class Picture:
    """A picture that a notebook draws, and that `save` writes.

    write: writes it to a path by its suffix, and gives the path. caption: what it shows, as a paper says it below a
    figure."""

    def __init__(self, write: Callable[[Path], Path], caption: str) -> None:
        self._write, self.caption = write, caption

    def save(self, path: str | PathLike[str]) -> Path:
        """Writes the picture whole or not at all, as its suffix says: .png, .svg or .pdf. Gives the path. InputError
        for another suffix, and where it can't be written."""
        return self._write(Path(path))

    @cached_property
    def svg(self) -> str:
        """The picture as the text of an SVG."""
        return self._bytes(".svg").decode("utf-8")

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG."""
        return self._bytes(".png")

    def _bytes(self, suffix: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="arspec-") as folder:
            return self._write(Path(folder) / f"picture{suffix}").read_bytes()

    def _repr_html_(self) -> str:
        """On white, as a picture is drawn, whatever the theme; as an image, so that no style of the page reaches it."""
        import base64  # what a proof alone has no use for
        import html

        kind, content = ("svg+xml", self.svg.encode()) if len(self.svg) <= MOST else ("png", self.png)
        data = base64.b64encode(content).decode("ascii")
        return (
            f'<img src="data:image/{kind};base64,{data}" alt="{html.escape(self.caption, quote=True)}" '
            'style="max-width:100%;background:#fff;border-radius:6px;padding:6px">'
        )

    def __repr__(self) -> str:
        return f"<picture: {self.caption}>"
