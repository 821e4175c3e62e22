"""The spec of a checkpoint: the text of its family's table, with the numbers and words that its config gives."""

from __future__ import annotations

import re
from itertools import groupby

from arspec.checkpoints.claims import Claims
from arspec.checkpoints.table import Table

_PLACE = re.compile(r"@([a-z_0-9]+)@")
BODY = "body"  # the block instances that a family's layers are


def composed(table: Table, claims: Claims) -> str:
    """The text of the spec."""
    text = table.spec
    if claims.kinds:
        lines = [f"{name}: {{block: {kind}, repeat: {count}}}" for name, kind, count in _runs(claims)]
        text = re.sub(r"^( *)@body@\n", lambda m: "".join(f"{m[1]}{line}\n" for line in lines), text, flags=re.M)
    for _ in range(3):  # what fills a place may have places of its own
        text = _PLACE.sub(lambda found: claims.texts[found[1]], text)
    return text


def prefixes(claims: Claims) -> list[str]:
    """The path name of each layer's block instance, such as `body.3`."""
    if not claims.kinds:
        return [f"{BODY}.{number}" for number in range(claims.layers)]
    return [f"{name}.{number}" for name, _, count in _runs(claims) for number in range(count)]


def _runs(claims: Claims) -> list[tuple[str, str, int]]:
    """Layers of one kind that follow each other: the name of the instance, the block, how many they are."""
    runs = [(kind, len([*same])) for kind, same in groupby(claims.kinds)]
    single = len(runs) == 1
    return [(BODY if single else f"{BODY}{number}", kind, count) for number, (kind, count) in enumerate(runs)]
