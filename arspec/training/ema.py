"""The exponential moving average of a model's weights, held in a twin of the model."""

from __future__ import annotations

import copy

import torch
from torch import nn


def twin(model: nn.Module) -> nn.Module:
    """A copy of `model` that holds averaged weights; evaluated and sampled like the model itself."""
    copied = copy.deepcopy(model)
    for parameter in copied.parameters():
        parameter.requires_grad_(False)
    return copied


@torch.no_grad()
def update(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average = decay * average + (1 - decay) * model, weight by weight (each shard its own)."""
    for mean, parameter in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(parameter, 1 - decay)
    for kept, buffer in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(buffer)
