"""Picture files through the codec and back, compared by readers that are not arspec's: pypng, tifffile and pillow."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

import arspec
from arspec.cli.main import main
from arspec.codec.media import LAID, PICTURE, build, parse, restores
from arspec.codec.wire import CorruptContainer
from arspec.diagnostics import InputError
from arspec.language.sections import ImageData
from tests.frame import framed
from tests.picture_files import Array, File, exact_files, jpeg, lossy_files, numbers, saved, tiff
from tests.small import refuses
from tests.test_data import refused

Writer: Any = png.Writer  # whose defaults hide what it takes from type checkers

DATA = ImageData(kind="image", height=4, width=4, channels=3, levels=256)
EXACT, LOSSY = exact_files(), lossy_files()


def back(name: str, data: bytes) -> bytes:
    """The file as it is restored; it is checked that the check of `arspec compress` holds."""
    form, media = parse(data, name, DATA)
    restored = build(form, media.meta, media.samples)
    assert media.samples.dtype == np.int64 and media.span is not None
    assert media.samples.min() >= 0 and media.samples.max() < media.span
    assert not media.exact or restored == data
    assert restores(media, form, data, restored, name)
    return restored


def by_pypng(data: bytes) -> tuple[list[list[int]], dict[str, Any]]:
    """The numbers of a PNG file and all that it states."""
    _, _, rows, info = png.Reader(bytes=data).read()
    return [list(row) for row in rows], {key: value for key, value in info.items() if key != "compression"}


def by_tifffile(data: bytes) -> tuple[Array, dict[str, Any]]:
    """The numbers of a TIFF file and its tags, without those that say where the numbers lie."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        places = {"StripOffsets", "StripByteCounts", "Compression", "Predictor", "RowsPerStrip", "PlanarConfiguration"}
        tags = {
            tag.name: tag.value for tag in page.tags if tag.name not in places | {"FillOrder", "T4Options", "T6Options"}
        }
        return page.asarray(), tags


@pytest.mark.parametrize("file", [f for f in EXACT if f.name.endswith(".png")], ids=str)
def test_png_comes_back_with_every_bit_and_chunk(file: File) -> None:
    assert by_pypng(back(file.name, file.data)) == by_pypng(file.data)


@pytest.mark.parametrize("file", [f for f in EXACT if f.name.endswith(".tif")], ids=str)
def test_tiff_comes_back_with_every_bit_and_tag(file: File) -> None:
    restored = back(file.name, file.data)
    if restored == file.data:
        return
    found, tags = by_tifffile(restored)
    assert file.stored is not None
    inverted = "white" in file.name
    stored = (file.span - 1) - file.stored.astype(np.int64) if inverted else file.stored
    assert np.array_equal(found.reshape(file.stored.shape), stored)
    with Image.open(io.BytesIO(file.data)) as opened:
        assert isinstance(opened, TiffImageFile)
        before = dict(opened.tag_v2)
    for tag in (256, 257, 258, 262, 274, 277, 338):
        if tag in before:
            value = tags[tifffile.TIFF.TAGS[tag]]
            assert np.array_equal(np.ravel(value), np.ravel(before[tag])), tag


@pytest.mark.parametrize("file", [f for f in EXACT if f.name.rpartition(".")[2] not in ("png", "tif")], ids=str)
def test_other_files_without_loss_come_back(file: File) -> None:
    restored = back(file.name, file.data)
    if file.name.endswith("webp"):
        with Image.open(io.BytesIO(restored)) as opened:
            assert file.stored is not None
            assert opened.format == "WEBP" and np.array_equal(np.asarray(opened), file.stored)
        return
    if not file.name.startswith("plain") and file.name != "RGBA.bmp" and not file.name.endswith(".gif"):
        assert restored == file.data
        return
    assert file.stored is not None
    if file.name.endswith("gif"):
        assert file.palette is not None
        _, _, rows, _ = png.Reader(bytes=restored).asRGBA8()
        colours = file.palette[file.stored[..., 0]]
        assert np.array_equal(np.array([list(row) for row in rows]).reshape(colours.shape), colours)
    elif file.name == "RGBA.bmp":
        with Image.open(io.BytesIO(restored)) as opened:
            assert opened.format == "BMP" and np.array_equal(np.asarray(opened.convert("RGB")), file.stored)
    else:
        assert restored[:2] in (b"P4", b"P5", b"P6")
        twin = next(f for f in EXACT if f.name == file.name.replace("plain-", "").replace("plain", "1"))
        assert restored == twin.data


@pytest.mark.parametrize("file", LOSSY, ids=str)
def test_decoded_samples_of_lossy_files_come_back(file: File) -> None:
    restored = back(file.name, file.data)
    with Image.open(io.BytesIO(file.data)) as before, Image.open(io.BytesIO(restored)) as after:
        assert before.mode == after.mode and np.array_equal(np.asarray(before), np.asarray(after))
        assert (
            before.getexif().get(274)
            == after.getexif().get(274)
            == (None if "turned" not in file.name else file.orientation)
        )
        first, second = (np.asarray(ImageOps.exif_transpose(image)) for image in (before, after))
        assert np.array_equal(first, second)
        assert after.format == ("WEBP" if "webp" in file.name else "TIFF" if "CMYK" in file.name else "PNG")


