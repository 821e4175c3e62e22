"""Labels of memory: one for each few bytes of a storage, so that views and writes in place need no rule.

A plane divides a storage into granules of equal size. Where a tensor is written whole and its labels are the same along
the innermost axes, one granule holds all of those axes: labels of wide activations cost no more than their positions.
Where they are the same along the outermost axes, a plane holds them once: scores of many heads cost no more than one's.
"""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import is_traceable_wrapper_subclass
from torch.utils.weak import WeakTensorKeyDictionary

from arspec.shadow.algebra import CONSTANT, DTYPE, LOOSE, Algebra, compact
from arspec.shadow.spectra import Spectra

SWEEP_BYTES = 1 << 26  # labels that are written between two looks for storages that are freed
SWEEP_WRITES = 256

_torch: Any = torch  # these names are not typed
_plain_types: dict[Any, bool] = {Tensor: True}


def seen_through(kind: Any) -> bool:
    """Whether tensors of a class are stored as torch's own are."""
    known = _plain_types.get(kind)
    if known is None:
        known = _plain_types[kind] = kind.__torch_dispatch__ is _torch.Tensor.__torch_dispatch__
    return known


def plain(tensor: Tensor) -> bool:
    """Whether a tensor is a strided view of a storage that can be read: not sparse, nested, quantised or wrapped."""
    return (
        seen_through(type(tensor))
        and tensor.layout is torch.strided
        and not (tensor.is_nested or tensor.is_quantized or tensor.is_meta)
        and not _torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        and not _torch._is_functional_tensor(tensor)
    )


def _axes(tensor: Tensor) -> Iterator[tuple[int, int]]:
    return zip(tensor.size(), tensor.stride())


