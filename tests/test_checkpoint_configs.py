"""What a config.json says beside the sizes: forms of older versions, defaults, and keys that contradict each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arspec.checkpoints.claims import Claims, claims_of
from arspec.checkpoints.composing import composed
from arspec.checkpoints.importing import import_folder
from arspec.checkpoints.pickled import held
from arspec.checkpoints.table import table_of
from arspec.language.load import from_text
from arspec.layers.frequencies import Yarn
from tests.folders import gpt2_folder
from tests.small import refuses

SMALL = {"vocab_size": 48, "hidden_size": 40, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 20}
LINEAR = {"rope_type": "linear", "factor": 2.0}


def claims(family: str, length: int | None = None, **config: Any) -> Claims:
    return claims_of(table_of(family), {"model_type": family, **SMALL, **config}, length)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "two dictionaries of rotary positions": (
        "llama",
        {"rope_scaling": LINEAR, "rope_parameters": {**LINEAR, "rope_theta": 300.0}},
        "rope_scaling and rope_parameters are both there",
    ),
    "two bases": ("llama", {"rope_theta": 1e4, "rope_parameters": {"rope_theta": 300.0}}, "(10000.0) differ"),
    "heads that are pruned": ("qwen2", {"pruned_heads": {"0": [1]}}, "pruned_heads.0: [1] is not understood"),
    "an object for a number": ("llama", {"head_dim": {"a": 4}}, "head_dim.a: 4 is not understood"),
    "a cap that transformers leaves out": ("gemma3_text", {"attn_logit_softcapping": 50.0}, "attn_logit_softcapping"),
    "a length that is said within alone": (
        "phi3",
        {"rope_scaling": {"type": "longrope", "original_max_position_embeddings": 33}},
        "original_max_position_embeddings (4096) and rope_scaling.original_max_position_embeddings (33) differ",
    ),
    "an activation of which versions differ": (
        "mamba",
        {"hidden_act": "gelu"},
        'hidden_act: "gelu" is not understood (silu, swish is)',
    ),
    "quantized": ("llama", {"quantization_config": {"quant_method": "gptq", "bits": 4}}, "its weights are quantized"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_keys_that_change_numbers_otherwise_are_refused(name: str) -> None:
    family, config, said = REFUSED[name]
    refuses("AR864", lambda: claims(family, **config), said)


def test_a_share_of_a_head_that_turns_is_rounded_down() -> None:
    """transformers cuts 0.29 · 100 to 28 channels. 7 of 10 are no pairs: it makes frequencies of its own of them."""

    def spec(share: float, width: int) -> str:
        return composed(
            table_of("phi3"), claims("phi3", hidden_size=4 * width, partial_rotary_factor=share, num_hidden_layers=1)
        )

    from_text(spec(0.29, 100)).graph()
    refuses("AR420", lambda: from_text(spec(0.75, 10)).graph(), "of which 7 turn")


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
def test_windows_of_later_layers_are_told_by_older_configs(family: str) -> None:
    old = {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 3}
    kinds = ["full_attention"] * 3 + ["sliding_attention"]
    assert claims(family, **old).kinds == claims(family, **old, layer_types=kinds).kinds
    assert len(set(claims(family, **old).kinds)) == 2
    assert len(set(claims(family, **{**old, "use_sliding_window": False}).kinds)) == 1
    unsaid = composed(table_of(family), claims(family, 5000, use_sliding_window=True, max_window_layers=3))
    assert "this.step - that.step < 4096" in unsaid
    none = composed(table_of(family), claims(family, **{**old, "sliding_window": None}))
    assert "this.step" not in none


def test_what_is_the_same_number_or_says_nothing_is_taken() -> None:
    same = claims("llama", rope_theta=300, rope_parameters={"rope_theta": 300.0, "rope_type": "default"})
    assert same.texts["base"] == "300.0"
    assert claims("llama", rope_theta=300, rope_scaling={}).texts["scaling"] == ""
    rank = composed(table_of("mamba"), claims_of(table_of("mamba"), {"hidden_size": 40, "num_hidden_layers": 1}))
    assert from_text(rank, params={"length": 8}).graph().weights  # ⌈40 / 16⌉, as transformers takes it unasked


def test_yarn_with_bounds_the_wrong_way_round_is_that_of_transformers() -> None:
    """Where the original length is great beside the base, the lower bound lies above the higher one."""
    base, count, original = 3.0, 2, 1 << 20
    own = Yarn(
        kind="yarn", factor=4.0, original=original, beta_fast=8.0, beta_slow=2.0, attention_factor=None, truncate=True
    )
    bound = [count * np.log(original / (turns * 2 * np.pi)) / np.log(base) for turns in (8.0, 2.0)]
    low, high = np.floor(bound[0]), min(np.ceil(bound[1]), 2 * count - 1)
    assert low > high
    divided = np.clip((np.arange(count) - low) / (high - low), 0, 1)
    plain = base ** (-np.arange(count) / count)
    np.testing.assert_allclose(own.frequencies(base, count, 64), plain * (1 - divided) + plain / 4 * divided)


def test_an_unknown_family_is_told_which_are_known(tmp_path: Path) -> None:
    folder = gpt2_folder(tmp_path / "other")
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_next"}))
    with pytest.raises(Exception) as caught:
        import_folder(folder, tmp_path / "run")
    told = str(caught.value)
    assert "AR869" in told and "'qwen3_next'" in told and "gemma2, gemma3_text, gpt2, granite, llama" in told
    assert "made" not in told and "did you mean" not in told


def test_a_model_around_a_text_model_is_told_of_its_family() -> None:
    refuses(
        "AR869", lambda: table_of("gemma3", {"model_type": "gemma3_text"}), "a text model of the family 'gemma3_text'"
    )


def test_tensors_that_differ_in_what_a_wrapper_puts_before_are_not_one() -> None:
    one, other = torch.zeros(2), torch.ones(2)
    assert set(held(Path("a.pt"), {"module._orig_mod.a": one, "_orig_mod.module.b": other})) == {"a", "b"}
    refuses("AR866", lambda: held(Path("a.pt"), {"a": one, "_orig_mod.a": other}), "'a' twice")
