"""`arspec sample` and `arspec complete`: new examples, and the rest of given ones."""

from __future__ import annotations

import argparse
import sys
from typing import Any, get_args

from arspec.choices import Storage
from arspec.cli.chance import add_chance_arguments, chance_of
from arspec.cli.given import PARTS
from arspec.cli.method import add_method_arguments, method_of
from arspec.cli.models import (
    add_conditions,
    add_model,
    as_tensors,
    at_least,
    conditions_of,
    names_spec,
    open_model,
    params_of,
    say_adapted,
    spec_of,
)
from arspec.cli.outputs import Output, add_output_arguments, settle_output
from arspec.cli.parser import offer
from arspec.cli.plan import add_plan_arguments, run_plan
from arspec.cli.saying import say
from arspec.cli.stream import add_stream_arguments, run_stream, wants_stream
from arspec.diagnostics import InputError


def add_sample_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec sample`."""
    add_model(parser)
    parser.add_argument("-n", type=int, metavar="N", help="how many (default: 16, or one for each given condition)")
    _add_common(parser)
    add_plan_arguments(parser)
    parser.add_argument("--member", type=int, default=0, help="member of a family of orders or masks (%(default)s)")
    parser.add_argument("--columns", type=int, help="columns of a grid of images")
    weights = parser.add_argument(
        "--weights",
        default="exact",
        metavar="BITS",
        help="exact, bfloat16 or int8: in how many bits linear layers have their weights while drawing (%(default)s)",
    )
    offer(weights, *get_args(Storage))
    add_stream_arguments(parser)


def add_complete_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec complete`."""
    add_model(parser)
    parser.add_argument(
        "--data",
        "--input",
        required=True,
        help="a data set, a folder or a file, such as an image or the beginning of a text; "
        "photo.jpg@size=32 (arspec explain AR840 lists such options)",
    )
    parser.add_argument(
        "--split", choices=("train", "valid", "test", "all"), help="(default: test; a single file is taken whole)"
    )
    parser.add_argument("-n", type=int, default=8, metavar="N", help="complete the first N examples (%(default)s)")
    parser.add_argument("--each", type=int, default=4, metavar="N", help="completions of each (%(default)s)")
    given = parser.add_argument(
        "--given",
        help="what is kept: top-half, bottom-half, left-half, right-half, hole (all but the middle), prefix:N or "
        "suffix:N (the first or last N numbers of the order), an auxiliary image by its name, or a picture or .npy "
        "that is not zero where variables are kept (default: top-half of pictures, the first half of others; all of "
        "what is shorter than the sequences of the model)",
    )
    offer(given, *PARTS, "prefix:", "suffix:")
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
    add_output_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same examples (%(default)s)")
    add_chance_arguments(parser)
    add_conditions(parser)
    add_method_arguments(parser)


def run_sample(args: argparse.Namespace) -> int:
    """Draws samples and says where they are, or explains their plan; exit code 0."""
    if args.columns is not None:
        at_least(1, args.columns, "--columns")
    chance = {**_check(args), "weights": args.weights}
    if args.explain_plan:
        return run_plan(args)
    if args.json:
        raise InputError("AR808", "--json goes with --explain-plan", "arspec sample MODEL --explain-plan --json")
    model = _open(args, "sample")
    from arspec.data.write import write
    from arspec.pictures.samples import render_samples

    output = Output(args, model.spec.data)
    if not 0 <= args.member < model.members:
        raise InputError("AR816", f"the model has the members 0 to {model.members - 1}; {args.member} came")
    if wants_stream(args):
        return run_stream(args, model, chance, output)
    count = args.n or (None if args.condition else 16)
    condition, longest = conditions_of(model, args.condition, count)
    count = count or longest
    output.check(count)
    given = as_tensors(condition, model)
    x = model.sample(
        count,
        seed=args.seed,
        member=args.member,
        method=method_of(args, model, count, args.member, given),
        **chance,
        **given,
    )
    # one column for each class, where they are dealt out in turn
    columns = args.columns or (longest if 1 < longest < count else None)
    with output.file() as path:
        if output.printed:
            from arspec.notebook.model import labels_of

            name, temperature = model.spec.name, f", temperature {args.temperature:g}" * (args.temperature != 1)
            paths = render_samples(
                x.cpu().numpy(), model.spec.data, path, columns=columns, labels=labels_of(model, given, count),
                caption=f"{count:,} sample{'s' * (count != 1)} of {name}, seed {args.seed}{temperature}.",
            )  # fmt: skip
        else:
            paths = write(x.cpu().numpy(), model.spec.data, path, columns)
    output.say_paths(paths)
    return 0


def run_complete(args: argparse.Namespace) -> int:
    """Completes examples and says where they are; exit code 0."""
    chance = _check(args)
    at_least(1, args.each, "--each")
    model = _open(args, "complete")
    import numpy as np
    import torch

    from arspec.cli.given import known_part
    from arspec.completion import complete, plan
    from arspec.data.begun import load_begun, usual_split
    from arspec.data.write import as_images, write
    from arspec.pictures.samples import render_samples

    data = model.spec.data
    output = Output(args, data)
    named = {setting.partition("=")[0] for setting in args.condition}
    needed = {name: section for name, section in model.spec.condition.items() if name not in named}
    examples, there = load_begun(args.data, data, needed, args.split or usual_split(args.data), args.seed,
                                 names=model.names, settable=model.spec.class_params)  # fmt: skip
    examples = examples.side_by_side().first(args.n)
    if len(examples) * args.each * data.variables > sys.maxsize // 8:  # of bytes, which numpy does not count
        raise MemoryError
    say_adapted(examples, args)
    known = known_part(args.given, model, there)
    output.check(len(examples) * args.each)
    x, condition = examples.take(np.arange(len(examples)))
    chosen, _ = conditions_of(model, args.condition, len(x), required=False)
    repeated = {name: values.repeat(args.each, 0) for name, values in {**condition, **chosen}.items()}
    device = next(model.parameters()).device
    kept, conditions = torch.from_numpy(known).to(device), as_tensors(repeated, model)
    effort = {"particles": args.particles, "sweeps": args.sweeps, "tries": args.tries}
    chosen, method = plan(model, kept, args.how, args.member, **effort), args.method
    if not args.quiet:
        say(f"{len(x) * args.each:,} completion{'s' * (len(x) * args.each != 1)} {chosen}", file=sys.stderr)
    if chosen.how == "order":
        method = method_of(args, model, len(x) * args.each, chosen.given.member, conditions, kept)
    found = complete(
        model, torch.from_numpy(x.repeat(args.each, 0)).to(device), kept, conditions, how=chosen, method=method,
        seed=args.seed, **effort, **chance,
    )  # fmt: skip
    output.say([f"{found.how}: {found.guarantee}"])
    completions = found.values.cpu().numpy().reshape(len(x), args.each, *data.shape)
    picture = output.suffix == ".png" or (output.printed and as_images(x[:1], data) is not None)
    if picture:
        given = np.where(known, x, -1)
        completions = np.concatenate([x[:, None], given[:, None], completions], 1)
    every, across = completions.reshape(-1, *data.shape), args.each + 2 if picture else None
    with output.file() as path:
        if output.printed:
            titles = ["example", "given", *(f"completion {k + 1}" for k in range(args.each))] if picture else []
            caption = f"Completions by {model.spec.name}, seed {args.seed}: {found.how}."
            paths = render_samples(every, data, path, columns=across, titles=titles, caption=caption)
        else:
            paths = write(every, data, path, across)
    output.say_paths(paths)
    if picture:
        output.say(["each row: the example, what was given of it, its completions"])
    return 0


def _open(args: argparse.Namespace, command: str) -> Any:
    """The model, and where its output goes: a spec says that before its network is made."""
    if names_spec(args.model):
        settle_output(args, command, spec_of(args.model, params_of(args.set)))
    model = open_model(args, args.seed)
    settle_output(args, command, model.spec)
    return model


def _check(args: argparse.Namespace) -> dict[str, Any]:
    if args.n is not None:
        at_least(1, args.n, "-n")
    return chance_of(args)
