"""State dicts of published systems in PyTorch, beside the plain modules of `tests/reference` that compute the same."""

from __future__ import annotations

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
