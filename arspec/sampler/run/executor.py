"""The executor: a program with its weights prepared, on a device, one step at a time.

A step is a row of index numbers. Its sections say which rows of which cache are gathered and where results are written,
so that a step touches nothing but tensors of fixed shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from arspec.analysis.contexts import depends_on
from arspec.analysis.known_at import Relations
from arspec.choices import Storage
from arspec.layers.base import Node, Weights
from arspec.layers.helpers import sites_last
from arspec.sampler.plan.program import Blocks, Program, Read
from arspec.sampler.plan.schedule import Part
from arspec.sampler.run.codegen import Call, Layout, generate, layout_of
from arspec.sampler.run.cut import Cut
from arspec.sampler.run.instructions import Registers
from arspec.sampler.run.kernel import kernel
from arspec.sampler.run.memory import zeros
from arspec.sampler.run.packing import place
from arspec.sampler.run.replay import MOST, WARM, Replay, pays, replay_of
from arspec.sampler.run.screening import FEW, Screened, screened
from arspec.sampler.run.skinny_matmul import KernelProduct, Product, products
from arspec.types import Bools, Ints

if TYPE_CHECKING:
    from arspec.network.module import Network

# Called with the node and the sites [n] that are being computed: tests count them.
Trace = Callable[[Node, Tensor], None]
# Whole numbers, or they cut into sections already: of each its rows, or the first of them where it is a block.
Row = Tensor | Sequence[Tensor | int]


@dataclass(eq=False)
class State:
    """What a run has computed: caches [B, rows, C] by node, and what was made once of inputs that no variable
    influences, by operation and input."""

    batch: int
    caches: dict[Node, Tensor]
    hoisted: dict[tuple[int, int], Tensor] = field(default_factory=dict)
    registers: Registers = field(default_factory=list)  # of a step, kept as the next one finds most as it was
    screened: Screened | None = None
    replays: dict[Cut, Replay | int | None] = field(default_factory=dict)  # of classes of steps, or how often they ran

    def follow(self, rows: Tensor) -> None:
        """Each example goes on as the one that `rows` [B] names, which has the same conditions."""
        for cache in self.caches.values():
            cache.copy_(cache.index_select(0, rows))


class Executor:
    """Runs a program's steps. Built anew when the weights change. storage: the bits of the weights of linear layers."""

    def __init__(self, model: Network, program: Program, member: int, storage: Storage = "exact") -> None:
        self.model, self.program, self.member = model, program, member
        # of each operation the weights of its parts; several are linear in the same reads
        self.parts = [[self._prepared(part) for part in operation.parts] for operation in program.operations]
        self._linear = [n for n, o in enumerate(program.operations) if o.linear]
        self._nowhere = torch.empty(0, dtype=torch.int64, device=model.device)
        if program.layout is None:
            program.layout = layout_of(program)
        self._layout: Layout = program.layout
        self._cuts: dict[object, Cut] = program.cuts
        bounds = [operation.parts[0].bounds for operation in program.operations]
        # [steps, operations]: the sites that each computes; a model in which nothing reads the data has no operations
        none = np.empty((program.schedule.steps, 0), np.int64)
        self.counts = np.diff(np.stack(bounds, 1), axis=0) if bounds else none
        steps: list[int] = np.count_nonzero(self.counts, axis=0).tolist()
        # what other layers multiply with: (operation, weight, bias)
        inner = [
            (n, weight, bias)
            for n, (o, (own, *_)) in enumerate(zip(program.operations, self.parts, strict=True))
            if not o.linear
            for weight, bias in o.parts[0].node.layer.multiplied(o.parts[0].node, own).items()
        ]
        folded = [self.parts[n] for n in self._linear]
        for n, weight, bias in inner:
            own = self.parts[n][0]
            folded.append([{"weight": own[weight], **({} if bias is None else {"bias": own[bias]})}])
        # what the layers take: of those that are linear the product alone
        self._given: list[dict[str, Any]] = [
            {} if o.linear else own for o, (own, *_) in zip(program.operations, self.parts, strict=True)
        ]
        self._release(inner)
        own_places = frozenset(place(weight) for weight, stored in model.nodes.kept() if stored)
        lies = None if self._layout.drawn_by is None else self._linear.index(self._layout.drawn_by)
        often = [steps[n] for n in (*self._linear, *(n for n, *_ in inner))]
        made = products(folded, often, storage, own_places, lies)
        self._products = made[: len(self._linear)]
        self._inner: dict[int, list[tuple[str, str | None, Product | KernelProduct]]] = {}
        for (n, weight, bias), product in zip(inner, made[len(self._linear) :], strict=True):
            self._given[n] = {**self._given[n], weight: product}
            self._inner.setdefault(n, []).append((weight, bias, product))
        self._quicken(made)

    def _release(self, inner: list[tuple[int, str, str | None]]) -> None:
        """Lets go of weights of which products hold what they need."""
        for n in self._linear:
            self.parts[n] = []
        for n, *named in inner:
            self.parts[n] = [{key: own for key, own in self.parts[n][0].items() if key not in named}]

    def _quicken(self, made: Sequence[Product | KernelProduct]) -> None:
        """Gives layers their functions in machine code, where that is loaded for the products."""
        loaded = kernel() if any(isinstance(product, KernelProduct) for product in made) else None
        self._quick = None if loaded is None else loaded.quick
        for n, operation in enumerate(self.program.operations):
            if own := self.quick(operation.parts[0].node):
                self._given[n] = {**self._given[n], **own}

    def quick(self, node: Node) -> dict[str, Any]:
        """The function in machine code that a node's layer asks for, by its name, where there is one."""
        name = node.layer.quick
        return {name: getattr(self._quick, name)} if name and self._quick is not None else {}

    @property
    def products(self) -> Sequence[Product | KernelProduct]:
        """Those of its linear operations."""
        return self._products

    @property
    def by_product(self) -> Iterator[tuple[int, Product | KernelProduct]]:
        """The numbers of its linear operations, and their products."""
        return zip(self._linear, self._products, strict=True)

    @cached_property
    def in_place(self) -> frozenset[int]:
        """Where the weights of the model are that are read where they lie, and of which nothing was made: these may
        change their numbers, but not their places."""
        copied, own = set[int](), dict[Node, set[int]]()
        products, origin = dict(zip(self._linear, self._products, strict=True)), self.program.schedule.lowered.origin
        for n, (operation, parts) in enumerate(zip(self.program.operations, self.parts, strict=True)):
            for k, part in enumerate(operation.parts):
                nodes = [origin.get(node, node) for node in (term.node for term in part.terms)] or [
                    origin.get(part.node, part.node)
                ]
                for node in nodes:
                    own.setdefault(node, {place(w) for w in self.model.nodes.of(node).values()})
                places = set[int]().union(*(own[node] for node in nodes))
                inner = [product.read(0) for *_, product in self._inner.get(n, ())]
                held = [products[n].read(k)] if n in products else [[*parts[k].values()], *inner]
                if any(each is None or any(place(w) not in places for w in each) for each in held):
                    copied |= places
        return frozenset(set[int]().union(*own.values()) - copied)

    def weights(self, number: int) -> Weights:
        """The weights of an operation; of several layers that are computed as one, side by side."""
        if number in self._linear:
            return self._products[self._linear.index(number)].weights()
        found = dict(self.parts[number][0])
        for weight, bias, product in self._inner.get(number, ()):
            own = product.weights()
            found |= {weight: own["weight"], **({} if bias is None else {bias: own["bias"]})}
        return found

    # -- before the first step ---------------------------------------------------------------------------------------

    def _prepared(self, part: Part) -> Weights:
        """The weights of one part; of a sum all that its windows are multiplied with, side by side."""
        if not part.linear:
            return self._layer(part.node, part.group, [i.columns for i in part.inputs])
        terms = [self._layer(term.node, part.group, [term.columns]) for term in part.terms]
        biases = [term["bias"] for term in terms if "bias" in term]
        summed = {"weight": torch.cat([term["weight"] for term in terms], 1) if len(terms) > 1 else terms[0]["weight"]}
        if biases and part.ahead is None:  # the sum that is made ahead has it
            summed["bias"] = sum(biases[1:], biases[0])
        return summed

    def _layer(self, node: Node, group: int, columns: list[Ints]) -> Weights:
        lower = self.program.schedule.lowered
        whole, share = lower.origin.get(node, node), lower.shares.get(node)
        constants = self.model.constants.of(whole, self.member)
        with torch.no_grad():
            # memory that is read by its address stays, whatever becomes the model's weights meanwhile
            own = {name: weight.detach() for name, weight in self.model.nodes.of(whole).items()}
            if self.program.endless and whole.traits.beyond_grid:
                return whole.layer.prepare_endless(whole, own, constants, group)
            prepared = whole.layer.prepare_sites(whole, own, constants, group, columns)
            if share is None:
                return prepared
            kept = torch.from_numpy(share.channels).to(self.model.device)
            weight = prepared["weight"].unflatten(1, (-1, whole.ins[0].channels)).index_select(2, kept)
            return {**(prepared if share.bias else {}), "weight": weight.flatten(1)}

    def begin(
        self,
        batch: int,
        condition: dict[str, Tensor],
        trace: Trace | None = None,
        free: dict[Node, Tensor] | None = None,
        steps: int | None = None,
    ) -> State:
        """Empty caches, for so many steps, or for all; the conditions, and all nodes that no variable influences,
        computed at once (or given: `free`)."""
        model, program = self.model, self.program
        caches = (
            free_values(model, self.member, program.schedule.free, condition, batch) if free is None else dict(free)
        )
        if trace is not None:
            for node in program.schedule.free:
                trace(node, torch.arange(node.out.sites))
        state = State(batch, caches)
        for number, operation in enumerate(program.operations):
            for k, read in enumerate(operation.reads):
                if read.hoisted is not None:
                    state.hoisted[number, k] = self._hoist(number, k, read, caches[read.source])
        like = torch.zeros(0, dtype=model.dtype, device=model.device)
        outside: dict[Node, Tensor] = {}
        for node, kept in program.caches.items():
            outside[node] = like.new_zeros(kept.outside, node.out.channels)
            if node is not model.graph.data:
                own = program.schedule.lowered.origin.get(node, node)
                outside[node] = node.layer.outside_grid(node, model.nodes.of(own), like)
        # no row is read before it is written, except by those who read the whole and hide the rest
        shapes = [(batch, self._rows(node, steps), rows.shape[1]) for node, rows in outside.items()]
        for (node, rows), cache in zip(outside.items(), zeros(like, shapes), strict=True):
            cache[:, : len(rows)] = rows
            caches[node] = cache
        for operation in program.operations:  # no site of these is ever read, but what lies outside the grid is
            for read in operation.reads:
                if read.source in caches:
                    continue
                if read.section is not None:
                    caches[read.source] = like.new_zeros(batch, 1, read.channels)
                elif read.relation is not None:  # every mask hides all of it
                    caches[read.source] = like.new_zeros(batch, program.kept(read.source).size, read.channels)
        self._lay_out(state, self._given, self._products)
        return state

    def _rows(self, node: Node, steps: int | None) -> int:
        """How many rows of a cache so many steps need."""
        program = self.program
        kept = program.caches[node]
        if steps is None or node not in program.whole:
            return kept.size
        known = [sites[: bounds[min(steps + 1, len(bounds) - 1)]] for sites, bounds in program.orders[node]]
        last = [begin + sites.max() + 1 for begin, sites in zip(kept.begins, known, strict=True) if len(sites)]
        return max([kept.outside, *map(int, last)])

    def _lay_out(
        self, state: State, weights: Sequence[dict[str, Any]], products: Sequence[Product | KernelProduct]
    ) -> None:
        """Puts into registers what every step finds there."""
        layout = self._layout
        state.registers = [None] * layout.free
        for node, at in layout.caches.items():
            state.registers[at] = state.caches[node]
        for at, prepared in zip(layout.weights, weights, strict=True):
            state.registers[at] = prepared
        for n, product in zip(self._linear, products, strict=True):
            state.registers[layout.weights[n]] = product
        for key, at in layout.hoisted.items():
            state.registers[at] = state.hoisted[key]
        for (number, k), at in layout.whole.items():
            state.registers[at] = self._whole(number, k, state)
        state.registers[layout.nowhere] = self._nowhere
        state.registers[layout.quick] = self._quick

    def screen(self, state: State, keeps: int | None, steps: int, piece: bool = False) -> None:
        """Lets so many steps compute no more than the `keeps` highest parameters of each variable, where that is
        quicker and nothing but the draw takes them; None for all. The weights are to stay as they are meanwhile.
        piece: of a run that is asked again for the steps that follow, when weights may be others."""
        found = self._layout.drawn_by
        if keeps is None or found is None:
            return
        product = self._products[self._linear.index(found)]
        if state.screened is not None and steps >= FEW:
            state.screened.follow()
        elif steps >= FEW:
            state.screened = screened(product, keeps, piece)
        screens = state.screened is not None and steps >= FEW
        state.registers[self._layout.weights[found]] = state.screened if screens else product

    def _whole(self, number: int, k: int, state: State) -> Tensor:
        """All rows of an input, as the layer that reads it whole takes them."""
        operation = self.program.operations[number]
        read, node = operation.reads[k], operation.parts[0].node
        kept, cache = self.program.kept(read.source), state.caches[read.source]
        rows = cache.narrow(1, kept.outside, cache.shape[1] - kept.outside)
        return node.layer.view_context(node, k, rows.narrow(2, 0, read.channels))

    def _hoist(self, number: int, k: int, read: Read, cache: Tensor) -> Tensor:
        part, given = self.program.operations[number].parts[0], read.hoisted
        assert given is not None and given.table is not None
        table = given.table[:1] if read.section is None else given.table
        rows = np.where(table < read.source.out.sites, table + 1, 0)
        x = cache.index_select(1, torch.from_numpy(rows.ravel()).to(cache.device))
        x = x.view(len(cache), len(table), -1)
        return part.node.layer.hoist(part.node, self.weights(number), k, x)

    # -- steps -------------------------------------------------------------------------------------------------------

    def cut(self, step: int, sizes: Ints, blocks: Blocks | None = None) -> Cut:
        """The class of a step, by the sizes of its sections and by which of them are blocks (`blocks_of`)."""
        runs = self.program.runs(step)
        solid = frozenset[int]() if blocks is None else frozenset(np.flatnonzero(blocks >= 0).tolist())
        key = (sizes.tobytes(), self.counts[step].tobytes(), runs, solid)
        if key not in self._cuts:
            counts: list[int] = self.counts[step].tolist()
            drawn = int(sizes[self.program.head])
            calls = [self._call(*run, counts) for run in self._runs(counts, runs)]
            kept: list[int] = np.flatnonzero(sizes).tolist()
            made = generate(self.program, self._layout, calls, solid, drawn)
            self._cuts[key] = Cut(sizes.tolist(), kept, calls, *made)
        return self._cuts[key]

    def in_blocks(self, cut: Cut) -> Cut:
        """The same class of steps, in which each section of one row is a block: such rows need not follow one another,
        and it holds for every step of the class, however many."""
        key = "in blocks", cut
        if key not in self._cuts:
            sizes, begins = np.array(cut.sizes), np.cumsum([0, *cut.sizes]).tolist()
            solid = frozenset(np.flatnonzero(sizes == 1).tolist()) - self.program.as_rows
            rest = [0 if q in solid else size for q, size in enumerate(cut.sizes)]
            made = generate(self.program, self._layout, cut.calls, solid, cut.sizes[self.program.head])
            kept: list[int] = np.flatnonzero(rest).tolist()
            self._cuts[key] = Cut(rest, kept, cut.calls, *made, [(q, begins[q]) for q in sorted(solid)])
        return self._cuts[key]

    def _call(self, number: int, lo: int, hi: int, counts: list[int]) -> Call:
        return Call(number, self.program.operations[number], lo, hi - lo, lo == 0 and hi == counts[number])

    def _runs(self, counts: list[int], runs: tuple[tuple[int, int, int], ...]) -> Iterator[tuple[int, int, int]]:
        scans = self.program.by_group
        done: set[Node] = set()
        for number, count in enumerate(counts):
            node = self.program.operations[number].parts[0].node
            if node not in self.program.schedule.waves:
                if count:
                    yield number, 0, count
            elif node not in done:
                done.add(node)
                mine = {scans[node, g] for g in range(node.out.groups) if (node, g) in scans}
                yield from (run for run in runs if run[0] in mine)

    def step(
        self, row: Row, cut: Cut, state: State, step: int | None, trace: Trace | None = None,
        made: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Computes what a step does; the head's parameters [B, v, K] of the variables that come next. step: its number,
        by which it knows how far a cache is filled that is read whole; None: all of it is read. made: these parameters,
        where they and all that the caches get by the step are there already; `write` comes next all the same."""
        r = state.registers
        r[: len(cut.sizes)] = torch.split_with_sizes(row, cut.sizes) if isinstance(row, Tensor) else row
        if len(r) < cut.registers:
            r.extend([None] * (cut.registers - len(r)))
        r[self._layout.step] = step
        if made is not None:
            return made
        if trace is not None or not self._replayed(cut, state):
            for instruction in cut.instructions:
                instruction(r)
        if trace is not None and step is not None:
            self._tell(trace, cut, step)
        return r[cut.head]

    def _replayed(self, cut: Cut, state: State) -> bool:
        """Whether a step of a class that has run before was that once more, with the same memory."""
        known = state.replays.get(cut, 0)
        if known is None or self._quick is None or not torch.is_inference_mode_enabled():
            return False
        if not isinstance(known, int):
            known(state.registers)
            return True
        state.replays[cut] = known + 1
        if known < WARM or len(state.replays) > MOST:
            return False
        if not pays(cut, state.registers):
            state.replays[cut] = None
            return False
        state.replays[cut] = replay_of(cut, state.registers, self._layout.free)
        return True

    def _tell(self, trace: Trace, cut: Cut, step: int) -> None:
        for call in cut.calls:
            for part in call.operation.parts:
                start = int(part.bounds[step]) + call.first
                sites = part.sites[start : start + call.count]
                for one, wanted in self._told[part]:
                    trace(one, torch.from_numpy(sites if wanted is None else sites[wanted[sites]]))

    @cached_property
    def _told(self) -> dict[Part, list[tuple[Node, Bools | None]]]:
        """The nodes of the spec that are computed with each part, and which of a node's sites [S] a variable depends
        on: None where that is so of all."""
        lower, wanted = self.program.schedule.lowered, self._wanted
        return {
            part: [
                (one, None if wanted[one].all() else wanted[one])
                for node in (() if part.is_ahead else (part.node, *part.stands_for))
                for one in lower.computed(node)
            ]
            for operation in self.program.operations
            for part in operation.parts
        }

    @cached_property
    def _wanted(self) -> Mapping[Node, Bools]:
        """[S] of each node of the spec: the sites that a variable depends on."""
        graph = self.model.graph
        return depends_on(Relations(graph, graph.members[self.member]), graph.head_sites())

    def write(self, cut: Cut, state: State, values: Tensor) -> None:
        """Puts what was drawn, [B, v, C], at the end of a step, where the next ones read it."""
        state.registers[self._layout.drawn] = values
        cut.put(state.registers)

    def with_tensors(self, state: State, caches: list[Tensor], hoisted: list[Tensor], weights: list[Weights]) -> State:
        """The same state over other tensors, for a step that is traced, whose products stand as they are."""
        other = State(
            state.batch, dict(zip(state.caches, caches, strict=True)), dict(zip(state.hoisted, hoisted, strict=True))
        )
        plain = [
            Product(weights[n]["weight"], weights[n].get("bias"), counts=product.counts)
            for n, product in self.by_product
        ]
        self._lay_out(other, weights, plain)
        other.registers[self._layout.quick] = None
        return other


def free_values(
    model: Network, member: int, nodes: list[Node], condition: dict[str, Tensor], batch: int
) -> dict[Node, Tensor]:
    """[B, 1 + S, C] for the conditions and for `nodes`, which no variable influences, each behind a row of zeros."""
    values = model.condition_tensors(condition, batch)
    for node in nodes:
        constants = model.constants.of(node, member)
        inputs = [values[source] for source in node.inputs]
        weights = model.prepared(node, member)
        values[node] = node.layer.forward(node, weights, constants, inputs, False)
    pad = torch.nn.functional.pad
    return {node: pad(sites_last(value, node.out.groups), (0, 0, 1, 0)) for node, value in values.items()}
