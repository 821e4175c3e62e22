"""`arspec compress` and `arspec decompress`: files to a container under a model, and back."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from arspec.cli.models import add_conditions, add_set, at_least, conditions_of, open_model
from arspec.cli.outputs import STANDARD, put_bytes
from arspec.cli.saying import say
from arspec.cli.telling import tell
from arspec.diagnostics import InputError
from arspec.files.atomic import check_folder
from arspec.progress import Progress

MOST_MODELS = 64  # that are tried where none is named
MOST_FOUND = 1 << 17  # files and folders below one that is given
NAMED = 3  # files that a note names


def add_compress_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec compress`."""
    parser.add_argument("model", metavar="MODEL",
                        help="a folder that train has written, its .safetensors, or a spec, also by its name "
                             "(untrained)")  # fmt: skip
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="images, sound, text, .npy arrays, folders of them (without hidden files), patterns such as "
        "'photos/*.png'",
    )
    add_set(parser)
    parser.add_argument(
        "-o", "--out", required=True, metavar="FILE", help="the container, such as x.ars; - is standard output"
    )
    add_conditions(parser, "; for all files, each file in turn, or each example of the only file")
    parser.add_argument("--member", type=int, default=0, help="member of a family of orders or masks (%(default)s)")
    parser.add_argument(
        "--noise",
        type=int,
        default=35,
        metavar="N",
        help="a decoder's numbers may differ by 2^-N of their size; less noise costs fewer bits (%(default)s)",
    )
    parser.add_argument("--check", action="store_true", help="decompress at once, and compare")
    _add_common(parser)


