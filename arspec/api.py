"""The API that users call: load, verify, compile, render, load_model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.language.load import Spec
from arspec.language.load import load as load_spec

if TYPE_CHECKING:
    from arspec.analysis.report import Contexts, Report
    from arspec.network.module import Model


def load(
    path: str | os.PathLike[str], params: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None
) -> Spec:
    """Reads a spec. `params` sets its parameters, `data` keys of its data section (height, length, levels, ...).

    Raises SpecError with all faults that can be found, and InputError for a file that can't be read."""
    spec = load_spec(path, params, data)
    spec.graph()
    return spec


def load_model(path: str | os.PathLike[str], device: str = "auto") -> Model:
    """The trained model of a folder that `arspec train` has written, or of its .safetensors file, in evaluation mode.

    device: auto (cuda where there is one), cpu, cuda, cuda:1 ... InputError where there is no model that can be read."""
    from arspec.training.checkpoint import load_model as load_trained

    return load_trained(Path(path), device)


def compile(spec: Spec | str | os.PathLike[str], check: bool = True, seed: int = 0) -> Model:
    """The spec as a torch.nn.Module, its weights drawn by `seed`, in float32 on the CPU.

    spec: what `load` gives, or the path of a file. A spec that is not proven is refused with its leaks as a SpecError,
    unless `check` is False."""
    from arspec.network.module import build

    spec = _loaded(spec)
    if check:
        from arspec.analysis.report import prove
        from arspec.diagnostics import SpecError

        report = prove(spec, contexts=False)
        if not report.ok:
            raise SpecError(report.diagnostics)
    return build(spec, seed)


def verify(
    spec: Spec | str | os.PathLike[str], static: bool = False, full: bool = False, contexts: Contexts = True
) -> Report:
    """The report of a spec: proof, contexts, and unless `static` tests of the compiled module. `str(report)` is the page.

    `contexts`: of all variables up to 16,384 and of 64 beyond (True), of none (False), of "all", or of so many."""
    from arspec.verification.verifying import verify as verify_spec

    return verify_spec(_loaded(spec), static, full, contexts=contexts)


def render(spec: Spec | str | os.PathLike[str], path: str | os.PathLike[str], unfold: bool = False) -> None:
    """Draws the graph of a spec; the suffix says how: .svg, .png, .pdf or .dot."""
    from arspec.pictures.diagram import render as draw

    draw(_loaded(spec), path, unfold=unfold)


def _loaded(spec: Spec | str | os.PathLike[str]) -> Spec:
    return load(spec) if isinstance(spec, (str, os.PathLike)) else spec
