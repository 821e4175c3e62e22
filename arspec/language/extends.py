"""The sections of a spec's file, and below them those of the spec that it extends."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from arspec.diagnostics import Collector, Diagnostic, InputError, Place, Source, SpecError, did_you_mean
from arspec.diagnostics.codes import CODES
from arspec.language.keys import said, unknown_kind
from arspec.language.merging import MERGED, merge_sections, merged_name
from arspec.language.shipped import file_of, is_below, is_name, is_shipped, read_spec, shipped
from arspec.language.using import use
from arspec.syntax import synonyms
from arspec.syntax.synonyms import called_here, folded
from arspec.syntax.yaml import MAX_BYTES, Map, Scalar, Tree, indent_below, parse, plain

FORMS = {
    "data": "{kind: image, height: 28, width: 28, levels: 2}",
    "graph": "{logits: {layer: conv, from: x, kernel: 7, out: $head, mask: earlier}}",
    "head": "{kind: categorical, from: logits}",
    "condition": "{label: {kind: class, classes: 10}}",
    "masks": "{mine: rows_above or left}",
    "blocks": "{name: {inputs: ..., nodes: ..., outputs: ...}}",
    "heads": "{second: {from: logits2, ahead: 1, weight: 0.3}}",
}
"""A small example of each section that is a mapping."""

SECTIONS = {
    "arspec": "the version of the language: 1",
    "name": "the name of the model",
    "about": "what it is, with its source",
    "extends": "the spec that this one starts from: its params merge by key, any other section stands for the whole; "
    "with a + behind its name (`graph+`, `blocks+`) it merges by name",
    "use": "libraries of blocks, that ship with arspec or are files, whose blocks and masks stand beside its own",
    "data": "what is modelled: image, sequence or vector",
    "order": "the order of generation, or a list of orders",
    "condition": "what the model is conditioned on, by name",
    "params": "values that the rest refers to as $name; they can be set from outside",
    "masks": "predicates over (this site, that site), by name",
    "blocks": "reusable subgraphs, by name",
    "graph": "the nodes",
    "head": "the distribution, and the node that gives its parameters",
    "heads": "further heads by name, which predict variables some steps later, for their loss in training",
}
VERSION = 1
MAX_EXTENDS = 16


def extended_file(name: str, chain: tuple[str, ...]) -> str:
    """The file that the last spec of a chain extends. chain: files, each of which extends the next, as normal paths.

    A name may be that of a shipped spec; a file that stands in the chain is not meant by it."""
    folder = os.path.dirname(chain[-1])
    return file_of(name, folder or ".", chain) or os.path.normpath(os.path.join(folder, name))


def top(source: Source) -> Place:
    """The first character of a text, for what is missing from it."""
    first = next((i for i, c in enumerate(source.text) if not c.isspace()), 0)
    return Place(source, first, min(first + 1, len(source.text)))


def sections_of(
    source: Source, faults: Collector, texts: Mapping[str, str], chain: tuple[str, ...] = ()
) -> dict[str, Tree]:
    """The sections of a spec, those of the spec that it extends below them. `texts` stand for files of that name."""
    if len(source.text) <= MAX_BYTES:  # a single text above that is refused by `parse`
        faults.spend("characters", len(source.text), top(source))
    tree = parse(source)
    if not isinstance(tree, Map):
        raise SpecError([Diagnostic("AR018", "a spec is a mapping of sections", tree.place, "begin with `arspec: 1`")])
    for key, (place, _) in tree.entries.items():
        if key not in SECTIONS and merged_name(key) not in MERGED:
            free = [name for name in SECTIONS if name not in tree.entries]
            message, lost = f"there is no section '{key}'", indent_below(tree.entries, key)
            if lost is not None:
                faults.add("AR105", message, place, lost)
                continue
            if called_here(key, synonyms.SECTIONS, free) is None and folded(key) in synonyms.NO_SECTION:
                faults.add("AR105", message, place, synonyms.NO_SECTION[folded(key)])
                continue
            unknown_kind("AR105", message, place, key, free or SECTIONS, synonyms.SECTIONS, "sections", faults)
    _check_texts(tree, source, faults)
    own = {key: pair for key, pair in tree.entries.items() if key in SECTIONS or merged_name(key) in MERGED}
    below = _extended(tree.get("extends"), source, faults, texts, chain)
    stated = {**below, **{key: value for key, (_, value) in own.items() if merged_name(key) is None}}
    merged = merge_sections(own, use(tree.get("use"), source, stated, faults, texts), faults)
    params, base = tree.get("params"), below.get("params")
    if isinstance(params, Map) and isinstance(base, Map):
        merged["params"] = Map(params.place, {**base.entries, **params.entries}, params.flow)
    return merged


def base_sections(source: Source, texts: Mapping[str, str]) -> dict[str, Tree]:
    """The sections of the spec that one extends; none where there is none, or it can't be read."""
    try:
        tree = parse(source)
        return _extended(tree.get("extends"), source, Collector(), texts, ()) if isinstance(tree, Map) else {}
    except InputError:
        return {}


