"""What the JSON Schema states of the mapping at a place: its keys, what each takes, and what it means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from arspec.language.reference_tables import default_of, takes
from arspec.language.shipped import shipped_folder
from arspec.layers import KINDS, names_of

Form = dict[str, Any]
ENTRY = ("layer", "block", "experts")  # the keys by which an entry of a graph says what it is


@dataclass(frozen=True, eq=False)
class Stated:
    """A mapping as the schema states it. title: what it is called in words; about: what the schema says of it."""

    title: str
    about: str
    keys: Mapping[str, Form]
    required: tuple[str, ...] = ()

    def about_key(self, key: str) -> str:
        """What a key means."""
        return described(key, self.keys.get(key, {}))

    def line(self, key: str) -> str:
        """What a key takes, and its default, in words."""
        form = self.keys[key]
        default = "required" if key in self.required else default_of(form.get("default"))
        words = takes(form)
        return f"{words}; {default}" if words and default == "required" else f"{words}; default {default}" if (
            default) else words  # fmt: skip


@cache
def schema() -> Form:
    """The JSON Schema, as it ships."""
    return json.loads((shipped_folder() / "arspec.schema.json").read_text("utf-8"))


def definition(name: str) -> Form:
    """A definition of the schema; empty where there is none of this name."""
    return schema()["$defs"].get(name, {})


def described(key: str, form: Form) -> str:
    """The description of a key, or of what its form refers to."""
    if "description" in form:
        return str(form["description"])
    if "$ref" in form:
        return str(definition(form["$ref"].rsplit("/", 1)[1]).get("description", ""))
    return {"layer": "The kind of the layer.", "kind": "The kind."}.get(key, "")


def layer_definition(kind: str) -> str | None:
    """The name of the definition of a layer kind."""
    return f"layer.{names_of(KINDS[kind])[0]}" if kind in KINDS else None


def entry_path(path: tuple[str, ...]) -> tuple[str | None, str, tuple[str, ...]] | None:
    """Of a path within an entry of a graph or a block: the block, the entry's name, and the path within the entry."""
    if len(path) >= 2 and path[0] == "graph":
        return None, path[1], path[2:]
    if len(path) >= 4 and path[0] == "blocks" and path[2] == "nodes":
        return path[1], path[3], path[4:]
    return None


def stated(path: tuple[str, ...], siblings: Mapping[str, str], outer: Mapping[str, str] | None = None) -> Stated | None:
    """What is stated of the mapping at a path. siblings: its keys with the texts of their values; outer: those of the
    entry around it, where it is the value of one of the entry's keys. None where its keys are names."""
    if not path:
        return Stated("a spec", str(schema()["description"]), schema()["properties"], ("arspec",))
    found = entry_path(path)
    if found is not None:
        _, _, inner = found
        if not inner:
            return _entry(siblings)
        within = _entry(outer or {})
        return None if inner[0] in ("from", "params") or within is None else _inner(within, inner[0], siblings)
    match path:
        case ("data" | "head" as section,):
            return _of_kind(section, siblings)
        case ("condition", _):
            return _of_kind("condition", siblings)
        case ("head", _):
            return _of_kind("head", siblings)
        case ("order",):
            return _definition("order", "an order")
        case ("data", "auxiliary", _):
            return _definition("auxiliary", "an auxiliary image")
        case ("blocks", _):
            return _definition("block", "a block")
        case ("heads", _):
            return _definition("further", "a further head")
        case _:
            return None


def _definition(name: str, title: str) -> Stated:
    form = definition(name)
    return Stated(title, str(form.get("description", "")), form.get("properties", {}), tuple(form.get("required", ())))


def _of_kind(section: str, siblings: Mapping[str, str]) -> Stated:
    kind = siblings.get("kind", "")
    if definition(f"{section}.{kind}"):
        return _definition(f"{section}.{kind}", f"{section} of kind {kind}")
    about = described(section, schema()["properties"].get(section, {}))
    return Stated(section, about, {"kind": {"description": "The kind."}}, ("kind",))


