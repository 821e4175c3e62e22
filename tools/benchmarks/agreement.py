"""Whether the plain samplers and modules compute the numbers of their specs: in float64, all weights drawn, small.

Each raises AssertionError where they do not. What is timed is checked first.
"""

from __future__ import annotations

from typing import Any

import torch

from tools.benchmarks.measure import spec_path
from tools.benchmarks.plain.gpt import CachedGPT
from tools.benchmarks.plain.pixelcnn_pp import PixelCNNpp
from tools.benchmarks.plain.wavenet import RingWaveNet

EXACT = {"rtol": 0.0, "atol": 1e-10}
STEPS = 40


def pixelcnn_pp() -> None:
    model = _drawn("pixelcnn_pp", {"height": 8, "width": 8, "filters": 6, "resnets": 2, "components": 2})
    x = torch.randint(256, (2, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(PixelCNNpp(model)(x), model.last(x, 0, {}), **EXACT)


def wavenet(kernel: int) -> None:
    sizes = {"levels": 8, "residual": 6, "skip": 5, "layers": 5, "cycle": 3, "speakers": 4}
    model = _drawn("wavenet", {"length": STEPS, "kernel": kernel, **sizes})
    speaker = torch.tensor([0, 2, 3])
    _same(model, *RingWaveNet(model).sample(STEPS, speaker, uniforms_of(model, 3)), speaker=speaker)


def gpt() -> None:
    model = _drawn("gpt", {"length": STEPS, "levels": 9, "width": 12, "heads": 3, "layers": 2})
    _same(model, *CachedGPT(model).sample(STEPS, uniforms_of(model, 3)))


def uniforms_of(model: Any, batch: int) -> torch.Tensor:
    """[B, T]: what the sampler of a sequence draws by."""
    from arspec.sampler.drive.noise import uniforms

    return torch.from_numpy(uniforms(0, 0, batch, model.spec.data.variables, 1))[..., 0]


def _same(model: Any, x: torch.Tensor, logits: torch.Tensor, **condition: torch.Tensor) -> None:
    """The very integers of the spec's sampler, and the logits of its module."""
    assert torch.equal(x, model.sample(len(x), seed=0, **condition)), "the samples differ"
    assert len(x.unique()) > 2, "the samples tell nothing"
    with torch.no_grad():
        torch.testing.assert_close(logits, model(x, **condition)[:, -1], **EXACT)


def _drawn(name: str, params: dict[str, Any]) -> Any:
    import arspec

    model = arspec.compile(arspec.load(spec_path(name), params=params)).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            fan_in = weight[0].numel() if weight.ndim > 1 else 1
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype) / fan_in**0.5)
    return model
