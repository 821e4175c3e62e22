"""The page of a model: its sizes and what a sample of it costs, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from arspec.language.load import Spec
from arspec.network.module import Network
from arspec.notebook.html import facts, folded, heading, page, told
from arspec.notebook.samples import Samples
from arspec.sampler.plan.lifetimes import lifetimes
from arspec.sampler.plan.schedule import Leaks
from arspec.scoring import score

MOST = 1 << 22  # sites whose schedule is made for a table


def shown(model: Network, x: Tensor, surprise: bool, condition: Mapping[str, Any]) -> Samples:
    """Examples x [N, *shape], or one of them, as a notebook shows them. surprise: with the bits of each place."""
    if x.ndim == len(model.spec.data.shape):
        x = x[None]
    model.data_tensor(x)  # which refuses what does not fit
    x = x.long()
    given = model.numbered(condition, len(x))
    bits = score(model, x, given).heat if surprise else None
    return Samples(x.cpu().numpy(), model.spec.data, bits, labels_of(model, given, len(x)), model.spec.name)


def labels_of(model: Network, condition: Mapping[str, Tensor], count: int) -> list[str]:
    """What the class conditions of so many examples are, by their names where they have such. No labels where there
    are no class conditions."""
    words: list[list[str]] = [[] for _ in range(count)]
    for key, values in condition.items():
        if model.spec.condition[key].named:
            numbers = values.expand(count).tolist() if values.ndim <= 1 else []
            names = dict(enumerate(model.names.get(key, ())))
            for each, number in zip(words, numbers, strict=False):
                each.append(str(names.get(number, f"{key} {number}")))
    return [", ".join(each) for each in words] if any(words) else []


def model_page(model: Network) -> str:
    """A model as a table: data, order, head, parameters, steps and work of a sample, and how well it does."""
    spec, graph = model.spec, model.graph
    order = spec.members[0].order
    family = f", one of {len(spec.members):,} members" if len(spec.members) > 1 else ""
    rows = [
        ("data", f"{spec.data.kind} {spec.data.size_text}, {spec.data.levels_text}"),
        ("variables", f"{order.variables:,}"),
        ("order", f"{order.name}{family}"),
        ("head", f"{graph.head.kind}, {graph.head_node.out.channels} numbers a variable"),
        ("parameters", f"{graph.parameters:,} in {str(model.dtype).removeprefix('torch.')} on {model.device}"),
        ("nodes", f"{len(graph.nodes):,}"),
        ("steps of a sample", f"{order.drawn:,}"),
        ("work of a sample", _work(spec)),
    ]
    if spec.condition:
        rows.append(("conditions", ", ".join(f"{name} ({one.kind})" for name, one in spec.condition.items())))
    figures = model.figures
    if "steps" in figures:
        rows.append(("training", f"{figures['steps']:,} steps"))
    if "bits_per_dim" in figures:
        of = f", {figures['examples']:,} examples" if "examples" in figures else ""
        rows.append(("held out", f"{figures['bits_per_dim']:.4f} bits/dim{of}"))
    program = folded("program", f"<pre>{told(graph.describe())}</pre>")
    about = " ".join(spec.about.split())
    return page(heading(spec.name, None, about), facts((name, told(value)) for name, value in rows), program)


def _work(spec: Spec) -> str:
    """What the steps of a sample compute, by the sampler's own schedule, as the page of `explore` says it."""
    sites = sum(node.out.sites for node in spec.graph().live)
    if sites > MOST:
        return f"up to {sites:,} sites, each computed once"
    try:
        life = lifetimes(spec.graph(), spec.members[0])
    except Leaks:
        return "it leaks, so that it has no schedule"
    return f"{life.computed:,} sites, each computed once; {life.rows['rows']:,} rows cached"
