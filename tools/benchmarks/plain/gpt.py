"""A GPT decoder in the form of nanoGPT (Karpathy 2022), sampled by hand: keys and values of what came are kept, and a
step computes those of one token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tools.benchmarks.plain.weights import inverse, weights_of


class CachedGPT:
    def __init__(self, model: Any) -> None:
        p, w = model.spec.params, weights_of(model)
        self.width, self.heads, self.layers = p["width"], p["heads"], p["layers"]
        self.tokens = w["tokens"]["weight"].reshape(-1, self.width)  # [levels, width]
        self.places = w["places"]["weight"].reshape(self.width, -1).T.contiguous()  # [T, width]
        self.last = w["last"]
        self.blocks: list[dict[str, Tensor]] = []
        for i in range(self.layers):
            part = {name: w[f"body.{i}.{name}"] for name in ("norm1", "q", "k", "v", "project", "norm2", "up", "down")}
            self.blocks.append({
                "qkv": torch.cat([part[n]["weight"].flatten(1) for n in "qkv"]),
                "qkv_bias": torch.cat([part[n]["bias"] for n in "qkv"]),
                **{n: part[n]["weight"].flatten(1) for n in ("project", "up", "down")},
                **{f"{n}_bias": part[n]["bias"] for n in ("project", "up", "down")},
                **{f"{n}_{key}": part[n][key] for n in ("norm1", "norm2") for key in ("gain", "bias")},
            })  # fmt: skip

    def step(self, h: Tensor, t: int, keys: list[Tensor], values: list[Tensor]) -> Tensor:
        """h [B, width], the token before with its place; keys, values [B, heads, T, width / heads].
        Logits [B, levels]."""
        batch, shape = len(h), (self.width,)
        for b, k, v in zip(self.blocks, keys, values, strict=True):
            y = F.linear(F.layer_norm(h, shape, b["norm1_gain"], b["norm1_bias"]), b["qkv"], b["qkv_bias"])
            q, k[:, :, t], v[:, :, t] = y.view(batch, 3, self.heads, -1).unbind(1)
            y = F.scaled_dot_product_attention(q.unsqueeze(2), k[:, :, : t + 1], v[:, :, : t + 1])
            h = h + F.linear(y.reshape(batch, -1), b["project"], b["project_bias"])
            y = F.linear(F.layer_norm(h, shape, b["norm2_gain"], b["norm2_bias"]), b["up"], b["up_bias"])
            h = h + F.linear(F.gelu(y), b["down"], b["down_bias"])
        return F.linear(F.layer_norm(h, shape, self.last["gain"], self.last["bias"]), self.tokens)

    @torch.inference_mode()
    def sample(self, steps: int, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        """uniforms [B, T] -> tokens [B, T], and the last step's logits."""
        batch, size = len(uniforms), self.width // self.heads
        keys, values = (
            [self.places.new_empty(batch, self.heads, steps, size) for _ in range(self.layers)] for _ in range(2)
        )
        out, logits = torch.empty(batch, steps, dtype=torch.long), torch.empty(0)
        for t in range(steps):
            h = self.places[t].expand(batch, -1)
            if t:
                h = h + self.tokens[out[:, t - 1]]
            logits = self.step(h, t, keys, values)
            out[:, t] = inverse(logits, uniforms[:, t])
        return out, logits
