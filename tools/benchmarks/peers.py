"""`tools/bench peers`: greedy tokens of a decoder beside transformers' `generate` with its cache, of the same weights.

The checkpoint has random weights of a published size; transformers writes it, and `arspec import` reads it. Both get
the same prompt. The first row is of all tokens, the second of the first one. Rows with weights in fewer bits say how
many of the tokens are the same, and how far logits are from the exact ones.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from tools.benchmarks.measure import Options, Row, interleaved, medians, row

PROMPT, TOKENS = 16, 64
SMALL = {"vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
# name: (class, class of its configuration, what that says)
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", {}),  # 124 M
    "llama": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {
            "vocab_size": 32000, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 8,
            "num_attention_heads": 12, "num_key_value_heads": 4, "max_position_embeddings": 2048,
        },
    ),  # 96 M
    "mamba": ("MambaForCausalLM", "MambaConfig", {"num_hidden_layers": 24, "vocab_size": 50280}),  # 129 M
}  # fmt: skip
TINY: dict[str, dict[str, Any]] = {
    "gpt2": {"vocab_size": 512, "n_embd": 64, "n_layer": 2, "n_head": 2},
    "llama": {**SMALL, "num_attention_heads": 4, "num_key_value_heads": 2},
    "mamba": {"vocab_size": 512, "hidden_size": 64, "num_hidden_layers": 2},
}
# By family, what names of the weights that are doubled hold. Mamba runs apart in float32 where its decays are.
DOUBLED = {"gpt2": "", "llama": "", "mamba": "embeddings"}


def run(options: Options) -> list[Row]:
    """For each family and batch: all tokens, the first one, and all with weights in fewer bits."""
    rows: list[Row] = []
    for name in options.specs or [*FAMILIES][: 1 if options.small else None]:
        with tempfile.TemporaryDirectory() as folder:
            rows += _family(name, Path(folder), options)
    return rows


def _family(name: str, folder: Path, options: Options) -> list[Row]:
    import torch
    import transformers

    import arspec
    from arspec.checkpoints.importing import import_folder

    kind, config_kind, config = FAMILIES[name]
    torch.manual_seed(0)
    built = getattr(transformers, config_kind)(**(TINY[name] if options.small else config))
    theirs: Any = getattr(transformers, kind)(built).eval()
    for named, weight in theirs.named_parameters():  # so that the likeliest token is not the same everywhere
        if weight.ndim > 1 and DOUBLED[name] in named:
            weight.data.mul_(2)
    theirs.generation_config.eos_token_id = None
    theirs.generation_config.pad_token_id = 0
    options.say(f"{name}: written and read")
    theirs.save_pretrained(folder / "theirs")
    length = PROMPT + TOKENS
    known: dict[str, Any] = {} if name == "gpt2" else {"length": length}
    ours = arspec.open(import_folder(folder / "theirs", folder / "ours", **known), device="cpu")
    rows: list[Row] = []
    for batch in options.batches or ((2,) if options.small else (1, 8)):
        prompt = torch.randint(built.vocab_size, (batch, PROMPT), generator=torch.Generator().manual_seed(1))

        def their(tokens: int, prompt: Any = prompt) -> Any:
            with torch.no_grad():
                return theirs.generate(
                    prompt, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, use_cache=True,
                    attention_mask=torch.ones_like(prompt),
                )  # fmt: skip

        def our(tokens: int, prompt: Any = prompt, batch: int = batch, weights: str = "exact") -> Any:
            pieces = ours.stream(
                batch, steps=PROMPT + tokens, prefix=prompt, temperature=1.0, top_k=1, weights=weights, compiled=False
            )
            return torch.cat([*pieces], 1)

        options.say(f"{name}: {batch} at once")
        said, given = f"batch {batch}, {PROMPT} given, {TOKENS} drawn", f"batch {batch}, {PROMPT} given"
        drawn = our(TOKENS)
        same = (their(TOKENS) == drawn).float().mean().item()
        distinct = len(drawn[:, PROMPT:].unique())
        note = f"{same:.1%} of tokens the same, {distinct} distinct"
        rows.append(_row(name, said, partial(our, TOKENS), partial(their, TOKENS), options, note))
        rows.append(_row(f"{name}, first token", given, partial(our, 1), partial(their, 1), options))
        for weights in ("bfloat16", "int8"):
            fewer = our(TOKENS, weights=weights)
            first = int((fewer == drawn).all(0).int().cumprod(0).sum()) - PROMPT
            note = f"the first {first} of {TOKENS} tokens the same; logits {_error(ours, drawn, weights):.2%} off"
            run = partial(our, TOKENS, weights=weights)
            rows.append(_row(f"{name}, {weights}", said, run, partial(their, TOKENS), options, note))
    return rows


def _error(model: Any, x: Any, weights: Any) -> float:
    """How far logits of the steps of x are from the exact ones, as a share of their deviation."""
    import torch

    from arspec.sampler.drive.sampler import sampler_of

    whole = torch.nn.functional.pad(x[:1], (0, model.spec.data.length - x.shape[1]))
    exact, fewer = (sampler_of(model, storage=each).replay(whole, {})[:, PROMPT:] for each in ("exact", weights))
    return ((exact - fewer).square().mean().sqrt() / exact.std()).item()


def _row(name: str, said: str, ours: Any, theirs: Any, options: Options, note: str = "") -> Row:
    """Medians of rounds that take turns, after one that does not count."""
    ours(), theirs()
    found = medians(interleaved({"ours": ours, "theirs": theirs}, options.repeat))
    return row(name, said, found["ours"], "generate", found["theirs"], note=note)
