"""What a network takes: numbers of examples and conditions as tensors, and whether they fit the spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arspec.diagnostics import InputError
from arspec.language.sections import Condition as Section
from arspec.layers.helpers import mapped

Values = Tensor | NDArray[Any] | Sequence[Any]  # numbers: a tensor, an array, or lists in lists
# Of all examples, or of each: numbers, and of a class its number or its name.
Condition = Values | str | int | float


def tensor_of(values: Values, what: str = "an example") -> Tensor:
    """Numbers as a tensor: a tensor as it is, an array or lists of numbers made one. InputError for anything else."""
    if isinstance(values, Tensor):
        return values
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise InputError(
            "AR804", f"{what} is made of numbers; {type(values).__name__} came", "give a tensor or an array"
        )
    # torch computes with few kinds of unsigned integers
    return torch.from_numpy(array.astype(np.int64) if array.dtype.kind in "iu" else np.ascontiguousarray(array))


def range_of(x: Tensor, channels: list[int]) -> tuple[float, float]:
    """The lowest and the highest value; of an image in some of its channels."""
    low, high = (x[:, channels] if x.ndim == 4 and len(channels) < x.shape[1] else x).aminmax()
    return low.item(), high.item()


def fitting(data: Any, came: tuple[int, ...]) -> str:
    """How the size of a spec's data becomes that of an example."""
    keys = {"image": ("channels", "height", "width"), "sequence": ("length",), "vector": ("size",)}[data.kind]
    if len(keys) != len(came):
        return f"an example is [{', '.join(keys)}]"
    differ = [(key, size) for key, size, own in zip(keys, came, data.shape, strict=True) if size != own]
    return "convert the data, or set the size: " + data.told_together(dict(differ))


def as_taken(value: Tensor, section: Section) -> Tensor:
    """A condition [B, *shape] as the layers take it, [B, C, *grid]: a class as one-hot, tokens as they are. Numbers of
    other kinds have a channel that tells where they are left out."""
    if section.whole is not None:
        if section.shape:
            return value.unsqueeze(1)
        return nn.functional.one_hot(value.long(), section.whole + section.may_be_left_out)
    if not section.may_be_left_out:
        return value
    left_out = value.isnan().flatten(1).all(1).view(-1, *[1] * len(section.shape))
    last = left_out.to(value.dtype).expand(-1, 1, *value.shape[2:])
    return torch.cat([torch.where(left_out, 0, value), last], 1)


def may_be_read() -> bool:
    """Whether values are looked at to refuse wrong ones.

    While torch compiles, or a mode watches operators (as in an audit), what Python reads counts as read by outputs; and
    `torch.func.vmap` lets nothing be read."""
    modes: Any = torch._C  # pyright: ignore[reportPrivateUsage]
    return not torch.compiler.is_compiling() and modes._len_torch_dispatch_stack() == 0 and not mapped()


def check_condition(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    """InputError (AR807) where a condition has another shape than its section states."""
    if tuple(value.shape) != shape:
        raise InputError("AR807", f"the condition '{name}' has shape {tuple(value.shape)}, where {shape} is wanted")
