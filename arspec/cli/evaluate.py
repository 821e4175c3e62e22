"""`arspec eval MODEL --data NAME`: nats and bits/dim of held-out examples."""

from __future__ import annotations

import argparse
import json

from arspec.cli.models import add_model, at_least, open_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL, the data and how much of it."""
    add_model(parser)
    parser.add_argument("--data", required=True, help="digits, mnist, ..., a folder or a file")
    parser.add_argument("--split", default="test", choices=("train", "valid", "test", "all"), help="(%(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="examples at a time (%(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N examples alone")
    parser.add_argument("--members", type=int, default=0, help="members of a family that are averaged, 0: all")
    parser.add_argument("--seed", type=int, default=0, help="of binarization, and of an untrained spec's weights")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Evaluates; exit code 0."""
    at_least(1, args.batch, "--batch")
    at_least(0, args.members, "--members")
    if args.limit is not None:
        at_least(1, args.limit, "--limit")
    from arspec.data import load
    from arspec.training.evaluation import evaluate

    model = open_model(args, args.seed)
    # examples drawn from anywhere would overlap: evaluation takes the pieces side by side in every split
    examples = load(args.data, model.spec.data, model.spec.condition, args.split, args.seed)
    examples = examples.side_by_side().first(args.limit)
    found = evaluate(model, examples, args.batch, args.members)
    if args.json:
        print(json.dumps({"model": args.model, "data": examples.name, "note": examples.note, **found.to_json()}))
    else:
        print(f"{examples.name}{f' ({examples.note})' if examples.note else ''}\n{found}")
    return 0
