"""A run that was imported as the folder that it came from: its tensors under their own names, in their own axes."""

from __future__ import annotations

import json
import os
from pathlib import Path

from arspec.checkpoints import mapping
from arspec.checkpoints.claims import claims_of
from arspec.checkpoints.importing import state_name, weights_of
from arspec.checkpoints.stored import CONFIG, INDEX, SINGLE, Stored, of_file
from arspec.checkpoints.table import table_of
from arspec.diagnostics import InputError
from arspec.diagnostics.arguments import path_of
from arspec.files.atomic import check_folder, write_text
from arspec.files.together import standing, together
from arspec.saving.folder import MODEL
from arspec.saving.origin import read_origin
from arspec.saving.spec_file import read_spec
from arspec.saving.tensors import write_new
from arspec.saving.tokenizer_file import TOKENIZER, read_own_tokenizer, write_tokenizer

NOT_IMPORTED = "AR867"
FORMAT = {"format": "pt"}  # what transformers wants to find in the metadata of a file


def export_folder(run: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Path:
    """Writes a run that was imported as a folder of Hugging Face: config.json as it came, model.safetensors, and the
    tokenizer. Gives the folder. Where nothing was trained since, every tensor has the bytes that it came with.

    InputError for a run that came from no checkpoint, and for a folder that holds one already."""
    place, out = standing(Path(path_of(run, "a run"))), Path(path_of(folder, "a checkpoint"))
    if not os.path.isdir(place):
        raise InputError("AR802", f"there is no model at {place}", "a run is a folder that arspec import has written")
    origin = read_origin(place)
    if origin is None:
        message = f"{place} came from no checkpoint, so that there is no family to write it as"
        raise InputError(NOT_IMPORTED, message, "export what `arspec import` has written, or what was saved of it")
    check_folder(out)
    table = table_of(origin.family)
    if table.pickled is not None:
        message = f"{place} came from a .pt file of {table.about}, which has no folder of Hugging Face"
        raise InputError(NOT_IMPORTED, message, "its tensors are in the run's model.safetensors")
    for name in (CONFIG, SINGLE, INDEX, TOKENIZER):
        if os.path.lexists(out / name):
            message = f"{out} holds a {name}, which would be replaced"
            raise InputError(NOT_IMPORTED, message, "choose another folder")
    claims, spec = claims_of(table, origin.config), read_spec(place)
    read_own_tokenizer(place, spec)
    weights, shapes = _named(of_file(place / MODEL), weights_of(spec)), weights_of(spec)
    pairs = [*mapping.pairs_of(table, claims, origin.stripped)]
    if {name for pair in pairs for name in pair.weights} != shapes.keys() or any(
        stored.shape != shapes.get(name) for name, stored in weights.items()
    ):
        message = f"the spec of {place} is no longer that of its checkpoint, as checkpoint.json states it"
        raise InputError(NOT_IMPORTED, message, "export the run as it was imported")

    with together(out, lambda _: set()) as new:
        write_text(new / CONFIG, json.dumps(origin.config, indent=2) + "\n")
        write_tokenizer(spec, new)
        write_new(new / SINGLE, dict(mapping.given_back(pairs, weights)), {}, FORMAT)
    return out


def _named(stored: dict[str, Stored], shapes: dict[str, tuple[int, ...]]) -> dict[str, Stored]:
    """The weights of a run's file by the names of their nodes. InputError where one is missing."""
    missing = [name for name in shapes if state_name(name) not in stored]
    if missing:
        raise InputError("AR801", f"the run lacks {len(missing)} weights ({', '.join(missing[:4])})")
    return {name: stored[state_name(name)] for name in shapes}
