"""The folder that keeps fetched data sets, outside the repository."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from arspec.data.arrays import read_npz
from arspec.data.examples import Array
from arspec.diagnostics import InputError
from arspec.files.atomic import replacing, write_text
from arspec.files.cache import user_cache


def cache_folder() -> Path:
    """$ARSPEC_DATA, or the user's cache."""
    return Path(os.environ.get("ARSPEC_DATA") or user_cache())


def cached(name: str) -> Path:
    """The array file of a data set, whether it is there or not."""
    return cache_folder() / f"{name}.npz"


def store(name: str, arrays: dict[str, Array], about: dict[str, Any]) -> Path:
    """Writes a data set's arrays, and beside them where they came from and under which licence."""
    path = cached(name)
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)  # pyright: ignore[reportArgumentType]
    write_text(path.with_suffix(".json"), json.dumps(about, indent=2) + "\n")
    return path


def read(name: str, keys: tuple[str, ...]) -> dict[str, Array]:
    """Some arrays of a fetched data set."""
    path = cached(name)
    if not path.exists():
        raise InputError(
            "AR803", f"the data set '{name}' has not been fetched yet", f"fetch it once with: arspec data {name}"
        )
    return read_npz(path, keys)


def digest(data: bytes | Array, algorithm: str = "sha256") -> str:
    """Hash of bytes, or of an array's bytes in row-major order."""
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    hasher.update(data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes())
    return hasher.hexdigest()


def check(what: str, data: bytes | Array, expected: str, algorithm: str = "sha256") -> None:
    """InputError where the hash is not the expected one."""
    if (found := digest(data, algorithm)) != expected:
        raise InputError("AR803", f"{what} is not what it should be: its {algorithm} is {found}, expected {expected}")
