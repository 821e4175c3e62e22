"""Processes that train together with the variables that torchrun sets: `python -m tests.processes JSON`.

The JSON is a list of trainings: `size` (of processes), `spec`, `folder`, `kind`, `stop`. The processes of all of them
are forked from one that has imported what they need, and hasn't computed anything.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

NEEDED = ["torch._dynamo", "torch.distributed.fsdp", "torch.distributed.nn.functional"]
OPTIONS: dict[str, Any] = {
    "steps": 8, "batch": 16, "lr": 1e-2, "ema": 0.9, "log_every": 1, "eval_every": 4, "samples": 2, "sample_every": 4,
    "precision": "float64",
}  # fmt: skip


class Told:
    """A tracker that writes what it is told, and by which process, into a file of the run's folder."""

    def __init__(self, begun: Any) -> None:
        self.key, self._file = begun.known or begun.new, begun.folder / "told.jsonl"
        self._tell("begin", self.key)

    def _tell(self, *what: Any) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps([os.environ.get("RANK"), *what]) + "\n")

    def numbers(self, step: int, values: dict[str, float]) -> None:
        self._tell("numbers", step, sorted(values))

    def file(self, step: int, name: str, path: Path) -> None:
        self._tell("file", step, name)

    def close(self, finished: bool) -> None:
        self._tell("close", finished)


begin = Told  # as `arspec.training.trackers` calls it
STAND_IN = ("json", "tests.processes")  # for a tracker, in its table


def train_a_part(spec: str, folder: str, kind: str, stop: int) -> None:
    """This process's part in training a model of the digits up to the step `stop`."""
    import torch

    import arspec
    from arspec.data import load
    from arspec.training import Options, trackers, train

    trackers.TRACKERS["mlflow"] = STAND_IN
    torch.set_num_threads(1)
    model = arspec.compile(arspec.load(spec), seed=0)
    known, valid = (load("digits", model.spec.data, model.spec.condition, split) for split in ("train", "valid"))
    options = Options(**OPTIONS, parallel=kind)
    train(model, known, valid, Path(folder), options, device="cpu", tensorboard=False, stop_after=stop, log=["mlflow"])


def together(size: int, **training: Any) -> bool:
    """Whether each of `size` processes has ended well. The store by which they find each other is held here, as
    torchrun holds it."""
    from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    processes: list[int] = []
    for rank in range(size):
        process = os.fork()
        if process == 0:
            status = 1
            try:
                os.environ.update(place, RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(size))
                train_a_part(**training)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        processes.append(process)
    while processes:
        process, status = os.wait()
        processes.remove(process)
        if status:  # the others would wait for it
            for other in processes:
                os.kill(other, signal.SIGKILL)
            return False
    return True


def main() -> int:
    for name in ("arspec.training.loop", *NEEDED):
        importlib.import_module(name)
    return 0 if all(together(**training) for training in json.loads(sys.argv[1])) else 1


if __name__ == "__main__":
    sys.exit(main())
