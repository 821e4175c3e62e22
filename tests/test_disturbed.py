"""Training that is killed or runs out of disk: what is left goes on as if nothing had happened.
Campaigns of `disturbed`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("disturbed.py")


@pytest.mark.long
@pytest.mark.parametrize(("kind", "count"), [("kills", 50), ("disks", 20)])
def test_a_disturbed_run_ends_as_any_other(kind: str, count: int) -> None:
    alone = ["unshare", "-rm"] if kind == "disks" and os.geteuid() != 0 else []
    command = [*alone, sys.executable, str(PROGRAM), kind, str(count)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=PROGRAM.parent)
    assert found.returncode == 0, found.stdout + found.stderr
    told = json.loads(found.stdout)
    assert told[kind] == count
    assert not told["faults"]
