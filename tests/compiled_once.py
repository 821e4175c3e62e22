"""A compiler that makes each thing once in a run of the tests, as ccache does: whoever calls it again gets a copy."""

from __future__ import annotations

import shlex
from pathlib import Path

from arspec.sampler.run.kernel import compiler

PROGRAM = """#!/bin/sh
# what is wanted stands in all arguments but the last, which says where
key=$(printf '%s\\n' "$@" | sed '$d' | cksum | tr ' ' -)
for place; do :; done
if [ ! -e "{folder}/$key" ]; then
  {command} "$@" || exit
  cp "$place" "{folder}/$key.$$" && mv "{folder}/$key.$$" "{folder}/$key"
fi
cp "{folder}/$key" "$place"
"""


def compiled_once(folder: Path) -> str:
    """The value of CXX by which the compiler of this machine compiles once. folder: where results are kept."""
    program = folder / "compiled-once"
    command = compiler()
    assert command is not None
    if not program.exists():
        program.write_text(PROGRAM.format(folder=folder, command=shlex.join(command)))
        program.chmod(0o755)
    return str(program)
