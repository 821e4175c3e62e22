"""Tiny checkpoints as others write them, made here without their libraries."""

from __future__ import annotations

import json
from collections.abc import Callable
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


def tensors_of(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Writes a folder's tensors anew, with a change."""
    tensors = gpt2_tensors()
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def tokenizer(folder: Path, more: int = 0) -> None:
    """A tokenizer of bytes, as GPT-2's, with merges of a few words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(  # pyright: ignore
        vocab_size=264 + more, special_tokens=["<|endoftext|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(["to be or not to be, that is the question and the answer to all"] * 4, trainer)
    made.save(str(folder / "tokenizer.json"))


def sentence_pieces(folder: Path) -> None:
    """A tokenizer as Llama 2 has it: spaces are a character of their own, one is put in front, and bytes that no piece
    has are tokens. It marks the beginning of a text."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors

    letters = "▁tobernqusiahw,.\n"
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters, "▁t", "▁to"]
    vocab = {name: number for number, name in enumerate(dict.fromkeys(names))}
    merges = [("▁", "t"), ("▁t", "o")]
    made = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    space = decoders.Replace("▁", " ")
    made.decoder = decoders.Sequence([space, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    made.save(str(folder / "tokenizer.json"))
