"""Files as their bytes: text, or anything else."""

from __future__ import annotations

import numpy as np

from arspec.codec.media.base import Media
from arspec.codec.wire import ByteReader
from arspec.types import Ints


def parse(data: bytes, name: str) -> Media:
    """Any file. A byte is a level, as it is where a model is trained on text."""
    return Media(np.frombuffer(data, np.uint8).astype(np.int64), None, b"")


def build(meta: ByteReader, samples: Ints) -> bytes:
    """The file."""
    return samples.astype(np.uint8).tobytes()
