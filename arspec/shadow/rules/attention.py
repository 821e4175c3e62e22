"""Attention in its fused forms."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, LOOSE
from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import MASKED, kept, margin, narrowed
from arspec.shadow.rules.table import Labels, rule

AHEAD = 1 << 22  # pairs of places beyond which a causal mask is never laid out


def _heads(labels: Tensor, heads: int) -> Tensor:
    """Labels of keys that groups of heads share, one for each head."""
    if labels.dim() < 3 or labels.shape[-3] in (1, heads):
        return labels
    return labels.repeat_interleave(heads // labels.shape[-3], -3)


def _open(call: Call, query: Tensor, key: Tensor, mask: Tensor | None, causal: bool) -> Tensor | None:
    """Which keys a query may read, `[..., T, S]`; None: all of them."""
    rows, width = query.shape[-2], key.shape[-2]
    out = torch.ones(rows, width, dtype=torch.bool).tril() if causal else None
    if mask is None:
        return out
    number, steady = call.value(mask), call.labels(mask) == CONSTANT
    if number.dtype == torch.bool:
        shown = number | ~steady
    else:
        gone = (number == -torch.inf) & steady
        low = (number <= MASKED) & steady & ~gone
        if bool(low.any()):
            bound = _bound(call, query, key)
            top = number.amax(-1, keepdim=True)
            gone = gone | (low & (number + 2 * bound - top <= -margin(query)))
        shown = ~gone
    return shown if out is None else out & shown


def _bound(call: Call, query: Tensor, key: Tensor) -> float:
    """No score is farther from zero than this."""
    scale = call.get("scale")
    scale = query.shape[-1] ** -0.5 if scale is None else abs(float(scale))
    one, other = (call.value(part).float().norm(dim=-1).amax() for part in (query, key))
    return float(one * other) * scale


@rule(
    "scaled_dot_product_attention", "_scaled_dot_product_attention_math", "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention", "_scaled_dot_product_fused_attention_overrideable",
    "_scaled_dot_product_attention_math_for_mps",
)  # fmt: skip
def attention(call: Call) -> Labels:
    """A query with all keys that it may read, and their values. A row that is masked whole reads everything."""
    algebra = call.algebra
    query, key, value = call["query"], call["key"], call["value"]
    mask = call.get("attn_mask", call.get("attn_bias"))
    causal = bool(call.get("is_causal", False))
    heads = query.shape[-3] if query.dim() > 2 else 1
    asks, keys = (algebra.reduce(call.labels(part).expand(part.shape), [-1]) for part in (query, key))
    values = call.labels(value).expand(value.shape)
    asks, keys, values = (narrowed(part, *range(part.dim() - 2), part.dim() - 1) for part in (asks, keys, values))
    keys, values = _heads(keys, heads), _heads(values, heads)
    read = algebra.join(keys, values)
    pairs = query.shape[-2] * key.shape[-2]
    if causal and mask is None and pairs > AHEAD:
        found, scored = (_prefix(algebra.running(part, -2), query.shape[-2]) for part in (read, keys))
    else:
        shown = _open(call, query, key, mask, causal)
        if shown is None:
            found, scored = algebra.reduce(read, [-2]), algebra.reduce(keys, [-2])
        else:
            shown = narrowed(shown, *range(shown.dim()))
            shown = shown.expand(*shown.shape[:-1], key.shape[-2])
            shown = shown | ~shown.any(-1, keepdim=True)
            while shown.dim() < 2:
                shown = shown[None]
            found, scored = (kept(algebra, part.mT, shown).mT for part in (read, keys))
            if mask is not None and bool((own := call.labels(mask)).any()):
                own = algebra.reduce(torch.where(shown, own, CONSTANT), [-1])
                asks = algebra.join(asks, own)
    out, row = algebra.join(found, asks), algebra.join(scored, asks)
    if float(call.get("dropout_p", 0.0) or 0.0) > 0:
        out = algebra.join(out, torch.full((), LOOSE, dtype=out.dtype))
    return [out, *[_side(call, t, row) for t in call.targets[1:]]]


def _prefix(labels: Tensor, rows: int) -> Tensor:
    """The first `rows` of labels along the last axis but one; the last one again where there are fewer."""
    width = labels.shape[-2]
    if rows <= width:
        return labels[..., :rows, :]
    return torch.cat([labels, labels[..., -1:, :].expand(*labels.shape[:-2], rows - width, labels.shape[-1])], -2)


def _side(call: Call, target: Tensor, row: Tensor) -> Tensor:
    """The log-sum-exp reads what the scores read; probabilities do; seeds, offsets and lengths nothing."""
    query = call["query"]
    if not target.is_floating_point():
        return torch.full((), CONSTANT, dtype=row.dtype)
    shape = tuple(query.shape[:-1])
    if tuple(target.shape) == shape:
        return row[..., 0].expand(shape) if row.dim() == query.dim() else row[..., 0]
    if target.dim() == query.dim() and tuple(target.shape[:-1]) == shape:
        return row
    return call.algebra.reduce(row.reshape(-1), [0], keepdim=False)


@rule("_flash_attention_forward", "_efficient_attention_forward", "_native_multi_head_attention",
      "_transformer_encoder_layer_fwd", "_triton_scaled_dot_attention", "_triton_multi_head_attention")  # fmt: skip
def whole_attention(call: Call) -> Labels:
    """Fused kernels whose borders lie in data: each example reads itself whole where batches lie first."""
    return call.everything()


@rule("_transform_bias_rescale_qkv")
def rescaled(call: Call) -> Labels:
    """A bias, and the heads apart: rows keep their place."""
    qkv = call["qkv"]
    labels = call.algebra.reduce(call.labels(qkv).expand(qkv.shape), [-1])
    labels = call.algebra.join(labels, call.algebra.reduce(call.labels(call["qkv_bias"]).reshape(-1), [0], False))
    return [labels[:, None]] * len(call.targets)
