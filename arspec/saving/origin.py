"""Where a model came from, where it was not trained here: `checkpoint.json` beside its spec.

It holds the family and the config of the checkpoint that was imported, by which it is exported again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from arspec.diagnostics import InputError
from arspec.files import foreign
from arspec.files.atomic import write_text

ORIGIN = "checkpoint.json"


@dataclass(frozen=True)
class Origin:
    """family: the checkpoint's model_type. config: its config.json, as it came. stripped: whether the names of its
    tensors lack the prefix of the family."""

    family: str
    config: dict[str, Any]
    stripped: bool = False


def write_origin(origin: Origin | None, folder: Path) -> None:
    """Writes where a model came from; nothing where it was trained here."""
    if origin is not None:
        record = {"arspec": 1, "family": origin.family, "stripped": origin.stripped, "config": origin.config}
        write_text(folder / ORIGIN, json.dumps(record, indent=1) + "\n")


def read_origin(folder: Path) -> Origin | None:
    """What `write_origin` wrote; None where there is no such file. InputError where it is damaged."""
    path = folder / ORIGIN
    if not os.path.lexists(path):
        return None
    found = foreign.settings(path, "AR802")
    family, config, stripped = found.get("family"), found.get("config"), found.get("stripped", False)
    if not isinstance(family, str) or not isinstance(config, dict) or not isinstance(stripped, bool):
        raise InputError("AR802", f"{path} is damaged: it does not say which checkpoint the model came from")
    return Origin(family, cast("dict[str, Any]", config), stripped)
