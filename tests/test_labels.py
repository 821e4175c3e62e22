"""Classes by their names: read from folders and arrays, kept in a trained model, given and numbered by name."""

from __future__ import annotations

import argparse
import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import arspec
from arspec.cli.main import main
from arspec.cli.models import conditions_of, settle_labels
from arspec.data import load, load_for
from arspec.data.labels import class_list, class_numbers, earlier_order, listed, natural
from arspec.language.load import Spec, from_text
from arspec.language.sections import ClassCondition, ImageData, SequenceData
from arspec.training.checkpoint import load_model, save_model
from tests.test_data import refused

DATA = ImageData(kind="image", height=4, width=4, channels=1, levels=256)
SPEC = """
arspec: 1
data: {kind: image, height: 4, width: 4, levels: 256}
condition: {label: {kind: class, classes: $n}}
params: {n: 3}
graph:
  scaled: {layer: scale, from: x}
  first: {layer: conv, from: scaled, kernel: 3, out: 4, mask: earlier}
  gated: {layer: gate, condition: label}
  logits: {layer: conv, kernel: 1, out: $head, mask: so_far}
head: {kind: logistic_mixture, components: 1, from: logits}
"""


def label(classes: int) -> dict[str, ClassCondition]:
    return {"label": ClassCondition(kind="class", classes=classes)}


def fill(folder: Path, classes: dict[str, int], count: int = 3) -> Path:
    """Pictures whose every pixel is the number of their class."""
    for name, value in classes.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            Image.fromarray(np.full((4, 4), value, np.uint8)).save(folder / name / f"{k}.png")
    return folder


def pairs(source: Path | str, classes: int, split: str = "all", **given: object) -> set[tuple[int, int]]:
    """The classes of a source's examples: what the pictures say, and the label."""
    found = load(str(source), DATA, label(classes), split, **given)  # type: ignore[arg-type]
    return set(zip(found.x[:, 0, 0, 0].tolist(), found.condition["label"].tolist(), strict=True))


@cache
def spec(n: int = 3) -> Spec:
    return from_text(SPEC, "a.yaml", {"n": n})


@cache
def model() -> Any:
    """A model that was trained with cats, dogs and horses."""
    made = arspec.compile(spec())
    made.names = {"label": ("cat", "dog", "horse, wild")}
    return made.eval()


# -- folders ---------------------------------------------------------------------------------------------------------


def test_names_are_sorted_as_people_do() -> None:
    names = ["10", "2", "1", "a10b", "a9b", "B", "a", "007", "7", "é"]
    assert sorted(names, key=natural) == ["1", "2", "007", "7", "10", "B", "a", "a9b", "a10b", "é"]
    assert listed(map(str, range(40))).endswith("29 ... (40 in all)") and listed(["\x1b[2J"]) == "\\x1b[2J"
    assert sorted(["x" + "9" * 5000, "x10", "x9"], key=natural)[:2] == ["x9", "x10"]
    assert listed(["a", "b, c"]) == "a, 'b, c'"


def test_a_name_is_the_same_in_every_unicode_form(tmp_path: Path) -> None:
    taken_apart = "caf" + "e\u0301"
    assert class_list("caf\u00e9,tea", [taken_apart, "tea"], "label") == [0, 1]
    assert class_list(taken_apart, ["tea", "caf\u00e9"], "label") == [1]
    fill(tmp_path, {taken_apart: 3})
    found = load(str(tmp_path), DATA, label(2), "all", names={"label": ("tea", "caf\u00e9")})
    assert set(found.condition["label"].tolist()) == {1} and "no example of tea" in found.note


def test_class_folders_are_numbered_in_natural_order(tmp_path: Path) -> None:
    folder = fill(tmp_path / "f", {str(c): c for c in range(1, 13)})
    assert pairs(folder, 12) == {(c, c - 1) for c in range(1, 13)}
    found = load(str(folder), DATA, label(12), "train")
    assert found.names == {"label": tuple(str(c) for c in range(1, 13))}
    assert "12 classes by sub-folder: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12" in found.note
    (folder / ".cache").mkdir()
    (folder / ".cache" / "0.png").write_bytes((folder / "1" / "0.png").read_bytes())
    assert pairs(folder, 12) == {(c, c - 1) for c in range(1, 13)}
    (folder / "loose.png").write_bytes((folder / "1" / "0.png").read_bytes())
    assert "no classes: 1 of 37 files lie beside the sub-folders" in load(str(folder), DATA, {}, "all").note


