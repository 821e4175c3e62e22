"""Ways by which numbers leave or enter tensors without an operator: they are watched while a pass is traced.

A mode sees operators alone. Numpy, lists, pointers, storages, threads, compiled code and replayed graphs pass it by, so
the functions that lead there are wrapped for the time of the pass, and put back afterwards.
"""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing.process
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

import torch
import torch.utils.dlpack as _dlpack
from torch import Tensor

from arspec.shadow.memory import octets


class Witness(Protocol):
    """What is told."""

    def exposed(self, tensor: Tensor, how: str, *, shared: bool) -> None:
        """Python, or foreign code, may read a tensor's values now; `shared`: and may write to its memory later."""
        ...

    def entered(self, result: Tensor, values: Any) -> None:
        """A tensor was made of values that may hold tensors."""
        ...

    def borrowed(self, tensor: Tensor) -> None:
        """A tensor was made of memory that others hold too."""
        ...

    def hidden(self, what: str) -> None:
        """Something runs where operators are not seen."""
        ...

    def checks(self) -> contextlib.AbstractContextManager[None]:
        """While it is entered, values are read to refuse what is wrong, and for nothing else."""
        ...


class Nobody:
    """A witness who says nothing: a pass runs as a traced one does, compiled regions eagerly."""

    def exposed(self, tensor: Tensor, how: str, *, shared: bool) -> None:
        """Nothing."""

    def entered(self, result: Tensor, values: Any) -> None:
        """Nothing."""

    def borrowed(self, tensor: Tensor) -> None:
        """Nothing."""

    def hidden(self, what: str) -> None:
        """Nothing."""

    def checks(self) -> contextlib.AbstractContextManager[None]:
        """Nothing."""
        return contextlib.nullcontext()


# Methods of tensors that give their values away, and whether their memory may be written to then.
_READS = {
    "numpy": True,
    "tolist": False,
    "data_ptr": True,
    "__dlpack__": True,
    "__repr__": False,
    "__reduce_ex__": False,
    "apply_": True,
    "map_": True,
    "map2_": True,
}
_STORAGE_READS = (
    "__getitem__",
    "__setitem__",
    "tolist",
    "data_ptr",
    "_write_file",
    "_share_filename_cpu_",
    "_share_fd_cpu_",
)
_ENTRIES = ("tensor", "as_tensor", "asarray", "scalar_tensor")
_BORROWS = ("from_numpy", "frombuffer", "from_dlpack", "as_tensor", "asarray")


