"""Tokenizers of the library tokenizers: text as the levels of a model of tokens, and back."""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from arspec.diagnostics import InputError
from arspec.extras import need
from arspec.files import foreign
from arspec.types import Ints

DAMAGED = "AR868"
MOST_BYTES = 1 << 27
BEFORE = 8  # tokens before those that are decoded, on which their text may depend
UNFINISHED = "\ufffd"  # what stands for bytes that are no whole character yet


class Tokenizer:
    """A tokenizer by the content of its tokenizer.json. It is read when it is first used, since it may take long."""

    def __init__(self, source: bytes, name: str) -> None:
        self.source, self.name = source, name

    @cached_property
    def hash(self) -> str:
        """What tells it from others."""
        return blake2b(self.source, digest_size=16).hexdigest()

    @cached_property
    def _made(self) -> Any:
        library = need("tokenizers")
        try:
            made = library.Tokenizer.from_buffer(self.source)
            made.no_truncation()
            made.no_padding()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the library raises bare exceptions, and panics of its own
            raise InputError(DAMAGED, f"{self.name} is damaged or no tokenizer: {str(error)[:200]}") from error
        return made

    def check(self, levels: int) -> None:
        """InputError where it gives numbers that a model of so many levels lacks."""
        numbers: list[int] = list(self._made.get_vocab(with_added_tokens=False).values())
        if numbers and max(numbers) >= levels:
            message = f"{self.name} gives the numbers 0 to {max(numbers):,}, and the model has {levels:,} levels"
            raise InputError(DAMAGED, message, "take the tokenizer.json that the model was trained with")

    def numbers_of(self, text: str) -> Ints:
        """A text as tokens [n], without marks before or behind it."""
        try:
            return np.array(self._made.encode(text, add_special_tokens=False).ids, np.int64)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a symbol that the vocabulary lacks, say
            raise InputError(DAMAGED, f"{self.name} can't read a text: {str(error)[:200]}") from error

    def leading(self, text: str) -> Ints:
        """The tokens [k] that the tokenizer itself puts before a text, such as the mark of its beginning."""
        own = self.numbers_of(text)
        marked = np.array(self._made.encode(text, add_special_tokens=True).ids, np.int64)
        for k in range(len(marked) - len(own) + 1):
            if np.array_equal(marked[k : k + len(own)], own):
                return marked[:k]
        return own[:0]

    def text_of(self, numbers: Ints) -> str:
        """Tokens [n] as text; bytes that are no character show as U+FFFD."""
        return self._made.decode(numbers.tolist(), skip_special_tokens=False)

    def growing(self) -> GrowingText:
        """What makes text of tokens that come piece by piece."""
        return GrowingText(self)


class GrowingText:
    """Text of tokens that come piece by piece: what all tokens are as text, a character as soon as it is whole."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._recent, self._said = tokenizer, np.zeros(0, np.int64), 0

    def more(self, numbers: Ints, last: bool = False) -> str:
        """The text that these tokens add. last: nothing comes after them."""
        before, self._recent = self._recent, np.concatenate([self._recent, numbers])
        known = self._tokenizer.text_of(before[: self._said])
        whole = self._tokenizer.text_of(self._recent)
        if whole.endswith(UNFINISHED) and not last:
            return ""
        text = whole[len(known) :]
        self._recent = self._recent[-BEFORE:]
        self._said = len(self._recent)
        return text


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a file. InputError where it can't be read."""
    return Tokenizer(foreign.content(path, DAMAGED, MOST_BYTES), str(path))
