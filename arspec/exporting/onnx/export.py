"""A model as a folder of ONNX graphs, with a manifest and a driver that draws by onnxruntime."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from arspec.diagnostics import InputError
from arspec.diagnostics.arguments import path_of
from arspec.exporting.onnx.building import OPSET
from arspec.exporting.onnx.classes import MANY
from arspec.exporting.onnx.passes import Refused, draw_models, forward_model
from arspec.exporting.onnx.starting import start_model
from arspec.exporting.onnx.stepping import Stepping
from arspec.extras import need
from arspec.files.atomic import check_folder, write_text
from arspec.files.together import together
from arspec.language.sections import SequenceData
from arspec.model import Model
from arspec.network.module import Network
from arspec.sampler.drive.noise import uniforms
from arspec.sampler.drive.sampler import sampler_of
from arspec.verification.subject import random_conditions, random_data
from arspec.version import VERSION

CLOSE = {torch.float32: 1e-4, torch.float64: 1e-9}  # of the largest number, by which results may differ from torch's
BESIDE = 1 << 20  # bytes of constants from which they stand in a file of their own
STEPS = 256  # of the sampler that are compared, at the most, unless all are asked for
MANIFEST, DRIVER, FORMAT = "manifest.json", "sample.py", 2
GRAPHS = ("forward", "step", *(f"step.{k}" for k in range(MANY)), "start", "draw", "truncated")


@dataclass(frozen=True)
class ExportedOnnx:
    """The folder, the graphs in it, and how far their results are from torch's, as a share of the largest number:
    of the forward pass, and of the steps that were compared. `steps`: how many, of how many."""

    folder: Path
    graphs: tuple[str, ...]
    forward: float
    step: float | None
    steps: tuple[int, int]

    def __str__(self) -> str:
        text = (
            f"{self.folder}: {', '.join(f'{name}.onnx' for name in self.graphs)}; forward equal to {self.forward:.1e}"
        )
        if self.step is None:
            return text
        some = "" if self.steps[0] == self.steps[1] else "; --all-steps compares the others too"
        return f"{text}, {self.steps[0]:,} of {self.steps[1]:,} steps to {self.step:.1e}{some}"


def export_onnx(
    model: Model, folder: str | os.PathLike[str], member: int = 0, forward_only: bool = False, all_steps: bool = False
) -> ExportedOnnx:
    """Writes a model as ONNX: forward.onnx, and the sampler as start.onnx, graphs of its steps, draw.onnx and
    truncated.onnx, with manifest.json and sample.py, which draws by numpy and onnxruntime alone.

    forward.onnx: x [B, *shape] and the conditions to parameters [B, V, K] and log_prob [B, V] in nats. The batch is
    free. member: which order of a family. forward_only: without the sampler. Numbers are those of the model's weights,
    float32 or float64; of other types float32.

    The graphs are compared with torch by onnxruntime before they take their places: the first 256 steps, or all_steps.
    InputError (AR909) where a part of
    the model can't be written or differs by more than 1e-4 (1e-9 in float64); nothing is then written."""
    for package in ("onnx", "onnxruntime"):
        need(package)
    out = Path(path_of(folder, "a folder of ONNX graphs"))
    if out.suffix.lower() == ".onnx":
        message = f"{out} is named as a file, and several graphs of ONNX are written, into a folder"
        raise InputError("AR809", message, f"name a folder, such as {out.with_suffix('')}; forward.onnx is one of them")
    check_folder(out)
    own = _own(model)
    own.check_member(member)
    try:
        graphs = {"forward": forward_model(own, member)}
        stepping = None
        if not forward_only:
            stepping = Stepping(sampler_of(own, member))
            graphs |= {**stepping.steps(), "start": start_model(stepping), **draw_models(own)}
    except Refused as error:
        raise InputError(
            "AR909", f"the model can't be written as ONNX: {error}",
            "arspec export MODEL --torch FILE.py writes it as plain torch"
            + ("" if forward_only else "; --forward-only leaves out the sampler"),
        ) from None  # fmt: skip
    manifest = _manifest(own, member, graphs, stepping)
    with together(out, lambda written: _earlier(out, written)) as new:
        for name, graph in graphs.items():
            _save(graph, new / f"{name}.onnx")
        write_text(new / MANIFEST, json.dumps(manifest, indent=1) + "\n")
        if stepping is not None:
            shutil.copyfile(Path(__file__).with_name(DRIVER), new / DRIVER)
        forward = _forward_apart(own, member, new)
        step, steps = (None, (0, 0)) if stepping is None else _steps_apart(own, member, new, all_steps)
    return ExportedOnnx(out, tuple(graphs), forward, step, steps)


