"""The spec of a model folder: a copy that stands alone, with the files it refers to and what was set from outside."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from arspec.diagnostics import InputError, Source, SpecError
from arspec.files import foreign
from arspec.files.atomic import replacing, write_text
from arspec.language.extends import extended_file
from arspec.language.load import Spec
from arspec.language.load import load as load_spec
from arspec.language.using import library_file, names_used
from arspec.syntax.yaml import Map, Scalar, Seq, Tree, parse, read

SPEC, SETTINGS = "spec.yaml", "spec.json"
CONFIG = "config.json"  # of the Hugging Face Hub, beside models and checkpoints


def write_spec(spec: Spec, folder: Path) -> None:
    """Writes `spec.yaml`, the specs and rank files that it names, and `spec.json` with what was set from outside:
    params, and keys of the data section. All else follows from these, so that it is not written."""
    home = Path(os.path.dirname(spec.source.name))
    # the settings first: by them a folder is known as a model's own (`arspec.saving.folder.check_own`)
    write_text(folder / SETTINGS, json.dumps(_settings(spec), indent=2) + "\n")
    _copy(spec.source, SPEC, folder, home)


def _settings(spec: Spec) -> dict[str, Any]:
    data = spec.data.model_dump(mode="json")
    return {
        "arspec": 1,
        "name": spec.name,
        "params": {name: spec.params[name] for name in sorted(spec.overridden)},
        "data": {key: data[key] for key in sorted(spec.changes)},
    }


def read_spec(folder: Path) -> Spec:
    """The spec that `write_spec` wrote. InputError where it is missing or damaged."""
    settings = _read_settings(folder)
    params, data = settings["params"], settings["data"]
    if _whole(data):
        data = _set_from_outside(folder / SPEC, params, data)
    spec = load_spec(folder / SPEC, params, data, lenient=True)
    spec.graph()
    return spec


def no_model(folder: Path) -> str:
    """How to come by a model, where a folder holds none."""
    if (folder / CONFIG).is_file():
        return f"arspec import {folder} -o RUN makes a model of a checkpoint"
    return "a model is a folder that arspec train or arspec import has written"


def _read_settings(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    found = foreign.settings(path, "AR802", no_model(folder))
    for key in ("params", "data"):
        if not isinstance(found.get(key), dict):
            raise InputError("AR802", f"{path} is damaged: it holds no object '{key}'")
    return found


def _whole(data: dict[str, Any]) -> bool:
    """Whether settings hold the data section as a whole, with its kind, as those of earlier versions do."""
    return "kind" in data


def _set_from_outside(path: Path, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Of a whole data section the keys that do not follow from the spec and its params."""
    try:
        own = load_spec(path, params, lenient=True).data.model_dump(mode="json")
    except SpecError:  # it can't be read without what was set
        return data
    return {key: value for key, value in data.items() if key not in own or own[key] != value}


def check_same_spec(spec: Spec, folder: Path) -> None:
    """InputError where the folder was written for another spec, or other params or data."""
    with tempfile.TemporaryDirectory(prefix="arspec-spec-") as name:
        write_spec(spec, Path(name))
        for path in sorted(Path(name).iterdir()):
            there = folder / path.name
            same = there.is_file() and (
                _same_settings(spec, folder)
                if path.name == SETTINGS
                else foreign.content(there, "AR802") == path.read_bytes()
            )
            if not same:
                message = f"the run in {folder} was begun with another spec or other params ({path.name} differs)"
                raise InputError("AR814", message, f"resume with {folder / SPEC} and the params of {folder / SETTINGS}")


def _same_settings(spec: Spec, folder: Path) -> bool:
    there, here = _read_settings(folder), _settings(spec)
    if any(there.get(key) != here[key] for key in ("name", "params")):
        return False
    if _whole(there["data"]):
        return read_spec(folder).data.model_dump() == spec.data.model_dump()
    return there["data"] == here["data"]


def _copy(source: Source, name: str, folder: Path, home: Path, above: tuple[str, ...] = ()) -> None:
    """Copies one text under `name`; files that it refers to come beside it, under names that keep them apart. above:
    the files that extend it."""
    chain = (*above, os.path.normpath(source.name))
    tree = parse(source)
    edits: list[tuple[int, int, str]] = []
    if isinstance(tree, Map):
        below = tree.get("extends")
        if isinstance(below, Scalar) and isinstance(below.value, str):
            inner = f"base-{name}"
            _copy(read(extended_file(below.value, chain)), inner, folder, home, chain)
            edits.append((below.place.start, below.place.end, json.dumps(inner)))
        for scalar in names_used(tree.get("use")):
            inner = f"{Path(name).stem}-{scalar.place.start}-blocks.yaml"
            write_text(folder / inner, read(library_file(str(scalar.value), chain[-1])).text)
            edits.append((scalar.place.start, scalar.place.end, json.dumps(inner)))
        for scalar in _rank_files(tree.get("order")):
            path = home / str(scalar.value)
            if path.is_file():
                copied = f"{Path(name).stem}-{scalar.place.start}-{path.name}"
                with replacing(folder / copied) as temporary:
                    shutil.copyfile(path, temporary)
                edits.append((scalar.place.start, scalar.place.end, json.dumps(copied)))
    text = source.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    write_text(folder / name, text)


def _rank_files(order: Tree | None) -> list[Scalar]:
    """The scalars of an order section that name a file of ranks."""
    found: list[Scalar] = []
    for item in order.items if isinstance(order, Seq) else [order]:
        ranks = item.get("ranks") if isinstance(item, Map) else None
        if isinstance(ranks, Scalar) and isinstance(ranks.value, str):
            found.append(ranks)
    return found
