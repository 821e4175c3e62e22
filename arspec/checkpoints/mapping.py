"""Which tensor of a checkpoint is which weight of its spec, and the numbers taken over, there and back.

It is checked both ways: each tensor is used once, each weight is filled, and every shape fits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arspec.checkpoints.claims import Claims, holds
from arspec.checkpoints.composing import BODY, PLACE, prefixes
from arspec.checkpoints.stored import Stored, some
from arspec.checkpoints.table import Row, Table
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from torch import Tensor

UNFIT = "AR865"
KINDS = ("F64", "F32", "F16", "BF16", "float64", "float32", "float16", "bfloat16")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """Tensors and the weights that they are. One tensor and several weights, which lie one after another along their
    first axis; or several tensors, which lie so in one weight. turn: the tensor's axis that each axis of the weight is,
    None for an axis of one. loose: how many axes the tensor has. copy_of: the tensor that it equals;
    there is no weight then. drop: axes of one that the tensor has beside. blocks, scale: as of a `Row`."""

    tensors: list[str]
    weights: list[str]
    turn: tuple[int | None, ...]
    loose: int
    copy_of: str | None = None
    blocks: tuple[int, ...] = ()
    scale: str | None = None
    drop: tuple[int, ...] = ()

    def shape(self, tensor: Shape) -> Shape | None:
        """The shape in which a tensor stands in its weights; None where it has other axes."""
        if len(tensor) != self.loose + len(self.drop) or any(tensor[axis] != 1 for axis in self.drop):
            return None
        tensor = tuple(size for axis, size in enumerate(tensor) if axis not in self.drop)
        return tuple(1 if axis is None else tensor[axis] for axis in self.turn)

    def turned(self, tensor: Tensor) -> Tensor:
        """A tensor of the checkpoint, with the axes of its weights."""
        import torch

        for axis in reversed(self.drop):
            tensor = tensor.squeeze(axis)
        found = tensor.permute([axis for axis in self.turn if axis is not None])
        for at, axis in enumerate(self.turn):
            if axis is None:
                found = found.unsqueeze(at)
        if self.blocks:
            parts = found.chunk(len(self.blocks))
            return torch.cat([parts[number] for number in self.blocks])
        return found

    def back(self, weight: Tensor) -> Tensor:
        """The inverse of `turned`."""
        import torch

        found = weight
        if self.blocks:
            parts = found.chunk(len(self.blocks))
            found = torch.cat([parts[self.blocks.index(number)] for number in range(len(parts))])
        for at in reversed([at for at, axis in enumerate(self.turn) if axis is None]):
            found = found.squeeze(at)
        axes = [axis for axis in self.turn if axis is not None]
        found = found.permute([axes.index(axis) for axis in range(self.loose)])
        for axis in self.drop:
            found = found.unsqueeze(axis)
        return found


def pairs_of(table: Table, claims: Claims, stripped: bool) -> Iterator[Pair]:
    """The rows of a table for one checkpoint, its layers one after another. stripped: its names lack the prefix."""
    where = prefixes(claims)
    for row in table.weights:
        if not holds(row.when, claims.values):
            continue
        count = claims.layers if row.count is None else int(claims.texts[row.count]) + row.more
        for number in range(count) if "*" in row.tensor else (0,):
            yield _pair(table, row, claims, number, where, stripped)


def _pair(table: Table, row: Row, claims: Claims, number: int, where: list[str], stripped: bool) -> Pair:
    def tensor(name: str) -> str:
        name = name.removeprefix(table.prefix) if stripped else name
        name = PLACE.sub(lambda found: claims.texts[found[1]], name)
        return name.replace("*", str(row.first + row.step * number))

    names = [tensor(row.tensor)]
    if row.stack is not None:
        names = [names[0].replace("#", str(k)) for k in range(int(claims.texts[row.stack]))]
    if row.same is not None:
        return Pair(names, [], (), 0, tensor(row.same))
    own = where[number] if "*" in row.tensor and row.count is None else f"{BODY}.{number}"
    weights = [name.replace(f"{BODY}.*", own).replace("*", str(number)) for name in row.weights]
    left, arrow, right = row.axes.partition(" -> ")
    ones = tuple(at for at, axis in enumerate(left.split()) if axis == "1")
    axes = [axis for axis in left.split() if axis != "1"]
    turn = tuple(None if axis == "1" else axes.index(axis) for axis in (right if arrow else left).split())
    scale = None if row.scale is None else tensor(row.scale)
    return Pair(names, weights, turn, len(axes), None, tuple(row.blocks), scale, ones)


def is_stripped(table: Table, names: Mapping[str, Stored]) -> bool:
    """Whether the tensors of a checkpoint are named without the prefix of its family."""
    return bool(table.prefix) and not any(name.startswith(table.prefix) for name in names)


def checked(
    table: Table, claims: Claims, tensors: Mapping[str, Stored], weights: Mapping[str, Shape], source: str
) -> list[Pair]:  # fmt: skip
    """The pairs of a checkpoint. weights: the shapes of the spec's. One InputError names what is missing, unknown, of
    another shape or of no floating-point type."""
    stripped = is_stripped(table, tensors)
    pairs = list(pairs_of(table, claims, stripped))
    used: dict[str, Pair] = {}
    filled: set[str] = set()
    shapes: list[str] = []
    missing: list[str] = []
    kept: list[Pair] = []
    for pair in pairs:
        if pair.copy_of is not None and pair.tensors[0] not in tensors:
            continue  # a copy need not be stored
        kept.append(pair)
        every = [*pair.tensors, *([pair.scale] if pair.scale is not None else [])]
        missing += [name for name in every if name not in tensors]
        used.update(dict.fromkeys(every, pair))
        twice = [name for name in pair.weights if name in filled]
        assert not twice, f"the table of {table.about} fills {twice} twice"
        filled.update(pair.weights)
        if all(name in tensors for name in every):
            shapes += _misshapen(pair, tensors, weights)
    ignored = {name for name in tensors if name not in used and _matches(name, table, stripped)}
    faults = _told("missing", missing)
    faults += _told("unknown", [name for name in tensors if name not in used and name not in ignored])
    faults += _told("of another shape", shapes)
    faults += _told("of another type", [f"{n} {tensors[n].kind}" for n in used
                                        if n in tensors and tensors[n].kind not in KINDS])  # fmt: skip
    if faults:
        hint = "the tensors belong to another config.json, or to another version of the family"
        raise InputError(UNFIT, f"the tensors of {source} are not those of its config.json: {'; '.join(faults)}", hint)
    unfilled, unknown = [name for name in weights if name not in filled], filled - weights.keys()
    assert not unfilled and not unknown, f"the table of {table.about} leaves {unfilled}, and fills {unknown}"
    return kept


def check_counts(table: Table, claims: Claims, count: int, source: str) -> None:
    """InputError where a config speaks of more than `count` tensors could hold, before anything is made of it."""
    stacks = {row.stack for row in table.weights if row.stack is not None}
    for name, number in [(table.count, claims.layers), *((name, int(claims.texts[name])) for name in stacks)]:
        if number > count:
            message = f"config.json says {name}: {number:,}, and {source} holds {count:,} tensors in all"
            raise InputError(UNFIT, message, "the tensors belong to another config.json")


def _misshapen(pair: Pair, tensors: Mapping[str, Stored], weights: Mapping[str, Shape]) -> list[str]:
    """The tensors of a pair whose shapes are not those of its weights."""
    if pair.copy_of is not None:
        first, other = tensors[pair.tensors[0]], tensors.get(pair.copy_of)
        if other is None or other.shape == first.shape:
            return []
        return [f"{pair.tensors[0]} {list(first.shape)} for {list(other.shape)}"]
    if pair.scale is not None:
        rows, first = tensors[pair.tensors[0]].shape[:1], tensors[pair.scale].shape
        if math.prod(first) != math.prod(rows):
            return [f"{pair.scale} {list(first)} for {list(rows)}"]
    wanted = [weights[name] for name in pair.weights if name in weights]
    if len(wanted) < len(pair.weights):
        return []
    length = sum(shape[0] for shape in wanted)
    faults: list[str] = []
    total = 0
    for name in pair.tensors:
        came = pair.shape(tensors[name].shape)
        rest = wanted[0][1:]
        if came is None or came[1:] != rest or (len(pair.tensors) == 1 and came[0] != length):
            whole = (length if len(pair.tensors) == 1 else length // len(pair.tensors), *rest)
            faults.append(f"{name} {list(tensors[name].shape)} for {list(_undone(pair, whole))}")
        else:
            total += came[0]
    if not faults and total != length:
        faults.append(f"{pair.tensors[0]} and others {total} for {length} in all")
    return faults


def _undone(pair: Pair, shape: Shape) -> Shape:
    """The shape of a tensor whose weights have this one."""
    found = [shape[pair.turn.index(axis)] for axis in range(pair.loose)]
    for axis in pair.drop:
        found.insert(axis, 1)
    return tuple(found)


def _matches(name: str, table: Table, stripped: bool) -> bool:
    import re

    for pattern in table.ignored:
        own = pattern.removeprefix(table.prefix) if stripped else pattern
        if re.fullmatch(re.escape(own).replace(r"\*", r"\d+"), name):
            return True
    return False


def _told(what: str, names: list[str]) -> list[str]:
    return [f"{len(names)} {what} ({some(names)})"] if names else []


def taken(pairs: list[Pair], tensors: Mapping[str, Stored], sizes: Mapping[str, Shape]) -> Iterator[tuple[str, Tensor]]:
    """The weights by name, each read when it is asked for. InputError where a copy differs from its tensor."""
    import torch

    for pair in pairs:
        if pair.copy_of is not None:
            if not torch.equal(tensors[pair.tensors[0]].read(), tensors[pair.copy_of].read()):
                message = f"{pair.tensors[0]} is another tensor than {pair.copy_of}, which config.json says it shares"
                raise InputError(UNFIT, message, "set tie_word_embeddings to false where the two are meant to differ")
            continue
        read = [pair.turned(_scaled(pair, tensors, name)) for name in pair.tensors]
        if len(read) > 1:
            yield pair.weights[0], torch.cat(read)
            continue
        yield from zip(pair.weights, read[0].split([sizes[name][0] for name in pair.weights]), strict=True)


def _scaled(pair: Pair, tensors: Mapping[str, Stored], name: str) -> Tensor:
    """A tensor of a checkpoint, whose rows have the lengths that weight norm gives them (Salimans & Kingma 2016)."""
    found = tensors[name].read()
    if pair.scale is None:
        return found
    length = found.flatten(1).norm(dim=1).view(-1, *[1] * (found.ndim - 1))
    return found * (tensors[pair.scale].read().view(length.shape) / length)


def given_back(pairs: list[Pair], weights: Mapping[str, Stored]) -> Iterator[tuple[str, Tensor]]:
    """The tensors of the checkpoint by name, made of the weights: the inverse of `taken`, without copies."""
    import torch

    for pair in pairs:
        if pair.copy_of is not None:
            continue
        read = [weights[name].read() for name in pair.weights]
        whole = read[0] if len(read) == 1 else torch.cat(read)
        for name, part in zip(pair.tensors, whole.chunk(len(pair.tensors)), strict=True):
            yield name, pair.back(part).contiguous()
