"""Containers go from one process to another whose floats are not the same: other instructions, threads, batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.codec_elsewhere import MODELS
from tests.small import ROOT

# What the numbers are computed by: torch's and oneDNN's instructions, numpy's, threads.
SURROUNDINGS = {
    "avx2": ({"ATEN_CPU_CAPABILITY": "avx2"}, 1),
    "plain": ({"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41",
               "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"}, 1),
    "threads": ({}, 2),
}  # fmt: skip


def elsewhere(folder: Path, name: str, *others: str) -> None:
    """Decodes what the others have written, and writes its own."""
    settings, threads = SURROUNDINGS[name]
    own = {key: value for key, value in os.environ.items() if key != "ATEN_CPU_CAPABILITY"}  # what they differ in
    waits = {
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
    }  # else threads without work take time as well
    environment = {**own, **settings, **waits, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.codec_elsewhere", str(folder), name, str(threads), *others]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(name, done.stdout, sep="\n")


def test_every_bit_comes_back_elsewhere(tmp_path: Path):
    elsewhere(tmp_path, "threads")
    elsewhere(tmp_path, "plain", "threads")
    elsewhere(tmp_path, "avx2", "threads", "plain")
    differ = 0
    for spec in MODELS:
        here, there = (np.load(tmp_path / f"{name}-{spec}.npy") for name in ("threads", "plain"))
        assert np.abs(here - there).max() < 1e-11
        differ += int((here != there).sum())
        print(f"{spec}: {(here != there).mean():.1%} of the parameters differ, by {np.abs(here - there).max():.1e}")
    plain = (tmp_path / "threads-capability.txt").read_text() == "DEFAULT"  # a processor without such instructions
    assert differ > 0 or plain, "the test shows nothing: these surroundings compute the same numbers"
