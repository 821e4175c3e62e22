"""A user's module under test: borrowed, set to a mode, a precision and weights, and given back as it was."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from copy import copy, deepcopy
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from arspec.auditing.keeping import Keeping
from arspec.auditing.layout import Layout
from arspec.auditing.noise import held, seeded
from arspec.auditing.reasons import reason
from arspec.diagnostics import InputError
from arspec.shadow.places import border

WIDER = 4.0  # factor of the weights in every other draw, so that thresholds are passed
Found = TypeVar("Found")


@contextmanager
def borrowed(module: nn.Module) -> Generator[None]:
    """Gives weights, buffers, gradients, precision, modes and the random state back as they were."""
    parts = list(module.modules())
    if any(nn.parameter.is_lazy(each) for each in (*module.parameters(), *module.buffers())):
        raise InputError(
            "AR812",
            "the module has weights whose shapes are not known before its first call",
            help="call it once on an input of its own before it is audited",
        )
    modes = [(part, part.training) for part in parts]
    weights = [
        (weight, weight.data, weight.data.clone(), weight.requires_grad, weight.grad, _kept(weight.grad))
        for weight in module.parameters()
    ]
    buffers = [(part, name, buffer, buffer.detach().clone()) for part, name, buffer in _buffers(parts)]
    random, drawn = torch.get_rng_state(), held(module)
    default = torch.get_default_dtype()
    try:
        yield
    finally:
        for weight, data, values, wanted, gradient, kept in weights:
            weight.grad = None
            weight.data = data
            weight.data.copy_(values)
            weight.requires_grad_(wanted)
            if gradient is not None and kept is not None:
                gradient.data, numbers = kept
                gradient.data.copy_(numbers)
                weight.grad = gradient
        for part, name, buffer, values in buffers:
            part._buffers[name] = buffer  # pyright: ignore[reportPrivateUsage]
            buffer.data.copy_(values)
        for part, training in modes:
            part.training = training
        torch.set_rng_state(random)
        for each in drawn:
            each.put()
        torch.set_default_dtype(default)


def set_mode(module: nn.Module, training: bool) -> None:
    """Training or evaluation. What `torch.export` made has one mode alone, and refuses to be asked for another."""
    with suppress(NotImplementedError):
        module.train(training) if training else module.eval()


def _kept(gradient: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """The memory of a gradient, and what stands in it."""
    return None if gradient is None else (gradient.data, gradient.detach().clone())


def _buffers(parts: list[nn.Module]) -> list[tuple[nn.Module, str, Tensor]]:
    return [(part, name, buffer) for part in parts for name, buffer in part.named_buffers(recurse=False)]


def copied(module: nn.Module) -> nn.Module | None:
    """A copy of a module that no call of the module changes; None where it holds what cannot be copied."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return deepcopy(module)
        except (Exception, SystemExit):
            return None


