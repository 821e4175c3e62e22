"""What a value or a key that can't be taken most likely stands for: the readings of what newcomers write."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from arspec.diagnostics import Place, did_you_mean, the_nearest
from arspec.language.built_in import BUILT_IN
from arspec.syntax.expressions import MAX_LENGTH, MAX_MAGNITUDE, ExpressionError, evaluate, names, with_signs
from arspec.syntax.scalars import core_value
from arspec.syntax.synonyms import KEYS, NO_KEY, called_here, folded

WORDS = {"yes": True, "on": True, "y": True, "true": True, "no": False, "off": False, "n": False, "false": False}
TUPLE = re.compile(r"\(\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*,?\s*\)")
_BY = re.compile(r"(\d+)\s*[x×X]\s*(\d+)")


COMMA = "inside { } a text with a comma stands in quotes"


def taken_apart(place: Place) -> Place:
    """The place of a value, to the end of its round brackets: inside { } YAML takes (3, 3) and max(3, 5) apart at the
    comma."""
    text, depth = place.source.text, 0
    for at in range(place.start, min(len(text), place.start + MAX_LENGTH)):
        char = text[at]
        depth += (char == "(") - (char == ")")
        if char in "\n{}" or (depth == 0 and char == "," and at >= place.end) or depth < 0:
            return Place(place.source, place.start, max(place.end, at)) if depth == 0 else place
    return place


class Reading(NamedTuple):
    """A value that may be meant, as it is written, and why."""

    value: Any
    text: str
    why: str


def rounded_down(text: str, params: Mapping[str, Any], accepted: Callable[[Any], bool]) -> str | None:
    """The expression whose quotients are rounded down, where that makes its value one that is accepted."""
    other = re.sub(r"(?<!/)/(?!/)", "//", text)
    with contextlib.suppress(ExpressionError):
        return other if other != text and accepted(evaluate(other, params)) else None
    return None


def meant(value: Any, params: Mapping[str, Any], accepted: Callable[[Any], bool]) -> Reading | None:
    """The first reading of a value that is accepted in its place; None where there is none."""
    anything = accepted([[]])  # where any list is taken, and its items are looked at later
    for reading in _readings(value, params):
        if accepted(reading.value) and not (anything and isinstance(reading.value, list)):
            return reading
    return None


def _readings(value: Any, params: Mapping[str, Any]) -> Iterator[Reading]:
    if isinstance(value, str):
        yield from _of_text(value, params)
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_MAGNITUDE:
        yield Reading(int(value), str(int(value)), "it is a whole number, without a point")
    if isinstance(value, int) and not isinstance(value, bool) and value in (0, 1):
        yield Reading(bool(value), _written(bool(value)), "a truth value is `true` or `false`")
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield Reading([value], f"[{_written(value)}]", "a list stands in brackets")
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], (str, int, float)):  # pyright: ignore[reportUnknownArgumentType]
        yield Reading(value[0], _written(value[0]), "it is one value, without brackets")


def _signed(added: Collection[str]) -> str:
    """Why names have a $ before them."""
    given = next((name for name in BUILT_IN if name in added), None)
    why = "a parameter has a $ before its name"
    return why if given is None else f"{why}, and arspec gives ${given}: {BUILT_IN[given]}"


def _of_text(text: str, params: Mapping[str, Any]) -> Iterator[Reading]:
    signed = with_signs(text, params, lambda word: the_nearest(word, params))
    value = None
    if signed is not None:
        with contextlib.suppress(ExpressionError):
            value = evaluate(signed, params)
    if "," in text and "(" in text:
        with contextlib.suppress(ExpressionError):
            yield Reading(evaluate(text, params), f'"{text}"', COMMA)
    if signed is not None and value is not None:
        yield Reading(value, signed, _signed(names(signed) - names(text)))
    if text.lower() in WORDS:
        word = WORDS[text.lower()]
        yield Reading(word, _written(word), "a truth value is `true` or `false`")
    try:
        number = core_value(text.strip())
    except OverflowError:
        number = None
    if number is not None and not isinstance(number, str):
        yield Reading(number, _written(number), "a number stands without quotes")
    if text.rstrip().endswith(","):
        yield from (r._replace(why="no comma ends a line") for r in _of_text(text.rstrip()[:-1], params))
        with contextlib.suppress(OverflowError):
            bare = core_value(text.rstrip()[:-1].strip())
            yield Reading(bare, _written(bare), "no comma ends a line")
    found = TUPLE.fullmatch(text.strip())
    numbers = found[1].split(",") if found else list(sizes.groups()) if (sizes := _BY.fullmatch(text.strip())) else []
    if numbers:
        values = [int(number) for number in numbers]
        yield Reading(values, str(values), "a list stands in square brackets")


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Key(NamedTuple):
    """What is to stand in place of a key that is not known, if that is sure, and the help line."""

    name: str | None
    help: str | None


def meant_key(key: str, known: Collection[str], given: Collection[str], value: Any) -> Key:
    """What a key that is not `known` most likely stands for, beside the keys that are `given`. `value`: what stands
    behind it, None where nothing does, as behind `out:16`, which lacks a space and is one word."""
    joined = re.fullmatch(r"(\w+)[:=]\s*([\w$.+*/ -]+)", key)
    if joined and value is None and joined[1] in known and joined[1] not in given:
        name, rest = joined[1], joined[2].strip()
        return Key(f"{name}: {rest}", f"write `{name}: {rest}`, with a colon and a space")
    free = [other for other in known if other not in given]
    called = called_here(key, KEYS, free)
    if called == "from" and isinstance(value, (int, float)):
        return Key(None, NO_KEY["in_channels"])
    if called is not None:
        return Key(called, f"here it is called '{called}'")
    if folded(key) in NO_KEY:
        return Key(None, NO_KEY[folded(key)])
    if (near := the_nearest(key, known)) is not None and near in given:
        return Key(None, f"'{near}' is given already: keep one of the two")
    sure = the_nearest(key, free) if value is not None else None  # without a value there is more to be mended
    return Key(sure, did_you_mean(key, known, "its keys are"))
