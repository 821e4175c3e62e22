"""Picture files as data: their full depth, orientation, transparency, sizes."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
from PIL import Image, ImageOps

from arspec.cli.main import main
from arspec.data import cache, load, write
from arspec.data.picture.base import MOST_PIXELS
from arspec.data.picture.read import decode
from arspec.diagnostics import InputError
from arspec.language.sections import ImageData
from tests.picture_files import HEIGHT, WIDTH, Array, File, exact_files, jpeg, lossy_files, numbers, saved, tiff
from tests.test_data import refused

Writer: Any = png.Writer  # whose defaults hide what it takes from type checkers

EXACT, LOSSY = exact_files(), lossy_files()


def data_for(channels: int, levels: int, height: int = HEIGHT, width: int = WIDTH) -> ImageData:
    return ImageData(kind="image", height=height, width=width, channels=channels, levels=levels)


def expected(file: File) -> tuple[Array, int]:
    """The colours and the alpha that a file means, [H, W, C], and the values of a sample."""
    assert file.stored is not None
    if file.palette is not None:
        colours = file.palette[file.stored[..., 0]]
        return colours if (file.palette[:, 3] < 255).any() else colours[..., :3], 256
    if file.key is not None:
        alpha = np.where((file.stored == np.array(file.key)).all(2, keepdims=True), 0, file.span - 1)
        return np.concatenate([file.stored, alpha.astype(file.stored.dtype)], 2), file.span
    return file.stored, file.span


@pytest.mark.parametrize("file", EXACT, ids=str)
def test_a_file_is_loaded_as_it_was_written(file: File, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(file.data)
    wanted, span = expected(file)
    wanted = np.stack([_turned(plane, file.orientation) for plane in wanted.transpose(2, 0, 1)], 2)
    height, width, channels = wanted.shape
    examples = load(str(tmp_path / file.name), data_for(channels, span, height, width), {}, "all")
    assert np.array_equal(examples.x[0].transpose(1, 2, 0), wanted)
    assert "levels" not in examples.note and "alpha" not in examples.note


def _turned(plane: Array, orientation: int) -> Array:
    """A plane upright, by pillow."""
    image = Image.fromarray(plane.astype(np.int32))
    image.getexif()[274] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("file", LOSSY, ids=str)
def test_lossy_files_are_loaded_as_pillow_decodes_and_turns_them(file: File, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(file.data)
    with Image.open(io.BytesIO(file.data)) as opened:
        upright = ImageOps.exif_transpose(opened)
        wanted = np.asarray(upright.convert("RGB") if upright.mode == "CMYK" else upright)
    wanted = wanted.reshape(*wanted.shape[:2], -1)
    height, width, channels = wanted.shape
    examples = load(str(tmp_path / file.name), data_for(channels, 256, height, width), {}, "all")
    assert np.array_equal(examples.x[0].transpose(1, 2, 0), wanted)
    assert ("turned upright" in examples.note) == (file.orientation > 1)
    assert ("CMYK" in examples.note) == ("CMYK" in file.name)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG", "TIFF"])
def test_every_format_is_turned_upright(form: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    image = Image.fromarray(np.repeat(np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1) * 7, 3, 2).astype(np.uint8))
    lossless = {"lossless": True} if form == "WEBP" else {"quality": 100} if form == "JPEG" else {}
    (tmp_path / f"a.{form.lower()}").write_bytes(saved(image, form, exif=exif, **lossless))
    found = load(f"{tmp_path}/a.{form.lower()}", data_for(3, 256, WIDTH, HEIGHT), {}, "all")
    upright = np.asarray(image).transpose(1, 0, 2)[:, ::-1]
    assert np.abs(found.x[0].transpose(1, 2, 0).astype(int) - upright).max() <= (8 if form == "JPEG" else 0)
    assert "the file: turned upright" in found.note


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_are_reduced_as_the_note_says(channels: int, tmp_path: Path) -> None:
    x = numbers(channels, 65536)
    for number in range(3):
        rows = x.reshape(HEIGHT, -1).tolist()
        with (tmp_path / f"{number}.png").open("wb") as file:
            Writer(WIDTH, HEIGHT, greyscale=channels < 3, alpha=channels in (2, 4), bitdepth=16).write(file, rows)
    for levels in (65536, 256, 17):
        examples = load(str(tmp_path), data_for(channels, levels), {}, "all")
        assert np.array_equal(examples.x[0].transpose(1, 2, 0), x.astype(np.int64) * levels // 65536)
        told = f"all 3 files: 65,536 levels to {levels}, steps of equal width"
        assert examples.note == (told if levels < 65536 else "")
    drawn = load(str(tmp_path), data_for(channels, 2), {}, "all")
    assert "probability value/65535" in drawn.note and set(np.unique(drawn.x)) == {0, 1}
    steps = load(f"{tmp_path}@levels=2", data_for(channels, 2), {}, "all")
    assert np.array_equal(steps.x[0].transpose(1, 2, 0), x >= 32768)


def test_depths_may_be_mixed_and_each_is_counted_once(tmp_path: Path) -> None:
    values = numbers(1, 2)[..., 0]
    for name, depth in (("a", 1), ("b", 2), ("c", 4), ("d", 8), ("e", 16)):
        rows = (values.astype(np.int64) * ((1 << depth) - 1)).tolist()
        with (tmp_path / f"{name}.png").open("wb") as file:
            Writer(WIDTH, HEIGHT, greyscale=True, bitdepth=depth).write(file, rows)
    for levels in (16, 256, 65536):
        examples = load(str(tmp_path), data_for(1, levels), {}, "all")
        assert all(np.array_equal(image[0], values.astype(np.int64) * (levels - 1)) for image in examples.x)
        assert examples.note.count("1 of 5 files") == 4
    assert np.array_equal(load(str(tmp_path), data_for(1, 2), {}, "all").x[0, 0], values)


# -- transparency and channels -----------------------------------------------------------------------------------------


def test_transparency_is_composited_on_a_stated_background(tmp_path: Path) -> None:
    for top, depth in ((255, 8), (65535, 16)):
        folder = tmp_path / str(depth)
        folder.mkdir()
        x = numbers(4, top + 1).astype(np.int64)
        rows = x.reshape(HEIGHT, -1).tolist()
        with (folder / "a.png").open("wb") as file:
            Writer(WIDTH, HEIGHT, greyscale=False, alpha=True, bitdepth=depth).write(file, rows)
        opaque = numbers(3, 256)
        Image.fromarray(opaque).save(folder / "b.png")
        for name, ground in (("white", (255, 255, 255)), ("black", (0, 0, 0)), ("#ff8000", (255, 128, 0))):
            place = str(folder) if name == "white" else f"{folder}@background={name}"
            examples = load(place, data_for(3, top + 1), {}, "all")
            cover = x[..., 3:] / top
            wanted = x[..., :3] * cover + np.array(ground) / 255 * top * (1 - cover)
            found = examples.x.transpose(0, 2, 3, 1).astype(np.int64)
            assert any(np.abs(image - wanted).max() <= 1 for image in found)
            assert any(np.array_equal(image, opaque.astype(np.int64) * (top // 255)) for image in found)
            assert f"1 of 2 files: alpha composited on {name}" in examples.note
        assert np.array_equal(load(f"{folder}/a.png", data_for(4, top + 1), {}, "all").x[0].transpose(1, 2, 0), x)


@pytest.mark.parametrize("file", [f for f in EXACT if f.key is not None or f.palette is not None], ids=str)
def test_hidden_colours_do_not_appear(file: File, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(file.data)
    wanted, span = expected(file)
    colours, alpha = wanted[..., :3].astype(np.int64), wanted[..., 3:].astype(np.int64)
    if wanted.shape[2] in (1, 2):
        colours, alpha = wanted[..., :1].astype(np.int64), wanted[..., 1:].astype(np.int64)
    if not alpha.size:
        alpha = np.full_like(colours[..., :1], span - 1)
    over = (colours * alpha + (span - 1) * (span - 1 - alpha)) / (span - 1)
    for channels in (1, 3):
        examples = load(str(tmp_path / file.name), data_for(channels, span), {}, "all")
        grey = over @ [0.299, 0.587, 0.114] if over.shape[2] == 3 else over[..., 0]
        told = over if channels == 3 else grey[..., None]
        assert np.abs(examples.x[0].transpose(1, 2, 0) - told).max() <= 1
        assert ("composited on white" in examples.note) == bool((alpha < span - 1).any())


def test_channels_that_change_are_told(tmp_path: Path) -> None:
    Image.fromarray(numbers(3, 256)).save(tmp_path / "a.png")
    Image.fromarray(numbers(1, 256)[..., 0]).save(tmp_path / "b.png")
    for channels, words in ((1, "1 of 2 files: colours to grey"), (3, "1 of 2 files: grey in all three channels"),
                            (4, "all 2 files: made opaque"), (2, "all 2 files: made opaque")):  # fmt: skip
        examples = load(str(tmp_path), data_for(channels, 256), {}, "all")
        assert words in examples.note
        if channels in (2, 4):
            assert (examples.x[:, -1] == 255).all()
    grey = load(f"{tmp_path}/a.png", data_for(1, 256), {}, "all").x[0, 0]
    with Image.open(tmp_path / "a.png") as file:
        assert np.array_equal(grey, np.asarray(file.convert("L")))
    with refused("AR804", "1 to 4 channels"):
        load(str(tmp_path), data_for(5, 256))
    with refused("AR803", "a colour such as white"):
        load(f"{tmp_path}@background=nocolour", data_for(3, 256))


# -- sizes -------------------------------------------------------------------------------------------------------------


def test_several_sizes_have_a_way_on(tmp_path: Path) -> None:
    Image.fromarray(numbers(3, 256)).save(tmp_path / "a.png")
    Image.fromarray(np.full((40, 20, 3), 7, np.uint8)).save(tmp_path / "b.png")
    data = data_for(3, 256, 8, 8)
    with refused("AR804", "different sizes", "@size=8x8", "@resize=", "@crop="):
        load(str(tmp_path), data, {}, "all")
    with refused("AR804", "images of 5x7", "@size=8x8"):
        load(f"{tmp_path}/a.png", data, {}, "all")
    for option in ("size=8", "resize=8x8", "crop=5x7@size=8", "size=8@crop=5x7"):
        examples = load(f"{tmp_path}@{option}", data, {}, "all")
        assert examples.x.shape == (2, 3, 8, 8) and (examples.x == 7).all((1, 2, 3)).any()
        assert "all 2 files: brought to a size" in examples.note and "lanczos" in examples.note
    cut = load(f"{tmp_path}/a.png@crop=3x4", data_for(3, 256, 3, 4), {}, "all")
    assert np.array_equal(cut.x[0].transpose(1, 2, 0), numbers(3, 256)[1:4, 1:5])
    with refused("AR804", "a.png", "smaller than @crop=6x7", "@size=6x7"):
        load(f"{tmp_path}@crop=6x7", data, {}, "all")
    with refused("AR840", "exclude one another"):
        load(f"{tmp_path}@size=8@resize=8", data)
    for wrong in ("size=0", "size=8x8x8", "resize=-1", "crop=", "filter=sharp"):
        with refused("AR803", "write @"):
            load(f"{tmp_path}@{wrong}", data)


@pytest.mark.parametrize("name", ["lanczos", "bicubic", "bilinear", "box", "nearest"])
def test_filters_are_pillows_and_keep_sixteen_bits(name: str, tmp_path: Path) -> None:
    x = numbers(3, 65536)
    (tmp_path / "a.tif").write_bytes(tiff(x, "<", False))
    found = load(f"{tmp_path}/a.tif@resize=9x4@filter={name}", data_for(3, 65536, 9, 4), {}, "all").x[0]
    for plane, told in zip(x.transpose(2, 0, 1), found, strict=True):
        image = Image.fromarray(plane.astype(np.float32)).resize((4, 9), Image.Resampling[name.upper()])
        assert np.array_equal(told, np.clip(np.rint(np.asarray(image)), 0, 65535))
    assert len(np.unique(found & 255)) > 20  # the low bytes are there


def test_transparent_colours_do_not_bleed_into_others(tmp_path: Path) -> None:
    x = np.zeros((8, 8, 4), np.uint8)
    x[:, :4] = (200, 0, 0, 255)
    x[:, 4:] = (0, 255, 0, 0)
    Image.fromarray(x).save(tmp_path / "a.png")
    found = load(f"{tmp_path}/a.png@resize=4x4@filter=box", data_for(4, 256, 4, 4), {}, "all").x[0]
    assert (found[1][found[3] > 0] == 0).all() and (found[0][found[3] > 0] == 200).all()


def test_arrays_and_named_sets_have_sizes_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARSPEC_DATA", str(tmp_path))
    whole = np.random.default_rng(0).integers(0, 256, (2, 28, 28)).astype(np.uint8)
    parts = ("train", "valid", "test")
    cache.store("mnist", {f"{part}_{key}": whole for part in parts for key in "xy"}, {})
    small = load("mnist@size=14@filter=box", data_for(1, 256, 14, 14), {}, "test")
    means = whole.reshape(2, 1, 14, 2, 14, 2).mean((3, 5))
    assert np.abs(small.x - means).max() <= 0.5 and "images of 28x28 brought to a size" in small.note
    x = np.random.default_rng(0).integers(0, 9, (4, 6, 6, 3))
    np.save(tmp_path / "last.npy", x)
    np.savez(tmp_path / "first.npz", x=x.transpose(0, 3, 1, 2))
    for name in ("last.npy", "first.npz"):
        cut = load(f"{tmp_path}/{name}@crop=2x4", data_for(3, 9, 2, 4), {}, "all")
        middle = x.transpose(0, 3, 1, 2)[:, :, 2:4, 1:5]
        assert sorted(cut.x.tolist()) == sorted(middle.tolist())
    np.save(tmp_path / "numbers.npy", np.arange(9))
    with refused("AR804", "are for images"):
        load(f"{tmp_path}/numbers.npy@size=4", data_for(3, 9, 4, 4), {}, "all")


def test_levels_of_an_array_are_the_same_in_every_split(tmp_path: Path) -> None:
    x = np.zeros((20, 4, 4), int)
    x[np.arange(20), 0, 0] = np.arange(20) * 5
    np.save(tmp_path / "x.npy", x)
    parts = [load(f"{tmp_path}/x.npy@levels=4", data_for(1, 4, 4, 4), {}, part) for part in ("train", "valid", "test")]
    assert sorted(np.concatenate([part.x[:, 0, 0, 0] for part in parts]).tolist()) == sorted(
        (np.arange(20) * 5 * 4 // 96).tolist()
    )


# -- what can't be kept is refused -------------------------------------------------------------------------------------


def _claiming(columns: int, rows: int) -> dict[str, bytes]:
    """Files that state a size and hold nothing."""
    body = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    chunks = [b"IHDR" + body, b"IDAT" + zlib.compress(b""), b"IEND"]
    parts = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks]
    bmp = bytearray(saved(Image.new("RGB", (2, 2)), "BMP"))
    struct.pack_into("<ii", bmp, 18, columns, rows)
    gif = bytearray(saved(Image.new("L", (2, 2)), "GIF"))
    struct.pack_into("<HH", gif, 6, min(columns, 65535), min(rows, 65535))
    return {
        "a.png": b"\x89PNG\r\n\x1a\n" + b"".join(parts),
        "a.ppm": f"P6\n{columns} {rows}\n255\n".encode(),
        "a.pgm": f"P2\n{columns} {rows}\n255\n".encode(),
        "a.pbm": f"P4\n{columns} {rows}\n".encode(),
        "a.bmp": bytes(bmp),
        "a.gif": bytes(gif),
    }


@pytest.mark.parametrize("name", _claiming(1, 1))
def test_a_picture_that_claims_too_much_is_refused_before_it_is_decoded(name: str) -> None:
    with refused("AR803", f"at most {MOST_PIXELS:,} pixels"):
        decode(_claiming(30000, 30000)[name], name)
    if name != "a.gif":  # whose frames may be larger than it states
        with pytest.raises(InputError):
            decode(_claiming(0, 0)[name], name)


def _floats() -> bytes:
    return saved(Image.fromarray(numbers(1, 256)[..., 0].astype(np.float32) / 7), "TIFF")


def test_what_would_not_be_kept_is_refused(tmp_path: Path) -> None:
    wide = saved(Image.fromarray(numbers(1, 256)[..., 0].astype(np.int32)), "TIFF")
    for name, data in (("f.tif", _floats()), ("i.tif", wide), ("lab.tif", saved(Image.new("LAB", (7, 5)), "TIFF"))):
        with refused("AR804", "would not be kept", "up to 16 bits"):
            decode(data, name)
    for data in (b"", b"no picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", b"P5\n2 2\n255\nabc",
                 b"P5 2",
                 b"P2\n2 1\n9\n1 x", b"P2\n2 1\n9\n1 10", b"P5\n1 1\n4\n\x05", b"P6\n2 2\n70000\nabc",
                 b"P1\n2 2\n1 0 1",
                 EXACT[0].data[:40], jpeg()[:150]):  # fmt: skip
        with refused("AR803", "as an image"):
            decode(data, "x")


@pytest.mark.parametrize("name", ["rgb-8.png", "grey-1-interlaced.png", "rgba-16.png", "palette-4.png"])
def test_a_png_whose_stream_is_too_short_is_refused(name: str) -> None:
    """Pillow fills up the rows that are missing where the stream itself is whole."""
    data = bytearray(next(file.data for file in EXACT if file.name == name))
    decode(bytes(data), name)
    for rows in (HEIGHT + 1, 8_000_000):
        struct.pack_into(">I", data, 20, rows)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
        with refused("AR803", "fewer pixels than it states"):
            decode(bytes(data), name)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_tiff_without_all_of_its_strips_is_refused(compressed: bool) -> None:
    """Pillow fills them up as well."""
    data = bytearray(tiff(numbers(3, 65536), "<", compressed))
    decode(bytes(data), "a.tif")
    struct.pack_into("<I", data, 10 + 12 + 8, 4000)  # rows, while a strip still has five
    with refused("AR803", "fewer pixels than it states"):
        decode(bytes(data), "a.tif")


def test_every_byte_may_be_damaged() -> None:
    chosen = [EXACT[number] for number in range(0, len(EXACT), 9)] + LOSSY[:1]
    generator = np.random.default_rng(0)
    for file in chosen:
        for place in generator.integers(0, len(file.data), 12).tolist():
            data = bytearray(file.data)
            data[place] ^= 1 << int(generator.integers(8))
            for damaged in (bytes(data), file.data[:place]):
                with contextlib.suppress(InputError):
                    decode(damaged, file.name)


def test_the_first_of_several_pictures_is_told(tmp_path: Path) -> None:
    frames = [Image.fromarray(numbers(3, 256, seed)) for seed in range(3)]
    for name, form in (("a.tif", "TIFF"), ("a.png", "PNG"), ("a.webp", "WEBP")):
        (tmp_path / name).write_bytes(saved(frames[0], form, save_all=True, append_images=frames[1:], lossless=True))
        examples = load(str(tmp_path / name), data_for(3, 256), {}, "all")
        assert np.array_equal(examples.x[0].transpose(1, 2, 0), numbers(3, 256, 0))
        assert "the file: the first of several pictures" in examples.note


@pytest.mark.parametrize("levels", [2, 17, 256, 300, 1024, 65536])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_levels_that_are_written_are_read_again(levels: int, channels: int, tmp_path: Path) -> None:
    x = np.random.default_rng(levels).integers(0, levels, (1, channels, 64, 70))
    data = data_for(channels, levels, 64, 70)
    write(x, data, tmp_path / "a.png")
    inside = f"{tmp_path}/a.png@crop=64x70" + ("@levels=2" if levels == 2 else "")  # without the frame
    assert np.array_equal(load(inside, data, {}, "all").x, x)
    _, _, _, info = png.Reader(bytes=(tmp_path / "a.png").read_bytes()).read()
    assert info["bitdepth"] == (8 if levels <= 256 else 16)


def test_the_commands_say_what_was_done_to_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.frame import framed

    spec = str(tmp_path / "small.yaml")
    Path(spec).write_text(framed("data: {kind: image, height: 4, width: 4, channels: 3, levels: 256}"))
    (tmp_path / "a.png").write_bytes(next(file.data for file in EXACT if file.name == "rgb-16.png"))
    source = f"{tmp_path}/a.png@size=4"
    common = (spec, "--data", source, "--split", "all", "--device", "cpu")
    for command in (
        ("eval", *common),
        ("score", *common),
        ("complete", *common, "-n", "1", "--each", "1", "-o", str(tmp_path / "x.png")),
    ):
        assert main(list(command)) == 0
        told = capsys.readouterr()
        assert "65,536 levels to 256" in told.out + told.err and "lanczos" in told.out + told.err
