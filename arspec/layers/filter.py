"""`filter`: one small kernel that smooths or sharpens every channel alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Layer, Node, Style, Traits, Weight, Weights
from arspec.layers.geometry import Geometry, padding, spread, window, window_numbers
from arspec.layers.helpers import fan_in_uniform
from arspec.reads import Reads
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

_Size = Annotated[int, Field(ge=1, le=4096)]


class Filter(Layer):
    """A convolution of every channel by itself. All channels share one learned kernel, as between the upsampling steps
    of a WaveNet's local conditioning."""

    layer: Literal["filter"]
    example = "smooth: {layer: filter, from: first, kernel: [3, 1]}"
    kernel: _Size | list[_Size] = Field(description="Places of the window: one number, or one a dimension.")
    padding: Literal["same", "causal"] = Field("same", description="Zeros around the input: centred, or all before.")

    def _geometry(self, grid: tuple[int, ...]) -> Geometry:
        kernel, one = spread(self.kernel, len(grid), "kernel"), (1,) * len(grid)
        return Geometry(kernel, one, one, *padding(self.padding, kernel, one))

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        self._geometry(into.grid)
        return Type(into.grid, into.groups, into.channels, into.frame)

    def reads_work(self, node: Node) -> int:
        return window_numbers(node.ins[0], node.out, self._geometry(node.out.grid), None)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [window(node.ins[0], node.out, self._geometry(node.out.grid), None, member, own_group=True)]

    def weights(self, node: Node) -> dict[str, Weight]:
        kernel = self._geometry(node.out.grid).kernel
        return {"weight": fan_in_uniform(kernel, int(np.prod(kernel)))}

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from torch.nn import functional as F

        x, form = xs[0], self._geometry(node.out.grid)
        sides: list[int] = []
        for before, after in zip(form.before, form.after, strict=True):
            sides = [before, after, *sides]
        run: Any = F.conv1d if x.ndim == 3 else F.conv2d
        each = F.pad(x, sides).flatten(0, 1).unsqueeze(1)
        return run(each, w["weight"][None, None]).view(x.shape)

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        import torch

        taps = torch.as_tensor(columns[0] // node.ins[0].groups, device=w["weight"].device)
        return {"weight": w["weight"].flatten()[taps]}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        taps = xs[0].unflatten(-1, (-1, node.out.channels))
        return (taps * w["weight"][:, None]).sum(2)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("convolution", "×".join(map(str, self._geometry(node.out.grid).kernel)))
