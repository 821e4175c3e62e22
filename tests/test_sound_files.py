"""Sound files of every kind that soundfile writes: through the codec's media and back,
held to readers that are not ours."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from arspec.cli.main import main
from arspec.codec.media import DECODED, FLAC, SOUND, STORED, WAV, build, parse, restores
from arspec.data import load
from arspec.diagnostics import InputError
from tests.sounds import AUDIO, KINDS, UNCOMPRESSED, independent, signal, written


@pytest.mark.parametrize("form, subtype", KINDS)
def test_every_kind_comes_back(form: str, subtype: str):
    files = [file for channels in (1, 2) if (file := written(form, subtype, signal(channels))) is not None]
    for data in files:
        number, media = parse(data, "a", AUDIO)
        back = build(number, media.meta, media.samples)
        rate, samples = independent(data)
        again, after = independent(back)
        assert rate == again and np.array_equal(samples, after)
        assert restores(media, number, data, back, "a")
        assert not restores(media, number, data, build(number, media.meta, media.samples ^ 1), "a")
        if subtype in UNCOMPRESSED and form != "FLAC" and (form, subtype) not in (("PAF", "PCM_24"), ("SDS", subtype)):
            assert media.exact and back == data and number in (WAV, STORED)
        elif form == "FLAC":
            assert number == FLAC and media.suffix is None
            assert soundfile.info(io.BytesIO(back)).subtype == subtype
        else:
            assert number in (SOUND, DECODED) and (number == SOUND) == (media.suffix is None)
    if not files:  # libsndfile lacks the writer, or reads from a path alone
        assert (form, subtype) in {("MP3", "MPEG_LAYER_I"), ("MP3", "MPEG_LAYER_II"), ("WAV", "MPEG_LAYER_III"),
                                   *(("AIFF", f"DWVW_{bits}") for bits in (12, 16, 24))}  # fmt: skip


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i2", "<i4", "u1"])
def test_wav_by_another_reader_and_writer(dtype: str):
    """scipy writes and reads, numbers of every bit pattern among them."""
    random = np.random.default_rng(0)
    samples = random.integers(0, 256, 8 * 60, np.uint8).view(dtype).reshape(-1, 2)
    stream = io.BytesIO()
    wavfile.write(stream, 8000, samples)
    data = stream.getvalue()
    number, media = parse(data, "a.wav", AUDIO)
    back = build(number, media.meta, media.samples)
    assert back == data and media.exact
    assert wavfile.read(io.BytesIO(back))[1].tobytes() == samples.tobytes()
    if dtype in ("<i2", "u1"):
        with wave.open(io.BytesIO(back)) as file:
            assert file.readframes(1 << 20) == samples.tobytes()


def test_floats_that_are_16_bits_are_coded_as_such():
    exact = np.arange(-(2**15), 2**15, 37) / 2**15
    for kind in (np.float32, np.float64):
        stream = io.BytesIO()
        wavfile.write(stream, 8000, exact.astype(kind))
        _, media = parse(stream.getvalue(), "a.wav", AUDIO)
        assert media.span == 1 << 16 and len(media.meta) < 100
        assert np.array_equal(media.samples[0], np.arange(0, 2**16, 37))


def test_companded_bytes_are_coded_as_what_they_stand_for():
    every = bytes(range(256))
    for tag, subtype in ((7, "ULAW"), (6, "ALAW")):
        head = struct.pack(
            "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 256, b"WAVE", b"fmt ", 16, tag, 1, 8000, 8000, 1, 8, b"data", 256
        )
        number, media = parse(head + every, "a.wav", AUDIO)
        assert soundfile.info(io.BytesIO(head + every)).subtype == subtype
        with soundfile.SoundFile(io.BytesIO(head + every)) as file:
            assert np.array_equal(media.samples[0] - 2**15, file.read(dtype="int16"))
        assert build(number, media.meta, media.samples) == head + every


def test_flac_keeps_its_tags_and_pictures():
    data = written("FLAC", "PCM_16", signal(2))
    assert data is not None
    tag = b"\4\0\0\0vend\1\0\0\0\x0d\0\0\0TITLE=A title"  # a Vorbis comment
    image = b"a picture" * 5000
    picture = struct.pack(">II9sI4I", 3, 9, b"image/png", 0, 1, 1, 24, 0) + struct.pack(">I", len(image)) + image
    head, samples = data[: 4 + 4 + 34], data[data.index(b"\xff\xf8") :]
    blocks = b"".join(bytes([kind]) + len(block).to_bytes(3, "big") + block
                      for kind, block in ((4, tag), (3, b"\xff" * 8 + bytes(10)), (6, picture),
                                          (0x81, bytes(64))))  # fmt: skip
    data = head[:4] + bytes([head[4] & 0x7F]) + head[5:] + blocks + samples
    number, media = parse(data, "a.flac", AUDIO)
    back = build(number, media.meta, media.samples)
    assert tag in back and picture in back and bytes(64) not in back
    with soundfile.SoundFile(io.BytesIO(back)) as file:
        assert file.title == "A title"
        assert np.array_equal(file.read(), soundfile.read(io.BytesIO(data))[0])


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"fLaC" + bytes(50), b"OggS" + bytes(60)])
def test_what_is_no_sound_is_refused(data: bytes):
    with pytest.raises(InputError, match="AR803"):
        parse(data, "a.wav", AUDIO)


def test_what_cannot_be_restored_is_refused():
    """A header that states no samples before 20 MB: all of it would have to be kept beside them."""
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 0)
    with pytest.raises(InputError, match="bytes around its samples") as caught:
        parse(head + bytes(20 << 20), "a.wav", AUDIO)
    assert caught.value.code == "AR804"


def test_altered_files_are_read_or_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Whatever a header says: what is read comes back byte for byte, and nothing is printed by the way."""
    random = np.random.default_rng(3)
    kinds = [("WAV", "PCM_16"), ("WAV", "DOUBLE"), ("AIFF", "PCM_24"), ("AU", "ULAW"), ("CAF", "ALAC_16"),
             ("FLAC", "PCM_16"),
             ("W64", "IMA_ADPCM"), ("CAF", "FLOAT"), ("OGG", "VORBIS")]  # fmt: skip
    files = [written(*kind, signal(1)) for kind in kinds]
    read = 0
    for _ in range(40):
        for data in files:
            assert data is not None
            altered = bytearray(data)
            for place in random.integers(0, 100, 3):
                altered[place] = random.choice([0, 1, 127, 128, 255])
            (tmp_path / "a.wav").write_bytes(altered)
            attempts = (lambda: load(str(tmp_path / "a.wav"), AUDIO), lambda: comes_back(bytes(altered)))  # noqa: B023
            for attempt in attempts:
                try:
                    attempt()
                    read += 1
                except InputError as error:
                    assert error.code in ("AR803", "AR804"), error
    assert read > 100
    assert "Traceback" not in capfd.readouterr().err


