"""What a spec states and nothing uses. A parameter that can only be misspelt is refused, as unknown keys are: its name
is near to one that is used, or a spec that extends another one adds it. All else is told: parameters, masks, blocks,
conditions and inputs of blocks.

Only what the spec's own text states counts. What a base states and an extending spec no longer uses, because it
replaced a section, is nobody's mistake.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from arspec.diagnostics import Collector, Diagnostic, Place, Source, nearest
from arspec.language.extends import base_sections, replaced_sections
from arspec.language.hints import input_names
from arspec.language.params import scalars
from arspec.syntax.expressions import names
from arspec.syntax.yaml import Map, Scalar, Tree

MAX_PAIRS = 20_000  # names without use that are compared with names in use
SURE = 0.8  # share of its letters from which on a name is a misspelling of another
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class _Unused:
    """A parameter that nothing refers to: what it is in words, and the parameters that are used and could be meant."""

    name: str
    place: Place
    what: str
    others: frozenset[str]
    added: bool  # whether an extending spec adds it
    help: str | None


def misspelt_params(
    sections: Mapping[str, Tree], source: Source, texts: Mapping[str, str], set_outside: Set[str], faults: Collector
) -> None:
    """Reports parameters without effect that can only be misspelt,
    and those that were set from outside without effect."""
    compared = 0
    for one in _params(sections, source, texts, set_outside):
        compared += len(one.others)
        others = sorted(one.others) if compared <= MAX_PAIRS else []  # beyond, none is sure
        sure = difflib.get_close_matches(one.name, others, cutoff=SURE)
        if sure or one.added or one.name in set_outside:
            how = " was set, and" if one.name in set_outside else " has no effect:"
            near = nearest(one.name, others)
            meant = f"did you mean {' or '.join(repr(other) for other in near)}?" if near else None
            help = one.help or meant or f"refer to it as ${one.name}, or remove it"
            faults.add("AR223", f"{one.what}{how} nothing uses it", one.place, help)


def unused_names(sections: Mapping[str, Tree], source: Source, texts: Mapping[str, str]) -> list[Diagnostic]:
    """What to tell of parameters, masks, blocks, conditions and inputs of blocks that nothing uses."""
    found = [Diagnostic("AR224", f"nothing uses {one.what}", one.place,
                        one.help or f"refer to it as ${one.name}, or remove it")
             for one in _params(sections, source, texts, frozenset())]  # fmt: skip
    naming = ("block", "experts", "shared")
    called = {_text(e.get(key)) for tree in _graphs(sections) for e in _entries(tree) for key in naming}
    words = _words(tree for key, tree in sections.items() if key in ("graph", "blocks", "params"))
    for kind, section in (("mask", "masks"), ("condition", "condition")):
        tree = sections.get(section)
        entries = tree.entries if isinstance(tree, Map) else {}
        by_others = _words_of_others(entries) if kind == "mask" else set[str]()
        found += [_told(f"the {kind} '{name}'", place) for name, (place, _) in entries.items()
                  if place.source == source and name not in words | by_others]  # fmt: skip
    for name, (place, block) in _own_blocks(sections.get("blocks"), source).items():
        if name not in called:
            found.append(_told(f"the block '{name}'", place))
        found += _inputs(name, place, block)
    return found


def _inputs(name: str, place: Place, block: Map) -> list[Diagnostic]:
    wanted, stated = input_names(block), block.get("inputs")
    first = next(iter(_entries(block.get("nodes"))), None)
    if len(wanted) == 1 and first is not None and first.get("from") is None:  # it is read without being named
        return []
    inside = _words([block.get("nodes"), block.get("outputs")])
    at = {one: stated.entries[one][0] if isinstance(stated, Map) else place for one in wanted}
    return [_told(f"the input '{one}' of the block '{name}'", at[one]) for one in wanted if one not in inside]


def _params(
    sections: Mapping[str, Tree], source: Source, texts: Mapping[str, str], set_outside: Set[str]
) -> Iterator[_Unused]:
    params = sections.get("params")
    stated = params.entries if isinstance(params, Map) else {}
    outside = _referred(tree for key, tree in sections.items() if key != "params")
    used = outside | _referred_by_others(stated)
    others = frozenset(stated.keys() & used)
    base: Set[str] | None = None
    replaced: list[tuple[str, str, set[str]]] = []
    for name, (place, _) in stated.items():
        if name not in used and (place.source == source or name in set_outside):
            if base is None and "extends" in sections:  # read once, for all of the names
                base, replaced = _base_params(source, texts), _replaced(source, texts)
            added = base is not None and name not in base
            yield _Unused(name, place, f"the parameter '{name}'", others, added, _replacing(name, replaced))
    every = _own_blocks(sections.get("blocks"), None)
    by_all = _referred([sections.get("masks"), *(block.get("params") for _, block in every.values())])
    for block_name, (_, block) in _own_blocks(sections.get("blocks"), source).items():
        own = block.get("params")
        entries = own.entries if isinstance(own, Map) else {}
        inside = _referred([block.get("nodes"), block.get("outputs")]) | by_all
        others = frozenset((stated.keys() & used) | (entries.keys() & inside))
        for name, (place, _) in entries.items():
            if name not in inside:
                yield _Unused(name, place, f"the parameter '{name}' of the block '{block_name}'", others, False, None)


def _told(what: str, place: Place) -> Diagnostic:
    return Diagnostic("AR224", f"nothing uses {what}", place, "use it, or remove it")


def _base_params(source: Source, texts: Mapping[str, str]) -> Set[str]:
    """The parameters of the spec that is extended."""
    params = base_sections(source, texts).get("params")
    return params.entries.keys() if isinstance(params, Map) else set()


def _replaced(source: Source, texts: Mapping[str, str]) -> list[tuple[str, str, set[str]]]:
    """The sections of bases that the spec replaces: the name, the file, and the parameters that they refer to."""
    return [(section, os.path.basename(below.place.source.name), _referred([below]))
            for section, _, below in replaced_sections(source, texts)]  # fmt: skip


def _replacing(name: str, replaced: Iterable[tuple[str, str, set[str]]]) -> str | None:
    """Where a base uses a parameter in a section that the spec replaces."""
    for section, there, referred in replaced:
        if name in referred:
            return f"{there} uses it in its section `{section}`, which is replaced here"
    return None


def _referred(trees: Iterable[Tree | None]) -> set[str]:
    """The parameters that texts refer to."""
    return {name for text in _texts(trees) for name in names(text)}


def _referred_by_others(entries: Mapping[str, tuple[Place, Tree]]) -> set[str]:
    """The parameters that the defaults of other parameters refer to."""
    return {other for name, (_, tree) in entries.items() for other in _referred([tree]) - {name}}


def _words_of_others(entries: Mapping[str, tuple[Place, Tree]]) -> set[str]:
    return {word for name, (_, tree) in entries.items() for word in _words([tree]) - {name}}


def _words(trees: Iterable[Tree | None]) -> set[str]:
    return {word for text in _texts(trees) for word in _WORD.findall(text)}


def _texts(trees: Iterable[Tree | None]) -> Iterator[str]:
    return (s.value for tree in trees if tree is not None for s in scalars(tree) if isinstance(s.value, str))


def _own_blocks(blocks: Tree | None, source: Source | None) -> dict[str, tuple[Place, Map]]:
    """The blocks that the text of a source states; of any where it is None."""
    entries = blocks.entries.items() if isinstance(blocks, Map) else ()
    return {n: (p, b) for n, (p, b) in entries if isinstance(b, Map) and (source is None or p.source == source)}


def _graphs(sections: Mapping[str, Tree]) -> list[Tree | None]:
    return [
        sections.get("graph"),
        *(block.get("nodes") for _, block in _own_blocks(sections.get("blocks"), None).values()),
    ]


def _entries(tree: Tree | None) -> list[Map]:
    return [entry for _, entry in tree.entries.values() if isinstance(entry, Map)] if isinstance(tree, Map) else []


def _text(tree: Tree | None) -> str | None:
    return str(tree.value) if isinstance(tree, Scalar) else None
