"""Files are written whole or not at all, whatever the machine does meanwhile;
one process at a time trains into a folder."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile import QUICK, data_of, model_of, write_spec

from arspec.cli.main import main
from arspec.data.arrays import write_npy
from arspec.data.wav import check_samples, write_wav
from arspec.diagnostics import InputError
from arspec.files import atomic
from arspec.files.atomic import append_text, replacing, replacing_all, sweep, write_text
from arspec.saving.tensors import read_tensors, write_tensors
from arspec.training import train
from arspec.training.checkpoint import MODEL, STATE
from arspec.training.lock import LOCK, locked
from tests.small import refuses

WORDS = (
    "arspec: 1\nname: words\ndata: {kind: sequence, length: 8, levels: 256, content: text}\n"
    "graph:\n  e: {layer: embedding, out: 4}\n  h: {layer: conv, kernel: 3, mask: earlier, out: 4}\n"
    "  logits: {layer: conv, kernel: 1, out: $head}\nhead: {kind: categorical, from: logits}\n"
)


@contextmanager
def limited(size: int) -> Generator[None]:
    """No file of this process grows beyond `size` bytes; a write beyond is refused, as on a full disk. Byte code isn't
    written, since Python would keep what of it fits as if it were whole."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = writes


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name != LOCK]


WRITERS: dict[str, Callable[[Path], Any]] = {
    "text": lambda path: write_text(path, "x" * 5000),
    "npy": lambda path: _whole(path, lambda place: write_npy(place, np.zeros(700, np.int64))),
    "wav": lambda path: write_wav(path, np.zeros(5000), 8000),
    "safetensors": lambda path: write_tensors(path, {"a": torch.zeros(2000)}, {}),
}


def _whole(path: Path, put: Callable[[Path], Any]) -> None:
    with replacing(path) as temporary:
        put(temporary)


def test_a_sequence_that_no_disk_holds_is_not_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "words.yaml").write_text(WORDS)
    spec = str(tmp_path / "words.yaml")
    for length, where, said in (
        (10**18, "x.npy", "it has 8,000,000,000,000,000,000 bytes"), (10**18, "x.txt", "are free on its disk"),
        (10**30, "x.npy", "are free on its disk"),
    ):  # fmt: skip
        assert main(["sample", spec, "--length", str(length), "-o", str(tmp_path / where)]) == 2
        assert "AR810" in (told := capsys.readouterr().err) and said in told
    assert main(["sample", spec, "--length", str(10**30), "-o", "-", "--format", "txt"]) == 2
    assert "AR808" in capsys.readouterr().err
    refuses("AR810", lambda: check_samples(1 << 31), "a WAV file has 2,147,483,616 samples at the most")
    assert not hidden(tmp_path) and [path.suffix for path in tmp_path.iterdir()] == [".yaml"]


