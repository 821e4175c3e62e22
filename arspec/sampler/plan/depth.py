"""Depth: how early each variable can be drawn. A variable's depth is one more than the greatest depth among those that
its head site depends on; 0 where it depends on none. Variables of one depth are drawn in one step.

The order, and with it every mask, stays as it is; only the sampler's time is told by depth in place of ranks. Any
numbers will do as a time that are higher for a variable than for all that it depends on; depths are the lowest, and the
only ones that `_lowered` leaves as they are.
"""

from __future__ import annotations

import numpy as np

from arspec.analysis.contexts import MAX_EXACT, seen
from arspec.analysis.known_at import Relations, known_at
from arspec.diagnostics import InputError
from arspec.types import Ints, Member

ROUNDS = 16  # of lowering, where there are too many variables for contexts


def depths(relations: Relations) -> Ints:
    """[V]: the depth of every variable, numbers without a gap from 0 on; -1 of what is given.
    Linear in the number of sites where a guess
    can be proven; else from the contexts, or above MAX_EXACT variables a time that may lie above depths. Raises
    InputError where the spec leaks."""
    rank = relations.member.order.rank
    last = known_at(relations)[relations.graph.head_node]
    order = relations.member.order
    if (last >= rank)[order.modelled].any():
        raise no_order(relations.member)
    guess = _chained(relations, last)
    if np.array_equal(_lowered(relations, guess), guess):
        return guess
    if len(rank) <= MAX_EXACT:
        return _longest_paths(relations)
    time = order.time
    for _ in range(ROUNDS):
        time = _lowered(relations, time)
    depth = np.unique(time, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return depth - 1 if order.given else depth


def no_order(member: Member) -> InputError:
    """What is wrong with drawing from a spec that leaks."""
    return InputError("AR701", f"the spec leaks under the order '{member.order.name}', so it can't be sampled",
                      "arspec verify shows the leak")  # fmt: skip


def _chained(relations: Relations, last: Ints) -> Ints:
    """[V]: a bound from below: the length of the chain from each variable to the last that it depends on, and so on. It
    is the depth itself wherever what is seen last is also deepest, as it is in most orders. last [V]: the last rank
    that each depends on, of which it sees one variable at least."""
    rank, steps = relations.member.order.rank, relations.member.order.steps
    lowest = np.zeros(steps + 1, np.int64)  # depth of each rank's lowest variable; behind them that of none
    lowest[-1] = -1
    depth = np.empty(len(rank), np.int64)
    by_rank = np.argsort(rank, kind="stable")
    given = relations.member.order.given
    for at, sites in enumerate(np.split(by_rank, np.searchsorted(rank[by_rank], np.arange(1, steps)))):
        depth[sites] = lowest[last[sites]] + 1 if at >= given else -1
        lowest[at] = depth[sites].min()
    return depth


def _lowered(relations: Relations, time: Ints) -> Ints:
    """[V]: what is 1 + the latest `time` among all that a variable depends on. Of a time it makes one that is nowhere
    later: where v depends on u, t'(v) ≥ 1 + t(u) > t'(u)."""
    return np.where(relations.member.order.modelled, 1 + known_at(relations, time=time)[relations.graph.head_node], -1)


def _longest_paths(relations: Relations) -> Ints:
    found, given = seen(relations), relations.member.order.given
    by_place = np.argsort(found.rank, kind="stable")
    row = np.empty(len(by_place), np.int64)
    row[found.rows] = np.arange(len(found.rows))
    depth = np.full(len(by_place), -1)  # by place in the order
    for place, variable in enumerate(by_place[given:], given):
        bits = np.unpackbits(found.bits[row[variable]].astype("<u8").view(np.uint8), bitorder="little")
        past = np.flatnonzero(bits)
        depth[place] = depth[past].max() + 1 if len(past) else 0
    return depth[np.argsort(by_place)]
