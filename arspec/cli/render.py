"""`arspec render SPEC ... -o x.svg`: the diagram of a spec, with `--field` its order, masks and contexts (with
`--effective` its gradients), with `--schedule` what its sampler computes at a step."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from arspec.choices import PANELS
from arspec.cli.models import add_set, names_spec, params_of, spec_of
from arspec.cli.parser import offer
from arspec.cli.saying import say

if TYPE_CHECKING:
    from arspec.language.load import Spec
    from arspec.shown import Picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec render`."""
    parser.add_argument("specs", nargs="+", metavar="SPEC",
                        help="the spec, a file or the name of a shipped one; several with --field, side by side; "
                        "with --effective also what train has written")  # fmt: skip
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="x.svg, .png, .pdf; a diagram also .dot")
    add_set(parser)
    parser.add_argument(
        "--data", action="append", default=[], metavar="KEY=VALUE", help="another size of the data: height=8"
    )
    parser.add_argument("--member", type=int, default=0, metavar="K", help="of a family of orders (default 0)")
    width = parser.add_argument(
        "--width", metavar="W", help="of the picture: column (3.3 inches), page (6.75) or inches"
    )
    offer(width, "column", "page")
    layout = parser.add_argument(
        "--layout", metavar="L", help="of a diagram: tall (default), or wide, as a paper has it"
    )
    offer(layout, "tall", "wide")
    parser.add_argument(
        "--shapes",
        action=argparse.BooleanOptionalAction,
        help="the types on a diagram's edges (default: of a tall one)",
    )
    parser.add_argument("--parameters", action="store_true", help="how many weights a diagram's nodes have")
    parser.add_argument("--unfold", action="store_true", help="draw every repetition, not the first for all")
    parser.add_argument(
        "--schedule", type=int, metavar="STEP", help="what the sampler has cached and computes at this step, from 0"
    )
    field = parser.add_argument_group("--field")
    field.add_argument("--field", action="store_true", help="order, mask, context and blind spot of a variable")
    field.add_argument(
        "--effective",
        action="store_true",
        help="instead the mean gradient by each earlier position: of a spec untrained",
    )
    field.add_argument("--variable", metavar="ROW,COLUMN", help="ROW,COLUMN[,CHANNEL] of an image, STEP, or ENTRY")
    field.add_argument("--node", metavar="NAME", help="whose mask is shown (default: the first masked node)")
    panels = field.add_argument("--panels", metavar="A,B", help="some of order, mask, tree, context, blind_spot")
    offer(panels, *PANELS)


def run(args: argparse.Namespace) -> int:
    """Writes the picture and prints its path; exit code 0 also for a spec that leaks, which the picture shows."""
    from arspec.diagnostics import InputError

    for name in ("variable", "node", "panels", "effective"):
        if getattr(args, name) not in (None, False) and not args.field:
            raise InputError("AR808", f"--{name} goes with --field", f"arspec render SPEC --field --{name} ...")
    for name in ("node", "panels"):
        if getattr(args, name) is not None and args.effective:
            raise InputError("AR808", f"--effective draws a single panel, without --{name}", "leave one of them out")
    if args.schedule is not None and (args.field or args.unfold):
        other = "--field" if args.field else "--unfold"
        raise InputError("AR808", f"--schedule draws a picture of its own, without {other}", "leave one of them out")
    if args.field and args.unfold:
        raise InputError("AR808", "--unfold is of diagrams, --field draws none", "leave one of them out")
    for name in ("layout", "shapes", "parameters"):
        if getattr(args, name) not in (None, False) and (args.field or args.schedule is not None):
            other = "--field" if args.field else "--schedule"
            raise InputError("AR808", f"--{name} is of diagrams, {other} draws none", "leave one of them out")
    if len(args.specs) > 1 and not args.field:
        raise InputError(
            "AR808",
            f"{'a diagram' if args.schedule is None else 'a schedule'} is of one spec, and {len(args.specs)} are named",
            "add --field, or draw them one by one",
        )
    variable = _numbers(args.variable)
    if args.effective:
        from arspec.pictures.effective import render_effective

        models = _models(args)
        _check_variable([model.spec for model in models], variable)
        say(render_effective(models, args.out, variable=variable, member=args.member, width=args.width))
        return 0
    specs = [spec_of(path, params_of(args.set), params_of(args.data, "--data")) for path in args.specs]
    if args.field:
        from arspec.pictures.field import field_picture

        _check_variable(specs, variable)
        only = args.panels.split(",") if args.panels else None
        _say(
            args,
            field_picture(specs, variable=variable, node=args.node, member=args.member, only=only, width=args.width),
        )
    elif args.schedule is not None:
        from arspec.pictures.schedule import render_schedule

        say(render_schedule(specs[0], args.out, args.schedule, member=args.member, width=args.width))
    else:
        from arspec.pictures.diagram import diagram_picture

        _say(args, diagram_picture(specs[0], args.unfold, args.member, layout=args.layout or "tall", shapes=args.shapes,
                                   parameters=args.parameters, width=args.width))  # fmt: skip
    return 0


def _say(args: argparse.Namespace, picture: Picture) -> None:
    """Writes a picture, and says where it is; its caption is for whoever puts it into a text."""
    say(picture.save(args.out))
    if not args.quiet:
        say(picture.caption, file=sys.stderr)


def _models(args: argparse.Namespace) -> list[Any]:
    """What is named, as models on the CPU. A spec that leaks too: the picture shows it."""
    from arspec import api
    from arspec.diagnostics import InputError
    from arspec.training.checkpoint import load_model

    settings = params_of(args.set), params_of(args.data, "--data")
    models: list[Any] = []
    for name in args.specs:
        if names_spec(name):
            models.append(api.compile(api.load(name, *settings), check=False))
        elif any(settings):
            raise InputError("AR808", f"--set and --data are of specs; {name} has the size it was trained with", None)
        else:
            models.append(load_model(name, "cpu"))
    return models


def _check_variable(specs: list[Spec], variable: tuple[int, ...] | None) -> None:
    """InputError, in the words of the flag, for a variable that one of the specs has not."""
    from arspec.pictures.states import check_variable

    for spec in specs if variable is not None else []:
        check_variable(spec, variable, flag=True)


def _numbers(text: str | None) -> tuple[int, ...] | None:
    from arspec.diagnostics import InputError

    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        help = "such as --variable 4,4 of an image, or --variable 7 of a sequence or a vector"
        raise InputError("AR808", f"--variable {text}: whole numbers with commas between them", help)
    return tuple(int(part) for part in parts)
