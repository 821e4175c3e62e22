"""What the tests of specs share: the shipped specs and those under `specs/ok`, each small enough to be tested whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arspec.analysis.twin import thin
from arspec.diagnostics import InputError
from arspec.language.load import Spec, load
from arspec.layers.base import Node
from arspec.model import Model, build
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.timing import WORTH
from arspec.sampler.run.executor import Trace
from arspec.types import Ints
from arspec.verification.dependencies import Subject
from arspec.verification.subject import random_data as random_data  # which most tests take from here

ROOT = Path(__file__).parent.parent
SHIPPED = sorted(ROOT.glob("specs/*.yaml"))
SPECS = [*SHIPPED, *sorted(ROOT.glob("tests/specs/ok/*.yaml"))]
REPEATS, MEMBERS = 2, 3  # of a small spec, at the most
# Parameters that depend on each other, where no rule makes them small.
TOGETHER: dict[str, dict[str, Any]] = {
    "wavenet_local": {"frames": 6, "hop": 4, "factor": 2, "steps": 2},
    "pixelcnn_aux": {"shades": 4},
    "rwkv": {"heads": 2},
    "deltanet_hybrid": {"fours": 1},
    "mixtral": {"width": 8, "heads": 2, "kv_heads": 1, "size": 4, "inner": 12, "experts": 4},
    "llama": {"heads": 8, "kv_heads": 2},
    "mistral": {"heads": 8, "kv_heads": 2, "window": 5},
    "qwen3": {"heads": 4, "kv_heads": 2},
    "t5_decoder": {"heads": 2, "layers": 2, "text_length": 5, "buckets": 4, "farthest": 6},
    "gemma2": {"heads": 4, "kv_heads": 2, "pairs": 1, "window": 5},
    "axial_transformer": {"heads": 2, "outer": 1, "inner": 1},
    "bytenet": {"source_levels": 5},
    "image_transformer": {"block": 6, "memory": 4, "heads": 2, "components": 2},
    "llamagen": {"heads": 2, "classes": 3},
    "rar": {"heads": 2, "classes": 3, "members": 1},
    "megabyte": {"global_heads": 2, "local_heads": 2},
    "sigma_gpt": {"heads": 2, "members": 1},
}
# A model of text, of which tests make variants.
CHARS = """
arspec: 1
name: chars
data: {kind: sequence, length: $length, levels: $levels, content: text}
params: {length: 8, levels: 128, width: 12}
graph:
  tokens: {layer: embedding, from: x, out: $width}
  before: {layer: shift, steps: 1}
  mixed: {layer: conv, kernel: 3, mask: so_far, out: $width}
  relu: {layer: relu}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""


def refusal(act: Callable[[], Any]) -> InputError:
    """The error that a call is refused with."""
    with pytest.raises(InputError) as caught:
        act()
    return caught.value


def refuses(code: str, call: Callable[[], Any], *parts: str) -> None:
    """Holds a call to be refused with this code, in words that have these parts."""
    error = refusal(call)
    assert error.code == code, str(error)
    for part in parts:
        assert part in str(error), str(error)


@cache
def small(path: Path, repeats: int = REPEATS) -> Spec:
    """The thin twin of a spec, with few repetitions and members."""
    whole = load(path)
    together = TOGETHER.get(path.stem, {})
    names = whole.graph().repeat_params - together.keys()
    few = {n: repeats for n in names if isinstance(whole.params.get(n), int) and whole.params[n] > repeats}
    if whole.params.get("members", 0) > MEMBERS:
        few["members"] = MEMBERS
    return thin(whole.variant(params={**few, **together}))


def randomised(spec: Spec, seed: int = 0, worth: int = WORTH) -> Model:
    """A model in float64 whose weights, gains, biases and starts are all drawn, so that none of them hides."""
    model = build(spec, worth=worth).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            fan_in = weight[0].numel() if weight.ndim > 1 else 1
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype) / fan_in**0.5)
    return model


@cache
def _shared(path: Path, repeats: int, worth: int) -> tuple[Model, int]:
    model = randomised(small(path, repeats), worth=worth)
    return model, _written(model)


def _written(model: Model) -> int:
    """How often any of its weights was written."""
    return sum(weight._version for weight in model.parameters())


def shared(path: Path, repeats: int = REPEATS, worth: int = WORTH) -> Model:
    """The randomised model of a small spec, one for all tests of a process, with the samplers that it made: none of
    them may write its weights, nor change what else it computes with."""
    model, written = _shared(path, repeats, worth)
    assert (_written(model), model.training) == (written, False), "a test has changed a model that others share"
    return model


def fixed(subject: Subject, draw: int | None = None) -> Subject:
    """A subject whose weights stay as they are, or as they come at a draw."""
    if draw is not None and subject.redraw is not None:
        subject.redraw(draw)
    return replace(subject, redraw=None)


# Small specs have no weight that is worth a sum of its own: at 1 they make one where large ones do.
both_worths: Callable[..., Any] = pytest.mark.parametrize("worth", [WORTH, 1], ids=["shipped", "ahead"])


every_spec: Callable[..., Any] = pytest.mark.parametrize("path", SPECS, ids=[p.stem for p in SPECS])


def quick_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets torch trace and compile without what plays no part in what comes of it."""
    # which line of Python each operation came from takes a third of an export
    monkeypatch.setattr("torch.fx.config.do_not_emit_stack_traces", True, raising=False)
    translator = "torch._dynamo.symbolic_convert.InstructionTranslatorBase"
    monkeypatch.setattr(f"{translator}.is_co_filename_from_nn_modules", lambda *_: True, raising=False)
    # all objects that are there are gone through after each compilation, in search of garbage
    monkeypatch.setattr("torch._dynamo.convert_frame.gc", SimpleNamespace(collect=lambda *_: 0), raising=False)
    # how long guards take: torch empties the processor's caches to measure that, for a sixth of a compilation
    monkeypatch.setattr("torch._dynamo.guards.profile_guard_manager", lambda *_: 0.0, raising=False)
    # a graph that nothing runs is written out as Python after each of the passes over it
    monkeypatch.setattr("torch.fx._lazy_graph_module._use_lazy_graph_module_flag", True, raising=False)


class Told:
    """A trace: how often each site [S] of each node was computed."""

    def __init__(self) -> None:
        self._sites: dict[Node, list[Tensor]] = {}

    def __call__(self, node: Node, sites: Tensor) -> None:
        self._sites.setdefault(node, []).append(sites)

    def counts(self) -> dict[Node, Ints]:
        return {n: np.bincount(torch.cat(told).numpy(), minlength=n.out.sites) for n, told in self._sites.items()}


def check_priming(model: Model, x: Tensor, trace: Trace = lambda *_: None) -> None:
    """What is drawn after the first three rows of images [B, 1, H, W] is the same where one parallel pass takes these
    in as where they are gone through step by step, each call told to `trace`."""
    known = torch.zeros_like(x[0], dtype=torch.bool)
    known[:, :3] = True
    primed, stepped = (
        sampler_of(model).run(len(x), {}, seed=1, temperature=2.0, given=x, known=known, trace=how)
        for how in (None, trace)
    )
    assert torch.equal(primed, stepped)
