"""Auxiliary images: functions of an image that a spec generates before the image itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.examples import Array

if TYPE_CHECKING:
    from arspec.language.sections import ImageData

LUMA = (299, 587, 114)  # thousandths of red, green and blue (Rec. ITU-R BT.601)


def with_auxiliary(x: Array, data: ImageData) -> Array:
    """Images [N, C, H, W] with the auxiliary images of a spec in front of their channels: [N, A + C, H, W].

    Whole numbers all the way, so that every machine gives the same."""
    views = [VIEWS[one.view](x, data.levels, one.levels) for one in data.auxiliary.values()]
    whole = [view[:, None] for view in views]
    return np.concatenate([*(view.astype(x.dtype) for view in whole), x], 1)


def grey(x: Array, has: int, wanted: int) -> Array:
    """[N, C, H, W] of `has` levels -> [N, H, W] of `wanted`, steps of equal width: floor(wanted * luma / has)."""
    channels = x.shape[1]
    weights = np.array(LUMA if channels == len(LUMA) else (1,) * channels, np.int64)
    total = np.tensordot(x.astype(np.int64), weights, (1, 0))
    return total * wanted // (int(weights.sum()) * has)


VIEWS: dict[str, Callable[[Array, int, int], Array]] = {"grey": grey}
