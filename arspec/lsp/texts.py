"""Texts that stand for files while specs are read, and the files that were looked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class Texts(Mapping[str, str]):
    """Texts that stand for files, and the paths that were asked for. It holds, even where it is empty."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._texts[name]

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return name in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __bool__(self) -> bool:
        return True
