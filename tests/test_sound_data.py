"""Sound files as data: the samples are those of an independent reader, and nothing is changed without a word."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from arspec.cli.main import main
from arspec.data import load
from arspec.data.mu_law import to_codes
from arspec.data.sound import MOST_FRAMES, read_sound
from arspec.diagnostics import InputError
from arspec.language.sections import SequenceData
from tests.sounds import AUDIO, KINDS, Array, independent, signal, written
from tests.test_data import TEXT, refused

FINE = SequenceData(kind="sequence", length=10, levels=65536, content="audio", rate=8000, companding="linear")
SUFFIXES = {"FLAC": ".flac", "AIFF": ".aiff", "AU": ".au", "CAF": ".caf", "W64": ".w64", "OGG": ".ogg", "MP3": ".mp3"}


def codes(samples: Array, data: SequenceData = FINE) -> Array:
    """Samples [T] as they come in pieces for evaluation."""
    count = len(samples) // data.length
    return to_codes(samples[: count * data.length], data.levels, data.companding).reshape(count, data.length)


def loaded(path: Path | str, data: SequenceData = FINE, split: str = "all") -> tuple[Array, str]:
    found = load(str(path), data, {}, split)
    return found.x, found.note


@pytest.mark.filterwarnings("ignore:Chunk")
@pytest.mark.parametrize("form, subtype", KINDS)
def test_samples_are_those_of_another_reader(form: str, subtype: str, tmp_path: Path) -> None:
    for channels in (1, 2):
        file = written(form, subtype, 0.3 * signal(channels))
        if file is None:
            continue
        path = tmp_path / f"{channels}{SUFFIXES.get(form, '.wav')}"
        path.write_bytes(file)
        rate, samples = independent(file)
        if form == "WAV" and subtype in ("PCM_U8", "PCM_16", "PCM_32", "FLOAT", "DOUBLE"):  # by a third reader as well
            plain = wavfile.read(path)[1].reshape(len(samples), -1).astype(np.float64)
            scale = {"PCM_U8": 128, "PCM_16": 2**15, "PCM_32": 2**31}.get(subtype, 1)
            assert np.array_equal((plain - (128 if subtype == "PCM_U8" else 0)) / scale, samples)
        own = {"rate": rate}  # some formats have just one
        for data in (FINE.model_copy(update=own), AUDIO.model_copy(update=own)):
            x, note = loaded(path, data)
            assert np.array_equal(x, codes(samples.mean(1), data))
            assert ("2 channels mixed to one, their mean" in note) == (channels == 2)
        assert np.array_equal(
            loaded(f"{path}@channel={channels}", FINE.model_copy(update=own))[0], codes(samples[:, -1])
        )


def sine(frames: int = 400, rate: int = 8000, height: float = 0.5) -> Array:
    return height * np.sin(2 * np.pi * 440 * np.arange(frames) / rate)


def put(path: Path, samples: Array, rate: int = 8000, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def test_channels_that_cancel_are_refused_or_told(tmp_path: Path) -> None:
    wave = sine()
    path = put(tmp_path / "a.wav", np.stack([wave, -wave], 1))
    with refused("AR804", "the 2 channels of", "cancel", "0.35"):
        loaded(path)
    left, right = (loaded(f"{path}@channel={name}")[0] for name in ("left", "right"))
    assert np.array_equal(left, codes(independent(path.read_bytes())[1][:, 0]))
    assert np.array_equal(right, codes(independent(path.read_bytes())[1][:, 1]))
    x, note = loaded(f"{path}@channel=mix")
    assert abs(x - 2**15).max() <= 1 and "the channels cancel one another, 0.00% of their level is left" in note
    # one that is silent, two that have nothing in common, and silence cancel nothing
    for other in (0 * wave, np.cos(np.arange(400) * 1.7) / 2):
        assert "cancel" not in loaded(put(tmp_path / "b.wav", np.stack([wave, other], 1)))[1]
    assert "cancel" not in loaded(put(tmp_path / "b.wav", np.zeros((400, 2))))[1]
    with refused("AR804", "has 2 channels; there is no channel 3", "@channel=1"):
        loaded(f"{path}@channel=3")
    with refused("AR803", "left, right, a number from 1, or mix"):
        loaded(f"{path}@channel=centre")
    with refused("AR840", "@channel= is for audio"):
        np.save(tmp_path / "a.npy", np.zeros((4, 10), np.uint8))
        load(f"{tmp_path}/a.npy@channel=left", FINE)


def test_rates_are_refused_or_resampled(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", sine(8820, 44100), 44100)
    with refused("AR804", "44100 Hz, the spec 8000 Hz", "NAME@rate=8000 resamples it"):
        loaded(path)
    x, note = loaded(f"{path}@rate=8000")
    assert x.size == 1600 and "resampled from 44,100 Hz to 8,000 Hz" in note
    inner = slice(100, -100)  # away from the ends, the same sine at the other rate
    assert abs(x.reshape(-1)[inner] - codes(sine(1600)).reshape(-1)[inner]).max() < 300
    folder = tmp_path / "several"
    folder.mkdir()
    for number in range(10):
        put(folder / f"{number}.wav", sine(), 8000 if number < 6 else 16000)
    with refused("AR804", "different rates: 8000 Hz (6 files), 16000 Hz (4 files)", "@rate=8000 resamples them"):
        loaded(folder)
    x, note = loaded(f"{folder}@rate=8000")
    assert x.size == 6 * 400 + 4 * 200 and "4 of 10 files: resampled from 16,000 Hz to 8,000 Hz" in note
    assert "10 files joined, with nothing between them" in note
    with refused("AR804", "4,000,000 Hz; rates up to 1,000,000"):
        loaded(f"{put(tmp_path / 'b.wav', sine(), 4_000_000)}@rate=8000")


def test_samples_beyond_one_are_counted_or_refused(tmp_path: Path) -> None:
    wave = sine().astype(np.float32)
    wave[[5, 9]] = [1.5, -1.25]
    x, note = loaded(put(tmp_path / "a.wav", wave, subtype="FLOAT"))
    assert "2 samples beyond -1 ... 1 are clipped, the largest is 1.5" in note
    assert x.reshape(-1)[[5, 9]].tolist() == [65535, 0]
    with refused("AR804", "of 400 samples of", "lie beyond -1 ... 1, the largest is 1.5", "divide the samples"):
        loaded(put(tmp_path / "a.wav", 3 * sine(), subtype="FLOAT"))
    for odd in (np.nan, np.inf):
        wave[123] = odd
        with refused("AR804", "at sample 123"):
            loaded(put(tmp_path / "a.wav", wave, subtype="FLOAT"))


def test_files_that_end_early_are_told(tmp_path: Path) -> None:
    for form, suffix in (("WAV", ".wav"), ("AIFF", ".aiff"), ("AU", ".au"), ("W64", ".w64")):
        path = tmp_path / f"a{suffix}"
        soundfile.write(path, sine(), 8000, format=form)
        assert "ends before" not in loaded(path)[1]
        path.write_bytes(path.read_bytes()[:-301])
        x, note = loaded(path)
        assert x.size == 240 and "the file ends before its header says" in note
    whole = written("FLAC", "PCM_16", sine(40000))
    assert whole is not None
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])
    with refused("AR803", "a.flac as sound"):
        loaded(tmp_path / "a.flac")


def test_a_stream_states_no_length_and_is_whole(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", sine())
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff" * 4
    path.write_bytes(data)
    x, note = loaded(path)
    assert x.size == 400 and "ends before" not in note
    data[place : place + 4] = bytes(4)
    path.write_bytes(data)
    with refused("AR803", "holds no sample", "length of 0"):
        loaded(path)
    path.write_bytes(b"")
    with refused("AR803", "is empty"):
        loaded(path)


def test_a_folder_tells_how_many_files_it_is_about(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", np.stack([sine()] * 2, 1))
    put(tmp_path / "b.flac", sine())
    put(tmp_path / "c.aiff", np.zeros(0))
    (tmp_path / "notes.txt").write_text("no sound")
    x, note = loaded(tmp_path)
    assert x.size == 800 and "3 files joined" in note
    assert "1 of 3 files: 2 channels mixed" in note and "1 of 3 files: no sample in it" in note


def test_a_single_file_of_a_folder_is_too_few_and_by_itself_is_cut_in_time(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for path, data in ((put(tmp_path / "a.wav", sine()), FINE), (tmp_path / "t" / "a.txt", TEXT)):
        path.write_bytes(path.read_bytes() if path.exists() else b"word " * 80)
        with pytest.raises(InputError) as caught:
            load(f"{path.parent}", data, split="valid")
        error = caught.value
        assert error.message == "1 file is too few for a split 'valid'" and error.help is not None
        named = error.help.partition("such as ")[2].partition(",")[0]
        assert [load(named, data, split=split).x.size > 0 for split in ("train", "valid", "test")] == [True] * 3


@pytest.mark.parametrize("channels, claim", [(65535, 4096), (1, 0xFFFFFF00), (1024, 0xFFFFFF00), (0, 4096)])
def test_headers_that_claim_too_much(channels: int, claim: int, tmp_path: Path) -> None:
    """What is there is read, whatever is claimed; libsndfile takes up to 1,024 channels."""
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0xFFFFFFF0, b"WAVE", b"fmt ", 16, 1, channels, 8000, 16000,
                       2 * channels & 0xFFFF, 16, b"data", claim)  # fmt: skip
    (tmp_path / "a.wav").write_bytes(head + bytes(2048 * 10))
    if channels == 1:
        assert loaded(tmp_path / "a.wav")[0].size == 10240
    elif channels == 1024:
        assert loaded(tmp_path / "a.wav")[0].size == 10
    else:
        with refused("AR803", "a.wav as sound"):
            loaded(tmp_path / "a.wav")


def test_what_is_read_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_FRAMES >= 1 << 28
    monkeypatch.setattr("arspec.data.sound.MOST_FRAMES", 399)
    with refused("AR803", "more than 399 samples a channel", "shorter files"):
        read_sound(put(tmp_path / "a.flac", sine()))


def test_named_sets_of_sound_take_the_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARSPEC_DATA", str(tmp_path))
    parts: dict[str, Any] = {part: np.arange(400, dtype=np.int16) for part in ("train", "valid", "test")}
    np.savez(tmp_path / "speech.npz", **parts)
    sixteen = FINE.model_copy(update={"rate": 16000})
    x, note = loaded("speech@rate=16000", sixteen, "test")
    assert x.size == 800 and "resampled from 8,000 Hz to 16,000 Hz" in note
    assert loaded("speech@channel=1", FINE, "test")[0].size == 400
    with refused("AR804", "has one channel"):
        loaded("speech@channel=right", FINE, "test")


def test_the_command_tells_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The notes reach the user, and a refusal is exit code 2."""
    spec = tmp_path / "a.yaml"
    spec.write_text(
        "arspec: 1\ndata: {kind: sequence, length: 10, levels: 8, content: audio, rate: 8000}\ngraph:\n"
        "  past: {layer: shift, from: x, steps: 1}\n  logits: {layer: conv, from: past, kernel: 1, out: $head}\n"
        "head: {kind: categorical, from: logits}\n"
    )
    put(tmp_path / "a.flac", np.stack([sine(2000)] * 2, 1), subtype="PCM_24")
    assert main(["eval", str(spec), "--data", str(tmp_path / "a.flac"), "--device", "cpu"]) == 0
    assert "2 channels mixed to one" in capsys.readouterr().out
    stream = io.BytesIO()
    wavfile.write(stream, 8000, np.full(50, np.nan, np.float32))
    (tmp_path / "b.wav").write_bytes(stream.getvalue())
    assert main(["eval", str(spec), "--data", str(tmp_path / "b.wav")]) == 2
    assert "AR804" in capsys.readouterr().err


def test_only_sound_is_sound(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound at all")
    with pytest.raises(InputError) as caught:
        loaded(tmp_path / "a.wav")
    assert caught.value.code == "AR803" and caught.value.help is not None
