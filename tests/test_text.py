"""Text as data: files that are joined, marks that are no data, bytes and alphabets as levels,
and models that keep theirs."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import arspec
from arspec.cli.main import main
from arspec.codec import Codec, Item
from arspec.codec.identity import spec_hash
from arspec.codec.media import TEXT, parse
from arspec.data import fitted, load
from arspec.data.raw import Raw
from arspec.data.sets import SETS
from arspec.data.symbols import bytes_of, levels_of, text_of
from arspec.language.load import Spec, from_text
from arspec.language.sections import SequenceData
from arspec.model import build
from arspec.saving.spec_file import read_spec, write_spec
from tests.small import CHARS, refusal

BYTES = SequenceData(kind="sequence", length=8, levels=256, content="text")
POEM = "Über die Brücke läuft der Fuchs,\nso schnell er kann; é€ $5.\n" * 20


def chars(**params: Any) -> Spec:
    return from_text(CHARS, params=params)


def stated(levels: str) -> str:
    """The text of a spec whose levels are no parameter."""
    return CHARS.replace("levels: $levels", levels).replace("levels: 128, ", "")


def whole(source: str, data: SequenceData = BYTES) -> bytes:
    """All that a source holds, as text."""
    x = load(source, data.model_copy(update={"length": 1}), {}, "all").x
    return bytes_of(x[:, 0], data)


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_is_no_data(mark: bytes, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(mark + POEM.encode(encoding))
    assert whole(str(path)) == POEM.encode()
    note = load(str(path), BYTES).note
    assert "a byte order mark left out" in note and (
        encoding == "utf-8" or f"decoded from {encoding[:6].upper()}" in note
    )
    path.write_bytes(POEM.encode())
    assert "mark" not in load(str(path), BYTES).note


def test_a_mark_that_lies_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(codecs.BOM_UTF16_LE + b"\x00\xd8a")
    error = refusal(lambda: whole(str(path)))
    assert error.code == "AR803" and "begins with the mark of UTF-16" in error.message


def folder(tmp_path: Path, *texts: str | bytes) -> str:
    place = tmp_path / "texts"
    place.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (place / f"{number}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(place)


def test_files_are_joined_as_it_is_said(tmp_path: Path) -> None:
    place = folder(tmp_path, "one", codecs.BOM_UTF8 + b"two", "three")
    assert whole(place) == b"onetwothree"
    note = load(place, BYTES.model_copy(update={"length": 2}), {}, "all").note
    assert "3 files joined with nothing between them (@join=newline" in note and "byte order marks of 1 files" in note
    for option, between in {
        "newline": b"\n", "space": b" ", "tab": b"\t", "none": b"", "0": b"\0", "255": b"\xff", r"\n\n": b"\n\n",
        r"\n--\n": b"\n--\n",
        "é": "é".encode(), r"\u20ac": "€".encode(), r"\\": b"\\", "a@b": b"a@b",
    }.items():  # fmt: skip
        assert whole(f"{place}@join={option}") == between.join([b"one", b"two", b"three"]), option
    assert "3 files joined with '\\n' between them" in load(f"{place}@join=newline", BYTES, {}, "all").note
    one = str(tmp_path / "texts" / "0.txt")
    assert "joined" not in load(one, BYTES.model_copy(update={"length": 1}), {}, "all").note


def test_a_join_needs_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    for source in (f"{tmp_path / 'a.txt'}@join=0", "shakespeare@join=newline"):
        error = refusal(lambda source=source: load(source, BYTES, {}, "all"))
        assert error.code == "AR840" and "several files" in error.message


def test_wide_text_without_a_mark_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(POEM.encode("utf-16-le"))
    assert "look like UTF-16 without a byte order mark" in load(str(tmp_path / "a.txt"), BYTES).note
    (tmp_path / "a.txt").write_bytes(b"a\0\0\0" + POEM.encode())
    assert "UTF-16" not in load(str(tmp_path / "a.txt"), BYTES).note


def test_text_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(POEM.encode())
    (tmp_path / "b.txt").write_bytes("café ".encode("latin-1") * 9)
    assert "not UTF-8" not in load(str(tmp_path / "a.txt"), BYTES).note
    model = BYTES.model_copy(update={"length": 4})
    assert "the file is not UTF-8; the bytes are taken as they are" in load(str(tmp_path / "b.txt"), model).note
    assert "1 of 2 files are not UTF-8" in load(str(tmp_path), model, {}, "all").note


@pytest.mark.parametrize("wrong", ["256", "", r"\q", "\\", r"\x4"])
def test_what_is_no_symbol(wrong: str, tmp_path: Path) -> None:
    place = folder(tmp_path, "one", "two")
    error = refusal(lambda: whole(f"{place}@join={wrong}"))
    assert error.code == "AR803" and "join is" in error.message


def test_a_symbol_that_the_levels_lack_is_placed(tmp_path: Path) -> None:
    place = folder(tmp_path, "one\n", "two\nthrée", "more text")
    data = chars().data.model_copy(update={"length": 2})
    error = refusal(lambda: load(place, data, {}, "all"))
    assert error.code == "AR804" and f"'é' (U+00E9) at line 2, column 4 of {place}/1.txt" in error.message
    (tmp_path / "texts" / "1.txt").write_text("two")
    error = refusal(lambda: load(f"{place}@join=200", data, {}, "all"))
    assert "at the place between 0.txt and 1.txt, by @join" in error.message
    kept = data.model_copy(update={"alphabet": "nothing" + "\n"})
    error = refusal(lambda: load(f"{place}@join=;", kept, {}, "all"))
    assert error.code == "AR861"


# -- levels ------------------------------------------------------------------------------------------------------------


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=80)
def test_text_comes_back_from_its_levels(text: str) -> None:
    raw = np.frombuffer(text.encode(), np.uint8)
    alphabet = "".join(sorted({*text, "a", "\U0001f642"}))
    data = SequenceData(kind="sequence", length=1, levels=len(alphabet), content="text", alphabet=alphabet)
    levels = levels_of(raw, data, "a")
    assert [alphabet[level] for level in levels] == list(text)
    assert bytes_of(levels, data) == text.encode() and text_of(levels, data) == text
    assert bytes_of(levels_of(raw, BYTES, "a"), BYTES) == text.encode()


def test_a_split_does_not_cut_a_character(tmp_path: Path) -> None:
    for length in range(20, 60):
        text = ("aé€🙂" * 20)[:length]
        (tmp_path / "a.txt").write_text(text)
        parts = [
            load(str(tmp_path / "a.txt"), BYTES.model_copy(update={"length": 1}), {}, part)
            for part in ("train", "valid", "test")
        ]
        pieces = [bytes(part.side_by_side().x[:, 0].astype(np.uint8)) for part in parts]
        assert b"".join(pieces).decode() == text
        assert all(piece.decode() for piece in pieces)


def test_an_alphabet_is_made_of_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(POEM)
    spec, told = fitted(chars(), f"{path}@alphabet=auto")
    table = "".join(sorted(set(POEM)))
    assert spec.data.alphabet == table and spec.data.levels == len(table) == spec.params["levels"]
    assert f"alphabet of {len(table)} characters" in told and f"'levels' is {len(table)} instead of 128" in told
    train = load(f"{path}@alphabet=auto", spec.data, spec.condition, "train")
    assert text_of(train.take(np.array([1]))[0][0], spec.data) == POEM[1:9]
    assert f"by the alphabet of {len(table)} characters" in train.note
    same, told = fitted(chars(), str(path))
    assert same.data.alphabet is None and told == ""
    again, _ = fitted(spec, f"{path}@alphabet=auto")
    assert again is spec


def test_a_named_set_has_an_alphabet(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Raw("text", np.frombuffer(POEM.encode(), np.uint8), levels=256)
    monkeypatch.setitem(SETS, "shakespeare", replace(SETS["shakespeare"], read=lambda split: text))
    spec, _ = fitted(chars(), "shakespeare@alphabet=auto")
    assert spec.data.alphabet == "".join(sorted(set(POEM)))
    assert text_of(load("shakespeare", spec.data, {}, "all").x[0], spec.data) == POEM[:8]
    lacking = spec.variant(data={"alphabet": spec.data.alphabet.replace("é", "ê")})
    assert "'é' (U+00E9) at byte" in refusal(lambda: load("shakespeare", lacking.data, {}, "all")).message


def test_a_number_of_levels_that_was_set_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(POEM)
    source, count = f"{path}@alphabet=auto", len(set(POEM))
    error = refusal(lambda: fitted(chars(levels=200), source))
    assert error.code == "AR861" and f"{count} different characters, and the spec has 200 levels" in error.message
    assert error.help == f"--set levels={count}, or leave out --set levels"
    assert fitted(chars(levels=count), source)[0].data.levels == count  # as the help says
    followed = from_text(stated(f"levels: {count}"))
    assert fitted(followed, source)[0].data.levels == count


@pytest.mark.parametrize("levels", ["levels: 99", "rate: 16000"], ids=["a number", "none"])
def test_levels_that_are_no_parameter_follow_the_text(tmp_path: Path, levels: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(POEM)
    spec, told = fitted(from_text(stated(levels)), f"{path}@alphabet=auto")
    count, was = len(set(POEM)), 99 if levels == "levels: 99" else 256
    assert spec.data.levels == count and f"the data's levels are {count} instead of {was}" in told
    write_spec(spec, tmp_path)
    assert read_spec(tmp_path).data == spec.data


def test_what_has_no_alphabet(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(POEM)
    tokens = from_text(CHARS.replace("content: text", "content: tokens"))
    assert "has no `content: text`" in refusal(lambda: fitted(tokens, f"{path}@alphabet=auto")).message
    assert "training makes" in refusal(lambda: load(f"{path}@alphabet=auto", chars().data)).message
    (tmp_path / "b.txt").write_text("aaaa")
    assert "1 different characters" in refusal(lambda: fitted(chars(), f"{tmp_path / 'b.txt'}@alphabet=auto")).message
    (tmp_path / "c.txt").write_bytes("naïve".encode("latin-1"))
    error = refusal(lambda: fitted(chars(), f"{tmp_path / 'c.txt'}@alphabet=auto"))
    assert error.code == "AR803" and "the byte 239 at line 1, column 3" in error.message
    other, _ = fitted(chars(), f"{path}@alphabet=auto")
    (tmp_path / "d.txt").write_text("abc" * 20)
    assert "another alphabet" in refusal(lambda: fitted(other, f"{tmp_path / 'd.txt'}@alphabet=auto")).message
    np.save(tmp_path / "e.npy", np.zeros(40, np.int64))
    assert refusal(lambda: fitted(chars(), f"{tmp_path / 'e.npy'}@alphabet=auto")).code == "AR840"


def test_an_alphabet_stands_in_a_spec(tmp_path: Path) -> None:
    spec = from_text(stated(r'levels: 4, alphabet: "a$\né"'))
    assert spec.data.alphabet == "a$\né"
    (tmp_path / "a.txt").write_text("aé$\n" * 20)
    assert load(str(tmp_path / "a.txt"), spec.data).x[0].tolist() == [0, 3, 1, 2, 0, 3, 1, 2]
    assert arspec.verify(from_text(stated('levels: 6, alphabet: "abcdef"'))).ok  # by a twin of 4 levels
    for wrong, told in {
        'levels: 4, alphabet: "abc"': "takes 4 different characters, one for each level",
        'levels: 4, alphabet: "abca"': "takes 4 different characters",
        'levels: 2, alphabet: "ab", content: tokens': "nothing, unless the content is text",
        "levels: 2, alphabet: 12": "takes a text",
    }.items():
        text = stated(wrong)
        text = text.replace(", content: text}", "}") if "tokens" in wrong else text
        with pytest.raises(arspec.SpecError, match=told):
            from_text(text)


def test_what_was_written_before_there_were_alphabets_stays_as_it_is() -> None:
    assert "alphabet" not in chars().data.model_dump(mode="json")
    with_one = chars().variant(params={"levels": 2}, data={"alphabet": "ab"})
    assert with_one.data.model_dump(mode="json")["alphabet"] == "ab"
    other = chars().variant(params={"levels": 2}, data={"alphabet": "ba"})
    assert len({spec_hash(build(spec)) for spec in (with_one, other, chars(levels=2))}) == 3


def test_the_help_about_a_byte_without_a_level_can_be_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text(POEM)
    (tmp_path / "s.yaml").write_text(CHARS)
    train = [
        "train",
        str(tmp_path / "s.yaml"),
        "--steps",
        "1",
        "--batch",
        "4",
        "--samples",
        "0",
        "--no-tensorboard",
        "--device",
        "cpu",
    ]
    source = str(tmp_path / "a.txt")
    assert main([*train, "--data", source, "--out", str(tmp_path / "r")]) == 2
    told = capsys.readouterr().err
    assert "'Ü' (U+00DC) at line 1, column 1" in told and "levels 0 to 127, a byte each" in told
    assert "--set levels=256" in told and "@alphabet=auto" in told
    assert main([*train, "--data", source, "--set", "levels=256", "--out", str(tmp_path / "r")]) == 0
    assert main([*train, "--data", f"{source}@alphabet=auto", "--out", str(tmp_path / "q")]) == 0
    assert f"'levels' is {len(set(POEM))} instead of 128" in capsys.readouterr().err


# -- models ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an alphabet, trained by the command, with its text beside it."""
    place = tmp_path_factory.mktemp("text")
    (place / "a.txt").write_text(POEM)
    (place / "s.yaml").write_text(CHARS)
    arguments = [
        "--steps",
        "40",
        "--batch",
        "8",
        "--samples",
        "2",
        "--no-tensorboard",
        "--device",
        "cpu",
        "--lr",
        "1e-2",
    ]
    assert (
        main(
            [
                "train",
                str(place / "s.yaml"),
                "--data",
                f"{place / 'a.txt'}@alphabet=auto",
                "--out",
                str(place / "run"),
                *arguments,
            ]
        )
        == 0
    )
    return place / "run"


