"""A model as one file of plain torch: its layers' own computations, read off a pass, and written as modules."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.exporting.recording import Call, ReadsNumbers, Recording, Value, exchanged, leaves, merged
from arspec.exporting.scopes import Classes, Computed, Held, tree
from arspec.files.atomic import check_place, replacing_all
from arspec.language.load import Spec
from arspec.language.sections import Condition
from arspec.layers.base import Node
from arspec.layers.helpers import packed, values_hidden
from arspec.model import Model
from arspec.network.module import Network
from arspec.network.numbers import as_taken
from arspec.scans import SCANS_1D, SCANS_2D
from arspec.verification.subject import random_conditions, random_data
from arspec.version import VERSION

SIZES = (2, 3)  # batches of the two passes
CLOSE = 1e-12  # of the largest number, by which the file's results may differ from the model's in float64
BASE = """\
from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


class Part(nn.Module):
    @property
    def dtype(self):
        return next((p.dtype for p in self.parameters()), torch.get_default_dtype())

    @property
    def device(self):
        return next((p.device for p in self.parameters()), torch.device("cpu"))

"""


@dataclass(frozen=True)
class Exported:
    """The two files, and how far their results are from the model's in float64, as a share of the largest number."""

    module: Path
    weights: Path
    difference: float

    def __str__(self) -> str:
        return f"{self.module} and {self.weights}: the model's numbers to {self.difference:.1e} in float64"


def export_torch(model: Model, path: str | Path, member: int = 0) -> Exported:
    """Writes a model as a file of plain torch, `path`, with its weights beside it in safetensors.

    The file needs torch and safetensors, and nothing of arspec. `load()` in it gives the module, whose forward takes x
    and the conditions by their names, and gives [B, V, K] as the model does. member: which order of a family.

    It is compared with the model in float64 before it takes its place. InputError (AR908) where a layer's computation
    can't be written down, or the results differ by more than 1e-12."""
    path = Path(path)
    if path.suffix != ".py" or not path.stem.isidentifier():
        message = f"the module is written as Python, which can't import '{path.name}'"
        raise InputError("AR908", message, "name it as model.py")
    weights = path.with_suffix(".safetensors")
    for place in (path, weights):
        check_place(place)
    exact = _exact(model)
    exact.check_member(member)
    text, tensors, trained = _written(exact, member, weights.name, model.dtype)
    own = {name: t.to(model.dtype) if name in trained else t for name, t in tensors.items()}
    with replacing_all([path, weights]) as (module, beside):
        module.write_text(text, encoding="utf-8")
        save_file(own, beside)
        difference = _difference(exact, member, module, beside)
    return Exported(path, weights, difference)


def _exact(model: Network) -> Network:
    """The network in float64 on the CPU, in evaluation mode, with copies of the weights."""
    exact = Network(model.spec).double()
    exact.load_state_dict({name: value.detach().cpu() for name, value in model.state_dict().items()})
    return exact.eval()


# -- the passes ------------------------------------------------------------------------------------------------------