def comes_back(data: bytes) -> None:
    number, media = parse(data, "a", AUDIO)
    assert restores(media, number, data, build(number, media.meta, media.samples), "a")


SPEC = """
arspec: 1
data: {kind: sequence, length: 32, levels: 64, content: audio, rate: 8000}
graph:
  scaled: {layer: scale, from: x}
  past: {layer: shift, from: scaled, steps: 1}
  first: {layer: conv, from: past, kernel: 3, padding: causal, out: 4}
  logits: {layer: conv, from: first, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""


def test_whole_containers(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Floats, companded, 24 bits, FLAC and OGG in one container, by the commands."""
    spec, files = tmp_path / "a.yaml", tmp_path / "sounds"
    spec.write_text(SPEC)
    files.mkdir()
    kinds = {"f.wav": "FLOAT", "u.wav": "ULAW", "a.aiff": "PCM_24", "b.flac": "PCM_16", "o.ogg": "VORBIS"}
    for name, subtype in kinds.items():
        soundfile.write(files / name, signal(1)[:150], 8000, subtype=subtype)
    out = tmp_path / "x.ars"
    assert main(["compress", str(spec), str(files), "-o", str(out), "--check"]) == 0
    told = capsys.readouterr().out
    assert "restored with the same samples and tags, not byte for byte: sounds/b.flac" in told
    assert ".wav is added to the name, with the same samples, as they were decoded: sounds/o.ogg" in told
    assert main(["decompress", str(spec), str(out), "-o", str(tmp_path / "back")]) == 0
    for name, subtype in kinds.items():
        before, after = files / name, tmp_path / "back" / "sounds" / (f"{name}.wav" if subtype == "VORBIS" else name)
        if name[-3:] in ("wav", "iff"):
            assert before.read_bytes() == after.read_bytes()
        assert np.array_equal(soundfile.read(before)[0], soundfile.read(after)[0])
