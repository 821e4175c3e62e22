"""`tools/bench peers`: greedy tokens of a decoder beside transformers' `generate` with its cache, of the same weights.

The checkpoint has random weights of a published size; transformers writes it, and `arspec import` reads it. Both get
the same prompt. The first row is of all tokens, the second of the first one. Rows with weights in fewer bits say how
many of the tokens are the same, and how far logits are from the exact ones. The row `floor` is what the weights of
linear layers take that each step must read, once for all of a batch, and multiply: its ratio is what no sampler of
these weights can go beyond. The last row is a step of training. Notes have the ratios of processor time too, which a
busy machine changes less.
"""

from __future__ import annotations

import mmap
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tools.benchmarks.measure import Options, Row, row, seconds

PROMPT, TOKENS = 16, 64
TRAINED = 4  # examples of a step of training
BUDGET = 60.0  # seconds, after which no round is begun
Times = dict[str, tuple[float, float]]  # medians of seconds, and of seconds of processors
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
        read = _of_file(ours)  # before others read all of it
        same = (their(TOKENS) == drawn).float().mean().item()
        distinct = len(drawn[:, PROMPT:].unique())
        notes = {"ours": f"{same:.1%} of tokens the same, {distinct} distinct"}
        runs = {"ours": partial(our, TOKENS), "theirs": partial(their, TOKENS), "floor": _reader(ours)}
        for weights in ("bfloat16", "int8"):
            runs[weights] = partial(our, TOKENS, weights=weights)
            first = int((runs[weights]() == drawn).all(0).int().cumprod(0).sum()) - PROMPT
            off = f"logits {_error(ours, drawn, weights):.2%} off"
            notes[weights] = f"the first {first} of {TOKENS} tokens the same; {off}"
        found = _measured(runs, options)
        rows.append(_row(name, said, found, "ours", notes["ours"]))
        rows.append(_floor(name, said, ours, batch, found, read))
        rows.append(_beside(f"{name}, first token", given, partial(our, 1), partial(their, 1), options))
        rows += [_row(f"{name}, {weights}", said, found, weights, notes[weights]) for weights in ("bfloat16", "int8")]
    rows.append(_trained(name, ours, theirs, options))
    return rows


def _trained(name: str, ours: Any, theirs: Any, options: Options) -> Row:
    """A step of training on the same tokens: loss, gradients and AdamW."""
    import torch

    from arspec.sampler.plan.lengths import at_length

    length = PROMPT + TOKENS
    options.say(f"{name}: a step of training")
    x = torch.randint(theirs.config.vocab_size, (TRAINED, length), generator=torch.Generator().manual_seed(2))
    short = at_length(ours, length).train()
    theirs.train()
    for module in theirs.modules():
        if isinstance(module, torch.nn.Dropout):  # the spec has none
            module.p = 0.0

    def our_loss() -> Any:
        return short.losses(x)[0].sum() / (TRAINED * (length - 1))

    def their_loss() -> Any:
        return theirs(input_ids=x, labels=x, use_cache=False).loss

    apart = abs(our_loss().item() - their_loss().item())
    own, other = (_step([*module.parameters()], loss) for module, loss in ((short, our_loss), (theirs, their_loss)))
    note = f"losses {apart:.1e} nats apart"
    return _beside(f"{name}, a step of training", f"batch {TRAINED}, {length} tokens", own, other, options, note)


def _step(weights: list[Any], loss: Callable[[], Any]) -> Callable[[], None]:
    import torch

    optimizer = torch.optim.AdamW(weights, 1e-5, fused=True)  # as `arspec train` and transformers' trainer have it

    def step() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _held(model: Any) -> list[Any]:
    """The weights of linear layers as a sampler of one step holds them; all weights where it holds none."""
    from arspec.sampler.drive.stream import stream_of

    products = stream_of(model).executor.products
    held = [part[0] for one in products for part in getattr(one, "held", ())]
    return held or [*_own(model).values()]


def _own(model: Any) -> dict[int, Any]:
    return {weight.untyped_storage().data_ptr(): weight.detach() for weight in model.parameters()}


def _reader(model: Any) -> Callable[[], None]:
    """Reads the weights of linear layers once, by their sums."""
    held = _held(model)

    def read() -> None:
        for weight in held:
            weight.sum()

    return read


def _of_file(model: Any) -> float:
    """MB of the file of the model's weights that are in memory."""
    from arspec.files.mapped import Mapped

    files = Mapped()
    return sum(files.present(w.data_ptr(), w.nbytes) for w in _own(model).values()) * mmap.PAGESIZE / 1e6


def _floor(name: str, said: str, ours: Any, batch: int, found: Times, read: float) -> Row:
    """What reading the weights of linear layers once a token takes, or multiplying, by a product of matrices of a
    thousand rows; whichever is longer."""
    import torch

    own, held = _own(ours), _held(ours)
    numbers = sum(weight.numel() for weight in held)
    copied = sum(weight.nbytes for weight in held if weight.untyped_storage().data_ptr() not in own)
    a = torch.randn(1024, 1024)
    rate = 2 * 1024**3 / min(seconds(lambda: a @ a) for _ in range(5))
    once = found["floor"][0]
    taken = TOKENS * max(once, 2 * numbers * batch / rate)
    note = f"{numbers * 4 / 1e6:,.0f} MB a token, at {numbers * 4 / once / 1e9:.1f} GB/s; {rate / 1e9:,.0f} GFLOP/s; " \
           f"weights in memory: {copied / 1e6:,.0f} MB of copies and {read:,.0f} MB of the file"  # fmt: skip
    return row(f"{name}, floor", said, taken, "generate", found["theirs"][0], note=note)


def _error(model: Any, x: Any, weights: Any) -> float:
    """How far logits of the steps of x are from the exact ones, as a share of their deviation."""
    import torch

    from arspec.sampler.drive.sampler import sampler_of

    whole = torch.nn.functional.pad(x[:1], (0, model.spec.data.length - x.shape[1]))
    exact, fewer = (sampler_of(model, storage=each).replay(whole, {})[:, PROMPT:] for each in ("exact", weights))
    return ((exact - fewer).square().mean().sqrt() / exact.std()).item()


def _beside(name: str, said: str, ours: Any, theirs: Any, options: Options, note: str = "") -> Row:
    """The row of two that take turns, after a turn that does not count."""
    ours(), theirs()
    return _row(name, said, _measured({"ours": ours, "theirs": theirs}, options), "ours", note)


def _row(name: str, said: str, found: Times, ours: str, note: str) -> Row:
    """One of ours beside theirs."""
    (own, busy), (other, their_busy) = found[ours], found["theirs"]
    note = ", ".join(filter(None, [note, f"processor time {their_busy / busy:.2f}×"]))
    return row(name, said, own, "generate", other, note=note)


def _measured(runs: dict[str, Callable[[], Any]], options: Options) -> Times:
    """Rounds in which all take a turn. None is begun after `BUDGET` seconds."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    start = time.perf_counter()
    for number in range(options.repeat):
        if number and time.perf_counter() - start > BUDGET:
            break
        for name, run in runs.items():
            begun = time.process_time()
            found[name].append((seconds(run), time.process_time() - begun))
    return {name: (median(a for a, _ in each), median(b for _, b in each)) for name, each in found.items()}
