"""What steps spend their time with, in machine code: the product of a few rows (skinny_matmul.cpp), and what layers do
with single rows (quick.py). All of it is compiled for this machine where it has a C++ compiler, and kept in the user's
cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import signal
import subprocess
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arspec.diagnostics.foreign import visible
from arspec.files.cache import user_cache
from arspec.files.kept import is_whole, keep
from arspec.sampler.run.quick import NUMBER, POINTER, TYPES, Quick

SOURCES = tuple(
    Path(__file__).with_name(f"{name}.cpp")
    for name in ("skinny_matmul", "screened_matmul", "selective_step", "row_steps", "attention_step")
)
HEADERS = tuple(Path(__file__).with_name(f"{name}.h") for name in ("vectors", "skinny_matmul"))
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fopenmp", "-fPIC")
EARLIER = "few_rows-*.so"
PATIENCE = 60  # seconds that a compiler may take
STORED = {torch.bfloat16: "bfloat16", torch.int8: "int8"}  # of weights of products in float32


def compiler() -> list[str] | None:
    """The command of a C++ compiler: CXX, g++ or clang++; None where there is none. What CXX says and is not there is
    told."""
    try:
        wanted = shlex.split(os.environ.get("CXX", ""))
        if wanted and not shutil.which(wanted[0]):
            _told(f"CXX names {wanted[0]!r}, and there is no such program; another compiler is looked for")
    except ValueError as error:
        wanted = []
        _told(f"CXX is no command ({error}); another compiler is looked for")
    return next((command for command in (wanted, ["g++"], ["clang++"]) if command and shutil.which(command[0])), None)


@cache
def kernel() -> Kernel | None:
    """What the files say, compiled in a few seconds the first time on a machine; None where there is no compiler, or it
    has no use for them."""
    kept = library()
    if is_whole(kept):
        with suppress(OSError, AttributeError):  # it is for another machine, or lacks what it should have
            return Kernel(ctypes.CDLL(str(kept)))
    command = compiler()
    if command is None:
        return None
    try:
        with tempfile.TemporaryDirectory() as directory:
            made = Path(directory) / kept.name
            _compile(command, made)
            found = Kernel(ctypes.CDLL(str(made)))
            keep(made, kept)
            _forget_earlier(kept.parent)
            return found
    except subprocess.TimeoutExpired:
        said = f"nothing within {PATIENCE} seconds, and is given up on"
    except (
        OSError,
        AttributeError,
        subprocess.CalledProcessError,
    ) as error:  # or where nothing in the folder may be run
        said = ((getattr(error, "stderr", None) or "").strip() or str(error)).splitlines()[0]
    _told(f"{shlex.join(command)} does not compile {' and '.join(path.name for path in SOURCES)}, so that what they "
          f"compute is torch's, and slower; it says: {visible(said)}")  # fmt: skip
    return None


def _compile(command: list[str], made: Path) -> None:
    """Makes the library, of files that are compiled beside one another."""
    objects = {source: made.with_name(f"{source.stem}.o") for source in SOURCES}
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(_run, [*command, *FLAGS, "-c", str(s), "-o", str(o)]) for s, o in objects.items()]
        for run in runs:
            run.result()
    _run([*command, *FLAGS, "-shared", *map(str, objects.values()), "-o", str(made)])


def _forget_earlier(folder: Path) -> None:
    """Removes libraries that an earlier version kept under another name, which nothing loads any more."""
    for path in folder.glob(EARLIER):
        with suppress(OSError):
            path.unlink()


def _run(command: list[str]) -> None:
    """Runs a compiler. Raises CalledProcessError where it fails and TimeoutExpired where it hangs,
    and ends what it began."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        errors="replace",
        start_new_session=True,
    ) as running:  # fmt: skip
        try:
            _, said = running.communicate(timeout=PATIENCE)
        except BaseException:
            with suppress(OSError):  # the programs that it has started, too
                os.killpg(running.pid, signal.SIGKILL)
            raise
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command, stderr=said)


def _told(what: str) -> None:
    warnings.warn(what, RuntimeWarning, stacklevel=3)


def library() -> Path:
    """Where the library is kept, by what it is made of and the processor that it is made for."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    made_of = "\n".join([*(path.read_text() for path in (*SOURCES, *HEADERS)), *FLAGS, platform.machine(), features])
    return user_cache() / "kernels" / f"skinny_matmul-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.so"


def takes(weight: Tensor) -> bool:
    """Whether the product is one of such weights."""
    return weight.device.type == "cpu" and weight.dtype in TYPES


class Kernel:
    """The loaded library: `times` by the dtype of a weight, and what layers ask for."""

    def __init__(self, loaded: ctypes.CDLL) -> None:
        names, rows = {**TYPES, **STORED}, (POINTER, NUMBER)
        self.times: dict[torch.dtype, Any] = {dtype: getattr(loaded, f"times_{name}") for dtype, name in names.items()}
        for times in self.times.values():
            times.restype = None
            times.argtypes = [POINTER, *rows, NUMBER, *rows, POINTER, NUMBER, NUMBER, POINTER]
        self._pack: dict[torch.dtype, Any] = {dtype: getattr(loaded, f"pack_{name}") for dtype, name in names.items()}
        for pack in self._pack.values():
            pack.restype, pack.argtypes = None, [POINTER, *[NUMBER] * 3, POINTER, NUMBER]
        loaded.vector_bytes.restype = NUMBER
        self.bytes: int = loaded.vector_bytes()
        self.copy, self.screened = loaded.copy_float32, loaded.screened_float32
        self.copy.restype = self.screened.restype = NUMBER
        self.copy.argtypes = [POINTER]
        self.screened.argtypes = [POINTER, *rows, NUMBER, NUMBER, NUMBER, *[POINTER] * 3]
        self.quick = Quick(loaded, self.bytes)

    @torch.no_grad()
    def packed(self, weight: Tensor, room: Tensor | None = None) -> Tensor:
        """[N, K] -> [blocks, K, lanes]: outputs that a vector holds the sums of stand side by side, with zeros behind
        the last. room: the memory for it, of `packed_shape`."""
        weight = weight if weight.stride(1) == 1 else weight.contiguous()
        (outputs, inputs), shape = weight.shape, self.packed_shape(weight)
        room = weight.new_empty(shape) if room is None else room
        assert room.shape == shape and room.dtype == weight.dtype and room.is_contiguous()
        pack = self._pack[weight.dtype]
        pack(weight.data_ptr(), weight.stride(0), outputs, inputs, room.data_ptr(), torch.get_num_threads())
        return room

    def packed_shape(self, weight: Tensor) -> tuple[int, int, int]:
        """[blocks, K, lanes] of a packed weight [N, K]."""
        lanes = self.bytes // (8 if weight.dtype == torch.float64 else 4)
        return -(-len(weight) // lanes), weight.shape[1], lanes


def unpacked(packed: Tensor, outputs: int) -> Tensor:
    """[blocks, K, lanes] -> the weight [N, K], as a copy."""
    return packed.transpose(1, 2).flatten(0, 1)[:outputs]
