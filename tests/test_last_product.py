"""The last product of a graph: nats of it are those of the numbers that it gives, and so are their gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import TorchDispatchMode

from arspec.heads import softmax_of_product
from arspec.heads.softmax_of_product import nats_of_product
from arspec.language.load import from_text
from arspec.layers import shared_table
from arspec.layers.root_mean_square import by_root_mean_square
from arspec.model import Model, build
from arspec.network.last_product import last_product
from arspec.verification.subject import random_conditions
from tests.small import CHARS, ROOT, SHIPPED, every_spec, random_data, randomised, small


def chars(*changes: tuple[str, str]) -> Model:
    text = CHARS
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return randomised(from_text(text, "chars.yaml", {"levels": 9}))


def gradients(model: Model, nats: Tensor) -> list[Tensor]:
    """Of a weighted sum, so that no two rows have the same."""
    model.zero_grad()
    (nats * torch.arange(1, nats.numel() + 1).view(nats.shape)).sum().backward()
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.parameters()]


def plainly(model: Model, x: Tensor, given: dict[str, Tensor], member: int) -> Tensor:
    """Nats of the modelled variables, from all numbers of the head."""
    first = len(model.given)
    rows, value = model(x, member, **given)[:, first:], model.by_variable(x)[:, first:]
    return nn.functional.pad(model.graph.head.log_prob(model.graph.support, rows, value), (first, 0))


@every_spec
def test_nats_of_a_last_product_are_those_of_all_numbers(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(softmax_of_product, "LARGE", 0)
    monkeypatch.setattr(shared_table, "LARGE", 0)
    model = randomised(small(path))
    x, given = random_data(model, 3), random_conditions(model, 0, 3)
    for member in range(model.members):
        wanted, found = plainly(model, x, given, member), model.log_probs(x, member, **given)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
        for one, other in zip(gradients(model, found), gradients(model, wanted), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
        with torch.no_grad():
            torch.testing.assert_close(model.log_probs(x, member, **given), wanted.detach(), rtol=0, atol=1e-10)


def test_models_of_tokens_have_a_last_product():
    found = {
        path.stem for path in SHIPPED for spec in [small(path)] if last_product(spec.graph(), spec.graph().members[0])
    }
    assert found >= {"llama", "mistral", "qwen3", "mixtral", "mamba", "mamba2", "gpt", "llamagen", "retnet"}, found
    assert not found & {"gemma2", "made", "pixelcnn", "gated_pixelcnn", "pixelrnn_row"}, found


@pytest.mark.parametrize(
    "change",
    [
        ("  logits: {layer: conv, out: $head}", "  all: {layer: conv, out: $head}\n  logits: {layer: relu}"),
        ("  logits: {layer: conv, out: $head}", "  all: {layer: conv, out: $head}\n  logits: {layer: dropout}"),
        ("out: $head", "out: $head, kernel: 2, mask: so_far"),
        ("  logits: {layer: conv, out: $head}", "  all: {layer: conv, out: $head}\n  logits: {layer: shift, steps: 1}"),
    ],
    ids=["bent", "noise", "wide", "filled"],
)
def test_what_is_no_product_alone_is_computed_whole(change: tuple[str, str]):
    model = chars(change)
    assert last_product(model.graph, model.graph.members[0]) is None
    assert last_product(chars().graph, chars().graph.members[0]) is not None


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("near", [1, 21, 1 << 18])
def test_nats_of_a_product_have_the_gradients_of_torch(biased: bool, near: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(softmax_of_product, "NEAR", near)
    monkeypatch.setattr(softmax_of_product, "FEWEST", min(near, 2))
    monkeypatch.setattr(softmax_of_product, "WITHOUT", 4 * near)
    draw = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in ((7, 5), (11, 5), (11,)))
    weight, level = 300 * weight, torch.randint(11, (7,), generator=draw)  # some levels are impossible in floats
    given = [t.requires_grad_() for t in ((x, weight, bias) if biased else (x, weight))]
    nats = nats_of_product(x, weight, bias if biased else None, level)
    logits = nn.functional.linear(x, weight, bias if biased else None)
    wanted = logits.log_softmax(1).gather(1, level[:, None])[:, 0]
    assert wanted.min() < -800
    torch.testing.assert_close(nats, wanted, rtol=1e-12, atol=1e-12)
    each = torch.randn(7, generator=draw, dtype=torch.float64)
    for _ in range(2):  # the second makes anew what the first wrote over
        found = torch.autograd.grad(nats, given, each, retain_graph=True)
        for one, other in zip(found, torch.autograd.grad(wanted, given, each, retain_graph=True), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(nats_of_product(x, weight, bias if biased else None, level), wanted)


def test_nats_of_a_product_are_differentiated_twice():
    draw = torch.Generator().manual_seed(0)
    given = [
        torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_() for shape in ((4, 3), (5, 3), (5,))
    ]
    level = torch.randint(5, (4,), generator=draw)
    torch.autograd.gradgradcheck(
        lambda x, weight, bias: nats_of_product(x @ weight.T @ weight, weight, bias, level), given
    )


class Shapes(TorchDispatchMode):
    """The shapes that products of matrices have."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes = list[tuple[int, ...]]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm, torch.ops.aten.addmm_):
            self.shapes.append(tuple(found.shape))
        return found


