"""One look at one text: does it load, is it proven, what does it see. Static, without torch and the protocol."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from arspec.analysis.fix import Proposal, propose, propose_context
from arspec.analysis.report import Report, prove
from arspec.diagnostics import Diagnostic, InputError, Place, Source
from arspec.language.load import Spec, from_text
from arspec.language.using import LIBRARY
from arspec.lsp.texts import Texts
from arspec.syntax.yaml import Map, parse

WHOLE = {"data", "graph", "head", "extends", "order"}  # sections that no library of blocks has
SOUGHT = "the quick fix of this note seeks an edit with which more is seen, and checks it"
NOT_FOUND = "no other mask of a node sees more; what else may stands on the page of this code"
OF_CONTEXTS = ("AR703", "AR704", "AR705")  # codes that tell what is not seen, at the head


@dataclass(frozen=True, eq=False)
class Checked:
    """What is known of a text so far. spec: where it loads; report: of the proof, then of the contexts too."""

    source: Source
    diagnostics: tuple[Diagnostic, ...]
    asked: frozenset[str]  # paths of files that it was read with
    spec: Spec | None = None
    report: Report | None = None
    seen: bool = False  # whether the report tells contexts
    seconds: float = 0.0
    proposals: tuple[Proposal, ...] | None = None  # checked mends; None until they were sought
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def verdict(self) -> str | None:
        """The report in a line, as far as it is known; None where the text does not load."""
        report = self.report
        if report is None:
            return None
        order, size = report.spec.members[0].order, report.spec.graph().size
        if not report.proven:
            late = [[len(m.leaking), len(m.training), *(len(f.leaking) for f in m.further)] for m in report.members]
            return f"leaks: {sum(next(filter(None, of), 0) for of in late):,} variables; {size}"
        said = f"proven: {order.variables:,} variables"
        if report.coverage is not None:
            some = "" if report.exact else f" (by {report.rows} of the variables)"
            said += f", {_share(report.coverage)} of the legal pairs seen{some}"
        return f"{said}; {size}"


def _share(coverage: float) -> str:
    """A share as a percentage, that says 100% for all of them alone."""
    return "all" if coverage == 1 else f"{min(coverage, 0.9999):.2%}"


def proof(source: Source, texts: Texts, params: Mapping[str, Any]) -> Checked:
    """The text read, its graph made, and the proof. params: values for those of its parameters that it has. Never
    raises for what is wrong with the text."""
    start = time.perf_counter()
    spec = report = None
    diagnostics: Iterable[Diagnostic] = ()
    try:
        library = _library(source)
        if library is not None:
            diagnostics = library
        else:
            spec = from_text(source.text, source.name, texts=texts)
            chosen = {name: value for name, value in params.items() if name in spec.params}
            spec = spec.variant(params=chosen) if chosen else spec
            report = prove(spec, False)
            diagnostics = [*report.diagnostics, *spec.graph().notes]
    except InputError as error:
        spec, diagnostics = None, error.diagnostics
    except MemoryError:
        spec, diagnostics = None, [Diagnostic("AR872", "the proof needs more memory than there is", None)]
    asked = frozenset(texts.asked)
    return Checked(source, tuple(diagnostics), asked, spec, report, seconds=time.perf_counter() - start, params=params)


def meanwhile(checked: Checked, before: Checked | None) -> tuple[Diagnostic, ...]:
    """What is shown until contexts are known: with the proof, what the last text was told of its contexts."""
    spec = checked.spec
    if spec is None or before is None or not before.seen or not (checked.report and checked.report.proven):
        return checked.diagnostics
    at = spec.head_place.place
    return (*checked.diagnostics, *(replace(one, place=at) for one in before.diagnostics if one.code in OF_CONTEXTS))


def contexts(checked: Checked, of: bool | int) -> Checked:
    """The same with what the variables see. of: all of them up to a limit and a sample beyond (True), or so many."""
    assert checked.spec is not None
    start = time.perf_counter()
    try:
        report = prove(checked.spec, of)
    except (InputError, MemoryError):  # of a size that is shown without
        return checked
    finally:
        checked.spec.deeper.clear()  # graphs several times as large, that nothing else reads
    return replace(
        checked, report=report, seen=True, diagnostics=_helped(report.diagnostics, SOUGHT),
        seconds=checked.seconds + time.perf_counter() - start,
    )  # fmt: skip


def mends(checked: Checked) -> Checked:
    """The same with the edits that were checked: of a spec that leaks those that mend it, of one that does not see all
    those with which it sees more."""
    if checked.report is None:
        return checked
    report = checked.report
    try:
        found = propose_context(report) if report.proven else propose(report)
    except (InputError, MemoryError):
        found = None
    finally:
        report.spec.deeper.clear()
    if found is None:
        return replace(checked, proposals=(), diagnostics=_helped(checked.diagnostics, NOT_FOUND))
    report.advise(found)
    return replace(checked, proposals=(found,), diagnostics=_advised(checked.diagnostics, report))


def _helped(diagnostics: Iterable[Diagnostic], help: str) -> tuple[Diagnostic, ...]:
    """The diagnostics, those of what is not seen with a way out."""
    return tuple(replace(one, help=help) if one.code in OF_CONTEXTS else one for one in diagnostics)


def _advised(before: tuple[Diagnostic, ...], report: Report) -> tuple[Diagnostic, ...]:
    """The diagnostics, with those of the report in their new words."""
    said = {(one.code, one.place): one for one in report.diagnostics}
    return tuple(said.get((one.code, one.place), one) for one in before)


def _library(source: Source) -> list[Diagnostic] | None:
    """What is wrong with a library of blocks; None where the text is no library. Raises SpecError where it is not
    YAML."""
    tree = parse(source)
    if not isinstance(tree, Map) or "blocks" not in tree.entries or WHOLE & {key.rstrip("+") for key in tree.entries}:
        return None
    strange = [place for key, (place, _) in tree.entries.items() if key not in LIBRARY]
    help = f"its sections are {', '.join(LIBRARY)}; a whole spec has `data`, `graph` and `head`"
    return [Diagnostic("AR226", f"a library of blocks has no section '{each.text}'", each, help) for each in strange]


def top_of(source: Source) -> Place:
    """The first line, for what has no place."""
    return Place(source, 0, len(source.line(1)))


__all__ = ["Checked", "contexts", "meanwhile", "mends", "proof", "top_of"]
