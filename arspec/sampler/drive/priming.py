"""Priming: the caches as they stand before a step, from one parallel pass over the values that come before it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from arspec.analysis.contexts import depends_on
from arspec.analysis.known_at import Relations
from arspec.layers.base import Node
from arspec.layers.helpers import channels_first, sites_last
from arspec.network.evaluating import evaluating
from arspec.reads import Window
from arspec.sampler.plan.program import Program
from arspec.sampler.run.executor import Executor, State
from arspec.sampler.run.skinny_matmul import KernelProduct, Product
from arspec.types import Bools, Ints

if TYPE_CHECKING:
    from arspec.network.module import Network

Orders = Mapping[Node, list[tuple[Ints, Ints]]]
Compute = Callable[[Node, list[Tensor]], Tensor]


def can_prime(executor: Executor) -> bool:
    """Whether the parallel form gives all that the caches hold: not the inner state of every scan, beside its output,
    and not the shares of a linear layer, where they are kept each by itself."""
    program = executor.program
    ahead = [part for operation in program.operations for part in operation.parts if part.is_ahead]
    read = {*program.caches, *(given.source for part in ahead for given in part.inputs)}
    whole = all(node.traits.gives_states or not _has_inner_state(node) for node in program.caches)
    return whole and not read & {*program.schedule.lowered.shares}


def _has_inner_state(node: Node) -> bool:
    return node.layer.cached_channels(node) != node.out.channels


def prime(
    executor: Executor, state: State, x: Tensor, condition: dict[str, Tensor], step: int,
    model: Network | None = None, orders: Orders | None = None, names: set[str] | None = None,
    without: Collection[str] = (), drawn: Tensor | None = None,
) -> Tensor | None:  # fmt: skip
    """Fills the caches of `state` as they stand before `step`. x [B, *shape]: the data of which everything that comes
    before the step is right. model, orders: of a variant of the executor's model of x's length. names: of the nodes
    whose caches are filled, where it is not all. without: of those whose are not. drawn [v]: variables whose parameters
    are given back, [B, v, K], which hang on nothing else than what is right: those of the step before, which then may
    be anything in x."""
    model, orders = model or executor.model, orders or executor.program.orders
    of = {node.name: own for node, own in orders.items()}
    wanted = {node.name: node for node in executor.program.caches if node.name in of and node.name not in without}
    wanted = wanted if names is None else {name: node for name, node in wanted.items() if name in names}
    head = executor.model.graph.head_node
    behind = np.empty(0, np.int64) if drawn is None else drawn.cpu().numpy()
    if head.name in wanted and _is_drawn(executor, of, step, behind):
        del wanted[head.name]
    sums: dict[str, list[tuple[int, int]]] = {}
    for number, operation in enumerate(executor.program.operations):
        if operation.parts[0].is_ahead:
            for k, given in enumerate(operation.parts[0].inputs if names is None else ()):
                sums.setdefault(given.source.name, []).append((number, k))
    lower = executor.program.schedule.lowered
    scans = {name for name, node in wanted.items() if node is not executor.model.graph.data and _has_inner_state(node)}
    written = {node.name: node for node in model.graph.order}  # scans whose inputs the module has are computed once
    ready = {n for n in scans if [s.name for s in wanted[n].inputs] == [s.name for s in written[n].inputs]}
    taken = {source.name for node in lower.unwritten for source in node.inputs}
    taken |= {source.name for name in scans - ready for source in wanted[name].inputs}
    there: dict[str, Tensor] = {}  # what is needed for nodes that the module does not have
    parameters: Tensor | None = None
    last = None if drawn is None else _drawn_by(executor, {node.name for node in model.graph.live}, step - 1)

    def keep(node: Node, value: Tensor) -> Tensor:
        nonlocal parameters
        if last is not None and node.name == last.of:
            parameters = last(sites_last(value, node.out.groups))
        if last is None and drawn is not None and node is model.graph.head_node:
            parameters = model.rows(value).index_select(1, drawn)
        if node.name in wanted or node.name in sums:
            values = sites_last(value, node.out.groups)
            if node.name in scans - ready:
                xs = [there[source.name] for source in node.inputs]
                _fill_states(executor, state, model, wanted[node.name], node, of[node.name], xs, step)
            elif node.name in wanted and node.name not in ready:
                _fill(executor, state, wanted[node.name], of[node.name], values, step)
            for number, k in sums.get(node.name, ()):
                _add_to_sums(executor, state, number, k, values, step)
        if node.name in taken:
            there[node.name] = value
            for one in lower.unwritten:
                if one.name not in there and all(source.name in there for source in one.inputs):
                    constants = model.constants.of(lower.origin[one], executor.member)
                    xs = [there[source.name] for source in one.inputs]
                    there[one.name] = keep(one, one.layer.forward(one, {}, constants, xs, False))
        return value

    def scan(node: Node, xs: list[Tensor]) -> Tensor:
        asked = torch.from_numpy(np.flatnonzero(needed[node])).to(xs[0].device)
        return _fill_states(executor, state, model, wanted[node.name], node, of[node.name], xs, step, asked)

    asked = set[str]() if drawn is None else {model.graph.head_node.name if last is None else last.of}
    names_of = dict.fromkeys((*wanted, *sums, *taken))
    key = (executor.program, step, behind.tobytes(), *names_of)
    kept = model.keep(_needed, dict[Any, dict[Node, Bools]])
    if key not in kept:  # prompts of the same length come one after another
        kept.clear()
        every = {name for name in names_of if name not in wanted or name in scans or name in sums or name in taken}
        kept[key] = _needed(executor, model, of, step, behind, {name: name in every for name in names_of})
    needed = kept[key]
    instead = {**_by_products(executor, model, needed), **dict.fromkeys(ready, scan)}
    with evaluating(model):
        model.visit(x, executor.member, condition, keep, {*wanted, *sums, *taken, *asked}, instead)
    return parameters


@dataclass(frozen=True)
class _Last:
    """The product that gives a step its parameters, and the sites [v] of the node, by its name, whose numbers it
    takes."""

    product: Product | KernelProduct
    of: str
    sites: Ints
    columns: slice  # of what it gives, the head's

    def __call__(self, x: Tensor) -> Tensor:
        """x [B, S, C] -> the parameters [B, v, K]."""
        rows = x.index_select(1, torch.from_numpy(self.sites).to(x.device))
        return self.product(rows)[..., self.columns]


def _drawn_by(executor: Executor, names: set[str], step: int) -> _Last | None:
    """What a step's parameters are a product of, if they are that of one node among these: no more rows are multiplied
    than are drawn from, and nothing is made of the others, which is much where there are many levels."""
    program = executor.program
    if program.head_made is None or step >= program.steps:
        return None
    number, k = program.head_made
    while (below := program.operations[number].handed_on) is not None:
        number, k = below
    operation, product = program.operations[number], dict(executor.by_product).get(number)
    if product is None or len(operation.reads) > 1 or operation.parts[k].is_ahead:
        return None
    part, read = operation.parts[k], operation.reads[0]
    own = slice(int(part.bounds[step]), int(part.bounds[step + 1]))
    if read.made is not None:
        source = program.operations[read.made[0]].parts[read.made[1]]
        sites = source.sites[source.bounds[step] : source.bounds[step + 1]]
    elif part.inputs[0].table is not None and part.inputs[0].table.shape[1] == 1:
        sites = part.inputs[0].table[own, 0]
    else:
        return None
    if read.source.name not in names or len(sites) != own.stop - own.start or not (sites < read.source.out.sites).all():
        return None
    widths = [one.node.layer.cached_channels(one.node) for one in operation.parts]
    first = sum(widths[:k])
    return _Last(product, read.source.name, sites, slice(first, first + widths[k]))


def _needed(
    executor: Executor, model: Network, of: Mapping[str, list[tuple[Ints, Ints]]], step: int, drawn: Ints,
    names: Mapping[str, bool],
) -> dict[Node, Bools]:  # fmt: skip
    """[S] of each node: the sites on which hangs what is kept of the nodes of these names before a step, or all that is
    known of them where that is said; and the head's sites `drawn` [v]."""
    cached = {node.name: node for node in executor.program.caches}
    roots: dict[Node, Ints] = {}
    for node in model.graph.live:
        if node.name in names and node.name in of:
            own = of[node.name]
            whole = names[node.name]
            roots[node] = _known(own, step) if whole else _kept(executor, cached[node.name], step, own)
    return depends_on(model.keep((Relations, executor.member), lambda: _relations(executor, model)), drawn, roots)


