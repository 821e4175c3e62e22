"""The spec of a checkpoint: the text of its family's table, with the numbers and words that its config gives."""

from __future__ import annotations

import re
from itertools import groupby

from arspec.checkpoints.claims import NOT_UNDERSTOOD, Claims
from arspec.checkpoints.table import Table
from arspec.diagnostics import InputError

PLACE = re.compile(r"@([a-z_0-9]+)@")
BODY = "body"  # the block instances that a family's layers are


def composed(table: Table, claims: Claims) -> str:
    """The text of the spec."""
    text, runs = table.spec, _runs(claims)
    by_param = len(runs) == 1 and "layers: @layers@" in text
    lines = [f"{name}: {{block: layer{params}, repeat: {'$layers' if by_param else count}}}"
             for name, params, count in runs]  # fmt: skip
    text = re.sub(r"^( *)@body@\n", lambda m: "".join(f"{m[1]}{line}\n" for line in lines), text, flags=re.M)
    for _ in range(6):  # what fills a place may have places of its own
        text = PLACE.sub(lambda found: _text(found[1], table, claims), text)
    return text if "$layers" in text else re.sub(r"^ *layers: .*\n", "", text, flags=re.M)


def _text(place: str, table: Table, claims: Claims) -> str:
    """What fills a place. InputError where config.json lacks the key that would."""
    if place not in claims.texts:
        names = [name for name, key in table.keys.items() if key.place == place]
        raise InputError(NOT_UNDERSTOOD, f"{table.said} of {table.about}: {' or '.join(names) or place} is missing")
    return claims.texts[place]


def prefixes(claims: Claims) -> list[str]:
    """The path name of each layer's block instance, such as `body.3`."""
    return [f"{name}.{number}" for name, _, count in _runs(claims) for number in range(count)]


def _runs(claims: Claims) -> list[tuple[str, str, int]]:
    """Layers of one kind that follow each other: the name of the instance, the params that it is given, how many they
    are."""
    kinds = claims.kinds or [""] * claims.layers
    runs = [(f", params: {kind}" if kind else "", len([*same])) for kind, same in groupby(kinds)]
    single = len(runs) == 1
    return [(BODY if single else f"{BODY}{number}", params, count) for number, (params, count) in enumerate(runs)]
