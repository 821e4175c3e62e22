"""What nobody has written: a share of the campaigns of `altered`, and on request the whole of them in less memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from altered import CAMPAIGNS, campaign

QUICK = {"containers": 120, "runs": 25, "data": 80}
WHOLE = {"containers": 2000, "runs": 1000, "data": 500}


@pytest.mark.parametrize("kind", CAMPAIGNS)
def test_altered_files_are_one_message(kind: str, tmp_path: Path) -> None:
    said = campaign(kind, QUICK[kind], 0, tmp_path)
    assert not said.faults, said.faults[0]
    codes = {name[-1] for name in said.outcomes}
    assert codes >= {"0", "2"}  # some of it is read, and some is refused
    assert sum(said.outcomes.values()) == QUICK[kind]


@pytest.mark.long
@pytest.mark.parametrize("kind", CAMPAIGNS)
def test_altered_files_are_one_message_under_3_gigabytes(kind: str) -> None:
    program = Path(__file__).with_name("altered.py")
    found = subprocess.run(
        [sys.executable, str(program), kind, str(WHOLE[kind]), "1"], capture_output=True, text=True, cwd=program.parent
    )
    assert found.returncode == 0, found.stderr[-5000:]
    assert json.loads(found.stdout)["faults"] == 0
