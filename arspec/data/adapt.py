"""Bringing a source to the shape and the alphabet of a spec, where the meaning is plain, and saying what was done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.auxiliary import with_auxiliary
from arspec.data.examples import Array, Examples
from arspec.data.labels import Names, as_numbers
from arspec.data.levels import change, with_levels
from arspec.data.misfits import Misfit, refusal
from arspec.data.mu_law import to_codes
from arspec.data.raw import SPLITS, Raw
from arspec.data.readers.pictures import size_help
from arspec.data.symbols import levels_of
from arspec.diagnostics import InputError
from arspec.language.sections import MOST_LEVELS

if TYPE_CHECKING:
    from arspec.language.sections import Condition, Conditions, Data, ImageData, SequenceData, VectorData

MOST_VALUE = (1 << 32) - 1  # of an array whose levels are changed: the products of both fit 64 bits


def adapt(
    raw: Raw, data: Data, condition: Conditions, *, name: str, split: str, seed: int,
    names: Names | None = None, settable: Mapping[str, str] | None = None,
) -> Examples:  # fmt: skip
    """The examples of `raw` as a spec with these `data` and `condition` sections takes them. `names` and `settable`:
    see `load`."""
    notes = list(raw.notes)
    if data.kind == "sequence" and raw.x.ndim == 1:
        x, per_pass = _windows(raw, data, name, split, notes)
        conditions, own = _conditions(raw, condition, len(x), name, names or {}, settable or {}, notes)
        return Examples(x, conditions, name, "; ".join(notes), per_pass, given=data.given, names=own)
    if raw.layout in ("text", "audio"):
        raise InputError("AR804", f"{name} is {raw.layout}, the spec models {_article(data)}",
                         f"give other data, or a spec with `kind: sequence` and `content: {raw.layout}`")  # fmt: skip
    misfits: list[Misfit] = []
    if data.kind == "image" and data.auxiliary and tuple(raw.x.shape[1:]) == data.shape:
        for channel, own in enumerate(data.channel_levels):  # the auxiliary images are there already: samples, say
            _levels(raw.x[:, channel], None, own, name, split, seed, notes, data, misfits)
        x = raw.x.astype(np.int64)
    else:
        x = _levels(raw.x, raw.levels, data.levels, name, split, seed, notes, data, misfits)
        x = _shape(x, raw.layout, data.own if data.kind == "image" else data, name, notes, misfits)
        if data.kind == "image" and data.auxiliary and not misfits:
            x = with_auxiliary(x, data)
            notes.append(f"auxiliary images made of them: {', '.join(data.auxiliary)}")
    if misfits:
        try:
            _conditions(raw, condition, len(x), name, names or {}, settable or {}, [])
        except InputError as error:
            raise refusal(name, misfits, data, error) from error
        raise refusal(name, misfits, data)
    if len(x) == 0:
        raise InputError("AR803", f"{name} holds no example")
    conditions, own = _conditions(raw, condition, len(x), name, names or {}, settable or {}, notes)
    return Examples(x, conditions, name, "; ".join(notes), len(x), len(data.auxiliary), own, data.given)


def _article(data: Data) -> str:
    shape = "x".join(str(size) for size in data.shape)
    return f"{'an image' if data.kind == 'image' else f'a {data.kind}'} of {shape}"


def _windows(raw: Raw, data: SequenceData, name: str, split: str, notes: list[str]) -> tuple[Array, int]:
    """Pieces of one long sequence: every place a beginning for training, side by side for evaluation."""
    stream = codes_of(raw, data, name, notes).astype(np.uint8 if data.levels <= 256 else np.int32)
    each = data.length - data.given  # what is given of a piece is the end of the one before it
    count = (len(stream) - data.given) // each
    if count <= 0:
        raise InputError(
            "AR804", f"{name} is {len(stream)} long, shorter than the spec's length {data.length}",
            f"{data.told('length', len(stream))} fits it" if len(stream) else "give data that are not empty",
        )  # fmt: skip
    windows = np.lib.stride_tricks.sliding_window_view(stream, data.length)
    if split == "train":
        notes.append(f"pieces of {data.length} from any place; {count} of them count as one pass")
        return windows, count
    if rest := len(stream) - data.given - count * each:
        notes.append(f"cut into {count} pieces of {data.length}; the last {rest} are left out")
    return windows[::each], count


def codes_of(raw: Raw, data: SequenceData, name: str, notes: list[str]) -> Array:
    """One long sequence as the spec's integers, [T]."""
    if raw.layout in ("text", "audio") and raw.layout != ("text" if data.is_text else data.content):
        fraction = raw.layout == "audio" and raw.rate is None
        raise InputError("AR804",
                         f"{name} is {'fractions' if fraction else raw.layout}, the spec models {data.content}",
                         "write whole numbers into the array" if fraction else
                         f"give other data, or a spec with `content: {raw.layout}`")  # fmt: skip
    if raw.layout == "audio":
        if raw.rate is not None and raw.rate != data.rate:
            raise InputError("AR804", f"{name} has {raw.rate} Hz, the spec {data.rate} Hz",
                             f"NAME@rate={data.rate} resamples it, {data.told('rate', raw.rate)} fits it")  # fmt: skip
        codes = to_codes(raw.x, data.levels, data.companding)
        notes.append(f"{'mu-law' if data.companding == 'mu_law' else 'linear'} steps, {data.levels} levels")
    elif raw.layout == "text":
        codes = levels_of(raw.x, data, name, raw.at)
        if data.alphabet is not None:
            notes.append(f"by the alphabet of {data.levels} characters")
        if data.tokenizer is not None:
            notes.append(f"{len(codes):,} tokens")
    else:
        codes = raw.x
        if codes.dtype.kind not in "iub":
            raise InputError("AR804", f"{name} holds {codes.dtype} values, the spec wants whole numbers",
                             "write whole numbers into the array")  # fmt: skip
        if misfit := _within(codes, data.levels, name, data):
            raise refusal(name, [misfit], data)
    return codes


