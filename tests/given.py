"""What a reader of the guide has, and no page makes: pictures, recordings, texts, modules of their own; all tiny."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np


def photos(folder: Path) -> None:
    """Forty small pictures in colour: discs of two kinds before a sky."""
    from PIL import Image

    random = np.random.default_rng(0)
    place = folder / "photos"
    place.mkdir(exist_ok=True)
    rows, columns = np.mgrid[:12, :12]
    for k in range(40):
        row, column, radius = random.integers(3, 9), random.integers(3, 9), random.integers(2, 4)
        sky = np.stack([90 + 8 * rows, 140 + 6 * rows, np.full_like(rows, 230)], 2)
        disc = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        sky[disc] = (240, 200, 60) if k % 2 else (200, 60, 60)
        noisy = np.clip(sky + random.integers(-6, 7, sky.shape), 0, 255)
        Image.fromarray(noisy.astype(np.uint8)).save(place / f"{k:02}.png")


def pets(folder: Path) -> None:
    """Pictures of two classes, in sub-folders."""
    photos(folder)
    for k, path in enumerate(sorted((folder / "photos").iterdir())):
        place = folder / "pets" / ("cat" if k % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / path.name)


def recordings(folder: Path) -> None:
    """Four recordings of half a second, 8 kHz, 16 bit: plucked strings."""
    place = folder / "recordings"
    place.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for k, period in enumerate((40, 36, 32, 27)):
        string, sound = list(random.uniform(-1, 1, period)), []
        for _ in range(4000):
            sound.append(string[0])
            string.append(0.497 * (string[0] + string[1]))
            string.pop(0)
        with wave.open(str(place / f"{k}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((np.array(sound) * 20000).astype("<i2").tobytes())


def checkpoint(folder: Path) -> None:
    """A folder as transformers writes it: a GPT-2 of two tiny layers with random weights, over bytes."""
    import torch
    from safetensors.torch import save_file

    width, layers, vocabulary, positions = 16, 2, 256, 32
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator) * 0.2  # noqa: E731
    tensors = {
        "transformer.wte.weight": draw(vocabulary, width),
        "transformer.wpe.weight": draw(positions, width),
        "transformer.ln_f.weight": torch.ones(width),
        "transformer.ln_f.bias": torch.zeros(width),
    }
    for k in range(layers):
        name = f"transformer.h.{k}"
        for norm in ("ln_1", "ln_2"):
            tensors |= {f"{name}.{norm}.weight": torch.ones(width), f"{name}.{norm}.bias": torch.zeros(width)}
        for part, out, into in (
            ("attn.c_attn", 3 * width, width), ("attn.c_proj", width, width),
            ("mlp.c_fc", 4 * width, width), ("mlp.c_proj", width, 4 * width),
        ):  # fmt: skip
            tensors |= {f"{name}.{part}.weight": draw(into, out), f"{name}.{part}.bias": torch.zeros(out)}
    place = folder / "gpt2"
    place.mkdir(exist_ok=True)
    save_file(tensors, place / "model.safetensors", {"format": "pt"})
    config = {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": width, "n_head": 2, "n_layer": layers,
        "n_positions": positions, "vocab_size": vocabulary, "bos_token_id": 0, "eos_token_id": 0,
    }  # fmt: skip
    (place / "config.json").write_text(json.dumps(config))
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    bytes_alone = {sign: k for k, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(bytes_alone, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore
    tokenizer.save(str(place / "tokenizer.json"))


SETS = "fetched"  # the folder of what `sets` makes


def sets(folder: Path) -> None:
    """Data sets that come from the network, as if they had been fetched; tiny, and not the real ones."""
    random, place = np.random.default_rng(0), folder / SETS
    place.mkdir(exist_ok=True)
    words = " ".join(random.choice(["to", "be", "or", "not", "that", "is", "the", "question"], 4000))
    np.savez(place / "shakespeare.npz", text=np.frombuffer(words.encode(), np.uint8))
    for name in ("mnist", "fashion_mnist"):
        arrays = {f"{split}_x": random.integers(0, 256, (12, 28, 28), np.uint8) for split in ("train", "valid", "test")}
        labels = {f"{split}_y": np.arange(12, dtype=np.uint8) % 10 for split in ("train", "valid", "test")}
        np.savez(place / f"{name}.npz", **arrays, **labels)  # type: ignore[arg-type]


GIVEN: dict[str, Callable[[Path], None]] = {
    "photos": photos,
    "pets": pets,
    "recordings": recordings,
    "checkpoint": checkpoint,
    "sets": sets,
}
