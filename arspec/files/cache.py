"""The folder of what arspec keeps for a user: data sets that were fetched, machine code that was compiled."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """`arspec` in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arspec"
