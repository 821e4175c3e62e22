"""`tools/bench memory`: the peak memory of a sample beside that of one forward pass of the same batch, each in a
process of its own, beyond what the process and the weights took before."""

from __future__ import annotations

from typing import Any

from tools.benchmarks.measure import Options, Row, apart, spec_path

CASES: list[tuple[str, dict[str, Any], int]] = [
    ("pixelcnn_pp", {}, 1),
    ("pixelcnn_pp", {}, 8),
    ("gated_pixelcnn", {}, 8),
    ("wavenet", {"length": 4096}, 1),
    ("wavenet", {"length": 4096}, 16),
    ("gpt", {}, 16),
]
SMALL: list[tuple[str, dict[str, Any], int]] = [("gpt", {"length": 16, "width": 16, "layers": 1}, 2)]


def run(options: Options) -> list[Row]:
    """A row for every case; `ratio`: how many times the memory of the forward pass a sample takes."""
    named = [(path, options.params, batch) for path in options.specs for batch in options.batches or (1, 8)]
    chosen = SMALL if options.small else CASES
    return [
        measured(path, params, batch, options)
        for path, params, batch in named or [(str(spec_path(name)), p, b) for name, p, b in chosen]
    ]


def measured(path: str, params: dict[str, Any], batch: int, options: Options) -> Row:
    from arspec.language.load import load

    spec = load(path, params)
    options.say(f"{spec.name}, batch {batch}: memory")
    sample, one = apart([{"act": a, "spec": path, "params": params, "batch": batch} for a in ("sample", "forward")])
    return {
        "name": spec.name, "setting": f"{'×'.join(map(str, spec.data.shape))}, batch {batch}",
        "seconds": sample["seconds"], "bytes": sample["bytes"], "baseline": "one pass of its module",
        "baseline_seconds": one["seconds"], "baseline_bytes": one["bytes"],
        "ratio": sample["bytes"] / max(one["bytes"], 1), "floor": True, "batch": batch,
        "note": f"{sample['bytes'] / 1e6:,.0f} MB, the pass {one['bytes'] / 1e6:,.0f} MB",
    }  # fmt: skip
