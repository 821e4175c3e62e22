"""`conv`: convolution in one or two dimensions, masked or not, strided, dilated or transposed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Channels, Constants, Fault, Layer, MaskText, Node, Style, Traits, Weight, Weights
from arspec.layers.depthwise import (
    depthwise,
    depthwise_constants,
    depthwise_sites,
    depthwise_weight,
    prepare_depthwise_sites,
)  # fmt: skip
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
    says which of them, and which channel groups of them, it may read. Without a mask every channel group reads all. A
    `depthwise` one reads its own channel alone, whatever the groups of the mask."""

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
    depthwise: bool = Field(
        False, description="Whether a channel reads itself alone; `out` is then the number of the input's channels."
    )
    bias: bool = Field(True, description="Whether a bias is added.")
    weight_norm: bool = Field(False, description="Weight normalisation: a learned gain for each output channel.")
    quick = "windowed"

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
        if self.depthwise:
            self._check_depthwise(node, groups)
        return Type(grid, groups, per_group(self.out, groups), self._frame(into, form))

    def _check_depthwise(self, node: Node, groups: int) -> None:
        into = node.ins[0]
        if self.transposed:
            raise Fault("AR110", "a depthwise convolution is not transposed", "use `upsample` before it", "transposed")
        if (groups, self.out) != (into.groups, into.width):
            key = "out" if self.out != into.width else "groups"
            raise Fault("AR402", f"a depthwise convolution gives the channels that it takes: {into.width} in "
                        f"{into.groups} channel groups, where {self.out} in {groups} are asked for",
                        "follow it by a 1×1 convolution", key, str(into.width) if key == "out" else None)  # fmt: skip

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
        return window(into, node.out, self.geometry(into.grid), node.mask, member, self.depthwise)

    def reads_work(self, node: Node) -> int:
        return window_numbers(node.ins[0], node.out, self.geometry(node.ins[0].grid), node.mask)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [self._window(node, member)]

    def weights(self, node: Node) -> dict[str, Weight]:
        into, out = node.ins[0], node.out
        kernel = self.geometry(into.grid).kernel
        read = 1 if self.depthwise else into.width
        fan_in = read * int(np.prod(kernel))
        found = {"weight": fan_in_uniform((out.width, read, *kernel), fan_in)}
        if self.bias:
            found["bias"] = fan_in_uniform((out.width,), fan_in)
        if self.weight_norm:
            found["gain"] = Weight((out.width,), constant=1.0)
        return found

    def constants(self, node: Node, member: Member) -> Constants:
        form = self.geometry(node.ins[0].grid)
        if self.depthwise:
            return depthwise_constants(node, self._window(node, member), form)
        found = mask_constants(node, self._window(node, member), form.kernel)
        pieces: Pieces | None = found.get("pieces")
        return {
            **found,
            "run": _Run.of(form if pieces is None or pieces.shared is None else form.boxed(pieces.shared.box)),
        }

    def prepare(self, node: Node, w: Weights, c: Constants) -> Weights:
        return {**w, "weight": depthwise_weight(node, w, c)} if self.depthwise else prepare_window(node, w, c)

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        if self.depthwise:
            return depthwise(node, w, c, xs[0], self.geometry(node.ins[0].grid))
        pieces: Pieces | None = c.get("pieces")
        y = self._convolved(node, w, xs[0], pieces, c["run"]) if "weight" in w else None
        return add_rest(node, y, xs[0], w, c) if y is None or (pieces is not None and pieces.rest) else y

    def _convolved(self, node: Node, w: Weights, x: Tensor, pieces: Pieces | None, run: _Run) -> Tensor:
        """What all positions read: the convolution over the box of places that the mask leaves."""
        from torch.nn import functional as F

        from arspec.layers.linear_product import linear
        from arspec.layers.products import in_sequence, pays

        weight, bias = w["weight"], w.get("bias")
        if self.transposed:
            convolve = F.conv_transpose1d if run.flat else F.conv_transpose2d
            full = convolve(x, weight.transpose(0, 1), None, run.stride, dilation=run.dilation)
            return _cropped(full, bias, run.before, node.out.grid)
        if pieces is not None and pieces.in_sequence is not None and run.in_place and pays(weight):
            return in_sequence(x, weight, bias, pieces.in_sequence)
        if run.flat and run.in_place and x.stride(1) == 1 < x.shape[1]:  # channels last: a product, without a copy
            return linear(x.transpose(1, 2), weight.squeeze(2), bias).transpose(1, 2)
        if run.sides:
            x = F.pad(x, run.sides)
        return (F.conv1d if run.flat else F.conv2d)(x, weight, bias, run.stride, run.even, run.dilation)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        if self.depthwise:
            return prepare_depthwise_sites(node, depthwise_weight(node, w, c), w.get("bias"), group, columns[0])
        return prepare_window_sites(node, sites_weight(w, c), w.get("bias"), group, columns[0])

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        y = self.quickly(w, xs[0], w["weight"], w.get("bias"))
        return depthwise_sites(w, xs[0]) if y is None else y  # others are products, as their traits say

    def traits(self, node: Node) -> Traits:
        known = self.weight_norm and self.bias
        if self.depthwise:
            return Traits(output_unsaved=True, needs_sites=False, initialised_from_data=known)
        return Traits(is_linear=True, output_unsaved=True, initialised_from_data=known)

    def style(self, node: Node) -> Style:
        form = self.geometry(node.ins[0].grid)
        words = ["×".join(map(str, form.kernel))]
        words += [f"stride {max(form.stride)}"] if max(form.stride) > 1 else []
        words += [f"dilation {max(form.dilation)}"] if max(form.dilation) > 1 else []
        words += ["transposed"] if self.transposed else []
        words += ["depthwise"] if self.depthwise else []
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
