"""`tools/bench startup`: how soon a command answers, whole processes, beside Python alone and the libraries alone."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

from tools.benchmarks.measure import ROOT, Options, Row, interleaved, medians, row

ROUNDS = 11
COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "arspec --help": (["-m", "arspec", "--help"], 0.25),
    "arspec verify --static specs/made.yaml": (["-m", "arspec", "verify", "--static", "specs/made.yaml"], 0.6),
    "arspec verify --static specs/pixelcnn_pp.yaml": (["-m", "arspec", "verify", "--static", "specs/pixelcnn_pp.yaml"], None),
}  # fmt: skip
BARE = "python, import numpy, pydantic and yaml"


def run(options: Options) -> list[Row]:
    """A row for every command, with the seconds that it may take."""
    runs = {name: partial(_process, arguments) for name, (arguments, _) in COMMANDS.items()}
    runs[BARE] = partial(_process, ["-c", "import numpy, pydantic, yaml"])
    options.say("processes")
    interleaved(runs, 1)  # byte code is written, files are read
    found = interleaved(runs, 2 if options.small else ROUNDS)
    taken = medians(found)
    rows: list[Row] = []
    for name, (_, limit) in COMMANDS.items():
        note = "" if limit is None else f"{'within' if taken[name] <= limit else 'ABOVE'} {limit:g} s"
        rows.append(row(name, f"{len(found[name])} runs", taken[name], BARE, taken[BARE], limit=limit, note=note))
        rows[-1] |= {"ratio": taken[name] / taken[BARE], "floor": True, "runs": len(found[name])}
    return rows


def _process(arguments: list[str]) -> None:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python keeps its byte code
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT, env=env)
