"""The tokenizer of a model of tokens, beside its spec: `tokenizer.json`, as the library tokenizers writes it."""

from __future__ import annotations

import os
from pathlib import Path

from arspec.data.tokenizer import read_tokenizer
from arspec.files.atomic import replacing
from arspec.language.load import Spec

TOKENIZER = "tokenizer.json"


def write_tokenizer(spec: Spec, folder: Path) -> None:
    """Writes the tokenizer by which a spec's tokens are text; nothing where there is none."""
    tokenizer = spec.data.tokenizer
    if tokenizer is not None:
        with replacing(folder / TOKENIZER) as temporary:
            temporary.write_bytes(tokenizer.source)


def read_own_tokenizer(folder: Path, spec: Spec) -> None:
    """Tells a spec's data section of the tokenizer in a model's folder, where there is one."""
    if spec.data.kind == "sequence" and os.path.lexists(folder / TOKENIZER):
        spec.data.reads_text_by(read_tokenizer(folder / TOKENIZER))
