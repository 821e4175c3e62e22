"""`.pt` files: pickles, which are read by `torch.load(weights_only=True)` alone. Nothing else here unpickles."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.checkpoints.stored import MOST_WEIGHTS, Stored
from arspec.diagnostics import InputError
from arspec.files import foreign

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSED = "AR866"
BEFORE = ("_orig_mod.", "module.")  # what torch.compile and DataParallel put before the names of a module's tensors


def read_pickled(path: Path) -> Mapping[str, Any]:
    """The dictionary of a .pt file: tensors, numbers, texts, lists, dictionaries. InputError for all else."""
    import torch

    hint = "only tensors, numbers, texts, lists and dictionaries are read: save `model.state_dict()`, or safetensors"
    with foreign.opened(path, REFUSED, MOST_WEIGHTS) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old forms of storage
        try:
            found: object = torch.load(file, map_location="cpu", weights_only=True)
        except InputError:
            raise
        except MemoryError:
            raise
        except Exception as error:  # what torch raises for what it refuses has no common class
            told = str(error).rpartition("WeightsUnpickler error: ")[2].strip() or type(error).__name__
            reason = told.splitlines()[0][:160]
            raise InputError(REFUSED, f"torch refuses to read {path} as weights alone: {reason}", hint) from None
    if not isinstance(found, dict):
        raise InputError(REFUSED, f"{path} holds no dictionary of tensors", hint)
    return found  # pyright: ignore[reportUnknownVariableType]


def held(path: Path, entries: Mapping[str, Any]) -> dict[str, Stored]:
    """The tensors of a dictionary of a .pt file. InputError for entries that are no plain tensors."""
    import torch

    found: dict[str, Stored] = {}
    for key, tensor in entries.items():
        if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.layout != torch.strided:
            raise InputError(REFUSED, f"{path}: {str(key)[:100]!r} is no plain tensor", "save `model.state_dict()`")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise InputError(REFUSED, f"{path}: {str(key)[:100]!r} claims more numbers than the file holds")
        name, kind = str(key), str(tensor.dtype).removeprefix("torch.")
        while name.startswith(BEFORE):
            name = name.partition(".")[2]
        if name in found:
            raise InputError(REFUSED, f"{path} holds {name[:100]!r} twice, as {str(key)[:100]!r} too")
        found[name] = Stored(tuple(tensor.shape), kind, lambda tensor=tensor: tensor.detach())
    return found
