"""`conv`: convolution in one or two dimensions, masked or not, strided, dilated or transposed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Channels, Constants, Fault, Layer, MaskText, Node, Style, Traits, Weight, Weights
from arspec.layers.geometry import Geometry, by, padding, spread, window, window_numbers
from arspec.layers.helpers import fan_in_uniform, per_group
from arspec.layers.pieces import Pieces
from arspec.layers.windowed import (
    add_rest,
    mask_constants,
    prepare_window,
    prepare_window_sites,
    sites_weight,
)  # fmt: skip
from arspec.reads import Reads, Window
from arspec.types import Cells, Frame, Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

_Size = Annotated[int, Field(ge=1, le=4096)]
_Dilation = Annotated[int, Field(ge=1, le=1 << 30)]
_Pad = Annotated[int, Field(ge=0, le=1 << 20)]


class Conv(Layer):
    """A convolution over rows and columns, or over time. Every output site reads a window of input positions; a mask
    says which of them, and which channel groups of them, it may read. Without a mask every channel group reads all."""

    layer: Literal["conv"]
    example = "conv: {layer: conv, kernel: 3, out: 24, mask: so_far}"
    out: Channels = Field(description="Output channels, over all channel groups.")
    kernel: _Size | list[_Size] = Field(1, description="Places of the window: one number, or one a dimension.")
    mask: MaskText | None = Field(None, description="Which sites of the window are read. Nothing is hidden without it.")
    stride: _Size | list[_Size] = Field(1, description="Input positions from one output position to the next.")
    dilation: _Dilation | list[_Dilation] = Field(1, description="Input positions from tap to tap.")
    padding: Literal["same", "causal", "valid"] | _Pad | dict[str, _Pad] = Field(
        "same", description="Zeros around the input: same (centred), causal (all before), valid (none), or a number a "
        "side: top, bottom, left, right; before, after.",
    )  # fmt: skip
    transposed: bool = Field(False, description="A transposed convolution: `stride` outputs for every input position.")
    crop: _Pad | list[_Pad] = Field(0, description="Transposed only: positions cut from the start of the full output.")
    groups: int | None = Field(
        None, ge=1, le=64, description="Channel groups of the output; those of the input if left out."
    )
    bias: bool = Field(True, description="Whether a bias is added.")
    weight_norm: bool = Field(False, description="Weight normalisation: a learned gain for each output channel.")

    def geometry(self, grid: tuple[int, ...]) -> Geometry:
        """The window's form on a grid. Raises Fault where the keys do not fit the grid's dimensions."""
        n = len(grid)
        if n not in (1, 2):
            raise Fault("AR401", "a convolution needs a grid of one or two dimensions, and its input has none",
                        "a class or a vector enters by a `condition` layer, or as a map")  # fmt: skip
        kernel, stride = spread(self.kernel, n, "kernel"), spread(self.stride, n, "stride")
        dilation = spread(self.dilation, n, "dilation")
        if self.transposed:
            crop = spread(self.crop, n, "crop")
            return Geometry(kernel, stride, dilation, crop, (0,) * n, transposed=True)
        before, after = padding(self.padding, kernel, dilation)
        return Geometry(kernel, stride, dilation, before, after)

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        form = self.geometry(into.grid)
        if not self.transposed and self.crop != 0:
            raise Fault("AR407", "`crop` belongs to transposed convolutions", "use a `crop` layer", "crop")
        grid = form.out_grid(into.grid)
        if min(grid) < 1:
            raise Fault("AR408", f"a window of {by(form.kernel)} does not fit into a grid of {by(into.grid)}",
                        "make the kernel or the dilation smaller, or pad more", "kernel")  # fmt: skip
        groups = self.groups or into.groups
        if groups not in (1, into.groups, node.order_groups):
            raise Fault("AR403", f"{groups} channel groups, where the data has {node.order_groups}",
                        "groups are 1 or those of the data", "groups")  # fmt: skip
        return Type(grid, groups, per_group(self.out, groups), self._frame(into, form))

    def _frame(self, into: Type, form: Geometry) -> Frame:
        if not isinstance(into.frame, Cells):
            return into.frame
        if not self.transposed:
            stride = tuple(a * s for a, s in zip(into.frame.stride, form.stride, strict=True))
            return replace(into.frame, stride=stride)
        if any(a % s for a, s in zip(into.frame.stride, form.stride, strict=True)):
            raise Fault("AR414", "a transposed convolution would give several positions for one cell of the data",
                        "only what a stride made coarser is made finer again: this stride must divide that one",
                        "stride")  # fmt: skip
        return replace(into.frame, stride=tuple(a // s for a, s in zip(into.frame.stride, form.stride, strict=True)))

    def _window(self, node: Node, member: Member) -> Window:
        into = node.ins[0]
        return window(into, node.out, self.geometry(into.grid), node.mask, member)

    def reads_work(self, node: Node) -> int:
        return window_numbers(node.ins[0], node.out, self.geometry(node.ins[0].grid), node.mask)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [self._window(node, member)]

    def weights(self, node: Node) -> dict[str, Weight]:
        into, out = node.ins[0], node.out
        kernel = self.geometry(into.grid).kernel
        fan_in = into.width * int(np.prod(kernel))
        found = {"weight": fan_in_uniform((out.width, into.width, *kernel), fan_in)}
        if self.bias:
            found["bias"] = fan_in_uniform((out.width,), fan_in)
        if self.weight_norm:
            found["gain"] = Weight((out.width,), constant=1.0)
        return found

    def constants(self, node: Node, member: Member) -> Constants:
        form = self.geometry(node.ins[0].grid)
        found = mask_constants(node, self._window(node, member), form.kernel)
        pieces: Pieces | None = found.get("pieces")
        return {
            **found,
            "run": _Run.of(form if pieces is None or pieces.shared is None else form.boxed(pieces.shared.box)),
        }

    def prepare(self, node: Node, w: Weights, c: Constants) -> Weights:
        return prepare_window(node, w, c)

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        pieces: Pieces | None = c.get("pieces")
        y = self._convolved(node, w, xs[0], pieces, c["run"]) if "weight" in w else None
        return add_rest(node, y, xs[0], w, c) if y is None or (pieces is not None and pieces.rest) else y

    def _convolved(self, node: Node, w: Weights, x: Tensor, pieces: Pieces | None, run: _Run) -> Tensor:
        """What all positions read: the convolution over the box of places that the mask leaves."""
        from torch.nn import functional as F

        from arspec.layers.products import in_sequence, pays

        weight, bias = w["weight"], w.get("bias")
        if self.transposed:
            convolve = F.conv_transpose1d if run.flat else F.conv_transpose2d
            full = convolve(x, weight.transpose(0, 1), None, run.stride, dilation=run.dilation)
            return _cropped(full, bias, run.before, node.out.grid)
        if pieces is not None and pieces.in_sequence is not None and run.in_place and pays(weight):
            return in_sequence(x, weight, bias, pieces.in_sequence)
        if run.flat and run.in_place and x.stride(1) == 1 < x.shape[1]:  # channels last: a product, without a copy
            return F.linear(x.transpose(1, 2), weight.squeeze(2), bias).transpose(1, 2)
        if run.sides:
            x = F.pad(x, run.sides)
        return (F.conv1d if run.flat else F.conv2d)(x, weight, bias, run.stride, run.even, run.dilation)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        return prepare_window_sites(node, sites_weight(w, c), w.get("bias"), group, columns[0])

    def traits(self, node: Node) -> Traits:
        return Traits(is_linear=True, output_unsaved=True, initialised_from_data=self.weight_norm and self.bias)

    def style(self, node: Node) -> Style:
        form = self.geometry(node.ins[0].grid)
        words = ["×".join(map(str, form.kernel))]
        words += [f"stride {max(form.stride)}"] if max(form.stride) > 1 else []
        words += [f"dilation {max(form.dilation)}"] if max(form.dilation) > 1 else []
        words += ["transposed"] if self.transposed else []
        words += [f"mask {node.mask}"] if node.mask else []
        return Style("convolution", ", ".join(words))


@dataclass(frozen=True)
class _Run:
    """What a convolution is called with. It pads by itself (`even`) what its padding has alike on both sides, without a
    copy of its input. The rest is padded before: `sides`, last dimension first, empty where there is none."""

    flat: bool
    in_place: bool
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    even: tuple[int, ...]
    sides: tuple[int, ...]

    @classmethod
    def of(cls, form: Geometry) -> _Run:
        even = [before if before == after > 0 else 0 for before, after in zip(form.before, form.after, strict=True)]
        sides: list[int] = []
        for before, after, inner in zip(form.before, form.after, even, strict=True):
            sides = [before - inner, after - inner, *sides]
        flat, kept = len(form.kernel) == 1, tuple(sides) if any(sides) else ()
        return cls(flat, form.in_place, form.stride, form.dilation, form.before, tuple(even), kept)


def _cropped(full: Tensor, bias: Tensor | None, before: tuple[int, ...], grid: tuple[int, ...]) -> Tensor:
    """Cuts a full transposed output to its grid, with zeros where it is too short, and adds the bias."""
    from torch.nn import functional as F

    for axis, (start, size) in enumerate(zip(before, grid, strict=True)):
        if start < 0:  # the first places of the kernel were cut off
            full, start = F.pad(full, [0, 0] * (len(grid) - 1 - axis) + [-start, 0]), 0
        length = full.shape[2 + axis] - start
        full = full.narrow(2 + axis, start, min(size, length))
        if length < size:
            full = F.pad(full, [0, 0] * (len(grid) - 1 - axis) + [0, size - length])
    return full if bias is None else full + bias.view(-1, *[1] * len(grid))
