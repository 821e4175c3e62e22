"""Tiny checkpoints as others write them, made here without their libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor


def gpt2_tensors(width: int = 8, layers: int = 2, levels: int = 16, length: int = 12) -> dict[str, Tensor]:
    """The tensors of a GPT-2, drawn anew with the same seed."""
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (levels, width), "wpe.weight": (length, width)}
    for k in range(layers):
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"h.{k}.{norm}.weight": (width,), f"h.{k}.{norm}.bias": (width,)}
        products = {"attn.c_attn": (width, 3 * width), "attn.c_proj": (width, width), "mlp.c_fc": (width, 4 * width),
                    "mlp.c_proj": (4 * width, width)}  # fmt: skip
        for name, (into, out) in products.items():
            shapes |= {f"h.{k}.{name}.weight": (into, out), f"h.{k}.{name}.bias": (out,)}
    shapes |= {"ln_f.weight": (width,), "ln_f.bias": (width,)}
    generator = torch.Generator().manual_seed(0)
    return {f"transformer.{name}": torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}


def gpt2_config(width: int = 8, layers: int = 2, levels: int = 16, length: int = 12, **more: Any) -> dict[str, Any]:
    """The config.json of one."""
    sizes = {"n_embd": width, "n_layer": layers, "n_head": 2, "vocab_size": levels, "n_positions": length}
    return {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "bos_token_id": None, **sizes, **more}


def gpt2_folder(folder: Path, **more: Any) -> Path:
    """A folder with both."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(gpt2_config(**more)))
    save_file(gpt2_tensors(), folder / "model.safetensors", metadata={"format": "pt"})
    return folder
