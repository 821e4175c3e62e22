"""How each part reads its inputs: what its step has just computed, a table of sites, or all that is known.
numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from arspec.language.graph import Graph
from arspec.layers.base import Node
from arspec.runs import Runs, read_whole
from arspec.sampler.plan.schedule import Input, Part, Schedule
from arspec.sampler.plan.state import Figures, Pass, State, hold
from arspec.types import Ints

ByKey = dict[tuple[Node, int], Part]
# By the relation and the sites: the table, what it is with all that is missing behind the source's sites, the columns.
Tables = dict[tuple[int, bytes], tuple[Ints, Ints, Ints]]


def _connect(part: Part, by_key: ByKey, state: State, tables: Tables) -> None:
    node, relations, gather = part.node, state.relations, state.endless
    if part.linear:
        for term in part.windows:
            table = relations.reads(term.node)[0].table(part.sites)[:, term.columns]
            part.inputs.append(_input(part, term.node.inputs[0], table, term.columns, by_key, state.waves))
        addends = part.addends if part.ahead is None else [*part.addends, part.ahead.node]
        own = part.sites[:, None]
        part.inputs += [_input(part, source, own, np.zeros(1, np.int64), by_key, state.waves) for source in addends]
        return
    scan = relations.scan(node)
    for read, source in zip(relations.reads(node), node.inputs, strict=True):
        whole = read_whole(read)
        if whole and not (gather and node.traits.gathered_context):
            part.inputs.append(Input(source, None, np.empty(0, np.int64), read))
            continue
        if not whole and not isinstance(read, Runs):
            table = read.table(part.sites)
            columns = _used(table)
            part.inputs.append(_input(part, source, table[:, columns], columns, by_key, state.waves))
            continue
        key = id(read), part.sites.tobytes()
        if key not in tables:  # keys and values share a relation, and so do the layers of repeated blocks
            table = read.table(part.sites)
            columns = _used(table)
            table = table if len(columns) == table.shape[1] else table[:, columns]
            tables[key] = table, np.where(table < 0, source.out.sites, table), columns
        table, filled, columns = tables[key]
        part.counts = _told(part, table)
        part.inputs.append(_input(part, source, table, columns, by_key, state.waves, filled))
    if scan is not None:
        table = node.layer.constants(node, relations.member)["table"][part.sites]
        part.inputs.append(Input(node, table, np.arange(table.shape[1])))


def _used(table: Ints) -> Ints:
    """The columns of a table [n, M] in which any site finds something."""
    return np.flatnonzero((table >= 0).any(0)) if len(table) else np.empty(0, np.int64)


def _told(part: Part, table: Ints) -> Ints:
    """What a layer is told of the sites whose context is gathered by a table [n, M]: `Part.counts`."""
    count, own = (table >= 0).sum(1), part.sites[:, None]
    if not part.node.traits.tell_gathered:
        return count
    return np.concatenate([count[:, None], own, np.where(table < 0, own, table)], 1)


def _input(
    part: Part, source: Node, table: Ints, columns: Ints, by_key: ByKey, waves: Mapping[Node, object],
    filled: Ints | None = None,
) -> Input:  # fmt: skip
    plain = part.node not in waves and source not in waves  # else a step goes through its sites wave by wave
    group = _just_computed(part, table, source, by_key) if plain else None
    # where a step finds what it has just computed nobody asks for the table, but to prime a sum
    asked = group is None or part.is_ahead
    if filled is None and asked:
        filled = np.where(table < 0, source.out.sites, table)
    return Input(source, filled if asked else None, columns, direct=group)


def _just_computed(part: Part, table: Ints, source: Node, by_key: ByKey) -> int | None:
    """The group of the source of which each step computes just the sites that the part reads in that step, in order."""
    if table.shape[1] != 1 or not len(table):
        return None
    below = by_key.get((source, int(table[0, 0]) // source.out.positions))
    alike = below is not None and np.array_equal(table[:, 0], below.sites) and np.array_equal(part.bounds, below.bounds)
    return below.group if below is not None and alike else None


def _mark_cached(parts: list[Part], by_key: ByKey, graph: Graph, waves: Mapping[Node, object]) -> None:
    for part in parts:
        if part.node is graph.head_node or part.node in waves:
            part.cached = True
        for given in part.inputs:
            if given.direct is None and (given.table is None or given.table.shape[1]):
                for g in range(given.source.out.groups):
                    if (given.source, g) in by_key:
                        by_key[given.source, g].cached = True


# -- the pass --------------------------------------------------------------------------------------------------------


def _run(state: State) -> None:
    by_key = {(part.node, part.group): part for part in state.parts}
    tables: Tables = {}
    for part in state.parts:
        _connect(part, by_key, state, tables)
    _mark_cached(state.parts, by_key, state.graph, state.waves)
    head_sites = np.argsort(state.time, kind="stable")[np.count_nonzero(state.time < 0) :]
    head_bounds = np.searchsorted(state.time[head_sites], np.arange(state.steps + 1))
    state.schedule = Schedule(
        state.graph,
        state.member,
        state.steps,
        state.parts,
        state.waves,
        state.free,
        head_sites,
        head_bounds,
        state.lowered,
        np.flatnonzero(state.time < 0),
    )


def check_connected(state: State) -> None:
    """Each part reads what its layers read, and finds it: sites of this step from parts that come before it, others
    from steps before. What no step passes on as it is computed is kept."""
    place = {part: at for at, part in enumerate(state.parts)}
    by_key = {(part.node, part.group): part for part in state.parts}
    for part in state.parts:
        wanted = list(_wanted(state, part))
        hold(len(wanted) == len(part.inputs), f"{part.node.name} has another number of inputs than its layers")
        for given, (source, table) in zip(part.inputs, wanted, strict=True):
            what = f"{source.name}, which {part.node.name} reads,"
            hold(given.source is source, f"{what} is another node")
            below = [by_key[source, g] for g in range(source.out.groups) if (source, g) in by_key]
            if given.table is not None:
                found = np.where(given.table < source.out.sites, given.table, -1)
                hold(np.array_equal(found, table), f"{what} is read at other sites")
            if given.direct is not None:
                one = by_key[source, given.direct]
                same = np.array_equal(one.sites, table[:, 0]) and np.array_equal(one.bounds, part.bounds)
                hold(same and place[one] < place[part], f"{what} is not what the step has just computed")
                continue
            hold(given.relation is not None or given.table is not None, f"{what} is not read at all")
            hold(all(one.cached for one in below) or not table.size, f"{what} is not kept")
            if source is state.graph.data:
                drawn = np.append(state.time, -1)[table].max(1, initial=-1)
                hold((drawn < part.steps).all(), f"{what} is read before it is drawn")
            for one in below if source is not part.node else ():
                there = np.full(source.out.sites + 1, -1)
                there[one.sites] = one.steps
                last = np.where(place[one] < place[part], part.steps, part.steps - 1)
                hold((there[table].max(1, initial=-1) <= last).all(), f"{what} is not computed when it is read")
    for part in state.parts:
        hold(part.cached or part.node is not state.graph.head_node, "what is drawn from is not kept")


def _wanted(state: State, part: Part) -> Iterator[tuple[Node, Ints]]:
    """Of each input of a part the source, and the sites that each site reads, [n, M], -1 for none."""
    relations, own = state.relations, part.sites[:, None]
    if part.linear:
        for term in part.windows:
            yield term.node.inputs[0], relations.reads(term.node)[0].table(part.sites)[:, term.columns]
        yield from ((addend, own) for addend in part.addends)
        if part.ahead is not None:
            yield part.ahead.node, own
        return
    for read, source in zip(relations.reads(part.node), part.node.inputs, strict=True):
        table = read.table(part.sites)
        yield source, table[:, (table >= 0).any(0)]
    if (scan := relations.scan(part.node)) is not None:
        yield part.node, scan.own.table(part.sites)


def _figures(state: State) -> Figures:
    inputs = [given for part in state.parts for given in part.inputs]
    tables = [given.table for given in inputs if given.table is not None]
    return {"inputs": len(inputs), "passed on": sum(given.direct is not None for given in inputs),
            "read whole": sum(given.whole for given in inputs), "sites in tables": sum(table.size for table in tables),
            "calls": state.schedule.calls}  # fmt: skip


CONNECT = Pass(
    "connect",
    "settles how each part finds what it reads: passed on within the step, by a table of sites, or whole",
    ("graph", "relations", "free", "lowered", "waves", "parts"), ("schedule",), _run, check_connected, _figures,
)  # fmt: skip