def kinds_of_section(section: str) -> dict[str, str]:
    """The kinds of a section `data`, `condition` or `head`, with what each is."""
    prefix = f"{section}."
    return {
        name.removeprefix(prefix): str(form.get("description", ""))
        for name, form in schema()["$defs"].items()
        if name.startswith(prefix)
    }


def layer_kinds() -> dict[str, str]:
    """The layer kinds, by every name, with what each is."""
    return {name: str(definition(f"layer.{names_of(kind)[0]}").get("description", "")) for name, kind in KINDS.items()}


def _entry(siblings: Mapping[str, str]) -> Stated | None:
    """An entry of a graph: a layer of a kind, an instance of a block, or experts."""
    if "block" in siblings:
        return _definition("instance", "an instance of a block")
    if "experts" in siblings:
        return _definition("experts", "experts")
    if "layer" in siblings:
        name = layer_definition(siblings["layer"])
        if name is not None:
            return _definition(name, f"the layer `{siblings['layer']}`")
    common = {
        key: form
        for key, form in definition("layer.conv").get("properties", {}).items()
        if key in ("from", "weights", "when")
    }
    begun = {key: {"description": what} for key, what in _BEGIN.items() if not siblings.keys() & set(ENTRY)}
    return Stated("a node", "", {**begun, **common})


_BEGIN = {
    "layer": "A layer: its kind.",
    "block": "An instance of a block: its name.",
    "experts": "Experts: the block that each is a copy of.",
}


def _inner(within: Stated, key: str, siblings: Mapping[str, str]) -> Stated | None:
    """The mapping that a key of an entry holds."""
    form = within.keys.get(key)
    if form is None:
        return None
    about, chosen = within.about_key(key), dict[str, Form]()
    for choice in _choices(form):
        own: Form = choice.get("properties", {})
        kind = own.get("kind", {}).get("const")
        if kind is not None and siblings.get("kind") not in (None, "", kind):
            continue
        about = str(choice.get("description", about)) if kind is not None and siblings.get("kind") == kind else about
        chosen |= own if kind is None or siblings.get("kind") == kind else {"kind": own["kind"]}
        chosen |= {name: {} for name in choice.get("propertyNames", {}).get("enum", ())}
    if key == "mask" and not chosen:
        chosen = {"kernel": {}, "groups": {"$ref": "#/$defs/predicate"}}
    return Stated(f"`{key}` of {within.title}", about, chosen)


def _choices(form: Form) -> Iterator[Form]:
    """The forms that a form may take."""
    yield form
    for key in ("anyOf", "oneOf"):
        for one in form.get(key, ()):
            yield from _choices(one)


def values_of(form: Form) -> list[str]:
    """The values that a form names: choices, truth values."""
    found: list[str] = []
    for choice in _choices(form):
        if "$ref" in choice and not choice["$ref"].endswith(("expression", "reference", "predicate")):
            found += values_of(definition(choice["$ref"].rsplit("/", 1)[1])) if choice["$ref"].endswith("scan") else []
        found += [str(one) for one in choice.get("enum", ())]
        found += [str(choice["const"])] if isinstance(choice.get("const"), (str, int)) else []
        types = choice.get("type") if isinstance(choice.get("type"), list) else [choice.get("type")]
        found += ["true", "false"] if "boolean" in (types or ()) else []
        items = choice.get("items")
        found += values_of(items) if isinstance(items, dict) else []
    return [*dict.fromkeys(found)]


def refers(form: Form, to: str) -> bool:
    """Whether a form, or what its list holds, is a `reference`, a `predicate` or an `expression`."""
    for choice in _choices(form):
        if str(choice.get("$ref", "")).endswith(f"/{to}"):
            return True
        if isinstance(choice.get("items"), dict) and refers(choice["items"], to):
            return True
    return False
