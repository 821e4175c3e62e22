"""Values of YAML trees: expressions evaluated, and what pydantic refuses turned into diagnostics with places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from arspec.diagnostics import Collector, Place, did_you_mean
from arspec.spec.expressions import ExpressionError, evaluate, is_expression
from arspec.spec.yaml import Map, Scalar, Seq, Tree


class Evaluator:
    """Turns trees into plain values, with every text that refers to a parameter evaluated. A fault is reported once
    and stands as None."""

    def __init__(self, params: Mapping[str, Any], faults: Collector) -> None:
        self.params, self.faults = params, faults

    def value(self, tree: Tree) -> Any:
        if isinstance(tree, Scalar):
            return self._scalar(tree)
        if isinstance(tree, Seq):
            return [self.value(item) for item in tree.items]
        assert isinstance(tree, Map)
        return {key: self.value(item) for key, (_, item) in tree.entries.items()}

    def plain(self, tree: Tree) -> Any:
        return self.value(tree)

    def _scalar(self, tree: Scalar) -> Any:
        if not isinstance(tree.value, str) or not is_expression(tree.value):
            return tree.value
        try:
            return evaluate(tree.value, self.params)
        except ExpressionError as error:
            self.faults.add(error.code, error.message, tree.place, error.help)
            return None


def check_keys(tree: Map, allowed: Iterable[str], what: str, faults: Collector) -> None:
    """Reports keys that are not allowed, each with the nearest that are."""
    for key, (place, _) in tree.entries.items():
        if key not in set(allowed):
            faults.add("AR101", f"{what} has no key '{key}'", place, did_you_mean(key, allowed, "keys"))


def place_of(tree: Tree, path: Iterable[Any]) -> Place:
    """Where the value at a path stands, or the nearest thing around it."""
    for part in path:
        if isinstance(tree, Map) and part in tree.entries:
            tree = tree.entries[part][1]
        elif isinstance(tree, Seq) and isinstance(part, int) and part < len(tree.items):
            tree = tree.items[part]
        else:
            break
    return tree.place


def report_invalid(error: ValidationError, tree: Tree, what: str, faults: Collector, values: Any) -> None:
    """One diagnostic for each key that pydantic refuses. What an expression could not give was reported before."""
    seen: dict[str, list[str]] = {}
    names = _field_names(error)
    for found in error.errors():
        context = found.get("ctx", {})
        kind, where = found["type"], [p for p in found["loc"] if not (isinstance(p, str) and p.startswith("function-"))]
        key = next((p for p in where if isinstance(tree, Map) and p in tree.entries), None)
        if kind in ("union_tag_not_found", "missing"):
            missing = "kind" if kind.startswith("union") else where[-1]
            faults.add("AR102", f"{what} has no `{missing}`", tree.place, f"write `{missing}: ...`")
        elif kind == "union_tag_invalid":
            tag = context["tag"]
            expected = re.findall(r"'(\w+)'", str(context["expected_tags"]))
            faults.add("AR109", f"{what} is of no kind '{tag}'", place_of(tree, ["kind"]), did_you_mean(str(tag), expected, "kinds"))
        elif kind == "extra_forbidden":
            key = where[-1]
            at = tree.entries[key][0] if isinstance(tree, Map) and key in tree.entries else place_of(tree, where)
            faults.add("AR101", f"{what} has no key '{key}'", at, did_you_mean(str(key), names, "keys"))
        elif key is not None and isinstance(values, dict) and values.get(key) is None and isinstance(tree, Map) \
                and not _is_null(tree, key):  # fmt: skip
            continue
        else:
            seen.setdefault(str(key if key is not None else where[0] if where else ""), []).append(_reason(found))
    for key, reasons in seen.items():
        came = values.get(key) if isinstance(values, dict) else values
        shown = repr(came) if len(repr(came)) <= 60 else repr(came)[:57] + "..."
        code = "AR104" if all("greater" in r or "less" in r or "at least" in r or "at most" in r for r in reasons) else "AR103"
        if all(r.startswith("one of") for r in reasons):
            code = "AR109"
        help = did_you_mean(str(came), re.findall(r"'([^']+)'", reasons[0]), "choices") if code == "AR109" else None
        faults.add(code, f"`{key}` of {what} is {' or '.join(dict.fromkeys(reasons))}; it was {shown}", place_of(tree, [key]), help)


def _is_null(tree: Map, key: str) -> bool:
    value = tree.entries[key][1]
    return isinstance(value, Scalar) and value.value is None


def _field_names(error: ValidationError) -> list[str]:
    from arspec.spec.names import keys_of

    return keys_of(error.title)


def _reason(found: Any) -> str:
    message = str(found["msg"])
    if found["type"] == "literal_error":
        return f"one of {found['ctx']['expected']}"
    plain = {
        "int_parsing": "a whole number", "int_type": "a whole number", "int_from_float": "a whole number",
        "string_type": "a text", "bool_type": "true or false", "bool_parsing": "true or false", "float_type": "a number",
        "float_parsing": "a number", "list_type": "a list", "dict_type": "a mapping", "tuple_type": "a list",
    }  # fmt: skip
    return plain.get(found["type"], message.removeprefix("Input should be ").removeprefix("Value error, "))
