"""Files of every kind through a model and back: pictures, sound, text, arrays, of any size."""

from __future__ import annotations

import io
import json
import wave
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from arspec.cli.main import main
from arspec.codec import Codec, Item
from arspec.codec.alphabet import MU_LAW, SAME, SPREAD, STEPS, alphabet_for
from arspec.codec.media import FORMATS, build, parse
from arspec.data.mu_law import to_codes
from arspec.diagnostics import InputError
from arspec.language.load import from_text
from arspec.model import Model
from tests.frame import framed
from tests.small import ROOT, SHIPPED, randomised, small

RANDOM = np.random.default_rng(0)
Array = np.ndarray[Any, Any]


@cache
def images(channels: int, levels: int = 256) -> Model:
    data = f"data: {{kind: image, height: 8, width: 8, channels: {channels}, levels: {levels}}}\nparams: {{width: 24}}"
    return randomised_from(framed(data))


@cache
def sequences(content: str, levels: int, companding: str = "mu_law") -> Model:
    shape = f"kind: sequence, length: 32, levels: {levels}, content: {content}, rate: 8000, companding: {companding}"
    nodes = "first: {layer: conv, from: scaled, kernel: 3, padding: causal, out: 8}\n"
    past = "  past: {layer: shift, from: scaled, steps: 1}\n"
    head = "  logits: {layer: conv, from: first, kernel: 1, out: $head}\n"
    graph = (
        "graph:\n  scaled: {layer: scale, from: x}\n" + past + "  " + nodes.replace("from: scaled", "from: past") + head
    )
    return randomised_from(f"arspec: 1\ndata: {{{shape}}}\n{graph}head: {{kind: categorical, from: logits}}\n")


@cache
def vectors() -> Model:
    return randomised(small(next(p for p in SHIPPED if p.stem == "made")))


def randomised_from(text: str) -> Model:
    return randomised(from_text(text, "a.yaml"))


def through(model: Model, name: str, data: bytes) -> tuple[bytes, Item]:
    """What comes back of a file."""
    form, media = parse(data, name, model.spec.data)
    item = Item(name, form, media)
    codec = Codec(model)
    (restored,) = codec.decompress(codec.compress([item])[0])
    assert np.array_equal(restored.samples, media.samples)
    return restored.data, item


def picture(mode: str, height: int = 11, width: int = 19, levels: int = 256) -> Image.Image:
    planes = {"LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}.get(mode, 1)
    top = 65536 if mode == "I;16" else levels
    pixels = RANDOM.integers(0, top, (height, width, planes)).astype(np.uint16 if mode == "I;16" else np.uint8)
    if mode == "1":
        return Image.fromarray((pixels[..., 0] // 128 * 255).astype(np.uint8)).convert("1")
    if mode == "P":
        return Image.fromarray(np.repeat(pixels, 3, 2)).convert("P")
    return Image.fromarray(pixels[..., 0] if planes == 1 else pixels, "CMYK" if mode == "CMYK" else None)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode, form", [("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("RGB", "PNG"), ("RGBA", "PNG"),
                                        ("P", "PNG"),
                                        ("I;16", "PNG"), ("RGB", "BMP"), ("RGB", "TIFF"), ("RGB", "WEBP"),
                                        ("L", "JPEG"),
                                        ("RGB", "JPEG"), ("CMYK", "JPEG"), ("RGB", "GIF")])  # fmt: skip
def test_pictures(mode: str, form: str):
    options = {"lossless": True} if form == "WEBP" else {}
    data = saved(picture(mode), form, **options)
    back, item = through(images(3), f"a.{form.lower()}", data)
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(back)) as after:
        whole = "CMYK" if mode == "CMYK" else "I" if mode == "I;16" else "RGBA"
        assert np.array_equal(np.asarray(before.convert(whole)), np.asarray(after.convert(whole)))
        other = "TIFF" if mode == "CMYK" else "PNG"  # which keeps the four inks
        assert after.format == (form if form not in ("JPEG", "GIF") else other)
    assert item.media.suffix == ((".tif" if mode == "CMYK" else ".png") if form in ("JPEG", "GIF") else None)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (1, 1), (17, 3), (3, 40)])
def test_a_picture_of_any_size(channels: int, size: tuple[int, int]):
    for mode in ("L", "RGB", "RGBA"):
        through(images(channels), "a.png", saved(picture(mode, *size), "PNG"))


@pytest.mark.parametrize("levels, top", [(2, 256), (17, 256), (4, 4), (256, 256), (300, 256)])
def test_pictures_under_other_alphabets(levels: int, top: int):
    through(images(1, levels), "a.png", saved(picture("L", levels=top), "PNG"))
    even = np.rint(RANDOM.integers(0, levels, (9, 9)) * 255 / (levels - 1)).astype(np.uint8)
    _, item = through(images(1, levels), "a.png", saved(Image.fromarray(even), "PNG"))
    assert alphabet_for(item.media.samples, 256, levels, None).kind == (
        SAME if levels == 256 else STEPS if levels > 256 else SPREAD
    )


