"""Places that hold something while a module runs, each with what stood there, and how it is put back."""

from __future__ import annotations

import functools
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device, torch.Size, range, slice)
CACHED: Any = type(functools.lru_cache(lambda: None))


class _Absent:
    """Nothing stood there."""


ABSENT = _Absent()


@dataclass
class Entry:
    """A place that holds something. `name`: how it is told; `own`: a copy of the module has one of its own."""

    owner: Any
    name: str
    own: bool
    names: tuple[str, ...] = ()
    kept: Any = None

    def __post_init__(self) -> None:
        self.kept = self.now()

    def now(self) -> Any:
        """What stands there now."""
        raise NotImplementedError

    def put(self) -> None:
        """Puts back what stood there."""
        raise NotImplementedError

    def changed(self) -> list[str]:
        """What is other than it was, by name."""
        now = self.now()
        return [] if len(now) == len(self.kept) and all(map(same, now, self.kept)) else [self.name]


class Named(Entry):
    """Values under names."""

    def changed(self) -> list[str]:
        now = self.now()
        keys = [key for key in {**now, **self.kept} if not same(now.get(key, ABSENT), self.kept.get(key, ABSENT))]
        return [self.told(key) for key in keys]

    def told(self, key: Any) -> str:
        """How one of them is told."""
        return self.name


class Items(Named):
    """A dict, as it is stored: a subclass may compute what it gives."""

    def now(self) -> Any:
        return dict(dict.items(self.owner))

    def put(self) -> None:
        kind: Any = OrderedDict if isinstance(self.owner, OrderedDict) else dict
        kind.clear(self.owner)
        for key, value in self.kept.items():
            kind.__setitem__(self.owner, key, value)


class Attributes(Named):
    """What an object holds."""

    def now(self) -> Any:
        held = dict(vars(self.owner)) if hasattr(self.owner, "__dict__") else {}
        return {**held, **{name: getattr(self.owner, name) for name in self.names if hasattr(self.owner, name)}}

    def put(self) -> None:
        for name in self.names:
            if name in self.kept:
                object.__setattr__(self.owner, name, self.kept[name])
            elif hasattr(self.owner, name):
                object.__delattr__(self.owner, name)
        if hasattr(self.owner, "__dict__"):
            held = vars(self.owner)
            held.clear()
            held.update({name: value for name, value in self.kept.items() if name not in self.names})

    def told(self, key: Any) -> str:
        return f"{key} of {self.name}" if self.name else f"attribute {key}"


class OfClass(Named):
    """What a class holds."""

    def now(self) -> Any:
        return dict(vars(self.owner))

    def put(self) -> None:
        now = self.now()
        for key in {**now, **self.kept}:
            value = self.kept.get(key, ABSENT)
            with suppress(AttributeError, TypeError):
                if value is ABSENT:
                    type.__delattr__(self.owner, key)
                elif now.get(key, ABSENT) is not value:
                    type.__setattr__(self.owner, key, value)

    def told(self, key: Any) -> str:
        return f"class attribute {self.owner.__name__}.{key}"


class OfFile(Named):
    """Some names of a file."""

    def now(self) -> Any:
        return {name: self.owner.get(name, ABSENT) for name in self.names}

    def put(self) -> None:
        for name, value in self.kept.items():
            if value is ABSENT:
                self.owner.pop(name, None)
            else:
                self.owner[name] = value

    def told(self, key: Any) -> str:
        return f"global {key} of {self.name}"


class Variable(Entry):
    """A variable of a closure."""

    def now(self) -> Any:
        try:
            return (self.owner.cell_contents,)
        except ValueError:
            return ()

    def put(self) -> None:
        if self.kept:
            self.owner.cell_contents = self.kept[0]
        else:
            with suppress(ValueError):
                del self.owner.cell_contents


class Listed(Entry):
    """A list, a queue or an array of bytes."""

    def now(self) -> Any:
        return list(self.owner)

    def put(self) -> None:
        self.owner.clear()
        self.owner.extend(self.kept)


class Members(Entry):
    """A set."""

    def now(self) -> Any:
        return set(self.owner)

    def put(self) -> None:
        self.owner.clear()
        self.owner.update(self.kept)

    def changed(self) -> list[str]:
        return [] if self.now() == self.kept else [self.name]


class Numbers(Entry):
    """The numbers of a tensor."""

    def now(self) -> Any:
        return self.owner.data, self.owner.detach().clone()

    def put(self) -> None:
        data, values = self.kept
        with torch.no_grad():
            self.owner.data = data
            data.copy_(values)

    def changed(self) -> list[str]:
        now, before = self.owner.detach(), self.kept[1]
        alike = now.shape == before.shape and now.dtype == before.dtype
        return [] if alike and bool(((now == before) | ((now != now) & (before != before))).all()) else [self.name]


class Array(Entry):
    """The numbers of an array of numpy."""

    def now(self) -> Any:
        return self.owner.copy()

    def put(self) -> None:
        self.owner[...] = self.kept

    def changed(self) -> list[str]:
        return [] if self.owner.tobytes() == self.kept.tobytes() else [self.name]


class Draws(Entry):
    """The state of a generator of random numbers."""

    def now(self) -> Any:
        return self.owner.get_state()

    def put(self) -> None:
        self.owner.set_state(self.kept)

    def changed(self) -> list[str]:
        return [] if torch.equal(self.now(), self.kept) else [self.name]


class Results(Entry):
    """What `functools.lru_cache` keeps: it can be emptied alone."""

    def now(self) -> Any:
        return self.owner.cache_info().misses

    def put(self) -> None:
        self.owner.cache_clear()

    def changed(self) -> list[str]:
        return [] if self.now() == self.kept else [self.name]


def same(one: Any, other: Any) -> bool:
    """Whether a name stands for what it stood for."""
    return one is other or (type(one) is type(other) and isinstance(one, PLAIN) and bool(one == other))
