"""Axis patterns: how a module's tensors are laid out, as in `b (k c) h w`.

A pattern names the axes of a tensor from left to right; parentheses join several into one axis, the last name varying
fastest, and an integer is an axis of that size without a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

from arspec.diagnostics import InputError, did_you_mean

Axis = str | int

_TOKEN = re.compile(r"\s*(?:([A-Za-z_]\w*)|(\d+)|([()])|(\S))")


@dataclass(frozen=True)
class Pattern:
    """`axes`: for each axis of the tensor the names and sizes that it is made of.

    >>> parse("b (k c) h w").axes
    (('b',), ('k', 'c'), ('h',), ('w',))
    """

    text: str
    axes: tuple[tuple[Axis, ...], ...]

    @property
    def flat(self) -> tuple[Axis, ...]:
        """All parts of all axes, from left to right."""
        return tuple(part for axis in self.axes for part in axis)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parts of all axes, from left to right."""
        return tuple(part for part in self.flat if isinstance(part, str))


def parse(text: str, what: str = "pattern") -> Pattern:
    """The pattern of a text. InputError (which shows the place) for anything but names, integers and parentheses."""
    axes: list[tuple[Axis, ...]] = []
    group: list[Axis] | None = None
    opened = 0
    for token in _TOKEN.finditer(text):
        name, number, bracket, other = token.groups()
        place = token.start() + len(token.group()) - len(token.group().lstrip())
        if other:
            hint = "write every axis: dots stand for nothing here" if other == "." else None
            raise _fault(text, place, what, f"{other!r} is neither a name, a number nor a parenthesis", hint)
        if bracket == "(":
            if group is not None:
                raise _fault(text, place, what, "parentheses cannot stand in parentheses", None)
            group, opened = [], place
        elif bracket == ")":
            if not group:
                problem = "this parenthesis closes nothing" if group is None else "these parentheses are empty"
                raise _fault(text, place, what, problem, None)
            axes.append(tuple(group))
            group = None
        else:
            part: Axis = name or int(number)
            if part == 0:
                raise _fault(text, place, what, "an axis has at least one entry", None)
            if name and any(name in axis for axis in [*axes, tuple(group or ())]):
                raise _fault(text, place, what, f"the axis {name!r} is named twice", None)
            if group is None:
                axes.append((part,))
            else:
                group.append(part)
    if group is not None:
        raise _fault(text, opened, what, "this parenthesis is never closed", None)
    if not axes:
        raise InputError("AR813", f"the {what} is empty", help="for images, for example: 'b c h w'")
    return Pattern(text, tuple(axes))


def split_sizes(pattern: Pattern, shape: tuple[int, ...], known: dict[str, int], what: str) -> tuple[int, ...]:
    """The size of every part of a pattern, for a tensor of this shape; one unknown part of an axis is worked out.

    InputError where the number of axes or a size does not fit.

    >>> split_sizes(parse("b (k c) t"), (2, 6, 9), {"b": 2, "c": 3, "t": 9}, "output")
    (2, 2, 3, 9)
    """
    if len(shape) != len(pattern.axes):
        raise InputError(
            "AR813",
            f"the {what} has {len(shape)} axes, {_shape(shape)}, but its pattern {pattern.text!r} names "
            f"{len(pattern.axes)}",
            help="an axis of one entry is written 1",
        )
    sizes: list[int] = []
    for number, (axis, size) in enumerate(zip(pattern.axes, shape, strict=True)):
        given = [part if isinstance(part, int) else known.get(part) for part in axis]
        rest = prod(part for part in given if part is not None)
        unknown = [part for part, value in zip(axis, given, strict=True) if value is None]
        if len(unknown) > 1:
            raise InputError(
                "AR813",
                f"the sizes of {' and '.join(map(str, unknown))} in one axis of the {what} cannot both be worked out",
                help=f"give one of them with --size, for example {unknown[0]}=2",
            )
        if size % rest or (not unknown and size != rest):
            written = " x ".join(f"{part}={value}" for part, value in zip(axis, given, strict=True) if value)
            raise InputError(
                "AR813",
                f"axis {number} of the {what}, {_shape(shape)}, has {size} entries, which do not fit {written}",
                help=f"the pattern is {pattern.text!r}",
            )
        sizes += [size // rest if value is None else value for value in given]
    return tuple(sizes)


def parse_sizes(text: str) -> dict[str, int]:
    """Sizes such as `c=3,h=8,w=8`.

    >>> parse_sizes("c=3,h=8")
    {'c': 3, 'h': 8}
    """
    sizes: dict[str, int] = {}
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not (equals and name.isidentifier() and value.isascii() and value.isdigit() and 0 < len(value) < 10):
            raise InputError("AR813", f"a size is name=number, not {entry!r}", help="for example --size c=3,h=8,w=8")
        if name in sizes:
            raise InputError("AR813", f"the size of {name!r} is given twice")
        sizes[name] = int(value)
    return sizes


def check_sizes(sizes: dict[str, int], input: Pattern, output: Pattern) -> None:
    """InputError where a size of the input is missing, is no positive integer, or belongs to no axis."""
    for name, size in sizes.items():
        if name not in (*input.names, *output.names):
            hint = did_you_mean(name, (*input.names, *output.names), what="the axes are")
            if name in ("c", "h", "w"):
                hint = f"{hint}; those of images are named by --input 'b c h w' --output 'b (k c) h w'"
            raise InputError("AR813", f"no axis is named {name!r}", help=hint)
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InputError("AR813", f"the size of {name!r} must be a positive integer, not {size!r}")
    missing = [name for name in input.names if name != "b" and name not in sizes]
    if missing:
        raise InputError(
            "AR813",
            f"the sizes of {', '.join(missing)} are missing",
            help="give them with --size, for example " + ",".join(f"{name}=8" for name in missing),
        )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"


def _fault(text: str, place: int, what: str, problem: str, hint: str | None) -> InputError:
    return InputError("AR813", f"{what} {text!r}, character {place + 1}: {problem}", help=hint)
