"""The nodes of a graph as the classes of a file: one for each block that computes alike, and one for the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from torch import Tensor

from arspec.exporting.recording import Call, Value, leaves
from arspec.exporting.writing import KEYWORDS, Lines, Text, needed


@dataclass(eq=False)
class Computed:
    """What computes a node: its calls, and what they start from."""

    name: str
    about: str
    calls: list[Call]
    output: Value
    held: dict[int, Held]  # weights and constants, by the identity of their Value

    @cached_property
    def starts(self) -> list[Value]:
        """What its calls start from: the Values that none of them gives, in the order of their use."""
        kept = needed(self.calls, self.output)
        given = {id(leaf) for call in kept for leaf in leaves(call.gives) if isinstance(leaf, Value)}
        used = [leaf for call in kept for leaf in leaves((call.args, call.kwargs)) if isinstance(leaf, Value)]
        return list({id(value): value for value in (*used, self.output) if id(value) not in given}.values())


@dataclass(eq=False)
class Held:
    """A weight or a constant of a node."""

    value: Value
    name: str  # within the node
    tensor: Tensor
    trained: bool
    node: str  # the node that it is of
    scope: str = ""  # the path of the innermost instance in which all lie that use it


@dataclass(eq=False)
class Scope:
    """The graph, or an instance of a block: nodes and further instances, in their order."""

    path: str
    block: str | None
    items: list[Computed | Scope] = field(default_factory=list[Any])

    def nodes(self) -> Iterator[Computed]:
        """All nodes in it, those of the instances inside too."""
        for item in self.items:
            if isinstance(item, Scope):
                yield from item.nodes()
            else:
                yield item


def tree(nodes: Sequence[Computed], clusters: Mapping[str, str]) -> Scope:
    """The scopes of nodes. clusters: the block of every instance, by its path (`body.3`)."""
    whole = Scope("", None)
    for node in nodes:
        scope = whole
        parts = node.name.split(".")
        for k in range(1, len(parts)):
            path = ".".join(parts[:k])
            if path not in clusters:
                continue
            last = scope.items[-1] if scope.items else None
            if not (isinstance(last, Scope) and last.path == path):
                last = Scope(path, clusters[path])
                scope.items.append(last)
            scope = last
        scope.items.append(node)
    return whole


@dataclass(eq=False)
class Class:
    """A class of the file: its name, what its forward takes and gives, and the tensors of this instance."""

    name: str
    takes: list[Value]
    gives: list[Value]
    tensors: dict[str, Tensor]  # by their names in a state dict of the instance


class Classes:
    """The classes of a file, each text once."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}  # body -> name
        self._names: set[str] = {"Model", "Part"}

    def named(self, block: str | None, body: str) -> str:
        """The name of the class with this body; a new one by its block where there is none."""
        if block is None:
            self.texts[body] = "Model"
        if body not in self.texts:
            base = "".join(part.title() for part in (block or "").split("_")) or "Block"
            name, count = base, 1
            while name in self._names:
                count += 1
                name = f"{base}{count}"
            self._names.add(name)
            self.texts[body] = name
        return self.texts[body]

    def of(self, scope: Scope, read_outside: set[int], arguments: Mapping[str, Value] | None = None) -> Class:
        """The class of an instance. read_outside: the Values that something outside of it reads. arguments: what the
        forward takes by these names, in this order; where it is left out, whatever the nodes start from."""
        return _Writer(self, scope, read_outside, arguments or {}).written()


