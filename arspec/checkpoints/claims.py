"""What a config.json says, by the table of its family: the placeholders of the spec, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from arspec.checkpoints.table import Key, Table, idle, refused, rivals
from arspec.diagnostics import InputError

NOT_UNDERSTOOD = "AR864"
MOST_NUMBER = 1 << 24
MOST_LAYERS = 1024
MOST_LIST = 1 << 16
MOST_UNITS = 1 << 16


@dataclass(frozen=True)
class Claims:
    """texts: what fills each placeholder of the spec. values: the keys' values, defaults among them. kinds: of each
    layer the parameters of its block, where the family has several kinds."""

    texts: dict[str, str]
    values: dict[str, Any]
    layers: int
    kinds: list[str]


def claims_of(table: Table, config: Mapping[str, Any], length: int | None = None) -> Claims:
    """What a config says. length: of the sequences of the spec, where the family leaves it free. One InputError names
    every key that is not understood."""
    flat, faults = _flat(config), list[str]()
    for name, (why, hint) in refused().items():
        if config.get(name) is not None:
            raise InputError(NOT_UNDERSTOOD, f"{table.said} has the key {name}: {why}", hint)
    named = cast("Any", config.get("architectures"))
    if named is not None and (not isinstance(named, list) or not set(map(str, named)) & set(table.architectures)):
        known = " or ".join(table.architectures)
        raise InputError(NOT_UNDERSTOOD, f"config.json says architectures: {_said(named)}; {known} is understood")
    texts = {"name": table.model_type, "what": table.about, **table.texts}
    values, nothing = dict[str, Any](), {*table.idle, *idle()}
    known = set(nothing)
    for name, key in table.keys.items():
        names = (name, *key.also)
        known.update(names)
        came = [each for each in names if flat.get(each) is not None]
        beside = [(name, key.default)] if key.stands and came and came[0] != name else []
        every = [*beside, *((each, flat[each]) for each in came)]
        if any(not _same(every[0][1], other) for _, other in every[1:]):
            faults.append(f"{' and '.join(f'{each} ({_said(other)})' for each, other in every)} differ")
            continue
        value = flat[came[0]] if came else key.default
        if not came and key.empty and any(each in flat for each in names):
            value = None
        if value is not None:
            values[name] = value
            faults += _filled(came[0] if came else name, key, value, not came, texts, length)
        elif key.required:
            faults.append(f"{name} is missing{'' if table.flat is None else f' (--set {name}=NUMBER says it)'}")
        elif key.wrap is not None and key.place is not None:
            texts.setdefault(key.place, "")
    texts["given"] = _given(config.get("bos_token_id"), texts.get("levels"))
    if table.layers is not None:
        known.add(table.layers.key)
    for name, value in flat.items():
        if value is not None and name not in known and name.partition(".")[0] not in nothing:
            faults.append(f"{name}: {_said(value)} is not understood")
    faults += [f"{one} and {other} are both there" for one, other in rivals() if config.get(one) and config.get(other)]
    layers = values.get(_key_of(table, table.count), 0)
    if isinstance(layers, int) and layers > MOST_LAYERS:
        faults.append(f"{layers:,} layers, and {MOST_LAYERS:,} are the most")
    if length is not None and not any(key.free for key in table.keys.values()):
        faults.append("the length is that of its learned positions, and no other can be asked for")
    kinds = _kinds(table, config, layers, values, faults) if not faults else []
    if faults:
        more = f"; and {len(faults) - 6} more" if len(faults) > 6 else ""
        hint = "what is not understood might change the numbers, so that nothing is imported"
        raise InputError(NOT_UNDERSTOOD, f"{table.said} of {table.about}: {'; '.join(faults[:6])}{more}", hint)
    return Claims(texts, values, layers, kinds)


def holds(when: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether keys have these values."""
    return all(values.get(name) == value for name, value in when.items())


