"""Systems whose layers keep matrices as states, or convolve with all that came before, against transformers and plain
torch, with copied weights in float64.

Output t of a spec speaks of token t, where a released model's speaks of the token after t. transformers computes decays
and norms in float32, whatever the weights are; a fixture lifts that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arspec.language.load import load
from arspec.model import Model, build
from tests.reference.hyena import Hyena
from tests.reference.retnet import RetNet
from tests.reference.rwkv import PATHS, RWKV
from tests.small import ROOT, random_data
from tests.test_reference import Table, copy, drawn

LENGTHS = (1, 7, 64, 65)


@pytest.fixture
def float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a module calls float32 is float64."""
    with monkeypatch.context() as inner:
        inner.setattr(torch, "float32", torch.float64)
        inner.setattr(torch.Tensor, "float", torch.Tensor.double)
        yield


def model_of(name: str, params: dict[str, Any]) -> Model:
    return build(load(ROOT / "specs" / f"{name}.yaml", params=params)).double().eval()


def mamba2(p: dict[str, Any]) -> tuple[nn.Module, Table]:
    from transformers import Mamba2Config, Mamba2ForCausalLM

    ref = drawn(Mamba2ForCausalLM(Mamba2Config(
        vocab_size=p["levels"], hidden_size=p["width"], num_heads=p["heads"], head_dim=2 * p["width"] // p["heads"],
        state_size=p["keys"] // p["shared"], n_groups=p["shared"], num_hidden_layers=p["layers"],
        conv_kernel=p["kernel"], chunk_size=16, tie_word_embeddings=True, residual_in_fp32=False, hidden_act="silu",
    )))  # fmt: skip
    table: Table = {"tokens": ref.backbone.embeddings, "last": {"gain": ref.backbone.norm_f.weight}}
    inner, mixed = 2 * p["width"], 2 * p["width"] + 2 * p["keys"]
    for i, layer in enumerate(ref.backbone.layers):
        mixer = layer.mixer
        gate, mix, step = mixer.in_proj.weight.split([inner, mixed, p["heads"]])
        table |= {f"body.{i}.{name}": part for name, part in {
            "norm": {"gain": layer.norm.weight}, "gate_in": {"weight": gate}, "mixed_in": {"weight": mix},
            "step_in": {"weight": step, "bias": mixer.dt_bias}, "mixed": mixer.conv1d,
            "states": {"rates": mixer.A_log, "skip": mixer.D}, "norm2": {"gain": mixer.norm.weight},
            "project": mixer.out_proj,
        }.items()}  # fmt: skip
    return ref, table


