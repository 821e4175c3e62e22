"""Sound files as sources: samples, one after another."""

from __future__ import annotations

import numpy as np

from arspec.data.options import Options
from arspec.data.raw import Raw, split_of
from arspec.data.readers.files import Files, by_file, cut, in_order
from arspec.data.wav import read_wav
from arspec.diagnostics import InputError

SUFFIXES = (".wav",)


def read_sounds(source: Files, split: str, options: Options) -> Raw:
    """One split of a sound, by place, or of several sounds, by file."""
    if source.folder is None:
        samples, rate = read_wav(source.paths[0])
        return Raw("audio", cut(samples, split, "samples"), rate=rate, notes=in_order(split))
    chosen = split_of(source.of_kind(SUFFIXES), split, shuffle=False, what="files")
    waves = [read_wav(path) for path in chosen]
    rates = {rate for _, rate in waves}
    if len(rates) > 1:
        raise InputError("AR804", f"the WAV files of {source.place} have different rates: {sorted(rates)} Hz")
    return Raw("audio", np.concatenate([samples for samples, _ in waves]), rate=rates.pop(), notes=by_file(split))