def _own(model: Network) -> Network:
    """The network on the CPU, in evaluation mode, with copies of the weights."""
    dtype = model.dtype if model.dtype in CLOSE else torch.float32
    own = Network(model.spec, worth=model.worth).to(dtype)
    own.load_state_dict({name: value.detach().cpu() for name, value in model.state_dict().items()})
    own.names = model.names
    return own.eval()


def _earlier(folder: Path, written: set[str]) -> set[str]:
    """Graphs of an earlier export that this one does not replace."""
    names = {f"{name}.onnx{ending}" for name in GRAPHS for ending in ("", ".data")} | {DRIVER}
    return {name for name in names - written if (folder / name).is_file()} if MANIFEST in written else set()


def _save(graph: Any, path: Path) -> None:
    onnx = need("onnx")
    size = sum(len(one.raw_data) for one in graph.graph.initializer)
    if size >= BESIDE:
        onnx.save_model(graph, str(path), save_as_external_data=True, location=f"{path.name}.data", size_threshold=1024)
    else:
        onnx.save_model(graph, str(path))
    onnx.checker.check_model(str(path), full_check=size < BESIDE)


# -- the manifest ----------------------------------------------------------------------------------------------------


def _manifest(model: Network, member: int, graphs: dict[str, Any], stepping: Stepping | None) -> dict[str, Any]:
    spec, graph = model.spec, model.graph
    order, variables, channels = graph.members[member].order, graph.data.out.sites, graph.data.out.channels
    places = torch.arange(variables * channels).view(1, variables, channels)
    found: dict[str, Any] = {
        "format": FORMAT, "arspec": VERSION, "spec": spec.name, "about": spec.about, "opset": OPSET,
        "dtype": str(model.dtype).removeprefix("torch."),
        "data": {"kind": spec.data.kind, "shape": [*spec.data.shape], "levels": spec.data.levels, **_text(spec.data)},
        "variables": variables,
        "head": {"kind": graph.head.kind, "parameters": graph.head_node.out.channels,
                 "uniforms": graph.head.uniforms(graph.support), "channels": channels},
        "conditions": {name: {
            "dtype": "int64" if section.whole is not None else str(model.dtype).removeprefix("torch."),
            "shape": [*section.shape], "levels": section.whole,
            "nothing": section.nothing if section.may_be_left_out and section.whole is not None else None,
            "names": [*model.names.get(name, ())],
        } for name, section in spec.condition.items()},
        "graphs": {name: {
            "file": f"{name}.onnx", "inputs": _ports(one.graph.input), "outputs": _ports(one.graph.output),
        } for name, one in graphs.items()},
        "scalars": model.scalars(places).flatten().tolist(),
    }  # fmt: skip
    if stepping is not None:
        schedule = stepping.schedule
        steps = np.split(schedule.head_sites, schedule.head_bounds[1:-1])
        found |= {
            "order": {"name": order.name, "member": member, "steps": [own.tolist() for own in steps],
                      "graphs": stepping.by_step()},
            "given": schedule.given.tolist(), "start": spec.data.start if spec.data.given else None,
            "state": [{"name": kept.name, "next": f"{kept.name}.next" if kept.written else None,
                       "shape": ["batch", kept.rows, kept.channels], "in_place": kept.in_place}
                      for kept in stepping.state.values()],
        }  # fmt: skip
    return found


def _text(data: Any) -> dict[str, Any]:
    """How a text becomes the integers of the data: whether it does without a tokenizer, and by which alphabet."""
    sequence = isinstance(data, SequenceData)
    return {
        "text": sequence and data.is_text and data.tokenizer is None,
        "alphabet": data.alphabet if sequence else None,
    }


