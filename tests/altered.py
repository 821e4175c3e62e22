"""Containers, run folders and files of data as nobody has written them, with checksums repaired, and what commands say
of them: exit code 0, 1 or 2, no traceback, no hang, nothing written anywhere but where it was asked for.

`python tests/altered.py KIND COUNT [SEED]` runs a campaign of one kind: containers, runs or data.
"""

from __future__ import annotations

import collections
import io
import json
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from hostile import QUICK, SPEC, write_spec

import arspec
from arspec.cli.main import main
from arspec.codec import Codec, Item
from arspec.codec.alphabet import Alphabet
from arspec.codec.container import Head, read, write
from arspec.codec.container import digest as head_digest
from arspec.codec.media import FORMATS
from arspec.codec.media import parse as parse_file
from arspec.codec.part import Part
from arspec.codec.wire import ByteWriter
from arspec.data import load
from arspec.diagnostics import InputError
from arspec.training import train

ROOM = 3 << 30  # bytes of address space that a campaign has
PATIENCE = 60  # seconds that a case may take
LIMIT = 1 << 16  # values of a part
SPECIAL = (0, 1, 2, 0x7F, 0x80, 0xFF)
NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 127, 128, 255, 256, 65535, 65536, 1 << 31, 1 << 32, (1 << 40) - 1, 1 << 62)
NAMES = ("", "/x", "../x", "a/../../x", "a//b", ".", "a", "a/b", "\x1b[31m", "\u202ea", "a\0b", "C:\\x", "x" * 300, "~")

SOUND = """arspec: 1
name: sound
data: {kind: sequence, length: 8, levels: 16, content: audio, rate: 8000, companding: mu_law}
graph:
  hot: {layer: one_hot, from: x}
  h: {layer: conv, kernel: 3, mask: earlier, out: 4}
  logits: {layer: conv, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""
WORDS = SOUND.replace("name: sound", "name: words").replace(
    "levels: 16, content: audio, rate: 8000, companding: mu_law", "levels: 256, content: text"
)
LETTERS = WORDS.replace("name: words", "name: letters").replace(
    "levels: 256, content: text", 'levels: 8, content: text, alphabet: "abcdeé€ "'
)
COLOUR = """arspec: 1
name: colour
data: {kind: image, height: 3, width: 3, channels: 3, levels: 8}
condition: {kind: {kind: class, classes: 3}, size: {kind: vector, size: 2}}
graph:
  scaled: {layer: scale, from: x}
  h: {layer: conv, kernel: 3, mask: earlier, out: 6}
  told: {layer: condition, by: kind}
  sized: {layer: condition, by: size}
  logits: {layer: conv, kernel: 1, out: $head, mask: so_far}
head: {kind: categorical, from: logits}
"""
VECTOR = """arspec: 1
name: vector
data: {kind: vector, size: 9, levels: 40}
graph:
  scaled: {layer: scale, from: x}
  h: {layer: dense, units: 8, mask: so_far}
  logits: {layer: dense, out: $head, mask: earlier}
