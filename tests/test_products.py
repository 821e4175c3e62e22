"""All sites at once, quickly: cut windows, gathered products, groups in sequence, fused attention, checkpointing and
compilation compute what the plain masked computation computes, forward and backward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import arspec
from arspec.data import load
from arspec.diagnostics import InputError
from arspec.language.load import from_text
from arspec.layers import products
from arspec.layers.attention import Attention
from arspec.layers.base import Constants, Layer, Node, Weights
from arspec.layers.dense import between
from arspec.layers.helpers import repeated, sites_last
from arspec.layers.pieces import cut
from arspec.layers.root_mean_square import by_root_mean_square
from arspec.model import Model, build
from arspec.network.in_place import in_place
from arspec.network.segments import segments
from arspec.reads import Whole
from arspec.training import Options, evaluate, train
from arspec.training.compiled import compile_in_place
from arspec.training.parallel import NegativeLogProb
from arspec.verification.subject import random_conditions
from tests.small import ROOT, SHIPPED, every_spec, quick_tracing, random_data, randomised, small

SCANS = ["raster", "columns", "serpentine", "zigzag", "diagonal", "spiral", "hilbert", "random", "subscale",
         "{scan: serpentine, transpose: true, flip: [rows]}", "{scan: zigzag, flip: [columns]}"]  # fmt: skip


LARGE = products.LARGE


@pytest.fixture(autouse=True)
def every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups in sequence are multiplied one by one where a weight is large: here it always is."""
    monkeypatch.setattr(products, "LARGE", 1)


def spec(scan: str, conv: str, channels: int = 3, size: int = 8) -> str:
    order = scan[1:-1] if scan.startswith("{") else f"scan: {scan}"
    order += {"random": ", seed: 3"}.get(scan, "")
    return f"""
arspec: 1
name: tested
data: {{kind: image, height: {size}, width: {size}, channels: {channels}, levels: 3}}
order: {{{order}}}
graph:
  scaled: {{layer: scale}}
  first: {{layer: conv, kernel: 5, out: 6, mask: earlier}}
  tested: {{layer: conv, out: 6, {conv}}}
  logits: {{layer: conv, kernel: 1, out: $head, mask: so_far, groups: {channels}}}
head: {{kind: categorical, from: logits}}
"""


def masked(node: Node, model: Model, x: Tensor, weights: Weights) -> Tensor:
    """A window as the statement of its reads has it: every tap gathered, hidden by the mask, multiplied."""
    read: Any = node.layer.reads(node, model.graph.members[0])[0]
    mask = torch.from_numpy(np.broadcast_to(
        read.mask() if not read.same_everywhere else read.mask()[..., None],
        (node.out.groups, node.ins[0].groups, len(read.taps), node.out.positions),
    ).copy())  # fmt: skip
    weight = weights["weight"]
    if "gain" in weights:
        shown = weight
        if read.same_everywhere:
            shown = weight * torch.from_numpy(repeated(read.mask(), node.out.channels, node.ins[0].channels)).view(
                weight.shape
            )
        norm = shown.flatten(1).norm(dim=1)
        weight = shown * (weights["gain"] / (norm + (norm == 0))).view(-1, 1, 1, 1)
    padded = F.pad(x.flatten(2), (0, 1))
    y = x.new_zeros(())
    for tap, one in enumerate(read.taps):
        seen = padded[:, :, torch.from_numpy(np.where(one.source < 0, node.ins[0].positions, one.source))]
        hidden = mask[:, :, tap].repeat_interleave(node.out.channels, 0).repeat_interleave(node.ins[0].channels, 1)
        y = y + torch.einsum("bip,oi,oip->bop", seen, weight.flatten(2)[:, :, tap], hidden.to(x.dtype))
    y = y + weights["bias"][:, None] if "bias" in weights else y
    return y.view(len(x), node.out.width, *node.out.grid)