class Names(TorchDispatchMode):
    """The names of operations."""

    def __init__(self) -> None:
        super().__init__()
        self.names = list[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def test_logits_are_kept_once():
    """What the backward pass keeps beside inputs: one number for each logit, and no copy of them."""
    rows, weight = torch.randn(64, 8, requires_grad=True), torch.randn(4096, 8, requires_grad=True)
    level, kept = torch.randint(4096, (64,)), list[Tensor]()

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        nats = nats_of_product(rows, weight, None, level)
    assert max(tensor.numel() for tensor in kept) < 64 * 4096
    parts, total = nats.grad_fn.kept  # pyright: ignore
    assert total.shape == (64,) and sum(logits.numel() for logits, _ in parts) == 64 * 4096
    assert all(largest.shape == (64,) for _, largest in parts)
    nats.sum().backward()
    assert nats.grad_fn.kept is None  # pyright: ignore


def test_logits_are_made_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch):
    """Each row of logits begins with a line of a cache, however many levels there are; no product has all of them."""
    monkeypatch.setattr(softmax_of_product, "NEAR", 64 * 300)
    rows, weight = torch.randn(64, 8, requires_grad=True), torch.randn(1000, 8, requires_grad=True)
    with Shapes() as made:
        nats_of_product(rows, weight, None, torch.arange(64)).sum().backward()
    logits, to_rows, to_weight = [(64, 256)] * 3 + [(64, 232)], (64, 8), [(256, 8)] * 3 + [(232, 8)]
    assert made.shapes == logits + [shape for own in to_weight for shape in (to_rows, own)]


def test_which_logits_are_made_together_chooses_nothing_by_values(monkeypatch: pytest.MonkeyPatch):
    """No shape depends on a value, so that an audit needs no route; a level that there is not has no nats."""
    monkeypatch.setattr(softmax_of_product, "NEAR", 1)
    x, weight = torch.randn(3, 2, requires_grad=True), torch.randn(600, 2, requires_grad=True)
    with Names() as made:
        nats = nats_of_product(x, weight, None, torch.tensor([0, 300, 600]))
        nats[:2].sum().backward()
    assert not {"nonzero", "index", "index_put_", "_local_scalar_dense"} & {*made.names}
    assert nats.isnan().tolist() == [False, False, True]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits_are_left_to_torch(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch):
    """It sums up exponentials in more of them."""
    monkeypatch.setattr(softmax_of_product, "LARGE", 0)
    x, weight = torch.randn(3, 2), torch.randn(600, 2)
    assert softmax_of_product.pays(x, weight)
    assert not softmax_of_product.pays(x.to(dtype), weight.to(dtype))


