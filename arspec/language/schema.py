"""The JSON Schema of a spec, made from the pydantic models, so that editors complete and check specs as they are
written. Parameters may stand for any number, truth value, choice or list: `$name` is accepted in their places."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from arspec.heads import HEADS
from arspec.language.experts import Experts
from arspec.language.extends import SECTIONS, VERSION
from arspec.language.further import FurtherHead
from arspec.language.merging import MERGED
from arspec.language.sections import CONDITIONS, DATA, Auxiliary, OrderSection
from arspec.layers import ALL, names_of
from arspec.masks import READY_MADE
from arspec.scans import SCANS_1D, SCANS_2D
from arspec.syntax.expressions import CALCULATES

Schema = dict[str, Any]

NAME = "^[A-Za-z_][A-Za-z0-9_]*$"
EXPRESSION: Schema = {"$ref": "#/$defs/expression"}
_KEPT = ("layer", "kind", "from", "weights")  # keys that choose or refer: no expression stands there
_WIDENED = ("integer", "number", "boolean", "array")


def schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a spec."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "arspec",
        "description": "An autoregressive model: a graph of layers, an order of generation, a distribution.",
        "type": "object",
        "properties": {
            **{key: {"description": SECTIONS[key], **form} for key, form in _sections().items()},
            **{f"{key}+": _merged(key) for key in MERGED},
        },
        "required": ["arspec"],
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": ["data", "graph", "head"]},
        "additionalProperties": False,
        "$defs": _definitions(),
    }


def _merged(section: str) -> Schema:
    text = f"What is added to the section `{section}` of the spec that is extended: by name, null takes an entry out."
    return {"type": "object", "description": text}


def _sections() -> dict[str, Schema]:
    order: Schema = {"anyOf": [{"$ref": "#/$defs/scan"}, {"$ref": "#/$defs/order"}]}
    return {
        "arspec": {"const": VERSION},
        "name": {"type": "string"},
        "about": {"type": "string"},
        "extends": {"type": "string"},
        "use": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
        "data": {"oneOf": _references("data", DATA)},
        "order": {"anyOf": [*order["anyOf"], {"type": "array", "items": order, "minItems": 1}]},
        "condition": _by_name({"oneOf": _references("condition", CONDITIONS)}, optional=True),
        "params": _by_name({}, optional=True),
        "masks": _by_name({"$ref": "#/$defs/predicate"}, optional=True),
        "blocks": _by_name({"$ref": "#/$defs/block"}, optional=True),
        "graph": {"$ref": "#/$defs/graph"},
        "head": {
            "anyOf": [*_references("head", HEADS), {"$ref": "#/$defs/heads"}],
            "description": f"{SECTIONS['head']}; of data with auxiliary images one for each part, by its name",
        },
        "heads": _by_name({"$ref": "#/$defs/further"}, optional=True),
    }


def _definitions() -> dict[str, Schema]:
    scans = sorted({*SCANS_2D, *SCANS_1D})
    kinds = {f"layer.{names_of(kind)[0]}": _part(kind, _WHEN) for kind in ALL}
    found: dict[str, Schema] = {
        "expression": {
            "type": "string",
            "pattern": rf"\$|{CALCULATES.pattern}",
            "description": "Arithmetic over parameters and numbers: 2 * $width.",
        },
        "scan": {"anyOf": [{"enum": scans}, EXPRESSION], "description": "The scan of an order."},
        "predicate": {
            "anyOf": [{"enum": list(READY_MADE)}, {"type": "string"}],
            "description": "A predicate over (this, that): " + _sentence(f"{n}: {m[1]}" for n, m in READY_MADE.items()),
        },
        "reference": {"type": "string", "minLength": 1, "description": "A node: name, block.output, block.*.output."},
        "graph": {**_by_name({"$ref": "#/$defs/node"}), "minProperties": 1},
        "node": {
            "oneOf": [
                *({"$ref": f"#/$defs/{name}"} for name in kinds),
                {"$ref": "#/$defs/instance"},
                {"$ref": "#/$defs/experts"},
                {"type": "object", "properties": {"layer": EXPRESSION}, "required": ["layer"]},
            ]
        },
        "instance": _instance(),
        "experts": _experts(),
        "block": _block(),
        "order": _part(OrderSection),
        "auxiliary": _part(Auxiliary),
        "further": _part(FurtherHead),
        "heads": {**_by_name({"oneOf": _references("head", HEADS)}), "minProperties": 2},
        **kinds,
    }
    for section, models in (("data", DATA), ("condition", CONDITIONS), ("head", HEADS)):
        found |= {f"{section}.{kind}": _part(model) for kind, model in models.items()}
    found["order"]["properties"]["scan"] = {"$ref": "#/$defs/scan"}
    return found


_WHEN: dict[str, Schema] = {
    "when": {
        "anyOf": [{"type": ["boolean", "integer"]}, EXPRESSION],
        "description": "Whether the node is there at all.",
    }
}
_NODES: Schema = {"anyOf": [{"$ref": "#/$defs/reference"}, {"type": "array", "items": {"$ref": "#/$defs/reference"}}]}


def _instance() -> Schema:
    return {
        "type": "object",
        "description": "An instance of a block.",
        "properties": {
            "block": {"type": "string", "description": "The name of a block of the section `blocks`."},
            "from": {
                "anyOf": [*_NODES["anyOf"], _by_name(_NODES)],
                "description": "What its inputs are: a node for its only input, or a mapping by name.",
            },
            "params": {**_by_name({}), "description": "Values of the block's own parameters."},
            "repeat": {
                "anyOf": [{"type": "integer", "minimum": 0}, EXPRESSION],
                "description": "How many times; each takes the outputs of the one before as its inputs of the same "
                "names. An output without a name becomes the only input.",
            },
            "weights": {
                "type": "string",
                "description": "shared: all repetitions have the weights of the first. The name of another instance of "
                "the block: its weights.",
            },
            **_WHEN,
        },
        "required": ["block"],
        "additionalProperties": False,
    }


def _experts() -> Schema:
    found, instance = _part(Experts, _WHEN), _instance()["properties"]
    for key in ("from", "params"):
        found["properties"][key] = instance[key]
    return found


def _block() -> Schema:
    named = {"type": "array", "items": {"type": "string"}}
    return {
        "type": "object",
        "description": "A reusable subgraph.",
        "properties": {
            "about": {"type": "string", "description": "What the block is, with its source."},
            "inputs": {
                "anyOf": [named, _by_name({}), {"type": "string"}],
                "description": "Names, with what they mean.",
            },
            "params": {**_by_name({}), "description": "Parameters of the block's own, with their defaults."},
            "nodes": {"$ref": "#/$defs/graph", "description": "The nodes; inputs, x and conditions are names in it."},
            "outputs": {
                "anyOf": [_by_name(_NODES), *_NODES["anyOf"]],
                "description": "Names, with the nodes they are; or one node, without a name.",
            },
        },
        "required": ["nodes", "outputs"],
        "additionalProperties": False,
    }


def _by_name(item: Schema, optional: bool = False) -> Schema:
    kind: Any = ["object", "null"] if optional else "object"
    return {"type": kind, "patternProperties": {NAME: item}, "additionalProperties": False}


def _references(section: str, kinds: Iterable[str]) -> list[Schema]:
    return [{"$ref": f"#/$defs/{section}.{kind}"} for kind in kinds]


def _part(model: type[BaseModel], more: dict[str, Schema] | None = None) -> Schema:
    """The schema of one model, with expressions in the places of values."""
    made = model.model_json_schema()
    properties: dict[str, Schema] = {}
    for key, form in made["properties"].items():
        form = _without_titles(_inlined(form, made.get("$defs", {})))
        if key == "auxiliary":
            form = {**_by_name({"$ref": "#/$defs/auxiliary"}), "description": form["description"]}
        elif key == "from":
            form = {**_NODES, "description": form["description"]}
        elif key == "mask" and model.__module__.startswith("arspec.layers"):
            others = [f for f in form["anyOf"] if f.get("type") not in ("string", "null")]
            form = {**form, "anyOf": [{"$ref": "#/$defs/predicate"}, *others, {"type": "null"}]}
        elif form.get("minLength") == 1 or any(part.get("minLength") == 1 for part in form.get("anyOf", ())):
            form = {**_reference(form), "description": form["description"]}
        elif key not in _KEPT:
            form = _widened(form)
        properties[key] = form
    found = {
        "type": "object",
        "description": inspect.cleandoc(model.__doc__ or ""),
        "properties": {**properties, **(more or {})},
        "required": made.get("required", []),
        "additionalProperties": False,
    }
    return found


def _inlined(form: Any, named: Schema) -> Any:
    """A form with those that it refers to by names of its own model in the places of the names."""
    if isinstance(form, list):
        return [_inlined(each, named) for each in form]
    if not isinstance(form, dict):
        return form
    name = str(form.get("$ref", "")).removeprefix("#/$defs/")
    if name in named:
        return _inlined(named[name], named)
    return {key: _inlined(each, named) for key, each in form.items() if key != "discriminator"}


def _reference(form: Schema) -> Schema:
    """A node, or a value of another form: a mapping."""
    reference: Schema = {"$ref": "#/$defs/reference"}
    others = [_widened(part) for part in form.get("anyOf", ()) if part.get("type") == "object"]
    return {"anyOf": [reference, *others]} if others else reference


def _without_titles(form: Any) -> Any:
    if isinstance(form, dict):
        return {key: _without_titles(value) for key, value in form.items() if key not in ("title", "thin")}
    return [_without_titles(item) for item in form] if isinstance(form, list) else form


def _widened(form: Schema) -> Schema:
    """A form that an expression may stand for, and for each entry of a list."""
    inner = dict(form)
    for key in ("items", "additionalProperties"):
        if isinstance(inner.get(key), dict):
            inner[key] = _widened(inner[key])
    if "properties" in inner:
        stated = inner["properties"].items()
        inner["properties"] = {key: one if key == "kind" else _widened(one) for key, one in stated}
    if "oneOf" in inner:
        inner["oneOf"] = [_widened(each) for each in inner["oneOf"]]
    if "prefixItems" in inner:
        inner["prefixItems"] = [_widened(item) for item in inner["prefixItems"]]
    outer = {key: inner.pop(key) for key in ("description", "default") if key in inner}
    if "anyOf" in inner:
        choices = [choice for part in inner["anyOf"] for choice in _choices(_widened(part))]
        plain = any(choice.get("type") == "string" and "enum" not in choice for choice in choices)
        inner["anyOf"] = [c for c in choices if c != EXPRESSION] + (
            [] if plain or EXPRESSION not in choices else [EXPRESSION]
        )
        return {**outer, **inner}
    if inner.get("type") in _WIDENED or "enum" in inner or "const" in inner:
        return {**outer, "anyOf": [inner, EXPRESSION]}
    return {**outer, **inner}


def _choices(form: Schema) -> list[Schema]:
    return form["anyOf"] if set(form) == {"anyOf"} else [form]


def _sentence(parts: Iterable[str]) -> str:
    return "; ".join(parts) + "."
