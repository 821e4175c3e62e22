"""What holds for every shipped spec, and for the hard ones under `specs/ok`: proof, module and sampler agree."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arspec.analysis.contexts import depends_on, seen
from arspec.analysis.known_at import Relations
from arspec.analysis.report import prove
from arspec.diagnostics import InputError, SpecError
from arspec.language.load import Spec, load
from arspec.model import build
from arspec.network.ranks import scalar_ranks
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.run.skinny_matmul import BUSY
from arspec.verification.dependencies import gradient_pattern, perturb
from arspec.verification.subject import random_conditions, subject_of
from tests.small import (
    ROOT,
    SHIPPED,
    SPECS,
    Told,
    both_worths,
    every_spec,
    fixed,
    quick_tracing,
    random_data,
    randomised,
    shared,
    small,
)

BATCH = 64  # of the dependency tests: larger ones fall out of the cache
DRAWS = 40  # of the weights, until every dependence has shown itself: after a few, as a rule

# Parameters at the paper's size, pairs out of reach, pairs that are blind.
FULL_SIZE = {
    "axial_transformer": (406_073_600, 0, 0),
    "bytenet": (277_009_096, 8_001, 0),
    "causal_tcn": (3_293_878, 25_651, 0),
    "char_rnn": (296_576, 0, 0),
    "deltanet_hybrid": (7_430_870_688, 0, 0),
    "fast_generation_toy": (576, None, None),
    "gated_pixelcnn": (15_964_842, 0, 0),
    "gated_pixelcnn_class": (16_045_482, 0, 0),
    "gated_pixelcnn_location": (16_554_794, 0, 0),
    "gemma2": (2_614_341_888, 0, 0),
    "gpt": (817_920, 0, 0),
    "hyena": (152_483_904, 0, 0),
    "image_gpt": (76_444_672, 0, 0),
    "image_transformer": (7_391_844, 0, 0),
    "inside_out": (6_496_512, 0, 0),
    "llama": (8_030_261_248, 0, 0),
    "llamagen": (110_889_216, 0, 0),
    "lmconv": (46_075_684, 0, 0),
    "made": (785_284, 0, 28_075),
    "mamba": (129_135_360, 0, 0),
    "mamba2": (128_989_632, 0, 0),
    "megabyte": (346_727_168, 0, 0),
    "mistral": (7_241_732_096, 0, 0),
    "mixtral": (46_702_792_704, 0, 0),
    "parallel_multiscale": (12_151_396, 0, 0),
    "pixelcnn": (5_399_091, 1_180_179, 886_095),
    "pixelcnn_aux": (11_425_932, 619_088, 0),
    "pixelcnn_pp": (53_659_080, 1_440, 0),
    "pixelcnn_pp_class": (53_863_880, 1_440, 0),
    "pixelrnn_diagonal": (9_360_036, 0, 2_604),
    "pixelrnn_row": (10_149_516, 207_468, 886_095),
    "pixelsnail": (91_681_320, 0, 0),
    "pixelsnail_zigzag": (91_684_904, 0, 0),
    "qwen3": (596_049_920, 0, 0),
    "rar": (259_199_488, 0, 0),
    "retnet": (1_413_550_080, 0, 0),
    "rwkv": (1_599_873_024, 0, 0),
    "sigma_gpt": (124_046_592, 0, 0),
    "t5_decoder": (222_903_552, 0, 0),
    "wavenet": (3_916_800, 524_800, 0),
    "wavenet_local": (4_676_388, 0, 0),
    "wavenet_mol": (2_985_246, 524_800, 0),
}

# Scans in which the proof holds; in all others that are tried it must not.
# Masks by the order alone hold in all of them.
SCANS = ["raster", "columns", "serpentine", "zigzag", "diagonal", "spiral", "hilbert", "random"]
SCANS_1D = ["natural", "reversed", "random", "explicit"]
BY_ROWS = ["raster", "serpentine"]  # in a serpentine a window over the row is masked by the order as well
HOLDS = {
    "pixelcnn": SCANS,
    "inside_out": SCANS,
    "pixelsnail": ["raster", "diagonal"],  # the first layer's window is that of the released code
    "pixelsnail_zigzag": SCANS,
    "made": SCANS_1D,
    "gated_pixelcnn": BY_ROWS,
    "gated_pixelcnn_class": BY_ROWS,
    "gated_pixelcnn_location": BY_ROWS,
    "row_lstm_small": ["raster", "serpentine", "diagonal"],  # it reads three pixels of the row above
    "diagonal_bilstm_small": ["raster"],
    "pixelcnn_pp_small": ["raster"],
    "wavenet": ["natural"],
    "causal_tcn": ["natural"],
}
IN_SCANS = [(name, s) for name, kept in HOLDS.items() for s in (SCANS_1D if "natural" in kept else SCANS)]


def members(spec: Spec) -> range:
    return range(len(spec.members))


@pytest.mark.parametrize("path", SHIPPED, ids=[p.stem for p in SHIPPED])
def test_the_proof_holds_at_the_size_of_the_paper(path: Path):
    report = prove(load(path))
    assert report.ok
    assert report.leaks == 0
    assert (report.json()["parameters"], report.out_of_reach, report.blind_spots) == FULL_SIZE[path.stem]


@pytest.mark.parametrize(
    "name", ["pixelcnn", "gated_pixelcnn", "gated_pixelcnn_class", "gated_pixelcnn_location", "inside_out"]
)
@pytest.mark.parametrize("side, levels", [(8, 17), (28, 2)], ids=["digits", "binary MNIST"])
def test_an_image_spec_takes_other_images(name: str, side: int, levels: int):
    path = next(p for p in SHIPPED if p.stem == name)
    size = {"height": side, "width": side, "channels": 1, "levels": levels}
    spec = load(path, params=size)
    assert spec.data.model_dump(exclude={"kind", "auxiliary"}) == size
    report = prove(spec)
    assert report.ok
    assert report.blind_spots == 0 or name == "pixelcnn"


def test_a_plain_made_needs_two_settings():
    spec = load(next(p for p in SHIPPED if p.stem == "made"), params={"members": 1, "scan": "natural"})
    assert spec.graph().parameters == 784 * 500 + 500 + 500 * 784 + 784
    assert [m.order.rank.tolist() for m in spec.members] == [list(range(784))]


@every_spec
def test_the_gradients_of_the_head_are_the_contexts(path: Path):
    spec = small(path)
    for member in members(spec):
        model = build(spec).double().eval()
        subject = subject_of(model, member)
        proven = seen(Relations(model.graph, spec.members[member])).matrix()
        modelled = spec.members[member].order.modelled
        pattern = np.zeros_like(proven)
        for draw in range(DRAWS):
            pattern |= gradient_pattern(fixed(subject, draw), draws=1, bases=1, batch=BATCH, seed=draw)[modelled]
            if np.array_equal(pattern, proven):
                break
        assert not (pattern & ~proven).any(), "the module reads what was not proven"
        np.testing.assert_array_equal(pattern, proven)


@every_spec
def test_nothing_moves_with_what_comes_later(path: Path):
    spec = small(path)
    for member in members(spec):
        found = perturb(subject_of(build(spec).double().eval(), member), draws=1, bases=1, batch=BATCH)
        assert found.ok, found.violations
        proven = seen(Relations(spec.graph(), spec.members[member])).matrix()
        assert not (found.seen[spec.members[member].order.modelled] & ~proven).any()


@cache
def parameters_of_the_module(path: Path, batch: int, member: int) -> Tensor:
    """[B, V, K] for random data: neither the threshold of sums nor that of products touches them."""
    model = shared(path)
    return model(random_data(model, batch, seed=batch), member, **random_conditions(model, batch, batch)).detach()


@pytest.mark.parametrize("busy", [BUSY, 0], ids=["torch", "compiled"])
@both_worths
@every_spec
def test_the_sampler_is_the_module(path: Path, worth: int, busy: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.BUSY", busy)
    # the products are chosen as a sampler is made
    model = shared(path, worth=worth) if busy == BUSY else randomised(small(path), worth=worth)
    for batch in (1, 5):
        x, given = random_data(model, batch, seed=batch), random_conditions(model, batch, batch)
        for member in range(model.members):
            wanted = parameters_of_the_module(path, batch, member)
            torch.testing.assert_close(sampler_of(model, member).replay(x, given), wanted, rtol=0, atol=1e-9)


@both_worths
@every_spec
def test_every_site_is_computed_once(path: Path, worth: int):
    model = shared(path, worth=worth)
    given = random_conditions(model, 0, 1)
    for member, chosen in enumerate(model.graph.members):
        computed = Told()
        sampler_of(model, member).run(1, given, trace=computed)
        wanted = depends_on(Relations(model.graph, chosen), model.graph.head_sites())
        free, counts = sampler_of(model, member).schedule.free, computed.counts()
        assert counts.keys() <= set(model.graph.live)
        for node in model.graph.live:
            expected = np.ones(node.out.sites, np.int64) if node in free else wanted[node].astype(np.int64)
            np.testing.assert_array_equal(counts.get(node, np.zeros(node.out.sites, np.int64)), expected)


@every_spec
def test_samples_depend_on_their_seed_and_number_alone(path: Path):
    model = shared(path)
    given = random_conditions(model, 0, 5)
    together = model.sample(5, seed=3, **given)
    assert together.shape == (5, *model.spec.data.shape)
    assert together.dtype == torch.int64
    assert 0 <= int(together.min()) <= int(together.max()) < model.spec.data.levels
    alone = [
        model.sample(1, seed=3, first=k, **{name: value[k : k + 1] for name, value in given.items()}) for k in range(5)
    ]
    assert torch.equal(together, torch.cat(alone))
    assert not torch.equal(together, model.sample(5, seed=4, **given))


@every_spec
def test_temperature_zero_leaves_nothing_to_chance(path: Path):
    model = shared(path)
    head, support, given = model.graph.head, model.graph.support, random_conditions(model, 0, 2)
    x = model.sample(2, seed=1, temperature=0.0, **given)
    assert torch.equal(x, model.sample(2, seed=2, temperature=0.0, **given))
    parameters = model(x, **given)
    uniforms = torch.rand(*parameters.shape[:2], head.uniforms(support))
    modelled = torch.from_numpy(model.graph.head_sites())
    values = model.by_variable(x)[:, modelled]
    assert torch.equal(values, head.draw(support, parameters, uniforms, 0.0)[:, modelled])
    if head.kind == "categorical":
        assert torch.equal(values, parameters.unflatten(-1, (-1, support.levels)).argmax(-1)[:, modelled])


@every_spec
def test_a_completion_keeps_what_is_known(path: Path):
    model = shared(path)
    given = random_conditions(model, 0, 3)
    for member in range(model.members):
        ranks = torch.from_numpy(scalar_ranks(model, member)).view(model.spec.data.shape)
        known = ranks < int(ranks.max()) // 2
        hot: dict[str, Any] = {"member": member, "temperature": 10.0, **given}  # so that no two samples are the same
        sample = model.sample(3, seed=5, **hot)
        assert torch.equal(model.complete(sample, known, seed=5, **hot), sample)
        other = model.complete(sample, known, seed=6, **hot)
        assert torch.equal(other[:, known], sample[:, known])
        assert not torch.equal(other, sample)
        with pytest.raises(InputError, match="comes first in the order"):
            model.complete(sample, ~known, how="order", member=member, **given)


@pytest.mark.parametrize("path", SHIPPED, ids=[p.stem for p in SHIPPED])
def test_compiled_steps_draw_the_same_and_follow_a_prompt(path: Path, monkeypatch: pytest.MonkeyPatch):
    """As those of torch do, the prompt taken in by one pass where it can be."""
    given, hot = random_conditions(shared(path), 0, 2), {"seed": 5, "temperature": 3.0}
    wanted = sampler_of(shared(path)).run(2, given, **hot)
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.BUSY", 0)
    model = randomised(small(path))
    ranks = torch.from_numpy(scalar_ranks(model, 0)).view(model.spec.data.shape)
    sampler, known = sampler_of(model), ranks < 2 * int(ranks.max()) // 3
    assert torch.equal(sampler.run(2, given, **hot), wanted)
    assert torch.equal(sampler.run(2, given, given=wanted, known=known, **hot), wanted)


@pytest.mark.parametrize("path", sorted(ROOT.glob("tools/specs/*.yaml")), ids=lambda p: p.stem)
def test_the_specs_of_tools_hold(path: Path):
    assert prove(load(path), contexts=False).ok


@pytest.mark.parametrize("name, scan", [pair for pair in IN_SCANS if pair[1] in HOLDS[pair[0]]])
def test_the_orders_in_which_a_spec_holds(name: str, scan: str):
    spec = in_scan(name, scan)
    assert prove(spec, contexts=False).ok
    model = randomised(spec)
    x, given = random_data(model, 2), random_conditions(model, 0, 2)
    torch.testing.assert_close(sampler_of(model).replay(x, given), model(x, **given), rtol=0, atol=1e-9)
    pattern = gradient_pattern(fixed(subject_of(model)), draws=1, bases=1)
    assert not (pattern & ~seen(Relations(spec.graph(), spec.members[0])).matrix()).any()


@pytest.mark.parametrize("name, scan", [pair for pair in IN_SCANS if pair[1] not in HOLDS[pair[0]]])
def test_the_orders_in_which_a_spec_is_refused(name: str, scan: str):
    spec = in_scan(name, scan)
    report = prove(spec, contexts=False)
    assert not report.ok
    assert report.witnesses
    rank = spec.members[0].order.rank
    for witness in report.witnesses:
        assert rank[witness.seen] >= rank[witness.variable]
        assert witness.path[0].node is spec.graph().data
        assert witness.path[-1].node is spec.graph().head_node
    assert {d.code for d in report.diagnostics} == {"AR701"}
    with pytest.raises(InputError, match="leaks under the order"):
        sampler_of(randomised(spec))


def test_a_leaking_spec_is_not_compiled():
    import arspec

    with pytest.raises(SpecError, match="AR701"):
        arspec.compile(in_scan("gated_pixelcnn", "zigzag"))


@every_spec
def test_export_and_compile_take_the_module(path: Path, monkeypatch: pytest.MonkeyPatch):
    quick_tracing(monkeypatch)
    model = randomised(small(path, repeats=1))
    x, given = random_data(model, 2), random_conditions(model, 0, 2)
    wanted = model(x, **given)
    exported = torch.export.export(model, (x,), kwargs=given)
    torch.testing.assert_close(exported.module()(x, **given), wanted)
    torch.compiler.reset()  # it counts how often `forward` was compiled, of whichever model
    torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(x, **given), wanted)


@every_spec
def test_parameters_are_named_after_nodes(path: Path):
    model = build(small(path))
    names = {name.removeprefix("nodes.") for name, _ in model.named_parameters()}
    assert names == {f"{node.name}.{weight}" for (node, weight), one in model.graph.weights.items() if one.trained}
    assert sum(p.numel() for p in model.parameters()) == model.graph.parameters


@every_spec
def test_a_state_goes_round(path: Path):
    model, other = shared(path), randomised(small(path), seed=2)
    x, given = random_data(model, 2), random_conditions(model, 0, 2)
    before = other.sample(2, seed=0, method="once", **given)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x, **given), model(x, **given))
    after = [one.sample(2, seed=0, method="once", **given) for one in (other, model)]
    assert torch.equal(*after), "folded weights are old"
    assert before.shape == x.shape


@every_spec
def test_a_model_prints_as_its_program(path: Path):
    model = build(small(path))
    lines = str(model).splitlines()
    assert lines[0] == f"{model.spec.name}: {model.graph.parameters:,} parameters"
    inner = [line for line in lines if line.startswith("  ")]  # of graphs inside nodes
    lines = [line for line in lines if line not in inner]
    assert len(inner) == sum(len(node.layer.inner(node)) for node in model.graph.nodes)
    assert len(lines) == 2 + len(model.graph.sources) + len(model.graph.nodes)
    for node, line in zip(model.graph.nodes, lines[1 + len(model.graph.sources) : -1], strict=True):
        assert line.startswith(f"{node.name} = {node.layer.layer}(")


# -- helpers ---------------------------------------------------------------------------------------------------------


def in_scan(name: str, scan: str) -> Spec:
    """The small spec of that name, in another order."""
    spec = small(next(path for path in SPECS if path.stem == name))
    entry = f"scan: {scan}" if scan != "explicit" else f"ranks: {np.roll(np.arange(spec.data.variables), 3).tolist()}"
    line = f"order: {{{entry}, channels: {'joint' if spec.groups < spec.data.channels else 'sequential'}}}"
    text, found = re.subn(r"^order:.*$", line, spec.source.text, flags=re.M)
    data = spec.data.model_dump(exclude={"kind", "channels", *spec.data_params})
    return spec.variant(data=data, text=text if found else f"{text}{line}\n")
