"""`@alphabet=auto`: a spec whose levels are the characters that a text holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arspec.data.load import read
from arspec.data.symbols import decoded
from arspec.diagnostics import InputError
from arspec.language.sections import MOST_LEVELS

if TYPE_CHECKING:
    from arspec.language.load import Spec


SHOWN = 8  # characters at either end of the table, in a note


def fitted(spec: Spec, source: str) -> tuple[Spec, str]:
    """The spec with the alphabet of all splits of `source`, and a note;
    the spec itself where `@alphabet` is not asked for.

    The characters are Unicode's, in the order of their numbers. The parameter that is the data's `levels` becomes as
    many as they are, unless it was set already; a number there is replaced.
    InputError where the two differ and can't be brought together.
    """
    if "@alphabet=" not in source:
        return spec, ""
    raw, options = read(source, spec.data, spec.condition, "all")
    if options.alphabet is None:
        return spec, ""
    data = spec.data
    if data.kind != "sequence" or data.content != "text":
        raise InputError(
            "AR861",
            f"{source}: an alphabet is of text, and the spec has no `content: text`",
            "write `data: {kind: sequence, content: text, ...}` in the spec, or leave out @alphabet",
        )
    alphabet = "".join(sorted(set(decoded(raw.x, source, raw.at))))
    count = len(alphabet)
    if not 2 <= count <= MOST_LEVELS:
        raise InputError(
            "AR861", f"{source} has {count:,} different characters; an alphabet has from 2 to {MOST_LEVELS:,}"
        )
    told = f"alphabet of {count} characters: {_shown(alphabet)}"
    if data.alphabet is not None:
        if data.alphabet != alphabet:
            raise InputError("AR861",
                             f"{source} has another alphabet than the spec states ({count} characters, and "
                             f"{data.levels})",
                             "leave out @alphabet=auto, or the `alphabet` of the spec's data section")  # fmt: skip
        return spec, told
    name = spec.data_params.get("levels")
    if data.levels != count and name in spec.overridden:
        raise InputError("AR861", f"{source} has {count} different characters, and the spec has {data.levels} levels",
                         f"{data.told('levels', count)}, or leave out --set {name}")  # fmt: skip
    if data.levels == count:
        made = spec.variant(data={"alphabet": alphabet})
    elif name is not None:
        made = spec.variant(params={name: count}, data={"alphabet": alphabet})
        told += f"; the parameter '{name}' is {count} instead of {data.levels}"
    else:  # a number in the data section, or the one that it has if none is written
        made = spec.variant(data={"alphabet": alphabet, "levels": count})
        told += f"; the data's levels are {count} instead of {data.levels}"
    made.graph()
    return made, told


def _shown(alphabet: str) -> str:
    if len(alphabet) <= 2 * SHOWN:
        return repr(alphabet)
    return f"{alphabet[:SHOWN]!r} ... {alphabet[-SHOWN:]!r}"
