"""`tools/bench stream`: a minute of audio, drawn as it is heard: samples a second, and whether memory stays flat."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from tools.benchmarks.measure import Options, Row, resident
from tools.benchmarks.sample import compiled, conditions_of, spec_path

SECONDS = 60.0  # of audio
CHUNK = 16_000  # steps of a chunk
POINTS = 60  # of the curve that is written
# 30 layers at full width would take ten minutes for the minute; at this size a CPU can draw it
AUDIO: dict[str, Any] = {"kernel": 2, "residual": 32, "skip": 64, "layers": 10, "cycle": 10}


def run(options: Options) -> list[Row]:
    """One row: the minute against its own length, with the curve of the memory."""
    model = compiled(spec_path("wavenet"), {**AUDIO, **options.params})
    rate = model.spec.data.rate
    steps, chunk = (2_000, 200) if options.small else (int(SECONDS * rate), CHUNK)
    options.say(f"wavenet, a stream of {steps:,} samples")
    start = time.perf_counter()
    chunks = model.stream(n=1, steps=steps, chunk=chunk, seed=0, **conditions_of(model, 1))
    found = followed(chunks, steps, start)
    width = f"{model.spec.params['layers']} layers of {model.spec.params['residual']}"
    return [{
        "name": model.spec.name, "setting": f"{steps / rate:g} s of audio, {width}", "seconds": found["seconds"],
        "baseline": "its own length", "baseline_seconds": steps / rate, "ratio": steps / rate / found["seconds"],
        "note": f"{found['rate']:,.0f} samples/s, first chunk after {found['first']:.2f} s; memory grew by "
        f"{found['growth'] / 1e6:.1f} MB from the first tenth to the last", "chunk": chunk, **found,
    }]  # fmt: skip


def followed(chunks: Iterable[Any], steps: int, start: float) -> dict[str, Any]:
    """Goes through a stream of chunks [n, steps of the chunk] that is `steps` long, keeping none of it, and notes the
    memory after each. `growth`: bytes by which the highest of the last tenth exceeds the highest of the first."""
    done, times, memory = 0, [], []
    for chunk in chunks:
        done += chunk.shape[1]
        times.append(time.perf_counter() - start)
        memory.append(resident())
    if done != steps:
        raise RuntimeError(f"the stream gave {done:,} of {steps:,} steps")
    tenth, every = max(1, len(memory) // 10), max(1, len(memory) // POINTS)
    return {
        "seconds": times[-1],
        "first": times[0],
        "rate": steps / times[-1],
        "growth": max(memory[-tenth:]) - max(memory[:tenth]),
        "memory": memory[::every],
        "times": [round(t, 3) for t in times[::every]],
    }