head: {kind: logistic_mixture, components: 2, from: logits}
"""


@dataclass
class Found:
    """What a campaign came to: how often each exit code or diagnostic, and the faults with their traces."""

    outcomes: collections.Counter[str] = field(default_factory=collections.Counter[str])
    faults: list[str] = field(default_factory=list[str])


class Hang(BaseException):
    """A case took too long."""


def run(arguments: list[str], said: Found, case: str) -> None:
    """Runs a command and notes what it came to."""
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")

    def hang(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(PATIENCE)
    try:
        with redirect_stdout(told), redirect_stderr(told), warnings.catch_warnings():
            warnings.simplefilter("error")
            code = main(arguments)
        told.seek(0)
        text = told.read()
        if "\x1b" in text or "\u202e" in text:
            raise AssertionError(f"a terminal would be steered: {text!r}")
        if code not in (0, 1, 2):
            raise AssertionError(f"exit code {code}")
        said.outcomes[f"{arguments[0]} {code}"] += 1
    except BaseException as error:  # whatever comes is a finding
        if isinstance(error, KeyboardInterrupt):
            raise
        trace = "".join(traceback.format_exception(error)[-4:])
        said.faults.append(f"{case}: {' '.join(arguments)}\n{trace}")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def listing(folder: Path, but: str) -> dict[str, tuple[int, int]]:
    """Everything below a folder but for what stands below one name: size and time."""
    found: dict[str, tuple[int, int]] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.split("/")[0] != but:
            status = path.lstat()
            found[name] = (status.st_size, status.st_mtime_ns) if not path.is_dir() else (0, 0)
    return found


def damaged(data: bytes, draw: random.Random, times: int | None = None) -> bytes:
    """Bytes with a few of them changed, left out, repeated or put in."""
    result = bytearray(data)
    for _ in range(times or draw.choice((1, 1, 1, 2, 4))):
        place = draw.randrange(len(result) + 1)
        size = draw.choice((1, 1, 2, 4, 8, 16))
        match draw.randrange(6):
            case 0 if place < len(result):
                result[place] ^= 1 << draw.randrange(8)
            case 1 if place < len(result):
                result[place] = draw.choice(SPECIAL)
            case 2:
                del result[place : place + size]
            case 3:
                result[place:place] = draw.randbytes(size)
            case 4:
                result[place:place] = result[place : place + size] * draw.choice((1, 2, 50))
            case _:
                result[place : place + size] = ByteWriter().number(draw.choice(NUMBERS)).done()
    return bytes(result)


# ------------------------------------------------------------------ containers


def files_for(name: str, folder: Path) -> list[tuple[str, bytes]]:
    """Files that the models of the campaign compress."""
    import soundfile
    from PIL import Image

    random_of = np.random.default_rng(0)
    made: list[tuple[str, bytes]] = []

    def array(values: Any) -> bytes:
        stream = io.BytesIO()
        np.save(stream, values)
        return stream.getvalue()

    def picture(form: str, mode: str, high: int, **more: Any) -> bytes:
        stream = io.BytesIO()
        shape = (5, 4, 3) if mode == "RGB" else (5, 4)
        values = random_of.integers(0, high, shape).astype(np.uint8) * (255 // max(high - 1, 1))
        Image.fromarray(values).convert(mode).save(stream, form, **more)
        return stream.getvalue()

    def sound(form: str, subtype: str, channels: int = 1) -> bytes:
        stream = io.BytesIO()
        soundfile.write(stream, random_of.uniform(-1, 1, (12, channels)), 8000, format=form, subtype=subtype)
        return stream.getvalue()

    if name == "little":
        made += [
            ("a.npy", array(random_of.integers(0, 4, (2, 1, 4, 4)))),
            ("in/b.npy", array(random_of.integers(0, 4, 9))),
        ]
        made += [("c.pgm", b"P5\n4 4\n3\n" + bytes(range(4)) * 4), ("d.png", picture("PNG", "L", 4))]
        made += [("e.png", picture("PNG", "P", 4)), ("f.tif", picture("TIFF", "L", 4))]
    elif name == "words":
        made += [("a.txt", b"what is compressed"), ("b.txt", b""), ("c.npy", array(np.arange(9, dtype=np.uint8)))]
    elif name == "letters":
        made += [
            ("a.txt", "a bé cd€ ade".encode()),
            ("b.txt", "abc abc z\U0001f642".encode() + b"\xff"),
            ("c.txt", b"a"),
        ]
    elif name == "sound":
        made += [
            ("a.wav", sound("WAV", "PCM_16")),
            ("b.wav", sound("WAV", "FLOAT")),
            ("c.flac", sound("FLAC", "PCM_16")),
        ]
        made += [
            ("d.wav", sound("WAV", "PCM_U8", 2)),
            ("e.aiff", sound("AIFF", "PCM_24")),
            ("f.wav", sound("WAV", "ULAW")),
        ]
    elif name == "vector":
        made += [("a.npy", array(random_of.integers(0, 40, (2, 9)))), ("b.pgm", b"P5\n3 3\n39\n" + bytes(range(9)))]
        made += [("c.npy", array(random_of.integers(-9, 40, 40)))]
    else:
        made += [("a.png", picture("PNG", "RGB", 8)), ("b.webp", picture("WEBP", "RGB", 8, lossless=True))]
        made += [("c.ppm", b"P6\n2 2\n255\n" + bytes(12)), ("d.bmp", picture("BMP", "RGB", 8))]
    return made


def specs() -> dict[str, str]:
    return {"little": SPEC, "words": WORDS, "letters": LETTERS, "sound": SOUND, "colour": COLOUR, "vector": VECTOR}


class Containers:
    """Containers of several models, one file alone and all together."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models, self.whole = folder, dict[str, Any](), list[tuple[str, bytes]]()
        for name, text in specs().items():
            path = folder / f"{name}.yaml"
            path.write_text(text)
            model = arspec.compile(arspec.load(path)).double().eval()
            self.models[str(path)] = model
            items: list[Item] = []
            for file, data in files_for(name, folder):
                try:
                    items.append(Item(file, *parse_file(data, file, model.spec.data)))
                except InputError:
                    continue  # what a model does not take
            given: dict[str, Any] = {}
            if model.spec.condition:
                given = {"kind": np.arange(len(items)) % 3, "size": np.ones((len(items), 2), np.float32)}
            coded: list[Item] = []
            for k, item in enumerate(items):
                one = {key: values[k : k + 1] for key, values in given.items()}
                try:
                    self.whole.append((str(path), Codec(model).compress([item], one)[0]))
                except InputError:
                    continue
                coded.append(item)
            given = {key: values[: len(coded)] for key, values in given.items()}
            self.whole.append((str(path), Codec(model).compress(coded, given)[0]))

    def altered(self, draw: random.Random) -> tuple[str, bytes]:
        """A model's spec, and a container for it whose checksums hold."""
        spec, data = draw.choice(self.whole)
        head, found = read(data)
        bodies = list(found)
        chance = draw.random()
        if chance < 0.15:
            head = self._head(head, draw)
        elif chance < 0.2:
            return spec, self._raw_head(head, bodies, draw)
        elif chance < 0.6:
            k = draw.randrange(len(bodies))
            bodies[k] = damaged(bodies[k], draw)
        else:
            bodies = self._parts(bodies, draw, self.models[spec].spec.data.levels)
        return spec, write(head, bodies)

    def _head(self, head: Head, draw: random.Random) -> Head:
        match draw.randrange(5):
            case 0:
                return replace(head, conditions=damaged(head.conditions or b"\x01", draw))
            case 1:
                return replace(head, member=draw.choice(NUMBERS[:12]))
            case 2:
                return replace(head, interleaved=draw.choice(NUMBERS[:12]))
            case 3:
                return replace(head, noise=draw.randrange(256))
            case _:
                return replace(head, parts=draw.choice(NUMBERS[:14]))

    def _raw_head(self, head: Head, bodies: list[bytes], draw: random.Random) -> bytes:
        packed = damaged(head.pack()[:-8], draw, 1)
        packed += head_digest(packed)
        whole = write(head, bodies)
        return packed + whole[len(head.pack()) :]

    def _parts(self, bodies: list[bytes], draw: random.Random, levels: int) -> list[bytes]:
        """Fields of a part replaced by others of their kind."""
        parts: list[Part] = []
        for body in bodies:
            parts.append(Part.unpack(body, levels, 1 << 40, parts[-1] if parts else None))
        k = draw.randrange(len(parts))
        part, number = parts[k], draw.choice(NUMBERS)
        few = tuple(draw.choice(NUMBERS[:14]) for _ in range(draw.randrange(9)))
        near = tuple(max(0, size + draw.choice((-1, 0, 1, 2))) for size in part.shape)
        other = draw.choice(parts)
        changes: list[Callable[[], dict[str, Any]]] = [
            lambda: {"name": draw.choice(NAMES)},
            lambda: {"form": draw.randrange(len(FORMATS) + 1)},
            lambda: {"meta": damaged(part.meta or b"\0", draw)},
            lambda: {"meta": draw.randbytes(draw.randrange(8)), "form": draw.randrange(len(FORMATS))},
            lambda: {"shape": few},
            lambda: {"shape": near},
            lambda: {"shape": tuple(draw.sample(part.shape, len(part.shape)))},
            lambda: {"alphabet": Alphabet(draw.randrange(4), min(number, 1 << 32), levels)},
            lambda: {"every": 1 << draw.randrange(21)},
            lambda: {"marks": damaged(part.marks or b"\1", draw)},
            lambda: {"exceptions": damaged(part.exceptions or b"\1\1", draw)},
            lambda: {"places": damaged(part.places or b"\1", draw)},
            lambda: {"symbols": damaged(part.symbols or b"\1", draw)},
            lambda: {"meta": other.meta, "form": other.form},
            lambda: {"symbols": b"\xff" * draw.randrange(20), "every": 1},
            lambda: {"places": b"\xff" * draw.randrange(20)},
        ]
        for _ in range(draw.choice((1, 1, 2, 3))):
            part = replace(part, **draw.choice(changes)())
        parts[k] = part
        return [each.pack(parts[i - 1] if i else None) for i, each in enumerate(parts)]

    @contextmanager
    def at_hand(self, repaired: bool) -> Iterator[None]:
        """The models need not be compiled again; `repaired`: the hash of a part's content holds, whatever it is."""
        import arspec.cli.compress as command
        import arspec.codec.codec as codec

        class Holds:
            def __ne__(self, other: object) -> bool:
                return False

        opened, hashed = command.open_model, codec.content_hash
        command.open_model = lambda args, *_: self.models[args.model]
        if repaired:
            codec.content_hash = lambda *_: Holds()  # type: ignore[assignment]
        try:
            yield
        finally:
            command.open_model, codec.content_hash = opened, hashed

    def case(self, draw: random.Random, said: Found, name: str) -> None:
        spec, data = self.altered(draw)
        (self.folder / "x.ars").write_bytes(data)
        before = listing(self.folder, "out")
        more = draw.choice(([], ["--recover"], ["--force"], ["--recover", "--json"]))
        with self.at_hand(draw.random() < 0.7):
            out = ["-o", str(self.folder / "out"), "--limit", str(LIMIT)]
            run(["decompress", spec, str(self.folder / "x.ars"), *out, *more], said, name)
        if listing(self.folder, "out") != before:
            said.faults.append(f"{name}: something was written elsewhere")
        shutil.rmtree(self.folder / "out", ignore_errors=True)


