"""What the commands that use a model share: params, the model's place, conditions, the device."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.cli.saying import say
from arspec.diagnostics import InputError, did_you_mean

if TYPE_CHECKING:
    from arspec.data import Examples


def add_set(parser: argparse.ArgumentParser) -> None:
    """`--set NAME=VALUE`, repeatable."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="set a parameter of the spec; repeatable"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """`--device`."""
    parser.add_argument("--device", default="auto", help="auto (cuda where there is one), cpu, cuda, cuda:1 ...")


def add_model(parser: argparse.ArgumentParser) -> None:
    """The positional MODEL, and --set for a spec."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a folder that train has written, its .safetensors, or a spec, also by its name (untrained)",
    )
    add_set(parser)
    add_device(parser)


def add_conditions(parser: argparse.ArgumentParser, what_for: str = "") -> None:
    """`--condition NAME=VALUE` and `--label CLASS`, both repeatable."""
    parser.add_argument(
        "--condition", action="append", default=[], metavar="NAME=VALUE",
        help="classes by name or number (cat, 3, 0..9, cat,dog), tokens by their numbers (5,17,3) or as a .npy file, "
        f"anything else as a .npy file{what_for}; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--label", action="append", default=[], metavar="CLASS",
        help="the same for the model's only class condition, whatever its name: cat, 3, 0..9 or cat,dog",
    )  # fmt: skip


def spec_of(path: str, params: dict[str, Any], data: dict[str, Any] | None = None) -> Any:
    """The spec of a file, by its name, or of the folder of a trained model, which has what was set beside it."""
    from arspec.language.load import load
    from arspec.saving.spec_file import SETTINGS, read_spec

    if not os.path.isfile(os.path.join(path, SETTINGS)):
        return load(path, params, data)
    own = read_spec(Path(path))
    return own.variant(params=params, data=data) if params or data else own


