"""Pictures that pillow writes again: WebP without loss, and BMP. Containers of old hold others, in the modes below."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image

from arspec.codec.media.base import MOST_FRAME, Media, inflated
from arspec.codec.media.png import kept, one_picture
from arspec.codec.media.samples import check_shape, contiguous
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.data.examples import Array
from arspec.data.picture.base import Picture
from arspec.data.picture.read import decode
from arspec.diagnostics import InputError
from arspec.types import Ints

MODES = {"1": 2, "L": 256, "LA": 256, "RGB": 256, "RGBA": 256, "I;16": 65536}  # -> values of a sample
PLANES = {"LA": 2, "RGB": 3, "RGBA": 4}
WRITTEN = {"PNG": {"optimize": True}, "WEBP": {"lossless": True, "exact": True}, "TIFF": {"compression": "tiff_lzw"},
           "BMP": {}, "PPM": {}}  # fmt: skip
BESIDE = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp"}  # what a WebP file holds beside its pixels


def parse(data: bytes, name: str) -> Media | None:
    """A WebP or BMP file; None for any other, and for what pillow would not write with the same pixels."""
    form = "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else "BMP" if data[:2] == b"BM" else None
    if form is None:
        return None
    picture = decode(data, name)
    one_picture(picture, name)
    if picture.span != 256 or picture.kind not in MODES:
        return None
    colours, alpha = picture.colours()
    samples = contiguous(colours if alpha is None else np.concatenate([colours, alpha]))
    out = ByteWriter().byte(list(WRITTEN).index(form)).byte(list(MODES).index(picture.kind))
    if any(key in picture.info for key in BESIDE):
        for key in BESIDE:
            out.prefixed(_deflated(picture.info.get(key, b""), name))
    meta = out.done()
    written = build(ByteReader(meta), samples)
    if not same(data, written, name):
        return None
    return Media(samples, 256, meta, exact=False, kept=kept(picture))


def build(meta: ByteReader, samples: Ints) -> bytes:
    """The picture as a file."""
    check_shape(samples)
    form, mode = meta.byte(), meta.byte()
    if form >= len(WRITTEN) or mode >= len(MODES):
        raise CorruptContainer("the container states a picture that there is not")
    form, mode = list(WRITTEN)[form], list(MODES)[mode]
    if samples.shape[0] != PLANES.get(mode, 1):
        raise CorruptContainer("the container states a picture that there is not")
    beside = {key: inflated(meta.prefixed(), MOST_FRAME + 1) for key in BESIDE.values()} if meta.left else {}
    stream = io.BytesIO()
    try:
        _image(samples, mode).save(
            stream, form, **WRITTEN[form], **{key: value for key, value in beside.items() if value}
        )
    except (OSError, ValueError, SyntaxError) as error:
        raise CorruptContainer(f"the picture cannot be written: {error}") from error
    return stream.getvalue()


def same(before: bytes, after: bytes, name: str) -> bool:
    """Whether two files show the same picture: the same numbers of the same depth, turned alike, with one profile."""
    try:
        one, two = decode(before, name), decode(after, name)
    except InputError:
        return False
    stated = [(p.kind, p.span, p.premultiplied, p.orientation, p.frames, p.info.get("icc")) for p in (one, two)]
    return stated[0] == stated[1] and np.array_equal(_shown(one), _shown(two))


def _shown(picture: Picture) -> Array:
    colours, alpha = picture.colours()
    return colours if alpha is None else np.concatenate([colours, alpha])


def _deflated(data: bytes, name: str) -> bytes:
    if len(data) > MOST_FRAME:
        raise InputError("AR804", f"{name} holds {len(data):,} bytes beside its pixels, and {MOST_FRAME:,} are kept")
    return zlib.compress(data, 9)


def _image(samples: Ints, mode: str) -> Image.Image:
    pixels: Array = samples.transpose(1, 2, 0)
    if mode == "1":
        return Image.fromarray((pixels[..., 0] * 255).astype(np.uint8)).convert("1", dither=Image.Dither.NONE)
    kept = pixels.astype(np.uint16 if mode == "I;16" else np.uint8)
    return Image.fromarray(np.ascontiguousarray(kept if kept.shape[2] > 1 else kept[..., 0]))
