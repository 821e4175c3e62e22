"""Values of YAML trees: expressions evaluated, and what pydantic refuses turned into diagnostics with places."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from arspec.diagnostics import Collector, Place
from arspec.language.meant import COMMA, Reading, meant, meant_key, rounded_down, taken_apart
from arspec.syntax.expressions import FUNCTIONS, ExpressionError, evaluate, is_expression, names
from arspec.syntax.synonyms import KEYS, Names, called_here
from arspec.syntax.yaml import Map, Scalar, Seq, Tree

Model = TypeVar("Model", bound=BaseModel)


class Unknown:
    """Stands for a parameter that could not be computed; what refers to it is left out without a further report."""


UNKNOWN = Unknown()
MAX_SAID = 80  # characters of a value that a message repeats


class Evaluator:
    """Turns trees into plain values, with every text that refers to a parameter evaluated. A fault is reported once
    and stands as None; `complete` is False from then on. What it goes through is counted, lists of parameters too."""

    def __init__(self, params: Mapping[str, Any], faults: Collector) -> None:
        self.params, self.faults = params, faults
        self.complete = True
        self._failed = set[int]()  # the texts, by identity, whose fault is reported

    def value(self, tree: Tree) -> Any:
        """The plain value of a tree, its expressions evaluated; what is wrong goes to the faults."""
        self.faults.spend("values", 1, tree.place)
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
            self.faults.spend("expressions", len(tree.value), tree.place)
            try:
                value = evaluate(tree.value, self.params)
                if isinstance(value, list):
                    self.faults.spend("values", _written_out(value), tree.place)
                return value
            except ExpressionError as error:
                whole = taken_apart(tree.place)
                if whole.end > tree.place.end:
                    message, text = "YAML takes this expression apart at its comma", f'"{whole.text}"'
                    self.faults.add("AR301", message, whole, f"{COMMA}: {text}", (), [(whole, text)])
                else:
                    report(error, tree, self.faults)
        self.complete = False
        self._failed.add(id(tree))
        return None

    def is_null(self, tree: Tree | None) -> bool:
        """Whether a text that was evaluated is null: as it stands, or by a parameter.
        What has a reported fault is not."""
        return isinstance(tree, Scalar) and id(tree) not in self._failed and self.value(tree) is None


def _written_out(value: Any) -> int:
    """How many values a list holds when it is written out: lists that parameters share are counted wherever they stand,
    and gone through once."""
    counts = dict[int, int]()  # by the identity of a list
    waiting: list[Any] = [value]
    while waiting:
        outer = waiting[-1]
        found: Any = outer.values() if isinstance(outer, dict) else outer
        inner = [item for item in found if isinstance(item, (dict, list))]
        ahead = [item for item in inner if id(item) not in counts]
        if ahead:
            waiting += ahead
            continue
        counts[id(outer)] = len(found) + sum(counts[id(item)] for item in inner)
        waiting.pop()
    return counts[id(value)]


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


def report(error: ExpressionError, tree: Tree, faults: Collector) -> None:
    """Reports what is wrong with the text of an expression or a mask."""
    place = place_in(tree, error)
    sure = error.becomes is not None and place.end - place.start == error.length
    faults.add(error.code, error.message, place, error.help, (), [(place, str(error.becomes))] if sure else ())


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


def check_keys(tree: Map, allowed: Iterable[str], what: str, faults: Collector) -> set[str]:
    """Reports keys that are not allowed, each with what is most likely meant; gives the keys that are meant."""
    known, found = sorted(allowed), set[str]()
    inside = 0  # where a value in round brackets ends, which YAML took apart at its commas
    for key, (place, item) in tree.entries.items():
        value = item.value if isinstance(item, Scalar) else item
        if key not in known and not (value is None and place.start < inside):
            name, help = meant_key(key, known, tree.entries, value)
            sure = name is not None and place.text == key
            faults.add("AR101", f"{what} has no key '{key}'", place, help, (), [(place, str(name))] if sure else ())
            found |= {name.partition(":")[0]} if name is not None else set()
        if isinstance(item, Scalar) and isinstance(item.value, str) and "(" in item.value:
            inside = max(inside, taken_apart(item.place).end)
    return found


def keys_of(model: type[BaseModel]) -> list[str]:
    """The YAML keys of a part of a spec."""
    return [field.alias or name for name, field in model.model_fields.items()]


def chosen(
    models: Mapping[str, type[Model]], values: Mapping[str, Any], tree: Map, what: str, evaluator: Evaluator,
    unknown: str, elsewhere: Names,
) -> Model | None:  # fmt: skip
    """The part of a spec whose `kind` chooses its model; `unknown` is the code for a kind that is none, `elsewhere` the
    names that kinds have in other programs."""
    kind, at, faults = values.get("kind"), tree.get("kind"), evaluator.faults
    if at is None:
        called = next((key for key in tree.entries if called_here(key, KEYS, ["kind"])), None)
        place = tree.place if called is None else tree.entries[called][0]
        help = f"kinds: {', '.join(sorted(models))}" if called is None else f"write `kind` for '{called}'"
        faults.add("AR102", f"{what} has no `kind`", place, help, (), [(place, "kind")] if called else ())
    elif isinstance(kind, str) and kind in models:
        return built(models[kind], values, tree, f"{what} of kind '{kind}'", evaluator)
    elif kind is not None or evaluator.is_null(at):
        message = f"there is no {what.split(' ', 1)[1]} of kind {said(kind)}"
        unknown_kind(unknown, message, at.place, str(kind), models, elsewhere, "kinds", faults)
    return None


def unknown_kind(
    code: str, message: str, place: Place, kind: str, known: Collection[str], elsewhere: Names, what: str,
    faults: Collector,
) -> None:  # fmt: skip
    """Reports a kind that there is not, with what other programs' names are called here."""
    called = called_here(kind, elsewhere, known)
    if called is None:
        faults.misspelt(code, message, place, kind, known, what)
    else:
        edits = [(place, called)] if place.text == kind else ()
        faults.add(code, message, place, f"here it is called '{called}'", (), edits)


