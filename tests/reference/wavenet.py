"""WaveNet (van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior, Kavukcuoglu 2016, "WaveNet: A
Generative Model for Raw Audio", sections 2.1 to 2.5, figure 4).

* input: samples of L levels, one-hot or scaled to [-1, 1], shifted right by one step, zero before the beginning
* ``first``: causal convolution (kernel 2) to the residual channels
* layers, with dilation d from the cycle: causal convolution of kernel k to the gate channels, in two halves; plus
  V h, a linear map without bias from the one-hot class, in both halves (equation 3), or V * y, a 1 x 1 without bias
  from a series y at the rate of the samples (equation 4); ``z = tanh(a) * sigmoid(b)`` (equation 2); 1 x 1 of z to the
  skip channels; 1 x 1 of z to the residual channels, plus the layer's input
* head: sum of all skips, ReLU, 1 x 1 to the skip channels, ReLU, 1 x 1 to the outputs

A series (a mel spectrogram) comes at the rate of its frames. A convolution of kernel 5 over its bands, without bias;
then, for each factor, every step is repeated as often, and a convolution of kernel 2 * factor + 1, without bias, runs
over each band by itself with one kernel for all (the form of a common public vocoder).

The residual 1 x 1 of the last layer leads nowhere; it is kept, as in public implementations, and counted.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def causal(conv: nn.Conv1d, x: Tensor) -> Tensor:
    """The convolution padded with zeros on the left only: output t reads t, t - d, ..., t - (k - 1) d."""
    return conv(F.pad(x, ((conv.kernel_size[0] - 1) * conv.dilation[0], 0)))


class Upsampling(nn.Module):
    """A series [B, bands, frames] brought to the rate of the samples: [B, bands, frames * product of the factors]."""

    def __init__(self, bands: int, factors: Sequence[int]) -> None:
        super().__init__()
        self.factors = factors
        self.smooth = nn.Conv1d(bands, bands, 5, padding=2, bias=False)
        self.filters = nn.ModuleList(nn.Conv1d(1, 1, 2 * f + 1, padding=f, bias=False) for f in factors)

    def forward(self, series: Tensor) -> Tensor:
        y = self.smooth(series)
        batch, bands, _ = y.shape
        for factor, smooth in zip(self.factors, self.filters, strict=True):
            y = F.interpolate(y, scale_factor=factor, mode="nearest")
            y = smooth(y.reshape(batch * bands, 1, -1)).reshape(batch, bands, -1)
        return y


class Layer(nn.Module):
    """One residual layer (figure 4). Residual channels in and out; ``given`` is the number of classes or bands."""

    def __init__(self, residual: int, gate: int, skip: int, kernel: int, dilation: int, given: int | None) -> None:
        super().__init__()
        self.conv = nn.Conv1d(residual, gate, kernel, dilation=dilation)
        self.condition = nn.Conv1d(given, gate, 1, bias=False) if given is not None else None
        self.residual = nn.Conv1d(gate // 2, residual, 1)
        self.skip = nn.Conv1d(gate // 2, skip, 1)

    def forward(self, x: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
        y = causal(self.conv, x)
        if self.condition is not None:
            y = y + self.condition(given)
        a, b = y.chunk(2, dim=1)
        z = torch.tanh(a) * torch.sigmoid(b)
        return x + self.residual(z), self.skip(z)


class WaveNet(nn.Module):
    """WaveNet, with optional global conditioning on a class or local conditioning on a series.

    Args:
        levels: levels of a sample, L.
        residual: residual channels.
        gate: channels before the gate, both halves together (even).
        skip: skip channels.
        dilations: dilation of each layer, all cycles written out.
        kernel: kernel of the dilated convolutions.
        first_kernel: kernel of the first causal convolution.
        classes: number of classes, for global conditioning.
        bands: channels of the series, for local conditioning.
        factors: upsampling factors of the series; their product is the number of samples of a frame.
        outputs: numbers for each sample; ``None`` is L logits.
        scale: whether the samples come in as numbers in [-1, 1] rather than one-hot.
    """

    def __init__(
        self,
        levels: int,
        residual: int,
        gate: int,
        skip: int,
        dilations: Sequence[int],
        kernel: int = 2,
        first_kernel: int = 2,
        classes: int | None = None,
        bands: int | None = None,
        factors: Sequence[int] = (),
        outputs: int | None = None,
        scale: bool = False,
    ) -> None:
        super().__init__()
        if gate % 2:
            raise ValueError(f"the gate has two halves, and {gate} channels are odd")
        self.levels, self.classes, self.scale = levels, classes, scale
        self.upsampling = Upsampling(bands, factors) if bands is not None else None
        self.first = nn.Conv1d(1 if scale else levels, residual, first_kernel)
        self.layers = nn.ModuleList(Layer(residual, gate, skip, kernel, d, classes or bands) for d in dilations)
        self.head_1 = nn.Conv1d(skip, skip, 1)
        self.head_2 = nn.Conv1d(skip, levels if outputs is None else outputs, 1)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """Outputs ``[B, L, T]`` for ``x`` in 0..L-1, ``[B, T]``; ``given`` is the class ``[B]`` where there are
        classes, the series ``[B, bands, frames]`` where there are bands."""
        dtype = self.first.weight.dtype
        if self.scale:
            samples = 2 * x.to(dtype)[:, None] / (self.levels - 1) - 1
        else:
            samples = F.one_hot(x, self.levels).to(dtype).transpose(1, 2)
        shifted = torch.zeros_like(samples)
        shifted[:, :, 1:] = samples[:, :, :-1]
        known: Tensor | None = None
        if self.classes is not None and given is not None:
            known = F.one_hot(given, self.classes).to(dtype)[:, :, None]
        elif self.upsampling is not None:
            known = self.upsampling(given)
        features = causal(self.first, shifted)
        skips: list[Tensor] = []
        for layer in self.layers:
            features, skip = layer(features, known)
            skips.append(skip)
        total = torch.stack(skips).sum(dim=0)
        return self.head_2(F.relu(self.head_1(F.relu(total))))
