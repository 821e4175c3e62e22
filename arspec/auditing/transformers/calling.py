"""A causal class of transformers as the audit calls every module: ids in, an output with logits and a cache out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn

from arspec.auditing.memories import CACHES, SWITCHES, USE_CACHE, memory


class LanguageModel(nn.Module):
    """A causal class behind one signature: `forward(ids [b, t], ...)` gives `.logits` [b, t, k].

    `attention_mask` [b, all tokens so far] has 1 where a token is real; positions are then counted as generation
    counts them. `documents` [b, t] holds the number of each token's document; positions then restart with every
    document, which is how these classes are told of packing. `past_key_values` is what the last call gave. A subclass
    made by `offering` takes the keywords that its class understands.
    """

    alphabet: Tensor

    def __init__(self, model: nn.Module, alphabet: list[int], condition: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.model = model
        self.condition = dict(condition or {})
        self.plain = alphabet == list(range(len(alphabet)))
        self.register_buffer("alphabet", torch.tensor(alphabet), persistent=False)
        taken = inspect.signature(model.forward).parameters
        self.takes = frozenset(taken)
        self.cache_name = next((name for name in CACHES if name in self.takes), None)
        self.switches = [name for name in SWITCHES if name in self.takes]
        if (
            not self.switches
            and self.cache_name is not None
            and any(each.kind == each.VAR_KEYWORD for each in taken.values())
        ):
            self.switches = [USE_CACHE]  # handed on by a call that does not name it, else taken from the configuration

    def run(
        self,
        ids: Tensor,
        *,
        past_key_values: Any = None,
        use_cache: bool = False,
        attention_mask: Tensor | None = None,
        documents: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> Any:
        """One call of the class. ids [b, t] count the alphabet."""
        given: dict[str, Any] = dict(self.condition)
        length = ids.shape[1]
        if past_key_values is not None and self.cache_name is not None:
            given[self.cache_name] = past_key_values
        given.update(dict.fromkeys(self.switches, use_cache))
        if attention_mask is not None:
            given["attention_mask"] = attention_mask
            if position_ids is None and "position_ids" in self.takes:
                counted = attention_mask.long().cumsum(-1) - 1
                position_ids = counted.masked_fill(attention_mask == 0, 0)[:, -length:]
        if "lengths" in self.takes:  # otherwise counted from the ids, whose padding is not among the levels
            real = torch.ones_like(ids) if attention_mask is None else attention_mask[:, -length:]
            given["lengths"] = real.sum(-1)
        if documents is not None:
            position_ids = restarted(documents)
        if position_ids is not None:
            given["position_ids"] = position_ids
        out = self.model(input_ids=ids if self.plain else self.alphabet[ids], **given)
        return SimpleNamespace(logits=out.logits, past_key_values=memory(out))


def restarted(documents: Tensor) -> Tensor:
    """Positions [b, t] that restart at 0 with every document, from documents [b, t]."""
    places = torch.arange(documents.shape[1]).expand_as(documents)
    begins = torch.ones_like(documents, dtype=torch.bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return places - torch.where(begins, places, 0).cummax(1).values


def offering(keywords: list[str]) -> type[LanguageModel]:
    """A `LanguageModel` whose forward takes these keywords beside the ids, and says so in its signature."""

    def forward(self: LanguageModel, ids: Tensor, **given: Any) -> Any:
        return self.run(ids, **given)

    kind = inspect.Parameter
    own = [kind("self", kind.POSITIONAL_OR_KEYWORD), kind("ids", kind.POSITIONAL_OR_KEYWORD)]
    optional = [kind(name, kind.KEYWORD_ONLY, default=None) for name in keywords]
    cast("Any", forward).__signature__ = inspect.Signature([*own, *optional])
    return type("LanguageModel", (LanguageModel,), {"forward": forward, "__module__": __name__})
