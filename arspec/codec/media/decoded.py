"""Sound from files that cannot be written again as they were, above all lossy ones (OGG, MP3, ADPCM): as WAV,
as decoded."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import numpy as np

from arspec.codec.media import stored
from arspec.codec.media.base import Media
from arspec.data.sound import opened, whole
from arspec.diagnostics import InputError
from arspec.extras import need


def parse(data: bytes, name: str) -> Media:
    """Any file that soundfile reads. Its samples come back in a WAV file, of 16 bits where they are such numbers, else
    of floats. InputError for what is no sound."""
    wavfile = need("scipy", "scipy.io.wavfile")
    with opened(data, name) as file:
        read, rate = whole(file, name, "float64"), file.samplerate
    steps = read * 2.0**15
    if (steps == np.rint(steps)).all() and (np.abs(steps + 0.5) < 2**15).all():
        read = steps.astype(np.int16)
    elif (read == read.astype(np.float32)).all():
        read = read.astype(np.float32)
    stream = io.BytesIO()
    try:
        wavfile.write(stream, rate, read)
    except (struct.error, ValueError) as error:
        raise InputError(
            "AR804", f"{name} has {rate:,} Hz and {read.shape[1]} channels, which no WAV file has"
        ) from error
    media = stored.parse(stream.getvalue(), name)
    assert media is not None, "the samples of a WAV file are not compressed"
    return replace(media, suffix=".wav", exact=False, kept="samples, as they were decoded")
