"""`arspec score MODEL --data NAME [--against NAME ...]`: how likely examples are, where they are surprising, and how
well strange ones are told from the model's own kind."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from arspec.cli.models import add_conditions, add_model, as_tensors, at_least, conditions_of, open_model, say_adapted
from arspec.cli.saying import say
from arspec.diagnostics import InputError
from arspec.extras import brings, has
from arspec.files.atomic import check_folder

FILES = ("scores.csv", "summary.json", "heat", "histogram", "roc")  # the last three are figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL, the sets that are scored, and what they are scored by."""
    add_model(parser)
    parser.add_argument(
        "--data",
        required=True,
        help="examples of the model's own kind: digits, mnist, a folder or a file, with "
        "options such as photos@size=32 (arspec explain AR840)",
    )
    parser.add_argument(
        "--split", default="test", choices=("train", "valid", "test", "all"), help="of both (%(default)s)"
    )
    parser.add_argument(
        "--against", action="append", default=[], metavar="DATA", help="examples of another kind, for AUROC; repeatable"
    )
    parser.add_argument(
        "--background", metavar="MODEL2", help="a model trained with --mutate on the same data: likelihood ratio"
    )
    parser.add_argument(
        "--reference",
        metavar="DATA",
        help="training data, for typicality (default with --against: --data's train split)",
    )
    parser.add_argument("--codec", choices=("png", "webp", "zlib", "bz2", "xz"),
                        help="of input complexity (default: png "
                        "for pictures, zlib for the rest)")  # fmt: skip
    parser.add_argument("--batch", type=int, default=64, help="examples at a time (%(default)s)")
    parser.add_argument("--limit", type=int, default=1000, metavar="N", help="the first N of each set (%(default)s)")
    parser.add_argument("--members", type=int, default=0, help="members of a family that are averaged, 0: all")
    parser.add_argument("--seed", type=int, default=0, help="of binarization, and of an untrained spec's weights")
    add_conditions(parser, "; of all examples, instead of what comes with the data")
    parser.add_argument("-o", "--out", metavar="FOLDER", help=f"writes {', '.join(FILES)} (the last three are figures)")
    parser.add_argument(
        "--figures", default="png", choices=("png", "svg", "pdf"), help="how figures are written (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Scores, prints a table and writes the files; exit code 0."""
    at_least(1, args.batch, "--batch")
    at_least(1, args.limit, "--limit")
    at_least(0, args.members, "--members")
    if args.out is not None:
        check_folder(Path(args.out))
    model = open_model(args, args.seed)
    background = None
    if args.background is not None:
        background = open_model(argparse.Namespace(model=args.background, set=[], device=args.device), args.seed)
    from arspec.scoring import score
    from arspec.scoring.likelihood import likelihood

    reference = args.reference or (args.data if args.against else None)
    typical = None
    sources = (args.data, *args.against)
    twice = next((source for source in sources if sources.count(source) > 1), None)
    if twice is not None:
        raise InputError("AR808", f"{twice} is given twice", "name each set once: --data is one of them")
    if reference is not None:
        x, condition, name = _examples(model, reference, "train", args)
        typical = float(likelihood(model, x, condition, args.batch, args.members).bits.mean())
        say(f"typical: {typical / model.spec.data.dimensions:.4f} bits/dim, {len(x):,} of {name}", file=sys.stderr)
    sets: dict[str, Any] = {}
    given: dict[str, Any] = {}
    classes: dict[str, dict[str, list[Any]]] = {}
    for source in sources:
        x, condition, name = _examples(model, source, args.split, args)
        if name in sets:  # folders of one name in two places
            name = f"{source}, {args.split}"
        given[name] = x.cpu().numpy()
        classes[name] = _class_names(model, condition)
        sets[name] = score(model, x, condition, background=background, typical=typical, codec=args.codec,
                           batch=args.batch, members=args.members)  # fmt: skip
    summary = summarise(args.model, sets)
    if args.out is not None:
        _write(Path(args.out), summary, sets, given, classes, model.spec.data, args.figures)
    say(json.dumps(summary) if args.json else table(summary))
    return 0


def _examples(model: Any, source: str, split: str, args: argparse.Namespace) -> tuple[Any, dict[str, Any], str]:
    """The first examples of a source, on the model's device, their conditions, and a name."""
    import numpy as np
    import torch

    from arspec.data import load_for

    named = {setting.partition("=")[0] for setting in args.condition}
    examples = load_for(model, source, split, args.seed, without=named).side_by_side().first(args.limit)
    say_adapted(examples, args)
    x, condition = examples.take(np.arange(len(examples)))
    chosen, _ = conditions_of(model, args.condition, len(x), required=False)
    name = f"{Path(source).name if os.path.exists(source) else source}, {split}"
    return torch.from_numpy(x).to(model.device), as_tensors({**condition, **chosen}, model), name


def _class_names(model: Any, condition: dict[str, Any]) -> dict[str, list[Any]]:
    """The class of each example under each class condition: by its name, or its number where it has none."""
    found: dict[str, list[Any]] = {}
    for key, section in model.spec.condition.items():
        if section.named:
            names = dict(enumerate(model.names.get(key, ())))
            found[key] = [names.get(number, number) for number in condition[key].tolist()]
    return found


def summarise(model: str, sets: dict[str, Any]) -> dict[str, Any]:
    """Means of each set, in which units they are, and the AUROC of each score against the first set."""
    import numpy as np

    from arspec.scoring import auroc

    first, *others = sets.values()
    each = dict.fromkeys(("bits_per_dim", "bits_per_dim_error", f"{first.codec}_bits_per_dim"), "bits for each number")
    return {
        "model": model, "codec": first.codec, "units": {**each, **dict.fromkeys(first.of, "bits for each example")},
        "sets": [
            {"name": name, "examples": len(scores), "bits_per_dim": float(scores.bits_per_dim.mean()),
             "bits_per_dim_error": float(scores.bits_per_dim.std(ddof=min(1, len(scores) - 1)) / np.sqrt(len(scores))),
             f"{first.codec}_bits_per_dim": float(
                 scores.compressed.mean() / (scores.bits / scores.bits_per_dim).mean()),
             **{score: float(values.mean()) for score, values in scores.of.items()}}
            for name, scores in sets.items()
        ],
        "auroc": {score: [auroc(values, other.of[score]) for other in others] for score, values in first.of.items()}
        if others else {},
    }  # fmt: skip


def table(summary: dict[str, Any]) -> str:
    """The summary for people."""
    codec = summary["codec"]
    width = max(len(one["name"]) for one in summary["sets"])
    lines = [f"{'':{width}}  examples  bits/dim            {codec} bits/dim"]
    lines += [
        f"{one['name']:{width}}  {one['examples']:>8,}  {one['bits_per_dim']:.4f} (± {one['bits_per_dim_error']:.4f})  "
        f"{one[f'{codec}_bits_per_dim']:.4f}"
        for one in summary["sets"]
    ]
    if summary["auroc"]:
        names = [one["name"] for one in summary["sets"][1:]]
        lines += [
            "",
            f"AUROC of {summary['sets'][0]['name']} against",
            f"{'':25}" + "  ".join(f"{n:>14}" for n in names),
        ]
        for score, areas in summary["auroc"].items():
            label = f"{score} ({codec})" if score == "input complexity" else score
            cells = "  ".join(f"{area:>{max(14, len(name))}.3f}" for area, name in zip(areas, names, strict=True))
            lines.append(f"{label:27}{cells}")
    return "\n".join(lines)


def _write(folder: Path, summary: dict[str, Any], sets: dict[str, Any], given: dict[str, Any],
           classes: dict[str, dict[str, list[Any]]], data: Any, form: str) -> None:  # fmt: skip
    from arspec.files.atomic import write_text

    text = io.StringIO()
    rows = [
        {"set": name, "number": k, **{key: own[k] for key, own in classes[name].items()}, **row}
        for name, scores in sets.items() for k, row in enumerate(scores.rows())
    ]  # fmt: skip
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "scores.csv", text.getvalue())
    write_text(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
    written = list(FILES[:2])
    if has("matplotlib"):
        written += _drawn(folder, sets, given, data, form)
    else:
        say(f"note: the figures are left out: they need matplotlib ({brings('matplotlib')})", file=sys.stderr)
    say(f"{folder}: {', '.join(written)}", file=sys.stderr)


def _drawn(folder: Path, sets: dict[str, Any], given: dict[str, Any], data: Any, form: str) -> list[str]:
    """The names of the figures, which are drawn."""
    from arspec.pictures.curves import draw_curves, draw_histograms
    from arspec.pictures.heat import draw_heat

    draw_heat(folder / f"heat.{form}", {name: (given[name], scores.heat) for name, scores in sets.items()}, data)
    draw_histograms(folder / f"histogram.{form}", sets)
    first, *others = sets
    if others:
        draw_curves(folder / f"roc.{form}", sets[first], {name: sets[name] for name in others})
    return [f"{name}.{form}" for name in FILES[2:] if others or name != "roc"]