@pytest.mark.parametrize("writer", WRITERS)
def test_a_writer_that_is_stopped_leaves_what_was_there(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_text("before")
    with limited(4096), pytest.raises(InputError, match=r"AR810.*cannot write .*x\.bin: File too large"):
        WRITERS[writer](path)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["x.bin"]
    WRITERS[writer](path)
    assert path.stat().st_size > 4096


COMMANDS: dict[str, tuple[str, ...]] = {
    "sample": ("sample", "SPEC", "-n", "40", "-o", "OUT.npy", "--device", "cpu"),
    "picture": ("sample", "SPEC", "-n", "400", "-o", "OUT.png", "--device", "cpu"),
    "stream": ("sample", "WORDS", "--length", "9000", "-o", "OUT.txt", "--no-compile", "--device", "cpu"),
    "numbers": ("sample", "WORDS", "--length", "900", "-o", "OUT.npy", "--no-compile", "--device", "cpu"),
    "compress": ("compress", "SPEC", "DATA", "-o", "OUT.ars"),
    "render": ("render", "SPEC", "--unfold", "-o", "OUT.dot"),
    "score": ("score", "SPEC", "--data", "DATA", "--split", "all", "-o", "OUT"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_stopped_says_why_and_leaves_nothing(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, _ = data_of(tmp_path, 300)
    (tmp_path / "words.yaml").write_text(WORDS)
    named = {"SPEC": write_spec(tmp_path), "DATA": data, "WORDS": tmp_path / "words.yaml"}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    arguments = [str(named.get(a, a)).replace("OUT", str(tmp_path / "out")) for a in COMMANDS[command]]
    with limited(700):
        assert main(arguments) == 2
    assert "AR810" in (said := capsys.readouterr().err)
    assert "File too large" in said
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert not hidden(tmp_path)


@pytest.mark.parametrize("board", [False, True], ids=["alone", "tensorboard"])
def test_training_that_is_stopped_keeps_its_checkpoint_and_goes_on_from_it(
    board: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At every size of a file from nothing to the whole state."""
    before = threading.excepthook
    (whole, _), data = _trained(tmp_path / "whole"), data_of(tmp_path)[1]
    largest = (whole / STATE).stat().st_size
    for size in (0, 60, 300, 1000, largest - 1):
        folder, model = tmp_path / f"run-{size}", model_of(tmp_path)
        with limited(size), pytest.raises(InputError, match=r"AR810.*File too large"):
            train(model, data, None, folder, QUICK, device="cpu", tensorboard=board)
        assert not hidden(folder)
        assert not (folder / STATE).exists()
        assert not (folder / MODEL).exists()
        train(model_of(tmp_path), data, None, folder, QUICK, device="cpu", tensorboard=board)
        assert (folder / STATE).read_bytes() == (whole / STATE).read_bytes()
    assert "Traceback" not in capsys.readouterr().err
    assert threading.excepthook is before


def _trained(folder: Path, **more: Any) -> tuple[Path, Any]:
    folder.mkdir(exist_ok=True)
    examples = data_of(folder)[1]
    return folder / "run", train(
        model_of(folder), examples, None, folder / "run", QUICK, device="cpu", tensorboard=False, **more
    )


def test_the_model_and_its_state_change_together(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_text(one, "before")
    write_text(two, "before")
    with pytest.raises(InputError, match="No space left"), replacing_all([one, two]) as (a, b):
        a.write_text("after")
        b.write_text("after")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert one.read_text() == two.read_text() == "before"
    with replacing_all([one, two]) as (a, b):
        a.write_text("after")
        b.write_text("after")
    assert one.read_text() == two.read_text() == "after"
    assert not hidden(tmp_path)


def test_what_is_written_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    kind = {True: "folder", False: "file"}
    monkeypatch.setattr(os, "fsync", lambda h: (done.append(kind[os.path.isdir(f"/proc/self/fd/{h}")]), fsync(h)))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replace"), replace(a, b)))
    write_text(tmp_path / "x", "x")
    assert done == ["file", "replace", "folder"]


def test_a_line_that_does_not_fit_is_not_there_in_part(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append_text(path, "first\n")
    with limited(10), pytest.raises(InputError, match="AR810"):
        append_text(path, "second\n")
    assert path.read_text() == "first\n"
    append_text(path, "third\n")
    assert path.read_text() == "first\nthird\n"


def test_what_is_written_again_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    write_text(path, "before")
    path.chmod(0o640)
    write_text(path, "after")
    assert path.stat().st_mode & 0o777 == 0o640 and path.read_text() == "after"


def test_a_file_that_may_only_be_read_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.txt"
    write_text(path, "before")
    monkeypatch.setattr(os, "access", lambda place, how: Path(place) != path or how != os.W_OK)  # as for a common user
    with pytest.raises(InputError, match=r"AR810.*may only be read"):
        write_text(path, "after")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("kept.txt", "before")]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_have_the_rights_that_the_system_gives(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, {})
    finally:
        os.umask(before)
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_place_where_no_file_can_stand_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = str(write_spec(tmp_path))
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "null.npy").symlink_to("/dev/null")
    monkeypatch.setattr("arspec.model.Model.sample", lambda *_, **__: pytest.fail("it computes"))
    for name in ("folder.npy", "file/x.npy", "null.npy", "file/x/y.npy"):
        assert main(["sample", spec, "-o", str(tmp_path / name), "--device", "cpu"]) == 2
        assert "AR810" in capsys.readouterr().err
    assert (tmp_path / "null.npy").is_symlink()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("command", [
    "sample gpt -o {}/x.npy", "complete made --data nothing -o {}/x.png", "render made -o {}/x.svg",
    "render made --field -o {}/x.png", "render made --schedule 1 -o {}/x.png", "score made --data nothing -o {}/x",
    "eval made --data nothing --plot {}/x.png", "train made --data nothing -o {}/x", "import nothing -o {}/x",
    "compress made nothing -o {}/x.ars", "decompress nothing -o {}/x", "export made --torch {}/x.py",
    "export made --onnx {}/x", "export made --model-explorer {}/x.json", "explore made -o {}/x.html",
    "explore made --facts {}/x.json", "audit nothing:there --picture {}/x.png",
    "audit nothing:there --explore {}/x.html",
])  # fmt: skip
def test_below_proc_nothing_is_written_and_that_is_told_before_the_work(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a superuser may write, says the system, and no file can stand."""
    if "onnx" in command:
        pytest.importorskip("onnxruntime")
    if "compress" in command:
        pytest.importorskip("constriction")
    monkeypatch.setattr("torch.nn.Module.__call__", lambda *_, **__: pytest.fail("it computes"))
    monkeypatch.setattr("arspec.cli.explore._made", lambda *_: pytest.fail("it computes"))
    assert main(command.format("/proc/there").split()) == 2
    said = capsys.readouterr().err
    assert "error[AR810]: cannot write /proc/there/x" in said and "/proc may not be written to" in said


@pytest.mark.parametrize("command", [
    "score made --data digits -o -", "train made --data digits -o -", "import nothing -o -", "decompress nothing -o -",
    "export made --onnx -",
])  # fmt: skip
def test_standard_output_is_no_folder(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 2
    assert "cannot write -: several files are written, into a folder" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_facts_and_graphs_go_to_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["explore", "made", "--facts"], ["export", "made", "--model-explorer"]):
        assert main([*command, "-"]) == 0
        printed = capfdbinary.readouterr().out
        assert main([*command, "there.json"]) == 0
        assert capfdbinary.readouterr().out == b"there.json\n"
        assert Path("there.json").read_bytes() == printed and json.loads(printed)
    assert main(["explore", "made", "--facts", "-", "-o", "page.html"]) == 0
    printed = capfdbinary.readouterr()
    assert json.loads(printed.out) and printed.err.strip() == b"page.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "there.json"]


def test_a_container_goes_to_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    pytest.importorskip("constriction")
    monkeypatch.chdir(tmp_path)
    Path("words.yaml").write_text(WORDS)
    Path("said.txt").write_text("what was said")
    assert main(["compress", "words.yaml", "said.txt", "-o", "-"]) == 0
    printed = capfdbinary.readouterr()
    assert b"said" not in printed.out[:4] and b"13 bytes" in printed.err
    Path("said.ars").write_bytes(printed.out)
    assert main(["decompress", "words.yaml", "said.ars", "-o", "back"]) == 0
    assert Path("back/said.txt").read_text() == "what was said" and not Path("-").exists()


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    write_text(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_text() == "x"


def test_what_a_killed_process_left_behind_is_cleared(tmp_path: Path) -> None:
    """And neither what a living one writes, nor what others named."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = atomic.HOST
    left = tmp_path / f".arspec-{host}-{gone.pid}-0123abcd.npy"
    kept = [tmp_path / f".arspec-{host}-{os.getpid()}-0123abcd.npy", tmp_path / f".arspec-0-{gone.pid}-0123abcd.npy",
            tmp_path / ".state-x.safetensors", tmp_path / ".profile"]  # fmt: skip
    for path in (left, *kept):
        path.write_text("x")
    atomic._swept.discard(tmp_path)
    write_text(tmp_path / "x.npy", "x")
    assert not left.exists()
    assert all(path.exists() for path in kept)
    left.write_text("x")
    sweep(tmp_path)
    assert not left.exists()


def test_samples_of_sound_are_a_wav_file_like_any_other(tmp_path: Path) -> None:
    write_wav(tmp_path / "x.wav", np.array([-1.0, 0.0, 0.5, 1.0]), 16000)
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (1, 2, 16000, 4)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [-32768, 0, 16384, 32767]


# ------------------------------------------------------------------ signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_request_to_end_saves(number: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two steps, and the command's code says by which signal it ended."""
    data, _ = data_of(tmp_path)
    step = torch.optim.AdamW.step
    taken: list[int] = []

    def asked(self: torch.optim.AdamW, *given: Any) -> Any:
        taken.append(len(taken))
        if len(taken) == 3:
            signal.raise_signal(number)
        return step(self, *given)

    monkeypatch.setattr(torch.optim.AdamW, "step", asked)
    arguments = [
        "train",
        str(write_spec(tmp_path)),
        "--data",
        str(data),
        "--out",
        str(tmp_path / "run"),
        "--steps",
        "9",
    ]
    assert (
        main([*arguments, "--batch", "4", "--samples", "0", "--quiet", "--no-tensorboard", "--device", "cpu"]) == code
    )
    assert read_tensors(tmp_path / "run" / STATE)[1]["step"] == 3
    assert not hidden(tmp_path / "run")


def test_a_request_to_end_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    monkeypatch.setattr(sys.modules["arspec.data.write"], "write_npy", lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        assert main(["sample", str(write_spec(tmp_path)), "-n", "1", "-o", str(tmp_path / "x.npy")]) == 143
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not hidden(tmp_path)
    assert not (tmp_path / "x.npy").exists()


@pytest.mark.parametrize("arguments", [
    ["schema"], ["--help"], ["guide", "--help"], ["--version"], ["explore", "made", "--facts", "-"],
])  # fmt: skip
def test_a_full_disk_behind_standard_output_is_told(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        found = subprocess.run(
            [sys.executable, "-m", "arspec", *arguments], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert found.returncode == 2
    assert "AR810" in found.stderr
    assert "No space left" in found.stderr
    assert "Traceback" not in found.stderr
    assert "Exception ignored" not in found.stderr


# ------------------------------------------------------------------ the lock


def test_a_folder_is_trained_into_by_one_process(tmp_path: Path) -> None:
    examples = data_of(tmp_path)[1]
    with locked(tmp_path / "run"), pytest.raises(InputError, match=rf"AR871.*process {os.getpid()} on .*since 2"):
        train(model_of(tmp_path), examples, None, tmp_path / "run", QUICK, device="cpu", tensorboard=False)
    train(model_of(tmp_path), examples, None, tmp_path / "run", QUICK, device="cpu", tensorboard=False)
    assert not (tmp_path / "run" / LOCK).exists()


@pytest.mark.parametrize("held", [b"", b"\xff", json.dumps({"process": 1}).encode(), b"[" * 4000])
def test_a_lock_that_nobody_holds_is_taken(held: bytes, tmp_path: Path) -> None:
    """As one is that a killed process has left; what stands in it may be anything."""
    (tmp_path / LOCK).write_bytes(held)
    with locked(tmp_path):
        with pytest.raises(InputError, match="AR871"), locked(tmp_path):
            pass
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()


def test_a_missing_run_is_not_made_by_resuming_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="AR814"):
        _trained(tmp_path, resume=True)
    assert not (tmp_path / "run").exists()
