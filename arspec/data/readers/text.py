"""Text files as sources: bytes, one after another."""

from __future__ import annotations

import numpy as np

from arspec.data.options import Options
from arspec.data.raw import Raw, split_of
from arspec.data.readers.files import Files, by_file, cut, file_bytes, in_order

SUFFIXES = (".txt", ".md", ".text")


def read_texts(source: Files, split: str, options: Options) -> Raw:
    """One split of a text, by place, or of several texts, by file."""
    if source.folder is None:
        return Raw("text", cut(file_bytes(source.paths[0]), split, "characters"), levels=256, notes=in_order(split))
    chosen = split_of(source.of_kind(SUFFIXES), split, shuffle=False, what="files")
    return Raw("text", np.concatenate([file_bytes(path) for path in chosen]), levels=256, notes=by_file(split))
