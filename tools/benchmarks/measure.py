"""What all measurements share: options, medians, interleaving, memory bandwidth, peak memory, fitted exponents, and
what the figures depend on."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What the command line asks for. `small`: every measurement at a size that takes seconds, to see that it works."""

    specs: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)  # empty: the command's own
    repeat: int = 3
    small: bool = False
    say: Callable[[str], None] = lambda text: None


def spec_path(name: str) -> Path:
    return ROOT / "specs" / f"{name}.yaml"


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def interleaved(runs: dict[str, Callable[[], Any]], rounds: int, budget: float = math.inf) -> dict[str, list[float]]:
    """Seconds of every run in each of some rounds, one after another in every round, so that a machine that is busy for
    a while is so for all. Rounds end when they have taken `budget` seconds, after one at the least."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    start = time.perf_counter()
    for number in range(rounds):
        if number and time.perf_counter() - start > budget:
            break
        for name, run in runs.items():
            found[name].append(seconds(run))
    return found


def medians(found: dict[str, list[float]]) -> dict[str, float]:
    return {name: median(times) for name, times in found.items()}


def row(name: str, setting: str, taken: float, baseline: str, baseline_seconds: float, **more: Any) -> Row:
    """A row with its ratio: how many times as fast as the baseline it is."""
    ratio = baseline_seconds / taken
    return {"name": name, "setting": setting, "seconds": taken, "baseline": baseline,
            "baseline_seconds": baseline_seconds, "ratio": ratio, **more}  # fmt: skip


def floor(name: str, setting: str, taken: float, baseline: str, baseline_seconds: float, **more: Any) -> Row:
    """A row whose baseline nothing can be below: its ratio says how many times as long it takes."""
    ratio = taken / baseline_seconds
    return {"name": name, "setting": setting, "seconds": taken, "baseline": baseline,
            "baseline_seconds": baseline_seconds, "ratio": ratio, "floor": True, **more}  # fmt: skip


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of log value over log size, by least squares: 1 where it grows linearly."""
    xs, ys = [math.log(s) for s in sizes], [math.log(v) for v in values]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def bandwidth(megabytes: int = 512, repeat: int = 5) -> float:
    """Bytes a second at which memory is read: the median of sums over an array that no cache holds."""
    import torch

    array = torch.ones(megabytes << 18, dtype=torch.float32)
    array.sum()
    return array.numel() * 4 / median(seconds(array.sum) for _ in range(repeat))


# -- memory ------------------------------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process that are in memory now."""
    return _status("VmRSS") or _most()


def peak() -> int:
    """The most bytes of this process that were in memory at once, since `forget_peak` where the system allows it."""
    return _status("VmHWM") or _most()


def forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # not Linux, or not allowed: the peak is then that of the whole process
        return


def _status(key: str) -> int:
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(key + ":")), 0)


def _most() -> int:
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10


def apart(acts: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """What each of some acts of tools/benchmarks/acts.py gives, one after another, each in a process of its own: its
    time, and the memory that it alone took. The processes come from one that has imported the libraries and has done
    nothing."""
    with _started("acts", [{"threads": threads(), **act} for act in acts]) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)


def alone(module: str, **given: Any) -> Row:
    """What a module of tools/benchmarks gives of these arguments, and of the threads, in a process of its own."""
    with _started(module, {"threads": threads(), **given}) as process:
        assert process.stdout is not None
        text = process.stdout.read()
    return json.loads(text)


@contextmanager
def _started(module: str, given: Any) -> Iterator[subprocess.Popen[str]]:
    """A process of a module of tools/benchmarks, which ends well or is an error with what it said."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", f"tools.benchmarks.{module}", json.dumps(given)]
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=said, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}
    ) as process:  # fmt: skip
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        if process.wait():
            said.seek(0)
            raise RuntimeError(f"tools.benchmarks.{module} {given} failed: {said.read().strip()}")


def threads() -> int:
    import torch

    return torch.get_num_threads()


# -- the machine -------------------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    import torch

    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "dtype": str(torch.get_default_dtype()).removeprefix("torch."),
    }
