"""Pictures that pillow reads: every pixel comes back, in the same format where that keeps pixels, else as PNG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from arspec.codec.media.base import Media
from arspec.codec.wire import Damaged, In, Out
from arspec.data.examples import Array
from arspec.diagnostics import InputError
from arspec.types import Ints

MODES = {"1": 2, "L": 256, "LA": 256, "RGB": 256, "RGBA": 256, "I;16": 65536}  # -> values of a sample
PLANES = {"LA": 2, "RGB": 3, "RGBA": 4}
WRITTEN = {"PNG": {"optimize": True}, "WEBP": {"lossless": True, "exact": True}, "TIFF": {"compression": "tiff_lzw"},
           "BMP": {}, "PPM": {}}  # fmt: skip


def parse(data: bytes, name: str) -> Media:
    """The pixels of a picture. InputError where it is none."""
    try:
        with Image.open(io.BytesIO(data)) as file:
            file.load()
            form, frames = str(file.format), int(getattr(file, "n_frames", 1))
            image = file.convert(_mode(file))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise InputError("AR803", f"cannot read {name} as an image: {error}") from error
    if frames > 1:
        raise InputError("AR804", f"{name} holds {frames} pictures, of which one could be kept", "split it first")
    array = np.asarray(image).astype(np.int64)
    samples = np.ascontiguousarray(array.reshape(*array.shape[:2], -1).transpose(2, 0, 1))
    for candidate in (form, "PNG"):
        if candidate in WRITTEN:
            written = _meta(candidate, image.mode)
            if _keeps(written, samples):
                suffix = None if candidate == form else ".png"
                exact = suffix is None and build(In(written), samples) == data
                return Media(samples, MODES[image.mode], written, suffix, exact)
    raise InputError("AR804", f"{name}: pictures of mode {image.mode} cannot be written again", "convert it to PNG")


def build(meta: In, samples: Ints) -> bytes:
    """The picture as a file."""
    form, mode = meta.byte(), meta.byte()
    if form >= len(WRITTEN) or mode >= len(MODES):
        raise Damaged("the container states a picture that there is not")
    form, mode = list(WRITTEN)[form], list(MODES)[mode]
    if samples.shape[0] != PLANES.get(mode, 1):
        raise Damaged("the container states a picture that there is not")
    stream = io.BytesIO()
    try:
        _image(samples, mode).save(stream, form, **WRITTEN[form])
    except (OSError, ValueError, SyntaxError) as error:
        raise Damaged(f"the picture cannot be written: {error}") from error
    return stream.getvalue()


def same(before: bytes, after: bytes, name: str) -> bool:
    """Whether pillow reads the same pixels from two files."""
    with Image.open(io.BytesIO(before)) as one, Image.open(io.BytesIO(after)) as other:
        mode = _mode(one)
        return np.array_equal(np.asarray(one.convert(mode)), np.asarray(other.convert(mode)))


def _image(samples: Ints, mode: str) -> Image.Image:
    pixels: Array = samples.transpose(1, 2, 0)
    if mode == "1":
        return Image.fromarray((pixels[..., 0] * 255).astype(np.uint8)).convert("1", dither=Image.Dither.NONE)
    kept = pixels.astype(np.uint16 if mode == "I;16" else np.uint8)
    return Image.fromarray(np.ascontiguousarray(kept if kept.shape[2] > 1 else kept[..., 0]))


def _mode(file: Image.Image) -> str:
    """The mode in which no pixel is lost; a palette's colours are pixels, its order is not."""
    if file.mode in MODES:
        return "RGBA" if file.mode == "RGB" and "transparency" in file.info else file.mode
    if file.mode.startswith("I;16"):
        return "I;16"
    if file.mode == "I":
        return "I;16" if file.getextrema()[1] < 65536 else "I"  # type: ignore[operator]
    if file.mode in ("PA", "RGBa", "La") or "transparency" in file.info:
        return "RGBA"
    return "RGB"


def _meta(form: str, mode: str) -> bytes:
    if mode not in MODES:
        raise InputError("AR804", f"pictures of mode {mode} cannot be restored", "convert it to 8 or 16 bits")
    return Out().byte(list(WRITTEN).index(form)).byte(list(MODES).index(mode)).done()


def _keeps(written: bytes, samples: Ints) -> bool:
    """Whether a file that is written so has the same pixels."""
    try:
        with Image.open(io.BytesIO(build(In(written), samples))) as file:
            again = np.asarray(file.convert(list(MODES)[written[1]])).astype(np.int64)
    except (InputError, OSError, ValueError):
        return False
    return np.array_equal(again.reshape(*again.shape[:2], -1).transpose(2, 0, 1), samples)
