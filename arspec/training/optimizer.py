"""Optimisers by name, and their state as named tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from arspec.diagnostics import InputError
from arspec.saving.tensors import check_finite, whole
from arspec.training.options import Options
from arspec.training.parallel import like

# what an optimiser keeps of each parameter
KEPT: dict[type[torch.optim.Optimizer], tuple[str, ...]] = {
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.RMSprop: ("step", "square_avg"),
}


def make_optimizer(options: Options, model: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of `options` over the model's parameters."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if options.optimizer == "rmsprop":
        # the smoothing that most reimplementations of PixelCNN use; torch's default of 0.99 forgets faster
        return torch.optim.RMSprop(parameters, options.lr, alpha=0.995, weight_decay=options.weight_decay)
    # in one pass over memory, where torch's default takes a dozen
    fused = _on_a_cpu(parameters) or None
    betas = options.beta1, options.beta2
    return torch.optim.AdamW(parameters, options.lr, betas, weight_decay=options.weight_decay, fused=fused)


def _on_a_cpu(tensors: Iterable[Tensor]) -> bool:
    """Whether these are on the CPU, each whole."""
    return all(tensor.device.type == "cpu" and not hasattr(tensor, "full_tensor") for tensor in tensors)


def clip(parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
    """The norm of all gradients, [], which are scaled down where it is beyond `limit` (0: nowhere). On a CPU what stays
    as it is takes no pass over memory; elsewhere a look at the norm would wait for it."""
    given = [parameter for parameter in parameters if parameter.grad is not None]
    grads = [parameter.grad for parameter in given if parameter.grad is not None]
    if not grads or not _on_a_cpu(grads):
        return whole(nn.utils.clip_grad_norm_(given, limit or math.inf))
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in grads]))
    if limit and not bool(norm <= limit):  # what is no number is passed on
        scale = limit / (norm + 1e-6)
        for grad in grads:
            grad.mul_(scale)
    return norm


def optimizer_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimiser's state by 'parameter/key', whole tensors (every process must call this)."""
    return {
        f"{name}/{key}": whole(value)
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def fill_optimizer(
    optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor], source: str
) -> None:
    """Puts back what `optimizer_tensors` gave; a parameter that never had a gradient has no state. InputError where the
    tensors are not those of such an optimiser."""
    parameters = dict(model.named_parameters())
    kept = KEPT[type(optimizer)]
    fitting = {f"{name}/{key}": () if key == "step" else parameter.shape for name,
               parameter in parameters.items() for key in kept}  # fmt: skip
    wrong = [
        name for name, value in tensors.items() if fitting.get(name) != value.shape or not value.is_floating_point()
    ]
    begun = {name.rpartition("/")[0] for name in tensors}
    wrong += [name for name in fitting if name.rpartition("/")[0] in begun and name not in tensors]
    if wrong:
        raise InputError("AR801", f"the state of the optimiser in {source} does not fit the spec ({wrong[0]})")
    check_finite(tensors, source)
    for full_name, value in tensors.items():
        name, key = full_name.rsplit("/", 1)
        parameter = parameters[name]
        # torch keeps the count of steps on the CPU
        optimizer.state[parameter][key] = value if key == "step" else like(value, parameter)
