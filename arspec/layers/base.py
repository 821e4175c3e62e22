"""The contract that every layer kind fulfils. One kind, one class, one file: its YAML keys are the fields, and it
states its output's type, its reads, its weights, and the same computation twice: for all sites at once and for a few.

    fields      the YAML keys (pydantic): types, defaults, units, a sentence each
    infer       the type of the output, or a Fault
    reads       the relation with each input; `scan` its relation with its own sites
    weights     names, shapes and initialisation, without torch
    constants   what the computation needs and what depends on the order: masks and index tables, as arrays, and how the
                work is cut up
    prepare     the weights as `forward` wants them: masked, normalised, cut; once for all uses of the same weights
    forward     all sites at once, on tensors [B, G * C, *grid]
    prepare_sites, forward_sites   a few sites of one group, on what they read [B, n, M * C] (or the whole input [B, S, C] where the
                relation is a matrix); `prepare_sites` prepares the weights once, `hoist` what no variable influences
    style       how the diagram draws it
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from arspec.diagnostics import Place
from arspec.masks import Mask
from arspec.reads import Pointwise, Reads, Scan
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

Weights = dict[str, "Tensor"]
Constants = dict[str, Any]  # arrays, which become tensors, and plain values, which stay what they are

# A number of channels: over all groups, so divisible by their number. The thin twin of a spec makes these small.
Channels = Annotated[int, Field(gt=0, le=1 << 20), "channels"]
# A reference to a node: its name, an output of a block ('body.v'), of every repetition ('body.*.skip') or of one
# ('body.0.skip', counted from the end where negative, or by an expression: 'body.(-1 - $i).skip').
Ref = Annotated[str, Field(min_length=1), "ref"]
# A predicate over (this site, that site) or the name of one; or a kernel of 0 and 1, alone or with a predicate
# over the channel groups: {kernel: [[1, 1], [1, 0]], groups: B}.
MaskText = Annotated[str | list[Any] | dict[str, Any], "mask"]


class Fault(Exception):
    """What is wrong with a node: a code, what holds and what came, and how to mend it. The graph adds the place: that of
    the value of `key`, or of the layer. `becomes`: what is to stand there instead, where that is sure."""

    def __init__(
        self, code: str, message: str, help: str | None = None, key: str | None = None, becomes: str | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.help, self.key, self.becomes = code, message, help, key, becomes


@dataclass(frozen=True)
class Weight:
    """A weight's shape and how it starts: uniform between ±bound, or normal with this deviation, or constant."""

    shape: tuple[int, ...]
    bound: float | None = None
    deviation: float | None = None
    constant: float = 0.0
    trained: bool = True  # False for running statistics

    @property
    def count(self) -> int:
        return math.prod(self.shape)


@dataclass(eq=False, repr=False)
class Node:
    """A layer in its place in the graph: its path name (`body.3.h_conv`), its inputs in the order of the ports, the
    type of its output, its mask, and where in which file it stands."""

    name: str
    layer: Layer
    inputs: tuple[Node, ...]
    place: Place
    mask: Mask | None = None
    tied: Node | None = None
    order_groups: int = 1
    data: Type | None = None
    keys: dict[str, Place] = field(default_factory=dict)  # where each of its YAML keys stands
    unwritten: bool = False  # whether it is made for the spec, and no line of the spec names it
    out: Type = field(init=False)
    plan: Any = None  # what a layer works out once in `infer`, so that `forward` is nothing but tensors (torch.compile)

    def __repr__(self) -> str:
        """Without its inputs: a graph has exponentially many paths."""
        return f"<{self.layer.layer} {self.name}>"

    @property
    def ins(self) -> list[Type]:
        return [node.out for node in self.inputs]

    def ports(self) -> Iterator[tuple[str, Node]]:
        """(name of the port, input) for every input."""
        named = [p for p in self.layer.ports if getattr(self.layer, p) is not None]
        main = len(self.inputs) - len(named)
        for k, node in enumerate(self.inputs):
            yield ("from" if k < main else named[k - main]), node

    def port(self, name: str) -> int | None:
        """The number of the input at a named port; None where it is not connected."""
        return next((k for k, (port, _) in enumerate(self.ports()) if port == name), None)


@dataclass(frozen=True)
class Style:
    """How the diagram draws a kind: the family that gives the colour, and a short text below the name."""

    family: str = "function"
    text: str = ""


