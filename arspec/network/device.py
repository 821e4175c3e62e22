"""Devices by their names."""

from __future__ import annotations

import torch

from arspec.diagnostics import InputError


def choose_device(name: str) -> torch.device:
    """A device by name; auto is cuda where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError("AR815", f"the device '{name}' is not to be had here", "use --device cpu or auto") from error
    return device