# ------------------------------------------------------------------ run folders


class Runs:
    """A run folder, one or two of whose files are altered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        base = write_spec(folder)
        (folder / "upper.yaml").write_text(f"arspec: 1\nname: upper\nextends: {base.name}\norder: {{scan: raster}}\n")
        self.data = folder / "data.npy"
        np.save(self.data, np.random.default_rng(0).integers(0, 4, (8, 1, 4, 4)))
        spec = arspec.load(folder / "upper.yaml")
        self.whole = folder / "whole"
        train(arspec.compile(spec), load(str(self.data), spec.data, split="all"), None, self.whole, QUICK, device="cpu",
              tensorboard=False)  # fmt: skip

    def case(self, draw: random.Random, said: Found, name: str) -> None:
        run_folder = self.folder / "run"
        shutil.rmtree(run_folder, ignore_errors=True)
        shutil.copytree(self.whole, run_folder)
        files = [path for path in sorted(run_folder.iterdir()) if path.is_file()]
        for path in draw.sample(files, draw.choice((1, 1, 1, 2))):
            self._alter(path, draw)
        before = listing(self.folder, "run")
        out = str(run_folder / "out.npy")
        data = ["--data", str(self.data), "--split", "all"]
        commands = {
            "sample": ["sample", str(run_folder), "-n", "1", "-o", out, "--device", "cpu"],
            "eval": ["eval", str(run_folder), *data, "--device", "cpu"],
            "score": ["score", str(run_folder), *data, "-o", str(run_folder / "scores"), "--device", "cpu"],
            "train": [
                "train",
                str(run_folder / "spec.yaml"),
                "--data",
                str(self.data),
                "--out",
                str(run_folder),
                "--resume",
                "--steps",
                "5",
                "--batch",
                "4",
                "--samples",
                "0",
                "--no-tensorboard",
                "--quiet",
                "--device",
                "cpu",
            ],
        }
        run(draw.choice([*commands.values(), commands["sample"]]), said, name)
        if listing(self.folder, "run") != before:
            said.faults.append(f"{name}: something was written elsewhere")

    def _alter(self, path: Path, draw: random.Random) -> None:
        data = path.read_bytes()
        if draw.random() < 0.08:
            path.unlink()
            match draw.randrange(4):
                case 0:
                    path.mkdir()
                case 1:
                    path.symlink_to("/dev/zero")
                case 2:
                    os.mkfifo(path)
                case _:
                    pass
        elif path.suffix == ".safetensors" and draw.random() < 0.7:
            path.write_bytes(_safetensors(data, draw))
        elif path.suffix == ".json" and draw.random() < 0.6:
            value = json.loads(data)
            path.write_text(json.dumps(_json(value, draw)))
        elif path.suffix == ".yaml":
            path.write_bytes(_yaml(data, draw))
        else:
            path.write_bytes(damaged(data, draw))


VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 3, 1 << 70, 0.5, "", "x", "\x1b[31m", [], [1], [[1, 2]], {}, {"a": 1}, "/etc/passwd",
    float("nan"),
)  # fmt: skip


def _json(value: Any, draw: random.Random) -> Any:
    """A value of JSON with one place in it changed."""
    if isinstance(value, dict) and value and draw.random() < 0.8:
        key = draw.choice(list(value))
        changed = dict(value)
        if draw.random() < 0.15:
            del changed[key]
        elif draw.random() < 0.1:
            changed[draw.choice(NAMES)] = changed.pop(key)
        else:
            changed[key] = _json(value[key], draw)
        return changed
    if isinstance(value, list) and value and draw.random() < 0.6:
        k = draw.randrange(len(value))
        return [*value[:k], _json(value[k], draw), *value[k + 1 :]]
    return draw.choice(VALUES)


def _safetensors(data: bytes, draw: random.Random) -> bytes:
    """The header changed in one place, with its length repaired, or some numbers made odd ones."""
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), bytearray(data[8 + size :])
    chance = draw.random()
    if chance < 0.3:
        place = 4 * draw.randrange(max(1, len(body) // 4))
        body[place : place + 4] = struct.pack("<f", draw.choice((float("nan"), float("inf"), -float("inf"), 3e38, 0.0)))
    elif chance < 0.5:
        record = header.get("__metadata__", {"arspec": "{}"})
        kept = json.loads(record.get("arspec", "{}"))
        header["__metadata__"] = {"arspec": json.dumps(_json(kept, draw))}
    elif chance < 0.7:
        name = draw.choice([key for key in header if key != "__metadata__"])
        header[name]["dtype"] = draw.choice(
            ("F16", "BF16", "F64", "I64", "I32", "U8", "BOOL", "C64", "F8_E4M3", "X", "I16", "U64")
        )
    else:
        header = _json(header, draw)
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + bytes(body)


def _yaml(data: bytes, draw: random.Random) -> bytes:
    """A spec with words exchanged; no number is made larger, which is another matter."""
    words = data.decode().split(" ")
    for _ in range(draw.choice((1, 1, 2))):
        k, j = draw.randrange(len(words)), draw.randrange(len(words))
        match draw.randrange(5):
            case 0:
                words[k], words[j] = words[j], words[k]
            case 1:
                del words[k]
            case 2:
                words.insert(k, draw.choice(("&a", "*a", "!!x", "{", "}", "[", "]", ":", "-", "|", "'", '"', "\t", "~",
                                             "<<:",
                                             '"\\e[31m"', "\u202e", "/dev/zero", "/etc/shadow")))  # fmt: skip
            case 3:
                words[k] = draw.choice(("/dev/zero", "null", "true", "0", "-1", "conv", "$head", "x", ""))
            case _:
                words[k] = words[k][::-1]
        words = words or [""]
    return " ".join(words).encode()


# ------------------------------------------------------------------ files of data


class DataFiles:
    """Files of every kind that is data, altered, each given to each of the commands that takes such a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models = folder, dict[str, Any]()
        self.files: list[tuple[str, str, bytes]] = []
        for name, text in specs().items():
            path = folder / f"{name}.yaml"
            path.write_text(text)
            self.models[name] = arspec.compile(arspec.load(path)).eval()
            self.files += [(name, file.rpartition("/")[2], data) for file, data in files_for(name, folder)]
        stream = io.BytesIO()
        np.savez_compressed(
            stream, x_train=np.zeros((6, 1, 4, 4), np.int64), y_train=np.arange(6), x_test=np.zeros((2, 1, 4, 4))
        )
        self.files += [("little", "g.npz", stream.getvalue())] * 2
        stream = io.BytesIO()
        np.savez(stream, x=np.zeros((6, 1, 4, 4), np.int64))
        self.files.append(("little", "h.npz", stream.getvalue()))

    def case(self, draw: random.Random, said: Found, name: str) -> None:
        spec, file, data = draw.choice(self.files)
        path = self.folder / "in" / file
        path.parent.mkdir(exist_ok=True)
        for old in path.parent.iterdir():
            old.unlink()
        changed = damaged(data, draw)
        if file.endswith(".png") and draw.random() < 0.7:
            changed = _png(data, draw)
        elif file.endswith(".npy") and draw.random() < 0.5:
            changed = _npy(data, draw)
        path.write_bytes(changed)
        before = listing(self.folder, "out")
        text = str(self.folder / f"{spec}.yaml")
        out = str(self.folder / "out" / "x")
        commands = [
            ["eval", text, "--data", str(path), "--split", "all", "--device", "cpu"],
            ["eval", text, "--data", str(path.parent), "--split", "all", "--device", "cpu"],
            ["compress", text, str(path), "-o", out + ".ars"],
        ]
        if spec == "colour":
            commands[2] += ["--condition", "kind=1", "--condition", f"size={self.folder / 'size.npy'}"]
            np.save(self.folder / "size.npy", np.ones(2, np.float32))
            before = listing(self.folder, "out")
            commands.append(["sample", text, "-n", "1", "--condition", "kind=0", "--condition", f"size={path}",
                             "-o", out + ".npy", "--device", "cpu"])  # fmt: skip
        if spec == "little":
            plain = str(self.folder / "plain.npy")
            np.save(plain, np.zeros((2, 1, 4, 4), np.int64))
            before = listing(self.folder, "out")
            commands.append(["complete", text, "--data", plain, "--split", "all", "-n", "1", "--each", "1", "--given",
                             str(path), "--how", "order", "-o", out + ".npy", "--device", "cpu"])  # fmt: skip
        if spec in ("words", "sound"):
            commands.append(["sample", text, "--prefix", str(path), "--length", "40", "--no-compile", "-o",
                             out + ".npy",
                             "--device", "cpu"])  # fmt: skip
        with self.at_hand():
            run(draw.choice(commands), said, name)
        if listing(self.folder, "out") != before:
            said.faults.append(f"{name}: something was written elsewhere")
        shutil.rmtree(self.folder / "out", ignore_errors=True)

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """The models need not be compiled again."""
        import importlib

        modules: list[Any] = [
            importlib.import_module(f"arspec.cli.{name}") for name in ("compress", "evaluate", "generate")
        ]
        opened = [module.open_model for module in modules]
        for module in modules:
            module.open_model = lambda args, *_: self.models[Path(args.model).stem]
        try:
            yield
        finally:
            for module, function in zip(modules, opened, strict=True):
                module.open_model = function


