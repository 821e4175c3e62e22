"""`arspec train SPEC --data NAME --out FOLDER`: training, alone or under torchrun."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from dataclasses import fields
from pathlib import Path

from arspec.cli.models import add_device, add_set, params_of
from arspec.cli.saying import say
from arspec.diagnostics import InputError
from arspec.training.options import INITIAL, OPTIMIZERS, PARALLEL, PRECISIONS, SCHEDULES, Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, with the defaults of `Options`."""
    default = Options()
    parser.add_argument("spec", metavar="SPEC", help="the spec, a file or the name of a shipped one")
    add_set(parser)
    parser.add_argument(
        "--data",
        required=True,
        help="digits, mnist, ... (arspec data lists them), a folder, a pattern such as 'photos/*.png', or a file; options "
        "may follow, as in photos@size=32@background=black (arspec explain AR840 lists them)",
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the run: weights, state, log and samples")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    add_device(parser)
    parser.add_argument("--seed", type=int, default=0, help="of weights, order of examples, members and dropout")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument(
        "--tensorboard",
        action=argparse.BooleanOptionalAction,
        help="write TensorBoard's files beside the JSON lines (default: where it is installed)",
    )

    length = parser.add_argument_group("length")
    length.add_argument("--steps", type=int, help=f"steps of the optimiser, in all (default {default.steps})")
    length.add_argument("--epochs", type=float, help="passes over the data, instead of steps")
    length.add_argument(
        "--batch", type=int, default=default.batch, help="examples a step, over all processes (%(default)s)"
    )
    length.add_argument("--limit", type=int, metavar="N", help="use the first N examples alone")
    length.add_argument("--limit-valid", type=int, metavar="N", help="evaluate on the first N examples alone")
    length.add_argument("--stop-after", type=int, metavar="N", help="leave after N steps more, with a checkpoint")

    optimizer = parser.add_argument_group("optimiser")
    optimizer.add_argument("--optimizer", choices=OPTIMIZERS, default=default.optimizer, help="(%(default)s)")
    optimizer.add_argument("--lr", type=float, default=default.lr, help="learning rate (%(default)s)")
    optimizer.add_argument("--weight-decay", type=float, default=default.weight_decay, help="(%(default)s)")
    optimizer.add_argument("--beta1", type=float, default=default.beta1, help="of AdamW (%(default)s)")
    optimizer.add_argument("--beta2", type=float, default=default.beta2, help="of AdamW (%(default)s)")
    optimizer.add_argument(
        "--initial", choices=INITIAL, default=default.initial, help="data: gains by a batch (%(default)s)"
    )
    optimizer.add_argument("--schedule", choices=SCHEDULES, default=default.schedule, help="(%(default)s)")
    optimizer.add_argument("--warmup", type=int, default=default.warmup, help="steps of linear rise (%(default)s)")
    optimizer.add_argument("--final", type=float, default=default.final, help="cosine: last part of lr (%(default)s)")
    optimizer.add_argument(
        "--decay", type=float, default=default.decay, help="exponential: a step's factor (%(default)s)"
    )
    optimizer.add_argument("--ema", type=float, default=default.ema, help="decay of the average, 0: none (%(default)s)")
    optimizer.add_argument("--clip", type=float, default=default.clip, help="largest gradient, 0: any (%(default)s)")
    optimizer.add_argument(
        "--mutate", type=float, default=default.mutate, metavar="SHARE",
        help="replace a share of the variables by random levels: a background model for arspec score (%(default)s)",
    )  # fmt: skip
    optimizer.add_argument("--precision", choices=PRECISIONS, default=default.precision, help="(%(default)s)")
    optimizer.add_argument("--parallel", choices=PARALLEL, default=default.parallel, help="with torchrun (%(default)s)")
    optimizer.add_argument(
        "--checkpoint", action="store_true", help="compute inner values of blocks twice instead of keeping them"
    )
    optimizer.add_argument("--compile", action="store_true", help="the whole module through torch.compile")

    every = parser.add_argument_group("along the way (0: at the end alone)")
    every.add_argument("--eval-every", type=int, default=default.eval_every, help="steps (%(default)s)")
    every.add_argument("--eval-members", type=int, default=0, help="members of a family that are averaged, 0: all")
    every.add_argument("--sample-every", type=int, default=default.sample_every, help="steps (%(default)s)")
    every.add_argument("--samples", type=int, default=default.samples, help="samples drawn, 0: none (%(default)s)")
    every.add_argument("--log-every", type=int, default=default.log_every, help="steps (%(default)s)")
    every.add_argument("--save-every", type=int, default=default.save_every, help="steps (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Trains; exit code 0, or 128 and the number of the signal that ended it early (the state is saved):
    130 for Ctrl-C, 143 for SIGTERM."""
    if args.steps is not None and args.epochs is not None:
        raise InputError("AR808", "--steps and --epochs exclude one another")
    for name in ("limit", "limit_valid", "stop_after"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise InputError("AR808", f"--{name.replace('_', '-')} is at least 1; {value} came")
    given = {
        field.name: getattr(args, field.name) for field in fields(Options) if getattr(args, field.name) is not None
    }
    options = Options(**given)

    import arspec
    from arspec.data import fitted, load_for
    from arspec.data.labels import earlier_order
    from arspec.extras import brings, has
    from arspec.training.classes_file import read_classes
    from arspec.training.loop import train
    from arspec.training.spec_file import check_same_spec

    spec, told = fitted(arspec.load(args.spec, params=params_of(args.set)), args.data)
    folder = Path(args.out)
    if args.resume and (folder / "state.safetensors").exists():
        check_same_spec(spec, folder)
    names = read_classes(folder, spec) if args.resume else {}
    examples = load_for(spec, args.data, "train", args.seed, names=names).first(args.limit)
    if args.resume and not names and (earlier := earlier_order(examples.names)) != examples.names:
        examples = load_for(spec, args.data, "train", args.seed, names=earlier).first(args.limit)
    valid = load_for(spec, args.data, "valid", args.seed, names=examples.names).first(args.limit_valid)
    if args.epochs is not None:
        if not 0 < args.epochs < math.inf:
            raise InputError("AR808", f"--epochs is above 0; {args.epochs} came")
        options = Options(**{**given, "steps": math.ceil(args.epochs * examples.per_pass / args.batch)})
    model = arspec.compile(spec, seed=args.seed)
    first = os.environ.get("RANK", "0") == "0"
    if first:
        weights = sum(parameter.numel() for parameter in model.parameters())
        say(f"{spec.name}: {weights:,} weights, {spec.data.variables:,} variables", file=sys.stderr)
        if told:
            say(f"{args.data}: {told}", file=sys.stderr)
        for part in (examples, valid):
            say(f"{part.name}: {len(part):,} examples{f' ({part.note})' if part.note else ''}", file=sys.stderr)
        if args.tensorboard is None and not has("tensorboard"):
            say(
                f"note: without TensorBoard's files; log.jsonl has the same numbers ({brings('tensorboard')})",
                file=sys.stderr,
            )
    summary = train(
        model,
        examples,
        valid,
        folder,
        options,
        device=args.device,
        resume=args.resume,
        stop_after=args.stop_after,
        tensorboard=args.tensorboard,
    )
    if first and args.json:
        say(json.dumps({"spec": spec.name, "data": args.data, **summary.to_json()}))
    elif first:
        if summary.valid:
            say(f"held out: {summary.valid}")
        say(
            f"{summary.steps:,} of {options.steps:,} steps in {summary.seconds:.1f} s; the model is in {summary.folder}"
        )
        if summary.steps < options.steps:
            say("the same command with --resume goes on")
    return 0 if summary.signal is None or summary.finished else 128 + summary.signal
