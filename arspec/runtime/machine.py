"""The machine: a program with its weights folded, on a device, one step at a time.

A step is a row of index numbers. Its sections say which rows of which cache are gathered and where results are written,
so that a step touches nothing but tensors of fixed shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arspec.layers.base import Node, Weights, sites_last
from arspec.runtime.program import Operation, Program, Read
from arspec.types import Ints

if TYPE_CHECKING:
    from arspec.runtime.module import Model

# Called with the node and the sites [n] that are being computed: tests count them.
Trace = Callable[[Node, Tensor], None]


@dataclass(eq=False)
class Call:
    """An operation in a step: `count` of its sites from the `first` on, or the `entire` share that it has in the step."""

    number: int
    operation: Operation
    node: Node
    first: int
    count: int
    entire: bool

    def share(self, section: Tensor, columns: int) -> Tensor:
        """What belongs to it of a section of the row."""
        return section if self.entire else section.narrow(0, self.first * columns, self.count * columns)


@dataclass(eq=False)
class Cut:
    """A class of steps: the sizes of the row's sections, what is computed, and where in the row the data's section is."""

    sizes: list[int]
    calls: list[Call]
    data: tuple[int, int]


@dataclass(eq=False)
class State:
    """What a run has computed: caches [B, rows, C] by node, and what was made once of inputs that no variable
    influences, by operation and input."""

    batch: int
    caches: dict[Node, Tensor]
    hoisted: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def follow(self, rows: Tensor) -> None:
        """Each example goes on as the one that `rows` [B] names, which has the same conditions."""
        for cache in self.caches.values():
            cache.copy_(cache.index_select(0, rows))


class Machine:
    """Runs a program's steps. Built anew when the weights change."""

    def __init__(self, model: Model, program: Program, member: int) -> None:
        self.model, self.program, self.member = model, program, member
        self._nowhere = torch.empty(0, dtype=torch.int64, device=model.device)
        self.weights = [self._fold(operation) for operation in program.operations]
        self.widths = [[p.node.layer.cached(p.node) for p in operation.parts] for operation in program.operations]
        self._cuts: dict[object, Cut] = {}
        self._filled = [self._filled_by(operation) for operation in program.operations]

    # -- before the first step ---------------------------------------------------------------------------------------

    def _fold(self, operation: Operation) -> Weights:
        folded: list[Weights] = []
        for part in operation.parts:
            columns = [i.columns for i in part.inputs]
            layer, node = part.node.layer, part.node
            constants = self.model.constants.of(node, self.member)
            with torch.no_grad():
                folded.append(layer.fold(node, self.model.nodes.of(node), constants, part.group, columns))
        if len(folded) == 1:
            return folded[0]
        joined = {"weight": torch.cat([w["weight"] for w in folded])}
        if any("bias" in w for w in folded):
            joined["bias"] = torch.cat(
                [w["bias"] if "bias" in w else w["weight"].new_zeros(len(w["weight"])) for w in folded]
            )
        return joined

    def _filled_by(self, operation: Operation) -> list[int]:
        """By step: the sites that any of what an operation reads whole is known up to."""
        whole = [self.program.filled(read.source) for read in operation.reads if read.whole]
        return np.max(whole, 0).tolist() if whole else []

    def begin(
        self,
        batch: int,
        condition: dict[str, Tensor],
        trace: Trace | None = None,
        free: dict[Node, Tensor] | None = None,
    ) -> State:
        """Empty caches; the conditions, and all nodes that no variable influences, computed at once (or given: `free`)."""
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
        for node, kept in program.caches.items():
            outside = like.new_zeros(kept.outside, node.out.channels)
            if node is not model.graph.data:
                outside = node.layer.outside(node, model.nodes.of(node), like)
            # no row is read before it is written, except by those who read the whole and hide the rest
            cache = outside.new_zeros(batch, kept.size, outside.shape[1])
            cache[:, : kept.outside] = outside
            caches[node] = cache
        for operation in program.operations:  # no site of these is ever read, but what lies outside the grid is
            for read in operation.reads:
                if read.section is not None and read.source not in caches:
                    caches[read.source] = like.new_zeros(batch, 1, read.channels)
        return state

    def _hoist(self, number: int, k: int, read: Read, cache: Tensor) -> Tensor:
        part, given = self.program.operations[number].parts[0], read.hoisted
        assert given is not None and given.table is not None
        table = given.table[:1] if read.section is None else given.table
        rows = np.where(table < read.source.out.sites, table + 1, 0)
        x = cache.index_select(1, torch.from_numpy(rows.ravel()).to(cache.device))
        x = x.view(len(cache), len(table), -1, cache.shape[2])
        return part.node.layer.hoist(part.node, self.weights[number], k, x)

    # -- steps -------------------------------------------------------------------------------------------------------

    def cut(self, step: int, sizes: Ints) -> Cut:
        """The class of a step, by the sizes of its sections."""
        runs = self.program.runs(step)
        bounds = [(p.bounds[step], p.bounds[step + 1]) for p in (o.parts[0] for o in self.program.operations)]
        counts = [int(hi - lo) for lo, hi in bounds]
        key = (sizes.tobytes(), tuple(counts), runs)
        if key not in self._cuts:
            begin, size = int(sizes[: self.program.data].sum()), int(sizes[self.program.data])
            calls = [self._call(*run, counts) for run in self._runs(counts, runs)]
            self._cuts[key] = Cut(sizes.tolist(), calls, (begin, size))
        return self._cuts[key]

    def _call(self, number: int, lo: int, hi: int, counts: list[int]) -> Call:
        operation = self.program.operations[number]
        return Call(number, operation, operation.parts[0].node, lo, hi - lo, lo == 0 and hi == counts[number])

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
        self, row: Tensor, cut: Cut, state: State, step: int | None, trace: Trace | None = None,
        weights: Sequence[Weights] | None = None,
    ) -> Tensor:  # fmt: skip
        """Computes what a step does; the head's parameters [B, v, K] of the variables that come next. step: its number,
        by which it knows how far a cache is filled that is read whole; None: all of it is read."""
        weights = self.weights if weights is None else weights
        sections = row.split(cut.sizes)
        made: dict[int, list[Tensor]] = {}
        gathered: dict[int, Tensor] = {}
        for call in cut.calls:
            number, operation, share = call.number, call.operation, call.share
            xs: list[Tensor] = []
            for k, read in enumerate(operation.reads):
                at = read.section
                if read.made is not None:
                    xs.append(_narrowed(made[read.made[0]][read.made[1]], read.channels).unsqueeze(2))
                elif read.hoisted is not None:
                    x = state.hoisted[number, k]
                    xs.append(x if at is None else x.index_select(1, share(sections[at], 1)))
                elif at is None:
                    xs.append(self._whole(read, state, None if step is None else self._filled[number][step]))
                else:
                    x = gathered.get(at) if call.entire else None
                    if x is None:
                        x = state.caches[read.source].index_select(1, share(sections[at], read.columns))
                        if call.entire:  # of a scan, a wave's share is nobody else's
                            gathered[at] = x
                    x = x.view(state.batch, call.count, read.columns, x.shape[-1])
                    xs.append(_narrowed(x, read.channels))
            places = self._nowhere if operation.places is None else share(sections[operation.places], 1)
            value = call.node.layer.few(call.node, weights[number], xs, places)
            made[number] = [value] if len(operation.parts) == 1 else list(value.split(self.widths[number], -1))
            for part, out, v in zip(operation.parts, operation.outs, made[number], strict=True):
                if out is not None:
                    state.caches[part.node].index_copy_(1, share(sections[out], 1), v)
                if trace is not None and step is not None:
                    start = int(part.bounds[step]) + call.first
                    trace(part.node, torch.from_numpy(part.sites[start : start + call.count]))
        direct = self.program.head_made
        if direct is not None:
            return made[direct[0]][direct[1]]
        return state.caches[self.model.graph.head_node].index_select(1, sections[self.program.head])

    def _whole(self, read: Read, state: State, filled: int | None) -> Tensor:
        """The first sites of an input, [B, S', C], or all of them."""
        kept = self.program.caches[read.source]
        cache = _narrowed(state.caches[read.source], read.channels)
        return cache.narrow(1, kept.outside, kept.size - kept.outside if filled is None else filled)

    def write(self, row: Tensor, cut: Cut, state: State, values: Tensor) -> None:
        """Puts what was drawn, [B, v, C], where the next steps read it."""
        state.caches[self.model.graph.data].index_copy_(1, row.narrow(0, *cut.data), values)


def free_values(
    model: Model, member: int, nodes: list[Node], condition: dict[str, Tensor], batch: int
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


def _narrowed(x: Tensor, channels: int) -> Tensor:
    return x if x.shape[-1] == channels else x[..., :channels]
