"""`arspec audit package.module:callable`: the command line of the audit."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from arspec.choices import MODES
from arspec.cli.parser import offer
from arspec.cli.saying import say
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.auditing import AuditReport
    from arspec.auditing.verdicts import Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec audit`."""
    # "-1,1" is a value, not a flag: argparse knows negative numbers by this pattern, here made to know pairs of them.
    parser._negative_number_matcher = re.compile(r"-[\d.]")  # pyright: ignore[reportPrivateUsage]
    add = parser.add_argument
    add("callable", help="package.module:callable or file.py:callable, giving a torch.nn.Module; or transformers:NAME")
    add(
        "--input",
        default="b t",
        metavar="PATTERN",
        help="axes of the input, b the batch, as in 'b c h w' (%(default)s)",
    )
    add("--output", default="b t k", metavar="PATTERN", help="of the output, as in 'b (k c) h w' (default %(default)s)")
    add("--size", metavar="SIZES", help="sizes of the axes, for example c=3,h=8,w=8 (default 16 each)")
    add("--levels", type=int, help="values that a variable can take (default 256, or the vocabulary)")
    add("--range", default="-1,1", metavar="LOW,HIGH", help="of float inputs (default %(default)s)")
    add("--input-kind", choices=("auto", "float", "int"), default="auto", help="what the input is made of")
    add("--order", metavar="SCAN", help="order of generation (default: raster for images, natural for sequences)")
    add("--ranks", metavar="RANKS", help="an order as ranks, which may be equal: 3,0,1,2 or a .npy file")
    add("--flip", action="append", default=[], choices=("rows", "columns"), help="mirror the order; may be repeated")
    add("--transpose", action="store_true", help="transpose the order")
    add("--channels", choices=("sequential", "joint"), help="default: by whether the output has the axis c")
    add("--offset", type=int, metavar="N", help="output t speaks of variable t + N (default 0; 1 for transformers)")
    add("--take", metavar="ENTRY", help="number or name of the entry, where the output is a tuple or a dict")
    add(
        "--config", action="append", default=[], metavar="KEY=VALUE", help="of a class of transformers; may be repeated"
    )
    add("--kwargs", default="{}", metavar="YAML", help="arguments of the callable, for example '{layers: 4}'")
    add("--with", dest="condition", default="{}", metavar="YAML", help="further arguments of the module's call")
    add("--deeper", metavar="YAML", help="arguments that build it deeper: tells blind from out of reach")
    modes = add("--modes", metavar="NAMES", help="only these, for example evaluation,training (default: all it offers)")
    offer(modes, *MODES)
    add("--lengths", metavar="LENGTHS", help="other lengths to try, for example 7,8,9 (default: by powers of two)")
    add(
        "--variant",
        action="append",
        default=[],
        metavar="NAME=YAML",
        help="other arguments of the callable, for example eager='{attn_implementation: eager}'; may be repeated",
    )
    cache = add("--cache", default="auto", metavar="NAME", help="a keyword, a method, off (default %(default)s)")
    offer(cache, "auto", "off")
    sides = add("--padding", default="left,right", metavar="SIDES", help="where rows are padded (default %(default)s)")
    offer(sides, "left", "right", "left,right")
    add("--padding-mask", default="attention_mask", metavar="KEYWORD", help="of the call (default %(default)s)")
    add("--documents", metavar="KEYWORD", help="of the call, which takes numbers of packed documents")
    add("--forbid", metavar="PAIRS", help="in place of an order: pairs.npy [output, input], or file.py:function of V")
    add("--precision", choices=("auto", "float64", "float32"), default="auto", help="default: the best it runs in")
    add("--again", metavar="KEYWORD", help="of the call: it is given the input a second time, such as targets")
    add("--one-hot", metavar="AXIS", help="of the input, which holds a one-hot code of the levels")
    add("--last", type=int, metavar="N", help="the output speaks of the last N positions alone")
    add("--sampler", metavar="METHOD", help="method that is called with a number of samples, and checked")
    add("--head", choices=("categorical", "bernoulli"), default="categorical", help="of the sampler's check")
    add("--samples", type=int, default=1024, help="of the sampler's check (default %(default)s)")
    add("--draws", type=int, default=3, help="of the weights: the module's own, then random ones (default %(default)s)")
    add("--seed", type=int, default=0, help="of the weights that the callable draws, and of the inputs (default 0)")
    accept = add("--accept", default="", metavar="VERDICTS", help="that pass: given-route, not-decided (with commas)")
    offer(accept, "given-route", "not-decided", "given-route,not-decided")
    add("--strict", action="store_true", help="a proof with the route given does not pass, unless accepted")
    add("--picture", metavar="FILE", help="write the dependency picture, x.png, .svg or .pdf")
    add("--explore", metavar="FILE.html", help="write a page to walk through its operations, lines and dependence")
    add("--json", action="store_true", help="print the findings as JSON")
    add("--format", choices=("text", "json", "github"), default="text", help="github: annotations beside the lines")


