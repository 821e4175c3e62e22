"""Acts, each in a process of its own, so that its time and memory are its own: `python -m tools.benchmarks.acts JSON`.

The JSON is a list of acts, each with its name and arguments; what is printed is JSON, too, a line for each: `seconds`,
and `bytes`, the peak of the memory that the act took beyond what the process held before, weights included. The
processes are forked, one after another, from one that has imported the libraries and has computed nothing.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from importlib import import_module
from typing import Any

from tools.benchmarks.measure import forget_peak, peak, resident


def forward(model: Any, batch: int) -> None:
    """One pass of the module."""
    import torch

    from tools.benchmarks.sample import conditions_of

    data = model.spec.data
    with torch.inference_mode():
        model(torch.zeros(batch, *data.shape, dtype=torch.long), **conditions_of(model, batch))


def sample(model: Any, batch: int) -> None:
    """A whole sample, every site once."""
    from tools.benchmarks.sample import conditions_of

    model.sample(batch, seed=0, method="once", **conditions_of(model, batch))


def stream(model: Any, batch: int, steps: int, chunk: int) -> None:
    """A stream, of which nothing is kept."""
    from tools.benchmarks.sample import conditions_of

    for _ in model.stream(n=batch, steps=steps, chunk=chunk, seed=0, **conditions_of(model, batch)):
        pass


ACTS = {"forward": forward, "sample": sample, "stream": stream}


def measured(act: str, spec: str, threads: int, params: dict[str, Any], **given: Any) -> dict[str, float]:
    """What an act takes in this process."""
    import torch

    import arspec

    torch.set_num_threads(threads)
    model = arspec.compile(arspec.load(spec, params=params)).eval()
    before = resident()
    forget_peak()
    start = time.perf_counter()
    ACTS[act](model, **given)
    taken = time.perf_counter() - start
    return {"seconds": taken, "bytes": max(peak() - before, 0), "before": before}


def main() -> int:
    for name in ("torch", "arspec.model", "tools.benchmarks.sample"):
        import_module(name)
    for given in json.loads(sys.argv[1]):
        process = os.fork()
        if process == 0:
            status = 1
            try:
                print(json.dumps(measured(**given)), flush=True)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        if os.waitpid(process, 0)[1]:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
