"""`tools/bench growth`: time and memory of a sample by the number of its sites, with the exponents that fit them.

Every size is drawn in a process of its own. Images are whole samples of a small PixelCNN, sequences streams of a small
WaveNet, whose steps are compiled where they are many. The exponent is the slope of the logarithms, by least squares: 1
is linear, 0 is flat.
"""

from __future__ import annotations

from typing import Any

from tools.benchmarks.measure import Options, Row, apart, exponent, spec_path

IMAGE: dict[str, Any] = {"features": 24, "head_features": 48, "blocks": 4, "channels": 1, "levels": 16}
SOUND: dict[str, Any] = {"residual": 16, "skip": 16, "layers": 8, "cycle": 8}
SIDES = (8, 16, 32, 64, 128)
STEPS = (1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18)
CHUNK = 1024


def run(options: Options) -> list[Row]:
    """A row for each size; the last of each kind has the exponents."""
    sides, steps = ((4, 8), (128, 256)) if options.small else (SIDES, STEPS)
    acts = [*images(sides), *sequences(steps)]
    found = apart(acts)
    rows: list[Row] = []
    for sites, act in zip([*(side * side for side in sides), *steps], acts, strict=True):
        name, setting = (
            ("wavenet", f"{sites:,} steps")
            if "steps" in act
            else ("pixelcnn", "{height}×{width}".format(**act["params"]))
        )
        options.say(f"{name}, {setting}")
        rows.append(_row(name, setting, sites, next(found)))
    return [*_fitted(rows[: len(sides)]), *_fitted(rows[len(sides) :])]


def images(sides: tuple[int, ...]) -> list[Row]:
    """An act for each size."""
    fixed = {"act": "sample", "spec": str(spec_path("pixelcnn")), "batch": 1}
    return [{**fixed, "params": {**IMAGE, "height": side, "width": side}} for side in sides]


def sequences(lengths: tuple[int, ...]) -> list[Row]:
    """An act for each length."""
    fixed = {"act": "stream", "spec": str(spec_path("wavenet")), "params": SOUND, "batch": 1, "chunk": CHUNK}
    return [{**fixed, "steps": steps} for steps in lengths]


def _row(name: str, setting: str, sites: int, found: Row) -> Row:
    note = f"{found['bytes'] / 1e6:,.1f} MB, {1e6 * found['seconds'] / sites:,.0f} µs a site"
    return {"name": name, "setting": setting, "sites": sites, "note": note, **found}


def _fitted(rows: list[Row]) -> list[Row]:
    sizes = [r["sites"] for r in rows]
    time = exponent(sizes, [r["seconds"] for r in rows])
    space = exponent(sizes, [max(r["bytes"], 1) for r in rows])
    rows[-1] |= {"exponent": time, "memory_exponent": space}
    rows[-1]["note"] += f"; time grows as sites^{time:.2f}, memory as sites^{space:.2f}"
    return rows
