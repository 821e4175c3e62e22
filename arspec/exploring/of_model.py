"""Facts of a trained model: what it draws at some temperatures, and what surprises it in given examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arspec.data.examples import Examples
from arspec.data.mu_law import to_wave
from arspec.diagnostics import InputError
from arspec.exploring.facts import ModelFacts, SampleFacts, ScoredFacts
from arspec.exploring.making import Made, facts_of_spec
from arspec.exploring.packing import Store
from arspec.model import Model
from arspec.saving.card import card_facts

TEMPERATURES = (0.7, 0.85, 1.0, 1.15)
SAMPLES, ALONE = 4, 12  # drawn of each class, and where there is no class
CLASSES = 20  # classes that are shown
NUMBERS = 1 << 19  # of all samples together, beyond which fewer are drawn
SCORED = 12  # examples whose surprise is shown
LOOKED_AT = 64  # examples among which these are chosen


@dataclass(frozen=True)
class Drawing:
    """What is drawn: samples of each class, at which temperatures, by which seed."""

    samples: int | None = None
    temperatures: Sequence[float] = TEMPERATURES
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples is not None and self.samples < 0:
            raise InputError("AR808", f"samples is at least 0; {self.samples} came", "0 draws none")
        if not self.temperatures or not all(0 <= t < 100 for t in self.temperatures):
            named = ", ".join(map(str, self.temperatures)) or "none"
            raise InputError("AR808", f"temperatures are from 0 on, and {named} came", "for example 0.7,1,1.3")


def facts_of_model(model: Model, name: str, examples: Examples | None = None, drawing: Drawing | None = None) -> Made:
    """The facts of a model: those of its spec, with samples and scores.

    examples: of the model's own kind, among whose first those are chosen that surprise it most and least, and some
    between. Raises InputError for a temperature that there is not."""
    made = facts_of_spec(model.spec)
    made.facts["kind"] = "model"
    if tuple(made.facts["data"]["grid"]) != model.graph.data.out.grid:  # a twin stands for the spec
        made.facts["notes"].append("samples and scores are left out beside a twin")
        return Made(made.facts, made.store, name)
    described = _Described(model, made.store, examples, drawing or Drawing())
    made.facts["model"] = described.facts(name, made.facts["notes"])
    return Made(made.facts, made.store, name)  # which is packed anew


@dataclass(eq=False)
class _Described:
    model: Model
    store: Store
    examples: Examples | None
    drawing: Drawing

    def facts(self, name: str, notes: list[str]) -> ModelFacts:
        spec = self.model.spec
        sound = spec.data.kind == "sequence" and spec.data.content == "audio"
        levels = np.arange(spec.data.levels)
        return {
            "name": name,
            "card": [list(line) for line in card_facts(spec, None, self.model.figures)],
            "shape": list(spec.data.shape),
            "samples": self._samples(notes),
            "scored": self._scored(notes),
            "data": self.examples.name if self.examples is not None else "",
            "rate": spec.data.rate if sound else None,
            "wave": to_wave(levels, spec.data.levels, spec.data.companding).round(5).tolist() if sound else None,
        }

    # -- samples -------------------------------------------------------------------------------------------------------

    def _samples(self, notes: list[str]) -> list[SampleFacts]:
        if self.drawing.samples == 0:
            return []
        conditions = self.model.spec.condition
        classes = next((key for key, section in conditions.items() if section.named), None)
        others = [k for k, section in conditions.items() if k != classes and not section.may_be_left_out]
        if others and self.examples is None:
            notes.append(
                f"no samples are drawn: the model is conditioned on {', '.join(others)}, which only examples bring"
            )
            return []
        count = min(conditions[classes].whole or 1, CLASSES) if classes is not None else 1
        each = self.drawing.samples or (SAMPLES if classes is not None else ALONE)
        temperatures = sorted(set(self.drawing.temperatures))
        most = NUMBERS // (count * len(temperatures) * max(self.model.spec.data.dimensions, 1))
        if each > max(most, 1):
            each = max(most, 1)
            notes.append(
                f"{each} samples are drawn where more were asked for: a page holds {NUMBERS:,} numbers of them"
            )
        found: list[SampleFacts] = []
        for temperature in temperatures:
            given = self._given(count * each, others)
            if classes is not None:
                given[classes] = np.repeat(np.arange(count), each)
            x = self.model.sample(count * each, seed=self.drawing.seed, temperature=temperature, **given).cpu().numpy()
            for k in range(count):
                words = self._class_words(classes, k) if classes is not None else ""
                found.append({"temperature": temperature, "condition": words, "count": each,
                              "values": self.store.array(x[k * each : (k + 1) * each], delta=False)})  # fmt: skip
        return found

    def _given(self, count: int, names: Sequence[str]) -> dict[str, Any]:
        """Conditions other than the class, of the first examples in turn."""
        if not names:
            return {}
        assert self.examples is not None
        _, condition = self.examples.take(np.arange(count) % len(self.examples))
        return {name: condition[name] for name in names if name in condition}

    def _class_words(self, key: str, number: int) -> str:
        names = self.model.names.get(key, ())
        return f"{key} {names[number] if number < len(names) else number}"

    # -- surprise ------------------------------------------------------------------------------------------------------

    def _scored(self, notes: list[str]) -> list[ScoredFacts]:
        if self.examples is None or not len(self.examples):
            notes.append("no examples are scored: --examples names some")
            return []
        import torch

        from arspec.scoring.likelihood import likelihood

        some = np.arange(min(len(self.examples), LOOKED_AT))
        x, condition = self.examples.take(some)
        tensors = {name: torch.from_numpy(np.asarray(value)).to(self.model.device) for name, value in condition.items()}
        given = self.model.conditions(tensors, len(x))
        found = likelihood(self.model, torch.from_numpy(x).to(self.model.device), given)
        bits = found.bits / self.model.spec.data.dimensions
        thousandths = np.rint(1000 * found.places.astype(np.float64)).astype(np.int64)
        return [
            {"name": f"example {k}{self._of(condition, k)}, {rank}", "values": self.store.array(x[k], delta=False),
             "surprise": self.store.array(thousandths[k], delta=False), "bits": round(float(bits[k]), 6)}
            for k, rank in chosen(bits)
        ]  # fmt: skip

    def _of(self, condition: dict[str, Any], k: int) -> str:
        words = [self._class_words(key, int(condition[key][k])) for key, section in self.model.spec.condition.items()
                 if section.named and key in condition]  # fmt: skip
        return f", {', '.join(words)}" if words else ""


def chosen(bits: npt.NDArray[np.float64], count: int = SCORED) -> list[tuple[int, str]]:
    """Of examples with so many bits a dimension [N], which are shown, and as what: the third that surprises most, the
    third in the middle, and the third that surprises least."""
    order = np.argsort(-bits, kind="stable")
    each = max(1, count // 3)
    if len(order) <= count:
        return [(int(k), _place(place, len(order))) for place, k in enumerate(order)]
    middle = (len(order) - each) // 2
    parts = {"surprising": order[:each], "usual": order[middle : middle + each], "expected": order[-each:]}
    return [(int(k), word) for word, some in parts.items() for k in some]


def _place(place: int, count: int) -> str:
    """Which of so many examples one is, those first that surprise most."""
    if count == 1:
        return "the only one"
    if place in (0, count - 1):
        return f"the {'least' if place else 'most'} surprising of {count}"
    return f"place {place + 1} of {count} by surprise"
