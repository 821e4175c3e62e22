"""`arspec sample` and `arspec complete`: new examples, and the rest of given ones."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from arspec.cli.models import add_model, as_tensors, at_least, conditions_of, open_model
from arspec.diagnostics import InputError


def add_sample_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec sample`."""
    add_model(parser)
    parser.add_argument("-n", type=int, metavar="N", help="how many (default: 16, or one for each given condition)")
    _add_common(parser)
    parser.add_argument("--member", type=int, default=0, help="member of a family of orders or masks (%(default)s)")
    parser.add_argument("--columns", type=int, help="columns of a grid of images")


def add_complete_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec complete`."""
    add_model(parser)
    parser.add_argument("--data", "--input", required=True, help="a data set, a folder or a file, such as an image")
    parser.add_argument("--split", default="test", choices=("train", "valid", "test", "all"), help="(%(default)s)")
    parser.add_argument("-n", type=int, default=8, metavar="N", help="complete the first N examples (%(default)s)")
    parser.add_argument("--each", type=int, default=4, metavar="N", help="completions of each (%(default)s)")
    parser.add_argument(
        "--given",
        default="top-half",
        help="what is kept: top-half, left-half, prefix:N (the first N numbers of the order), an auxiliary image by its "
        "name, or a picture or .npy that is not zero where variables are kept (%(default)s)",
    )
    _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="what is written: .png, .txt, .wav or .npy")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same examples (%(default)s)")
    parser.add_argument("--temperature", type=float, default=1.0, help="below 1: likelier examples (%(default)s)")
    parser.add_argument(
        "--condition",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="classes as 3, 0..9 or 1,2,3, anything else as a .npy file; repeatable",
    )


def run_sample(args: argparse.Namespace) -> int:
    """Draws samples and says where they are; exit code 0."""
    _check(args)
    model = open_model(args, args.seed)
    from arspec.data.write import check_suffix, write

    out = Path(args.out)
    check_suffix(out, model.spec.data)
    if not 0 <= args.member < model.members:
        raise InputError("AR816", f"the model has the members 0 to {model.members - 1}; {args.member} came")
    count = args.n or (None if args.condition else 16)
    condition, longest = conditions_of(model, args.condition, count)
    count = count or longest
    x = model.sample(
        count,
        seed=args.seed,
        temperature=args.temperature,
        member=args.member,
        progress=sys.stderr.isatty(),
        **as_tensors(condition, model),
    )
    # one column for each class, where they are dealt out in turn
    columns = args.columns or (longest if 1 < longest < count else None)
    _say(write(x.cpu().numpy(), model.spec.data, out, columns))
    return 0


def run_complete(args: argparse.Namespace) -> int:
    """Completes examples and says where they are; exit code 0."""
    _check(args)
    at_least(1, args.each, "--each")
    model = open_model(args, args.seed)
    import numpy as np
    import torch

    from arspec.data import load
    from arspec.data.write import check_suffix, write

    data, out = model.spec.data, Path(args.out)
    check_suffix(out, data)
    known = known_part(args.given, model)
    named = {setting.partition("=")[0] for setting in args.condition}
    needed = {name: section for name, section in model.spec.condition.items() if name not in named}
    examples = load(args.data, data, needed, args.split, args.seed).side_by_side().first(args.n)
    x, condition = examples.take(np.arange(len(examples)))
    chosen, _ = conditions_of(model, args.condition, len(x), required=False)
    repeated = {name: values.repeat(args.each, 0) for name, values in {**condition, **chosen}.items()}
    device = next(model.parameters()).device
    drawn = model.complete(
        torch.from_numpy(x.repeat(args.each, 0)).to(device),
        torch.from_numpy(known).to(device),
        seed=args.seed,
        temperature=args.temperature,
        **as_tensors(repeated, model),
    )
    completions = drawn.cpu().numpy().reshape(len(x), args.each, *data.shape)
    if out.suffix.lower() != ".png":
        _say(write(completions.reshape(-1, *data.shape), data, out))
        return 0
    given = np.where(known, x, -1)
    rows = np.concatenate([x[:, None], given[:, None], completions], 1)
    _say(write(rows.reshape(-1, *data.shape), data, out, columns=args.each + 2))
    print("each row: the example, what was given of it, its completions")
    return 0


def known_part(given: str, model: Any) -> Any:
    """The variables that are kept, bool [*shape]."""
    import numpy as np

    data = model.spec.data
    known: Any = np.zeros(data.shape, dtype=bool)
    if given in ("top-half", "left-half"):
        display = data.display if data.kind == "vector" else None
        if data.kind == "image":
            picture = known
        elif display is not None:
            picture = known.reshape(1, *display)
        else:
            raise InputError("AR808", f"--given {given} is for images; this model is of a {data.kind}", "use prefix:N")
        if given == "top-half":
            picture[:, : picture.shape[1] // 2] = True
        else:
            picture[:, :, : picture.shape[2] // 2] = True
        return known
    if given in data.auxiliary:
        known[: 1 + list(data.auxiliary).index(given)] = True  # and those that come before it
        return known
    if given.startswith("prefix:"):
        count = int(given[7:]) if given[7:].isdecimal() else 0
        if not 0 < count < data.variables:
            raise InputError(
                "AR808", f"--given {given}: N lies from 1 to {data.variables - 1}", "for example prefix:100"
            )
        from arspec.runtime.completion import scalar_ranks

        ranks = scalar_ranks(model, 0)
        known.reshape(-1)[ranks <= np.sort(ranks)[count - 1]] = True  # what has equal ranks stays together
        return known
    return _mask_file(given, data, known)


def _mask_file(given: str, data: Any, known: Any) -> Any:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    path = Path(given)
    if not path.is_file():
        hint = "give top-half, left-half, prefix:N, a picture or a .npy"
        raise InputError("AR808", f"--given {given}: there is no such part or file", hint)
    try:
        if path.suffix.lower() == ".npy":
            mask = np.load(path, allow_pickle=False)
        else:
            with Image.open(path) as file:
                mask = np.asarray(file.convert("L"))
    except (OSError, ValueError, EOFError, UnidentifiedImageError) as error:
        raise InputError("AR803", f"cannot read {path} as a mask: {error}") from error
    size = known.shape[1:] if data.kind == "image" else known.shape
    if mask.shape not in (known.shape, size, getattr(data, "display", None)):
        raise InputError("AR804", f"the mask {path} has the shape {list(mask.shape)}, the data {list(known.shape)}")
    if data.kind == "image":
        known[:] = mask != 0
    else:
        known[:] = (mask != 0).reshape(known.shape)
    return known


def _check(args: argparse.Namespace) -> None:
    if args.n is not None:
        at_least(1, args.n, "-n")
    if not args.temperature > 0:
        raise InputError("AR808", f"--temperature is above 0; {args.temperature:g} came")


def _say(paths: list[Path]) -> None:
    for path in paths:
        print(path)
