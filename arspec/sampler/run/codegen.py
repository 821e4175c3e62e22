"""Code generation: a class of steps as a list of instructions over registers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from arspec.layers.base import Node
from arspec.sampler.plan.program import Operation, Program, Read
from arspec.sampler.run.instructions import (
    Advance,
    Block,
    Compute,
    ComputeOver,
    First,
    Gather,
    GatherWindow,
    Hoist,
    Instruction,
    Linear,
    LinearInto,
    LinearPlus,
    LinearSum,
    Put,
    PutBlock,
    Share,
    Split,
)  # fmt: skip

Filling = Advance | Block | First | Gather | GatherWindow | Hoist | Share  # what fills one register of its own


@dataclass(eq=False)
class Call:
    """An operation in a step: `count` of its sites from the `first` on, or the `entire` share that it has there."""

    number: int
    operation: Operation
    first: int
    count: int
    entire: bool


@dataclass(eq=False)
class Layout:
    """Which register is what, the same in all classes of steps: first the sections of the row, then these, from `free`
    on what the instructions make."""

    caches: dict[Node, int]
    weights: list[int]  # by operation; its product, where it is linear
    hoisted: dict[tuple[int, int], int]  # by operation and input
    whole: dict[tuple[int, int], int]  # by operation and input that is read whole
    # by operation that reads inputs whole, at each step: how many sites are filled, and whether all are open
    known: dict[int, tuple[list[int], list[bool]]]
    nowhere: int  # no rows: the places of layers that do not ask, and of windows that find nothing
    quick: int  # the functions in machine code; None where there are none
    step: int
    drawn: int  # the values that a step ends with
    drawn_by: int | None  # the product of one input that makes the head's parameters alone, where only draws take them
    free: int


def layout_of(program: Program) -> Layout:
    """The registers of a program: each has its number, behind those of the row's sections."""
    at = len(program.sections)
    reads = [(n, k, read) for n, o in enumerate(program.operations) for k, read in enumerate(o.reads)]
    sources = [read.source for _, _, read in reads if read.section is not None and read.hoisted is None]
    head = [program.schedule.graph.head_node] if program.head_made is None else []  # which may read no data at all
    nodes = list(dict.fromkeys([*program.caches, *sources, *head]))
    caches = {node: at + k for k, node in enumerate(nodes)}
    at += len(caches)
    weights = [at + k for k in range(len(program.operations))]
    at += len(weights)
    hoisted = {(n, k): at + i for i, (n, k) in enumerate((n, k) for n, k, read in reads if read.hoisted is not None)}
    at += len(hoisted)
    whole = {(n, k): at + i for i, (n, k) in enumerate((n, k) for n, k, read in reads if read.relation is not None)}
    at += len(whole)
    known = {n: program.known(program.operations[n]) for n, _ in whole}
    return Layout(caches, weights, hoisted, whole, known, at, at + 1, at + 2, at + 3, _drawn_by(program), at + 4)


def _drawn_by(program: Program) -> int | None:
    made, last, head = program.head_made, None, program.schedule.graph.head_node
    while made is not None:
        number, operation = made[0], program.operations[made[0]]
        readers = [k for k, o in enumerate(program.operations) for r in o.reads if r.source is operation.parts[0].node]
        if len(operation.parts) > 1 or any(k != last for k in readers):
            return None
        if not operation.hands_on:
            alone = operation.linear and len(operation.reads) == 1
            return number if alone and operation.parts[0].node.out.channels == head.out.channels else None
        made, last = operation.handed_on, number
    return None


def generate(
    program: Program, layout: Layout, calls: list[Call], blocks: frozenset[int], drawn: int
) -> tuple[list[Instruction], int, int, Instruction]:
    """The instructions of a class of steps that makes these calls and whose sections are `blocks` or rows, the register
    of the head's parameters, the number of all registers, and what writes the variables, so many, that are `drawn` in
    the end."""
    one, data = _Codegen(program, layout, blocks, _added(program, calls)), program.schedule.graph.data
    for call in calls:
        one.call(call)
    return one.instructions, one.head(), one.at, one.put(data, program.data, program.data, layout.drawn, drawn)


def _added(program: Program, calls: list[Call]) -> dict[int, int]:
    """Sums of a product and what else there is, and the product of each, which nothing else reads: a product adds up
    what it is given for nothing. By the numbers of operations."""
    readers = Counter(read.source for operation in program.operations for read in operation.reads)
    counts = {call.number: call.count for call in calls if call.entire}

    def is_product(number: int, count: int) -> bool:
        operation = program.operations[number]
        alone = len(operation.parts) == len(operation.reads) == readers[operation.parts[0].node] == 1
        return operation.linear and alone and operation.outs == [None] and counts.get(number) == count

    found: dict[int, int] = {}
    for number, count in counts.items():
        operation = program.operations[number]
        if len(operation.reads) == 2 and not operation.linear and operation.parts[0].node.traits.is_sum:
            made = [r.made[0] for r in operation.reads if r.made is not None and is_product(r.made[0], count)]
            found |= {number: made[-1]} if made else {}
    return found


