"""States of runs: `state.safetensors` beside a model's folder, to go on training. Nothing is ever pickled.

A state holds the weights, their average, the optimiser's tensors and a JSON record in one file, so that a run that is
killed while writing keeps the previous state whole."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn

from arspec.diagnostics import InputError
from arspec.files.atomic import replacing_all
from arspec.model import proven
from arspec.saving.folder import MODEL, STATE, load, save_model, write_about
from arspec.saving.opening import check_no_spec
from arspec.saving.tensors import put_tensors, read_record, read_tensors

if TYPE_CHECKING:
    from arspec.model import Model

__all__ = ["MODEL", "STATE", "load_model", "read_progress", "read_state", "save_model", "save_run"]


def load_model(path: str | PathLike[str], device: str = "auto") -> Model:
    """The model of a folder (or of its .safetensors file), in evaluation mode. InputError where it cannot be read."""
    check_no_spec(fspath(path))
    return load(path, device, proven)


def save_run(
    model: nn.Module, folder: Path, groups: Mapping[str, Mapping[str, Tensor]], record: Mapping[str, Any]
) -> None:
    """Writes the state, groups of whole tensors ('weights', 'average', 'optimizer') and the record, and the model that
    belongs to it, the average where there is one: both or, where one can't be written, none."""
    write_about(cast("Model", model), folder)
    tensors = {f"{group}/{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
    with replacing_all([folder / MODEL, folder / STATE]) as (for_model, for_state):
        put_tensors(for_model, groups["average"] or groups["weights"], {})
        put_tensors(for_state, tensors, record)


def read_progress(path: Path) -> dict[str, Any]:
    """What a state says of its run, without its tensors: 'step' and 'options', and where the version that wrote it
    kept it 'source'. InputError where it is damaged."""
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