def run(args: argparse.Namespace) -> int:
    """0: it is proven (blind spots are told and hold), or what it is is accepted; 1: it leaks, or two ways to compute
    the same differ; 3: not decided, or with --strict the route is given."""
    from arspec.auditing.asserting import accepted
    from arspec.auditing.auditing import audit
    from arspec.auditing.loading import load_callable
    from arspec.auditing.patterns import parse_sizes
    from arspec.auditing.picture import draw
    from arspec.pictures.style import check_figure

    accepting, asked = accepted(args.accept), _asked(args)
    if args.picture:
        check_figure(Path(args.picture), "pictures of an audit")
    if args.explore:
        from arspec.exploring.page import page_path
        from arspec.files.atomic import check_place

        check_place(page_path(args.explore))  # before the work
    with redirect_stdout(sys.stderr):  # what the module prints is no part of the report
        kwargs = _mapping("--kwargs", args.kwargs)
        sizes = None if args.size is None else parse_sizes(args.size)
        if args.callable.startswith("transformers:"):
            build = _of_transformers(args, sizes := sizes or {})
            module = build()
        else:
            if args.config:
                raise InputError("AR808", "--config is for classes of transformers; other callables take --kwargs")

            def build(**more: Any) -> Any:
                return load_callable(args.callable, {**kwargs, **more}, args.seed)

            module = build()
        deeper = None if args.deeper is None else build(**_mapping("--deeper", args.deeper))
        variants = {name: build(**more) for name, more in map(_variant, args.variant)}
        report = audit(
            module,
            args.input,
            args.output,
            sizes,
            levels=256 if args.levels is None else args.levels,
            range=_range(args.range),
            order=args.order if args.ranks is None else _ranks(args.ranks, args.order),
            flip=args.flip,
            transpose=args.transpose,
            channels=args.channels,
            offset=args.offset,
            input_kind=args.input_kind,
            take=int(args.take) if args.take and args.take.lstrip("-").isdigit() else args.take,
            condition=_mapping("--with", args.condition),
            deeper=deeper,
            sampler=args.sampler,
            head=args.head,
            samples=args.samples,
            draws=args.draws,
            seed=args.seed,
            modes=_listed(args.modes),
            lengths=_whole("--lengths", args.lengths) if args.lengths else (),
            variants=variants,
            cache=args.cache,
            padding=_listed(args.padding) or (),
            padding_mask=args.padding_mask,
            documents=args.documents,
            forbid=None if args.forbid is None else _pairs(args.forbid),
            precision=args.precision,
            again=args.again,
            one_hot=args.one_hot,
            last=args.last,
            operations=args.explore is not None,
            name=args.callable,
        )
    if args.picture:
        draw(report, args.picture)
    if args.explore:
        from arspec.exploring.of_audit import facts_of_audit
        from arspec.exploring.page import write_page

        write_page([facts_of_audit(report, args.callable, command=asked)], args.explore)
    how = "json" if args.json else args.format
    if how == "github":
        annotations = report.github()
        if annotations:
            say(annotations)
    else:
        say(json.dumps(report.json(), indent=2, allow_nan=False) if how == "json" else report)
    if args.picture and how == "text":
        say(f"  picture     {args.picture}")
    if args.explore and how == "text":
        say(f"  page        {args.explore}")
    return _code(report, accepting, args.strict)


