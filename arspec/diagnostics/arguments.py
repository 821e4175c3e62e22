"""What a call from Python is given, checked where it comes in: types that the command line can't get wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from arspec.diagnostics.errors import InputError


def path_of(value: Any, what: str) -> str:
    """A path or a name as text. what: what it is of, as in "a spec". InputError (AR945) for anything else, and for an
    empty path."""
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise wrong_type(what, "a path or a name, as text or as a pathlib.Path", value)
    if not text:
        raise InputError("AR945", f"{what} needs a path or a name; an empty text came", "'.' is the working folder")
    return text


def check_whole(value: Any, what: str) -> None:
    """InputError (AR945) for what is neither a whole number, of Python or numpy, nor None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
        raise wrong_type(what, "a whole number", value)


def check_number(value: Any, what: str) -> None:
    """InputError (AR945) for what is neither a number, of Python or numpy, nor None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
        raise wrong_type(what, "a number", value)


def check_text(value: Any, what: str) -> None:
    """InputError (AR945) for what is neither text nor None."""
    if value is not None and not isinstance(value, str):
        raise wrong_type(what, "a name as text", value)


def check_each(check: Callable[[Any, str], None], **values: Any) -> None:
    """Checks arguments by their names. InputError (AR945) as `check` raises it."""
    for what, value in values.items():
        check(value, what)


def check_settings(value: Any, what: str) -> None:
    """InputError (AR945) for what is neither a mapping from names nor None."""
    if value is not None and not (isinstance(value, Mapping) and all(isinstance(name, str) for name in value)):
        raise wrong_type(what, "a mapping from names to values, as {'width': 64}", value)


def check_type(value: Any, kinds: type | tuple[type, ...], what: str, wanted: str) -> None:
    """InputError (AR945) for what is of none of these types."""
    if not isinstance(value, kinds):
        raise wrong_type(what, wanted, value)


def wrong_type(what: str, wanted: str, value: Any) -> InputError:
    """The InputError (AR945) for a value that `what` can't be."""
    return InputError("AR945", f"{what} is {wanted}; {type(value).__name__} came")
