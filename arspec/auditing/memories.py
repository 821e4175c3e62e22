"""Memories: by which names calls take what they computed of earlier steps, and give it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

PAST = "past_key_values"

CACHES = (
    PAST, "cache", "cache_params", "kv_cache", "past_kv", "past", "layer_past", "memory_cache", "state", "states",
    "hidden", "hx", "mems", "past_buckets_states",
)  # fmt: skip
"""Keywords of calls that take the memory of earlier steps; the first that a call takes is its own."""

USE_CACHE = "use_cache"
SWITCHES = (USE_CACHE, "return_cache", "use_mems")
"""Keywords by which a call is asked to give its memory."""

_COUNTS = ("pos", "offset", "start", "seen")  # in keywords that tell a call how many steps its memory holds


def counted(keywords: Iterable[str]) -> list[str]:
    """The keywords that seem to tell a call where its steps stand."""
    return [name for name in keywords if any(word in name for word in _COUNTS)]


def memory(out: Any) -> Any:
    """What an output holds by one of the names; None where it holds none."""
    if isinstance(out, Mapping):
        entries = cast("Mapping[str, Any]", out)
        return next((entries[name] for name in CACHES if entries.get(name) is not None), None)
    return next((found for name in CACHES if (found := getattr(out, name, None)) is not None), None)
