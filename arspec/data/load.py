"""`load`: any source, brought to the shape and the alphabet of a spec."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Protocol, cast

from arspec.data.adapt import adapt, asked
from arspec.data.examples import Examples
from arspec.data.files import read_files
from arspec.data.labels import Names
from arspec.data.options import Options, candidates, parse_options
from arspec.data.raw import Raw
from arspec.data.readers.arrays import with_size
from arspec.data.readers.files import found
from arspec.data.readers.sound import with_options
from arspec.data.sets import SETS
from arspec.diagnostics import InputError, did_you_mean_file

if TYPE_CHECKING:
    from arspec.language.load import Spec
    from arspec.language.sections import Conditions, Data


class Modelled(Protocol):
    """A model of data, as far as its data are concerned: its spec,
    and the names of the classes of each class condition."""

    spec: Spec
    names: dict[str, tuple[str, ...]]


def load(
    source: str, data: Data, condition: Conditions | None = None, split: str = "train", seed: int = 0, *,
    names: Names | None = None, settable: Mapping[str, str] | None = None,
) -> Examples:  # fmt: skip
    """Examples of `source` for a spec's `data` and `condition` sections.

    source: a named set (digits, mnist, fashion_mnist, photos32, speech, shakespeare), a folder of images, texts or
        sounds, a pattern such as `photos/*.png`, or one file: .npy, .npz (arrays `x` and one for each condition), .txt,
        .wav, an image. Options may follow: `mnist@levels=4`; `arspec.data.options` lists them.
    split: train, valid, test, or all. Where a source has no splits they are made, the same ones every time.
    seed: of the Bernoulli draw by which grey values are binarized for a spec with two levels.
    names: of the classes of each class condition, as a trained model has them: labels of the source that have names are
        numbered by these. settable: the parameter of the spec that states how many classes a condition has.

    Raises InputError where the source cannot be had or does not fit the spec; what was adapted is told in `note`.
    """
    condition = condition or {}
    raw, options = read(source, data, condition, split)
    if options.alphabet is not None and (data.kind != "sequence" or data.alphabet is None):
        raise InputError(
            "AR861",
            f"'{source}': the spec has no alphabet, which training makes",
            f"arspec train SPEC --data {source}, or arspec.data.fitted(spec, {source!r}) in Python",
        )
    return adapt(raw, data, condition, name=f"{source}, {split}", split=split, seed=seed, names=names,
                 settable=settable)  # fmt: skip


def load_for(
    model: Modelled | Spec, source: str, split: str = "train", seed: int = 0, *, without: Collection[str] = (),
    names: Names | None = None,
) -> Examples:  # fmt: skip
    """Examples of `source` for a model or a spec, as `load` gives them.
    A model's own names of its classes number labels.

    without: conditions that the source need not have, because they are given otherwise. names:
    instead of the model's."""
    spec = cast("Spec", getattr(model, "spec", model))
    needed = {name: section for name, section in spec.condition.items() if name not in without}
    own: Names = names if names is not None else getattr(model, "names", {})
    return load(source, spec.data, needed, split, seed, names=own, settable=spec.class_params)


def read(source: str, data: Data, condition: Conditions, split: str) -> tuple[Raw, Options]:
    """One split of a source as it lies in its files, and the options behind its name."""
    for place, behind in candidates(source):
        if place in SETS:
            options = parse_options(behind, source)
            if split not in ("train", "valid", "test", "all"):
                raise InputError("AR803", f"there is no split '{split}'", "the splits are train, valid, test and all")
            if options.join is not None:
                raise InputError(
                    "AR840", f"{source}: @join= stands between several files; this source is one", "leave it out"
                )
            raw = SETS[place].read(split)
            options.check(raw.layout, source)
            raw = with_size(with_options(raw, options, source), data, options, place)
        elif (files := found(place)) is not None:
            options = parse_options(behind, source)
            raw = read_files(files, data, condition, split, options)
        else:
            continue
        options.check(raw.layout, source)
        if options.levels is not None:
            raw = asked(raw, options.levels, source)
        return raw, options
    where = f"the data sets are: {', '.join(SETS)}; a file or a folder is looked for from the folder {os.getcwd()}"
    help = did_you_mean_file(source, SETS)
    pattern = ", and no file matches it" if any(mark in source for mark in "*?[") else ""
    message = f"'{source}' is no data set, file or folder{pattern}"
    raise InputError("AR803", message, where if help is None else f"{help} {where}")
