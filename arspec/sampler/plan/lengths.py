"""The same model, with the same weights, for sequences of another length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from arspec.diagnostics import Diagnostic, InputError, SpecError
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.network.module import Network
from arspec.network.weights import undrawn

N = TypeVar("N", bound=Network)


def at_length(model: N, length: int) -> N:
    """The model for sequences of `length` steps. InputError with the reason where there is none."""
    return model if length == model.spec.data.length else over(model, spec_at(model.spec, length))


def over(model: N, spec: Spec) -> N:
    """The model's weights under a spec that `spec_at` gave."""
    with undrawn():
        made = type(model)(spec, worth=model.worth)
    sizes = {name: weight.shape for name, weight in made.weights().items()}
    cut = {name: weight[tuple(map(slice, sizes[name]))] for name, weight in model.weights().items()}  # views
    made.load_state_dict(cut, assign=True)
    return made.to(model.device).train(model.training)


def spec_at(spec: Spec, length: int) -> Spec:
    """The same spec over `length` steps: the layers and weights of its graph stay what they are, whatever it makes of
    its length. InputError with the reason where that can't be."""
    reasons: list[InputError] = []
    fixed: Spec | None = None
    for setting in _settings(spec, length):
        try:
            found = spec.variant(**setting)
            _check_same(spec, found)
        except InputError as error:
            reasons.append(error)
            continue
        if _runs_along(spec, found):
            return found
        fixed = fixed or found
    if fixed is not None:  # a series is read whole, however long the data are
        return fixed
    # a layer that differs says more than sizes that do not fit
    telling = next((reason for reason in reasons if reason.code == "AR822"), None)
    raise telling or _misfit(spec, length, reasons[0])


def no_stream(spec: Spec, reason: str, node: Node | None = None, help: str | None = None) -> InputError:
    """Why a model has no stream, at the node because of which it has none. The help says what it has."""
    message = f"'{spec.name}' has no stream: {reason}"
    have = f"`arspec sample` draws sequences of up to the spec's own length, {spec.data.length:,} steps"
    help = f"{help}; {have}" if help else have
    if node is None or node.unwritten:
        return InputError("AR822", message, help)
    return SpecError([Diagnostic("AR822", message, node.place, help)])


def _settings(spec: Spec, length: int) -> Iterator[dict[str, Any]]:
    """What may be set for a length: the length alone, so that all layers stay as they are; then a parameter by which
    other sizes follow it (a series of frames, say)."""
    yield {"data": {"length": length}}
    own = spec.data.length
    for name, value in spec.params.items():
        if isinstance(value, bool) or not isinstance(value, int) or value * length % own:
            continue
        try:
            if spec.variant(params={name: 2 * value}).data.length == 2 * own:
                yield {"params": {name: value * length // own}}
        except SpecError:
            continue


def _runs_along(own: Spec, other: Spec) -> bool:
    """Whether each condition that is a series is as many times as long as before as the data are."""
    a, b = own.graph().conditions, other.graph().conditions
    series = [name for name, section in own.condition.items() if section.along]
    length, now = own.data.length, other.data.length
    return all(b[name].out.grid[0] * length == a[name].out.grid[0] * now for name in series)


def _check_same(own: Spec, other: Spec) -> None:
    """InputError where a layer or its weights differ between two lengths."""
    there = {node.name: node for node in other.graph().live}
    for node in own.graph().live:
        same = there.get(node.name)
        kept = same is not None and same.layer == node.layer and str(same.mask) == str(node.mask)
        if same is None or not kept or node.layer.of_length(node) != same.layer.of_length(same):
            raise no_stream(own, f"the layer '{node.name}' depends on how long the sequence is", node,
                            "write its numbers as they are, and not by a parameter of the length")  # fmt: skip
        for (name, weight), changed in zip(
            node.layer.weights(node).items(), node.layer.weights(same).values(), strict=True
        ):
            own_shape, shape = list(weight.shape), list(changed.shape)
            along = node.layer.along_steps(name)
            if along is not None and shape[along] < own_shape[along]:  # the first of its numbers serve
                own_shape[along] = shape[along]
            if own_shape != shape:
                raise no_stream(
                    own,
                    f"the weight `{name}` of '{node.name}' has numbers for each of the "
                    f"{own.data.length:,} steps, and none for later ones",
                    node,
                    "a model without numbers for places, whose layers look back by windows, has a stream",
                )


def _misfit(spec: Spec, length: int, error: InputError) -> InputError:
    first = error.diagnostics[0]
    where = f" ({first.place})" if first.place is not None else ""
    return no_stream(spec, f"the spec can't be of {length:,} steps: {first.code}{where} {first.message}",
                     help="let the sizes that belong to the length follow from a parameter")  # fmt: skip
