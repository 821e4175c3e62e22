"""Trained models in Python: training, opening, saving with a card, and repositories by a client that is faked."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

import arspec
from arspec.analysis.report import prove
from arspec.model import Model, build
from arspec.saving import figures
from arspec.saving import folder as by_folder
from arspec.saving.card import MARK, card
from arspec.saving.hub import FILES
from arspec.saving.tensors import LINE, become, read_tensors, write_new, write_tensors
from arspec.training.loop import Summary
from tests.killed import killed_after
from tests.small import ROOT, refuses, small

SMALL = {"height": 8, "width": 8, "channels": 1, "levels": 17, "features": 6, "layers": 1, "kernel": 3}
HOW: dict[str, Any] = {"batch": 8, "samples": 0, "limit": 64, "limit_valid": 16, "device": "cpu", "tensorboard": False}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """A run of a few steps of a shipped spec on the digits."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    return arspec.train("gated_pixelcnn_class", "digits", out, params=SMALL, steps=3, lr=1e-2, **HOW)


@pytest.fixture
def model(trained: Summary) -> Model:
    return arspec.open(trained.folder, "cpu")


def same(one: Model, other: Model) -> bool:
    own, others = one.state_dict(), other.state_dict()
    return own.keys() == others.keys() and all(torch.equal(own[name], others[name]) for name in own)


# -- training and data -----------------------------------------------------------------------------------------------


def test_training_gives_a_model_and_its_figures(trained: Summary, model: Model) -> None:
    assert trained.steps == 3 and trained.finished and trained.valid is not None
    assert same(trained.model, model) and not model.training
    assert model.figures["bits_per_dim"] == trained.valid.bits_per_dim and model.figures["steps"] == 3
    assert same(arspec.load_model(trained.folder / "model.safetensors", "cpu"), model)


@pytest.mark.parametrize("name", ["w", "größe", "a.rather.long.name"])
@pytest.mark.parametrize("note", ["", "x", 'of "quotes"', "größer"])
def test_numbers_of_a_file_begin_with_a_line(name: str, note: str, tmp_path: Path) -> None:
    """In which the processor reads them as they lie there; what begins elsewhere is copied as it becomes a weight."""
    tensors = {name: torch.rand(3, 16), "whole": torch.arange(8), "half": torch.rand(32).bfloat16()}
    for write, path in ((write_tensors, tmp_path / "a"), (write_new, tmp_path / "b")):
        write(path, tensors, {"note": note})
        assert (8 + int.from_bytes(path.read_bytes()[:8], "little")) % LINE == 0
        found, record = read_tensors(path)
        assert record == {"note": note} and all(torch.equal(found[key], value) for key, value in tensors.items())
        assert found[name].data_ptr() % LINE == 0
    model = torch.nn.Linear(16, 3, bias=False)
    beside = torch.rand(64)[1:49].view(3, 16)
    become(model, {"weight": beside}, "a test")
    assert torch.equal(model.weight, beside) and model.weight.data_ptr() % LINE == 0


def test_a_file_is_what_safetensors_reads(tmp_path: Path) -> None:
    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
             torch.int8, torch.uint64, torch.uint32, torch.uint16, torch.uint8, torch.bool, torch.complex64,
             torch.float8_e4m3fn, torch.float8_e5m2)  # fmt: skip
    tensors = {str(kind): torch.arange(6).view(2, 3).T.to(kind) for kind in kinds}
    tensors |= {"one": torch.tensor(3.0), "none": torch.zeros(0, 4), "trained": torch.nn.Parameter(torch.ones(3))}
    write_tensors(tmp_path / "a", tensors, {"note": "größer"}, {"format": "pt"})
    found = load_file(tmp_path / "a")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype and found[name].tolist() == tensor.tolist()
    with safe_open(tmp_path / "a", framework="pt") as file:
        assert file.metadata()["format"] == "pt"


def test_a_run_goes_on_in_python(trained: Summary, tmp_path: Path) -> None:
    out = shutil.copytree(trained.folder, tmp_path / "run")
    again = arspec.train(out=out, resume=True, steps=4, device="cpu", tensorboard=False)
    assert (again.steps, again.finished) == (4, True) and not same(again.model, trained.model)
    refuses("AR814", lambda: arspec.train(out=out, resume=True, lr=0.5, device="cpu"), "lr 0.01, not 0.5")


