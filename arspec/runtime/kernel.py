"""The product of a few rows in machine code: few_rows.cpp, compiled for this machine where it has a C++ compiler, and kept in
the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arspec.data.atomic import replacing
from arspec.data.cache import user_cache
from arspec.diagnostics import InputError

SOURCE = Path(__file__).with_name("few_rows.cpp")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC")
TYPES = {torch.float32: "float32", torch.float64: "float64"}
POINTER, NUMBER = ctypes.c_void_p, ctypes.c_int64


def compiler() -> list[str] | None:
    """The command of a C++ compiler: CXX, g++ or clang++; None where there is none."""
    commands = (shlex.split(name) for name in (os.environ.get("CXX", ""), "g++", "clang++"))
    return next((command for command in commands if command and shutil.which(command[0])), None)


@cache
def kernel() -> Kernel | None:
    """What few_rows.cpp says, compiled in half a second the first time on a machine; None where there is no compiler, or it
    has no use for the file."""
    kept = library()
    with suppress(OSError):  # it is not there
        return Kernel(ctypes.CDLL(str(kept)))
    command = compiler()
    if command is None:
        return None
    try:
        with tempfile.TemporaryDirectory() as directory:
            made = Path(directory) / kept.name
            run = [*command, *FLAGS, str(SOURCE), "-o", str(made)]
            subprocess.run(run, capture_output=True, text=True, check=True)
            found = Kernel(ctypes.CDLL(str(made)))
            with suppress(OSError, InputError), replacing(kept) as place:  # where the folder may be written to
                shutil.copyfile(made, place)
            return found
    except (OSError, subprocess.CalledProcessError) as error:  # or where nothing in the folder may be run
        said: str = (getattr(error, "stderr", None) or "").strip() or str(error)
    warnings.warn(f"{shlex.join(command)} does not compile {SOURCE.name}, so that products of few rows are torch's, and slower; "
                  f"it says: {said.splitlines()[0]}", RuntimeWarning, stacklevel=2)  # fmt: skip
    return None


def library() -> Path:
    """Where the library is kept, by what it is made of and the processor that it is made for."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    made_of = "\n".join([SOURCE.read_text(), *FLAGS, platform.machine(), features])
    return user_cache() / "kernels" / f"few_rows-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.so"


def takes(weight: Tensor) -> bool:
    """Whether the product is one of such weights."""
    return weight.device.type == "cpu" and weight.dtype in TYPES


class Kernel:
    """The loaded library. lanes: the outputs of a block of a packed weight, by dtype."""

    def __init__(self, loaded: ctypes.CDLL) -> None:
        self.times: dict[torch.dtype, Any] = {dtype: getattr(loaded, f"times_{name}") for dtype, name in TYPES.items()}
        for times in self.times.values():
            times.restype = None
            times.argtypes = [POINTER, NUMBER, POINTER, NUMBER, POINTER, POINTER, NUMBER, POINTER, *[NUMBER] * 4]
        self.lanes = {dtype: loaded.vector_bytes() // dtype.itemsize for dtype in TYPES}

    def packed(self, weight: Tensor) -> Tensor:
        """A weight [N, K] as the kernel reads it: [blocks, K, lanes], zeros behind the last output."""
        lanes = self.lanes[weight.dtype]
        more = -len(weight) % lanes
        return torch.nn.functional.pad(weight, (0, 0, 0, more)).unflatten(0, (-1, lanes)).transpose(1, 2).contiguous()