def _png(data: bytes, draw: random.Random) -> bytes:
    """A PNG of the same chunks, one of them changed, with its checksum repaired."""
    chunks: list[tuple[bytes, bytes]] = []
    place = 8
    while place < len(data):
        size = struct.unpack(">I", data[place : place + 4])[0]
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    k = draw.randrange(len(chunks))
    name, content = chunks[k]
    if name == b"IHDR" and draw.random() < 0.7:
        sizes = (0, 1, 4, 5, 13_000, 65_535, 1 << 20, (1 << 31) - 1)
        content = struct.pack(">IIBBBBB", draw.choice(sizes), draw.choice(sizes), draw.choice((1, 2, 4, 8, 16, 3)),
                              draw.choice((0, 2, 3, 4, 6, 1)), 0, 0, draw.choice((0, 1)))  # fmt: skip
    elif draw.random() < 0.8:
        content = damaged(content, draw)
    elif draw.random() < 0.5:
        chunks.pop(k)
    if k < len(chunks):
        chunks[k] = (name, content)
    if draw.random() < 0.3:
        extra = draw.choice((b"eXIf", b"iCCP", b"tRNS", b"gAMA", b"tEXt", b"zTXt", b"acTL", b"cICP"))
        chunks.insert(1, (extra, draw.randbytes(draw.randrange(30))))
    packed = b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return data[:8] + packed


