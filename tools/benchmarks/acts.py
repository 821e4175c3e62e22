"""One act in a process of its own, so that its time and memory are its own: `python -m tools.benchmarks.acts JSON`.

The JSON names the act and its arguments; what is printed is JSON, too: `seconds`, and `bytes`, the peak of the memory
that the act took beyond what the process held before, weights included.
"""

from __future__ import annotations

import json
import sys
import time
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


def main() -> None:
    import torch

    import arspec

    given = json.loads(sys.argv[1])
    torch.set_num_threads(given.pop("threads"))
    act, spec, params = ACTS[given.pop("act")], given.pop("spec"), given.pop("params", {})
    model = arspec.compile(arspec.load(spec, params=params)).eval()
    before = resident()
    forget_peak()
    start = time.perf_counter()
    act(model, **given)
    taken = time.perf_counter() - start
    print(json.dumps({"seconds": taken, "bytes": max(peak() - before, 0), "before": before}))


if __name__ == "__main__":
    main()
