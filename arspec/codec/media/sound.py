"""Sound that is coded without loss in other ways (ALAC, packed PCM): the same samples in the same format."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from arspec.codec.media.base import Media
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.data.examples import Array
from arspec.data.sound import library, opened, whole
from arspec.diagnostics import InputError
from arspec.types import Ints

# Both by their number in containers: new ones come at the end.
FORMATS = ("FLAC", "AIFF", "AU", "CAF", "WAV", "W64", "RF64", "PAF")
WIDTHS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32,
          "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32}  # fmt: skip


def parse(data: bytes, name: str) -> Media | None:
    """A file whose samples are whole numbers; None for any other sound. InputError for what is no sound."""
    with opened(data, name) as file:
        form, subtype, rate = str(file.format), str(file.subtype), int(file.samplerate)
        if form not in FORMATS or subtype not in WIDTHS:
            return None
        read = whole(file, name, "int32")
    bits = WIDTHS[subtype]
    samples = (read.astype(np.int64).T >> 32 - bits) + (1 << bits - 1)
    meta = ByteWriter().byte(FORMATS.index(form)).byte(list(WIDTHS).index(subtype)).number(rate).done()
    if not keeps(build, meta, samples, read):
        return None
    return Media(np.ascontiguousarray(samples), 1 << bits, meta, exact=False, kept="samples")


def build(meta: ByteReader, samples: Ints) -> bytes:
    """A file of the same format, rate and width of samples."""
    form, subtype, rate = meta.byte(), meta.byte(), meta.number(1 << 30)
    if form >= len(FORMATS) or subtype >= len(WIDTHS):
        raise CorruptContainer("the container states a format of sound that there is not")
    name = list(WIDTHS)[subtype]
    bits = WIDTHS[name]
    values = (samples.T - (1 << bits - 1)) << 32 - bits
    return written(values.astype(np.int32), rate, FORMATS[form], name)


def same(before: bytes, after: bytes, name: str) -> bool:
    """Whether soundfile reads the same samples, channels and rate from two files."""
    with opened(before, name) as one, opened(after, name) as other:
        if (one.channels, one.samplerate) != (other.channels, other.samplerate):
            return False
        kind = "int32" if one.subtype == other.subtype and one.subtype in WIDTHS else "float64"
        return np.array_equal(whole(one, name, kind), whole(other, name, kind))


def keeps(build: Callable[[ByteReader, Ints], bytes], meta: bytes, samples: Ints, read: Array) -> bool:
    """Whether the file that `build` makes has the samples that were `read`, int32 [frames, channels]."""
    try:
        with opened(build(ByteReader(meta), samples), "") as file:
            return np.array_equal(whole(file, "", "int32"), read)
    except InputError:
        return False


def written(values: Any, rate: int, form: str, subtype: str) -> bytes:
    """A file of soundfile's. CorruptContainer where there is none of such samples."""
    stream, soundfile = io.BytesIO(), library()
    try:
        soundfile.write(stream, values, rate, format=form, subtype=subtype)
    except (soundfile.SoundFileError, ValueError, TypeError) as error:
        raise CorruptContainer(f"the sound cannot be written: {error}") from error
    return stream.getvalue()