def _asked(args: argparse.Namespace) -> str:
    """The command that asks the same, without what it writes and how it prints."""
    from arspec.cli.main import command

    _, parser = command("audit")
    words = ["arspec", "audit", args.callable]
    for option in parser.options:
        value = getattr(args, option.dest, option.default)
        if value == option.default or option.dest in ("explore", "picture", "json", "format", "quiet"):
            continue
        each = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
        for one in each:  # pyright: ignore[reportUnknownVariableType]
            words += [option.option_strings[-1], *([] if one is True else [str(one)])]  # pyright: ignore
    return shlex.join(words)


def _code(report: AuditReport, accepting: frozenset[Verdict], strict: bool) -> int:
    """The exit code: that of the worst mode whose verdict is not accepted."""
    from arspec.auditing.verdicts import Verdict

    given = Verdict.NOT_DECIDED.exit_code if strict else Verdict.GIVEN_ROUTE.exit_code
    codes = {
        given if mode.verdict is Verdict.GIVEN_ROUTE else mode.verdict.exit_code
        for mode in report.modes
        if mode.verdict not in accepting
    }
    return 1 if 1 in codes else max(codes, default=0)


def _of_transformers(args: argparse.Namespace, sizes: dict[str, int]) -> Callable[..., Any]:
    """What builds the class, tiny; what the command line leaves open is filled into `args` and `sizes`."""
    from arspec.auditing.transformers import load_causal
    from arspec.auditing.transformers.shrinking import LENGTH

    config: dict[str, Any] = {}
    for text in args.config:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError("AR808", f"--config is key=value, such as num_local_experts=8, not {text!r}")
        config[key.strip()] = _mapping("--config", f"{{value: {value}}}")["value"]
    sizes.setdefault("t", LENGTH)
    causal = load_causal(args.callable, config, length=sizes["t"], seed=args.seed)
    given = {"levels": causal.levels, "offset": causal.offset, "take": causal.take, "documents": causal.documents}
    for name, value in given.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if not args.variant:
        args.variant = [f"{name}={json.dumps(arguments)}" for name, arguments in causal.variants.items()]
    args.input_kind = "int"
    return causal.build


def _mapping(flag: str, text: str) -> dict[str, Any]:
    from arspec.diagnostics import Source
    from arspec.syntax.yaml import parse, plain

    value = plain(parse(Source(flag, text)))
    if not isinstance(value, dict):
        raise InputError("AR808", f"{flag} is a YAML mapping such as '{{layers: 4}}', not {text!r}")
    return cast("dict[str, Any]", value)


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _variant(text: str) -> tuple[str, dict[str, Any]]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError("AR808", f"--variant is a name and arguments, such as small='{{layers: 1}}', not {text!r}")
    return name.strip(), _mapping("--variant", value)


def _whole(flag: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError("AR808", f"{flag} is whole numbers such as 7,8,9, not {text!r}") from None


def _ranks(text: str, order: str | None) -> Any:
    if order is not None:
        raise InputError("AR808", "--order names an order and --ranks lists one: give one of them")
    return _array("--ranks", text) if text.endswith(".npy") else _whole("--ranks", text)


def _pairs(text: str) -> Any:
    from arspec.auditing.loading import find_callable

    if text.endswith(".npy"):
        return _array("--forbid", text)
    if ":" not in text:
        raise InputError("AR962", f"--forbid is pairs.npy [output, input] or file.py:function of V, not {text!r}",
                         "write a function that gives pairs [V, V], such as lambda n: np.triu(np.ones((n, n), bool))"
                         )  # fmt: skip
    found = find_callable(text)
    if not callable(found):
        raise InputError("AR962", f"{text} is no function of the number of variables")
    return found


def _array(flag: str, path: str) -> Any:
    import numpy as np

    from arspec.files.foreign import opened

    try:
        with opened(path, "AR962") as file:
            return np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError("AR962", f"{flag}: {path} is no array: {error}") from error


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError("AR808", f"--range is two numbers such as -1,1, not {text!r}") from None
    return low, high
