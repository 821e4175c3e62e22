"""`arspec sample MODEL --explain-plan`: the passes that plan a sample, with figures. It draws nothing and needs no
torch."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from arspec.cli.models import names_spec, params_of
from arspec.cli.saying import say
from arspec.cli.stream import wants_stream
from arspec.diagnostics import InputError
from arspec.language.load import Spec


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """`--explain-plan` and `--json`."""
    parser.add_argument(
        "--explain-plan",
        action="store_true",
        help="draw nothing: print the passes by which the steps of a sample are planned, and what each has done",
    )
    parser.add_argument("--json", action="store_true", help="with --explain-plan: print it as JSON")


def run_plan(args: argparse.Namespace) -> int:
    """Prints the plan of a model or a spec; exit code 0. InputError (AR940) for what has none."""
    from arspec.sampler.plan.explain import explain
    from arspec.sampler.plan.plans import depth_pays, method_named

    if wants_stream(args):
        raise InputError("AR940", "--explain-plan is of whole samples, and a stream has a plan of its own",
                         "leave out --length, --seconds, --prompt and --prefix")  # fmt: skip
    if args.out is not None:
        raise InputError("AR940", "--explain-plan draws nothing that could be written", "leave out -o")
    method = method_named(args.method)
    if method == "fixed-point":
        raise InputError("AR940", "the method 'fixed-point' has no plan: it runs the whole network, again and again",
                         "--method once or --method depth")  # fmt: skip
    spec = _spec(args)
    graph = spec.graph()
    if not 0 <= args.member < len(graph.members):
        raise InputError("AR816", f"the model has the members 0 to {len(graph.members) - 1}; {args.member} came")
    if method == "auto":
        method = "depth" if depth_pays(graph, args.member) else "once"
    found = explain(spec, args.member, method)
    say(json.dumps(found.json(), indent=1) if args.json else found)
    return 0


def _spec(args: argparse.Namespace) -> Spec:
    """A spec, or that of a model folder or of its file of weights."""
    if names_spec(args.model):
        from arspec.language.load import load

        return load(args.model, params_of(args.set))
    from arspec.saving.spec_file import read_spec

    if args.set:
        raise InputError("AR808", "--set sets the parameters of a spec; a trained model has those it was trained with")
    path = Path(args.model)
    return read_spec(path if os.path.isdir(path) else path.parent)
