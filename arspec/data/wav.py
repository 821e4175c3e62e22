"""Writing WAV files of 16 bits, one channel, piece by piece, by the standard library. (`sound` reads them.)"""

from __future__ import annotations

import wave
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arspec.data.atomic import replacing


def write_wav(path: Path, samples: NDArray[Any], rate: int) -> None:
    """Samples in -1 .. 1, [T], as 16-bit mono."""
    with replacing(path) as temporary, opened_wav(temporary, rate) as put:
        put(samples)


@contextmanager
def opened_wav(path: Path, rate: int) -> Generator[Callable[[NDArray[Any]], None]]:
    """A file of 16-bit mono, to which pieces of samples in -1 .. 1, [T], are added."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)

        def put(samples: NDArray[Any]) -> None:
            codes = np.clip(np.floor(np.asarray(samples, dtype=np.float64) * 32768), -32768, 32767).astype("<i2")
            file.writeframes(codes.tobytes())

        yield put
