"""What others wrote is read with care: regular files alone, and no more of them than their own bytes hold."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import SPEC
from hostile import write_spec as little

import arspec
from arspec.cli.main import main
from arspec.cli.models import conditions_of
from arspec.data import load
from arspec.data.arrays import read_npy, read_npz
from arspec.diagnostics import InputError
from arspec.files.foreign import content, opened, settings
from arspec.ranks import ranks_from_file
from arspec.saving.spec_file import read_spec, write_spec


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return little(tmp_path)


@pytest.fixture(params=["pipe", "device"])
def endless(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    """Makes something that is never read to its end, under a name with the ending that is asked for."""

    def make(suffix: str) -> Path:
        path = tmp_path / f"endless{suffix}"
        if request.param == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        return path

    return make


def test_a_file_that_never_ends_is_not_read(endless: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match="only regular files are read"):
        content(endless(".bin"), "AR803")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(11))
    assert len(content(path, "AR803", 11)) == 11
    with pytest.raises(InputError, match="11 bytes, and 10 are the most"):
        content(path, "AR803", 10)
    with pytest.raises(InputError, match="more than 10 bytes"):
        content("/proc/self/maps", "AR803", 10)


def test_what_does_not_fit_in_memory_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    with pytest.raises(InputError, match="more than fits in memory"), opened(path, "AR803"):
        raise MemoryError


@pytest.mark.parametrize("name", ["spec", "extends", "ranks", "model", "data", "mask", "prefix", "compress"])
def test_no_command_reads_a_file_without_an_end(
    name: str, endless: Callable[[str], Path], spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each way by which a file is named comes to one message."""
    out = str(tmp_path / "out.npy")
    if name == "spec":
        call = ["verify", "--static", str(endless(".yaml"))]
    elif name == "extends":
        spec.write_text(f"arspec: 1\nextends: {endless('.yaml').name}\n")
        call = ["verify", "--static", str(spec)]
    elif name == "ranks":
        spec.write_text(SPEC.replace("{scan: raster}", f"{{scan: explicit, ranks: {endless('.npy').name}}}"))
        call = ["verify", "--static", str(spec)]
    elif name == "model":
        folder = tmp_path / "run"
        folder.mkdir()
        endless(".safetensors").rename(folder / "model.safetensors")
        call = ["sample", str(folder), "-o", out]
    elif name == "data":
        call = ["eval", str(spec), "--data", str(endless(".npy"))]
    elif name == "mask":
        np.save(tmp_path / "x.npy", np.zeros((4, 1, 4, 4), np.int64))
        call = ["complete", str(spec), "--data", str(tmp_path / "x.npy"), "--given", str(endless(".npy")), "-o", out]
    elif name == "prefix":
        call = ["sample", "tests/specs/ok/text.yaml", "--prefix", str(endless(".txt")), "--length", "9", "-o", out]
        spec.write_text(
            "arspec: 1\nname: words\ndata: {kind: sequence, length: 8, levels: 256, content: text}\n"
            "graph:\n  e: {layer: embedding, out: 4}\n  h: {layer: conv, kernel: 3, mask: earlier, out: 4}\n"
            "  logits: {layer: conv, kernel: 1, out: $head}\nhead: {kind: categorical, from: logits}\n"
        )
        call[1] = str(spec)
    else:
        call = ["compress", str(spec), str(endless(".png")), "-o", out]
    assert main(call) == 2
    assert "regular file" in capsys.readouterr().err


def _claims(count: int, values: bytes = b"") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<i8", "fortran_order": False, "shape": (count,)})
    return stream.getvalue() + values


def test_an_array_is_held_to_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(_claims(1 << 40))
    with pytest.raises(InputError, match=r"claims 8,796,093,022,208 bytes of values, and 0 are there"):
        read_npy(path)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", _claims(1 << 40))
    with pytest.raises(InputError, match="claims"):
        read_npz(tmp_path / "x.npz")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<i2", ">f8", "|b1", "<U3"])
def test_arrays_are_read_as_numpy_reads_them(order: Any, dtype: str, tmp_path: Path) -> None:
    x = np.arange(24).reshape(2, 3, 4).astype(dtype, order=order)
    np.save(tmp_path / "x.npy", x)
    np.savez_compressed(tmp_path / "x.npz", x=x, y=x[0])
    for found in (read_npy(tmp_path / "x.npy"), read_npz(tmp_path / "x.npz")["x"]):
        assert found.dtype == x.dtype
        assert np.array_equal(found, x)
    assert list(read_npz(tmp_path / "x.npz", ("y",))) == ["y"]
    with pytest.raises(InputError, match="no array 'z'"):
        read_npz(tmp_path / "x.npz", ("z",))


@pytest.mark.parametrize("split", ["all", "train"])
def test_one_number_is_no_examples(split: str, spec: Path, tmp_path: Path) -> None:
    data = arspec.load(spec).data
    np.save(tmp_path / "x.npy", np.int64(3))
    np.savez(tmp_path / "x.npz", x=np.int64(3))
    np.savez(tmp_path / "y.npz", x=np.zeros((4, 1, 4, 4), np.int64), y=np.int64(3))
    for name in ("x.npy", "x.npz", "y.npz"):
        with pytest.raises(InputError, match="AR80"):
            load(str(tmp_path / name), data, {}, split)


def test_a_condition_and_ranks_are_held_to_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(_claims(1 << 40))
    text = SPEC.replace("order:", "condition: {c: {kind: vector, size: 3}}\norder:")
    (tmp_path / "c.yaml").write_text(text)
    spec = arspec.load(tmp_path / "c.yaml")
    with pytest.raises(InputError, match="claims"):
        conditions_of(type("Model", (), {"spec": spec}), [f"c={path}"], 1)
    with pytest.raises(InputError, match="AR504"):
        ranks_from_file(path, (4, 4))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 200_000, "recursion"),
        ('{"params": ' + '{"a": ' * 200_000, "recursion"),
        ('{"params": [[1, 2]], "data": {}}', "no object 'params'"),
        ('{"params": {}, "data": []}', "no object 'data'"),
        ("[1, 2]", "no JSON object"),
        ("\x00\xff", "damaged"),
    ],
)
def test_settings_of_a_run_are_an_object_of_objects(text: str, said: str, spec: Path, tmp_path: Path) -> None:
    write_spec(arspec.load(spec), tmp_path / "run")
    (tmp_path / "run" / "spec.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=said):
        read_spec(tmp_path / "run")


def test_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"a": [1]}))
    assert settings(tmp_path / "a.json", "AR802") == {"a": [1]}
