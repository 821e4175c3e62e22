"""State dicts of published systems in PyTorch, beside the plain modules of `tests/reference` that compute the same."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import arspec
from arspec.checkpoints.importing import import_folder
from tests.reference.pixelcnn_pp import PixelCNNpp
from tests.small import refuses

State = dict[str, Tensor]


def normed(state: State, name: str, module: Any, rows: Tensor | None = None, flat: bool = False) -> None:
    """Puts a module with weight norm into a state dict, in the names of `torch.nn.utils.weight_norm`."""
    parts = module.parametrizations.weight
    for suffix, value in (("weight_g", parts.original0), ("weight_v", parts.original1), ("bias", module.bias)):
        own = value.detach() if rows is None else value.detach()[rows]
        state[f"{name}.{suffix}"] = own.flatten(1).clone() if flat and own.ndim > 1 else own.clone()


def drawn(module: nn.Module) -> Any:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.4)
    return module.eval()


FILTERS, RESNETS, COMPONENTS = 4, 1, 2


def pixelcnn_pp() -> tuple[Any, State]:
    """A small PixelCNN++ and the state dict that the public module has for it: its output has the numbers of a channel
    side by side, and the weight norm of its transposed convolutions goes by their inputs."""
    ref, state = drawn(PixelCNNpp(3, 256, FILTERS, RESNETS, 10 * COMPONENTS, weight_norm=True)), State()
    for name, module in (("u_init", ref.u_init), ("ul_init.0", ref.ul_init_above), ("ul_init.1", ref.ul_init_left)):
        normed(state, f"{name}.conv", module.conv)
    for way in ("up", "down"):
        for stream in ("u", "ul"):
            for resolution, layers in enumerate(getattr(ref, f"{way}_{stream}")):
                for number, layer in enumerate(layers):
                    name = f"{way}_layers.{resolution}.{stream}_stream.{number}"
                    normed(state, f"{name}.conv_input.conv", layer.conv1.conv)
                    normed(state, f"{name}.conv_out.conv", layer.conv2.conv)
                    if layer.extra is not None:
                        normed(state, f"{name}.nin_skip.lin_a", layer.extra, flat=True)
    rows = list(range(COMPONENTS))
    for channel in range(3):
        for kind in range(3):  # means, log-scales, coefficients
            first = COMPONENTS * (1 + 3 * kind + channel)
            rows += range(first, first + COMPONENTS)
    normed(state, "nin_out.lin_a", ref.output, torch.tensor(rows), flat=True)
    generator, folded = torch.Generator().manual_seed(1), dict[Any, Tensor]()
    for stream in ("u", "ul"):
        for number in range(2):
            normed(state, f"downsize_{stream}_stream.{number}.conv", getattr(ref, f"stride_{stream}")[number].conv)
            module = getattr(ref, f"unstride_{stream}")[number].conv
            v = torch.randn(module.weight.shape, generator=generator)
            g = torch.rand(len(v), 1, 1, 1, generator=generator) + 0.5
            name = f"upsize_{stream}_stream.{number}.deconv"
            state |= {f"{name}.weight_v": v, f"{name}.weight_g": g, f"{name}.bias": module.bias.detach().clone()}
            folded[module] = v * (g / v.flatten(1).norm(dim=1).view(-1, 1, 1, 1))
    ref.double()
    for module, weight in folded.items():
        module.weight = weight.double()
    return ref, state


FACTOR = 3  # of a step of upsampling of the vocoder's features


def wavenet(layers: int, kernel: int, bands: int = 0, neighbours: int = 1, steps: int = 2) -> State:
    """The state dict of a small WaveNet of the public vocoder: one-hot input of 16 steps. With `bands` it has features,
    read with their neighbours and brought to the rate of the samples in some steps."""
    shapes = {"first_conv": (6, 16, 1), "last_conv_layers.1": (5, 5, 1), "last_conv_layers.3": (16, 5, 1)}
    for number in range(layers):
        name = f"conv_layers.{number}"
        shapes |= {f"{name}.conv": (8, 6, kernel), f"{name}.conv1x1_out": (6, 4, 1), f"{name}.conv1x1_skip": (5, 4, 1)}
        if bands:
            shapes[f"{name}.conv1x1c"] = (8, bands, 1)
    if bands:
        shapes |= {f"upsample_net.upsample.up_layers.{2 * k + 1}": (1, 1, 1, 2 * FACTOR + 1) for k in range(steps)}
    generator, state = torch.Generator().manual_seed(0), State()
    for name, shape in shapes.items():
        state[f"{name}.weight_v"] = torch.randn(shape, generator=generator)
        state[f"{name}.weight_g"] = torch.rand(shape[0], *[1] * (len(shape) - 1), generator=generator) + 0.5
        if "up_layers" not in name and not name.endswith("conv1x1c"):
            state[f"{name}.bias"] = torch.randn(shape[0], generator=generator) * 0.3
    if bands:
        state["upsample_net.conv_in.weight"] = torch.randn(bands, bands, 2 * neighbours + 1, generator=generator)
    return state


def folded(state: State, name: str) -> Tensor:
    """The weight that an import makes of a direction and a length, in the numbers of the file."""
    v, g = state[f"{name}.weight_v"], state[f"{name}.weight_g"]
    return (v * (g / v.flatten(1).norm(dim=1).view(g.shape))).double()


def upsampled(state: State, frames: Tensor) -> Tensor:
    """The vocoder's features at the rate of the samples: [B, bands, frames and neighbours] -> [B, bands, T]."""
    h = nn.functional.conv1d(frames, state["upsample_net.conv_in.weight"].double())[:, None]
    for name in sorted(name for name in state if "up_layers" in name and name.endswith("weight_v")):
        h = nn.functional.interpolate(h, scale_factor=(1, FACTOR), mode="nearest")
        h = nn.functional.conv2d(h, folded(state, name.removesuffix(".weight_v")), padding=(0, FACTOR))
    return h[:, 0]