@pytest.mark.parametrize("near", [1, 1 << 18])
def test_levels_that_are_impossible_take_no_share(near: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(softmax_of_product, "NEAR", near)
    monkeypatch.setattr(softmax_of_product, "FEWEST", 1)
    x, weight = (torch.randn(size, 3, dtype=torch.float64, requires_grad=True) for size in (4, 6))
    bias, level = torch.tensor([0.0, -torch.inf, 1, -torch.inf, -torch.inf, 2]).double(), torch.tensor([0, 2, 5, 0])
    nats = nats_of_product(x, weight, bias, level)
    wanted = -nn.functional.cross_entropy(x @ weight.T + bias, level, reduction="none")
    torch.testing.assert_close(nats, wanted, rtol=1e-12, atol=1e-12)
    found, other = (torch.autograd.grad(each.sum(), [x, weight]) for each in (nats, wanted))
    torch.testing.assert_close(found, other, rtol=1e-12, atol=1e-12)


def test_an_embedding_of_several_groups_reads_its_own_table():
    model = randomised(
        from_text(
            """
arspec: 1
data: {kind: image, height: 2, width: 3, channels: 3, levels: 5}
order: {channels: sequential}
graph:
  vectors: {layer: embedding, from: x, out: 12}
  logits: {layer: conv, kernel: 3, out: $head, mask: earlier}
head: {kind: categorical, from: logits}
""",
            "groups.yaml",
            {},
        )
    )
    x, seen = random_data(model, 2), dict[str, Tensor]()
    with torch.no_grad():
        model.last(x, 0, {}, lambda node, value: seen.setdefault(node.name, value))
    table = model.state_dict()["nodes.vectors.weight"]
    wanted = torch.stack([table[g][x[:, g]] for g in range(3)], 1).movedim(-1, 2).flatten(1, 2)
    assert torch.equal(seen["vectors"], wanted)


FUNCTIONAL = """arspec: 1
name: functional
data: {kind: sequence, length: 12, levels: 30, given: 1, start: 0}
blocks:
  expert:
    inputs: [h]
    nodes: {up: {layer: conv, from: h, out: 16}, out: {layer: relu}}
    outputs: {h: out}
graph:
  tokens: {layer: embedding, from: x, out: 16}
  even: {layer: norm, kind: rms}
  long: {layer: long_conv, along: steps, kernel: {kind: implicit, width: 8}}
  router: {layer: conv, out: 3}
  mixed: {experts: expert, from: long, router: router, count: 3, take: 2}
  last: {layer: norm, kind: rms}
  next: {layer: conv, out: $head, bias: false, weights: tokens}
  logits: {layer: shift, steps: 1}
head: {kind: categorical, from: logits}
"""


class Nats(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.log_prob(x)


class Whole(TorchDispatchMode):
    """The operations that give so many numbers, other than views."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.numbers, self.names = numbers, list[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if isinstance(found, Tensor) and found.numel() == self.numbers and not func.is_view:
            self.names.append(func.overloadpacket.__name__)
        return found


def tied(monkeypatch: pytest.MonkeyPatch, large: int = 0) -> Model:
    monkeypatch.setattr(softmax_of_product, "LARGE", 0)
    monkeypatch.setattr(shared_table, "LARGE", large)
    return build(from_text(FUNCTIONAL), seed=1).double()


def test_a_table_that_is_shared_has_one_gradient(monkeypatch: pytest.MonkeyPatch):
    """The rows that were taken are added to the gradient of the product, in its memory."""
    model = tied(monkeypatch)
    table = model.nodes.of(next(n for n in model.graph.live if n.name == "tokens"))["weight"]
    x = torch.randint(30, (5, 12), generator=torch.Generator().manual_seed(0))
    nats = model.log_prob(x)
    with Whole(table.numel()) as made:
        nats.sum().backward()
    assert "index_add_" in made.names and not {"add", "clone", "zeros", "embedding_dense_backward"} & {*made.names}
    assert made.names.count("empty_like") == 1 and table.grad is not None
    model.zero_grad()
    with Whole(table.numel()) as made:
        tied(monkeypatch, 1 << 40).log_prob(x).sum().backward()
    assert {"add", "embedding_dense_backward"} <= {*made.names}


def test_gradients_of_a_shared_table_are_those_of_torch(monkeypatch: pytest.MonkeyPatch):
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.randint(30, (5, 12), generator=draw) for _ in range(2))
    found: list[list[Tensor]] = []
    for large in (0, 1 << 40):
        model = tied(monkeypatch, large)
        given = [*model.parameters()]
        nats, other = model.log_prob(x), model.log_prob(y)
        both = torch.autograd.grad(nats.sum() - 2 * other.prod(), given, retain_graph=True)  # two passes in one
        again = torch.autograd.grad(nats[1], given, retain_graph=True)
        twice = torch.autograd.grad(nats.square().sum(), given, create_graph=True)
        second = torch.autograd.grad(sum((g.square().sum() for g in twice), torch.zeros(())), given)
        with torch.no_grad():
            assert torch.equal(model.log_prob(x), nats)
        found.append([*both, *again, *twice, *second])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_a_table_of_three_nodes_gives_hooks_its_whole_gradient_once(monkeypatch: pytest.MonkeyPatch):
    """Of each backward pass; what it adds to the gradients of earlier passes is what torch adds."""
    second = (
        "  other: {layer: embedding, from: x, out: 16, weights: tokens}\n  both: {layer: add, from: [tokens, other]}\n"
    )
    text = FUNCTIONAL.replace("  even:", f"{second}  even:")
    x = torch.randint(30, (2, 5, 12), generator=torch.Generator().manual_seed(0))
    seen: list[list[Tensor]] = []
    for large in (0, 1 << 40):
        tied(monkeypatch, large)
        model, own = build(from_text(text), seed=1).double(), list[Tensor]()
        product = last_product(model.graph, model.graph.members[0])
        assert product is not None and len(product.lookups) == 2
        table: Tensor = model.get_parameter("nodes.tokens.weight")
        table.register_hook(lambda grad, own=own: own.append(grad.clone()))
        table.register_post_accumulate_grad_hook(lambda table, own=own: own.append(table.grad.clone()))  # pyright: ignore
        for batch in x:
            model.log_prob(batch).sum().backward()
        assert len(own) == 4
        seen.append(own)
    torch.testing.assert_close(*seen, rtol=1e-12, atol=1e-12)


def test_rows_of_a_shared_table_need_no_product():
    """Of a table whose product has no part in the loss; and of one whose gradient somebody else has."""
    table, more = (torch.randn(1, 6, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    numbers, rows = torch.tensor([[0, 5, 5], [2, 0, 1]]), dict[int, list[tuple[Tensor, Tensor]]]()

    def both(table: Tensor, taken: Tensor) -> Tensor:
        return taken.square().sum() + (2 * (table + more)).pow(3).sum()

    for loss in (lambda table, taken: taken.square().sum(), both):
        one: Any = shared_table._Shared.apply(table, rows)
        one.rows = rows
        found = torch.autograd.grad(loss(one, shared_table.rows_of(one, numbers)), [table, more], allow_unused=True)
        wanted = torch.autograd.grad(loss(table, table[0][numbers]), [table, more], allow_unused=True)
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
        assert not rows


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own, of forward derivatives
@pytest.mark.parametrize("training", [True, False])
def test_transforms_of_torch_differentiate_a_model(training: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(softmax_of_product, "LARGE", 0)
    monkeypatch.setattr(shared_table, "LARGE", 0)
    whole = Nats(build(from_text(FUNCTIONAL), seed=1).double().train(training))
    weights = {name: weight.detach() for name, weight in whole.named_parameters()}
    x = torch.randint(30, (5, 12), generator=torch.Generator().manual_seed(0))

    def of(own: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(whole, own, (x,))

    each = torch.eye(5, dtype=torch.float64)
    nats, given = whole(x), [*whole.parameters()]
    wanted = [torch.autograd.grad(nats, given, one, retain_graph=True) for one in each]
    batched = torch.autograd.grad(nats, given, each, is_grads_batched=True)
    of_each = torch.func.vmap(torch.func.grad(lambda own, x: of(own, x[None]).sum()), (None, 0))(weights, x)
    of_all = torch.func.grad(lambda own: of(own, x).sum())(weights)
    for k, name in enumerate(weights):
        alone = torch.stack([grads[k] for grads in wanted])
        for found, expected in ((batched[k], alone), (of_each[name], alone), (of_all[name], alone.sum(0))):
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    ones = {name: torch.ones_like(weight) for name, weight in weights.items()}
    along = torch.stack([sum((grad.sum() for grad in grads), torch.zeros(())) for grads in wanted])
    value, forward, *_ = torch.func.jvp(lambda own: of(own, x), (weights,), (ones,))
    torch.testing.assert_close(value, nats.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(forward, along, rtol=1e-9, atol=1e-9)
    with forward_ad.dual_level():
        dual = of({name: forward_ad.make_dual(weight, ones[name]) for name, weight in weights.items()}, x)
        torch.testing.assert_close(forward_ad.unpack_dual(dual).tangent, along, rtol=1e-9, atol=1e-9)
    of_two = torch.func.vmap(lambda own: of(own, x))({k: torch.stack([v, 2 * v]) for k, v in weights.items()})
    torch.testing.assert_close(of_two[0], nats.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("name", ["lmconv", "pixelcnn"])
def test_products_with_a_backward_pass_of_their_own_leave_transforms_to_torch(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("arspec.layers.products.LARGE", 0)
    whole = Nats(randomised(small(ROOT / f"specs/{name}.yaml")))
    weights = {name: weight.detach() for name, weight in whole.named_parameters()}
    x = random_data(whole.model, 3)
    wanted = torch.autograd.grad(whole(x).sum(), [*whole.parameters()])
    of_each = torch.func.vmap(
        torch.func.grad(lambda own, x: torch.func.functional_call(whole, own, (x[None],)).sum()), (None, 0)
    )(weights, x)
    for found, expected in zip(of_each.values(), wanted, strict=True):
        torch.testing.assert_close(found.sum(0), expected, rtol=1e-9, atol=1e-9)
    along = sum((grad.sum() for grad in wanted), torch.zeros(()))
    ones = {name: torch.ones_like(weight) for name, weight in weights.items()}
    _, forward, *_ = torch.func.jvp(lambda own: torch.func.functional_call(whole, own, (x,)).sum(), (weights,), (ones,))
    torch.testing.assert_close(forward, along, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(5,), (0, 5), (2, 3, 5)])
def test_division_by_the_root_mean_square_takes_any_dimensions(shape: tuple[int, ...]):
    x, gain = (torch.randn(size, dtype=torch.float64, requires_grad=True) for size in (shape, (5,)))
    torch.autograd.gradcheck(lambda x, gain: by_root_mean_square(x, gain, 1e-6), (x, gain))
