"""What layer kinds take from here: numbers of channels, masks of weights,
and tensors in the module's and the sampler's layout."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arspec.layers.base import Fault, Weight
from arspec.types import Bools, Cells, Free, Type

if TYPE_CHECKING:
    from torch import Tensor

MAX_FACTOR = 1 << 20  # weights whose mask is kept as numbers


def frame_of(inputs: list[Type]) -> Cells | Any:
    """The frame of what several inputs give together: the first that stands for data.

    Of several parts of the data it is the frame of the part which is generated last."""
    different = {id(i.frame): i.frame for i in inputs}.values()  # thousands of inputs have few
    framed = [frame for frame in different if not isinstance(frame, Free)]
    last = max(framed, key=lambda f: (isinstance(f, Cells) and f.part) or (0, 0), default=inputs[0].frame)
    return last


def per_group(out: int, groups: int, key: str = "out") -> int:
    """Channels a group, of `out` in all. Raises Fault where they can't be shared out."""
    if out % groups:
        up = math.ceil(out / groups) * groups
        raise Fault("AR403", f"{out} channels can't be shared out among {groups} channel groups",
                    f"take a multiple of {groups}, such as {up}", key, str(up))  # fmt: skip
    return out // groups


def fan_in_uniform(shape: tuple[int, ...], fan_in: int) -> Weight:
    """Uniform between ±1/sqrt(fan_in), which is what torch gives its linear and convolution layers."""
    return Weight(shape, bound=1 / math.sqrt(max(fan_in, 1)))


def repeated(mask: Bools, out: int, into: int) -> Bools:
    """A mask over groups [G_out, G_in, ...] as one over channels [G_out * out, G_in * into, ...]."""
    return np.repeat(np.repeat(mask, out, axis=0), into, axis=1)


def packed(x: Tensor, kind: Type) -> Tensor:
    """Scalars of the data [B, N, *grid] as its node's tensor [B, G * C, *grid]:
    a part with fewer channels is filled up."""
    if not kind.parts:
        return x
    import torch
    from torch.nn import functional as F

    found: list[Tensor] = []
    for (_, part), own in zip(kind.parts, x.split([part.width for _, part in kind.parts], 1), strict=True):
        groups = own.reshape(len(x), part.groups, part.channels, *x.shape[2:])
        room = [0, 0] * len(kind.grid) + [0, kind.channels - part.channels]
        found.append(F.pad(groups, room).flatten(1, 2))
    return torch.cat(found, 1)


def unpacked(x: Tensor, kind: Type) -> Tensor:
    """The inverse of `packed`: [B, G * C, *grid] -> [B, N, *grid]."""
    if not kind.parts:
        return x
    import torch

    each = x.reshape(len(x), kind.groups, kind.channels, *x.shape[2:]).split([p.groups for _, p in kind.parts], 1)
    return torch.cat([g[:, :, : p.channels].flatten(1, 2) for g, (_, p) in zip(each, kind.parts, strict=True)], 1)


def room(factor: float, take: int, sites: int, channels: int) -> int:
    """How many of so many sites may have one channel, where each of them takes `take` of the channels: `factor` times
    what each channel has where all are taken equally often."""
    return math.ceil(factor * take * sites / channels)


def factor(mask: Bools) -> npt.NDArray[Any]:
    """A mask of weights, to be multiplied with. Numbers are quicker: converting a mask costs as much as the product.

    A large one stays as it is, in a quarter of the memory, since a family may have many."""
    return mask.astype(np.float32) if mask.size <= MAX_FACTOR else mask


def shown(weight: Tensor, mask: Tensor | None) -> Tensor:
    """The weight with zeros where the mask hides it. (A product is several times as fast as a `where`.)"""
    return weight if mask is None else weight * mask.to(weight.dtype)


def sites_last(x: Tensor, groups: int) -> Tensor:
    """[B, G * C, *grid] -> [B, G * P, C]: a tensor of the module as the sampler keeps it."""
    batch, width = x.shape[:2]
    positions, channels = math.prod(x.shape[2:]), width // groups
    if channels == 1:  # nothing to turn
        return x.reshape(batch, width * positions, 1)
    return x.reshape(batch, groups, channels, positions).transpose(2, 3).reshape(batch, groups * positions, channels)


def concat_in_groups(xs: list[Tensor], groups: int) -> Tensor:
    """Tensors [B, G * C_i, *grid] side by side in each channel group: [B, G * ΣC_i, *grid]."""
    import torch

    if groups == 1:  # four dimensions keep the layout of the memory
        return torch.cat(xs, 1)
    return torch.cat([x.view(len(x), groups, -1, *x.shape[2:]) for x in xs], 2).flatten(1, 2)


def channels_first(x: Tensor, kind: Type) -> Tensor:
    """[B, G * P, C] -> [B, G * C, *grid]: the inverse of `sites_last`."""
    batch, _, channels = x.shape
    split = x.reshape(batch, kind.groups, kind.positions, channels).transpose(2, 3)
    return split.reshape(batch, kind.groups * channels, *kind.grid)


_hidden: ContextVar[bool] = ContextVar("hidden", default=False)


@contextmanager
def values_hidden() -> Generator[None]:
    """Inside, a forward pass is written down: it takes the same calls whatever the values are, and looks at none."""
    before = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(before)


def unseen(x: Tensor) -> bool:
    """Whether a tensor's values are not to be looked at: it is traced, exported, compiled, mapped or written down."""
    import torch

    if torch.compiler.is_compiling() or _hidden.get() or mapped():
        return True
    from torch._subclasses.fake_tensor import FakeTensor
    from torch.fx.experimental.proxy_tensor import get_proxy_mode

    return isinstance(x, FakeTensor) or get_proxy_mode() is not None


def mapped() -> bool:
    """Whether `torch.func.vmap` calls this: a tensor's values are those of many examples at once."""
    import torch

    private: Any = torch._C  # pyright: ignore[reportPrivateUsage]
    stack: list[Any] = private._functorch.get_interpreter_stack() or []
    return any(one.key() == private._functorch.TransformType.Vmap for one in stack)


def transformed() -> bool:
    """Whether a transform of `torch.func` calls this, or derivatives are taken forwards. A function with a backward
    pass of its own knows neither."""
    import torch
    from torch.autograd import forward_ad

    private: Any = torch._C  # pyright: ignore[reportPrivateUsage]
    forwards: int = forward_ad._current_level  # pyright: ignore[reportPrivateUsage]
    return private._are_functorch_transforms_active() or forwards >= 0


def many(grad: Tensor) -> bool:
    """Whether a gradient is many at once, as `is_grads_batched` and `torch.func.vmap` give them."""
    import torch

    private: Any = torch._C  # pyright: ignore[reportPrivateUsage]
    return private._functorch.is_functorch_wrapped_tensor(grad) or private._functorch.is_legacy_batchedtensor(grad)


def takes_own_backward(x: Tensor) -> bool:
    """Whether a function with a backward pass of its own may compute with x: nothing writes its calls down, chooses
    their types or differentiates them in another way."""
    import torch

    return not (torch.is_autocast_enabled(x.device.type) or unseen(x) or transformed())
