"""One step of the sampler as a graph of ONNX, which takes the state and gives it one step on.

The state is the sampler's own caches, each [B, rows, channels] of a fixed size. Which rows a step reads and writes
stands in a table of the graph, which is looked up by the step's number. Steps that compute other operations are of
other graphs. Where a step has no sites of an operation that others of its graph compute, its tensors are empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arspec.exporting.onnx.building import Building, Value
from arspec.exporting.onnx.classes import classes_of
from arspec.exporting.onnx.lookup import Lookup, Rows
from arspec.exporting.onnx.operators.products import times
from arspec.exporting.onnx.operators.shapes import reshape, sliced
from arspec.exporting.onnx.passes import Passing, Refused
from arspec.exporting.onnx.tracing import BATCH, BY, PER_SITE, SITES
from arspec.layers.base import Node
from arspec.sampler.drive.priming import rows_and_sites
from arspec.sampler.drive.sampler import Sampler
from arspec.sampler.plan.program import Operation, Read
from arspec.sampler.run.executor import Executor
from arspec.types import Ints

MOST = 1 << 26  # numbers of the table of rows
SLOTS = 256  # parts of a step that a scan goes through one after another
Key = Node | tuple[int, int]  # of a part of the state: the node of a cache, or operation and input of what was hoisted


@dataclass(eq=False)
class Kept:
    """A part of the state: its name, how many rows and channels it has, whether it is a cache that steps may write;
    whether one does; and whether the state after a step may lie where that before it lay: nothing that a step reads of
    it is read beside what the step writes."""

    name: str
    rows: int
    channels: int
    changes: bool
    written: bool = False
    in_place: bool = True


class Stepping:
    """Writes the graphs of a sampler's steps, one for each class of steps. `state`: what they take, once they are
    written."""

    def __init__(self, sampler: Sampler) -> None:
        sampler.prepare()
        self.sampler, self.model, self.member = sampler, sampler.model, sampler.member
        self.program, self.schedule = sampler.program, sampler.schedule
        self.executor: Executor = sampler.executor
        self.classes = classes_of(self.executor.counts) if self.schedule.steps else []
        self.state: dict[Key, Kept] = {}

    @property
    def names(self) -> list[str]:
        """What the graphs are called, class by class."""
        return ["step"] if len(self.classes) == 1 else [f"step.{k}" for k in range(len(self.classes))]

    def by_step(self) -> list[str]:
        """The name of each step's graph."""
        found = [""] * self.schedule.steps
        for name, steps in zip(self.names, self.classes, strict=True):
            for step in steps.tolist():
                found[step] = name
        return found

    def steps(self) -> dict[str, Any]:
        """By name, the graphs of all classes: `step` [], what the step before `drawn` [B, v, C] and the state to
        `parameters` [B, v, K] and the state that it changes. Raises Refused."""
        rows = sum(len(section.entries.index) for section in self.program.sections)
        if rows > MOST:
            raise Refused(f"its steps read and write {rows:,} rows in all, and {MOST:,} is the limit here")
        return {name: Step(self, steps).written() for name, steps in zip(self.names, self.classes, strict=True)}

    @property
    def free(self) -> set[Node]:
        """The nodes that no variable influences, and the conditions."""
        return {*self.schedule.free, *self.model.graph.conditions.values()}

    def before(self) -> Rows:
        """Where the variables go that the step before has drawn; at the first step those that are given."""
        section = self.program.sections[self.program.data]
        given, bounds = self._given_rows(), section.bounds
        rows = np.concatenate([given, section.entries.rows()])
        return Rows(rows, np.concatenate([[0], len(given) + bounds[: self.schedule.steps]]))

    def _given_rows(self) -> Ints:
        """Where the variables go that are given, those of which the cache still holds at the first step, in their
        order."""
        data = self.model.graph.data
        if not len(self.schedule.given):
            return np.empty(0, np.int64)
        ((rows, sites),) = rows_and_sites(self.program, data, 0)
        if not np.array_equal(sites, self.schedule.given):
            raise Refused("some of what is given is no longer kept when the first step begins")
        return rows


