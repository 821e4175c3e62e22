"""Decoders of today, each against transformers with its weights copied: equal in float64, with heads that share keys,
windows that are crossed, and tied heads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from arspec.language.load import from_text, load
from arspec.model import Model, build

ROOT = Path(__file__).parent.parent
LEVELS, LAYERS, WINDOW, LONGEST = 11, 2, 8, 65
SIZES = {"width": 16, "heads": 4, "kv_heads": 2, "hidden": 24, "levels": LEVELS, "start": 0, "base": 100}
CONFIG: dict[str, Any] = {
    "hidden_size": 16, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24,
    "vocab_size": LEVELS, "num_hidden_layers": LAYERS, "max_position_embeddings": 256,
    "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}, "bos_token_id": 0, "eos_token_id": None,
    "pad_token_id": None, "attn_implementation": "eager",
}  # fmt: skip
OWN = {  # spec: (its parameters, the configuration's)
    "llama": ({"keys": 8, "layers": LAYERS}, {"tie_word_embeddings": False, "rms_norm_eps": 1e-5}),
    "mistral": ({"keys": 8, "layers": LAYERS, "window": WINDOW}, {"sliding_window": WINDOW, "rms_norm_eps": 1e-5}),
    "qwen3": ({"keys": 12, "queries": 24, "layers": LAYERS}, {"head_dim": 6, "tie_word_embeddings": True}),
    "gemma2": (
        {"keys": 12, "queries": 24, "pairs": LAYERS // 2, "window": WINDOW, "scale": 0.5, "score_cap": 0.7,
         "logit_cap": 1.5},
        {"head_dim": 6, "sliding_window": WINDOW, "query_pre_attn_scalar": 4, "tie_word_embeddings": True,
         "attn_logit_softcapping": 0.7, "final_logit_softcapping": 1.5}),
}  # fmt: skip
NORMS = {"input_layernorm": "norm1", "post_attention_layernorm": "norm2"}
GEMMA_NORMS = {**NORMS, "pre_feedforward_layernorm": "norm3", "post_feedforward_layernorm": "norm4"}
LINEAR = {
    "self_attn.q_proj": "q", "self_attn.k_proj": "k", "self_attn.v_proj": "v", "self_attn.o_proj": "project",
    "mlp.gate_proj": "gate", "mlp.up_proj": "up", "mlp.down_proj": "down",
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers computes angles, norms and shares in float32, whatever the weights are: here in float64."""
    monkeypatch.setattr(torch, "float32", torch.float64)
    monkeypatch.setattr(torch, "float", torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def reference(name: str) -> Any:
    import transformers

    form = {"llama": "Llama", "mistral": "Mistral", "qwen3": "Qwen3", "gemma2": "Gemma2"}[name]
    config = getattr(transformers, f"{form}Config")(**{**CONFIG, **OWN[name][1]})
    torch.manual_seed(0)
    module = getattr(transformers, f"{form}ForCausalLM")(config).double().eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn_like(weight) / (weight.shape[-1] ** 0.5 if weight.ndim > 1 else 2))
    return module


def of_layers(name: str) -> Iterator[tuple[int, str]]:
    for k in range(LAYERS):
        yield k, f"body.{k // 2}.{('first', 'second')[k % 2]}" if name == "gemma2" else f"body.{k}"


def copied(name: str, module: Any, length: int) -> Model:
    """The spec with the weights of a module of transformers, for so many tokens."""
    model = build(load(ROOT / "specs" / f"{name}.yaml", params={**SIZES, **OWN[name][0], "length": length}))
    model = model.double().eval()
    given = dict(module.model.named_parameters())
    table: dict[str, Tensor] = {"tokens": given.pop("embed_tokens.weight")[None], "last": given.pop("norm.weight")}
    if not module.config.tie_word_embeddings:
        table["next"] = module.lm_head.weight[..., None]
    norms = GEMMA_NORMS if name == "gemma2" else NORMS
    for k, node in of_layers(name):
        for theirs, ours in LINEAR.items():
            table[f"{node}.{ours}"] = given.pop(f"layers.{k}.{theirs}.weight")[..., None]
        for theirs, ours in norms.items():
            table[f"{node}.{ours}"] = given.pop(f"layers.{k}.{theirs}.weight")
        if name == "qwen3":
            table |= {f"{node}.{x}_norm": given.pop(f"layers.{k}.self_attn.{x}_norm.weight") for x in "qk"}
    assert not given, "weights that no node has"
    with torch.no_grad():
        for node in model.graph.nodes:
            for weight in () if node.tied else model.nodes.of(node).values():
                weight.copy_(table.pop(node.name).reshape(weight.shape))
    assert not table, "nodes that have no such weight"
    return model