@dataclass
class _Plane:
    """The labels of one storage, one for each `granule` bytes, and where a masking constant was added.

    They may be those of the first part alone, which all others repeat. `count`: granules of the whole."""

    storage: StorageWeakRef
    granule: int
    labels: Tensor
    count: int
    masked: Tensor | None = None

    def refine(self, granule: int) -> None:
        """Divides the granules."""
        times = self.granule // granule
        self.labels = self.labels.repeat_interleave(times)
        self.masked = None if self.masked is None else self.masked.repeat_interleave(times)
        self.granule = granule
        self.count *= times

    def unroll(self) -> None:
        """Writes down all that repeats."""
        times = self.count // self.labels.numel()
        if times > 1:
            self.labels = self.labels.repeat(times)
            self.masked = None if self.masked is None else self.masked.repeat(times)

    def fits(self, tensor: Tensor) -> list[int] | None:
        """For granules of several elements, the steps in granules of each axis; None where one must be divided."""
        size, inner, steps = tensor.element_size(), 0, list[int]()
        if self.granule % size:
            return None
        for length, step in _axes(tensor):
            outer, rest = divmod(step * size, self.granule)
            if rest and length > 1:
                inner += (length - 1) * step * size
                outer = 0
            steps.append(outer)
        offset = tensor.storage_offset() * size % self.granule
        return steps if offset + inner + size <= self.granule else None

    def window(self, values: Tensor, tensor: Tensor) -> Tensor:
        """What stands in a plane for a tensor, of its shape; one more axis where an element has several granules."""
        size = tensor.element_size()
        if self.granule > size:
            steps = self.fits(tensor)
            if steps is not None:
                return self._laid(values, tensor.size(), steps, tensor.storage_offset() * size // self.granule)
        if self.granule != size and size % self.granule:
            self.refine(math.gcd(size, self.granule))
            return self.window(self._own(values), tensor)
        per = size // self.granule
        if per == 1:
            return self._laid(values, tensor.size(), tensor.stride(), int(tensor.storage_offset()))
        steps = (*(step * per for step in tensor.stride()), 1)
        return self._laid(values, (*tensor.size(), per), steps, int(tensor.storage_offset()) * per)

    def _laid(self, values: Tensor, sizes: Sequence[int], steps: Sequence[int], offset: int) -> Tensor:
        """Granules at an offset, with the step of each axis; steps over whole parts stay where they are."""
        part = values.numel()
        if part == self.count:
            return values.as_strided(sizes, steps, offset)
        within = [0 if step % part == 0 else step for step in steps]
        if offset % part + sum((size - 1) * step for size, step in zip(sizes, within)) < part:
            return values.as_strided(sizes, within, offset % part)
        self.unroll()
        return self._own(values).as_strided(sizes, steps, offset)

    def _own(self, values: Tensor) -> Tensor:
        """What stands now for labels, or for masks, that were the plane's before."""
        return self.labels if values.dtype == DTYPE else _known(self.masked)


def _known(values: Tensor | None) -> Tensor:
    assert values is not None
    return values


def _dense(tensor: Tensor, uniform: list[bool]) -> tuple[int, int, bool, bool]:
    """How many elements the innermost axes hold that lie one after the other and are uniform; how many times the
    outermost uniform axes repeat the others; whether all axes lie so; whether two elements may share memory."""
    run, times, together, dense, overlap, extent = 1, 1, True, True, False, 1
    for step, length, same in sorted((s, n, u) for (n, s), u in zip(_axes(tensor), uniform) if n > 1):
        if step < extent:
            overlap = True
        if step != extent:
            dense = together = False
        if not same:
            together = False
        if together:
            run *= length
        else:
            times = times * length if same else 1
        extent += step * (length - 1)
    return run, times, dense, overlap


class ShadowMemory:
    """The label of every element of every storage; what was never written is constant."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self.spectra = Spectra()
        self._planes: dict[int, _Plane] = {}
        self._objects: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._writes = 0
        self._bytes = 0

    def touched(self, tensor: Tensor) -> bool:
        """Whether any label was ever written into the memory of a tensor."""
        if plain(tensor):
            return tensor.untyped_storage()._cdata in self._planes
        return tensor in self._objects or any(self.touched(part) for part in parts(tensor))

    def labels(self, tensor: Tensor) -> Tensor:
        """Labels of the elements, of the tensor's shape; not to be written to."""
        if not plain(tensor):
            return self._whole(tensor)
        plane = self._plane(tensor)
        if plane is None or tensor.numel() == 0:
            return _CONSTANT.expand(tensor.shape)
        found = self._window(plane, plane.labels, tensor)
        return found if found.dim() == tensor.dim() else self.algebra.reduce(found, [-1], keepdim=False)

    def masked(self, tensor: Tensor) -> Tensor | None:
        """Where a masking constant was added to a number, of its shape; None: nowhere; not to be written to."""
        plane = self._plane(tensor) if plain(tensor) else None
        if plane is None or plane.masked is None or tensor.numel() == 0:
            return None
        found = self._window(plane, plane.masked, tensor)
        return found if found.dim() == tensor.dim() else found.all(-1)

    def write(self, tensor: Tensor, labels: Tensor, masked: Tensor | None = None) -> None:
        """Sets the labels of the elements; `labels` and `masked` broadcast to the tensor's shape."""
        if not plain(tensor):
            self._write_whole(tensor, labels)
            return
        storage = tensor.untyped_storage()
        if tensor.numel() == 0 or storage.nbytes() == 0:
            return
        plane = self._plane(tensor)
        if plane is None and masked is None and not bool(compact(labels).amax()):
            return
        labels = labels.expand(tensor.shape)
        uniform = [step == 0 for step in labels.stride()]
        if masked is not None:
            masked = masked.expand(tensor.shape)
            uniform = [both and step == 0 for both, step in zip(uniform, masked.stride())]
        run, times, dense, overlap = _dense(tensor, uniform)
        if overlap:  # each place may have been written by several elements
            labels = self.algebra.reduce(compact(labels).reshape(-1), [0], keepdim=False).expand(tensor.shape)
            masked, run = None, 1
        size = tensor.element_size()
        whole = dense and not overlap and tensor.numel() * size == storage.nbytes()
        if plane is None or whole:
            granule = size * run if self._divides(tensor, run) else size
            plane = self._fresh(storage, granule, times if whole else 1, filled=not whole)
            self._planes[storage._cdata] = plane
        else:
            plane.unroll()
            if plane.granule > size and not self._covers(plane, tensor, uniform):
                plane.refine(math.gcd(plane.granule, size))
        self._put(plane, plane.labels, tensor, labels)
        if masked is not None and plane.masked is None:
            plane.masked = torch.zeros(plane.labels.shape, dtype=torch.bool)
        if plane.masked is not None:
            self._put(plane, plane.masked, tensor, _FALSE.expand(tensor.shape) if masked is None else masked)

    def _plane(self, tensor: Tensor) -> _Plane | None:
        """The plane of a tensor's storage; what a storage has grown by belongs to this pass alone."""
        storage = tensor.untyped_storage()
        plane = self._planes.get(storage._cdata)
        if plane is not None:
            missing = -(-storage.nbytes() // plane.granule) - plane.count
            if missing > 0:
                plane.unroll()
                plane.count += missing
                plane.labels = torch.cat([plane.labels, torch.full((missing,), LOOSE, dtype=DTYPE)])
                if plane.masked is not None:
                    plane.masked = torch.cat([plane.masked, torch.zeros(missing, dtype=torch.bool)])
        return plane

    def _window(self, plane: _Plane, values: Tensor, tensor: Tensor) -> Tensor:
        return plane.window(values, tensor)

    def _put(self, plane: _Plane, values: Tensor, tensor: Tensor, new: Tensor) -> None:
        target = plane.window(values, tensor)
        if target.dim() > tensor.dim():
            target.copy_(new[..., None].expand(target.shape))
            return
        places = tuple(slice(0, 1) if step == 0 and size > 1 else slice(None) for size, step in _axes(target))
        target[places].copy_(new[places])

    def _divides(self, tensor: Tensor, run: int) -> bool:
        """Whether a granule of that many elements suits the storage, the offset and the other axes."""
        whole = tensor.untyped_storage().nbytes() // tensor.element_size()
        if whole % run or tensor.storage_offset() % run:
            return False
        return all(step % run == 0 or step < run for length, step in _axes(tensor) if length > 1)

    def _covers(self, plane: _Plane, tensor: Tensor, uniform: list[bool]) -> bool:
        """Whether a tensor with labels that are uniform along some axes fills whole granules."""
        steps = plane.fits(tensor)
        if steps is None:
            return False
        inside = [length for (length, _), step in zip(_axes(tensor), steps) if step == 0 and length > 1]
        same = all(ok for (length, _), step, ok in zip(_axes(tensor), steps, uniform) if step == 0 and length > 1)
        filled = math.prod(inside) * tensor.element_size() == plane.granule
        return same and filled and tensor.storage_offset() * tensor.element_size() % plane.granule == 0

    def _fresh(self, storage: torch.UntypedStorage, granule: int, times: int, *, filled: bool) -> _Plane:
        """A plane for a storage that is not empty, whose granules repeat a part of them so many times."""
        make = torch.zeros if filled else torch.empty
        count = -(-storage.nbytes() // granule)
        labels = make(count // times, dtype=DTYPE)
        self._writes += 1
        self._bytes += labels.nbytes
        if self._writes >= SWEEP_WRITES or self._bytes >= SWEEP_BYTES:
            self._writes = self._bytes = 0
            for key in [key for key, plane in self._planes.items() if plane.storage.expired()]:
                del self._planes[key]
        return _Plane(StorageWeakRef(storage), granule, labels, count)

    def _whole(self, tensor: Tensor) -> Tensor:
        """One label for all of a tensor that is not plain."""
        found = [self._objects[tensor]] if tensor in self._objects else []
        for part in parts(tensor):
            found.append(self.algebra.reduce(compact(self.labels(part)).reshape(-1), [0], keepdim=False))
        label = self.algebra.join(*found) if found else _CONSTANT
        try:
            return label.expand(tensor.shape)
        except RuntimeError:  # a nested tensor has no shape
            return label

    def _write_whole(self, tensor: Tensor, labels: Tensor) -> None:
        if tensor.is_meta:
            return
        label = self.algebra.reduce(compact(labels).reshape(-1), [0], keepdim=False)
        self._objects[tensor] = label
        for part in parts(tensor):
            self.write(part, label)


def parts(tensor: Tensor) -> list[Tensor]:
    """The plain tensors that one that is not plain is made of; none where they cannot be had."""
    if _torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return [_torch._C._functorch.get_unwrapped(tensor)]
    if _torch._is_functional_tensor(tensor):
        return [_torch._from_functional_tensor(tensor)]
    if not seen_through(type(tensor)):
        if is_traceable_wrapper_subclass(tensor):
            return [getattr(tensor, name) for name in tensor.__tensor_flatten__()[0]]
        return [value for value in vars(tensor).values() if isinstance(value, Tensor)]
    if tensor.is_meta:
        return []
    if tensor.layout is torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    if tensor.is_nested:
        return [tensor.values()]
    if tensor.is_quantized:
        return [octets(tensor.untyped_storage())]
    return []


def octets(storage: torch.UntypedStorage) -> Tensor:
    """The whole of a storage as bytes, in the same memory."""
    return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)


_CONSTANT = torch.full((), CONSTANT, dtype=DTYPE)
_FALSE = torch.zeros((), dtype=torch.bool)
