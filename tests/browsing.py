"""A browser for the tests of the page of `arspec explore`: one headless Chromium for a file of tests.

A file imports the fixtures `browser` and `opened`; its tests are left out where there is no Chromium.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from arspec.exploring.making import Made
from arspec.exploring.page import page as page_of

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 120_000  # milliseconds after which a page that does not come counts as gone, on a slow machine too
Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One headless Chromium: that of the machine, else the one that playwright has installed."""
    pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    from playwright.sync_api import Error, sync_playwright

    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(
                executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=PATIENCE
            )
        except Error as error:
            pytest.skip("no Chromium was found (apt-get install chromium): " + str(error).splitlines()[0])
        yield started
        started.close()


@pytest.fixture(scope="module")
def opened(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Opens the page of some facts in the browser; tests may share one. Fails at the end where a page had an error, or
    loaded anything."""
    folder = tmp_path_factory.mktemp("pages")
    contexts: list[Any] = []
    faults: list[str] = []

    def show(*made: Made, at: str = "", width: int = 1280, height: int = 860, before: str = "", **options: Any) -> Any:
        file = folder / f"page{len(contexts)}.html"
        file.write_text(page_of(made), "utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        shown = context.new_page()
        shown.on("pageerror", lambda error: faults.append(str(error)))
        shown.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        own = (file.as_uri(), "blob:")  # its worker is a blob of its own script
        shown.on("request", lambda asked: None if asked.url.startswith(own) else faults.append(asked.url))
        if before:  # a script that runs before the page's own
            shown.add_init_script(before)
        shown.goto(f"{file.as_uri()}#{at}")
        shown.locator(".tabs [aria-selected=true]").wait_for()
        return shown

    yield show
    for context in contexts:
        context.close()
    assert not faults, faults


GO = """at => new Promise((done) => {
  if (location.hash === `#${at}`) return done()
  addEventListener("hashchange", () => requestAnimationFrame(() => done()), { once: true })
  location.hash = at
})"""


def go(shown: Any, at: str) -> None:
    """Shows another choice in an open page, as a link does: "view=graph&node=first"."""
    shown.evaluate(GO, at)
    shown.locator(f".tabs [aria-selected=true]#tab-{at.split('&')[0].removeprefix('view=')}").wait_for()
