"""The links of the built pages: those inside lead to a page and a place that are there. No page fetches anything."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


class _Read(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []  # (tag, where it leads)
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for key in ("id", "name"):
            if given.get(key):
                self.places.add(str(given[key]))
        key = "href" if tag == "a" else FETCHED.get(tag)
        if key and given.get(key):
            self.links.append((tag, str(given[key])))


@cache
def read(path: Path) -> _Read:
    """The links and the places of a page."""
    reader = _Read()
    reader.feed(path.read_text("utf-8"))
    return reader


def broken(html: Path) -> list[str]:
    """What is wrong with the links of a built site, a line each."""
    return [line for page in sorted(html.rglob("*.html")) for line in _faults(page, html)]


def _faults(page: Path, html: Path) -> Iterator[str]:
    name = page.relative_to(html)
    for tag, link in read(page).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            if tag != "a" and parts.scheme != "data":
                yield f"{name}: <{tag}> fetches {link}"
            continue
        if page.name == "404.html":  # it is served for any path, so that its links are from the root
            continue
        path, place = urldefrag(link)
        target = (page.parent / unquote(urlsplit(path).path)).resolve() if path else page
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            yield f"{name}: there is no {link}"
        elif place and target.suffix == ".html" and unquote(place) not in read(target).places:
            yield f"{name}: {link} leads to no place of that page"


def outward(html: Path) -> list[str]:
    """The links that lead out of the site, each once."""
    pages = html.rglob("*.html")
    found = {
        link
        for page in pages
        for tag, link in read(page).links
        if tag == "a" and urlsplit(link).scheme in ("http", "https")
    }
    return sorted(found)
