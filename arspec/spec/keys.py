"""Values of YAML trees: expressions evaluated, and what pydantic refuses turned into diagnostics with places."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from arspec.diagnostics import Collector, Place, did_you_mean
from arspec.spec.expressions import ExpressionError, evaluate, is_expression, names
from arspec.spec.yaml import Map, Scalar, Seq, Tree

Model = TypeVar("Model", bound=BaseModel)


class Unknown:
    """Stands for a parameter that could not be computed; what refers to it is left out without a further report."""


UNKNOWN = Unknown()


class Evaluator:
    """Turns trees into plain values, with every text that refers to a parameter evaluated. A fault is reported once
    and stands as None; `complete` is False from then on."""

    def __init__(self, params: Mapping[str, Any], faults: Collector) -> None:
        self.params, self.faults = params, faults
        self.complete = True

    def value(self, tree: Tree) -> Any:
        if isinstance(tree, Scalar):
            return self._scalar(tree)
        if isinstance(tree, Seq):
            return [self.value(item) for item in tree.items]
        assert isinstance(tree, Map)
        return {key: self.value(item) for key, (_, item) in tree.entries.items()}

    def _scalar(self, tree: Scalar) -> Any:
        if not isinstance(tree.value, str) or not is_expression(tree.value):
            return tree.value
        if not any(isinstance(self.params.get(name), Unknown) for name in names(tree.value)):
            try:
                return evaluate(tree.value, self.params)
            except ExpressionError as error:
                self.faults.add(error.code, error.message, place_in(tree, error), error.help)
        self.complete = False
        return None


def place_in(tree: Tree, error: ExpressionError) -> Place:
    """The part of a text that an expression's fault speaks of; the whole text where its characters are not its value's
    (escapes, folded lines)."""
    if not isinstance(tree, Scalar):
        return tree.place
    written = tree.place.text
    quote = 1 if written[:1] in ("'", '"') else 0
    if written[quote : len(written) - quote] != tree.value:
        return tree.place
    return tree.place.within(quote + error.offset, error.length)


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


def check_keys(tree: Map, allowed: Iterable[str], what: str, faults: Collector) -> None:
    """Reports keys that are not allowed, each with the nearest that are."""
    known = list(allowed)
    for key, (place, _) in tree.entries.items():
        if key not in known:
            faults.add("AR101", f"{what} has no key '{key}'", place, did_you_mean(key, known, "its keys are"))


def keys_of(model: type[BaseModel]) -> list[str]:
    """The YAML keys of a part of a spec."""
    return [field.alias or name for name, field in model.model_fields.items()]


def chosen(
    models: Mapping[str, type[Model]], values: Mapping[str, Any], tree: Map, what: str, faults: Collector, unknown: str
) -> Model | None:
    """The part of a spec whose `kind` chooses its model; `unknown` is the code for a kind that is none."""
    kind, at = values.get("kind"), tree.get("kind")
    help = did_you_mean(str(kind), models, "kinds")
    if at is None:
        faults.add("AR102", f"{what} has no `kind`", tree.place, f"kinds: {', '.join(sorted(models))}")
    elif isinstance(kind, str) and kind in models:
        return built(models[kind], values, tree, f"{what} of kind '{kind}'", faults)
    elif kind is not None or (isinstance(at, Scalar) and at.value is None):
        faults.add(unknown, f"there is no {what.split(' ', 1)[1]} of kind {said(kind)}", at.place, help)
    return None


def built(
    model: type[Model], values: Mapping[str, Any], tree: Map, what: str, faults: Collector, at: Place | None = None
) -> Model | None:
    """The part of a spec that the values of a mapping make up, or None with a diagnostic for each key that pydantic
    refuses. What an expression could not give was reported before. `at`: where a missing key is reported."""
    keys = keys_of(model)
    check_keys(tree, keys, what, faults)
    try:
        return model.model_validate({key: value for key, value in values.items() if key in keys})
    except ValidationError as error:
        by_key: dict[str, list[Any]] = {}
        for found in error.errors(include_url=False):
            by_key.setdefault(str(found["loc"][0]) if found["loc"] else "", []).append(found)
    for key, found in by_key.items():
        field = next((f for n, f in model.model_fields.items() if (f.alias or n) == key), None)
        help = f"`{key}`: {field.description}" if field is not None and field.description else None
        if found[0]["type"] == "missing" and len(found[0]["loc"]) == 1:
            faults.add("AR102", f"{what} has no `{key}`", at or tree.place, help or f"write `{key}: ...`")
        elif values.get(key) is not None or _is_null(tree, key):
            _report(key, found, tree, what, faults, help)
    return None


def _is_null(tree: Map, key: str) -> bool:
    value = tree.get(key)
    return isinstance(value, Scalar) and value.value is None


_RANGES = {
    "greater_than": ("above {}", "gt"), "greater_than_equal": ("{} or more", "ge"), "less_than": ("below {}", "lt"),
    "less_than_equal": ("at most {}", "le"), "finite_number": ("a finite number", ""),
    "too_short": ("a list of {} or more", "min_length"), "too_long": ("a list of at most {}", "max_length"),
    "string_too_short": ("a text that is not empty", ""),
}  # fmt: skip
_TYPES = {
    "int": "a whole number", "float": "a number", "string": "a text", "bool": "true or false", "list": "a list",
    "tuple": "a list", "dict": "a mapping",
}  # fmt: skip


def _report(key: str, found: Sequence[Any], tree: Map, what: str, faults: Collector, help: str | None) -> None:
    """One diagnostic for a key: of all the types that it takes, the nearest to what came."""
    inside = [f for f in found if any(isinstance(part, int) for part in f["loc"])]
    ranges = [f for f in found if f["type"] in _RANGES]
    choices = [f for f in found if f["type"] == "literal_error"]
    nearest = ranges or inside or found
    came = nearest[0]["input"]
    place = place_of(tree, [part for part in nearest[0]["loc"] if part == key or isinstance(part, int)])
    takes = " or ".join(dict.fromkeys(_takes(f) for f in nearest))
    code = "AR104" if ranges else "AR103"
    if choices and not ranges and isinstance(came, str):
        words = [w.strip("'") for f in choices for w in f["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        code, help = "AR109", did_you_mean(came, words, "choices")
    holds = "holds" if nearest is inside or (ranges and nearest[0] in inside) else "takes"
    faults.add(code, f"`{key}` of {what} {holds} {takes}, and was given {said(came)}", place, help)


def _takes(found: Any) -> str:
    kind = found["type"]
    if kind in _RANGES:
        form, bound = _RANGES[kind]
        return form.format(found["ctx"][bound] if bound else "")
    if kind == "literal_error":
        return str(found["ctx"]["expected"])
    plain = _TYPES.get(kind.split("_")[0])
    return plain or str(found["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")


def said(value: Any) -> str:
    """A value as it stands in YAML, cut short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict = 3, 8, 6
_SHORT.maxstring, _SHORT.maxlong, _SHORT.maxother = 60, 40, 60