class Step:
    """Writes the graph of some steps."""

    def __init__(self, stepping: Stepping, steps: Ints) -> None:
        self.stepping, self.steps = stepping, steps
        self.model, self.program, self.schedule = stepping.model, stepping.program, stepping.schedule
        self.executor = stepping.executor
        self.passing = Passing(self.model, stepping.member, "step")
        self.b: Building = self.passing.b
        self.now: dict[Key, Value] = {}  # the state as it is at this point of the step
        self.made: dict[int, list[Value]] = {}  # by operation, what its parts have made
        self.counts: dict[int, str] = {}  # by operation that has sites, how many it computes
        self._readers: dict[Node, set[int]] = {}  # operations that have read a cache since it was last written
        self._constants: dict[object, Value] = {}

    # -- step --------------------------------------------------------------------------------------------------------

    def written(self) -> Any:
        """The graph. Raises Refused."""
        graph, b = self.model.graph, self.b
        b.input("step", torch.int64, ())
        drawn = b.input("drawn", torch.int64, (BATCH, "drawn", graph.data.out.channels))
        self.passing.batch_of("drawn")
        self._look_up()
        data = self._cache(graph.data)
        self._put(graph.data, self.before, Value((BY, PER_SITE, data.shape[-1]), self.model.dtype,
                                                 b.name(b.cast(drawn, self.model.dtype))), None)  # fmt: skip
        for number in self._in_order():
            if isinstance(number, tuple):
                self._waves(number)
            else:
                self._call(number, self.counts[number], None)
        head = self._head()
        b.output("parameters", b.name(head), self.model.dtype, (BATCH, "variables", graph.head_node.out.channels))
        for key, value in self.now.items():
            kept = self.stepping.state[key]
            if value.name != kept.name:
                kept.written = True
                shape = (BATCH, kept.rows, kept.channels)
                b.output(f"{kept.name}.next", b.name(value), self.model.dtype, shape)
        return self.passing.written("a step of the sampler: what was drawn and the state to what is drawn from next")

    def _look_up(self) -> None:
        """The rows of this step that operations read and write, and how many sites each operation has."""
        lookup = self.lookup = Lookup(self.b, self.steps, self.schedule.steps)
        for number in np.flatnonzero((self.executor.counts[self.steps] > 0).any(0)).tolist():
            self.counts[number] = lookup.number(self.executor.counts[:, number])
        operations = [self.program.operations[number] for number in self.counts]
        reads = {read.section for o in operations for read in o.reads} | {o.places for o in operations}
        reads |= {self.program.head} if self.program.head_made is None else set()
        taken = sorted(q for q in reads if q is not None)
        outs = sorted({q for o in operations for q in o.outs if q is not None})
        self.sections = dict(zip(taken, lookup.rows([self._rows(q) for q in taken]), strict=True))
        *own, self.before = lookup.places([*(self._rows(q) for q in outs), self.stepping.before()])
        self.places = dict(zip(outs, own, strict=True))
        self.drawn = lookup.number(np.diff(self.schedule.head_bounds))

    def _rows(self, number: int) -> Rows:
        section = self.program.sections[number]
        return Rows(section.entries.rows(), section.bounds)

    def _in_order(self) -> list[int | tuple[int, ...]]:
        """The operations of a step; those of a scan that goes through waves together."""
        waves, found, done = self.schedule.waves, list[int | tuple[int, ...]](), set[Node]()
        for number in self.counts:
            node = self.program.operations[number].parts[0].node
            if node not in waves:
                found.append(number)
            elif node not in done:
                done.add(node)
                own = (self.program.by_group.get((node, g)) for g in range(node.out.groups))
                found.append(tuple(n for n in own if n is not None and n in self.counts))
        return found

    def _waves(self, numbers: tuple[int, ...]) -> None:
        """A scan whose sites of a step read one another: slot after slot, each a share of one of its operations."""
        b = self.b
        runs = {t: [run for run in self.program.runs(t) if run[0] in numbers] for t in self.steps.tolist()}
        slots: list[int] = []
        places: dict[int, list[int]] = {}
        for t, own in runs.items():  # each step's runs as a part of one sequence of slots
            at, mine = 0, list[int]()
            for number, _, _ in own:
                while at < len(slots) and slots[at] != number:
                    at += 1
                if at == len(slots):
                    slots.append(number)
                mine.append(at)
                at += 1
            places[t] = mine
        if len(slots) > SLOTS:
            raise Refused(f"a scan goes through {len(slots):,} waves in one step, and {SLOTS} is the limit here")
        bounds = np.zeros((len(slots), self.schedule.steps, 2), np.int64)
        for t, own in runs.items():
            for slot, (_, lo, hi) in zip(places[t], own, strict=True):
                bounds[slot, t] = lo, hi
        for number, own in zip(slots, bounds, strict=True):
            lo, hi = (self.lookup.number(own[:, k]) for k in (0, 1))
            self._call(number, b.node("Sub", [hi, lo], "sites"), (lo, hi))

    # -- operations --------------------------------------------------------------------------------------------------

    def _call(self, number: int, count: str, share: tuple[str, str] | None) -> None:
        """An operation of this step. count: of its sites; share: from which to which of those of the step."""
        operation = self.program.operations[number]
        node = operation.parts[0].node
        with self.b.at(**{SITES: count}):
            xs = [self._read(number, operation, k, read, share) for k, read in enumerate(operation.reads)]
            if node.traits.is_identity and operation.reads[0].columns == 1 and len(operation.parts) == 1:
                made = xs
            elif operation.linear:
                made = self._split(operation, self._linear(number, operation, xs))
            else:
                made = self._split(operation, self._layer(number, operation, xs, share))
            self.made[number] = made
            for part, section, x in zip(operation.parts, operation.outs, made, strict=True):
                if section is not None:
                    self._put(part.node, self._share(self.places[section], 1, share, 1), x, number)

    def _share(self, rows: str, columns: int, share: tuple[str, str] | None, axis: int = 0) -> str:
        """Rows that a step reads or writes, or those of a share of its sites."""
        if share is None:
            return rows
        b = self.b
        bounds = [b.node("Mul", [each, b.array(np.asarray([columns], np.int64))]) for each in share]
        return b.node("Slice", [rows, *bounds, b.array(np.asarray([axis], np.int64))])

    def _read(
        self, number: int, operation: Operation, k: int, read: Read, share: tuple[str, str] | None
    ) -> Value:  # fmt: skip
        node, weights = operation.parts[0].node, self.executor.weights(number)
        if read.relation is not None:
            kept = self.program.kept(read.source)
            cache = self._cache(read.source, number)
            rows = self._cut(cache, 1, kept.outside, kept.size)
            rows = self._cut(rows, 2, 0, read.channels)
            (found,) = self.passing.compute(told(node), partial(node.layer.view_context, node, k), [rows])
            return found
        if read.hoisted is not None:
            x = self._hoisted(number, k, read)
            if read.section is None:
                return x
            return self._gathered(x, self._share(self.sections[read.section], 1, share), 1, x.shape[-1])
        if read.made is not None:
            x = self._output(read.source, *read.made)
        else:
            assert read.section is not None
            x = self._window(number, read, self._share(self.sections[read.section], read.columns, share))
        if not read.hoist:
            return x
        (found,) = self.passing.compute(told(node), partial(node.layer.hoist, node, weights, k), [x])
        return found

    def _window(self, number: int, read: Read, rows: str) -> Value:
        cache = self._cache(read.source, number)
        if not read.columns:
            none = self.b.node(
                "Expand", [self.b.name(self.b.scalar(0, cache.dtype)), self.b.numbers((BY, PER_SITE, 0))]
            )
            return Value((BY, PER_SITE, 0), cache.dtype, none)
        return self._gathered(cache, rows, read.columns, read.channels)

    def _gathered(self, cache: Value, rows: str, columns: int, channels: Any) -> Value:
        """Rows of a cache, `columns` for each site side by side: [B, n, columns * channels]."""
        b = self.b
        found = Value((BY, -1, cache.shape[-1]), cache.dtype, b.node("Gather", [b.name(cache), rows], axis=1))
        found = self._cut(found, 2, 0, channels)
        shape = (BY, PER_SITE, columns * channels)
        return Value(shape, cache.dtype, found.name if columns == 1 else reshape(b, found, shape))

    def _cut(self, x: Value, dim: int, first: int, last: Any) -> Value:
        if first == 0 and x.shape[dim] == last:
            return x
        shape = (*x.shape[:dim], last - first, *x.shape[dim + 1 :])
        return Value(shape, x.dtype, sliced(self.b, x, dim, first, last))

    def _linear(self, number: int, operation: Operation, xs: list[Value]) -> Value:
        b, weights = self.b, self.executor.weights(number)
        windows, plus = xs[: operation.windows], xs[operation.windows :]
        x = windows[0]
        if len(windows) > 1:
            width = sum(int(each.shape[-1]) for each in windows)  # pyright: ignore[reportArgumentType]
            together = b.node("Concat", [b.name(each) for each in windows], axis=2)
            x = Value((BY, PER_SITE, width), x.dtype, together)
        weight = weights["weight"].detach()
        shape = (BY, PER_SITE, len(weight))
        turned = Value(tuple(weight.t().shape), weight.dtype, b.name(self._constant(("turned", number), weight.t())))
        found = times(b, x, turned, shape)
        for added in [*([self._constant(("bias", number), weights["bias"])] if "bias" in weights else []), *plus[:1]]:
            found = b.node("Add", [found, b.name(added)])
        return Value(shape, x.dtype, found)

    def _constant(self, key: object, tensor: Tensor) -> Value:
        if key not in self._constants:
            self._constants[key] = Value(tuple(tensor.shape), tensor.dtype, constant=tensor.detach().contiguous())
        return self._constants[key]

    def _layer(
        self, number: int, operation: Operation, xs: list[Value], share: tuple[str, str] | None
    ) -> Value:  # fmt: skip
        part = operation.parts[0]
        node, weights = part.node, self.executor.weights(number)
        places: Value | Tensor = torch.empty(0, dtype=torch.int64)
        if operation.places is not None:
            width = 1 if part.counts is None else part.counts.size // max(len(part.counts), 1)
            many = PER_SITE if width == 1 else type(PER_SITE)(width, PER_SITE.powers)
            places = Value((many,), torch.int64, self._share(self.sections[operation.places], width, share))

        def forward(*given: Tensor) -> Tensor:
            return node.layer.forward_sites(node, weights, [*given[:-1]], given[-1])

        (found,) = self.passing.compute(told(node), forward, [*xs, places])
        return found

    def _split(self, operation: Operation, x: Value) -> list[Value]:
        widths = [part.node.layer.cached_channels(part.node) for part in operation.parts]
        if len(widths) == 1:
            return [x]
        names = self.b.several("Split", [self.b.name(x), self.b.numbers(widths)], len(widths), axis=2)
        return [Value((BY, PER_SITE, width), x.dtype, name) for width, name in zip(widths, names, strict=True)]

    def _output(self, node: Node, number: int, part: int) -> Value:
        """What a part of an operation has made, without the inner state of a scan."""
        return self._cut(self.made[number][part], 2, 0, node.out.channels)

    def _head(self) -> Value:
        node, direct = self.model.graph.head_node, self.program.head_made
        head = self.schedule.graph.head_node
        if direct is not None:
            return self._output(head, *direct)
        with self.b.at(**{SITES: self.drawn}):
            return self._gathered(self._cache(head), self.sections[self.program.head], 1, node.out.channels)

    # -- the state ---------------------------------------------------------------------------------------------------

    def _cache(self, node: Node, reader: int | None = None) -> Value:
        """The cache of a node, an input of the graph. reader: the operation that reads it."""
        if reader is not None:
            self._readers.setdefault(node, set()).add(reader)
        if node not in self.now:
            if node in self.program.caches:
                own = self.program.caches[node].size
                width = node.out.channels if node is self.model.graph.data else node.layer.cached_channels(node)
                self._keep(node, f"cache.{node.name}", own, width, True)
            elif node in self.stepping.free:
                self._keep(node, f"free.{node.name}", 1 + node.out.sites, node.out.channels, False)
            else:  # no site of it is ever read, but what lies outside the grid is
                own = self.program.kept(node).size if node in self.program.whole else 1
                self._keep(node, f"none.{node.name}", own, node.layer.cached_channels(node), False)
        return self.now[node]

    def _hoisted(self, number: int, k: int, read: Read) -> Value:
        key = number, k
        if key not in self.now:
            self._keep(key, f"hoisted.{number}.{k}", *self._hoisted_form(number, k, read), False)
        return self.now[key]

    def _keep(self, key: Key, name: str, rows: int, channels: int, changes: bool) -> None:
        self.stepping.state.setdefault(key, Kept(name, rows, channels, changes))
        self.now[key] = self.b.input(name, self.model.dtype, (BATCH, rows, channels))

    def _put(self, node: Node, places: str, x: Value, writer: int | None) -> None:
        """Writes rows of a cache. writer: the operation that has made them; what it has read itself is read before."""
        cache = self._cache(node)
        if self._readers.pop(node, set()) - {writer}:
            self.stepping.state[node].in_place = False
        found = self.b.node("ScatterND", [self.b.name(cache), places, self.b.name(x)])
        self.now[node] = Value(cache.shape, cache.dtype, found)

    def _hoisted_form(self, number: int, k: int, read: Read) -> tuple[int, int]:
        """How many rows and channels that has which a layer makes of an input once."""
        table = table_of(read)
        node, weights = self.program.operations[number].parts[0].node, self.executor.weights(number)
        like = torch.zeros(1, *table.shape[:1], table.shape[1] * read.source.out.channels, dtype=self.model.dtype)
        with torch.no_grad():
            found = node.layer.hoist(node, weights, k, like)
        return found.shape[1], found.shape[2]


def told(node: Node) -> str:
    """How a node is called where it can't be written."""
    return f"'{node.name}' ({node.layer.layer}), site by site"


def table_of(read: Read) -> Ints:
    """[n, M]: the rows of what is hoisted, behind one of zeros."""
    given = read.hoisted
    assert given is not None and given.table is not None
    table = given.table[:1] if read.section is None else given.table
    return np.where(table < read.source.out.sites, table + 1, 0)
