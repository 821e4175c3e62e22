"""The colours of surprise: from white, for what was expected, over yellow and orange to dark brown.

Their lightness falls all the way, so that they are told apart in grey and by the colour-blind (after YlOrBr of
ColorBrewer, Brewer 2003)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

RAMP = ("#ffffff", "#fff3bf", "#fed976", "#feb24c", "#f0761e", "#c04702", "#8a2f04", "#4a1a02")
READABLE = 4 / 7  # of the ramp, up to which black letters are read on it
MOST = 0.995  # of the numbers are within a scale; what is beyond has its last colour


def colours(share: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Shares from 0 to 1, clipped beyond, [...] -> red, green and blue, [..., 3]."""
    steps = np.array([[int(one[k : k + 2], 16) for k in (1, 3, 5)] for one in RAMP])
    at = np.clip(np.nan_to_num(share), 0, 1) * (len(RAMP) - 1)
    each = [np.interp(at, np.arange(len(RAMP)), steps[:, k]) for k in range(3)]
    return np.rint(np.stack(each, -1)).astype(np.uint8)


def web_colour(share: float, readable: bool = False) -> str:
    """A share from 0 to 1 as a colour of a page. readable: of those alone that dark letters are read on."""
    red, green, blue = colours(np.array(share if not readable else READABLE * min(share, 1.0))).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def scale_of(bits: npt.NDArray[Any]) -> float:
    """The bits that have the last colour: nearly the most that occur, above 0."""
    return float(np.quantile(bits, MOST)) if bits.size and float(bits.max()) > 0 else 1.0


def colour_map(readable: bool = False) -> Colormap:
    """The same colours for matplotlib. readable: those alone that letters are read on."""
    from matplotlib.colors import LinearSegmentedColormap

    ends = np.linspace(0, READABLE if readable else 1, 64)
    return LinearSegmentedColormap.from_list("surprise", colours(ends) / 255)