def test_what_decides_how_a_picture_looks_is_kept() -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[274], exif[271] = 6, "a maker"
    image = Image.fromarray(numbers(3, 256))
    for form, more in (("PNG", {}), ("JPEG", {}), ("WEBP", {"lossless": True}), ("WEBP", {}),
                       ("TIFF", {"compression": "tiff_lzw"})):  # fmt: skip
        data = saved(image, form, icc_profile=icc, exif=exif, **more)
        with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(back("a", data))) as after:
            assert np.array_equal(np.asarray(before), np.asarray(after))
            assert before.info["icc_profile"] == after.info["icc_profile"] == icc
            assert all(
                before.getexif()[tag] == after.getexif()[tag] == exif[tag] for tag in (274, 271) if form != "TIFF"
            )
            assert after.getexif()[271] == "a maker"
    cmyk = Image.frombytes("CMYK", (7, 5), numbers(4, 256).tobytes())
    with Image.open(io.BytesIO(back("a", saved(cmyk, "JPEG", icc_profile=icc)))) as after:
        assert after.info["icc_profile"] == icc


def test_chunks_of_a_png_come_back_byte_for_byte() -> None:
    stream = io.BytesIO()
    writer = Writer(7, 5, greyscale=False, bitdepth=16, gamma=0.45, background=(1, 2, 3), x_pixels_per_unit=9,
                        y_pixels_per_unit=9, unit_is_meter=True)  # fmt: skip
    writer.write(stream, numbers(3, 65536).reshape(5, -1).tolist())
    text = b"tEXtComment\0hello"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    data = stream.getvalue()[:-12] + chunk + stream.getvalue()[-12:] + b"behind the end"
    restored = back("a.png", data)
    others = [[part for part in png.Reader(bytes=each).chunks() if part[0] != b"IDAT"] for each in (data, restored)]
    assert others[0] == others[1] and restored.endswith(b"behind the end")
    frames = [Image.fromarray(numbers(3, 256, seed)) for seed in range(3)]
    moving = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(back("a.png", moving))) as after:
        assert getattr(after, "n_frames", 1) == 3
        for number, frame in enumerate(frames):
            after.seek(number)
            assert np.array_equal(np.asarray(after.convert("RGB")), np.asarray(frame))


def test_palettes_with_equal_colours_keep_their_indices() -> None:
    x = numbers(1, 4)
    for palette in (
        [(1, 2, 3), (1, 2, 3), (4, 5, 6), (7, 8, 9)],
        [(0, 0, 0, 0), (0, 0, 0, 255), (9, 9, 9, 9), (9, 9, 9, 9)],
    ):
        stream = io.BytesIO()
        Writer(7, 5, palette=palette, bitdepth=2).write(stream, x[..., 0].tolist())
        restored = back("a.png", stream.getvalue())
        assert by_pypng(restored) == by_pypng(stream.getvalue())


def test_photographs_shrink_by_filters() -> None:
    """The filters of PNG and the differences of TIFF are used: a smooth picture is not written out."""
    rows, columns = np.mgrid[:64, :64]
    smooth = np.stack([rows * 300 + columns * 500, columns * 700, rows * 900 + 77], 2).astype(np.uint16)
    stream = io.BytesIO()
    Writer(64, 64, greyscale=False, bitdepth=16).write(stream, smooth.reshape(64, -1).tolist())
    restored = back("a.png", stream.getvalue())
    assert by_pypng(restored)[0] == smooth.reshape(64, -1).tolist()
    assert len(restored) < smooth.nbytes / 20
    deflated = back("a.tif", tiff(smooth, ">", True))
    assert np.array_equal(by_tifffile(deflated)[0], smooth) and len(deflated) < smooth.nbytes / 20


def test_what_cannot_be_restored_is_refused() -> None:
    frames = [Image.fromarray(numbers(3, 256, seed)) for seed in range(3)]
    for form in ("TIFF", "WEBP", "GIF"):
        data = saved(frames[0], form, save_all=True, append_images=frames[1:])
        with refused("AR804", "holds 3 pictures, of which one would be kept", "split"):
            parse(data, "a", DATA)
    floats = saved(Image.fromarray(numbers(1, 256)[..., 0].astype(np.float32) / 7), "TIFF")
    with refused("AR804", "would not be kept"):
        parse(floats, "a.tif", DATA)
    with refused("AR803", "as an image", "are read"):
        parse(b"no picture", "a", DATA)


@pytest.mark.parametrize("file", [EXACT[n] for n in range(0, len(EXACT), 5)] + LOSSY[-3:], ids=str)
def test_a_container_that_was_made_up_is_refused_or_gives_some_picture(file: File) -> None:
    form, media = parse(file.data, file.name, DATA)
    generator = np.random.default_rng(0)
    for _ in range(20):
        meta = bytearray(media.meta)
        meta[int(generator.integers(len(meta)))] ^= 1 << int(generator.integers(8))
        samples = media.samples.copy()
        samples[0, 0, 0] = int(generator.integers(-3, 1 << 17))
        for each in (bytes(meta), media.meta[: int(generator.integers(len(media.meta)))]):
            for content in (media.samples, samples, media.samples[:, :1], media.samples[:1], media.samples[:, :0]):
                try:
                    build(form, each, content)
                except InputError as error:
                    assert isinstance(error, CorruptContainer)