def test_split_folders_are_splits_and_not_classes(tmp_path: Path) -> None:
    for part, count in (("train", 20), ("val", 2), ("test", 3)):
        fill(tmp_path / part, {"dog": 7, "cat": 5}, count)
    for part, count in (("train", 40), ("valid", 4), ("test", 6), ("all", 50)):
        found = load(str(tmp_path), DATA, label(2), part)
        assert len(found) == count and found.names["label"] == ("cat", "dog")
        assert "splits by sub-folder: train (40), val (4), test (6)" in found.note
        assert pairs(tmp_path, 2, part) == {(5, 0), (7, 1)}
    fill(tmp_path / "test", {"horse": 9})
    with refused("AR850", "not in its folder 'train': horse", "cat, dog"):
        load(str(tmp_path), DATA, label(3), "train")


def test_a_validation_split_is_cut_out_of_the_training_folder(tmp_path: Path) -> None:
    for part, count in (("Training", 20), ("testing", 3)):
        fill(tmp_path / part, {"cat": 5, "dog": 7}, count)
    train, valid = (load(str(tmp_path), DATA, label(2), part) for part in ("train", "valid"))
    assert (len(train), len(valid), len(load(str(tmp_path), DATA, label(2), "test"))) == (36, 4, 6)
    assert "a tenth, drawn by a fixed shuffle, of 'Training' is the validation split" in valid.note
    # a folder of that name alone is a class, as that of trains
    trains = fill(tmp_path / "vehicles", {"train": 1, "plane": 0})
    assert pairs(trains, 2) == {(0, 0), (1, 1)}
    only = fill(tmp_path / "only", {"train/cat": 1, "valid/cat": 1})
    with refused("AR803", "no sub-folder for the split 'test'", "train, valid, all"):
        load(str(only), DATA, {}, "test")


def test_split_folders_of_sound_and_text(tmp_path: Path) -> None:
    text = SequenceData(kind="sequence", length=4, levels=256, content="text")
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        for k in range(10):
            (tmp_path / part / f"{k}.txt").write_text(f"{part[:2]}{k}\n")
    found = {part: bytes(load(str(tmp_path), text, {}, part).side_by_side().x.ravel().astype(np.uint8)).decode()
             for part in ("train", "valid", "test")}  # fmt: skip
    assert found["train"] == "".join(f"tr{k}\n" for k in range(9)) and found["valid"] == "tr9\n"
    assert found["test"] == "".join(f"te{k}\n" for k in range(10))


# -- arrays ----------------------------------------------------------------------------------------------------------


def test_arrays_with_a_test_split_alone(tmp_path: Path) -> None:
    """As keras keeps MNIST: x_train, y_train, x_test, y_test of bytes."""
    y = np.arange(60, dtype=np.uint8) % 10
    x = np.repeat(y, 16).reshape(60, 4, 4)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    train, valid, test = (load(str(tmp_path / "a.npz"), DATA, label(10), part) for part in ("train", "valid", "test"))
    assert [len(part) for part in (train, valid, test)] == [54, 6, 20]
    assert "a tenth, drawn by a fixed shuffle, of 'x_train' is the validation split" in train.note
    for part in (train, valid, test):
        assert np.array_equal(part.x[:, 0, 0, 0], part.condition["label"])
    again = load(str(tmp_path / "a.npz"), DATA, label(10), "valid")
    assert np.array_equal(again.x, valid.x)
    assert len(load(str(tmp_path / "a.npz"), DATA, label(10), "all")) == 80
    np.savez(tmp_path / "b.npz", X_train=x, y_train=y[:, None], X_val=x[:7], y_val=y[:7, None])
    train, valid = (load(str(tmp_path / "b.npz"), DATA, label(10), part) for part in ("train", "valid"))
    assert (len(train), len(valid)) == (60, 7) and np.array_equal(train.condition["label"], y)
    with refused("AR803", "no array 'x_test'", "train, valid"):
        load(str(tmp_path / "b.npz"), DATA, label(10), "test")
    np.savez(tmp_path / "c.npz", x_train=x, y_train=y[:-1], x_test=x, y_test=y)
    with refused("AR804", "'y'", "60"):
        load(str(tmp_path / "c.npz"), DATA, label(10), "train")
    np.savez(tmp_path / "d.npz", x_train=x, x_val=x, x_valid=x)
    with refused("AR803", "two arrays 'x'"):
        load(str(tmp_path / "d.npz"), DATA, {}, "valid")


