"""Tools that need arspec run in its own environment, which is set up where it is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def in_venv() -> None:
    """Sets up, and goes on in .venv's Python, unless this is a Python that has what arspec needs."""
    sys.path.insert(0, str(ROOT))
    try:
        import numpy  # noqa: F401
        import pydantic  # noqa: F401
        import torch  # noqa: F401
    except ImportError:
        subprocess.run([ROOT / "tools" / "setup"], check=True)
        python = str(ROOT / ".venv" / "bin" / "python")
        os.execv(python, [python, *sys.argv])
