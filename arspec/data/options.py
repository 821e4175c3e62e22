"""Options behind the name of a source: `photos@size=64@levels=16`. An option is one field of `Options`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import Field, dataclass, field, fields
from typing import Any

from arspec.data.colours import rgb_of
from arspec.data.raw import LAYOUTS, Layout
from arspec.diagnostics import InputError, did_you_mean

_KEY = re.compile(r"@([A-Za-z_]\w*)=")


def option(
    parse: Callable[[str], Any], value: str, about: str, layouts: tuple[Layout, ...] = LAYOUTS, default: Any = None
) -> Any:
    """A field of `Options`.

    parse: makes the value of its text; it raises ValueError, whose message says what would be right.
    value: what stands behind the `=` in the help. about: what the option does, in a sentence.
    layouts: the kinds of sources that take the option.
    """
    about_it = {"parse": parse, "value": value, "about": about, "layouts": layouts}
    return field(default=default, metadata=about_it)


def whole_number(least: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` on."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or int(text) < least:
            raise ValueError(f"a whole number from {least}")
        return int(text)

    return parse


CHANNELS = {"left": 1, "right": 2, "mix": None}


def channel(text: str) -> str:
    """A channel of a sound by its name or number."""
    if text not in CHANNELS and not re.fullmatch(r"[1-9]\d{0,3}", text):
        raise ValueError("left, right, a number from 1, or mix")
    return text


_JOINS = {"newline": b"\n", "space": b" ", "tab": b"\t", "none": b""}
_ESCAPE = re.compile(r"\\(n|t|r|0|\\|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}


def symbol(text: str) -> bytes:
    """What stands between two texts, in UTF-8: a name, the number of a byte, or a text with escapes as in Python.

    >>> symbol("newline"), symbol("0"), symbol(r"\\n--\\n")
    (b'\\n', b'\\x00', b'\\n--\\n')
    """
    if text in _JOINS:
        return _JOINS[text]
    if re.fullmatch(r"\d+", text):
        if int(text) > 255:
            raise ValueError("a byte from 0 to 255, where it is a number")
        return bytes([int(text)])
    if not text or "\\" in _ESCAPE.sub("", text):
        raise ValueError(r"newline, space, tab, none, a byte's number, or a text; in it \n \t \r \0 \\ \xNN \uNNNN")
    try:
        return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1]) or chr(int(found[1][1:], 16)), text).encode()
    except UnicodeEncodeError as error:
        raise ValueError("a text of Unicode characters") from error


def image_size(text: str) -> tuple[int, int]:
    """`64` or `48x64` as rows and columns."""
    parts = text.split("x")
    if not 1 <= len(parts) <= 2 or not all(re.fullmatch(r"\d{1,5}", part) and int(part) for part in parts):
        raise ValueError("a size from 1 to 99999, as 64, or as rows and columns, 48x64")
    return int(parts[0]), int(parts[-1])


def colour(text: str) -> str:
    """The name of a colour, checked."""
    rgb_of(text)
    return text


def one_of(*names: str) -> Callable[[str], str]:
    """A parser of a few words."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError("one of " + ", ".join(names))
        return text

    return parse


