"""Designs of the literature that are no shipped specs, each a few lines of YAML: proven, sampled as the module does.
Its gradients lie inside what is proven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.analysis.report import prove
from arspec.language.load import load
from arspec.model import Model
from arspec.sampler.drive.sampler import sampler_of
from arspec.verification.dependencies import gradient_pattern
from arspec.verification.subject import random_conditions, subject_of
from tests.small import ROOT, fixed, random_data, randomised

DESIGNS = sorted(ROOT.glob("tests/specs/designs/*.yaml"))


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_a_design_is_proven_and_sampled(path: Path) -> None:
    spec = load(path)
    assert prove(spec).proven and spec.about
    model = randomised(spec)
    modelled = spec.members[0].order.modelled
    drawn_sites = torch.from_numpy(modelled)
    for batch in (1, 5):
        x, given = random_data(model, batch, seed=batch), random_conditions(model, batch, batch)
        wanted, found = model(x, **given), sampler_of(model).replay(x, given)
        torch.testing.assert_close(found[:, drawn_sites], wanted[:, drawn_sites], rtol=0, atol=1e-9)
    proven = seen(Relations(model.graph, spec.members[0])).matrix()
    pattern = gradient_pattern(fixed(subject_of(model), 0), draws=1, bases=1, batch=16)[modelled]
    assert pattern.any() and not (pattern & ~proven).any()


def drawn(name: str) -> tuple[Model, dict[str, Tensor]]:
    """A design with random weights, and these by name: `node.weight`."""
    model = randomised(load(ROOT / f"tests/specs/designs/{name}.yaml"))
    return model, {name.removeprefix("nodes."): value.detach() for name, value in model.weights().items()}


def linear(w: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """A linear layer of a design for every step: x [B, T, C]."""
    return F.linear(x, w[f"{name}.weight"].flatten(1), w.get(f"{name}.bias"))


def logits_of(w: dict[str, Tensor], h: Tensor) -> Tensor:
    """What the last layers of a design make of h [B, T, C]: the steps before, and a linear layer."""
    return linear(w, "logits", F.pad(h, (0, 0, 1, 0))[:, :-1])


def test_nade_is_what_its_equations_say() -> None:
    """h_d = σ(c + Σ W_k x_k over k < d); the logit of entry d is V_d · h_d + b_d (equations 3 and 4)."""
    model, weights = drawn("nade")
    x = random_data(model, 4)
    w, v, b = (weights[f"{name}.weight"] for name in ("w", "v", "b"))
    c, out = weights["c.weight"].flatten(), weights["weighed.weight"][0, :, 0]
    found = model(x)[..., 0]
    for d in range(x.shape[1]):
        h = torch.sigmoid(c + x[:, :d].double() @ w[:, :d].T)
        torch.testing.assert_close(found[:, d], h @ (v[:, d] * out) + b[0, d], rtol=0, atol=1e-12)


def test_latent_attention_is_that_of_deepseek(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs equal those of transformers' module. There the channels that turn are the last of each head, and numbers
    are cast to float32 in between, which is lifted here."""
    from transformers import DeepseekV3Config
    from transformers.models.deepseek_v3 import modeling_deepseek_v3 as deepseek

    model, w = drawn("mla")
    made: Any = DeepseekV3Config
    config = made(hidden_size=16, num_attention_heads=2, num_key_value_heads=2, q_lora_rank=7, kv_lora_rank=5,
                  qk_rope_head_dim=4, qk_nope_head_dim=6, v_head_dim=6, attn_implementation="eager",
                  rope_interleave=False, attention_bias=False)  # fmt: skip
    ref: Any = deepseek.DeepseekV3Attention(config, 0).double().eval()
    up, k_up, v_up = (w[f"{name}.weight"].flatten(1).unflatten(0, (2, -1)) for name in ("q_up", "k_up", "v"))
    weights = {
        "q_a_proj": w["q_down.weight"].flatten(1), "q_a_layernorm": w["q_norm.gain"],
        "q_b_proj": torch.cat([up[:, 4:], up[:, :4]], 1).flatten(0, 1),
        "kv_a_proj_with_mqa": torch.cat([w["kv_down.weight"], w["k_place.weight"]]).flatten(1),
        "kv_a_layernorm": w["kv_norm.gain"], "kv_b_proj": torch.cat([k_up, v_up], 1).flatten(0, 1),
        "o_proj": w["project.weight"].flatten(1),
    }  # fmt: skip
    ref.load_state_dict({f"{name}.weight": value for name, value in weights.items()})
    x = random_data(model, 3)
    tokens = F.embedding(x, w["tokens.weight"].flatten(0, -2))
    h = F.rms_norm(tokens, (16,), w["norm.gain"], 1e-6)
    angles = torch.arange(12)[:, None] * 10000.0 ** -(torch.arange(0, 4, 2) / 4).double()
    turned = torch.cat([angles, angles], -1)[None]
    later = torch.full((12, 12), -torch.inf, dtype=h.dtype).triu(1)[None, None]
    with monkeypatch.context() as inner:
        inner.setattr(torch, "float32", torch.float64)
        seen = ref(h, (turned.cos(), turned.sin()), later)[0]
    torch.testing.assert_close(model(x), logits_of(w, seen + tokens), rtol=0, atol=1e-9)


