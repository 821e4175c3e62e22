"""`arspec sample` and `arspec complete`: new examples, and the rest of given ones."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from arspec.cli.chance import add_chance_arguments, chance_of
from arspec.cli.models import add_model, as_tensors, at_least, conditions_of, open_model, say_adapted
from arspec.cli.stream import add_stream_arguments, run_stream, wants_stream
from arspec.diagnostics import InputError


def add_sample_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec sample`."""
    add_model(parser)
    parser.add_argument("-n", type=int, metavar="N", help="how many (default: 16, or one for each given condition)")
    _add_common(parser)
    parser.add_argument("--member", type=int, default=0, help="member of a family of orders or masks (%(default)s)")
    parser.add_argument("--columns", type=int, help="columns of a grid of images")
    add_stream_arguments(parser)


def add_complete_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec complete`."""
    add_model(parser)
    parser.add_argument(
        "--data",
        "--input",
        required=True,
        help="a data set, a folder or a file, such as an image; "
        "photo.jpg@size=32 (arspec explain AR840 lists such options)",
    )
    parser.add_argument("--split", default="test", choices=("train", "valid", "test", "all"), help="(%(default)s)")
    parser.add_argument("-n", type=int, default=8, metavar="N", help="complete the first N examples (%(default)s)")
    parser.add_argument("--each", type=int, default=4, metavar="N", help="completions of each (%(default)s)")
    parser.add_argument(
        "--given",
        default="top-half",
        help="what is kept: top-half, bottom-half, left-half, right-half, hole (all but the middle), prefix:N or suffix:N "
        "(the first or last N numbers of the order), an auxiliary image by its name, or a picture or .npy that is not zero "
        "where variables are kept (%(default)s)",
    )
    parser.add_argument(
        "--how",
        default="auto",
        choices=("auto", "order", "enumeration", "rejection", "particles", "gibbs", "metropolis"),
        help="how the rest is drawn; what that is worth is printed (%(default)s)",
    )
    parser.add_argument("--member", type=int, help="member of a family (default: the one whose order suits best)")
    parser.add_argument("--particles", type=int, default=64, help="of particles, and of a chain's start (%(default)s)")
    parser.add_argument("--sweeps", type=int, default=20, help="of gibbs and metropolis (%(default)s)")
    parser.add_argument("--tries", type=int, default=1000, help="of rejection, for each completion (%(default)s)")
    _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="what is written: .png, .txt, .wav or .npy")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same examples (%(default)s)")
    add_chance_arguments(parser)
    parser.add_argument(
        "--condition",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="classes as 3, 0..9 or 1,2,3, anything else as a .npy file; repeatable",
    )
    parser.add_argument(
        "--method", default="auto", help="auto, once, levels or fixed-point: the same examples, at another speed (auto)"
    )
    parser.add_argument("--explain-method", action="store_true", help="say which method is taken, and why")


def run_sample(args: argparse.Namespace) -> int:
    """Draws samples and says where they are; exit code 0."""
    chance = _check(args)
    model = open_model(args, args.seed)
    from arspec.data.write import check_suffix, write

    out = Path(args.out)
    check_suffix(out, model.spec.data)
    if not 0 <= args.member < model.members:
        raise InputError("AR816", f"the model has the members 0 to {model.members - 1}; {args.member} came")
    if wants_stream(args):
        return run_stream(args, model, chance)
    count = args.n or (None if args.condition else 16)
    condition, longest = conditions_of(model, args.condition, count)
    count = count or longest
    given = as_tensors(condition, model)
    x = model.sample(
        count,
        seed=args.seed,
        member=args.member,
        method=_method(args, model, count, args.member, given),
        **chance,
        **given,
    )
    # one column for each class, where they are dealt out in turn
    columns = args.columns or (longest if 1 < longest < count else None)
    _say(write(x.cpu().numpy(), model.spec.data, out, columns))
    return 0


def run_complete(args: argparse.Namespace) -> int:
    """Completes examples and says where they are; exit code 0."""
    chance = _check(args)
    at_least(1, args.each, "--each")
    model = open_model(args, args.seed)
    import numpy as np
    import torch

    from arspec.cli.given import known_part
    from arspec.completion import complete, plan
    from arspec.data import load
    from arspec.data.write import check_suffix, write

    data, out = model.spec.data, Path(args.out)
    check_suffix(out, data)
    known = known_part(args.given, model)
    named = {setting.partition("=")[0] for setting in args.condition}
    needed = {name: section for name, section in model.spec.condition.items() if name not in named}
    examples = load(args.data, data, needed, args.split, args.seed).side_by_side().first(args.n)
    say_adapted(examples, args)
    x, condition = examples.take(np.arange(len(examples)))
    chosen, _ = conditions_of(model, args.condition, len(x), required=False)
    repeated = {name: values.repeat(args.each, 0) for name, values in {**condition, **chosen}.items()}
    device = next(model.parameters()).device
    kept, conditions = torch.from_numpy(known).to(device), as_tensors(repeated, model)
    effort = {"particles": args.particles, "sweeps": args.sweeps, "tries": args.tries}
    chosen, method = plan(model, kept, args.how, args.member, **effort), args.method
    if not args.quiet:
        print(f"{len(x) * args.each:,} completions {chosen}", file=sys.stderr)
    if chosen.how == "order":
        method = _method(args, model, len(x) * args.each, chosen.given.member, conditions, kept)
    found = complete(
        model, torch.from_numpy(x.repeat(args.each, 0)).to(device), kept, conditions, how=chosen.how, method=method,
        member=chosen.given.member, seed=args.seed, **effort, **chance,
    )  # fmt: skip
    print(f"{found.how}: {found.guarantee}")
    completions = found.values.cpu().numpy().reshape(len(x), args.each, *data.shape)
    if out.suffix.lower() != ".png":
        _say(write(completions.reshape(-1, *data.shape), data, out))
        return 0
    given = np.where(known, x, -1)
    rows = np.concatenate([x[:, None], given[:, None], completions], 1)
    _say(write(rows.reshape(-1, *data.shape), data, out, columns=args.each + 2))
    print("each row: the example, what was given of it, its completions")
    return 0


def _check(args: argparse.Namespace) -> dict[str, Any]:
    if args.n is not None:
        at_least(1, args.n, "-n")
    return chance_of(args)


def _method(
    args: argparse.Namespace, model: Any, count: int, member: int, condition: dict[str, Any], known: Any = None
) -> str:
    """The method by which `count` examples are drawn; says which it is, and why, where that is asked for."""
    if args.explain_method:
        from arspec.runtime.method import choose

        choice = choose(model, count, args.method, member, known, condition)
        print(choice, file=sys.stderr)
        return choice.method
    return args.method


def _say(paths: list[Path]) -> None:
    for path in paths:
        print(path)
