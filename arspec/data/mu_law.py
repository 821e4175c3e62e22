"""Waveforms to integers and back: mu-law companding and linear steps.

Mu-law (ITU-T G.711 in its continuous form, as in van den Oord et al. 2016c, section 2.2), mu = levels - 1:
f(x) = sign(x) log(1 + mu |x|) / log(1 + mu), then levels of equal width in f. Decoding gives the level's middle, so
that encoding what was decoded returns every level.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode_mu_law(wave: NDArray[Any], levels: int = 256) -> NDArray[np.int64]:
    """Samples in -1 .. 1 (clipped beyond) to integers in 0 .. levels - 1."""
    mu = levels - 1
    wave = np.clip(np.asarray(wave, dtype=np.float64), -1.0, 1.0)
    companded = np.sign(wave) * np.log1p(mu * np.abs(wave)) / np.log1p(mu)
    return np.floor((companded + 1) / 2 * mu + 0.5).astype(np.int64)


def decode_mu_law(codes: NDArray[Any], levels: int = 256) -> NDArray[np.float64]:
    """Integers in 0 .. levels - 1 to samples in -1 .. 1."""
    mu = levels - 1
    companded = 2 * np.asarray(codes, dtype=np.float64) / mu - 1
    return np.sign(companded) * np.expm1(np.abs(companded) * np.log1p(mu)) / mu


def encode_linear(wave: NDArray[Any], levels: int = 65536) -> NDArray[np.int64]:
    """Samples in -1 .. 1 to `levels` steps of equal width; 16-bit samples over 32768 go to 65536 levels unchanged."""
    wave = np.asarray(wave, dtype=np.float64)
    return np.clip(np.floor((wave + 1) / 2 * levels), 0, levels - 1).astype(np.int64)


def decode_linear(codes: NDArray[Any], levels: int = 65536) -> NDArray[np.float64]:
    """Integers in 0 .. levels - 1 to the middle of their step, in -1 .. 1."""
    return (np.asarray(codes, dtype=np.float64) + 0.5) / levels * 2 - 1


def to_codes(wave: NDArray[Any], levels: int, companding: str) -> NDArray[np.int64]:
    """Samples in -1 .. 1 to integers by the spec's companding, 'mu_law' or 'linear'."""
    return encode_mu_law(wave, levels) if companding == "mu_law" else encode_linear(wave, levels)


def to_wave(codes: NDArray[Any], levels: int, companding: str) -> NDArray[np.float64]:
    """Integers to samples in -1 .. 1 by the spec's companding, 'mu_law' or 'linear'."""
    return decode_mu_law(codes, levels) if companding == "mu_law" else decode_linear(codes, levels)
