"""The builder of specs: it collects entries, and writes them as the YAML that they would have been."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from arspec.build.kinds import Layers, Section, keys_of
from arspec.build.values import Expression, Instance, Node, written
from arspec.diagnostics import Diagnostic, InputError, Place, Source, SpecError, did_you_mean
from arspec.files.atomic import write_text
from arspec.language.experts import Experts
from arspec.language.hints import input_names
from arspec.language.load import Spec, from_text
from arspec.language.params import NAME
from arspec.language.stated import output_trees
from arspec.language.using import blocks_of
from arspec.syntax.yaml import Map

HERE = str(Path(__file__).parent)
Inputs = Node | Iterable[Node] | Mapping[str, Node] | None


@dataclass(frozen=True)
class _Entry:
    """An entry of a graph: its keys, and the line of Python that made it."""

    keys: dict[str, Any]
    file: str
    line: int


class _Graph(Layers):
    """Nodes by their names, in the order in which they were made."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.entries: dict[str, _Entry] = {}
        self._taken = set(taken)

    def add_layer(self, kind: str | Expression, source: Any, keys: dict[str, Any]) -> Node:
        """A node of a kind, or of one that a parameter names. source: what it takes; None for the node before it.

        keys: `name`, and the keys of the kind. The methods of the kinds do the same, and know their keys."""
        name = self._name(keys.pop("name", None), str(kind).strip("$"))
        self._enter(name, {"layer": kind, **_from(source), **keys})
        return Node(name)

    def place(
        self, block: Block, inputs: Inputs = None, *, repeat: int | Expression | None = None,
        params: Mapping[str, Any] | None = None, when: bool | Expression | None = None, name: str | None = None,
        weights: str | Instance | None = None,
    ) -> Instance:  # fmt: skip
        """An instance of a block. inputs: the node for its only input, or nodes by the names of its inputs.

        repeat: how many times; each takes the outputs of the one before as its inputs of the same names. weights:
        `shared` by all repetitions, or another instance whose weights it takes."""
        own = self._name(name, block.name)
        shared = weights.reference if isinstance(weights, Instance) else weights
        more = {"params": params, "repeat": repeat, "weights": shared, "when": when}
        keys = {"block": block.name, **_from(inputs), **{k: v for k, v in more.items() if v is not None}}
        self._enter(own, keys)
        return Instance(own, block.output_names, repeat is not None)

    def experts(
        self, block: Block, inputs: Inputs = None, *, router: Node, count: int | Expression,
        take: int | Expression | None = None, shared: Block | None = None, name: str | None = None, **keys: Any,
    ) -> Node:  # fmt: skip
        """Copies of a block, each with weights of its own, of which every site takes those that the router scores
        highest. inputs: as of `place`. keys: those of the entry of the language, such as `balance` and `when`."""
        known = [*keys_of(Experts), "when"]
        for key in keys:
            if key not in known:
                raise InputError("AR907", f"experts have no key '{key}'", did_you_mean(key, known, "their keys are"))
        own = self._name(name, "experts")
        more = {"take": take, "shared": None if shared is None else shared.name}
        first = {"experts": block.name, **_from(inputs), "router": router, "count": count}
        self._enter(own, {**first, **{k: v for k, v in more.items() if v is not None}, **keys})
        return Node(own)

    def _enter(self, name: str, keys: dict[str, Any]) -> None:
        frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
        while frame.f_back is not None and frame.f_code.co_filename.startswith(HERE):
            frame = frame.f_back
        self.entries[name] = _Entry(keys, frame.f_code.co_filename, frame.f_lineno)

    def _name(self, wanted: str | None, kind: str) -> str:
        """The name that is wanted, or one by the kind that is free."""
        taken = self.entries.keys() | self._taken
        if wanted is not None:
            if not isinstance(wanted, str) or not NAME.fullmatch(wanted):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InputError("AR907", f"{wanted!r} is no name for a node", "names are letters, digits and _")
            if wanted in taken:
                raise InputError("AR907", f"the name '{wanted}' stands twice", "take another one")
            return wanted
        count = 1
        while (name := kind if count == 1 else f"{kind}_{count}") in taken:
            count += 1
        return name


