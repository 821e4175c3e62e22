"""Attention in its fused forms."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, LOOSE, broadcast, only, some
from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import LOWERED, MASKED, kept, margin, narrowed
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
        marked = call.masked(mask)
        low = (number <= MASKED) & steady & ~gone
        low = low if marked is None else low | ((number <= LOWERED) & marked & ~gone)
        if some(low):
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
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention", "_scaled_dot_product_fused_attention_overrideable",
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
    pairs = query.shape[-2] * key.shape[-2]
    alone = hidden = None
    if causal and mask is None and pairs > AHEAD:
        scored, brought = (_prefix(algebra.running(part, -2), query.shape[-2]) for part in (keys, values))
    else:
        shown = _open(call, query, key, mask, causal)
        if shown is None:
            scored, brought = algebra.reduce(keys, [-2]), algebra.reduce(values, [-2])
            alone = torch.tensor(key.shape[-2] == 1)
        else:
            shown = shown.expand(broadcast(shown.shape, (query.shape[-2], key.shape[-2])))
            shown = narrowed(shown, *range(shown.dim() - 2))
            hidden = ~shown.any(-1, keepdim=True)
            shown = shown | hidden
            scored, brought = (kept(algebra, part.mT, shown).mT for part in (keys, values))
            alone = (shown.sum(-1, keepdim=True) == 1) & ~hidden  # the one key weighs one, whatever its score
            if mask is not None and some(own := call.labels(mask)):
                asks = algebra.join(asks, algebra.reduce(only(own, shown), [-1]))
    row = algebra.join(scored, asks)
    weighs = row if alone is None else only(row, ~alone)
    out = algebra.join(brought, weighs)
    if hidden is not None and some(hidden):  # a row that minus infinity masks whole gives zeros in newer kernels
        blank = (call.targets[0].detach() == 0).all(-1, keepdim=True)
        out = only(out, ~(hidden & blank))
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
    every = call.algebra.reduce(row.reshape(-1), [0], keepdim=False)
    if target.dim() == len(shape) and target.shape[:-1] == shape[:-1] and target.shape[-1] >= shape[-1]:
        rows = row[..., 0].expand(shape)  # some kernels round the length up
        return torch.cat([rows, every.expand(*shape[:-1], target.shape[-1] - shape[-1])], -1)
    return every


@rule("_native_multi_head_attention", "_transformer_encoder_layer_fwd")
def layer(call: Call) -> Labels:
    """A layer of attention in one kernel, `[batch, places, width]`; a mask says which keys are hidden."""
    algebra = call.algebra
    names = ("query", "key", "value") if "query" in call.arguments else ("src", "src", "src")
    parts = [algebra.reduce(call.labels(call[name]).expand(call[name].shape), [-1]) for name in names]
    query, read = parts[0], algebra.join(parts[1], parts[2])
    mask, kind = call["mask"], call.get("mask_type")
    rest = [algebra.reduce(call.labels(v).reshape(-1), [0], False) for k, v in call.arguments.items()
            if isinstance(v, Tensor) and k not in (*names, "mask")]  # fmt: skip
    if mask is None:
        row = algebra.join(query, algebra.reduce(read, [1]))
    else:
        own = call.labels(mask).expand(mask.shape)
        shown = (call.value(mask) == 0) | (own != CONSTANT)
        if kind == 1:
            shown, own = shown[:, None], own[:, None]
        elif shown.dim() == 4:  # a head reads what is shown to it; the heads are mixed
            shown, own = shown.any(1), algebra.reduce(own, [1], keepdim=False)
        elif shown.dim() < 2:
            shown = torch.ones(1, read.shape[1], dtype=torch.bool)
        shown = shown | ~shown.any(-1, keepdim=True)
        row = algebra.join(query, kept(algebra, read.mT, shown).mT)
        if some(own):
            row = algebra.join(row, algebra.reduce(own.reshape(-1), [0], keepdim=False))
    row = algebra.join(row, *rest)
    sides = [row if t.dim() == 3 else row[:, None] for t in call.targets[1:]]
    return [row, *sides]


@rule("_flash_attention_forward", "_efficient_attention_forward", )  # fmt: skip
def whole_attention(call: Call) -> Labels:
    """Fused kernels whose borders lie in data read all that they are given."""
    return call.everything()


@rule("_transform_bias_rescale_qkv")
def rescaled(call: Call) -> Labels:
    """A bias, and the heads apart: rows keep their place."""
    qkv = call["qkv"]
    labels = call.algebra.reduce(call.labels(qkv).expand(qkv.shape), [-1])
    labels = call.algebra.join(labels, call.algebra.reduce(call.labels(call["qkv_bias"]).reshape(-1), [0], False))
    return [labels[:, None]] * len(call.targets)
