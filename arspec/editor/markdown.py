"""Pieces of Markdown, as hovers and completions show them."""

from __future__ import annotations

from collections.abc import Iterable


def code(text: str) -> str:
    """A piece of a spec."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def fenced(lines: Iterable[str], language: str = "text") -> str:
    """Lines as they stand."""
    return "\n".join([f"```{language}", *lines, "```"])


def flowing(text: str) -> str:
    """A docstring as paragraphs: the line breaks within them are blanks."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def first_paragraph(text: str) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join(text.split("\n\n")[0].split())


def joined(parts: Iterable[str]) -> str:
    """Paragraphs, those that say nothing left out."""
    return "\n\n".join(part for part in parts if part)