class Block(_Graph):
    """A reusable subgraph. `block["h"]` is its input h; `outputs` names what others may take of it."""

    def __init__(self, name: str, inputs: Mapping[str, str], about: str) -> None:
        super().__init__(inputs)
        self.name, self.about, self.inputs = name, about, dict(inputs)
        self.params: dict[str, Any] = {}
        self.given: dict[str, Node] = {}

    def __enter__(self) -> Block:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None and not self.given:
            raise InputError("AR907", f"the block '{self.name}' has no outputs", "name them: block.outputs(h=...)")

    def __getitem__(self, input: str) -> Node:
        if input not in self.inputs:
            message = f"the block '{self.name}' has no input '{input}'"
            raise InputError("AR907", message, f"its inputs are {', '.join(self.inputs) or 'none'}")
        return Node(input)

    def param(self, name: str, value: Any) -> Expression:
        """A parameter of the block, which its instances may set, with its default."""
        return _param(self.params, name, value)

    def outputs(self, **nodes: Node) -> None:
        """What the block gives, by name: an output of an input's name is what the next repetition takes."""
        self.given = dict(nodes)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of its outputs."""
        return tuple(self.given)


class Builder(_Graph):
    """A spec while it is written. data: `build.data.image(...)` and its like. order: a scan's name, a mapping, or a
    list of these. `x` is the data, as a node."""

    def __init__(
        self, name: str, data: Section, *, order: str | Mapping[str, Any] | Sequence[Any] | None = None,
        about: str = "",
    ) -> None:  # fmt: skip
        super().__init__(("x",))
        self.name, self.about, self.data, self.order = name, about, data, order
        self.params: dict[str, Any] = {}
        self.conditions: dict[str, Section] = {}
        self.masks: dict[str, str] = {}
        self.blocks: dict[str, Block] = {}
        self.libraries: list[str] = []
        self._head: Section | Mapping[str, Section] | None = None
        self._further: dict[str, dict[str, Any]] = {}

    @property
    def x(self) -> Node:
        """The data."""
        return Node("x")

    def param(self, name: str, value: Any) -> Expression:
        """A parameter of the spec with its default, to be used in place of numbers: `out=2 * width`."""
        return _param(self.params, name, value)

    def conditioned_on(self, name: str, section: Section) -> Node:
        """What the model is told beside the data: `build.condition.class_(classes=10)` and its like."""
        own = self._name(name, name)
        self.conditions[own] = section
        self._taken.add(own)
        return Node(own)

    def part(self, name: str) -> Node:
        """An auxiliary image that the data section states, as a node."""
        return Node(name)

    def mask(self, name: str, predicate: str) -> str:
        """A mask of its own, a predicate over (this, that). Gives the name, for the keys `mask`."""
        self.masks[name] = predicate
        return name

    def block(self, name: str, inputs: Sequence[str] | Mapping[str, str], about: str = "") -> Block:
        """A reusable subgraph. inputs: their names, or what each is by name. Use it by `with`, and name its outputs."""
        named = dict(inputs) if isinstance(inputs, Mapping) else dict.fromkeys(inputs, "")
        if name in self.blocks:
            raise InputError("AR907", f"the block '{name}' stands twice", "take another name")
        self.blocks[name] = Block(name, named, about)
        return self.blocks[name]

    def use(self, library: str) -> dict[str, Block]:
        """The blocks of a library by their names, to be placed: those of blocks/transformer, or of a file. A name that
        it does not have raises InputError."""
        found = blocks_of(library)
        self.libraries.append(library)
        return _Library(library, {name: _used(name, block) for name, block in found.items()})

    def head(self, section: Section | None = None, **parts: Section) -> None:
        """The distribution: `build.head.categorical(logits)` and its like; of data with parts one for each, by name."""
        if (section is None) == (not parts):
            raise InputError("AR907", "`head` takes one head, or one for each part of the data by its name", None)
        self._head = section or parts

    def further_head(
        self, node: Node, *, ahead: int | Expression = 1, weight: float | Expression = 1.0,
        teacher_forcing: bool = False, name: str | None = None,
    ) -> None:  # fmt: skip
        """A head beside the first, which predicts the variable that is generated `ahead` steps later, for its loss in
        training. weight: of that loss. teacher_forcing: it may see the variables between."""
        own = name or f"head{len(self._further) + 2}"
        keys = {"from": node.reference, "ahead": ahead, "weight": weight}
        self._further[own] = {**keys, **({"teacher_forcing": True} if teacher_forcing else {})}

    # -- what it gives -----------------------------------------------------------------------------------------------

    def yaml(self) -> str:
        """The spec as YAML, one node a line."""
        return "".join(f"{line}\n" for line, _ in self._lines())

    def spec(self, params: Mapping[str, Any] | None = None) -> Spec:
        """The spec, as `arspec.load` gives it from the same YAML. SpecError names the lines of Python, too."""
        try:
            spec = from_text(self.yaml(), f"<{self.name}>", params)
            spec.graph()
        except SpecError as error:
            entries = [entry for _, entry in self._lines()]
            raise SpecError([_told(one, entries) for one in error.diagnostics]) from None
        return spec

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the YAML, whole or not at all."""
        write_text(Path(path), self.yaml())

    def _lines(self) -> Iterable[tuple[str, _Entry | None]]:
        """The lines of the YAML, each with the entry that it is."""
        if self._head is None:
            raise InputError("AR907", "the spec has no head", "b.head(build.head.categorical(logits))")
        yield "arspec: 1", None
        yield f"name: {written(self.name)}", None
        if self.about:
            yield f"about: {written(self.about)}", None
        if self.libraries:
            yield f"use: {written(self.libraries)}", None
        yield f"data: {_section(self.data)}", None
        if self.order is not None:
            yield f"order: {written(self.order)}", None
        named = {name: _section(each) for name, each in self.conditions.items()}
        params, masks = _all_written(self.params), _all_written(self.masks)
        for key, values in (("condition", named), ("params", params), ("masks", masks)):
            if values:
                yield f"{key}:", None
                yield from ((f"  {name}: {text}", None) for name, text in values.items())
        if self.blocks:
            yield "blocks:", None
        for block in self.blocks.values():
            yield f"  {block.name}:", None
            if block.about:
                yield f"    about: {written(block.about)}", None
            inputs: Any = block.inputs if any(block.inputs.values()) else [*block.inputs]
            yield f"    inputs: {written(inputs)}", None
            if block.params:
                yield f"    params: {written(block.params)}", None
            yield "    nodes:", None
            yield from ((f"      {name}: {written(e.keys)}", e) for name, e in block.entries.items())
            yield f"    outputs: {written(block.given)}", None
        yield "graph:", None
        yield from ((f"  {name}: {written(e.keys)}", e) for name, e in self.entries.items())
        if isinstance(self._head, Section):
            yield f"head: {_section(self._head)}", None
        else:
            yield "head:", None
            yield from ((f"  {name}: {_section(each)}", None) for name, each in self._head.items())
        if self._further:
            yield "heads:", None
            yield from ((f"  {name}: {written(keys)}", None) for name, keys in self._further.items())


