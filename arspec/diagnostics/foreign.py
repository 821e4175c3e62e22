"""Text that comes from outside, made fit to be shown: names in specs, files and containers."""

from __future__ import annotations


def visible(piece: str, keep: str = "") -> str:
    """Control characters and lone surrogates as escapes: a message can neither steer a terminal nor fail to print."""
    if piece.isprintable():
        return piece
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode() for char in piece
    )
