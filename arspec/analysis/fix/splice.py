"""Edits of the blocks and the graph of a spec that has been read. Only what they stand in is read again; all else stays
the same objects, and so do the nodes that an edit leaves as they are.

Places in such a spec are those of the text before the edit: it is there to be proven, and not to be shown.
"""

from __future__ import annotations

from dataclasses import replace

from arspec.analysis.fix.edits import Edit, apply
from arspec.diagnostics import Place, Source
from arspec.diagnostics.work import Work
from arspec.language.load import Spec
from arspec.language.written import Writing
from arspec.syntax.yaml import Map, Seq, Tree, parse

PARTS = ("nodes", "params", "outputs")  # of a block, whose values are checked by whoever uses them


def sharing(spec: Spec) -> Spec:
    """The spec, such that what its entries give is kept for those that `spliced` makes of it."""
    return replace(spec, writing=Writing(spec.masks), deeper={}, work=Work())


def spliced(spec: Spec, edits: tuple[Edit, ...]) -> Spec | None:
    """The spec with edits that stand in one of its blocks or in its graph; None where they stand elsewhere, or where
    the text has anchors, which may bind one place to another. Raises SpecError where what is edited can't be read."""
    source = edits[0].place.source
    if "&" in source.text or any(edit.place.source != source for edit in edits):
        return None
    if _holds(spec.nodes, edits):
        nodes = _edited(spec.nodes, edits)
        return _with(spec, nodes, spec.blocks) if isinstance(nodes, Map) else None
    for name, block in spec.blocks.items():
        for part in PARTS:
            tree = block.get(part)
            if isinstance(tree, Map) and _holds(tree, edits):
                entries = {**block.entries, part: (block.entries[part][0], _edited(tree, edits))}
                return _with(spec, spec.nodes, {**spec.blocks, name: replace(block, entries=entries)})
    return None


def _with(spec: Spec, nodes: Map, blocks: dict[str, Map]) -> Spec:
    return replace(spec, nodes=nodes, blocks=blocks, deeper={}, work=Work(), notes=[])


def _holds(tree: Tree, edits: tuple[Edit, ...]) -> bool:
    """Whether edits stand within a mapping or a list, its brackets not among what they change."""
    if not isinstance(tree, (Map, Seq)) or tree.place.source != edits[0].place.source:
        return False
    inset = int(tree.flow)
    start, end = tree.place.start + inset, tree.place.end - inset
    spans = [(edit.place.start, edit.place.end) for edit in edits]
    return all(start <= first and last <= end and (first, last) != (start, end) for first, last in spans)


def _edited(tree: Map | Seq, edits: tuple[Edit, ...]) -> Tree:
    """A mapping or a list with edits that stand within it."""
    return _below(tree, edits) or _read_again(tree, edits)


def _below(tree: Map | Seq, edits: tuple[Edit, ...]) -> Tree | None:
    """The same with edits each of which stands within one of its values, or puts an entry in front of another; None
    where one does not."""
    left = list(edits)

    def taken(child: Tree) -> Tree:
        mine = tuple(edit for edit in left if _holds(child, (edit,)))
        if not mine:
            return child
        left[:] = [edit for edit in left if edit not in mine]
        assert isinstance(child, (Map, Seq))
        return _edited(child, mine)

    if isinstance(tree, Seq):
        items = tuple(map(taken, tree.items))
        return None if left else Seq(tree.place, items, tree.flow)
    entries: dict[str, tuple[Place, Tree]] = {}
    for key, (place, child) in tree.entries.items():
        for edit in [edit for edit in left if edit.place.start == edit.place.end == place.start]:
            new = parse(Source(place.source.name, edit.text.rstrip(", \n")))
            if not isinstance(new, Map) or new.entries.keys() & tree.entries.keys():
                return None
            entries.update(new.entries)
            left.remove(edit)
        entries[key] = place, taken(child)
    return None if left else Map(tree.place, entries, tree.flow)


def _read_again(tree: Map | Seq, edits: tuple[Edit, ...]) -> Tree:
    place = tree.place
    (text,) = apply(edits).values()
    end = place.end + len(text) - len(place.source.text)
    lead = "" if tree.flow else " " * (place.column - 1)
    return parse(Source(place.source.name, lead + text[place.start : end]))
