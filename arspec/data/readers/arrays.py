"""An array in a .npy file as a source, and arrays of images in another size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.arrays import read_npy as read_array
from arspec.data.examples import Array
from arspec.data.options import Options
from arspec.data.raw import Layout, Raw, split_indices
from arspec.data.readers.files import cut, in_order, shuffled
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.language.sections import Data


def read_npy(path: Path, data: Data, split: str, options: Options) -> Raw:
    """One array: examples by its first axis, or one long sequence."""
    array = read_array(path, help="an archive of several arrays is named .npz")
    if array.ndim == 0:
        raise InputError("AR804", f"{path} holds one number, and no examples", "its first axis counts the examples")
    if array.ndim == 1 and data.kind == "sequence":
        layout: Layout = "audio" if array.dtype.kind == "f" else "array"
        return Raw(layout, cut(array, split, "values"), highest=highest(array), notes=in_order(split))
    chosen = split_indices(len(array) if array.ndim else 0, split, shuffle=True)
    return Raw("array", array[chosen], highest=highest(array), notes=shuffled(split))


def highest(array: Array) -> int | None:
    """The largest value of an array of whole numbers; None where there is none."""
    whole = array.dtype.kind in "iub" or (array.dtype.kind == "f" and np.isfinite(array).all())
    return int(array.max()) if array.size and whole else None


def with_size(raw: Raw, data: Data, options: Options, name: str) -> Raw:
    """Images of an array or of a named set [N, H, W], [N, C, H, W] or [N, H, W, C],
    in the size that the options want."""
    if options.crop is None and options.resize is None and options.size is None:
        return raw
    channels = data.channels if data.kind == "image" else 1
    x, came = raw.x, tuple(raw.x.shape[1:])
    if len(came) == 3 and came[0] != channels and came[2] == channels:
        x = x.transpose(0, 3, 1, 2)
    elif len(came) == 2 and channels == 1:
        x = x[:, None]
    elif len(came) != 3 or came[0] != channels:
        found = "x".join(map(str, came)) or "single numbers"
        wanted = "one channel" if channels == 1 else f"{channels} channels"
        message = f"{name}: @size, @crop and @resize are for images, and the spec's have {wanted}"
        raise InputError("AR804", f"{message}; examples of {found} came")
    if x.dtype.kind not in "iub" or (x.size and int(x.min()) < 0):
        raise InputError("AR804", f"{name}: images of whole numbers from 0 can be brought to a size", "scale and round")
    from arspec.data.picture.fit import resized, size_words

    span = raw.levels or max(2, (raw.highest or 0) + 1)  # of what is all zero as well
    fitting = [resized(image, span, options, has_alpha=channels in (2, 4)) for image in x]
    if fitting and fitting[0].shape != x.shape[1:]:
        alpha = ", the last channel weighs the others as alpha" if channels in (2, 4) else ""
        raw.notes.append(f"images of {x.shape[2]}x{x.shape[3]} brought to a size, {size_words(options)}{alpha}")
    return replace(raw, x=np.stack(fitting) if fitting else x)