def gradients(y: Tensor, wanted: list[Tensor]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    seed = torch.randn(y.shape, generator=generator, dtype=y.dtype)
    return [y, *torch.autograd.grad(y, wanted, seed, materialize_grads=True)]


def constants_of(node: Node, model: Model) -> Constants:
    found = node.layer.constants(node, model.graph.members[0])
    return {key: torch.from_numpy(x) if isinstance(x, np.ndarray) else x for key, x in found.items()}


def agree(model: Model, name: str = "tested") -> None:
    node = next(n for n in model.graph.nodes if n.name == name)
    generator = torch.Generator().manual_seed(0)
    shape = (3, node.ins[0].width, *node.ins[0].grid)
    x = torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
    weights = model.nodes.of(node)
    constants = constants_of(node, model)
    y = node.layer.forward(node, node.layer.prepare(node, weights, constants), constants, [x], True)
    over = [x, *weights.values()]
    for got, wanted in zip(gradients(y, over), gradients(masked(node, model, x, weights), over), strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-10)
    with torch.no_grad():  # and in the other layout of the memory
        other = x.contiguous(memory_format=torch.channels_last)
        again = node.layer.forward(node, node.layer.prepare(node, weights, constants), constants, [other], False)
    torch.testing.assert_close(again, y.detach(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("channels", [1, 3])
def test_cut_windows_are_masked_windows(scan: str, channels: int) -> None:
    for conv in ("kernel: 3, mask: so_far", "kernel: 5, mask: earlier", "kernel: 3, dilation: 2, mask: so_far",
                 "kernel: [2, 3], weight_norm: true, mask: so_far, padding: {top: 1, left: 1, right: 1}"):  # fmt: skip
        model = randomised(from_text(spec(scan, conv, channels)))
        agree(model)
        agree(model, "first")
        agree(model, "logits")


@pytest.mark.parametrize(
    "conv",
    [
        "kernel: 3, stride: 2, mask: so_far, padding: {top: 1, left: 1}",
        "kernel: 3, stride: 2, transposed: true, mask: so_far, crop: 1",
        "kernel: 3, transposed: true, mask: rows_above, crop: 1",
        "kernel: 3, mask: 'before and that.column < 3 or A'",
        "kernel: 5, mask: 'this.row > 2 and that.row < this.row'",
        "kernel: 3, mask: 'B and this.group != 1'",
        "kernel: 1, mask: 'that.group == this.group or that.group == 0 and this.group == 2'",
        "kernel: 3, groups: 1, mask: before",
        "kernel: 1, mask: 'that.row > 99'",
        "kernel: 3, mask: earlier, bias: false",
    ],
)
@pytest.mark.parametrize("scan", ["raster", "serpentine", "hilbert"])
def test_other_windows_too(scan: str, conv: str) -> None:
    text = spec(scan, conv)
    if "stride: 2" in conv:  # on half the grid, or from it
        half = "{layer: conv, from: first, kernel: 2, stride: 2, out: 6, mask: before, padding: valid}"
        text = text.replace("  logits: {", f"  half: {half}\n  logits: {{from: first, ")
        if "transposed" in conv:
            text = text.replace("  tested: {", "  tested: {from: half, ")
            lines = text.splitlines()
            at = next(k for k, line in enumerate(lines) if line.startswith("  tested"))
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
            text = "\n".join(lines)
    agree(randomised(from_text(text)))


def test_what_everyone_hides_is_cut_off() -> None:
    """PixelCNN's mask leaves two rows of three; zigzag adds two products of one place, and serpentine a third."""
    boxes = {"raster": ((0, 2), (0, 3)), "serpentine": ((0, 1), (0, 3)), "zigzag": ((0, 2), (0, 2))}
    for scan, box in boxes.items():
        model = build(from_text(spec(scan, "kernel: 3, mask: so_far", size=32, channels=1)))
        node = next(n for n in model.graph.nodes if n.name == "tested")
        pieces = cut(node.layer.reads(node, model.graph.members[0])[0], (3, 3), 128, 128)
        assert pieces.shared is not None and pieces.shared.box == box
        assert [b.table.shape[1] for b in pieces.rest] == [1] * {"raster": 0, "serpentine": 3, "zigzag": 2}[scan]
        turning = [len(b.positions) for b in pieces.rest if len(b.positions) < 32 * 32]
        assert sum(turning) <= 32 * 32, "no position reads both"


def test_large_groups_are_multiplied_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    size = {"height": 3, "width": 3, "features": 24, "head_features": 375, "blocks": 1, "kernel": 3}
    model = arspec.compile(arspec.load(ROOT / "specs/pixelcnn.yaml", params=size)).double().eval()
    x = torch.randint(256, (2, 3, 3, 3), generator=torch.Generator().manual_seed(0))
    taken: list[torch.Size] = []
    product = products.in_sequence
    monkeypatch.setattr(
        products, "in_sequence", lambda x, weight, *more: taken.append(weight.shape) or product(x, weight, *more)
    )
    monkeypatch.setattr(products, "LARGE", LARGE)
    whole = model(x)
    assert taken == [(375, 375, 1, 1), (768, 375, 1, 1)]
    monkeypatch.setattr(products, "pays", lambda *_: False)
    torch.testing.assert_close(model(x), whole, rtol=0, atol=1e-10)


def test_gathered_products_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little is gathered at a time, the results are the same."""
    model = randomised(from_text(spec("hilbert", "kernel: 3, mask: so_far")))
    monkeypatch.setattr(products, "MAX_GATHERED", 1)
    agree(model)


@pytest.mark.parametrize("strict", ["earlier", "so_far"])
@pytest.mark.parametrize(
    "scan", ["raster", "hilbert", "{scan: raster, channels: joint}", "{scan: spiral, channels: joint}"]
)
def test_attention_is_a_softmax_over_what_is_seen(scan: str, strict: str) -> None:
    text = spec(scan, "kernel: 1, mask: so_far", size=4).replace("  logits:", f"""\
  q: {{layer: conv, from: tested, kernel: 1, out: 12, mask: so_far}}
  k: {{layer: conv, from: tested, kernel: 1, out: 12, mask: so_far}}
  seen: {{layer: attention, from: q, keys: k, values: tested, heads: 2, mask: {strict}}}
  logits:""")  # fmt: skip
    if "joint" in scan:
        text = text.replace("heads: 2", "heads: 3").replace(", groups: 3", "")
    model = randomised(from_text(text))
    node = next(n for n in model.graph.nodes if n.name == "seen")
    generator = torch.Generator().manual_seed(0)
    q, k, v = (
        torch.randn(2, t.width, *t.grid, generator=generator, dtype=torch.float64).requires_grad_() for t in node.ins
    )
    relation = between(node.out, node.ins[1], node.mask, model.graph.members[0])
    assert not isinstance(relation, Whole)
    assert isinstance(node.layer, Attention)
    mask, heads = torch.from_numpy(relation.matrix()), node.layer.heads
    a, b, c = (sites_last(x, node.out.groups).unflatten(2, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = (a @ b.transpose(2, 3) / a.shape[-1] ** 0.5).masked_fill(~mask, -1e30).softmax(-1) * mask
    wanted = (scores @ c).transpose(1, 2).flatten(2)
    constants = model.constants.of(node, 0)
    got = sites_last(node.layer.forward(node, {}, constants, [q, k, v], True), node.out.groups)
    assert ("strict" in constants) and "mask" not in constants, "no matrix is kept for a sequence"
    for one, other in zip(gradients(got, [q, k, v]), gradients(wanted, [q, k, v]), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


# ------------------------------------------------------------------ how the module runs


TRAINED = """\
arspec: 1
name: trained
data: {kind: image, height: 8, width: 8, channels: 1, levels: 17}
order: [{scan: raster}, {scan: serpentine}]
blocks:
  layer:
    inputs: [h]
    nodes:
      conv: {layer: conv, from: h, kernel: 3, out: 8, mask: so_far, weight_norm: true}
      bent: {layer: relu}
      dropped: {layer: dropout, rate: 0.2}
      out: {layer: add, from: [dropped, h]}
    outputs: {h: out}
graph:
  hot: {layer: one_hot, from: x}
  first: {layer: conv, kernel: 3, out: 8, mask: earlier}
  body: {block: layer, repeat: 2}
  same: {layer: conv, kernel: 3, out: 8, mask: so_far}
  again: {layer: conv, kernel: 3, out: 8, mask: so_far, weights: same}
  logits: {layer: conv, kernel: 1, out: $head, mask: so_far}
head: {kind: categorical, from: logits}
"""
OPTIONS = Options(steps=6, batch=8, lr=1e-2, log_every=1, eval_every=3, save_every=0, samples=0, ema=0.0)


def trained(folder: Path, **options: Any) -> tuple[Model, list[Tensor]]:
    resumed = options.pop("stop_after", None)
    again = options.pop("resume", False)
    model: Any = arspec.compile(from_text(TRAINED))
    training, valid = (load("digits", model.spec.data, {}, split).first(64) for split in ("train", "valid"))
    chosen = Options(**{**vars(OPTIONS), **options})
    train(model, training, valid, folder, chosen, device="cpu", tensorboard=False, stop_after=resumed, resume=again)
    return model, [p.detach().clone() for p in model.parameters()]


def test_masks_are_folded_once_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each node in each step, with the passes that checkpointing repeats;
    once for each evaluation and member."""
    calls: list[tuple[str, bool]] = []
    kinds = {type(node.layer) for node in from_text(TRAINED).graph().nodes if node.layer.layer == "conv"}

    def counted(prepare: Any) -> Any:
        def of(self: Layer, node: Node, w: Weights, c: Constants, *sites: Any) -> Weights:
            calls.append((node.name, torch.is_grad_enabled()))
            return prepare(self, node, w, c, *sites)

        return of

    for kind in kinds:
        monkeypatch.setattr(kind, "prepare", counted(kind.prepare))
        monkeypatch.setattr(kind, "prepare_sites", counted(kind.prepare_sites))  # as a head takes the last product
    for checkpoint in (False, True):
        calls.clear()
        trained(tmp_path / str(checkpoint), checkpoint=checkpoint)
        convolutions = [n.name for n in from_text(TRAINED).graph().nodes if n.layer.layer == "conv"]
        for name in convolutions:
            assert calls.count((name, True)) == OPTIONS.steps
            assert calls.count((name, False)) == 2 * 2, "two evaluations of two members, of eight batches each"


def test_held_weights_follow_the_optimiser() -> None:
    model = randomised(from_text(TRAINED))
    x = random_data(model, 2)
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    with model.held():
        with torch.no_grad():
            before, same = model(x), model(x)
        model.log_prob(x).mean().backward()
        optimizer.step()
        with torch.no_grad():
            after = model(x)
            with model.held():
                inner = model(x)
    assert torch.equal(before, same) and torch.equal(after, inner) and not torch.allclose(before, after)
    with torch.no_grad():
        assert torch.equal(after, model(x))


@every_spec
def test_checkpointing_changes_no_gradient(path: Path) -> None:
    model = randomised(small(path)).train()
    x, given = random_data(model, 2), random_conditions(model, 0, 2)
    found: list[list[Tensor | None]] = []
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for model.checkpointing in (False, True):
        model.load_state_dict(state)
        model.zero_grad()
        torch.manual_seed(0)
        loss = -model.log_prob(x, **given).mean()
        loss.backward()
        found.append([loss.detach(), *(p.grad for p in model.parameters()), *model.buffers()])
    for one, other in zip(*found, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@every_spec
def test_nothing_is_overwritten_that_somebody_else_has(path: Path) -> None:
    model = randomised(small(path))
    x, given = random_data(model, 2), random_conditions(model, 0, 2)
    kept: dict[Node, Tensor] = {}

    def keep(node: Node, value: Tensor) -> Tensor:
        kept[node] = value
        return value

    with torch.no_grad():
        last = model.last(x, 0, given, keep)
        before = {node: value.clone() for node, value in kept.items()}
        torch.testing.assert_close(model.last(x, 0, given), last, rtol=0, atol=1e-12)  # in place
        over = in_place(model.graph)
        known = {node: value for node, value in kept.items() if node not in over and node is not model.graph.head_node}
        torch.testing.assert_close(model.run(known, 0), last, rtol=0, atol=1e-12)
    for node, value in kept.items():
        assert torch.equal(value, before[node]), node.name


def test_blocks_are_checkpointed_one_by_one() -> None:
    graph = from_text(TRAINED).graph()
    found = segments(graph)
    assert [n for s in found for n in s.nodes] == graph.live
    assert [[n.name for n in s.nodes] for s in found if s.repeatable] == [
        [f"body.{k}.{name}" for name in ("conv", "bent", "dropped", "out")] for k in range(2)
    ]
    assert all([n.name for n in s.outputs] == [s.nodes[-1].name] for s in found)


def test_a_checkpointed_run_is_resumed_exactly(tmp_path: Path) -> None:
    _, plain = trained(tmp_path / "plain")
    _, whole = trained(tmp_path / "whole", checkpoint=True)
    trained(tmp_path / "parts", checkpoint=True, stop_after=2)
    _, parts = trained(tmp_path / "parts", checkpoint=True, resume=True)
    for one, other, third in zip(plain, whole, parts, strict=True):
        assert torch.equal(other, third)
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["gated_pixelcnn", "gpt", "inside_out", "made"])
def test_the_module_is_one_graph_for_the_compiler(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without breaks, and with the same results. What is compiled is not run here: compiling takes minutes."""
    quick_tracing(monkeypatch)
    model = randomised(small(next(path for path in SHIPPED if path.stem == name), 1)).eval()
    x, given = random_data(model, 2), random_conditions(model, 0, 2)
    through = NegativeLogProb(model)
    torch._dynamo.reset()
    graph = torch.compile(through, backend="aot_eager", fullgraph=True)
    compare(model, [lambda: through(x, 0, given), lambda: graph(x, 0, given)])


def test_every_member_is_compiled_by_itself() -> None:
    model = randomised(small(next(path for path in SHIPPED if path.stem == "made"), 1))
    x = random_data(model, 2)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for member in range(model.members):
        torch.testing.assert_close(compiled(x, member), model(x, member))


@pytest.mark.long
def test_a_compiled_module_computes_the_same() -> None:
    model = randomised(from_text(TRAINED)).eval()
    x, plain, compiled = random_data(model, 2), NegativeLogProb(model), NegativeLogProb(model)
    compile_in_place(compiled, model.members, torch.device("cpu"))
    compare(model, [lambda: plain(x, 0, {}), lambda: compiled(x, 0, {})])


def compare(model: Model, ways: list[Any]) -> None:
    """Losses and gradients, to 1e-5."""
    found: list[list[Tensor]] = []
    for way in ways:
        model.zero_grad()
        loss = way()
        loss.mean().backward()
        found.append([loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_a_machine_without_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(InputError, match="C\\+\\+ compiler") as caught:
        compile_in_place(torch.nn.Identity(), 1, torch.device("cpu"))
    assert caught.value.code == "AR815"


def test_evaluation_holds_the_weights() -> None:
    model = arspec.compile(from_text(TRAINED))
    examples = load("digits", model.spec.data, {}, "valid").first(20)
    assert evaluate(model, examples, 4).nats == pytest.approx(evaluate(model, examples, 20).nats, rel=1e-6)


@pytest.mark.parametrize("gained", [True, False])
def test_the_root_mean_square_has_the_gradients_of_its_parts(gained: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    x, gain = (torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in ((3, 4, 5), (5,)))
    given = [each.requires_grad_() for each in ((x, gain) if gained else (x,))]

    def normal(x: Tensor, gain: Tensor | None = None) -> Tensor:
        return by_root_mean_square(x, gain, 1e-3)

    y = normal(*given)
    assert type(y.grad_fn).__name__ == "_ByRootMeanSquareBackward"
    with torch.no_grad():
        assert torch.equal(y, normal(*given)), "in training and in evaluation alike"
    torch.autograd.gradcheck(normal, given)
    torch.autograd.gradgradcheck(normal, given)
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        normal(*given)
    assert sum(tensor.numel() for tensor in kept) <= x.numel() + gain.numel() + x[..., 0].numel()
