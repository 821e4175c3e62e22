"""`experts`: several copies of a block, each with weights of its own, of which every site takes a few.

A spec writes an entry `experts: BLOCK`, and this layer is made for it: the block's nodes are a graph of its own, whose
weights are stacked, one after another for each expert.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Constants, Fault, Layer, Node, Style, Traits, Weight, Weights
from arspec.layers.helpers import channels_first, sites_last, unseen
from arspec.layers.one_grid import same_grid
from arspec.reads import Pointwise
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Inner:
    """A node of an expert, as one site is computed: on a grid of one position, where sites of any number are examples.

    label: its name in the expert; owner: that of the node whose weights it has, whose shapes here are `shapes`; reads:
    the numbers of its inputs, counted from the expert's own inputs on; linear: whether it is computed as a product."""

    node: Node
    label: str
    owner: str
    shapes: dict[str, tuple[int, ...]]
    reads: tuple[int, ...]
    linear: bool


@dataclass(frozen=True, eq=False)
class Inside:
    """The graph of one expert: nodes that read `inputs`, nodes of the spec, and one another; the last is its output.

    prefix: what their names begin with, and their weights' do not. Two are equal that compute the same."""

    prefix: str
    inputs: tuple[Node, ...]
    nodes: tuple[Node, ...]

    @property
    def out(self) -> Node:
        """The output."""
        return self.nodes[-1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Inside) and self._said == other._said

    def __hash__(self) -> int:
        return hash(tuple(map(self.label, self.nodes)))

    @cached_property
    def _said(self) -> list[tuple[object, ...]]:
        return [(one.label, one.node.layer, str(one.node.mask), one.owner, one.reads) for one in self.inner]

    def label(self, node: Node) -> str:
        """The name of a node inside the expert."""
        return node.name.removeprefix(self.prefix)

    @cached_property
    def inner(self) -> tuple[Inner, ...]:
        """The nodes in their order. Raises Fault where a layer has no form on one position."""
        number = {node: k for k, node in enumerate((*self.inputs, *self.nodes))}
        small: list[Node] = []
        for node in number:
            one = copy(node)
            if node in self.inputs:
                one.out = replace(node.out, grid=(1,) * len(node.out.grid))
            else:
                one.inputs = tuple(small[number[i]] for i in node.inputs)
                one.out = node.layer.infer(one)
                node.layer.settle(one)
            small.append(one)
        return tuple(
            Inner(
                one, self.label(node), self.label(node.tied or node),
                {name: weight.shape for name, weight in one.layer.weights(one).items()},
                tuple(number[i] for i in node.inputs), one.traits.is_linear,
            )
            for node, one in zip(self.nodes, small[len(self.inputs) :], strict=True)
        )  # fmt: skip

    @property
    def form(self) -> tuple[object, ...] | None:
        """What the fit of its nodes follows from, as a key that holds while their layers live; None where a node reads
        one outside, or has its weights."""
        number = {node: k for k, node in enumerate((*self.inputs, *self.nodes))}
        try:
            nodes = [(id(n.layer), tuple(number[i] for i in n.inputs), n.tied and number[n.tied]) for n in self.nodes]
        except KeyError:
            return None
        return (*(node.out for node in self.inputs), *nodes)

    @property
    def last(self) -> int:
        """The number of the output, counted as the nodes' inputs are."""
        return len(self.inputs) + len(self.nodes) - 1


def misfit(inside: Inside, members: Sequence[Member]) -> tuple[Node, str, str] | None:
    """What keeps nodes from being an expert: the node, why, and how to mend it; None where all fit.

    An expert computes a site from that site alone, and the same at every place."""
    own = {*inside.inputs, *inside.nodes}
    for node in inside.nodes:
        why = _why_not(inside, node, own, members)
        if why is not None:
            return node, *why
    return None


def _why_not(inside: Inside, node: Node, own: set[Node], members: Sequence[Member]) -> tuple[str, str] | None:
    outside = "give it to the block as an input, which each site then reads at its own place"
    for source in node.inputs:
        if source not in own:
            return f"reads '{source.name}', which is no input of the block", outside
    if node.tied is not None and node.tied not in own:
        return f"shares the weights of '{node.tied.name}', which stands outside", "let it have weights of its own"
    if node.out.groups != 1:
        return f"gives {node.out.groups} channel groups", "put a convolution with `groups: 1` before the experts"
    beside = "put it before or behind the experts"
    if any(not weight.trained for weight in node.layer.weights(node).values()):
        return "has statistics of the batch", "normalise over channels"
    if node.traits.auxiliary:
        return "has a loss of its own, which an expert's sites alone cannot give", beside
    for member in members:
        if node.layer.scan(node, member) is not None:
            return "reads what it gave at other sites", beside
        for training in (False, True):
            for read, source in zip(node.layer.reads(node, member, training), node.inputs, strict=True):
                if isinstance(read, Pointwise):
                    continue
                sites = np.arange(node.out.sites)
                table = read.table(sites)
                if source.out.sites != node.out.sites or table.shape[1] != 1 or not np.array_equal(table[:, 0], sites):
                    other = "other sites of" if (table >= 0).any() else "no site of"
                    return f"reads {other} '{inside.label(source)}'", beside
        if not node.inputs or _tells_places(inside, node, member):
            return "has other numbers at other places", beside
    return None


