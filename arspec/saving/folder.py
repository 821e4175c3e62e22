"""Model folders: written with a card, and opened by their path or as a repository."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import arspec
from arspec.diagnostics import InputError, did_you_mean_file
from arspec.saving.card import write_card
from arspec.saving.figures import read_figures, write_figures

if TYPE_CHECKING:
    from arspec.network.module import Model

CONFIG = "config.json"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def save(model: Model, folder: str | os.PathLike[str]) -> Path:
    """Writes a model into a folder that stands alone: weights, spec, names of classes, figures, and a card with a
    diagram. What an earlier `save` wrote there is replaced. Gives the folder. InputError where it can't be written, or
    holds a run of training, whose state would then be of another model."""
    from arspec.files.atomic import write_text
    from arspec.training.checkpoint import STATE, save_model

    place = Path(folder)
    if (place / STATE).exists():
        raise InputError("AR810", f"{place} holds a training run", "choose another folder; a run has its model already")
    save_model(model, place)
    write_figures(model.figures, place)
    write_text(place / CONFIG, json.dumps({"library_name": "arspec", "version": arspec.__version__}) + "\n")
    write_card(model.spec, model.figures, place)
    return place


def load(path: str | os.PathLike[str], device: str = "auto") -> Model:
    """The model of a folder, or of its .safetensors file, with what is known of its quality.
    InputError as `load_model`."""
    from arspec.training.checkpoint import load_model

    model = load_model(Path(path), device)
    model.figures = read_figures(Path(path) if os.path.isdir(path) else Path(path).parent)
    return model


def open_model(name: str | os.PathLike[str], device: str = "auto", revision: str | None = None) -> Model:
    """The model of a folder or a file, or of the repository `owner/name`, where there is no such folder."""
    text = os.fspath(name)
    if os.path.exists(text):
        if revision is not None:
            raise InputError(
                "AR808", f"a revision is of a repository, and {text} is a folder or a file", "leave it out"
            )
        return load(text, device)
    if not _REPOSITORY.fullmatch(text) or os.path.isdir(os.path.dirname(text)):
        hint = (
            did_you_mean_file(text) or "a model is a folder that arspec train or model.save has written, or owner/name"
        )
        raise InputError("AR802", f"there is no model at {text}", hint)
    from arspec.saving.hub import download

    return download(text, device=device, revision=revision)
