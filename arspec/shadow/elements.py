"""Tests of numbers and labels, element by element. On the processor numpy's take a tenth to a third of the time of
torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

# as they are before a pass puts its own in their places, which tell what leaves torch
_numpy: Callable[[Tensor], Any] = Tensor.numpy
_tensor: Callable[[Any], Tensor] = torch.from_numpy
_KNOWN = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64}


def equals(value: Tensor, number: float) -> Tensor:
    """Where a number stands."""
    return _asked(np.equal, torch.eq, value, number)


def differs(one: Tensor, other: Tensor) -> Tensor:
    """Where two tensors of one type differ, after broadcasting; NaN differs from itself."""
    return _asked(np.not_equal, torch.ne, one, other)


def greater(value: Tensor, number: float) -> Tensor:
    """Where values are greater than a number."""
    return _asked(np.greater, torch.gt, value, number)


def at_most(value: Tensor, number: float) -> Tensor:
    """Where values are not above a number; nowhere for NaN."""
    return _asked(np.less_equal, torch.le, value, number)


def is_finite(value: Tensor) -> Tensor:
    """Where values are finite."""
    return _asked(np.isfinite, torch.isfinite, value)


def all_finite(value: Tensor) -> bool:
    """Whether all values are; their sum is not where one of them is not."""
    return bool(value.sum().isfinite()) or bool(is_finite(value).all())


def _asked(quick: Callable[..., Any], test: Callable[..., Tensor], value: Tensor, *others: Any) -> Tensor:
    if not all(_held(part) for part in (value, *others) if isinstance(part, Tensor)):
        return test(value, *others)
    parts = [array(part) if isinstance(part, Tensor) else part for part in (value, *others)]
    return _tensor(np.asarray(quick(*parts)))


def array(value: Tensor) -> Any:
    """The elements as numpy's, in the same memory; of a tensor that numpy can look at."""
    return _numpy(value.detach())


def tensor(array: Any) -> Tensor:
    """The other way."""
    return _tensor(array)


def _held(value: Tensor) -> bool:
    """Whether numpy can look at a tensor where it lies."""
    return value.dtype in _KNOWN and value.device.type == "cpu" and not value.is_neg()