def _within(x: Array, levels: int, name: str, data: Data) -> Misfit | None:
    """Whether values lie beyond the levels of the spec. InputError for values below 0."""
    lowest, highest = (int(x.min()), int(x.max())) if x.size else (0, 0)
    if lowest >= 0 and highest < levels:
        return None
    said = f"holds the value {lowest if lowest < 0 else highest}, the spec has the levels 0 to {levels - 1}"
    if lowest < 0:
        raise InputError("AR804", f"{name} {said}", f"subtract {lowest} from all values, so that they begin at 0")
    fits = {"levels": highest + 1} if highest < MOST_LEVELS else {}
    takes = f"{data.told_together(fits)} takes every value, " if fits else ""
    return Misfit(said, f"{takes}NAME@levels={levels} spreads the values over fewer levels", fits, f"@levels={levels}")


def _whole(x: Array, name: str) -> Array:
    if x.dtype.kind == "f":
        if not np.isfinite(x).all() or (x != np.rint(x)).any():
            raise InputError(
                "AR804",
                f"{name} holds fractions; a spec models whole numbers",
                "round them, np.rint(x * 255) for fractions of 0 to 1, and write them as whole numbers",
            )
        if x.size and np.abs(x).max() > MOST_VALUE:
            raise InputError(
                "AR804", f"{name} holds the value {x.flat[int(np.abs(x).argmax())]:g}; a spec models levels from 0"
            )
        x = x.astype(np.int64)
    if x.dtype.kind not in "iub":
        raise InputError("AR804", f"{name} holds values of type {x.dtype}; a spec models whole numbers",
                         "write whole numbers into the array")  # fmt: skip
    return x


def asked(raw: Raw, levels: int, name: str) -> Raw:
    """The source with so many levels, by `@levels=`."""
    x = _whole(raw.x, name)
    has = raw.levels or max(2, raw.highest + 1 if raw.highest is not None else int(x.max(initial=0)) + 1)
    if x.size and not 0 <= int(x.min()) <= int(x.max()) <= MOST_VALUE:
        wrong = int(x.min()) if x.min() < 0 else int(x.max())
        raise InputError(
            "AR804", f"{name} holds the value {wrong}; @levels= takes whole numbers from 0 to {MOST_VALUE:,}"
        )
    notes = [*raw.notes, change(has, levels)] if has != levels else raw.notes
    return replace(raw, x=with_levels(x, has, levels), levels=levels, notes=notes)


