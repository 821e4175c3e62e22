"""Modules that hide what they read, one way each: labels never say less than exhaustive perturbation."""

from __future__ import annotations

import concurrent.futures
import copy
import ctypes
import io
import pickle
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes as unseen  # pyright: ignore[reportPrivateUsage]
from torch.utils.checkpoint import checkpoint

from arspec.shadow import Trace, trace

_torch: Any = torch  # for what is not public
N = 6
CASES: dict[str, Callable[[Tensor], Tensor]] = {}


def case(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A case, by the name of the function."""
    CASES[function.__name__] = function
    return function


def start() -> Tensor:
    """The input: element i is variable i."""
    return torch.tensor([0.31, 1.27, -0.74, 2.13, 0.58, -1.66])


def truth(run: Callable[[Tensor], Tensor]) -> list[int]:
    """For each element of the result the highest variable that moves it, by trying; -1 for none."""

    def once(x: Tensor) -> Tensor:
        torch.default_generator.manual_seed(3)
        return run(x).detach().reshape(-1).clone()

    base = once(start())
    highest = [-1] * base.numel()
    for variable in range(N):
        for value in (-3.2, -0.4, 0.9, 1.9, 2.4, 5.5):
            x = start()
            x[variable] = value
            other = once(x)
            for k in range(base.numel()):
                if other.shape != base.shape or not torch.allclose(other[k], base[k], 0, 0, equal_nan=True):
                    highest[k] = max(highest[k], variable)
    return highest


def labelled(run: Callable[[Tensor], Tensor], *, route_given: bool = False) -> tuple[list[int], Trace]:
    """The highest variable that each element of the result may read, by labels."""
    torch.default_generator.manual_seed(3)
    x = start()
    found = trace(lambda: run(x), [(x, torch.arange(N))], route_given=route_given)
    return (found.labels(found.output).reshape(-1) - 2).clamp_min(-1).tolist(), found


# Values that Python reads.


@case
def item_as_a_scale(x: Tensor) -> Tensor:
    return x.cumsum(0) * x.abs().max().item()


@case
def item_as_an_index(x: Tensor) -> Tensor:
    return x[: int(x[0] > 0) + 3].cumsum(0) + x[int(x[5] > 0)]


@case
def a_branch(x: Tensor) -> Tensor:
    return x + 1 if x[5] > 0 else x - 1


@case
def a_choice_among_what_was_computed_before(x: Tensor) -> Tensor:
    one, other = x + 1, x - 1
    return one if bool(x[5] > 0) else other


@case
def a_choice_of_weights_that_are_zero(x: Tensor) -> Tensor:
    weights = [torch.zeros(N), torch.ones(N)]
    return weights[int(x[0] > 0.5)] * x.flip(0)


@case
def a_list(x: Tensor) -> Tensor:
    return torch.tensor(x.tolist()).flip(0)


@case
def numpy_there_and_back(x: Tensor) -> Tensor:
    return torch.from_numpy(x.numpy()[::-1].copy())


@case
def numpy_by_its_own_hand(x: Tensor) -> Tensor:
    return torch.as_tensor(np.asarray(x)[::-1].copy())


@case
def numpy_through_the_exchange(x: Tensor) -> Tensor:
    return torch.from_dlpack(np.from_dlpack(x).copy()[::-1].copy())


@case
def a_tensor_of_tensors(x: Tensor) -> Tensor:
    return torch.tensor([x[5], x[4]])


@case
def a_new_tensor_of_tensors(x: Tensor) -> Tensor:
    return x.new_tensor([[x[5], x[4]]])


@case
def printed_and_parsed(x: Tensor) -> Tensor:
    return torch.tensor(float(f"{x[5]:.4f}")) + torch.zeros(3)


@case
def shown_and_parsed(x: Tensor) -> Tensor:
    return torch.tensor(float(repr(x[5]).removeprefix("tensor(").removesuffix(")"))) + torch.zeros(3)


@case
def pickled(x: Tensor) -> Tensor:
    return pickle.loads(pickle.dumps(x)).flip(0)


@case
def saved_and_loaded(x: Tensor) -> Tensor:
    file = io.BytesIO()
    torch.save(x, file)
    file.seek(0)
    return torch.load(file).flip(0)


@case
def read_from_the_storage(x: Tensor) -> Tensor:
    return torch.zeros(2) + float(x.untyped_storage()[22])


@case
def read_by_pointer(x: Tensor) -> Tensor:
    return torch.zeros(2) + ctypes.cast(x.data_ptr(), ctypes.POINTER(ctypes.c_float))[5]


@case
def applied_one_by_one(x: Tensor) -> Tensor:
    last = [0.0]

    def add(value: float) -> float:
        last[0] += value
        return last[0]

    y = x.flip(0).contiguous()
    y.apply_(add)
    return y.flip(0)


@case
def stored_by_hand(x: Tensor) -> Tensor:
    y = torch.zeros(2, dtype=torch.uint8)
    y.untyped_storage()[0] = int(x[5].abs() * 10)
    return y.float()


@case
def an_error_that_is_caught(x: Tensor) -> Tensor:
    try:
        return torch.zeros(2).index_select(0, (x[5:] < 0).long() * 7)[[0, 0]]
    except IndexError:
        return torch.ones(2)


@case
def shared_with_numpy_twice(x: Tensor) -> Tensor:
    memory = np.zeros(N, dtype=np.float32)
    one, other = torch.from_numpy(memory), torch.from_numpy(memory)
    one.copy_(x.flip(0))
    return other * 1.0


@case
def contained(x: Tensor) -> Tensor:
    return torch.zeros(2) + float(0.9 in x)


@case
def equal(x: Tensor) -> Tensor:
    return torch.zeros(2) + float(torch.equal(x, start()))


@case
def counted(x: Tensor) -> Tensor:
    return torch.zeros(2) + (x > 0).nonzero().shape[0]


@case
def selected(x: Tensor) -> Tensor:
    return torch.zeros(2) + len(x[x > 1])


@case
def unique(x: Tensor) -> Tensor:
    return torch.zeros(2) + x.round().unique().numel()


@case
def repeated(x: Tensor) -> Tensor:
    return torch.arange(3.0).repeat_interleave((x[3:] > 0).long() + 1).sum() + torch.zeros(2)


@case
def packed_to_lengths(x: Tensor) -> Tensor:
    lengths = (x[4:].abs().long().clamp(0, 1) + 1).sort(descending=True).values
    packed = nn.utils.rnn.pack_padded_sequence(x[:4].view(2, 2, 1), lengths, batch_first=True)
    return torch.zeros(2) + len(packed.data)


@case
def counted_by_what_is_not_zero(x: Tensor) -> Tensor:
    return torch.zeros(2) + len((x * (x > 1)).to_sparse()._values())


@case
def beside_tensors_without_data(x: Tensor) -> Tensor:
    shape = (torch.empty_like(x, device="meta") + x.to("meta")).sum().shape
    return x.flip(0).clone().reshape(N, *shape)


@case
def under_another_device(x: Tensor) -> Tensor:
    with torch.device("meta"):
        torch.zeros(3)
        return x.flip(0) * 2 + x


@case
def at_another_precision(x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return (x.flip(0)[:, None] @ x[None, :]).softmax(-1) @ x[:, None]


@case
def a_loop_until(x: Tensor) -> Tensor:
    y = torch.ones(2)
    while y[0] < x[5]:
        y = y * 2
    return y


@case
def a_range(x: Tensor) -> Tensor:
    return torch.arange(int(x[5].abs()) + 2).sum() + torch.zeros(2)


@case
def a_dictionary(x: Tensor) -> Tensor:
    return {True: torch.ones(2), False: torch.zeros(2)}[bool((x[5] > 0).item())]


@case
def caught(x: Tensor) -> Tensor:
    try:
        return torch.zeros(2)[[int(x[5] > 0) * 2]] + torch.zeros(2)
    except IndexError:
        return torch.ones(2)


# Memory.


@case
def a_view_of_bytes(x: Tensor) -> Tensor:
    return x.view(torch.uint8).flip(0).view(torch.float32)


@case
def halves_of_numbers(x: Tensor) -> Tensor:
    y = x.clone()
    y.view(torch.int16)[1::2] = x.flip(0).view(torch.int16)[1::2]
    return y


@case
def complex_parts(x: Tensor) -> Tensor:
    z = torch.complex(x[:3], x[3:])
    z.imag.add_(z.real.flip(0))
    return torch.view_as_real(z.conj() * 2)


@case
def conjugates_that_are_not_resolved(x: Tensor) -> Tensor:
    z = torch.complex(x[:3], x[3:]).conj()
    return z.imag + torch.view_as_real(z.resolve_conj())[..., 0].flip(0)


@case
def overlapping_windows(x: Tensor) -> Tensor:
    return x.as_strided((4, 3), (1, 1)).sum(1)


@case
def writes_to_overlapping_windows(x: Tensor) -> Tensor:
    y = torch.zeros(6)
    y.as_strided((4, 3), (1, 1)).copy_(x.as_strided((4, 3), (1, 1)).flip(0))
    return y


@case
def data_of_a_parameter(x: Tensor) -> Tensor:
    weight = nn.Parameter(torch.ones(N))
    weight.data.mul_(x.flip(0))
    weight.data[0] = x[4]
    return weight * x


@case
def laid_over(x: Tensor) -> Tensor:
    y = torch.zeros(2)
    y.set_(x.flip(0).untyped_storage(), 1, (3,), (2,))
    return y


@case
def another_tensor_as_data(x: Tensor) -> Tensor:
    y = torch.zeros(N)
    y.data = x.flip(0)
    return y + 1


@case
def grown(x: Tensor) -> Tensor:
    y = x[:2].clone()
    y.resize_(4)
    y[2:] = x[4:]
    return y


@case
def copied_deep(x: Tensor) -> Tensor:
    return copy.deepcopy({"x": x.flip(0)})["x"]


@case
def stored_and_cloned(x: Tensor) -> Tensor:
    return torch.empty(0).set_(x.flip(0).untyped_storage().clone())


@case
def written_by_out(x: Tensor) -> Tensor:
    y = torch.zeros(N)
    torch.mul(x.flip(0), 2, out=y)
    total = torch.zeros(())
    torch.sum(y, 0, out=total)
    return torch.cat([y, total[None]])


@case
def written_by_many(x: Tensor) -> Tensor:
    many = [torch.zeros(2), torch.ones(2), torch.ones(2)]
    _torch._foreach_add_(many, [x[:2], x[4:], x[2:4].flip(0)])
    _torch._foreach_mul_(many, 2.0)
    return torch.cat([*many, *_torch._foreach_neg(many)])


@case
def statistics_that_are_updated(x: Tensor) -> Tensor:
    mean, variance = torch.zeros(1), torch.ones(1)
    F.batch_norm(x[:, None], mean, variance, training=True)
    return mean + variance


@case
def an_index_that_depends(x: Tensor) -> Tensor:
    y = torch.zeros(4)
    y[(x[5] > 0).long() + (x[4] > 0).long()] = 1.0
    return y


@case
def a_scatter_that_depends(x: Tensor) -> Tensor:
    y = torch.zeros(4) + x[0]
    return y.scatter(0, (x[5:] > 0).long() * 2, x[1:2])


@case
def swapped(x: Tensor) -> Tensor:
    one, other = x.clone(), x.flip(0).clone()
    torch.utils.swap_tensors(one, other)
    return one


@case
def of_size_zero(x: Tensor) -> Tensor:
    return torch.cat([x[:0], x[5:], x[:0].sum()[None], x.new_zeros(0), x[:1]])


@case
def of_no_axes(x: Tensor) -> Tensor:
    y = torch.zeros(())
    y += x[5]
    y.unsqueeze(0)[0] *= x[2]
    return y


# Memory that is written where no operator is seen.


@case
def a_shared_table(x: Tensor) -> Tensor:
    table = np.zeros(N, dtype=np.float32)
    y = torch.from_numpy(table)
    table[:] = x.numpy()[::-1]
    return y * 1.0


@case
def a_pointer_that_is_written_to(x: Tensor) -> Tensor:
    y = torch.zeros(N)
    ctypes.memmove(y.data_ptr(), x.data_ptr(), 4 * N)
    return y.flip(0)


@case
def a_thread(x: Tensor) -> Tensor:
    y = torch.zeros(N)
    worker = threading.Thread(target=lambda: y.copy_(x.flip(0)))
    worker.start()
    worker.join()
    return y * 1.0


@case
def a_pool(x: Tensor) -> Tensor:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: x.flip(0)).result() * 1.0


@case
def memory_that_nobody_filled(x: Tensor) -> Tensor:
    y = torch.empty(N)
    with unseen():  # as an extension does
        y.copy_(x.flip(0))
    return y * 1.0


# Random numbers.


@case
def a_seed_of_data(x: Tensor) -> Tensor:
    torch.manual_seed(int(x[5] * 100) + 1000)
    return torch.rand(3)


@case
def as_many_draws_as_data_say(x: Tensor) -> Tensor:
    torch.rand(int(x[5].abs()) + 1)
    return torch.rand(3)


@case
def draws_that_are_rejected(x: Tensor) -> Tensor:
    _torch._standard_gamma(x.abs() * 2)
    return torch.rand(3)


@case
def draws_of_counts(x: Tensor) -> Tensor:
    torch.poisson(x.exp() * 30)
    return torch.rand(3)


@case
def draws_around_data(x: Tensor) -> Tensor:
    return torch.normal(x.flip(0), 1.0) + torch.bernoulli(x.sigmoid())


@case
def dropped(x: Tensor) -> Tensor:
    return F.dropout(torch.ones(N), 0.5) * x.flip(0) * torch.zeros(N).bernoulli_(0.5)


@case
def drawn_classes(x: Tensor) -> Tensor:
    return torch.multinomial(x.softmax(0), 3, replacement=True).float()


# Code that is not called as operators are.


class Flipped(torch.autograd.Function):
    """Reads from the end; its gradient is another."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.flip(0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]


@case
def an_autograd_function(x: Tensor) -> Tensor:
    return Flipped.apply(x)  # pyright: ignore[reportReturnType]


@case
def an_autograd_function_with_gradients(x: Tensor) -> Tensor:
    with torch.enable_grad():
        return Flipped.apply(x.clone().requires_grad_())  # pyright: ignore[reportReturnType]


@case
def a_gradient(x: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = torch.ones(N, requires_grad=True)
        return torch.autograd.grad((leaf.cumsum(0) * x).sum(), leaf)[0]


@torch.library.custom_op("arspec_hidden::flipped", mutates_args=())
def flipped_op(x: Tensor) -> Tensor:
    """A custom operator."""
    return x.flip(0).clone()


@torch.library.custom_op("arspec_hidden::flips", mutates_args={"y"})
def flips_op(x: Tensor, y: Tensor) -> None:
    """A custom operator that writes."""
    y.copy_(x.flip(0))


@torch.library.custom_op("arspec_hidden::foreign", mutates_args=())
def foreign_op(x: Tensor) -> Tensor:
    """A custom operator that computes elsewhere."""
    return torch.from_numpy(x.numpy()[::-1].copy())


@torch.library.custom_op("arspec_hidden::places", mutates_args=())
def places_op(x: Tensor) -> Tensor:
    """A custom operator whose shape depends on data."""
    return torch.from_numpy(np.nonzero(x.numpy() > 0)[0])


@case
def a_shape_of_a_custom_operator(x: Tensor) -> Tensor:
    return torch.zeros(2) + len(places_op(x))


@case
def a_custom_operator(x: Tensor) -> Tensor:
    return flipped_op(x)


@case
def a_custom_operator_that_writes(x: Tensor) -> Tensor:
    y = torch.zeros(N)
    flips_op(x, y)
    return y


@case
def a_custom_operator_that_computes_elsewhere(x: Tensor) -> Tensor:
    return foreign_op(x)


def flipped(x: Tensor) -> Tensor:
    """Reads from the end."""
    return x.flip(0) * 2


@case
def compiled_while_it_runs(x: Tensor) -> Tensor:
    return torch.compile(flipped, backend="eager", fullgraph=True)(x)


@case
def compiled_before(x: Tensor) -> Tensor:
    return COMPILED[0](x)


COMPILED: list[Any] = []


@case
def scripted(x: Tensor) -> Tensor:
    script: Any = torch.jit.trace(flipped, x, check_trace=False) if not COMPILED[1:] else COMPILED[1]
    return script(x)


SCRIPT = """
def flipped(x):
    # type: (Tensor) -> Tensor
    values: List[float] = x.tolist()
    return torch.tensor(values).flip(0)
"""


@case
def a_list_in_a_script(x: Tensor) -> Tensor:
    return COMPILED[2].flipped(x)


@case
def one_hot(x: Tensor) -> Tensor:
    return F.one_hot((x.flip(0) > 0).long(), 2)


@case
def a_loop_as_an_operator(x: Tensor) -> Tensor:
    from torch._higher_order_ops import while_loop

    loop: Any = while_loop
    _, out = loop(lambda i, y: i < 3, lambda i, y: (i + 1, y.roll(1) + y), (torch.tensor(0), x.clone()))
    return out


@case
def a_scan_as_an_operator(x: Tensor) -> Tensor:
    from torch._higher_order_ops.scan import scan

    looped: Any = scan
    _, out = looped(lambda y, row: (y * 0.5 + row, y + row), torch.zeros(()), x.clone(), reverse=True)
    return out


@case
def attention_that_is_flexible(x: Tensor) -> Tensor:
    from torch.nn.attention.flex_attention import flex_attention

    def score(s: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return torch.where(q >= k, s, -torch.inf)

    y = x.view(1, 1, N, 1).expand(1, 1, N, 16).contiguous()
    out: Any = flex_attention(y, y, y, score_mod=score)
    return out[..., 0]


@case
def attention_that_is_flexible_with_a_bias_of_data(x: Tensor) -> Tensor:
    from torch.nn.attention.flex_attention import flex_attention

    def score(s: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return torch.where(q >= k, s + x[5], -torch.inf)

    y = x.view(1, 1, N, 1).expand(1, 1, N, 16).contiguous()
    out: Any = flex_attention(y, y * 0.5, y, score_mod=score)
    return out[..., 0] * x[5]


@case
def checkpointed(x: Tensor) -> Tensor:
    with torch.enable_grad():
        out: Any = checkpoint(lambda y: y.flip(0), x.clone().requires_grad_(), use_reentrant=False)
    return out


@case
def mapped_over(x: Tensor) -> Tensor:
    return torch.vmap(lambda a, b: a * b + x[5])(x, x.flip(0))


@case
def mapped_over_twice(x: Tensor) -> Tensor:
    return torch.vmap(torch.vmap(lambda a: a.sin(), in_dims=1), in_dims=0)(x.flip(0).view(2, 1, 3))


@case
def a_functional_gradient(x: Tensor) -> Tensor:
    gradient: Any = torch.func.grad(lambda y: (y * y.flip(0)).sum())
    return gradient(x)


@case
def a_jacobian(x: Tensor) -> Tensor:
    jacobian: Any = torch.func.jacrev(lambda y: y[:2] * y[4:])
    return jacobian(x)


@case
def a_forward_derivative(x: Tensor) -> Tensor:
    out: Any = torch.func.jvp(lambda y: y * y.flip(0), (x,), (torch.ones(N),))
    return out[1]


@case
def functionalized(x: Tensor) -> Tensor:
    def inner(y: Tensor) -> Tensor:
        z = torch.zeros(N)
        z.add_(y.flip(0))
        return z

    run: Any = torch.func.functionalize(inner)
    return run(x)


@case
def a_choice_as_an_operator(x: Tensor) -> Tensor:
    out: Any = torch.cond(x[5] > 0, lambda y: y + 1, lambda y: y - 1, (x,))
    return out


class Wrapped(Tensor):
    """A tensor that holds another."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Wrapped:
        make: Any = torch.Tensor
        return make._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        bare = [arg.inner if isinstance(arg, Wrapped) else arg for arg in args]
        return Wrapped(func(*bare, **(kwargs or {})))


@case
def wrapped(x: Tensor) -> Tensor:
    out: Any = Wrapped(x).flip(0) * 2
    return out.inner


@case
def sparse(x: Tensor) -> Tensor:
    matrix = torch.diag(x).flip(0).to_sparse()
    return torch.sparse.mm(matrix, torch.ones(N, 1))


@case
def sparse_rows(x: Tensor) -> Tensor:
    matrix = torch.sparse_coo_tensor(torch.tensor([[0, 1, 2], [2, 1, 0]]), x[3:], (3, 3)).coalesce()
    return torch.sparse.softmax(matrix, 1).to_dense() + matrix.values()


@case
def sparse_values_that_are_written(x: Tensor) -> Tensor:
    matrix = torch.sparse_coo_tensor(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), (2, 2), is_coalesced=True)
    matrix._values().mul_(x[4:])
    return matrix.to_dense()


@case
def nested(x: Tensor) -> Tensor:
    many = torch.nested.nested_tensor([x[:2].flip(0), x[2:].flip(0)])
    return (many * 2).to_padded_tensor(0.0)


@case
def sparse_rows_compressed(x: Tensor) -> Tensor:
    return torch.diag(x).flip(0).to_sparse_csr() @ torch.ones(N, 1)


@case
def nested_jagged(x: Tensor) -> Tensor:
    many = torch.nested.nested_tensor([x[:2, None].flip(0), x[2:, None].flip(0)], layout=torch.jagged)
    return (many * 2).values()


@case
def masked(x: Tensor) -> Tensor:
    from torch.masked import masked_tensor

    y: Any = masked_tensor(x.flip(0).clone(), torch.arange(N) < 4)
    return (y + y).to_tensor(0.0)


@case
def in_another_layout(x: Tensor) -> Tensor:
    return (x.flip(0).view(1, 1, N, 1).to_mkldnn()).to_dense() if torch.backends.mkldnn.is_available() else x


@case
def eager_only_by_inference(x: Tensor) -> Tensor:
    with torch.inference_mode():
        return F.conv1d(x.view(1, 1, N), torch.ones(1, 1, 3), padding=1).squeeze() @ torch.eye(N)


@case
def quantised(x: Tensor) -> Tensor:
    return torch.quantize_per_tensor(x.flip(0), 0.1, 0, torch.quint8).dequantize()


@case
def quantised_by_the_range(x: Tensor) -> Tensor:
    return torch.quantize_per_tensor_dynamic(x, torch.quint8, False).dequantize()


@case
def replaced_in_a_list(x: Tensor) -> Tensor:
    return torch.stack([row for _, row in sorted(zip(x.tolist(), x))])


# Zeros.


@case
def zero_times_what_is_not_finite(x: Tensor) -> Tensor:
    return torch.zeros(N) * torch.where(x.cumsum(0) > 4.0, x, torch.inf)


@case
def a_masked_row_reads_all(x: Tensor) -> Tensor:
    scores = x[None, :] + torch.full((2, N), torch.finfo(torch.float32).min)
    return scores.softmax(-1) @ x


@case
def a_mask_that_is_too_small(x: Tensor) -> Tensor:
    scores = x[None, :] * 3 + torch.tensor([[0.0] * 3 + [-8.0] * 3])
    return scores.softmax(-1) @ x


@case
def a_mask_below_scores_that_are_lower_still(x: Tensor) -> Tensor:
    scores = x[None, :] + torch.tensor([[-1e4] * 3 + [-1.0001e4] * 3])
    return scores.softmax(-1) @ x


@case
def a_mask_that_is_added_and_taken_away(x: Tensor) -> Tensor:
    mask = torch.tensor([0.0] * 3 + [-2e4] * 3)
    return ((x + mask) - mask * 0.99999).exp()


@case
def the_sum_of_exponentials(x: Tensor) -> Tensor:
    q = x.view(1, 1, N, 1)
    _, total, *_ = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, q, q, 0.0, False)
    return total


NAMED = {
    "a_thread",
    "a_pool",
    "memory_that_nobody_filled",
    "shared_with_numpy_twice",
}  # not labelled, or labelled as reading all: named


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    """Code that was compiled before any pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        COMPILED[:] = [torch.compile(flipped, backend="eager"), torch.jit.trace(flipped, start(), check_trace=False)]
        COMPILED.append(torch.jit.CompilationUnit(SCRIPT))
        COMPILED[0](start())


def test_checks_that_only_refuse_are_no_reads() -> None:
    """`one_hot` looks at all numbers, and uses none."""
    labels, found = labelled(one_hot)
    assert labels == [k for k in range(N - 1, -1, -1) for _ in range(2)]
    assert not found.reads


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_labels_never_say_less_than_the_truth(name: str) -> None:
    """Every element's label is at least the highest variable that moves it, or memory written unseen is named."""
    run = CASES[name]
    real = truth(run)
    labels, found = labelled(run)
    assert max(real) >= 0, "the case hides nothing"
    missed = [k for k, (label, true) in enumerate(zip(labels, real)) if label < true]
    if name in NAMED:
        assert found.unseen
    else:
        assert len(labels) == len(real)
        assert not missed, (labels, real)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_a_pass_with_the_route_given_says_what_it_takes_as_given(name: str) -> None:
    """Where labels say less than the truth, a route or value that was given is named, or memory written unseen."""
    run = CASES[name]
    real = truth(run)
    labels, found = labelled(run, route_given=True)
    missed = [k for k, (label, true) in enumerate(zip(labels, real)) if label < true]
    assert not missed or found.unseen or found.routes or any(read.given for read in found.reads), (labels, real)