def _filled(
    name: str, key: Key, value: Any, absent: bool, texts: dict[str, str], length: int | None
) -> list[str]:  # fmt: skip
    """Fills the placeholders of one key; the faults of its value."""
    if key.only is not None:
        return [] if _same(value, key.only) else [f"{name}: {_said(value)} is not understood ({_said(key.only)} is)"]
    if key.means is not None:
        means = key.means.get(value if isinstance(value, str) else json.dumps(value))
        if means is None:
            known = ", ".join(key.means)
            return [f"{name}: {_said(value)} is not understood ({known} is)"]
        texts.update(means)
        return []
    place = key.place
    assert place is not None
    if absent and isinstance(value, str):  # an expression of the spec
        texts[place] = value
        return []
    whole = key.number is not None
    numbers = cast("list[Any]", value) if key.numbers is not None and isinstance(value, list) else [value]
    most, least = (MOST_NUMBER, key.least) if whole else (1e12, 0)
    for each in numbers[:MOST_LIST]:
        if isinstance(each, bool) or not isinstance(each, int if whole else (int, float)):
            return [f"{name}: {_said(value)} is no {'whole ' if whole else ''}number"]
        if not math.isfinite(each) or not least <= each <= most:
            return [f"{name}: {_said(each)} is beyond what is taken ({least:g} to {most:g})"]
    if key.numbers is not None:
        texts[place] = json.dumps([int(each) if key.whole else float(each) for each in numbers[:MOST_LIST]])
        return []
    own = cast("int | float", value)
    text = repr(own) if whole else repr(float(own))
    if key.free is not None:
        texts[f"{place}_of_config"] = text
        text = repr(min(own, key.free) if length is None else length)
    if key.within is None or own < int(texts[key.within]):
        texts[place] = text if key.wrap is None else key.wrap.replace("{}", text)
    elif key.wrap is not None:
        texts.setdefault(place, "")
    return []


def _given(start: object, levels: str | None) -> str:
    """What the data section says of the first token: it is given, and where nothing else is, what texts begin with."""
    if isinstance(start, bool) or not isinstance(start, int) or levels is None or not levels.isdecimal():
        return "given: 1"
    return f"given: 1, start: {start}" if 0 <= start < int(levels) else "given: 1"


def _kinds(
    table: Table, config: Mapping[str, Any], layers: int, values: Mapping[str, Any], faults: list[str]
) -> list[str]:  # fmt: skip
    """The block of each layer."""
    own = table.layers
    if own is None:
        return []
    said = cast("Any", config.get(own.key))
    if said is None:
        if not holds(own.when, values):
            faults.append(f"{own.key} is missing")
            return []
        said = [own.every[k % len(own.every)] for k in range(layers)]
        if own.late is not None and holds(own.late.when, values):
            first = values[own.late.first]
            said = [kind if k < first else own.late.kind for k, kind in enumerate(said)]
    if not isinstance(said, list) or len(cast("list[Any]", said)) != layers:
        faults.append(f"{own.key}: a list of {layers} kinds of layers is wanted")
        return []
    if own.each is not None:
        listed = cast("list[Any]", said)
        if not all(isinstance(each, list) and _whole(cast("list[Any]", each)) for each in listed):
            faults.append(f"{own.key}: lists of whole numbers are wanted")
            return []
        return [own.each.replace("{}", json.dumps(each)) for each in listed]
    odd = [each for each in cast("list[Any]", said) if not isinstance(each, str) or each not in own.means]
    if odd:
        faults.append(f"{own.key}: {_said(odd[0])} is not understood ({', '.join(own.means)} is)")
        return []
    return [own.means[each] for each in cast("list[str]", said)]


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one, a whole number and its real form too."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _whole(numbers: list[Any]) -> bool:
    return len(numbers) <= MOST_UNITS and all(type(number) is int for number in numbers)


def _key_of(table: Table, place: str) -> str:
    return next(name for name, key in table.keys.items() if key.number == place)


def _flat(config: Mapping[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    """Keys of objects in objects as `a.b`."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict) and value and depth < 4:
            found.update(_flat(cast("dict[str, Any]", value), f"{before}{name}.", depth + 1))
        else:
            found[before + name] = value
    return found


def _said(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