def _seed(seed: int) -> None:
    """Of every device that has been used; `torch.manual_seed` also writes down where it was called for all others."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized() or torch.xpu.is_initialized() or torch.backends.mps.is_available():
        torch.manual_seed(seed)


@dataclass
class Meter:
    """How many forward passes an audit has made of all its modules: a call on a part of the length is a part of one.
    A call that the module refuses is none. `apart`: those that looked for a line of code, and decided nothing."""

    passes: float = 0.0
    apart: float = 0.0
    whole: int = 0  # numbers of one example of the first call

    def count(self, given: Tensor) -> None:
        """Counts a call on `given` [B, ...]."""
        self.whole = self.whole or max(1, given[0].numel())
        self.passes += given[0].numel() / self.whole


class Borrowed:
    """A module as a function of data: x [B, *shape] in its own range -> parameters [B, V, K].

    Every call starts from the same buffers and the same state of the random numbers, so that running statistics and
    dropout are the same for equal inputs.
    """

    def __init__(
        self,
        module: nn.Module,
        layout: Layout,
        *,
        dtype: torch.dtype,
        condition: Mapping[str, Any],
        take: str | int | None,
        seed: int,
        arrange: Callable[[Tensor], Tensor],
        again: str | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.module = module.to(dtype)
        self.meter = Meter() if meter is None else meter
        self.layout = layout
        self.dtype = dtype
        self.condition = condition
        self.take = take
        self.seed = seed
        self.arrange = arrange
        self.again = again
        self.passes = 0
        self.entry = ""  # of an output of several, which was taken in the first call
        self.numbers = 0  # of the output of one example, in the last call
        self.own = dtype  # that of its own weights, before they were brought to this one
        self.gradients = False  # whether calls record what a backward pass needs, as those of a training step do
        self.known: tuple[int, Tensor, Tensor] | None = None  # of a judged pass: draw of the weights, input, output
        self.settled: tuple[Tensor, Tensor] | None = None  # of the first call of all: an input for each module, output
        self.trained: dict[Tensor, Tensor] = {}  # zeros of weights that redrawn weights do not keep
        self.untouched: nn.Module | None = None  # a copy that was never called, where it can be copied
        self.keeping: Keeping | None = None  # what it and its code kept before its first call
        self.compared: dict[tuple[bool, bool], str] = {}  # for ways to call it: what the first call did otherwise
        self.witnessed = True  # whether the lines that leak are looked for, by some more passes
        self._hold()

    def __call__(self, x: Tensor) -> Tensor:
        return self.rows(self.raw(self.enter(x), len(x)), len(x))

    def evaluate(self) -> None:
        """Sets the module to evaluation."""
        set_mode(self.module, False)

    def train(self) -> None:
        """Sets the module to training."""
        set_mode(self.module, True)

    def enter(self, x: Tensor) -> Tensor:
        """[B, *shape] -> the module's input, as a one-hot code where it takes one."""
        if x.is_floating_point():
            x = x.to(self.dtype)
        if self.layout.hot is not None:
            x = one_hot(x, self.layout.sizes[self.layout.hot]).to(self.dtype)
        return self.layout.to_module(x)

    def raw(
        self, given: Tensor, batch: int, around: Callable[[Callable[[], Any]], Any] | None = None, **more: Any
    ) -> Tensor:
        """One forward pass on an input as the module takes it -> its output as the module gives it.

        `around` is called with the module's call and gives its output; `more` are further arguments of the call."""
        out = self.taken(self.whole(given, batch, around, **more)).detach()
        self.numbers = out.numel() // max(1, batch)
        return out

    def whole(
        self, given: Tensor, batch: int, around: Callable[[Callable[[], Any]], Any] | None = None, **more: Any
    ) -> Any:
        """The same, with all that the module gives."""
        with self.quiet(), torch.no_grad():
            for buffer, values in self._buffers:
                buffer.copy_(values)
        for drawn in self._drawn:
            drawn.put()
        self.passes += 1

        @border
        def call() -> Any:
            twice = {} if self.again is None else {self.again: given}
            with torch.enable_grad() if self.gradients else nullcontext():
                return self.module(given, **{**self._conditions(batch), **twice, **more})

        with self.quiet():
            try:
                out = call() if around is None else around(call)
                self.meter.count(given)
                return out
            except InputError as error:  # the module's own, as an arspec `Model` refuses what does not fit
                raise ValueError(error.message) from error
            except (Exception, SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # such as the outcomes of pytest
                raise RuntimeError(reason(error)) from error

    def taken(self, out: Any) -> Tensor:
        """The tensor of parameters among all that the module gives."""
        if self.take is not None or isinstance(out, Tensor):
            return _taken(out, self.take)
        found = _fitting(out, self.layout)
        named = next((name for name in ("logits", self.entry) if name in found), None)
        if named is None and len(found) != 1:
            raise _untaken(out, list(found), self.layout.output.text)
        self.entry = next(iter(found)) if named is None else named
        return found[self.entry]

    def rows(self, out: Tensor, batch: int) -> Tensor:
        """An output as the module gives it, or labels of its shape -> [B, V, K]."""
        return self.arrange(self.layout.parameters(out, batch))

    def adopt(self, x: Tensor) -> bool:
        """Runs a pass on x, and where a flag changed takes the buffers that it leaves as those of the module from now
        on. A flag is a buffer of truth values or whole numbers, but for the count of batches of a norm."""
        with torch.no_grad():
            for buffer, values in self._buffers:
                buffer.copy_(values)
            flags = self._flags()
            self(x)
        changed = any(not torch.equal(flags[name], value) for name, value in self._flags().items() if name in flags)
        if changed:
            self._buffers = [(buffer, buffer.detach().clone()) for buffer in self.module.buffers()]
            self.known = None
        return changed

    def _flags(self) -> dict[str, Tensor]:
        return {
            name: buffer.detach().clone()
            for name, buffer in self.module.named_buffers()
            if not buffer.is_floating_point() and not name.endswith("num_batches_tracked")
        }

    def resized(self, layout: Layout, arrange: Callable[[Tensor], Tensor]) -> Borrowed:
        """The same module at another size. Its forward passes are counted apart."""
        other = copy(self)
        other.layout, other.arrange, other.passes = layout, arrange, 0
        return other

    def beside(self, module: nn.Module) -> Borrowed:
        """Another module that is called in the same way, and has not been called yet."""
        other = copy(self)
        other.untouched, other.module, other.passes = copied(module), module.to(self.dtype), 0
        other.known, other.settled, other.trained, other.compared = None, None, {}, {}
        other._hold()
        return other

    def fresh(self) -> Borrowed | None:
        """The module as it was before its first call, with the weights, buffers, mode and precision that it has now;
        None where it cannot be copied."""
        if self.untouched is None:
            return None
        other = copy(self)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other.module, other.passes = deepcopy(self.untouched).to(self.dtype), 0
        set_mode(other.module, self.module.training)
        for own, now in zip(other.module.parameters(), self.module.parameters(), strict=True):
            own.data.copy_(now.data)
        other._buffers = [(own, values) for own, (_, values) in zip(other.module.buffers(), self._buffers, strict=True)]
        other._drawn = held(other.module, self._drawn)
        return other

    def _hold(self) -> None:
        """Takes the weights and buffers that the module has now as its own."""
        self._weights = [(weight, weight.data.clone()) for weight in self.module.parameters() if weight.requires_grad]
        self._buffers = [(buffer, buffer.detach().clone()) for buffer in self.module.buffers()]
        self._drawn = held(self.module)

    @contextmanager
    def quiet(self) -> Generator[None]:
        """The module's precision, the same random numbers at each entrance, and none of its warnings."""
        default = torch.get_default_dtype()
        torch.set_default_dtype(self.dtype)
        try:
            with torch.random.fork_rng(devices=[]), seeded(self.seed), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _seed(self.seed)
                yield
        finally:
            torch.set_default_dtype(default)

    @contextmanager
    def by_chance(self) -> Generator[None]:
        """Inside, calls draw other random numbers."""
        seed, drawn = self.seed, self._drawn
        self.seed, self._drawn = seed + 1, [each.other() for each in drawn]
        try:
            yield
        finally:
            self.seed, self._drawn = seed, drawn

    @contextmanager
    def lowered(self) -> Generator[None]:
        """In float32, while it is entered. What is known of its outputs is left out."""
        kept = [(part, part.data) for part in self.module.parameters()]
        buffers, dtype, known = self._buffers, self.dtype, self.known
        tables = [(part, name, buffer) for part, name, buffer in _buffers(list(self.module.modules()))]
        try:
            self.module.to(torch.float32)
            self.dtype, self.known = torch.float32, None
            self._buffers = [(buffer, buffer.detach().clone()) for buffer in self.module.buffers()]
            yield
        finally:
            self.dtype, self._buffers, self.known = dtype, buffers, known
            for part, data in kept:
                part.data = data
            for part, name, buffer in tables:
                part._buffers[name] = buffer  # pyright: ignore[reportPrivateUsage]

    def redraw(self, draw: int) -> None:
        """Draw 0: the module's own weights. Others: random ones with the same zeros, every second draw larger.

        Zeros stay, since a mask may have been multiplied into the weights once and for all; a tensor of nothing but
        zeros (an output layer that starts there hides everything) is filled. A tensor of one sign stays in its own
        range, as a decay rate must. Scales and biases keep their signs.
        """
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + draw)
        for weight, own in self._weights:
            values = own
            if draw > 0 and own.numel() > 0 and own.is_floating_point():
                noise = torch.randn(own.shape, generator=generator, dtype=torch.float64).to(own.dtype)
                fan_in = max(1, own[0].numel()) if own.dim() > 1 else 1
                if not own.any():
                    values = noise * (fan_in**-0.5 if own.dim() > 1 else 0.1)
                elif (own >= 0).all() or (own <= 0).all():
                    values = _of_one_sign(own, noise)
                elif own.dim() > 1:
                    values = own.abs() * noise * (WIDER if draw % 2 == 0 else 1.0)
                else:
                    values = own * (0.3 * noise).exp()
                if weight in self.trained:
                    values = torch.where(self.trained[weight], noise * fan_in**-0.5, values)
            weight.data.copy_(values)

    def followed(self, run: Callable[[int], Found]) -> Found | BaseException:
        """What `run` gives of a pass with redrawn weights, else with the module's own where it takes no others: it is
        told the draw. The weights stay set. Gives what it raised where both fail, but for InputError, which is
        raised."""
        last: BaseException | None = None
        for draw in (1, 0):
            self.redraw(draw)
            try:
                return run(draw)
            except InputError:
                raise
            except (Exception, SystemExit) as error:
                last = error
        assert last is not None
        return last

    def trained_zeros(self, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """The zeros among other numbers of a weight that a step of training would move: the weight and where they are,
        by its name. A mask that the module applies itself leaves them no gradient, or is applied again."""
        some = {
            name: weight
            for name, weight in self.module.named_parameters()
            if weight.requires_grad and weight.is_floating_point() and weight.any() and not weight.all()
        }
        if not some:
            return {}
        self.redraw(1)
        recorded, self.gradients = self.gradients, True
        try:
            out = self.taken(self.whole(self.enter(x), len(x)))
            sums = out * torch.randn(out.shape, generator=torch.Generator().manual_seed(self.seed), dtype=out.dtype)
            gradients = torch.autograd.grad(sums.sum(), list(some.values()), allow_unused=True)
        except (Exception, SystemExit):  # it cannot be trained
            return {}
        finally:
            self.gradients = recorded
            self.redraw(0)
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for (name, weight), gradient in zip(some.items(), gradients, strict=True):
            if gradient is not None and gradient.layout == torch.strided:  # pyright: ignore[reportUnnecessaryComparison]
                moved = (weight.detach() == 0) & (gradient != 0)
                if bool(moved.any()):
                    found[name] = (weight, moved)
        return found

    def _conditions(self, batch: int) -> dict[str, Any]:
        """Numbers and lists become tensors [B, ...]; anything else is handed on as it is."""
        given: dict[str, Any] = {}
        for name, value in self.condition.items():
            if isinstance(value, int | float | list) and not isinstance(value, bool):
                tensor = torch.tensor(value)
                given[name] = tensor.expand(batch, *tensor.shape).contiguous()
            else:
                given[name] = value
        return given


def _of_one_sign(own: Tensor, noise: Tensor) -> Tensor:
    """Random values in the range of those that are not zero; a range of one value is left by a factor."""
    some = own[own != 0]
    low, high = some.min(), some.max()
    if low == high:
        return own * (0.3 * noise).exp()
    share = (torch.erf(noise * 0.5**0.5) + 1) / 2
    return torch.where(own == 0, own, low + (high - low) * share)


def _fitting(out: Any, layout: Layout) -> dict[str, Tensor]:
    """The tensors among several that have as many axes as the output's pattern names, by their names; of those, the
    ones whose sizes fit it, where some do."""
    entries: dict[str, Any]
    if isinstance(out, Mapping):
        entries = {str(name): value for name, value in cast("Mapping[Any, Any]", out).items()}
    elif isinstance(out, tuple | list):
        held = list(cast("list[Any]", out))
        entries = dict(zip(getattr(out, "_fields", map(str, range(len(held)))), held, strict=True))
    elif is_dataclass(out) and not isinstance(out, type):
        entries = {field.name: getattr(out, field.name) for field in fields(out)}
    else:
        entries = dict(cast("dict[str, Any]", getattr(out, "__dict__", {})))
    found = {
        name: value
        for name, value in entries.items()
        if isinstance(value, Tensor) and value.is_floating_point() and value.dim() == len(layout.output.axes)
    }
    return {name: value for name, value in found.items() if layout.fits(tuple(value.shape))} or found


def _untaken(out: Any, fitting: list[str], pattern: str) -> InputError:
    """The refusal of an output of which none, or several, could be the parameters."""
    told = "--take 0 or --take NAME takes one of its entries"
    if len(fitting) > 1:
        told = f"{' and '.join(fitting)} have the axes of {pattern!r}: --take {fitting[0]} takes the first"
    return InputError("AR812", f"the output is {_described(out)}, not a tensor", help=told)


def _taken(out: Any, take: str | int | None) -> Tensor:
    """The tensor of an output: itself, an entry of a tuple or dict, or an attribute such as `logits`."""
    if take is not None:
        if isinstance(out, Tensor):
            raise InputError("AR812", f"the output is a tensor already, of which {take!r} cannot be taken")
        try:
            out = out[take]
        except (KeyError, IndexError, TypeError) as error:
            if not (isinstance(take, str) and hasattr(out, take)):
                raise InputError("AR812", f"the output, {_described(out)}, has no {take!r} to take") from error
            out = getattr(out, take)
    if not isinstance(out, Tensor):
        raise _untaken(out, [], "")
    return out


def _described(out: Any) -> str:
    if isinstance(out, tuple | list):
        return f"a {type(out).__name__} of {len(out)}"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(out, Mapping):
        return "a dict of " + ", ".join(map(str, out))  # pyright: ignore[reportUnknownArgumentType]
    return f"an object of type {type(out).__name__}"