class _Passes:
    """Goes through the nodes for two batches, and records each node by itself."""

    def __init__(self, model: Network, member: int) -> None:
        self.model, self.member, self.graph = model, member, model.graph
        self.values: dict[Node, tuple[Tensor, Tensor]] = {}
        self.known: dict[Node, Value] = {}
        self.weights: dict[tuple[str, str], Value] = {}  # by the node that holds it, and its name there
        self.kept: list[Any] = []  # so that no identity is given twice
        self.computed: list[Computed] = []
        self.given: dict[str, Value] = {}  # arguments of the module

    def run(self) -> tuple[list[Computed], Value]:
        """What computes each node, and the Value of the result."""
        inputs = [(random_data(self.model, size), random_conditions(self.model, 0, size)) for size in SIZES]
        self._source(self.graph.data, "x", [x for x, _ in inputs], self._packed)
        for name, section in self.model.spec.condition.items():
            given = [conditions[name] for _, conditions in inputs]
            self._source(self.graph.conditions[name], name, given, _taken(section))
        for node in self.graph.live:
            self._node(node)
        for source in self.graph.sources:
            _keep_whole(self.computed, self.known[source])
        head = self.graph.head_node
        rows = self._recorded("rows", "one for each variable", [head], lambda xs: self.model.rows(xs[0]))
        return self.computed, rows

    def _packed(self, x: Tensor) -> Tensor:
        x = x.to(torch.float64)
        return packed(x, self.graph.data.out) if self.model.spec.data.kind == "image" else x.unsqueeze(1)

    def _source(self, node: Node, name: str, given: list[Tensor], whole: Callable[[Tensor], Tensor]) -> None:
        """The data, or a condition, as an argument of the module and as the graph takes it."""
        source = Node(f"{name} given", node.layer, (), node.place)
        self.values[source] = given[0], given[1]
        self.known[source] = self.given[name] = Value(given[0].dtype, name)
        self.known[node] = self._recorded(name, "", [source], lambda xs: whole(xs[0]), node)

    def _node(self, node: Node) -> None:
        layer = node.layer
        constants = self.model.constants.of(node, self.member)
        own = self.model.nodes.of(node)
        whole = self.model.nodes.of(node.tied) if node.tied is not None else own

        def forward(xs: list[Tensor]) -> Tensor:
            seen = {key: whole[key] if value.shape == whole[key].shape else whole[key].view(value.shape)
                    for key, value in own.items()}  # fmt: skip
            return layer.forward(node, layer.prepare(node, seen, constants) if seen else seen, constants, xs, False)

        written = f", {_quoted(Path(node.place.source.name).name)}:{node.place.line}"
        about = layer.layer + ("" if node.unwritten else written)
        held = [*self._trained(node.tied or node, whole), *self._constants(node, constants)]
        self.known[node] = self._recorded(node.name, about, list(node.inputs), forward, node, held)

    def _trained(self, owner: Node, whole: dict[str, Tensor]) -> list[Held]:
        stated = owner.layer.weights(owner)
        return [
            Held(self._value(owner, key, tensor), key, tensor, stated[key].trained, owner.name)
            for key, tensor in whole.items()
        ]

    def _constants(self, node: Node, constants: dict[str, Any]) -> list[Held]:
        arrays = {key: each for key, each in constants.items() if isinstance(each, Tensor)}
        return [Held(self._value(node, f"of {key}", t), key, t, False, node.name) for key, t in arrays.items()]

    def _value(self, node: Node, key: str, tensor: Tensor) -> Value:
        self.kept.append(tensor)
        return self.weights.setdefault((node.name, key), Value(tensor.dtype, "weight"))

    def _recorded(
        self, name: str, about: str, sources: list[Node], forward: Callable[[list[Tensor]], Tensor],
        node: Node | None = None, held: list[Held] | None = None,
    ) -> Value:  # fmt: skip
        recordings: list[Recording] = []
        results: list[Tensor] = []
        try:
            for k in (0, 1):
                recording = Recording()
                for one in held or []:
                    recording.name(one.tensor, one.value)
                xs = [self.values[source][k] for source in sources]
                for source, x in zip(sources, xs, strict=True):
                    recording.name(x, self.known[source])
                with torch.no_grad(), values_hidden(), recording:
                    results.append(forward(xs))
                recordings.append(recording)
            calls = merged(recordings[0].calls, recordings[1].calls, SIZES)
            output = recordings[0].value(results[0])
        except (ReadsNumbers, KeyError) as error:
            reason = str(error) if isinstance(error, ReadsNumbers) else "a result that none of its calls gave"
            raise InputError(
                "AR908", f"'{name}' can't be written as plain torch: its computation has {reason}",
                "the model is a torch.nn.Module itself: save it, and open it by arspec.open",
            ) from None  # fmt: skip
        if node is not None:
            self.values[node] = results[0], results[1]
        self.computed.append(Computed(name, about, calls, output, {id(one.value): one for one in held or []}))
        self.kept += [recordings, results]
        return output


def _keep_whole(computed: list[Computed], value: Value) -> None:
    """Numbers that all their readers take as whole ones are so from the beginning: 16 bits would round large ones."""
    readers = [(one, call) for one in computed for call in one.calls if value in leaves((call.args, call.kwargs))]
    own = next(one for one in computed if one.output is value)
    turned = [call for call in own.calls if call.name.endswith(".to")]
    as_whole = all(call.name.endswith(".long") and call.gives is not one.output for one, call in readers)
    if len(turned) != 1 or not as_whole:
        return
    for one, call in readers:
        assert isinstance(call.gives, Value)
        one.calls = [exchanged(each, call.gives, value) for each in one.calls if each is not call]
    for call in turned:
        whole = Call("torch.Tensor.long", call.args[:1], {}, call.gives)
        own.calls = [whole if each is call else each for each in own.calls]


def _taken(section: Condition) -> Callable[[Tensor], Tensor]:
    return lambda value: as_taken(value, section).to(torch.float64)


# -- the text --------------------------------------------------------------------------------------------------------