@dataclass(frozen=True)
class Options:
    """How a source is changed before it meets a spec. None: the option was not given."""

    crop: tuple[int, int] | None = option(
        image_size, "HxW", "Each image is cut to its middle, of H rows and W columns.", ("images", "array")
    )
    resize: tuple[int, int] | None = option(
        image_size, "HxW", "Each image is stretched to H rows and W columns.", ("images", "array")
    )
    size: tuple[int, int] | None = option(
        image_size, "HxW", "Each image is scaled until it covers H rows and W columns, then cut.", ("images", "array")
    )
    filter: str | None = option(
        one_of("lanczos", "bicubic", "bilinear", "box", "nearest"),
        "NAME",
        "The filter of @resize and @size is lanczos, bicubic, bilinear, box or nearest.",
        ("images", "array"),
    )
    background: str | None = option(
        colour, "COLOUR", "Transparent pixels are composited on this colour; white without it.", ("images",)
    )
    levels: int | None = option(whole_number(2), "N", "The values are brought to N levels.", ("images", "array"))

    channel: str | None = option(
        channel, "left|right|N|mix", "One channel of a sound is taken, or the mean of all.", ("audio",)
    )
    rate: int | None = option(
        whole_number(1), "HZ", "A sound is resampled, by a polyphase filter with a Kaiser window.", ("audio",)
    )
    join: bytes | None = option(
        symbol, "SYMBOL",
        "What stands between the files of a text: newline, space, tab, none, a byte's number, or a text "
        "such as \\n\\n.",
        ("text",),
    )  # fmt: skip
    alphabet: str | None = option(
        one_of("auto"), "auto", "The levels are the characters that the text holds, which are Unicode's.", ("text",)
    )

    @property
    def channel_number(self) -> int | None:
        """The channel that is taken, from 1; None for the mean of all."""
        if self.channel is None:
            return None
        return CHANNELS[self.channel] if self.channel in CHANNELS else int(self.channel)

    def check(self, layout: Layout, source: str) -> None:
        """Refuses options that a source of this layout does not take."""
        for each in _given(self):
            if layout not in each.metadata["layouts"]:
                kinds = " and ".join(each.metadata["layouts"])
                raise InputError("AR840", f"{source}: @{each.name}= is for {kinds}; this source is {layout}")


def candidates(source: str) -> Iterable[tuple[str, str]]:
    """The ways to take `source` as a place and its options: the longest place first, as a path may hold an @.

    >>> list(candidates("a@b=1@levels=4"))
    [('a@b=1@levels=4', ''), ('a@b=1', '@levels=4'), ('a', '@b=1@levels=4')]
    """
    yield source, ""
    for mark in reversed(list(_KEY.finditer(source))):
        yield source[: mark.start()], source[mark.start() :]


def parse_options(text: str, source: str) -> Options:
    """`@size=64@levels=16` as options. InputError for a key that is unknown or comes twice, and for a bad value."""
    known = {each.name: each for each in fields(Options)}
    marks = list(_KEY.finditer(text))
    values: dict[str, Any] = {}
    for number, mark in enumerate(marks):
        key = mark[1]
        value = text[mark.end() : marks[number + 1].start() if number + 1 < len(marks) else len(text)]
        if key not in known:
            raise InputError("AR840", f"'{source}': there is no option '{key}'", did_you_mean(key, known, "options"))
        if key in values:
            raise InputError("AR840", f"'{source}': the option '{key}' comes twice", "give it once")
        try:
            values[key] = known[key].metadata["parse"](value)
        except ValueError as error:
            example = f"write @{key}={known[key].metadata['value']}"
            raise InputError("AR803", f"'{source}': {key} is {error}; {value!r} came", example) from error
    if "size" in values and "resize" in values:
        raise InputError("AR840", f"'{source}': @size and @resize exclude one another", "give one of them")
    if "filter" in values and not {"size", "resize"} & values.keys():
        raise InputError("AR840", f"'{source}': @filter is of @size and @resize, and neither is given", "leave it out")
    return Options(**values)


def rows_of_options() -> list[tuple[str, str, str]]:
    """For each option: how it is written, for which kinds of sources, and what it does."""
    return [
        (f"@{each.name}={each.metadata['value']}", ", ".join(each.metadata["layouts"]), each.metadata["about"])
        for each in fields(Options)
    ]


def options_help() -> str:
    """One line for each option: how it is written, for which kinds of sources, and what it does."""
    return "\n".join(f"{written} ({layouts}) {about}" for written, layouts, about in rows_of_options())


def _given(options: Options) -> list[Field[Any]]:
    return [each for each in fields(Options) if getattr(options, each.name) != each.default]
