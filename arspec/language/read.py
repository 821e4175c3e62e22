"""The sections of a spec one by one: from trees to checked values. What can't be read is reported, and a stand-in takes
its place, so that the faults of the graph are found in the same run."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from arspec import orders
from arspec.diagnostics import Collector, InputError, Place, Source, did_you_mean, the_nearest
from arspec.heads import HEADS, Head, parts_head, stand_in
from arspec.language.extends import FORMS, top
from arspec.language.further import FurtherHead
from arspec.language.hints import input_names
from arspec.language.keys import Evaluator, built, check_keys, chosen, keys_of, report, said
from arspec.language.params import NAME
from arspec.language.sections import (
    CONDITIONS,
    DATA,
    Auxiliary,
    Condition,
    Data,
    ImageData,
    OrderSection,
    SequenceData,
    VectorData,
)
from arspec.language.shipped import is_below
from arspec.language.sources import condition_type
from arspec.masks import READY_MADE, Resolver
from arspec.ranks import ranks_from_file
from arspec.scans import SCANS_1D, SCANS_2D
from arspec.syntax import synonyms
from arspec.syntax.expressions import ExpressionError
from arspec.syntax.yaml import Map, Scalar, Seq, Tree, plain
from arspec.types import Member

MAX_CELLS = 1 << 22  # positions of the data's grid
MAX_VARIABLES = 1 << 23  # of all members of a family together
NAMES = "names are letters, digits and _, and begin with a letter"
STAND_INS: dict[Any, Data] = {
    "image": ImageData(kind="image", height=8, width=8, levels=2),
    "sequence": SequenceData(kind="sequence", length=64),
    "vector": VectorData(kind="vector", size=64),
}


class Reader:
    """Reads the sections of one spec. `unread` names those of which a stand-in was given."""

    def __init__(self, source: Source, sections: Mapping[str, Tree], evaluator: Evaluator, faults: Collector) -> None:
        self.source, self.sections, self.evaluator, self.faults = source, sections, evaluator, faults
        self.unread: set[str] = set()

    def _section(self, key: str) -> Map | None:
        """A section that is a mapping; None where it is left out, empty, or something else, which is reported."""
        tree = self.sections.get(key)
        if tree is None or isinstance(tree, Map):
            return tree
        if plain(tree) is not None or key in ("data", "head", "graph"):
            help = f"{key}: {FORMS[key]}"
            if isinstance(tree, Seq) and not tree.flow:
                help = "names stand without dashes: write `name: ...`, not `- name: ...`"
            self.faults.add("AR103", f"`{key}` takes a mapping, and was given {said(plain(tree))}", tree.place, help)
        return None

    def _named(self, key: str, what: str, taken: Mapping[str, str]) -> list[tuple[str, Place, Tree]]:
        """The entries of a section whose keys are names."""
        tree = self._section(key)
        good: list[tuple[str, Place, Tree]] = []
        for name, (place, item) in tree.entries.items() if tree is not None else ():
            if not NAME.fullmatch(name):
                self.faults.add("AR115", f"'{name}' is no name for {what}", place, NAMES)
            elif name in taken:
                self.faults.add("AR207", f"'{name}' is {taken[name]} already", place, "take another name")
            else:
                good.append((name, place, item))
        return good

    # -- data and order ----------------------------------------------------------------------------------------------

    def data(self, changes: Mapping[str, Any]) -> Data:
        """The section `data`, with these changes of its keys; a stand-in where it cannot be read."""
        tree = self._section("data")
        data: Data | None = None
        kind: Any = None
        auxiliary: dict[str, Auxiliary] = {}
        if tree is not None:
            # the characters of an alphabet stand for themselves, a $ as well
            said = {
                k: plain(item) if k == "alphabet" else self.evaluator.value(item)
                for k, (_, item) in tree.entries.items()
            }
            values = {**said, **changes}
            kind = values.get("kind") if isinstance(values.get("kind"), str) else None
            if kind == "image" and isinstance(values.get("auxiliary"), dict):
                values["auxiliary"] = auxiliary = self._auxiliary(values["auxiliary"], tree.get("auxiliary"))
            if kind in DATA:  # those that the text has are checked with the section
                known = keys_of(DATA[kind])
                for key in changes.keys() - set(known):
                    found = f"a data section of kind '{kind}' has no key '{key}' to set"
                    self.faults.add("AR101", found, tree.place, did_you_mean(key, known, "its keys are"))
            data = chosen(DATA, values, tree, "a data section", self.evaluator, "AR109", synonyms.DATA)
            if data is not None and math.prod(data.grid) > MAX_CELLS:
                found = f"a grid of {math.prod(data.grid):,} positions, where {MAX_CELLS:,} is the limit (MAX_CELLS)"
                self.faults.add("AR505", found, tree.place, "make it smaller")
                data = None
        if data is None:
            self.unread.add("data")
            data = STAND_INS.get(kind, STAND_INS["image"]).model_copy(
                update={"auxiliary": auxiliary} if auxiliary else {}
            )
        return data

    def _auxiliary(self, values: Mapping[str, Any], tree: Tree | None) -> dict[str, Auxiliary]:
        """The auxiliary images by name. One that can't be read is reported, and a stand-in takes its place."""
        found: dict[str, Auxiliary] = {}
        for name, (place, item) in tree.entries.items() if isinstance(tree, Map) else ():
            if not NAME.fullmatch(name):
                self.faults.add("AR115", f"'{name}' is no name for an auxiliary image", place, NAMES)
            elif name in ("x", "data"):
                self.faults.add("AR207", f"'{name}' is the data already", place, "take another name")
            elif not isinstance(item, Map):
                message = f"an auxiliary image takes a mapping, and was given {said(values[name])}"
                self.faults.add("AR103", message, item.place, f"{name}: {{view: grey, levels: 16}}")
            else:
                one = built(Auxiliary, values[name], item, "an auxiliary image", self.evaluator)
                found[name] = one or Auxiliary(view="grey", levels=2)
                if one is None:
                    self.unread.add("data")
        if len(found) < len(values):
            self.unread.add("data")
        return found

    def orders(self) -> list[OrderSection]:
        """The family of orders."""
        tree = self.sections.get("order")
        items: list[Tree | None] = list(tree.items) if isinstance(tree, Seq) else [tree]
        if tree is not None and not items:
            self.faults.add("AR116", "a family of orders has at least one", tree.place, "order: [raster, columns]")
        self._orders = [(section, item) for item in items if (section := self._order(item)) is not None]
        found = [section for section, _ in self._orders]
        if len({section.channels for section in found}) > 1 and tree is not None:
            message = "the orders of a family differ in `channels`: sequential in one, joint in another"
            self.faults.add("AR510", message, tree.place, "give all of them the same")
            self.unread.add("order")
        if len(found) < max(len(items), 1):
            self.unread.add("order")
        return found or [OrderSection()]

    def _order(self, tree: Tree | None) -> OrderSection | None:
        if tree is None or plain(tree) is None:
            return OrderSection()
        values = self.evaluator.value(tree)
        if self.evaluator.is_null(tree):
            return OrderSection()
        if isinstance(values, str):
            values = {"scan": values}
        if not isinstance(values, dict) or (not isinstance(tree, Map) and values.keys() != {"scan"}):
            if values is not None:
                message = f"an order is the name of a scan, or a mapping; it was {said(values)}"
                self.faults.add("AR103", message, tree.place, "order: {scan: raster}")
            return None
        section = (
            built(OrderSection, values, tree, "an order", self.evaluator)
            if isinstance(tree, Map)
            else OrderSection.model_validate(values)
        )
        if (
            section is not None
            and isinstance(tree, Map)
            and section.ranks is not None
            and section.scan not in (None, "explicit")
        ):
            message = f"`scan: {section.scan}` makes its own ranks, and `ranks` gives others"
            self.faults.add(
                "AR110", message, tree.entries["ranks"][0], "leave one of the two out, or write `scan: explicit`"
            )
            return None
        return section

    def members(self, sections: list[OrderSection], data: Data) -> list[Member]:
        """Every order of the family, the random ones drawn."""
        if "data" in self.unread:
            return self._stand_in(data)
        count = sum(section.members for section in sections)
        if count * data.variables > MAX_VARIABLES:
            what = f"{count:,} orders of {data.variables:,} variables" if count > 1 else f"{data.variables:,} variables"
            message = f"{what}, where {MAX_VARIABLES:,} in all are the limit (MAX_VARIABLES)"
            code, key = ("AR510", "order") if count > 1 else ("AR505", "data")
            self.faults.add(code, message, self.sections[key].place, "make the data smaller, or the family")
            return self._stand_in(STAND_INS[data.kind])
        members: list[Member] = []
        for section, tree in self._orders:
            for k in range(section.members):
                try:
                    order = self._made(section, data, section.seed + k)
                    members.append(Member(len(members), order, len(members), count == 1))
                except InputError as error:
                    place = self._order_place(tree, error.code)
                    scans = SCANS_2D if data.kind == "image" else SCANS_1D
                    sure = the_nearest(section.scan or "", scans) if error.code == "AR501" else None
                    edits = [(place, sure)] if sure is not None and place.text == section.scan else ()
                    self.faults.add(error.code, error.message, place, error.help, (), edits)
                    self.unread.add("order")
                    break
        return self._stand_in(data) if "order" in self.unread else members

    def _stand_in(self, data: Data) -> list[Member]:
        self.unread.add("order")
        return [Member(0, self._made(OrderSection(), data, 0), 0, alone=True)]

    def _order_place(self, tree: Tree | None, code: str) -> Place:
        """The key that an order's fault speaks of."""
        if not isinstance(tree, Map):
            return tree.place if tree is not None else top(self.source)
        keys = {"AR501": ["scan"], "AR507": ["scan"], "AR506": ["flip", "transpose"]}.get(code, ["ranks", "scan"])
        return next((tree.entries[key][1].place for key in keys if key in tree.entries), tree.place)

    def _made(self, section: OrderSection, data: Data, seed: int) -> orders.Order:
        ranks: Any = section.ranks
        if isinstance(ranks, str):
            path = os.path.join(os.path.dirname(self.source.name), ranks)
            ranks = ranks_from_file(path, data.grid, is_below(path, self.source.name)).tolist()
        scan = section.scan or ("explicit" if ranks is not None else "raster" if data.kind == "image" else "natural")
        return _order(
            scan, data.grid, section.channels, data.channels, seed, tuple(section.flip), section.transpose,
            None if ranks is None else json.dumps(ranks), section.factor, len(data.auxiliary), data.given,
        )  # fmt: skip

    # -- what has names ----------------------------------------------------------------------------------------------

    def condition(self, data: Data) -> dict[str, Condition | None]:
        """The conditions; None stands for one that can't be read."""
        taken = {"x": "the data", **dict.fromkeys(data.auxiliary, "an auxiliary image")}
        taken |= {"data": "the data"} if data.auxiliary else {}
        found: dict[str, Condition | None] = {}
        tree = self.sections.get("condition")
        if isinstance(tree, Map) and isinstance(tree.get("kind"), Scalar):
            edits = [(tree.place, f"{{label: {tree.place.text}}}")] if tree.flow else ()
            message = "each condition has a name, and this one has none"
            self.faults.add("AR103", message, tree.place, f"condition: {FORMS['condition']}", (), edits)
            return found
        for name, _, item in self._named("condition", "a condition", taken):
            values = self.evaluator.value(item)
            found[name] = None
            if isinstance(item, Map):
                found[name] = chosen(
                    CONDITIONS, values, item, "a condition", self.evaluator, "AR109", synonyms.CONDITIONS
                )
                section = found[name]
                size = 1 if section is None else math.prod(condition_type(section).grid)
                if section is not None and size > MAX_CELLS:
                    message = f"a {section.kind} of {size:,} positions, where {MAX_CELLS:,} is the limit (MAX_CELLS)"
                    self.faults.add("AR505", message, item.place, "make it smaller")
                    found[name] = None
            elif values is not None or self.evaluator.is_null(item):
                message = f"a condition takes a mapping, and was given {said(values)}"
                self.faults.add("AR103", message, item.place, f"{name}: {{kind: class, classes: 10}}")
        return found

    def masks(self) -> dict[str, str]:
        """The spec's own masks as texts. Each is checked here, so that what uses it need not be told."""
        taken = {name: f"a ready-made mask ({meaning})" for name, (_, meaning) in READY_MADE.items()}
        items: dict[str, Scalar] = {}
        found: dict[str, str] = {}
        for name, _, item in self._named("masks", "a mask", taken):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                items[name], found[name] = item, item.value
            else:
                message = f"a mask of its own is a predicate over (this, that), and was given {said(plain(item))}"
                self.faults.add("AR103", message, item.place, "mine: rows_above or (left and not here)")
                found[name] = "everything"
        resolver = Resolver(found, self.evaluator.params)
        for name, item in items.items():
            before = resolver.looked_up
            try:
                resolver.resolve(str(item.value))
            except ExpressionError as error:
                if not error.inside or error.code == "AR313":
                    report(error, item, self.faults)
                found[name] = "everything"
            self.faults.spend("names", resolver.looked_up - before, item.place)
        return found

    def blocks(self) -> dict[str, Map]:
        """The blocks by their names; an empty one stands for each that cannot be read."""
        found: dict[str, Map] = {}
        for name, place, item in self._named("blocks", "a block", {}):
            if not isinstance(item, Map):
                message = f"the block '{name}' takes a mapping, and was given {said(plain(item))}"
                self.faults.add("AR103", message, item.place, "with inputs, nodes, outputs, params")
                found[name] = Map(item.place, {}, True)
                continue
            found[name] = item
            keys = ("inputs", "params", "nodes", "outputs", "about")
            renamed = check_keys(item, keys, f"the block '{name}'", self.faults)
            for key in ("nodes", "outputs"):
                if item.get(key) is None and key not in renamed:
                    self.faults.add("AR102", f"the block '{name}' has no `{key}`", place, _missing(key, item))
            for key in ("nodes", "params"):
                value = item.get(key)
                if value is not None and not isinstance(value, Map):
                    message = f"`{key}` of the block '{name}' takes a mapping, and was given {said(plain(value))}"
                    help = f"names stand without dashes: {key}: {{name: ...}}" if isinstance(value, Seq) else None
                    self.faults.add("AR103", message, value.place, help)
                elif key == "nodes" and isinstance(value, Map) and not value.entries:
                    self.faults.add("AR116", f"the block '{name}' holds no nodes", value.place, None)
        return found

    # -- graph and head ----------------------------------------------------------------------------------------------

    def graph(self) -> Map:
        """The section `graph`; an empty one stands for it where it cannot be read."""
        tree = self._section("graph")
        if tree is not None and not tree.entries:
            self.faults.add("AR116", "the graph holds no nodes", tree.place, f"graph: {FORMS['graph']}")
        if tree is None:
            self.unread.add("graph")
            return Map(top(self.source), {}, True)
        return tree

    def head(self, data: Data) -> tuple[Head, Map]:
        """The head, and the section that states it; a stand-in where it cannot be read."""
        tree = self._section("head")
        head: Head | None = None
        if tree is not None and data.auxiliary:
            head = self._head_of_parts(tree, [*data.auxiliary, "x"])
        elif tree is not None:
            head = chosen(HEADS, self.evaluator.value(tree), tree, "a head", self.evaluator, "AR108", synonyms.HEADS)
        if head is None or tree is None:
            self.unread.add("head")
            return stand_in(), Map(top(self.source), {}, True)
        return head, tree

    def further(self) -> dict[str, tuple[FurtherHead, Map]]:
        """The further heads by name. Those that can't be read are reported and left out."""
        found: dict[str, tuple[FurtherHead, Map]] = {}
        for name, _, item in self._named("heads", "a head", {}):
            if not isinstance(item, Map):
                message = f"a further head takes a mapping, and was given {said(plain(item))}"
                self.faults.add("AR103", message, item.place, f"{name}: {{from: {name}, ahead: 1}}")
                continue
            one = built(FurtherHead, self.evaluator.value(item), item, "a further head", self.evaluator)
            if one is not None:
                found[name] = one, item
        return found

    def _head_of_parts(self, tree: Map, parts: list[str]) -> Head | None:
        """A head for each part of the data: the auxiliary images, and x."""
        form = f"head: {{{', '.join(f'{part}: {{kind: ..., from: ...}}' for part in parts)}}}"
        for name in tree.entries.keys() - set(parts):
            found = f"the data has the parts {', '.join(parts)}, and the head speaks of '{name}'"
            self.faults.add("AR606", found, tree.entries[name][0], form)
        of: dict[str, Head] = {}
        for part in parts:
            item = tree.get(part)
            if item is None:
                if not tree.entries.keys() - set(parts):  # else what it was called instead was told
                    self.faults.add("AR606", f"the head does not speak of the part '{part}'", tree.place, form)
            elif not isinstance(item, Map):
                message = f"the head of a part takes a mapping, and was given {said(plain(item))}"
                self.faults.add("AR103", message, item.place, f"{part}: {{kind: categorical, from: logits}}")
            else:
                one = chosen(HEADS, self.evaluator.value(item), item, "a head", self.evaluator, "AR108", synonyms.HEADS)
                of.update({part: one} if one is not None else {})
        if set(of) != tree.entries.keys() or len(of) < len(parts):
            return None
        return parts_head(of)


def _missing(key: str, block: Map) -> str:
    """How a key that a block lacks is written."""
    nodes = block.get("nodes")
    if key == "nodes" or not isinstance(nodes, Map) or not nodes.entries:
        return f"write `{key}: {{name: ...}}`"
    name = next(iter(input_names(block)), "out")
    return f"write `outputs: {{{name}: {list(nodes.entries)[-1]}}}`: the names of what it gives, with their nodes"


__all__ = ["MAX_CELLS", "MAX_VARIABLES", "Reader"]


@lru_cache(maxsize=256)
def _order(
    scan: str, grid: tuple[int, ...], channels: Literal["sequential", "joint"], count: int, seed: int,
    flip: tuple[str, ...], transpose: bool, ranks: str | None, factor: int, planes: int, known: int,
) -> orders.Order:  # fmt: skip
    """An order; the same object for the same settings, so that what was derived from it can be kept."""
    given = None if ranks is None else json.loads(ranks)
    order = orders.order(
        scan, grid, channels, count, seed=seed, flip=flip, transpose=transpose, ranks=given, factor=factor
    )
    order = orders.with_planes(order, planes) if planes else order
    return orders.with_given(order, known) if known else order
