"""Prompts of one speaker, 8 kHz and 16 bits, from Debian's Asterisk sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arspec.data import cache
from arspec.data.examples import Array
from arspec.data.raw import SPLITS, Raw, split_of
from arspec.data.sets.base import DataSet, part
from arspec.data.sound import read_sound
from arspec.diagnostics import InputError

RATE = 8000


def _convert(folder: Path) -> dict[str, Array]:
    waves: list[Array] = []
    for path in part(folder, "*.wav"):
        sound = read_sound(path)
        if sound.rate != RATE:
            raise InputError("AR803", f"{path.name} has {sound.rate} Hz: the package's contents have changed")
        waves.append(np.rint(sound.samples * 32768).astype(np.int16))
    arrays: dict[str, Array] = {}
    for split in SPLITS:
        arrays[split] = np.concatenate(split_of(waves, split, shuffle=False, what="files"))
    return arrays


def _read(split: str) -> Raw:
    parts = SPLITS if split == "all" else (split,)
    arrays = cache.read("speech", parts)
    samples = np.concatenate([arrays[part] for part in parts]).astype(np.float32) / 32768
    return Raw("audio", samples, rate=RATE, notes=["split by file (the last tenth is the test split), files joined"])


SPEECH = DataSet(
    name="speech",
    about="568 recordings of one speaker, 25.5 minutes, 8 kHz, 16 bit, split by file",
    licence="CC-BY-SA-3.0",
    client="apt",
    package="asterisk-core-sounds-en-wav",
    version=None,
    convert=_convert,
    read=_read,
)
