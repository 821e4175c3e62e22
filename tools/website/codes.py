"""The diagnostics: a page for each hundred, from what `arspec explain` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from arspec.diagnostics import CODES
from arspec.diagnostics.codes import Code

HUNDREDS = {
    "AR0": "the text and its YAML", "AR1": "keys and the types of their values", "AR2": "names and the graph",
    "AR3": "expressions and masks", "AR4": "types of nodes, experts", "AR5": "the order of generation",
    "AR6": "the head",
    "AR7": "the proof and the tests", "AR8": "what comes at run time, and the machine",
    "AR9": "the installation, commands and audits",
}  # fmt: skip


def pages() -> Iterator[tuple[str, str]]:
    """A page for each hundred, and their list."""
    lines = ["# Diagnostics", ""]
    lines += [
        "`arspec explain CODE` prints the same. Each says what holds, shows it wrong and right, and how to mend it."
    ]
    lines.append("")
    for hundred, found in hundreds().items():
        yield f"diagnostics/{hundred.lower()}.md", page(hundred, found)
        lines += [f"## {heading(hundred)}", ""]
        lines += [f"- [{each.code}]({hundred.lower()}.md#{each.code.lower()}): {each.title}" for each in found]
        lines.append("")
    yield "diagnostics/index.md", "\n".join(lines)


def navigation() -> list[Any]:
    """The part of the site."""
    found = [{f"{hundred}xx": f"diagnostics/{hundred.lower()}.md"} for hundred in hundreds()]
    return [{"Diagnostics": ["diagnostics/index.md", *found]}]


def hundreds() -> dict[str, list[Code]]:
    """The codes by their hundreds."""
    found: dict[str, list[Code]] = {}
    for name, code in CODES.items():
        found.setdefault(name[:3], []).append(code)
    return found


def heading(hundred: str) -> str:
    """The title of a hundred."""
    return f"{hundred}xx: {HUNDREDS[hundred]}"


def page(hundred: str, found: list[Code]) -> str:
    """The page of a hundred."""
    lines = [f"# {heading(hundred)}", ""]
    for code in found:
        lines += [f"## {code.code}: {code.title} {{ #{code.code.lower()} }}", ""]
        if code.level != "error":
            lines += [f"A {code.level}.", ""]
        lines += [prose(code.holds), "", "Wrong:", "", *fenced(code.wrong), "", "Right:", "", *fenced(code.right), ""]
        lines += [f"**To mend it:** {prose(code.mend)}", ""]
    return "\n".join(lines)


def prose(text: str) -> str:
    """A paragraph whose signs are no Markdown."""
    words = " ".join(text.split())
    parts = words.split("`")
    if len(parts) % 2:  # what stands between backquotes is code, and stays
        parts = [part if k % 2 else part.replace("*", r"\*").replace("<", "&lt;") for k, part in enumerate(parts)]
    return "`".join(parts)


def fenced(example: str) -> list[str]:
    """An example, coloured as what it is."""
    first = example.lstrip().split(maxsplit=1)[0] if example.strip() else ""
    language = (
        "sh"
        if first in ("arspec", "$", "pip", "torchrun")
        else "python"
        if first in ("import", "from", "model", "x")
        else "yaml"
    )
    if "import arspec" in example or "arspec." in example or "(" in first:
        language = "python"
    return [f"```{language}", *example.rstrip().splitlines(), "```"]