class _Writer:
    """Writes the class of one scope."""

    def __init__(self, classes: Classes, scope: Scope, read_outside: set[int], arguments: Mapping[str, Value]) -> None:
        self.classes, self.scope, self.read_outside = classes, scope, read_outside
        self.lines = Lines({})
        self.init: list[str] = []
        self.tensors: dict[str, Tensor] = {}
        self.takes: list[Value] = []
        self.inside = {id(node.output): node for node in scope.nodes()}
        self.attributes: set[str] = set()
        for name, value in arguments.items():
            self.takes.append(value)
            self.lines.names[id(value)] = Text(self.lines.free(name, KEYWORDS))  # as the model's own

    def written(self) -> Class:
        """The class."""
        items = self.scope.items
        reads = [_reads(item) for item in items]
        position = 0
        while position < len(items):
            item = items[position]
            if isinstance(item, Scope):
                position += self._instances(position, items, reads)
                continue
            self._node(item)
            position += 1
        gives = [node.output for node in self.scope.nodes() if id(node.output) in self.read_outside]
        gives = list({id(value): value for value in gives}.values())
        returned = ", ".join(self.lines.names[id(value)].text for value in gives)
        head = ["batch = x.shape[0]"] if self.lines.batch else []
        takes = ", ".join(self.lines.names[id(value)].text for value in self.takes)
        body = "\n".join(
            [
                "    def __init__(self) -> None:", "        super().__init__()",
                *(f"        {line}" for line in self.init), "",
                f"    def forward(self, {takes}):",
                *(f"        {line}" for line in (*head, *self.lines.lines)), f"        return {returned}",
            ]
        )  # fmt: skip
        name = self.classes.named(self.scope.block, body)
        return Class(name, self.takes, gives, self.tensors)

    # -- nodes -------------------------------------------------------------------------------------------------------

    def _node(self, node: Computed) -> None:
        for value in node.starts:
            self._known(value, node)
        before = len(self.lines.lines)
        self.lines.node(node.calls, node.output, node.name.rpartition(".")[2])
        if len(self.lines.lines) > before and node.about:
            self.lines.lines[before] = f"{self.lines.lines[before]}  # {node.about}"

    def _known(self, value: Value, node: Computed) -> None:
        """Sees to it that a Value has a name here: as a weight, or as an argument."""
        if id(value) in self.lines.names:
            return
        held = node.held.get(id(value))
        if held is not None and held.scope == self.scope.path:
            self._hold(held)
        else:
            self._take(value)

    def _take(self, value: Value) -> None:
        self.takes.append(value)
        self.lines.names[id(value)] = Text(self.lines.free("x" if value.what != "weight" else "weight"))

    def _hold(self, held: Held) -> None:
        """A parameter or a buffer of this class."""
        attribute = self._attribute(f"{held.node.rpartition('.')[2]}_{held.name}".replace(".", "_"))
        shape = ", ".join(map(str, held.tensor.shape))
        if held.trained:
            self.init.append(f"self.{attribute} = nn.Parameter(torch.empty({shape or '()'}))")
        else:
            kind = "" if held.tensor.is_floating_point() else f", dtype={held.tensor.dtype}"
            shape = f"({shape},)" if held.tensor.ndim == 1 else f"({shape})"
            self.init.append(f'self.register_buffer("{attribute}", torch.empty({shape}{kind}))')
        self.tensors[attribute] = held.tensor
        self.lines.names[id(held.value)] = Text(f"self.{attribute}")

    def _attribute(self, wanted: str) -> str:
        name, count = wanted if not wanted[0].isdigit() else f"_{wanted}", 1
        base = name
        while name in self.attributes or name in _MODULES:
            count += 1
            name = f"{base}_{count}"
        self.attributes.add(name)
        return name

    # -- instances ---------------------------------------------------------------------------------------------------

    def _instances(self, start: int, items: Sequence[Any], reads: Sequence[set[int]]) -> int:
        """The lines of an instance, or of all of a repetition that begins with it; how many items these are."""
        first: Scope = items[start]
        group = [first]
        base, number = _repetition(first.path)
        while number is not None and start + len(group) < len(items):
            other = items[start + len(group)]
            if not (isinstance(other, Scope) and _repetition(other.path) == (base, number + len(group))):
                break
            group.append(other)
        made: list[Class] = []
        for k, scope in enumerate(group):
            later = set().union(*reads[start + k + 1 :], self.read_outside)
            made.append(self.classes.of(scope, later))
        attribute = self._attribute((base if number is not None else first.path).rpartition(".")[2])
        same = len({one.name for one in made}) == 1
        if number is None:
            self.init.append(f"self.{attribute} = {made[0].name}()")
        elif same:
            self.init.append(f"self.{attribute} = nn.ModuleList([{made[0].name}() for _ in range({len(made)})])")
        else:
            self.init.append(f"self.{attribute} = nn.ModuleList([{', '.join(f'{one.name}()' for one in made)}])")
        for k, one in enumerate(made):
            path = f"{attribute}.{k}" if number is not None else attribute
            self.tensors.update({f"{path}.{key}": tensor for key, tensor in one.tensors.items()})
        for one, scope in zip(made, group, strict=True):
            for value in one.takes:
                if id(value) not in self.lines.names and not any(id(value) == id(v) for m in made for v in m.gives):
                    self._known(value, _holder(scope, value))
        if same and number is not None and len(made) > 1 and self._chain(made, reads, start):
            name = self.lines.names[id(made[0].takes[0])]
            called = self.lines.free(attribute)
            more = "".join(f", {self.lines.names[id(value)].text}" for value in made[0].takes[1:])
            self.lines.lines += [
                f"{called} = {name.text}",
                f"for layer in self.{attribute}:",
                f"    {called} = layer({called}{more})",
            ]
            self.lines.names[id(made[-1].gives[0])] = Text(called)
            return len(group)
        for k, one in enumerate(made):
            outputs = [self.inside[id(value)].name.rpartition(".")[2] for value in one.gives]
            names = [attribute] if len(outputs) == 1 else [f"{attribute}_{output}" for output in outputs]
            called = [self.lines.free(name) for name in names]
            args = ", ".join(self.lines.names[id(value)].text for value in one.takes)
            which = f"self.{attribute}[{k}]" if number is not None else f"self.{attribute}"
            self.lines.lines.append(f"{', '.join(called)} = {which}({args})")
            self.lines.names.update({id(value): Text(name) for value, name in zip(one.gives, called, strict=True)})
        return len(group)

    def _chain(self, made: Sequence[Class], reads: Sequence[set[int]], start: int) -> bool:
        """Whether each of a repetition takes what the one before gives, the same of all else, and gives one."""
        later = set().union(*reads[start + len(made) :], self.read_outside)
        for before, one in pairwise(made):
            if len(before.gives) != 1 or len(one.takes) != len(before.takes) or one.takes[0] is not before.gives[0]:
                return False
            if any(a is not b for a, b in zip(before.takes[1:], one.takes[1:], strict=True)):
                return False
            if id(before.gives[0]) in later:
                return False
        return len(made[-1].gives) == 1


def _repetition(path: str) -> tuple[str, int | None]:
    """The path of a repetition and the number of the instance; None where it is no repetition."""
    base, _, last = path.rpartition(".")
    return (base, int(last)) if last.isdigit() else (path, None)


def _holder(scope: Scope, value: Value) -> Computed:
    """The node of a scope that starts from a Value."""
    return next(node for node in scope.nodes() if any(value is each for each in node.starts))


def _reads(item: Computed | Scope) -> set[int]:
    """The Values that an item starts from, those of its own inside too."""
    nodes = item.nodes() if isinstance(item, Scope) else [item]
    return {id(value) for node in nodes for value in node.starts}


_MODULES = frozenset(dir(__import__("torch").nn.Module())) | {"dtype", "device"}
