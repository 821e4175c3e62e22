"""`arspec verify SPEC ...`: the proof, the tests of the compiled module, and checked proposals for what fails."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from arspec.cli.models import add_set, params_of, spec_of
from arspec.cli.parser import offer
from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec verify`."""
    parser.add_argument("specs", nargs="+", metavar="SPEC", help="files, names of shipped specs, or folders of models")
    add_set(parser)
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--static", action="store_true", help="the proof alone, without torch")
    depth.add_argument("--twin", action="store_true", help="the proof, and tests of the thin twin alone")
    depth.add_argument("--full", action="store_true", help="test every variable at full size")
    contexts = parser.add_argument(
        "--contexts",
        type=_contexts,
        default=True,
        metavar="all|none|N",
        help="compute what is seen by all variables, by none, or by N of them, spread over the order; left out: by all "
        "up to 16,384 variables, else by 64",
    )
    offer(contexts, "all", "none")
    parser.add_argument("--fix", action="store_true", help="show the proposed edit as a diff")
    parser.add_argument("--write", action="store_true", help="with --fix: write the edit to the file")
    parser.add_argument("--json", action="store_true", help="print one JSON array, an object for each spec")
    parser.add_argument("--format", choices=["text", "github"], default="text", help="of diagnostics")


def _contexts(text: str) -> Any:
    """As `prove` takes it."""
    if text == "none":
        return False
    if text != "all" and (not text.isdecimal() or not int(text)):
        raise argparse.ArgumentTypeError(f"it is all, none or a number of variables above 0, not '{text}'")
    return text if text == "all" else int(text)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 where every spec holds as it is now, after an edit that was written too; else 1,
    or 2 for bad input."""
    from arspec.cli.telling import tell
    from arspec.diagnostics import InputError, to_json

    if args.write and not args.fix:
        raise InputError("AR808", "--write goes with --fix", "arspec verify SPEC --fix --write")
    found: list[dict[str, Any]] = []
    codes: list[int] = []
    for path in args.specs:
        try:
            report = _verified(path, args)
            found.append(report.json())
            if not args.json:
                _show(report, args)
            if args.write and report.proposal is not None:
                report = _mended(path, report, args, found[-1])
            codes.append(0 if report.ok else 1)
        except InputError as error:
            if len(args.specs) == 1 and not args.json:
                raise
            codes.append(2)
            found.append({"file": path, "ok": False, "diagnostics": to_json(error.diagnostics)})
            tell(error.diagnostics, sys.stderr, args.format)
    if args.json:
        say(json.dumps(found, indent=1))
    return max(codes)


def _mended(path: str, report: Any, args: argparse.Namespace, found: dict[str, Any]) -> Any:
    """Writes the proposed edit to its file, and gives the report of what stands there now."""
    report.proposal.write()
    again = _verified(path, args)
    found.update(written=report.proposal.name, ok=again.ok, after=again.json())
    if not args.json:
        say(f"  written to {report.proposal.name}; as it stands now:")
        _show(again, args)
    return again


def _verified(path: str, args: argparse.Namespace) -> Any:
    from arspec.analysis.report import prove

    spec = spec_of(path, params_of(args.set))
    if args.static:
        report = prove(spec, args.contexts)
    else:
        from arspec.verification.verifying import verify

        report = verify(spec, full=args.full, twin=args.twin, contexts=args.contexts)
    if not report.proven or args.fix:
        from arspec.analysis.fix import propose, propose_context

        proposal = propose_context(report) if report.proven else propose(report)
        if proposal is not None:
            report.advise(proposal)
    return report


def _show(report: Any, args: argparse.Namespace) -> None:
    from arspec.cli.telling import tell

    say(report)
    if report.diagnostics:
        tell(report.diagnostics, sys.stdout, args.format)
    proposal = report.proposal
    if proposal is None:
        if not report.proven:
            say("  no small edit along the path makes the proof hold and lets the model see its past")
        elif args.fix and report.unseen:
            say("  no other mask of a single line makes it see more")
    elif args.fix:
        say(proposal.diff, end="")
    else:
        say("  arspec verify --fix shows the edit as a diff, --fix --write writes it")