def test_a_forget_gate_takes_the_gates_since_the_key_off_a_score() -> None:
    """A score is q · k / √d + Σ log f over the steps after the key, up to the query's own (equation 4)."""
    model, w = drawn("forgetting")
    x = random_data(model, 3)
    tokens = F.embedding(x, w["tokens.weight"].flatten(0, -2))
    q, k, v = (linear(w, name, tokens).unflatten(-1, (2, -1)).transpose(1, 2) for name in ("q_in", "k_in", "v"))
    gate = F.logsigmoid(linear(w, "gate", tokens)).transpose(1, 2)
    seen = torch.zeros_like(v)
    for t in range(12):
        score = (k[:, :, : t + 1] @ q[:, :, t, :, None])[..., 0] / 6**0.5
        score += torch.stack([gate[:, :, j + 1 : t + 1].sum(-1) for j in range(t + 1)], -1)
        seen[:, :, t] = (score.softmax(-1)[:, :, None] @ v[:, :, : t + 1])[:, :, 0]
    wanted = logits_of(w, seen.transpose(1, 2).flatten(2) + tokens)
    torch.testing.assert_close(model(x), wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["hgrn2", "mlstm"])
def test_a_matrix_memory_is_what_its_equations_say(name: str) -> None:
    """Step by step: of HGRN2 S = f S' + (1 − f) vᵀ; of mLSTM C = f C' + i k vᵀ, n = f n' + i k, h = Cᵀ q / max(|nᵀ q|,
    1)."""
    model, w = drawn(name)
    x = random_data(model, 3)
    tokens = F.embedding(x, w["tokens.weight"].flatten(0, -2))
    parts = {n: linear(w, n, tokens).unflatten(-1, (2, -1)) for n in ("q", "k_in", "v", "gate", "input", "forget")
             if f"{n}.weight" in w}  # fmt: skip
    state, total = torch.zeros(3, 2, 6, 6, dtype=tokens.dtype), torch.zeros(3, 2, 6, dtype=tokens.dtype)
    found: list[Tensor] = []
    for t in range(12):
        own = {n: part[:, t] for n, part in parts.items()}  # [B, H, ...]
        if name == "hgrn2":
            forget = 0.25 + 0.75 * own["gate"].sigmoid()
            key, taken = 1 - forget, 1
        else:
            forget, key = own["forget"].sigmoid(), own["k_in"] / 6**0.5
            taken = (15 * (own["input"] / 15).tanh()).exp()
        state = forget[..., None] * state + (taken * key)[..., None] * own["v"][..., None, :]
        total = forget * total + taken * key
        read = (own["q"][..., None, :] @ state)[..., 0, :]
        if name == "mlstm":
            read = read / (total * own["q"]).sum(-1, keepdim=True).abs().clamp(min=1)
        found.append(read)
    h = torch.stack(found, 1)
    if name == "mlstm":
        gain, bias = (w[f"norm.{n}"] for n in ("gain", "bias"))
        h = F.layer_norm(h, (6,), gain, bias, 1e-5) * linear(w, "out", tokens).sigmoid().unflatten(-1, (2, -1))
    torch.testing.assert_close(model(x), logits_of(w, h.flatten(2)), rtol=0, atol=1e-9)


def test_rwkv_7_is_what_its_equations_say() -> None:
    """S = S' (diag(w) − κᵀ (a ⊙ κ)) + vᵀ k, step by step, with S [values, keys] as in the paper (equation 17)."""
    model, w = drawn("rwkv7")
    x = random_data(model, 3)
    tokens = F.embedding(x, w["tokens.weight"].flatten(0, -2))
    h = F.layer_norm(tokens, (12,), w["norm.gain"], w["norm.bias"], 1e-5)
    gone = F.pad(h, (0, 0, 1, 0))[:, :-1] - h
    r_in, k_in, v_in, w_in, a_in, g_in = (h + gone * w[f"{n}_in.share.weight"].flatten() for n in "rkvwag")
    r, k_all, v = linear(w, "r", r_in), linear(w, "k_all", k_in), linear(w, "v", v_in)
    fall = (-(-0.5 + F.logsigmoid(linear(w, "w_up", linear(w, "w_low", w_in).tanh()))).exp()).exp()
    rate = linear(w, "a_up", linear(w, "a_low", a_in)).sigmoid()
    k = k_all * (1 + (rate - 1) * w["rate_mixed.weight"].flatten())
    heads = {n: value.unflatten(-1, (2, 6)) for n, value in zip("rkvwa", (r, k, v, fall, rate), strict=True)}
    removal = F.normalize((k_all * w["removal_in.weight"].flatten()).unflatten(-1, (2, 6)), dim=-1)
    state, found = torch.zeros(3, 2, 6, 6, dtype=h.dtype), list[Tensor]()
    for t in range(12):
        one, own = removal[:, t], {n: value[:, t] for n, value in heads.items()}
        passed = torch.diag_embed(own["w"]) - one[..., :, None] * (own["a"] * one)[..., None, :]
        state = state @ passed + own["v"][..., :, None] * own["k"][..., None, :]
        found.append((state @ own["r"][..., None])[..., 0])
    y = F.layer_norm(torch.stack(found, 1), (6,), w["each.gain"], w["each.bias"], 1e-5)
    weighed = (r * k * w["k_bonus.weight"].flatten()).unflatten(-1, (2, 6)).sum(-1, keepdim=True)
    y = (y + weighed * heads["v"]).flatten(2) * linear(w, "gate", linear(w, "g_low", g_in).sigmoid())
    torch.testing.assert_close(model(x), logits_of(w, linear(w, "project", y) + tokens), rtol=0, atol=1e-9)
