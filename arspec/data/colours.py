"""Colours by their names."""

from __future__ import annotations


def rgb_of(name: str) -> tuple[int, int, int]:
    """The colour of a name such as 'white', or of '#ff8000', each part in 0 .. 255. ValueError for others."""
    from PIL import ImageColor

    try:
        found = ImageColor.getrgb(name)
    except ValueError:
        found = ()
    if len(found) != 3:
        raise ValueError("a colour such as white, black or #ff8000")
    return found
