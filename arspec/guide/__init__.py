"""The guide: pages in Markdown, which ship with the package. `arspec guide TOPIC` prints one.

A new page is a file `TOPIC.md` in this folder and its name in `TOPICS`. Its first line is its title.
"""

from __future__ import annotations

from importlib.resources import files

from arspec.diagnostics import InputError, did_you_mean, visible

__all__ = ["TOPICS", "page", "title"]

TOPICS = (
    "install",
    "start",
    "spec",
    "words",
    "specs",
    "designs",
    "verify",
    "audit",
    "testing",
    "leakbench",
    "census",
    "pictures",
    "data",
    "train",
    "sample",
    "score",
    "compress",
    "checkpoints",
    "python",
    "build",
    "commands",
    "speed",
    "figures",
)
"""The topics, in the order in which they are read."""


def page(topic: str) -> str:
    """The page of a topic, in Markdown.

    Raises InputError (AR930) for a topic that there is not.
    """
    name = topic.strip().lower()
    if name not in TOPICS:
        message = f"the guide has no page {visible(topic[:40])!r}"
        raise InputError("AR930", message, did_you_mean(name, TOPICS, "pages"))
    written = (files(__name__) / f"{name}.md").read_text("utf-8")
    # a comment marks what `tools/readme` generates, and is nothing to read
    return "".join(line for line in written.splitlines(keepends=True) if not line.startswith("<!-- "))


def title(topic: str) -> str:
    """The title of a page: its first line."""
    return page(topic).splitlines()[0].removeprefix("# ")