def _written(model: Network, member: int, weights: str, dtype: torch.dtype) -> tuple[str, dict[str, Tensor], set[str]]:
    """The text of the file, the tensors by their names in its state dict, and which of them are trained. dtype: in
    which the file loads them, unasked. Tables stay in float64, so that they are exact in whatever type is asked for."""
    passes = _Passes(model, member)
    computed, output = passes.run()
    clusters = {cluster.name: cluster.block for cluster in model.graph.clusters}
    _place(computed, clusters)
    classes = Classes()
    whole = classes.of(tree(computed, clusters), {id(output)}, passes.given)
    spec, order = model.spec, model.graph.members[member].order.name
    shape = ", ".join(map(str, spec.data.shape))
    text = [
        f'"""{_quoted(spec.name)}, written by arspec {VERSION}. It needs torch and safetensors.', "",
        *textwrap.wrap(_quoted(spec.about), 116), *([""] if spec.about else []),
        f"    from {Path(weights).stem} import load", f"    parameters = load()({', '.join(passes.given)})", "",
        f"x: integers [B, {shape}]; parameters [B, V, K]: for each variable the numbers of its distribution",
        f"({spec.head.kind}), which depend on the variables before it alone (order: {_quoted(order)}). In evaluation.",
        *_audit(spec, order, Path(weights).stem), '"""', "", BASE,
    ]  # fmt: skip
    for body, name in classes.texts.items():
        text += [f"class {name}(Part):", body, "", ""]
    text += [
        "def load(weights=None, dtype=None):",
        f'    """The module with its weights: those of {weights} beside this file, or of another file."""',
        f"    model = {whole.name}()",
        f'    model.load_state_dict(load_file(weights or Path(__file__).with_name("{weights}")), assign=True)',
        f"    return model.to(dtype or {dtype}).eval()", "",
    ]  # fmt: skip
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in whole.tensors.items()}
    return "\n".join(text), tensors, {name for name, tensor in whole.tensors.items() if tensor.requires_grad}


def _audit(spec: Spec, order: str, name: str) -> list[str]:
    """The command by which the audit judges the file, where a line can state the order and the conditions."""
    kinds = {name: section.kind for name, section in spec.condition.items()}
    if order not in (*SCANS_1D, *SCANS_2D) or spec.data.auxiliary or any(kind != "class" for kind in kinds.values()):
        return []
    axes = ["c", "h", "w"] if spec.data.kind == "image" else ["t"]
    modelled = axes[1:] if spec.data.kind == "image" and spec.groups == 1 else axes
    variables = f"({' '.join(modelled)})" if len(modelled) > 1 else modelled[0]
    sizes = ",".join(f"{axis}={size}" for axis, size in zip(axes, spec.data.shape, strict=True))
    told = ", ".join(f"{name}: 0" for name in kinds)
    more = [f"--input 'b {' '.join(axes)}'", f"--output 'b {variables} k'", f"--size {sizes}"]
    more += [f"--levels {spec.data.levels}", f"--order {order}", *([f"--with '{{{told}}}'"] if told else [])]
    return ["", f"    arspec audit {name}.py:load {' '.join(more)}"]


def _quoted(text: str) -> str:
    """A text as it stands in a docstring."""
    shown = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    return shown.replace("\\", "\\\\").replace('"', "'")


def _place(computed: list[Computed], clusters: dict[str, str]) -> None:
    """Puts each weight and constant into the innermost instance in which all lie that use it."""
    users: dict[int, list[str]] = {}
    for node in computed:
        parts = node.name.split(".")
        paths = [".".join(parts[:k]) for k in range(1, len(parts))]
        own = max((path for path in paths if path in clusters), key=len, default="")
        for value in node.starts:
            users.setdefault(id(value), []).append(own)
    for node in computed:
        for key, held in node.held.items():
            held.scope = _common(users.get(key, [""]), clusters)


def _common(paths: list[str], clusters: dict[str, str]) -> str:
    """The longest path of an instance that all paths begin with."""
    first, *others = (path.split(".") for path in paths)
    shared = 0
    while shared < len(first) and all(len(other) > shared and other[shared] == first[shared] for other in others):
        shared += 1
    whole = [".".join(first[:k]) for k in range(shared + 1)]
    return max((path for path in whole if path in clusters), key=len, default="")


# -- the comparison --------------------------------------------------------------------------------------------------


def _difference(exact: Network, member: int, file: Path, weights: Path) -> float:
    """How far the results of the two files are from the model's, over examples that they were not written from."""
    spec = importlib.util.spec_from_file_location("_arspec_exported", file)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    rebuilt = module.load(weights, torch.float64)
    largest = 0.0
    for seed, batch in ((1, 1), (2, 5)):
        x, conditions = random_data(exact, batch, seed), random_conditions(exact, seed, batch)
        with torch.no_grad():
            wanted, found = exact(x, member, **conditions), rebuilt(x, **conditions)
        if found.shape != wanted.shape:
            raise _apart("gives another shape than the model")
        apart = (wanted - found).abs().max().item() / max(1.0, wanted.abs().max().item())
        if not apart <= CLOSE:
            raise _apart(f"differs from the model by {apart:.1e}, where {CLOSE:.0e} is allowed")
        largest = max(largest, apart)
    return largest


def _apart(what: str) -> InputError:
    help = "a layer of it computes otherwise for other data; the model itself is a torch.nn.Module"
    return InputError("AR908", f"the module as plain torch {what}", help)


__all__ = ["Exported", "export_torch"]
