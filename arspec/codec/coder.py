"""Levels to symbols and back under a model: the encoder in parallel, the decoder by the sampler, every site once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arspec.codec.digits import digits, weights
from arspec.codec.entropy import Lost, SymbolReader, SymbolWriter, Weights
from arspec.codec.guard import DecoderMismatch, Grid, Marks
from arspec.codec.interleaving import Levels, Share, batches
from arspec.codec.part import MOST_APART
from arspec.sampler.drive.sampler import sampler_of
from arspec.types import Bools, Ints

if TYPE_CHECKING:
    from arspec.network.module import Network

BLOCK = 1 << 19  # weights that are made together
ROOM = 1 << 24  # parameters that are computed together
CHECK_SHARE = 0.0005  # of a stream goes into checks of 16 bits

Conditions = Callable[[Share], dict[str, Tensor]]  # the conditions of a share's tiles, [count, ...] each
Rounded = npt.NDArray[np.int32]
Progress = Callable[[int], object]  # called with the variables that are done


@dataclass
class Stream:
    """One part as it is coded. bits: -log2 p of it under the model. numbers: that were rounded,
    `marks` the guarded ones."""

    every: int = 1
    data: bytes = b""
    marks: Marks = field(default_factory=lambda: Marks.together([]))
    bits: float = 0.0
    numbers: int = 0


class Coder:
    """Codes the levels of parts under one member of a model, in float64, with a bound on the noise of 2^-noise."""

    def __init__(self, model: Network, member: int, noise: int, interleaved: int, batch: int) -> None:
        self.model, self.member, self.noise = model, member, noise
        self.interleaved, self.batch = interleaved, max(batch, interleaved)
        self.head, self.support = model.graph.head, model.graph.support
        self.digits = digits(self.support.levels, self.head.digit)
        self.grid, self.numbers = Grid(self.head, self.support), len(self.head.grain(self.support))
        # [V, C]: the channels that a variable has; of data in parts some have fewer
        self.whole = self._by_variable(np.ones((1, *model.spec.data.shape), bool))[0].astype(bool)
        rank = np.asarray(model.graph.rank(model.graph.members[member])).ravel()
        order = np.argsort(rank, kind="stable")
        self.steps: list[Ints] = np.split(order, np.flatnonzero(np.diff(rank[order])) + 1)
        # what is given, not modelled, is coded before all, as if no level were likelier than another
        self.given = np.asarray(model.given, np.int64)
        self.steps = self.steps[len(self.given) :]

    # -- encoding ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, parts: Sequence[Levels], conditions: Conditions, progress: Progress) -> list[Stream]:
        """A stream for each part."""
        streams, writers = [Stream() for _ in parts], dict[int, SymbolWriter]()
        marks: list[list[Marks]] = [[] for _ in parts]
        for shares in batches([p.tiling.count for p in parts], self.interleaved, self.batch):
            x, coded = _cut(parts, shares)
            values, mask = self._by_variable(x), self._by_variable(coded).astype(bool)
            rounded = np.empty((*values.shape[:2], self.numbers), np.int32)
            start = 0
            for share in shares:
                own = slice(start, start + share.count)
                bits = self._round(x[own], mask[own], conditions(share), rounded[own], share, marks[share.part])
                stream, symbols = streams[share.part], int(mask[own].sum()) * len(self.digits.spans)
                stream.bits += bits
                stream.numbers += int(mask[own].any(-1).sum()) * self.numbers
                if share.part not in writers:
                    stream.every = _interval(bits, symbols)
                    writers[share.part] = SymbolWriter(stream.every)
                start += share.count
                progress(share.count * self.model.spec.data.variables)
            self._write_given([writers[s.part] for s in shares], _owners(shares), values, mask)
            self._write([writers[s.part] for s in shares], _owners(shares), values, mask, rounded)
        for part, stream in enumerate(streams):
            stream.marks = Marks.together(marks[part])
            if part in writers:
                stream.data = writers[part].done()
        return streams

    def _round(
        self, x: Ints, mask: Bools, condition: dict[str, Tensor], out: Rounded, share: Share, marks: list[Marks]
    ) -> float:
        """Rounds the numbers of a share's tiles into `out` and notes the guarded ones;
        gives -log2 p of what is coded."""
        model, bits = self.model, float(mask[:, self.given].sum()) * math.log2(self.support.levels)
        if len(self.given):
            mask = mask.copy()
            mask[:, self.given] = False
        variables = mask.shape[1]
        together = max(1, ROOM // (variables * model.graph.head_node.out.channels))
        for first in range(0, len(x), together):
            own = slice(first, first + together)
            data = torch.from_numpy(x[own])
            parameters = model(data, self.member, **{name: value[own] for name, value in condition.items()})
            found = self.grid.rounding(parameters)
            taken = found.taken()
            out[own] = taken.numpy()
            near = found.away.abs() <= self.grid.band(parameters, self.noise)
            guarded = torch.nonzero(near & torch.from_numpy(mask[own].any(-1))[..., None]).numpy().T
            tile, variable, number = guarded
            place = ((share.first + first + tile) * variables + variable) * self.numbers + number
            marks.append(Marks(place, (taken - found.low).long().numpy()[tile, variable, number]))
            nats = self.head.log_prob(self.support, parameters, model.by_variable(data)).numpy()
            coded = (mask[own] == self.whole).all(-1)
            bits -= float(nats[coded].sum()) / math.log(2)
        return bits

    def _write_given(self, writers: list[SymbolWriter], owners: Ints, values: Ints, mask: Bools) -> None:
        """What is given, digit by digit, tile by tile, variable by variable."""
        if not len(self.given):
            return
        levels, kept, owner = self.coded_first(values), self.coded_first(mask), np.repeat(owners, len(self.given))
        for k, writer in enumerate(writers):
            own, low = levels[kept & (owner == k)], 0
            for span, symbols in zip(self.digits.spans if len(own) else (), self.digits.of(own), strict=False):
                writer.put(symbols.astype(np.int32), self.evenly(low + np.zeros_like(own), span))
                low = low + symbols * span
            writer.pause()

    def coded_first(self, of: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """[B · g] of what is given, of values [B, V, 1]."""
        return of[:, self.given, 0].ravel()

    def evenly(self, low: Ints, span: int) -> Weights:
        """[n, radix]: of one digit of a level that is as likely as any other."""
        edges = np.minimum(low[:, None] + span * np.arange(self.digits.radix + 1), self.support.levels)
        return (edges[:, 1:] - edges[:, :-1]).astype(np.float64)

    def _write(self, writers: list[SymbolWriter], owners: Ints, values: Ints, mask: Bools, rounded: Rounded) -> None:
        """Symbols step by step; in a step channel by channel, digit by digit, tile by tile, variable by variable."""
        shares, tiles = len(writers), len(values)
        most = max(1, BLOCK // max(self.digits.radix, self.numbers))
        for steps in _blocks(self.steps, tiles, most):
            tile = np.concatenate([np.repeat(np.arange(tiles), len(sites)) for sites in steps])
            site = np.concatenate([np.tile(sites, tiles) for sites in steps])
            key = np.repeat(np.arange(len(steps)) * shares, [tiles * len(sites) for sites in steps]) + owners[tile]
            rows, levels, kept = rounded[tile, site].astype(np.int64), values[tile, site], mask[tile, site]
            pieces: list[tuple[Rounded, Weights, list[int]]] = []  # symbols, weights, where those of each key begin
            for c in range(self.support.channels):
                own = np.flatnonzero(kept[:, c])
                bounds = np.searchsorted(key[own], np.arange(len(steps) * shares + 1)).tolist()
                low = np.zeros(len(own), np.int64)
                for span, symbols in zip(self.digits.spans, self.digits.of(levels[own, c]), strict=True):
                    table = self.weights(rows[own], c, levels[own, :c], low, span)
                    pieces.append((symbols.astype(np.int32), table, bounds))
                    low = low + symbols * span
            for step in range(len(steps)):
                for symbols, table, bounds in pieces:
                    for k, writer in enumerate(writers):
                        first, last = bounds[step * shares + k], bounds[step * shares + k + 1]
                        if first < last:
                            writer.put(symbols[first:last], table[first:last])
                for writer in writers:
                    writer.pause()

    # -- decoding ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def decode(
        self, parts: Sequence[Levels], streams: Sequence[Stream], conditions: Conditions, progress: Progress
    ) -> Iterator[int]:
        """Fills the levels of each part from its stream; gives its number when that is done. Raises DecoderMismatch."""
        readers = [SymbolReader(stream.data, stream.every) for stream in streams]
        counts = [part.tiling.count for part in parts]
        sampler = sampler_of(self.model, self.member)
        done = 0
        for shares in batches(counts, self.interleaved, self.batch):
            while done < shares[0].part:  # parts before it, those without tiles too
                yield done
                done += 1
            _, coded = _cut(parts, shares)
            given = [conditions(share) for share in shares]
            condition = {name: torch.cat([each[name] for each in given]) for name in given[0]}
            batch = _Batch(self, shares, [readers[s.part] for s in shares], self._by_variable(coded).astype(bool))
            batch.mark([streams[s.part].marks for s in shares])

            def draw(sites: Tensor, parameters: Tensor, batch: _Batch = batch) -> Tensor:
                progress(parameters.shape[0] * sites.numel() * self.support.channels)
                return batch.draw(sites, parameters)

            drawn = sampler.drive(len(coded), condition, draw, start=batch.start())
            x = self.model.scalars(drawn).round().long().numpy()
            start = 0
            for share in shares:
                parts[share.part].paste(share.first, share.count, x[start : start + share.count])
                start += share.count
        yield from range(done, len(parts))

    # -- both --------------------------------------------------------------------------------------------------------

    def weights(self, rounded: Ints, channel: int, earlier: Ints, low: Ints, span: int) -> Weights:
        """[n, radix]: of one digit of one channel."""
        return weights(self.head, self.support, rounded, channel, earlier, low, span, self.digits.radix)

    def _by_variable(self, x: Ints | Bools) -> Ints:
        return self.model.by_variable(torch.from_numpy(x.astype(np.int64))).numpy()


class _Batch:
    """Tiles that are decoded side by side."""

    def __init__(self, coder: Coder, shares: list[Share], readers: list[SymbolReader], mask: Bools) -> None:
        self.coder, self.shares, self.readers, self.mask = coder, shares, readers, mask
        self.owners = _owners(shares)
        self.marks: dict[int, list[tuple[int, int, int]]] = {}  # variable -> tile, number, side

    def mark(self, marks: list[Marks]) -> None:
        """Takes the marks of the shares' parts that lie in the batch."""
        start, each = 0, self.mask.shape[1] * self.coder.numbers
        for share, known in zip(self.shares, marks, strict=True):
            first, last = np.searchsorted(known.places, [share.first * each, (share.first + share.count) * each])
            for place, side in zip(known.places[first:last].tolist(), known.upper[first:last].tolist(), strict=True):
                tile, rest = divmod(place - share.first * each, each)
                variable, number = divmod(rest, self.coder.numbers)
                self.marks.setdefault(variable, []).append((start + tile, number, side))
            start += share.count

    def start(self) -> Tensor:
        """[B, g, 1]: what is given, which stands before all."""
        coder = self.coder
        kept, owner = coder.coded_first(self.mask), np.repeat(self.owners, len(coder.given))
        levels = np.zeros(len(kept), np.int64)
        for k, reader in enumerate(self.readers if len(coder.given) else ()):
            own = np.flatnonzero(kept & (owner == k))
            low = np.zeros(len(own), np.int64)
            for span in coder.digits.spans if len(own) else ():
                low += span * self._take(reader, coder.evenly(low, span))
            levels[own] = np.minimum(low, coder.support.levels - 1)
            self._pause(reader)
        return torch.from_numpy(levels.reshape(len(self.owners), -1, 1)).to(coder.model.device)

    def draw(self, sites: Tensor, parameters: Tensor) -> Tensor:
        """The values [B, v, C] of the variables `sites` [v] from their parameters [B, v, K]."""
        coder, given = self.coder, sites.cpu().numpy()
        order = np.argsort(given)
        own = given[order]
        told = parameters.cpu()
        rounded = self._rounded(own, told if len(own) == 1 else told[:, torch.from_numpy(order)])
        mask = self.mask[:, own].reshape(-1, coder.support.channels)
        owner = np.repeat(self.owners, len(own))
        values = np.zeros(mask.shape, np.int64)
        for c in range(coder.support.channels):
            kept = np.flatnonzero(mask[:, c])
            bounds = np.searchsorted(owner[kept], np.arange(len(self.shares) + 1)).tolist()
            low = np.zeros(len(kept), np.int64)
            for span in coder.digits.spans:
                table = coder.weights(rounded[kept], c, values[kept, :c], low, span)
                for k, reader in enumerate(self.readers):
                    first, last = bounds[k], bounds[k + 1]
                    if first < last:
                        low[first:last] += span * self._take(reader, table[first:last])
            values[kept, c] = np.minimum(low, coder.support.levels - 1)
        for reader in self.readers:
            self._pause(reader)
        found = np.empty((len(self.owners), len(own), coder.support.channels), np.int64)
        found[:, order] = values.reshape(found.shape)
        return torch.from_numpy(found).to(parameters.device)

    def _rounded(self, sites: Ints, parameters: Tensor) -> Ints:
        """[B · v, Q]: as the encoder rounded them."""
        coder = self.coder
        found = coder.grid.rounding(parameters)
        taken = found.taken()
        for j, site in enumerate(sites.tolist() if self.marks else ()):
            for tile, number, side in self.marks.get(site, ()):
                band = coder.grid.band(parameters[tile, j], coder.noise)[number]
                if float(found.away[tile, j, number].abs()) > 2 * float(band):
                    raise DecoderMismatch("a number lies far from the boundary at which the encoder saw it")
                taken[tile, j, number] = found.low[tile, j, number] + side
        return taken.flatten(0, 1).numpy().astype(np.int64)

    def _take(self, reader: SymbolReader, table: Weights) -> Ints:
        try:
            return reader.take(table).astype(np.int64)
        except Lost as error:
            raise DecoderMismatch("a symbol that cannot be") from error

    def _pause(self, reader: SymbolReader) -> None:
        try:
            reader.pause()
        except Lost:
            raise DecoderMismatch("a check among the symbols does not hold") from None


def _cut(parts: Sequence[Levels], shares: list[Share]) -> tuple[Ints, Bools]:
    pairs = [parts[s.part].cut(s.first, s.count) for s in shares]
    return np.concatenate([x for x, _ in pairs]), np.concatenate([coded for _, coded in pairs])


def _owners(shares: list[Share]) -> Ints:
    """The number of the share that each tile belongs to."""
    return np.repeat(np.arange(len(shares)), [s.count for s in shares])


def _blocks(steps: list[Ints], tiles: int, most: int) -> Iterator[list[Ints]]:
    """Steps in turn, as many together as have `most` variables in all tiles."""
    block: list[Ints] = []
    filled = 0
    for sites in steps:
        if block and filled + len(sites) * tiles > most:
            yield block
            block, filled = [], 0
        block.append(sites)
        filled += len(sites) * tiles
    if block:
        yield block


def _interval(bits: float, symbols: int) -> int:
    """Symbols between two checks, a power of two, so that these take their small share of the stream."""
    each = max(bits, 1.0) / max(symbols, 1)
    return 1 << int(np.clip(math.ceil(math.log2(16 / (CHECK_SHARE * each))), 8, MOST_APART))
