"""The site: its navigation names every topic, every spec, every code; with --long it is built without a warning."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arspec.analysis.report import prove
from arspec.diagnostics import CODES
from arspec.guide import TOPICS
from arspec.language.load import from_text
from arspec.layers import KINDS
from tests.browsing import browser
from tests.pages import blocks_of, understood
from tests.small import ROOT, SHIPPED

sys.path.insert(0, str(ROOT / "tools"))
from website import building, codes, gallery, guide, links, reference

__all__ = ["browser"]


def leaves(nav: Any) -> Iterator[str]:
    """The pages of a navigation."""
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from leaves(each)


def test_the_navigation_names_every_topic_and_the_gallery_every_spec() -> None:
    pages = list(leaves(building.navigation()))
    assert len(pages) == len(set(pages))
    assert {page for page in pages if page.startswith("guide/")} == {f"guide/{t}.md" for t in ("index", *TOPICS)}
    assert {page for page in pages if page.startswith("gallery/")} == {
        "gallery/index.md", *(f"gallery/{path.stem}.md" for path in SHIPPED),
    }  # fmt: skip
    written = {path for part in (guide.pages(None), reference.pages(), codes.pages()) for path, _ in part}
    assert written == {page for page in pages if page.startswith(("guide/", "reference/", "diagnostics/"))}


def test_the_spec_of_the_first_page_is_proven_and_its_commands_are_understood() -> None:
    text = (ROOT / "tools" / "website" / "index.md").read_text("utf-8")
    (spec,) = [block.text for block in blocks_of(text)[1] if block.language == "yaml"]
    assert prove(from_text(spec), contexts=False).proven
    understood(text)


def test_a_code_has_its_place_and_a_kind_its_heading() -> None:
    text = "\n".join(page for _, page in codes.pages())
    assert all(f"{{ #{code.lower()} }}" in text for code in CODES)
    assert all(f"`{kind}`" in reference.language() for kind in KINDS)


def test_what_prints_a_page_is_a_link() -> None:
    text = "See `arspec guide data`, `arspec explain AR701`.\n\n```sh\narspec guide data\n```\n"
    shown = guide.shown(text, "start", None)
    assert "[`arspec guide data`](data.md)" in shown and "(../diagnostics/ar7.md#ar701)" in shown
    assert "```sh\narspec guide data\n```" in shown


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<i id="top"></i><a href="b.html#there"></a><a href="#top"></a><a href="c.html"></a>'
    )
    (tmp_path / "b.html").write_text('<p id="here"></p><script src="https://elsewhere.org/x.js"></script>')
    told = "\n".join(links.broken(tmp_path))
    assert "b.html#there leads to no place" in told and "there is no c.html" in told and "fetches https" in told
    assert told.count("\n") == 2


def test_a_worker_runs_on_a_page_that_is_opened_from_a_file(browser: Any, tmp_path: Path) -> None:
    """The search of the site is a worker, which browsers refuse to such pages: a frame stands in for it."""
    shutil.copy(ROOT / "tools" / "website" / building.SEARCHER, tmp_path)
    (tmp_path / "more.js").write_text("self.twice = (n) => 2 * n")
    (tmp_path / "worker.js").write_text(
        'self.addEventListener("message", async ({ data }) => {\n'
        '  await importScripts("more.js")\n'
        "  postMessage({ twice: twice(data.n) })\n})"
    )
    (tmp_path / "page.html").write_text(
        f'<script src="{building.SEARCHER}"></script><body><script>\n'
        'const worker = new Worker(new URL("worker.js", location.href).href)\n'
        'worker.addEventListener("message", ({ data }) => document.body.append(`gives ${data.twice}`))\n'
        "worker.postMessage({ n: 21 })\n</script></body>"
    )
    shown = browser.new_page()
    shown.goto((tmp_path / "page.html").as_uri())
    shown.get_by_text("gives 42").wait_for()
    assert shown.locator("iframe").count() == 1
    shown.close()


def searched(browser: Any, html: Path, words: str) -> list[str]:
    """What the search finds on a page that is opened from a file."""
    shown = browser.new_page()
    shown.goto((html / "index.html").as_uri())
    shown.locator("[data-md-component=search-query]").click()
    shown.keyboard.type(words)
    shown.locator(".md-search-result__item").first.wait_for()
    found = shown.locator(".md-search-result__item h1").all_inner_texts()
    shown.close()
    return found


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_site_is_built_without_a_warning(browser: Any, tmp_path: Path) -> None:
    done = subprocess.run([ROOT / "tools" / "site", "--out", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "html" / "gallery").glob("*.html"))) == len(SHIPPED) + 1
    assert "Masks and orders, with pictures" in searched(browser, tmp_path / "html", "blind spot")
    assert all((tmp_path / "html" / "guide" / f"{topic}.html").exists() for topic in TOPICS)
    assert gallery.by_family().keys() >= {"Images", "Sound"}
