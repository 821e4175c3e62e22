"""Checkpoints of others: read as runs, refused where anything is not as it should be, and written back as they came."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import arspec
from arspec.checkpoints.exporting import export_folder
from arspec.checkpoints.importing import import_folder
from arspec.checkpoints.table import tables
from arspec.cli.main import main
from tests.folders import gpt2_config, gpt2_folder, gpt2_tensors, tensors_of, tokenizer
from tests.small import refuses

Change = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return gpt2_folder(tmp_path / "checkpoint")


def sharded(folder: Path, files: int = 3) -> dict[str, Any]:
    """Writes a folder's tensors into several files; gives the index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    where = {name: f"model-{k % files}.safetensors" for k, name in enumerate(sorted(tensors))}
    for file in set(where.values()):
        save_file({name: tensors[name].clone() for name in where if where[name] == file}, folder / file)
    index = {"metadata": {"total_size": 1}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return index


def indexed(folder: Path, **change: str) -> None:
    index = sharded(folder)
    index["weight_map"] |= change
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


# -- there and back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stripped", [False, True])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16])
def test_what_is_imported_is_exported_as_it_came(
    folder: Path, tmp_path: Path, kind: torch.dtype, stripped: bool
) -> None:
    tensors = {name: tensor.to(kind) for name, tensor in gpt2_tensors().items()}
    if stripped:
        tensors = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    run, back = import_folder(folder, tmp_path / "run"), tmp_path / "back"
    assert export_folder(run, back) == back
    assert equal(load_file(back / "model.safetensors"), tensors)
    assert json.loads((back / "config.json").read_text()) == gpt2_config()
    again = import_folder(back, tmp_path / "again")
    for name in ("model.safetensors", "spec.yaml", "spec.json", "checkpoint.json"):
        assert (again / name).read_bytes() == (run / name).read_bytes()


def test_several_files_are_one_checkpoint(folder: Path, tmp_path: Path) -> None:
    whole = import_folder(folder, tmp_path / "whole")
    sharded(folder)
    parts = import_folder(folder, tmp_path / "parts")
    assert (parts / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_what_is_opened_and_saved_is_exported_still(folder: Path, tmp_path: Path) -> None:
    model = arspec.open(import_folder(folder, tmp_path / "run"))
    export_folder(model.save(tmp_path / "saved"), tmp_path / "back")
    assert equal(load_file(tmp_path / "back" / "model.safetensors"), gpt2_tensors())


def test_what_is_opened_takes_the_numbers_of_its_file_and_draws_none(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = import_folder(folder, tmp_path / "run")

    def drawn(*_: Any, **__: Any) -> None:
        raise AssertionError("a weight is drawn, which the file's replaces")

    for name in ("normal_", "uniform_", "copy_"):
        monkeypatch.setattr(Tensor, name, drawn)
    model = arspec.open(run)
    monkeypatch.undo()
    assert equal(model.state_dict(), load_file(run / "model.safetensors"))
    with torch.no_grad():  # the file stays as it is
        model.weights()["nodes.last.gain"].fill_(3.0)
    assert not equal(arspec.open(run).state_dict(), model.state_dict())


def test_a_square_product_is_transposed_by_its_table_and_not_by_its_shape(folder: Path, tmp_path: Path) -> None:
    model = arspec.open(import_folder(folder, tmp_path / "run"))
    own = gpt2_tensors()["transformer.h.1.attn.c_proj.weight"]
    found = model.weights()["nodes.body.1.project.weight"].squeeze(-1)
    assert own.shape[0] == own.shape[1] and torch.equal(found, own.T) and not torch.equal(found, own)


def test_copies_and_masks_that_some_versions_store_are_taken(folder: Path, tmp_path: Path) -> None:
    def more(tensors: dict[str, Tensor]) -> None:
        tensors["lm_head.weight"] = tensors["transformer.wte.weight"].clone()
        tensors["transformer.h.0.attn.bias"] = torch.ones(1, 1, 12, 12).tril().bool()
        tensors["transformer.h.0.attn.masked_bias"] = torch.tensor(-1e4)

    plain = import_folder(folder, tmp_path / "plain")
    tensors_of(folder, more)
    run = import_folder(folder, tmp_path / "run")
    assert (run / "model.safetensors").read_bytes() == (plain / "model.safetensors").read_bytes()


# -- nanoGPT -----------------------------------------------------------------------------------------------------------


def nano(path: Path, **more: Any) -> Path:
    """A ckpt.pt of nanoGPT: products as [out, in], and what else its train.py keeps."""
    tensors = {
        f"_orig_mod.{name}": tensor.T.contiguous() if ".c_" in name and name.endswith("weight") else tensor
        for name, tensor in gpt2_tensors().items()
    }
    tensors["_orig_mod.lm_head.weight"] = tensors["_orig_mod.transformer.wte.weight"]
    said = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 12, "bias": True, "vocab_size": 16, "dropout": 0.1}
    whole = {"model": tensors, "model_args": said, "iter_num": 5, "best_val_loss": torch.tensor(1.0), "config": {}}
    torch.save({**whole, **more}, path)
    return path


def test_nanogpt_is_a_gpt2_with_an_exact_gelu_and_products_the_other_way(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "nano").mkdir()
    nano(tmp_path / "nano" / "ckpt.pt")
    config = gpt2_config(activation_function="gelu")
    (folder / "config.json").write_text(json.dumps(config))
    runs = [import_folder(path, tmp_path / f"run{k}") for k, path in enumerate((folder, tmp_path / "nano"))]
    x = torch.arange(12)[None] % 16
    one, other = (arspec.open(run).double()(x) for run in runs)
    assert torch.equal(one, other)
    assert equal(*(load_file(run / "model.safetensors") for run in runs))


def test_nanogpt_without_biases_is_the_one_whose_biases_are_zero(folder: Path, tmp_path: Path) -> None:
    def zero(tensors: dict[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            if name.endswith("bias"):
                tensor.zero_()

    tensors_of(folder, zero)
    (folder / "config.json").write_text(json.dumps(gpt2_config(activation_function="gelu")))
    path = nano(tmp_path / "ckpt.pt")
    entries = torch.load(path, weights_only=True)
    entries["model"] = {name: value for name, value in entries["model"].items() if not name.endswith("bias")}
    torch.save({**entries, "model_args": {**entries["model_args"], "bias": False}}, path)
    x = torch.arange(12)[None] % 16
    one, other = (
        arspec.open(import_folder(source, tmp_path / f"run_{source.stem}")).double()(x) for source in (folder, path)
    )
    assert torch.allclose(one, other, rtol=0, atol=1e-12)
    refuses(
        "AR867", lambda: export_folder(tmp_path / f"run_{path.stem}", tmp_path / "back"), "no folder of Hugging Face"
    )


class Hostile:
    """What runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def test_a_pickle_that_holds_more_than_tensors_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was_run"
    path = nano(tmp_path / "ckpt.pt", config=Hostile(f"touch {mark}"))
    refuses("AR866", lambda: import_folder(path, tmp_path / "run"), "weights alone")
    assert not mark.exists() and not (tmp_path / "run").exists()


def test_a_pickle_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = nano(tmp_path / "ckpt.pt", model={"transformer.wte.weight": torch.zeros(1).expand(1 << 20, 1 << 20)})
    refuses("AR866", lambda: import_folder(path, tmp_path / "run"), "more numbers than the file holds")


@pytest.mark.parametrize(
    "entries", [{"model": {"a": [1]}}, {"model_args": None}, {"model": {"a": torch.zeros(2).to_sparse()}}]
)
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, entries: dict[str, Any]) -> None:
    path = nano(tmp_path / "ckpt.pt", **entries)
    refuses("AR869" if "model_args" in entries else "AR866", lambda: import_folder(path, tmp_path / "run"))
    path.write_bytes(path.read_bytes()[:200])
    refuses("AR866", lambda: import_folder(path, tmp_path / "run"))


# -- what is refused ---------------------------------------------------------------------------------------------------


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def linked(folder: Path) -> None:
    outside = folder.parent / "elsewhere.safetensors"
    os.rename(folder / "model.safetensors", outside)
    (folder / "model.safetensors").symlink_to(outside)


def header(folder: Path, claim: int) -> None:
    said = json.dumps(
        {"transformer.wte.weight": {"dtype": "F32", "shape": [claim, 8], "data_offsets": [0, claim * 32]}}
    )
    (folder / "model.safetensors").write_bytes(len(said).to_bytes(8, "little") + said.encode())


FOLDERS: dict[str, tuple[str, str, Change]] = {
    "truncated": ("AR863", "damaged", cut),
    "garbage": ("AR863", "damaged", lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 99)),
    "a header that claims much": ("AR863", "damaged", lambda folder: header(folder, 1 << 40)),
    "no weights": ("AR863", "has neither", lambda folder: (folder / "model.safetensors").unlink()),
    "no config": ("AR863", "config.json", lambda folder: (folder / "config.json").unlink()),
    "a config that is no object": ("AR863", "JSON", lambda folder: (folder / "config.json").write_text("[1]")),
    "a config that is cut": ("AR863", "damaged", lambda folder: (folder / "config.json").write_text('{"a":')),
    "a link out of the folder": ("AR863", "leads out", linked),
    "a shard that is missing": (
        "AR863",
        "no file model-1",
        lambda folder: (sharded(folder), (folder / "model-1.safetensors").unlink()),
    ),
    "a shard elsewhere": ("AR863", "not in the folder", lambda folder: indexed(folder, x="../other.safetensors")),
    "a shard at the root": ("AR863", "not in the folder", lambda folder: indexed(folder, x="/etc/passwd")),
    "an index that names a tensor more": ("AR863", "lack", lambda folder: indexed(folder, x="model-0.safetensors")),
    "an index that names another file": (
        "AR863",
        "has it in",
        lambda folder: indexed(
            folder, **{"transformer.wte.weight": "model-0.safetensors", "transformer.wpe.weight": "model-0.safetensors"}
        ),
    ),
    "an index without a map": (
        "AR863",
        "weight_map",
        lambda folder: (sharded(folder), (folder / "model.safetensors.index.json").write_text("{}")),
    ),
    "a tensor too few": (
        "AR865",
        "1 missing (transformer.ln_f.bias)",
        lambda folder: tensors_of(folder, lambda t: t.pop("transformer.ln_f.bias")),
    ),
    "a tensor too many": (
        "AR865",
        "1 unknown (more)",
        lambda folder: tensors_of(folder, lambda t: t.update(more=torch.zeros(1))),
    ),
    "another shape": (
        "AR865",
        "c_attn.weight [24, 8] for [8, 24]",
        lambda folder: tensors_of(
            folder, lambda t: t.update({"transformer.h.0.attn.c_attn.weight": torch.zeros(24, 8)})
        ),
    ),
    "another number of axes": (
        "AR865",
        "ln_f.bias [8, 1] for [8]",
        lambda folder: tensors_of(folder, lambda t: t.update({"transformer.ln_f.bias": torch.zeros(8, 1)})),
    ),
    "whole numbers": (
        "AR865",
        "ln_f.bias I64",
        lambda folder: tensors_of(
            folder, lambda t: t.update({"transformer.ln_f.bias": torch.zeros(8, dtype=torch.long)})
        ),
    ),
    "a copy that differs": (
        "AR865",
        "lm_head.weight is another tensor",
        lambda folder: tensors_of(folder, lambda t: t.update({"lm_head.weight": torch.zeros(16, 8)})),
    ),
    "a copy of another shape": (
        "AR865",
        "lm_head.weight [3, 8] for [16, 8]",
        lambda folder: tensors_of(folder, lambda t: t.update({"lm_head.weight": torch.zeros(3, 8)})),
    ),
    "NaN": (
        "AR870",
        "NaN",
        lambda folder: tensors_of(folder, lambda t: t["transformer.h.1.mlp.c_fc.weight"].fill_(torch.nan)),
    ),
    "infinity": (
        "AR870",
        "NaN or infinity",
        lambda folder: tensors_of(folder, lambda t: t["transformer.wpe.weight"].fill_(torch.inf)),
    ),
    "a tokenizer of another": ("AR868", "gives the numbers 0 to", lambda folder: tokenizer(folder, 99)),
    "a tokenizer that is cut": (
        "AR868",
        "no tokenizer",
        lambda folder: (folder / "tokenizer.json").write_text('{"version":'),
    ),
    "a tokenizer elsewhere": (
        "AR863",
        "leads out",
        lambda folder: (folder / "tokenizer.json").symlink_to("/etc/hostname"),
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_hostile_folder_is_one_message_and_no_run(name: str, folder: Path, tmp_path: Path, capsys: Any) -> None:
    code, said, change = FOLDERS[name]
    change(folder)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert main(["import", str(folder), "-o", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert told.count("error[") == 1 and f"error[{code}]" in told and said in told, told
    assert sorted(path.name for path in tmp_path.iterdir()) == before


CONFIGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a key that changes the computation": (
        "AR864",
        {"scale_attn_by_inverse_layer_idx": True},
        "scale_attn_by_inverse_layer_idx: true",
    ),
    "a key that is not known": ("AR864", {"sliding_window": 4}, "sliding_window: 4 is not understood"),
    "a key in a key": ("AR864", {"rope_scaling": {"factor": 2.0}}, "rope_scaling.factor: 2.0"),
    "a function that is not known": ("AR864", {"activation_function": "mish"}, 'activation_function: "mish"'),
    "a text for a truth": ("AR864", {"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
    "quantised": ("AR864", {"quantization_config": {"bits": 4}}, "quantization_config: its weights are quantized"),
    "code": ("AR864", {"auto_map": {"AutoModel": "modeling.Mine"}}, "auto_map"),
    "another architecture": ("AR864", {"architectures": ["GPT2ForSequenceClassification"]}, "architectures"),
    "a fraction of a layer": ("AR864", {"n_layer": 1.5}, "n_layer: 1.5 is no whole number"),
    "a negative width": ("AR864", {"n_embd": -8}, "n_embd: -8"),
    "truth as a number": ("AR864", {"n_head": True}, "n_head: true"),
    "no number": ("AR864", {"layer_norm_epsilon": float("nan")}, "layer_norm_epsilon: NaN"),
    "many layers": ("AR864", {"n_layer": 10**9}, "n_layer"),
    "more layers than tensors": ("AR865", {"n_layer": 1000}, "layers: 1,000"),
    "a wide one": ("AR865", {"n_embd": 1 << 12, "n_head": 1}, "of another shape"),
    "heads that do not divide": ("AR865", {"n_head": 3}, "gives no spec"),
    "a long one": ("AR865", {"n_positions": 1 << 23}, "gives no spec"),
    "no family": ("AR869", {"model_type": None}, "no model_type"),
    "an unknown family": ("AR869", {"model_type": "gtp2"}, "gpt2"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_not_understood_is_refused_by_the_name_of_its_key(
    name: str, folder: Path, tmp_path: Path, capsys: Any
) -> None:
    code, config, said = CONFIGS[name]
    (folder / "config.json").write_text(json.dumps(gpt2_config(**config)))
    assert main(["import", str(folder), "-o", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert told.count("error[") == 1 and f"error[{code}]" in told and said in told, told
    assert not (tmp_path / "run").exists()


def test_keys_that_change_nothing_are_taken(folder: Path, tmp_path: Path) -> None:
    idle = {
        "transformers_version": "5.0",
        "torch_dtype": "float32",
        "summary_type": "cls_index",
        "id2label": {"0": "A"},
        "use_cache": True,
        "resid_pdrop": 0.1,
        "task_specific_params": {"text": {"max_length": 50}},
        "unknown": None,
    }
    (folder / "config.json").write_text(json.dumps(gpt2_config(**idle)))
    assert import_folder(folder, tmp_path / "run").is_dir()


def test_only_what_was_imported_is_exported_and_into_a_folder_of_its_own(folder: Path, tmp_path: Path) -> None:
    run = import_folder(folder, tmp_path / "run")
    refuses("AR867", lambda: export_folder(run, folder), "would be replaced")
    arspec.open(run).save(tmp_path / "saved")
    (tmp_path / "saved" / "checkpoint.json").unlink()
    refuses("AR867", lambda: export_folder(tmp_path / "saved", tmp_path / "back"), "no checkpoint")
    changed = json.loads((run / "spec.json").read_text())
    (run / "spec.json").write_text(json.dumps({**changed, "params": {"width": 4}}))
    refuses("AR867", lambda: export_folder(run, tmp_path / "back"), "no longer that of its checkpoint")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("name", tables())
def test_a_table_names_every_weight_of_its_spec_once(name: str) -> None:
    """Where two rows fill one weight, or none does, an import of that family fails; here it is seen without one."""
    table = tables()[name]
    every = [weight for row in table.weights for weight in row.weights]
    assert len(every) == len(set(every))
    assert not set(table.idle) & table.keys.keys()
