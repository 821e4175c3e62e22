"""`mixtral` is the Mixtral of transformers: with its weights the logits, the greedy samples, and the loss that balances
the experts are equal in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from arspec.language.load import load
from arspec.model import Model, build
from arspec.sampler.drive.sampler import sampler_of
from tests.small import ROOT

pytest.importorskip("transformers")

SIZES = {"levels": 23, "width": 16, "heads": 4, "kv_heads": 2, "size": 6, "inner": 10, "experts": 5, "take": 2}
BALANCE = 0.25


def theirs(layers: int) -> Any:
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(
        vocab_size=SIZES["levels"], hidden_size=SIZES["width"], num_attention_heads=SIZES["heads"],
        num_key_value_heads=SIZES["kv_heads"], head_dim=SIZES["size"], intermediate_size=SIZES["inner"],
        num_local_experts=SIZES["experts"], num_experts_per_tok=SIZES["take"], num_hidden_layers=layers,
        bos_token_id=0, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    config._attn_implementation = config._experts_implementation = "eager"
    model = MixtralForCausalLM(config).double().eval()
    generator = torch.Generator().manual_seed(layers)
    with torch.no_grad():
        for weight in model.parameters():
            drawn = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            weight.copy_(drawn * 2 / weight.shape[-1] ** 0.5)
    return model


def ours(length: int, layers: int, state: dict[str, Tensor]) -> Model:
    """The spec at these sizes, with their weights: gates and ways up stand side by side in theirs."""
    params = {**SIZES, "length": length, "layers": layers, "balance": BALANCE}
    model = build(load(ROOT / "specs" / "mixtral.yaml", params=params)).double().eval()
    own = {
        "tokens.weight": state["model.embed_tokens.weight"],
        "last.gain": state["model.norm.weight"],
        "logits.weight": state["lm_head.weight"],
    }
    table = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "project": "self_attn.o_proj",
             "router": "mlp.gate"}  # fmt: skip
    for k in range(layers):
        theirs = {name.removeprefix(f"model.layers.{k}."): value for name, value in state.items()}
        own |= {f"body.{k}.{name}.weight": theirs[f"{other}.weight"] for name, other in table.items()}
        own |= {f"body.{k}.norm1.gain": theirs["input_layernorm.weight"]}
        own |= {f"body.{k}.norm2.gain": theirs["post_attention_layernorm.weight"]}
        gate, up = theirs["mlp.experts.gate_up_proj"].chunk(2, 1)
        inside = {"gate": gate, "up": up, "down": theirs["mlp.experts.down_proj"]}
        own |= {f"body.{k}.moe.experts.{name}.weight": value for name, value in inside.items()}
    weights = model.nodes.named()
    assert weights.keys() == own.keys()
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(own[name].reshape(weight.shape))
    return model


@pytest.fixture(autouse=True)
def in_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """They compute norms, angles and the router's shares in single precision, whatever the weights are."""
    monkeypatch.setattr(torch, "float32", torch.float64)
    monkeypatch.setattr(torch, "float", torch.float64)
    monkeypatch.setattr(Tensor, "float", Tensor.double)


def tokens(batch: int, length: int) -> Tensor:
    return torch.randint(SIZES["levels"], (batch, length), generator=torch.Generator().manual_seed(length))


@pytest.mark.parametrize("length", [1, 7, 64, 65])
def test_logits_are_those_of_transformers(length: int) -> None:
    peer = theirs(2)
    model = ours(length + 1, 2, peer.state_dict())
    x = tokens(3, length + 1)
    with torch.no_grad():
        wanted = peer(x[:, :length]).logits  # after token t
        found = model(x)[:, 1:]  # of token t + 1
        stepped = sampler_of(model).replay(x, {})[:, 1:]
    assert wanted.std() > 0.1
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)
    torch.testing.assert_close(stepped, wanted, rtol=0, atol=1e-9)


def test_greedy_samples_are_those_of_transformers() -> None:
    peer = theirs(2)
    x = tokens(3, 2)
    wanted = peer.generate(x, max_new_tokens=14, do_sample=False, attention_mask=torch.ones_like(x))
    model = ours(16, 2, peer.state_dict())
    assert torch.equal(model.sample(3, prefix=x, temperature=0.0), wanted)


def test_the_loss_that_balances_is_theirs() -> None:
    """Of one layer; of several theirs mixes the counts of all, and ours adds up, as Switch Transformers do."""
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    peer = theirs(1)
    model = ours(9, 1, peer.state_dict()).train()
    x = tokens(4, 9)
    routed = peer(x, output_router_logits=True).router_logits
    wanted = load_balancing_loss_func(routed, SIZES["experts"], SIZES["take"])
    nats, found = model.losses(x)
    torch.testing.assert_close(found, BALANCE * wanted, rtol=0, atol=1e-9)
    torch.testing.assert_close(nats, -model.log_prob(x), rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(found, model.nodes.named()["body.0.router.weight"])
    assert gradient.abs().max() > 1e-4
