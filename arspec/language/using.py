"""Blocks that a spec takes from elsewhere: `use: blocks/transformer` of the package, or a file of its own.

Such a library is a YAML file with `arspec: 1`, `blocks` and `masks`, and nothing else that is computed. Its blocks
stand beside the spec's own: no name stands for two of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from arspec.diagnostics import Collector, InputError, Place, Source, SpecError, did_you_mean
from arspec.diagnostics.codes import CODES
from arspec.language.keys import said
from arspec.language.shipped import is_below, read_spec, shipped_folder
from arspec.syntax.yaml import Map, Scalar, Seq, Tree, parse, plain

LIBRARY = ("arspec", "name", "about", "masks", "blocks")  # the sections of a library
TAKEN = ("masks", "blocks")  # those that a spec takes from it
MAX_USED = 16
_SHIPPED = re.compile(r"blocks/(\w[\w-]*)")


def libraries() -> dict[str, Path]:
    """The libraries that ship with arspec: `blocks/transformer` -> its file, in the order of their names."""
    return {f"blocks/{path.stem}": path for path in sorted((shipped_folder() / "blocks").glob("*.yaml"))}


def library_file(name: str, spec: str) -> str:
    """The file that a spec's `use` names: a shipped library's, or a path from the folder of the spec."""
    path = os.path.normpath(os.path.join(os.path.dirname(spec), name))
    shipped = _SHIPPED.fullmatch(name) and libraries().get(name.replace("-", "_"))
    return str(shipped) if shipped and not os.path.isfile(path) else path


def names_used(tree: Tree | None) -> list[Scalar]:
    """The scalars of a section `use` that name libraries."""
    items = tree.items if isinstance(tree, Seq) else [tree]
    return [item for item in items if isinstance(item, Scalar) and isinstance(item.value, str)]


def blocks_of(name: str) -> dict[str, Map]:
    """The blocks of a library, as a spec in the working folder names it. SpecError for what is none."""
    faults = Collector()
    source = Source("", name)
    library = _read(Scalar(Place(source, 0, len(name)), name), source, faults, {})
    faults.raise_if_any()
    blocks = None if library is None else library.get("blocks")
    entries = blocks.entries if isinstance(blocks, Map) else {}
    return {key: tree for key, (_, tree) in entries.items() if isinstance(tree, Map)}


def use(
    tree: Tree | None, source: Source, sections: dict[str, Tree], faults: Collector, texts: Mapping[str, str]
) -> dict[str, Tree]:
    """The sections with the masks and blocks of the libraries that `tree` names. `texts` stand for files of that name.

    Reports what is no library, and a name that two of them, or one and the spec, have."""
    if tree is None:
        return sections
    named = names_used(tree)
    if len(named) != (len(tree) if isinstance(tree, Seq) else 1) or not named:
        message = f"`use` names libraries of blocks, and was given {said(plain(tree))}"
        faults.add("AR103", message, tree.place, f"use: {next(iter(libraries()), 'blocks.yaml')}")
        return sections
    if len(named) > MAX_USED:
        message = f"`use` names {len(named)} libraries, where {MAX_USED} are the limit (MAX_USED)"
        faults.add("AR226", message, tree.place, "join some of them")
        return sections
    found = dict(sections)
    for item in named:
        library = _read(item, source, faults, texts)
        for key in TAKEN:
            taken = None if library is None else library.get(key)
            if isinstance(taken, Map):
                found[key] = _joined(key, item, found.get(key), taken, faults)
    return found


def _read(item: Scalar, source: Source, faults: Collector, texts: Mapping[str, str]) -> Map | None:
    name = str(item.value)
    path = library_file(name, source.name)
    shipped = Path(path) in libraries().values()
    try:
        text = Source(path, texts[path]) if path in texts else read_spec(path)
        faults.spend("characters", len(text.text), item.place)
        tree = parse(replace(text, quoted=shipped or is_below(path, source.name)))
    except SpecError as error:
        faults.extend(error.diagnostics)
        return None
    except InputError as error:
        reason = error.message if shipped or is_below(path, source.name) else CODES[error.code].title
        help = did_you_mean(name, libraries(), "libraries that ship with arspec") or error.help
        faults.add("AR226", f"the blocks of '{name}' can't be read: {reason}", item.place, help)
        return None
    strange = [key for key in tree.entries if key not in LIBRARY] if isinstance(tree, Map) else []
    if not isinstance(tree, Map) or strange or "blocks" not in tree.entries:
        what = f"it has the section `{strange[0]}`" if strange else "it has no `blocks`"
        message = f"'{name}' is no library of blocks: {what}"
        help = f"its sections are {', '.join(LIBRARY)}; a whole spec is taken by `extends`"
        faults.add("AR226", message, item.place, help)
        return None
    return tree


def _joined(key: str, item: Scalar, own: Tree | None, taken: Map, faults: Collector) -> Tree:
    """A section with what a library adds to it."""
    if own is None or (isinstance(own, Scalar) and own.value is None):
        return taken
    if not isinstance(own, Map):  # which is reported where the section is read
        return own
    for name in taken.entries.keys() & own.entries.keys():
        there = own.entries[name][0]
        first: list[tuple[Place, str]] = [(there, "here")]
        message = f"'{item.value}' has `{name}` among its {key}, and so has the spec"
        faults.add("AR226", message, item.place, f"take another name for `{name}`", first)
    return Map(own.place, {**taken.entries, **own.entries}, own.flow)
