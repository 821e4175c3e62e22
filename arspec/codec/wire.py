"""Numbers and pieces of bytes, written one after another and read with every length checked against what is left."""

from __future__ import annotations

from arspec.diagnostics import InputError


class CorruptContainer(InputError):
    """A file that is no container, or not as it was written."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__("AR830", message, help)


class ByteWriter:
    """Bytes that grow."""

    def __init__(self) -> None:
        self._data = bytearray()

    def byte(self, value: int) -> ByteWriter:
        """Writes one byte, from 0 to 255."""
        self._data.append(value)
        return self

    def number(self, value: int) -> ByteWriter:
        """A whole number from 0, in groups of seven bits, the lowest first."""
        while value >= 0x80:
            self._data.append(value & 0x7F | 0x80)
            value >>= 7
        self._data.append(value)
        return self

    def raw(self, data: bytes) -> ByteWriter:
        """Writes bytes as they are."""
        self._data += data
        return self

    def prefixed(self, data: bytes) -> ByteWriter:
        """Bytes with their length before them."""
        return self.number(len(data)).raw(data)

    def done(self) -> bytes:
        """All bytes that were written."""
        return bytes(self._data)


class ByteReader:
    """Bytes that are read from their start; CorruptContainer where they end too early."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data, self.place = memoryview(data), 0

    @property
    def left(self) -> int:
        """How many bytes are still to be read."""
        return len(self._data) - self.place

    def raw(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.left:
            raise CorruptContainer("the container ends too early")
        self.place += count
        return bytes(self._data[self.place - count : self.place])

    def byte(self) -> int:
        """The next byte, from 0 to 255."""
        return self.raw(1)[0]

    def number(self, most: int = (1 << 63) - 1) -> int:
        """A whole number from 0 to `most`."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > most:
                    raise CorruptContainer(f"the container holds the number {value}, where {most} is the most")
                return value
        raise CorruptContainer("the container holds a number without an end")

    def prefixed(self) -> bytes:
        """The next bytes that have their length before them."""
        return self.raw(self.number(self.left))

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self.raw(self.left)

    def end(self) -> None:
        """Raises CorruptContainer where bytes are left."""
        if self.left:
            raise CorruptContainer(f"the container holds {self.left} bytes more than it should")


def zigzag(value: int) -> int:
    """Whole numbers as those from 0: 0, -1, 1, -2, ..."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unzigzag(value: int) -> int:
    """The number that `zigzag` made."""
    return -((value + 1) >> 1) if value & 1 else value >> 1
