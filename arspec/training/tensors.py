"""Tensors in safetensors files, with a JSON record in the file's metadata. One file, so that both change together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from arspec.data.atomic import replacing
from arspec.diagnostics import InputError

SHOWN = 4  # names of weights in a message


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """The model's parameters and persistent buffers by name; what is shared under two names comes once."""
    seen: set[int] = set()
    result: dict[str, Tensor] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            result[name] = tensor
    return result


def write_tensors(path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Writes whole tensors and `record` (plain values), atomically."""
    from safetensors.torch import save_file

    with replacing(path) as temporary:
        save_file(dict(tensors), temporary, metadata={"arspec": json.dumps(record)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors on the CPU and the record, {} where the file has none. InputError where the file is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        opened: Any = safe_open(path, framework="pt")
        with opened as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
        return tensors, json.loads(metadata.get("arspec", "{}"))
    except FileNotFoundError as error:
        raise InputError("AR802", f"there is no file {path}") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError("AR802", f"{path} is damaged or no safetensors file: {error}") from error


@torch.no_grad()
def fill(model: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copies `tensors` into the model's weights. One InputError names what is missing, unknown or of another shape."""
    weights = weights_of(model)
    faults: list[str] = []
    if missing := [name for name in weights if name not in tensors]:
        faults.append(f"{len(missing)} missing ({_some(missing)})")
    if unknown := [name for name in tensors if name not in weights]:
        faults.append(f"{len(unknown)} unknown ({_some(unknown)})")
    shapes = [
        f"{name} {list(tensors[name].shape)} for {list(weight.shape)}"
        for name, weight in weights.items()
        if name in tensors and tensors[name].shape != weight.shape
    ]
    if shapes:
        faults.append(f"{len(shapes)} of another shape ({_some(shapes)})")
    if faults:
        hint = "the weights belong to another spec, or to other params"
        raise InputError("AR801", f"the weights of {source} do not fit the spec: {'; '.join(faults)}", hint)
    for name, weight in weights.items():
        weight.copy_(tensors[name])


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
