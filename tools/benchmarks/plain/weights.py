"""The weights of a compiled spec as plain torch has them."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def weights_of(model: Any) -> dict[str, dict[str, Tensor]]:
    """Node -> its weights, copied: `weight` with weight norm multiplied out, `bias`, and whatever else it has."""
    found: dict[str, dict[str, Tensor]] = {}
    for node in model.graph.live:
        given = {name: value.detach().clone() for name, value in model.nodes.of(node).items()}
        if given and getattr(node.layer, "weight_norm", False):
            direction, gain = given["weight"], given.pop("gain")
            norm = direction.flatten(1).norm(dim=1)
            given["weight"] = direction * (gain / norm).reshape(-1, *[1] * (direction.ndim - 1))
        if given:
            found[node.name] = given
    return found


def inverse(logits: Tensor, uniforms: Tensor) -> Tensor:
    """logits [..., L], uniforms [...] in [0, 1) -> the first level whose cumulative probability exceeds the uniform."""
    cumulative = logits.double().softmax(-1).cumsum(-1)
    return (cumulative <= uniforms.unsqueeze(-1) * cumulative[..., -1:]).sum(-1).clamp_(max=logits.shape[-1] - 1)
