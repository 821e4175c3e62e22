"""`arspec train SPEC --data NAME --out FOLDER`: training, alone or under torchrun.
`arspec train --resume --out FOLDER` goes on."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields

from arspec.cli.models import add_device, add_set, params_of
from arspec.cli.parser import missing
from arspec.cli.saying import say
from arspec.diagnostics import InputError
from arspec.training.options import INITIAL, OPTIMIZERS, PARALLEL, PRECISIONS, SCHEDULES, Options
from arspec.training.trackers import NAMES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, with the defaults of `Options`."""
    default = Options()
    parser.add_argument("spec", nargs="?", metavar="SPEC", help="the spec, a file or the name of a shipped one; a run "
                        "that goes on has its own")  # fmt: skip
    add_set(parser)
    parser.add_argument(
        "--data",
        help="digits, mnist, ... (arspec data lists them), a folder, a pattern such as 'photos/*.png', or a file; "
        "options may follow, as in photos@size=32@background=black (arspec explain AR840 lists them); a run that goes "
        "on has its own",
    )
    parser.add_argument("-o", "--out", metavar="FOLDER", help="the run: weights, state, log and samples")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in the folder, with its own "
        "spec, data and options; those that are given may ask for more steps, and the like",
    )
    add_device(parser)
    parser.add_argument("--seed", type=int, help=f"of weights, order of examples, members and dropout ({default.seed})")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument(
        "--tensorboard",
        action=argparse.BooleanOptionalAction,
        help="write TensorBoard's files beside the JSON lines (default: where it is installed)",
    )

    parser.add_argument(
        "--log", "--tracker", dest="log", action="append", default=[], choices=NAMES, metavar="TRACKER",
        help=f"log to {', '.join(NAMES)} too, on this machine unless its own environment variables say otherwise "
        "(may be repeated)",
    )  # fmt: skip

    length = parser.add_argument_group("length")
    length.add_argument("--steps", type=int, help=f"steps of the optimiser, in all (default {default.steps})")
    length.add_argument("--epochs", type=float, help="passes over the data, instead of steps")
    length.add_argument("--batch", type=int, help=f"examples a step, over all processes ({default.batch})")
    length.add_argument("--limit", type=int, metavar="N", help="use the first N examples alone")
    length.add_argument("--limit-valid", type=int, metavar="N", help="evaluate on the first N examples alone")
    length.add_argument("--stop-after", type=int, metavar="N", help="leave after N steps more, with a checkpoint")

    optimizer = parser.add_argument_group("optimiser")
    optimizer.add_argument("--optimizer", choices=OPTIMIZERS, help=f"({default.optimizer})")
    optimizer.add_argument("--lr", type=float, help=f"learning rate ({default.lr})")
    optimizer.add_argument("--weight-decay", type=float, help=f"({default.weight_decay})")
    optimizer.add_argument("--beta1", type=float, help=f"of AdamW ({default.beta1})")
    optimizer.add_argument("--beta2", type=float, help=f"of AdamW ({default.beta2})")
    optimizer.add_argument("--initial", choices=INITIAL, help=f"data: gains by a batch ({default.initial})")
    optimizer.add_argument("--schedule", choices=SCHEDULES, help=f"({default.schedule})")
    optimizer.add_argument("--warmup", type=int, help=f"steps of linear rise ({default.warmup})")
    optimizer.add_argument("--final", type=float, help=f"cosine: last part of lr ({default.final})")
    optimizer.add_argument("--decay", type=float, help=f"exponential: a step's factor ({default.decay})")
    optimizer.add_argument("--ema", type=float, help=f"decay of the average, 0: none ({default.ema})")
    optimizer.add_argument("--clip", type=float, help=f"largest gradient, 0: any ({default.clip})")
    optimizer.add_argument(
        "--mutate", type=float, metavar="SHARE",
        help="replace a share of the variables by random levels: a background model for arspec score "
             f"({default.mutate})",
    )  # fmt: skip
    optimizer.add_argument("--precision", choices=PRECISIONS, help=f"({default.precision})")
    optimizer.add_argument("--parallel", choices=PARALLEL, help=f"with torchrun ({default.parallel})")
    optimizer.add_argument(
        "--checkpoint",
        action=argparse.BooleanOptionalAction,
        help="compute inner values of blocks twice instead of keeping them",
    )
    optimizer.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="the whole module through torch.compile"
    )

    every = parser.add_argument_group("along the way (0: at the end alone)")
    every.add_argument("--eval-every", type=int, help=f"steps ({default.eval_every})")
    every.add_argument("--eval-members", type=int, help="members of a family that are averaged, 0: all")
    every.add_argument("--sample-every", type=int, help=f"steps ({default.sample_every})")
    every.add_argument("--samples", type=int, help=f"samples drawn, 0: none ({default.samples})")
    every.add_argument("--log-every", type=int, help=f"steps ({default.log_every})")
    every.add_argument("--save-every", type=int, help=f"steps ({default.save_every})")


def run(args: argparse.Namespace) -> int:
    """Trains; exit code 0, or 128 and the number of the signal that ended it early (the state is saved):
    130 for Ctrl-C, 143 for SIGTERM."""
    needed = {"-o/--out": args.out}
    if not args.resume:  # a run that goes on has its own
        needed = {"SPEC": args.spec, "--data": args.data, **needed}
    if lacking := [name for name, value in needed.items() if value is None]:
        how = "arspec train --resume -o FOLDER" if args.resume else "arspec train SPEC --data NAME -o FOLDER"
        raise missing("arspec train", lacking, f"{how}; arspec train --help lists what it takes")
    if args.steps is not None and args.epochs is not None:
        raise InputError("AR808", "--steps and --epochs exclude one another")
    given = {field.name: value for field in fields(Options) if (value := getattr(args, field.name)) is not None}
    Options(**given)  # what is out of range is told before anything is read
    from arspec.training.runs import train

    summary = train(
        args.spec, args.data, args.out, params=params_of(args.set), epochs=args.epochs, limit=args.limit,
        limit_valid=args.limit_valid, device=args.device, resume=args.resume, stop_after=args.stop_after,
        tensorboard=args.tensorboard, log=args.log, tell=lambda line: say(line, file=sys.stderr), **given,
    )  # fmt: skip
    first = os.environ.get("RANK", "0") == "0"
    if first and args.json:
        say(json.dumps(summary.to_json()))
    elif first:
        if summary.valid:
            say(f"held out: {summary.valid}")
        done = f"{summary.steps:,} of {summary.wanted:,} steps in {summary.seconds:.1f} s"
        say(f"{done}; the model is in {summary.folder}")
        if summary.steps < summary.wanted:
            say(f"arspec train --resume --out {summary.folder} goes on")
    return 0 if summary.signal is None or summary.finished else 128 + summary.signal