def test_labels_of_every_type_of_numpy(tmp_path: Path) -> None:
    x, y = np.arange(4, dtype=np.uint8).repeat(16).reshape(4, 4, 4), np.array([0, 1, 1, 0])
    for kind in (np.float64, np.float16, bool, np.uint8, np.int64):
        np.savez(tmp_path / "a.npz", x=x, y=y.astype(kind)[:, None])
        assert load(str(tmp_path / "a.npz"), DATA, label(2), "all").condition["label"].tolist() == [0, 1, 1, 0]
    np.savez(tmp_path / "a.npz", x=x, y=np.array(["\u00e9", "z", "z", "\u00e9"]).astype("U").tolist())
    np.savez(tmp_path / "b.npz", x=x, y=np.array([text.encode() for text in ["\u00e9", "z", "z", "\u00e9"]]))
    for name in ("a.npz", "b.npz"):
        assert load(str(tmp_path / name), DATA, label(2), "all").names == {"label": ("z", "\u00e9")}
    for wrong, hint in ((np.eye(2, dtype=int)[y], "np.argmax(labels, 1)"), (y + 0.5, "whole numbers from 0")):
        np.savez(tmp_path / "a.npz", x=x, y=wrong)
        with refused("AR807", "takes 4 class numbers", hint):
            load(str(tmp_path / "a.npz"), DATA, label(2), "all")
    np.savez(tmp_path / "a.npz", x=x, y=[["a", "b"]] * 4)
    with refused("AR807", "takes 4 class numbers, not <U1 [4, 2]"):
        load(str(tmp_path / "a.npz"), DATA, label(2), "all")


def test_labels_that_are_texts_are_numbered_alike_in_all_splits(tmp_path: Path) -> None:
    x = np.zeros((2, 4, 4), np.uint8)
    of = {"train": ["cat", "dog"], "valid": ["dog", "dog"], "test": ["dog", "cow"]}
    arrays: dict[str, Any] = {f"x_{part}": x for part in of} | {f"y_{part}": of[part] for part in of}
    np.savez(tmp_path / "a.npz", **arrays)
    valid = load(str(tmp_path / "a.npz"), DATA, label(2), "valid")
    assert valid.condition["label"].tolist() == [1, 1] and valid.names == {"label": ("cat", "dog")}
    with refused("AR850", "not among its labels for training: cow", "cat, dog"):
        load(str(tmp_path / "a.npz"), DATA, label(2), "test")
    np.savez(tmp_path / "b.npz", x=x.repeat(15, 0), y=["rare"] + ["b"] * 28 + ["a"])
    for part in ("train", "valid", "test"):
        assert load(str(tmp_path / "b.npz"), DATA, label(3), part).names == {"label": ("a", "b", "rare")}


def test_labels_that_are_texts_have_names(tmp_path: Path) -> None:
    x = np.repeat([5, 7, 5], 16).reshape(3, 4, 4).astype(np.uint8)
    for name in ("y", "label"):
        np.savez(tmp_path / "a.npz", **{"x": x, name: np.array(["dog", "cat", "dog"])})
        assert pairs(tmp_path / "a.npz", 2) == {(7, 0), (5, 1)}
        assert load(str(tmp_path / "a.npz"), DATA, label(2), "all").names == {"label": ("cat", "dog")}


# -- a model's names ---------------------------------------------------------------------------------------------------


def test_labels_go_by_name_and_not_by_place(tmp_path: Path) -> None:
    folder = fill(tmp_path / "f", {"dog": 7, "horse, wild": 9})
    found = load_for(model(), str(folder), "all")
    assert set(zip(found.x[:, 0, 0, 0].tolist(), found.condition["label"].tolist(), strict=True)) == {(7, 1), (9, 2)}
    assert found.names == model().names and "no example of cat" in found.note
    fill(folder, {"mouse": 1})
    with refused("AR850", "not trained with: mouse", "cat, dog, 'horse, wild'"):
        load_for(model(), str(folder), "all")
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 4, 4), np.uint8), y=[2, 0, 1])
    numbers = load_for(model(), str(tmp_path / "a.npz"), "all")
    assert sorted(numbers.condition["label"].tolist()) == [0, 1, 2]
    assert "labels of 'label' are numbers, taken for the model's classes in their order" in numbers.note
    (folder / "0.png").write_bytes((folder / "dog" / "0.png").read_bytes())
    with refused("AR806", "'label'", "a sub-folder for each class", "--label CLASS"):
        load_for(model(), str(folder), "all")


