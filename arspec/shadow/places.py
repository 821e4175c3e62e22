"""Where in the author's code an operator is called."""

# Frames have no public name.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import torch

_TORCH = os.path.dirname(torch.__file__) + os.sep
_OWN = os.path.dirname(__file__) + os.sep


@dataclass(frozen=True)
class Place:
    """A line of the author's code, and the path of the module that runs it, such as `layers.3.attn`."""

    file: str
    line: int
    function: str
    module: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def here(module: str = "") -> Place:
    """The innermost line that is neither torch's nor this package's."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_TORCH, _OWN)) and not file.startswith("<"):
            return Place(file, frame.f_lineno, frame.f_code.co_name, module)
        frame = frame.f_back
    return Place("<unknown>", 0, "", module)