def deltanet_hybrid(p: dict[str, Any]) -> tuple[nn.Module, Table]:
    from transformers import OlmoHybridConfig, OlmoHybridForCausalLM

    made: Any = OlmoHybridConfig
    ref = drawn(OlmoHybridForCausalLM(made(
        vocab_size=p["levels"], hidden_size=p["width"], intermediate_size=p["hidden"], num_hidden_layers=4 * p["fours"],
        num_attention_heads=p["heads"], linear_key_head_dim=p["keys"] // p["heads"], pad_token_id=None,
        eos_token_id=None, linear_conv_kernel_dim=p["kernel"], attn_implementation="eager",
    )))  # fmt: skip
    whole = ref.model
    whole.rotary_emb = None  # as the released weights have it
    table: Table = {"tokens": whole.embed_tokens, "last": {"gain": whole.norm.weight}, "logits": ref.lm_head}
    for i, layer in enumerate(whole.layers):
        four, place = divmod(i, 4)
        parts: Table = {
            "mlp.up": layer.mlp.up_proj,
            "mlp.gate_in": layer.mlp.gate_proj,
            "mlp.down": layer.mlp.down_proj,
        }
        if place < 3:
            mixer, sizes = layer.linear_attn, [p["keys"], p["keys"], 2 * p["keys"]]
            mixed = dict(zip("qkv", mixer.conv1d.weight.split(sizes), strict=True))
            parts |= {f"{name}_in": getattr(mixer, f"{name}_proj") for name in "qkv"}
            parts |= {f"{name}_mixed": {"weight": weight} for name, weight in mixed.items()}
            parts |= {
                "norm1": {"gain": layer.input_layernorm.weight},
                "norm2": {"gain": layer.post_attention_layernorm.weight},
                "gate_in": mixer.g_proj, "strength_in": mixer.b_proj, "project": mixer.o_proj,
                "fall_in": {"weight": mixer.a_proj.weight, "bias": mixer.dt_bias},
                "states": {"rates": mixer.A_log}, "each": {"gain": mixer.o_norm.weight},
            }  # fmt: skip
        else:
            mixer = layer.self_attn
            parts |= {
                "q_in": mixer.q_proj, "k_in": mixer.k_proj, "v": mixer.v_proj, "project": mixer.o_proj,
                "q": {"gain": mixer.q_norm.weight}, "k": {"gain": mixer.k_norm.weight},
                "norm1": {"gain": layer.post_attention_layernorm.weight},
                "norm2": {"gain": layer.post_feedforward_layernorm.weight},
            }  # fmt: skip
        where = f"body.{four}.deltas.{place}" if place < 3 else f"body.{four}.attention"
        table |= {f"{where}.{name}": part for name, part in parts.items()}
    return ref, table


def rwkv(p: dict[str, Any]) -> tuple[nn.Module, Table]:
    size = (p["levels"], p["width"], p["heads"], p["hidden"], p["shares"], p["falls"], p["layers"])
    ref = drawn(RWKV(*size))
    table: Table = {"tokens": ref.tokens, "first": _norm(ref.first), "last": _norm(ref.last), "logits": ref.head}
    for i, layer in enumerate(ref.layers):
        time, channel = layer.time, layer.channel
        parts: Table = {
            "norm1": _norm(layer.norm1), "norm2": _norm(layer.norm2), "moved": {"weight": time.first},
            "small_in": time.into, "fall_in": time.fall_in, "fall_out": time.fall_out, "k": time.k, "v": time.v,
            "r": time.r, "gate_in": time.g, "states": {"bonus": time.bonus}, "gains": time.norm, "project": time.o,
            "moved_k": {"weight": channel.mix_k}, "moved_r": {"weight": channel.mix_r}, "key": channel.k,
            "value": channel.v, "gate2_in": channel.r,
        }  # fmt: skip
        parts |= {f"for_{path}.part": out for path, out in zip(PATHS, time.out_of, strict=True)}
        table |= {f"body.{i}.{name}": part for name, part in parts.items()}
    return ref, table


def retnet(p: dict[str, Any]) -> tuple[nn.Module, Table]:
    ref = drawn(RetNet(p["levels"], p["width"], p["heads"], p["layers"]))
    table: Table = {"tokens": ref.tokens, "last": _norm(ref.norm)}
    for i, layer in enumerate(ref.layers):
        parts: Table = {"q_in": layer.q, "k_in": layer.k, "gate_in": layer.gate}
        parts |= {name: getattr(layer, name) for name in ("v", "project", "up", "down")}
        parts |= {name: _norm(getattr(layer, name)) for name in ("norm1", "norm2")}
        table |= {f"body.{i}.{name}": part for name, part in parts.items()}
    return ref, table