def test_a_run_keeps_its_alphabet_and_writes_text_by_it(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from arspec.training.checkpoint import load_model

    model: Any = load_model(run, "cpu")
    assert (
        model.spec.data.alphabet
        == "".join(sorted(set(POEM)))
        == json.loads((run / "spec.json").read_text())["data"]["alphabet"]
    )
    drawn = model.sample(3, seed=4).numpy()
    texts = ["".join(model.spec.data.alphabet[level] for level in row) for row in drawn]
    assert any(ord(character) > 127 for text in texts for character in text)
    out = tmp_path / "x.txt"
    assert main(["sample", str(run), "-n", "3", "--seed", "4", "-o", str(out), "--device", "cpu"]) == 0
    assert out.read_text() == f"\n{'-' * 72}\n".join(texts) + "\n"
    assert main(["sample", str(run), "-n", "1", "--seed", "4", "-o", str(out), "--device", "cpu"]) == 0
    assert out.read_text() == texts[0]  # nothing is added to one text
    assert main(["sample", str(run), "--length", "30", "--seed", "4", "-o", str(out), "--device", "cpu"]) == 0
    assert out.read_text()[:8] == texts[0] and len(out.read_text()) == 30
    assert main(["sample", str(run), "--prompt", "Brücke", "-n", "2", "-o", str(out), "--device", "cpu"]) == 0
    assert [text[:6] for text in out.read_text().split(f"\n{'-' * 72}\n")] == ["Brücke"] * 2
    written = [path.read_text() for path in (run / "samples").glob("*.txt")]
    assert written and set("".join(written)) <= {*POEM, "-", "\n"}


def test_a_stream_is_written_by_the_alphabet(tmp_path: Path) -> None:
    spec, out = tmp_path / "s.yaml", tmp_path / "x.txt"
    spec.write_text(
        CHARS.replace("levels: $levels", 'levels: $levels, alphabet: "aé€"').replace("levels: 128", "levels: 3")
    )
    assert main(["sample", str(spec), "--length", "300", "--seed", "4", "-o", str(out), "--device", "cpu"]) == 0
    model = arspec.compile(arspec.load(spec), seed=4)
    drawn = torch.cat(list(model.stream(steps=300, seed=4)), 1)[0]
    assert out.read_text() == "".join("aé€"[level] for level in drawn.tolist())


def test_what_would_fit_a_trained_model_is_another_model(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("der")
    assert main(["eval", str(run), "--data", str(tmp_path / "a.txt"), "--split", "all", "--device", "cpu"]) == 2
    assert "a model that is trained with --set length=3 fits it" in capsys.readouterr().err
    data = chars().data
    data.of_a_trained_model()
    help = refusal(lambda: levels_of(np.frombuffer("é".encode(), np.uint8), data, "a")).help
    assert help and help.startswith(
        "a model that is trained with --set levels=256 takes any byte, one trained with @alphabet=auto"
    )


def test_a_run_with_an_alphabet_is_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(POEM)
    (tmp_path / "s.yaml").write_text(CHARS)
    train = ["train", str(tmp_path / "s.yaml"), "--data", f"{tmp_path / 'a.txt'}@alphabet=auto", "--out",
             str(tmp_path / "r"), "--batch", "4",
             "--samples", "0", "--no-tensorboard", "--device", "cpu"]  # fmt: skip
    assert main([*train, "--steps", "4", "--stop-after", "2"]) == 0
    assert main([*train, "--steps", "4", "--resume"]) == 0
    (tmp_path / "a.txt").write_text(POEM + "ß")
    assert main([*train, "--steps", "6", "--resume"]) == 2
    assert "AR814" in capsys.readouterr().err


def test_other_text_goes_through_the_table(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "b.txt"
    other.write_text("der Fuchs läuft über die Brücke\n".replace("ü", "u") * 20)
    capsys.readouterr()
    for command in (["eval"], ["score"]):
        assert main([*command, str(run), "--data", str(other), "--split", "all", "--device", "cpu", "--json"]) == 0
    capsys.readouterr()
    other.write_text("der Fuchs läuft\nund der Wolf schläft\n" * 20)
    assert main(["eval", str(run), "--data", str(other), "--split", "all", "--device", "cpu"]) == 2
    told = capsys.readouterr().err
    assert "AR861" in told and f"'W' at line 2, column 9 of {other}" in told and "20 of 740 characters" in told


@pytest.mark.parametrize(
    "content",
    [
        POEM.encode(),
        codecs.BOM_UTF8 + POEM.replace("\n", "\r\n").encode(),  # marks and line ends that the alphabet lacks
        POEM[:50].encode() + "中🙂".encode() + b"\xff\xfe" + POEM[50:300].encode(),  # no UTF-8
        b"",
        "ä".encode(),
    ],
)
def test_every_file_comes_back_byte_for_byte(content: bytes, run: Path, tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_bytes(content)
    arguments = ["compress", str(run), str(tmp_path / "f.txt"), "-o", str(tmp_path / "f.ars"), "--check"]
    assert main(arguments) == 0
    assert main(["decompress", str(run), str(tmp_path / "f.ars"), "-o", str(tmp_path / "there")]) == 0
    assert (tmp_path / "there" / "f.txt").read_bytes() == content


def test_a_text_of_other_characters_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.txt").write_text("der\nмедведь\n")
    assert main(["compress", str(run), str(tmp_path / "f.txt"), "-o", str(tmp_path / "f.ars")]) == 2
    assert "'м' (U+043C) at line 2" in capsys.readouterr().err and not (tmp_path / "f.ars").exists()


def test_a_crafted_character_is_damage(run: Path) -> None:
    from arspec.codec.media import build as built
    from arspec.training.checkpoint import load_model

    for wrong in ([0x110000], [-1], [0xD800], [1 << 40]):
        assert refusal(lambda wrong=wrong: built(TEXT, b"", np.array(wrong, np.int64))).code == "AR830"
    model: Any = load_model(run, "cpu")
    form, media = parse(POEM[:40].encode(), "p.txt", model.spec.data)
    container, summary = Codec(model).compress([Item("p.txt", form, media)])
    assert form == TEXT and summary.values == 40
    assert next(iter(Codec(model).decompress(container))).data == POEM[:40].encode()
    assert torch.equal(
        model.decompress(model.compress(torch.zeros(2, 8, dtype=torch.long))), torch.zeros(2, 8, dtype=torch.long)
    )


# -- helps -------------------------------------------------------------------------------------------------------------

SET = re.compile(r"--set (\w+)=(\d+)")
OPTION = re.compile(r"@(\w+)=(\w+)")
IMAGES = """
arspec: 1
data: {kind: image, height: $height, width: $width, channels: $channels, levels: $levels}
params: {height: 4, width: 4, channels: 1, levels: 4}
graph:
  s: {layer: scale, from: x}
  c: {layer: conv, kernel: 3, mask: earlier, out: $head}
head: {kind: categorical, from: c}
"""
TOKENS = CHARS.replace(", content: text", "")
VECTORS = """
arspec: 1
data: {kind: vector, size: $size, levels: 2}
params: {size: 4}
graph:
  d: {layer: dense, from: x, units: $head, mask: earlier}
head: {kind: categorical, from: d}
"""
SOUND = CHARS.replace("content: text", "content: audio, rate: $rate").replace("levels: 128", "levels: 256, rate: 8000")


def _sound(path: Path) -> str:
    import soundfile

    soundfile.write(path.with_suffix(".wav"), np.linspace(-0.5, 0.5, 200), 4000)
    return str(path.with_suffix(".wav"))


def _array(values: Any, shape: tuple[int, ...]) -> Callable[[Path], str]:
    def made(path: Path) -> str:
        np.save(path.with_suffix(".npy"), np.resize(values, shape))
        return str(path.with_suffix(".npy"))

    return made


def _written(text: str) -> Callable[[Path], str]:
    def made(path: Path) -> str:
        path.with_suffix(".txt").write_text(text)
        return str(path.with_suffix(".txt"))

    return made


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        (CHARS, _written("naïve " * 40)),
        (CHARS, _written("short")),
        (TOKENS, _array([1, 200], (40,))),
        (TOKENS, _array([1, 2], (5,))),
        (TOKENS, _array([1, 2], (5, 6))),
        (TOKENS, _array([1, 200], (5, 8))),
        (IMAGES, _array([0, 9], (20, 1, 4, 4))),
        (IMAGES, _array([0, 3], (20, 1, 5, 6))),
        (IMAGES, _array([0, 3], (20, 3, 4, 4))),
        (IMAGES, lambda path: "digits@size=4"),
        (VECTORS, _array([0, 1], (20, 6))),
        (VECTORS, _array([0, 1, 1, 3], (20, 4))),
        (SOUND, _sound),
    ],
)
def test_the_help_of_data_that_do_not_fit_leads_to_data_that_do(
    spec: str, source: Callable[[Path], str], tmp_path: Path
) -> None:
    """Each way that the help names is gone by itself: a setting of the spec, or an option of the source."""
    begun, place = from_text(spec), source(tmp_path / "data")
    error = refusal(lambda: load(place, begun.data, {}, "all"))
    assert error.code == "AR804" and error.help
    settings, options = (
        SET.findall(error.help),
        [o for o in OPTION.findall(error.help) if o[0] != "resize" and o[0] != "crop"],
    )
    assert settings or options, error.help
    if settings:
        fits = begun.variant(params={name: int(value) for name, value in settings})
        assert len(load(place, fits.data, {}, "all"))
    for name, value in options:
        chosen = f"{place}@{name}={value}"
        assert len(load(chosen, fitted(begun, chosen)[0].data, {}, "all"))


def test_a_model_says_what_would_fit_a_tensor() -> None:
    model = build(from_text(IMAGES))
    error = refusal(lambda: model.log_prob(torch.zeros(1, 1, 5, 4, dtype=torch.long)))
    assert error.help == "convert the data, or set the size: --set height=5"
    assert (
        refusal(lambda: model.log_prob(torch.zeros(1, 16, dtype=torch.long))).help
        == "an example is [channels, height, width]"
    )
