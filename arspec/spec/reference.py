"""The reference of the language as a page of Markdown: layers, heads, data, conditions, orders, masks; made from the
models' docstrings and descriptions."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import BaseModel

from arspec import orders
from arspec.heads import HEADS
from arspec.layers import ALL, Layer, names_of
from arspec.masks import READY_MADE
from arspec.spec.extends import SECTIONS
from arspec.spec.params import BUILT_IN
from arspec.spec.schema import schema
from arspec.spec.sections import CONDITIONS, DATA, Auxiliary, OrderSection


def reference() -> str:
    """The page."""
    parts = ["# The language of specs", "", "Printed by `arspec schema --reference`.", ""]
    parts += ["## Sections", "", *_table(("section", "what it holds"), [(f"`{k}`", v) for k, v in SECTIONS.items()])]
    given = [(f"`${name}`", meaning) for name, meaning in BUILT_IN.items()]
    parts += ["", "Parameters that arspec gives:", "", *_table(("parameter", "value"), given)]
    parts += ["", "## Data", *(line for kind, model in DATA.items() for line in _part(kind, model, f"data.{kind}"))]
    parts += _part("auxiliary", Auxiliary, "auxiliary")
    parts += ["", "## Orders", "", *_fields(OrderSection, "order")]
    for title, scans in (("Scans of images", orders.SCANS_2D), ("Scans of sequences and vectors", orders.SCANS_1D)):
        parts += [
            "",
            f"### {title}",
            "",
            *_table(("scan", "order"), [(f"`{n}`", _summary(s)) for n, s in scans.items()]),
        ]
    parts += ["", "## Conditions"]
    parts += [line for kind, model in CONDITIONS.items() for line in _part(kind, model, f"condition.{kind}")]
    parts += ["", "## Masks", "", "`that` is a site that may be read, `this` the one that is computed.", ""]
    parts += _table(("mask", "holds where"), [(f"`{name}`", meaning) for name, (_, meaning) in READY_MADE.items()])
    parts += ["", "## Layers", "", "Every layer takes these keys, and its own.", ""]
    parts += _table(("key", "takes", "default", "meaning"), _rows(Layer, "layer.conv", ("from", "weights")))
    for kind in ALL:
        parts += _part("`, `".join(names_of(kind)), kind, f"layer.{names_of(kind)[0]}")
    parts += ["", "## Heads", *(line for kind, model in HEADS.items() for line in _part(kind, model, f"head.{kind}"))]
    parts += [
        "",
        "Data with auxiliary images have a head for each part, by its name, and `x` for the image itself:",
        "",
    ]
    parts += [
        "```yaml",
        "head: {luma: {kind: categorical, from: grey}, x: {kind: logistic_mixture, from: logits}}",
        "```",
    ]
    return "\n".join(parts) + "\n"


def _part(name: str, model: type[BaseModel], definition: str) -> list[str]:
    return ["", f"### `{name}`", "", inspect.cleandoc(model.__doc__ or ""), "", *_fields(model, definition)]


def _fields(model: type[BaseModel], definition: str) -> list[str]:
    common = ("layer", "kind", "from", "weights") if definition.startswith("layer.") else ("kind",)
    rows = _rows(
        model, definition, [f.alias or n for n, f in model.model_fields.items() if (f.alias or n) not in common]
    )
    return _table(("key", "takes", "default", "meaning"), rows) if rows else ["No keys of its own."]


def _rows(model: type[BaseModel], definition: str, keys: Iterable[str]) -> list[tuple[str, ...]]:
    properties = _forms()[definition]["properties"]
    rows: list[tuple[str, ...]] = []
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for key in keys:
        field = fields[key]
        default = "required" if field.is_required() else "" if field.default is None else f"`{_said(field.default)}`"
        rows.append((f"`{key}`", _form(properties[key]), default, field.description or ""))
    return rows


@cache
def _forms() -> dict[str, Any]:
    return schema()["$defs"]


def _form(form: dict[str, Any]) -> str:
    """What a key takes, in words."""
    if "$ref" in form:
        return {"predicate": "a mask", "reference": "a node", "scan": "a scan"}.get(form["$ref"].rsplit("/", 1)[1], "")
    if "anyOf" in form:
        return " or ".join(dict.fromkeys(word for part in form["anyOf"] if (word := _form(part))))
    if "enum" in form:
        return ", ".join(f"`{choice}`" for choice in form["enum"])
    if "const" in form:
        return f"`{form['const']}`"
    kind = form.get("type")
    if kind == "array":
        return "a list of nodes" if form.get("items") == {"$ref": "#/$defs/reference"} else "a list"
    low, high = form.get("minimum"), form.get("maximum", form.get("exclusiveMaximum"))
    if "exclusiveMinimum" in form:
        low = form["exclusiveMinimum"] + 1 if kind == "integer" else f"above {form['exclusiveMinimum']}"
    span = f" from {low:,}" if isinstance(low, int) else f" from {low}" if low is not None else ""
    span += f" to {high:,}" if isinstance(high, int) and span else ""
    words = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "a text"}
    return words.get(str(kind), {"object": "a mapping"}.get(str(kind), "")) + (
        span if kind in ("integer", "number") else ""
    )


def _said(value: Any) -> str:
    return (
        str(value).lower() if isinstance(value, bool) else str(list(value)) if isinstance(value, tuple) else str(value)
    )


def _summary(scan: Any) -> str:
    return " ".join((inspect.getdoc(scan) or "").split("\n\n")[0].split())


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(head), line(("---",) * len(head)), *map(line, rows)]