def _kept(executor: Executor, node: Node, step: int, orders: list[tuple[Ints, Ints]]) -> Ints:
    """The sites of which a cache holds anything before a step."""
    held = [sites for _, sites in rows_and_sites(executor.program, node, step, orders)]
    return np.concatenate(held) if held else np.empty(0, np.int64)


def _known(orders: list[tuple[Ints, Ints]], step: int) -> Ints:
    """The sites of a node that are computed before a step."""
    return np.concatenate([sites[: bounds[step]] for sites, bounds in orders])


def _relations(executor: Executor, model: Network) -> Relations:
    return Relations(model.graph, model.graph.members[executor.member])


def _by_products(executor: Executor, model: Network, needed: Mapping[Node, Bools]) -> dict[str, Compute]:
    """What computes linear layers whose sites read the sites of the same numbers, by the compiled products of the
    steps: of the sites that are `needed` alone. Few rows are quicker so than by a pass of the module."""
    found: dict[str, Compute] = {}
    relations = model.keep((Relations, executor.member), lambda: _relations(executor, model))
    origin = executor.program.schedule.lowered.origin
    own = {node.name: node for node in model.graph.live}
    for number, product in executor.by_product:
        operation = executor.program.operations[number]
        if not isinstance(product, KernelProduct) or not product.exact:
            continue
        alone = len(operation.reads) == 1 and all(
            [term.node for term in part.terms] == [part.node] and not part.addends and part.node not in origin
            for part in operation.parts
        )
        nodes = [own[part.node.name] for part in operation.parts if part.node.name in own]
        if not alone or len(nodes) < len(operation.parts):
            continue
        sites = np.flatnonzero(np.logical_or.reduce([needed[node] for node in nodes]))
        if len(sites) and all(_is_pointwise(node, relations) for node in nodes):
            found |= dict.fromkeys([node.name for node in nodes], _Pointwise(product, nodes, sites))
    return found