class _Codegen:
    def __init__(self, program: Program, layout: Layout, blocks: frozenset[int], added: dict[int, int]) -> None:
        self.program, self.layout, self.at, self.blocks, self.added = program, layout, layout.free, blocks, added
        # the operations and parts that others find in registers
        self.taken = {read.made for o in program.operations for read in o.reads} | {program.head_made}
        self.waiting: dict[int, int | None] = dict.fromkeys(added.values())  # products, and the registers of their rows
        self.instructions: list[Instruction] = []
        self.gathered: dict[tuple[Node, int, int, int], int] = {}
        self.made: dict[int, list[int]] = {}  # by operation: the registers of its parts
        self.outputs: dict[tuple[int, int], int] = {}  # by operation and part: of a scan, its output alone
        head = program.schedule.graph.head_node
        read = any(read.source is head and read.made is None for o in program.operations for read in o.reads)
        # the operation and part that the step draws from, where nobody else reads what they make: it is not kept
        self.drawn = None if read else program.head_made

    def new(self) -> int:
        self.at += 1
        return self.at - 1

    def add(self, instruction: Filling) -> int:
        """Adds an instruction; the register that it fills."""
        self.instructions.append(instruction)
        return instruction.out

    def call(self, call: Call) -> None:
        number, operation = call.number, call.operation
        if self.advances(call):
            self.advance(call)
            return
        xs = [self.read(call, k, read) for k, read in enumerate(operation.reads) if not self.is_waiting(read)]
        if number in self.waiting:
            self.waiting[number] = xs[0]
            return
        puts = self.puts(call)
        if operation.hands_on:
            self.made[number] = xs
        elif any(puts):
            out = self.new()
            self.instructions.append(LinearInto(out, self.layout.weights[number], xs[0], puts))
            self.made[number] = [out] * len(puts) if all(puts) else self.split(operation, out)
        else:
            self.made[number] = self.split(operation, self.compute(call, xs))
        for k, (part, section, x) in enumerate(zip(operation.parts, operation.outs, self.made[number], strict=True)):
            if section is not None and (number, k) != self.drawn and not puts[k]:
                rows = self.share(call, section, 1)
                self.instructions.append(self.put(part.node, section, rows, x, call.count))

    def puts(self, call: Call) -> list[tuple[int, int] | None]:
        """Of each part of a product its cache and the row that it writes, where it is read from there alone."""
        operation, taken = call.operation, self.taken
        found: list[tuple[int, int] | None] = [None] * len(operation.parts)
        if not operation.linear or len(operation.reads) > 1 or call.count > 1 or not call.entire:
            return found
        for k, (part, section) in enumerate(zip(operation.parts, operation.outs, strict=True)):
            if section in self.blocks and (call.number, k) not in taken:
                found[k] = self.layout.caches[part.node], section
        return found

    def is_waiting(self, read: Read) -> bool:
        """Whether an input is a product that is computed with what is added to it."""
        return read.made is not None and read.made[0] in self.waiting

    def advances(self, call: Call) -> bool:
        """Whether a call is of a scan that writes the row of its one site itself."""
        operation, program = call.operation, self.program
        node, own = operation.parts[0].node, operation.reads[-1] if operation.reads else None
        if own is None or own.source is not node or not node.traits.advances or node in program.schedule.waves:
            return False
        alone = call.entire and call.count == own.columns == 1
        return alone and own.section in self.blocks and operation.outs[0] in self.blocks

    def advance(self, call: Call) -> None:
        """The instruction of such a call."""
        number, operation = call.number, call.operation
        (part,), (written,), read = operation.parts, operation.outs, operation.reads[-1].section
        assert read is not None and written is not None
        xs = [self.read(call, k, read) for k, read in enumerate(operation.reads[:-1])]
        node, weights, cache = part.node, self.layout.weights[number], self.layout.caches[part.node]
        out = self.add(Advance(self.new(), node.layer.advance, node, weights, xs, cache, read, written))
        self.made[number] = [out]
        self.outputs[number, 0] = out

    def put(self, node: Node, section: int, rows: int, x: int, count: int) -> Put | PutBlock:
        """What writes so many rows of a section, or the part of it that is in the register `rows`."""
        cache = self.layout.caches[node]
        return PutBlock(cache, section, x, count, self.layout.quick) if section in self.blocks else Put(cache, rows, x)

    def compute(self, call: Call, xs: list[int]) -> int:
        """The register of what an operation makes of its inputs."""
        operation, layout, out = call.operation, self.layout, self.new()
        node, weights = operation.parts[0].node, layout.weights[call.number]
        if call.number in self.added:
            product = self.added[call.number]
            x = self.waiting[product]
            assert x is not None
            self.instructions.append(LinearPlus(out, layout.weights[product], x, xs[0]))
        elif operation.linear:
            self.instructions.append(self.linear(out, weights, xs[: operation.windows], xs[operation.windows :]))
        else:
            places = layout.nowhere if operation.places is None else self.share(call, operation.places, 1)
            compute = Compute(out, node.layer.forward_sites, node, weights, xs, places)
            self.instructions.append(self.over(call, compute) if call.number in layout.known else compute)
        return out

    def linear(self, out: int, product: int, xs: list[int], plus: list[int]) -> Linear | LinearPlus | LinearSum:
        """The instruction of an operation that is a product, or a sum of several."""
        if len(xs) > 1:
            return LinearSum(out, product, xs, plus[0] if plus else None)
        return LinearPlus(out, product, xs[0], plus[0]) if plus else Linear(out, product, xs[0])

    def over(self, call: Call, compute: Compute) -> ComputeOver:
        """The instruction of an operation that reads inputs whole."""
        layout = self.layout
        keys = ((x, (call.number, k)) for k, x in enumerate(compute.xs))
        whole = [(x, layout.whole[key]) for x, key in keys if key in layout.whole]
        filled, open_ = layout.known[call.number]
        return ComputeOver(compute, whole, layout.step, filled, open_)

    def split(self, operation: Operation, x: int) -> list[int]:
        if len(operation.parts) == 1:
            return [x]
        outs = [self.new() for _ in operation.parts]
        self.instructions.append(Split(outs[0], x, [p.node.layer.cached_channels(p.node) for p in operation.parts]))
        return outs

    def read(self, call: Call, k: int, read: Read) -> int:
        """The register in which an operation finds an input."""
        layout = self.layout
        if read.relation is not None:
            return self.new()  # filled as it is computed
        if read.hoisted is not None:
            x = layout.hoisted[call.number, k]
            return x if read.section is None else self.gather(x, self.share(call, read.section, 1))
        if read.made is not None:
            x = self.output(read.source, *read.made)
        else:
            assert read.section is not None
            x = self.window(call, read, read.section)
        if not read.hoist:
            return x
        return self.add(Hoist(self.new(), call.operation.parts[0].node, layout.weights[call.number], k, x))

    def output(self, node: Node, number: int, part: int) -> int:
        """The register of what a part of an operation has made, without the inner state of a scan."""
        x = self.made[number][part]
        if node.layer.cached_channels(node) == node.out.channels:
            return x
        if (number, part) not in self.outputs:
            self.outputs[number, part] = self.first(x, node)
        return self.outputs[number, part]

    def first(self, x: int, node: Node) -> int:
        return self.add(First(self.new(), x, node.out.channels))

    def window(self, call: Call, read: Read, section: int) -> int:
        # sections without rows are equal for any number of sites
        key = read.source, section, call.count, read.channels
        if call.entire and key in self.gathered:
            return self.gathered[key]
        rows = self.share(call, section, read.columns) if read.columns else self.layout.nowhere
        cache = self.layout.caches[read.source]
        if section in self.blocks:
            x = self.add(Block(self.new(), cache, section, call.count, read.columns, read.channels))
        elif read.columns == 1 and read.channels == read.source.layer.cached_channels(read.source):
            x = self.gather(cache, rows)
        else:
            x = self.add(GatherWindow(self.new(), cache, rows, call.count, read.columns, read.channels))
        if call.entire:  # of a scan, a wave's share is nobody else's
            self.gathered[key] = x
        return x

    def gather(self, cache: int, rows: int) -> int:
        return self.add(Gather(self.new(), cache, rows))

    def share(self, call: Call, section: int, columns: int) -> int:
        """The register of what belongs to a call of a section of the row."""
        if call.entire:
            return section
        return self.add(Share(self.new(), section, call.first * columns, call.count * columns))

    def head(self) -> int:
        """The register of the head's parameters."""
        program, node = self.program, self.program.schedule.graph.head_node
        if program.head_made is not None:
            return self.output(node, *program.head_made)
        x = self.gather(self.layout.caches[node], program.head)
        return x if node.layer.cached_channels(node) == node.out.channels else self.first(x, node)
