"""Names of a spec as an editor follows them: what a name stands for, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal[
    "node", "input", "output", "param", "block", "mask", "condition", "part", "head", "data", "layer"
]  # fmt: skip
WORDS: dict[str, str] = {
    "node": "node", "input": "input", "output": "output", "param": "parameter", "block": "block", "mask": "mask",
    "condition": "condition", "part": "auxiliary image", "head": "head", "data": "data", "layer": "layer kind",
}  # fmt: skip
"""What a name of each kind is called in messages."""


class Symbol(NamedTuple):
    """What a name stands for in one spec. block: the block that it belongs to; None of the spec's own."""

    kind: Kind
    block: str | None
    name: str

    def __str__(self) -> str:
        of = f" of the block '{self.block}'" if self.block is not None else ""
        return f"the {WORDS[self.kind]} '{self.name}'{of}"


class Spot(NamedTuple):
    """The characters [start, end) of a file."""

    file: str
    start: int
    end: int


@dataclass(frozen=True)
class Occurrence:
    """A name where it stands. defines: whether it is stated here. exact: whether `spot` has the name's own characters,
    and not a text with escapes in which the name stands somewhere."""

    spot: Spot
    symbol: Symbol
    defines: bool
    exact: bool = True
