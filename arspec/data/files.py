"""A person's own files as sources: which reader reads what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arspec.data.options import Options
from arspec.data.raw import Raw
from arspec.data.readers import arrays, npz, pictures, sound, text
from arspec.data.readers.files import Files
from arspec.diagnostics import InputError
from arspec.files.kinds import PICTURES, SOUNDS, TEXTS

TABLES = (".csv", ".tsv", ".xlsx", ".parquet")  # what tables come as, which must be made arrays of whole numbers

if TYPE_CHECKING:
    from arspec.language.sections import Conditions, Data


def read_files(source: Files, data: Data, condition: Conditions, split: str, options: Options) -> Raw:
    """One split of a source. What a single file is, its suffix says; of several files, those that the spec models."""
    content = None if data.kind != "sequence" else "text" if data.is_text else data.content
    if source.folder is not None:
        if content is None:
            return pictures.read_pictures(source, data, split, options)
        read = sound.read_sounds if content == "audio" else text.read_texts
        return read(source, split, options)
    path = source.paths[0]
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return arrays.with_size(npz.read_npz_file(path, condition, split, options), data, options, source.place)
    if suffix == ".npy":
        return arrays.with_size(arrays.read_npy(path, data, split, options), data, options, source.place)
    if suffix in SOUNDS:
        return sound.read_sounds(source, split, options)
    if suffix in PICTURES:
        return pictures.read_pictures(source, data, split, options)
    if suffix in TEXTS or content == "text":
        return text.read_texts(source, split, options)
    known = ", ".join((".npy", ".npz", ".wav", ".txt", *PICTURES[:3]))
    hint = f"known: {known} ..."
    if suffix in TABLES:
        hint = "write its whole numbers as an array: np.save('table.npy', np.loadtxt(..., dtype=int))"
    raise InputError("AR803", f"{path}: a file that ends in '{suffix}' is no data that is known", hint)
