"""From a file to a Spec: the sections read and checked, parameters settled, `extends` followed.
The graph is still text."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arspec.diagnostics import Collector, Source, SpecError
from arspec.diagnostics.work import Work
from arspec.language.expand import expand, faults_of_graph
from arspec.language.extends import FORMS, SECTIONS, name_replaced, sections_of, top
from arspec.language.graph import Graph
from arspec.language.keys import Evaluator, place_of
from arspec.language.params import NAME, own_params, settle_params
from arspec.language.parsed import ParsedSpec
from arspec.language.read import Reader
from arspec.language.shipped import found, read_spec
from arspec.language.unused import misspelt_params, unused_names
from arspec.layers.base import Fault
from arspec.shown import Picture, Shown, drawn
from arspec.syntax.yaml import Map, Scalar, Tree


@dataclass(eq=False, repr=False)
class Spec(ParsedSpec, Shown):
    """A spec: `graph()` expands it, `variant(...)` is the same with something changed. Built by `load`;
    it does not change."""

    deeper: dict[int, Spec] = field(default_factory=dict)  # itself with every repeat multiplied, as asked for

    def __deepcopy__(self, memo: dict[int, Any]) -> Spec:
        """Itself, as its graph is: it does not change."""
        return self

    def graph(self) -> Graph:
        """The expanded, typed graph (made once). Raises SpecError."""
        if not hasattr(self, "_graph"):
            try:
                self._graph = expand(self)
            except SpecError as error:
                if self.writing is not None:  # its text is not the one that it was read from
                    raise
                raise SpecError(name_replaced(error.diagnostics, self.source, self.texts)) from None
        return self._graph

    def variant(
        self, *, params: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None, repeats: int = 1,
        text: str | None = None, texts: Mapping[str, str] | None = None,
    ) -> Spec:  # fmt: skip
        """The same spec with other parameters, another size of its data, every repeat multiplied, or an edited text,
        which may leave parameters without use.
        `texts`: edited texts by the names of their files, for the spec itself and for those that it extends."""
        kept = {name: self.params[name] for name in self.overridden}
        edited = {**self.texts, **(texts or {})}
        own = text if text is not None else edited.pop(self.source.name, None)
        source = Source(self.source.name, own) if own is not None else self.source
        overrides, changes = {**kept, **(params or {})}, {**self.changes, **(data or {})}
        return _build(source, overrides, changes, repeats, edited, lenient=True)

    def diagram(
        self, *, layout: str = "wide", unfold: bool = False, shapes: bool | None = None, parameters: bool = False,
        member: int = 0,
    ) -> Picture:  # fmt: skip
        """The graph, as a picture that a notebook draws and that `.save("x.pdf")` writes.

        layout: wide, from left to right in a paper's shape; or tall. unfold: every repetition. shapes: the types on the
        edges, by default in the tall layout. parameters: how many weights each node has. InputError where Graphviz is
        missing, when it is drawn or saved."""
        return drawn(self, "diagram", unfold, member, layout, shapes, parameters)

    def field(
        self, variable: int | Sequence[int] | None = None, *, node: str | None = None, member: int = 0,
        panels: Sequence[str] | None = None,
    ) -> Picture:  # fmt: skip
        """What one variable sees, as a picture that a notebook draws and that `.save("x.pdf")` writes: the order, a
        mask, the context and the blind spot.

        variable: (row, column[, channel]) of an image, a step or an entry; one in the middle where left out. node:
        whose mask is shown. member: of a family of orders. panels: some of order, mask, tree, context, blind_spot.
        InputError for what does not exist, and where matplotlib is missing."""
        return drawn(self, "field", variable, node, member, panels)

    def explore(self, path: str | os.PathLike[str], other: Spec | None = None) -> Path:
        """Writes a page to walk through the spec, with another one beside it where one is given, and gives its path:
        one HTML file, which loads nothing from elsewhere.

        InputError for another suffix than .html, and where it can't be written."""
        return drawn(self, "explore", path, other)


