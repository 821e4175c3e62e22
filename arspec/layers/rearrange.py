"""`shift`, `crop`, `pad` and `upsample`: the same values at other places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import Fault, Layer, Node, Style, Weights
from arspec.layers.geometry import PADDING_SIDES, Geometry, spread, window
from arspec.reads import Reads
from arspec.types import Cells, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

Move = Annotated[int, Field(ge=-(1 << 20), le=1 << 20)]
Count = Annotated[int, Field(ge=0, le=1 << 20)]


class Moved(Layer):
    """What `shift`, `crop` and `pad` have in common: output position i shows input position i − start, zero outside."""

    def start(self, node: Node) -> tuple[int, ...]:
        """By how many positions the values move, along each dimension; negative is up and to the left."""
        raise NotImplementedError

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        one = (1,) * len(node.out.grid)
        form = Geometry(one, one, one, self.start(node), one)
        return [window(node.ins[0], node.out, form, None, member, own_group=True)]

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from torch.nn import functional as F

        sides: list[int] = []
        for start, size, before in zip(self.start(node), node.out.grid, node.ins[0].grid, strict=True):
            sides = [start, size - before - start, *sides]
        return F.pad(xs[0], sides)

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return xs[0].squeeze(2)


class Shift(Moved):
    """Moves the values: `rows: 1` moves them down, so that each position sees the one above it; zeros come in. Rows,
    columns and steps are meant in the grid as it lies, whatever the order."""

    layer: Literal["shift"]
    rows: Move = Field(0, description="Rows downwards.")
    columns: Move = Field(0, description="Columns to the right.")
    steps: Move = Field(0, description="Steps later, for sequences.")

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        wrong = "rows or columns" if len(into.grid) == 1 else "steps"
        if (self.steps and len(into.grid) != 1) or ((self.rows or self.columns) and len(into.grid) != 2):
            raise Fault("AR407", f"a grid of {len(into.grid)} dimensions has no {wrong} to shift",
                        "`rows` and `columns` belong to images, `steps` to sequences")  # fmt: skip
        return Type(into.grid, into.groups, into.channels, into.frame)

    def start(self, node: Node) -> tuple[int, ...]:
        return (self.steps,) if len(node.out.grid) == 1 else (self.rows, self.columns)

    def style(self, node: Node) -> Style:
        words = [f"{n} {key}" for key in ("rows", "columns", "steps") if (n := getattr(self, key))]
        return Style("move", ", ".join(words))


class Border(Moved):
    """`crop` takes rows, columns or steps away at the sides; `pad` puts zeros there. The positions still stand for the
    cells of the data that they stood for before."""

    layer: Literal["crop", "pad"]
    top: Count = 0
    bottom: Count = 0
    left: Count = 0
    right: Count = 0
    before: Count = Field(0, description="Steps at the start, for sequences.")
    after: Count = Field(0, description="Steps at the end, for sequences.")

    def _sides(self, dimensions: int) -> list[tuple[int, int]]:
        names = PADDING_SIDES[dimensions]
        numbers = [getattr(self, n) for n in names]
        return list(zip(numbers[0::2], numbers[1::2], strict=True))

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        if len(into.grid) not in PADDING_SIDES:
            raise Fault("AR401", f"`{self.layer}` needs a grid, and its input has none", None)
        sign = 1 if self.layer == "pad" else -1
        sides = self._sides(len(into.grid))
        grid = tuple(n + sign * (a + b) for n, (a, b) in zip(into.grid, sides, strict=True))
        if min(grid) < 1:
            raise Fault("AR408", f"nothing is left of a grid of {into.grid}", "crop less", "top")
        frame = into.frame
        if isinstance(frame, Cells):
            moved = zip(frame.origin, frame.stride, sides, strict=True)
            frame = Cells(tuple(o - sign * s * a for o, s, (a, _) in moved), frame.stride)
        return Type(grid, into.groups, into.channels, frame)

    def start(self, node: Node) -> tuple[int, ...]:
        sign = 1 if self.layer == "pad" else -1
        return tuple(sign * a for a, _ in self._sides(len(node.out.grid)))

    def style(self, node: Node) -> Style:
        names = PADDING_SIDES[len(node.out.grid)]
        return Style("move", ", ".join(f"{n} {getattr(self, n)}" for n in names if getattr(self, n)))


class Upsample(Layer):
    """Repeats every position `factor` times along each dimension (nearest neighbour)."""

    layer: Literal["upsample"]
    factor: Annotated[int, Field(ge=1, le=4096)] | list[int] = Field(2, description="One number, or one a dimension.")

    def _factor(self, into: Type) -> tuple[int, ...]:
        return spread(self.factor, len(into.grid), "factor")

    def infer(self, node: Node) -> Type:
        into, factor = node.ins[0], self._factor(node.ins[0])
        frame = into.frame
        if isinstance(frame, Cells):
            if any(s % f for s, f in zip(frame.stride, factor, strict=True)):
                raise Fault("AR414", "upsampling would give several positions for one cell of the data",
                            "the factor must divide the strides that came before it", "factor")  # fmt: skip
            frame = Cells(frame.origin, tuple(s // f for s, f in zip(frame.stride, factor, strict=True)))
        grid = tuple(n * f for n, f in zip(into.grid, factor, strict=True))
        return Type(grid, into.groups, into.channels, frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        factor = self._factor(node.ins[0])
        zero, one = (0,) * len(factor), (1,) * len(factor)
        form = Geometry(factor, factor, one, zero, zero, transposed=True)
        return [window(node.ins[0], node.out, form, None, member, own_group=True)]

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        x = xs[0]
        for axis, factor in enumerate(self._factor(node.ins[0])):
            x = x.repeat_interleave(factor, 2 + axis)
        return x

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return xs[0].sum(2)  # of the taps at a site just one lies inside; the others are zero

    def style(self, node: Node) -> Style:
        return Style("move", f"×{self.factor}")
