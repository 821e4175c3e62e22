"""The API that users call, beside the modules: what the commands do, as functions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arspec.diagnostics.arguments import check_settings, check_type, check_whole, path_of
from arspec.exploring.drawers import spec_explored as spec_explored  # so that `spec.explore` finds it
from arspec.language.load import Spec
from arspec.language.load import load as load_spec
from arspec.notebook import drawers as drawers  # so that what `load` and `verify` give is shown in notebooks

if TYPE_CHECKING:
    from pathlib import Path

    from arspec.analysis.report import Contexts, Report
    from arspec.data import Examples
    from arspec.model import Model

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


def import_folder(
    folder: StrPath, out: StrPath, *, length: int | None = None, settings: Mapping[str, Any] | None = None
) -> Model:
    """Reads a checkpoint, writes it as a run into the folder `out`, and gives the model, in evaluation mode on the CPU.

    folder: one of transformers, with config.json, safetensors and tokenizer.json; or a .pt file of nanoGPT or of
    another family that `arspec guide checkpoints` lists. length: steps of a sequence, where the family has no learned
    positions; else what config.json says, at most 4,096. settings: what a state dict without a config does not tell, by
    the keys of its family, such as stacks=2. Raises InputError for what is not understood, with the name of the key or
    the tensor; nothing is then written."""
    from arspec.checkpoints.importing import import_folder as imported

    return load_model(
        imported(path_of(folder, "a checkpoint"), path_of(out, "a run"), length=length, settings=settings), "cpu"
    )


def export_folder(run: StrPath, folder: StrPath) -> Path:
    """Writes a run that was imported as the folder of transformers that it came from. Gives the folder.

    Raises InputError for a run that came from no checkpoint, and where the folder holds one already."""
    from arspec.checkpoints.exporting import export_folder as exported

    return exported(path_of(run, "a run"), path_of(folder, "a checkpoint"))


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


def explore(spec: Spec | StrPath, path: StrPath, other: Spec | StrPath | None = None) -> Path:
    """Writes a page to walk through a spec, or through two side by side, and gives its path: one HTML file, which loads
    nothing from elsewhere. InputError for another suffix than .html, and where it can't be written."""
    return _loaded(spec).explore(path_of(path, "a page"), None if other is None else _loaded(other))


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


def _loaded(spec: Spec | StrPath) -> Spec:
    return spec if isinstance(spec, Spec) else load(spec)
