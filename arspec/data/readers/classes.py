"""Class labels of files that lie in sub-folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arspec.data.examples import Array
from arspec.data.labels import listed, natural
from arspec.data.readers.files import Files
from arspec.data.readers.splits import split_folders
from arspec.diagnostics import InputError


def class_labels(
    source: Files, found: list[Path], chosen: list[Path], notes: list[str]
) -> tuple[Array | None, tuple[str, ...] | None]:
    """The class of each file of `chosen`, int64 [N], and the names of the classes: the sub-folders, in natural order.

    The classes are numbered over all of `found`, so that every split has the same numbers. Where sub-folders are
    splits, the classes are those of the training folder; InputError where another split has more. None,
    None without classes.
    """
    folder, splits = source.folder, split_folders(source, found)
    if folder is None:
        return None, None
    inner = {path: path.relative_to(folder).parts[1 if splits else 0 : -1] for path in found}
    outside = sum(not parts for parts in inner.values())
    if outside:
        if outside < len(found):
            notes.append(f"no classes: {outside:,} of {len(found):,} files lie beside the sub-folders")
        return None, None
    training = folder / splits["train"] if splits else folder
    classes = tuple(sorted({parts[0] for path, parts in inner.items() if training in path.parents}, key=natural))
    if strange := sorted({parts[0] for parts in inner.values()} - set(classes), key=natural):
        message = f"{source} has classes that are not in its folder '{splits['train']}': {listed(strange)}"
        raise InputError("AR850", message, f"the classes there are: {listed(classes)}")
    number = {name: k for k, name in enumerate(classes)}
    notes.append(f"{len(classes)} class{'es' * (len(classes) > 1)} by sub-folder: {listed(classes)}")
    return np.array([number[inner[path][0]] for path in chosen], np.int64), classes
