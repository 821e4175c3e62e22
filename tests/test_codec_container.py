"""Containers that are damaged, foreign or hostile: one clear error, nothing wrong that looks right, no memory lost."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from arspec.codec import Codec, CorruptContainer, Item
from arspec.codec.container import HASH, MAGIC, Head, digest, read, write
from arspec.codec.media import ARRAY, array
from arspec.codec.part import Part
from arspec.codec.wire import ByteReader, ByteWriter, unzigzag, zigzag
from arspec.diagnostics import InputError
from tests.small import SHIPPED, randomised, small

LEVELS = 2


@cache
def codec(seed: int = 0) -> Codec:
    return Codec(randomised(small(next(p for p in SHIPPED if p.stem == "made")), seed), interleaved=4)


@cache
def samples() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    random = np.random.default_rng(0)
    return [random.integers(0, LEVELS, (n, 12)).astype(np.uint8) for n in (3, 9, 0, 5)]


@cache
def container(seed: int = 0) -> bytes:
    items = [Item(f"folder/{k}.npy", ARRAY, array.of_array(x, "x")) for k, x in enumerate(samples())]
    return codec(seed).compress(items)[0]


def survives(data: bytes, reader: Codec | None = None) -> int:
    """Reads a container that is not what it was: every part that is given is right, and then there is one error.

    Gives the number of parts before the error. Raises where nothing is noticed."""
    given = 0
    try:
        for restored in (reader or codec()).decompress(data, limit=1 << 16):
            assert restored.name == f"folder/{given}.npy"
            assert np.array_equal(restored.samples, samples()[given]), "wrong output that looks right"
            given += 1
    except InputError as error:
        assert error.code in ("AR830", "AR832", "AR833"), error
        assert error.message and "\n" not in error.message
        return given
    raise AssertionError("the damage goes unnoticed")


def damages(seed: int, count: int) -> Iterator[bytes]:
    """Bits flipped, bytes changed, cut out, doubled, moved, cut off, mixed with those of another container."""
    random = np.random.default_rng(seed)
    whole, other = container(), container(1)
    for _ in range(count):
        data = bytearray(whole)
        kind, place = random.integers(8), int(random.integers(len(whole)))
        size = int(random.integers(1, 20))
        if kind == 0:
            data[place] ^= 1 << int(random.integers(8))
        elif kind == 1:
            data[place : place + size] = random.bytes(size)
        elif kind == 2:
            del data[place:]
        elif kind == 3:
            del data[place : place + size]
        elif kind == 4:
            data[place:place] = data[place : place + size]
        elif kind == 5:
            data = bytearray(whole[:place] + other[place:])
        elif kind == 6:
            data += random.bytes(size)
        else:
            for at in random.integers(0, len(whole), 5):
                data[at] = int(random.integers(256))
        if bytes(data) != whole:
            yield bytes(data)


def test_the_container_is_right_to_begin_with():
    found = list(codec().decompress(container()))
    assert [f.samples.tolist() for f in found] == [x.tolist() for x in samples()]


def test_damage_is_noticed():
    for data in damages(0, 250):
        survives(data)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_ten_thousand_damages_are_noticed():
    for data in damages(1, 10_000):
        survives(data)


def test_bytes_and_lengths_count_wherever_they_are():
    whole = container()
    for place in range(0, len(whole), 2):
        survives(whole[:place])
        survives(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])


def test_what_stands_before_the_damage_is_given():
    head, _ = read(container())
    start = len(head.pack())
    ends = np.cumsum([len(body) + 1 + 4 for body in read(container())[1]]) + start
    for number, end in enumerate(ends):
        assert survives(container()[: end - 1]) == number


def test_parts_of_other_containers_are_not_taken():
    head, bodies = read(container())
    mine = list(bodies)
    start = len(head.pack())
    records = [ByteWriter().prefixed(body).done() + b"" for body in mine]
    place, pieces = start, []
    for record in records:
        pieces.append(container()[place : place + len(record) + 4])
        place += len(record) + 4
    assert survives(container()[:start] + pieces[1] + pieces[0] + b"".join(pieces[2:])) == 0
    assert survives(container()[:start] + pieces[0] * 4) == 1


def test_another_model_another_version_another_file():
    with pytest.raises(InputError, match="another weights"):
        list(codec(1).decompress(container()))
    with pytest.raises(CorruptContainer, match="version 9"):
        list(codec().decompress(MAGIC + b"\x09" + container()[5:]))
    for data in (b"", b"PK\3\4" + bytes(100), b"ARS", b"ARS\x1a", b"ARS\x1a\1"):
        with pytest.raises(CorruptContainer, match="AR830"):
            list(codec().decompress(data))


# -- checksums that are right ------------------------------------------------------------------------------------------


def signed(head: Head, bodies: list[bytes]) -> bytes:
    """A container whose checksums hold, whatever is in it."""
    return write(replace(head, parts=len(bodies)), bodies)


def unnoticed_or_refused(data: bytes) -> None:
    """Whoever signs a container may say what he likes; it ends in an error, or in what he says."""
    try:
        for restored in codec().decompress(data, limit=1 << 16):
            assert restored.samples.size <= 1 << 16
    except InputError as error:
        assert error.code in ("AR830", "AR832", "AR833"), error


def test_signed_nonsense_ends_in_an_error():
    head, found = read(container())
    bodies, random = list(found), np.random.default_rng(0)
    for trial in range(300):
        body = bytearray(bodies[trial % 2])
        for place in random.integers(0, len(body) if trial % 3 else 40, 1 + trial % 4):
            body[place] = int(random.integers(256))
        unnoticed_or_refused(signed(head, [bytes(body)]))
        unnoticed_or_refused(signed(head, [random.bytes(int(random.integers(0, 60)))]))


def test_every_format_survives_signed_nonsense():
    head, found = read(container())
    part, random = Part.unpack(next(found), LEVELS, 1 << 16), np.random.default_rng(1)
    for trial in range(300):
        axes = int(random.integers(0, 5))
        shape = tuple(int(n) for n in random.integers(0, 5, axes))
        alphabet = replace(part.alphabet, kind=trial % 4, values=int(random.choice([0, 1, 2, 17, 256, 65536, 1 << 32])))
        meta = random.bytes(int(random.integers(0, 12)))
        other = replace(
            part, form=trial % 6, shape=shape, alphabet=alphabet, meta=meta, exceptions=random.bytes(trial % 3)
        )
        unnoticed_or_refused(signed(head, [other.pack()]))


def test_hostile_lengths_take_no_memory():
    head, found = read(container())
    part = Part.unpack(next(found), LEVELS, 1 << 16)
    large = zlib.compress(bytes(1 << 28), 9)
    framed = ByteWriter().byte(0).byte(0).byte(1).prefixed(large).prefixed(large).done()
    bodies = [
        replace(part, shape=(1 << 39, 12)).pack(),
        replace(part, shape=(1 << 39, 0)).pack(),
        replace(part, shape=(1 << 20, 1 << 20, 1 << 20, 1 << 20)).pack(),
        replace(part, meta=framed).pack(),
        replace(part, marks=ByteWriter().number(1 << 62).number(1 << 62).done()).pack(),
        replace(part, exceptions=ByteWriter().number(1 << 40).number(1).done()).pack(),
        replace(part, exceptions=ByteWriter().number(1).number((1 << 64) - 1).done()).pack(),
        ByteWriter().number(1 << 60).done(),
    ]
    heads = [
        replace(head, interleaved=4000),
        replace(head, member=4000),
        replace(head, noise=0),
        replace(head, parts=1 << 24),
    ]
    start = len(head.pack())
    cases = [signed(head, [body]) for body in bodies] + [h.pack() + container()[start:] for h in heads]
    cases.append(replace(head, conditions=bytes(1 << 20)).pack() + container()[start:])
    data = bytearray(container()[: start - HASH - 2])
    cases.append(bytes(data + large + digest(bytes(data + large))))
    tracemalloc.start()
    try:
        for case in cases:
            tracemalloc.reset_peak()
            unnoticed_or_refused(case)
            assert tracemalloc.get_traced_memory()[1] < 120 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["../a", "/a", "a/../b", "a//b", "", ".", "a\0b", "a\nb", "C:\\a", "a/", "x" * 5000, "\ud800"]
)
def test_names_stay_in_their_folder(name: str):
    head, found = read(container())
    part = Part.unpack(next(found), LEVELS, 1 << 16)
    named = ByteWriter().prefixed(name.encode("utf-8", "surrogatepass")).raw(part.pack()[1 + len(part.name) :]).done()
    with pytest.raises(CorruptContainer, match="name"):
        list(codec().decompress(signed(head, [named])))


def test_numbers_on_the_wire():
    for value in (0, 1, 127, 128, 300, (1 << 63) - 1):
        source = ByteReader(ByteWriter().number(value).done())
        assert source.number() == value
        source.end()
    for value in (0, 1, -1, 5, -5, (1 << 63) - 1, -(1 << 63)):
        assert unzigzag(zigzag(value)) == value
    for data in (b"", b"\x80", b"\xff" * 11, b"\x64"):
        with pytest.raises(CorruptContainer):
            source = ByteReader(data)
            source.number(100)
            source.prefixed()
