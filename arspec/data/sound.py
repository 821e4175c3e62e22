"""Reading sound files of every kind that soundfile (libsndfile) knows: WAV, FLAC, AIFF, AU, CAF, W64, OGG, MP3 ..."""

from __future__ import annotations

import io
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from arspec.data.examples import Array
from arspec.diagnostics import InputError

MOST_FRAMES = 1 << 28  # of a file: 4.6 hours at 16 kHz. A few bytes of a compressed file may claim any number
BLOCK = 1 << 20  # samples that are decoded at a time

# What libsndfile's log says of a header that states more bytes than the file has, or of a block that is cut off.
_STATED = re.compile(r": (\d+) \(should be (\d+)\)")
_CUT = re.compile(r"\*\*\* .*(truncated|short read)")
_UNKNOWN = (
    1 << 31
) - 1  # a length of this and more stands for "not known yet", as a program that writes to a pipe has it


@contextmanager
def opened(source: Path | bytes, name: str) -> Generator[Any]:
    """A `soundfile.SoundFile` of a path or of bytes. InputError for what is no sound, and for what fails inside the block."""
    soundfile = library()
    if (len(source) if isinstance(source, bytes) else _size(source)) == 0:
        raise InputError("AR803", f"{name} is empty: it holds no sound")
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
            yield file
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).strip().rstrip(".")
        raise InputError(
            "AR803", f"cannot read {name} as sound: {reason}", "the file may be damaged; WAV and FLAC are safest"
        ) from error
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


def library() -> Any:
    """soundfile. InputError where it or its C library is missing."""
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise InputError("AR811", f"soundfile is missing: {error}", "pip install soundfile") from error
    return soundfile


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError("AR803", f"cannot read {path}: {error.strerror}") from error
