"""The compiled spec: a torch module that computes all sites at once, and what follows from it: likelihoods."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from arspec.data.labels import class_numbers
from arspec.diagnostics import InputError, did_you_mean
from arspec.language.further import Further
from arspec.language.load import Spec
from arspec.language.sections import ClassCondition
from arspec.layers.base import Node, Weights
from arspec.layers.helpers import channels_first, packed, sites_last, unpacked, unseen
from arspec.layers.shared_table import shared
from arspec.network.last_product import LastProduct, last_product
from arspec.network.numbers import (
    Condition,
    Values,
    as_taken,
    check_condition,
    fitting,
    may_be_read,
    range_of,
    tensor_of,
)
from arspec.network.running import Running, Tap
from arspec.network.steps import Step, steps_of

T = TypeVar("T")

EXACT = (torch.float32, torch.float64)  # numbers that hold every level there may be


class Network(Running):
    """A spec as a torch module.

    network(x) gives the parameters of the head's distribution, [B, V, K]: one row of K numbers for each variable.
    Variables are the scalars of x.flatten(1), or its pixels where their channels are generated together. x holds
    integers, [B, C, H, W], [B, T] or [B, D]. Auxiliary images are the first channels (`arspec.data.with_auxiliary`). A
    sample has its own: it need not be the view of the image that was drawn with it.

    worth: the numbers of a weight that a sampler must spare, for it to sum up a part of a layer ahead; None: its own
    choice.
    names: of the classes of each class condition, by number, where the training data had names. A class may then be
    given by its name wherever conditions are taken: label="cat" for all examples, label=["cat", "dog"] in turn.
    figures: what is known of its quality (steps, bits_per_dim, nats, examples ...), where `arspec.open` has found that.
    """

    def __init__(self, spec: Spec, seed: int = 0, worth: int | None = None) -> None:
        super().__init__(spec.graph(), seed)
        self.worth, self.spec = worth, spec
        self.names: dict[str, tuple[str, ...]] = {}
        self.figures: dict[str, Any] = {}
        self.origin: Any = None  # the checkpoint that it came from (`arspec.saving.origin`)
        levels = self.spec.data.channel_levels
        self._levels_of = {own: [k for k, other in enumerate(levels) if other == own] for own in levels}
        self.made: dict[Any, Any] = {}  # what others made of it (`keep`)
        self._first_modelled = spec.data.given  # which are the first, where any are given

    @property
    def members(self) -> int:
        """Members of the family: orders, or draws of degrees. 1 where there is no family."""
        return len(self.graph.members)

    @cached_property
    def given(self) -> list[int]:
        """The numbers of the variables that are given, not modelled."""
        return np.flatnonzero(~self.graph.members[0].order.modelled).tolist()

    # -- the parallel form -------------------------------------------------------------------------------------------

    def forward(self, x: Values, member: int = 0, **condition: Condition) -> Tensor:
        """[B, V, K]. `condition`: each condition of the spec by its name. Raises InputError for what does not fit.

        torch.compile makes code for each member of a family. Beyond 8 members it needs to be told so before the first
        call: `torch._dynamo.config.recompile_limit = network.members`. `arspec train --compile` does that itself."""
        return self.rows(self.last(x, member, condition))

    def last(
        self, x: Values, member: int, condition: Mapping[str, Condition], tap: Tap | None = None,
        head: Further | None = None,
    ) -> Tensor:  # fmt: skip
        """The head node's tensor, [B, G * C, *grid]; that of a further head where one is given."""
        return self.headed(self._sources(x, member, condition), member, tap, head)

    def headed(
        self, values: dict[Node, Tensor], member: int, tap: Tap | None = None, head: Further | None = None
    ) -> Tensor:
        """The value of the node of a head, the first or a further one, from those of the sources."""
        if head is None:
            return self.run(values, member, tap)
        handed: dict[Node, Tensor] = {}
        self.run(values, member, tap, handed=handed)
        self._run_extra(handed, member, tap)
        return handed[head.node]

    def _sources(self, x: Values, member: int, condition: Mapping[str, Condition]) -> dict[Node, Tensor]:
        self.check_member(member)
        return {self.graph.data: self.data_tensor(x), **self.condition_tensors(condition, len(x))}

    def visit(
        self, x: Values, member: int, condition: Mapping[str, Condition], tap: Tap, names: set[str],
        instead: Mapping[str, Callable[[Node, list[Tensor]], Tensor]] | None = None,
    ) -> None:  # fmt: skip
        """Computes the nodes of these names and whatever they are computed from, no others, and shows each to `tap`.
        instead: what computes the nodes of some names from their inputs."""
        needed: set[Node] = set()
        for node in reversed(self.graph.order):
            if node.name in names or node in needed:
                needed.update((node, *node.inputs))
        order, steps, others = self.graph.order, steps_of(self.graph, self._numbers[member]), instead or {}
        found, waiting = self._as_numbered(self._sources(x, member, condition), tap), list[Step]()
        for step in [step for step in steps if order[step.node] in needed]:
            if (compute := others.get(order[step.node].name)) is None:
                waiting.append(step)
                continue
            self._run(waiting, found, member, tap)
            waiting.clear()
            node = order[step.node]
            found[step.node] = tap(node, compute(node, [found[source] for source in step.inputs]))
            for source in step.done:
                found.pop(source, None)
        self._run(waiting, found, member, tap)

    def rows(self, last: Tensor) -> Tensor:
        """The head node's tensor as [B, V, K]."""
        return sites_last(last, self.graph.data.out.groups)

    def by_variable(self, x: Tensor) -> Tensor:
        """Scalars of the data [B, *shape] as [B, V, C]: the channels of each variable."""
        kind = self.graph.data.out
        channels = math.prod(self.spec.data.shape) // math.prod(kind.grid)
        return sites_last(packed(x.reshape(len(x), channels, *kind.grid), kind), kind.groups)

    def scalars(self, values: Tensor) -> Tensor:
        """The inverse: [B, V, C] -> [B, *shape]."""
        kind = self.graph.data.out
        return unpacked(channels_first(values, kind), kind).reshape(len(values), *self.spec.data.shape)

    def log_prob(self, x: Values, member: int = 0, **condition: Condition) -> Tensor:
        """Nats of each example, [B], of what is modelled of it. x [B, *shape]: whole numbers, a tensor, an array or
        lists, with what is given."""
        return self.log_probs(x, member, **condition).sum(1)

    def losses(self, x: Values, member: int = 0, **condition: Condition) -> tuple[Tensor, Tensor]:
        """What training makes small: the nats -log p(x) of each example, [B], and the sum of the auxiliary losses of
        the layers, []. The second is no part of the likelihood: it is added to the mean of the nats of a variable."""
        extra: list[Tensor] = []
        nats = -self._log_probs(x, member, condition, extra).sum(1)
        return nats, torch.stack(extra).sum() if extra else nats.new_zeros(())

    def log_probs(self, x: Values, member: int = 0, **condition: Condition) -> Tensor:
        """Nats of each variable, [B, V]; zeros of what is given, not modelled."""
        return self._log_probs(x, member, condition)

    def _log_probs(
        self, x: Values, member: int, condition: Mapping[str, Condition], losses: list[Tensor] | None = None
    ) -> Tensor:
        head, support, kind, x = self.graph.head, self.graph.support, self.graph.data.out, tensor_of(x)
        sources = self._sources(x, member, condition)
        if not torch.compiler.is_compiling() and not len(x):  # layers need an example to know their shapes by
            return torch.zeros(0, kind.sites, dtype=self.dtype, device=self.device)
        numbers = sources[self.graph.data]
        value = sites_last(numbers, kind.groups) if numbers.dtype in EXACT else self.by_variable(x)
        handed: dict[Node, Tensor] = {}
        product = None if unseen(numbers) else self._last_product(member)
        table = None if product is None else self._shared_table(product)
        tables = None if product is None or table is None else dict.fromkeys(product.lookups, table)
        last = self._below(product, sources, member, losses=losses, handed=handed, tables=tables)
        if losses is not None:
            self._further_losses(handed, value, member, losses)
        if product is not None:
            own, value = self._product_weights(product, member, table), value[:, self._first_modelled :]
            some = head.log_prob_of_product(support, product.rows(last), own["weight"], own.get("bias"), value)
            return nn.functional.pad(some, (self._first_modelled, 0)) if self._first_modelled else some
        if self._first_modelled:
            some = head.log_prob(support, self.rows(last)[:, self._first_modelled :], value[:, self._first_modelled :])
            return nn.functional.pad(some, (self._first_modelled, 0))
        if kind.groups == 1 or kind.parts:
            return head.log_prob(support, self.rows(last), value)
        # the groups of a position side by side: so they lie in memory where channels come last
        rows = last.flatten(2).transpose(1, 2).unflatten(2, (kind.groups, -1))
        return head.log_prob(support, rows, value.unflatten(1, (kind.groups, -1)).transpose(1, 2)).mT.flatten(1)

    def _last_product(self, member: int) -> LastProduct | None:
        return self.keep(("last product", member), lambda: last_product(self.graph, self.graph.members[member]))

    def _shared_table(self, product: LastProduct) -> Tensor | None:
        """The weight of the last product where nodes take rows of it, as they and the product then have it."""
        if not product.lookups or (self.checkpointing and self.training):
            return None
        return shared(self.nodes.of(self.graph.order[product.lookups[0]])["weight"])

    def _product_weights(self, product: LastProduct, member: int, table: Tensor | None) -> Weights:
        node = product.node
        if table is None:
            return self._made(node, member, product.weights)
        own = self.nodes.of(node)
        own = {**own, "weight": table.view(own["weight"].shape)}
        return product.weights(node, own, self.constants.of(node, member))

    # -- further heads: losses of training alone ---------------------------------------------------------------------

    def _further_losses(self, values: dict[Node, Tensor], value: Tensor, member: int, losses: list[Tensor]) -> None:
        """Adds the loss of each further head: its weight times the mean nats of what it predicts. values: what these
        heads take of other nodes; value [B, V, C]: the data."""
        self._run_extra(values, member, losses=losses)
        for one in self.graph.further:
            chosen = self.graph.members[member]
            sites, targets = (torch.from_numpy(a).to(value.device) for a in (one.sites(chosen), one.targets(chosen)))
            rows = self.rows(values[one.node]).index_select(1, sites)
            nats = one.head.log_prob(self.graph.support, rows, value.index_select(1, targets))
            losses.append(-one.section.weight * nats.mean())

    def mean_log_prob(self, x: Values, **condition: Condition) -> Tensor:
        """Nats of each example under the mean of the family's probabilities, [B]. (A mean of logits would not be
        normalised.)"""
        every = [self.log_prob(x, member, **condition) for member in range(self.members)]
        return torch.stack(every).logsumexp(0) - math.log(self.members)

    # -- what comes in -----------------------------------------------------------------------------------------------

    def data_tensor(self, x: Values) -> Tensor:
        """x as the graph takes it, [B, C, *grid] in the weights' dtype; InputError where shape or levels do not fit."""
        data, x = self.spec.data, tensor_of(x)
        if tuple(x.shape[1:]) != data.shape:
            help = fitting(data, tuple(x.shape[1:]))
            if data.auxiliary:
                help = (
                    "arspec.data.with_auxiliary(x, spec.data) puts the auxiliary images in front of an image's channels"
                )
            raise InputError(
                "AR804", f"the spec models data of shape {data.shape}, and each example has {tuple(x.shape[1:])}", help
            )
        given, x = x, x.to(self.device, self.dtype)
        self._check_holds(x.dtype)
        checked = may_be_read() and given.device.type == "cpu" and given.numel()
        seen = x if x.device == given.device and x.dtype in EXACT else given
        for levels, channels in self._levels_of.items() if checked else ():
            low, high = range_of(seen, channels)
            if not 0 <= low <= high < levels:
                raise InputError("AR804",
                                 f"the data's levels are 0 to {levels - 1}, and there are values from {low:.12g} to "
                                 f"{high:.12g}",
                                 "data come as integers in that range")  # fmt: skip
        if checked and given.is_floating_point() and not torch.equal(given.detach(), given.detach().round()):
            raise InputError(
                "AR804",
                "the data hold fractions; a spec models whole numbers",
                f"levels are whole: for numbers of 0 to 1 that is (x * {data.levels - 1}).round()",
            )
        return packed(x, self.graph.data.out) if data.kind == "image" else x.unsqueeze(1)

    def condition_tensors(self, given: Mapping[str, Condition], batch: int) -> dict[Node, Tensor]:
        """Every condition as the graph takes it; InputError for one that is missing, unknown or of the wrong shape.

        In training those with `drop` are left out of some examples, all of them by one draw for each example."""
        self._check_names(given)
        self._check_holds(self.dtype)
        sections = self.spec.condition
        found: dict[Node, Tensor] = {}
        chance: Tensor | None = None
        for name, section in sections.items():
            given_value = given.get(name)
            if given_value is None and section.may_be_left_out:
                given_value = torch.full((batch, *section.shape), section.nothing)
            if given_value is None:
                raise InputError(
                    "AR806", f"the condition '{name}' is missing", f"the spec is conditioned on: {', '.join(sections)}"
                )
            value = self._condition(name, given_value, batch)
            check_condition(name, value, (batch, *section.shape))
            if section.whole is not None and value.numel() and may_be_read():
                if value.is_floating_point() and not torch.equal(value, value.round()):
                    raise InputError("AR807", f"'{name}' is made of whole numbers; it holds fractions")
                low, high = int(value.min()), int(value.max())
                if not 0 <= low <= high < section.whole + section.may_be_left_out:
                    raise InputError(
                        "AR807", f"'{name}' is a {section.what} from 0 to {section.whole - 1}; it holds "
                        f"{low if low < 0 else high}", section.range_help,
                    )  # fmt: skip
            value = value if section.whole is not None else value.to(self.dtype)
            if self.training and section.drop:
                chance = torch.rand(batch, device=self.device) if chance is None else chance
                left_out = (chance < section.drop).view(-1, *[1] * len(section.shape))
                value = torch.where(left_out, section.nothing, value)
            found[self.graph.conditions[name]] = as_taken(value, section).to(self.dtype)
        return found

    def _check_holds(self, dtype: torch.dtype) -> None:
        """InputError where the type of the weights rounds whole numbers that layers take: bfloat16 above 256."""
        if dtype in EXACT:
            return
        largest = max(node.out.levels or 1 for node in self.graph.sources) - 1
        if largest > (holds := int(2 / torch.finfo(dtype).eps)):
            name = str(dtype).removeprefix("torch.")
            raise InputError(
                "AR804", f"the weights are in {name}, which holds whole numbers up to {holds:,}; here they go up to "
                f"{largest:,}, and would be rounded",
                "keep the weights in float32: sample(weights='bfloat16') has copies of them in 16 bits, and "
                "torch.autocast computes in 16 bits",
            )  # fmt: skip

    def _check_names(self, given: Iterable[str]) -> None:
        """InputError for a name that no condition of the spec has."""
        sections = self.spec.condition
        for name in given:
            if name not in sections:
                hint = did_you_mean(name, sections, "conditions") or (
                    "the spec has no conditions; every keyword that the call has no argument for is taken for one"
                )
                raise InputError("AR807", f"the spec has no condition '{name}'", hint)

    def conditions(self, given: Mapping[str, Condition], batch: int) -> dict[str, Tensor]:
        """Conditions of `batch` examples as tensors on the model's device; InputError where they do not fit."""
        self.condition_tensors(given, batch)
        return self.numbered(given, batch)

    def numbered(self, given: Mapping[str, Condition], batch: int) -> dict[str, Tensor]:
        """Conditions of `batch` examples as tensors, of any shape. Classes may be given by their names. InputError for
        a name that no condition has, and for what is not made of numbers."""
        self._check_names(given)
        return {name: self._condition(name, value, batch) for name, value in given.items()}

    def _condition(self, name: str, value: Any, batch: int) -> Tensor:
        """A condition of `batch` examples as a tensor. Classes may be given by their names,
        as `class_numbers` takes them."""
        if not isinstance(value, Tensor) and isinstance(self.spec.condition.get(name), ClassCondition):
            value = class_numbers(value, self.names.get(name, ()), name, batch)
        try:
            return torch.as_tensor(value, device=self.device)
        except (TypeError, ValueError, RuntimeError) as error:
            message = f"the condition '{name}' is made of numbers; {type(value).__name__} came"
            raise InputError("AR807", message, "give a tensor, an array or lists of one length") from error

    def check_member(self, member: int) -> None:
        """InputError for a number that no member of the family has."""
        if not 0 <= member < self.members:
            raise InputError("AR816", f"the family has {self.members} members; there is no number {member}")

    # -- what is made of it ------------------------------------------------------------------------------------------

    def keep(self, key: object, make: Callable[[], T]) -> T:
        """What `make` gives, made once for each key. Whoever makes something of the network keeps it here: it goes when
        the network goes, and copies are without it."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    # -- torch's own -------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "made": {}}


__all__ = ["EXACT", "Network", "Tap"]
