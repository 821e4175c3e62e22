"""How long an example is when a general program compresses it: its complexity, to the eye of no model."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arspec.diagnostics import InputError, did_you_mean

if TYPE_CHECKING:
    from arspec.language.sections import Data

_BYTES: dict[str, Callable[[bytes], bytes]] = {
    "zlib": lambda plain: zlib.compress(plain, 9),
    "bz2": lambda plain: bz2.compress(plain, 9),
    "xz": lambda plain: lzma.compress(plain, lzma.FORMAT_ALONE, preset=9 | lzma.PRESET_EXTREME),
}
_PICTURES = {"png": {"optimize": True}, "webp": {"lossless": True, "quality": 100, "method": 6}}
CODECS = (*_PICTURES, *_BYTES)


def default_codec(data: Data) -> str:
    """png for what is a picture, zlib for the rest."""
    return "png" if _layout(data) is not None else "zlib"


def compressed_bits(x: npt.NDArray[Any], data: Data, codec: str) -> npt.NDArray[np.float64]:
    """[N]: bits of each example of x [N, *shape], compressed alone. InputError where the codec can't hold it."""
    if codec not in CODECS:
        raise InputError("AR808", f"there is no codec '{codec}'", did_you_mean(codec, CODECS, "codecs"))
    if data.kind == "image":
        x = x[:, len(data.auxiliary) :]  # functions of the picture, and in no file
    if codec in _BYTES:
        kind = np.uint8 if data.levels <= 256 else np.uint16 if data.levels <= 1 << 16 else np.uint32
        return np.array([8.0 * len(_BYTES[codec](row.astype(kind).tobytes())) for row in x])
    layout = _layout(data)
    if layout is None:
        raise InputError("AR808",
                         f"{codec} holds pictures of 1 or 3 channels and at most 256 levels, and the model is of "
                         f"other data ({data.kind}, {data.levels} levels)", "take zlib, bz2 or xz")  # fmt: skip
    return np.array([8.0 * len(_picture(row.reshape(layout), data.levels, codec)) for row in x])


def _layout(data: Data) -> tuple[int, int, int] | None:
    if data.levels > 256:
        return None
    if data.kind == "image":
        return (data.channels, data.height, data.width) if data.channels in (1, 3) else None
    if data.kind == "vector" and data.display is not None:
        return (1, *data.display)
    return None


def _picture(x: npt.NDArray[Any], levels: int, codec: str) -> bytes:
    """The file of one picture [C, H, W]. Levels are written as they are, so that none is lost to a scale; two of them
    as one bit a pixel where the format has it."""
    from PIL import Image

    plain = x.astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(plain[0] if len(plain) == 1 else plain.transpose(1, 2, 0)))
    if levels == 2 and len(plain) == 1 and codec == "png":
        image = Image.fromarray(plain[0] * 255).convert("1")
    file = io.BytesIO()
    image.save(file, codec.upper(), **_PICTURES[codec])
    return file.getvalue()
