"""WAV files (PCM of 8 to 32 bits) by the standard library."""

from __future__ import annotations

import wave
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arspec.data.atomic import replacing
from arspec.diagnostics import InputError


def read_wav(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples in -1 .. 1, [T] (the mean where there are several channels), and the rate in Hz."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InputError("AR803", f"{path} is not a WAV file of PCM samples: {error or 'it ends too early'}") from error
    except OSError as error:
        raise InputError("AR803", f"cannot read {path}: {error.strerror}") from error
    data = data[: len(data) // (width * channels) * (width * channels)]
    if width == 1:  # eight bits are unsigned in WAV, wider samples are signed
        samples = np.frombuffer(data, np.uint8).astype(np.float64) / 128 - 1
    elif width == 3:
        bytes3 = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        samples = ((bytes3[:, 0] << 8 | bytes3[:, 1] << 16 | bytes3[:, 2] << 24) >> 8) / 2.0**23
    else:
        samples = np.frombuffer(data, {2: "<i2", 4: "<i4"}[width]) / 2.0 ** (8 * width - 1)
    return samples.reshape(-1, channels).mean(1).astype(np.float32), rate


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
