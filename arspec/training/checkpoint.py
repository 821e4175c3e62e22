"""Model folders: `model.safetensors`, `spec.json` and `classes.json` for use, `state.safetensors` to go on training.

Nothing is ever pickled. A state holds the weights, their average, the optimiser's tensors and a JSON record in one
file, so that a run that is killed while writing keeps the previous state whole.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn

import arspec
from arspec.diagnostics import InputError
from arspec.files.atomic import replacing_all
from arspec.training.classes_file import read_classes, write_classes
from arspec.training.parallel import choose_device, whole
from arspec.training.spec_file import read_spec, write_spec
from arspec.training.tensors import fill, put_tensors, read_record, read_tensors, weights_of, write_tensors

if TYPE_CHECKING:
    from arspec.network.module import Model

MODEL, STATE = "model.safetensors", "state.safetensors"


def save_model(model: nn.Module, folder: Path | str, weights: Mapping[str, Tensor] | None = None) -> Path:
    """Writes the model's weights (or `weights`, whole tensors by name), its spec and the names of its classes to
    `folder`; gives the file of weights."""
    folder = Path(folder)
    _write_about(cast("Model", model), folder)
    given = weights if weights is not None else {name: whole(tensor) for name, tensor in weights_of(model).items()}
    write_tensors(folder / MODEL, given, {})
    return folder / MODEL


def _write_about(model: Model, folder: Path) -> None:
    """Writes what a model folder says of its model beside the weights."""
    write_spec(model.spec, folder)
    write_classes(model.names, folder)


def load_model(path: Path | str, device: str = "auto") -> Model:
    """The model of a folder (or of its .safetensors file), in evaluation mode. InputError where it cannot be read."""
    path, on = Path(path), choose_device(device)
    folder, file = (path, path / MODEL) if os.path.isdir(path) else (path.parent, path)
    if not os.path.exists(file):
        raise InputError("AR802", f"there is no model at {path}", "a model is a folder that arspec train has written")
    tensors, _ = read_tensors(file)
    spec = read_spec(folder)
    spec.data.of_a_trained_model()
    model = arspec.compile(spec)
    model.names = read_classes(folder, model.spec)
    fill(model, tensors, str(file))
    return model.to(on).eval()


def save_run(
    model: nn.Module, folder: Path, groups: Mapping[str, Mapping[str, Tensor]], record: Mapping[str, Any]
) -> None:
    """Writes the state, groups of whole tensors ('weights', 'average', 'optimizer') and the record, and the model that
    belongs to it, the average where there is one: both or, where one can't be written, none."""
    _write_about(cast("Model", model), folder)
    tensors = {f"{group}/{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
    with replacing_all([folder / MODEL, folder / STATE]) as (for_model, for_state):
        put_tensors(for_model, groups["average"] or groups["weights"], {})
        put_tensors(for_state, tensors, record)


def read_progress(path: Path) -> dict[str, Any]:
    """What a state says of its run, without its tensors: 'step' and 'options', and where the version that wrote it kept
    it 'source'. InputError where it is damaged."""
    record = read_record(path)
    if not isinstance(record.get("options"), dict):
        raise InputError("AR814", f"{path} is no state of a training run")
    return record


def read_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The state that `save_run` wrote."""
    tensors, record = read_tensors(path)
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "average": {}, "optimizer": {}}
    step, options = record.get("step"), record.get("options", {})
    unknown = [name for name in tensors if name.partition("/")[0] not in groups]
    if type(step) is not int or step < 0 or not isinstance(options, dict) or unknown:
        raise InputError("AR814", f"{path} is no state of a training run")
    for full_name, tensor in tensors.items():
        group, _, name = full_name.partition("/")
        groups[group][name] = tensor
    return groups, record
