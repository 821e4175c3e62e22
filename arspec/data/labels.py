"""The names of classes, and labels as the numbers that a model has for them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from arspec.data.examples import Array
from arspec.diagnostics import InputError, did_you_mean, visible

if TYPE_CHECKING:
    from arspec.language.sections import ClassCondition

SHOWN = 30  # names that a message lists
MOST_IN_RANGE = 1 << 20
# What stands between commas: something in quotes, or what has no comma. Nothing at all counts, too.
_PART = re.compile(r"(?:(?<=,)|^)(?:\s*'[^']*'\s*(?=,|$)|[^,]*)")

Names = Mapping[str, Sequence[str]]  # of the classes of each condition, by number


def natural(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A key that sorts names as people do: numbers in them by their size.

    >>> sorted(["10", "9", "a10", "a2", "1"], key=natural)
    ['1', '9', '10', 'a2', 'a10']
    """
    pieces = enumerate(re.split(r"([0-9]+)", name))
    # of numbers without leading zeros the longer is the larger; Python makes no int of thousands of digits
    digits = ((k % 2, piece.lstrip("0") if k % 2 else piece) for k, piece in pieces if piece)
    return tuple((0, len(piece), piece) if number else (1, 0, piece) for number, piece in digits), name


def earlier_order(names: Names) -> dict[str, tuple[str, ...]]:
    """The names in the order in which versions before names were kept numbered sub-folders: 1, 10, 2. Names that are in
    no natural order are not those of sub-folders, and stay as they are."""
    return {
        key: tuple(sorted(own)) if list(own) == sorted(own, key=natural) else tuple(own) for key, own in names.items()
    }


def listed(names: Iterable[str]) -> str:
    """Names in a row; of many the first ones, and how many there are."""
    every = [f"'{visible(name)}'" if "," in name else visible(name) for name in names]
    more = f" ... ({len(every):,} in all)" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def place_of(name: str, names: Sequence[str]) -> int | None:
    """The place of a name; None where it is not among them. The same text in another Unicode form is the same name, as
    some file systems take accents apart.

    >>> place_of("caf\u00e9", ["tea", "cafe\u0301"])
    1
    """
    if name in names:
        return names.index(name)
    composed = [unicodedata.normalize("NFC", each) for each in names]
    own = unicodedata.normalize("NFC", name)
    return composed.index(own) if own in composed else None


def class_number(text: str, names: Sequence[str], key: str) -> int:
    """The number of the class that is called `text`: by its name, else by its number, unless names look like numbers
    themselves. InputError for what is neither."""
    if (place := place_of(text, names)) is not None:
        return place
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
    if number is not None and not any(re.fullmatch(r"[0-9]+", name) for name in names):
        return number
    if not names:
        raise InputError(
            "AR807", f"'{key}' has no names for its classes, and {text!r} is no number", "write a number from 0"
        )
    hint = did_you_mean(text, names) if number is None else None
    raise InputError("AR807", f"'{key}' has no class {text!r}", hint or f"the classes are: {listed(names)}")


def class_list(text: str, names: Sequence[str], key: str) -> list[int]:
    """`cat`, `3`, `cat,dog`, `0..9` or `cat..dog` as the numbers of classes. A name with a comma stands alone, or in
    quotes, as `listed` shows it. InputError where a class is not known."""
    if (place := place_of(text, names)) is not None:  # a name may hold a comma
        return [place]
    numbers: list[int] = []
    for part in (found[0].strip() for found in _PART.finditer(text)):
        if (quoted := place_of(part[1:-1], names)) is not None and part[0] == part[-1] == "'":
            numbers.append(quoted)
            continue
        first, dots, last = part.partition("..")
        if not dots or place_of(part, names) is not None:
            numbers.append(class_number(part, names, key))
            continue
        begin, end = class_number(first, names, key), class_number(last, names, key)
        if not begin <= end < begin + MOST_IN_RANGE:
            raise InputError("AR807", f"'{key}': {part} is no range of classes", "write it as 0..9")
        numbers += range(begin, end + 1)
    return numbers


def class_numbers(given: Any, names: Sequence[str], key: str, count: int) -> Any:
    """What is given for a class condition of `count` examples as numbers: one class, by its name or number, stands for
    all examples, several are dealt out in turn. Anything else is given back as it is."""
    whole = given.tolist() if isinstance(given, np.ndarray) else given
    several: Any = [whole] if isinstance(whole, (str, int, np.integer)) else whole
    if not isinstance(several, (list, tuple)) or not several:
        return given
    if not all(isinstance(each, (str, int, np.integer)) for each in several):
        return given
    several = [class_number(each, names, key) if isinstance(each, str) else each for each in several]
    if count % len(several):
        message = f"'{key}' is given {len(several)} classes for {count} examples"
        raise InputError("AR807", message, "give one for all, one for each, or classes that can be dealt out in turn")
    return np.resize(several, count)


def as_numbers(
    labels: Array, own: Sequence[str] | None, key: str, section: ClassCondition, *, names: Sequence[str] | None,
    parameter: str | None, source: str, notes: list[str],
) -> tuple[Array, Sequence[str] | None]:  # fmt: skip
    """Labels [N] of a source as the classes of the condition `key`, and the names of these.

    own: the names of the source's classes. names: those of the model, by which labels are then numbered.
    parameter: the parameter of the spec that states how many classes there are.
    InputError where the source has classes that the model or the spec has not.
    """
    if own is None:
        many = int(labels.max()) + 1 if labels.size and labels.dtype.kind in "iu" else 0
        if many > section.classes:
            _too_many(f"{source} has the class {many - 1}", many, key, section, parameter)
        if names is not None:
            notes.append(f"labels of '{key}' are numbers, taken for the model's classes in their order")
        return labels, names
    if names is None:
        if len(own) > section.classes:
            _too_many(f"{source} has {len(own)} classes ({listed(own)})", len(own), key, section, parameter)
        if len(own) < section.classes:
            notes.append(f"'{key}' has {section.classes} classes, of which {len(own)} come")
        return labels, own
    places = [place_of(name, names) for name in own]
    if strange := [name for name, place in zip(own, places, strict=True) if place is None]:
        message = f"{source} has classes that the model was not trained with: {listed(strange)}"
        raise InputError("AR850", message, f"the model's classes are: {listed(names)}")
    if missing := [name for place, name in enumerate(names) if place not in places]:
        notes.append(f"no example of {listed(missing)}")
    return np.array(places, np.int64)[labels], names


def _too_many(what: str, many: int, key: str, section: ClassCondition, parameter: str | None) -> None:
    mend = (
        f"--set {parameter}={many}"
        if parameter
        else f"set `classes` higher in the spec: {key}: {{kind: class, classes: {many}}}"
    )
    raise InputError("AR807", f"{what}; '{key}' has the classes 0 to {section.classes - 1}", mend)
