"""Liveness: how long the cache of each node has to be. numpy only.

The cache of a node is a ring over its sites in the order in which they are computed, just long enough that no site is
written over before it was last read. WaveNet's queues, PixelCNN++'s rows and the full cache of attention are all this.
What stands outside the grid has the first rows of each cache; the ring comes behind them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from arspec.layers.base import Node
from arspec.sampler.plan.program import Kept, Numbers, Orders
from arspec.sampler.plan.schedule import Schedule
from arspec.sampler.plan.state import Figures, Pass, State, hold
from arspec.types import Ints


def _run(state: State) -> None:
    schedule = state.schedule
    state.orders = _orders(schedule)
    # what is read whole lies in the order of its sites, so that keys and values stand side by side
    state.whole = {i.source for p in schedule.parts for i in p.inputs if i.whole}
    state.numbers = {node: _numbers(node, orders, node in state.whole) for node, orders in state.orders.items()}
    state.caches = _caches(state)


def _orders(schedule: Schedule) -> Orders:
    # the data are a part as well: what is drawn in step t is there from step t + 1 on, behind what is given
    drawn = np.concatenate([[0], len(schedule.given) + schedule.head_bounds[:-1]])
    found: Orders = {schedule.graph.data: [(np.concatenate([schedule.given, schedule.head_sites]), drawn)]}
    for node in dict.fromkeys(part.node for part in schedule.parts):
        mine = {p.group: p for p in schedule.parts if p.node is node}
        found[node] = [
            (mine[g].sites, mine[g].bounds)
            if g in mine
            else (np.empty(0, np.int64), np.zeros(schedule.steps + 1, np.int64))
            for g in range(node.out.groups)
        ]
    return found


def _numbers(node: Node, orders: list[tuple[Ints, Ints]], whole: bool) -> Numbers:
    found = Numbers(np.zeros(node.out.sites, np.int64), np.full(node.out.sites, -1, np.int64))
    for g, (sites, _) in enumerate(orders):
        found.group[sites] = g
        found.index[sites] = sites if whole else np.arange(len(sites))
    return found


def _gathered(schedule: Schedule) -> Iterator[tuple[Node, Ints, Ints]]:
    """What is gathered by a table, of each the source, the table [n, M], and the bounds of the steps; last what is
    drawn
    from."""
    for part in schedule.parts:
        for given in part.inputs:
            if given.direct is None and given.table is not None:
                yield given.source, given.table, part.bounds
    yield schedule.graph.head_node, schedule.head_sites[:, None], schedule.head_bounds


def _caches(state: State) -> dict[Node, Kept]:
    """The ring of every part: at each step in which a site is read, what has been computed since it."""
    schedule, orders = state.schedule, state.orders
    spans: dict[tuple[object, ...], int] = {}
    needed: dict[Node, list[int]] = {node: [0] * len(own) for node, own in orders.items()}
    for source, table, bounds in _gathered(schedule):
        if source not in orders or source in state.whole:
            continue
        numbers = state.numbers[source]
        for g, (_, written) in enumerate(orders[source]):
            index = np.where(numbers.group == g, numbers.index, -1)
            key = id(table), bounds.tobytes(), index.tobytes(), written.tobytes()  # layers that repeat share tables
            if key not in spans:
                spans[key] = _span(table, bounds, index, written)
            needed[source][g] = max(needed[source][g], spans[key])
    found: dict[Node, Kept] = {}
    # in an order that is the same in every process, or compiled steps would never be found again
    data = schedule.graph.data
    for node in dict.fromkeys([*(part.node for part in schedule.parts if part.cached), data]):
        outside = _outside(schedule, node)
        if node in state.whole:
            sites, groups = node.out.sites, len(needed[node])
            found[node] = Kept(outside, [outside] * groups, [sites] * groups, outside + sites)
            continue
        rings = [  # what one step writes has places of its own; of the data, what the last one draws as well
            max(n, int(np.diff(schedule.head_bounds if node is data else written).max())) if len(sites) else 0
            for n, (sites, written) in zip(needed[node], orders[node], strict=True)
        ]
        begins = (outside + np.concatenate([[0], np.cumsum(rings)])).tolist()
        found[node] = Kept(outside, begins[:-1], rings, begins[-1])
    return found


def _span(table: Ints, bounds: Ints, index: Ints, written: Ints) -> int:
    """How many of the latest sites of one group a table [n, M] reads in a step at most. index [S]: the number of each
    site in the order in which the group is computed, -1 of others; written [T + 1]: how many are before each step."""
    far = np.iinfo(np.int64).max
    step = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    number = np.append(np.where(index >= 0, index, far), far)  # what lies behind the sites is outside the grid
    first = number[np.minimum(table, len(index))].min(1, initial=far)
    some = first < far
    return int((written[step[some] + 1] - first[some]).max(initial=0))


def _outside(schedule: Schedule, node: Node) -> int:
    """Rows of what stands outside the grid: the highest that a table of a scan's own sites names; 1 of others."""
    tables = [i.table for p in schedule.parts if p.node is node for i in p.inputs if i.source is node]
    highest = max((int(t.max(initial=0)) for t in tables if t is not None), default=0)
    return max(1, highest - node.out.sites + 1)


# -- the pass --------------------------------------------------------------------------------------------------------


def check_caches(state: State) -> None:
    """The rings of a cache share out its rows. Every site that is read was written, and as many sites as its ring has
    rows have
    not been written since."""
    schedule, data = state.schedule, state.graph.data
    kept = {part.node for part in schedule.parts if part.cached}
    hold(state.caches.keys() == kept | {data}, "a node is kept and not read, or read and not kept")
    for node, own in state.caches.items():
        ends = own.begins if node in state.whole else np.cumsum([own.outside, *own.rings[:-1]]).tolist()
        room = node.out.sites if node in state.whole else sum(own.rings)
        hold(own.outside >= 1 and own.begins == ends, f"the rings of {node.name} overlap")
        hold(own.size == own.outside + room, f"the cache of {node.name} has another size than its rings")
    for source, table, bounds in _gathered(schedule):
        if source not in state.orders or source not in state.caches:
            continue
        step = np.repeat(np.arange(schedule.steps), np.diff(bounds))
        for (sites, written), ring in zip(state.orders[source], state.caches[source].rings, strict=True):
            number = np.full(int(max(table.max(initial=0), source.out.sites)) + 1, -1)
            number[sites] = np.arange(len(sites))
            index = number[table]
            far = np.where(index >= 0, written[step + 1][:, None] - index, 1)
            hold((far >= 1).all(), f"a site of {source.name} is read before it is written")
            hold(
                (far <= ring).all() or not (index >= 0).any(),
                f"a site of {source.name} is written over before it is read",
            )


def _figures(state: State) -> Figures:
    def numbers(node: Node, rows: int) -> int:
        return rows * (node.out.channels if node is state.graph.data else node.layer.cached_channels(node))

    rows = {node: kept.size for node, kept in state.caches.items()}
    every = sum(numbers(node, node.out.sites) for node in rows)
    return {"caches": len(rows), "rows": sum(rows.values()), "read whole": len(state.whole & rows.keys()),
            "bytes an example in float32": 4 * sum(numbers(node, size) for node, size in rows.items()),
            "bytes if every site were kept": 4 * every}  # fmt: skip


CACHES = Pass(
    "caches",
    "makes the cache of each node a ring, no longer than its sites are still to be read",
    ("schedule",), ("orders", "whole", "numbers", "caches"), _run, check_caches, _figures,
)  # fmt: skip
