"""A model as a lossless compressor: files or arrays in, one container out, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from arspec.codec import conditions as conditional
from arspec.codec.alphabet import SAME, Alphabet, alphabet_for, pack_exceptions, unpack_exceptions
from arspec.codec.coder import Coder, Stream
from arspec.codec.container import Head, read, write
from arspec.codec.entropy import Lost, pack_even, unpack_even
from arspec.codec.guard import LEAST_NOISE, MOST_NOISE, NOISE, DecoderMismatch, Marks
from arspec.codec.identity import spec_hash, weights_hash
from arspec.codec.interleaving import Levels, interleaved_for
from arspec.codec.layout import Layout, layout
from arspec.codec.media import ARRAY, TEXT, Media, array, build
from arspec.codec.media.text import numbers_of, points_of
from arspec.codec.part import Part, content_hash
from arspec.codec.wire import ByteReader, CorruptContainer
from arspec.data.auxiliary import with_auxiliary
from arspec.data.examples import Array
from arspec.diagnostics import InputError
from arspec.extras import need
from arspec.network.fingerprint import fingerprint_of
from arspec.types import Ints

if TYPE_CHECKING:
    from arspec.network.module import Network

LIMIT = 1 << 28  # values of a part, the most unless told otherwise

Progress = Callable[[int], object]


def _nothing(_: int) -> None: ...


@dataclass(frozen=True)
class Item:
    """A file to be compressed: its name in the container, the number of its format, and its content."""

    name: str
    form: int
    media: Media


@dataclass(frozen=True)
class Restored:
    """A file as it was: its name, its bytes, and the samples in it."""

    name: str
    data: bytes
    samples: Ints
    array: Array | None


@dataclass
class Summary:
    """What a compression came to. bits: -log2 p of what the model coded; numbers: how many were rounded, guarded: of
    these within the noise of a boundary; guard_bytes: what the marks take. even_bytes: what the model does not describe
    (places within levels, exceptions). values: of all files."""

    size: int = 0
    values: int = 0
    bits: float = 0.0
    numbers: int = 0
    guarded: int = 0
    guard_bytes: int = 0
    even_bytes: int = 0
    parts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def add(self, part: Part, stream: Stream, size: int, exact: bool) -> None:
        """Counts a part of so many bytes; whether its file comes back byte for byte."""
        self.values += part.size
        self.bits += stream.bits
        self.numbers += stream.numbers
        self.guarded += len(stream.marks)
        self.guard_bytes += len(part.marks)
        self.even_bytes += len(part.exceptions) + len(part.places)
        self.parts.append({"name": part.name, "values": part.size, "size": size, "bits": stream.bits, "exact": exact})


class Codec:
    """The codec of one member of a model: it computes in float64, whatever the model's own precision is.

    noise: the decoder's parameters may differ from the encoder's by 2^-noise of their size (of 1 where they are
    smaller).
    interleaved: tiles of a part that are coded side by side; None takes what memory allows.
    batch: tiles that are computed together where there are many parts; it does not change what is written.
    """

    def __init__(
        self,
        model: Network,
        member: int = 0,
        noise: int = NOISE,
        interleaved: int | None = None,
        batch: int | None = None,
    ) -> None:
        if not MOST_NOISE <= noise <= LEAST_NOISE:
            message = f"the bound of the noise lies between 2^-{LEAST_NOISE} and 2^-{MOST_NOISE}; 2^-{noise} came"
            raise InputError("AR808", message)
        if not 0 <= member < model.members:
            raise InputError("AR816", f"the family has {model.members} members; there is no number {member}")
        need("constriction")  # before anything is computed
        self._given, self.member, self.noise = model, member, noise
        self.interleaved = interleaved or interleaved_for(model.graph)
        self.batch = batch or self.interleaved
        self.spec = spec_hash(model)
        self._follow()
        data = model.spec.data
        self._views = data if data.kind == "image" and data.auxiliary else None

    def _follow(self) -> None:
        """Takes over the weights that the model has now, so that their hash and the numbers coded by belong
        together."""
        now = fingerprint_of(self._given)
        if getattr(self, "_taken", None) != now:
            self.model, self.weights, self._taken = _in_float64(self._given), weights_hash(self._given), now

    # -- compressing -------------------------------------------------------------------------------------------------

    def tiles(self, items: Sequence[Item]) -> list[int]:
        """How many tiles each item has: conditions are given once, for each item, or for each tile of the only one."""
        data = self.model.spec.data
        return [layout(data, item.form, item.media.samples.shape).tiling.count for item in items]

    def compress(
        self, items: Sequence[Item], conditions: Mapping[str, Array] | None = None, progress: Progress = _nothing
    ) -> tuple[bytes, Summary]:
        """A container of all items. InputError for what the model can't code."""
        self._follow()
        sections = self.model.spec.condition
        chosen = conditional.checked(conditions or {}, sections, self.tiles(items)) if sections or conditions else {}
        prepared = [self._prepared(item) for item in items]
        coder = Coder(self.model, self.member, self.noise, self.interleaved, self.batch)
        streams = coder.encode([p.levels for p in prepared], conditional.of_share(chosen, len(items)), progress)
        summary, bodies, before = Summary(), list[bytes](), None
        for each, stream in zip(prepared, streams, strict=True):
            part = self._part(each, stream)
            bodies.append(part.pack(before))
            summary.add(part, stream, len(bodies[-1]), each.item.media.exact)
            before = part
        head = Head(
            self.spec, self.weights, self.member, self.interleaved, self.noise, conditional.pack(chosen), len(items)
        )
        packed = write(head, bodies)
        summary.size = len(packed)
        return packed, summary

    def _prepared(self, item: Item) -> _Prepared:
        data, media = self.model.spec.data, item.media
        lay = layout(data, item.form, media.samples.shape)
        span = media.span
        if span is None and data.kind == "sequence" and data.content == "audio":
            # whole numbers of 16 bits are samples, others are levels
            span = 65536 if media.samples.size and media.meta[:1] in _SIXTEEN and media.samples.min() < 0 else None
        flat = media.samples.ravel() + (32768 if span is not None and media.span is None else 0)
        if item.form == TEXT:
            flat = numbers_of(flat, data.alphabet, item.name)
        companding = data.companding if data.kind == "sequence" and data.content == "audio" else None
        alphabet = alphabet_for(flat, span, data.levels, companding if span is not None else None)
        levels, places, counts = alphabet.levels_of(flat)
        missing = levels < 0
        packed = pack_exceptions(flat, missing, item.name, data.levels) if missing.any() else b""
        levels = np.where(missing, 0, levels).astype(_dtype(data.levels))
        given = lay.spread(missing.reshape(media.samples.shape)) if missing.any() else None
        part = Levels(
            lay.tiling, levels.dtype.type, lay.spread(levels.reshape(media.samples.shape)), given, self._views
        )
        even = pack_even(places, counts) if (counts > 1).any() else b""
        return _Prepared(item, alphabet, part, packed, even)

    def _part(self, each: _Prepared, stream: Stream) -> Part:
        item, media = each.item, each.item.media
        content = content_hash(item.name, item.form, media.meta, media.samples)
        return Part(
            item.name, item.form, media.meta, media.samples.shape, each.alphabet, stream.every,
            stream.marks.pack(), each.exceptions, each.places, stream.data, content,
        )  # fmt: skip

    # -- decompressing -----------------------------------------------------------------------------------------------

    def decompress(self, container: bytes, limit: int = LIMIT, progress: Progress = _nothing) -> Iterator[Restored]:
        """The files of a container, each as soon as it is whole and has been checked. Raises InputError at the first
        part that is damaged; those before it have been given. limit: values of a part, at the most."""
        head, bodies = read(container)
        self._follow()
        self._check(head)
        parts, damage = self._parts(bodies, limit)
        yield from self._restored(head, parts, progress)
        if damage is not None:
            raise damage

    def names(self, container: bytes, limit: int = LIMIT) -> list[str]:
        """The names of the parts, as far as they are whole."""
        head, bodies = read(container)
        self._follow()
        self._check(head)
        parts, _ = self._parts(bodies, limit)
        return [part.name for part in parts]

    def _parts(self, bodies: Iterator[bytes], limit: int) -> tuple[list[Part], InputError | None]:
        """The parts before the damage, and the damage."""
        parts: list[Part] = []
        try:
            for body in bodies:
                parts.append(Part.unpack(body, self.model.spec.data.levels, limit, parts[-1] if parts else None))
        except InputError as error:
            return parts, error
        return parts, None

    def _check(self, head: Head) -> None:
        for hash, own, what in ((head.spec, self.spec, "spec"), (head.weights, self.weights, "weights")):
            if hash != own:
                message = (
                    f"the container was made by a model with another {what} ({hash.hex()}, and this is {own.hex()})"
                )
                raise InputError("AR833", message, "give the model that the container was made with")
        if head.interleaved > max(self.interleaved, interleaved_for(self.model.graph)):
            message = f"the container wants {head.interleaved} tiles side by side, which may take too much memory"
            raise CorruptContainer(message, f"--lanes {head.interleaved} if you trust it")
        if head.member >= self.model.members:
            raise CorruptContainer(f"the container was made by member {head.member}, which the family does not have")

    def _restored(self, head: Head, parts: list[Part], progress: Progress) -> Iterator[Restored]:
        self._follow()
        sections = self.model.spec.condition
        chosen = conditional.unpack(head.conditions, sections) if sections else {}
        opened = [self._opened(part) for part in parts]
        coder = Coder(self.model, head.member, head.noise, head.interleaved, max(self.batch, head.interleaved))
        streams = [Stream(part.every, part.symbols, self._marks(coder, part, o)) for part, o in zip(parts, opened)]
        of_share = conditional.of_share(chosen, head.parts)
        for number in coder.decode([o.levels for o in opened], streams, of_share, progress):
            part = parts[number]
            samples = self._samples(part, opened[number])
            if content_hash(part.name, part.form, part.meta, samples) != part.content:
                raise DecoderMismatch(part.name)
            data = build(part.form, part.meta, samples, self.model.spec.data)
            yield Restored(
                part.name, data, samples, array.array_of(ByteReader(part.meta), samples) if part.form == ARRAY else None
            )
            opened[number].levels.levels = None  # it has been given away

    def _opened(self, part: Part) -> _Opened:
        try:
            lay = layout(self.model.spec.data, part.form, part.shape)
        except ValueError as error:
            raise CorruptContainer(f"{part.name} has a shape that cannot be") from error
        where, values = unpack_exceptions(part.exceptions, part.size)
        given = None
        if len(where):
            flat = np.zeros(part.size, bool)
            flat[where] = True
            given = lay.spread(flat.reshape(part.shape))
        return _Opened(
            lay, Levels(lay.tiling, _dtype(self.model.spec.data.levels), None, given, self._views), where, values
        )

    def _marks(self, coder: Coder, part: Part, opened: _Opened) -> Marks:
        variables = math.prod(self.model.spec.data.shape) // coder.support.channels
        return Marks.unpack(part.marks, opened.layout.tiling.count * variables * coder.numbers)

    def _samples(self, part: Part, opened: _Opened) -> Ints:
        flat = opened.layout.gather(opened.levels.whole()).astype(np.int64).ravel()
        values, counts = part.alphabet.values_of(flat)
        if part.alphabet.kind != SAME and (counts > 1).any():
            try:
                values = values + unpack_even(part.places, counts)
            except Lost:
                raise CorruptContainer(f"the container holds no places for the values of {part.name}") from None
        values[opened.where] = opened.values
        if part.form == ARRAY and part.alphabet.kind != SAME:
            values = values - 32768
        if part.form == TEXT:
            alphabet = self.model.spec.data.alphabet if self.model.spec.data.kind == "sequence" else None
            if alphabet is None:
                raise CorruptContainer(f"{part.name} is a text by an alphabet, which the model does not have")
            values = points_of(values, alphabet)
        return values.reshape(part.shape)


