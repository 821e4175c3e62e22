"""What an editor may set: `initializationOptions`, or the section `arspec` of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Settings:
    """params: values for parameters of specs, by name; a spec that has none of a name is read as it stands. delay:
    milliseconds that a proof waits for a further keystroke, at the most. contexts: of which variables: all up to a
    limit and a sample beyond (true), none (false), or so many. lens: the verdict above the first line. status: the
    notification `arspec/status` after each look at a text."""

    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    delay: int = 50
    contexts: bool | int = True
    lens: bool = True
    status: bool = False

    def changed(self, given: object) -> Settings:
        """These settings with what is given of them; what is no setting, or of another kind, is left out."""
        if not isinstance(given, Mapping):
            return self
        own: Any = given.get("arspec", given)
        own = own if isinstance(own, Mapping) else {}
        kinds: dict[str, type | tuple[type, ...]] = {
            "params": Mapping, "delay": int, "contexts": (bool, int), "lens": bool, "status": bool,
        }  # fmt: skip
        found = {key: own[key] for key, kind in kinds.items() if key in own and isinstance(own[key], kind)}
        if "delay" in found:
            found["delay"] = min(max(int(found["delay"]), 0), 10_000)
        if "contexts" in found and not isinstance(found["contexts"], bool):
            found["contexts"] = max(int(found["contexts"]), 0)
        return replace(self, **found)
