"""Sound files of every kind that soundfile writes, and a reader of them that is not ours."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import soundfile

from arspec.language.sections import SequenceData

Array = np.ndarray[Any, Any]
AUDIO = SequenceData(kind="sequence", length=32, levels=256, content="audio", rate=8000)
# Not written here: RAW has no header, by which a reader would know it; SD2 keeps its header in another file.
KINDS = [(form, subtype) for form in soundfile.available_formats() if form not in ("RAW", "SD2")
         for subtype in soundfile.available_subtypes(form)]  # fmt: skip
UNCOMPRESSED = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")


@cache
def signal(channels: int) -> Array:
    """[frames, channels]: a quiet part, a loud one beyond -1 ... 1, and zeros of both signs."""
    time = np.arange(300)[:, None] + np.arange(channels)
    wave = np.sin(time / 7) * np.where(time < 150, 1e-3, 1.3) + 1e-9 * np.cos(time)
    wave[:4] = [[0.0], [-0.0], [1.0], [-1.0]]
    return wave


def written(form: str, subtype: str, samples: Array, rate: int = 8000) -> bytes | None:
    """A file, where soundfile writes one of these samples that it can read again."""
    stream = io.BytesIO()
    try:
        soundfile.write(stream, samples, rate, format=form, subtype=subtype)
        with soundfile.SoundFile(io.BytesIO(stream.getvalue())) as file:
            file.read(1)
    except (soundfile.SoundFileError, TypeError, ValueError):
        return None
    return stream.getvalue()


def independent(data: bytes) -> tuple[int, Array]:
    """Rate and samples [frames, channels] by soundfile, of files of any length."""
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        blocks = [file.read(1 << 16, dtype="float64", always_2d=True)]
        while len(blocks[-1]):
            blocks.append(file.read(1 << 16, dtype="float64", always_2d=True))
        return int(file.samplerate), np.concatenate(blocks)