def _npy(data: bytes, draw: random.Random) -> bytes:
    """An array with another header."""
    size = struct.unpack("<H", data[8:10])[0]
    said = draw.choice((
        "{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (-1, 4), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 1, 4, 4), }",
        "{'descr': '<c16', 'fortran_order': False, 'shape': (1, 1, 4, 4), }",
        "{'descr': '<U4', 'fortran_order': False, 'shape': (1, 1, 4, 4), }",
        "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1, 1, 4, 4), }",
        "{'descr': [('a', '<i4'), ('b', '<i4')], 'fortran_order': False, 'shape': (1, 1, 4, 4), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (0, 1, 4, 4), }",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (99999999999,), }",
        "{'descr': '<f2', 'fortran_order': False, 'shape': (4, 1, 4, 4), }",
        "{" * 90, "(" * 9000, "1" * 5000, "'''", "{'shape': 1}",
    ))  # fmt: skip
    packed = said.encode().ljust(118) + b"\n"
    body = data[10 + size :]
    if draw.random() < 0.3:
        body = draw.choice(
            (np.full(32, np.nan).tobytes(), np.full(32, np.inf).tobytes(), np.full(32, -(1 << 63)).tobytes())
        )
    return data[:8] + struct.pack("<H", min(len(packed), 65535)) + packed[:65535] + body


# ------------------------------------------------------------------ campaigns


CAMPAIGNS: dict[str, Callable[[Path], Any]] = {"containers": Containers, "runs": Runs, "data": DataFiles}


def campaign(kind: str, count: int, seed: int, folder: Path) -> Found:
    """So many cases of one kind; case k is the same in every campaign with this seed."""
    said = Found()
    cases = CAMPAIGNS[kind](folder)
    for k in range(count):
        cases.case(random.Random(seed * 1_000_003 + k), said, f"{kind} {seed} {k}")
    return said


def _main() -> int:
    kind, count, seed = sys.argv[1], int(sys.argv[2]), int((sys.argv[3:] or ["0"])[0])
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    with tempfile.TemporaryDirectory() as name:
        said = campaign(kind, count, seed, Path(name))
    print(json.dumps({"cases": count, "outcomes": dict(sorted(said.outcomes.items())), "faults": len(said.faults)}))
    for fault in said.faults:
        print(fault, file=sys.stderr)
    return int(bool(said.faults))


if __name__ == "__main__":
    sys.exit(_main())