@pytest.mark.parametrize("name", OWN)
def test_a_decoder_is_that_of_transformers(name: str) -> None:
    module = reference(name)
    x = torch.randint(LEVELS, (2, LONGEST + 1), generator=torch.Generator().manual_seed(1))
    for length in (1, 7, 64, LONGEST):
        with torch.no_grad():
            wanted = module(x[:, :length]).logits
            model = copied(name, module, length + 1)
            got = model(x[:, : length + 1])
        assert wanted.std() > 0.3
        torch.testing.assert_close(got[:, 1:], wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", OWN)
def test_greedy_samples_are_those_of_generate(name: str) -> None:
    module = reference(name)
    x = torch.randint(LEVELS, (3, 5), generator=torch.Generator().manual_seed(2))
    wanted = module.generate(x, max_new_tokens=20, do_sample=False)
    model = copied(name, module, 25)
    assert torch.equal(model.sample(3, prefix=x, temperature=0.0), wanted)


READY = """arspec: 1
name: ready-made
use: blocks/transformer
data: {kind: sequence, length: 20, given: 1, start: 0, levels: 11}
graph:
  tokens: {layer: embedding, from: x, out: 16, deviation: 0.02}
  body: {block: llama_layer, repeat: 2, params: {width: 16, keys: 8, heads: 4, kv_heads: 2, hidden: 24, base: 100}}
  last: {layer: norm, kind: rms}
  next: {layer: conv, out: $head, bias: false}
  logits: {layer: shift, steps: 1}
head: {kind: categorical, from: logits}
"""


def test_the_ready_made_layer_is_that_of_the_spec() -> None:
    model, ready = copied("llama", reference("llama"), 20), build(from_text(READY)).double().eval()
    ready.load_state_dict(model.state_dict())
    x = torch.randint(LEVELS, (2, 20), generator=torch.Generator().manual_seed(3))
    assert torch.equal(ready(x), model(x))


# -- T5, which attends to a text ---------------------------------------------------------------------------------------

STACKS, TEXT = 3, 9  # layers of each stack, and tokens of the text
T5_SIZES = {
    "width": 16, "heads": 4, "hidden": 24, "layers": STACKS, "levels": LEVELS, "buckets": 8, "farthest": 20,
    "text_length": TEXT,
}  # fmt: skip


def t5() -> Any:
    import transformers

    made: Any = transformers.T5Config
    config = made(
        d_model=16, d_kv=4, num_heads=4, d_ff=24, num_layers=STACKS, num_decoder_layers=STACKS, vocab_size=LEVELS,
        relative_attention_num_buckets=8, relative_attention_max_distance=20, feed_forward_proj="relu",
        decoder_start_token_id=0, eos_token_id=None, pad_token_id=None, attn_implementation="eager",
    )  # fmt: skip
    torch.manual_seed(0)
    module = transformers.T5ForConditionalGeneration(config).double().eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn_like(weight) / (2 if weight.ndim == 1 else weight.shape[-1] ** 0.5))
        module.shared.weight.mul_(3)
    return module


def of_t5(module: Any, length: int) -> Model:
    """The spec with the weights of a T5, for so many tokens."""
    model = build(load(ROOT / "specs" / "t5_decoder.yaml", params={**T5_SIZES, "length": length})).double().eval()
    table: dict[str, Tensor] = {
        "tokens": module.shared.weight, "encoded": module.encoder.final_layer_norm.weight,
        "last": module.decoder.final_layer_norm.weight,
    }  # fmt: skip
    for stack, first, rest in ((module.encoder, "encoder_first", "encoder"), (module.decoder, "first", "body")):
        for k, block in enumerate(stack.block):
            node, parts = first if k == 0 else f"{rest}.{k - 1}", list(block.layer)
            own, linear = parts[0], parts[-1]
            attention = own.SelfAttention
            table |= {f"{node}.{name}": getattr(attention, name).weight for name in "qkv"}
            table |= {f"{node}.norm": own.layer_norm.weight, f"{node}.seen": attention.o.weight}
            if k == 0:
                table[f"{node}.attention"] = attention.relative_attention_bias.weight.T
            if len(parts) == 3:
                cross = parts[1].EncDecAttention
                table |= {f"{node}.cross_{name}": getattr(cross, name).weight for name in "qkv"}
                table |= {f"{node}.cross_norm": parts[1].layer_norm.weight, f"{node}.cross_seen": cross.o.weight}
            dense = linear.DenseReluDense
            table |= {f"{node}.linear.norm": linear.layer_norm.weight, f"{node}.linear.up": dense.wi.weight}
            table[f"{node}.linear.down"] = dense.wo.weight
    with torch.no_grad():
        for node in model.graph.nodes:
            for weight in () if node.tied else model.nodes.of(node).values():
                weight.copy_(table.pop(node.name).reshape(weight.shape))
    assert not table, "nodes that have no such weight"
    return model


def test_t5_is_that_of_transformers() -> None:
    module = t5()
    generator = torch.Generator().manual_seed(1)
    text, x = (torch.randint(LEVELS, (2, n), generator=generator) for n in (TEXT, LONGEST + 1))
    for length in (1, 7, 64, LONGEST):
        with torch.no_grad():
            wanted = module(input_ids=text, decoder_input_ids=x[:, :length]).logits
            got = of_t5(module, length + 1)(x[:, : length + 1], text=text)
        assert wanted.std() > 0.1
        torch.testing.assert_close(got[:, 1:], wanted, rtol=0, atol=1e-9)


def test_greedy_samples_of_t5_are_those_of_generate() -> None:
    module = t5()
    text = torch.randint(LEVELS, (3, TEXT), generator=torch.Generator().manual_seed(2))
    wanted = module.generate(text, max_new_tokens=20, do_sample=False)
    assert torch.equal(of_t5(module, 21).sample(3, temperature=0.0, text=text), wanted)
