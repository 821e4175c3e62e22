"""`condition`: adds what a class, a vector, a map or a series says, through a linear layer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from arspec.layers.base import Fault, Layer, Node, Ref, Style, Traits, Weight, Weights
from arspec.layers.geometry import centre
from arspec.layers.helpers import fan_in_uniform
from arspec.layers.one_grid import to_grid
from arspec.reads import Pointwise, Reads, Whole
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

WEIGHT = "condition"  # the weight's name, in this layer and in others that take a condition


def condition_reads(node: Node, member: Member) -> list[Reads]:
    """The relation with the input, and with the condition where there is one."""
    port = node.port(node.layer.ports[0])
    if port is None:
        return [Pointwise()]
    into, given = node.ins[0], node.ins[port]
    if not given.grid:
        return [Pointwise(), Whole(into.sites, given.sites)]
    same = Type(into.grid, into.groups, into.channels, into.frame)
    return [Pointwise(), centre(given, same, False, member)]


def condition_weight(node: Node) -> dict[str, Weight]:
    """{condition: [width of the input, width of the condition]}: one row for each channel of the input."""
    port = node.port(node.layer.ports[0])
    if port is None:
        return {}
    into, given = node.ins[0], node.ins[port]
    if given.grid and given.grid != into.grid:
        raise Fault("AR410",
                    f"the condition '{node.inputs[port].name}' lies on a grid of {given}, what it is added to on "
                    f"{into}",
                    to_grid(node.inputs[port].name, given, into.grid), node.layer.ports[0])  # fmt: skip
    return {WEIGHT: fan_in_uniform((into.width, given.width), given.width)}


def conditioned(x: Tensor, given: Tensor | None, w: Weights) -> Tensor:
    """x [B, G * C, *grid] plus W · condition, which is [B, K] or [B, K, *grid]."""
    if given is None:
        return x
    from torch.nn import functional as F

    if given.ndim == 2:
        return x + F.linear(given, w[WEIGHT]).view(*x.shape[:2], *[1] * (x.ndim - 2))
    weight = w[WEIGHT].view(*w[WEIGHT].shape, *[1] * (x.ndim - 2))
    return x + (F.conv1d(given, weight) if x.ndim == 3 else F.conv2d(given, weight))


def prepare_condition_sites(node: Node, w: Weights, group: int) -> Weights:
    """The condition's weight for the sites of one group, [K, C], ready for `hoist_condition`;
    nothing without a condition."""
    channels = node.ins[0].channels
    return {WEIGHT: w[WEIGHT][group * channels : (group + 1) * channels].T.contiguous()} if WEIGHT in w else {}


def conditioned_sites(xs: list[Tensor], w: Weights) -> Tensor:
    """xs: [B, n, C], and what `hoist_condition` made of the condition, where there is one."""
    return xs[0] + xs[1] if WEIGHT in w else xs[0]


def hoist_condition(w: Weights, given: Tensor) -> Tensor:
    """given [B, n, K] -> [B, n, C]: what is added to the input."""
    return given @ w[WEIGHT]


class Condition(Layer):
    """Adds a linear function of a condition to every site. A class or a vector gives a bias for each channel. A map or
    a series on the same grid goes through a 1×1 convolution. It carries no data, so no mask is needed."""

    layer: Literal["condition"]
    example = (
        "condition: {label: {kind: class, classes: 10}}\ngraph:\n  told: {layer: condition, from: first, by: label}"
    )
    by: Ref = Field(description="The condition, or a node computed from one.")
    ports = ("by",)

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        condition_weight(node)
        return Type(into.grid, into.groups, into.channels, into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return condition_reads(node, member)

    def weights(self, node: Node) -> dict[str, Weight]:
        return condition_weight(node)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return conditioned(xs[0], xs[1], w)

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        return prepare_condition_sites(node, w, group)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return conditioned_sites(xs, w)

    def hoist(self, node: Node, w: Weights, port: int, x: Tensor) -> Tensor:
        return hoist_condition(w, x)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False, hoisted=frozenset({1}))

    def style(self, node: Node) -> Style:
        return Style("condition", "+ V h")
