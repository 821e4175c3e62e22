"""Published autoregressive systems in plain torch, written independently of the library under test.

Each module states one system the way its paper does, with ordinary ``nn.Conv2d``, ``nn.Conv1d`` and ``nn.Linear``
children, masks filled by explicit loops, and no scheduling, caching or fusing. They are oracles: with copied weights
and in float64 their outputs must equal those of the compiled specs. Inputs are integer tensors in the data's own range
(``[B, C, H, W]``, ``[B, T]`` or ``[B, V]``), outputs are logits in the natural layout (``[B, G * L, H, W]``,
``[B, L, T]`` or ``[B, V]``); channels are group-major, so that channel ``c`` of group ``g`` of ``G`` groups with ``C``
channels each stands at ``g * C + c``. Shape letters: B batch, G groups, C channels, H rows, W columns, T time,
V variables, L levels.
"""
