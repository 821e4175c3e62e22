"""Memory of the gradients of large weights, kept from one step of training to the next.

An optimizer forgets gradients after each step. An allocator then gives their memory back to the system, which hands it
out again in small pages, each filled with zeros. That takes about as long as the optimizer's own arithmetic.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterable, MutableMapping

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from arspec.files.memory import zeros as bytes_of_zeros

LARGE = 1 << 20  # bytes of a weight from which memory is kept

kept: MutableMapping[Tensor, mmap.mmap] = WeakTensorKeyDictionary()  # of each weight; it goes when the weight goes


def gradient_of(weight: Tensor, zeros: bool = False) -> Tensor:
    """A contiguous tensor for the gradient of a weight: of zeros, or of any numbers. On a CPU it lies in what is kept
    of the weight that it is a view of, unless somebody still has a tensor there."""
    root = weight if weight._base is None else weight._base
    size = weight.numel() * weight.element_size()
    if size < LARGE or weight.device.type != "cpu" or not root.is_leaf or root.numel() != weight.numel():
        return (torch.zeros_like if zeros else torch.empty_like)(weight, memory_format=torch.contiguous_format)
    memory = kept.pop(root, None)  # so that no other thread takes it
    if memory is None or len(memory) < size or sys.getrefcount(memory) > 2:  # `memory`, and the argument
        memory, zeros = bytes_of_zeros(size), False
    found = torch.frombuffer(memory, dtype=weight.dtype, count=weight.numel()).view(weight.shape)
    kept[root] = memory
    return found.zero_() if zeros else found


def forget(weights: Iterable[Tensor]) -> None:
    """Keeps no memory for these weights: it goes with the gradients that lie there."""
    for weight in weights if len(kept) else ():
        kept.pop(weight, None)