def hyena(p: dict[str, Any]) -> tuple[nn.Module, Table]:
    sizes = ("levels", "width", "hidden", "kernel", "filter", "layers", "length")
    ref = drawn(Hyena(*(p[size] for size in sizes)))
    table: Table = {"tokens": ref.tokens, "last": _norm(ref.norm)}
    for i, layer in enumerate(ref.layers):
        inner = layer.operator
        parts: Table = {"norm1": _norm(layer.norm1), "norm2": _norm(layer.norm2), "up": layer.up, "down": layer.down}
        parts |= {f"operator.{k}_in": into for k, into in zip(("v", "gate1", "gate2"), inner.into, strict=True)}
        parts |= {f"operator.{k}": short for k, short in zip(("v", "gate1", "gate2"), inner.short, strict=True)}
        network = {"frequency": inner.filter.frequency, "D": inner.skip, "last.weight": inner.filter.last.weight}
        for k, each in enumerate(inner.filter.layers):
            network |= {f"layer{k}.weight": each.weight, f"layer{k}.bias": each.bias}
        parts |= {"operator.long": network, "operator.project": inner.out}
        table |= {f"body.{i}.{name}": part for name, part in parts.items()}
    return ref, table


def _norm(norm: nn.LayerNorm) -> dict[str, Tensor]:
    return {"gain": norm.weight, "bias": norm.bias}


CASES = [
    ("mamba2", mamba2, {"levels": 11, "width": 8, "heads": 4, "keys": 6, "shared": 1, "kernel": 4, "layers": 2}),
    ("mamba2", mamba2, {"levels": 7, "width": 6, "heads": 2, "keys": 5, "shared": 1, "kernel": 3, "layers": 1}),
    ("deltanet_hybrid", deltanet_hybrid,
     {"levels": 11, "width": 12, "heads": 3, "keys": 9, "hidden": 10, "kernel": 4, "fours": 1}),
    ("rwkv", rwkv, {"levels": 9, "width": 8, "heads": 2, "hidden": 14, "shares": 3, "falls": 4, "layers": 2}),
    ("retnet", retnet, {"levels": 9, "width": 12, "heads": 3, "layers": 2}),
    ("retnet", retnet, {"levels": 9, "width": 4, "heads": 1, "layers": 1}),
    ("hyena", hyena, {"levels": 9, "width": 6, "hidden": 10, "kernel": 3, "filter": 5, "layers": 2}),
]  # fmt: skip


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name, reference, params", CASES, ids=[f"{k}-{name}" for k, (name, _, _) in enumerate(CASES)])
def test_a_spec_is_the_released_model(
    name: str, reference: Callable[[dict[str, Any]], tuple[nn.Module, Table]], params: dict[str, Any], length: int
):
    """For so many tokens, of which the first is given, and the one after them."""
    model = model_of(name, {**params, "length": length + 1, "start": 0})
    ref, table = reference({**params, "length": length + 1})
    x = random_data(model, 2)
    with torch.no_grad():
        copy(model, table)
        got, found = model.last(x, 0, {}), ref(x[:, :-1])
    wanted = found if isinstance(found, Tensor) else found.logits
    torch.testing.assert_close(got[:, :, 1:], wanted.transpose(1, 2), rtol=0, atol=1e-9)
    assert float(wanted.std()) > 1e-3, "the outputs tell nothing"


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name, reference, params", [CASES[0], CASES[2]], ids=["mamba2", "deltanet_hybrid"])
def test_greedy_samples_are_those_that_transformers_generates(
    name: str, reference: Callable[[dict[str, Any]], tuple[nn.Module, Table]], params: dict[str, Any]
):
    """From a token on, and from a prompt, which the state takes in at once; with its cache."""
    model = model_of(name, {**params, "length": 40, "start": 0})
    ref, table = reference(params)
    with torch.no_grad():
        copy(model, table)
    prompt = random_data(model, 2)[:, :20]
    for begin in (prompt[:, :1], prompt):
        told: Any = ref
        wanted = told.generate(
            begin, attention_mask=torch.ones_like(begin), max_length=40, min_length=40, do_sample=False, use_cache=True,
            pad_token_id=0, eos_token_id=None,
        )  # fmt: skip
        got = torch.cat(list(model.stream(2, steps=40, temperature=0.0, prefix=begin)), 1)
        assert torch.equal(got, wanted)
