"""The folder of sources, and mkdocs's run over it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from website import codes, gallery, guide, reference

HERE = Path(__file__).resolve().parent
SEARCHER = "iframe-worker.js"  # lets the search run on pages that are opened from files
Nav = list[dict[str, Any]]


class Failed(SystemExit):
    """mkdocs warned, or failed."""


def build(out: Path, pictures: bool = True) -> Path:
    """Writes the sources into `out`/docs and the site into `out`/html, and returns the latter.

    pictures: whether diagrams and contexts are drawn; without them the pages have empty ones. Raises Failed where
    mkdocs warns."""
    docs, html = out / "docs", out / "html"
    write(docs, pictures)
    config = out / "mkdocs.yml"
    config.write_text(json.dumps(settings(docs, html), indent=1), "utf-8")  # JSON is YAML
    run = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--clean", "--config-file", str(config)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # of a future version, which is no fault of a page
    done = subprocess.run(run, capture_output=True, text=True, env=quiet)
    said = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if line.strip() and "│" not in line)
    if done.returncode or "WARNING" in said:
        raise Failed(f"mkdocs: {said}")
    return html


def write(docs: Path, pictures: bool) -> None:
    """The sources: pages, pictures and the style."""
    drawn = docs / "pictures"
    for path in docs.glob("*") if docs.exists() else ():
        if path != drawn:  # what is drawn is kept, and drawn anew where its spec has changed
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    drawn.mkdir(parents=True, exist_ok=True)
    for path, text in pages(drawn if pictures else None):
        target = docs / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    for name in ("style.css", "logo.svg", SEARCHER):
        shutil.copy(HERE / name, docs / name)
    for name in ("leak.png", "blind_spot.png", "effective.png", "two_stacks.png", "pixelrnn.png", "dilation.png"):
        shutil.copy(guide.ROOT / "specs" / "pictures" / name, drawn / name)
    # the licences of what the site shows are those of the package
    shutil.copy(guide.ROOT / "LICENSE", docs / "LICENSE.txt")


def pages(drawn: Path | None) -> Iterator[tuple[str, str]]:
    """Every page: its path in the sources, and its text. drawn: the folder of pictures; None draws none."""
    yield "index.md", (HERE / "index.md").read_text("utf-8")
    yield from guide.pages(drawn)
    yield from gallery.pages(drawn)
    yield from reference.pages()
    yield from codes.pages()


def navigation() -> Nav:
    """What the site is made of, by parts."""
    return [
        {"Home": "index.md"},
        {"Guide": guide.navigation()},
        {"Gallery": gallery.navigation()},
        {"Reference": [*reference.navigation(), *codes.navigation()]},
    ]


def settings(docs: Path, html: Path) -> dict[str, Any]:
    """What mkdocs is told."""
    return {
        "site_name": "arspec",
        "site_description": "A compiler for autoregressive models: write a spec; see it proven, drawn, trained.",
        "docs_dir": str(docs),
        "site_dir": str(html),
        "use_directory_urls": False,  # the pages open from files too
        "nav": navigation(),
        "theme": {
            "name": "material",
            "language": "en",
            "font": False,  # the reader's own fonts: none are fetched
            "logo": "logo.svg",
            "favicon": "logo.svg",
            "features": [
                "navigation.tabs", "navigation.tabs.sticky", "navigation.indexes", "navigation.top",
                "navigation.footer", "search.highlight", "content.code.copy", "toc.follow",
            ],
            "palette": [
                {"media": f"(prefers-color-scheme: {mode})", "scheme": scheme, "primary": "custom", "accent": "custom",
                 "toggle": {"icon": icon, "name": f"Switch to the {other} side"}}
                for mode, scheme, icon, other in (
                    ("light", "default", "material/weather-night", "dark"),
                    ("dark", "slate", "material/weather-sunny", "light"),
                )
            ],
        },
        "extra_css": ["style.css"],
        "extra": {"generator": False, "polyfills": [SEARCHER]},
        "plugins": {"search": {"separator": r"[\s\-,:!=\[\]()\"`/_.]+"}, "offline": {}},
        "markdown_extensions": [
            "tables", "attr_list", "md_in_html", "admonition", "sane_lists",
            {"toc": {"permalink": True, "toc_depth": 3}},
            "pymdownx.superfences", {"pymdownx.highlight": {"pygments_lang_class": True}},
        ],
        "validation": {
            "nav": {"omitted_files": "warn", "not_found": "warn", "absolute_links": "warn"},
            "links": {"not_found": "warn", "anchors": "warn", "absolute_links": "warn", "unrecognized_links": "warn"},
        },
    }  # fmt: skip