def test_examples_of_ones_own_are_trained_on(tmp_path: Path) -> None:
    spec = arspec.load("gated_pixelcnn_class", params=SMALL)
    examples, valid = (arspec.load_data("digits", spec, split, limit=32) for split in ("train", "valid"))
    assert examples.x.shape == (32, 1, 8, 8) and examples.condition["label"].shape == (32,)
    how = {**HOW, "limit": None, "limit_valid": None}
    whole = arspec.train(spec, examples, tmp_path / "a", valid=valid, steps=2, **how)
    assert whole.valid is not None and whole.valid.examples == 32
    arspec.train(spec, examples, tmp_path / "b", steps=2, stop_after=1, **how)
    refuses("AR808", lambda: arspec.train(out=tmp_path / "b", resume=True, device="cpu"), "trained on")
    assert same(arspec.train(None, examples, tmp_path / "b", resume=True, **how).model, whole.model)


def test_what_training_can_not_take_is_told(tmp_path: Path) -> None:
    refuses(
        "AR808", lambda: arspec.train("made", "digits", tmp_path, stpes=3), "no option 'stpes'", "did you mean 'steps'"
    )
    refuses("AR808", lambda: arspec.train("made", "digits"), "needs a folder")
    refuses("AR808", lambda: arspec.train("made", out=tmp_path / "x"), "needs a spec and data")
    refuses("AR900", lambda: arspec.train("mad", "digits", tmp_path / "x"), "did you mean 'made'?")
    refuses("AR900", lambda: arspec.load_data("digits", "mad"), "did you mean 'made'?")
    assert list(tmp_path.iterdir()) == []


# -- folders ---------------------------------------------------------------------------------------------------------


