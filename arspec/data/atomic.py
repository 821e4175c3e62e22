"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from arspec.diagnostics import InputError


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Gives a temporary path beside `path`, which takes its place when the block ends without an error.

    The temporary file keeps the suffix, by which some writers choose the format. Folders are made where missing.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    except OSError as error:
        raise InputError("AR810", f"cannot write {path}: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    # mkstemp makes files that only their owner may read; what replaces a person's file has the usual rights
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(0o666 & ~mask)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
