"""The API that users call, beside the modules: what the commands do, as functions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arspec.diagnostics.arguments import check_number, check_settings, check_type, check_whole, path_of
from arspec.language.load import Spec
from arspec.language.load import load as load_spec

if TYPE_CHECKING:
    from arspec.analysis.report import Contexts, Report
    from arspec.data import Examples
    from arspec.model import Model
    from arspec.training.loop import Summary

StrPath = str | os.PathLike[str]


def load(path: StrPath, params: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None) -> Spec:
    """Reads a spec. path: a file, or the name of a shipped spec, such as gated_pixelcnn; a file of that name in the
    working folder comes first. `params` sets its parameters, `data` keys of its data section (height, length, levels,
    ...).

    Raises SpecError with all faults that can be found, and InputError for a file that can't be read."""
    check_settings(params, "params")
    check_settings(data, "data")
    spec = load_spec(path_of(path, "a spec"), params, data)
    spec.graph()
    return spec


def open(name: StrPath, device: str = "auto", *, revision: str | None = None) -> Model:
    """A trained model, in evaluation mode. name: a folder that `arspec train`, `train` or `Model.save` has written,
    its .safetensors file, or where there is no such file the name of a repository, `owner/name`, which needs
    huggingface_hub.

    device: auto (cuda where there is one), cpu, cuda, cuda:1 ... revision: a branch, a tag or a commit of a repository.
    Raises InputError where there is no model that can be read. Nothing of what is read is executed."""
    from arspec.model import proven
    from arspec.saving.opening import open_model

    return open_model(path_of(name, "a model"), device, proven, revision)


def load_model(path: StrPath, device: str = "auto") -> Model:
    """The trained model of a folder or of its .safetensors file, as `open` gives it, which takes repositories too."""
    from arspec.training.checkpoint import load_model as load_folder

    return load_folder(path_of(path, "a model"), device)


def compile(spec: Spec | StrPath, check: bool = True, seed: int = 0) -> Model:
    """The spec as a torch.nn.Module, its weights drawn by `seed`, in float32 on the CPU.

    spec: what `load` gives, the path of a file, or the name of a shipped spec. A spec that is not proven is refused
    with its leaks as a SpecError, unless `check` is False."""
    from arspec.model import build, proven

    return (proven if check else build)(_loaded(spec), seed)


def verify(spec: Spec | StrPath, static: bool = False, full: bool = False, contexts: Contexts = True) -> Report:
    """The report of a spec: proof, contexts, and unless `static` tests of the compiled module. `str(report)` is the
    page.

    `contexts`: of all variables up to 16,384 and of 64 beyond (True), of none (False), of "all", or of so many."""
    from arspec.verification.verifying import verify as verify_spec

    return verify_spec(_loaded(spec), static, full, contexts=contexts)


def render(spec: Spec | StrPath, path: StrPath, unfold: bool = False) -> None:
    """Draws the graph of a spec; the suffix says how: .svg, .png, .pdf or .dot."""
    from arspec.pictures.diagram import render as draw

    draw(_loaded(spec), path_of(path, "a picture"), unfold=unfold)


def load_data(
    source: str, spec: Spec | Model | StrPath, split: str = "train", *, seed: int = 0, limit: int | None = None
) -> Examples:
    """Examples of a named set, a folder, a pattern or a file, in the shape and the alphabet of a spec or a model.

    `.x` is an array of integers [N, *shape] from 0 to levels - 1, `.condition` holds an array [N, ...] for each
    condition, and `.note` says what was adapted. source: digits, mnist, photos, 'photos/*.png', x.npz ..., and options
    behind it, as in photos@size=32. split: train, valid, test or all. seed: of the draw by which grey values are
    binarized for two levels. limit: the first examples alone. A model numbers classes by its own names; a spec whose
    alphabet is made of the text (`@alphabet=auto`) is fitted by `train`, or by `arspec.data.fitted`.

    Raises InputError where the source can't be had, or does not fit."""
    from arspec.data import load_for

    check_whole(limit, "limit")
    check_whole(seed, "seed")
    check_type(source, str, "a source of data", "the name of a set, a folder, a pattern or a file, as text")
    model = load(spec) if isinstance(spec, (str, os.PathLike)) else spec
    return load_for(model, source, split, seed).first(limit)


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
    progress: bool = False,
    **options: Any,
) -> Summary:
    """Trains a spec into the folder `out`, as `arspec train` does: weights, spec, state, log and samples.

    spec: what `load` gives, a file, or the name of a shipped spec, with `params`. data: as `load_data` takes it; its
    splits train and valid are used. Or examples that `load_data` gives; then `valid` are those that are held out,
    where there are any. options: `arspec.training.Options` by their names, such as steps=1000, batch=64, lr=1e-3,
    ema=0.999, seed=0. epochs: passes over the data, in place of steps. limit, limit_valid: the first examples alone.
    stop_after: leave after so many steps of this call. tensorboard: whether its files are written; None does so where
    it is installed. progress: show on standard error how far it is.

    resume: go on with the run in `out`, byte for byte: it has its own spec, data and options, and what is given must
    agree, or be one of those that may differ, such as steps. Ctrl-C ends it early, with its state saved: `.finished`
    says so.

    Gives the summary: `.model` is the trained model, `.valid` the last evaluation on the held-out examples, with
    bits_per_dim and nats. Raises SpecError for a spec that leaks and InputError for all else that is wrong."""
    from dataclasses import fields

    from arspec.data import Examples
    from arspec.diagnostics import InputError, did_you_mean
    from arspec.progress import showing
    from arspec.training.options import Options
    from arspec.training.runs import go

    known = {field.name for field in fields(Options)}
    for name in options.keys() - known:
        raise InputError("AR808", f"training has no option '{name}'", did_you_mean(name, known, "options"))
    if out is None:
        raise InputError("AR808", "a run needs a folder", "arspec.train(spec, data, 'runs/first')")
    check_settings(params, "params")
    for name, value in {"limit": limit, "limit_valid": limit_valid, "stop_after": stop_after}.items():
        check_whole(value, name)
    check_number(epochs, "epochs")
    if data is not None:
        check_type(
            data, (str, Examples), "data", "the name of a set, a folder or a file as text, or what load_data gives"
        )
    if valid is not None:
        check_type(valid, Examples, "valid", "what load_data gives")
    if spec is not None and not isinstance(spec, Spec):
        spec = path_of(spec, "a spec")
    with showing(progress):
        return go(
            spec, data, path_of(out, "a run"), options, valid=valid,
            params=params, epochs=epochs, limit=limit, limit_valid=limit_valid,
            device=device, resume=resume, stop_after=stop_after, tensorboard=tensorboard,
        ).summary  # fmt: skip


def _loaded(spec: Spec | StrPath) -> Spec:
    return spec if isinstance(spec, Spec) else load(spec)
