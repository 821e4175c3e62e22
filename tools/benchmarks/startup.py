"""`tools/bench startup`: how soon a command answers, whole processes, beside Python alone and the libraries alone."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from statistics import median

from tools.benchmarks.measure import ROOT, Options, Row, floor, interleaved, medians

ROUNDS = 11
COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "arspec --help": (["-m", "arspec", "--help"], 0.25),
    "arspec verify --static specs/made.yaml": (["-m", "arspec", "verify", "--static", "specs/made.yaml"], 0.6),
    "arspec verify --static specs/pixelcnn_pp.yaml": (["-m", "arspec", "verify", "--static", "specs/pixelcnn_pp.yaml"],
                                                      None),
}  # fmt: skip
BARE = "python, import numpy, pydantic and yaml"


def run(options: Options) -> list[Row]:
    """A row for every command, with the seconds that it may take."""
    worked: dict[str, list[float]] = {name: [] for name in (*COMMANDS, BARE)}
    runs = {name: partial(_process, arguments, worked[name]) for name, (arguments, _) in COMMANDS.items()}
    runs[BARE] = partial(_process, ["-c", "import numpy, pydantic, yaml"], worked[BARE])
    options.say("processes")
    if not options.small:
        interleaved(runs, 1)  # byte code is written, files are read
    found = interleaved(runs, 1 if options.small else ROUNDS)
    taken = medians(found)
    work = {name: median(times[-len(found[name]) :]) for name, times in worked.items()}
    rows: list[Row] = []
    for name, (_, limit) in COMMANDS.items():
        note = "" if limit is None else f"{'within' if taken[name] <= limit else 'ABOVE'} {limit:g} s; "
        note += f"{work[name]:.2f} s of the processor"  # what it takes where others keep the machine busy
        facts = {"limit": limit, "processor_seconds": work[name], "runs": len(found[name])}
        rows.append(floor(name, f"{len(found[name])} runs", taken[name], BARE, taken[BARE], note=note, **facts))
    return rows


def _process(arguments: list[str], worked: list[float]) -> None:
    """Runs Python and notes the seconds of the processor that it took."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python keeps its byte code
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT, env=env)
    after = os.times()
    worked.append(after.children_user - before.children_user + after.children_system - before.children_system)
