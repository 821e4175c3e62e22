"""Operations: what each step does, with every site replaced by its place in a cache. numpy only."""

from __future__ import annotations

import numpy as np

from arspec.layers.base import Node
from arspec.sampler.plan.program import ENDLESS, Entries, Operation, Program, Read, Section
from arspec.sampler.plan.schedule import Input, Part
from arspec.sampler.plan.state import Figures, Pass, State, hold
from arspec.types import Ints


class _Builder:
    def __init__(self, state: State) -> None:
        self.schedule, self.graph, self.endless = state.schedule, state.graph, state.endless
        self.orders, self.whole, self.numbers, self.caches = state.orders, state.whole, state.numbers, state.caches
        self.sections: list[Section] = []
        self.known: dict[tuple[bytes, ...], int] = {}

    def build(self) -> Program:
        schedule, graph = self.schedule, self.graph
        operations: list[Operation] = []
        at: dict[tuple[Node, int], tuple[int, int]] = {}
        linear: dict[tuple[object, ...], int] = {}
        by_group: dict[tuple[Node, int], int] = {}
        for part in schedule.parts:
            reads = [self._read(part, given, at) for given in part.inputs]
            out = self._section(part.node, part.sites[:, None], part.bounds) if part.cached else None
            key = self._siblings(part, reads)
            if key is not None and key in linear:
                number = linear[key]
                operations[number].parts.append(part)
                operations[number].outs.append(out)
            else:
                number = len(operations)
                places = self._places(part) if part.node.traits.needs_sites and not part.linear else None
                operations.append(Operation([part], reads, [out], places))
                if key is not None:
                    linear[key] = number
            at[part.node, part.group] = number, len(operations[number].parts) - 1
            if part.node in schedule.waves:
                by_group[part.node, part.group] = number
        head = self._section(graph.head_node, schedule.head_sites[:, None], schedule.head_bounds)
        own = [p for p in schedule.parts if p.node is graph.head_node]
        just = len(own) == 1 and graph.head_node not in schedule.waves
        just = just and np.array_equal(own[0].sites, schedule.head_sites)
        just = just and np.array_equal(own[0].bounds, schedule.head_bounds)
        made = at[graph.head_node, own[0].group] if just else None
        data = self._section(graph.data, schedule.head_sites[:, None], schedule.head_bounds)
        return Program(
            schedule, operations, self.sections, self.caches, self.orders, head, made, data, self.whole, by_group,
            self.endless,
        )  # fmt: skip

    # -- sections ----------------------------------------------------------------------------------------------------

    def _entries(self, source: Node, sites: Ints) -> Entries:
        flat = sites.ravel()
        out = np.zeros(len(flat), np.int64)
        inside = flat < source.out.sites
        if source not in self.orders:  # all of it is there from the start, behind one row of zeros
            return Entries(np.where(inside, flat, 0), np.where(inside, 1, 0), np.where(inside, ENDLESS, 1))
        kept = self.caches.get(source)
        if kept is None:  # nothing of it is ever read
            return Entries(out, out, out + 1)
        found = np.where(inside, flat, 0)
        index, group = self.numbers[source].index[found], self.numbers[source].group[found]
        inside &= index >= 0
        base, ring = np.asarray(kept.begins)[group], np.maximum(np.asarray(kept.rings)[group], 1)
        beyond = np.where(flat >= source.out.sites, flat - source.out.sites, 0)
        return Entries(np.where(inside, index, 0), np.where(inside, base, beyond), np.where(inside, ring, 1))

    def _section(self, source: Node, table: Ints, bounds: Ints) -> int:
        return self._add(Section(self._entries(source, table), bounds * table.shape[1]))

    def _add(self, section: Section) -> int:
        """The number of a section; of an equal one where there is one."""
        entries = section.entries
        key = (entries.index.tobytes(), entries.base.tobytes(), entries.ring.tobytes(), section.bounds.tobytes())
        if key not in self.known:
            self.known[key] = len(self.sections)
            self.sections.append(section)
        return self.known[key]

    def _numbered(self, numbers: Ints, bounds: Ints, ring: int = ENDLESS) -> int:
        zero = np.zeros(len(numbers), np.int64)
        return self._add(Section(Entries(numbers, zero, zero + ring), bounds))

    def _places(self, part: Part) -> int:
        """The section of what a layer that needs its sites is told of them. In an endless program what most have for
        them is the same everywhere, so that those to come count as those that there are."""
        if part.counts is not None:
            return self._numbered(part.counts.ravel(), part.bounds * (part.counts.size // max(len(part.counts), 1)))
        again = self.endless and not part.node.traits.beyond_grid
        return self._numbered(part.sites, part.bounds, part.node.out.sites if again else ENDLESS)

    # -- operations --------------------------------------------------------------------------------------------------

    def _read(self, part: Part, given: Input, at: dict[tuple[Node, int], tuple[int, int]]) -> Read:
        node, source = part.node, given.source
        channels = node.layer.cached_channels(node) if source is node else source.out.channels
        if given.relation is not None:
            return Read(source, channels, relation=given.relation)
        port = part.inputs.index(given)
        hoists = not part.linear and port in node.traits.hoisted
        if given.direct is not None:
            return Read(source, channels, 1, made=at[source, given.direct], hoist=hoists)
        assert given.table is not None
        columns = given.table.shape[1]
        if source not in self.orders and hoists:
            alike = bool((given.table == given.table[:1]).all())
            if alike or not self.endless:
                section = None if alike else self._numbered(np.arange(len(part.sites)), part.bounds)
                return Read(source, channels, columns, section, hoisted=given)
        return Read(source, channels, columns, self._section(source, given.table, part.bounds), hoist=hoists)

    def _siblings(self, part: Part, reads: list[Read]) -> tuple[object, ...] | None:
        """What parts that can be computed as one have in common: layers that are linear in one and the same read."""
        if not part.linear or len(reads) != 1:
            return None
        read = reads[0]
        where = read.section if read.section is not None else read.made
        return (
            None
            if where is None or read.hoisted is not None
            else (read.source, where, read.columns, part.bounds.tobytes())
        )


# -- the pass --------------------------------------------------------------------------------------------------------


def _run(state: State) -> None:
    state.program = _Builder(state).build()


def check_program(state: State) -> None:
    """Every part is in one operation, behind those whose results its step passes on to it or reads. Each section has an
    entry for each site and place, step by step, and what is kept is written."""
    program, schedule = state.program, state.schedule
    of = {part: n for n, operation in enumerate(program.operations) for part in operation.parts}
    hold(sum(len(operation.parts) for operation in program.operations) == len(of) and of.keys() == {*schedule.parts},
         "a part is in no operation, or in two")  # fmt: skip
    by_key = {(part.node, part.group): part for part in schedule.parts}
    sizes = [np.diff(section.bounds) for section in program.sections]
    hold(
        all(len(s.entries.index) == s.bounds[-1] for s in program.sections),
        "a section has more or fewer entries than its steps",
    )
    for number, operation in enumerate(program.operations):
        first = operation.parts[0]
        own = np.diff(first.bounds)
        for part, out in zip(operation.parts, operation.outs, strict=True):
            hold(np.array_equal(part.bounds, first.bounds), f"{part.node.name} is computed with what has other steps")
            hold((out is not None) == part.cached, f"{part.node.name} is kept and not written, or written and not kept")
            hold(
                out is None or np.array_equal(sizes[out], own),
                f"{part.node.name} is written at other steps than computed",
            )
        hold(len(operation.reads) == len(first.inputs), f"{first.node.name} has another number of inputs than its part")
        for read, given in zip(operation.reads, first.inputs, strict=True):
            what = f"{given.source.name}, which {first.node.name} reads,"
            hold(read.source is given.source, f"{what} is another node")
            if read.made is not None:
                maker, which = read.made
                same = program.operations[maker].parts[which] is by_key[given.source, given.direct or 0]
                hold(maker < number and same, f"{what} is not what an operation before it has made")
                continue
            below = [by_key[read.source, g] for g in range(read.source.out.groups) if (read.source, g) in by_key]
            now = [of[part] for part in below if (own * np.diff(part.bounds)).any() and part.node is not first.node]
            hold(all(n < number for n in now), f"{what} is computed behind it")
            wide = read.columns if read.hoisted is None else 1
            hold(read.section is None or np.array_equal(sizes[read.section], own * wide), f"{what} has another section")
    drawn = np.diff(schedule.head_bounds)
    hold(all(np.array_equal(sizes[q], drawn) for q in (program.head, program.data)), "not every variable is drawn")


def _figures(state: State) -> Figures:
    operations = state.program.operations
    calls = sum(operation.parts[0].times for operation in operations)
    return {"operations": len(operations), "several layers at once": sum(len(o.parts) > 1 for o in operations),
            "calls": calls, "sections of a row": len(state.program.sections)}  # fmt: skip


PROGRAM = Pass(
    "program",
    "makes operations of the parts, of layers that multiply the same reads one, and names the rows of caches they take",
    ("graph", "schedule", "orders", "whole", "numbers", "caches"), ("program",), _run, check_program, _figures,
)  # fmt: skip