def _levels(
    x: Array, has: int | None, wanted: int, name: str, split: str, seed: int, notes: list[str], data: Data,
    misfits: list[Misfit],
) -> Array:  # fmt: skip
    """Values in 0 .. wanted - 1; where the levels are others, as they came, with a misfit."""
    x = _whole(x, name)
    if has is not None and has > wanted == 2:
        number = SPLITS.index(split) if split in SPLITS else len(SPLITS)
        # drawn in float32 a slice at a time: a whole set in float64 would take gigabytes
        generator = np.random.default_rng([seed, number])
        drawn = [generator.random(part.shape, dtype=np.float32) * (has - 1) < part for part in np.array_split(x, 64)]
        notes.append(f"binarized: each pixel drawn once with probability value/{has - 1}, seed {seed}")
        return np.concatenate(drawn).astype(np.uint8)
    if has is not None and has != wanted:
        help = f"NAME@levels={wanted} converts them, {data.told('levels', has)} keeps them"
        misfits.append(Misfit(f"has {has} levels, the spec {wanted}", help, {"levels": has}, f"@levels={wanted}"))
    elif misfit := _within(x, wanted, name, data):
        misfits.append(misfit)
    return x


def _shape(x: Array, layout: str, data: Data, name: str, notes: list[str], misfits: list[Misfit]) -> Array:
    """[N, *shape]: images of one channel and vectors of their size are the same thing, row by row. Where the shape is
    another one, as they came, with misfits."""
    if data.kind == "image":
        return _as_images(x, layout, data, name, notes, misfits)
    came, size = tuple(x.shape[1:]), data.shape[0]
    if came == (size,):
        return x
    if _one_channel(came) and math.prod(came) == size:
        notes.append(f"images of {came[-2]}x{came[-1]} taken as {data.kind}s of {size} numbers, row by row")
        return x.reshape(-1, size)
    misfits.append(_another_row(came, layout, data))
    return x


def _another_row(came: tuple[int, ...], layout: str, data: SequenceData | VectorData) -> Misfit:
    """The misfit of examples of shape `came` where the spec models rows of numbers."""
    what = "images" if layout == "images" and len(came) > 1 else "examples"
    shown = came[1:] if what == "images" and len(came) == 3 and came[0] == 1 else came
    models = f"the spec models {'text in sequences' if data.is_text else f'a {data.kind}'} of {data.shape[0]}"
    said = f"has {what} of {'x'.join(map(str, shown)) or 'single numbers'}, {models}"
    fits = {"length" if data.kind == "sequence" else "size": math.prod(came)} if came and 0 not in came else {}
    pictures = "a spec with `kind: image` models images; " * (what == "images")
    if fits and len(came) == 1:
        return Misfit(said, f"{data.told_together(fits)} fits them", fits)
    if fits and _one_channel(came):
        return Misfit(said, f"{pictures}{data.told_together(fits)} takes each as {math.prod(came)} numbers, row by row",
                      fits)  # fmt: skip
    return Misfit(said, f"{pictures}give rows of numbers" if fits else "give data of another shape", {})


def _one_channel(came: tuple[int, ...]) -> bool:
    """Whether examples of this shape are images of one channel."""
    return len(came) == 2 or (len(came) == 3 and came[0] == 1)


def _as_images(x: Array, layout: str, data: ImageData, name: str, notes: list[str], misfits: list[Misfit]) -> Array:
    """[N, channels, height, width]; where the shape is another one, as they came, with misfits."""
    channels, height, width = data.shape
    came = tuple(x.shape[1:])
    if came == data.shape:
        return x
    if channels == 1 and came == (height, width):
        return x[:, None]
    if came == (channels * height * width,):
        notes.append(f"vectors of {came[0]} taken as images of {height}x{width}")
        return x.reshape(-1, *data.shape)
    behind = layout == "array" and len(came) == 3 and came[2] == channels != came[0]  # channels stand last
    if behind and came[:2] == (height, width):
        notes.append("channels moved to the front")
        return x.transpose(0, 3, 1, 2)
    if not 2 <= len(came) <= 3 or 0 in came:
        found = "x".join(map(str, came)) or "single numbers"
        misfits.append(Misfit(f"has examples of {found}, the spec models {_article(data)}",
                              "give data of another shape", {}))  # fmt: skip
        return x
    count, size = (came[2], came[:2]) if behind else (came[0] if len(came) == 3 else 1, came[-2:])
    if size != (height, width):
        fits = {"height": int(size[0]), "width": int(size[1])}
        help = f"{size_help(data)}; {data.told_together(fits)} fits them"
        said = f"has images of {size[0]}x{size[1]}, the spec models {height}x{width}"
        misfits.append(Misfit(said, help, fits, f"@size={height}x{width}"))
    if count != channels:
        help = f"{data.told('channels', count)} takes {'it' if count == 1 else 'all of them'}"
        said = f"has {_channels(count)}, the spec {_channels(channels)}"
        misfits.append(Misfit(said, help, {"channels": count}))
    return x


