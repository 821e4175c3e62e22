"""Every family of checkpoints beside transformers: tiny models with random weights, written by `save_pretrained`.

Logits are equal to 1e-9 in float64, greedy samples token by token, and what is exported is what was written.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import arspec
from arspec.analysis.report import prove
from arspec.checkpoints.claims import claims_of
from arspec.checkpoints.composing import composed
from arspec.checkpoints.exporting import export_folder
from arspec.checkpoints.importing import import_folder
from arspec.checkpoints.table import table_of
from arspec.language.load import from_text
from arspec.model import Model
from tests.small import refuses

LEVELS, LENGTH = 48, 66


@contextmanager
def in_float64() -> Iterator[None]:
    """transformers computes angles, norms and shares in float32, whatever the weights are: here in float64."""
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(torch, "float32", torch.float64)
        patch.setattr(torch, "float", torch.float64)
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        yield


@dataclass
class Case:
    """A model of transformers: its configuration and its class, and how many files it is written into."""

    config: str
    model: str
    settings: dict[str, Any]
    shards: str | None = None  # the most bytes of a file
    near: float = 1e-9
    lengths: tuple[int, ...] = (1, 7, 64, 65)
    prompt: int = 5
    length: int | None = None  # that is asked for, where the family states none


SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "intermediate_size": 20, "max_position_embeddings": LENGTH}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}  # fmt: skip
MAMBA = {"hidden_size": 8, "num_hidden_layers": 2, "state_size": 4, "time_step_rank": 3, "conv_kernel": 3}
MAMBA2 = {"hidden_size": 8, "num_hidden_layers": 2, "state_size": 4, "num_heads": 4, "head_dim": 4, "n_groups": 1,
          "chunk_size": 16}  # fmt: skip
YARN = {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 16}
GPT2 = {"n_embd": 12, "n_layer": 2, "n_head": 3, "n_positions": LENGTH}
CASES = {
    "gpt2": Case("GPT2Config", "GPT2LMHeadModel", GPT2),
    "gpt2 untied": Case("GPT2Config", "GPT2LMHeadModel", {**GPT2, "tie_word_embeddings": False, "n_inner": 20,
                                                         "activation_function": "relu"}, shards="4KB"),
    "llama": Case("LlamaConfig", "LlamaForCausalLM", SMALL),
    "llama 3, tied": Case("LlamaConfig", "LlamaForCausalLM", {**SMALL, "head_dim": 6, "rope_parameters": LLAMA3,
                          "tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True}, shards="6KB"),
    "llama, dynamic NTK": Case("LlamaConfig", "LlamaForCausalLM", {**SMALL, "max_position_embeddings": LENGTH,
                               "rope_parameters": {"rope_type": "dynamic", "rope_theta": 500.0, "factor": 4.0}}),
    "mistral": Case("MistralConfig", "MistralForCausalLM", {**SMALL, "sliding_window": 9, "rope_parameters": YARN}),
    "mistral without windows": Case("MistralConfig", "MistralForCausalLM", {**SMALL, "sliding_window": None}),
    "qwen2": Case("Qwen2Config", "Qwen2ForCausalLM", {**SMALL, "tie_word_embeddings": True}),
    "qwen2 with windows": Case("Qwen2Config", "Qwen2ForCausalLM", {**SMALL, "num_hidden_layers": 3,
                               "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}),
    "gemma2": Case("Gemma2Config", "Gemma2ForCausalLM", {**SMALL, "head_dim": 6, "sliding_window": 7,
                   "num_hidden_layers": 3, "query_pre_attn_scalar": 5, "final_logit_softcapping": 2.0,
                   "attn_logit_softcapping": 1.5}),
    "gemma2 without caps": Case("Gemma2Config", "Gemma2ForCausalLM", {**SMALL, "head_dim": 4, "sliding_window": 7,
                                "final_logit_softcapping": None, "attn_logit_softcapping": None,
                                "tie_word_embeddings": False}),
    "gemma3": Case("Gemma3TextConfig", "Gemma3ForCausalLM", {**SMALL, "head_dim": 6, "sliding_window": 7,
                   "layer_types": ["sliding_attention", "sliding_attention", "full_attention"], "num_hidden_layers": 3,
                   "rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
                                       "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e4}}}),
    "mamba": Case("MambaConfig", "MambaForCausalLM", MAMBA, length=LENGTH),
    "mamba with biases, untied": Case("MambaConfig", "MambaForCausalLM", {**MAMBA, "use_bias": True,
        "use_conv_bias": False, "tie_word_embeddings": False, "expand": 3}, shards="9KB", length=LENGTH),
    "mamba2": Case("Mamba2Config", "Mamba2ForCausalLM", MAMBA2, length=LENGTH),
    "mamba2 in groups, tied": Case("Mamba2Config", "Mamba2ForCausalLM", {**MAMBA2, "n_groups": 2,
        "tie_word_embeddings": True, "use_conv_bias": False}, length=LENGTH),
    "mixtral": Case("MixtralConfig", "MixtralForCausalLM", {**SMALL, "num_local_experts": 5}, shards="9KB"),
    "phi3": Case("Phi3Config", "Phi3ForCausalLM", {**SMALL, "sliding_window": 11}),
    "phi3 turned in part, by factors": Case("Phi3Config", "Phi3ForCausalLM", {**SMALL, "hidden_size": 32,
        "original_max_position_embeddings": 33, "max_position_embeddings": 66, "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 1000.0, "partial_rotary_factor": 0.5, "short_factor": [1.0, 1.5],
            "long_factor": [2.0, 3.0]}}, lengths=(64, 65), prompt=40),
    "granite": Case("GraniteConfig", "GraniteForCausalLM", {**SMALL, "embedding_multiplier": 3.0, "logits_scaling": 2.0,
                    "residual_multiplier": 0.4, "attention_multiplier": 0.3, "mlp_bias": True}),
    "olmo2": Case("Olmo2Config", "Olmo2ForCausalLM", {**SMALL, "attention_bias": True}),
    "qwen3 with experts": Case("Qwen3MoeConfig", "Qwen3MoeForCausalLM", {**SMALL, "head_dim": 6, "num_experts": 5,
        "num_experts_per_tok": 2, "norm_topk_prob": True, "moe_intermediate_size": 12}, shards="9KB"),
    "qwen3": Case("Qwen3Config", "Qwen3ForCausalLM", {**SMALL, "head_dim": 6}),
}  # fmt: skip


def written(case: Case, folder: Path) -> Any:
    """Writes a random model into a folder; gives it, in float64."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    settings = {"vocab_size": LEVELS, "bos_token_id": 1, "eos_token_id": None, "pad_token_id": None, **case.settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = getattr(transformers, case.config)(**settings)
        config._attn_implementation = config._experts_implementation = "eager"
        model = getattr(transformers, case.model)(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            spread = 0.3 if weight.ndim > 1 else 0.1
            weight.add_(spread * torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))))
    model.save_pretrained(folder, **({"max_shard_size": case.shards} if case.shards else {}))
    with in_float64(), warnings.catch_warnings():  # its constants too
        warnings.simplefilter("ignore")
        exact = type(model)(config).eval().double()
        exact.load_state_dict(model.state_dict())
    return exact


