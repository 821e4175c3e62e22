"""Rows: the numbers of each step, one behind the other. numpy only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from arspec.layers.base import Node
from arspec.sampler.plan.program import Blocks, Entries, Operation, Program, Rows
from arspec.sampler.plan.schedule import Part
from arspec.sampler.plan.state import Figures, Pass, State, hold
from arspec.types import Ints


def rows_of(program: Program, blocks: Blocks | None = None) -> Rows:
    """The rows of all steps; of sections that are blocks (`blocks_of`) nothing."""
    sections = program.sections
    sizes = np.stack([np.diff(s.bounds) for s in sections], 1)
    rest = sizes if blocks is None else np.where(blocks < 0, sizes, 0)
    begins = np.concatenate([[0], np.cumsum(rest.sum(1))])
    inner = begins[:-1, None] + np.cumsum(rest, 1) - rest
    flat = Entries(*(np.empty(begins[-1], np.int64) for _ in range(3)))
    for q, section in enumerate(sections):
        kept = np.repeat(rest[:, q] > 0, sizes[:, q])
        start = np.repeat(inner[:, q] - np.cumsum(rest[:, q]) + rest[:, q], rest[:, q])
        where, entries = start + np.arange(len(start)), section.entries
        flat.index[where], flat.base[where] = entries.index[kept], entries.base[kept]
        flat.ring[where] = entries.ring[kept]
    return Rows(flat, begins, rest)


def blocks_of(program: Program) -> Blocks:
    """[steps, Q]: of each section whose rows at a step follow one another the first of them, else -1. Such rows are a
    block of the cache, which is read as it lies. Never where rows are taken as they are, or share by share."""
    found, as_rows = np.full((program.steps, len(program.sections)), -1, np.int32), program.as_rows
    for q, section in enumerate(program.sections):
        rows = section.entries.rows()
        if q in as_rows or not len(rows):
            continue
        breaks = np.concatenate([[0], np.cumsum(np.diff(rows) != 1)])  # up to each row
        first, last = np.minimum(section.bounds[:-1], len(rows) - 1), np.maximum(section.bounds[1:] - 1, 0)
        unbroken = (np.diff(section.bounds) > 0) & (breaks[first] == breaks[last])
        found[:, q] = np.where(unbroken, rows[first], -1)
    return found


# -- the pass --------------------------------------------------------------------------------------------------------


def _run(state: State) -> None:
    state.blocks = blocks_of(state.program) if state.in_blocks else None
    state.rows = rows_of(state.program, state.blocks)


def check_rows(state: State) -> None:
    """Goes through all steps as the executor does, with the numbers of sites in the place of values: every row that is
    read holds the site that is meant, written before, and not written over since."""
    _Replay(state).check()


class _Replay:
    """Caches that hold, for each row, the number of the site that was last written to it: NONE before any, and OUTSIDE
    where it stands for what lies outside the grid."""

    NONE, OUTSIDE = -1, -2

    def __init__(self, state: State) -> None:
        self.state, self.program = state, state.program
        self.flat, self.sections = state.rows.entries.rows(), state.program.sections
        # of each operation the inputs of which there is something to check
        self.checked = [
            [
                k
                for k, (read, given) in enumerate(zip(operation.reads, operation.parts[0].inputs, strict=True))
                if read.relation is not None
                or (read.section is not None and read.hoisted is None and given.table is not None)
            ]
            for operation in self.program.operations
        ]
        self.held: dict[Node, Ints] = {}
        for node, kept in state.caches.items():
            self.held[node] = np.full(kept.size, self.NONE)
            self.held[node][: kept.outside] = self.OUTSIDE
        self.put_given()

    def put_given(self) -> None:
        """What is given is there before the first step; of a ring as much of it as there is room for."""
        data, given = self.program.schedule.graph.data, self.program.schedule.given
        kept = self.state.caches[data]
        if data in self.program.whole:
            self.held[data][kept.begins[0] + given] = given
        else:
            index = np.arange(max(0, len(given) - kept.rings[0]), len(given))
            self.held[data][kept.begins[0] + index % max(kept.rings[0], 1)] = given[index]

    def check(self) -> None:
        program, schedule = self.program, self.program.schedule
        head, data = schedule.graph.head_node, schedule.graph.data
        for step in range(program.steps):
            rows = self.rows(step)
            for number, first, count in self.calls(step):
                operation = program.operations[number]
                for k in self.checked[number]:
                    self.read(operation, k, rows, step, first, count)
                for part, out in zip(operation.parts, operation.outs, strict=True):
                    lo = int(part.bounds[step]) + first
                    if out is not None:
                        self.write(part.node, rows[out][first : first + count], part.sites[lo : lo + count])
            sites = schedule.head_sites[schedule.head_bounds[step] : schedule.head_bounds[step + 1]]
            if program.head_made is None:
                self.expect(head, rows[program.head], sites, "what is drawn from")
            self.write(data, rows[program.data], sites)

    def rows(self, step: int) -> list[Ints]:
        """The rows of each section at a step, of blocks as well."""
        given, begin = self.state.rows, int(self.state.rows.begins[step])
        cuts = begin + np.cumsum(given.sizes[step])
        found = np.split(self.flat[begin : cuts[-1]], cuts[:-1] - begin) if len(cuts) else []
        if self.state.blocks is not None:
            for q in np.flatnonzero(self.state.blocks[step] >= 0):
                first, bounds = int(self.state.blocks[step, q]), self.sections[q].bounds
                found[q] = np.arange(first, first + int(bounds[step + 1] - bounds[step]))
        return found

    def calls(self, step: int) -> Iterator[tuple[int, int, int]]:
        """What a step computes: (operation, first, count), scans wave by wave."""
        waves, runs = self.program.schedule.waves, self.program.runs(step)
        done: set[Node] = set()
        for number, operation in enumerate(self.program.operations):
            part = operation.parts[0]
            if part.node not in waves:
                if count := int(part.bounds[step + 1] - part.bounds[step]):
                    yield number, 0, count
            elif part.node not in done:
                done.add(part.node)
                yield from (
                    (n, lo, hi - lo) for n, lo, hi in runs if self.program.operations[n].parts[0].node is part.node
                )

    def read(self, operation: Operation, k: int, rows: list[Ints], step: int, first: int, count: int) -> None:
        """Checks the input k of an operation, of so many sites of its share of a step."""
        part, read = operation.parts[0], operation.reads[k]
        given, lo = part.inputs[k], int(part.bounds[step]) + first
        what = f"{read.source.name}, which {part.node.name} reads,"
        if read.relation is not None:
            self.read_whole(part, read.source, read.relation.table(part.sites[lo : lo + count]), step, what)
        elif read.section is not None and given.table is not None:
            wanted = given.table[lo : lo + count].ravel()
            self.expect(
                read.source, rows[read.section][first * read.columns : (first + count) * read.columns], wanted, what
            )

    def read_whole(self, part: Part, source: Node, table: Ints, step: int, what: str) -> None:
        sites = np.unique(table[table >= 0])
        hold(sites.max(initial=-1) < self.program.filled(source)[step], f"{what} is read beyond what is known of it")
        if source in self.held:
            self.expect(source, self.program.kept(source).outside + sites, sites, what)

    def expect(self, node: Node, rows: Ints, sites: Ints, what: str) -> None:
        """Raises Unsound where rows of a node's cache do not hold these sites; S and above stand outside the grid."""
        inside = sites < node.out.sites
        if node in self.held:
            found = np.where(inside, sites, self.OUTSIDE)
            beyond = rows[~inside] == sites[~inside] - node.out.sites
            hold(np.array_equal(self.held[node][rows], found) and beyond.all(), f"{what} is not there")
        elif node not in self.state.orders:  # all of it is there from the start, behind one row of zeros
            hold(np.array_equal(rows, np.where(inside, sites + 1, 0)), f"{what} is read in other places")

    def write(self, node: Node, rows: Ints, sites: Ints) -> None:
        hold(len(np.unique(rows)) == len(rows) == len(sites), f"a row of {node.name} is written twice in one step")
        hold(
            (rows >= self.state.caches[node].outside).all(), f"{node.name} is written over what stands outside the grid"
        )
        self.held[node][rows] = sites


def classes_of(program: Program, rows: Rows, blocks: Blocks | None) -> int:
    """How many classes the steps make: those of one class are cut alike, in the same blocks and waves."""
    bounds = [operation.parts[0].bounds for operation in program.operations]
    counts = np.diff(np.stack(bounds, 1), axis=0) if bounds else np.empty((program.steps, 0), np.int64)
    solid = np.zeros_like(rows.sizes) if blocks is None else blocks >= 0
    scans = bool(program.schedule.waves)
    return len({
        (rows.sizes[t].tobytes(), counts[t].tobytes(), solid[t].tobytes(), program.runs(t) if scans else ())
        for t in range(program.steps)
    })  # fmt: skip


def _figures(state: State) -> Figures:
    blocks = state.blocks
    return {"numbers": int(state.rows.begins[-1]),
            "blocks in their place": int((blocks >= 0).sum()) if blocks is not None else 0,
            "classes of steps": classes_of(state.program, state.rows, blocks)}  # fmt: skip


ROWS = Pass(
    "rows",
    "writes out the numbers of the rows that each step takes, or where they begin if they follow one another",
    ("program",), ("blocks", "rows"), _run, check_rows, _figures,
)  # fmt: skip
