"""Sources, their adaptation to a spec, the writers, and what is refused."""

from __future__ import annotations

import os
import pickle
import re
import struct
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from arspec.data import Examples, cache, load, write
from arspec.data.fetch import fetch
from arspec.data.mu_law import decode_linear, decode_mu_law, encode_linear, encode_mu_law
from arspec.data.options import options_help
from arspec.data.restricted_pickle import load_arrays
from arspec.data.sound import read_sound
from arspec.data.wav import write_wav
from arspec.diagnostics import InputError, explain
from arspec.files.atomic import replacing
from arspec.language.sections import ClassCondition, ImageData, MapCondition, SequenceData, VectorCondition, VectorData

DIGITS = ImageData(kind="image", height=8, width=8, channels=1, levels=17)
LABEL = {"label": ClassCondition(kind="class", classes=10)}
TEXT = SequenceData(kind="sequence", length=16, levels=128, content="text")
AUDIO = SequenceData(kind="sequence", length=100, levels=256, content="audio", rate=8000)


def pixels(path: Path) -> np.ndarray:
    """A picture as it lies in its file, [H, W, channels]."""
    with Image.open(path) as file:
        return np.asarray(file)


def refused(code: str, *parts: str):
    """A context in which an InputError with this code is raised, whose text holds the parts."""
    return _Refused(code, parts)


class _Refused:
    def __init__(self, code: str, parts: tuple[str, ...]) -> None:
        self.code, self.parts = code, parts

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        assert isinstance(error, InputError), f"expected {self.code}, got {error!r}"
        assert error.code == self.code, str(error)
        for part in self.parts:
            assert part in str(error), str(error)
        return True


# ------------------------------------------------------------------ companding


@pytest.mark.parametrize("levels", [2, 16, 255, 256, 1024])
def test_mu_law_returns_every_code(levels: int) -> None:
    codes = np.arange(levels)
    assert (encode_mu_law(decode_mu_law(codes, levels), levels) == codes).all()


def test_mu_law_follows_the_formula() -> None:
    x = np.linspace(-1, 1, 1001)
    companded = np.sign(x) * np.log(1 + 255 * np.abs(x)) / np.log(256)
    assert (encode_mu_law(x) == ((companded + 1) / 2 * 255 + 0.5).astype(int)).all()
    assert encode_mu_law(np.array([-2.0, -1.0, 0.0, 1.0, 3.0])).tolist() == [0, 0, 128, 255, 255]
    assert np.abs(decode_mu_law(encode_mu_law(x)) - x).max() < 0.025


@pytest.mark.parametrize("levels", [2, 256, 65536])
def test_linear_steps_return_every_code(levels: int) -> None:
    codes = np.arange(levels)
    assert (encode_linear(decode_linear(codes, levels), levels) == codes).all()


def test_sixteen_bit_samples_survive(tmp_path: Path) -> None:
    samples = np.arange(-32768, 32768)
    codes = encode_linear(samples / 32768)
    assert (codes == samples + 32768).all()
    write_wav(tmp_path / "all.wav", decode_linear(codes), 16000)
    again = read_sound(tmp_path / "all.wav")
    assert again.rate == 16000 and (again.samples * 32768 == samples).all()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_widths_and_channels(tmp_path: Path, width: int) -> None:
    values = [-1.0, -0.5, 0.0, 0.5]
    whole = [round(v * 2 ** (8 * width - 1)) for v in values]
    frames = b"".join(
        struct.pack("<B", v + 128) if width == 1 else v.to_bytes(width, "little", signed=True)
        for v in whole
        for _ in "lr"
    )
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(frames)
    assert read_sound(tmp_path / "a.wav").samples.tolist() == values


# ------------------------------------------------------------------ named sets


