"""Parameters: those of a spec or a block, evaluated one after another, with what is set from outside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from arspec.diagnostics import Collector, Place, did_you_mean
from arspec.language.built_in import BUILT_IN
from arspec.language.keys import UNKNOWN, Evaluator, Unknown, said
from arspec.syntax.expressions import names
from arspec.syntax.scalars import core_value
from arspec.syntax.yaml import Map, Scalar, Seq, Tree, plain

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def own_params(
    tree: Tree | None, overrides: Mapping[str, Any], data_params: Mapping[str, str], top: Place, faults: Collector
) -> dict[str, Any]:
    """The parameters of a spec, evaluated one after another as they refer to each other, with what is set from outside.

    A name that arspec itself gives is taken only where both mean the same: data: {levels: $levels}."""
    entries = tree.entries if isinstance(tree, Map) else {}
    if tree is not None and not isinstance(tree, Map) and plain(tree) is not None:
        help = "names stand without dashes: write `width: 64`, not `- width: 64`" if isinstance(tree, Seq) else None
        faults.add("AR103", "`params` is a mapping of names to values", tree.place, help or "params: {width: 64}")
    for name in overrides:
        if name not in entries:
            place = tree.place if tree is not None else top
            help = did_you_mean(name, entries, "its parameters are") or "it has none"
            faults.add("AR213", f"the spec has no parameter '{name}' to set", place, help)
    for name, (place, _) in entries.items():
        if not NAME.fullmatch(name):
            other = name.replace("-", "_")
            help = "names are letters, digits and _" + (f": write `{other}`" if NAME.fullmatch(other) else "")
            faults.add("AR115", f"'{name}' is no name for a parameter", place, help)
        elif name in BUILT_IN and data_params.get(name) != name:
            found = f"'{name}' is a parameter that arspec itself gives: {BUILT_IN[name]}"
            same = f", or write `{name}: ${name}` in the data section" if name in ("levels", "channels") else ""
            faults.add("AR207", found, place, f"take another name{same}")
    return settle_params(entries, overrides, {}, faults)


def settle_params(
    entries: Mapping[str, tuple[Place, Tree]], overrides: Mapping[str, Any], outer: Mapping[str, Any], faults: Collector
) -> dict[str, Any]:
    """Values of the parameters of a spec or a block: those given, else their defaults, which may refer to parameters
    that stand before them and to those outside. UNKNOWN stands for a value that could not be computed."""
    for place, _ in entries.values():
        faults.spend("names", len(entries) + len(outer), place)
        break
    values: dict[str, Any] = dict(outer)
    own: dict[str, Any] = {}
    ahead = entries.keys() - values.keys()
    for name, (_, default) in entries.items():
        evaluator = Evaluator(values, faults)
        if _refers_ahead(name, default, ahead, faults):
            given: Any = UNKNOWN
        else:
            given = evaluator.value(default)
            given = given if evaluator.complete else UNKNOWN
        if name in overrides:
            value = overrides[name]
            if isinstance(value, str) and not isinstance(given, str):
                value = _from_text(value, name, default.place, faults)
            if _unlike(value, given):
                found = f"the parameter '{name}' is {_kind(given)}; it was set to {said(value)}"
                faults.add("AR214", found, default.place, f"give {_kind(given)}, such as {said(given)}")
                value = UNKNOWN
            given = value
        own[name] = values[name] = given
        ahead.discard(name)
    return own


def _refers_ahead(name: str, tree: Tree, ahead: set[str], faults: Collector) -> bool:
    """Whether a default refers to itself or to a parameter below it, which is reported."""
    texts = [scalar for scalar in scalars(tree) if isinstance(scalar.value, str)]
    found = [(scalar, other) for scalar in texts for other in sorted(names(str(scalar.value)) & ahead)]
    for scalar, other in found:
        where = "itself" if other == name else f"'{other}', which stands below it"
        help = "a parameter refers to those above it: write a number, or change places"
        faults.add("AR219", f"the parameter '{name}' refers to {where}", scalar.place, help)
    return bool(found)


def scalars(tree: Tree) -> list[Scalar]:
    """Every scalar of a tree."""
    if isinstance(tree, Scalar):
        return [tree]
    inner = (
        tree.items if isinstance(tree, Seq) else [t for _, t in tree.entries.values()] if isinstance(tree, Map) else []
    )
    return [scalar for item in inner for scalar in scalars(item)]


def _from_text(text: str, name: str, place: Place, faults: Collector) -> Any:
    """A value that was given as a text, on the command line."""
    try:
        return core_value(text)
    except OverflowError as limit:
        faults.add(
            "AR214",
            f"the parameter '{name}' was set to {text[:40]}, which is beyond {limit}",
            place,
            "give a smaller number",
        )
        return UNKNOWN


def _unlike(value: Any, default: Any) -> bool:
    if default is None or any(isinstance(v, (list, dict, Unknown)) for v in (value, default)):
        return False  # a kernel is a number or a list of them, a mask a text or a list: the layer says what it takes
    return _kind(value) != _kind(default)


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case _:
            return f"a {type(value).__name__}"
