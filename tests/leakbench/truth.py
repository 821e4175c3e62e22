"""What LeakBench's modules do, by values alone: exhaustive changes in float64, and the two ways of each mode compared.

It knows the cases and no audit, so that it can say whether a case is what its row of the table says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.leakbench.cases import Case, Mode, Twin
from tests.leakbench.values import forbidden, inputs, rows

DRAWS = 12  # of the input, before a module is believed to hold
SAME = 1e-9


def breaks(case: Case, twin: Twin) -> bool:
    """Whether the module does in the case's mode what it must not."""
    module = _built(case, twin)
    module.train(case.mode == "training")
    return _WAYS[case.mode](case, module)


def holds_elsewhere(case: Case, twin: Twin) -> bool:
    """Whether its plain call in evaluation mode, which is not the case's mode, reads nothing that it must not."""
    return not _reads(case, _built(case, twin), draws=2)


def _built(case: Case, twin: Twin, **options: Any) -> nn.Module:
    module = case.build(twin, **options).double().eval()
    for weight in module.parameters():
        if not weight.any():  # what starts at zero hides what is behind it
            weight.data.fill_(0.3)
    return module


def _reads(case: Case, module: nn.Module, draws: int = DRAWS, **options: Any) -> bool:
    """Whether some output moves with some input that it may not read."""
    generator, wrong = torch.Generator().manual_seed(1), forbidden(case)
    return any(bool((_moved(case, module, generator, **options) & wrong).any()) for _ in range(draws))


def _moved(case: Case, module: nn.Module, generator: torch.Generator, **options: Any) -> NDArray[np.bool_]:
    """[V, V]: the outputs that move with each input, where that alone is changed."""
    x, other = inputs(case, 1, generator).double(), inputs(case, 1, generator).double()
    dtype = torch.long if case.kind == "int" else torch.float64
    with torch.no_grad():
        out = rows(case, module, x.to(dtype), **options)
        moved = torch.zeros(out.shape[1], out.shape[1], dtype=torch.bool)
        for place in range(out.shape[1]):
            changed = x.clone().view(-1)
            changed[place] = other.view(-1)[place]
            again = rows(case, module, changed.reshape(x.shape).to(dtype), **options)
            moved[:, place] = (again - out).abs().amax((0, 2)) > SAME
    return moved.numpy()


def _data(case: Case, count: int, seed: int, length: int | None = None) -> Tensor:
    x = inputs(case, count, torch.Generator().manual_seed(seed), length)
    return x if case.kind == "int" else x.double()


def _differ(a: Tensor, b: Tensor) -> bool:
    return bool((a.detach() - b.detach()).abs().max() > SAME)


def _lengths(case: Case, module: nn.Module) -> bool:
    x = _data(case, 2, 2, 17)
    return any(_differ(rows(case, module, x[:, :n]), rows(case, module, x)[:, :n]) for n in range(1, 17))


def _batch(case: Case, module: nn.Module) -> bool:
    x = _data(case, 4, 2)
    return any(_differ(rows(case, module, x[n : n + 1]), rows(case, module, x)[n : n + 1]) for n in range(4))


def _variants(case: Case, module: nn.Module) -> bool:
    twin: Twin = "faulty" if "faulty" in type(module).__module__ else "mended"
    return any(_reads(case, _built(case, twin, **options)) for options in case.variants.values())


def _cache(case: Case, module: Any) -> bool:
    x = _data(case, 2, 2)
    splits = ([1] * 16, [4] * 4, [7, *[1] * 9], [2, 14], [8, 8])
    if any(_differ(_step_by_step(case, module, x, split), module(x)) for split in splits):
        return True
    if "attention_mask" not in case.convention:
        return False
    real = torch.ones_like(x)
    real[1, :5] = 0
    whole, parts = module(x, attention_mask=real), _step_by_step(case, module, x, [8, *[1] * 8], real)
    return _differ(whole[0], parts[0]) or _differ(whole[1, 5:], parts[1, 5:])


def _step_by_step(case: Case, module: Any, x: Tensor, split: Sequence[int], real: Tensor | None = None) -> Tensor:
    outs: list[Tensor] = []
    cache, start = None, 0
    for count in split:
        part, start = x[:, start : start + count], start + count
        if case.convention == "step":
            out, cache = module.step(part, cache)
        else:
            masks = {} if real is None else {"attention_mask": real[:, :start]}
            out, cache = module(part, past_key_values=cache, use_cache=True, **masks)
        outs.append(out)
    return torch.cat(outs, 1)


def _padding(case: Case, module: nn.Module) -> bool:
    x, padding = _data(case, 1, 2, 9), _data(case, 1, 3, 5)
    alone = rows(case, module, x)
    real = torch.ones(1, 14, dtype=torch.long)
    left, right = real.clone(), real.clone()
    left[:, :5] = right[:, 9:] = 0
    return _differ(rows(case, module, torch.cat([padding, x], 1), attention_mask=left)[:, 5:], alone) or _differ(
        rows(case, module, torch.cat([x, padding], 1), attention_mask=right)[:, :9], alone
    )


def _documents(case: Case, module: nn.Module) -> bool:
    x, documents = _data(case, 2, 2), torch.tensor([0] * 6 + [1] * 7 + [2] * 3).expand(2, -1)
    packed = rows(case, module, x, documents=documents)
    return any(_differ(rows(case, module, x[:, a:b]), packed[:, a:b]) for a, b in ((0, 6), (6, 13), (13, 16)))


def _sampler(case: Case, module: Any) -> bool:
    """Whether the first two of 4,000 samples are spread otherwise than the module says."""
    torch.manual_seed(0)
    pairs = torch.cartesian_prod(torch.arange(case.levels), torch.arange(case.levels))
    with torch.no_grad():
        drawn = module.sample(4000)[:, :2]
        logs = rows(case, module, torch.cat([pairs, pairs], 1)).log_softmax(-1)[:, :2]
    said = logs.gather(-1, pairs[..., None]).sum((1, 2)).exp()
    counted = (drawn[:, None] == pairs).all(-1).double().mean(0)
    return float((said - counted).abs().sum()) > 0.1


_WAYS: dict[Mode, Callable[[Case, nn.Module], bool]] = {
    "evaluation": _reads,
    "training": _reads,
    "forbid": _reads,
    "lengths": _lengths,
    "batch": _batch,
    "variants": _variants,
    "cache": _cache,
    "padding": _padding,
    "documents": _documents,
    "sampler": _sampler,
}
