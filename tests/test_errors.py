"""Every diagnostic: specs that give it, with the expected text beside each, and calls for those of the run time."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import gpt2_folder
from frame import framed

import arspec
from arspec import build
from arspec.analysis.report import prove
from arspec.cli.main import main
from arspec.data import load_for
from arspec.diagnostics import Diagnostic, InputError, github, text, to_json
from arspec.diagnostics.codes import CODES, Code
from arspec.editor.document import Document
from arspec.editor.rename import rename
from arspec.editor.text import Position
from arspec.language.load import from_text, load
from arspec.saving.folder import check_own
from arspec.shown import drawn

ROOT = Path(__file__).parent.parent
ERR = ROOT / "tests" / "specs" / "err"
SPECS = sorted(path.name for path in ERR.glob("*.yaml"))


def diagnostics(path: str) -> tuple[Diagnostic, ...]:
    """What a spec gives when it is loaded, expanded and proven; a leaking one gives its leaks."""
    try:
        return tuple(prove(load(path)).diagnostics)
    except InputError as error:
        return error.diagnostics


@cache
def told_of(name: str) -> tuple[Diagnostic, ...]:
    """The diagnostics of a spec of this folder, which several tests look at."""
    return diagnostics(name)


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ERR)


# -- specs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_gives_its_text(name: str) -> None:
    expected = Path(name).with_suffix(".out").read_text("utf-8")
    assert text(told_of(name)) + "\n" == expected


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_gives_its_code_in_every_format(name: str) -> None:
    found = told_of(name)
    code = name[:5].upper()
    assert code in {d.code for d in found} or not name.startswith("ar")
    assert len(to_json(found)) == len(github(found).splitlines()) == len(found)


@pytest.mark.parametrize("name", SPECS)
def test_every_fault_has_a_place_and_they_are_in_order(name: str) -> None:
    found = told_of(name)
    if found[0].code == "AR004":  # the file is no text, so that it has no lines
        return
    assert all(d.place is not None and d.place.line >= 1 and d.place.column >= 1 for d in found)
    errors = [(d.place.source.name, d.place.start) for d in found if d.place is not None and d.level == "error"]
    assert errors == sorted(errors)


def test_all_faults_of_a_file_are_told_at_once() -> None:
    found = told_of("many_faults.yaml")
    lines = {d.place.line for d in found if d.place is not None}
    written = Path("many_faults.yaml").read_text("utf-8").splitlines()
    faulty = {4, 5, 6, 7, 13, 14, 15, 18, 19, 20, 21, 22, 23, 24}
    assert lines == faulty, [written[n - 1] for n in faulty ^ lines]
    assert len(found) >= 18


def test_unknown_keys_name_the_nearest_of_their_layer() -> None:
    helps = {d.message: d.help for d in told_of("many_faults.yaml") if d.code == "AR101"}
    assert helps["the layer `conv` has no key 'kernal'"] == "did you mean 'kernel'?"
    assert helps["an order has no key 'channel'"] == "did you mean 'channels'?"
    assert helps["a head of kind 'categorical' has no key 'form'"] == "did you mean 'from'?"


CHARS = """
arspec: 1
data: {kind: sequence, length: 8, levels: 3, content: text, alphabet: abc}
graph:
  tokens: {layer: embedding, from: x, out: 4}
  before: {layer: shift, steps: 1}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""

# -- calls -----------------------------------------------------------------------------------------------------------


SMALL = """
data: {kind: image, height: 4, width: 4, levels: 2}
params: {width: 24}
graph:
  first: {layer: conv, from: scaled, kernel: 3, out: $width, mask: earlier}
"""


LOST = {  # text with keys that have lost their indentation -> the codes, and the name of the key that they belong to
    "data:\nkind: image\nheight: 8\nwidth: 8\n": (["AR103", "AR105", "AR105", "AR105"], "data"),
    "graph:\n  first:\n  layer: scale\n  from: x\n": (["AR111"] * 3, "first"),
    "graph:\n  first:\n  layer: scale\n  from: x\n  last:\n  layer: relu\n": (["AR002"], "last"),
    "data:\nkind: image\nhead:\nkind: categorical\n": (["AR002"], "head"),
}


