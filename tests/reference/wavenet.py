"""WaveNet (van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior, Kavukcuoglu 2016, "WaveNet: A
Generative Model for Raw Audio", sections 2.1 to 2.5, figure 4).

* input: one-hot samples of L levels, shifted right by one step, zero before the beginning
* ``first``: causal convolution (kernel 2) to the residual channels
* layers, with dilation d from the cycle: causal convolution of kernel k to the gate channels, in two halves; plus
  V h, a linear map without bias from the one-hot class, in both halves (equation 3); ``z = tanh(a) * sigmoid(b)``
  (equation 2); 1 x 1 of z to the skip channels; 1 x 1 of z to the residual channels, plus the layer's input
* head: sum of all skips, ReLU, 1 x 1 to the skip channels, ReLU, 1 x 1 to L logits

The residual 1 x 1 of the last layer leads nowhere; it is kept, as in public implementations, and counted.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def causal(conv: nn.Conv1d, x: Tensor) -> Tensor:
    """The convolution padded with zeros on the left only: output t reads t, t - d, ..., t - (k - 1) d."""
    return conv(F.pad(x, ((conv.kernel_size[0] - 1) * conv.dilation[0], 0)))


class Layer(nn.Module):
    """One residual layer (figure 4). Residual channels in and out."""

    def __init__(self, residual: int, gate: int, skip: int, kernel: int, dilation: int, classes: int | None) -> None:
        super().__init__()
        self.conv = nn.Conv1d(residual, gate, kernel, dilation=dilation)
        self.condition = nn.Linear(classes, gate, bias=False) if classes is not None else None
        self.residual = nn.Conv1d(gate // 2, residual, 1)
        self.skip = nn.Conv1d(gate // 2, skip, 1)

    def forward(self, x: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        y = causal(self.conv, x)
        if self.condition is not None:
            y = y + self.condition(label)[:, :, None]
        a, b = y.chunk(2, dim=1)
        z = torch.tanh(a) * torch.sigmoid(b)
        return x + self.residual(z), self.skip(z)


class WaveNet(nn.Module):
    """WaveNet with optional global conditioning on a class.

    Args:
        levels: levels of a sample, L.
        residual: residual channels.
        gate: channels before the gate, both halves together (even).
        skip: skip channels.
        dilations: dilation of each layer, all cycles written out.
        kernel: kernel of the dilated convolutions.
        first_kernel: kernel of the first causal convolution.
        classes: number of classes, for global conditioning.
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
    ) -> None:
        super().__init__()
        if gate % 2:
            raise ValueError(f"the gate has two halves, and {gate} channels are odd")
        self.levels, self.classes = levels, classes
        self.first = nn.Conv1d(levels, residual, first_kernel)
        self.layers = nn.ModuleList(Layer(residual, gate, skip, kernel, d, classes) for d in dilations)
        self.head_1 = nn.Conv1d(skip, skip, 1)
        self.head_2 = nn.Conv1d(skip, levels, 1)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Logits ``[B, L, T]`` for ``x`` in 0..L-1, ``[B, T]``; ``label`` ``[B]`` where there are classes."""
        dtype = self.first.weight.dtype
        hot = F.one_hot(x, self.levels).to(dtype).transpose(1, 2)
        shifted = torch.zeros_like(hot)
        shifted[:, :, 1:] = hot[:, :, :-1]
        known = F.one_hot(label, self.classes).to(dtype) if label is not None and self.classes is not None else None
        features = causal(self.first, shifted)
        skips: list[Tensor] = []
        for layer in self.layers:
            features, skip = layer(features, known)
            skips.append(skip)
        total = torch.stack(skips).sum(dim=0)
        return self.head_2(F.relu(self.head_1(F.relu(total))))