def built(
    model: type[Model], values: Mapping[str, Any], tree: Map, what: str, evaluator: Evaluator, at: Place | None = None
) -> Model | None:
    """The part of a spec that the values of a mapping make up, or None with a diagnostic for each key that pydantic
    refuses. What an expression could not give was reported before. `at`: where a missing key is reported."""
    keys, faults = keys_of(model), evaluator.faults
    renamed = check_keys(tree, keys, what, faults)
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
            if key not in renamed:  # else it is there under another name, which is reported
                faults.add("AR102", f"{what} has no `{key}`", at or tree.place, help or f"write `{key}: ...`")
        elif field is not None and isinstance(part := tree.get(key), Map) and (kinds := kinds_of(field.annotation)):
            chosen(kinds, values[key], part, f"the `{key}` of {what}", evaluator, "AR109", {})
        elif values.get(key) is not None or evaluator.is_null(tree.get(key)):
            _report(key, found, tree, what, evaluator, help, model, values)
    return None


def kinds_of(annotation: Any) -> dict[str, type[BaseModel]]:
    """Of a key that holds a mapping whose `kind` chooses what it is, the models by their kinds; else nothing."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and "kind" in annotation.model_fields:
        return dict.fromkeys(get_args(annotation.model_fields["kind"].annotation), annotation)
    return {name: model for part in get_args(annotation) for name, model in kinds_of(part).items()}


_RANGES = {
    "greater_than": ("a number above {}", "gt"), "greater_than_equal": ("{} or more", "ge"),
    "less_than": ("a number below {}", "lt"),
    "less_than_equal": ("at most {}", "le"), "finite_number": ("a finite number", ""),
    "too_short": ("a list of {} or more", "min_length"), "too_long": ("a list of at most {}", "max_length"),
    "string_too_short": ("a text that is not empty", ""),
}  # fmt: skip
_TYPES = {
    "int": "a whole number", "float": "a number", "string": "a text", "bool": "true or false", "list": "a list",
    "tuple": "a list", "dict": "a mapping", "model": "a mapping",
}  # fmt: skip


def _report(
    key: str, found: Sequence[Any], tree: Map, what: str, evaluator: Evaluator, help: str | None,
    model: type[BaseModel], values: Mapping[str, Any],
) -> None:  # fmt: skip
    """One diagnostic for a key: of all the types that it takes, the nearest to what came."""
    inside = [f for f in found if any(isinstance(part, int) for part in f["loc"])]
    ranges = [f for f in found if f["type"] in _RANGES]
    choices = [f for f in found if f["type"] == "literal_error"]
    nearest = ranges or inside or found
    came = nearest[0]["input"]
    path = [part for part in nearest[0]["loc"] if part == key or isinstance(part, int)]
    place = place_of(tree, path)
    takes = " or ".join(dict.fromkeys(_takes(f) for f in nearest))
    code = "AR104" if ranges else "AR103"
    whole = taken_apart(place) if isinstance(came, str) and "(" in came else place
    if whole.end > place.end:
        came, place = whole.text, whole
    holds = "holds" if nearest is inside or (ranges and nearest[0] in inside) else "takes"
    message = f"`{key}` of {what} {holds} {takes}, and was given {said(came)}"

    def accepted(value: Any) -> bool:
        return _accepts(model, values, key, path, value)

    reading = meant(came, evaluator.params, accepted)
    whole_number = rounded_down(place.text, evaluator.params, accepted) if isinstance(came, float) else None
    if whole_number is not None:
        advice = f"write `{whole_number}`: // divides and rounds down"
        evaluator.faults.add(code, message, place, advice, (), [(place, whole_number)])
    elif reading is not None and not ranges:
        _told_what_is_meant(code, message, place, came, reading, help, evaluator.faults)
    elif choices and not ranges and isinstance(came, str):
        words = [w.strip("'") for f in choices for w in f["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        evaluator.faults.misspelt("AR109", message, place, came, words, "choices")
    else:
        called = re.fullmatch(r"(\w+)\(.*\)", came) if isinstance(came, str) else None
        if called:
            help = f"there is no function '{called[1]}': {', '.join(FUNCTIONS)}; a power is written **"
        evaluator.faults.add(code, message, place, help)


def _told_what_is_meant(
    code: str, message: str, place: Place, came: Any, reading: Reading, help: str | None, faults: Collector
) -> None:
    """Reports a value of the wrong type of which there is a reading that would be taken."""
    if "$" in place.text:  # the value comes from a parameter, and is to be mended there
        advice = f"`{place.text}` is {said(came)}; where it is set, write `{reading.text}`: {reading.why}"
        faults.add(code, message, place, advice)
        return
    advice = f"write `{reading.text}`: {reading.why}" + (f"\n{help}" if help else "")
    sure = not isinstance(came, list) or place.text.startswith("[")  # a list of lines may begin where no value can
    faults.add(code, message, place, advice, (), [(place, reading.text)] if sure else ())


def told(
    code: str,
    message: str,
    tree: Tree,
    came: Any,
    help: str | None,
    evaluator: Evaluator,
    accepted: Callable[[Any], bool],
) -> None:
    """Reports a value of the wrong type, with the reading of it that is accepted where there is one."""
    reading = meant(came, evaluator.params, accepted)
    if reading is None:
        evaluator.faults.add(code, message, tree.place, help)
    else:
        _told_what_is_meant(code, message, tree.place, came, reading, None, evaluator.faults)


def _accepts(model: type[BaseModel], values: Mapping[str, Any], key: str, path: Sequence[Any], value: Any) -> bool:
    """Whether a model takes `value` at a path below a key."""
    changed: Any = value
    for depth in range(len(path) - 1, 0, -1):
        around: Any = values[key]
        for part in path[1:depth]:
            around = around[part]
        if not isinstance(around, list):
            return False
        changed = [changed if k == path[depth] else item for k, item in enumerate(cast("list[Any]", around))]
    keys = keys_of(model)
    try:
        model.model_validate({k: v for k, v in {**values, key: changed}.items() if k in keys})
    except ValidationError as error:
        return not any(found["loc"] and found["loc"][0] == key for found in error.errors(include_url=False))
    return True


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
    text = _SHORT.repr(value)
    return text if len(text) <= MAX_SAID else f"{text[:MAX_SAID]}..."


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict = 3, 8, 6
_SHORT.maxstring, _SHORT.maxlong, _SHORT.maxother = 60, 40, 60