class Layer(BaseModel):
    """What every layer kind has in common. `layer` names the kind."""

    # a kind's validator is built when the first spec uses it: building all of them takes longer than a small proof
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True, defer_build=True)

    ports: ClassVar[tuple[str, ...]] = ()  # fields that name further inputs
    linear: ClassVar[bool] = (
        False  # in place of `forward_sites`, `weight` and `bias` of `prepare_sites`: those that read the same are one
    )
    placed: ClassVar[bool] = False  # `forward_sites` has to know which sites it computes; others get none
    spare: ClassVar[bool] = False  # no gradient needs the output: its only reader may `overwrite` it
    gathers: ClassVar[bool] = False  # `forward_sites` takes what a matrix lets its sites read, place by place, as well
    opens: ClassVar[bool] = False  # `forward_sites` takes None for sites that all read all that is there
    arity: ClassVar[tuple[int, int | None]] = (1, 1)  # how many nodes `from` may name
    example: ClassVar[str] = ""  # a part of a spec that uses it, for the reference

    layer: str
    from_: Ref | list[Ref] | dict[str, Any] | None = Field(
        None, alias="from", description="The node or nodes that it takes; the one before it where left out."
    )
    weights_of: Ref | None = Field(None, alias="weights", description="The node whose weights it shares (tied).")

    def infer(self, node: Node) -> Type:
        """The type of the output. Raises Fault."""
        raise NotImplementedError

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        """The relation with each input, in the order of the ports. `training`: as it is while training."""
        return [Pointwise()] * len(node.inputs)

    def numbers(self, node: Node) -> int:
        """How many numbers it takes to work out `reads`, beyond a few for each site: entries of tables, and comparisons
        of a mask. Known before any of them is made. Raises Fault where one node may not have so many."""
        return 0

    def settle(self, node: Node) -> None:
        """Works out what is needed once, `plan` of the node, when its size is known to be within the limits. Raises
        Fault."""

    def scan(self, node: Node, member: Member) -> Scan | None:
        """The relation with the layer's own sites, where it is recurrent."""
        return None

    def weights(self, node: Node) -> dict[str, Weight]:
        return {}

    def constants(self, node: Node, member: Member) -> Constants:
        return {}

    def prepare(self, node: Node, w: Weights, c: Constants) -> Weights:
        """The weights as `forward` wants them, by functions that gradients go through. c: the constants as tensors."""
        return w

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        """All sites at once. xs[i]: [B, G * C, *grid] of input i; w: what `prepare` gave; c: the constants as tensors.
        Returns the same form."""
        raise NotImplementedError

    def overwrites(self) -> bool:
        """Whether there is `overwrite`."""
        return False

    def overwrite(self, node: Node, xs: list[Tensor], k: int) -> Tensor:
        """As `forward`, of a layer without weights, in the memory of input k, which nobody needs any more."""
        raise NotImplementedError

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        """The weights as `forward_sites` wants them for the sites of one group. columns[i]: the columns of the table of input i
        that any site of the group uses."""
        return w

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        """A few sites of one group. xs[i]: what they read of input i, M places side by side, [B, n, M * C], or, where the
        relation is a matrix, the input's first sites, [B, S', C] or as `whole` gives them, beyond which nothing is known
        yet, or what `hoist` made of what they read; last, for a scan, its own sites that they read, [B, n, M * cached]; w: what `prepare_sites` gave; sites
        [n], for layers that are `placed`; where a layer `gathers`, how many of the M places each of them reads, the first ones. Returns [B, n, cached]."""
        raise NotImplementedError

    def passes(self) -> bool:
        """Whether `forward_sites` gives the one thing that it takes as it is, so that nothing is to be computed."""
        return False

    def by_channel(self, node: Node) -> Ints | None:
        """Where each channel of a site is a function of one channel of the same site of its one input, the same function
        wherever that channel stands: the number of that channel, [C]. None of other layers."""
        return None

    def joins(self) -> bool:
        """Whether the channels of its inputs stand side by side, as they are, in those of the output."""
        return False

    def adds(self) -> bool:
        """Whether each site is the sum of the same site of all inputs, so that linear ones of these can be computed with it."""
        return False

    def hoists(self, node: Node, port: int) -> bool:
        """Whether `forward_sites` takes an input as `hoist` makes it."""
        return False

    def hoist(self, node: Node, w: Weights, port: int, x: Tensor) -> Tensor:
        """[B, n, M * C] -> [B, n, C']: done once before the first step, where no variable influences the input."""
        raise NotImplementedError

    def whole(self, node: Node, port: int, x: Tensor) -> Tensor:
        """A view of all that is kept of an input whose relation is a matrix, [B, S', C], as `forward_sites` takes it: sites stay in
        the last dimension but one, so that the first of them are a part of it."""
        return x

    def outside(self, node: Node, w: Weights, like: Tensor) -> Tensor:
        """[k, cached]: what a scan finds outside its grid, numbered from S on in its constant `table`."""
        return like.new_zeros(1, self.cached(node))

    def cached(self, node: Node) -> int:
        """Channels that the sampler keeps for each site: the output's, and a scan's inner state behind them."""
        return node.out.channels

    def style(self, node: Node) -> Style:
        return Style()
