"""Class labels of files that lie in sub-folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arspec.data.examples import Array
from arspec.data.readers.files import Files


def class_labels(source: Files, found: list[Path], chosen: list[Path], notes: list[str]) -> Array | None:
    """The class of each file of `chosen`, int64 [N]: its sub-folder, where every file of `found` lies in one.

    The classes are numbered over all of `found`, so that every split has the same numbers.
    """
    folder = source.folder
    if folder is None or any(path.parent == folder for path in found):
        return None
    classes = sorted({path.relative_to(folder).parts[0] for path in found})
    notes.append(f"classes by sub-folder: {', '.join(classes[:10])}{' ...' if len(classes) > 10 else ''}")
    return np.array([classes.index(path.relative_to(folder).parts[0]) for path in chosen], np.int64)
