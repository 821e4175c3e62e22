"""The tensors of a checkpoint, by name: their shapes are known at once, and their numbers are read one by one.

A folder has `model.safetensors`, or several such files and `model.safetensors.index.json`, which says where each tensor
stands. Files are mapped into memory, not copied. What others wrote is not trusted: every fault is one InputError.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from arspec.diagnostics import InputError
from arspec.files import foreign

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, SINGLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
MOST_TENSORS = 1 << 18
MOST_FILES = 4096
MOST_WEIGHTS = 1 << 40  # bytes of one file
UNREADABLE = "AR863"


@dataclass(frozen=True)
class Stored:
    """A tensor of a checkpoint that has not been read: its shape, the name of its type, and what reads it."""

    shape: tuple[int, ...]
    kind: str
    read: Callable[[], Tensor]


def inside(folder: Path, name: str) -> Path:
    """A file of a folder by its plain name. InputError for what leads out of the folder, or is not there."""
    if not name or name in (".", "..") or name != os.path.basename(name) or "\\" in name or "\0" in name:
        raise InputError(UNREADABLE, f"{folder} names the file {name[:200]!r}, which is not in the folder")
    path = folder / name
    if not os.path.lexists(path):
        raise InputError(UNREADABLE, f"{folder} has no file {name}", "download the whole checkpoint again")
    home = os.path.realpath(folder)
    if os.path.dirname(os.path.realpath(path)) != home:
        hint = "a checkpoint is a folder of files: `cp -rL FOLDER COPY` makes files of links"
        raise InputError(UNREADABLE, f"{path} is a link that leads out of its folder", hint)
    return path


def tensors_of(folder: Path) -> dict[str, Stored]:
    """Every tensor of a folder's safetensors files. InputError where they are damaged, or a file is missing."""
    if not os.path.lexists(folder / INDEX):
        if not os.path.lexists(folder / SINGLE):
            others = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth", ".h5"))
            held = f"; it holds {', '.join(others[:4])}" if others else ""
            hint = "weights are read from safetensors: `save_pretrained` of transformers writes them so"
            raise InputError(UNREADABLE, f"{folder} has neither {SINGLE} nor {INDEX}{held}", hint)
        return of_file(inside(folder, SINGLE))
    where = _where(folder)
    files = sorted(set(where.values()))
    if len(files) > MOST_FILES or len(where) > MOST_TENSORS:
        message = f"{folder / INDEX} names {len(where):,} tensors in {len(files):,} files"
        raise InputError(UNREADABLE, message, f"{MOST_TENSORS:,} tensors in {MOST_FILES:,} files are the most")
    found: dict[str, Stored] = {}
    for name in files:
        for tensor, stored in of_file(inside(folder, name)).items():
            if where.get(tensor) != name:
                stands = f"{INDEX} has it in {where[tensor]}" if tensor in where else f"{INDEX} does not name it"
                raise InputError(UNREADABLE, f"{folder / name} holds the tensor {tensor[:200]!r}, and {stands}")
            found[tensor] = stored
    if missing := [name for name in where if name not in found]:
        message = f"{folder / INDEX} names {len(missing):,} tensors that their files lack ({some(missing)})"
        raise InputError(UNREADABLE, message, "download the whole checkpoint again")
    return found


def _where(folder: Path) -> dict[str, str]:
    """Which file each tensor stands in, as the index says."""
    path = inside(folder, INDEX)
    found: Any = foreign.settings(path, UNREADABLE, most=1 << 26).get("weight_map")
    if not isinstance(found, dict) or not found:
        raise InputError(UNREADABLE, f"{path} is damaged: it has no object 'weight_map'")
    where = cast("dict[str, Any]", found)
    if not all(isinstance(name, str) for name in where.values()):
        raise InputError(UNREADABLE, f"{path} is damaged: its 'weight_map' names files by what is no text")
    return cast("dict[str, str]", where)


def of_file(path: Path) -> dict[str, Stored]:
    """The tensors of one safetensors file, which stays mapped as long as any of them is kept."""
    from safetensors import SafetensorError, safe_open

    with foreign.opened(path, UNREADABLE, MOST_WEIGHTS):  # a regular file, which is opened once more by its name
        try:
            file: Any = safe_open(path, framework="pt")
            names: list[str] = list(file.keys())
            if len(names) > MOST_TENSORS:
                raise InputError(UNREADABLE, f"{path} holds {len(names):,} tensors; {MOST_TENSORS:,} are the most")
            return {name: _stored(path, file, name) for name in names}
        # what the library raises for a type of numbers that torch lacks has no common class
        except (SafetensorError, OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
            message = f"{path} is damaged or no safetensors file: {error}"
            raise InputError(UNREADABLE, message, "download the whole checkpoint again") from error


def _stored(path: Path, file: Any, name: str) -> Stored:
    part = file.get_slice(name)

    def read() -> Tensor:
        try:
            return file.get_tensor(name)
        except Exception as error:  # a type that torch lacks; numbers that are no longer there
            raise InputError(UNREADABLE, f"{path}: the tensor {name[:200]!r} can't be read: {error}") from error

    return Stored(tuple(part.get_shape()), str(part.get_dtype()), read)


def some(names: list[str], most: int = 4) -> str:
    """The first of many names, in a message."""
    return ", ".join(name[:100] for name in names[:most]) + (", ..." if len(names) > most else "")
