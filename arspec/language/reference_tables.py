"""Tables of the reference: the keys of a part of the language as its JSON Schema states them, in words."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from arspec.language.schema import schema

Form = dict[str, Any]
_SEVERAL = {
    "a node": "nodes", "a text": "names", "a list": "lists", "a whole number": "whole numbers", "a number": "numbers",
    "a list of whole numbers": "lists of whole numbers",
}  # fmt: skip
_NAMED = {"predicate": "a mask", "reference": "a node", "scan": "a scan", "graph": "nodes by name"}


def code(text: str) -> str:
    """A piece of a spec in a line of text."""
    return f"`{text}`"


def example(text: str) -> list[str]:
    """A block of YAML."""
    return ["```yaml", text, "```"]


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lines of a table in Markdown."""

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(head), line(("---",) * len(head)), *map(line, rows)]


def keys(definition: str, only: Iterable[str] | None = None, without: Iterable[str] = ()) -> list[str]:
    """The table of the keys of a definition of the schema: all of them, or some."""
    stated = _definitions()[definition]
    left_out = set(without)
    rows: list[tuple[str, ...]] = []
    for key, form in stated["properties"].items():
        if key not in left_out and (only is None or key in only):
            default = "required" if key in stated.get("required", ()) else default_of(form.get("default"))
            rows.append((code(key), takes(form), default, _description(key, form)))
            rows += _forms(key, form)
    return table(("key", "takes", "default", "meaning"), rows) if rows else ["No keys of its own."]


def _forms(key: str, form: Form) -> list[tuple[str, ...]]:
    """Rows for the mappings that a key may hold, one for each kind of them, then one for each of its keys."""
    rows: list[tuple[str, ...]] = []
    choices = form.get("anyOf", [])
    for choice in [inner for one in choices for inner in (one, *one.get("oneOf", ()))]:
        own: Form = choice.get("properties", {})
        kind = own.get("kind", {}).get("const")
        if kind is None:
            continue
        rows.append(
            (f"{code(key)}: {code(kind)}", "a mapping", "", " ".join(str(choice.get("description", "")).split()))
        )
        for name, inner in own.items():
            if name != "kind":
                default = "required" if name in choice.get("required", ()) else default_of(inner.get("default"))
                rows.append(
                    (f"{code(key)}: {code(kind)}: {code(name)}", takes(inner), default, _description(name, inner))
                )
    return rows


@cache
def _definitions() -> Form:
    return schema()["$defs"]


def _description(key: str, form: Form) -> str:
    if "description" in form:
        return str(form["description"])
    if "$ref" in form:
        return str(_definitions()[form["$ref"].rsplit("/", 1)[1]].get("description", ""))
    return {"layer": "The kind of the layer.", "kind": "The kind."}.get(key, "")


def default_of(value: Any) -> str:
    """The default of a key, as a piece of a spec; nothing where it has none that says anything."""
    if value is None or value == {} or value == []:
        return ""
    return code(str(value).lower() if isinstance(value, bool) else str(value))


def takes(form: Form) -> str:
    """What the key of a form takes, in words."""
    if "$ref" in form:
        name = form["$ref"].rsplit("/", 1)[1]
        return _NAMED.get(name, "" if name == "expression" else f"{name} (see there)")
    if "anyOf" in form:
        return " or ".join(dict.fromkeys(word for part in form["anyOf"] if (word := takes(part))))
    if "enum" in form:
        return ", ".join(code(str(choice)) for choice in form["enum"])
    if "const" in form:
        return code(str(form["const"]))
    if isinstance(form.get("type"), list):
        return " or ".join(takes({"type": kind}) for kind in form["type"])
    return _typed(form)


def _typed(form: Form) -> str:
    kind = str(form.get("type", ""))
    if kind == "array":
        inner = takes(form["items"]) if isinstance(form.get("items"), dict) else ""
        inner = _SEVERAL.get(inner.partition(" from ")[0], inner)
        return f"a list of {inner}" if inner else "a list"
    if kind == "object":
        inner = next(iter(form.get("patternProperties", {}).values()), form.get("additionalProperties"))
        words = takes(inner) if isinstance(inner, dict) else ""
        return f"a mapping of names to {words}" if words else "a mapping"
    words = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "a text"}.get(
        kind, ""
    )
    return words + _span(form) if kind in ("integer", "number") else words


def _span(form: Form) -> str:
    """The range of a number."""
    low, high = form.get("minimum"), form.get("maximum", form.get("exclusiveMaximum"))
    if "exclusiveMinimum" in form:
        whole = form.get("type") == "integer"
        low = form["exclusiveMinimum"] + 1 if whole else f"above {form['exclusiveMinimum']}"
    span = f" from {low:,}" if isinstance(low, int) else f" from {low}" if low is not None else ""
    return span + (f" to {high:,}" if isinstance(high, int) and span else "")