def test_a_count_of_classes_that_does_not_fit_has_a_mend(tmp_path: Path) -> None:
    folder = fill(tmp_path / "f", {name: k for k, name in enumerate("abcd")})
    with refused("AR807", "has 4 classes (a, b, c, d)", "classes 0 to 2", "--set n=4"):
        load_for(spec(), str(folder), "all")
    assert len(load_for(spec(4), str(folder), "all")) == 12
    assert "'label' has 6 classes, of which 4 come" in load_for(spec(6), str(folder), "all").note
    with refused("AR807", "label: {kind: class, classes: 4}"):
        load(str(folder), DATA, label(3), "all")
    np.savez(tmp_path / "a.npz", x=np.zeros((5, 4, 4), np.uint8), y=np.arange(5))
    with refused("AR807", "has the class 4", "--set n=5"):
        load_for(spec(), str(tmp_path / "a.npz"), "all")


def test_names_stand_for_numbers_in_python() -> None:
    by_number = model().sample(4, seed=1, label=torch.tensor([1, 0, 1, 0]))
    for given in (["dog", "cat"], ["dog", "cat", "dog", "cat"], ("dog", "cat"), np.array(["dog", "cat"])):
        assert torch.equal(model().sample(4, seed=1, label=given), by_number)
    dogs = torch.ones(4, dtype=torch.long)
    assert torch.equal(model().sample(4, seed=1, label="dog"), model().sample(4, seed=1, label=dogs))
    assert torch.equal(model().log_prob(by_number, label="dog"), model().log_prob(by_number, label=dogs))
    known = torch.zeros(1, 4, 4, dtype=torch.bool)
    assert torch.equal(model().complete(by_number, known, label="dog"), model().complete(by_number, known, label=dogs))
    assert np.array_equal(model().score(by_number, label="dog").bits, model().score(by_number, label=dogs).bits)
    assert torch.equal(model().decompress(model().compress(by_number, label=["dog", "cat"])), by_number)
    with refused("AR807", "'label' has no class 'dgo'", "did you mean 'dog'?"):
        model().sample(1, label="dgo")
    assert class_list("1..2,cat", ("cat", "dog", "bird"), "label") == [1, 2, 0]
    with refused("AR807", "2 classes for 3 examples"):
        model().sample(3, label=["dog", "cat"])
    for given in (1, [1], np.int64(1), np.array([1]), "dog"):
        assert torch.equal(model().sample(4, seed=1, label=given), model().sample(4, seed=1, label=dogs))
    assert torch.equal(model().sample(4, seed=1, label=[1, 0]), by_number)
    with refused("AR807", "2 classes for 3 examples"):
        model().sample(3, label=[1, 0])
    with refused("AR807", "has no names", "number from 0"):
        unnamed: Any = arspec.compile(spec())
        unnamed.sample(1, label="dog")


def test_names_are_taken_as_messages_list_them() -> None:
    names = ("3", "-x", "a=b", "cat, dog", "it's", "a'b,c")
    assert class_list("cat, dog", names, "label") == [3]
    for given, wanted in (
        ("'cat, dog'", [3]), ("'cat, dog', 3", [3, 0]), ("3,'cat, dog',-x", [0, 3, 1]), ("it's,3", [4, 0]),
        ("a'b,c", [5]), ("3..a=b", [0, 1, 2]), ("'3'", [0]),
    ):  # fmt: skip
        assert class_list(given, names, "label") == wanted, given
    for wrong in ("3,", ",3", "", "'", "'cat, dog'..it's", "'cat', dog"):
        with refused("AR807"):
            class_list(wrong, names, "label")
    assert class_list(listed(names[:5]), names, "label") == [0, 1, 2, 3, 4]
    assert class_numbers(["cat, dog", 2], names, "label", 4).tolist() == [3, 2, 3, 2]


