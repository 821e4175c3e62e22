"""The diagnostics of a proof that fails: where what comes later is first read, and the path that shows it."""

from __future__ import annotations

import itertools

import numpy as np

from arspec.analysis.entries import Entries
from arspec.analysis.member import MemberReport
from arspec.analysis.witness import Step, Witness, site_name
from arspec.diagnostics import Diagnostic, Place
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.reads import Pointwise
from arspec.types import Member, ranks

WIDTH = 100  # columns of a line that tells a path


def of_variables(spec: Spec, members: list[MemberReport]) -> list[Diagnostic]:
    """One diagnostic for each place at which witnesses first read what they must not."""
    by_place: dict[Node, tuple[Witness, MemberReport, Member]] = {}
    for member, of in zip(spec.graph().members, members, strict=True):
        for w in of.witnesses:
            by_place.setdefault(culprit(w, member), (w, of, member))
    if not by_place:
        return []
    entries = Entries(spec)
    found: list[Diagnostic] = []
    variables = len(spec.members[0].order.rank)
    for node, (w, of, _) in by_place.items():
        data = w.path[0].node.out
        kind = "AR701" if len(of.leaking) else "AR702"
        count = len(of.leaking) or len(of.training)
        what = f"({site_name(data, w.variable)})"
        sees = "itself" if w.seen == w.variable else f"({site_name(data, w.seen)}), which is generated with it or later"
        when = "" if kind == "AR701" else " in training"
        related = (*_given(entries, node), *((s.node.place, str(s)) for s in _shown(w)))
        found.append(
            Diagnostic(
                kind,
                f"a leak{when}: the distribution of {what} sees {sees}; so do {count:,} of {variables:,} variables",
                node.place,
                f"{_reason(w, node)}the path is\n{_told(w, entries)}",
                related,
            )
        )
    return found


def of_further_heads(spec: Spec, members: list[MemberReport]) -> list[Diagnostic]:
    """One diagnostic for each further head that sees too much."""
    found: dict[str, Diagnostic] = {}
    entries = Entries(spec)
    for of, member in zip(members, spec.graph().members, strict=True):
        for leak in of.further:
            name, w = leak.further.name, leak.witness
            if name in found or w is None:
                continue
            data = w.path[0].node.out
            place = spec.further[name][1].place
            target = leak.further.targets(member)[np.flatnonzero(leak.further.sites(member) == w.variable)[0]]
            text = (
                f"a leak: the head '{name}' predicts ({site_name(data, int(target))}) at "
                f"({site_name(data, w.variable)}), and sees ({site_name(data, w.seen)}); so it does at "
                f"{len(leak.leaking):,} places"
            )
            related = tuple((s.node.place, str(s)) for s in _shown(w))
            found[name] = Diagnostic("AR454", text, place, f"the path is\n{_told(w, entries)}", related)
    return [*found.values()]


def _reason(w: Witness, node: Node) -> str:
    """Why a node of the path reads what comes later, where its layer has a word for it, as a line of its own."""
    below, above = next(((b, a) for b, a in itertools.pairwise(w.path) if a.node is node), w.path[-2:])
    this, that = site_name(above.node.out, above.site), site_name(below.node.out, below.site)
    found = node.layer.reason(node, this, that)
    return "" if found is None else f"{found}\n"


def _told(w: Witness, entries: Entries) -> str:
    """The path with the line of each step, and those of the instances of blocks that it enters."""
    words: list[str] = []
    inside: set[Place] = set()
    for step in w.path:
        around = entries.around(step.node)
        words += [f"{i.name} ({_line(i.key, entries)})" for i in around if i.key not in inside]
        inside = {i.key for i in around}
        entry = entries.of(step.node)
        words.append(f"{step} ({_line(entry.key, entries)})" if entry is not None else str(step))
    return _in_lines(words)


def _in_lines(words: list[str]) -> str:
    """A path of steps, broken where a line would be longer than WIDTH."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 3 > WIDTH:
            lines[-1] += " →"
            lines.append(word)
        else:
            lines[-1] += f" → {word}"
    return "\n".join(lines)


def _line(place: Place, entries: Entries) -> str:
    elsewhere = "" if place.source.name == entries.spec.source.name else f"{place.source.name} "
    return f"{elsewhere}line {place.line}"


def _given(entries: Entries, node: Node) -> list[tuple[Place, str]]:
    """Where a node's mask was given, if the node itself says only that it is a parameter."""
    entry = entries.of(node)
    mask = entry.map.get("mask") if entry is not None else None
    if entry is None or mask is None:
        return []
    around = entries.around(node)
    origins = entries.origins(mask, entry, around)
    if not origins:
        return []
    found = [(origins[-1].place, f"the mask of {node.name} is given here")]
    if around and not around[-1].holds(origins[0].place):
        found.append((around[-1].key, f"'{around[-1].name}' leaves it so"))
    return found


def culprit(w: Witness, member: Member) -> Node:
    """The node of a witness that reads what comes later than itself; where all is read in place, the first that could
    have left it out: one with a mask or a window, else the head."""
    steps = [step for step in w.path if not step.node.unwritten]
    for below, above in itertools.pairwise(steps):
        if _rank(below, member) > _rank(above, member) >= 0:
            return above.node
    for below, above in itertools.pairwise(steps):
        if "mask" in type(above.node.layer).model_fields or not _in_place(above.node, below.node, member):
            return above.node
    return steps[-1].node


def _rank(step: Step, member: Member) -> int:
    return int(ranks(step.node.out, member).last.ravel()[step.site])


def _in_place(node: Node, source: Node, member: Member) -> bool:
    reads = node.layer.reads(node, member)
    return all(isinstance(r, Pointwise) for r, i in zip(reads, node.inputs, strict=True) if i is source)


def _shown(w: Witness) -> list[Step]:
    """The ends of the path and what lies between, not more than six."""
    inner = [step for step in w.path[1:] if not step.node.unwritten]
    return inner if len(inner) <= 6 else [*inner[:3], *inner[-3:]]
