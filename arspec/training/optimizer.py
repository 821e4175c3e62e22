"""Optimisers by name, and their state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from arspec.training.options import Options
from arspec.training.parallel import like, whole


def make_optimizer(options: Options, model: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of `options` over the model's parameters."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if options.optimizer == "rmsprop":
        # the smoothing that most reimplementations of PixelCNN use; torch's default of 0.99 forgets faster
        return torch.optim.RMSprop(parameters, options.lr, alpha=0.995, weight_decay=options.weight_decay)
    return torch.optim.AdamW(parameters, options.lr, (options.beta1, options.beta2), weight_decay=options.weight_decay)


def optimizer_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimiser's state by 'parameter/key', whole tensors (every process must call this)."""
    return {
        f"{name}/{key}": whole(value)
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def fill_optimizer(optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Puts back what `optimizer_tensors` gave; a parameter that never had a gradient has no state."""
    parameters = dict(model.named_parameters())
    for full_name, value in tensors.items():
        name, key = full_name.rsplit("/", 1)
        parameter = parameters[name]
        # torch keeps the count of steps on the CPU
        optimizer.state[parameter][key] = value if key == "step" else like(value, parameter)
