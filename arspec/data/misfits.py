"""In which respects a source is not what a spec models: all of them are told at once, with what mends them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.language.sections import Data


@dataclass(frozen=True)
class Misfit:
    """One respect. said: what the source has and the spec does not, behind the source's name. help: what mends it where
    it stands alone. fits: keys of the spec's data section with the values that fit the source. option: what stands
    behind the source's name to fit it to the spec, such as @levels=4; empty where there is none."""

    said: str
    help: str
    fits: Mapping[str, int]
    option: str = ""


def refusal(name: str, misfits: Sequence[Misfit], data: Data, besides: InputError | None = None) -> InputError:
    """The InputError (AR804) for a source with misfits. besides: what is wrong with it besides, such as its
    conditions."""
    also = besides.diagnostics if besides is not None else ()
    message = "; it ".join([f"{name} {misfits[0].said}", *(misfit.said for misfit in misfits[1:])])
    helps = [misfit.help for misfit in misfits]
    if len(misfits) > 1 and all(misfit.fits for misfit in misfits):
        fits = {key: value for misfit in misfits for key, value in misfit.fits.items()}
        helps = [f"{data.told_together(fits)} fits the spec to the data"]
        if all(misfit.option for misfit in misfits):
            helps.append(f"NAME{''.join(misfit.option for misfit in misfits)} fits the data to the spec")
    helps += [each.help for each in also if each.help]
    return InputError("AR804", "; ".join([message, *(each.message for each in also)]), "; ".join(helps))
