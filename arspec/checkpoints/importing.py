"""A folder of others as a run of ours: its config read, its tensors checked, its weights written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from arspec.analysis.report import prove
from arspec.checkpoints import mapping
from arspec.checkpoints.claims import Claims, claims_of
from arspec.checkpoints.composing import composed
from arspec.checkpoints.degrees import config_of_masks
from arspec.checkpoints.pickled import held, read_pickled
from arspec.checkpoints.stored import CONFIG, UNREADABLE, Stored, inside, tensors_of
from arspec.checkpoints.table import UNKNOWN_FAMILY, Flat, Table, table_of, tables
from arspec.diagnostics import InputError, SpecError
from arspec.diagnostics.arguments import check_settings, check_whole, path_of
from arspec.files import foreign
from arspec.files.atomic import check_folder
from arspec.files.kinds import PICKLED
from arspec.language.load import Spec, from_text
from arspec.network.weights import escaped
from arspec.saving.folder import MODEL, save_parts
from arspec.saving.origin import Origin, write_origin
from arspec.saving.spec_file import write_spec
from arspec.saving.tensors import check_finite, write_new
from arspec.saving.tokenizer_file import TOKENIZER, write_tokenizer

if TYPE_CHECKING:
    from torch import Tensor

    from arspec.data.tokenizer import Tokenizer

NANO = "ckpt.pt"
STATES = ("state_dict", "model")  # entries of a .pt file that may hold the tensors, which may also be the file's own
MOST_CONFIG = 1 << 22  # bytes


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that has been read and checked: its family, what its config says, its spec, its tensors."""

    table: Table
    config: dict[str, Any]
    claims: Claims
    spec: Spec
    tensors: dict[str, Stored]
    pairs: list[mapping.Pair]
    source: str
    notes: tuple[str, ...] = ()