class Outside:
    """Wraps what leads outside while it is entered; calls of other threads, and those of the tracer itself, pass."""

    def __init__(self, witness: Witness, idle: Callable[[], bool]) -> None:
        self._witness = witness
        self._idle = idle  # whether the code of the pass runs, not the tracer
        self._stack = contextlib.ExitStack()
        self._thread = 0
        self._eager = False
        self._inside = False
        self.checks = False  # torch reads values only to refuse wrong ones

    def __enter__(self) -> Outside:
        self._thread = threading.get_ident()
        self._stack = contextlib.ExitStack()
        witness = self._witness
        for name, shared in _READS.items():
            self._wrap(
                Tensor,
                name,
                before=lambda args, _, name=name, shared=shared: self._read(args, name, shared),
                around=self._told_already,
            )
        self._wrap(Tensor, "new_tensor", after=lambda out, args, _: witness.entered(out, args[1:]))
        for owner in (torch, _dlpack):
            self._wrap(owner, "to_dlpack", before=lambda args, _: self._read(args, "to_dlpack", True))
        for name in _ENTRIES:
            self._wrap(torch, name, after=lambda out, args, named: witness.entered(out, [args, named]))
        for name in _BORROWS:
            self._wrap(torch, name, after=lambda out, args, _: self._borrow(out, args))
        self._wrap(_dlpack, "from_dlpack", after=lambda out, args, _: self._borrow(out, args))
        for name in _STORAGE_READS:
            if hasattr(torch.UntypedStorage, name):
                self._wrap(torch.UntypedStorage, name, before=lambda args, _, name=name: self._storage(args[0], name))
        self._check(torch.nn.functional, "one_hot", _of_known_width)
        self._wrap(torch.nn.functional, "one_hot", around=self._one_hot)
        hidden: list[tuple[Any, str, str]] = [
            (threading.Thread, "start", "a thread that was started"),
            (concurrent.futures.ThreadPoolExecutor, "submit", "a thread that was given work"),
            (concurrent.futures.ProcessPoolExecutor, "submit", "a process that was given work"),
            (multiprocessing.process.BaseProcess, "start", "a process that was started"),
            (torch.jit, "fork", "a thread that torch.jit.fork started"),
            (torch.jit, "_fork", "a thread that torch.jit.fork started"),
            (torch.cuda.CUDAGraph, "replay", "a CUDA graph that was replayed"),
        ]
        triton: Any = sys.modules.get("triton.runtime.jit")
        if triton is not None and hasattr(triton, "JITFunction"):
            hidden.append((triton.JITFunction, "run", "a Triton kernel"))
        for owner, name, what in hidden:
            if hasattr(owner, name):
                self._wrap(owner, name, before=lambda args, named, what=what: witness.hidden(what))
        if "torch._dynamo" in sys.modules:
            self._run_eagerly()
        else:
            self._wrap(torch, "compile", before=lambda args, named: self._run_eagerly())
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def _read(self, args: tuple[Any, ...], how: str, shared: bool) -> None:
        for tensor in args:
            if isinstance(tensor, Tensor):
                self._witness.exposed(tensor, how, shared=shared)

    def _told_already(self, original: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        with self._witness.checks():
            return original(*args, **named)

    def _one_hot(self, original: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """With the number of classes given, it looks whether all are below; without, it counts them."""
        number = args[1] if len(args) > 1 else named.get("num_classes", -1)
        with self._witness.checks() if isinstance(number, int) and number > 0 else contextlib.nullcontext():
            return original(*args, **named)

    def _storage(self, storage: torch.UntypedStorage, how: str) -> None:
        if storage.device.type != "meta":
            self._witness.exposed(octets(storage), f"storage {how}", shared=True)

    def _borrow(self, out: Tensor, args: Any) -> None:
        if not (args and isinstance(args[0], (Tensor, int, float, bool, list, tuple))):
            self._witness.borrowed(out)

    def _run_eagerly(self) -> None:
        """Compiled regions run as they are written. A torch without that switch skips them under a mode by itself."""
        if not self._eager:
            self._eager = True
            stance: Any = getattr(torch.compiler, "set_stance", None)
            if stance is not None:
                self._stack.enter_context(stance("force_eager"))

    def _wrap(
        self,
        owner: Any,
        name: str,
        *,
        before: Callable[[tuple[Any, ...], dict[str, Any]], None] | None = None,
        after: Callable[[Any, tuple[Any, ...], dict[str, Any]], None] | None = None,
        around: Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any] | None = None,
    ) -> None:
        """Replaces an attribute until the end of the pass."""
        own = vars(owner).get(name, _ABSENT)
        original = getattr(owner, name)

        def wrapper(*args: Any, **named: Any) -> Any:
            if self._inside or not self._idle() or threading.get_ident() != self._thread:
                return original(*args, **named)
            if before is not None:
                self._told(before, args, named)
            self._inside = True  # what a wrapped function calls of others is its own affair
            try:
                out = original(*args, **named) if around is None else around(original, args, named)
            finally:
                self._inside = False
            if after is not None:
                self._told(after, out, args, named)
            return out

        setattr(owner, name, wrapper)
        self._stack.callback(_put_back, owner, name, own)

    def _check(self, owner: Any, name: str, only: Callable[..., bool]) -> None:
        """Marks the calls of a function that reads values only to refuse wrong ones, where `only` says so of them."""
        own = vars(owner).get(name, _ABSENT)
        original = getattr(owner, name)

        def wrapper(*args: Any, **named: Any) -> Any:
            if self.checks or threading.get_ident() != self._thread or not only(*args, **named):
                return original(*args, **named)
            self.checks = True
            try:
                return original(*args, **named)
            finally:
                self.checks = False

        setattr(owner, name, wrapper)
        self._stack.callback(_put_back, owner, name, own)

    def _told(self, tell: Callable[..., None], *what: Any) -> None:
        self._inside = True
        try:
            tell(*what)
        finally:
            self._inside = False


def _of_known_width(tensor: Tensor, num_classes: int = -1) -> bool:
    """Whether a one-hot code has its width from its caller, not from the greatest number."""
    return num_classes > 0


_ABSENT = object()


def _put_back(owner: Any, name: str, own: Any) -> None:
    if own is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, own)
