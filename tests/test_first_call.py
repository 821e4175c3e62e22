"""What the first call of a module keeps for later ones, wherever it keeps it: found, named, and put back."""

# pyright: reportOperatorIssue=false, reportFunctionMemberAccess=false, reportAttributeAccessIssue=false

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from arspec.auditing import AuditReport, audit
from arspec.auditing.keeping import Keeping
from arspec.auditing.verdicts import Verdict
from tests.audit_modules import planted

kept_scale: float | None = None
scales: list[float] = []


def of_sequence(module: nn.Module, **options: Any) -> AuditReport:
    return audit(module, "b t", "b t k", {"t": 8}, levels=16, **options)


def spread(found: Tensor) -> float:
    return float(found.detach().std())


class InTheClass(planted.Causal):
    scale: ClassVar[float | None] = None

    def features(self, x: Tensor) -> Tensor:
        found = super().features(x)
        if InTheClass.scale is None:
            type(self).scale = spread(found)
        return found / InTheClass.scale


class InADict(planted.Causal):
    kept: ClassVar[dict[str, Tensor]] = {}

    def features(self, x: Tensor) -> Tensor:
        found = super().features(x)
        if not self.kept:
            self.kept["scale"] = found.detach().std()
        return found / self.kept["scale"]


class InAGlobal(planted.Causal):
    def features(self, x: Tensor) -> Tensor:
        global kept_scale
        found = super().features(x)
        if kept_scale is None:
            kept_scale = spread(found)
        return found / kept_scale


class InAList(planted.Causal):
    def features(self, x: Tensor) -> Tensor:
        found = super().features(x)
        if not scales:
            scales.append(spread(found))
        return found / scales[0]


class InADefault(planted.Causal):
    def features(self, x: Tensor, kept: list[float] = []) -> Tensor:  # noqa: B006
        found = super().features(x)
        if not kept:
            kept.append(spread(found))
        return found / kept[0]


class InAFunction(planted.Causal):
    def features(self, x: Tensor) -> Tensor:
        found = super().features(x)
        if not hasattr(spread, "scale"):
            spread.scale = spread(found)
        return found / spread.scale


class Helper:
    __slots__ = ("scale",)


class InAnObject(planted.Causal):
    helper = Helper()

    def features(self, x: Tensor) -> Tensor:
        found = super().features(x)
        if not hasattr(self.helper, "scale"):
            self.helper.scale = found.detach().std()
        return found / self.helper.scale


def in_a_closure() -> nn.Module:
    scale: float | None = None

    class InAClosure(planted.Causal):
        def features(self, x: Tensor) -> Tensor:
            nonlocal scale
            found = super().features(x)
            if scale is None:
                scale = spread(found)
            return found / scale

    return InAClosure()


def in_a_cache() -> nn.Module:
    current: list[Tensor] = []

    @functools.lru_cache(None)
    def scale() -> float:
        return spread(current[-1])

    class InACache(planted.Causal):
        def features(self, x: Tensor) -> Tensor:
            current[:] = [super().features(x)]
            return current[0] / scale()

    return InACache()


def by_a_hook() -> nn.Module:
    kept: dict[str, float] = {}

    def scaled(module: nn.Module, args: Any, out: Tensor) -> Tensor:
        if not kept:
            kept["scale"] = spread(out)
        return out / kept["scale"]

    module = planted.Causal()
    module.first.register_forward_hook(scaled)
    return module


KEEPERS: list[tuple[Callable[[], nn.Module], str]] = [
    (InTheClass, "class attribute InTheClass.scale"),
    (InADict, "class attribute InADict.kept"),
    (InAGlobal, "global kept_scale of test_first_call.py"),
    (InAList, "global scales of test_first_call.py"),
    (InADefault, "a default of InADefault.features"),
    (InAFunction, "an attribute of spread"),
    (InAnObject, "scale of class attribute InAnObject.helper"),
    (in_a_closure, "variable scale of in_a_closure.<locals>.InAClosure.features"),
    (in_a_cache, "variable scale of in_a_cache.<locals>.InACache.features"),
    (by_a_hook, "variable kept of by_a_hook.<locals>.scaled"),
]


