"""`--given`: which part of an example is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from arspec.diagnostics import InputError, nearest

PARTS = ("top-half", "bottom-half", "left-half", "right-half", "hole")


def known_part(given: str | None, model: Any, there: int | None = None) -> Any:
    """The variables that are kept, bool [*shape]. None: the usual part. there: of sequences that are shorter than the
    model's, how many steps there are; no more than these are kept."""
    data = model.spec.data
    if data.kind == "sequence" and there is not None and there < data.length:
        return _of_what_is_there(given, model, there)
    if given is None:
        pictured = data.kind == "image" or (data.kind == "vector" and data.display is not None)
        given = "top-half" if pictured else f"prefix:{max(1, data.variables // 2)}"
    return _known(given, model)


def _of_what_is_there(given: str | None, model: Any, there: int) -> Any:
    import numpy as np

    first = np.arange(model.spec.data.length) < there
    if given is None:
        return first
    known = _known(given, model)
    if not known[:there].any() or known[there:].any():
        raise InputError("AR808", f"--given {given}: there are {there} steps of {len(known)} to be given",
                         "leave it out to keep all that is there")  # fmt: skip
    return known


def _known(given: str, model: Any) -> Any:
    import numpy as np

    data = model.spec.data
    known: Any = np.zeros(data.shape, dtype=bool)
    if given in PARTS:
        display = data.display if data.kind == "vector" else None
        if data.kind == "image":
            picture = known
        elif display is not None:
            picture = known.reshape(1, *display)
        else:
            raise InputError(
                "AR808", f"--given {given} is for images; this model is of a {data.kind}", "use prefix:N or suffix:N"
            )
        rows, columns = picture.shape[1:]
        if given == "hole":
            picture[:] = True
            picture[:, rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4] = False
        else:
            kept = {
                "top-half": (slice(rows // 2), slice(None)),
                "bottom-half": (slice(rows // 2, None), slice(None)),
                "left-half": (slice(None), slice(columns // 2)),
                "right-half": (slice(None), slice(columns // 2, None)),
            }[given]
            picture[:, *kept] = True
        return known
    if given in data.auxiliary:
        known[: 1 + list(data.auxiliary).index(given)] = True  # and those that come before it
        return known
    part, colon, number = given.partition(":")
    if colon and part in ("prefix", "suffix"):
        count = int(number) if number.isdecimal() else 0
        if not 0 < count < data.variables:
            raise InputError(
                "AR808",
                f"--given {given}: N lies from 1 to {data.variables - 1}",
                f"for example {part}:{max(1, data.variables // 2)}",
            )
        from arspec.network.ranks import scalar_ranks

        ranks = scalar_ranks(model, 0)
        if part == "suffix":
            ranks = -ranks
        known.reshape(-1)[ranks <= np.sort(ranks)[count - 1]] = True  # what has equal ranks stays together
        return known
    return _mask_file(given, data, known)


def _mask_file(given: str, data: Any, known: Any) -> Any:
    from arspec.data.arrays import read_npy
    from arspec.data.options import Options
    from arspec.data.picture.fit import fitted
    from arspec.data.picture.read import decode
    from arspec.data.tally import Tally
    from arspec.files.foreign import content

    path = Path(given)
    if not os.path.exists(path):
        parts = (*PARTS, *data.auxiliary) if data.kind == "image" else ()
        hint = "give " + ", ".join([*parts, "prefix:N", "suffix:N", "a picture or a .npy"])
        if near := nearest(given, parts):
            hint = f"did you mean {' or '.join(near)}?"
        raise InputError("AR808", f"--given {given}: there is no such part or file", hint)
    if path.suffix.lower() == ".npy":
        mask = read_npy(path)
    else:  # what is black or transparent is not given
        picture = decode(content(path, "AR803"), str(path))
        mask = fitted(picture, 1, Options(background="black"), Tally())[0]
    size = known.shape[1:] if data.kind == "image" else known.shape
    if mask.shape not in (known.shape, size, getattr(data, "display", None)):
        raise InputError("AR804", f"the mask {path} has the shape {list(mask.shape)}, the data {list(known.shape)}")
    if data.kind == "image":
        known[:] = mask != 0
    else:
        known[:] = (mask != 0).reshape(known.shape)
    return known
