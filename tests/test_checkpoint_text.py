"""Models of tokens read and write text by the tokenizer of their checkpoint, and compress it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import arspec
from arspec.checkpoints.importing import import_folder, read_folder
from arspec.cli.main import main
from arspec.language.load import from_text
from tests.folders import gpt2_folder, sentence_pieces, tensors_of, tokenizer
from tests.small import CHARS, refuses

TEXT = "to be or not to be, that is the quéstion 漢字 <|endoftext|>\n  and\r\n\tthe answer\n\n\n" * 3


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of a model of tokens that reads text."""
    folder = gpt2_folder(tmp_path / "words", levels=264)
    levels = {"transformer.wte.weight": torch.randn(264, 8, generator=torch.Generator().manual_seed(1)) * 0.3}
    tensors_of(folder, lambda tensors: tensors.update(levels))
    tokenizer(folder)
    return import_folder(folder, tmp_path / "of_words")


def test_a_text_goes_in_and_out_by_the_tokenizer_of_the_run(run: Path, tmp_path: Path, capsysbinary: Any) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    out = ["-n", "1", "-o", str(tmp_path / "out.txt")]
    assert main(["sample", str(run), "--prompt", "to be 漢", *out]) == 0
    written = (tmp_path / "out.txt").read_bytes()
    assert written.decode("utf-8", "replace").startswith("to be 漢")
    capsysbinary.readouterr()
    assert main(["sample", str(run), "--prompt", "to be 漢", "-n", "1", "-o", "-"]) == 0
    assert capsysbinary.readouterr().out == written
    assert main(["eval", str(run), "--data", str(tmp_path / "a.txt"), "--split", "all"]) == 0
    assert main(["score", str(run), "--data", str(tmp_path / "a.txt"), "--split", "all"]) == 0
    model = arspec.open(run)
    tokens = model.spec.data.tokenizer.numbers_of(TEXT)
    assert len(tokens) < len(TEXT.encode()) and model.spec.data.tokenizer.text_of(tokens) == TEXT
    seen = arspec.load_data(str(tmp_path / "a.txt"), model, "all").x
    once = [*seen[0].tolist(), *seen[1:, 1:].ravel().tolist()]  # a piece begins with the last token of the one before
    assert once == tokens[: len(once)].tolist() and len(once) > len(tokens) - 12


def test_a_run_without_a_tokenizer_says_that_its_tokens_are_numbers(tmp_path: Path, capsys: Any) -> None:
    run = str(import_folder(gpt2_folder(tmp_path / "numbers"), tmp_path / "run"))
    np.save(tmp_path / "tokens.npy", np.array([1, 2]))
    wanted = ["sample", run, "-n", "1", "--prefix", str(tmp_path / "tokens.npy")]
    assert main([*wanted, "-o", "-"]) == 2
    assert "--format txt writes the numbers" in capsys.readouterr().err
    assert main(["sample", run, "--prompt", "to be", "-n", "1", "-o", str(tmp_path / "out.npy")]) == 2
    assert "--prefix tokens.npy begins with their numbers" in capsys.readouterr().err
    assert main([*wanted, "--format", "txt", "-o", "-"]) == 0
    numbers = [int(number) for number in capsys.readouterr().out.split()]
    assert numbers[:2] == [1, 2] and len(numbers) == len(arspec.open(run).sample(1, prefix=np.array([[1, 2]])).ravel())