def tensors(folder: Path) -> dict[str, Tensor]:
    return {name: value for file in sorted(folder.glob("*.safetensors")) for name, value in load_file(file).items()}


@pytest.fixture(scope="module", params=CASES)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Any, Model, Path]:
    case, place = CASES[request.param], tmp_path_factory.mktemp("family")
    theirs = written(case, place / "theirs")
    if case.shards:
        assert len([*(place / "theirs").glob("*.safetensors")]) > 1
    run = import_folder(place / "theirs", place / "run", length=case.length)
    return case, theirs, arspec.open(run).double(), place


def tokens(rows: int, seed: int = 0) -> Tensor:
    return torch.randint(LEVELS, (rows, LENGTH), generator=torch.Generator().manual_seed(seed))


def test_logits_are_theirs(both: tuple[Case, Any, Model, Path]) -> None:
    case, theirs, ours, _ = both
    x = tokens(2)
    with torch.no_grad():
        found = ours(x)
    with in_float64():
        for length in case.lengths:
            wanted = theirs(x[:, :length]).logits
            got = found[:, 1 : length + 1]  # the site of a token speaks of it: one later than theirs
            assert got.shape == wanted.shape and torch.allclose(
                got, wanted, rtol=0, atol=case.near * wanted.abs().max()
            )