def test_names_are_kept_in_a_model_folder(tmp_path: Path) -> None:
    save_model(model(), tmp_path)
    assert load_model(tmp_path, "cpu").names == model().names
    path = tmp_path / "classes.json"
    for damage, told in (
        ("{", "damaged"),
        ('{"classes": {"other": ["a"]}}', "no class condition 'other'"),
        ('{"classes": {"label": "abc"}}', "no list of names"),
        ('{"classes": {"label": ["a", "a"]}}', "each of them once"),
        ('{"classes": {"label": ["a", "b", "c", "d"]}}', "3 classes, and 4 names"),
        ('{"classes": [1]}', "damaged"),
        ("[" * 100_000, "damaged"),
    ):
        path.write_text(damage)
        with refused("AR802", "classes.json", told):
            load_model(tmp_path, "cpu")
    path.unlink()
    assert load_model(tmp_path, "cpu").names == {}


# -- the commands ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, trained by a command on three classes, of which one has a number for a name."""
    home = tmp_path_factory.mktemp("labels")
    (home / "a.yaml").write_text(SPEC)
    fill(home / "pets", {"cat": 5, "dog": 7, "2": 2}, 5)
    command = ["train", str(home / "a.yaml"), "--data", str(home / "pets"), "--out", str(home / "run"), "--steps", "1"]
    assert main([*command, "--samples", "0", "--batch", "4", "--no-tensorboard", "--device", "cpu", "--quiet"]) == 0
    return home


def test_a_trained_model_knows_its_classes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads((run / "run" / "classes.json").read_text())["classes"] == {"label": ["2", "cat", "dog"]}
    assert load_model(run / "run", "cpu").names == {"label": ("2", "cat", "dog")}

    def drawn(*options: str) -> list[int]:
        out = run / "x.npy"
        assert main(["sample", str(run / "run"), "-o", str(out), "--device", "cpu", *options]) == 0
        return np.load(out).tolist()

    numbers = drawn("--condition", "label=cat,2")
    by_number = load_model(run / "run", "cpu").sample(2, label=torch.tensor([1, 0]))
    assert numbers == drawn("--label", "cat,2", "-n", "2") == by_number.tolist()
    assert drawn("--label", "cat", "--label", "2") == numbers
    assert drawn("--label", "2..dog") == drawn("--label", "2,cat,dog")
    # where a class has a number for its name, no other number stands for a class
    for wrong, told in (("dgo", "did you mean 'dog'?"), ("1", "the classes are: 2, cat, dog"), ("dog..2", "no range")):
        assert main(["sample", str(run / "run"), "-o", str(run / "y.npy"), "--label", wrong, "--device", "cpu"]) == 2
        assert told in capsys.readouterr().err
    assert main(["sample", str(run / "run"), "-o", str(run / "y.npy"), "--device", "cpu"]) == 2
    assert "the classes are: 2, cat, dog" in capsys.readouterr().err
    assert main(["sample", str(run / "a.yaml"), "-o", str(run / "y.npy"), "--label", "cat", "--device", "cpu"]) == 2
    assert "has no names for its classes" in capsys.readouterr().err


