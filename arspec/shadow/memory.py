"""Labels of memory: one for each few bytes of a storage, so that views and writes in place need no rule."""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from arspec.shadow.algebra import CONSTANT, DTYPE, Algebra

SWEEP = 256  # writes between two looks for storages that are freed


@dataclass
class _Plane:
    """The labels of one storage, one for each `granule` bytes."""

    storage: StorageWeakRef
    granule: int
    labels: Tensor


class ShadowMemory:
    """The label of every element of every storage; what was never written is constant."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self._planes: dict[int, _Plane] = {}
        self._writes = 0

    def touched(self, tensor: Tensor) -> bool:
        """Whether any label was ever written into the storage of a tensor."""
        return tensor.untyped_storage()._cdata in self._planes

    def labels(self, tensor: Tensor) -> Tensor:
        """Labels of the elements, of the tensor's shape; not to be written to."""
        plane = self._planes.get(tensor.untyped_storage()._cdata)
        size = tensor.element_size()
        if plane is None or tensor.numel() == 0:
            return torch.full((), CONSTANT, dtype=DTYPE).expand(tensor.shape)
        self._refine(plane, size)
        per = size // plane.granule
        if per == 1:
            return plane.labels.as_strided(tensor.size(), tensor.stride(), tensor.storage_offset())
        parts = plane.labels.as_strided(
            (*tensor.size(), per), (*(s * per for s in tensor.stride()), 1), tensor.storage_offset() * per
        )
        return self.algebra.reduce(parts, [-1], keepdim=False)

    def write(self, tensor: Tensor, labels: Tensor) -> None:
        """Sets the labels of the elements; `labels` broadcasts to the tensor's shape."""
        storage = tensor.untyped_storage()
        if tensor.numel() == 0 or storage.nbytes() == 0:
            return
        plane = self._planes.get(storage._cdata)
        size = tensor.element_size()
        if plane is None:
            if not bool(labels.any()):
                return
            fresh = torch.zeros(max(1, storage.nbytes() // size), dtype=DTYPE)
            plane = self._planes[storage._cdata] = _Plane(StorageWeakRef(storage), size, fresh)
            self._writes += 1
            if self._writes % SWEEP == 0:
                self._sweep()
        self._refine(plane, size)
        per = size // plane.granule
        if per == 1:
            target = plane.labels.as_strided(tensor.size(), tensor.stride(), tensor.storage_offset())
            target.copy_(labels.expand(tensor.shape))
            return
        target = plane.labels.as_strided(
            (*tensor.size(), per), (*(s * per for s in tensor.stride()), 1), tensor.storage_offset() * per
        )
        target.copy_(labels.expand(tensor.shape)[..., None].expand(target.shape))

    def _refine(self, plane: _Plane, size: int) -> None:
        """Divides the granule until it divides the size of an element."""
        if size % plane.granule:
            plane.labels = plane.labels.repeat_interleave(plane.granule // size)
            plane.granule = size

    def _sweep(self) -> None:
        for key in [key for key, plane in self._planes.items() if plane.storage.expired()]:
            del self._planes[key]
