"""`arspec explore SPEC [SPEC] -o page.html`: a page to walk through a spec, or through two side by side; of a trained
model with what it draws and what surprises it; with `--serve` served to this machine while one edits."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from arspec.cli.models import add_device, add_set, params_of, say_adapted, spec_of
from arspec.cli.outputs import STANDARD, put_text
from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec explore`."""
    parser.add_argument("what", nargs="+", metavar="SPEC",
                        help="the spec, a file or the name of a shipped one, or the folder of a trained model; two to "
                        "compare them")  # fmt: skip
    parser.add_argument("-o", "--out", metavar="FILE", help="x.html: one file, which loads nothing from elsewhere")
    parser.add_argument(
        "--serve", nargs="?", type=int, const=0, metavar="PORT",
        help="serve the page to this machine, and make it anew whenever a file of the spec changes",
    )  # fmt: skip
    add_set(parser)
    parser.add_argument("--data", action="append", default=[], metavar="KEY=VALUE",
                        help="another size of the data: height=8")  # fmt: skip
    group = parser.add_argument_group("of a trained model")
    group.add_argument("--samples", type=int, metavar="N", help="drawn of each class; 0 draws none (4, without "
                       "classes 12)")  # fmt: skip
    group.add_argument("--temperatures", metavar="T,T", help="at which they are drawn (0.7,0.85,1,1.15)")
    group.add_argument("--examples", metavar="DATA", help="whose surprise is shown: digits, a folder or a file "
                       "(default: what a run was trained on)")  # fmt: skip
    group.add_argument("--split", default="test", choices=("train", "valid", "test", "all"), help="(%(default)s)")
    group.add_argument("--seed", type=int, default=0, help="of the samples (%(default)s)")
    add_device(parser)
    parser.add_argument("--facts", metavar="FILE", help="x.json: what the page is told, for programs; - is "
                        "standard output")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Writes the page and prints its path; exit code 0 also for a spec that leaks, whose way the page shows."""
    from arspec.diagnostics import InputError
    from arspec.exploring.making import beside
    from arspec.exploring.packing import as_json
    from arspec.exploring.page import MOST, write_page
    from arspec.files.atomic import write_text

    if len(args.what) > MOST:
        raise InputError("AR808", f"a page shows one spec, or two to compare, and {len(args.what)} are named",
                         "name two of them")  # fmt: skip
    if args.serve is not None:
        return _serve(args)
    if args.out is None and args.facts is None:
        raise InputError("AR808", "the page needs a name", "add -o page.html, or --serve")
    _check_places(args)  # before the work
    made = beside([_made(args, name) for name in args.what])
    facts = None if args.facts is None else as_json([(one.facts, one.store.block) for one in made])
    standard = args.facts == STANDARD
    if facts is not None and not standard:
        write_text(Path(str(args.facts)), facts)
        say(args.facts)
    if args.out is not None:
        page = write_page(made, args.out)
        say(page, file=sys.stderr if standard else sys.stdout)
    if facts is not None and standard:
        put_text(facts)
    return 0


def _check_places(args: argparse.Namespace) -> None:
    """InputError where the page or the facts can't be written, and where one would be written over the other."""
    from arspec.diagnostics import InputError
    from arspec.exploring.page import page_path
    from arspec.files.atomic import check_place

    places = [check_place(page_path(args.out))] if args.out is not None else []
    places += [check_place(Path(args.facts))] if args.facts is not None and args.facts != STANDARD else []
    if len({*places}) < len(places):
        raise InputError("AR808", f"-o and --facts both name {args.out}", "give the facts a name of their own: x.json")


def _made(args: argparse.Namespace, name: str) -> Any:
    from arspec.diagnostics import InputError
    from arspec.exploring.making import facts_of_spec

    trained = _trained(name)
    if trained and not (args.set or args.data):
        return _of_model(args, name)
    for option in ("samples", "temperatures", "examples"):
        if getattr(args, option) is not None and not any(map(_trained, args.what)):
            raise InputError("AR808", f"--{option} is of a trained model, and {name} is a spec",
                             "name the folder of a run")  # fmt: skip
    return facts_of_spec(_spec(args, name))


def _trained(name: str) -> bool:
    from arspec.saving.spec_file import SETTINGS

    return (Path(name) / SETTINGS).is_file() or name.endswith(".safetensors")


def _of_model(args: argparse.Namespace, name: str) -> Any:
    from arspec import api
    from arspec.data import load_for
    from arspec.exploring.of_model import TEMPERATURES, Drawing, facts_of_model
    from arspec.training.runs import data_of

    temperatures = TEMPERATURES if args.temperatures is None else _numbers(args.temperatures)
    drawing = Drawing(args.samples, temperatures, args.seed)
    model = api.open(name, args.device)
    source = data_of(name) if args.examples is None else args.examples
    examples = None if source is None else load_for(model, source, args.split, args.seed).side_by_side()
    if examples is not None:
        say_adapted(examples, args)
    return facts_of_model(model, Path(name).name, examples, drawing)


def _numbers(text: str) -> list[float]:
    from arspec.diagnostics import InputError

    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError("AR808", f"--temperatures {text}: these are no numbers", "for example 0.7,1,1.3") from None


def _serve(args: argparse.Namespace) -> int:
    from arspec.diagnostics import InputError
    from arspec.exploring.serving import Watched, serve

    if args.out is not None or args.facts is not None:
        raise InputError("AR808", "--serve writes no file", "leave -o and --facts out, or --serve")
    for option in ("samples", "temperatures", "examples"):
        if getattr(args, option) is not None:
            raise InputError("AR808", f"--{option} is of a page that is written; --serve follows the files of a spec",
                             f"leave --{option} or --serve out")  # fmt: skip
    serve(Watched(args.what, lambda name: _spec(args, name)), args.serve, _told)
    return 0


def _told(address: str) -> None:
    say(f"{address}  (it follows the files of the spec; end it by Ctrl-C)")


def _spec(args: argparse.Namespace, name: str) -> Any:
    return spec_of(name, params_of(args.set), params_of(args.data, "--data"))
