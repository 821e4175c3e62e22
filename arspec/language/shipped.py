"""Specs by name: those that ship with arspec, and a person's own, which come first.

`gated_pixelcnn` names the file `gated_pixelcnn`, `gated_pixelcnn.yaml` or `gated_pixelcnn.yml` of a folder, and where
there is none the shipped spec of that name. Anything with a dot or a slash in it is a path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from arspec.diagnostics import InputError, Source, did_you_mean_file
from arspec.syntax.yaml import read

SUFFIXES = (".yaml", ".yml")
PACKAGE = Path(__file__).parent.parent
_NAME = re.compile(r"\w[\w-]*")


def shipped_folder() -> Path:
    """The folder of the shipped specs: `arspec/specs` of an installation, `specs` beside the package in a checkout."""
    inside = PACKAGE / "specs"
    return inside if inside.is_dir() else PACKAGE.parent / "specs"


def shipped() -> dict[str, Path]:
    """The shipped specs: name -> file, in the order of their names."""
    return _specs(shipped_folder())


@lru_cache(maxsize=4)
def _specs(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def is_name(text: str | os.PathLike[str]) -> bool:
    """Whether a text may name a spec, as it has neither an ending nor a folder."""
    return _NAME.fullmatch(os.fspath(text)) is not None


def file_of(spec: str | os.PathLike[str], folder: str = "", besides: Collection[str] = ()) -> str | None:
    """The file that a spec is read from, where `folder` is where paths start from.

    A path stands for itself, whether the file is there or not. A name is looked up, and is None where no spec has it;
    `-` and `_` are the same in it. besides: files that a name does not mean."""
    text = os.fspath(spec)
    path = os.path.normpath(os.path.join(folder, text)) if folder else text
    if not is_name(text):
        return path
    for own in (path, *(path + suffix for suffix in SUFFIXES)):
        if os.path.isfile(own) and os.path.normpath(own) not in besides:
            return own
    found = shipped().get(text.replace("-", "_"))
    return None if found is None else str(found)


def found(spec: str | os.PathLike[str]) -> str:
    """The file that a spec is read from, from the working folder. InputError (AR900) for a name that no spec has."""
    file = file_of(spec)
    if file is None and os.path.exists(spec):  # a folder or a device: what it is, the reader says
        return os.fspath(spec)
    if file is None:
        raise no_spec("AR900", "spec", os.fspath(spec))
    return file


def no_spec(code: str, what: str, name: str) -> InputError:
    """The InputError for a name that neither a file here nor a shipped spec has."""
    message = f"there is no {what} '{name}': no file here has this name, and no shipped spec"
    return InputError(code, message, did_you_mean_file(name, shipped()) or "arspec list shows the shipped specs")


def is_shipped(file: str) -> bool:
    """Whether a file is a shipped spec."""
    return Path(file) in shipped().values()


def is_below(path: str, spec: str) -> bool:
    """Whether a file lies below the folder of a spec, wherever links lead."""
    folder = os.path.realpath(os.path.dirname(spec))
    try:
        return os.path.commonpath([folder, os.path.realpath(path)]) == folder
    except ValueError:  # on another drive, or no path at all
        return False


def check_own(file: str) -> None:
    """InputError (AR901) for a spec of the installation, which is not written to."""
    if is_shipped(file) and shipped_folder().parent == PACKAGE:
        name = Path(file).stem
        message = f"{name} is a spec of the installed arspec, and is not changed"
        raise InputError("AR901", message, f"write a spec of your own that begins with `extends: {name}`")


def read_spec(file: str) -> Source:
    """The text of a spec's file, as `spec.yaml.read` gives it. Where it is not there,
    the InputError names what may be meant."""
    try:
        return read(file)
    except InputError as error:
        name = Path(file).stem
        if error.help is not None or name not in shipped():
            raise
        help = f"arspec ships a spec of this name: write {name}, without a folder and an ending"
        raise InputError(error.code, error.message, help) from None
