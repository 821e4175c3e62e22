"""Picture files of every kind that arspec reads, made by pillow, pypng and by hand, each with what it holds.

What a file holds is known because it was written here: `stored` are the numbers that went into it.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import png
from PIL import Image

Array = np.ndarray[Any, Any]
HEIGHT, WIDTH = 5, 7
PNG_KINDS = {1: "grey", 2: "grey-alpha", 3: "rgb", 4: "rgba"}


@dataclass(frozen=True)
class File:
    """A picture file. name: with its ending. stored: what was written, [H, W, C], values or indices; None where lossy.

    span: values of a sample. palette: [n, 4]. key: a transparent colour. orientation: as in EXIF.
    """

    name: str
    data: bytes
    stored: Array | None
    span: int = 256
    palette: Array | None = None
    key: tuple[int, ...] | None = None
    orientation: int = 1

    def __str__(self) -> str:
        return self.name


def numbers(planes: int, top: int, seed: int = 0) -> Array:
    """Random numbers [H, W, planes] below `top`, both ends among them."""
    x = np.random.default_rng([seed, planes, top]).integers(0, top, (HEIGHT, WIDTH, planes))
    x[0, 0], x[-1, -1] = 0, top - 1
    return x.astype(np.uint8 if top <= 256 else np.uint16)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of a file that pillow writes."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def by_pypng(x: Array, depth: int, interlaced: bool = False, **options: Any) -> bytes:
    """A PNG file that pypng writes of [H, W, C]."""
    stream = io.BytesIO()
    kinds = {} if "palette" in options else {"greyscale": x.shape[2] < 3, "alpha": x.shape[2] in (2, 4)}
    writer = png.Writer(x.shape[1], x.shape[0], bitdepth=depth, interlace=interlaced, **kinds, **options)
    writer.write(stream, x.reshape(len(x), -1).tolist())
    return stream.getvalue()


def png_files() -> list[File]:
    """Every colour type and depth, with and without interlacing and transparency."""
    files: list[File] = []
    for depth, planes, interlaced in itertools.product((1, 2, 4, 8, 16), PNG_KINDS, (False, True)):
        if depth < 8 and planes > 1:
            continue
        x = numbers(planes, 1 << depth)
        name = f"{PNG_KINDS[planes]}-{depth}{'-interlaced' * interlaced}.png"
        files.append(File(name, by_pypng(x, depth, interlaced), x, 1 << depth))
        if planes in (1, 3):
            key = tuple(int(value) for value in x[2, 3])
            data = by_pypng(x, depth, interlaced, transparent=key[0] if planes == 1 else key)
            files.append(File(name.replace(".png", "-key.png"), data, x, 1 << depth, key=key))
    for depth, alpha, interlaced in itertools.product((1, 2, 4, 8), (False, True), (False, True)):
        x = numbers(1, 1 << depth, 1)
        palette = np.random.default_rng(depth).integers(0, 256, (1 << depth, 4)).astype(np.uint8)
        if not alpha:
            palette[:, 3] = 255
        colours = [tuple(row) for row in (palette if alpha else palette[:, :3]).tolist()]
        name = f"palette-{depth}{'-alpha' * alpha}{'-interlaced' * interlaced}.png"
        files.append(File(name, by_pypng(x, depth, interlaced, palette=colours), x, 256, palette))
    for mode, planes in (("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("I;16", 1)):
        x = numbers(planes, 65536 if mode == "I;16" else 256, 2)
        image = Image.fromarray(x[..., 0] if planes == 1 else x)
        files.append(
            File(f"pillow-{mode.replace(';', '')}.png", saved(image, "PNG"), x, 65536 if "16" in mode else 256)
        )
    return files


def tiff(x: Array, order: str, compressed: bool, orientation: int = 1, white_is_zero: bool = False) -> bytes:
    """A TIFF file of one strip, by hand; [H, W, C] of 8 or 16 bits. compressed: by deflate."""
    bits, planes = 8 * x.dtype.itemsize, x.shape[2]
    body = x.astype(x.dtype.newbyteorder(order)).tobytes()
    body = zlib.compress(body) if compressed else body
    pack = struct.Struct(f"{order}HHII").pack
    depths = struct.pack(f"{order}{planes}H", *[bits] * planes)
    tags: list[tuple[int, int, int, int | bytes]] = [
        (256, 3, 1, x.shape[1]), (257, 3, 1, x.shape[0]), (258, 3, planes, depths if planes > 2 else bits),
        (259, 3, 1, 8 if compressed else 1), (262, 3, 1, 2 if planes > 2 else 0 if white_is_zero else 1),
        (273, 4, 1, 0), (274, 3, 1, orientation), (277, 3, 1, planes), (278, 3, 1, x.shape[0]), (279, 4, 1, len(body)),
    ]  # fmt: skip
    if planes == 4:
        tags.append((338, 3, 1, 2))
    place = 8 + 2 + 12 * len(tags) + 4
    more, entries = b"", b""
    for tag, kind, count, value in tags:
        if isinstance(value, bytes):
            entries += pack(tag, kind, count, place + len(more))
            more += value
        elif kind == 3:
            entries += struct.pack(f"{order}HHIHH", tag, kind, count, value, 0)
        else:
            entries += pack(tag, kind, count, value)
    start = place + len(more)
    entries = entries.replace(pack(273, 4, 1, 0), pack(273, 4, 1, start))
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return head + entries + bytes(4) + more + body


def tiff_files() -> list[File]:
    """Grey, RGB and RGBA of 8 and 16 bits, by hand in both byte orders, and by pillow in several compressions."""
    files: list[File] = []
    for top, planes, order, compressed in itertools.product((256, 65536), (1, 3, 4), "<>", (False, True)):
        x = numbers(planes, top, 3)
        name = f"{PNG_KINDS[planes]}-{8 if top == 256 else 16}-{'little' if order == '<' else 'big'}"
        files.append(File(f"{name}{'-deflate' * compressed}.tif", tiff(x, order, compressed), x, top))
    for mode, planes in (("L", 1), ("RGB", 3), ("RGBA", 4), ("LA", 2), ("I;16", 1)):
        x = numbers(planes, 65536 if mode == "I;16" else 256, 4)
        image = Image.fromarray(x[..., 0] if planes == 1 else x)
        for compression in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"):
            data = saved(image, "TIFF", compression=compression)
            name = f"pillow-{mode.replace(';', '')}-{compression}.tif"
            files.append(File(name, data, x, 65536 if "16" in mode else 256))
    bits = numbers(1, 2, 5)
    for compression in ("raw", "group4", "tiff_lzw"):
        data = saved(Image.fromarray(bits[..., 0] * 255).convert("1"), "TIFF", compression=compression)
        files.append(File(f"pillow-1-{compression}.tif", data, bits, 2))
    for orientation in range(1, 9):
        x = numbers(3, 65536, 6)
        files.append(
            File(f"turned-{orientation}.tif", tiff(x, "<", True, orientation), x, 65536, None, None, orientation)
        )
    for top in (256, 65536):
        x = numbers(1, top, 7)
        files.append(File(f"white-is-zero-{top}.tif", tiff(x, "<", True, white_is_zero=True), (top - 1) - x, top))
    return files


def other_files() -> list[File]:
    """BMP, PNM, WebP without loss, GIF."""
    files: list[File] = []
    for mode, planes in (("L", 1), ("RGB", 3), ("RGBA", 4)):
        x = numbers(planes, 256, 8)
        data = saved(Image.fromarray(x[..., 0] if planes == 1 else x), "BMP")
        files.append(File(f"{mode}.bmp", data, x[..., :3]))  # the fourth byte means nothing in such a file
    bits = numbers(1, 2, 9)
    one = Image.fromarray(bits[..., 0] * 255).convert("1")
    files.append(File("1.bmp", saved(one, "BMP"), bits, 2))
    files.append(File("1.pbm", saved(one, "PPM"), bits, 2))
    plain = "P1\n# a comment\n7 5\n" + "\n".join("".join(str(1 - v) for v in row) for row in bits[..., 0].tolist())
    files.append(File("plain.pbm", plain.encode(), bits, 2))
    for highest, planes in itertools.product((1, 200, 255, 1023, 65535), (1, 3)):
        x = numbers(planes, highest + 1, 10)
        wide = x.astype(">u2") if highest > 255 else x
        head = f"{HEADS[planes]}\n{WIDTH} {HEIGHT}\n{highest}\n"
        ending = "ppm" if planes == 3 else "pgm"
        files.append(File(f"{highest}.{ending}", head.encode() + wide.tobytes(), x, highest + 1))
        text = head.replace("P6", "P3").replace("P5", "P2") + "# and\n" + " ".join(map(str, x.ravel().tolist())) + "\n"
        files.append(File(f"plain-{highest}.{ending}", text.encode(), x, highest + 1))
    for planes in (3, 4):
        x = numbers(planes, 256, 11)
        data = saved(Image.fromarray(x), "WEBP", lossless=True, exact=True)
        files.append(File(f"{PNG_KINDS[planes]}.webp", data, x))
    palette = np.random.default_rng(12).integers(0, 256, (256, 4)).astype(np.uint8)
    palette[:, 3] = 255
    for clear in (None, 3, 200):  # of which the last is no pixel's
        x = numbers(1, 16, 13)
        image = Image.frombytes("P", (WIDTH, HEIGHT), x.tobytes())
        image.putpalette(palette[:, :3].tobytes())
        colours = palette.copy()
        if clear is not None:
            colours[clear, 3] = 0
        data = saved(image, "GIF", optimize=False, **({} if clear is None else {"transparency": clear}))
        files.append(File(f"static{'' if clear is None else f'-clear-{clear}'}.gif", data, x, 256, colours))
    return files


HEADS = {1: "P5", 3: "P6"}


def jpeg(mode: str = "RGB", orientation: int | None = None, **options: Any) -> bytes:
    """A JPEG file that pillow writes."""
    planes = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    x = numbers(planes, 256, 14)
    image = Image.frombytes(mode, (WIDTH, HEIGHT), x.tobytes())
    if orientation is not None:
        exif = Image.Exif()
        exif[274] = orientation
        options["exif"] = exif
    return saved(image, "JPEG", **options)


def lossy_files() -> list[File]:
    """JPEG in each orientation, grey and CMYK; WebP with loss."""
    files = [File(f"turned-{n}.jpg", jpeg(orientation=n), None, orientation=n) for n in range(1, 9)]
    files += [File(f"{mode}.jpg", jpeg(mode), None) for mode in ("L", "RGB", "CMYK")]
    for planes in (3, 4):
        files.append(
            File(f"lossy-{PNG_KINDS[planes]}.webp", saved(Image.fromarray(numbers(planes, 256)), "WEBP"), None)
        )
    return files


def exact_files() -> list[File]:
    """All files whose numbers are known."""
    return png_files() + tiff_files() + other_files()
