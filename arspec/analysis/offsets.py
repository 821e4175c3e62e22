"""Which offsets of a spec reach anything: the places of windows and recurrent states, and the comparisons of masks.

On a small grid some of them have no effect: a shift of 24 rows leaves nothing of 6. What a spec is about would then not
be tested. They are found in the relations of its graph, whatever the kinds of its layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from arspec.analysis.known_at import Relations, known_by_heads
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.layers.geometry import some_pairs
from arspec.masks import Mask, holds
from arspec.reads import Matrix, Ranked, Reads, Union, Window
from arspec.runs import Runs
from arspec.syntax.predicates import And, BinOp, Compare, Not, Number, Or
from arspec.types import Ints, Member

MAX_COMPARED = 1 << 24  # pairs of sites for which a comparison is looked at

Reached = dict[str, tuple[bool, ...]]


def reached(spec: Spec) -> Reached:
    """For each node, by name: whether it depends on any variable at all, then for each of its offsets whether any site
    finds something there, and for each comparison of its mask with a number whether it holds somewhere, and fails."""
    graph, member = spec.graph(), spec.members[0]
    relations = Relations(graph, member)
    known = known_by_heads(relations)
    by_relation: dict[int, tuple[bool, ...]] = {}
    found: Reached = {}
    for node in graph.computed:
        parts: list[tuple[bool, ...]] = [(bool(known[node].max(initial=-1) >= 0),)]
        for relation in relations.reads(node):
            if id(relation) not in by_relation:
                by_relation[id(relation)] = _offsets(relation)
            parts.append(by_relation[id(relation)])
        scan = relations.scan(node)
        parts += [_offsets(scan.own)] if scan is not None else []
        parts += [_comparisons(node, relation, member) for relation in relations.reads(node)[:2]] if node.mask else []
        found[node.name] = tuple(flag for part in parts for flag in part)
    return found


def lost(whole: Reached, twin: Reached) -> list[str]:
    """The nodes of a twin of which an offset reaches nothing that reaches something in the whole spec."""
    return [name for name, flags in twin.items() if name in whole and _less(whole[name], flags)]


def _less(before: tuple[bool, ...], now: tuple[bool, ...]) -> bool:
    if len(before) != len(now):  # its window depends on the size
        return sum(now) < min(sum(before), len(now))
    return any(b and not n for b, n in zip(before, now, strict=True))


def _offsets(relation: Reads) -> tuple[bool, ...]:
    match relation:
        case Window():
            return tuple(bool((tap.source >= 0).any() and tap.allowed.any()) for tap in relation.taps)
        case Matrix():
            return (bool(relation.allowed.any()),)
        case Ranked():
            return (bool(relation.count.any()),)
        case Runs():
            return (bool(relation.counts.any()),)
        case Union():
            return tuple(flag for part in relation.parts for flag in _offsets(part))
        case _:
            return ()


def _comparisons(node: Node, relation: Reads, member: Member) -> tuple[bool, ...]:
    """Of each comparison with a number in a mask that is a table of pairs: whether it holds for some pairs, and whether
    it fails for some."""
    if not isinstance(relation, Matrix | Runs) or not isinstance(node.mask, Mask):
        return ()
    source = node.inputs[node.layer.masked_input]
    every = some_pairs(node.out, source.out, *_spread(node.out.sites, source.out.sites), member)
    flags: list[bool] = []
    for compare in _compared(node.mask.predicate):
        values = holds(compare, every)
        flags += [bool(values.any()), not values.all()]
    return tuple(flags)


def _spread(out: int, into: int) -> tuple[Ints, Ints]:
    """Sites of an output and of an input, to be compared each with each: all of them, or so many as may be."""
    share = min(1.0, (MAX_COMPARED / (out * into)) ** 0.5)
    sites, read = (np.unique(np.linspace(0, n - 1, max(1, int(n * share))).astype(np.int64)) for n in (out, into))
    return sites[:, None], read[None, :]


def _compared(part: Any) -> list[Compare]:
    """The comparisons of a predicate in which a number stands."""
    match part:
        case And(items) | Or(items):
            return [one for item in items for one in _compared(item)]
        case Not(item):
            return _compared(item)
        case Compare():
            return [part] if _has_number(part.left) or _has_number(part.right) else []
        case _:
            return []


def _has_number(part: Any) -> bool:
    return isinstance(part, Number) or (isinstance(part, BinOp) and (_has_number(part.left) or _has_number(part.right)))


__all__ = ["Reached", "lost", "reached"]
