"""What an audit is given, looked at before anything runs: each argument by its kind, with what came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from arspec.diagnostics import InputError, did_you_mean

PRECISIONS = ("auto", "float64", "float32")
SIDES = ("left", "right")  # of padding
CHANNELS = ("sequential", "joint")
SHOWN = 60  # characters of a wrong value


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _listed(value: Any) -> bool:
    return isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes))


def _names(value: Any) -> bool:
    return _text(value) or (_listed(value) and all(map(_text, value)))


def _numbers(value: Any) -> bool:
    return _listed(value) and all(map(_whole, value))


def _pair(value: Any) -> bool:
    return _listed(value) and len(value) == 2 and all(map(_number, value))


def _named(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_text, value))  # pyright: ignore[reportUnknownArgumentType]


def _sizes(value: Any) -> bool:
    return _named(value) and all(map(_whole, value.values()))


def _maybe(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


# For each argument of `audit`: what holds, and how that is told.
KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "input": (_text, "a pattern of axes such as 'b t'"),
    "output": (_text, "a pattern of axes such as 'b t k'"),
    "size": (_maybe(lambda value: _text(value) or _sizes(value)), "sizes by the names of axes, such as {'t': 16}"),
    "levels": (_whole, "a whole number"),
    "range": (_pair, "two numbers such as (-1, 1)"),
    "order": (_maybe(lambda value: _text(value) or _numbers(value)), "the name of a scan, or a list of ranks"),
    "flip": (_names, "names of axes"),
    "transpose": (_truth, "True or False"),
    "channels": (_maybe(lambda value: value in CHANNELS), "'sequential' or 'joint'"),
    "offset": (_maybe(_whole), "a whole number"),
    "take": (_maybe(lambda value: _text(value) or _whole(value)), "the name or the number of an entry"),
    "condition": (_maybe(_named), "arguments of the call by name"),
    "sampler": (_maybe(_text), "the name of a method"),
    "head": (_text, "the name of a head"),
    "samples": (lambda value: _whole(value) and value > 0, "a whole number above 0"),
    "draws": (_whole, "a whole number"),
    "bases": (_whole, "a whole number"),
    "seed": (lambda value: _whole(value) and value >= 0, "a whole number, 0 or more"),
    "modes": (_maybe(_names), "names of modes"),
    "lengths": (_numbers, "a list of whole numbers such as [7, 8, 9]"),
    "variants": (_maybe(_named), "torch modules by name"),
    "cache": (_text, "a keyword of the call, a method, auto or off"),
    "padding": (_names, "sides: left, right"),
    "padding_mask": (_text, "a keyword of the call"),
    "documents": (_maybe(_text), "a keyword of the call"),
    "precision": (lambda value: value in PRECISIONS, "float64, float32 or auto"),
    "again": (_maybe(_text), "a keyword of the call"),
    "one_hot": (_maybe(_text), "an axis of the input"),
    "last": (_maybe(lambda value: _whole(value) and value > 0), "a whole number above 0"),
    "witness": (_truth, "True or False"),
    "operations": (_truth, "True or False"),
    "name": (_maybe(_text), "a text"),
}


def check(given: Mapping[str, Any]) -> None:
    """Raises InputError (AR808) for the first argument that is not of its kind."""
    for name, value in given.items():
        if name not in KINDS:
            continue
        holds, told = KINDS[name]
        try:
            fits = holds(value)
        except Exception:  # a value that cannot be compared, as an array in a tuple
            fits = False
        if not fits:
            shown = repr(value)
            raise InputError(
                "AR808",
                f"{name} is {told}, not {shown if len(shown) <= SHOWN else shown[:SHOWN] + '...'}",
                help=did_you_mean(value, CHANNELS) if name == "channels" and isinstance(value, str) else None,
            )


def check_numbers(levels: int, range: tuple[float, float], draws: int, bases: int, lengths: Sequence[int]) -> None:
    """Raises InputError where numbers of the right kind do not hold."""
    if levels < 2:
        raise InputError("AR813", f"data has at least 2 levels, not {levels}")
    if not range[0] < range[1] or not np.isfinite(range).all():
        raise InputError("AR813", f"the range must rise, unlike {range[0]:g} .. {range[1]:g}")
    if draws < 1 or bases < 1:
        raise InputError("AR813", "at least one draw of the weights and one input are needed")
    if any(length < 1 for length in lengths):
        raise InputError("AR808", f"a length is 1 or more, unlike {min(lengths)}")