def test_a_saved_model_stands_alone_with_its_card(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.names = {"label": tuple("abcdefghij")}
    folder = model.save(tmp_path / "mine")
    again: Any = arspec.open(folder, "cpu")
    assert same(again, model) and again.names == model.names and again.figures == model.figures
    assert torch.equal(again.sample(2, seed=1, label="b"), model.sample(2, seed=1, label=torch.tensor([1, 1])))
    card = (folder / "README.md").read_text()
    head, _, body = card.removeprefix("---\n").partition("---\n")
    assert yaml.safe_load(head) == {"library_name": "arspec", "tags": ["arspec", "autoregressive", "image"]}
    assert "| coverage | " in body and f"{model.figures['bits_per_dim']:.4f} bits/dim" in body and "16 examples" in body
    assert "base-spec.yaml" in body and "`features` 6" in body
    assert any((folder / f"diagram.{kind}").exists() for kind in ("svg", "dot"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "diagram.dot" in (model.save(tmp_path / "other") / "README.md").read_text()
    assert (tmp_path / "other" / "diagram.dot").exists()


@pytest.mark.parametrize("name", ["made", "gated_pixelcnn_class", "gated_pixelcnn_location", "wavenet_local"])
@pytest.mark.parametrize("named", [False, True])
def test_the_example_of_a_card_runs(name: str, named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(small(ROOT / "specs" / f"{name}.yaml")).eval()
    for condition, section in model.spec.condition.items():
        if section.kind == "class" and named:
            model.names[condition] = ('it\'s a "cat"', *(f"{k}" for k in range(section.classes - 1)))
    text = card(model.spec, prove(model.spec), model.names, {}, "diagram.dot")
    monkeypatch.setattr(arspec, "open", lambda name: model)  # pyright: ignore[reportUnknownLambdaType]
    found: dict[str, Any] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], found)
    assert found["x"].shape == (4, *model.spec.data.shape) and found["nats"].shape == (4,)


def test_names_of_others_are_plain_text_on_a_card(tmp_path: Path) -> None:
    odd = 'arspec: 1\nname: "a | `b` <b>c</b>"\nabout: |\n  [x](y) *so* <script>\nextends: made\n'
    (tmp_path / "odd.yaml").write_text(odd)
    spec = arspec.load(tmp_path / "odd.yaml", params={"height": 2, "width": 2, "hidden": 4, "members": 1})
    text = card(spec, prove(spec), {}, {"bits_per_dim": 1.0, "examples": 3, "data": "a|b/*.png"}, "diagram.svg")
    assert "# a \\| \\`b\\` &lt;b>c&lt;/b>\n\n\\[x\\](y) \\*so\\* &lt;script>\n" in text
    assert "| held out | 1.0000 bits/dim, 3 examples of a\\|b/\\*.png |" in text


def test_a_card_of_other_hands_stays(model: Model, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Mine\n")
    model.save(tmp_path)
    assert (tmp_path / "README.md").read_text() == "# Mine\n"
    (tmp_path / "README.md").write_text(f"{MARK}\n# Old\n")
    model.save(tmp_path)
    assert "# Old" not in (tmp_path / "README.md").read_text()


def test_a_model_is_replaced_by_another_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever saving is ended, the folder holds the old model or the new one, and files of other hands as they were;
    the next that saves leaves nothing of it behind."""
    monkeypatch.setattr(by_folder, "write_card", lambda *given: (given[-1] / "README.md").write_text(MARK))
    spec = arspec.load("made", params={"height": 2, "width": 2, "hidden": 4, "members": 1})
    old, new = arspec.compile(spec), arspec.compile(spec.variant(params={"hidden": 5}))
    old.figures = {"steps": 5}
    first = old.save(tmp_path / "first")
    (first / "notes.txt").write_text("mine")
    folder = tmp_path / "again"

    def after(calls: int) -> bool:
        """Whether the new model is there when saving is ended so early, in a folder that holds one model."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(first, folder)
        through = killed_after(calls, lambda: new.save(folder))
        model = arspec.open(folder, "cpu")
        assert same(model, new) or same(model, old)
        assert model.figures == ({} if same(model, new) else {"steps": 5})
        return same(model, new) or through

    low, high = 0, 256  # by halves, to where the new one is there first
    assert not after(low) and after(high)
    while high - low > 1:
        low, high = (low, middle) if after(middle := (low + high) // 2) else (middle, high)
    for calls in (low, high, high + 9, high + 25):
        after(calls)
        monkeypatch.setattr("arspec.files.atomic._alive", lambda _: False)  # the process that was killed
        assert same(arspec.open(old.save(folder), "cpu"), old)
        names = {"notes.txt", "README.md", "config.json", "figures.json", "model.safetensors", "spec.json", "spec.yaml"}
        assert {path.name for path in folder.iterdir()} == names


def test_a_spec_that_leaks_says_so_on_its_card(tmp_path: Path) -> None:
    made = arspec.load("made")
    leaky = Path(made.source.name).read_text().replace("mask: earlier", "mask: so_far")
    (tmp_path / "leaky.yaml").write_text(leaky)
    spec = arspec.load(tmp_path / "leaky.yaml", params={"hidden": 8, "members": 1})
    fix = f"`arspec verify {tmp_path / 'leaky.yaml'} --set hidden=8 --set members=1 --fix` looks for an edit"
    refuses("AR701", lambda: arspec.compile(spec), fix)
    model = arspec.compile(spec, check=False)
    assert "the spec leaks" in (model.save(tmp_path / "m") / "README.md").read_text()


def test_what_is_no_place_for_a_model_is_told(trained: Summary, model: Model, tmp_path: Path) -> None:
    refuses("AR810", lambda: model.save(trained.folder), "holds a training run")
    refuses("AR802", lambda: arspec.open(tmp_path / "nowhere"), "no model at")
    refuses("AR802", lambda: arspec.open(trained.folder.parent / "digit"), "digits'?")
    refuses("AR808", lambda: arspec.open(trained.folder, revision="main"), "a revision is of a repository")


def test_a_spec_is_told_from_a_model(trained: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("gated_pixelcnn", trained.folder / "spec.yaml", "gone.yml"):
        refuses("AR950", lambda given=given: arspec.open(given), "is a spec", "arspec.compile")
        refuses("AR950", lambda given=given: arspec.load_model(given), "is a spec")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained.folder, "made")  # a model of a spec's name comes first, as a file of a spec's name does
    shutil.copytree(trained.folder, "mine.yaml")
    assert same(arspec.open("made", "cpu"), arspec.open("mine.yaml", "cpu"))


@pytest.mark.parametrize(
    "text", ["", "no json", "[1]", '{"bits_per_dim": "much", "steps": 1e9}', '{"nats": NaN}', "\x00"]
)
def test_figures_that_are_damaged_are_none(text: str, tmp_path: Path) -> None:
    for name in (figures.FIGURES, figures.LOG):
        (tmp_path / name).write_text(text)
        assert figures.read_figures(tmp_path) == {}
        (tmp_path / name).unlink()


def test_the_figures_of_a_run_are_those_of_its_last_evaluation(tmp_path: Path) -> None:
    lines = [{"step": k, "valid_bits_per_dim": 3.0 - k / 100, "valid_examples": 7} for k in range(200)]
    text = "".join(json.dumps(line) + "\n" + json.dumps({"step": line["step"], "norm": 0.0}) + "\n" for line in lines)
    (tmp_path / figures.LOG).write_text(f"{' ' * figures.MOST_BYTES}\n{text}{{'cut")
    assert figures.read_figures(tmp_path) == {"steps": 199, "bits_per_dim": 3.0 - 1.99, "examples": 7}


# -- repositories ----------------------------------------------------------------------------------------------------


class Hub:
    """A hub in a folder, in place of the client of huggingface_hub; it writes down what it is asked for."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.asked = root, list[tuple[str, dict[str, Any]]]()
        hub = pytest.importorskip("huggingface_hub")
        monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", self.api)
        monkeypatch.setattr("huggingface_hub.hub_mixin.hf_hub_download", self.file)
        monkeypatch.setattr(hub, "snapshot_download", self.snapshot)
        from arspec.saving import hub as ours

        ours._mixin.cache_clear()  # pyright: ignore[reportPrivateUsage]

    def api(self, token: str | None) -> Hub:
        self.asked.append(("api", {"token": token}))
        return self

    def create_repo(self, repo_id: str, **options: Any) -> Any:
        self.asked.append(("create", {"repo_id": repo_id, **options}))
        return type("Answer", (), {"repo_id": repo_id})

    def upload_folder(self, repo_id: str, folder_path: Path, **options: Any) -> str:
        self.asked.append(("upload", {"repo_id": repo_id, **options}))
        shutil.copytree(folder_path, self.root / repo_id)
        return f"commit of {repo_id}"

    def file(self, repo_id: str, filename: str, **_: Any) -> str:
        if not (self.root / repo_id / filename).exists():
            raise FileNotFoundError(f"the hub has no {repo_id}")
        return str(self.root / repo_id / filename)

    def snapshot(self, repo_id: str, **options: Any) -> str:
        self.asked.append(("snapshot", {"repo_id": repo_id, **options}))
        return str(self.root / repo_id)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.chdir(tmp_path)
    return Hub(tmp_path / "hub", monkeypatch)


def test_a_model_goes_to_a_repository_and_comes_back(model: Model, hub: Hub) -> None:
    assert model.push_to_hub("someone/digits", private=True, token="t", branch="b") == "commit of someone/digits"
    sent = hub.root / "someone" / "digits"
    names = {path.name for path in sent.iterdir()}
    assert names >= {
        "model.safetensors",
        "spec.yaml",
        "base-spec.yaml",
        "spec.json",
        "config.json",
        "figures.json",
        "README.md",
    }
    assert MARK in (sent / "README.md").read_text()
    assert dict(hub.asked)["create"]["private"] is True and dict(hub.asked)["api"] == {"token": "t"}
    assert dict(hub.asked)["upload"]["revision"] == "b" and dict(hub.asked)["upload"]["repo_type"] == "model"
    for again in (
        arspec.open("someone/digits", "cpu", revision="v1"),
        Model.from_pretrained("someone/digits", device="cpu"),
    ):
        assert same(again, model) and again.figures == model.figures and not again.training
    asked = [options for name, options in hub.asked if name == "snapshot"]
    assert [options["revision"] for options in asked] == ["v1", None]
    assert asked[0]["allow_patterns"] == list(FILES)


def test_the_mixin_writes_folders_too(model: Model, hub: Hub, tmp_path: Path) -> None:
    assert model.save_pretrained(tmp_path / "a") is None
    assert same(Model.from_pretrained(tmp_path / "a", device="cpu"), model)
    assert model.save_pretrained(tmp_path / "a", push_to_hub=True, repo_id="someone/a") == "commit of someone/a"
    assert json.loads((tmp_path / "a" / "config.json").read_text())["library_name"] == "arspec"


def test_options_of_a_repository_need_one(model: Model, hub: Hub, tmp_path: Path) -> None:
    options: list[dict[str, Any]] = [{"repo_id": "someone/a"}, {"private": True}, {"commit_message": "x", "token": "y"}]
    for given in options:
        refuses("AR808", lambda given=given: model.save_pretrained(tmp_path / "a", **given), ", ".join(given))
    unknown: dict[str, Any] = {"nope": 3}
    with pytest.raises(TypeError, match="nope"):
        model.save_pretrained(tmp_path / "a", **unknown)
    assert not (tmp_path / "a").exists()
    model.save_pretrained(tmp_path / "a", push_to_hub=True, repo_id="someone/a", private=True)
    assert [options["private"] for name, options in hub.asked if name == "create"] == [True]


def test_what_a_hub_refuses_is_told(model: Model, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    refuses("AR911", lambda: arspec.open("someone/nothing"), "someone/nothing", "the hub has no")
    refuses("AR911", lambda: model.push_to_hub("no/such/name"), "no/such/name")
    (hub.root / "someone" / "damaged").mkdir(parents=True)
    (hub.root / "someone" / "damaged" / "config.json").write_text("{}")
    refuses("AR802", lambda: arspec.open("someone/damaged"), "no model at")


def test_a_hub_needs_its_package(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from arspec.saving import hub as ours

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    ours._mixin.cache_clear()  # pyright: ignore[reportPrivateUsage]
    for call in (lambda: arspec.open("someone/digits"), lambda: model.push_to_hub("someone/digits"),
                 lambda: model.save_pretrained("a"), lambda: Model.from_pretrained("a/b")):  # fmt: skip
        refuses("AR910", call, "pip install 'arspec[hub]'")
    assert not Path("a").exists()


# -- what calls are given ----------------------------------------------------------------------------------------------

SPOILT: list[Any] = [None, 3, b"x", ["a"], ""]


@pytest.mark.parametrize("given", SPOILT, ids=repr)
def test_what_is_no_path_is_told(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any) -> None:
    monkeypatch.chdir(tmp_path)
    other: Any = 3  # `train` without a folder writes none, which is no fault
    calls: list[Any] = [
        arspec.open, arspec.load, arspec.load_model, arspec.compile, arspec.verify, Model.from_pretrained, model.save,
        model.save_pretrained, model.push_to_hub, lambda path: arspec.render("made", path),
        lambda path: arspec.train("made", "digits", other if path is None else path),
    ]  # fmt: skip
    for call in calls:
        refuses("AR945", partial(call, given), "came")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("AR945", {"data": 3}), ("AR945", {"params": 3}), ("AR945", {"params": {3: 3}}), ("AR945", {"limit": "x"}),
        ("AR945", {"limit": 1.5}), ("AR945", {"limit_valid": "x"}), ("AR945", {"stop_after": "x"}),
        ("AR945", {"epochs": "x"}), ("AR945", {"valid": 3}), ("AR945", {"spec": 3}), ("AR808", {"steps": "x"}),
        ("AR808", {"steps": 2.5}), ("AR808", {"steps": None}), ("AR808", {"batch": True}), ("AR808", {"lr": "x"}),
        ("AR808", {"schedule": 3}), ("AR808", {"compile": 1}),
    ],
    ids=str,
)  # fmt: skip
def test_an_argument_of_train_of_another_type_is_told(tmp_path: Path, code: str, given: dict[str, Any]) -> None:
    out = tmp_path / "x"
    refuses(code, lambda: arspec.train(**{"spec": "made", "data": "digits", "out": out, **given}), " came")
    assert not out.exists()


@pytest.mark.parametrize("name", ["spec.yaml", "model.safetensors", "config.json"])
def test_files_of_other_hands_are_not_replaced_by_a_model(model: Model, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    refuses("AR946", lambda: model.save(tmp_path), name)
    if name != "config.json":
        refuses("AR946", lambda: arspec.train("made", "digits", tmp_path), name)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"


def test_a_place_that_no_model_can_have_is_told_as_such(model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / ("x" * 5000)):
        refuses("AR810", lambda place=place: model.save(place), "cannot write")
        refuses("AR810", lambda place=place: model.save_pretrained(place), "cannot write")


def test_a_shipped_spec_beside_its_own_name_is_meant_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made").mkdir()
    with pytest.raises(arspec.InputError) as caught:
        arspec.load("MADE")
    assert str(caught.value).count("'made'") == 1


def test_copies_of_a_model_share_what_torch_compile_made() -> None:
    spec = arspec.load("made", params={"height": 3, "width": 3, "hidden": 8, "members": 2})
    model, made = arspec.compile(spec), 0
    x = torch.arange(18).reshape(2, 9) % 2

    def counted(graph: Any, _: Any) -> Any:
        nonlocal made
        made += 1
        return graph.forward

    torch.compiler.reset()
    for number in range(10):  # more than torch's limit of recompilations
        own = copy.deepcopy(model)
        with torch.no_grad():
            for weight in own.parameters():
                weight.data.mul_(1 + number / 10)
        fast = torch.compile(own, backend=counted, fullgraph=True)
        for member in range(2):
            assert torch.allclose(fast(x, member), own(x, member), atol=1e-5)
        assert own.graph is model.graph and own.state_dict().keys() == model.state_dict().keys()
    assert made == 2