def load(
    path: str | os.PathLike[str],
    params: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    lenient: bool = False,
) -> Spec:
    """Reads a spec. path: a file, or the name of a spec in the working folder or of a shipped one (`spec.shipped`).
    `params` sets its parameters, `data` keys of its data section (height, length, levels, ...).
    `lenient`: it may state parameters that nothing uses, as those of earlier versions could.

    Raises SpecError with all faults that can be found, and InputError for a file that can't be read."""
    return _build(read_spec(found(path)), dict(params or {}), dict(data or {}), 1, lenient=lenient)


def from_text(
    text: str,
    name: str = "<text>",
    params: Mapping[str, Any] | None = None,
    work: Work | None = None,
    texts: Mapping[str, str] | None = None,
) -> Spec:
    """A spec from its text. Errors name it as `name`, and what it extends and uses is looked for from there. `work`
    counts what reading it costs, here and in its graph. `texts` stand for the files of these normal paths."""
    return _build(Source(name, text), dict(params or {}), {}, 1, texts, work)


def _build(
    source: Source,
    overrides: dict[str, Any],
    data: dict[str, Any],
    repeats: int,
    texts: Mapping[str, str] | None = None,
    work: Work | None = None,
    lenient: bool = False,
) -> Spec:
    faults = Collector(work)
    sections = sections_of(source, faults, texts or {})
    data_params = _data_params(sections.get("data"))
    own = own_params(sections.get("params"), overrides, data_params, top(source), faults)
    for key in ("data", "graph", "head"):
        if key not in sections and not any(d.edits and d.edits[0][1] == key for d in faults.diagnostics):
            help = f"{key}: {FORMS[key]}   # {SECTIONS[key]}"
            faults.add("AR102", f"the section '{key}' is missing", top(source), help)
    reader = Reader(source, sections, Evaluator(own, faults), faults)
    found = reader.data(data)
    found.name_params(data_params)
    orders = reader.orders()
    members = reader.members(orders, found)
    condition, masks, blocks, nodes = reader.condition(found), reader.masks(), reader.blocks(), reader.graph()
    head, head_tree = reader.head(found)
    further = reader.further()
    spec = Spec(
        source, _text(sections.get("name"), Path(source.name).stem), _text(sections.get("about"), ""), found,
        orders, condition, own, frozenset(overrides), masks, blocks, nodes, head, head_tree, members, data_params,
        _class_params(sections.get("condition")), further, repeats, dict(data), dict(texts or {}),
        sections=sections, notes=unused_names(sections, source, texts or {}), work=faults.work,
    )  # fmt: skip
    if not reader.unread & {"data", "order", "head"}:
        try:
            _ = spec.head_size
        except Fault as fault:
            faults.add(fault.code, fault.message, place_of(head_tree, [fault.key]), fault.help)
            reader.unread.add("head")
    if not lenient and not any(d.code in ("AR102", "AR105") for d in faults.diagnostics):  # else it may be meant there
        misspelt_params(sections, source, texts or {}, overrides.keys(), faults)
    if faults:
        every = [*faults.diagnostics, *faults_of_graph(spec, reader.unread)]
        raise SpecError(name_replaced(every, source, texts or {}))
    return spec


def _text(tree: Tree | None, default: str) -> str:
    return str(tree.value) if isinstance(tree, Scalar) and isinstance(tree.value, str) else default


def _data_params(tree: Tree | None) -> dict[str, str]:
    """The keys of the data section that are a parameter as it stands: height: $height."""
    entries = tree.entries.items() if isinstance(tree, Map) else ()
    return {key: name for key, (_, value) in entries if (name := _parameter(value)) is not None}


def _class_params(tree: Tree | None) -> dict[str, str]:
    """The class conditions whose number of classes is a parameter as it stands: label: {kind: class, classes: $n}."""
    entries = tree.entries.items() if isinstance(tree, Map) else ()
    counts = {key: value.get("classes") for key, (_, value) in entries if isinstance(value, Map)}
    return {key: name for key, value in counts.items() if value is not None and (name := _parameter(value)) is not None}


def _parameter(tree: Tree) -> str | None:
    """The parameter that a value is, as it stands: $height."""
    text = tree.value if isinstance(tree, Scalar) else None
    return text[1:] if isinstance(text, str) and text.startswith("$") and NAME.fullmatch(text[1:]) else None


__all__ = ["NAME", "SECTIONS", "Spec", "from_text", "load", "settle_params"]
