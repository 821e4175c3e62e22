"""Causal classes of transformers as the audit takes them: tiny, random, with their caches, masks and documents."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch

from arspec.auditing.transformers import Causal, causal_classes, load_causal
from arspec.auditing.transformers.calling import restarted
from arspec.auditing.transformers.shrinking import merge, shrink
from arspec.diagnostics import InputError

# Each of a kind: heads in groups, windows, experts, states, hybrids, an indexer, a decoder of an encoder-decoder, a
# nested configuration, one layer's own settings, old positions, alibi.
KINDS = [
    "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "Mamba2ForCausalLM", "Qwen3NextForCausalLM",
    "DeepseekV3ForCausalLM", "BartForCausalLM", "Gemma3ForConditionalGeneration", "GPT2LMHeadModel", "BloomForCausalLM",
    "JambaForCausalLM", "BertLMHeadModel", "RwkvForCausalLM",
]  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def causal(request: pytest.FixtureRequest) -> Causal:
    return load_causal(f"transformers:{request.param}")


def ids_of(causal: Causal) -> torch.Tensor:
    return torch.randint(causal.levels, (2, causal.length), generator=torch.Generator().manual_seed(0))


def test_a_class_builds_by_itself(causal: Causal) -> None:
    ids = ids_of(causal)
    with torch.no_grad():
        logits = causal.module(ids).logits
    assert logits.shape[:2] == ids.shape and logits.isfinite().all() and logits.std() > 0
    assert sum(weight.numel() for weight in causal.module.parameters()) < 400_000
    given = set(inspect.signature(causal.module.forward).parameters)
    assert ("past_key_values" in given) == ("cache" in causal.offers), given
    assert ("attention_mask" in given) == ("padding" in causal.offers), given


def test_variants_have_the_same_weights(causal: Causal) -> None:
    own = causal.module.state_dict()
    for arguments in ({}, *causal.variants.values()):
        other = causal.build(**arguments).state_dict()
        assert own.keys() == other.keys() and all(torch.equal(own[name], other[name]) for name in own), arguments


def test_special_tokens_are_not_among_the_levels(causal: Causal) -> None:
    marks = {key: value for key, value in causal.configuration.items() if key.endswith("token_id")}
    own = set(causal.module.alphabet.tolist())
    assert not own & {value for value in marks.values() if isinstance(value, int)}, marks
    assert len(own) == causal.levels > 16


def test_a_cache_goes_on_where_it_ended() -> None:
    causal = load_causal("transformers:MistralForCausalLM")  # whose window of 8 is crossed
    ids = ids_of(causal)
    with torch.no_grad():
        whole = causal.module(ids).logits
        first = causal.module(ids[:, :20], use_cache=True)
        second = causal.module(ids[:, 20:], past_key_values=first.past_key_values, use_cache=True)
    assert causal.configuration["sliding_window"] == 8
    torch.testing.assert_close(torch.cat([first.logits, second.logits], 1), whole)


def test_a_call_that_hands_on_what_it_does_not_name_keeps_no_cache_unasked() -> None:
    """Packed documents are kept apart only where there is no cache, which the configuration asks for by itself."""
    causal = load_causal("transformers:GraniteMoeForCausalLM")
    ids = ids_of(causal)
    assert "use_cache" not in inspect.signature(causal.module.model.forward).parameters
    with torch.no_grad():
        assert causal.module(ids).past_key_values is None
        assert causal.module(ids, use_cache=True).past_key_values is not None
        packed = causal.module(ids, documents=(torch.arange(causal.length) >= 20).long().expand(2, -1)).logits
        torch.testing.assert_close(packed[:, 20:], causal.module(ids[:, 20:]).logits, rtol=1e-4, atol=1e-4)


def test_positions_restart_with_documents_and_after_padding() -> None:
    assert restarted(torch.tensor([[5, 5, 5, 1, 1, 7]])).tolist() == [[0, 1, 2, 0, 1, 0]]
    causal = load_causal("transformers:LlamaForCausalLM")
    ids = ids_of(causal)[:1]
    documents = (torch.arange(causal.length) >= 20).long()[None]
    mask = torch.cat([torch.zeros(1, 4, dtype=torch.long), torch.ones(1, causal.length, dtype=torch.long)], 1)
    with torch.no_grad():
        alone = causal.module(ids[:, 20:]).logits
        packed = causal.module(ids, documents=documents).logits[:, 20:]
        padded = causal.module(torch.cat([ids[:, :4], ids], 1), attention_mask=mask).logits[:, 4:]
        whole = causal.module(ids).logits
    torch.testing.assert_close(packed, alone)
    torch.testing.assert_close(padded, whole)


def test_a_checkpoint_of_a_folder_is_loaded_without_its_special_tokens(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=20, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=1, pad_token_id=0, bos_token_id=3, eos_token_id=4,
        )
    ).eval()  # fmt: skip
    model.save_pretrained(tmp_path)
    causal = load_causal(f"transformers:{tmp_path}", length=8)
    assert causal.name == "LlamaForCausalLM" and causal.levels == 17
    plain = [token for token in range(20) if token not in (0, 3, 4)]
    with torch.no_grad():
        ours, theirs = causal.module(torch.arange(17)[None]), model(input_ids=torch.tensor([plain]))
    torch.testing.assert_close(ours.logits, theirs.logits)


def test_the_configuration_is_overridden_also_within_another() -> None:
    causal = load_causal("transformers:MixtralForCausalLM", {"num_local_experts": 8, "num_hidden_layers": 3})
    assert causal.configuration["num_local_experts"] == 8 and causal.configuration["num_hidden_layers"] == 3
    causal = load_causal("transformers:Gemma3ForConditionalGeneration", {"text_config.vocab_size": 64})
    assert causal.levels == 64 - 3 and causal.configuration["text_config"]["vocab_size"] == 64


def test_every_kind_of_layer_is_kept() -> None:
    kinds = ["a", "a", "b", "a", "a", "b"]
    small = shrink({"num_hidden_layers": 6, "layer_types": kinds, "pattern": "M-M*M-", "hidden_act": "silu45"})
    assert small["num_hidden_layers"] == 5 and small["layer_types"] == ["a", "a", "b", "a", "b"]
    assert small["pattern"] == "M-M*-" and small["hidden_act"] == "silu45"
    nested = shrink({"text_config": {"hidden_size": 4096, "pad_token_id": 0, "vocab_size": 10_000}})
    assert nested["text_config"] == {"hidden_size": 32, "pad_token_id": 95, "vocab_size": 96}
    assert merge(nested, {"text_config": {"hidden_size": 8}})["text_config"]["vocab_size"] == 96


@pytest.mark.parametrize(
    ("target", "config", "code", "says"),
    [
        ("MixtralForCausal", {}, "AR980", "MixtralForCausalLM"),
        ("LlamaTokenizer", {}, "AR980", ""),
        ("LlamaForCausalLM", {"hidden": 3}, "AR981", "hidden_size"),
        ("LlamaForCausalLM", {"num_attention_heads": 0}, "AR982", "--config"),
        ("./nowhere", {}, "AR983", "config.json"),
    ],
)
def test_what_cannot_be_built_is_told(target: str, config: dict[str, int], code: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load_causal(f"transformers:{target}", config)
    assert caught.value.code == code and says in str(caught.value), str(caught.value)


def test_the_causal_classes_are_those_of_the_mapping_and_those_named_so() -> None:
    names = causal_classes()
    assert {"GPT2LMHeadModel", "MixtralForCausalLM"} <= set(names) and "AutoModelForCausalLM" not in names


def test_the_command_line_audits_a_class_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that an audit must be told is known of the class; what is stated holds."""
    from arspec.cli.main import main

    command = ["audit", "transformers:MixtralForCausalLM", "--config", "num_local_experts=3", "--size", "t=24"]
    assert main([*command, "--modes", "evaluation,cache"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("transformers:MixtralForCausalLM: PROVEN, given the route"), told
    assert "t=24" in told and "94 levels" in told and "cache       agrees" in told
    assert main(["audit", "transformers:XLNetLMHeadModel", "--modes", "evaluation"]) == 1
    assert "offset 1" not in capsys.readouterr().out


def test_config_is_for_classes_of_transformers_and_is_a_key_with_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    from arspec.cli.main import main

    assert main(["audit", "transformers:LlamaForCausalLM", "--config", "width"]) == 2
    assert "--config is key=value" in capsys.readouterr().err
    assert main(["audit", "torch.nn:Identity", "--config", "width=3"]) == 2
    assert "--config is for classes of transformers" in capsys.readouterr().err


def test_a_class_that_keeps_its_state_to_itself_offers_no_cache() -> None:
    causal = load_causal("transformers:RecurrentGemmaForCausalLM")
    assert (
        causal.offers == ("padding", "documents")
        and "use_cache" not in inspect.signature(causal.module.forward).parameters
    )