def add_decompress_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec decompress`."""
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="the model of the container; if left out, the one that fits beside the container, here, or in runs/",
    )
    parser.add_argument("container", metavar="CONTAINER", help="what arspec compress has written")
    add_set(parser)
    parser.add_argument("-o", "--out", required=True, metavar="FOLDER", help="where the files are written")
    parser.add_argument("--recover", action="store_true", help="write the files before a damage")
    parser.add_argument("--limit", type=int, default=1 << 28, metavar="N",
                        help="values of a file, at the most (%(default)s)")  # fmt: skip
    _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lanes", type=int, metavar="N", help="tiles side by side (default: by the model's memory)")
    parser.add_argument("--force", action="store_true", help="replace what is there")
    parser.add_argument("--json", action="store_true", help="figures as JSON")


def run_compress(args: argparse.Namespace) -> int:
    """Writes a container and says what it came to; exit code 0."""
    out = Path(args.out)
    if args.lanes is not None:
        at_least(1, args.lanes, "--lanes")
    standard = args.out == STANDARD
    if not standard and os.path.exists(out) and not args.force:
        raise InputError("AR810", f"{out} exists", "choose another name, or --force")
    from arspec.extras import need
    from arspec.files.atomic import check_place

    need("constriction")
    if not standard:
        check_place(out)
    paths = list(_found(args.files))
    args.device = "cpu"
    model = open_model(args)
    from arspec.codec import Codec, Item
    from arspec.codec.media import parse
    from arspec.files.atomic import replacing

    codec = Codec(model, args.member, args.noise, args.lanes)
    items: list[Item] = []
    taken: dict[str, Path] = {}  # the names under which files are restored
    came = 0
    notes: dict[str, list[str]] = {}  # what is said of files, with their names
    for name, path in paths:
        data = _bytes(path)
        came += len(data)
        form, media = parse(data, str(path), model.spec.data)
        if media.suffix is not None:
            notes.setdefault(f"{media.suffix} is added to the name, with the same {media.kept}", []).append(name)
            name += media.suffix
        elif not media.exact:
            notes.setdefault(f"restored with the same {media.kept}, not byte for byte", []).append(name)
        if name in taken:
            message = f"{name} would be the name of two files, {taken[name]} and {path}"
            raise InputError("AR808", message, "compress them apart, or rename one")
        taken[name] = path
        items.append(Item(name, form, media))
    tiles = codec.tiles(items)
    conditions: dict[str, Any] = {}
    if model.spec.condition or args.condition:
        rows = tiles[0] if len(tiles) == 1 else len(tiles)
        conditions, _ = conditions_of(model, args.condition, max(rows, 1))
    start = time.perf_counter()
    total = sum(tiles) * model.spec.data.variables
    with Progress("compressing", total, "values") as progress:
        container, summary = codec.compress(items, conditions, progress.advance)
    seconds = time.perf_counter() - start
    checked = None
    if args.check:
        start = time.perf_counter()
        with Progress("checking", total, "values") as progress:
            _compare(items, [path for _, path in paths], codec.decompress(container, 1 << 40, progress.advance))
        checked = time.perf_counter() - start
    told = [_note(*note) for note in notes.items()]
    if standard:
        put_bytes(container)
    else:
        with replacing(out) as temporary:
            temporary.write_bytes(container)
    with redirect_stdout(sys.stderr) if standard else nullcontext():
        _say_compressed(args, out, came, summary, seconds, checked, told)
    return 0


def run_decompress(args: argparse.Namespace) -> int:
    """Writes the files of a container; exit code 0, or 1 where only those before a damage could be had."""
    out, path = Path(args.out), Path(args.container)
    if args.lanes is not None:
        at_least(1, args.lanes, "--lanes")
    at_least(1, args.limit, "--limit")
    check_folder(out)
    data = _bytes(path)
    from arspec.extras import need

    need("constriction")
    from arspec.codec import Codec
    from arspec.codec.container import read
    from arspec.files.below import below

    args.device = "cpu"
    if args.model is None:
        args.model = str(_fitting(data, path))
    codec = Codec(open_model(args), interleaved=args.lanes)
    names = codec.names(data, args.limit)
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set[str]()
    if twice:
        raise InputError("AR830", f"the container holds two files named {min(twice)}")
    start, values, damage = time.perf_counter(), 0, None
    written: list[str] = []
    with below(out, args.force) as into:
        into.check(names)
        with Progress("decompressing", unit="values") as progress:
            try:
                for restored in codec.decompress(data, args.limit, progress.advance):
                    into.stage(restored.name, restored.data)
                    written.append(restored.name)
                    values += restored.samples.size
            except InputError as error:
                if not args.recover or error.code == "AR810":
                    raise
                damage = error
        into.place()
    seconds = time.perf_counter() - start
    if args.json:
        say(json.dumps({"files": written, "values": values, "seconds": seconds, "damage": damage and damage.message}))
    elif written or damage is None:
        say(f"{len(written)} file{'s' * (len(written) != 1)} in {out}, {values:,} values, {seconds:.1f} s, "
            f"{values / max(seconds, 1e-9):,.0f} values/s")  # fmt: skip
    if damage is not None:
        parts = read(data)[0].parts
        done = (
            f"of {parts:,} files the first {len(written):,} could be restored"
            if written
            else "no file could be restored, and nothing is written"
        )
        tell(damage.diagnostics, sys.stderr)
        say(f"--recover: {done}", file=sys.stderr)
        return 1
    return 0


# -- files -------------------------------------------------------------------------------------------------------------


def _found(given: Iterable[str]) -> Generator[tuple[str, Path]]:
    """Names in the container and paths; InputError for what is not there and for names that come twice."""
    from arspec.codec.part import checked_name
    from arspec.data.readers.files import found as matching

    seen: set[str] = set()
    for text in given:
        path = Path(text)
        if os.path.isdir(path):
            files = matching(text, MOST_FOUND)
            pairs = (
                [(f"{path.resolve().name}/{p.relative_to(path).as_posix()}", p) for p in files.paths] if files else []
            )
            if not pairs:
                raise InputError("AR803", f"the folder {path} holds no file", "hidden ones are left out")
        elif not os.path.exists(path) and (files := matching(text)) is not None:  # a pattern that no shell has replaced
            pairs = [(each.name, each) for each in files.paths]
        else:
            pairs = [(path.name, path)]
        for name, each in pairs:
            if name in seen:
                raise InputError("AR808", f"two files are named {name}", "give a folder of them, or rename one")
            seen.add(name)
            try:
                checked_name(name.encode())
            except (InputError, UnicodeEncodeError) as error:
                raise InputError(
                    "AR808", f"a file named {name!r} can't be kept under this name", "rename it"
                ) from error
            yield name, each


def _bytes(path: Path) -> bytes:
    from arspec.files.foreign import content

    return content(path, "AR803")


def _fitting(data: bytes, container: Path) -> Path:
    """The folder of the model by which a container was made: beside it, here, or under runs/."""
    from arspec.codec.container import read
    from arspec.codec.identity import spec_hash, weights_hash
    from arspec.training.checkpoint import MODEL, load_model

    head, _ = read(data)
    places = [container.parent, Path(), Path("runs")]
    found = [p.parent for place in places for p in [*place.glob(MODEL), *sorted(place.glob(f"*/{MODEL}"))]]
    for folder in list(dict.fromkeys(found))[:MOST_MODELS]:
        try:
            model: Any = load_model(folder, "cpu")
        except InputError:
            continue
        if (spec_hash(model), weights_hash(model)) == (head.spec, head.weights):
            return folder
    raise InputError("AR833", f"the model that made {container} is not beside it, here or in runs/",
                     "arspec decompress MODEL CONTAINER -o FOLDER")  # fmt: skip


def _compare(items: list[Any], paths: list[Path], restored: Iterable[Any]) -> None:
    """InputError for a file that does not come back. Files are compared with those on disk, not with what was coded."""
    from arspec.codec.media import restores

    for item, path, each in zip(items, paths, restored, strict=True):
        if not restores(item.media, item.form, _bytes(path), each.data, item.name):
            raise InputError("AR832", f"{item.name} does not come back as it was")


# -- what is said ------------------------------------------------------------------------------------------------------


def _note(said: str, names: list[str]) -> str:
    """What is said of several files, once."""
    listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
    return f"{said}: {listed}" if len(names) == 1 else f"{said}: {len(names):,} files, {listed}"


def _say_compressed(
    args: argparse.Namespace, out: Path, came: int, summary: Any, seconds: float, checked: float | None,
    notes: list[str],
) -> None:  # fmt: skip
    """came: bytes of the files that were compressed."""
    each, ratio = 8 * summary.size / max(summary.values, 1), came / max(summary.size, 1)
    if args.json:
        fields = ("size", "values", "bits", "numbers", "guarded", "guard_bytes", "even_bytes", "parts")
        figures = {name: getattr(summary, name) for name in fields}
        more = {"input_size": came, "ratio": ratio, "bits_per_dim": each, "bits_per_value": each, "seconds": seconds}
        say(json.dumps({**figures, **more, "check_seconds": checked, "notes": notes}))
        return
    count = len(summary.parts)
    ideal = math.ceil(summary.bits / 8)
    change = f"{ratio:.2f} times smaller" if ratio >= 1 else f"{1 / max(ratio, 1e-9):.2f} times LARGER"
    say(f"{out}: {count} file{'s' * (count != 1)} of {came:,} bytes in {summary.size:,} bytes, {change}")
    if ratio < 1:
        say("  a container is larger than its files where the model gives such data little probability, as untrained "
            "ones do, or where the files are compressed or small")  # fmt: skip
    say(f"  {summary.values:,} values, {each:.3f} bits/dim")
    even = f", {summary.even_bytes:,} bytes for what the model leaves open" if summary.even_bytes else ""
    say(f"  -log2 p under the model: {ideal:,} bytes{even}")
    share = summary.guarded / max(summary.numbers, 1)
    say(f"  guarded: {summary.guarded:,} of {summary.numbers:,} numbers ({share:.1e}), {summary.guard_bytes:,} bytes")
    say(f"  {seconds:.1f} s, {summary.values / max(seconds, 1e-9):,.0f} values/s"
        + (f", checked in {checked:.1f} s" if checked is not None else ""))  # fmt: skip
    for note in notes:
        say(f"  note: {note}")
