"""What is known of a trained model's quality, beside its weights: `figures.json`, or the log of its run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

from arspec.diagnostics import InputError
from arspec.files import foreign
from arspec.files.atomic import write_text

FIGURES, LOG = "figures.json", "log.jsonl"
MOST_BYTES = 1 << 16  # of the end of a log, in which its last evaluation is looked for
KINDS: dict[str, tuple[type, ...]] = {
    "steps": (int,), "examples": (int,), "members": (int,), "bits_per_dim": (float, int), "nats": (float, int),
    "bits_per_dim_error": (float, int), "data": (str,),
}  # fmt: skip
"""The figures that are kept: steps of training; examples, bits/dim and nats of the held-out data; what these were."""


def write_figures(figures: dict[str, Any], folder: Path) -> None:
    """Writes the figures of a model, or nothing where none are known."""
    if figures:
        write_text(folder / FIGURES, json.dumps(_known(figures), indent=1) + "\n")


def read_figures(folder: Path) -> dict[str, Any]:
    """The figures of a model folder; of a run those of its last evaluation. Nothing where none are known,
    or they are damaged."""
    try:
        if (folder / FIGURES).is_file():
            return _known(foreign.settings(folder / FIGURES, "AR802", most=MOST_BYTES))
        return _of_a_run(folder) if (folder / LOG).is_file() else {}
    except (InputError, OSError):
        return {}


def _of_a_run(folder: Path) -> dict[str, Any]:
    """The last evaluation that the log of a run tells of."""
    with foreign.opened(folder / LOG, "AR802") as file:
        file.seek(max(0, file.seek(0, 2) - MOST_BYTES))
        lines = file.read(MOST_BYTES).decode("utf-8", "replace").splitlines()
    for line in reversed(lines):
        try:
            found: Any = json.loads(line)
        except (ValueError, RecursionError):  # the first line is cut, and the last one where a run was killed
            continue
        if isinstance(found, dict) and "valid_bits_per_dim" in found:
            figures = cast(dict[str, Any], found)
            plain = {key.removeprefix("valid_"): value for key, value in figures.items()}
            return _known({**plain, "steps": plain.get("step")})
    return {}


def _known(found: dict[str, Any]) -> dict[str, Any]:
    """Of an object the figures that are known, where they are finite numbers and texts."""
    return {key: found[key] for key, kinds in KINDS.items() if type(found.get(key)) in kinds
            and not (isinstance(found[key], float) and not math.isfinite(found[key]))}  # fmt: skip
