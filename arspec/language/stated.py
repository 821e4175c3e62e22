"""What the entry of a block in `blocks` states: its inputs, its outputs, and what a repetition takes of the one
before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from arspec.language.hints import input_names
from arspec.syntax.yaml import Map, Scalar, Seq, Tree

UNNAMED = "out"  # what an output of a block is called that is stated as `outputs: node`


@dataclass(frozen=True, eq=False)
class Stated:
    """What a block states, the same for each of its instances. names: how many, of inputs, nodes and outputs."""

    block: Map
    inputs: list[str]
    outputs: dict[str, Tree]
    chained: dict[str, str]
    names: int

    @classmethod
    def of(cls, block: Map) -> Stated:
        """What the entry of a block in `blocks` states."""
        trees = [block.get(key) for key in ("inputs", "nodes", "outputs")]
        names = sum(len(t.entries) if isinstance(t, Map) else len(t) if isinstance(t, Seq) else 1 for t in trees)
        return cls(block, input_names(block), output_trees(block.get("outputs")), chained(block), names)


def chained(block: Map) -> dict[str, str]:
    """Where a block is repeated: its inputs that take an output of the repetition before, and which. They are those of
    the same name; the only input takes an output that has no name."""
    wanted, stated = input_names(block), block.get("outputs")
    if len(wanted) == 1 and isinstance(stated, Scalar):
        return {wanted[0]: UNNAMED}
    return {name: name for name in wanted if name in output_trees(stated)}


def output_trees(stated: Tree | None) -> dict[str, Tree]:
    """What a block states as its outputs, by name: `outputs: {h: sum}`, a list of names, or one reference."""
    if isinstance(stated, Map):
        return {key: tree for key, (_, tree) in stated.entries.items()}
    if isinstance(stated, Seq):
        return {str(texts(item)): item for item in stated.items}
    return {UNNAMED: stated} if stated is not None else {}


def texts(tree: Tree) -> Any:
    """References as they are written: they are followed, not evaluated."""
    if isinstance(tree, Scalar):
        return tree.value if isinstance(tree.value, str) or tree.value is None else str(tree.value)
    if isinstance(tree, Seq):
        return [texts(item) for item in tree.items]
    assert isinstance(tree, Map)
    return {key: texts(item) for key, (_, item) in tree.entries.items()}
