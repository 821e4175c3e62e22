"""`mamba` is the Mamba of transformers: with its weights the logits are equal in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from arspec.language.load import load
from arspec.model import Model, build
from arspec.sampler.drive.sampler import sampler_of
from tests.small import ROOT

pytest.importorskip("transformers")

LEVELS, WIDTH, INNER, STATES, RANK, LAYERS = 23, 12, 24, 5, 3, 2
TABLE = {  # of each block: our weight, theirs
    "norm.gain": "norm.weight",
    "mixed.bias": "mixer.conv1d.bias",
    "mixed.weight": "mixer.conv1d.weight",
    "step.weight": "mixer.dt_proj.weight",
    "scan.step_bias": "mixer.dt_proj.bias",
    "scan.A_log": "mixer.A_log",
    "scan.D": "mixer.D",
    "project.weight": "mixer.out_proj.weight",
}


def theirs() -> Any:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    config = MambaConfig(
        vocab_size=LEVELS, hidden_size=WIDTH, state_size=STATES, time_step_rank=RANK,
        num_hidden_layers=LAYERS, expand=INNER // WIDTH, conv_kernel=4, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    model = MambaForCausalLM(config).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, dtype=weight.dtype) / max(1, weight[0].numel()) ** 0.5)
    return model


def ours(length: int, state: dict[str, Tensor]) -> Model:
    """The spec at these sizes, with their weights."""
    params = {"length": length, "levels": LEVELS, "width": WIDTH, "inner": INNER, "states": STATES, "rank": RANK}
    model = build(load(ROOT / "specs" / "mamba.yaml", params={**params, "layers": LAYERS})).double().eval()
    own = {"tokens.weight": state["backbone.embeddings.weight"], "last.gain": state["backbone.norm_f.weight"]}
    for k in range(LAYERS):
        block = {name: state[f"backbone.layers.{k}.{other}"] for name, other in TABLE.items()}
        block["into.weight"], block["beside.weight"] = state[f"backbone.layers.{k}.mixer.in_proj.weight"].chunk(2)
        parts = state[f"backbone.layers.{k}.mixer.x_proj.weight"].split([RANK, STATES, STATES])
        block |= {f"{name}.weight": part for name, part in zip(("low", "b", "c"), parts, strict=True)}
        own |= {f"body.{k}.{name}": value for name, value in block.items()}
    weights = model.nodes.named()
    assert weights.keys() == own.keys()
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(own[name].reshape(weight.shape))
    return model


@pytest.mark.parametrize("length", [1, 7, 64, 65])
def test_logits_are_those_of_transformers(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "float32", torch.float64)  # they compute the scan and the norms in single precision
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    peer = theirs()
    model = ours(length + 1, peer.state_dict())
    x = torch.randint(LEVELS, (3, length + 1), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = peer(x[:, :length]).logits  # after token t
        found = model(x)[:, 1:]  # of token t + 1
        stepped = sampler_of(model).replay(x, {})[:, 1:]
    assert wanted.abs().max() > 0.1
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)
    torch.testing.assert_close(stepped, wanted, rtol=0, atol=1e-9)
