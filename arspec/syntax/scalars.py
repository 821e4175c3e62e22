"""What a plain scalar means: the core schema of YAML 1.2, where `1e-3` is a float, `no` a text and `010` ten."""

from __future__ import annotations

import math
import re

MAX_INTEGER = 1 << 63  # magnitude of an integer: seeds fit, bombs do not

Value = str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NUMERIC = frozenset("+-.0123456789")  # what a number begins with
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


def core_value(text: str) -> Value:
    """The meaning of a plain scalar in the core schema of YAML 1.2 (section 10.3.2).

    OverflowError for a number that is too large.

    >>> [core_value(text) for text in ("1e-3", "010", "0o17", "no", "1_000", "1:30", "~")]
    [0.001, 10, 15, 'no', '1_000', '1:30', None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INTEGER.fullmatch(text):
        digits, base = (text[2:], {"o": 8, "x": 16}[text[1]]) if text[1:2] in ("o", "x") else (text, 10)
        if len(digits.lstrip("+-0")) > 22 or abs(number := int(digits, base)) > MAX_INTEGER:
            raise OverflowError("2**63 (limit MAX_INTEGER)")
        return number
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise OverflowError("1.8e308; infinity is written .inf")
        return value
    if _INFINITY.fullmatch(text):
        return -math.inf if text[0] == "-" else math.inf
    return text