def test_digits_are_split_the_same_way_every_time() -> None:
    parts = [load("digits", DIGITS, LABEL, split) for split in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [1439, 179, 179]
    everything = load("digits", DIGITS, LABEL, "all")
    assert len(everything) == 1797
    rows = {row.tobytes() for part in parts for row in part.x}
    assert rows == {row.tobytes() for row in everything.x}
    again = load("digits", DIGITS, LABEL, "test", seed=7)
    assert (again.x == parts[2].x).all() and (again.condition["label"] == parts[2].condition["label"]).all()
    x, condition = parts[0].take(np.array([3, 1]))
    assert x.dtype == np.int64 and x.shape == (2, 1, 8, 8)
    assert condition["label"].dtype == np.int64
    assert int(everything.x.max()) == 16 and set(everything.condition["label"].tolist()) == set(range(10))


def test_binarization_is_a_seeded_draw() -> None:
    binary = DIGITS.model_copy(update={"levels": 2})
    first, same, other = (load("digits", binary, {}, "train", seed) for seed in (0, 0, 1))
    assert (first.x == same.x).all() and (first.x != other.x).any()
    grey = load("digits", DIGITS, {}, "train").x
    assert set(np.unique(first.x)) == {0, 1}
    assert (first.x[grey == 0] == 0).all() and (first.x[grey == 16] == 1).all()
    assert abs(first.x[grey == 4].mean() - 0.25) < 0.03
    assert "probability value/16" in first.note and "seed 0" in first.note


def test_levels_are_reduced_where_the_name_asks() -> None:
    four = load("digits@levels=4", DIGITS.model_copy(update={"levels": 4}))
    grey = load("digits", DIGITS)
    assert (four.x == grey.x.astype(int) * 4 // 17).all() and "17 levels to 4" in four.note
    spread = load("digits@levels=256", DIGITS.model_copy(update={"levels": 256}))
    assert int(spread.x.max()) == 255
    with refused("AR804", "has 17 levels, the spec 256", "NAME@levels=256"):
        load("digits", DIGITS.model_copy(update={"levels": 256}))
    with refused("AR803", "whole number from 2"):
        load("digits@levels=many", DIGITS)


def test_images_and_vectors_of_the_same_size_are_the_same() -> None:
    vector = VectorData(kind="vector", size=64, levels=17)
    as_vector, as_image = load("digits", vector), load("digits", DIGITS)
    assert as_vector.x.shape == (1439, 64) and "row by row" in as_vector.note
    assert (as_vector.x.reshape(-1, 1, 8, 8) == as_image.x).all()


def _named(data: Any, **params: str) -> Any:
    """The section with keys that are parameters of its spec."""
    data.name_params(params)
    return data


@pytest.mark.parametrize("named", ["levels height width channels", "height width", ""])
def test_all_that_does_not_fit_is_told_with_settings_that_do(named: str) -> None:
    changes = {"levels": 256, "height": 32, "width": 16, "channels": 3}
    data = _named(DIGITS.model_copy(update=changes), **{name: f"own_{name}" for name in named.split()})
    with pytest.raises(InputError, match="AR804") as caught:
        load("digits", data, {"label": ClassCondition(kind="class", classes=5)})
    told = caught.value
    for part in ("17 levels", "images of 8x8", "models 32x16", "one channel", "3 channels", "the class 9"):
        assert part in told.message, told.message
    assert told.help is not None
    settings = dict(re.findall(r"--set own_(\w+)=(\d+)", told.help))
    assert sorted(settings) == sorted(named.split())
    settings |= dict(re.findall(r"(\w+): (\d+)", told.help.partition("in the spec's data section")[0]))
    fits = DIGITS.model_copy(update={**changes, **{name: int(value) for name, value in settings.items()}})
    assert load("digits", fits).shape == (1, 8, 8)


def test_options_that_fit_the_source_to_the_spec_are_told_together() -> None:
    wanted = DIGITS.model_copy(update={"levels": 256, "height": 32, "width": 16})
    with pytest.raises(InputError, match="AR804") as caught:
        load("digits", wanted)
    options = re.search(r"NAME(@\S+) fits the data", str(caught.value.help))
    assert options is not None and load(f"digits{options[1]}", wanted).shape == (1, 32, 16)


def test_what_does_not_fit_names_both_sides(tmp_path: Path) -> None:
    with refused("AR804", "images of 8x8", "the spec models 28x28"):
        load("digits", DIGITS.model_copy(update={"height": 28, "width": 28}))
    with refused("AR804", "one channel", "3 channels"):
        load("digits", DIGITS.model_copy(update={"channels": 3}))
    with refused("AR804", "the spec models a vector of 63"):
        load("digits", VectorData(kind="vector", size=63, levels=17))
    with refused("AR804", "images of 8x8", "the spec models a sequence of 63", "--set", "64 numbers, row by row"):
        load("digits", _named(SequenceData(kind="sequence", length=63, levels=17), length="steps"))
    with refused("AR803", "no data set, file or folder", "shakespeare", "is looked for from the folder"):
        load("cifar", DIGITS)
    with refused("AR803", "train, valid, test and all"):
        load("digits", DIGITS, {}, "validation")
    with refused("AR803", "'.csv'", "np.loadtxt"):
        (tmp_path / "table.csv").write_text("1,2\n")
        load(str(tmp_path / "table.csv"), DIGITS)
    with refused("AR806", "'place'", "'label', 'place'", "score and complete take --condition place=VALUE"):
        load("digits", DIGITS, {**LABEL, "place": VectorCondition(kind="vector", size=2)})
    with refused("AR807", "classes 0 to 4", "set `classes` higher"):
        load("digits", DIGITS, {"label": ClassCondition(kind="class", classes=5)})


def test_sets_that_are_not_fetched_say_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARSPEC_DATA", str(tmp_path))
    with refused("AR803", "arspec data mnist"):
        load("mnist", DIGITS)
    with refused("AR803", "no data set 'cifar'"):
        fetch("cifar")
    assert fetch("digits") == (None, False)


def test_a_cached_set_is_read_and_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARSPEC_DATA", str(tmp_path / "deep"))
    images = np.arange(20 * 28 * 28).reshape(20, 28, 28).astype(np.uint8)
    labels = np.arange(20, dtype=np.uint8) % 10
    arrays = {
        f"{split}_{key}": values
        for split in ("train", "valid", "test")
        for key, values in zip("xy", (images, labels), strict=True)
    }
    cache.store("mnist", arrays, {"licence": "none"})
    assert fetch("mnist") == (tmp_path / "deep" / "mnist.npz", False)
    data = ImageData(kind="image", height=28, width=28, channels=1, levels=256)
    assert (load("mnist", data, LABEL, "valid").x[:, 0] == images).all()
    (tmp_path / "deep" / "mnist.npz").write_bytes(b"PK broken")
    with refused("AR803", "cannot read"):
        load("mnist", data)


def test_the_command_lists_and_refuses() -> None:
    tool = Path(__file__).parent.parent / "tools" / "data"
    listed = subprocess.run([tool], capture_output=True, text=True, check=True)
    for name in ("digits", "mnist", "fashion_mnist", "photos32", "speech", "shakespeare"):
        assert f"{name}:" in listed.stdout
    assert "licence:" in listed.stdout
    wrong = subprocess.run([tool, "cifar"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr and "cifar" in wrong.stderr


def test_only_arrays_leave_a_pickle() -> None:
    arrays = (np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2]))
    loaded = load_arrays(pickle.dumps(arrays, protocol=3))
    assert (loaded[0] == arrays[0]).all() and (loaded[1] == arrays[1]).all()

    class Evil:
        def __reduce__(self) -> object:
            return os.system, ("true",)

    with refused("AR803", "refused", "system"):
        load_arrays(pickle.dumps(Evil()))
    with refused("AR803", "damaged"):
        load_arrays(pickle.dumps(arrays, protocol=3)[:-20])
    with refused("AR803", "refused"):
        load_arrays(b"cbuiltins\neval\n(S'1'\ntR.")


# ------------------------------------------------------------------ a person's own files


def test_a_folder_of_images(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for i in range(20):
        folder = tmp_path / ("cats" if i % 2 else "dogs")
        folder.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (5, 7, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    data = ImageData(kind="image", height=5, width=7, channels=3, levels=256)
    label = {"label": ClassCondition(kind="class", classes=2)}
    parts = [load(str(tmp_path), data, label, split) for split in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [16, 2, 2]
    assert "cats, dogs" in parts[0].note
    grey = load(str(tmp_path), data.model_copy(update={"channels": 1}), {}, "all")
    assert grey.x.shape == (20, 1, 5, 7)
    one = load(str(tmp_path / "cats" / "1.png"), data, {}, "test")
    assert len(one) == 1
    assert (one.x[0] == pixels(tmp_path / "cats" / "1.png").transpose(2, 0, 1)).all()
    Image.new("RGB", (9, 9)).save(tmp_path / "cats" / "big.png")
    with refused("AR804", "different sizes", "9x9"):
        load(str(tmp_path), data, {}, "all")
    (tmp_path / "cats" / "big.png").write_bytes(b"no picture")
    with refused("AR803", "big.png as an image"):
        load(str(tmp_path), data, {}, "all")
    with refused("AR803", "holds no file"):
        load(str(tmp_path), AUDIO)


def test_arrays(tmp_path: Path) -> None:
    data = ImageData(kind="image", height=4, width=6, channels=3, levels=8)
    x = np.random.default_rng(0).integers(0, 8, (30, 4, 6, 3))
    np.save(tmp_path / "last.npy", x)
    moved = load(str(tmp_path / "last.npy"), data, {}, "all")
    assert moved.x.shape == (30, 3, 4, 6) and "channels moved" in moved.note
    np.save(tmp_path / "float.npy", x.astype(np.float64))
    assert (load(str(tmp_path / "float.npy"), data, {}, "all").x == moved.x).all()
    np.save(tmp_path / "fractions.npy", x / 8)
    with refused("AR804", "fractions"):
        load(str(tmp_path / "fractions.npy"), data)
    np.save(tmp_path / "high.npy", x + 1)
    with refused("AR804", "the value 8", "levels 0 to 7"):
        load(str(tmp_path / "high.npy"), data)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with refused("AR803", "cannot read"):
        load(str(tmp_path / "objects.npy"), data)
    with (tmp_path / "several.npy").open("wb") as file:
        np.savez(file, x=x)
    with refused("AR803", "several arrays", ".npz"):
        load(str(tmp_path / "several.npy"), data)
    np.save(tmp_path / "two.npy", x[:2])
    with refused("AR803", "2 examples are too few", "give 3 or more; eval", "--split all"):
        load(str(tmp_path / "two.npy"), data, {}, "test")
    (tmp_path / "a.xyz").write_text("?")
    with refused("AR803", "'.xyz'"):
        load(str(tmp_path / "a.xyz"), data)


@pytest.mark.parametrize(
    "array",
    [np.array(3), np.zeros((2, 1, 8, 0), int), np.zeros((2, 1, 1, 8, 8), int), np.full((2, 8, 8), 1e300),
     np.full((2, 8, 8), 2**60),
     np.full((2, 8, 8), 2**63, np.uint64), np.full((2, 8, 8), np.nan), np.full((2, 8, 8), -1), np.full((2, 8, 8), 1j),
     np.full((2, 8, 8), "a"),
     np.zeros((2, 8), [("a", "i4")])],
    ids=lambda array: f"{array.dtype.kind}{array.shape}",
)  # fmt: skip
@pytest.mark.parametrize("option", ["", "@size=8", "@levels=17"])
def test_strange_arrays_are_refused(tmp_path: Path, array: np.ndarray, option: str) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", x=array)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(InputError) as caught:
            load(f"{tmp_path / name}{option}", DIGITS, {}, "all")
        assert caught.value.code in ("AR803", "AR804")


def test_npz_carries_conditions_and_splits(tmp_path: Path) -> None:
    condition = {**LABEL, "where": MapCondition(kind="map", channels=2, height=8, width=8)}
    x, where = np.zeros((40, 8, 8), int), np.random.default_rng(0).random((40, 2, 8, 8))
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 10, where=where)
    parts = [load(str(tmp_path / "a.npz"), DIGITS, condition, split) for split in ("train", "valid", "test", "all")]
    assert [len(part) for part in parts] == [32, 4, 4, 40]
    assert parts[0].condition["where"].dtype == np.float32 and parts[0].condition["where"].shape == (32, 2, 8, 8)
    np.savez(tmp_path / "b.npz", x_train=x, label_train=np.zeros(40, int), x_test=x[:3], label_test=np.ones(3, int))
    test = load(str(tmp_path / "b.npz"), DIGITS, LABEL, "test")
    assert len(test) == 3 and test.condition["label"].tolist() == [1, 1, 1]
    valid = load(str(tmp_path / "b.npz"), DIGITS, LABEL, "valid")  # cut out of the training arrays
    assert len(valid) == 4 and "of 'x_train' is the validation split" in valid.note
    np.savez(tmp_path / "e.npz", x_train=x, x_valid=x)
    with refused("AR803", "x_test"):
        load(str(tmp_path / "e.npz"), DIGITS, {}, "test")
    np.savez(tmp_path / "c.npz", x=x, label=np.zeros(39, int))
    with refused("AR804", "'label'", "40"):
        load(str(tmp_path / "c.npz"), DIGITS, LABEL)
    np.savez(tmp_path / "d.npz", x=x, where=where[:, :1], label=np.zeros(40, int))
    with refused("AR807", "'where'", "2, 8, 8"):
        load(str(tmp_path / "d.npz"), DIGITS, condition)


def test_text_is_cut_into_pieces(tmp_path: Path) -> None:
    text = "".join(chr(97 + i % 26) for i in range(1000))
    (tmp_path / "a.txt").write_text(text)
    train, valid, test = (load(str(tmp_path / "a.txt"), TEXT, {}, split) for split in ("train", "valid", "test"))
    assert train.x.shape == (800 - 16 + 1, 16) and train.per_pass == 50 and train.overlapping
    assert bytes(train.take(np.array([3]))[0][0].astype(np.uint8)).decode() == text[3:19]
    assert valid.x.shape == (6, 16) and test.x.shape == (6, 16) and "last 4 are left out" in test.note
    assert bytes(test.x[0]).decode() == text[900:916]
    assert train.side_by_side().x.shape == (50, 16) and not train.side_by_side().overlapping
    assert train.first(2).side_by_side().x.shape == (2, 16) and train.first(2).x.shape == (17, 16)
    (tmp_path / "b.txt").write_text("naïve " * 100)
    with refused("AR804", "the value 195", "levels: 256"):
        load(str(tmp_path / "b.txt"), TEXT)
    assert load(str(tmp_path / "b.txt"), TEXT.model_copy(update={"levels": 256}), {}, "all").x.max() == 195
    (tmp_path / "c.txt").write_text("short")
    with refused("AR804", "shorter than the spec's length 16"):
        load(str(tmp_path / "c.txt"), TEXT)
    with refused("AR804", "is text, the spec models audio"):
        load(str(tmp_path / "a.txt"), AUDIO)
    with refused("AR804", "is text, the spec models an image"):
        load(str(tmp_path / "a.txt"), DIGITS)


def test_waves_by_file_and_by_folder(tmp_path: Path) -> None:
    for i in range(10):
        write_wav(tmp_path / f"{i}.wav", np.sin(np.arange(500) / (i + 5)), 8000)
    one = load(str(tmp_path / "0.wav"), AUDIO, {}, "all")
    expected = encode_mu_law(read_sound(tmp_path / "0.wav").samples)
    assert (one.x.reshape(-1) == expected).all() and "mu-law" in one.note
    test = load(str(tmp_path), AUDIO, {}, "test")
    assert (test.x.reshape(-1) == encode_mu_law(read_sound(tmp_path / "9.wav").samples)).all()
    assert load(str(tmp_path), AUDIO, {}, "train").per_pass == 8 * 500 // 100
    with refused("AR804", "8000 Hz, the spec 16000 Hz"):
        load(str(tmp_path), AUDIO.model_copy(update={"rate": 16000}))
    (tmp_path / "9.wav").write_bytes(b"RIFF....")
    with refused("AR803", "cannot read", "9.wav as sound"):
        load(str(tmp_path), AUDIO, {}, "test")


# ------------------------------------------------------------------ writers


def test_png_grids(tmp_path: Path) -> None:
    x = load("digits", DIGITS).x[:6]
    assert write(x, DIGITS, tmp_path / "deep" / "a.png", columns=3) == [tmp_path / "deep" / "a.png"]
    picture = pixels(tmp_path / "deep" / "a.png")
    assert picture.shape == (2 * 58 + 2, 3 * 58 + 2, 3)  # each image 7 times larger, a gap of 2
    assert (picture[2 : 2 + 56 : 7, 2 : 2 + 56 : 7, 0] == np.rint(x[0, 0] * 255.0 / 16)).all()
    unknown = x.astype(int)
    unknown[:, :, 4:] = -1
    write(unknown, DIGITS, tmp_path / "b.png")
    assert pixels(tmp_path / "b.png")[50, 5].tolist() == [64, 96, 160]
    vector = VectorData(kind="vector", size=6, levels=2, display=(2, 3))
    write(np.ones((1, 6), int), vector, tmp_path / "c.png")
    assert pixels(tmp_path / "c.png").shape[:2] == (2 * 28 + 4, 3 * 28 + 4)
    assert not list(tmp_path.rglob(".*"))


def test_text_waves_and_arrays_are_written(tmp_path: Path) -> None:
    write(np.array([[104, 105], [104, 111]]), TEXT, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text().splitlines()[0] == "hi"
    codes = np.array([[0, 128, 255] * 40, [128] * 120])
    paths = write(codes, AUDIO, tmp_path / "a.wav")
    assert [path.name for path in paths] == ["a-0.wav", "a-1.wav"]
    assert (encode_mu_law(read_sound(paths[0]).samples) == codes[0]).all()
    write(codes, AUDIO, tmp_path / "a.npy")
    assert (np.load(tmp_path / "a.npy") == codes).all()
    with refused("AR809", "'.png'", ".wav or .npy"):
        write(codes, AUDIO, tmp_path / "a.png")
    with refused("AR809", ".png or .npy"):
        write(np.zeros((1, 1, 8, 8), int), DIGITS, tmp_path / "a.jpg")


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(RuntimeError), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "before" and len(list(tmp_path.iterdir())) == 1
    with refused("AR810", "cannot write"), replacing(tmp_path / "a.txt" / "b.txt"):
        pass


def test_importing_the_package_is_light() -> None:
    heavy = "('torch', 'PIL', 'sklearn', 'scipy')"
    code = f"import sys, arspec.data, arspec.training; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_examples_are_cut_to_a_limit() -> None:
    examples = load("digits", DIGITS, LABEL)
    assert isinstance(examples, Examples)
    assert len(examples.first(5)) == 5 and len(examples.first(5).condition["label"]) == 5
    assert examples.first(None) is examples and examples.first(10**6) is examples


def test_a_single_class_needs_no_labels(tmp_path: Path):
    np.save(tmp_path / "waves.npy", np.arange(300) % 256)
    condition = {"speaker": ClassCondition(kind="class", classes=1)}
    examples = load(str(tmp_path / "waves.npy"), AUDIO, condition, "all")
    assert examples.condition["speaker"].tolist() == [0] * len(examples)


# ------------------------------------------------------------------ options behind a name, patterns


def test_options_follow_one_another_and_paths_may_hold_their_mark(tmp_path: Path) -> None:
    four = DIGITS.model_copy(update={"levels": 4})
    for name in ("me@home", "a@levels=4", "b@c=d"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "x.npy", np.arange(64).reshape(1, 8, 8))
        place = str(tmp_path / name / "x.npy")
        assert load(place, DIGITS.model_copy(update={"levels": 64}), {}, "all").x.max() == 63
        assert load(f"{place}@levels=4", four, {}, "all").x.max() == 3
    with refused("AR840", "no option 'level'", "did you mean 'levels'?"):
        load("digits@level=4", four)
    with refused("AR840", "comes twice"):
        load("digits@levels=4@levels=2", four)
    with refused("AR803", "whole number from 2", "'1' came"):
        load("digits@levels=1", four)
    with refused("AR803", "no data set, file or folder"):
        load("nowhere@b=1/x.png", four)
    with refused("AR840", "@filter is of @size and @resize"):
        load("digits@filter=box", four)
    (tmp_path / "a.txt").write_text("some text " * 10)
    with refused("AR840", "@levels= is for images and array", "this source is text"):
        load(f"{tmp_path}/a.txt@levels=4", TEXT)


def test_every_option_is_explained() -> None:
    page = explain("AR840")
    for line in options_help().splitlines():
        assert line.split(" ")[0] in page, line


def test_patterns_name_regular_files(tmp_path: Path) -> None:
    data = DIGITS.model_copy(update={"levels": 256})
    label = {"label": ClassCondition(kind="class", classes=2)}
    for i in range(6):
        folder = tmp_path / "p" / ("a" if i < 3 else "b")
        folder.mkdir(exist_ok=True, parents=True)
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(folder / f"{i}.png")
    (tmp_path / "p" / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "p" / "a" / "9.png").mkdir()
    os.mkfifo(tmp_path / "p" / "a" / "8.png")
    some = load(f"{tmp_path}/p/a/*", data, {}, "all")
    assert sorted(set(some.x.ravel().tolist())) == [0, 1, 2]
    both = load(f"{tmp_path}/p/*/*.png", data, label, "all")
    assert (both.condition["label"] == (both.x[:, 0, 0, 0] >= 3)).all() and "a, b" in both.note
    assert sorted(set(load(f"{tmp_path}/**/[45].png", data, {}, "all").x.ravel().tolist())) == [4, 5]
    with refused("AR803", "no data set, file or folder, and no file matches it"):
        load(f"{tmp_path}/p/a/*.jpg", data)
    with refused("AR803", "no regular file"):
        load(f"{tmp_path}/p/a/8.png", data)
    with refused("AR803", "cannot read"):
        load("x" * 5000, data)


def test_links_are_followed_and_end(tmp_path: Path) -> None:
    data = DIGITS.model_copy(update={"levels": 256})
    for number, name in enumerate(("elsewhere", "p/a", "p/.hidden", "p/__MACOSX/a")):
        (tmp_path / name).mkdir(parents=True)
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(tmp_path / name / "x.png")
    (tmp_path / "p" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "p" / "a" / "again").symlink_to(tmp_path / "p")
    found = load(str(tmp_path / "p"), data, {"label": ClassCondition(kind="class", classes=2)}, "all")
    pairs = zip(found.x[:, 0, 0, 0].tolist(), found.condition["label"].tolist(), strict=True)
    assert sorted(pairs) == [(0, 1), (1, 0)]
    (tmp_path / "p" / "a" / "y.png").symlink_to("nowhere")
    for source in ("p", "p/a/y.png", "p/a/*.png"):
        with refused("AR803", "y.png is a link to a place where there is nothing"):
            load(f"{tmp_path}/{source}", data, {}, "all")


def test_a_channel_that_is_taken_as_alpha_is_told(tmp_path: Path) -> None:
    for channels in (3, 4):
        np.save(tmp_path / "a.npy", np.zeros((1, channels, 16, 16), np.uint8))
        data = DIGITS.model_copy(update={"channels": channels})
        note = load(f"{tmp_path}/a.npy@size=8", data, {}, "all").note
        assert ("the last channel weighs the others as alpha" in note) == (channels == 4)


@pytest.mark.parametrize("option", ["@size=99999", "@resize=99999", "@size=9000"])
def test_a_size_beyond_all_memory_is_refused(tmp_path: Path, option: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1, 8, 8), np.uint8))
    Image.fromarray(np.zeros((2, 8), np.uint8)).save(tmp_path / "a.png")
    for name in ("a.npy", "a.png"):
        with refused("AR804", "images of at most 67,108,864 pixels are made"):
            load(f"{tmp_path}/{name}{option}", DIGITS, {}, "all")


def test_a_source_that_is_not_there_names_what_is(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with refused("AR803", "did you mean", "pictures", "the data sets are"):
        load(str(tmp_path / "pictuers"), DIGITS)
    with refused("AR803", "did you mean 'digits'?"):
        load("digitss", DIGITS)
