"""A step of a class that was run before, again: with the same memory for all that it makes.

What an instruction does, once it is known, is often a call of a function in machine code and no more. Such calls are
kept with their arguments (`arspec.sampler.run.kernel_calls`). A step of the same class is these calls once more, which
are told what its row says (`moves` of an instruction). Other instructions run as before, and what they make is copied
to where the kept calls read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from arspec.sampler.run.cut import Cut
from arspec.sampler.run.instructions import First, Instruction, Move, Registers, Split
from arspec.sampler.run.kernel_calls import KernelCall, kept_calls
from arspec.sampler.run.packing import place

WARM = 2  # steps of a class before one is kept
MOST = 64  # classes of a run that are kept
LARGE = 1 << 24  # bytes that a class makes, from which it is not kept
WORTH = 2  # instructions that are to become calls, for each one that does not


@dataclass(eq=False)
class Segment:
    """Calls one after another, and an instruction behind them, with what it makes and where that is copied to."""

    calls: list[KernelCall] = field(default_factory=list)
    instruction: Instruction | None = None
    copied: list[tuple[int, Tensor]] = field(default_factory=list)


@dataclass(eq=False)
class Replay:
    """What a class of steps does."""

    sections: list[tuple[int, Tensor]]  # of the row, whose numbers come to lie in the same memory at each step
    first: int  # of the registers that instructions fill
    registers: list[Any]
    moves: list[Move]
    segments: list[Segment]
    held: list[Tensor]  # the memory of what is made

    def __call__(self, r: Registers) -> None:
        for section, held in self.sections:
            held.copy_(r[section])
            r[section] = held
        r[self.first : self.first + len(self.registers)] = self.registers
        for move in self.moves:
            move(r)
        for segment in self.segments:
            for function, arguments in segment.calls:
                function(*arguments)
            if segment.instruction is not None:
                segment.instruction(r)
                for out, held in segment.copied:
                    r[out] = held.copy_(r[out])


class Watch(TorchDispatchMode):
    """Whether torch computes anything, and the memory that it gives."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch's compiler need not be loaded

    def __init__(self) -> None:
        super().__init__()
        self.computes, self.held = False, list[Tensor]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if func in _GIVES:
            self.held.append(found)
        elif not (func.is_view and _lies_in(found, args[0])):  # some views are copies where they have to be
            self.computes = True
        return found


def _lies_in(found: Any, viewed: Any) -> bool:
    """Whether one or several tensors are parts of another's memory."""
    each: Any = found if isinstance(found, list | tuple) else [found]
    tensors = all(isinstance(one, Tensor) for one in (viewed, *each))
    return tensors and all(place(one) == place(viewed) for one in each)


_GIVES = {torch.ops.aten.new_empty.default, torch.ops.aten.empty.memory_format}


def pays(cut: Cut, r: Registers) -> bool:
    """Whether enough of a step may be calls."""
    able = [instruction.may_be_calls(r) for instruction in cut.instructions]
    return sum(able) >= WORTH * able.count(False)


def replay_of(cut: Cut, r: Registers, first: int) -> Replay | None:
    """Runs a step whose row is in the registers, and keeps what it does; None where that would save little. first: of
    the registers that instructions fill."""
    sections = [(q, r[q].clone()) for q in cut.kept if isinstance(r[q], Tensor)]
    for q, held in sections:
        r[q] = held
    head, moves, held = _head(cut), list[Move](), list[Tensor]()
    segments, fresh, kept = [Segment()], set[int](), 0
    for instruction in cut.instructions:
        made = {*instruction.made()}
        if not instruction.may_be_calls(r) or head & made or fresh & {*instruction.reads()}:
            instruction(r)
        else:
            with kept_calls() as calls, Watch() as watch:
                instruction(r)
            told = None if watch.computes else instruction.moves(r, calls)
            if told is not None:
                segments[-1].calls += calls
                moves += told
                held += watch.held
                kept += 1
                continue
        segments[-1].instruction = instruction
        fresh |= head & made
        for at in made - head:
            r[at] = r[at].clone(memory_format=torch.contiguous_format)
            segments[-1].copied.append((at, r[at]))
        segments.append(Segment())
    large = sum(each.nbytes for each in held) + sum(each.nbytes for own in segments for _, each in own.copied) > LARGE
    if large or kept < WORTH * (len(cut.instructions) - kept):
        return None
    registers = [None if at in fresh else r[at] for at in range(first, cut.registers)]
    return Replay(sections, first, registers, moves, segments, held)


def _head(cut: Cut) -> set[int]:
    """The registers of the head's parameters, and of what they are a part of: whoever draws may keep them."""
    found = {cut.head}
    for instruction in reversed(cut.instructions):
        if isinstance(instruction, Split | First) and found & {*instruction.made()}:
            found |= {instruction.x}
    return found
