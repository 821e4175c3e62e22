"""Where in the author's code an operator is called, and by which module."""

# Frames have no public name.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, ParamSpec, TypeVar

import torch
from torch import nn
from torch.nn.modules import module as hooks
from torch.utils.hooks import RemovableHandle

P = ParamSpec("P")
R = TypeVar("R")

_TORCH = os.path.dirname(torch.__file__) + os.sep
_OWN = os.path.dirname(__file__) + os.sep
_PYTHON = sysconfig.get_path("stdlib") + os.sep
_PACKAGES = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})


@dataclass(frozen=True)
class Place:
    """A line of the author's code, and the path of the module that runs it, such as `layers.3.attn`.

    Columns count bytes of UTF-8 from 0, as Python does; `end_line` is 0 where no more than the line is known.
    """

    file: str
    line: int
    function: str
    module: str = ""
    column: int = 0
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return f"in {self.module}" if self.module else "in code of torch's own"
        return f"{self.file}:{self.line}"


def _authors(file: str) -> bool:
    """Whether a file is neither torch's, nor Python's own, nor this package's."""
    if file.startswith((_TORCH, _OWN, "<")):
        return False
    return file.startswith(_PACKAGES) or not file.startswith(_PYTHON)


_known: dict[str, bool] = {}
_borders: set[CodeType] = set()


def border(function: Callable[P, R]) -> Callable[P, R]:
    """Marks a function that calls the author's module: who called it, such as a test, is not the module's author."""
    _borders.add(function.__code__)
    return function


def beyond(frame: FrameType) -> bool:
    """Whether the author's module was called from this frame, so that none further out is the module's."""
    return frame.f_code in _borders


def here(module: str = "") -> Place:
    """The innermost line of the author's code that runs now."""
    frame = sys._getframe(1)
    while frame is not None and not beyond(frame):
        file = frame.f_code.co_filename
        known = _known.get(file)
        if known is None:
            known = _known[file] = _authors(file)
        if known:
            return Place(file, frame.f_lineno, frame.f_code.co_name, module)
        frame = frame.f_back
    return Place("<unknown>", 0, "", module)


class Modules:
    """Follows which module runs, while it is entered; no module is changed.

    `path` is that of the innermost module, below the outermost one: `""` is the outermost.
    """

    def __init__(self) -> None:
        self.path = ""
        self._stack: list[tuple[nn.Module, str]] = []
        self._names: dict[int, dict[int, str]] = {}
        self._kept: list[nn.Module] = []
        self._handles: list[RemovableHandle] = []
        self._thread = 0

    def __enter__(self) -> Modules:
        self._thread = threading.get_ident()
        self._handles = [
            hooks.register_module_forward_pre_hook(self._entered),
            hooks.register_module_forward_hook(self._left, always_call=True),
        ]
        return self

    def __exit__(self, *failure: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._stack, self._names, self._kept, self.path = [], {}, [], ""

    def _entered(self, module: nn.Module, args: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        if self._stack:
            parent, above = self._stack[-1]
            name = self._below(parent).get(id(module)) or type(module).__name__
            self.path = f"{above}.{name}" if above else name
        self._stack.append((module, self.path))

    def _left(self, module: nn.Module, args: Any, output: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        places = [place for place, (entered, _) in enumerate(self._stack) if entered is module]
        if places:
            del self._stack[places[-1] :]
        self.path = self._stack[-1][1] if self._stack else ""

    def _below(self, parent: nn.Module) -> dict[int, str]:
        """Paths of all modules below one; asked for once for each."""
        found = self._names.get(id(parent))
        if found is None:
            found = {id(module): name for name, module in parent.named_modules() if name}
            self._names[id(parent)] = found
            self._kept.append(parent)
        return found