def test_other_data_are_numbered_by_the_models_names(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = fill(tmp_path / "some", {"dog": 7, "cat": 5})
    evaluate = ["eval", str(run / "run"), "--split", "all", "--calibrate", "0", "--device", "cpu", "--json"]
    assert main([*evaluate, "--data", str(some)]) == 0
    told = json.loads(capsys.readouterr().out)
    trained: Any = load_model(run / "run", "cpu")
    x = torch.from_numpy(load(str(some), DATA, {}, "all").x.astype(np.int64))
    right = -trained.log_prob(x, label=["dog" if value == 7 else "cat" for value in x[:, 0, 0, 0].tolist()]).mean()
    assert told["nats"] == pytest.approx(right.item(), rel=1e-5) and "no example of 2" in told["note"]
    assert main([*evaluate, "--data", str(some / "cat"), "--label", "cat"]) == 0  # pictures without sub-folders
    cats = trained.log_prob(x[x[:, 0, 0, 0] == 5], label="cat")
    assert json.loads(capsys.readouterr().out)["nats"] == pytest.approx(-cats.mean().item(), rel=1e-5)
    fill(some, {"mouse": 1})
    assert main([*evaluate, "--data", str(some)]) == 2
    assert "AR850" in capsys.readouterr().err


def test_scores_and_containers_take_names(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = fill(tmp_path / "some", {"dog": 7, "cat": 5})
    out = tmp_path / "scores"
    for drawing in ("heat.draw_heat", "curves.draw_histograms"):  # the slow part, which is tested elsewhere
        monkeypatch.setattr(f"arspec.pictures.{drawing}", lambda *_: None)
    command = ["score", str(run / "run"), "--data", str(some), "--split", "all", "-o", str(out), "--device", "cpu"]
    assert main(command) == 0
    rows = list(csv.DictReader((out / "scores.csv").read_text().splitlines()))
    assert sorted(row["label"] for row in rows) == ["cat"] * 3 + ["dog"] * 3
    picture = some / "dog" / "0.png"
    container = tmp_path / "a.ars"
    assert main(["compress", str(run / "run"), str(picture), "-o", str(container), "--label", "dog", "--check"]) == 0
    assert main(["decompress", str(run / "run"), str(container), "-o", str(tmp_path / "back")]) == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back" / "0.png")), np.asarray(Image.open(picture)))


def test_a_run_goes_on_with_its_classes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the data are called by then: a class more is refused, and the numbers stay."""
    command = ["train", str(run / "a.yaml"), "--data", str(run / "pets"), "--out", str(run / "run"), "--resume",
               "--steps", "1", "--samples", "0", "--batch", "4", "--no-tensorboard", "--device", "cpu",
               "--quiet"]  # fmt: skip
    assert main(command) == 0
    fill(run / "pets", {"bird": 1}, 5)
    assert main(command) == 2
    assert "not trained with: bird" in capsys.readouterr().err


def test_a_run_of_an_earlier_version_goes_on_with_its_numbers(tmp_path: Path) -> None:
    """It keeps no names, and its sub-folders were numbered as texts are sorted."""
    (tmp_path / "a.yaml").write_text(SPEC)
    fill(tmp_path / "pets", {"2": 2, "9": 9, "10": 10}, 4)
    command = ["train", str(tmp_path / "a.yaml"), "--data", str(tmp_path / "pets"), "--out", str(tmp_path / "run"),
               "--batch",
               "4", "--samples", "0", "--no-tensorboard", "--device", "cpu", "--quiet"]  # fmt: skip
    assert main([*command, "--steps", "2", "--stop-after", "1"]) == 0
    kept = tmp_path / "run" / "classes.json"
    assert json.loads(kept.read_text())["classes"] == {"label": ["2", "9", "10"]}
    kept.unlink()
    assert main([*command, "--steps", "2", "--resume"]) == 0
    assert json.loads(kept.read_text())["classes"] == {"label": ["10", "2", "9"]}
    assert earlier_order({"a": ("T-shirt", "Bag")}) == {"a": ("T-shirt", "Bag")}


def test_a_label_needs_one_class_condition() -> None:
    two = SPEC.replace("}}\nparams", "}, other: {kind: class, classes: 2}}\nparams").replace(
        "  logits", "  more: {layer: condition, by: other}\n  logits"
    )
    made = arspec.compile(from_text(two, "a.yaml"))
    with refused("AR808", "the class conditions label, other", "--condition label=cat"):
        settle_labels(argparse.Namespace(label=["cat"], condition=[]), made)


def test_classes_that_are_given_one_by_one_are_joined() -> None:
    args = argparse.Namespace(label=["horse, wild", "cat,dog"], condition=[])
    settle_labels(args, model())
    assert conditions_of(model(), args.condition, None)[0]["label"].tolist() == [2, 0, 1]
    assert conditions_of(model(), ["label=1", "label=cat"], 4)[0]["label"].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    "wrong", [np.array(1.0), np.zeros(0), np.zeros((0, 2)), np.zeros((1, 1, 2)), np.full(2, np.nan), np.full(2, 1e300),
              np.zeros(3)]
)  # fmt: skip
def test_values_of_a_condition_that_it_cannot_have(tmp_path: Path, wrong: np.ndarray) -> None:
    text = SPEC.replace("{kind: class, classes: $n}", "{kind: vector, size: 2}").replace("params: {n: 3}\n", "")
    made = arspec.compile(from_text(text, "a.yaml"))
    np.save(tmp_path / "v.npy", wrong)
    with refused("AR807"):
        conditions_of(made, [f"label={tmp_path / 'v.npy'}"], 2)
    np.save(tmp_path / "v.npy", np.ones(2))
    assert conditions_of(made, [f"label={tmp_path / 'v.npy'}"], 2)[0]["label"].tolist() == [[1, 1], [1, 1]]
    with refused("AR808", "comes twice"):
        conditions_of(made, [f"label={tmp_path / 'v.npy'}"] * 2, 2)
    with refused("AR808", "written as NAME=VALUE"):
        conditions_of(made, ["label"], 2)
