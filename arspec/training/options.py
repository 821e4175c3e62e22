"""The options of a training run, checked once, kept in its checkpoints."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from arspec.diagnostics import InputError

OPTIMIZERS = ("adamw", "rmsprop")
SCHEDULES = ("constant", "cosine", "exponential")
PRECISIONS = ("float32", "bf16", "float64")
PARALLEL = ("ddp", "fsdp")
INITIAL = ("weights", "data")

_KINDS: dict[type, str] = {int: "a whole number", float: "a number", str: "a word", bool: "True or False"}

# may differ when a run is resumed: none of them changes what a step computes
FREE = frozenset(
    {
        "steps",
        "eval_every",
        "eval_members",
        "sample_every",
        "samples",
        "log_every",
        "save_every",
        "parallel",
        "checkpoint",
    }
)


@dataclass(frozen=True)
class Options:
    """What a training run does.

    steps: of the optimiser, in all. batch: examples a step, over all processes together.
    lr: learning rate at its highest. warmup: steps in which it rises linearly from 0 to lr, before the schedule.
    schedule: constant; cosine to `final` * lr at the last step; exponential, lr * decay ** step.
    beta1, beta2: of AdamW.
    initial: weights, as the spec's layers draw them; data, gains and biases of layers with weight norm set by a batch.
    ema: decay of the exponential moving average of the weights (0: none); evaluation, samples and the model that is
        saved use the average. Early on the decay is lower, (1 + step) / (10 + step), so that the start is forgotten.
    clip: largest norm of the gradient of the nats per variable (0: no clipping).
    mutate: share of the variables of every training example that are replaced by a level drawn at random (0: none).
    What
        is left to learn is what survives it: a background model for likelihood ratios (Ren et al. 2019, section 3).
    precision: float32; bf16 (float32 weights, automatic mixed precision); float64.
    eval_members: how many members of a family of orders or masks are averaged in evaluation (0: all).
    *_every: steps between two evaluations, samples, log lines, checkpoints (0: at the end only).
    checkpoint: keep of each block what others read alone, and compute its inner values again in the backward pass: less
        memory for about a third more time.
    compile: the whole module through torch.compile.
    parallel: how processes started by torchrun share the work: ddp, or fsdp (weights sharded too).
    """

    steps: int = 1000
    batch: int = 64
    optimizer: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    initial: str = "weights"
    schedule: str = "constant"
    warmup: int = 0
    final: float = 0.0
    decay: float = 0.99999
    ema: float = 0.0
    clip: float = 1.0
    mutate: float = 0.0
    precision: str = "float32"
    seed: int = 0
    eval_every: int = 500
    eval_members: int = 0
    sample_every: int = 0
    samples: int = 16
    log_every: int = 10
    save_every: int = 500
    parallel: str = "ddp"
    checkpoint: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            kind, value = type(field.default), getattr(self, field.name)
            fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool) == (
                type(value) is bool
            )
            _demand(fits, field.name, f"is {_KINDS[kind]}", value)
        for name in ("steps", "batch"):
            _demand(getattr(self, name) >= 1, name, "is at least 1", getattr(self, name))
        counts = ("warmup", "eval_every", "eval_members", "sample_every", "samples", "log_every", "save_every", "seed")
        for name in counts:
            _demand(getattr(self, name) >= 0, name, "is at least 0", getattr(self, name))
        _demand(0 < self.lr < math.inf, "lr", "is above 0", self.lr)
        for name in ("weight_decay", "clip"):
            _demand(0 <= getattr(self, name) < math.inf, name, "is at least 0", getattr(self, name))
        for name in ("beta1", "beta2"):
            _demand(0 <= getattr(self, name) < 1, name, "lies in 0 .. 1, without 1", getattr(self, name))
        _demand(0 <= self.ema < 1, "ema", "lies in 0 .. 1, without 1", self.ema)
        _demand(0 < self.decay <= 1, "decay", "lies in 0 .. 1, without 0", self.decay)
        _demand(0 <= self.mutate <= 1, "mutate", "lies in 0 .. 1", self.mutate)
        _demand(0 <= self.final <= 1, "final", "lies in 0 .. 1", self.final)
        choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS, "parallel": PARALLEL,
                   "initial": INITIAL}  # fmt: skip
        for name, known in choices.items():
            _demand(getattr(self, name) in known, name, f"is one of {', '.join(known)}", getattr(self, name))

    def learning_rate(self, step: int) -> float:
        """The learning rate of `step`, from 0."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        if self.schedule == "cosine":
            done = (step - self.warmup) / max(1, self.steps - self.warmup)
            return self.lr * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
        if self.schedule == "exponential":
            return self.lr * self.decay ** (step - self.warmup)
        return self.lr

    def ema_decay(self, step: int) -> float:
        """The decay of the moving average after `step`, from 0."""
        return min(self.ema, (1 + step) / (10 + step))

    @classmethod
    def kept(cls, record: object) -> Options:
        """The options that a checkpoint has; what an earlier version lacked is as it is by default. InputError (AR814)
        where they are damaged."""
        if not isinstance(record, dict):
            raise InputError("AR814", "the state of the run is damaged: it holds no options")
        read = cast(dict[str, Any], record)
        known = {name: value for name, value in read.items() if name in asdict(cls())}
        for name, default in asdict(cls()).items():
            kinds = (int, float) if isinstance(default, float) else (type(default),)
            if type(known.get(name, default)) not in kinds:
                raise InputError("AR814", f"the state of the run is damaged: its {name} is {known[name]!r:.100}")
        return cls(**known)

    def check_same(self, kept: dict[str, Any]) -> None:
        """InputError where a checkpoint with the options `kept` was made by another run."""
        free = FREE - ({"steps"} if self.schedule == "cosine" else set())
        other = {
            name: value for name, value in asdict(self).items() if name not in free and kept.get(name, value) != value
        }
        if not other:
            return
        told = ", ".join(f"{name} {kept[name]}, not {value}" for name, value in other.items())
        flags = [_flag(name, kept[name]) for name in other]
        help = f"leave the options out, resume with {' '.join(flags)}, or start anew in another folder"
        raise InputError("AR814", f"the run was started with {told}", help)


def _flag(name: str, value: object) -> str:
    """An option of the command line that sets a value."""
    option = f"--{name.replace('_', '-')}"
    return f"{option} {value}" if not isinstance(value, bool) else option if value else f"no {option}"


def _demand(holds: bool, name: str, rule: str, value: object) -> None:
    if not holds:
        raise InputError("AR808", f"{name} {rule}; {value!r} came")