def replaced_sections(source: Source, texts: Mapping[str, str]) -> Iterator[tuple[str, Place, Tree]]:
    """The sections of the specs below that one above them replaces: the name, where the one above states its own, and
    what the one below states."""
    below = base_sections(source, texts)
    while below:
        tree = parse(source)
        assert isinstance(tree, Map)
        whole = below.keys() - {"arspec", "name", "about", "extends", "params"}
        yield from ((key, place, below[key]) for key, (place, _) in tree.entries.items() if key in whole)
        own = below.get("arspec")
        if own is None or own.place.source == source:
            return
        source = own.place.source
        below = base_sections(source, texts)


def name_replaced(diagnostics: Iterable[Diagnostic], source: Source, texts: Mapping[str, str]) -> list[Diagnostic]:
    """Diagnostics in which each missing name that a replaced section has is related to what replaces it."""
    replaced: list[tuple[str, Place, Tree]] | None = None
    found: list[Diagnostic] = []
    for one in diagnostics:
        name = _QUOTED.search(one.message) if one.code in _MISSING else None
        if name is not None:
            replaced = list(replaced_sections(source, texts)) if replaced is None else replaced
            for section, place, below in replaced:
                if section in _MISSING[one.code] and isinstance(below, Map) and name[1] in below.entries:
                    there = os.path.basename(below.place.source.name)
                    note = f"the section `{section}` here replaces that of {there}, which has '{name[1]}'"
                    one = replace(one, related=(*one.related, (place, note)))
        found.append(one)
    return found


_QUOTED = re.compile(r"'([^'.]+)")
# codes of names that are missing, with the sections in which they could stand
_MISSING = {"AR201": ("graph", "condition"), "AR215": ("blocks",), "AR311": ("masks",)}


def _check_texts(tree: Map, source: Source, faults: Collector) -> None:
    version = tree.get("arspec")
    if version is None:
        faults.add(
            "AR102", "the version of the language is missing", top(source), f"write `arspec: {VERSION}` at the top"
        )
    elif isinstance(plain(version), bool) or plain(version) != VERSION:
        found = f"the language has version {VERSION}, and this spec asks for {said(plain(version))}"
        faults.add("AR106", found, version.place, f"write `arspec: {VERSION}`", (), [(version.place, str(VERSION))])
    for key in ("name", "about"):
        value = tree.get(key)
        if value is not None and not isinstance(plain(value), str):
            faults.add(
                "AR103", f"`{key}` takes a text, and was given {said(plain(value))}", value.place, "put it in quotes"
            )


def _extended(
    extends: Tree | None, source: Source, faults: Collector, texts: Mapping[str, str], chain: tuple[str, ...]
) -> dict[str, Tree]:
    """The sections of the spec that is extended, if there is one. Raises SpecError where it can't be read."""
    if extends is None:
        return {}
    name: Any = extends.value if isinstance(extends, Scalar) else None
    if not isinstance(name, str):
        message = f"`extends` names one file, and was given {said(plain(extends))}"
        faults.add("AR103", message, extends.place, "extends: pixelcnn.yaml")
        faults.raise_if_any()
    here = (*chain, os.path.normpath(source.name))
    path = extended_file(name, here)
    if path in here:
        circle = " → ".join(os.path.basename(p) for p in (*here[here.index(path) :], path))
        faults.add(
            "AR113", f"specs extend each other in a circle: {circle}", extends.place, "one of them must stand alone"
        )
    elif len(here) > MAX_EXTENDS:
        found = f"a chain of more than {MAX_EXTENDS} specs that extend each other (limit MAX_EXTENDS)"
        faults.add("AR114", found, extends.place, "extend the first of them")
    else:
        try:
            below = Source(path, texts[path]) if path in texts else read_spec(path)
            quoted = is_below(path, here[0]) or is_shipped(path)
            return sections_of(replace(below, quoted=quoted), faults, texts, here)
        except SpecError as error:
            faults.extend(error.diagnostics)
        except InputError as error:
            help = error.help or "the path is taken from the folder of this file, and names the file with its ending"
            if is_name(name):
                help = did_you_mean(name, shipped(), "shipped specs") or help
            quoted = is_below(path, here[0]) or error.code in ("AR003", "AR005")  # which say nothing of what is in it
            reason = error.message if quoted else CODES[error.code].title
            faults.add("AR112", f"the spec '{name}' can't be read: {reason}", extends.place, help)
    faults.raise_if_any()  # of what is missing here, nothing can be said without the other spec
    return {}
