"""Training that is disturbed, and what is left of it: killed at any moment, and stopped by disks of any size.

`python tests/disturbed.py kills COUNT` and `python tests/disturbed.py disks COUNT` compare every run, once it was
resumed, with one that was not disturbed, byte for byte. Disks are small file systems in memory, for which a process
must be allowed to mount: `unshare -rm python tests/disturbed.py disks 20` lets anybody.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from hostile import QUICK, data_of, model_of

from arspec.diagnostics import InputError
from arspec.training import train
from arspec.training.checkpoint import MODEL, STATE, read_state

OPTIONS = replace(QUICK, steps=24, save_every=1, ema=0.9, samples=1, sample_every=8)
PAGE = 4096  # bytes, the least that a file takes


class Training:
    """A run that is begun or gone on with in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.examples = folder, data_of(folder)[1]
        self.whole = folder / "whole"
        begun: list[float] = []
        assert self.run(self.whole, lambda _: begun.append(time.monotonic())) == 0
        self.seconds = time.monotonic() - begun[0]  # that its loop takes

    def run(self, run: Path, disturb: Callable[[int], None] | None = None) -> int:
        """Its exit code: 0, 2 where it was told of a fault, or minus the signal that ended it."""
        ready, begun = os.pipe()
        process = os.fork()
        if process == 0:
            code = 3
            try:
                _tell_the_first_step(begun)
                resume = (run / STATE).exists()
                train(
                    model_of(self.folder),
                    self.examples,
                    None,
                    run,
                    OPTIONS,
                    device="cpu",
                    resume=resume,
                    tensorboard=False,
                )
                code = 0
            except InputError as error:
                code = 2 if error.code == "AR810" else 4
                if code == 4:
                    print(error, file=sys.stderr)
            except BaseException as error:
                print(repr(error), file=sys.stderr)
            finally:
                os._exit(code)
        os.close(begun)
        select.select([ready], [], [])
        os.close(ready)
        if disturb is not None:
            disturb(process)
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

    def same(self, run: Path) -> list[str]:
        """What differs from the run that was not disturbed."""
        faults = [
            name for name in (MODEL, STATE, "spec.yaml", "spec.json") if not _equal(run / name, self.whole / name)
        ]
        kept, there = (_lines(folder / "log.jsonl") for folder in (self.whole, run))
        faults += ["log.jsonl"] * (kept != there)
        pictures = sorted(path.name for path in (self.whole / "samples").iterdir())
        faults += [name for name in pictures if not _equal(run / "samples" / name, self.whole / "samples" / name)]
        return faults + [str(path) for path in run.rglob(".*")]


def _tell_the_first_step(pipe: int) -> None:
    """Writes to a pipe when this process comes to it."""
    step = torch.optim.AdamW.step

    def told(self: torch.optim.AdamW, *given: Any) -> Any:
        os.write(pipe, b".")
        torch.optim.AdamW.step = step  # type: ignore[method-assign]
        return step(self, *given)

    torch.optim.AdamW.step = told  # type: ignore[method-assign, assignment]


def _equal(one: Path, other: Path) -> bool:
    return one.exists() and one.read_bytes() == other.read_bytes()


def _lines(path: Path) -> list[dict[str, Any]]:
    """The log without its times."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in line.items() if "seconds" not in key} for line in lines]


def kills(count: int, folder: Path) -> dict[str, Any]:
    """Runs that are killed at a moment drawn from the time of their loop, and then resumed."""
    training, draw = Training(folder), random.Random(0)
    faults: list[str] = []
    at: list[int] = []
    while len(at) < count:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)

        def kill(process: int) -> None:
            time.sleep(draw.random() * training.seconds)
            os.kill(process, signal.SIGKILL)

        if training.run(run, kill) != -signal.SIGKILL:
            continue  # it had ended
        at.append(read_state(run / STATE)[1]["step"] if (run / STATE).exists() else 0)
        if (code := training.run(run)) != 0 or (wrong := training.same(run)):
            faults.append(f"killed after the checkpoint of step {at[-1]}: {code or wrong}")
    return {"kills": count, "checkpoints": sorted(at), "faults": faults}


def disks(count: int, folder: Path) -> dict[str, Any]:
    """Runs on disks of one page and more; those that are full are given room, and resumed."""
    training = Training(folder)
    faults: list[str] = []
    came: list[str] = []
    for k in range(count):
        disk = folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={(k + 1) * PAGE}", "none", str(disk)], check=True)
        try:
            code = training.run(disk / "run")
            state = disk / "run" / STATE
            step = read_state(state)[1]["step"] if state.exists() else 0
            came.append(f"{k + 1} pages: {code}, step {step}")
            if code not in (0, 2):
                faults.append(f"{k + 1} pages: exit code {code}")
            if left := [str(path) for path in disk.rglob(".*")]:
                faults.append(f"{k + 1} pages: {left}")
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            if (code and (code := training.run(disk / "run")) != 0) or (wrong := training.same(disk / "run")):
                faults.append(f"{k + 1} pages: {code or wrong}")
        finally:
            subprocess.run(["umount", str(disk)], check=True)
            disk.rmdir()
    return {"disks": count, "came": came, "faults": faults}


def main() -> int:
    torch.set_num_threads(1)
    memory = Path("/dev/shm")  # a folder in memory, where there is one: each step waits until its checkpoint is written
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        found = {"kills": kills, "disks": disks}[sys.argv[1]](int(sys.argv[2]), Path(name))
    print(json.dumps(found))
    return int(bool(found["faults"]))


if __name__ == "__main__":
    sys.exit(main())