def params_of(settings: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """`['width=32']` as params, numbers as YAML reads them. `option` is what they were given by."""
    from arspec.syntax.scalars import core_value

    params: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(
                "AR808", f"{option} {setting}: it is written as NAME=VALUE", f"for example {option} width=32"
            )
        params[name.strip()] = core_value(value.strip())
    return params


def open_model(args: argparse.Namespace, seed: int = 0) -> Any:
    """The model that `args.model` names, on `args.device`, in evaluation mode.
    `--label` becomes a `--condition` of it."""
    from arspec import api
    from arspec.network.device import choose_device
    from arspec.training.checkpoint import load_model

    path = Path(args.model)
    if not names_spec(args.model):
        if args.set:
            raise InputError(
                "AR808", "--set sets the parameters of a spec; a trained model has those it was trained with"
            )
        model = load_model(path, args.device)
    else:
        device = choose_device(args.device)
        spec = api.load(path, params=params_of(args.set))
        model = api.compile(spec, seed=seed).to(device).eval()
        say(f"note: {spec.source.name} is a spec: its weights are untrained", file=sys.stderr)
    if getattr(args, "label", None):
        settle_labels(args, model)
    return model


def names_spec(text: str) -> bool:
    """Whether what stands for a model is a spec: by its ending, or by a name that no file or folder here has.
    InputError (AR802) for a name that nothing has."""
    from arspec.language.shipped import SUFFIXES, file_of, is_name, no_spec

    if Path(text).suffix in SUFFIXES or not is_name(text) or os.path.exists(text):
        return Path(text).suffix in SUFFIXES
    if file_of(text) is None:
        raise no_spec("AR802", "model or spec", text)
    return True


def settle_labels(args: argparse.Namespace, model: Any) -> None:
    """Turns `--label` into `--condition`, now that the model's conditions are known."""
    classes = [name for name, section in model.spec.condition.items() if section.kind == "class"]
    if len(classes) != 1:
        which = (
            f"the model has the class conditions {', '.join(classes)}"
            if classes
            else "the model has no class condition"
        )
        hint = f"--condition {classes[0]}={args.label[0]}" if classes else "leave it out"
        raise InputError("AR808", f"--label {args.label[0]}: {which}", hint)
    args.condition = [*args.condition, *(f"{classes[0]}={text}" for text in args.label)]


def conditions_of(
    model: Any, given: Sequence[str], count: int | None, required: bool = True
) -> tuple[dict[str, Any], int]:
    """`['label=0..9']` as arrays of `count` rows by name, and the length of the longest list (1 where there is none).

    Classes: by name or number, as cat, 3, 0..9 or cat,dog, dealt out in turn; several settings of one are joined.
    Others: the .npy file of one value, or of one for each example.
    """
    import numpy as np

    from arspec.data.adapt import check_condition
    from arspec.data.labels import listed

    sections = model.spec.condition
    lists: dict[str, Any] = {}
    for setting in given:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InputError("AR808", f"--condition {setting}: it is written as NAME=VALUE")
        if name not in sections:
            known = did_you_mean(name, sections, "conditions") if sections else "the spec has no conditions"
            raise InputError("AR808", f"--condition {setting}: there is no condition '{name}'", known)
        is_class = sections[name].kind == "class"
        if name in lists and not is_class:
            raise InputError(
                "AR808", f"--condition {setting}: '{name}' comes twice", "give all of its values in one .npy"
            )
        values = (
            _classes(setting, value, model.names.get(name, ()), name) if is_class else _values(value, sections[name])
        )
        lists[name] = np.concatenate([lists[name], values]) if name in lists else values
    longest = max((len(values) for values in lists.values()), default=1)
    rows = count or longest
    result: dict[str, Any] = {}
    for name, section in sections.items():
        if name not in lists:
            if not required or section.may_be_left_out:
                continue
            example = f"--condition {name}=FILE.npy"
            if section.kind == "class":
                example = f"--condition {name}=0" + f"..{section.classes - 1}" * (section.classes > 1)
                if own := model.names.get(name):
                    example = f"--condition {name}={listed(own[:1])}; the classes are: {listed(own)}"
            raise InputError("AR806", f"the model has the condition '{name}', which is not given", example)
        chosen = lists[name][np.arange(rows) % len(lists[name])]
        result[name] = check_condition(name, section, chosen, rows)
    return result, longest


def _classes(setting: str, value: str, names: Sequence[str], name: str) -> Any:
    import numpy as np

    from arspec.data.labels import class_list

    try:
        return np.array(class_list(value, names, name), np.int64)
    except InputError as error:
        raise InputError("AR808", f"--condition {setting}: {error.message}", error.help) from error


def _values(value: str, section: Any) -> Any:
    """The values of a condition that is no class, [n, *shape]: those of a .npy file, or tokens as they are written."""
    import numpy as np

    from arspec.data.arrays import read_npy

    if section.whole is not None and all(
        number.strip().isdecimal() and len(number) < 10 for number in value.split(",")
    ):
        return np.array([[int(number) for number in value.split(",")]], np.int64)
    values = read_npy(value, help="give a .npy file")
    dimensions = len(section.shape)
    if values.ndim not in (dimensions, dimensions + 1) or not values.size:
        found = f"an array of shape {list(values.shape)}"
        axes = f"{dimensions} ax{'es' if dimensions > 1 else 'is'}"
        raise InputError("AR807", f"{value} is {found}; a {section.kind} has {axes}, several of them one more")
    return values[None] if values.ndim == dimensions else values


def say_adapted(examples: Examples, args: argparse.Namespace) -> None:
    """Tells on standard error what was done to examples so that they fit the spec."""
    if examples.note and not args.quiet:
        say(f"note: {examples.name}: {examples.note}", file=sys.stderr)


def as_tensors(condition: dict[str, Any], model: Any) -> dict[str, Any]:
    """Arrays as tensors on the model's device."""
    import numpy as np
    import torch

    device = next(model.parameters()).device
    return {name: torch.from_numpy(np.ascontiguousarray(values)).to(device) for name, values in condition.items()}


def at_least(minimum: float, value: float, name: str) -> None:
    """InputError where an option is below what it may be."""
    if not value >= minimum:
        raise InputError("AR808", f"{name} is at least {minimum:g}; {value:g} came")
