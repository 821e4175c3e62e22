"""A trained model by its name: a folder, a file of weights, or a repository."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from arspec.diagnostics import InputError, did_you_mean_file
from arspec.language.load import Spec
from arspec.language.shipped import SUFFIXES, file_of, is_name
from arspec.saving.folder import M, load
from arspec.saving.hub import download

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def open_model(name: str | os.PathLike[str], device: str, make: Callable[[Spec], M], revision: str | None = None) -> M:
    """The model of a folder or a file, or of the repository `owner/name`, where there is no such folder. make: the
    model of a spec."""
    text = os.fspath(name)
    check_no_spec(text)
    if os.path.exists(text):
        if revision is not None:
            raise InputError(
                "AR808", f"a revision is of a repository, and {text} is a folder or a file", "leave it out"
            )
        return load(text, device, make)
    if not _REPOSITORY.fullmatch(text) or os.path.isdir(os.path.dirname(text)):
        hint = (
            did_you_mean_file(text) or "a model is a folder that arspec train or model.save has written, or owner/name"
        )
        raise InputError("AR802", f"there is no model at {text}", hint)
    return download(text, make, device=device, revision=revision)


def check_no_spec(text: str) -> None:
    """InputError (AR950) for a spec where a trained model is wanted: a file by its ending, or the name of one that no
    file here has."""
    if (text.endswith(SUFFIXES) and not os.path.isdir(text)) or (
        not os.path.exists(text) and is_name(text) and file_of(text) is not None
    ):
        hint = f"arspec.compile({text!r}) makes an untrained model; arspec.train({text!r}, data, folder) trains one"
        raise InputError("AR950", f"{text} is a spec, which has no weights", hint)
