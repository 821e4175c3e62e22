"""The guide: pages in Markdown, which ship with the package. `arspec guide TOPIC` prints one.

A new page is a file `TOPIC.md` in this folder and its name in `PARTS`. Its first line is its title.
Comments of one line mark what the tests and `tools/site` do with a page; `tests/pages.py` lists the marks.
"""

from __future__ import annotations

from importlib.resources import files

from arspec.diagnostics import InputError, did_you_mean, visible

__all__ = ["OTHER_WORDS", "PARTS", "TOPICS", "page", "title"]

PARTS: dict[str, tuple[str, ...]] = {
    "Begin": ("install", "start", "images", "sound", "text"),
    "Write a spec": ("spec", "masks", "editor", "build", "words", "specs", "designs"),
    "Know what holds": ("verify", "proofs", "explore", "audit", "testing"),
    "Use a model": (
        "data", "train", "distributed", "tracking", "sample", "score", "compress", "checkpoints", "onnx", "pictures",
        "notebooks",
    ),
    "Look up": ("cookbook", "commands", "python"),
    "What was measured": ("speed", "figures", "leakbench", "census"),
    "Inside": ("how", "kinds"),
}  # fmt: skip
"""The parts of the guide with their topics, in the order in which they are read."""

TOPICS = tuple(topic for topics in PARTS.values() for topic in topics)
"""The topics of all parts."""

OTHER_WORDS: dict[str, str] = {
    word: topic
    for topic, words in {
        "checkpoints": "import huggingface",
        "commands": "guide completion",
        "compress": "decompress",
        "distributed": "torchrun ddp",
        "editor": "lsp format vscode neovim helix",
        "notebooks": "notebook jupyter",
        "onnx": "export onnxruntime",
        "pictures": "render field diagram picture",
        "sample": "complete generate",
        "score": "likelihood",
        "spec": "schema explain",
        "specs": "list",
        "sound": "audio",
        "testing": "pytest",
        "tracking": "tensorboard wandb mlflow trackio",
        "train": "eval",
    }.items()
    for word in words.split()
}
"""Commands that have no page of their own, and words that one may look for: word -> the topic that speaks of it."""


def page(topic: str) -> str:
    """The page of a topic, in Markdown. A command or one of OTHER_WORDS gives the page that speaks of it.

    Raises InputError (AR930) for a topic that there is not.
    """
    name = topic.strip().lower()
    name = OTHER_WORDS.get(name, name)
    if name not in TOPICS:
        message = f"the guide has no page {visible(topic[:40])!r}"
        raise InputError("AR930", message, did_you_mean(name, TOPICS, "pages"))
    written = (files(__name__) / f"{name}.md").read_text("utf-8")
    # a comment marks what is generated or how it is tested, and is nothing to read
    return "".join(line for line in written.splitlines(keepends=True) if not line.startswith("<!-- "))


def title(topic: str) -> str:
    """The title of a page: its first line."""
    return page(topic).splitlines()[0].removeprefix("# ")
