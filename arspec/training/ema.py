"""The exponential moving average of a model's weights, held in a twin of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from arspec.model import build
from arspec.saving.tensors import fill, weights_of


def twin(model: Any, weights: Mapping[str, Tensor] | None = None) -> nn.Module:
    """Another module of the model's spec with the same weights (or these, whole); it is not trained by gradients."""
    own = weights_of(model)
    copied = build(model.spec)
    first = next(iter(own.values()))
    copied.to(first.device, first.dtype)
    fill(copied, own if weights is None else weights, "the model")
    return copied.requires_grad_(False)


@torch.no_grad()
def update(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average = decay * average + (1 - decay) * model, weight by weight (each shard its own)."""
    for mean, parameter in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(parameter, 1 - decay)
    for kept, buffer in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(buffer)