@pytest.mark.parametrize(
    "head", [b"P5\n5 4\n255\n", b"P5 # a comment\n5\t4 200 ", b"P6\n5 4\n65535\n", b"P6\n5 4\n9\n"]
)
def test_plain_pictures_come_back_byte_for_byte(head: bytes):
    width = 2 if b"65535" in head else 1
    count = 20 * width * (3 if head[:2] == b"P6" else 1)
    body = bytes(RANDOM.integers(0, 10 if b"\n9\n" in head else 200, count, np.uint8))
    for after in (b"", b"\n and more"):
        back, _ = through(images(3), "a.ppm", head + body + after)
        assert back == head + body + after


SHAPES = [(3, 1, 8, 8), (2, 8, 8), (5, 7), (2, 64), (4, 9, 9, 3), (9, 9, 3), (0, 8, 8), (13,), ()]


def npy(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", ["|u1", "|i1", "|b1", "<i2", ">i4", "<i8", "<u8", "<f4", ">f8", "<f2"])
def test_arrays_are_made_again_byte_for_byte(dtype: str):
    for shape in SHAPES:
        x = RANDOM.integers(0, 2, shape).astype(dtype)
        for data in (npy(x), npy(np.asfortranarray(x)), npy(x) + b"more"):
            form, media = parse(data, "a.npy", images(1).spec.data)
            assert build(form, media.meta, media.samples) == data


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_arrays_of_any_shape(shape: tuple[int, ...], channels: int):
    data = npy(RANDOM.integers(0, 256, shape))
    assert through(images(channels), "a.npy", data)[0] == data


def test_arrays_of_vectors_and_sequences():
    size = vectors().spec.data.shape[0]
    for model, shapes in (
        (vectors(), [(5, size), (size,), (5, 3, 4), (2, 2, 7), (1,)]),
        (sequences("tokens", 5), [(3, 32), (70,), (2, 3, 33), (0,), ()]),
    ):
        for shape in shapes:
            data = npy(RANDOM.integers(0, 2, shape))
            assert through(model, "a.npy", data)[0] == data
    through(vectors(), "a.png", saved(picture("1"), "PNG"))


def wav(bits: int, channels: int, frames: int, extra: bytes = b"") -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((channels, bits // 8, 8000, 0, "NONE", ""))
        file.writeframes(bytes(RANDOM.integers(0, 256, frames * channels * bits // 8, np.uint8)))
    return stream.getvalue() + extra


@pytest.mark.parametrize("levels, companding", [(256, "mu_law"), (256, "linear"), (65536, "linear"), (16, "mu_law")])
@pytest.mark.parametrize("bits, channels", [(8, 1), (8, 2), (16, 1), (16, 2), (24, 1), (32, 1)])
def test_sound_comes_back_byte_for_byte(levels: int, companding: str, bits: int, channels: int):
    if levels == 65536:
        model = randomised(small(next(p for p in SHIPPED if p.stem == "wavenet_mol")))
    else:
        model = sequences("audio", levels, companding)
    for data in (wav(bits, channels, 45), wav(bits, channels, 32, b"LIST\4\0\0\0abcd"), wav(bits, channels, 0)):
        back, item = through(model, "a.wav", data)
        assert back == data
        assert item.media.span == 1 << bits


@pytest.mark.parametrize(
    "form, subtype", [("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("AIFF", "PCM_16"), ("AU", "PCM_32")]
)
def test_sound_in_other_files(form: str, subtype: str):
    soundfile = pytest.importorskip("soundfile")
    stream = io.BytesIO()
    samples = (RANDOM.integers(-(2**15), 2**15, (77, 2)) << 16).astype(np.int32)
    soundfile.write(stream, samples, 44100, format=form, subtype=subtype)
    back, _ = through(sequences("audio", 256), f"a.{form.lower()}", stream.getvalue())
    with soundfile.SoundFile(io.BytesIO(back)) as file:
        assert (file.format, file.subtype, file.samplerate) == (form, subtype, 44100)
        assert np.array_equal(file.read(dtype="int32"), samples)


def test_text_and_characters_that_the_alphabet_lacks():
    text = (ROOT / "LICENSE").read_bytes()[:500] + "Modèle à café ☕\n".encode() + bytes(range(128))
    for levels in (256, 128):
        back, _ = through(sequences("text", levels), "a.txt", text)
        assert back == text
    assert through(sequences("text", 256), "a.bin", b"")[0] == b""
    with pytest.raises(InputError, match="holds values from"):
        through(sequences("text", 64), "a.txt", text)


def test_steps_of_sound_are_those_of_the_data():
    samples = np.arange(65536)
    for companding in ("mu_law", "linear"):
        for levels in (2, 16, 255, 256, 1000):
            alphabet = alphabet_for(samples, 65536, levels, companding)
            found, places, counts = alphabet.levels_of(samples)
            assert np.array_equal(found, to_codes((samples - 32768) / 32768, levels, companding))
            first, again = alphabet.values_of(found)
            assert np.array_equal(first + places, samples) and np.array_equal(counts, again)
            assert alphabet.kind == (MU_LAW if companding == "mu_law" else STEPS)


@pytest.mark.parametrize("data, model, code", [
    (b"no picture", images(3), "AR803"), (b"", images(1), "AR803"), (b"RIFFxxxxWAVE", sequences("audio", 256), "AR803"),
    (b"\x93NUMPY\1\0", images(1), "AR803"),
])  # fmt: skip
def test_files_that_cannot_be_read(data: bytes, model: Model, code: str):
    with pytest.raises(InputError) as caught:
        through(model, "a", data)
    assert caught.value.code == code


def test_arrays_that_cannot_be_coded():
    for array in (
        np.array([0.5]),
        np.array([np.nan]),
        np.array([-0.0]),
        np.array([1j]),
        np.array([2**64 - 1], np.uint64),
    ):
        with pytest.raises(InputError, match="AR804"):
            through(images(1), "a.npy", npy(array))


def test_every_format_has_axes():
    for number, form in enumerate(FORMATS):
        assert form.axes is None or 1 <= form.axes <= 3, number
    turns = [(form.of, form.turn) for form in FORMATS]
    assert len(set(turns)) == len(turns)
    assert build(0, b"", np.array([65, 66])) == b"AB"


# -- the commands ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and files for it."""
    from arspec.training.checkpoint import save_model

    path = tmp_path_factory.mktemp("codec")
    (path / "small.yaml").write_text(framed("data: {kind: image, height: 8, width: 8, channels: 3, levels: 256}"))
    import arspec

    save_model(arspec.compile(arspec.load(path / "small.yaml")), path / "runs" / "first")
    save_model(arspec.compile(arspec.load(path / "small.yaml"), seed=1), path / "runs" / "second")
    inside = path / "pictures" / "more"
    inside.mkdir(parents=True)
    for name in ("a.png", "more/b.png"):
        (path / "pictures" / name).write_bytes(saved(picture("RGB"), "PNG"))
    (path / "pictures" / "c.jpg").write_bytes(saved(picture("RGB"), "JPEG"))
    (path / "pictures" / "d.ppm").write_bytes(b"P6\n2 2\n255\n" + bytes(12))
    return path


def test_compress_and_decompress(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    assert main(["compress", "runs/first", "pictures", "-o", "x.ars", "--check", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["size"] == (folder / "x.ars").stat().st_size
    assert [part["name"] for part in figures["parts"]] == [
        f"pictures/{n}" for n in ("a.png", "c.jpg.png", "d.ppm", "more/b.png")
    ]
    assert main(["decompress", "x.ars", "-o", "there"]) == 0  # the model is found under runs/
    assert "4 files" in capsys.readouterr().out
    assert (folder / "there/pictures/d.ppm").read_bytes() == (folder / "pictures/d.ppm").read_bytes()
    with Image.open(folder / "pictures/c.jpg") as a, Image.open(folder / "there/pictures/c.jpg.png") as b:
        assert np.array_equal(np.asarray(a), np.asarray(b))
    for command, code in (
        (["decompress", "x.ars", "-o", "there"], "AR810"),
        (["decompress", "runs/second", "x.ars", "-o", "elsewhere"], "AR833"),
        (["decompress", "small.yaml", "small.yaml", "-o", "elsewhere"], "AR830"),
        (["decompress", "y.ars", "-o", "elsewhere"], "AR803"),
        (["decompress", "x.ars", "-o", "elsewhere", "--limit", "100"], "AR830"),
        (["compress", "runs/first", "pictures", "-o", "x.ars"], "AR810"),
        (["compress", "runs/first", "pictures/a.png", "pictures/more/../a.png", "-o", "y.ars"], "AR808"),
        (["compress", "runs/first", "pictures/a.png", "-o", "y.ars", "--noise", "99"], "AR808"),
        (["compress", "runs/first", "pictures/a.png", "-o", "y.ars", "--member", "3"], "AR816"),
        (["compress", "runs/first", "small.yaml", "-o", "y.ars"], "help: the model is of images"),
        (["compress", "runs/first", "pictures/a.png", "-o", "y.ars", "--condition", "label=1"], "AR808"),
    ):
        assert main(command) == 2, command
        told = capsys.readouterr().err
        assert code in told and "Traceback" not in told, told
    assert not (folder / "elsewhere").exists() and not (folder / "y.ars").exists()


def test_recover(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    assert main(["compress", "runs/first", "pictures", "-o", "z.ars"]) == 0
    data = bytearray((folder / "z.ars").read_bytes())
    data[-40] ^= 1  # in the last part
    (folder / "z.ars").write_bytes(data)
    assert main(["decompress", "runs/first", "z.ars", "-o", "whole"]) == 2
    assert not (folder / "whole").exists()
    assert "error[AR830]: part 4 of 4" in capsys.readouterr().err
    assert main(["decompress", "runs/first", "z.ars", "-o", "saved", "--recover"]) == 1
    assert "part 4 of 4" in capsys.readouterr().err
    found = sorted(p.relative_to(folder / "saved").as_posix() for p in (folder / "saved").rglob("*") if p.is_file())
    assert found == ["pictures/a.png", "pictures/c.jpg.png", "pictures/d.ppm"]
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]