def _ports(values: Any) -> list[dict[str, Any]]:
    names = {number: name.lower() for name, number in need("onnx").TensorProto.DataType.items()}
    words = {"float": "float32", "double": "float64"}
    return [
        {"name": one.name, "dtype": words.get(kind := names[one.type.tensor_type.elem_type], kind),
         "shape": [n.dim_param or n.dim_value for n in one.type.tensor_type.shape.dim]}
        for one in values
    ]  # fmt: skip


# -- the comparison --------------------------------------------------------------------------------------------------


def _forward_apart(model: Network, member: int, folder: Path) -> float:
    """How far the forward pass is from torch's, for examples that it was not written from."""
    ort = need("onnxruntime")
    session = ort.InferenceSession(str(folder / "forward.onnx"), _quiet(ort), providers=["CPUExecutionProvider"])
    largest = 0.0
    for seed, batch in ((1, 1), (2, 5)):
        x, conditions = random_data(model, batch, seed), random_conditions(model, seed, batch)
        with torch.no_grad():
            wanted = model(x, member, **conditions), model.log_probs(x, member, **conditions)
        taken = {one.name for one in session.get_inputs()}
        given = {"x": x.numpy(), **_arrays(model, conditions)}
        found = session.run(["parameters", "log_prob"], {name: each for name, each in given.items() if name in taken})
        for name, a, b in zip(("parameters", "log_prob"), wanted, found, strict=True):
            largest = max(largest, _apart(model, f"the forward pass ({name})", a.numpy(), b))
    return largest


def _steps_apart(model: Network, member: int, folder: Path, whole: bool) -> tuple[float, tuple[int, int]]:
    """How far the parameters of the steps are from torch's, while a sample is drawn that torch has drawn."""
    driver: Any = opened(folder / DRIVER)
    sampler = driver.Sampler(folder, threads=1)
    schedule = sampler_of(model, member).schedule
    batch, steps = 2, schedule.steps if whole else min(schedule.steps, STEPS)
    x, conditions = random_data(model, batch, 1), random_conditions(model, 1, batch)
    with torch.no_grad():
        wanted = model(x, member, **conditions).numpy()
    values = model.by_variable(x).long().numpy()
    parameters = sampler.steps(batch, _arrays(model, conditions))
    drawn, largest, noise = schedule.given, 0.0, uniforms(0, 0, 1, 1, 1)
    for step in range(steps):
        sites = schedule.head_sites[schedule.head_bounds[step] : schedule.head_bounds[step + 1]]
        found = parameters(step, values[:, drawn])
        largest = max(largest, _apart(model, f"step {step}", wanted[:, sites], found, wanted))
        drawn = sites
    if not np.array_equal(noise, sampler.uniforms(1)[:, :1, :1]):
        raise InputError("AR909", "the driver's noise is not arspec's", "another numpy makes other random numbers")
    return largest, (steps, schedule.steps)


def opened(file: Path) -> Any:
    """A file of Python as a module, of which nothing is kept."""
    spec = importlib.util.spec_from_file_location("_arspec_exported", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def _quiet(ort: Any) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    return options


def _arrays(model: Network, conditions: dict[str, Any]) -> dict[str, Any]:
    numbers = torch.zeros(0, dtype=model.dtype).numpy().dtype
    return {name: value.numpy() if value.dtype == torch.int64 else value.numpy().astype(numbers)
            for name, value in conditions.items()}  # fmt: skip


def _apart(model: Network, what: str, wanted: Any, found: Any, whole: Any = None) -> float:
    """The largest difference, as a share of the largest number. InputError where it is too large."""
    if found.shape != wanted.shape:
        raise _differs(f"{what} gives another shape than torch")
    scale = max(1.0, float(np.abs(wanted if whole is None else whole).max(initial=0)))
    apart = float(np.abs(wanted - found).max(initial=0)) / scale
    if not apart <= CLOSE[model.dtype]:
        raise _differs(f"{what} differs from torch by {apart:.1e}, where {CLOSE[model.dtype]:.0e} is allowed")
    return apart


def _differs(what: str) -> InputError:
    help = "arspec export MODEL --torch FILE.py writes it as plain torch"
    return InputError("AR909", f"the model can't be written as ONNX: {what}", help)


__all__ = ["ExportedOnnx", "export_onnx"]
