"""Colours of the diagram. Hues stay apart for the colour-blind (after Okabe & Ito 2008); what matters also differs in
line width or dashes, so that it survives black and white."""

from __future__ import annotations

from dataclasses import dataclass

from arspec.pictures.strictness import Strictness

FAMILIES: dict[str, str] = {
    "data": "#ffffff",
    "input": "#f1f1ec",
    "convolution": "#cfe2f3",
    "dense": "#cfe2f3",
    "attention": "#f6d3e4",
    "recurrent": "#e2d2bf",
    "gate": "#d3ebcf",
    "function": "#e6e6e6",
    "norm": "#ecebb4",
    "move": "#fbe0b5",
    "route": "#f7cfc4",
    "condition": "#e3d6f0",
    "head": "#c4e7e1",
}
OTHER = "#f8f8f8"  # a family that a layer names and the table does not
LEAK = "#c8102e"
TEXT, FAINT = "#1c1c1c", "#5c5c5c"


@dataclass(frozen=True)
class Stroke:
    """How a line is drawn, and what it means."""

    colour: str
    width: float
    style: str  # of Graphviz
    glyph: str  # the same in the legend
    meaning: str


STROKES: dict[Strictness, Stroke] = {
    Strictness.STRICT: Stroke("#0b5fa5", 1.3, "solid", "━━━", "strict: known before its own variable"),
    Strictness.INCLUSIVE: Stroke("#d98200", 2.4, "solid", "━━━", "inclusive: known with its own variable"),
    Strictness.AHEAD: Stroke("#7b3f98", 2.4, "dotted", "• • •", "ahead: known only after it"),
    Strictness.FREE: Stroke("#8a8a8a", 1.1, "dotted", "· · · ·", "condition: depends on no data"),
}
