"""The contract that every layer kind fulfils. One kind, one class, one file. Its YAML keys are its fields.

    what it is          fields, `infer`                               the keys, and the type of the output
    what it reads       `reads`, `scan`, `reads_work`, `settle`       the relation with each input, and with its own
    sites its weights         `weights`, `constants`                        names, shapes and starts; masks and tables
    of an order all sites           `prepare`, `forward`                          tensors [B, G * C, *grid]
    some sites          `prepare_sites`, `forward_sites`, ...         sites of one group, from what they read: [B, n, M
    * C] what may be known   `traits`                                      statements that the optimiser uses; the
    defaults are safe how it is drawn     `style`
    the colour and the text of the diagram

A kind without statements is computed as it says: slower at most, never wrong.
A test holds each statement to the computation.
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
    """What is wrong with a node: a code, what holds and what came, and how to mend it. The graph adds the place: that
    of the value of `key`, or of the layer. `becomes`: what is to stand there instead, where that is sure."""

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
    start: tuple[float, ...] = ()  # the numbers themselves, along the last dimension
    trained: bool = True  # False for running statistics

    @property
    def count(self) -> int:
        """How many numbers the weight has."""
        return math.prod(self.shape)


@dataclass(eq=False, repr=False)
class Node:
    """A layer in its place in the graph.

    It has a path name (`body.3.h_conv`), its inputs in the order of the ports, and the type of its output. It knows its
    mask, and where in which file it stands."""

    name: str
    layer: Layer
    inputs: tuple[Node, ...]
    place: Place
    mask: Mask | None = None
    tied: Node | None = None
    order_groups: int = 1
    data: Type | None = None
    keys: dict[str, Place] = field(default_factory=dict)  # where each of its YAML keys stands
    first: Member | None = None  # of the family of orders, for what is counted before anything is made
    unwritten: bool = False  # whether it is made for the spec, and no line of the spec names it
    out: Type = field(init=False)
    plan: Any = None  # what a layer works out once in `infer`, so that `forward` is nothing but tensors (torch.compile)
    _stated: tuple[Layer, Type, Traits] | None = field(init=False, default=None)

    def __repr__(self) -> str:
        """Without its inputs: a graph has exponentially many paths."""
        return f"<{self.layer.layer} {self.name}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        """Itself, as its graph is: copies of a model have the same nodes."""
        return self

    @property
    def traits(self) -> Traits:
        """What its layer states about its computation here; worked out once for a layer and its output."""
        held = self._stated
        if held is None or held[0] is not self.layer or held[1] is not self.out:
            held = self._stated = self.layer, self.out, self.layer.traits(self)
        return held[2]

    @property
    def short(self) -> str:
        """Its own name, without those of the blocks around it."""
        return self.name.rpartition(".")[2]

    @property
    def weights(self) -> dict[str, Weight]:
        """Its own weights by name: none where it has those of another node."""
        return {} if self.tied is not None else self.layer.weights(self)

    @property
    def parameters(self) -> int:
        """Trained numbers of its own."""
        return sum(weight.count for weight in self.weights.values() if weight.trained)

    @property
    def ins(self) -> list[Type]:
        """The types of its inputs, in their order."""
        return [node.out for node in self.inputs]

    def ports(self) -> Iterator[tuple[str, Node]]:
        """(name of the port, input) for every input."""
        named = self.layer.connected
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


@dataclass(frozen=True, eq=False)
class Traits:
    """What a layer states about its computation, for those who compute it. The defaults hold for every layer."""

    # -- algebra: which products may be made as one, shared out, or left out altogether
    # In evaluation each site is the one site that it reads, as it is; zeros where it reads none.
    # Nothing is then computed.
    is_identity: bool = False
    # In training its output is drawn: what it says of itself for evaluation does not hold there.
    noise: bool = False
    # Each site is the sum of the same site of all inputs. Linear inputs are then computed with it as one product.
    is_sum: bool = False
    # The channels of the inputs stand side by side in the output. A linear reader may then take each input by itself.
    is_concat: bool = False
    # Each site is a weighted sum of what it reads, plus a bias: `weight` [C, M * C_in] and `bias` [C] of
    # `prepare_sites`. Layers that read the same are then one product, and `forward_sites` is never called.
    is_linear: bool = False
    # [C]: each channel of a site is a function of this one channel of the same site of the one input, the same function
    # whichever other channels there are. Channels that are known early may then go through the layer early.
    by_channel: Ints | None = None

    # -- gradients and memory
    # The backward pass does not need the output: its only reader may write over it.
    output_unsaved: bool = False
    # There is `overwrite`, which computes `forward` in the memory of an input.
    in_place: bool = False
    # The inputs are integers that choose, so no gradient passes to them. Gradients of the data begin at the output.
    float_leaf: bool = False
    # Each site takes a row of the table `weight`, by `arspec.layers.shared_table`. A product may share it.
    takes_rows: bool = False

    # -- needs: what `forward_sites` has to be given
    # It uses the numbers of its sites. Where it does not, none are made.
    needs_sites: bool = True
    # In a stream without end it is told the numbers of sites beyond the grid too, with what `prepare_endless` gave.
    beyond_grid: bool = False
    # It takes None for sites that all read all that is there. No mask is then looked up.
    full_context: bool = False
    # Where a relation is a matrix, it takes what each site reads, gathered, in place of the whole input.
    # Where a relation is runs that are not wide, that is how it always gets it.
    gathered_context: bool = False
    # What is gathered so counts by where it lies. `sites` is then [n * (2 + M)]: of each site how many places it reads,
    # its own number, and the numbers of the M places (its own where there is none). In a stream without end these go
    # on beyond the grid.
    tell_gathered: bool = False
    # There is `kept_states`: of a scan that keeps more than its output, all sites at once.
    gives_states: bool = False
    # There is `advance`: of a scan whose state is large, so that it is not copied at each step.
    advances: bool = False
    # The numbers of the inputs that it takes as `hoist` makes them.
    # An input that no variable influences is hoisted once.
    hoisted: frozenset[int] = frozenset()

    # -- values
    # Which sites are computed together depends on values, so that sums are rounded otherwise where others change; and
    # a pass shows its own grouping alone.
    regroups: bool = False

    # -- training
    # There is `auxiliary`, a loss that training adds.
    auxiliary: bool = False
    # The weights `gain` and `bias` scale and shift the output;
    # a first batch may set them so that it has mean 0, deviation 1.
    initialised_from_data: bool = False


class Layer(BaseModel):
    """What every layer kind has in common. `layer` names the kind."""

    # -- what it is --------------------------------------------------------------------------------------------------

    # a kind's validator is built when the first spec uses it: building all of them takes longer than a small proof
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True, defer_build=True)

    ports: ClassVar[tuple[str, ...]] = ()  # fields that name further inputs
    arity: ClassVar[tuple[int, int | None]] = (1, 1)  # how many nodes `from` may name
    example: ClassVar[str] = ""  # a part of a spec that uses it, for the reference
    quick: ClassVar[str] = ""  # the function in machine code that `quickly` calls, by the name that it has in `w`

    layer: str
    from_: Ref | list[Ref] | dict[str, Any] | None = Field(
        None, alias="from", description="The node or nodes that it takes; the one before it where left out."
    )
    weights_of: Ref | None = Field(None, alias="weights", description="The node whose weights it shares (tied).")

    @property
    def mask_key(self) -> Any:
        """What its key `mask` says, as it stands in the spec; None where it has no such key or says nothing."""
        return getattr(self, "mask", None)

    @property
    def masked_input(self) -> int:
        """The number of the input that `that` of its mask is a site of; `this` has the axes of the first input."""
        return 0

    @property
    def connected(self) -> list[str]:
        """Its ports that name a node; the others are left out, or hold a value of another form."""
        return [port for port in self.ports if isinstance(getattr(self, port), str)]

    def own_input(self, port: str, inputs: list[Type], order_groups: int) -> Layer | None:
        """A layer that gives the input at a connected port, where that names no node: it takes the first input.

        inputs: the types of those before the ports. Raises Fault where there can be none."""
        return None

    def infer(self, node: Node) -> Type:
        """The type of the output, from the types of the inputs. Raises Fault where these do not fit."""
        raise NotImplementedError

    # -- what it reads -----------------------------------------------------------------------------------------------

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        """The relation with each input, in the order of the ports. `training`: as it is while training."""
        return [Pointwise()] * len(node.inputs)

    def scan(self, node: Node, member: Member) -> Scan | None:
        """The relation with the layer's own sites, where it is recurrent."""
        return None

    def reads_work(self, node: Node) -> int:
        """How many numbers `reads` takes beyond a few for each site: entries of tables, comparisons of a mask.

        It is known before any of them is made. Raises Fault where one node may not have so many."""
        return 0

    def settle(self, node: Node) -> None:
        """Works out once what the node's `plan` holds, when its size is known to be within the limits. Raises Fault."""

    # -- its weights -------------------------------------------------------------------------------------------------

    def weights(self, node: Node) -> dict[str, Weight]:
        """The weights by their names: shapes and how they start, without torch. A name may have parts: `up.weight`."""
        return {}

    def constants(self, node: Node, member: Member) -> Constants:
        """What the computation needs beside weights, under one order: masks and index tables as arrays,
        and plain values."""
        return {}

    # -- its computation: all sites ----------------------------------------------------------------------------------

    def along_steps(self, weight: str) -> int | None:
        """The dimension in which a weight has numbers for each step of a sequence, where the first of them are those of
        a shorter sequence; None where there is none such."""
        return None

    def of_length(self, node: Node) -> object:
        """What it computes with that the length of the sequence decides, where the keys leave it to that: equal for two
        lengths at which the same weights give the same numbers."""
        return None

    def prepare(self, node: Node, w: Weights, c: Constants) -> Weights:
        """The weights as `forward` wants them: masked, normalised, cut. Gradients go through it.

        w: the weights; c: the constants, arrays as tensors."""
        return w

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        """All sites at once: [B, G * C, *grid].

        w: what `prepare` gave; c: the constants, arrays as tensors; xs[i]: [B, G * C, *grid] of input i."""
        raise NotImplementedError

    def overwrite(self, node: Node, xs: list[Tensor], k: int) -> Tensor:
        """As `forward`, of a layer without weights that is `in_place`: in the memory of input k,
        which has no other reader."""
        raise NotImplementedError

    def auxiliary(self, node: Node, xs: list[Tensor], y: Tensor) -> Tensor:
        """A loss [] that training adds to the mean of the nats of a variable, of a layer that states `auxiliary`. It is
        no part of the likelihood.

        xs: what `forward` was given; y: what it gave, under training."""
        raise NotImplementedError

    # -- its computation: some sites of one group --------------------------------------------------------------------

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        """The weights as `forward_sites` wants them, for the sites of one group.

        columns[i]: the columns of the table of input i that any site of the group uses."""
        return w

    def prepare_endless(self, node: Node, w: Weights, c: Constants, group: int) -> Weights:
        """As `prepare_sites`, of a kind that is told sites `beyond_grid`, for a stream without end."""
        raise NotImplementedError

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        """Some sites of one group: [B, n, cached_channels].

        w: what `prepare_sites` gave. xs[i]: what they read of input i, M places side by side, [B, n, M * C].
        Of an input that is read whole, by a matrix, xs[i] has the first sites, as `view_context` gives them.
        Of a `hoisted` input, it is what `hoist` made. Of a scan, the last are its own sites: [B, n, M *
        cached_channels].
        sites: [n] where it `needs_sites`, else undefined; where the context is gathered,
        how many places each site reads."""
        raise NotImplementedError

    def advance(self, node: Node, w: Weights, xs: list[Tensor], before: Tensor, after: Tensor) -> Tensor:
        """As `forward_sites`, of a scan that `advances`, for one site: the output alone, [B, 1, C].

        before, after: [B, cached_channels], the row of the own cache that the site reads, and its own, which is
        written. They are the same memory, or have none in common. Of `xs` the own sites are left out."""
        raise NotImplementedError

    def quickly(self, w: Weights, *args: Any) -> Tensor | None:
        """What the layer's `quick` function gives, as `arspec.sampler.run.quick` says; None where there is none, or it
        has no use for what it is given."""
        found: Any = w.get(self.quick)
        return None if found is None else found(*args)

    def multiplied(self, node: Node, w: Weights) -> dict[str, str | None]:
        """Of what `prepare_sites` gave the weights [N, K] that rows are multiplied with, and used for nothing else,
        each with its bias [N]. In the place of each `forward_sites` then takes a function of rows, [B, n, K] ->
        [B, n, N], which adds the bias, or the weight as it is."""
        return {}

    def kept_states(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], sites: Tensor) -> Tensor:
        """What a scan that `gives_states` keeps of the sites [n], from all sites of its inputs: [B, n,
        cached_channels]. w, c and xs as of `forward`."""
        raise NotImplementedError

    def forward_and_states(
        self, node: Node, w: Weights, c: Constants, xs: list[Tensor], sites: Tensor, asked: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Both at once, outside of training: what `forward` gives, and `kept_states` of some sites. asked [m]: the
        sites of which the first is of use, where these are not all."""
        return self.forward(node, w, c, xs, False), self.kept_states(node, w, c, xs, sites)

    def hoist(self, node: Node, w: Weights, port: int, x: Tensor) -> Tensor:
        """[B, n, M * C] -> [B, n, C']: what `forward_sites` takes for a `hoisted` input, row by row."""
        raise NotImplementedError

    def view_context(self, node: Node, port: int, x: Tensor) -> Tensor:
        """A view of an input whose relation is a matrix, [B, S', C], as `forward_sites` takes it.

        Sites stay in the last dimension but one, so that a view of fewer sites is a part of it."""
        return x

    def outside_grid(self, node: Node, w: Weights, like: Tensor) -> Tensor:
        """[k, cached_channels]: what a scan finds outside its grid, numbered from S on in its constant `table`."""
        return like.new_zeros(1, self.cached_channels(node))

    def cached_channels(self, node: Node) -> int:
        """How many channels the sampler keeps of each site: those of the output, then a scan's inner state."""
        return node.out.channels

    # -- what may be known of it -------------------------------------------------------------------------------------

    def traits(self, node: Node) -> Traits:
        """Statements about the computation of this node. A kind that states nothing is computed as it says."""
        return Traits()

    def inner(self, node: Node) -> tuple[Node, ...]:
        """The nodes of a graph of its own, if it has one: they read its inputs and one another, and the last gives what
        the layer takes. For pictures and texts; their computation is a part of the layer's own."""
        return ()

    def reason(self, node: Node, this: str, that: str) -> str | None:
        """Why the site `this` reads the site `that`, which comes later, in words: for the help of a leak.
        None where the path says it all."""
        return None

    # -- how it is drawn ---------------------------------------------------------------------------------------------

    def style(self, node: Node) -> Style:
        """The family, which gives the colour, and the text below the name."""
        return Style()