def _tells_places(inside: Inside, node: Node, member: Member) -> bool:
    """Whether what a layer computes depends on where a site lies."""
    try:
        one = inside.inner[inside.nodes.index(node)].node
    except Fault:
        return True
    ours, theirs = node.layer.weights(node), node.layer.weights(one)
    if {name: w.shape for name, w in ours.items()} != {name: w.shape for name, w in theirs.items()}:
        return True
    if node.traits.is_linear or not node.traits.needs_sites:
        return False
    ours, theirs = node.layer.constants(node, member), node.layer.constants(one, member)
    return ours.keys() != theirs.keys() or not all(np.array_equal(ours[key], theirs[key]) for key in ours)


class Experts(Layer):
    """Σ_e g_e · f_e(x) at each site: f_e is expert number e, and g_e its weight, a channel of `gates`. Experts whose
    weight is zero are not computed (Shazeer et al. 2017, "Outrageously Large Neural Networks", equation 1).

    In the module the sites are grouped by expert. A weight `w` of the node `up` of the block is `up.w`, and has the
    experts as its first dimension."""

    layer: Literal["experts"]
    count: int
    gates: str
    inside: Any = Field(exclude=True, repr=False)
    ports = ("gates",)
    arity = (1, None)

    def infer(self, node: Node) -> Type:
        gates = node.ins[-1]
        same_grid(node, node.ins, "what experts take and the router's scores")
        if gates.channels != self.count:
            raise Fault("AR441", f"the router gives {gates.channels} scores a site, and there are {self.count} experts",
                        f"let the router give {self.count} channels", "router")  # fmt: skip
        out: Type = self._inside.out.out
        return Type(out.grid, 1, out.channels, out.frame)

    @property
    def _inside(self) -> Inside:
        return self.inside

    def weights(self, node: Node) -> dict[str, Weight]:
        return {
            f"{one.label}.{name}": replace(weight, shape=(self.count, *weight.shape))
            for one in self._inside.inner
            if one.owner == one.label
            for name, weight in one.node.layer.weights(one.node).items()
        }

    def constants(self, node: Node, member: Member) -> Constants:
        """Those of the inner nodes, each with the node's label before its name."""
        return {
            f"{one.label}.{key}": value
            for one in self._inside.inner
            for key, value in one.node.layer.constants(one.node, member).items()
        }

    # -- one expert --------------------------------------------------------------------------------------------------

    def _own(self, w: Weights) -> Iterator[tuple[int, Inner, Weights]]:
        """The weights of the inner nodes, one expert after another: (expert, node, its weights)."""
        parts = {key: value.unbind(0) for key, value in w.items()}
        for e in range(self.count):
            for one in self._inside.inner:
                if one.shapes:
                    found = {name: parts[f"{one.owner}.{name}"][e].view(shape) for name, shape in one.shapes.items()}
                    yield e, one, found

    def prepare(self, node: Node, w: Weights, c: Constants) -> Weights:
        """`e.label.name`: what the inner node `label` of expert e needs, as it wants it."""
        found: Weights = {}
        for e, one, own in self._own(w):
            for name, value in one.node.layer.prepare(one.node, own, _of(c, one.label)).items():
                found[f"{e}.{one.label}.{name}"] = value
        return found

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        found: Weights = {}
        for e, one, own in self._own(w):
            here = [np.zeros(1, np.int64)] * len(one.reads)
            for name, value in one.node.layer.prepare_sites(one.node, own, _of(c, one.label), 0, here).items():
                found[f"{e}.{one.label}.{name}"] = value
        return found

    def multiplied(self, node: Node, w: Weights) -> dict[str, str | None]:
        linear = [one.label for one in self._inside.inner if one.linear]
        keys = [f"{e}.{label}" for e in range(self.count) for label in linear]
        return {f"{key}.weight": f"{key}.bias" if f"{key}.bias" in w else None for key in keys}

    # -- all sites, and some -----------------------------------------------------------------------------------------

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        names = _names(w)
        given = [(one, names.get(one.label, ()), _of(c, one.label)) for one in self._inside.inner]
        ones = (1,) * len(node.out.grid)

        def compute(e: int, rows: list[Tensor]) -> Tensor:
            """Expert e at some sites, each an example on a grid of one position: [m, C] -> [m, D]."""
            values = [x.view(*x.shape, *ones) for x in rows]
            for one, named, constants in given:
                own = {name: w[f"{e}.{one.label}.{name}"] for name in named}
                values.append(
                    one.node.layer.forward(one.node, own, constants, [values[i] for i in one.reads], training)
                )
            return values[self._inside.last].flatten(1)

        rows = [sites_last(x, 1) for x in xs]
        y = self._shared_out(compute, [x.flatten(0, 1) for x in rows[:-1]], rows[-1].flatten(0, 1), node.out.channels)
        return channels_first(y.view(len(rows[0]), -1, node.out.channels), node.out)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        names = _names(w)
        given = [(one, names.get(one.label, ())) for one in self._inside.inner]

        def compute(e: int, rows: list[Tensor]) -> Tensor:
            """Expert e at some sites, as a sampler computes them: [m, C] -> [m, D]."""
            values = [x.unsqueeze(0) for x in rows]
            nowhere = torch.zeros(len(rows[0]), dtype=torch.int64, device=rows[0].device)
            for one, named in given:
                own = {name: w[f"{e}.{one.label}.{name}"] for name in named}
                inputs = [values[i] for i in one.reads]
                if one.linear:
                    times: Any = own["weight"]
                    plain = isinstance(times, torch.Tensor)
                    y = torch.nn.functional.linear(inputs[0], times, own.get("bias")) if plain else times(inputs[0])
                    values.append(y)
                else:
                    values.append(one.node.layer.forward_sites(one.node, own, inputs, nowhere))
            return values[self._inside.last].squeeze(0)

        y = self._shared_out(compute, [x.flatten(0, 1) for x in xs[:-1]], xs[-1].flatten(0, 1), node.out.channels)
        return y.view(*xs[0].shape[:2], -1)

    def _shared_out(self, compute: Any, rows: list[Tensor], gates: Tensor, out: int) -> Tensor:
        """rows: of each input [N, C]; gates [N, E] -> [N, D]. The rows of each expert are gathered, computed together
        and added where they came from. Where the values are not to be looked at, every expert computes every row."""
        import torch

        if unseen(gates):
            y = gates.new_zeros(len(gates), out)
            for e, gate in enumerate(gates.unbind(1)):
                y = y + torch.where(gate[:, None] != 0, gate[:, None] * compute(e, rows), 0)
            return y
        if len(gates) == 1 and not torch.is_grad_enabled():  # one row goes as it is
            chosen: list[int] = gates[0].nonzero().flatten().tolist()
            y = gates.new_zeros(1, out)
            for e in chosen:
                y = torch.addcmul(y, compute(e, rows), gates[:, e : e + 1])
            return y
        taken = gates.t() != 0  # [E, N]
        which = taken.nonzero()[:, 1]
        counts: list[int] = taken.sum(1).tolist()
        weight = gates.t()[taken]
        gathered = [x.index_select(0, which).split(counts) for x in rows]
        found = [compute(e, [x[e] for x in gathered]) for e, count in enumerate(counts) if count]
        if not found:
            return gates.new_zeros(len(gates), out)
        each = torch.cat(found) * weight[:, None]
        return each.new_zeros(len(gates), out).index_add(0, which, each)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False, regroups=True)

    def inner(self, node: Node) -> tuple[Node, ...]:
        return self._inside.nodes

    def style(self, node: Node) -> Style:
        return Style("route", f"{self.count}, those that are taken")


def experts_layer(count: int, inside: Inside) -> Layer:
    """A layer of so many experts, each of which is the graph `inside`."""
    return Experts.model_validate({"layer": "experts", "count": count, "gates": "gates", "inside": inside})


def _names(w: Weights) -> dict[str, list[str]]:
    """What each inner node has of the prepared weights, by its label; all experts have the same."""
    found: dict[str, list[str]] = {}
    for key in w:
        if not key.startswith("0."):
            break
        label, _, name = key[2:].rpartition(".")
        found.setdefault(label, []).append(name)
    return found


def _of(c: Constants, label: str) -> Constants:
    """The constants of an inner node."""
    found = ((key.rpartition("."), value) for key, value in c.items())
    return {name: value for (whose, _, name), value in found if whose == label}
