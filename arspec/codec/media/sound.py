"""Sound files that hold their samples as they are (FLAC, AIFF, AU, CAF ...), by soundfile: every sample comes back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from arspec.codec.media.base import Media
from arspec.codec.wire import Damaged, In, Out
from arspec.diagnostics import InputError
from arspec.types import Ints

FORMATS = ("FLAC", "AIFF", "AU", "CAF", "WAV", "W64", "RF64")
WIDTHS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}


def parse(data: bytes, name: str) -> Media:
    """A file whose samples are whole numbers. InputError for others."""
    soundfile = _library()
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            form, subtype, rate = str(file.format), str(file.subtype), int(file.samplerate)
            read = file.read(dtype="int32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise InputError("AR803", f"cannot read {name} as sound: {error}", "WAV and FLAC are known") from error
    form = {"WAVEX": "WAV"}.get(form, form)
    if form not in FORMATS or subtype not in WIDTHS:
        message = f"{name} is {form} with {subtype} samples, which are not whole numbers that can be restored"
        raise InputError("AR804", message, "convert it to WAV or FLAC with 8 to 24 bits")
    bits = WIDTHS[subtype]
    samples = (read.astype(np.int64).T >> 32 - bits) + (1 << bits - 1)
    out = Out().byte(FORMATS.index(form)).byte(list(WIDTHS).index(subtype)).number(rate)
    return Media(np.ascontiguousarray(samples), 1 << bits, out.done(), exact=False)


def build(meta: In, samples: Ints) -> bytes:
    """A file of the same format, rate and width of samples."""
    form, subtype, rate = meta.byte(), meta.byte(), meta.number(1 << 30)
    if form >= len(FORMATS) or subtype >= len(WIDTHS):
        raise Damaged("the container states a format of sound that there is not")
    name = list(WIDTHS)[subtype]
    bits, stream, soundfile = WIDTHS[name], io.BytesIO(), _library()
    values = (samples.T - (1 << bits - 1)) << 32 - bits
    try:
        soundfile.write(stream, values.astype(np.int32), rate, format=FORMATS[form], subtype=name)
    except (soundfile.SoundFileError, ValueError, TypeError) as error:
        raise Damaged(f"the sound cannot be written: {error}") from error
    return stream.getvalue()


def _library() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise InputError(
            "AR811", f"soundfile is missing: {error}", "pip install soundfile, or use WAV files"
        ) from error
    return soundfile
