"""The training loop.

Every step is a function of (seed, step): its examples, its member of a family, its dropout. So a run that goes on
from a checkpoint computes what it would have computed without the break, bit for bit on one machine's CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from arspec.data import Examples
from arspec.diagnostics import InputError
from arspec.extras import has
from arspec.model import Model
from arspec.network.initialise import initialise_by_data
from arspec.saving.tensors import fill, not_finite, weights_of, whole
from arspec.training import ema
from arspec.training.batches import Batches, draw_member, mutated, noise_seed
from arspec.training.checkpoint import STATE, load_model, read_state, save_run
from arspec.training.compiled import compile_in_place
from arspec.training.evaluation import Evaluation, evaluate
from arspec.training.interrupts import noting_interrupts
from arspec.training.lock import locked
from arspec.training.log import Log
from arspec.training.optimizer import clip, fill_optimizer, make_optimizer, optimizer_tensors
from arspec.training.options import Options
from arspec.training.parallel import NegativeLogProb, Processes
from arspec.training.samples import draw, heat_map
from arspec.training.trackers import check_trackers


@dataclass(frozen=True)
class Summary:
    """How a run ended: steps done, the last training loss in bits/dim, the last evaluation, where the model is, and
    the number of the signal that ended it early. spec: its name. data: what it was trained on, None where the examples
    were made elsewhere. wanted: the steps of the whole run."""

    folder: Path
    steps: int
    finished: bool
    train_bits_per_dim: float | None
    valid: Evaluation | None
    seconds: float
    signal: int | None = None
    spec: str = ""
    data: str | None = None
    wanted: int = 0

    @property
    def model(self) -> Model:
        """The trained model, read anew from its folder, in evaluation mode on the device that `auto` stands for."""
        return load_model(self.folder)

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        valid = None if self.valid is None else self.valid.to_json()
        return {**asdict(self), "folder": str(self.folder), "valid": valid}


def train(
    model: nn.Module,
    examples: Examples,
    valid: Examples | None,
    folder: Path | str,
    options: Options,
    *,
    device: str = "auto",
    resume: bool = False,
    stop_after: int | None = None,
    tensorboard: bool | None = None,
    log: Sequence[str] = (),
    source: Mapping[str, Any] | None = None,
) -> Summary:
    """Trains `model` into `folder`: weights, spec, state, log and samples.

    resume: go on from the folder's state. stop_after: leave after so many steps of this call, with a checkpoint.
    An interrupt (Ctrl-C, SIGTERM) leaves in the same way. Under torchrun every process calls this alike.
    tensorboard: whether TensorBoard's files are written too; None does so where it is installed. log: the names of
    further trackers (`arspec.training.trackers.NAMES`). source: plain values that say what the examples are, which the
    state keeps.
    """
    folder = Path(folder)
    board = has("tensorboard") if tensorboard is None else tensorboard
    board = board or "tensorboard" in log
    check_trackers([*log, *(["tensorboard"] if board else [])])
    with ExitStack() as held:
        if Processes.is_first() and not (resume and not folder.exists()):
            held.enter_context(locked(folder))
        if (folder / STATE).exists() != resume:
            hint = (
                "leave out --resume to start one" if resume else "--resume goes on with it, another --out starts anew"
            )
            message = f"{folder} holds {'no' if resume else 'a'} training run"
            raise InputError("AR814" if resume else "AR810", message, hint)
        return _trained(model, examples, valid, folder, options, device, resume, stop_after, board, log, source or {})


def _trained(
    model: nn.Module,
    examples: Examples,
    valid: Examples | None,
    folder: Path,
    options: Options,
    device: str,
    resume: bool,
    stop_after: int | None,
    tensorboard: bool,
    log: Sequence[str],
    source: Mapping[str, Any],
) -> Summary:
    """Trains into a folder that is held for it."""
    processes = Processes.join(device)
    try:
        if options.batch % processes.size:
            raise InputError("AR808", f"a batch of {options.batch} cannot be shared by {processes.size} processes")
        with torch.random.fork_rng(devices=[]):
            # held by no name here: what shares the processes' group has to be gone when they leave it
            summary = _Run(model, examples, valid, folder, options, processes, resume, source).go(
                stop_after, tensorboard and processes.first, log
            )
        processes.wait()
        return summary
    finally:
        processes.leave()


class _Run:
    """The state of a run: the model, its average, the optimiser, and the number of steps done."""

    def __init__(
        self,
        model: nn.Module,
        examples: Examples,
        valid: Examples | None,
        folder: Path,
        options: Options,
        processes: Processes,
        resume: bool,
        source: Mapping[str, Any],
    ) -> None:
        self.source = source
        self.examples, self.valid, self.folder = examples, valid, folder
        self.options, self.processes = options, processes
        self.batches = Batches(examples, options.batch, options.seed)
        self.dim = examples.dimensions
        self.bits = 1 / math.log(2)
        self.step = 0
        state, record = read_state(folder / STATE) if resume else ({}, {})
        model.to(processes.device, torch.float64 if options.precision == "float64" else torch.float32)
        self.model = model
        graph = cast(Model, model).graph
        self.adds = bool(graph.further) or any(node.traits.auxiliary for node in graph.live)
        names = cast(Model, model).names
        cast(Model, model).names = {**names, **examples.names}
        if options.initial == "data" and not resume:  # the same batch in every process
            x, condition = processes.put(*self.batches.at(0, 0, 1))
            initialise_by_data(cast(Model, model), x, condition)
        self.average = ema.twin(model) if options.ema else None
        if resume:  # before the weights are sharded
            options.check_same(record.get("options", {}))
            fill(model, state["weights"], str(folder / STATE))
            if self.average is not None:
                fill(self.average, state["average"], str(folder / STATE))
            self.step = int(record["step"])
        through = NegativeLogProb(model)
        if options.checkpoint:
            model.checkpointing = True  # pyright: ignore[reportArgumentType]
        if options.compile:
            compile_in_place(through, int(getattr(model, "members", 1)), processes.device)
        self.through = processes.share(through, options.parallel)
        self.average_through: nn.Module | None = None
        if self.average is not None:
            held = NegativeLogProb(self.average)
            # only sharding concerns the average: it has no gradients to be shared
            self.average_through = processes.share(held, "fsdp") if options.parallel == "fsdp" else held
        self.optimizer = make_optimizer(options, model)
        if resume:
            fill_optimizer(self.optimizer, model, state["optimizer"], str(folder / STATE))

    def go(self, stop_after: int | None, tensorboard: bool, trackers: Sequence[str]) -> Summary:
        """Runs the steps that remain."""
        options = self.options
        begun = time.monotonic()
        last = options.steps if stop_after is None else min(options.steps, self.step + stop_after)
        log: Log | None = None
        if self.processes.first:
            log = Log(self.folder, options.steps, self.step, tensorboard, trackers, self.described())
        loss: float | None = None
        valid: Evaluation | None = None
        leave = self.step >= last
        self.model.train()
        interrupted: list[int] = []
        try:
            with noting_interrupts() as interrupted:
                while not leave:
                    nats_per_dim, auxiliary, norm = self.advance()
                    self.step += 1
                    # processes ask one another now and then, for an interrupt reaches each at its own time
                    asks = self.processes.size == 1 or _due(self.step, max(10, options.log_every))
                    leave = self.step == last or (asks and self.processes.any(bool(interrupted)))
                    if leave or _due(self.step, options.log_every):
                        loss = self.mean_loss(nats_per_dim)
                        self.tell(log, loss, norm, time.monotonic() - begun, auxiliary)
                    if self.valid is not None and (leave or _due(self.step, options.eval_every)):
                        valid = self.evaluate(self.valid)
                        if log:
                            log.line(self.step, **{f"valid_{name}": value for name, value in valid.to_json().items()})
                    if options.samples and (leave or _due(self.step, options.sample_every)):
                        self.draw(log)
                    if leave or _due(self.step, options.save_every):
                        self.save()
                    if log:
                        log.advance(self.step)
        finally:
            if log:
                log.close()
        seconds, ended = time.monotonic() - begun, self.step == options.steps
        return Summary(
            self.folder, self.step, ended, loss, valid, seconds, next(iter(interrupted), None),
            cast(Model, self.model).spec.name, self.source.get("data"), options.steps,
        )  # fmt: skip

    def tell(self, log: Log | None, loss: float, norm: Tensor, seconds: float, auxiliary: Tensor | None) -> None:
        """One line of the log for the step just done. auxiliary: the sum of the layers' own losses in this process."""
        if log:
            rate = self.options.learning_rate(self.step - 1)
            more = {} if auxiliary is None else {"auxiliary": auxiliary.item()}
            log.line(self.step, train_bits_per_dim=loss, **more, norm=norm.item(), learning_rate=rate, seconds=seconds)

    def advance(self) -> tuple[Tensor, Tensor | None, Tensor]:
        """One step of the optimiser: of this process the mean of -log p in nats per variable, and the auxiliary losses
        of the layers where there are any; and the gradient's norm."""
        options, processes = self.options, self.processes
        torch.manual_seed(noise_seed(options.seed, self.step, processes.rank))
        array, given = self.batches.at(self.step, processes.rank, processes.size)
        key = [options.seed, 5, self.step, processes.rank]
        array = mutated(array, options.mutate, cast(Model, self.model).spec.data.channel_levels, key)
        x, condition = processes.put(array, given)
        member = draw_member(int(getattr(self.model, "members", 1)), options.seed, self.step)
        auxiliary: Tensor | None = None
        with self.precision():
            if self.adds:
                nats, auxiliary = self.through(x, member, condition, True)
            else:
                nats = self.through(x, member, condition)
            loss = nats.mean() / self.dim
        (loss if auxiliary is None else loss + auxiliary).backward()
        norm = clip(self.model.parameters(), options.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate(self.step)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            ema.update(self.average, self.model, options.ema_decay(self.step))
        return loss.detach(), None if auxiliary is None else auxiliary.detach(), norm

    def precision(self) -> AbstractContextManager[Any]:
        """Mixed precision, where it is asked for: float32 weights, products of matrices in bfloat16."""
        if self.options.precision == "bf16":
            return torch.autocast(self.processes.device.type, torch.bfloat16)
        return nullcontext()

    def mean_loss(self, loss: Tensor) -> float:
        """The loss over all processes, in bits/dim."""
        mean = self.processes.sum(loss.double()).item() / self.processes.size * self.bits
        if not math.isfinite(mean):
            raise _diverged(f"the loss is {mean}", self.step)
        return mean

    def evaluate(self, valid: Examples) -> Evaluation:
        """Evaluates the averaged weights, or the weights where there is no average."""
        model, through = (self.average, self.average_through) if self.average else (self.model, self.through)
        batch = max(1, self.options.batch // self.processes.size)
        # outside DDP's module: it would gather buffers and wait for gradients
        through = through if self.options.parallel == "fsdp" else None
        return evaluate(model, valid, batch, self.options.eval_members, through, self.processes)

    def draw(self, log: Log | None) -> None:
        """Draws samples in the first process, from whole weights."""
        model = self.average or self.model
        if self.processes.size > 1 and self.options.parallel == "fsdp":
            weights = {name: whole(tensor) for name, tensor in weights_of(model).items()}
            if self.processes.first:
                model = ema.twin(model, weights)
        if self.processes.first:
            path = self.folder / "samples" / f"step-{self.step:07}"
            given = self.valid or self.examples
            paths = draw(model, path, self.options.samples, self.options.seed, given, self.processes.device)
            if log:
                log.picture(self.step, paths[0])
                log.track(self.step, "samples", paths)
                if log.tracked:
                    log.track(self.step, "surprise", heat_map(model, path, given, self.processes.device))

    def save(self) -> None:
        """Writes the state and the model; every process takes part, the first one writes."""
        weights = {name: whole(tensor) for name, tensor in weights_of(self.model).items()}
        average = {} if self.average is None else {n: whole(t) for n, t in weights_of(self.average).items()}
        groups = {"weights": weights, "average": average, "optimizer": optimizer_tensors(self.optimizer, self.model)}
        for group in groups.values():
            if wrong := not_finite(group):
                raise _diverged(f"NaN or infinity stands in {wrong}", self.step)
        if self.processes.first:
            save_run(self.model, self.folder, groups, self.about())

    def described(self) -> dict[str, Any]:
        """What a tracker shows as the hyperparameters."""
        spec = cast(Model, self.model).spec
        weights = sum(parameter.numel() for parameter in self.model.parameters())
        params = {f"params.{name}": value for name, value in spec.params.items()}
        return {**asdict(self.options), **self.source, "spec": spec.name, **params, "weights": weights}

    def about(self) -> dict[str, Any]:
        """What the state says of the run."""
        return {"step": self.step, "options": asdict(self.options), "source": dict(self.source)}


def _diverged(seen: str, step: int) -> InputError:
    hint = "lower --lr, lengthen --warmup or set --clip; the last checkpoint is kept"
    return InputError("AR818", f"{seen} at step {step}: training has diverged", hint)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