def _is_pointwise(node: Node, relations: Relations) -> bool:
    reads = relations.reads(node)
    return len(reads) == 1 and isinstance(reads[0], Window) and reads[0].in_place


class _Pointwise:
    """Linear layers of the same input, by one product, of some sites; what the others have is nothing to anybody. What
    it has made stands for as long as the next of them has that input, too."""

    def __init__(self, product: KernelProduct, nodes: Sequence[Node], sites: Ints) -> None:
        self.product, self.sites, self.widths = product, sites, [node.out.channels for node in nodes]
        self.numbers = {node.name: k for k, node in enumerate(nodes)}
        self.of: Tensor | None = None
        self.made: Sequence[Tensor] = ()

    def __call__(self, node: Node, xs: list[Tensor]) -> Tensor:
        if self.of is not xs[0]:
            self.of, x = xs[0], sites_last(xs[0], 1)
            first, count, whole = int(self.sites[0]), len(self.sites), x.shape[1]
            if self.sites[-1] - first == count - 1:
                y = self.product.of_many(x.narrow(1, first, count))
                y = y.expand(-1, whole, -1) if count == 1 else pad(y, (0, 0, first, whole - first - count))
            else:
                at = torch.from_numpy(self.sites).to(x.device)
                y = self.product.of_many(x.index_select(1, at))
                y = y.new_zeros(len(y), whole, y.shape[2]).index_copy(1, at, y)
            self.made = y.split(self.widths, 2)
        return channels_first(self.made[self.numbers[node.name]], node.out)


def known_beyond(executor: Executor, orders: Orders, step: int) -> set[str]:
    """The names of the nodes of which more is known before a step than a variant, of these orders, has: what reads no
    data is known from the start, all of it."""
    there = {node.name: own for node, own in orders.items()}
    own, data = executor.program.orders, executor.model.graph.data

    def known(own: list[tuple[Ints, Ints]]) -> list[int]:
        return [int(bounds[step]) for _, bounds in own]

    cached = (node for node in executor.program.caches if node is not data and node.name in there)
    return {node.name for node in cached if known(own[node]) != known(there[node.name])}


def _is_drawn(executor: Executor, of: Mapping[str, list[tuple[Ints, Ints]]], step: int, now: Ints) -> bool:
    """Whether what is known of the head before a step has been drawn from, or is `now`, and is read by nobody else."""
    graph = executor.model.graph
    drawn = np.concatenate([now, *(sites[: _drawn(bounds, step)] for sites, bounds in of[graph.data.name])])
    known = np.concatenate([sites[: bounds[step]] for sites, bounds in of[graph.head_node.name]])
    read = any(r.source is graph.head_node for operation in executor.program.operations for r in operation.reads)
    return not read and bool(np.isin(known, drawn).all())


