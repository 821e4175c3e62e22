"""Facts of a spec, within the size that a page may have: what does not fit is left out, and the facts say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from arspec.analysis.report import Report, prove
from arspec.analysis.twin import thin
from arspec.exploring.facts import VERSION, Facts
from arspec.exploring.of_spec import Described, verdict
from arspec.exploring.packing import Store, in_base64, packed
from arspec.exploring.sources import Sources
from arspec.exploring.under import Under
from arspec.language.load import Spec
from arspec.language.titles import apart

MAX_PACKED = 1 << 20  # bytes of packed facts
MAX_SITES = 1 << 25  # sites of all nodes: what a browser walks through in some tenths of a second
MAX_MEMBERS = 64  # of a family of orders


@dataclass(eq=False)
class Made:
    """Facts, with the bytes of their arrays."""

    facts: Facts
    store: Store
    where: str = ""  # the file or folder that it is of

    @cached_property
    def packed(self) -> bytes:
        """As bytes, deflated."""
        return packed(self.facts, self.store.block)

    @cached_property
    def text(self) -> str:
        """The packed bytes in base64, as the page holds them."""
        return in_base64(self.packed)


def beside(made: Sequence[Made]) -> list[Made]:
    """The same to stand side by side, with titles that tell them apart."""
    titles = apart([(one.facts["title"], one.where) for one in made])
    return [Made({**one.facts, "title": t}, one.store, one.where) for one, t in zip(made, titles, strict=True)]


def facts_of_spec(spec: Spec, limit: int = MAX_PACKED, members: int = MAX_MEMBERS) -> Made:
    """The facts of a spec, of no more than `limit` bytes when they are packed where that can be.

    Left out is, one after another until it fits: all orders of a family but the first `members`, all but one, the
    contexts of all variables. At last the thin twin stands for the spec.
    Raises SpecError where its graph has faults."""
    sites = sum(node.out.sites for node in spec.graph().nodes)
    if sites > MAX_SITES:
        return _of_twin(spec, f"its nodes have {sites:,} sites, and the page shows up to {MAX_SITES:,}", limit)
    report, count = prove(spec), min(members, len(spec.members))
    made = _made(spec, report, count, True)
    for fewer, contexts in ((1, True), (1, False)):
        if len(made.packed) > limit and (fewer < count or not contexts):
            made = _made(spec, report, fewer, contexts)
    if len(made.packed) > limit:
        made = _of_twin(spec, f"its facts take {len(made.packed):,} bytes, and a page holds up to {limit:,}", limit)
    return made


def _of_twin(spec: Spec, why: str, limit: int) -> Made:
    twin = thin(spec, shallow=True)
    if sum(node.out.sites for node in twin.graph().nodes) >= sum(node.out.sites for node in spec.graph().nodes):
        twin = spec  # it is as thin as it can be
    made = _made(twin, prove(twin), 1, twin is not spec)
    made.facts["notes"].insert(0, f"this is the thin twin of {spec.name}, the same graph, masks and order with few "
                                  f"channels on data of {twin.data.size_text}: {why}")  # fmt: skip
    return made


def _made(spec: Spec, report: Report, count: int, contexts: bool) -> Made:
    store, sources = Store(), Sources()
    sources.number(spec.source)
    described = Described(spec, store, sources)
    under = [
        Under(described, member, of, contexts).facts()
        for member, of in zip(spec.graph().members[:count], report.members, strict=False)
    ]
    facts: Facts = {
        "version": VERSION,
        "kind": "spec",
        "title": spec.name,
        "about": spec.about.strip(),
        "notes": _notes(spec, report, count, contexts),
        "verdict": verdict(report, sources),
        "data": described.data,
        "nodes": described.node_facts,
        "clusters": described.cluster_facts,
        "heads": described.heads,
        "members": under,
        "sources": sources.facts(),
        "relations": store.relations,
        "arrays": store.arrays,
        "model": None,
        "audit": None,
    }
    return Made(facts, store, spec.source.name)


def _notes(spec: Spec, report: Report, count: int, contexts: bool) -> list[str]:
    notes: list[str] = []
    if count < len(spec.members):
        notes.append(f"the first {count} of {len(spec.members)} orders are shown")
    if not contexts:
        notes.append("the contexts of all variables are left out, as they would make the page too large; that of any "
                     "one is found by walking the relations")  # fmt: skip
    elif not report.exact:
        notes.append(f"coverage is of {report.rows} variables, spread over the order")
    return notes