def test_greedy_samples_are_theirs(both: tuple[Case, Any, Model, Path]) -> None:
    case, theirs, ours, _ = both
    x = tokens(2, 1)[:, : case.prompt]
    with in_float64():
        wanted = theirs.generate(
            x, attention_mask=torch.ones_like(x), max_new_tokens=LENGTH - case.prompt, do_sample=False
        )
    assert torch.equal(ours.sample(2, prefix=x, top_k=1), wanted)


def test_likelihoods_are_of_all_tokens_but_the_first(both: tuple[Case, Any, Model, Path]) -> None:
    _, theirs, ours, _ = both
    x = tokens(2, 2)
    with in_float64():
        chances = theirs(x).logits[:, :-1].log_softmax(-1).gather(2, x[:, 1:, None]).sum((1, 2))
    with torch.no_grad():
        assert torch.allclose(ours.log_prob(x), chances, rtol=1e-9)


def test_what_is_exported_is_what_was_written(both: tuple[Case, Any, Model, Path]) -> None:
    case, theirs, _, place = both
    back = export_folder(place / "run", place / "back")
    first, last = tensors(place / "theirs"), tensors(back)
    assert first.keys() == last.keys()
    assert all(first[name].dtype == last[name].dtype and torch.equal(first[name], last[name]) for name in first)
    again = type(theirs).from_pretrained(back)
    assert all(torch.equal(again.state_dict()[name].double(), value) for name, value in theirs.state_dict().items())
    assert (import_folder(back, place / "twice", length=case.length) / "model.safetensors").read_bytes() == (
        place / "run" / "model.safetensors"
    ).read_bytes()


def test_dynamic_positions_have_no_more_steps_than_the_original(tmp_path: Path) -> None:
    """Beyond, what transformers says of a token changes with those that come after it."""
    case = CASES["llama, dynamic NTK"]
    theirs = written(replace(case, settings={**case.settings, "max_position_embeddings": 40}), tmp_path / "theirs")
    x = tokens(2)
    with in_float64():
        whole, within, beyond = (theirs(x[:, :length]).logits[:, :33] for length in (40, 33, 41))
    torch.testing.assert_close(whole, within, rtol=0, atol=1e-9)
    assert (beyond - within).abs().max() > 1e-3
    ours = arspec.open(import_folder(tmp_path / "theirs", tmp_path / "run")).double()
    assert ours.spec.data.length == 40
    refuses("AR865", lambda: import_folder(tmp_path / "theirs", tmp_path / "long", length=41), "beyond 40 steps")
    assert not (tmp_path / "long").exists()


# -- the sizes that transformers takes by itself, which are published ones of most families ----------------------------

SIZES = {case.model: case.config for case in CASES.values()}
PUBLISHED = {"Qwen3MoeForCausalLM": {"norm_topk_prob": True}}  # where it takes by itself what is published otherwise


@pytest.mark.parametrize("name", SIZES)
def test_a_whole_size_has_as_many_weights_as_theirs_and_is_proven(name: str) -> None:
    import transformers

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = getattr(transformers, SIZES[name])(**PUBLISHED.get(name, {}))
        with torch.device("meta"):
            theirs = getattr(transformers, name)(config)
    said = json.loads(config.to_json_string(use_diff=False))
    spec = from_text(composed(table := table_of(said["model_type"]), claims_of(table, said)))
    assert spec.graph().parameters == sum({id(each): each.numel() for each in theirs.parameters()}.values())
    assert prove(spec, contexts=False).ok