def test_all_of_them_in_one_container(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of several kinds through a model, by the commands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(framed("data: {kind: image, height: 5, width: 7, channels: 3, levels: 4}"))
    (tmp_path / "all").mkdir()
    chosen = [file for file in EXACT if file.name in ("rgb-16.png", "rgba-16-interlaced.png", "palette-4-alpha.png",
                                                      "grey-1.png",
                                                      "rgb-16-big-deflate.tif", "pillow-LA-tiff_lzw.tif",
                                                      "1023.ppm")]  # fmt: skip
    for file in [*chosen, File("turned-6.jpg", jpeg(orientation=6), None)]:
        (tmp_path / "all" / file.name).write_bytes(file.data)
    assert main(["compress", "tiny.yaml", "all", "-o", "all.ars", "--check"]) == 0
    told = capsys.readouterr().out
    assert ".png is added to the name, with the same pixels and EXIF: all/turned-6.jpg" in told
    assert main(["decompress", "tiny.yaml", "all.ars", "-o", "there"]) == 0
    for file in chosen:
        data = (tmp_path / "there" / "all" / file.name).read_bytes()
        if file.name.endswith(".png"):
            assert by_pypng(data) == by_pypng(file.data)
        else:
            assert restores(parse(file.data, file.name, DATA)[1], LAID, file.data, data, file.name)
    with Image.open(tmp_path / "there/all/turned-6.jpg.png") as image:
        assert image.getexif()[274] == 6


def test_patterns_are_compressed_where_no_shell_replaced_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from arspec.cli.compress import _found  # pyright: ignore[reportPrivateUsage]

    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "a.png", "c[1].png", "d.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "e.png").mkdir()
    assert [name for name, _ in _found(["*.png"])] == ["a.png", "b.png", "c[1].png"]
    assert [name for name, _ in _found(["c[1].png", "d.txt"])] == ["c[1].png", "d.txt"]


def test_a_folder_that_holds_more_than_is_meant_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from arspec.cli.compress import _found  # pyright: ignore[reportPrivateUsage]

    for number in range(6):
        (tmp_path / f"{number}.txt").touch()
    monkeypatch.setattr("arspec.cli.compress.MOST_FOUND", 6)
    assert len([*_found([str(tmp_path)])]) == 6
    (tmp_path / "below").mkdir()
    refuses("AR952", lambda: [*_found([str(tmp_path)])], "more than 6 files and folders are below")
    (tmp_path / "root").symlink_to("/")
    for root in ("/", "/../", str(tmp_path / "root")):
        refuses("AR952", lambda root=root: [*_found([root])], "is the whole disk")
        refuses("AR952", lambda root=root: arspec.load_data(root, "made"), "is the whole disk")


def test_a_mask_may_be_any_picture(tmp_path: Path) -> None:
    from arspec.cli.given import _mask_file  # pyright: ignore[reportPrivateUsage]

    x = np.zeros((4, 4, 4), np.uint16)
    x[:2] = (200, 200, 200, 65535)  # which 8 bits would not tell from black
    x[2] = (65535, 65535, 65535, 0)
    stream = io.BytesIO()
    Writer(4, 4, greyscale=False, alpha=True, bitdepth=16).write(stream, x.reshape(4, -1).tolist())
    (tmp_path / "mask.png").write_bytes(stream.getvalue())
    known = _mask_file(str(tmp_path / "mask.png"), DATA, np.zeros((3, 4, 4), bool))
    assert known[:, :2].all() and not known[:, 2:].any()
    (tmp_path / "mask.png").write_bytes(b"no picture")
    with refused("AR803", "mask.png"):
        _mask_file(str(tmp_path / "mask.png"), DATA, np.zeros((3, 4, 4), bool))


@pytest.mark.parametrize("mode, planes", [("1", 1), ("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("I;16", 1)])
def test_pictures_of_earlier_containers_are_still_made(mode: str, planes: int) -> None:
    """What a container said of a picture was two bytes, the format and the mode of pillow."""
    modes, formats = ("1", "L", "LA", "RGB", "RGBA", "I;16"), ("PNG", "WEBP", "TIFF", "BMP", "PPM")
    top = {"1": 2, "I;16": 65536}.get(mode, 256)
    samples = numbers(planes, top).transpose(2, 0, 1).astype(np.int64)
    for number, form in enumerate(formats):
        if (form == "WEBP" and mode not in ("RGB", "RGBA")) or (
            form in ("BMP", "PPM") and mode not in ("1", "L", "RGB")
        ):
            continue
        with Image.open(io.BytesIO(build(PICTURE, bytes([number, modes.index(mode)]), samples))) as file:
            assert file.format == form
            found = np.asarray(file).astype(np.int64)
            assert np.array_equal(found.reshape(5, 7, planes).transpose(2, 0, 1), samples)
