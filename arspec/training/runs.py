"""A run of training as a command or a call asks for it: its spec and its data read, its options settled, a run that
goes on taken up where it was left."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from arspec.data import Examples, fitted, load_for
from arspec.data.labels import earlier_order
from arspec.diagnostics import InputError, did_you_mean
from arspec.diagnostics.arguments import check_each, check_number, check_settings, check_type, check_whole, path_of
from arspec.extras import brings, has
from arspec.files.atomic import check_folder
from arspec.language.load import Spec, load
from arspec.model import proven
from arspec.progress import showing
from arspec.saving.classes_file import read_classes
from arspec.saving.folder import MODEL, check_own
from arspec.saving.spec_file import SPEC, check_same_spec, read_spec
from arspec.training.checkpoint import STATE, read_progress
from arspec.training.loop import Summary
from arspec.training.loop import train as train_into
from arspec.training.options import Options
from arspec.training.parallel import Processes
from arspec.training.trackers import check_trackers, known_before

Tell = Callable[[str], None]
StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Source:
    """What a run is trained on. data: as `arspec.data.load` takes it, None where the examples were made elsewhere.
    limit, limit_valid: the first examples that are taken of the training and the validation split; None for all."""

    data: str | None = None
    limit: int | None = None
    limit_valid: int | None = None

    def __post_init__(self) -> None:
        for name in ("limit", "limit_valid"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise InputError("AR808", f"--{name.replace('_', '-')} is at least 1; {value} came")

    @classmethod
    def kept(cls, record: Mapping[str, Any]) -> Source:
        """What a state says of its source; nothing where an earlier version wrote it.
        InputError where it is damaged."""
        known: Any = record.get("source", {})
        kinds = {"data": str, "limit": int, "limit_valid": int}
        if not isinstance(known, dict) or any(type(known.get(n)) not in (k, type(None)) for n, k in kinds.items()):
            raise InputError("AR814", "the state of the run is damaged: what it was trained on is no such thing")
        return cls(**{name: known.get(name) for name in kinds})


def data_of(run: StrPath) -> str | None:
    """What a run was trained on, as `arspec.data.load` takes it; None where the folder does not say."""
    state = Path(run) / STATE
    return Source.kept(read_progress(state)).data if state.is_file() else None


def train(
    spec: Spec | StrPath | None = None,
    data: str | Examples | None = None,
    out: StrPath | None = None,
    *,
    valid: Examples | None = None,
    params: Mapping[str, Any] | None = None,
    epochs: float | None = None,
    limit: int | None = None,
    limit_valid: int | None = None,
    device: str = "auto",
    resume: bool = False,
    stop_after: int | None = None,
    tensorboard: bool | None = None,
    log: Sequence[str] = (),
    progress: bool = False,
    tell: Tell | None = None,
    **options: Any,
) -> Summary:
    """Trains a spec into the folder `out`, as `arspec train` does: weights, spec, state, log and samples.

    spec: what `load` gives, a file, or the name of a shipped spec, with `params`. data: as `load_data` takes it; its
    splits train and valid are used. Or examples that `load_data` gives; then `valid` are those that are held out,
    where there are any. options: `arspec.training.Options` by their names, such as steps=1000, batch=64, lr=1e-3,
    ema=0.999, seed=0. epochs: passes over the data, in place of steps. limit, limit_valid: the first examples alone.
    stop_after: leave after so many steps of this call. tensorboard: whether its files are written; None does so where
    it is installed. log: further trackers, of "tensorboard", "wandb", "mlflow" and "trackio"; they stay on this machine
    unless their own environment variables say otherwise. progress: show on standard error how far it is. tell: is
    called with each line that says what is trained on what.

    resume: go on with the run in `out`, byte for byte: it has its own spec, data and options, and what is given must
    agree, or be one of those that may differ, such as steps. Ctrl-C ends it early, with its state saved: `.finished`
    says so.

    Gives the summary: `.model` is the trained model, `.valid` the last evaluation on the held-out examples, with
    bits_per_dim and nats. Raises SpecError for a spec that leaks and InputError for all else that is wrong."""
    known = {field.name for field in fields(Options)}
    for name in options.keys() - known:
        raise InputError("AR808", f"training has no option '{name}'", did_you_mean(name, known, "options"))
    if out is None:
        raise InputError("AR808", "a run needs a folder", "arspec.train(spec, data, 'runs/first')")
    check_settings(params, "params")
    check_each(check_whole, limit=limit, limit_valid=limit_valid, stop_after=stop_after)
    check_number(epochs, "epochs")
    if data is not None:
        check_type(
            data, (str, Examples), "data", "the name of a set, a folder or a file as text, or what load_data gives"
        )
    if valid is not None:
        check_type(valid, Examples, "valid", "what load_data gives")
    if spec is not None and not isinstance(spec, Spec):
        spec = path_of(spec, "a spec")
    check_trackers(log)
    folder = Path(path_of(out, "a run"))
    check_folder(folder)
    _ = known_before(folder, log) if resume else {}  # what is damaged is told before data are read
    if stop_after is not None and stop_after < 1:
        raise InputError("AR808", f"--stop-after is at least 1; {stop_after} came")
    said = tell if tell is not None and Processes.is_first() else _silent
    check_own(folder, SPEC, MODEL)
    record = read_progress(folder / STATE) if resume and (folder / STATE).exists() else None
    before = Options.kept(record["options"]) if record is not None else Options()
    settled = replace(before, **options)
    was = Source.kept(record or {})
    if record is not None and limit is not None and was.data is not None and limit != was.limit:
        message = f"the run was started with {'all examples' if was.limit is None else f'--limit {was.limit}'}"
        raise InputError("AR814", f"{message}, not with --limit {limit}", "leave out --limit: a run keeps its own")
    source = Source(
        data if isinstance(data, str) else was.data if data is None else None,
        was.limit if limit is None else limit,
        was.limit_valid if limit_valid is None else limit_valid,
    )
    if (spec is None or data is None) and not resume:
        raise InputError(
            "AR808", "a run that starts needs a spec and data", "arspec train SPEC --data NAME --out FOLDER"
        )
    text = _spec_of(spec, folder, params) if record is not None or not resume else _no_run(folder)
    if data is None and source.data is None:
        hint = "name its data once more: --data NAME"
        raise InputError("AR808", f"the run in {folder} does not say what it was trained on", hint)
    with showing(True) if progress else nullcontext():
        note = ""
        if source.data is not None:
            text, note = fitted(text, source.data)
        if record is not None:
            check_same_spec(text, folder)
        names = read_classes(folder, text) if resume else {}
        if source.data is not None:
            examples = load_for(text, source.data, "train", settled.seed, names=names).first(source.limit)
            if resume and not names and (earlier := earlier_order(examples.names)) != examples.names:
                examples = load_for(text, source.data, "train", settled.seed, names=earlier).first(source.limit)
            valid = load_for(text, source.data, "valid", settled.seed, names=examples.names).first(source.limit_valid)
        else:
            assert isinstance(data, Examples)
            examples, valid = data.first(source.limit), None if valid is None else valid.first(source.limit_valid)
        if epochs is not None:
            if "steps" in options:
                raise InputError("AR808", "--steps and --epochs exclude one another")
            if not 0 < epochs < math.inf:
                raise InputError("AR808", f"--epochs is above 0; {epochs} came")
            settled = replace(settled, steps=math.ceil(epochs * examples.per_pass / settled.batch))
        model = proven(text, settled.seed)
        weights = sum(parameter.numel() for parameter in model.parameters())
        said(f"{text.name}: {weights:,} weights, {text.data.variables:,} variables")
        if note:
            said(f"{source.data}: {note}")
        parts = [examples] if valid is None else [examples, valid]
        for part in parts:
            said(f"{part.name}: {len(part):,} examples")
        same = {part.note for part in parts}
        for part in parts[: 1 if len(same) == 1 else None]:  # what holds for both is said once
            if part.note:
                said(f"note: {part.note}" if len(same) == 1 else f"note: {part.name}: {part.note}")
        if record is not None:
            for line in _changes(record, settled, was, source):
                said(f"note: {line}")
        if tensorboard is None and not has("tensorboard"):
            said(f"note: without TensorBoard's files; log.jsonl has the same numbers ({brings('tensorboard')})")
        return train_into(
            model, examples, valid, folder, settled, device=device, resume=resume, stop_after=stop_after,
            tensorboard=tensorboard, log=log, source=asdict(source),
        )  # fmt: skip


def _spec_of(spec: Spec | str | os.PathLike[str] | None, folder: Path, params: Mapping[str, Any] | None) -> Spec:
    if spec is None:
        own = read_spec(folder)
        return own.variant(params=params) if params else own
    if isinstance(spec, Spec):
        return spec.variant(params=params) if params else spec
    loaded = load(spec, params)
    loaded.graph()
    return loaded


def _no_run(folder: Path) -> Spec:
    hint = "leave out --resume to start one"
    raise InputError("AR814", f"{folder} holds no training run", hint)


def _changes(record: Mapping[str, Any], options: Options, was: Source, source: Source) -> list[str]:
    """What is other than before, of what may be."""
    old, new = {**asdict(was), **record["options"]}, {**asdict(source), **asdict(options)}
    known = {field.name for field in (*fields(Source), *fields(Options))}
    return [f"{name} {new[name]}, no longer {value}" for name,
            value in old.items() if name in known and new[name] != value and value is not None]  # fmt: skip


def _silent(_: str) -> None:
    pass
