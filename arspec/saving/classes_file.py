"""The names of a model's classes, beside its spec: `classes.json` in a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from arspec.data.labels import Names
from arspec.diagnostics import InputError
from arspec.files import foreign
from arspec.files.atomic import write_text
from arspec.language.load import Spec

CLASSES = "classes.json"
MOST_BYTES = 1 << 26


def write_classes(names: Names, folder: Path) -> None:
    """Writes the names of the classes of each class condition; nothing where there are none."""
    if names:
        record = {"arspec": 1, "classes": {key: list(own) for key, own in names.items()}}
        write_text(folder / CLASSES, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def read_classes(folder: Path, spec: Spec) -> dict[str, tuple[str, ...]]:
    """What `write_classes` wrote; nothing where there is no such file. InputError where it does not fit the spec."""
    path = folder / CLASSES
    try:
        if not path.exists():
            return {}
        found: Any = foreign.settings(path, "AR802", most=MOST_BYTES)["classes"]
        return {str(key): _checked(str(key), own, spec) for key, own in dict(found).items()}
    except OSError as error:
        raise InputError("AR802", f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            "AR802", f"{path} is damaged: {error}", "without the file, classes are given by number"
        ) from error


def _checked(key: str, own: Any, spec: Spec) -> tuple[str, ...]:
    section = spec.condition.get(key)
    if section is None or section.kind != "class":
        raise ValueError(f"the spec has no class condition {key!r}")
    if not isinstance(own, list) or not all(isinstance(name, str) for name in cast("list[Any]", own)):
        raise ValueError(f"the classes of {key!r} are no list of names")
    names = tuple(cast("list[str]", own))
    if len(set(names)) < len(names) or len(names) > section.classes:
        raise ValueError(f"{key!r} has {section.classes} classes, and {len(names)} names came, each of them once")
    return names
