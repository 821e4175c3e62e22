"""What there is to say of a name: words of the schema and the layer classes, sizes of the spec that last loaded."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable

from arspec.editor import mask_picture
from arspec.editor.document import Document
from arspec.editor.facts import Facts, facts
from arspec.editor.markdown import code, fenced, first_paragraph, flowing, joined
from arspec.editor.names import WORDS, Occurrence, Symbol
from arspec.editor.stated import definition, layer_definition
from arspec.language.built_in import BUILT_IN
from arspec.language.hints import input_names
from arspec.language.stated import output_trees
from arspec.layers.base import Node
from arspec.masks import READY_MADE
from arspec.pictures.strictness import Strictness
from arspec.syntax.yaml import Map, Scalar, Tree, plain
from arspec.types import Type

SHOWN = 8  # places or values that are listed at most
_STRICT = {Strictness.STRICT: "strict", Strictness.INCLUSIVE: "inclusive", Strictness.AHEAD: "ahead of it"}


def describe(document: Document, symbol: Symbol) -> str:
    """A name in Markdown."""
    spec = document.sized
    about = None if spec is None else facts(spec)
    old = spec is not None and document.spec is None
    note = "_Sizes are those of the last text that loaded._" if old else ""
    match symbol.kind:
        case "node":
            return joined([_node(document, symbol, about), note if about is not None else ""])
        case "input" | "output" | "condition" | "data" | "part":
            return joined([_port(document, symbol, about), note if about is not None else ""])
        case "param":
            return joined([_param(document, symbol), note if about is not None else ""])
        case "mask":
            return mask(document, symbol.name)
        case "block":
            return block(document, symbol.name)
        case "layer":
            return layer(symbol.name)
        case "head":
            return joined([_title(symbol), first_paragraph(str(definition("further").get("description", "")))])


def _title(symbol: Symbol, more: str = "") -> str:
    of = f" of the block {code(symbol.block)}" if symbol.block is not None else ""
    return f"**{symbol.name}**: {WORDS[symbol.kind]}{of}{more}"


# -- nodes -------------------------------------------------------------------------------------------------------------


def _node(document: Document, symbol: Symbol, about: Facts | None) -> str:
    names = document.names
    scope = names.top if symbol.block is None else names.blocks.get(symbol.block)
    entry = None if scope is None else scope.entry(symbol.name)
    what = next(((k, entry.get(k)) for k in ("layer", "block", "experts") if entry and k in entry.entries), None)
    said = "" if what is None or what[1] is None else f", {what[0]} {code(what[1].place.text)}"
    parts = [_title(symbol, said)]
    key = (symbol.block, symbol.name)
    if about is not None:
        nodes = about.nodes.get(key, [])
        if nodes and "experts" in (entry.entries if entry is not None else ()):
            nodes = [node for node in nodes if "." not in node.name.rpartition(symbol.name)[2].lstrip(".")] or nodes
            parts.append(_experts(about.nodes[key], symbol.name, about))
        elif nodes:
            parts.append(sizes(nodes, about))
        elif key in about.clusters:
            parts.append(_instance(about, key))
    kind = what[1] if what is not None and what[0] == "layer" else None
    if isinstance(kind, Scalar):
        parts.append(layer(str(kind.value), title=False))
    elif what is not None and what[0] == "block":
        parts.append(block(document, str(plain(what[1])) if what[1] is not None else "", title=False))
    elif what is not None:
        parts.append(first_paragraph(str(definition("experts").get("description", ""))))
    return joined(parts)


def type_words(kind: Type) -> str:
    """A type in words: 3 groups of 42 channels on 32×32 positions."""
    groups = f"{kind.groups} groups of {kind.channels}" if kind.groups > 1 else f"{kind.channels}"
    channels = f"{groups} channel{'s' if kind.channels != 1 else ''}"
    grid = "×".join(map(str, kind.grid))
    return (
        f"{channels} on {grid} position{'s' if kind.positions != 1 else ''}" if grid else f"{channels}, without places"
    )


def sizes(nodes: list[Node], about: Facts) -> str:
    """The types, parameters, times and coverage of the nodes that one entry stands for."""
    types = [*dict.fromkeys(node.out for node in nodes)]
    lines = [f"type {code(str(kind))}: {type_words(kind)}" for kind in types[:SHOWN]]
    weights = nodes[0].weights
    each = [node.parameters for node in nodes]
    shapes = ", ".join(f"{name} {'×'.join(map(str, w.shape))}" for name, w in weights.items())
    if nodes[0].tied is not None:
        lines.append(f"weights of {code(nodes[0].tied.name)}")
    elif any(each):
        several = f", {sum(each):,} in all {len(nodes)}" if len(nodes) > 1 else ""
        lines.append(f"parameters {each[0]:,} ({shapes}){several}")
    else:
        lines.append("no parameters")
    strict = [*dict.fromkeys(s for node in nodes if (s := about.strictness(node)) is not None)]
    if strict:
        lines.append("; ".join(f"{s.value}{f' ({_STRICT[s]})' if s in _STRICT else ''}" for s in strict))
    elif all(node in about.graph.nodes for node in nodes[:1]):
        lines.append("the head does not depend on it")
    lines += _coverage(nodes, about)
    if len(nodes) > 1:
        lines.append(f"{len(nodes)} of it: {code(nodes[0].name)} to {code(nodes[-1].name)}")
    return "\n".join(f"- {line}" for line in lines)


def _coverage(nodes: list[Node], about: Facts) -> list[str]:
    ends = [nodes[0]] if len(nodes) == 1 else [nodes[0], nodes[-1]]
    shares = [(node, share) for node in ends if (share := about.share(node)) is not None]
    if not shares:
        return []
    said = " to ".join(dict.fromkeys(f"{share.coverage:.2%}" for _, share in shares))
    most = shares[0][1]
    return [f"coverage so far {said}: what its sites see of all that comes before (by {most.sites} sites)"]


def _experts(nodes: list[Node], name: str, about: Facts) -> str:
    ends = [node for node in nodes if node.name.endswith((f"{name}.sum", f"{name}.experts"))]
    ends = [node for node in ends if node.name.endswith(".sum")] or ends
    return sizes(ends or nodes[-1:], about)


def _instance(about: Facts, key: tuple[str | None, str]) -> str:
    clusters = [one for one in about.clusters[key] if one.count == 1] or about.clusters[key]
    last = clusters[-1]
    prefixes = tuple(f"{one.name}." for one in clusters)
    inside = [node for node in about.graph.nodes if node.name.startswith(prefixes)]
    lines: list[str] = []
    for name in about.outputs(last.block):
        nodes = about.output(last.name, last.block, name)
        if nodes:
            several = f" ({len(nodes)} nodes)" if len(nodes) > 1 else ""
            strict = about.strictness(nodes[-1])
            said = f", {strict.value}" if strict is not None else ", which the head does not depend on"
            lines.append(f"output {code(name)}: {code(str(nodes[-1].out))}{several}{said}")
            lines += [f"  {line}" for line in _coverage(nodes[-1:], about)]
    total = sum(node.parameters for node in inside)
    many = f"{len(clusters)} of it, {code(clusters[0].name)} to {code(last.name)}; " if len(clusters) > 1 else ""
    lines.append(f"{many}{len(inside):,} nodes, {total:,} parameters")
    return "\n".join(f"- {line}" if not line.startswith("  ") else f"  - {line.strip()}" for line in lines)


# -- other names -------------------------------------------------------------------------------------------------------


def _port(document: Document, symbol: Symbol, about: Facts | None) -> str:
    parts = [_title(symbol)]
    blocks = document.sections.get("blocks")
    stated = blocks.get(symbol.block) if isinstance(blocks, Map) and symbol.block is not None else None
    if symbol.kind == "input" and isinstance(stated, Map) and isinstance(inputs := stated.get("inputs"), Map):
        said = inputs.get(symbol.name)
        parts.append(str(plain(said)) if said is not None and plain(said) is not None else "")
    if symbol.kind == "output" and isinstance(stated, Map):
        tree = output_trees(stated.get("outputs")).get(symbol.name)
        parts.append("" if tree is None else f"it is {code(tree.place.text)}")
    section = document.sections.get("condition")
    if symbol.kind == "condition" and isinstance(section, Map) and isinstance(one := section.get(symbol.name), Map):
        kind = one.get("kind")
        parts.append(code(_line(one.place.text)))
        name = f"condition.{kind.value}" if isinstance(kind, Scalar) else ""
        parts.append(first_paragraph(str(definition(name).get("description", ""))))
    if about is None:
        return joined(parts)
    if symbol.kind in ("data", "part", "condition"):
        sources = {node.name: node for node in (*about.graph.sources, *about.graph.nodes)}
        node = sources.get(symbol.name)
        if node is not None:
            parts.append(f"- type {code(str(node.out))}: {type_words(node.out)}")
    if symbol.kind == "data" and about.spec.data is not None:
        data, order = about.spec.data, about.spec.members[0].order
        parts.append(f"- {data.kind} of {'×'.join(map(str, data.shape))}, {data.levels_text}; {order.name}")
    return joined(parts)


def _param(document: Document, symbol: Symbol) -> str:
    spec = document.sized
    if symbol.block is None and symbol.name in BUILT_IN and not document.definitions(symbol):
        given = {} if spec is None else {"levels": spec.data.levels, "channels": spec.data.channels,
                                         "groups": spec.groups, "head": spec.head_size}  # fmt: skip
        value = f" = {given[symbol.name]:,}" if symbol.name in given else ""
        return f"**${symbol.name}**{value}: {BUILT_IN[symbol.name]}"
    parts = [_title(symbol._replace(name=f"${symbol.name}"))]
    stated = [tree for tree in (stated_value(document, symbol),) if tree is not None]
    if symbol.block is None and spec is not None and symbol.name in spec.params:
        value, text = spec.params[symbol.name], stated[0].place.text if stated else ""
        parts.append(f"value {code(_value(value))}" + (f", from {code(_line(text))}" if "$" in text else ""))
    elif stated:
        parts.append(f"default {code(_line(stated[0].place.text))}")
    if symbol.block is not None:
        given_ = [*dict.fromkeys(_given(document, symbol))]
        parts.append(f"given {', '.join(given_[:SHOWN])}" if given_ else "")
    uses = [one for one in document.by_symbol.get(symbol, ()) if not one.defines]
    parts.append(f"{len(uses)} use{'s' if len(uses) != 1 else ''}{_lines(document, uses)}")
    return joined(parts)


def stated_value(document: Document, symbol: Symbol) -> Tree | None:
    """The value that a parameter is stated with."""
    names = document.names
    scope = names.top if symbol.block is None else names.blocks.get(symbol.block)
    return None if scope is None or scope.params is None else scope.params.get(symbol.name)


def _given(document: Document, symbol: Symbol) -> Iterable[str]:
    """What instances of a block give for a parameter."""
    for scope in (document.names.top, *document.names.blocks.values()):
        for name in scope.nodes.entries if scope.nodes is not None else ():
            entry = scope.entry(name)
            given = entry.get("params") if entry is not None else None
            if entry is None or not isinstance(given, Map) or symbol.name not in given.entries:
                continue
            if any(isinstance(c := entry.get(k), Scalar) and c.value == symbol.block for k in ("block", "experts")):
                yield f"{code(_line(given.entries[symbol.name][1].place.text))} by {code(name)}"


def _lines(document: Document, uses: Iterable[Occurrence]) -> str:
    """The lines of some occurrences, by their files."""
    found: dict[str, set[int]] = {}
    for one in uses:
        source = document.places.get(one.spot.file)
        if source is not None:
            found.setdefault(one.spot.file, set()).add(source.line_at(one.spot.start))
    said: list[str] = []
    for file, lines in found.items():
        own = "" if file == document.file else f"{os.path.basename(file)} "
        said.append(f"{own}{', '.join(map(str, sorted(lines)[:SHOWN]))}{' ...' if len(lines) > SHOWN else ''}")
    several = "s" if sum(map(len, found.values())) != 1 else ""
    return f" (line{several} {'; '.join(said)})" if said else ""


def _value(value: object) -> str:
    said = str(value).lower() if isinstance(value, bool) else str(value)
    return said if len(said) <= 60 else f"{said[:57]}..."


def _line(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= 80 else f"{said[:77]}..."


def layer(kind: str, title: bool = True) -> str:
    """A layer kind: what its class says of it."""
    name = layer_definition(kind)
    if name is None:
        return ""
    about = flowing(str(definition(name).get("description", "")))
    return joined([f"**{kind}**: layer kind" if title else "", about])


def block(document: Document, name: str, title: bool = True) -> str:
    """A block: what it says of itself, its inputs, parameters and outputs."""
    blocks = document.sections.get("blocks")
    stated = blocks.get(name) if isinstance(blocks, Map) else None
    if not isinstance(stated, Map):
        return ""
    about, params = stated.get("about"), stated.get("params")
    lines: list[str] = []
    inputs = stated.get("inputs")
    for one in input_names(stated):
        said = inputs.get(one) if isinstance(inputs, Map) else None
        lines.append(f"input {code(one)}{f': {_line(str(plain(said)))}' if said is not None and plain(said) else ''}")
    for key, (_, tree) in params.entries.items() if isinstance(params, Map) else ():
        lines.append(f"parameter {code(key)}, default {code(_line(tree.place.text))}")
    for key, tree in output_trees(stated.get("outputs")).items():
        lines.append(f"output {code(key)}: {code(_line(tree.place.text))}")
    return joined([
        f"**{name}**: block" if title else "",
        flowing(str(plain(about))) if about is not None and plain(about) else "",
        "\n".join(f"- {line}" for line in lines),
    ])  # fmt: skip


def mask(document: Document, name: str) -> str:
    """A mask: what it means, how it is written, and its picture."""
    section = document.sections.get("masks")
    stated = section.get(name) if isinstance(section, Map) else None
    ready = READY_MADE.get(name)
    if stated is None and ready is None:
        return ""
    if isinstance(stated, Scalar):
        parts = [f"**{name}**: mask of the spec", code(_line(str(stated.value)))]
    else:
        text, meaning = ready or ("", "")
        parts = [f"**{name}**: {meaning}", f"written out {code(text)}" if text else ""]
    return joined([*parts, picture(document, name)])


def picture(document: Document, text: str) -> str:
    """The picture of a mask's text, as a block of Markdown; nothing where it has none."""
    spec = document.sized
    section = document.sections.get("masks")
    own = {k: str(t.value) for k, (_, t) in section.entries.items() if isinstance(t, Scalar)} if isinstance(
        section, Map) else {}  # fmt: skip
    if spec is not None and math.prod(spec.data.grid) > 1:
        data, params = mask_picture.of_spec(spec), {**spec.params, **_texts_of(document)}
    else:
        section = document.sections.get("data")
        kind = section.get("kind") if isinstance(section, Map) else None
        dimensions = 1 if isinstance(kind, Scalar) and kind.value in ("sequence", "vector") else 2
        data, params = mask_picture.stand_in(dimensions), _texts_of(document)
    lines = mask_picture.picture(text, own, params, data)
    return fenced(lines) if lines else ""


def _texts_of(document: Document) -> dict[str, object]:
    """The spec's parameters as they are stated, where these are plain values."""
    stated = document.names.top.params
    found = {} if stated is None else {key: plain(tree) for key, (_, tree) in stated.entries.items()}
    return {key: value for key, value in found.items() if not (isinstance(value, str) and "$" in value)}
