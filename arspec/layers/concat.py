"""`concat`: the channels of several nodes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import Fault, Layer, Node, Style, Traits, Weights
from arspec.layers.helpers import concat_in_groups, frame_of
from arspec.layers.one_grid import same_grid
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor

Heads = Annotated[int, Field(ge=1, le=1024)]


class Concat(Layer):
    """The channels of several nodes side by side, inside each channel group. With `heads` they stand side by side in
    each head. An input with fewer heads shares each of them among equally many. Multi-head latent attention so shares
    its one key of rotary positions (DeepSeek-AI 2024, "DeepSeek-V2", section 2.1.3)."""

    layer: Literal["concat"]
    example = "beside: {layer: concat, from: [first, scaled]}"
    arity = (1, None)
    heads: Heads | Annotated[list[Heads], Field(min_length=1, max_length=1024)] = Field(
        1, description="Heads of all inputs, or of each: [1, 16] gives the only head of the first to each of 16."
    )

    def infer(self, node: Node) -> Type:
        ins = node.ins
        same_grid(node, ins)
        if isinstance(self.heads, list) and len(self.heads) != len(ins):
            raise Fault("AR110", f"`heads` has {len(self.heads)} numbers, and `concat` takes {len(ins)} inputs",
                        "give one number, or one for each input", "heads")  # fmt: skip
        heads = self._heads(len(ins))
        for source, own in zip(node.inputs, heads, strict=True):
            if source.out.channels % own:
                raise Fault("AR403", f"{source.out.channels} channels of '{source.name}' can't be shared out among "
                            f"{own} heads", f"take a multiple of {own} in each channel group", "heads")  # fmt: skip
            if max(heads) % own:
                raise Fault("AR403", f"{own} heads of '{source.name}' can't be shared equally by {max(heads)}",
                            f"take numbers of heads that divide {max(heads)}", "heads")  # fmt: skip
        channels = sum(t.channels * max(heads) // own for t, own in zip(ins, heads, strict=True))
        return Type(ins[0].grid, ins[0].groups, channels, frame_of(ins))

    def _heads(self, inputs: int) -> list[int]:
        return self.heads if isinstance(self.heads, list) else [self.heads] * inputs

    @property
    def _plain(self) -> bool:
        return self.heads == 1 or (isinstance(self.heads, list) and max(self.heads) == 1)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        groups = node.out.groups
        if self._plain:
            return concat_in_groups(xs, groups)
        return self._by_head([x.unflatten(1, (groups, -1)) for x in xs], 2).flatten(1, 2)

    def _by_head(self, xs: list[Tensor], at: int) -> Tensor:
        """Tensors whose dimension `at` holds the channels of a group, side by side in each head."""
        import torch

        heads = self._heads(len(xs))
        cut = [x.unflatten(at, (own, -1)) for x, own in zip(xs, heads, strict=True)]
        shared = [x.repeat_interleave(max(heads) // own, at) if own < max(heads) else x
                  for x, own in zip(cut, heads, strict=True)]  # fmt: skip
        return torch.cat(shared, at + 1).flatten(at, at + 1)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        return torch.cat(xs, -1) if self._plain else self._by_head(xs, 2)

    def traits(self, node: Node) -> Traits:
        return Traits(is_concat=self._plain, needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("function", "" if self._plain else f"in {max(self._heads(len(node.ins)))} heads")