@dataclass
class _Prepared:
    item: Item
    alphabet: Alphabet
    levels: Levels
    exceptions: bytes
    places: bytes


@dataclass
class _Opened:
    layout: Layout
    levels: Levels
    where: Ints
    values: Ints


_SIXTEEN = tuple(bytes([array.TYPES.index(order + "i2")]) for order in "<>")


def _dtype(levels: int) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if levels <= 256 else np.uint16 if levels <= 1 << 16 else np.uint32


def _in_float64(model: Network) -> Network:
    """The same model on the CPU in float64, in evaluation mode; the model itself, where it is that already."""
    from arspec.network.module import Network as Compiled

    if model.dtype == torch.float64 and model.device.type == "cpu" and not model.training:
        return model
    twin = Compiled(model.spec).double().eval()
    twin.load_state_dict({name: value.detach().cpu().double() for name, value in model.weights().items()})
    return twin


# -- for arrays --------------------------------------------------------------------------------------------------------


def compress(model: Network, x: Tensor, member: int, noise: int, conditions: Mapping[str, Tensor]) -> bytes:
    """Examples [B, *shape] as a container."""
    model.data_tensor(x)
    whole, data = x.detach().cpu().numpy(), model.spec.data
    own = whole[:, len(data.auxiliary) :] if data.kind == "image" else whole
    if data.kind == "image" and data.auxiliary and not np.array_equal(with_auxiliary(own, data), whole):
        raise InputError(
            "AR804", "the auxiliary images are not those of the images", "arspec.data.with_auxiliary makes them"
        )
    item = Item("x.npy", ARRAY, array.of_array(np.ascontiguousarray(own), "x"))
    given = {name: torch.as_tensor(value).cpu().numpy() for name, value in conditions.items()}
    return Codec(model, member, noise).compress([item], given)[0]


def decompress(model: Network, container: bytes) -> Tensor:
    """The examples of `compress`, in their own type."""
    found, data = list(Codec(model).decompress(container)), model.spec.data
    shape = data.own.shape if data.kind == "image" else data.shape
    if len(found) != 1 or found[0].array is None or found[0].array.shape[1:] != shape:
        message = f"the container holds {len(found)} files, and not one array of examples"
        raise InputError("AR804", message, "arspec decompress restores files")
    own = found[0].array
    return torch.from_numpy(with_auxiliary(own, data) if data.kind == "image" and data.auxiliary else own)