def _told(one: Diagnostic, entries: Sequence[_Entry | None]) -> Diagnostic:
    """A diagnostic with the line of Python that made the entry it speaks of. entries: of each line of the YAML."""
    line = 0 if one.place is None else one.place.line
    entry = entries[line - 1] if 0 < line <= len(entries) else None
    text = "" if entry is None else linecache.getline(entry.file, entry.line)
    if entry is None or not text.strip():
        return one
    source = Source(entry.file, "".join(linecache.getlines(entry.file)))
    start = source.line_starts[entry.line - 1] + len(text) - len(text.lstrip())
    place = Place(source, start, start + len(text.strip()))
    return replace(one, related=(*one.related, (place, "it was built here")))


def _from(source: Any) -> dict[str, Any]:
    if source is None:
        return {}
    if isinstance(source, (Node, Mapping)):
        return {"from": source}
    if isinstance(source, str) or not isinstance(source, Iterable):
        raise InputError("AR907", f"a layer takes a node or several, and was given {type(source).__name__} {source!r}",
                         "give what another call gave: b.relu(h), b.add([a, h])")  # fmt: skip
    return {"from": [*source]}


def _param(params: dict[str, Any], name: str, value: Any) -> Expression:
    if not isinstance(cast(object, name), str) or not NAME.fullmatch(name):
        raise InputError("AR907", f"{name!r} is no name for a parameter", "names are letters, digits and _")
    if name in params:
        raise InputError("AR907", f"the parameter '{name}' stands twice", "take another name")
    params[name] = value
    return Expression(f"${name}")


class _Library(dict[str, Block]):
    """Blocks by their names; a missing one is told as everywhere."""

    def __init__(self, name: str, blocks: Mapping[str, Block]) -> None:
        super().__init__(blocks)
        self._name = name

    def __missing__(self, block: str) -> Block:
        raise InputError("AR215", f"there is no block '{block}' in {self._name}", did_you_mean(block, self, "blocks"))


def _used(name: str, stated: Map) -> Block:
    block = Block(name, dict.fromkeys(input_names(stated), ""), "")
    block.given = {output: Node(output) for output in output_trees(stated.get("outputs"))}
    return block


def _section(section: Section) -> str:
    return written({"kind": section.kind, **section.keys})


def _all_written(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: written(value) for name, value in values.items()}