def _drawn(bounds: Ints, step: int) -> int:
    """How many variables are there before a step; behind the last step, of the last one none are."""
    return int(bounds[min(step + 1, len(bounds) - 1)])


def put_given(executor: Executor, state: State, start: Tensor) -> None:
    """Puts the variables that are given, [B, g, C], where the first steps read them."""
    data, given = executor.model.graph.data, torch.from_numpy(executor.program.schedule.given).to(start.device)
    values = start.new_zeros(len(start), data.out.sites, start.shape[2]).index_copy(1, given, start)
    _fill(executor, state, data, executor.program.orders[data], values, 0)


def _fill(
    executor: Executor, state: State, node: Node, orders: list[tuple[Ints, Ints]], values: Tensor, step: int
) -> None:
    for rows, sites in rows_and_sites(executor.program, node, step, orders):
        at, of = (torch.from_numpy(a).to(values.device) for a in (rows, sites))
        state.caches[node].index_copy_(1, at, values.index_select(1, of))


def _fill_states(
    executor: Executor, state: State, model: Network, node: Node, whole: Node, orders: list[tuple[Ints, Ints]],
    xs: list[Tensor], step: int, asked: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """As `_fill`, of a scan that keeps more than its output, which is returned. whole: the node of the model that xs
    are computed by. asked: as of `forward_and_states`."""
    constants = model.constants.of(whole, executor.member)
    weights = whole.layer.prepare(whole, model.nodes.of(whole), constants)
    weights = {**weights, **executor.quick(whole)}
    found = [*rows_and_sites(executor.program, node, step, orders)]
    if not found:
        return whole.layer.forward(whole, weights, constants, xs, False)
    rows, sites = (np.concatenate([pair[k] for pair in found]) for k in (0, 1))
    at, of = (torch.from_numpy(a).to(xs[0].device) for a in (rows, sites))
    value, kept = whole.layer.forward_and_states(whole, weights, constants, xs, of, asked)
    state.caches[node].index_copy_(1, at, kept)
    return value


def rows_and_sites(
    program: Program, node: Node, step: int, orders: list[tuple[Ints, Ints]] | None = None
) -> Iterator[tuple[Ints, Ints]]:
    """Of each channel group of which any is kept before a step: the rows of the cache, and the sites that they hold.
    orders: those of the node, where they are not the program's."""
    kept = program.caches[node]
    drawn = node is program.schedule.graph.data
    orders = program.orders[node] if orders is None else orders
    for (sites, bounds), begin, ring in zip(orders, kept.begins, kept.rings, strict=True):
        written = _drawn(bounds, step) if drawn else int(bounds[step])
        if node in program.whole:
            kept_sites = sites[:written]
            rows = begin + kept_sites
        else:
            index, rows = _held(written, begin, ring)
            kept_sites = sites[index]
        if len(rows):
            yield rows, kept_sites


def _held(written: int, begin: int, ring: int) -> tuple[Ints, Ints]:
    """What a ring holds when so many sites have been written: their numbers in the order in which they came,
    and rows."""
    index = np.arange(max(0, written - ring), written)
    return index, begin + index % max(ring, 1)


def _add_to_sums(executor: Executor, state: State, number: int, k: int, values: Tensor, step: int) -> None:
    """Adds to what the operation of this number sums up ahead what it makes of its input k, of whose sites there are
    values [B, S, C]."""
    operation, weights = executor.program.operations[number], executor.weights(number)
    inputs = operation.parts[0].inputs
    widths = [given.source.out.channels * len(given.columns) for given in inputs[: operation.windows]]
    table, first = inputs[k].table, 0
    assert table is not None
    padded = pad(values, (0, 0, 0, 1))
    for part in operation.parts:
        kept = executor.program.caches[part.node]
        index, rows = _held(int(part.bounds[step]), kept.begins[part.group], kept.rings[part.group])
        own, first = slice(first, first + part.node.out.channels), first + part.node.out.channels
        if len(rows):
            at, of = (torch.from_numpy(a).to(values.device) for a in (rows, table[index].ravel()))
            x = padded.index_select(1, of).view(len(values), len(rows), -1)
            if k < operation.windows:
                bias = weights["bias"][own] if "bias" in weights and k == 0 else None
                x = linear(x, weights["weight"][own].split(widths, 1)[k], bias)
            state.caches[part.node].index_add_(1, at, x)
