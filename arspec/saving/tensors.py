"""Tensors in safetensors files, with a JSON record in the file's metadata. One file, so that both change together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from arspec.diagnostics import InputError
from arspec.files.atomic import check_room, replacing, telling
from arspec.files.foreign import opened

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint64: "U64", torch.uint32: "U32",
    torch.uint16: "U16", torch.uint8: "U8", torch.bool: "BOOL", torch.complex64: "C64",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2",
}  # fmt: skip
PIECE = 1 << 20  # numbers that are looked at together
LINE = (
    64  # bytes that a processor reads at once: where vectors lie across two such, products take up to 1.7 times as long
)
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


def whole(tensor: Tensor) -> Tensor:
    """A plain tensor on the CPU, gathered from all processes where it is sharded (every process must call this)."""
    gathered: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor  # pyright: ignore
    return gathered.detach().cpu().contiguous()


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any], more: Mapping[str, str] | None = None
) -> None:
    """Writes whole tensors and `record` (plain values), atomically. more: further entries of the file's metadata."""
    with replacing(path) as temporary:
        put_tensors(temporary, tensors, record, more)


def put_tensors(
    path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any], more: Mapping[str, str] | None = None
) -> None:
    """The same into a file that is put into its place by others. OSError where the system refuses.

    The format is eight bytes with the length of a header, the header as JSON, and the numbers. Spaces behind the header
    let the numbers begin with a `LINE`: readers may then take them as they lie in the file."""
    # so all numbers are aligned, and all that fill whole lines begin with one
    order = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[1].nbytes % LINE != 0, item[0]))
    header: dict[str, Any] = {"__metadata__": {"arspec": json.dumps(record), **(more or {})}}
    at = 0
    for name, tensor in order:
        end = at + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % LINE)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in order:
            file.write(whole(tensor).reshape(-1).view(torch.uint8).numpy().data)


def write_new(
    path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any], more: Mapping[str, str] | None = None
) -> None:
    """As `write_tensors`, into a folder that takes its place as a whole."""
    check_room(path, sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()))
    with telling(path):
        put_tensors(path, tensors, record, more)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors on the CPU and the record, {} where the file has none. InputError where the file is damaged."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise InputError("AR802", f"there is no file {path}")
    with opened(path, "AR802"):  # a regular file, which is opened once more by its name
        try:
            whole: Any = safe_open(path, framework="pt")
            with whole as file:
                metadata: dict[str, str] = file.metadata() or {}
                names: list[str] = list(file.keys())
                tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in names}
        # what the library raises for a type of numbers that torch lacks has no common class
        except (SafetensorError, OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
            raise InputError("AR802", f"{path} is damaged or no safetensors file: {error}") from error
    return tensors, _record(metadata, path)


def read_record(path: Path) -> dict[str, Any]:
    """The record of a file alone, {} where it has none. InputError where the file is damaged."""
    from safetensors import SafetensorError, safe_open

    with opened(path, "AR802"):
        try:
            whole: Any = safe_open(path, framework="pt")
            with whole as file:
                metadata: dict[str, str] = file.metadata() or {}
        except (SafetensorError, OSError, ValueError) as error:
            raise InputError("AR802", f"{path} is damaged or no safetensors file: {error}") from error
    return _record(metadata, path)


def _record(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    try:
        record: object = json.loads(metadata.get("arspec", "{}"))
    except (ValueError, RecursionError) as error:
        raise InputError("AR802", f"{path} is damaged or no safetensors file: {error}") from error
    if not isinstance(record, dict):
        raise InputError("AR802", f"{path} is damaged: its record is no JSON object")
    return cast("dict[str, Any]", record)


@torch.no_grad()
def fill(model: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copies `tensors` into the model's weights. One InputError names what is missing, unknown, of another shape
    or type; another one what is not finite."""
    weights = _fitting(model, tensors, source)
    converted = {name: tensors[name].to(weight.dtype) for name, weight in weights.items()}
    check_finite(converted, source)  # as they will be: a number may be too large for the model's precision
    for name, weight in weights.items():
        weight.copy_(converted[name])


@torch.no_grad()
def become(model: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """As `fill`, where the tensors are nobody else's: they become the model's weights, one after another, and leave the
    dictionary, so that no number is in memory twice; those that begin inside a `LINE` are copied. Where one is refused,
    the model is of no use."""
    weights = _fitting(model, tensors, source)
    wrong: list[str] = []
    for name, weight in weights.items():
        value = tensors.pop(name).to(weight.dtype)
        if not _finite(value):
            wrong.append(name)
        if type(weight) in (Tensor, nn.Parameter) and weight.device == value.device and value.is_contiguous():
            weight.data = value if value.data_ptr() % LINE == 0 else value.clone()
        else:
            weight.copy_(value)
    if wrong:
        raise _not_finite(source, _some(wrong))


def _fitting(model: nn.Module, tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """The weights of a model, where the tensors fit them. InputError where they do not."""
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
    types = [
        f"{name} {_type(tensors[name])} for {_type(weight)}"
        for name, weight in weights.items()
        if name in tensors and not _converts(tensors[name], weight)
    ]
    if types:
        faults.append(f"{len(types)} of another type ({_some(types)})")
    if faults:
        hint = "the weights belong to another spec, or to other params"
        raise InputError("AR801", f"the weights of {source} do not fit the spec: {'; '.join(faults)}", hint)
    return weights


def check_finite(tensors: Mapping[str, Tensor], source: str) -> None:
    """InputError that names the tensors which hold NaN or infinity."""
    if wrong := not_finite(tensors):
        raise _not_finite(source, wrong)


def _not_finite(source: str, names: str) -> InputError:
    hint = "training has diverged, or the file was damaged: use an earlier checkpoint, or train with a lower --lr"
    return InputError("AR870", f"{source} holds NaN or infinity ({names})", hint)


def not_finite(tensors: Mapping[str, Tensor]) -> str:
    """The names of the tensors that hold NaN or infinity, the first of many; nothing where all are finite."""
    return _some([name for name, tensor in tensors.items() if not _finite(tensor)])


def _finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point():
        return True
    # a sum takes one pass and little memory, piece by piece; it may overflow where every number is finite
    pieces = tensor.reshape(-1).split(PIECE)
    return all(bool(piece.double().sum().isfinite() or piece.isfinite().all()) for piece in pieces)


def _converts(tensor: Tensor, weight: Tensor) -> bool:
    """Whether the numbers of a file are such as the weight takes; it keeps its own precision."""
    return tensor.dtype in FLOATS if weight.is_floating_point() else tensor.dtype == weight.dtype


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
