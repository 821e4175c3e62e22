"""Model folders: `model.safetensors`, `spec.yaml`, `spec.json`, `classes.json`, and with a card more. Nothing is
pickled.

Who reads a folder says how a model is made of a spec, for what a model can do is stated above this package.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from torch import Tensor, nn

from arspec.diagnostics import InputError
from arspec.diagnostics.arguments import path_of
from arspec.files.atomic import write_text
from arspec.files.kinds import WEIGHTS, meant
from arspec.files.together import WHOLE, settle, standing, together
from arspec.network.device import choose_device
from arspec.network.weights import undrawn
from arspec.saving.card import CARD, DIAGRAMS, own_card, write_card
from arspec.saving.classes_file import CLASSES, read_classes, write_classes
from arspec.saving.figures import FIGURES, read_figures, write_figures
from arspec.saving.origin import ORIGIN, read_origin, write_origin
from arspec.saving.spec_file import CONFIG, SETTINGS, SPEC, no_model, read_spec, write_spec
from arspec.saving.tensors import become, read_tensors, weights_of, whole, write_tensors
from arspec.saving.tokenizer_file import TOKENIZER, read_own_tokenizer, write_tokenizer
from arspec.version import VERSION

if TYPE_CHECKING:
    from arspec.data.labels import Names
    from arspec.language.load import Spec
    from arspec.network.module import Network

MODEL, STATE = "model.safetensors", "state.safetensors"  # the latter is of a run of training
M = TypeVar("M", bound="Network")


def save_model(model: nn.Module, folder: Path | str, weights: Mapping[str, Tensor] | None = None) -> Path:
    """Writes the model's weights (or `weights`, whole tensors by name), its spec and the names of its classes to
    `folder`; gives the file of weights."""
    folder = Path(folder)
    write_about(cast("Network", model), folder)
    given = weights if weights is not None else {name: whole(tensor) for name, tensor in weights_of(model).items()}
    write_tensors(folder / MODEL, given, {})
    return folder / MODEL


def write_about(model: Network, folder: Path) -> None:
    """Writes what a model folder says of its model beside the weights: its spec and the names of its classes.
    InputError where files of other hands stand in their places."""
    settle(folder, _gone)
    check_own(folder, SPEC, MODEL)
    write_spec(model.spec, folder)
    write_classes(model.names, folder)
    write_tokenizer(model.spec, folder)
    write_origin(model.origin, folder)


def check_own(folder: Path, *names: str) -> None:
    """InputError (AR946) where files of these names are not of a model: a folder of one holds its settings."""
    if os.path.exists(folder / SETTINGS):
        return
    for name in names:
        if os.path.exists(folder / name):
            message = f"{folder} is no folder of a model, and holds a {name}, which would be replaced"
            raise InputError("AR946", message, "choose another folder, or rename that file")


def save(model: Network, folder: str | os.PathLike[str]) -> Path:
    """Writes a model into a folder that stands alone: weights, spec, names of classes, figures, and a card with a
    diagram. What an earlier `save` wrote there is replaced as a whole: wherever a process ends, `load` gives the old
    model or the new one. Gives the folder. InputError where it can't be written, or holds a run of training, whose
    state would then be of another model."""

    def put(new: Path) -> None:
        save_model(model, new)
        write_figures(model.figures, new)

    return save_parts(Path(path_of(folder, "a model")), model.spec, put, model.names, model.figures)


def save_parts(
    place: Path, spec: Spec, put: Callable[[Path], None], names: Names | None = None,
    figures: dict[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Writes a model's folder as `save` does, where its spec, weights and the rest are written by `put`."""
    if os.path.exists(place / STATE):
        raise InputError("AR810", f"{place} holds a training run", "choose another folder; a run has its model already")
    if not os.path.isdir(place / WHOLE):
        check_own(place, SPEC, MODEL, CONFIG)
    with together(place, _gone) as new:
        put(new)
        write_text(new / CONFIG, json.dumps({"library_name": "arspec", "version": VERSION}) + "\n")
        if own_card(place):
            write_card(spec, names or {}, figures or {}, new)
    return place


def _gone(names: set[str]) -> set[str]:
    """Files of the model before that go when those of these names are written."""
    return ({CLASSES, FIGURES, TOKENIZER, ORIGIN} | (set(DIAGRAMS) if CARD in names else set())) - names


def load(path: str | os.PathLike[str], device: str, make: Callable[[Spec], M]) -> M:
    """The model of a folder, or of its .safetensors file, in evaluation mode, with what is known of its quality. make:
    the model of a spec. InputError where it can't be read."""
    path, on = Path(path), choose_device(device)
    folder, name = (path, MODEL) if os.path.isdir(path) else (path.parent, path.name)
    if name == MODEL:
        folder = standing(folder)
    file = folder / name
    if not os.path.exists(file):
        raise InputError("AR802", f"there is no model at {path}", no_model(path))
    if not name.endswith(WEIGHTS) and (other := meant(name)) is not None:
        raise InputError("AR802", f"{path} is {other[0]} and no model, which is a folder", other[1])
    tensors, _ = read_tensors(file)
    spec = read_spec(folder)
    spec.data.of_a_trained_model()
    read_own_tokenizer(folder, spec)
    with undrawn():
        model = make(spec)
    model.names, model.figures = read_classes(folder, model.spec), read_figures(folder)
    model.origin = read_origin(folder)
    become(model, tensors, str(file))
    return model.to(on).eval()
