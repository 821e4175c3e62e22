"""`arspec eval MODEL --data NAME`: nats and bits/dim of held-out examples, and the calibration of the predictions."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from arspec.cli.models import add_conditions, add_model, as_tensors, at_least, conditions_of, open_model
from arspec.cli.saying import say
from arspec.diagnostics import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL, the data and how much of it."""
    add_model(parser)
    parser.add_argument(
        "--data",
        required=True,
        help="digits, mnist, ..., a folder or a file; photos@size=32 (arspec explain AR840 lists such options)",
    )
    parser.add_argument("--split", default="test", choices=("train", "valid", "test", "all"), help="(%(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="examples at a time (%(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N examples alone")
    parser.add_argument("--members", type=int, default=0, help="members of a family that are averaged, 0: all")
    parser.add_argument("--seed", type=int, default=0, help="of binarization, and of an untrained spec's weights")
    parser.add_argument(
        "--calibrate", type=int, default=128, metavar="N",
        help="examples whose predictions are held to what came, 0: none (%(default)s)",
    )  # fmt: skip
    add_conditions(parser, "; of all examples, instead of what comes with the data")
    parser.add_argument("--plot", metavar="FILE", help="draws the calibration: .png, .svg or .pdf")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Evaluates; exit code 0."""
    at_least(1, args.batch, "--batch")
    at_least(0, args.members, "--members")
    at_least(0, args.calibrate, "--calibrate")
    if args.plot is not None:
        if not args.calibrate:
            raise InputError("AR808", "--plot draws the calibration, and --calibrate 0 leaves it out")
        from arspec.pictures.style import check_figure

        check_figure(Path(args.plot), "calibrations")
    if args.limit is not None:
        at_least(1, args.limit, "--limit")
    from arspec.data import load_for
    from arspec.training.evaluation import evaluate

    model = open_model(args, args.seed)
    # examples drawn from anywhere would overlap: evaluation takes the pieces side by side in every split
    named = {setting.partition("=")[0] for setting in args.condition}
    examples = load_for(model, args.data, args.split, args.seed, without=named)
    examples = examples.side_by_side().first(args.limit)
    chosen, _ = conditions_of(model, args.condition, len(examples), required=False)
    examples = replace(examples, condition={**examples.condition, **chosen})
    found = evaluate(model, examples, args.batch, args.members)
    calibration = _calibration(model, examples.first(args.calibrate), args) if args.calibrate else None
    if args.json:
        record = {"model": args.model, "data": examples.name, "note": examples.note, **found.to_json()}
        say(json.dumps({**record, "calibration": calibration.to_json() if calibration else None}))
    else:
        say(f"{examples.name}{f' ({examples.note})' if examples.note else ''}\n{found}")
        if calibration:
            say(calibration)
    return 0


def _calibration(model: Any, examples: Any, args: argparse.Namespace) -> Any:
    import numpy as np
    import torch

    from arspec.scoring.calibration import calibrate

    x, condition = examples.take(np.arange(len(examples)))
    tensors = as_tensors(condition, model)
    found = calibrate(model, torch.from_numpy(x).to(model.device), tensors, members=args.members)
    if args.plot is not None:
        from arspec.pictures.curves import draw_calibration

        draw_calibration(Path(args.plot), found)
    return found
