"""The page: facts, the bundle of scripts and styles, and nothing from elsewhere, in one HTML file."""

from __future__ import annotations

import base64
import hashlib
import html
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

from arspec.diagnostics import InputError, visible
from arspec.exploring.making import Made
from arspec.files.atomic import write_text

SUFFIXES = (".html", ".htm")
MOST = 2  # facts on one page


@lru_cache
def _bundled(name: str) -> str:
    return resources.files("arspec.exploring").joinpath(name).read_text("utf-8")


def page(made: Sequence[Made], live: int | None = None) -> str:
    """The page of some facts, one beside the other where there are two. It loads nothing: its policy of content forbids
    all but its own script, which may begin itself again as a worker.

    live: the number of a page that is served, which may ask the server that it came from."""
    title = " and ".join(visible(one.facts["title"]) for one in made) or "explore"
    script = _bundled("page.js")
    connect = "" if live is None else " connect-src 'self';"
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; worker-src blob:; style-src 'unsafe-inline'; "
        f"img-src data: blob:;{connect} base-uri 'none'; form-action 'none'"
    )
    return "\n".join([
        "<!DOCTYPE html>",
        '<html lang="en">' if live is None else f'<html lang="en" data-live="{live}">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="generator" content="arspec explore">',
        f"<title>{html.escape(title)} · arspec</title>",
        f"<style>{_safe(_bundled('page.css'), '</style')}</style>",
        "</head>",
        "<body>",
        '<div id="app"></div>',
        "<noscript><p>This page draws with JavaScript, its own: it loads nothing. Allow it to see the graph.</p>"
        f"{''.join(f'<pre>{html.escape(_words(one))}</pre>' for one in made)}</noscript>",
        *(f'<script type="application/octet-stream" class="facts">{one.text}</script>' for one in made),
        f"<script>{_safe(script, '</script')}</script>",
        "</body>",
        "</html>",
        "",
    ])  # fmt: skip


def _words(made: Made) -> str:
    return visible("\n".join([*made.facts["verdict"]["words"], *made.facts["notes"]]), keep="\n")


def _safe(text: str, end: str) -> str:
    """A script or style as it stands. The bundle is ours, so that what would end it early is a fault of ours."""
    if end in text.lower():
        raise AssertionError(f"the bundle holds {end!r}: it would end there")
    return text


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def page_path(path: str | os.PathLike[str]) -> Path:
    """The path of a page. InputError (AR809) for another suffix than .html."""
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise InputError("AR809", f"{target}: a page to explore is written as .html", "end the name with .html")
    return target


def write_page(made: Sequence[Made], path: str | os.PathLike[str]) -> Path:
    """Writes the page of some facts whole or not at all, and gives its path. InputError for another suffix than .html,
    and where it can't be written."""
    target = page_path(path)
    write_text(target, page(made))
    return target