def of_wavenet(state: State, x: Tensor, layers: int, stacks: int, kernel: int, frames: Tensor | None = None) -> Tensor:
    """Logits of the sample that follows each one, [B, levels, T]: as the vocoder computes them."""
    told = None if frames is None else upsampled(state, frames)

    def conv(name: str, h: Tensor, dilation: int = 1) -> Tensor:
        v, g, bias = (state[f"{name}.{part}"].double() for part in ("weight_v", "weight_g", "bias"))
        weight = g * v / v.flatten(1).norm(dim=1).view(-1, 1, 1)
        padded = nn.functional.pad(h, ((weight.shape[2] - 1) * dilation, 0))
        return nn.functional.conv1d(padded, weight, bias, dilation=dilation)

    h = conv("first_conv", nn.functional.one_hot(x, 16).transpose(1, 2).double())
    skips = torch.zeros((), dtype=torch.float64)
    for number in range(layers):
        both = conv(f"conv_layers.{number}.conv", h, 2 ** (number % (layers // stacks)))
        if told is not None:
            both = both + nn.functional.conv1d(told, folded(state, f"conv_layers.{number}.conv1x1c"))
        first, second = both.chunk(2, 1)
        gated = first.tanh() * second.sigmoid()
        skips = skips + conv(f"conv_layers.{number}.conv1x1_skip", gated)
        h = (conv(f"conv_layers.{number}.conv1x1_out", gated) + h) * 0.5**0.5
    y = conv("last_conv_layers.1", (skips * layers**-0.5).relu())
    return conv("last_conv_layers.3", y.relu())


@pytest.mark.parametrize(("layers", "stacks", "kernel"), [(4, 2, 2), (3, 1, 3)])
def test_a_wavenet_is_imported(layers: int, stacks: int, kernel: int, tmp_path: Path) -> None:
    state = wavenet(layers, kernel)
    torch.save({"state_dict": state, "optimizer": None, "global_step": 7}, tmp_path / "w.pth")
    refuses("AR864", lambda: import_folder(tmp_path / "w.pth", tmp_path / "run"), "stacks is missing (--set stacks=")
    run = import_folder(tmp_path / "w.pth", tmp_path / "run", length=40, settings={"stacks": stacks})
    model = arspec.open(run).double()
    x = torch.randint(16, (2, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = of_wavenet(state, x, layers, stacks, kernel)[:, :, :-1].transpose(1, 2)
        assert torch.allclose(model(x)[:, 1:], wanted, rtol=0, atol=1e-9 * wanted.abs().max().item())
    drawn = model.sample(1, seed=0)
    assert drawn[0, 0] == 7 and torch.equal(model.sample(1, seed=0, method="depth"), drawn)


@pytest.mark.parametrize("neighbours, steps", [(2, 2), (0, 1)])
def test_a_wavenet_over_frames_of_features_is_imported(neighbours: int, steps: int, tmp_path: Path) -> None:
    state, hop = wavenet(4, 3, bands=5, neighbours=neighbours, steps=steps), FACTOR**steps
    torch.save({"state_dict": state}, tmp_path / "w.pth")
    settings = {"stacks": 2}
    refuses("AR865", lambda: import_folder(tmp_path / "w.pth", tmp_path / "run", length=4 * hop + 1, settings=settings))
    run = import_folder(tmp_path / "w.pth", tmp_path / "run", length=4 * hop, settings=settings)
    model = arspec.open(run).double()
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(16, (2, 4 * hop), generator=generator)
    frames = torch.randn(2, 5, 4 + 2 * neighbours, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        wanted = of_wavenet(state, x, 4, 2, 3, frames)[:, :, :-1].transpose(1, 2)
        torch.testing.assert_close(
            model(x, frames=frames)[:, 1:], wanted, rtol=0, atol=1e-9 * wanted.abs().max().item()
        )
        assert (model(x, frames=frames.flip(2)) - model(x, frames=frames)).abs().max() > 1e-3
    drawn = model.sample(2, seed=0, frames=frames)
    assert torch.equal(model.sample(2, seed=0, method="depth", frames=frames), drawn)
    begun = torch.cat([*model.stream(2, steps=4 * hop, seed=0, prefix=drawn[:, : hop + 1], frames=frames)], 1)
    assert torch.equal(begun, drawn)


def test_features_of_another_form_are_refused(tmp_path: Path) -> None:
    """Filters over bands, steps of several factors, and features that nothing brings to the rate of the samples."""
    wide, settings = wavenet(4, 2, bands=5), {"stacks": 2}
    for place in ("v", "g"):
        assert f"upsample_net.upsample.up_layers.3.weight_{place}" in wide
    over_bands = {**wide, "upsample_net.upsample.up_layers.1.weight_v": torch.ones(1, 1, 3, 2 * FACTOR + 1)}
    unequal = {**wide, "upsample_net.upsample.up_layers.3.weight_v": torch.ones(1, 1, 1, 2 * FACTOR + 3)}
    apart = {name: value for name, value in wide.items() if not name.startswith("upsample_net")}
    spread = {**wide, "upsample_net.upsample.up_layers.3.bias": torch.ones(1)}
    for state, told in ((over_bands, "up_layers.1"), (unequal, "up_layers.3"), (apart, "conv_in"), (spread, "bias")):
        torch.save(state, tmp_path / "w.pth")
        refuses(
            "AR865", lambda: import_folder(tmp_path / "w.pth", tmp_path / "run", length=36, settings=settings), told
        )
        assert not (tmp_path / "run").exists()


def test_what_the_tensors_tell_is_not_set_otherwise(tmp_path: Path) -> None:
    torch.save(wavenet(4, 2), tmp_path / "w.pth")
    settings = {"stacks": 2, "kernel": 3}
    refuses("AR865", lambda: import_folder(tmp_path / "w.pth", tmp_path / "run", settings=settings), "another kernel")
    refuses("AR864", lambda: import_folder(tmp_path / "w.pth", tmp_path / "run", settings={"stacks": 2, "cycles": 1}))
    torch.save({**wavenet(4, 2), "conv_layers.0.conv1x1c.bias": torch.zeros(8)}, tmp_path / "w.pth")
    refuses("AR865", lambda: import_folder(tmp_path / "w.pth", tmp_path / "run", settings={"stacks": 2}), "conv1x1c")


@pytest.mark.parametrize("before", ["", "module."])
def test_a_pixelcnn_pp_is_imported(before: str, tmp_path: Path) -> None:
    ref, state = pixelcnn_pp()
    torch.save({before + name: value for name, value in state.items()}, tmp_path / "pcnn.pth")
    model = arspec.open(import_folder(tmp_path / "pcnn.pth", tmp_path / "run")).double()
    x = torch.randint(256, (1, 3, 32, 32), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = ref(x).flatten(2).transpose(1, 2)
        assert torch.allclose(model(x), wanted, rtol=0, atol=1e-9 * wanted.abs().max().item())


def test_a_pixelcnn_pp_of_other_shapes_is_refused(tmp_path: Path) -> None:
    _, state = pixelcnn_pp()
    for name, value in {"u_init.conv.weight_g": torch.ones(3, 1, 1, 1), "nin_out.lin_a.weight_g": torch.ones(20, 2),
                        "upsize_u_stream.0.deconv.weight_g": torch.ones(5, 1, 1, 1)}.items():  # fmt: skip
        torch.save({**state, name: value}, tmp_path / "pcnn.pth")
        refuses("AR865", lambda: import_folder(tmp_path / "pcnn.pth", tmp_path / "run"), name)
    grey = {name: value[:, :2] if name.startswith(("u_init", "ul_init")) and value.ndim > 1 and value.shape[1] > 1 else
            value for name, value in state.items()}  # fmt: skip
    torch.save(grey, tmp_path / "pcnn.pth")
    refuses("AR864", lambda: import_folder(tmp_path / "pcnn.pth", tmp_path / "run"), "channels: 1")
    assert not (tmp_path / "run").exists()


# -- MADE --------------------------------------------------------------------------------------------------------------


def made(size: int, units: list[int], seed: int) -> dict[str, Tensor]:
    """The state dict of a MADE whose order and degrees are drawn."""
    generator = torch.Generator().manual_seed(seed)
    degrees = [torch.randperm(size, generator=generator)]
    for count in units:
        degrees.append(torch.randint(int(degrees[-1].min()), size - 1, (count,), generator=generator))
    masks = [below <= own[:, None] for below, own in pairwise(degrees)]
    masks.append(degrees[-1] < degrees[0][:, None])
    found: dict[str, Tensor] = {}
    for number, mask in enumerate(masks):
        found[f"net.{2 * number}.weight"] = torch.randn(mask.shape, generator=generator)
        found[f"net.{2 * number}.bias"] = torch.randn(len(mask), generator=generator)
        found[f"net.{2 * number}.mask"] = mask.float()
    return found


@pytest.mark.parametrize("units", [[20], [5, 7, 6], [30, 20]])
@pytest.mark.parametrize("key", [None, "state_dict"])
def test_a_made_keeps_its_order_and_its_degrees(units: list[int], key: str | None, tmp_path: Path) -> None:
    state = made(9, units, len(units))
    torch.save(state if key is None else {key: state, "epoch": 3}, tmp_path / "made.pt")
    model = arspec.open(import_folder(tmp_path / "made.pt", tmp_path / "run")).double()
    x = torch.randint(2, (5, 9), generator=torch.Generator().manual_seed(0))
    h = x.double()
    for number in range(len(units) + 1):
        weight = (state[f"net.{2 * number}.weight"] * state[f"net.{2 * number}.mask"]).double()
        h = torch.nn.functional.linear(h if number == 0 else h.relu(), weight, state[f"net.{2 * number}.bias"].double())
    assert torch.allclose(model(x).squeeze(-1), h, rtol=0, atol=1e-12)
    assert torch.equal(model.sample(3, seed=1), model.sample(3, seed=1, method="depth"))


def test_masks_that_compare_no_degrees_are_refused(tmp_path: Path) -> None:
    for name, at in {"net.0.mask": (0, 0), "net.2.mask": (3, 2), "net.4.mask": (4, 4)}.items():
        state = made(9, [12, 8], 0)
        state[name][at] = 1 - state[name][at]
        torch.save(state, tmp_path / "made.pt")
        refuses("AR865", lambda: import_folder(tmp_path / "made.pt", tmp_path / "run"), "not those of one order")
    for name, shape in {"net.0.mask": (12, 8), "net.4.mask": (18, 8)}.items():
        torch.save({**made(9, [12, 8], 0), name: torch.ones(shape)}, tmp_path / "made.pt")
        refuses("AR865", lambda: import_folder(tmp_path / "made.pt", tmp_path / "run"))
    assert not (tmp_path / "run").exists()
