"""What a module's code keeps beside its weights: attributes, class attributes, closures, globals, defaults, caches.

A walk from the module's parts finds where something may be kept: what they hold, the classes that they are of, and the
functions that these call, with all that those name. What stands there is written down, and put back later. What a copy
of the module shares with it is told apart from what belongs to the module alone.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from arspec.auditing.entries import (
    ABSENT,
    CACHED,
    PLAIN,
    Array,
    Attributes,
    Draws,
    Entry,
    Items,
    Listed,
    Members,
    Numbers,
    OfClass,
    OfFile,
    Results,
    Variable,
)

MOST = 20_000  # objects that are looked at
BYTES = 1 << 28  # of tensors and arrays outside of the module that are written down
NAMED = 3  # places that a text names

_LEFT_OUT = (*(os.path.dirname(file) + os.sep for file in (torch.__file__, np.__file__)),
             str(Path(__file__).resolve().parents[1]) + os.sep)  # fmt: skip
_PYTHON = sysconfig.get_path("stdlib") + os.sep
_PACKAGES = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
_METHODS = (FunctionType, staticmethod, classmethod, property, functools.cached_property)
_MAKING = ("__init__", "__new__", "__post_init__")  # methods that are called by the name of their class
_TORCHS = frozenset(vars(nn.Module()))  # attributes that every module has


class Keeping:
    """What modules and their code keep now.

    Functions are followed from `calls`, the methods of the modules that are called: a method of a class is looked at
    where some function that was looked at speaks of its name. `whole` is False where there was too much for all of it.
    """

    def __init__(self, modules: Sequence[nn.Module], calls: Sequence[str] = ("forward",)) -> None:
        self.modules, self.calls = list(modules), tuple(calls)
        self.whole = True
        self._names = set(calls)
        self._waiting: dict[str, list[tuple[Any, str, bool]]] = {}
        self._entries: dict[int, Entry] = {}
        self._seen: dict[int, bool] = {}
        self._held: list[Any] = []  # alive, so that no other object gets its number
        self._left = BYTES
        self._files = {_file_of(type(part)) for module in modules for part in module.modules()}
        self._weights = {id(each) for module in modules for each in chain(module.parameters(), module.buffers())}
        self._stack: list[tuple[Any, str, bool]] = [(module, "", True) for module in self.modules]
        while self._stack:
            if len(self._seen) > MOST:
                self.whole = False
                break
            self._visit(*self._stack.pop())

    def changed(self) -> list[str]:
        """What is other than it was, by name, but for what torch writes down of a module."""
        found = [
            name
            for entry in self._entries.values()
            for name in entry.changed()
            if name not in ("", "attribute training")
        ]
        return list(dict.fromkeys(found))

    def put_back(self, *, shared: bool = False) -> None:
        """Puts all back as it was; `shared`: only what a copy of the modules shares with them."""
        for entry in self._entries.values():
            with suppress(Exception):  # what takes nothing back stays as it is
                if not (shared and entry.own) and entry.changed():
                    entry.put()

    @contextmanager
    def lent(self) -> Generator[None]:
        """All is put back at the end."""
        try:
            yield
        finally:
            self.put_back()

    @contextmanager
    def as_it_was(self) -> Generator[None]:
        """What a copy of the modules shares with them stands as it did at first, while it is entered."""
        now = Keeping(self.modules, self.calls)
        self.put_back(shared=True)
        try:
            yield
        finally:
            now.put_back(shared=True)

    def _visit(self, value: Any, name: str, own: bool) -> None:
        """Writes down one object, and goes on to what it holds."""
        if isinstance(value, PLAIN) or (self._seen.get(id(value), True) <= own and id(value) in self._seen):
            return
        self._seen[id(value)] = own
        self._held.append(value)
        with suppress(Exception):  # what cannot be looked at is not written down
            entry = self._entry(value, name, own)
            if entry is not None:
                self._entries[id(value)] = entry
        self._stack += self._below(value, name, own)

    def _entry(self, value: Any, name: str, own: bool) -> Entry | None:
        kind = self._kind(value)
        if kind in (Numbers, Array):
            size = value.nbytes
            if id(value) in self._weights or size > self._left:
                return None
            self._left -= size
        names = _slots(value) if kind is Attributes else ()
        if kind is Attributes and own and isinstance(value, nn.Module):
            name = ""
        return None if kind is None else kind(value, name, own, names)

    def _below(self, value: Any, name: str, own: bool) -> Iterator[tuple[Any, str, bool]]:
        """What an object holds or names: the object, how it is told, and whether a copy has its own."""
        if isinstance(value, dict):
            for key, part in list(dict.items(cast("dict[Any, Any]", value))):
                yield part, name, own
                yield key, name, own
        elif isinstance(value, (list, tuple, set, frozenset, deque)):
            for part in cast("list[Any]", list(value)):  # pyright: ignore[reportUnknownArgumentType]
                yield part, name, own
        elif isinstance(value, FunctionType):
            yield from self._of_function(value)
        elif isinstance(value, MethodType):
            yield value.__func__, name, False
            yield value.__self__, name, own
        elif isinstance(value, functools.partial):
            some = cast("functools.partial[Any]", value)
            yield from ((part, name, own) for part in (some.func, *some.args, *some.keywords.values()))
        elif isinstance(value, (staticmethod, classmethod)):
            yield cast("Any", value).__func__, name, False
        elif isinstance(value, property):
            yield from ((part, name, False) for part in (value.fget, value.fset, value.fdel))
        elif isinstance(value, type):
            for base in value.__mro__:
                if base is value and self._authored(_file_of(base)):
                    yield from self._of_class(base)
                elif base is not value:
                    yield base, name, False
        elif isinstance(value, CACHED):
            yield value.__wrapped__, name, False
        elif isinstance(value, functools.cached_property):
            yield cast("Any", value).func, name, False
        elif self._kind(value) is Attributes:
            yield type(value), name, False
            for key, part in _held(value):
                inner = isinstance(value, nn.Module) and key in _TORCHS
                yield part, "" if inner else f"attribute {key}" if not name else f"{key} of {name}", own

    def _authored(self, file: str) -> bool:
        """Whether a file is the author's: neither torch's, nor numpy's, nor Python's own, nor this package's. Of what
        is installed, only the files that define a part of the modules are."""
        if not file or file == "builtins" or file.startswith((*_LEFT_OUT, "<")):
            return False
        return file in self._files if file.startswith(_PACKAGES) else not file.startswith(_PYTHON)

    def _kind(self, value: Any) -> Callable[[Any, str, bool, tuple[str, ...]], Entry] | None:
        """What an object is to be written down as; None for what holds nothing of its own."""
        for kinds, entry in _KINDS:
            if isinstance(value, kinds):
                return entry
        if isinstance(value, Tensor):
            return Numbers if value.layout is torch.strided and not value.is_meta and type(value) in _TENSORS else None
        if isinstance(value, np.ndarray):
            array = cast("np.ndarray[Any, Any]", value)
            return Array if array.flags.writeable and array.dtype != object else None
        if isinstance(value, type):
            return OfClass if self._authored(_file_of(value)) else None
        if isinstance(value, CACHED):
            return Results
        if isinstance(value, (FunctionType, MethodType, BuiltinFunctionType, ModuleType, CodeType)):
            return None
        if isinstance(value, nn.Module) or self._authored(_file_of(type(value))):
            return Attributes if type(value).__module__ != "builtins" else None
        return None

    def _of_class(self, kind: type) -> Iterator[tuple[Any, str, bool]]:
        """What a class keeps, and those of its methods that may be called; others wait until their name is met."""
        for key, part in _held(kind):
            found = part, f"class attribute {kind.__name__}.{key}", False
            name = kind.__name__ if key in _MAKING else key
            if not isinstance(part, _METHODS) or name in self._names or (key[:2] == "__" and key not in _MAKING):
                yield found
            else:
                self._waiting.setdefault(name, []).append(found)

    def _of_function(self, function: FunctionType) -> Iterator[tuple[Any, str, bool]]:
        """What a function keeps, and all that its code names."""
        if not self._authored(function.__code__.co_filename):  # what it wraps may be the author's
            for cell in function.__closure__ or ():
                with suppress(ValueError):
                    if isinstance(cell.cell_contents, FunctionType):
                        yield cell.cell_contents, "", False
            return
        where = function.__qualname__
        for key, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            told = f"variable {key} of {where}"
            self._entries.setdefault(id(cell), Variable(cell, told, False))
            self._held.append(cell)
            with suppress(ValueError):
                yield cell.cell_contents, told, False
        for part in chain(function.__defaults__ or (), (function.__kwdefaults__ or {}).values()):
            yield part, f"a default of {where}", False
        yield function.__dict__, f"an attribute of {where}", False
        names = _names(function.__code__)
        for name in names - self._names:
            self._names.add(name)
            yield from self._waiting.pop(name, ())
        yield from self._of_file(function.__globals__, names)

    def _of_file(self, held: dict[str, Any], names: frozenset[str]) -> Iterator[tuple[Any, str, bool]]:
        """Names of a file, and names of the files that it names."""
        file = Path(str(held.get("__file__", held.get("__name__", "?")))).name
        own = tuple(sorted(names))
        key = hash((id(held), own))
        if key in self._entries:
            return
        self._entries[key] = OfFile(held, file, False, own)
        self._held.append(held)
        for name in own:
            value = held.get(name, sys.modules.get(name, ABSENT))
            if isinstance(value, ModuleType):
                if self._authored(str(getattr(value, "__file__", "") or "")):
                    yield from self._of_file(vars(value), names)
            elif value is not ABSENT:
                yield value, f"global {name} of {file}", False


_KINDS: tuple[tuple[Any, Any], ...] = (
    (dict, Items),
    ((list, deque, bytearray), Listed),
    (set, Members),
    (torch.Generator, Draws),
)
_TENSORS = (Tensor, nn.Parameter, nn.Buffer)


def _slots(value: Any) -> tuple[str, ...]:
    found: list[str] = []
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        found += [slots] if isinstance(slots, str) else list(slots)
    return tuple(name for name in found if name not in ("__dict__", "__weakref__"))


def _held(value: Any) -> list[tuple[str, Any]]:
    """The attributes of an object or a class, by name."""
    try:
        return [(str(key), part) for key, part in dict(vars(value)).items()]
    except TypeError:
        return []


@functools.lru_cache(4096)
def _names(code: CodeType) -> frozenset[str]:
    """All names that a function's code speaks of, with those of the functions inside it."""
    inner = (_names(part) for part in code.co_consts if isinstance(part, CodeType))
    return frozenset(code.co_names).union(*inner)


def _file_of(kind: type) -> str:
    """The file of a class, or the name of its module where there is none."""
    return str(getattr(sys.modules.get(kind.__module__), "__file__", "") or kind.__module__)
