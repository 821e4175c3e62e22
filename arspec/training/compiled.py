"""`torch.compile` for the whole module, as an option of training."""

from __future__ import annotations

import importlib
import warnings

import torch
from torch import nn

from arspec.sampler.run.compiled import instructions, need_compiler

MORE_MEMBERS = 8  # graphs beside one for each member of a family: evaluation, a last batch of another size


def compile_in_place(through: nn.Module, members: int, device: torch.device) -> None:
    """Makes calls of `through` go through torch.compile: one graph for each member of the family, compiled when it
    first comes. InputError where there is no C++ compiler, which it needs on a CPU."""
    need_compiler(device)
    with warnings.catch_warnings():  # torch's compiler uses what torch has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module("torch._inductor.compile_fx")
    config = torch._dynamo.config  # pyright: ignore[reportPrivateUsage]
    config.recompile_limit = max(config.recompile_limit, members + MORE_MEMBERS)
    through.compile(options=instructions() or None)  # pyright: ignore[reportUnknownMemberType]
