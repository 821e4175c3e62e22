"""`crop` and `pad`: rows, columns or steps less or more at the sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from arspec.layers.base import (
    Fault,
    Node,
    Style,
)  # fmt: skip
from arspec.layers.geometry import PADDING_SIDES, by
from arspec.layers.translate import Translate
from arspec.types import Cells, Type

_Count = Annotated[int, Field(ge=0, le=1 << 20)]


class Border(Translate):
    """`crop` takes rows, columns or steps away at the sides; `pad` puts zeros there, or what
    `fill` says. The positions still stand for the
    cells of the data that they stood for before."""

    layer: Literal["crop", "pad"]
    example = "larger: {layer: pad, from: first, top: 1}\nback: {layer: crop, top: 1}"
    top: _Count = Field(default=0, description="Rows at the top, for images.")
    bottom: _Count = Field(default=0, description="Rows at the bottom, for images.")
    left: _Count = Field(default=0, description="Columns at the left, for images.")
    right: _Count = Field(default=0, description="Columns at the right, for images.")
    before: _Count = Field(0, description="Steps at the start, for sequences.")
    after: _Count = Field(0, description="Steps at the end, for sequences.")

    def _sides(self, dimensions: int) -> list[tuple[int, int]]:
        names = PADDING_SIDES[dimensions]
        numbers = [getattr(self, n) for n in names]
        return list(zip(numbers[0::2], numbers[1::2], strict=True))

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        if len(into.grid) not in PADDING_SIDES:
            raise Fault("AR401", f"`{self.layer}` needs a grid, and its input has none", None)
        wrong = sorted(
            self.model_fields_set & set(sum(PADDING_SIDES.values(), ())) - set(PADDING_SIDES[len(into.grid)])
        )
        if wrong:
            raise Fault("AR407", f"a grid of {len(into.grid)} dimensions has no side '{wrong[0]}'",
                        f"its sides are {', '.join(PADDING_SIDES[len(into.grid)])}", wrong[0])  # fmt: skip
        sides, grid = self._sides(len(into.grid)), self.out_grid(into)
        if min(grid) < 1:
            raise Fault("AR408", f"nothing is left of a grid of {by(into.grid)}", "crop less", "top")
        self.check_fill(node)
        frame = into.frame
        if isinstance(frame, Cells):
            moved = zip(frame.origin, frame.stride, sides, strict=True)
            frame = replace(frame, origin=tuple(o - self._sign * s * a for o, s, (a, _) in moved))
        return Type(grid, into.groups, into.channels, frame)

    def start(self, dimensions: int) -> tuple[int, ...]:
        return tuple(self._sign * a for a, _ in self._sides(dimensions))

    def out_grid(self, into: Type) -> tuple[int, ...]:
        sides = self._sides(len(into.grid))
        return tuple(max(0, n + self._sign * (a + b)) for n, (a, b) in zip(into.grid, sides, strict=True))

    @property
    def _sign(self) -> int:
        return 1 if self.layer == "pad" else -1

    def style(self, node: Node) -> Style:
        names = PADDING_SIDES[len(node.out.grid)]
        words = [f"{n} {getattr(self, n)}" for n in names if getattr(self, n)]
        return Style("move", ", ".join([*words, *self.fill_words()]))