def import_folder(
    folder: str | os.PathLike[str], out: str | os.PathLike[str], *, length: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Reads the checkpoint in a folder, and writes it as a run, which `arspec.open` opens. Gives the run's folder.

    length: steps of a sequence, where the family has no learned positions; else what the config says, or 4,096.
    settings: what a state dict without a config does not tell, by the keys of its family, such as stacks=2.

    The run holds the numbers of the checkpoint in the types that they have there. InputError for what is not understood
    of its config, for tensors that are not those of its config, and for damaged files; nothing is then written."""
    return imported(folder, out, length, settings)[1]


def imported(
    folder: str | os.PathLike[str], out: str | os.PathLike[str], length: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Checkpoint, Path]:  # fmt: skip
    """The same, and what was read."""
    check_whole(length, "length")
    place, into = Path(path_of(folder, "a checkpoint")), Path(path_of(out, "a run"))
    check_settings(settings, "settings")
    check_folder(into)
    found = read_folder(place, length, settings)
    return found, write_run(found, into)


def read_folder(
    folder: Path, length: int | None = None, settings: Mapping[str, Any] | None = None
) -> Checkpoint:  # fmt: skip
    """The checkpoint of a folder: `config.json`, safetensors, and `tokenizer.json` where there is one.

    Or that of a .pt file, which is given by its name or stands in the folder as `ckpt.pt`."""
    if folder.suffix in PICKLED and not os.path.isdir(folder):
        return _pickled(folder, length, settings or {})
    if os.path.isdir(folder) and not os.path.lexists(folder / CONFIG) and os.path.lexists(folder / NANO):
        return _pickled(inside(folder, NANO), length, settings or {})
    if settings:
        message = f"config.json of {folder} says what the checkpoint is; {', '.join(settings)} can't be set beside it"
        raise InputError("AR808", message, "leave out --set")
    if not os.path.isdir(folder):
        hint = "a checkpoint is a folder with config.json and model.safetensors"
        raise InputError(UNREADABLE, f"there is no folder {folder}", hint)
    config = foreign.settings(inside(folder, CONFIG), UNREADABLE, most=MOST_CONFIG)
    return checkpoint(config, tensors_of(folder), str(folder), _tokenizer(folder), length)


def _pickled(path: Path, length: int | None, settings: Mapping[str, Any]) -> Checkpoint:
    """The checkpoint of a .pt file whose entries say of which family it is."""
    entries = read_pickled(path)
    flat = next((entries[key] for key in STATES if isinstance(entries.get(key), dict)), entries)
    for table in tables().values():
        own = table.flat
        if own is not None and _is_of(own, flat):
            stored = held(path, cast("dict[str, Any]", flat))
            read = TOLD.get(table.model_type, partial(told_by_shapes, own))
            config = {"model_type": table.model_type, **read(stored, str(path))}
            if told := [name for name in settings if config.get(name, settings[name]) != settings[name]]:
                raise InputError(mapping.UNFIT, f"the tensors of {path} say another {' and '.join(told)}")
            config |= settings
            return checkpoint(config, stored, str(path), None, length)
    for table in tables().values():
        config = entries.get(table.pickled) if table.pickled is not None else None
        tensors = entries.get("model")
        if isinstance(config, dict) and isinstance(tensors, dict):
            own = {"model_type": table.model_type, **cast("dict[str, Any]", config), **settings}
            stored = held(path, cast("dict[str, Any]", tensors))
            return checkpoint(own, stored, str(path), _tokenizer(path.parent), length)
    known = ", ".join(f"{table.pickled} ({table.about})" for table in tables().values() if table.pickled)
    message = f"{path} does not say which model it is of: it has none of {known} beside 'model'"
    raise InputError(UNKNOWN_FAMILY, message, "give a folder with config.json and safetensors")


def _is_of(own: Flat, flat: Mapping[Any, Any]) -> bool:
    """Whether tensors are those of a family, by their names, which may have more before them."""
    known = any(str(name).endswith(own.knows) for name in flat)
    return known and not (own.lacks is not None and any(str(name).endswith(own.lacks) for name in flat))


# What reads the config of a state dict from its tensors, where their shapes alone do not tell it.
TOLD: dict[str, Callable[[dict[str, Stored], str], dict[str, Any]]] = {"made": config_of_masks}


def told_by_shapes(flat: Flat, tensors: dict[str, Stored], source: str) -> dict[str, Any]:
    """The config that the shapes of tensors tell. InputError where a tensor is missing."""
    found: dict[str, Any] = {}
    for key, size in flat.sizes.items():
        stored = tensors.get(size.tensor)
        if stored is None or len(stored.shape) <= size.axis:
            raise InputError(mapping.UNFIT, f"the tensors of {source} lack {size.tensor}, or it has no such axis")
        found[key] = (stored.shape[size.axis] - size.less) // size.by
    for key, pattern in flat.counts.items():
        names = re.compile(re.escape(pattern).replace(r"\*", r"\d+"))
        found[key] = sum(names.fullmatch(name) is not None for name in tensors)
    return found


def checkpoint(
    config: dict[str, Any], tensors: dict[str, Stored], source: str, tokenizer: Tokenizer | None = None,
    length: int | None = None,
) -> Checkpoint:  # fmt: skip
    """A config and tensors, checked against each other by the table of their family."""
    table = table_of(config.get("model_type"), config.get("text_config"))
    claims = claims_of(table, config, length)
    mapping.check_counts(table, claims, len(tensors), source)
    spec = _spec(table, claims)
    if tokenizer is not None and spec.data.kind == "sequence":
        tokenizer.check(spec.data.levels)
        spec.data.reads_text_by(tokenizer)
    pairs = mapping.checked(table, claims, tensors, weights_of(spec), source)
    return Checkpoint(table, config, claims, spec, tensors, pairs, source, _notes(spec, source))


def _notes(spec: Spec, source: str) -> tuple[str, ...]:
    """What a person is told of a checkpoint: that its tokens are numbers, where no tokenizer was read."""
    if spec.data.kind != "sequence" or spec.data.content != "tokens" or spec.data.tokenizer is not None:
        return ()
    return (
        f"there is no {TOKENIZER} with {source}: prompts are numbers of tokens (--prefix tokens.npy), and samples are "
        "written as numbers (--format txt). Put it there and import again to read and write text",
    )


def write_run(found: Checkpoint, out: Path) -> Path:
    """Writes a checkpoint as a run: all of it, or nothing."""
    import torch

    shapes = weights_of(found.spec)
    stripped = mapping.is_stripped(found.table, found.tensors)
    origin = Origin(found.table.model_type, found.config, stripped)

    def put(folder: Path) -> None:
        write_spec(found.spec, folder)
        write_tokenizer(found.spec, folder)
        write_origin(origin, folder)
        weights: dict[str, Tensor] = {}
        for name, tensor in mapping.taken(found.pairs, found.tensors, shapes):
            own = tensor.reshape(shapes[name])
            if not own.is_contiguous() or own.untyped_storage().nbytes() > own.nbytes:  # a part would keep the whole
                own = own.clone(memory_format=torch.contiguous_format)
            check_finite({name: own}, found.source)
            weights[state_name(name)] = own
        write_new(folder / MODEL, weights, {})

    return save_parts(out, found.spec, put)


def weights_of(spec: Spec) -> dict[str, tuple[int, ...]]:
    """The shapes of a spec's weights, by their nodes' names and their own: `body.0.q.weight`."""
    return {f"{node.name}.{name}": weight.shape for (node, name), weight in spec.graph().weights.items()}


def state_name(name: str) -> str:
    """The name of a weight in a run's file, such as `nodes.body.0.q.weight`."""
    return ".".join(["nodes", *map(escaped, name.split("."))])


def _spec(table: Table, claims: Claims) -> Spec:
    """The spec of a checkpoint, proven. InputError where its numbers do not go together."""
    try:
        spec = from_text(composed(table, claims), f"{table.model_type}.yaml")
        spec.graph()
    except SpecError as error:
        message = f"{table.said} of {table.about} gives no spec: {error.message}"
        raise InputError(mapping.UNFIT, message, error.help) from error
    report = prove(spec, contexts=False)
    assert report.ok, str(report)
    return spec


def _tokenizer(folder: Path) -> Tokenizer | None:
    from arspec.data.tokenizer import read_tokenizer

    if not os.path.lexists(folder / TOKENIZER):
        return None
    return read_tokenizer(inside(folder, TOKENIZER))


__all__ = [
    "Checkpoint",
    "checkpoint",
    "import_folder",
    "imported",
    "read_folder",
    "state_name",
    "weights_of",
    "write_run",
]
