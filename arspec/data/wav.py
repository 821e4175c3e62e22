"""Writing WAV files of 16 bits, one channel, piece by piece. (`sound` reads them.)

The header is written here: the standard library's writer tries to mend it once more when a full disk has stopped it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arspec.diagnostics import InputError
from arspec.files.atomic import replacing

WIDTH = 2  # bytes of a sample
MOST = (1 << 32) - 64  # bytes of samples: sizes are stated in 32 bits


def write_wav(path: Path, samples: NDArray[Any], rate: int) -> None:
    """Samples in -1 .. 1, [T], as 16-bit mono."""
    with replacing(path) as temporary, opened_wav(temporary, rate) as put:
        put(samples)


def check_samples(count: int) -> None:
    """InputError for more samples than a WAV file holds."""
    if count * WIDTH > MOST:
        raise InputError("AR810", f"a WAV file has {MOST // WIDTH:,} samples at the most; {count:,} came", "write .npy")


@contextmanager
def opened_wav(path: Path, rate: int) -> Generator[Callable[[NDArray[Any]], None]]:
    """A file of 16-bit mono, to which pieces of samples in -1 .. 1, [T], are added. InputError beyond 4 GiB."""
    size = 0
    with path.open("wb") as file:
        file.write(_header(rate, 0))

        def put(samples: NDArray[Any]) -> None:
            nonlocal size
            codes = np.clip(np.floor(np.asarray(samples, dtype=np.float64) * 32768), -32768, 32767).astype("<i2")
            size += codes.nbytes
            check_samples(size // WIDTH)
            file.write(codes.tobytes())

        yield put
        file.seek(0)
        file.write(_header(rate, size))


def _header(rate: int, size: int) -> bytes:
    """The 44 bytes before `size` bytes of samples."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * WIDTH, WIDTH, 8 * WIDTH)  # PCM, one channel
    return b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size)
