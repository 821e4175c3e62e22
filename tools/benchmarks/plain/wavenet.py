"""WaveNet (van den Oord et al. 2016) sampled by hand, as the fast generators do it (Le Paine et al. 2016): every layer
keeps its last inputs in a ring, a step reads the two or three that its kernel touches, and the rings are one tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tools.benchmarks.plain.weights import inverse, weights_of


class RingWaveNet:
    """step() is nothing but tensors of fixed shapes, so that torch.compile takes it whole."""

    def __init__(self, model: Any) -> None:
        p, w = model.spec.params, weights_of(model)
        self.levels, self.residual, self.layers = p["levels"], p["residual"], p["layers"]
        self.dilations = torch.tensor([2 ** (i % p["cycle"]) for i in range(p["layers"])])
        self.kernel: int = p["kernel"]
        # a ring for every layer, one behind the other; tap j of layer l is what came in (kernel - 1 - j) * d steps ago
        self.sizes = (self.kernel - 1) * self.dilations + 1
        self.starts = self.sizes.cumsum(0) - self.sizes
        self.ago = torch.arange(self.kernel - 1, -1, -1) * self.dilations[:, None]
        # a convolution over one-hot samples is a row of a table
        first = w["first"]["weight"]  # [R, levels, 2]
        self.before, self.last = first[:, :, 0].T.contiguous(), first[:, :, 1].T.contiguous()
        self.first_bias = w["first"]["bias"]
        self.gates, self.gate_biases, self.ups, self.up_biases, self.of_class = [], [], [], [], []
        for i in range(p["layers"]):
            at = f"body.{i}"
            self.gates.append(w[f"{at}.conv"]["weight"].permute(2, 1, 0).flatten(0, 1).contiguous())  # [k * R, 2R]
            self.gate_biases.append(w[f"{at}.conv"]["bias"])
            self.of_class.append(w[f"{at}.gate"]["condition"].flatten(1))  # [2R, classes]
            parts = [
                w[f"{at}.{name}"] for name in ("skip", "residual") if f"{at}.{name}" in w
            ]  # the last has no residual
            self.ups.append(torch.cat([part["weight"].flatten(1) for part in parts]).T.contiguous())
            self.up_biases.append(torch.cat([part["bias"] for part in parts]))
        self.hidden, self.logits = w["hidden"], w["logits"]
        self.skip: int = p["skip"]

    def start(self, batch: int, speaker: Tensor) -> None:
        """Empty rings, and the gates' biases with the speaker's part in them."""
        like = self.first_bias
        self.rings = like.new_zeros(int(self.sizes.sum()), batch, self.residual)
        self.biases = [b + c[:, speaker].T for b, c in zip(self.gate_biases, self.of_class, strict=True)]

    def step(self, inputs: Tensor, slots: Tensor) -> Tensor:
        """inputs [B, R]: what the first convolution gives; slots [layers, kernel], the last the one to be written.
        Returns logits [B, levels]."""
        h, batch = inputs, inputs.shape[0]
        skips: Tensor | None = None
        for i in range(self.layers):
            at = slots[i]
            self.rings.index_copy_(0, at[-1:], h.unsqueeze(0))
            taps = self.rings.index_select(0, at).transpose(0, 1).reshape(batch, -1)
            a, b = torch.addmm(self.biases[i], taps, self.gates[i]).chunk(2, 1)
            up = torch.addmm(self.up_biases[i], torch.tanh(a) * torch.sigmoid(b), self.ups[i])
            skip = up[:, : self.skip]
            skips = skip if skips is None else skips + skip
            if up.shape[1] > self.skip:
                h = h + up[:, self.skip :]
        assert skips is not None
        y = torch.relu(torch.addmm(self.hidden["bias"], torch.relu(skips), self.hidden["weight"].flatten(1).T))
        return torch.addmm(self.logits["bias"], y, self.logits["weight"].flatten(1).T)

    @torch.inference_mode()
    def sample(
        self, steps: int, speaker: Tensor, uniforms: Tensor, step: Callable[[Tensor, Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """speaker [B], uniforms [B, T] -> samples [B, T], and the last step's logits. `step`: self.step,
        or it compiled."""
        run, batch = step or self.step, len(speaker)
        self.start(batch, speaker)
        out = torch.empty(batch, steps, dtype=torch.long)
        logits = torch.empty(0)
        for t in range(steps):
            h = self.first_bias.expand(batch, -1)
            if t >= 1:
                h = h + self.last[out[:, t - 1]]
            if t >= 2:
                h = h + self.before[out[:, t - 2]]
            slots = self.starts[:, None] + (t - self.ago) % self.sizes[:, None]
            logits = run(h, slots)
            out[:, t] = inverse(logits, uniforms[:, t])
        return out, logits
