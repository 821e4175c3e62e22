"""A spec as it is read, before its blocks and its graph are expanded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from arspec.diagnostics import Diagnostic, Source
from arspec.diagnostics.work import Work
from arspec.heads import Head, Support
from arspec.language.further import FurtherHead
from arspec.language.sections import OrderSection
from arspec.language.written import Writing
from arspec.syntax.yaml import Map, Tree
from arspec.types import Member


@dataclass(eq=False)
class ParsedSpec:
    """A spec as read: its sections, its family of orders, its parameters, and its blocks and graph still as text."""

    source: Source
    name: str
    about: str
    data: Any  # one of the data sections
    orders: list[OrderSection]
    condition: dict[str, Any]
    params: dict[str, Any]
    overridden: frozenset[str]
    masks: dict[str, str]
    blocks: dict[str, Map]
    nodes: Map
    head: Head
    head_place: Map
    members: list[Member] = field(repr=False)
    data_params: dict[str, str] = field(default_factory=dict)  # key of the data section -> the parameter that it is
    class_params: dict[str, str] = field(
        default_factory=dict
    )  # class condition -> the parameter that counts its classes
    further: dict[str, tuple[FurtherHead, Map]] = field(default_factory=dict[str, "tuple[FurtherHead, Map]"])
    repeats: int = 1  # by which every repeat is multiplied, to tell blind from out of reach
    changes: dict[str, Any] = field(default_factory=dict)  # keys of the data section that were set from outside
    texts: dict[str, str] = field(
        default_factory=dict, repr=False
    )  # what stands for the files that it extends, by name
    sections: dict[str, Tree] = field(default_factory=dict[str, Tree], repr=False)  # as merged, with their places
    notes: list[Diagnostic] = field(default_factory=list[Diagnostic], repr=False)  # what is odd about its text
    writing: Writing | None = field(
        default=None, repr=False
    )  # what its entries give, shared with specs that differ from it by an edit of them
    work: Work = field(default_factory=Work, repr=False)  # what reading it has cost, its graph included once it is made

    @property
    def groups(self) -> int:
        """Channel groups that are generated one after another at a position, without those of auxiliary images."""
        return self.members[0].order.groups - len(self.data.auxiliary)

    @property
    def head_size(self) -> int:
        """Numbers that the head needs for all channels of a pixel, without auxiliary images."""
        support = Support(self.data.levels, self.data.channels // self.groups)
        return self.groups * self.head.of_part("x").parameters(support)

    def __repr__(self) -> str:
        return f"<spec {self.name}: {self.data.kind} {self.data.shape}>"
