from __future__ import annotations

import math
import mmap
import os
import sys

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

LARGE = 1 << 20
_kept = WeakTensorKeyDictionary()
HUGE = os.environ.get("HUGE")


def room(weight: Tensor, shape, zeros: bool = False) -> Tensor:
    size = math.prod(shape) * weight.element_size()
    if weight.device.type != "cpu" or size < LARGE:
        return weight.new_zeros(shape) if zeros else weight.new_empty(shape)
    base = weight if weight._base is None else weight._base
    memory = _kept.pop(base, None)
    if memory is None or len(memory) < size or sys.getrefcount(memory) > 2:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if HUGE:
            memory.madvise(mmap.MADV_HUGEPAGE)
        zeros = False
    found = torch.frombuffer(memory, dtype=weight.dtype)[: math.prod(shape)].view(shape)
    _kept[base] = memory
    return found.zero_() if zeros else found
