"""`shift`: the same values some rows, columns or steps further on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from arspec.layers.base import (
    Fault,
    Node,
    Style,
)  # fmt: skip
from arspec.layers.translate import Translate
from arspec.types import Type

_Move = Annotated[int, Field(ge=-(1 << 20), le=1 << 20)]


class Shift(Translate):
    """Moves the values: `rows: 1` moves them down, so that each position sees the one above it; zeros come in, or
    what `fill` says. Rows, columns and steps are meant in the grid as it lies, whatever the order."""

    layer: Literal["shift"]
    example = "down: {layer: shift, from: first, rows: 1}"
    rows: _Move = Field(0, description="Rows downwards.")
    columns: _Move = Field(0, description="Columns to the right.")
    steps: _Move = Field(0, description="Steps later, for sequences.")

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        wrong = "rows or columns" if len(into.grid) == 1 else "steps"
        if (self.steps and len(into.grid) != 1) or ((self.rows or self.columns) and len(into.grid) != 2):
            raise Fault("AR407", f"a grid of {len(into.grid)} dimensions has no {wrong} to shift",
                        "`rows` and `columns` belong to images, `steps` to sequences")  # fmt: skip
        self.check_fill(node)
        return Type(into.grid, into.groups, into.channels, into.frame)

    def start(self, dimensions: int) -> tuple[int, ...]:
        return (self.steps,) if dimensions == 1 else (self.rows, self.columns)

    def style(self, node: Node) -> Style:
        words = [f"{n} {key}" for key in ("rows", "columns", "steps") if (n := getattr(self, key))]
        return Style("move", ", ".join([*words, *self.fill_words()]))
