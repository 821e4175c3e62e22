"""Reading sound files of every kind that soundfile (libsndfile) knows: WAV, FLAC, AIFF, AU, CAF, W64, OGG, MP3 ..."""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from arspec.data.examples import Array
from arspec.diagnostics import InputError
from arspec.extras import need
from arspec.files.foreign import opened as regular

MOST_FRAMES = 1 << 28  # of a file: 4.6 hours at 16 kHz. A few bytes of a compressed file may claim any number
BLOCK = 1 << 20  # samples that are decoded at a time
MOST_RATE = 1_000_000  # Hz, for which a filter is made
CANCELLED = 10.0  # decibels: what mixing may lose beyond what it does to channels that have nothing in common

# What libsndfile's log says of a header that states more bytes than the file has, or of a block that is cut off.
_STATED = re.compile(r": (\d+) \(should be (\d+)\)")
_CUT = re.compile(r"\*\*\* .*(truncated|short read)")
# Lengths from here on stand for "not known yet": a program that writes to a pipe states one of them.
_UNKNOWN = (1 << 31) - 1


@dataclass(frozen=True)
class Sound:
    """One channel of a sound file.

    samples: [T], float32 or float64, just as the file has them: -1 ... 1, and beyond where floats are.
    rate: Hz. channels: those of the file. name: of the file.
    lost: decibels by which mixing made it quieter than its channels would be if they had nothing in common.
    levels: the root mean squares of a channel and of the mix. cut: whether the file ends before its header says.
    resampled_from: the file's rate, where it was another.
    """

    samples: Array
    rate: int
    channels: int
    name: str
    lost: float = 0.0
    levels: tuple[float, float] = (0.0, 0.0)
    cut: bool = False
    resampled_from: int | None = None

    @property
    def beyond(self) -> int:
        """Samples that lie beyond -1 ... 1."""
        return int(np.count_nonzero(np.abs(self.samples) > 1))


def read_sound(path: Path, channel: int | None = None) -> Sound:
    """One channel of a file: that number, from 1, or the mean of all. InputError for what cannot be read, has no such
    channel, or holds what is no number."""
    pieces: list[Array] = []
    with opened(path, str(path)) as file:
        channels, rate = int(file.channels), int(file.samplerate)
        if channel is not None and channel > channels:
            message = f"{path} has {channels} channel{'s' * (channels > 1)}; there is no channel {channel}"
            raise InputError("AR804", message, "write @channel=1 or @channel=mix")
        wide = file.subtype in ("PCM_32", "DOUBLE") or (channel is None and channels > 1)
        each = mixed = 0.0
        for block in blocks(file, str(path), "float64" if wide else "float32"):
            if not np.isfinite(block).all():
                frame = sum(map(len, pieces)) + int(np.flatnonzero(~np.isfinite(block).all(1))[0])
                raise InputError(
                    "AR804", f"{path} holds no number (NaN or infinity) at sample {frame:,}", "mend the file"
                )
            with np.errstate(over="ignore"):  # of numbers that are far beyond -1 ... 1
                one = block.mean(1) if channel is None and channels > 1 else block[:, (channel or 1) - 1].copy()
                each += float(np.square(block, dtype=np.float64).sum()) / channels
                mixed += float(np.square(one, dtype=np.float64).sum())
            pieces.append(one)
        cut = cut_short(file)
    count = max(1, sum(map(len, pieces)))
    lost = 10 * math.log10(each / channels / mixed) if mixed else (math.inf if each else 0.0)
    levels = math.sqrt(each / count), math.sqrt(mixed / count)
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return Sound(samples, rate, channels, str(path), 0.0 if channel is not None else lost, levels, cut)


def resampled(sound: Sound, rate: int) -> Sound:
    """The sound at another rate, [ceil(T · rate / its rate)], by a polyphase filter that shifts no phase: a low-pass of
    20 · max(up, down) + 1 taps under a Kaiser window (beta 5),
    where up / down is the ratio of the rates in lowest terms."""
    if sound.rate == rate:
        return sound
    if max(sound.rate, rate) > MOST_RATE:
        raise InputError("AR804", f"{sound.name} has {sound.rate:,} Hz; rates up to {MOST_RATE:,} Hz are resampled")
    resample_poly = need("scipy", "scipy.signal").resample_poly
    common = math.gcd(sound.rate, rate)
    samples: Array = sound.samples
    if len(samples):
        samples = resample_poly(samples, rate // common, sound.rate // common)
    return replace(sound, samples=samples, rate=rate, resampled_from=sound.rate)


@contextmanager
def opened(source: Path | bytes, name: str) -> Generator[Any]:
    """A `soundfile.SoundFile` of a path or of bytes. InputError for what is no sound,
    and for what fails inside the block."""
    soundfile = library()
    if (len(source) if isinstance(source, bytes) else _size(source)) == 0:
        raise InputError("AR803", f"{name} is empty: it holds no sound")
    try:
        with soundfile.SoundFile(_Bytes(source) if isinstance(source, bytes) else str(source)) as file:
            yield file
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).strip().rstrip(".")
        raise InputError(
            "AR803", f"cannot read {name} as sound: {reason}", "the file may be damaged; WAV and FLAC are safest"
        ) from error
    except MemoryError as error:
        message = f"{name} is too large for the memory of this machine"
        raise InputError("AR803", message, "cut it into shorter files") from error
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise InputError("AR803", f"cannot read {name} as sound: {error}", "WAV and FLAC are safest") from error


def blocks(file: Any, name: str, dtype: str) -> Generator[Array]:
    """The samples of an open file, [frames, channels] at a time.

    They are read until there are no more, whatever number the header states. InputError beyond `MOST_FRAMES`."""
    count, each = 0, max(1, BLOCK // file.channels)
    while True:
        block = file.read(each, dtype=dtype, always_2d=True)
        count += len(block)
        if count > MOST_FRAMES:
            message = f"{name} holds more than {MOST_FRAMES:,} samples a channel, which is the most that is read"
            raise InputError("AR803", message, "cut it into shorter files, and give their folder")
        if len(block):
            yield block
        if len(block) < each:
            return


def whole(file: Any, name: str, dtype: str) -> Array:
    """All samples of an open file, [frames, channels]."""
    empty = np.zeros((0, file.channels), dtype)
    return np.concatenate([empty, *blocks(file, name, dtype)])


def cut_short(file: Any) -> bool:
    """Whether an open file that was read ends before its header says it does."""
    log = str(file.extra_info)
    stated = [(int(claimed), int(there)) for claimed, there in _STATED.findall(log)]
    return any(there < claimed < _UNKNOWN for claimed, there in stated) or _CUT.search(log) is not None


class _Bytes(io.BytesIO):
    """Bytes as a file that stays where it is when a damaged header sends libsndfile to a place before the start: an
    exception cannot pass through the C library, and would be printed."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def library() -> Any:
    """soundfile. InputError where it or its C library is missing."""
    return need("soundfile")


def _size(path: Path) -> int:
    with regular(path, "AR803") as file:
        return os.fstat(file.fileno()).st_size
