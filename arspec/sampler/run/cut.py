"""Classes of steps, which do the same with other rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from arspec.sampler.run.codegen import Call
from arspec.sampler.run.instructions import Instruction


@dataclass(eq=False)
class Cut:
    """A class of steps: the sizes of the row's sections (0 of blocks) and which of them have any, what is called, as
    instructions over so many registers, the register of the head's parameters,
    and what writes the values that are drawn in the end."""

    sizes: list[int]
    kept: list[int]
    calls: list[Call]
    instructions: list[Instruction]
    head: int
    registers: int
    put: Instruction
    single: list[tuple[int, int]] = field(default_factory=list)  # blocks of one row, and where in a row they stand