@pytest.mark.parametrize(("build", "named"), KEEPERS, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("mode", ["evaluation", "batch"])
def test_what_a_first_call_keeps_is_no_proof(build: Callable[[], nn.Module], named: str, mode: str) -> None:
    report = of_sequence(build(), modes=[mode], draws=1)
    assert report.verdict == Verdict.NOT_DECIDED
    (told,) = report.modes
    assert "it keeps something of its first call" in told.why
    assert named in told.why


@pytest.mark.parametrize(("build", "named"), KEEPERS, ids=lambda value: getattr(value, "__name__", ""))
def test_nor_is_it_of_a_variant(build: Callable[[], nn.Module], named: str) -> None:
    """The pass that is followed is its first call, and the later ones are compared with it."""
    (told,) = of_sequence(planted.Causal(), variants={"other": build()}, modes=["variants"], draws=1).modes
    assert told.verdict == Verdict.NOT_DECIDED and named in told.why


def test_a_variant_is_followed_and_closed_by_two_passes() -> None:
    own, other = of_sequence(
        planted.Causal(), variants={"other": planted.Causal()}, modes=["evaluation", "variants"]
    ).modes
    assert (own.verdict, other.verdict, other.passes) == (Verdict.PROVEN, Verdict.PROVEN, 2)


class Rescaling(nn.Module):
    """Its first call after the mode has changed scales its weights in place, by a power of two that grows with depth:
    by one in the first layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(16, 8), nn.Linear(8, 16)
        self.dropout, self.scaled = nn.Dropout(0.1), False

    def forward(self, x: Tensor) -> Tensor:
        if self.scaled == self.training:
            with torch.no_grad():
                self.out.weight.mul_(1.0)
            self.scaled = not self.training
        return self.out(self.dropout(self.embed(x)).cumsum(1))


def test_what_training_wrote_to_the_weights_is_settled_before_the_next_mode() -> None:
    report = of_sequence(Rescaling(), input_kind="int", offset=1, modes=["evaluation", "training", "batch"])
    assert [found.verdict for found in report.modes] == [Verdict.PROVEN] * 3


def later(count: int) -> NDArray[np.bool_]:
    return np.triu(np.ones((count, count), bool))


@pytest.mark.parametrize(("build", "named"), KEEPERS[::3], ids=lambda value: getattr(value, "__name__", ""))
def test_nor_is_it_of_forbidden_pairs(build: Callable[[], nn.Module], named: str) -> None:
    (told,) = of_sequence(build(), modes=["forbid"], forbid=later, draws=1).modes
    assert told.verdict == Verdict.NOT_DECIDED and named in told.why


class AsideByNumpy(nn.Module):
    """A sum of what is earlier, and of a number of the last step that no operator gave."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens, self.out = nn.Embedding(4, 3), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        before = F.pad(self.tokens(x)[:, :-1], (0, 0, 1, 0)).cumsum(1)
        return self.out(before + float(x.numpy()[0, -1]))


def test_forbidden_pairs_are_closed_by_values() -> None:
    (told,) = audit(AsideByNumpy(), "b t", "b t k", {"t": 8}, levels=4, modes=["forbid"], forbid=later).modes
    assert told.verdict == Verdict.NOT_DECIDED and "labels and values disagree" in told.why
    assert of_sequence(planted.Causal(), modes=["forbid"], forbid=later).verdict == Verdict.PROVEN


def test_it_is_put_back() -> None:
    """Another audit of the same class, in the same process, says the same."""
    for build, _ in KEEPERS:
        assert of_sequence(build(), modes=["evaluation"], draws=1).verdict == Verdict.NOT_DECIDED
    assert kept_scale is None and not scales and InTheClass.scale is None and not InADict.kept
    assert not hasattr(spread, "scale") and not hasattr(InAnObject.helper, "scale")
    assert InADefault.features.__defaults__ == ([],)


class SharedTable(planted.Causal):
    """A table that all modules of the class share, which is that of every call of its length."""

    tables: ClassVar[dict[int, Tensor]] = {}

    def features(self, x: Tensor) -> Tensor:
        found = super().features(x)
        width = found.shape[1]
        if width not in self.tables:
            self.tables[width] = torch.ones(width, width, dtype=found.dtype).tril(-1)
        return found + self.tables[width] @ found


def test_a_table_that_is_that_of_every_call_is_proven() -> None:
    assert of_sequence(SharedTable(), modes=["evaluation", "batch"]).verdict == Verdict.PROVEN
    assert not SharedTable.tables


class Lists(planted.Causal):
    """Changes lists, dicts, sets and tensors in place, in attributes and below these."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = [1]
        self.nested: dict[str, Any] = {"a": {"b": [1]}, "c": {1}}
        self.count = torch.zeros(2)

    def features(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        self.nested["a"]["b"].clear()
        self.nested["c"].add(len(x))
        self.count += 1
        return super().features(x)


def test_what_a_module_changes_in_place_is_put_back() -> None:
    module = Lists()
    seen = module.seen
    of_sequence(module, modes=["evaluation", "batch"])
    assert module.seen is seen and module.seen == [1]
    assert module.nested == {"a": {"b": [1]}, "c": {1}}
    assert torch.equal(module.count, torch.zeros(2))


def test_only_what_may_be_called_is_looked_at() -> None:
    """A function is followed where something that is called speaks of it, and names are told once."""

    class Apart(planted.Causal):
        def features(self, x: Tensor) -> Tensor:
            self.called()
            return super().features(x)

        def called(self, kept: list[int] = []) -> None:  # noqa: B006
            kept.append(1)

        def never(self, kept: list[int] = []) -> None:  # noqa: B006
            kept.append(1)

    module = Apart()
    keeping = Keeping([module])
    module(torch.rand(2, 8))
    module.never()
    assert keeping.changed() == [f"a default of {Apart.called.__qualname__}"]
    keeping.put_back()
    assert Apart.called.__defaults__ == ([],) and Apart.never.__defaults__ == ([1],)


class Computed(OrderedDict[str, Any]):
    """A dict that makes what it gives, as tables of activations do."""

    def __getitem__(self, key: str) -> Any:
        raise TypeError("not to be called")


TABLE = Computed(a=1)


class ByTable(planted.Causal):
    def features(self, x: Tensor) -> Tensor:
        OrderedDict.__setitem__(TABLE, "b", len(TABLE))
        return super().features(x)


def test_a_dict_that_computes_is_left_alone() -> None:
    assert of_sequence(ByTable(), modes=["evaluation"]).ok
    assert list(TABLE.keys()) == ["a"]
