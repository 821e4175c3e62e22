"""Sound files as sources: samples of one channel, one file after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from arspec.data.options import Options
from arspec.data.raw import Raw
from arspec.data.readers.files import Files, cut, in_order
from arspec.data.readers.splits import files_of_split
from arspec.data.sound import CANCELLED, Sound, read_sound, resampled
from arspec.diagnostics import InputError
from arspec.files.kinds import SOUNDS

MOST_CLIPPED = 0.01  # of a file's samples: where more lie beyond -1 ... 1, its scale is another


def read_sounds(source: Files, split: str, options: Options) -> Raw:
    """One split of a sound, by place, or of several sounds, by file."""
    several = source.folder is not None
    paths, notes = list(source.paths), in_order(split)
    if several:
        paths, notes = files_of_split(source, source.of_kind(SOUNDS), split, shuffle=False, what="files", in_time=True)
    sounds = [_checked(read_sound(path, options.channel_number), options) for path in paths]
    rates = Counter(sound.rate for sound in sounds)
    if options.rate is None and len(rates) > 1:
        listed = ", ".join(f"{rate} Hz ({count} files)" for rate, count in sorted(rates.items()))
        hint = f"{source.place}@rate={rates.most_common(1)[0][0]} resamples them"
        raise InputError("AR804", f"the sounds of {source.place} have different rates: {listed}", hint)
    if options.rate is not None:
        sounds = [resampled(sound, options.rate) for sound in sounds]
    samples = np.concatenate([sound.samples for sound in sounds])
    if not len(samples):
        raise InputError("AR803", f"{source.place} holds no sample", "its header may state a length of 0")
    rate = options.rate or next(iter(rates))
    if len(sounds) > 1:
        notes.append(f"{len(sounds)} files joined, with nothing between them")
    if not several:
        samples = cut(samples, split, "samples")
    return Raw("audio", samples, rate=rate, notes=[*notes, *told(sounds, options)])


def with_options(raw: Raw, options: Options, name: str) -> Raw:
    """A named set of sound, which has one channel and a rate of its own, as the options want it."""
    if raw.layout != "audio" or raw.rate is None:
        return raw
    if (options.channel_number or 1) > 1:
        raise InputError("AR804", f"{name} has one channel", "leave out @channel")
    sound = Sound(raw.x, raw.rate, 1, name)
    if options.rate is not None:
        sound = resampled(sound, options.rate)
    raw.x, raw.rate = sound.samples, sound.rate
    raw.notes += told([sound], options)
    return raw


def told(sounds: Sequence[Sound], options: Options) -> list[str]:
    """What was done to the samples of files, and what is odd about them, with the number of files."""
    notes: list[str] = []
    if empty := [sound for sound in sounds if not len(sound.samples)]:
        notes.append(f"{_of(empty, sounds)}no sample in it")
    several = [sound for sound in sounds if sound.channels > 1]
    if several:
        counts = " or ".join(str(count) for count in sorted({sound.channels for sound in several}))
        how = f"channel {options.channel_number} of {counts} taken"
        if options.channel_number is None:
            how = f"{counts} channels mixed to one, their mean"
        notes.append(f"{_of(several, sounds)}{how}")
    if lost := [sound for sound in several if sound.lost > CANCELLED]:
        left = min(sound.levels[1] / sound.levels[0] for sound in lost)
        notes.append(f"{_of(lost, sounds)}the channels cancel one another, {left:.2%} of their level is left")
    if changed := [sound for sound in sounds if sound.resampled_from is not None]:
        rates = " and ".join(f"{rate:,}" for rate in sorted({sound.resampled_from or 0 for sound in changed}))
        notes.append(f"{_of(changed, sounds)}resampled from {rates} Hz to {options.rate or 0:,} Hz")
    if short := [sound for sound in sounds if sound.cut]:
        notes.append(f"{_of(short, sounds)}the file ends before its header says; what is there is taken")
    if beyond := [sound for sound in sounds if sound.beyond]:
        count, peak = sum(sound.beyond for sound in beyond), max(float(np.abs(sound.samples).max()) for sound in beyond)
        notes.append(f"{_of(beyond, sounds)}{count:,} samples beyond -1 ... 1 are clipped, the largest is {peak:.3g}")
    return notes


def _of(some: Sequence[Sound], every: Sequence[Sound]) -> str:
    return f"{len(some)} of {len(every)} files: " if len(every) > 1 else ""


def _checked(sound: Sound, options: Options) -> Sound:
    """Refuses what would be another sound than the file's: channels that cancel when mixed,
    and samples of another scale."""
    if options.channel is None and sound.lost > CANCELLED:
        each, mixed = sound.levels
        message = (f"the {sound.channels} channels of {sound.name} cancel one another: each has a level of {each:.3g} "
                   f"(root mean square), their mean {mixed:.3g}")  # fmt: skip
        raise InputError(
            "AR804", message, "NAME@channel=left takes one of them, NAME@channel=mix mixes them all the same"
        )
    if sound.beyond > MOST_CLIPPED * len(sound.samples):
        peak = float(np.abs(sound.samples).max())
        message = (f"{sound.beyond:,} of {len(sound.samples):,} samples of {sound.name} lie beyond -1 ... 1, the "
                   f"largest is {peak:.3g}; up to {MOST_CLIPPED:.0%} are clipped")  # fmt: skip
        raise InputError("AR804", message, "divide the samples by their largest, and write the file again")
    return sound