def test_an_import_without_a_tokenizer_says_so(run: Path, tmp_path: Path, capsys: Any) -> None:
    bare = gpt2_folder(tmp_path / "bare")
    assert main(["import", str(bare), "-o", str(tmp_path / "numbers")]) == 0
    (note,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert "there is no tokenizer.json" in note and "--prefix tokens.npy" in note and str(bare) in note
    assert not read_folder(tmp_path / "words").notes  # which has one, and is what `run` was imported from


def test_a_run_is_verified_and_drawn_by_its_folder(run: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["verify", str(run)]) == 0
    assert "each of 11 variables is known before its turn" in capsys.readouterr().out
    assert main(["render", str(run), "-o", str(tmp_path / "run.dot")]) == 0
    assert "attention" in (tmp_path / "run.dot").read_text()


def test_a_tokenizer_of_sentence_pieces_begins_a_prompt_and_gives_back_every_byte(tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path / "pieces", levels=300)
    levels = {"transformer.wte.weight": torch.randn(300, 8, generator=torch.Generator().manual_seed(1)) * 0.3}
    tensors_of(folder, lambda tensors: tensors.update(levels))
    sentence_pieces(folder)
    run = import_folder(folder, tmp_path / "run")
    made = arspec.open(run).spec.data.tokenizer
    assert made.leading("to be").tolist() == [1] and made.text_of(made.numbers_of("to be")) == "to be"
    text = " to be 漢字\n  or  not\n" * 4
    tokens = made.numbers_of(text)
    grown = made.growing()
    assert "".join(grown.more(tokens[k : k + 1]) for k in range(len(tokens))) + grown.more(tokens[:0], True) == text
    (tmp_path / "a.txt").write_text(text)
    assert main(["compress", str(run), str(tmp_path / "a.txt"), "-o", str(tmp_path / "a.ars")]) == 0
    assert main(["decompress", str(run), str(tmp_path / "a.ars"), "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "a.txt").read_text() == text
    assert main(["sample", str(run), "--prompt", "to", "-n", "1", "-o", str(tmp_path / "x.npy")]) == 0
    assert np.load(tmp_path / "x.npy")[0, :2].tolist() == [1, *made.numbers_of("to")]


CONTENTS = {
    "text": TEXT.encode(),
    "empty": b"",
    "a line that is no UTF-8": TEXT.encode() + b"to be \xff\xfe or\n" + TEXT.encode(),
    "a mark within": "to be 漢".encode()[:-1] + b"\n" + TEXT.encode(),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_text_is_compressed_as_tokens_and_comes_back_byte_for_byte(name: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(CONTENTS[name])
    assert main(["compress", str(run), str(tmp_path / "a.txt"), "-o", str(tmp_path / "a.ars")]) == 0
    assert main(["decompress", str(run), str(tmp_path / "a.ars"), "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "a.txt").read_bytes() == CONTENTS[name]


def test_a_container_of_tokens_belongs_to_its_tokenizer(run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    assert main(["compress", str(run), str(tmp_path / "a.txt"), "-o", str(tmp_path / "a.ars")]) == 0
    said = json.loads((run / "tokenizer.json").read_text())
    (run / "tokenizer.json").write_text(json.dumps({**said, "pre_tokenizer": None}))
    from arspec.codec import Codec

    codec = Codec(arspec.open(run))
    refuses("AR833", lambda: list(codec.decompress((tmp_path / "a.ars").read_bytes())), "another spec")


def test_what_is_no_text_is_refused_where_tokens_are_compressed(run: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(range(128, 256)) * 4)
    assert main(["compress", str(run), str(tmp_path / "a.bin"), "-o", str(tmp_path / "a.ars")]) == 2
    assert "error[AR868]" in capsys.readouterr().err


def test_text_of_tokens_that_come_piece_by_piece_is_the_text_of_all(run: Path) -> None:
    made = arspec.open(run).spec.data.tokenizer
    tokens = made.numbers_of(TEXT)
    for size in (1, 2, 5):
        grown = made.growing()
        pieces = [grown.more(tokens[k : k + size]) for k in range(0, len(tokens), size)]
        assert "\ufffd" not in "".join(pieces)
        assert "".join(pieces) + grown.more(tokens[:0], True) == TEXT


def test_more_levels_than_two_bytes_hold_are_sampled_and_compressed(tmp_path: Path) -> None:
    text = CHARS.replace(", content: text", "").replace("levels: 128, width: 12", "levels: 70000, width: 2")
    model = arspec.compile(from_text(text, params={"length": 4}))
    x = torch.tensor([[69_999, 0, 65_536, 3]])
    assert torch.equal(model.decompress(model.compress(x)), x)
    assert model.sample(64, seed=0).max() > 65_536