@pytest.mark.parametrize("text", LOST)
def test_keys_that_lost_their_indentation_are_told_whose_they_are(text: str, tmp_path: Path) -> None:
    own = {
        "data": "data: {kind: image, height: 8, width: 8}\n",
        "graph": "graph: {first: {layer: conv, from: x, mask: earlier, kernel: 3, out: $head}}\n",
        "head": "head: {kind: categorical, from: first}\n",
    }
    rest = "".join(line for key, line in own.items() if f"{key}:\n" not in text)
    (tmp_path / "spec.yaml").write_text("arspec: 1\nname: lost\n" + text + rest)
    with pytest.raises(arspec.SpecError) as caught:
        arspec.load(tmp_path / "spec.yaml")
    codes, owner = LOST[text]
    assert [one.code for one in caught.value.diagnostics] == codes
    lost = [one.help for one in caught.value.diagnostics if "above" in (one.help or "")]
    assert lost == [f"if it belongs to '{owner}' above, begin it further to the right than '{owner}'"] * max(
        1, len(codes) - 1
    )


OTHERS = {  # a file where a spec or a model is wanted -> what it is said to be, and the command that takes it
    "net.py": ("is Python", "arspec audit net.py:"),
    "a.PNG": ("is a picture", "--data a.PNG"),
    "a.wav": ("is a sound", "--data a.wav"),
    "a.npz": ("is an array", "--data a.npz"),
    "a.ars": ("is a container", "arspec decompress MODEL a.ars"),
    "a.pt": ("is a checkpoint", "arspec import a.pt"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_kind_is_said_to_be_that(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from arspec.model import Model
    from arspec.saving.folder import load as load_model

    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"import torch\n")
    for reads, code in ((load, "AR902"), (lambda path: load_model(path, "cpu", Model), "AR802")):
        with pytest.raises(InputError) as caught:
            reads(name)
        assert caught.value.code == code
        assert OTHERS[name][0] in caught.value.message and OTHERS[name][1] in str(caught.value.help)


def test_what_is_audited_is_no_spec() -> None:
    from arspec.auditing.loading import find_callable

    for name in ("gpt", "gated-pixelcnn", "mine.yaml"):
        with pytest.raises(InputError, match="AR812") as caught:
            find_callable(name)
        assert f"arspec verify {name}" in str(caught.value.help)


def test_bytes_that_are_no_text_are_not_said_to_need_another_encoding(tmp_path: Path) -> None:
    for content, help in ((b"\x89PNG\0\0", "no text"), ("a: 1".encode("utf-16"), "save the file as UTF-8")):
        (tmp_path / "spec.yaml").write_bytes(content)
        with pytest.raises(InputError, match="AR004") as caught:
            load(tmp_path / "spec.yaml")
        assert help in str(caught.value.help)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, weights, modules and a spec small enough to train."""
    import torch
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("run")
    (path / "small.yaml").write_text(framed(SMALL))
    labelled = (
        "condition: {label: {kind: class, classes: 10}}\ngraph:\n  told: {layer: condition, from: first, by: label}"
    )
    (path / "labelled.yaml").write_text(framed(labelled))
    (path / "other.yaml").write_text(framed("first: {layer: conv, from: scaled, kernel: 5, out: 24, mask: earlier}"))
    (path / "chars.yaml").write_text(CHARS)
    (path / "chars.txt").write_text("abcd" * 40)
    np.save(path / "images.npy", np.zeros((8, 1, 4, 4), np.uint8))
    (path / "images.pkl").write_bytes(b"")
    (path / "leaky.py").write_text("import torch\n\ndef build():\n    return torch.nn.Linear(4, 4)\n")
    save_file({"weight": torch.zeros(2)}, path / "strange.safetensors")
    (path / "model.pt").write_bytes(b"no weights")
    return path


def command(*arguments: str) -> None:
    """Runs a command and raises what it reports."""
    told = io.StringIO()
    with redirect_stderr(told), redirect_stdout(io.StringIO()):
        try:
            code = main(list(arguments))
        except SystemExit as exit:
            raise AssertionError(f"the parser refuses it: {told.getvalue()}") from exit
    assert code == 2, told.getvalue()
    found = re.search(r"^(?:\S+: )?error\[(AR\d{3})\]: (.*)", told.getvalue(), re.M)
    assert found, told.getvalue()
    raise InputError(found[1], found[2])


def model(path: Path) -> Any:
    import arspec

    return arspec.compile(arspec.load(path))


def unproven(_: Path) -> None:
    """A module that reads what the proof does not contain, as a layer with a wrong `reads` would."""
    import importlib

    from arspec.diagnostics import SpecError

    verify = importlib.import_module("arspec.verification.verifying")

    spec = from_text(framed(""), "a.yaml")
    raise SpecError(verify._diagnostics(spec, verify.ModuleTest("twin", (3, 8, 8), 192, 10, 3, 0, 6, [])))


def unheard_of_rank(path: Path) -> None:
    import torch

    found = model(path / "small.yaml")
    found.complete(torch.zeros(1, 1, 4, 4, dtype=torch.long), torch.arange(16).view(1, 4, 4) >= 8, how="order")


def lucky(path: Path) -> None:
    import torch

    found = model(path / "small.yaml")
    known = torch.arange(16).view(1, 4, 4) >= 4
    found.complete(torch.zeros(50, 1, 4, 4, dtype=torch.long), known, how="rejection", tries=1)


def other_classes(path: Path) -> None:
    data = model(path / "labelled.yaml").spec.data
    np.savez(path / "pets.npz", x=np.zeros((3, *data.shape), np.uint8), y=np.array(["cat", "dog", "horse"]))
    load_for(model(path / "labelled.yaml"), str(path / "pets.npz"), "all", names={"label": ("cat", "dog")})


def labels(path: Path, **given: Any) -> None:
    model(path / "labelled.yaml").sample(2, **given)


def far_label(path: Path) -> None:
    import torch

    labels(path, label=torch.full((2,), 10))


def member(path: Path) -> None:
    import torch

    model(path / "small.yaml").log_prob(torch.zeros(1, 1, 4, 4, dtype=torch.long), member=1)


def trained(path: Path) -> Path:
    """A run of two steps, made once."""
    if not (path / "first").exists():
        train = ["train", str(path / "small.yaml"), "--data", str(path / "images.npy"), "--out", str(path / "first")]
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            assert main([*train, "--steps", "2", "--batch", "4", "--quiet", "--no-tensorboard", "--device", "cpu"]) == 0
    return path


def train(path: Path, *more: str, out: str = "run") -> None:
    start = ("train", str(path / "small.yaml"), "--data", str(path / "images.npy"), "--out", str(path / out))
    command(*start, "--quiet", "--no-tensorboard", "--batch", "4", *more)


def imports(path: Path, tokenizer: str | None = None, **config: Any) -> None:
    """Imports a tiny checkpoint whose config.json says this as well."""
    folder = path / "checkpoint"
    gpt2_folder(folder)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**said, **config}))
    (folder / "tokenizer.json").unlink(missing_ok=True)
    if tokenizer is not None:
        (folder / "tokenizer.json").write_text(tokenizer)
    command("import", str(folder), "-o", str(path / "imported"))


def other_weights(path: Path) -> None:
    from arspec.saving.tensors import fill, read_tensors

    fill(model(path / "small.yaml"), read_tensors(path / "strange.safetensors")[0], "strange.safetensors")


def without_program(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(path))
        command("render", str(path / "small.yaml"), "-o", str(path / "small.svg"))


def without_package(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "constriction", None)
        command("compress", str(path / "small.yaml"), str(path / "images.npy"), "-o", str(path / "a.ars"))


def no_hub(path: Path) -> None:
    def gone(**_: object) -> None:
        raise ConnectionError("no network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.hub_mixin.HfApi", gone)
        model(path / "small.yaml").push_to_hub("someone/small")


def of_the_installation(path: Path) -> None:
    """An edit of a spec that lies in the package, as an installation has them."""
    (path / "arspec" / "specs").mkdir(parents=True)
    (path / "arspec" / "specs" / "leaky.yaml").write_text(
        framed("first: {layer: conv, from: scaled, kernel: 3, out: 24, mask: so_far}")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("arspec.language.shipped.PACKAGE", path / "arspec")
        command("verify", "leaky", "--static", "--fix", "--write")


def no_numbers(path: Path) -> None:
    import torch

    broken = model(path / "small.yaml")
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    broken.compress(torch.zeros(1, 1, 4, 4, dtype=torch.long))


def far_from_the_encoder(path: Path) -> None:
    """A decoder that computes something else than the encoder did."""
    import torch

    from arspec.codec import Codec

    container = model(path / "small.yaml").compress(torch.arange(64).view(4, 1, 4, 4) // 2 % 2)
    codec = Codec(model(path / "small.yaml"))
    with torch.no_grad():
        for weight in codec.model.parameters():
            weight.mul_(1.5)
    list(codec.decompress(container))


def of_another_model(path: Path) -> None:
    import torch

    import arspec

    other = arspec.compile(arspec.load(path / "small.yaml"), seed=1)
    other.decompress(model(path / "small.yaml").compress(torch.zeros(1, 1, 4, 4, dtype=torch.long)))


def long_prompt(path: Path) -> None:
    import torch

    model(path / "chars.yaml").sample(1, prefix=torch.zeros(8, dtype=torch.long))


def everything() -> Any:
    """A model that attends to all that came before."""
    from arspec.model import build

    graph = "e: {layer: embedding, from: x, out: 4}\n  s: {layer: shift, steps: 1}"
    graph += "\n  a: {layer: attention, keys: s, values: s, mask: so_far}\n  logits: {layer: conv, out: $head}"
    head = "head: {kind: categorical, from: logits}"
    return build(from_text(f"arspec: 1\ndata: {{kind: sequence, length: 8, levels: 4}}\ngraph:\n  {graph}\n{head}\n"))


def audited(path: Path, **options: Any) -> None:
    """An audit of a module that fails beyond the first calls."""
    from arspec.auditing import audit, load_callable

    (path / "tires.py").write_text(TIRES)
    audit(load_callable(f"{path / 'tires.py'}:Tires"), "b t", "b t k", {"t": 4}, levels=4, **options)


SHOWN = """
import torch
from torch import nn

class Leaks(nn.Module):
    def forward(self, x):
        return x.double()[..., None].flip(1)

class Cached(nn.Module):
    def forward(self, x):
        return x.double()[..., None].cumsum(1)

    def step(self, x, state):
        return x.double()[..., None], 0

class Open(nn.Module):
    def forward(self, x):
        h = x.double()[..., None]
        return h * 2 if float(h.sum()) > 1e9 else h

class Routed(nn.Module):
    def forward(self, x):
        h = x.double()
        order = (h[0] > 1).long().argsort(stable=True)
        return torch.zeros_like(h).index_copy(1, order, h[:, order])[..., None]
"""


def shown(path: Path, name: str, code: str) -> None:
    """What the report of an audit tells, raised as an error."""
    from arspec.auditing import audit, load_callable

    (path / "shown.py").write_text(SHOWN)
    report = audit(load_callable(f"{path / 'shown.py'}:{name}"), "b t", "b t k", {"t": 6}, levels=4, offset=1)
    found = next(each for each in report.diagnostics() if each.code == code)
    raise InputError(found.code, found.message)


def unmarked() -> None:
    from arspec.pytest_plugin import check

    check(None, "test_mine", (), {})


def mixture(path: Path) -> Path:
    """A spec whose head has no table of probabilities."""
    made = path / "mixture.yaml"
    made.write_text(framed("head: {kind: logistic_mixture, components: 2, from: logits}"))
    return made


def diverged(path: Path) -> None:
    import torch

    from arspec.saving.tensors import fill, weights_of

    found = model(path / "small.yaml")
    fill(found, {name: torch.full_like(weight, torch.inf) for name, weight in weights_of(found).items()}, "a file")


def held(path: Path) -> None:
    from arspec.training.lock import locked

    with locked(path / "held"):
        train(path, "--device", "cpu", out="held")


def no_memory(path: Path) -> None:
    import torch

    def claims(*_: object, **__: object) -> None:
        torch.empty(1 << 60)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("arspec.data.load_for", claims)
        command("eval", str(path / "small.yaml"), "--data", str(path / "images.npy"))


def refused(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("arspec.cli.list.run", lambda _: os.listdir(path / "gone"))
        command("list", str(path))


def causal(name: str, **config: object) -> None:
    from arspec.auditing.transformers import load_causal

    load_causal(f"transformers:{name}", config)


# the error function, which onnxruntime has in float32 alone
ROUNDED = """
arspec: 1
data: {kind: sequence, length: 4, levels: 4}
graph:
  tokens: {layer: embedding, from: x, out: 4}
  before: {layer: shift, steps: 1}
  relu: {layer: relu}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""

TIRES = """from torch import nn

class Tires(nn.Module):
    calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("no more of this")
        return x[..., None]
"""


def without_operator(path: Path) -> None:
    """A model with an operator that has no form in ONNX."""
    from arspec.exporting.onnx.operators import OPERATORS

    form = OPERATORS.pop("relu")
    try:
        arspec.export_onnx(arspec.compile(from_text(ROUNDED)), path / "onnx")
    finally:
        OPERATORS["relu"] = form


def served_twice(path: Path) -> None:
    """A page at a port that another one has."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        command("explore", str(path / "small.yaml"), "--serve", str(other.getsockname()[1]))


CALLS: dict[str, Callable[[Path], Any]] = {
    "AR003": lambda path: load(path / "smal.yaml"),
    "AR005": lambda path: from_text(framed("order: {ranks: [" + "0, " * 500_000 + "0]}")),
    "AR007": lambda path: from_text(framed("order: {ranks: [" + "0, " * 100_001 + "0]}")),
    "AR213": lambda path: load(path / "small.yaml", params={"widht": 12}),
    "AR214": lambda path: command("verify", "--static", str(path / "small.yaml"), "--set", "width=wide"),
    "AR706": unproven,
    "AR801": other_weights,
    "AR802": lambda path: command("sample", str(path / "model.pt"), "-o", str(path / "a.png")),
    "AR803": lambda path: command("eval", str(path / "small.yaml"), "--data", str(path / "images.pkl")),
    "AR804": lambda path: command("eval", str(path / "other.yaml"), "--data", str(path / "images.npy")),
    "AR805": unheard_of_rank,
    "AR806": labels,
    "AR807": far_label,
    "AR808": lambda path: command("sample", str(path / "small.yaml"), "-o", str(path / "a.png"), "--temperature", "-1"),
    "AR809": lambda path: command("sample", str(path / "small.yaml"), "-o", str(path / "a.bmp")),
    "AR810": lambda path: train(trained(path), out="first"),
    "AR811": without_program,
    "AR812": lambda path: command("audit", str(path / "leaky.py"), "--input", "b t", "--output", "b k t"),
    "AR813": lambda path: command(
        "audit", f"{path / 'leaky.py'}:build", "--input", "b t", "--output", "b t k", "--size", "q=3"
    ),
    "AR960": lambda path: audited(path, modes=["evaluation"], precision="float32"),
    "AR961": lambda path: audited(path, modes=["cache"]),
    "AR962": lambda path: audited(path, forbid=[[True]]),
    "AR814": lambda path: train(trained(path), "--resume", "--set", "width=12", out="first"),
    "AR815": lambda path: train(path, "--device", "cuda:7"),
    "AR816": member,
    "AR817": lambda path: command("explain", "AR999"),
    "AR820": lucky,
    "AR822": lambda path: model(path / "small.yaml").stream(steps=9),
    "AR824": lambda path: everything().sample(1, guidance=3.0),
    "AR823": lambda path: everything().stream(steps=4, compiled=True),
    "AR818": lambda path: train(path, "--lr", "1e30", "--steps", "50", "--device", "cpu", out="far"),
    "AR819": lambda path: model(path / "small.yaml").sample(1, method="twice"),
    "AR830": lambda path: command(
        "decompress", str(path / "small.yaml"), str(path / "images.npy"), "-o", str(path / "a")
    ),
    "AR831": no_numbers,
    "AR832": far_from_the_encoder,
    "AR833": of_another_model,
    "AR840": lambda path: command("eval", str(path / "small.yaml"), "--data", "digits@level=2"),
    "AR850": other_classes,
    "AR860": lambda path: command("sample", str(mixture(path)), "-o", str(path / "a.png"), "--top-k", "4"),
    "AR861": lambda path: command("eval", str(path / "chars.yaml"), "--data", str(path / "chars.txt")),
    "AR862": long_prompt,
    "AR863": lambda path: command("import", str(path / "no_checkpoint"), "-o", str(path / "imported")),
    "AR864": lambda path: imports(path, scale_attn_by_inverse_layer_idx=True),
    "AR865": lambda path: imports(path, n_layer=3),
    "AR866": lambda path: command("import", str(path / "model.pt"), "-o", str(path / "imported")),
    "AR867": lambda path: command("export", str(trained(path)), "--huggingface", str(path / "exported")),
    "AR868": lambda path: imports(path, tokenizer="{}"),
    "AR869": lambda path: imports(path, model_type="bert"),
    "AR890": lambda path: command("sampel", str(path / "small.yaml"), "-o", str(path / "a.png")),
    "AR870": diverged,
    "AR871": held,
    "AR872": no_memory,
    "AR892": refused,
    "AR900": lambda path: command("verify", "--static", "gated_pixelcn"),
    "AR902": lambda path: command("verify", "--static", str(path / "leaky.py")),
    "AR907": lambda path: build.Builder("mine", build.data.vector(size=4)).yaml(),
    "AR901": of_the_installation,
    "AR908": lambda path: command("export", str(path / "small.yaml"), "--torch", str(path / "model.txt")),
    "AR909": without_operator,
    "AR910": without_package,
    "AR911": no_hub,
    "AR930": lambda path: command("guide", "sampels"),
    "AR940": lambda path: command("sample", str(path / "small.yaml"), "--explain-plan", "--method", "fixed-point"),
    "AR941": lambda path: rename(Document("small.yaml", SMALL), Position(4, 3), "x"),
    "AR945": lambda path: arspec.load(""),
    "AR946": lambda path: check_own(path, "small.yaml"),
    "AR950": lambda path: arspec.open("gated_pixelcnn"),
    "AR970": lambda path: drawn(path, "field"),
    "AR951": served_twice,
    "AR952": lambda path: command("compress", str(path / "small.yaml"), "/", "-o", str(path / "a.ars")),
    "AR990": lambda path: shown(path, "Leaks", "AR990"),
    "AR991": lambda path: shown(path, "Cached", "AR991"),
    "AR992": lambda path: shown(path, "Open", "AR992"),
    "AR993": lambda path: shown(path, "Routed", "AR993"),
    "AR994": lambda path: unmarked(),
    "AR980": lambda path: causal("LlamaForCausal"),
    "AR981": lambda path: causal("LlamaForCausalLM", hidden=3),
    "AR982": lambda path: causal("LlamaForCausalLM", num_attention_heads=0),
    "AR983": lambda path: causal(str(path)),
}


@pytest.mark.parametrize("code", CALLS)
def test_a_call_gives_its_code(code: str, folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        CALLS[code](folder)
    assert caught.value.code == code, str(caught.value)
    assert caught.value.message


def test_every_code_is_given() -> None:
    given = {
        code for name in SPECS for code in re.findall(r"AR\d{3}", Path(name).with_suffix(".out").read_text("utf-8"))
    }
    assert given | CALLS.keys() == CODES.keys()


# -- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages speak of; texts of a thousand nodes are too large already,
    to save time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("arspec.syntax.yaml.MAX_NODES", 1000)
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    for name in ("pixelcnn.yaml", "base.yaml"):
        (tmp_path / name).write_text(framed(""), "utf-8")
    for number in range(17, 0, -1):
        below = f"variant_{number - 1}.yaml" if number > 1 else "base.yaml"
        (tmp_path / f"variant_{number}.yaml").write_text(f"arspec: 1\nextends: {below}\n", "utf-8")
    np.save(tmp_path / "ranks.npy", np.arange(64))
    np.savetxt(tmp_path / "order.csv", np.arange(64).reshape(8, 8), "%d", ",")
    return tmp_path


# What a page can only describe: too long for it, or no text at all.
WRITTEN_OUT: dict[str, str | bytes] = {
    "AR004": "about: Modèle".encode("latin-1"),
    "AR005": "order: {ranks: [" + "0, " * 500_000 + "0]}",
    "AR006": f"params: {{width: {'[' * 66}64{']' * 66}}}",
    "AR007": "order: {ranks: [" + "0, " * 1001 + "0]}",
    "AR016": 'name: "pixel\0cnn"',
}


def codes_of(example: str | bytes, whole: bool) -> set[str]:
    """The codes that an example gives: a command, one or several files, or a part of a spec."""
    if isinstance(example, str) and example.startswith("arspec "):
        with pytest.raises(InputError) as caught:
            command(
                *example.partition("#")[0].split()[1:], *(["--static"] if example.startswith("arspec verify") else [])
            )
        return {caught.value.code}
    if isinstance(example, str) and example.startswith("# a.yaml"):
        for name, content in re.findall(r"# (\w+\.yaml)\n((?:(?!# ).*\n?)*)", example):
            Path(name).write_text(framed("") if content.strip() == "arspec: 1" else content, "utf-8")
    else:
        content = example if isinstance(example, bytes) else (example if whole else framed(example)).encode("utf-8")
        Path("a.yaml").write_bytes(content)
    return {d.code for d in diagnostics("a.yaml")}


@pytest.mark.parametrize("code", [c for c in CODES.values() if c.code < "AR706"], ids=lambda c: c.code)
def test_the_examples_of_a_page_are_what_they_say(code: Code, beside: Path) -> None:
    assert code.code in codes_of(WRITTEN_OUT.get(code.code, code.wrong), whole=code.code < "AR1")
    if code.right.startswith("arspec "):
        assert main([*code.right.split()[1:], "--static"]) == 0
        return
    right = codes_of(code.right, whole=False)
    assert code.code not in right
    assert all(CODES[other].level != "error" for other in right)


@pytest.mark.parametrize("code", [c for c in CODES.values() if c.code > "AR800"], ids=lambda c: c.code)
def test_the_commands_of_a_page_are_understood(code: Code) -> None:
    import shlex

    from arspec.cli.main import command as parsed_by

    for example in (code.wrong, code.right):
        if example.startswith("arspec "):
            name, *arguments = shlex.split(example, comments=True)[1:]
            _, parser = parsed_by(name)
            if code.code == "AR890" and example == code.wrong:
                with pytest.raises(InputError, match="AR890"):
                    parser.read(arguments)
            else:
                parser.read(arguments)


def write_expected() -> None:
    """Writes what every spec gives now beside it: to be read before it is kept."""
    import os

    os.chdir(ERR)
    for name in SPECS:
        Path(name).with_suffix(".out").write_text(text(diagnostics(name)) + "\n", "utf-8")


if __name__ == "__main__":
    write_expected()


# -- parameters without a value --------------------------------------------------------------------------------------

HOLLOW = """arspec: 1
data: {kind: image, height: 4, width: 4, levels: 4}
condition: {label: {kind: class, classes: 3}}
order: {scan: raster, members: 1}
params: {n: }
graph:
  scaled: {layer: scale, from: x}
  first: {layer: conv, kernel: 3, out: 8, mask: earlier, bias: true}
  told: {layer: condition, by: label}
  logits: {layer: conv, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""
GIVEN = {
    "height: 4": "AR103", "levels: 4": "AR103", "kind: image": "AR109", "kind: class": "AR109", "classes: 3": "AR103",
    "{kind: class, classes: 3}": "AR103", "members: 1": "AR103", "kernel: 3": "AR103", "out: 8": "AR103",
    "bias: true": "AR103",
    "kind: categorical": "AR108",
}  # fmt: skip


@pytest.mark.parametrize("given", GIVEN)
def test_a_parameter_that_is_null_is_told_where_a_value_is_needed(given: str) -> None:
    key = f"{given.partition(': ')[0]}: " if not given.startswith("{") else ""
    with pytest.raises(InputError) as caught:
        prove(from_text(HOLLOW.replace(given, f"{key}$n", 1)))
    assert [d.code for d in caught.value.diagnostics] == [GIVEN[given]]
    assert "null" in caught.value.diagnostics[0].message


def test_an_order_is_no_mapping_that_a_parameter_holds() -> None:
    told = HOLLOW.replace("n: }", "n: {sacn: raster}}").replace("{scan: raster, members: 1}", "$n")
    with pytest.raises(InputError, match="an order is the name of a scan, or a mapping"):
        from_text(told)