def _channels(count: int) -> str:
    return "one channel" if count == 1 else f"{count} channels"


def _conditions(
    raw: Raw, condition: Conditions, count: int, name: str, names: Names, settable: Mapping[str, str], notes: list[str]
) -> tuple[dict[str, Array], dict[str, tuple[str, ...]]]:
    """An array for each condition of the spec, and the names of classes; labels fill the only class condition, and a
    single class needs none."""
    classes = [key for key, section in condition.items() if section.kind == "class"]
    result: dict[str, Array] = {}
    found: dict[str, tuple[str, ...]] = {}
    for key, section in condition.items():
        values, own = raw.condition.get(key), None
        if values is None and classes == [key]:
            values, own = raw.labels, raw.classes
        if values is None and section.kind == "class" and section.classes == 1:
            values = np.zeros(count, np.int64)  # there is nothing to tell
        if values is None and section.may_be_left_out:
            values = np.full(
                (count, *section.shape), section.nothing, np.float32 if section.whole is None else np.int64
            )
            notes.append(f"nothing is said of the condition '{key}', which may be left out")
            result[key] = values
            continue
        if values is None:
            hint = f"give an .npz with the arrays 'x' and {', '.join(repr(each) for each in condition)}"
            if classes == list(condition) and raw.layout == "images":
                hint += ", or a folder with pictures in a sub-folder for each class"
            option = "--label CLASS" if classes == [key] else f"--condition {key}=VALUE"
            hint += f"; of a trained model, eval, score and complete take {option}"
            raise InputError("AR806", f"the spec has the condition '{key}', for which {name} has nothing", hint)
        if section.kind == "class":
            values, called = as_numbers(values, own, key, section, names=names.get(key), parameter=settable.get(key),
                                        source=name, notes=notes)  # fmt: skip
            found |= {key: tuple(called)} if called else {}
        result[key] = check_condition(key, section, values, count)
    return result, found


def check_condition(key: str, section: Condition, values: Array, count: int) -> Array:
    """`values` [count, ...] as the condition `key` takes them: whole numbers int64, everything else float32."""
    shape = section.shape
    if section.whole is not None:
        if values.shape != (count, *shape) or values.dtype.kind not in "iu":
            hint = None
            if not shape and values.ndim == 2 and values.shape[1] > 1:
                hint = "np.argmax(labels, 1) makes class numbers of rows with a one for the class"
            elif values.dtype.kind == "f":
                hint = f"{section.what} numbers are whole numbers from 0"
            elif shape and values.ndim == 2:
                hint = f"each row has {shape[0]} tokens: pad or cut it, or set `length` in the spec"
            wanted = f"{count} class numbers" if not shape else f"tokens {[count, *shape]}"
            message = f"'{key}' takes {wanted}, not {values.dtype} {list(values.shape)}"
            raise InputError("AR807", message, hint)
        most = section.whole - 1 + section.may_be_left_out  # one number stands for nothing
        if values.size and not 0 <= int(values.min()) <= int(values.max()) <= most:
            wrong = int(values.max()) if values.max() > most else int(values.min())
            plural = "classes" if not shape else "tokens"
            raise InputError("AR807", f"'{key}' has the {plural} 0 to {section.whole - 1}, and {wrong} came",
                             section.range_help)  # fmt: skip
        return values.astype(np.int64)
    if values.shape != (count, *shape) or values.dtype.kind not in "fiu":
        raise InputError("AR807", f"'{key}' takes numbers {[count, *shape]}; {values.dtype} {list(values.shape)} came")
    with np.errstate(over="ignore"):  # what is beyond float32 is told below
        found = values.astype(np.float32)
    there = ~np.isnan(found).all(tuple(range(1, found.ndim))) if section.may_be_left_out else np.ones(count, bool)
    if not np.isfinite(found[there]).all():
        raise InputError(
            "AR807", f"'{key}' holds what is no finite number of 32 bits", "mend or leave out these examples"
        )
    return found
