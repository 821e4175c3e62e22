"""Hand-written modules under audit: every planted fault is found with a witness,
and clean modules are left in peace."""

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from arspec.auditing import AuditReport, audit, load_callable, values
from arspec.auditing.layout import lay_out
from arspec.auditing.patterns import parse, parse_sizes
from arspec.auditing.picture import draw
from arspec.auditing.verdicts import Verdict
from arspec.cli.audit import add_arguments, run
from arspec.diagnostics import InputError
from arspec.shadow.algebra import broadcast
from tests.audit_modules import images, planted, sequences

MODULES = Path(__file__).parent / "audit_modules"


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def of_sequence(module: nn.Module, **options) -> AuditReport:
    return audit(module, "b t", "b t k", {"t": 8}, **{"levels": 16, **options})


def of_image(module: nn.Module, size: int = 8, output: str = "b k h w", depth: int = 1, **options) -> AuditReport:
    sizes = {"c": depth, "h": size, "w": size}
    return audit(module, "b c h w", output, sizes, **{"levels": 16, "draws": 2, **options})


def of_tokens(module: nn.Module, length: int = 6, levels: int = 5, **options) -> AuditReport:
    return audit(module, "b t", "b t k", {"t": length}, levels=levels, **options)


def assert_witnessed(report: AuditReport) -> None:
    """A leak is told with an output, inputs that it may not read, and values that differ."""
    assert report.verdict == Verdict.LEAKS
    assert report.leaks > 0
    assert report.witnesses
    for _, violation in report.witnesses:
        assert all(report.rank[u] >= report.rank[violation.output] for u in violation.inputs)
        assert violation.moved[0] != violation.moved[1]
        assert violation.before != violation.after or violation.how == "gradient"
    assert "LEAKS" in str(report)
    assert "moves with" in str(report)


NEXT = np.eye(8, k=1, dtype=bool)
LATER = np.triu(np.ones((8, 8), dtype=bool))

PLANTED: dict[str, tuple[Callable[[], nn.Module], np.ndarray | None]] = {
    "detach": (planted.ThroughDetach, NEXT),
    "argmax to embedding": (planted.ThroughArgmax, NEXT),
    "sign": (planted.ThroughSign, NEXT),
    "relu(f - 6), at the end of the range": (lambda: planted.BehindThreshold(6.2), NEXT),
    "relu(f - 6), beyond the range": (lambda: planted.BehindThreshold(1.0), NEXT),
    "x[t+1] - x[t+2]": (planted.CancellingSigns, NEXT | np.eye(8, k=2, dtype=bool)),
    "norm over time": (planted.NormOverTime, None),
    "batch norm in training": (planted.BatchNorm, None),
    "two values together": (planted.Conjunction, None),
    "output that starts at zero": (planted.ZeroOutput, NEXT),
}


@cache
def report_of(name: str) -> AuditReport:
    """Of a planted leak, made once."""
    return of_sequence(PLANTED[name][0]())


@pytest.mark.parametrize("name", PLANTED)
def test_planted_leaks_are_found_with_a_witness(name: str):
    report, pairs = report_of(name), PLANTED[name][1]
    assert_witnessed(report)
    if pairs is not None:
        np.testing.assert_array_equal(report.leaked, pairs)


def test_what_shows_a_leak_is_told():
    beyond = report_of("relu(f - 6), beyond the range")
    assert all(violation.outside for _, violation in beyond.witnesses)
    assert "outside the alphabet" in str(beyond)
    zero = report_of("output that starts at zero")
    assert all(violation.draw > 0 for _, violation in zero.witnesses)
    assert "redrawn weights" in str(zero)
    batch = report_of("batch norm in training")
    assert {mode for mode, _ in batch.witnesses} == {"training"}
    assert "in training only" in str(batch)
    assert [mode["mode"] for mode in batch.json()["modes"] if mode["leaks"]] == ["training"]


def test_pixelsnail_whose_first_row_is_even_over_the_image():
    report = of_image(images.Snail())
    assert_witnessed(report)
    assert np.triu(report.leaked, 1).sum() == 2016
    clean = of_image(images.Snail(zeroed=True))
    assert (clean.ok, clean.coverage) == (True, 1.0)


@pytest.mark.parametrize("fault", ["same_padding", "zeros_below"])
def test_diagonal_lstm_leaks_by_either_cause(fault: str):
    assert_witnessed(of_image(images.DiagonalLSTM(fault), size=6))


def test_diagonal_lstm_holds_with_its_blind_spot():
    """All but the last pixel of the row above, for the columns before width - 2 (a strict 3x3 window first)."""
    report = of_image(images.DiagonalLSTM(), size=6)
    assert report.ok
    missing = [(v, u) for v, u in np.argwhere(report.legal & ~report.seen)]
    assert missing == [(6 * row + column, 6 * row - 1) for row in range(1, 6) for column in range(4)]


def test_two_stacks_and_the_wrong_one():
    assert of_image(images.TwoStacks()).coverage == 1.0
    report = of_image(images.TwoStacks(wrong_stack=True))
    assert report.ok
    lost = report.legal & ~report.seen
    assert all(v // 8 == u // 8 for v, u in np.argwhere(lost)), "what is lost is in the pixel's own row"
    assert "never sees" in str(report)


def test_gated_pixelcnn_and_its_blind_spots():
    assert of_image(images.GatedPixelCNN(8)).coverage == 1.0
    reports = {
        fault: of_image(images.GatedPixelCNN(8, fault), deeper=images.GatedPixelCNN(12, fault))
        for fault in ("own_row_masked", "first_layer_only")
    }
    for report in reports.values():
        assert report.ok, "a blind spot holds"
        assert report.blind_spots == report.unseen > 0
    # A triangle above: to the right of the pixel, one column less is seen than rows are climbed.
    triangle = reports["own_row_masked"]
    v, u = np.argwhere(triangle.legal & ~triangle.seen).T
    assert (u % 8 - v % 8 > v // 8 - u // 8).all()


def test_out_of_reach_is_told_from_blind():
    report = of_image(images.GatedPixelCNN(2), size=6, deeper=images.GatedPixelCNN(6))
    assert report.out_of_reach == report.unseen > 0
    assert report.blind_spots == 0
    shallow = of_image(images.GatedPixelCNN(2), size=6)
    assert shallow.blind_spots is None
    assert "blind or out of reach" in str(shallow)


def test_the_strict_mask_twice_loses_channels_of_the_same_pixel():
    right = of_image(images.PixelCNN(layers=3), 4, "b (c k) h w", 3)
    twice = of_image(images.PixelCNN(layers=3, second="A"), 4, "b (c k) h w", 3)
    assert right.ok
    assert twice.ok
    red, green, blue = np.arange(48).reshape(3, 16)
    assert right.seen[green, red].all()
    assert right.seen[blue, green].all()
    assert not twice.seen[green, red].any()
    assert not twice.seen[blue, green].any()
    assert twice.seen[blue, red].all()


def test_attention_that_misses_the_last_pixel_of_the_row_before():
    report = of_image(images.StemThenAttention())
    assert report.ok
    assert report.unseen == 42
    assert {(v // 8 - u // 8, u % 8) for v, u in np.argwhere(report.legal & ~report.seen)} == {(1, 7)}


def test_a_single_stream_misses_context():
    """Three 3x3 windows: up to three rows up, and of the row above only what lies up to three columns to the right."""
    report = of_image(images.PixelCNN(1, layers=2), 6)
    assert report.ok
    assert 0.5 < report.coverage < 1
    v, u = np.argwhere(report.legal & report.seen).T
    rows, columns = v // 6 - u // 6, u % 6 - v % 6
    np.testing.assert_array_equal(report.seen, report.legal & _windows(6, 3))
    assert (rows.max(), columns.max()) == (3, 3)


def _windows(size: int, layers: int) -> np.ndarray:
    """What a strict 3x3 window and inclusive ones after it read, by composing them."""
    i, j = np.divmod(np.arange(size * size), size)
    down, right = i[:, None] - i[None], j[None] - j[:, None]
    above = (down == 1) & (abs(right) <= 1)
    strict = above | ((down == 0) & (right == -1))
    read = strict.astype(int)
    for _ in range(layers - 1):
        read = (strict | np.eye(size * size, dtype=bool)).astype(int) @ read
    return read > 0


CLEAN: dict[str, Callable[[], AuditReport]] = {
    "GRU behind a start token": lambda: of_tokens(sequences.ShiftedGRU()),
    "one-hot, time first, dict": lambda: audit(
        sequences.OneHotGRU(), "t b", "t b k", {"t": 6}, levels=5, take="logits"
    ),
    "transformer, offset 1": lambda: of_tokens(sequences.Transformer(), levels=6, take=0, offset=1),
    "masked linear map": lambda: audit(sequences.Bits(), "b c h w", "b c h w", {"c": 1, "h": 3, "w": 3}, levels=2),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_modules_hold_and_see_everything(name: str):
    report = CLEAN[name]()
    assert report.ok
    assert report.witnesses == []
    assert report.coverage == 1.0


def test_dropout_is_tested_in_both_modes_and_holds():
    report = of_tokens(sequences.Transformer(), levels=6, take=0, offset=1)
    assert [mode.mode for mode in report.modes] == ["evaluation", "training", "batch", "lengths"]
    assert report.ok


def test_an_offset_too_few_leaks():
    report = of_tokens(sequences.Transformer(), levels=6, take=0)
    assert_witnessed(report)
    np.testing.assert_array_equal(report.leaked, np.eye(6, dtype=bool))
    assert_witnessed(of_tokens(sequences.Transformer(leak=True), levels=6, take=0, offset=1))


def test_joint_channels_make_a_pixel_one_variable():
    report = of_image(images.Vertical(), 4, depth=3)
    assert (report.ok, report.variables) == (True, 16)
    sequential = of_image(images.PixelCNN(), 4, "b (c k) h w", 3)
    joint = of_image(images.PixelCNN(), 4, "b (c k) h w", 3, channels="joint")
    assert (sequential.ok, sequential.variables) == (True, 48)
    assert joint.variables == 16
    assert np.array_equal(joint.leaked, np.eye(16, dtype=bool)), "channels read those before them in the same pixel"


def test_further_arguments_are_handed_on():
    class Conditional(planted.Causal):
        def forward(self, x, label, scale, mode):
            assert label.shape == x.shape[:1]
            assert scale.shape == (len(x), 2)
            assert mode == "plain"
            return super().forward(x) + label[:, None, None] * scale.sum(1)[:, None, None]

    report = of_sequence(Conditional(), condition={"label": 3, "scale": [0.5, 1.5], "mode": "plain"})
    assert report.ok


def test_examples_that_read_one_another_in_evaluation_do_not_hold():
    class Mixing(planted.Causal):
        def forward(self, x):
            out = super().forward(x)
            return out - out.mean(0)

    report = of_sequence(Mixing())
    assert report.leaks == 0
    assert [mode.mode for mode in report.modes if mode.verdict == Verdict.LEAKS] == ["batch"]
    assert "LEAKS, in batch only" in str(report)


def test_other_orders():
    wrong = of_image(images.PixelCNN(1), 5, order="columns")
    assert_witnessed(wrong)
    turned = of_image(images.PixelCNN(1), 5, flip=("rows",))
    assert_witnessed(turned)
    ranks = list(range(25))
    assert of_image(images.PixelCNN(1), 5, order=ranks).ok


def test_the_module_is_given_back_as_it_was():
    module = planted.BatchNorm().train()
    module.first.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    of_sequence(module)
    assert module.training
    assert not module.first.training
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)
    assert torch.get_default_dtype() == torch.float32


def test_a_module_of_fixed_precision_is_audited_in_its_own():
    class Fixed(planted.ThroughSign):
        def forward(self, x):
            return super().forward(x.float())

    report = of_sequence(Fixed())
    assert report.claims.precision == "float32"
    assert_witnessed(report)


def test_findings_are_the_same_at_every_run():
    first, second = report_of("two values together").json(), of_sequence(planted.Conjunction()).json()
    first.pop("seconds")
    second.pop("seconds")
    assert first == second


@pytest.mark.parametrize("fault", ["temperature", "stale", "shared", "range"])
def test_a_sampler_that_draws_something_else_is_told(fault: str):
    report = of_tokens(sequences.Sampling(fault=fault), sampler="sample", draws=1)
    assert report.leaks == 0
    assert not report.ok
    assert report.sampler is not None
    assert not report.sampler.ok
    assert report.sampler.finding in str(report)


def test_a_sampler_that_draws_what_is_scored_holds():
    for seed in range(10):
        report = of_tokens(sequences.Sampling(), sampler="sample", draws=1, bases=1, seed=seed)
        assert report.ok, str(report)


@pytest.mark.parametrize("fault", [False, True])
def test_a_bernoulli_sampler(fault: bool):
    report = audit(
        sequences.Bits(fault=fault),
        "b c h w",
        "b c h w",
        {"c": 1, "h": 3, "w": 3},
        levels=2,
        sampler="sample",
        head="bernoulli",
        draws=1,
    )
    assert report.ok is not fault


# Input that is wrong


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"input": "b c h w)"}, r"character 8: this parenthesis closes nothing"),
        ({"input": "b (c h w"}, r"character 3: this parenthesis is never closed"),
        ({"input": "b c c h"}, r"'c' is named twice"),
        ({"input": "b c ... w"}, r"'\.' is neither a name"),
        ({"input": "n c h w"}, r"no batch axis"),
        ({"input": "b c d h w", "size": {"c": 1, "d": 2, "h": 4, "w": 4}}, r"3 axes beside batch and channels"),
        ({"input": "b c h 4"}, r"4 entries without a name"),
        ({"input": "b h w", "size": {"h": 4, "w": 4}}, r"takes no input of the shape"),
        ({"output": "b k h"}, r"lacks w"),
        ({"output": "b k h w z"}, r"has 4 axes, 3 x 2 x 4 x 4"),
        ({"output": "b (k 3) h w"}, r"axis 1 of the output.* 2 entries, which do not fit 3=3"),
        ({"output": "b (k m) h w"}, r"sizes of k and m"),
        ({"size": {"c": 1, "h": 4}}, r"sizes of w are missing"),
        ({"size": {"c": 1, "h": 4, "w": 4, "hh": 2}}, r"no axis is named 'hh'"),
        ({"size": {"c": 1, "h": 0, "w": 4}}, r"positive integer"),
        ({"size": {"c": 2, "h": 4, "w": 4}}, r"takes no input of the shape 3 x 2 x 4 x 4"),
        ({"levels": 1}, r"at least 2 levels"),
        ({"range": (1.0, -1.0)}, r"the range must rise"),
        ({"offset": 16}, r"an offset lies in"),
        ({"order": "rastre"}, r"no order 'rastre'"),
        ({"channels": "sequential"}, r"speaks for whole pixels"),
        ({"take": 0}, r"a tensor already"),
        ({"take": "logits"}, r"a tensor already"),
        ({"sampler": "sample"}, r"no method 'sample'"),
        ({"draws": 0}, r"at least one draw"),
        ({"input_kind": "int"}, r"takes no input"),
    ],
)
def test_wrong_input_is_told(options: dict, text: str):
    sizes = {"c": 1, "h": 4, "w": 4}
    given = {"input": "b c h w", "output": "b k h w", "size": sizes, "levels": 4, **options}
    with pytest.raises(InputError, match=text):
        audit(images.PixelCNN(1) if "channels" not in options else images.Vertical(), **given)


def test_modules_that_cannot_be_tested_are_told():
    class Lost(nn.Module):
        def forward(self, x):
            return (x[..., None] / 0).cumsum(1) * 0

    class Paired(planted.Causal):
        def forward(self, x):
            return super().forward(x), super().forward(x)

    with pytest.raises(InputError, match="different outputs for the same input"):
        of_sequence(planted.Unsteady())
    with pytest.raises(InputError, match=r"output for t 0 is not a number"):
        of_sequence(Lost())
    with pytest.raises(InputError, match="a tuple of 2, not a tensor"):
        of_sequence(Paired())
    assert of_sequence(Paired(), take=0).ok
    with pytest.raises(InputError, match="a tuple of 2, has no 'logits' to take"):
        of_sequence(Paired(), take="logits")


def test_the_one_entry_that_fits_the_pattern_is_taken():
    @dataclass
    class Output:
        state: torch.Tensor
        scores: torch.Tensor

    class Wrapped(planted.Causal):
        def __init__(self, wrap: Callable[..., Any]) -> None:
            super().__init__()
            self.wrap = wrap

        def forward(self, x):
            return self.wrap(super().forward(x), x)

    wraps: tuple[Callable[..., Any], ...] = (
        lambda out, x: (x, out),
        lambda out, x: {"state": x, "scores": out},
        lambda out, x: Output(x, out),
        lambda out, x: {"hidden": out, "logits": out},
    )
    for wrap in wraps:
        assert of_sequence(Wrapped(wrap), modes=["evaluation"]).ok


def test_patterns():
    assert parse("(b t) 1 k2").axes == (("b", "t"), (1,), ("k2",))
    assert parse_sizes("c=3, h=8") == {"c": 3, "h": 8}
    for wrong in ("c", "c=", "c=-1", "3=c", "c=1.5", "c=1,c=2"):
        with pytest.raises(InputError):
            parse_sizes(wrong)


def test_layouts_rearrange_data_and_back():
    layout = lay_out("(w h) b c", "c b (h k) w", {"c": 2, "h": 3, "w": 4})
    x = torch.arange(5 * 24).reshape(5, 2, 3, 4)
    given = layout.to_module(x)
    assert given.shape == (12, 5, 2)
    assert given[1 * 3 + 2, 4, 1] == x[4, 1, 2, 1]
    assert torch.equal(layout.from_module(given), x)
    out = torch.arange(2 * 5 * 6 * 4).reshape(2, 5, 6, 4)
    parameters = layout.parameters(out, 5)
    assert parameters.shape == (5, 24, 2)
    assert torch.equal(parameters[3, 1 * 12 + 2 * 4 + 1], out[1, 3, 4:6, 1])
    assert layout.name(1 * 12 + 2 * 4 + 1) == "row 2, column 1, channel 1"


# Loading and the command line


def test_loading():
    file = MODULES / "images.py"
    module: Any = load_callable(f"{file}:GatedPixelCNN", {"layers": 3})
    assert len(module.link) == 3
    assert isinstance(load_callable("tests.audit_modules.images:Snail"), images.Snail)


@pytest.mark.parametrize(
    ("target", "kwargs", "text"),
    [
        ("model.py", {}, "not of the form"),
        ("nowhere/model.py:build", {}, "there is no file"),
        ("no_such_package.models:build", {}, "cannot be imported"),
        ("a-b:build", {}, "no name of a Python module"),
        ("tests.audit_modules.images:Snial", {}, "did you mean 'Snail'"),
        ("tests.audit_modules.images:WIDTH", {}, "cannot be called"),
        ("tests.audit_modules.planted:later", {}, "with no arguments fails: TypeError"),
        ("tests.audit_modules.images:Snail", {"heads": 2}, "with heads=2 fails: TypeError"),
        ("math:hypot", {}, "an object of type float"),
    ],
)
def test_callables_that_cannot_be_had_are_told(target: str, kwargs: dict, text: str):
    with pytest.raises(InputError) as fault:
        load_callable(target, kwargs)
    assert text in str(fault.value)


def test_a_file_that_does_not_run_is_told(tmp_path: Path):
    (tmp_path / "broken.py").write_text("x = 1\nraise ValueError('not today')\n")
    with pytest.raises(InputError, match=r"ValueError: not today \(broken.py:2\)"):
        load_callable(f"{tmp_path / 'broken.py'}:build")
    (tmp_path / "gone.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(InputError, match="SystemExit"):
        load_callable(f"{tmp_path / 'gone.py'}:build")
    (tmp_path / "beside.py").write_text("import neighbour_of_audit\nbuild = neighbour_of_audit.build\n")
    (tmp_path / "neighbour_of_audit.py").write_text("import torch\ndef build(): return torch.nn.Identity()\n")
    assert isinstance(load_callable(f"{tmp_path / 'beside.py'}:build"), nn.Identity)


def test_names_may_be_one_text_and_sizes_may_be_left_out():
    report = audit(nn.Embedding(5, 3), levels=5, offset=1, modes="evaluation, lengths", padding="left")
    assert [mode.mode for mode in report.modes] == ["evaluation", "lengths"]
    assert report.claims.size == {"t": 16}
    with pytest.raises(InputError, match="no mode 'evaluations'"):
        audit(nn.Embedding(5, 3), levels=5, modes="evaluations")


class Placed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(65, 3), nn.Embedding(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tokens(x) + self.places(torch.arange(x.shape[1]))


def test_what_a_first_call_gets_wrong_is_told():
    with pytest.raises(InputError, match=r"256 levels: an embedding has 5 rows\n.*--levels 5"):
        audit(nn.Embedding(5, 3))
    with pytest.raises(InputError, match=r"65 rows\n.*--levels 65"):
        audit(Placed())  # whichever of its embeddings is the smallest
    with pytest.raises(InputError, match=r"an embedding has 7 rows\n.*its row 8 was asked for.*--size"):
        audit(Placed(), size={"t": 9}, levels=65)
    with pytest.raises(InputError, match=r"no axis is named 'h'[^|]*--input 'b c h w' --output"):
        audit(nn.Conv2d(1, 1, 1), size={"h": 4, "w": 4})


def test_the_flags_are_listed_without_torch():
    code = "import sys; from arspec.cli.audit import add_arguments; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=MODULES.parent.parent).returncode == 0


def test_what_is_slow_to_load_is_not_loaded(tmp_path: Path):
    """torch's compiler and sympy take longer to load than a small audit takes."""
    (tmp_path / "mine.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Leaks(nn.Module):\n    def forward(self, x):\n"
        "        y = torch.where(torch.ones(8, 8).tril(1).bool(), x[:, None, :], 0.0).softmax(-1)\n"
        "        return (y @ x[..., None]).squeeze(-1)\n"
    )
    code = (
        "import sys, arspec, mine; report = arspec.audit(mine.Leaks(), 'b t', 'b t', {'t': 8}, input_kind='float'); "
        "assert report.places, report; print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(MODULES.parent.parent), str(tmp_path)])},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "shapes", [[(3, 1), (4,)], [(), (2, 0)], [(1, 5), (2, 1, 1), (5,)], [(3,), (4,)], [(0,), (3,)]]
)
def test_shapes_broadcast_as_in_torch(shapes: list[tuple[int, ...]]):
    try:
        wanted = torch.broadcast_shapes(*shapes)
    except RuntimeError:
        with pytest.raises(RuntimeError, match="do not broadcast"):
            broadcast(*shapes)
    else:
        assert broadcast(*shapes) == wanted


def command(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    audits = parser.add_subparsers().add_parser("audit")
    add_arguments(audits)
    return run(parser.parse_args(["audit", *arguments]))


IMAGE = ("--input", "b c h w", "--output", "b k h w", "--size", "c=1,h=5,w=5", "--levels", "16", "--range", "-1,1")


def test_command_line_of_a_leak(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    picture = tmp_path / "snail.png"
    assert command(f"{MODULES / 'images.py'}:Snail", *IMAGE, "--json", "--picture", str(picture)) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["leaks"] == 325
    assert {"ok", "unseen", "blind_spots", "coverage", "variables", "seconds", "witnesses"} <= set(found)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["snail.png"]


def test_the_same_command_prints_the_same_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "drawn.py").write_text("from torch import nn\ndef build(): return nn.Embedding(16, 3)\n")

    def said(seed: str) -> str:
        command(f"{tmp_path / 'drawn.py'}:build", "--size", "t=8", "--levels", "16", "--seed", seed)
        return capsys.readouterr().out.split("tested")[0]

    state = torch.get_rng_state()
    first = said("0")
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert "output  " in first
    assert said("0") == first
    assert said("1") != first


def test_command_line_of_a_blind_spot(capsys: pytest.CaptureFixture[str]):
    arguments = ("--kwargs", "{layers: 4, fault: own_row_masked}", "--deeper", "{layers: 8}", "--order", "raster")
    assert command("tests.audit_modules.images:GatedPixelCNN", *IMAGE, *arguments) == 0
    page = capsys.readouterr().out
    assert "PROVEN" in page
    assert "blind, 0 out of reach" in page


def test_command_line_of_wrong_input():
    with pytest.raises(InputError, match="--range is two numbers"):
        command("tests.audit_modules.images:Snail", *IMAGE, "--range", "1")
    with pytest.raises(InputError, match="--kwargs is a YAML mapping"):
        command("tests.audit_modules.images:Snail", *IMAGE, "--kwargs", "[1]")


def test_pictures_are_drawn_for_every_kind_of_data(tmp_path: Path):
    reports = (
        of_sequence(planted.ThroughSign(), draws=1, bases=1),
        of_image(images.PixelCNN(), 4, "b (c k) h w", 3, draws=1, bases=1),
        of_image(images.Vertical(), 4, depth=3, draws=1, bases=1),
    )
    for number, report in enumerate(reports):
        draw(report, tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").stat().st_size > 10_000
    with pytest.raises(InputError, match="cannot write"):
        draw(reports[0], tmp_path / "0.png" / "x.png")  # in a file, where a folder would be


TALKS = """
import sys
from torch import nn
print("loading")
class Talks(nn.Module):
    def forward(self, x):
        print("called")
        return x * 0
class Ends(Talks):
    def forward(self, x):
        sys.exit(0)
"""


def test_what_a_module_prints_is_no_part_of_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "talks.py").write_text(TALKS)
    shape = ("--input", "b c h w", "--output", "b c h w", "--size", "c=1,h=2,w=2", "--draws", "1", "--json")
    assert command(f"{tmp_path / 'talks.py'}:Talks", *shape) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["ok"] and said.err.startswith("loading\ncalled\n")
    with pytest.raises(InputError, match=r"(?s)AR812.*SystemExit"):
        command(f"{tmp_path / 'talks.py'}:Ends", *shape)


class Keeps(planted.Causal):
    """Keeps what it saw: in attributes, in lists, in buffers, in hooks that it registers at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(planted.WIDTH)
        self.last = None
        self.dropout = nn.Dropout(0.5)

    def features(self, x):
        self.last = x
        self.seen = len(x)
        return self.dropout(self.norm(super().features(x).transpose(1, 2)).transpose(1, 2))


def test_a_module_is_left_as_found():
    module = Keeps().train()
    module.first.eval()
    module.out.bias.requires_grad_(False)
    called: list[int] = []
    hook = module.second.register_forward_hook(lambda *_: called.append(1))
    module(torch.rand(2, 8)).sum().backward()
    gradients = {name: None if w.grad is None else w.grad.clone() for name, w in module.named_parameters()}
    wanted = {name: weight.requires_grad for name, weight in module.named_parameters()}
    state = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    last, hooks = module.last, dict(module.second._forward_hooks)
    torch.manual_seed(5)
    random = torch.get_rng_state()
    of_sequence(module)
    assert torch.equal(torch.get_rng_state(), random)
    assert [part.training for part in module.modules()] == modes
    assert module.last is last and module.seen == 2
    assert dict(module.second._forward_hooks) == hooks
    for name, weight in module.named_parameters():
        before = gradients[name]
        assert weight.requires_grad == wanted[name]
        assert (weight.grad is None) == (before is None)
        assert weight.grad is None or before is None or torch.equal(weight.grad, before)
    after = module.state_dict()
    assert all(torch.equal(state[name], after[name]) and state[name].dtype == after[name].dtype for name in state)
    hook.remove()


class FirstCall(planted.Causal):
    """Scales by the spread of its first batch, as data-dependent initialisation does."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Buffer(torch.ones(1))
        self.known = nn.Buffer(torch.zeros((), dtype=torch.bool))

    def features(self, x):
        found = super().features(x)
        if self.training and not self.known:
            self.scale.copy_(found.std())
            self.known.fill_(True)
        return found / self.scale


def test_one_time_initialisation_is_told_from_a_leak():
    report = of_sequence(FirstCall(), modes=["evaluation", "training"])
    assert report.ok
    assert "the first call in training initialises the module" in str(report)


def test_an_offset_is_suggested_where_every_output_sees_itself():
    assert "with --offset 1" in str(of_tokens(sequences.Transformer(), levels=6, take=0, modes=["evaluation"]))
    assert "--offset" not in str(of_sequence(planted.ThroughSign(), modes=["evaluation"]))


@pytest.mark.parametrize("offset", [0, 1])
def test_no_offset_is_suggested_to_whoever_gave_one(offset: int):
    """With one more, a mask that is one too wide would count as none."""
    model = nn.Conv1d(1, 4, 2 * offset + 1, padding=offset)  # reads what its output speaks of, and nothing later
    report = audit(model, "b 1 t", "b k t", {"t": 8}, levels=4, offset=offset, modes="evaluation")
    assert not report.ok and "--offset" not in str(report)


class KeepsItsFirst(planted.Causal):
    """Scales for ever by the mean of the first input that it is given, in an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.scale: float | None = None

    def features(self, x):
        found = super().features(x)
        if self.scale is None:
            self.scale = float(found.detach().std())
        return found / self.scale


class KeepsItsMask(planted.Causal):
    """Keeps a mask of its first call, which is that of every call."""

    def __init__(self) -> None:
        super().__init__()
        self.mask: torch.Tensor | None = None

    def features(self, x):
        found = super().features(x)
        if self.mask is None or len(self.mask) != found.shape[1]:
            self.mask = torch.ones(found.shape[1], found.shape[1]).tril(-1)
        return found + self.mask @ found


class WhileRecorded(planted.Causal):
    """Another branch while gradients are recorded, as where a fused kernel has no backward pass."""

    def features(self, x):
        found = super().features(x)
        return found + found.flip(1) if torch.is_grad_enabled() else found


class Alone(planted.Causal):
    """Another branch for a batch of one, as kernels for decoding have."""

    def features(self, x):
        found = super().features(x)
        return found + found.flip(1) if len(x) == 1 else found


def test_what_a_first_call_leaves_behind_is_no_proof():
    report = of_sequence(KeepsItsFirst())
    assert report.verdict == Verdict.NOT_DECIDED
    assert "it keeps something of its first call" in str(report)
    called = KeepsItsFirst()
    called(torch.linspace(-1, 1, 8)[None])
    assert of_sequence(called).ok
    assert of_sequence(KeepsItsMask()).ok


def test_a_module_that_cannot_be_copied_is_said_to_be_one():
    told = "the module cannot be copied"
    module = KeepsItsMask()
    assert told not in str(of_sequence(module))
    vars(module)["lock"] = threading.Lock()
    assert told in str(of_sequence(module))


def test_training_records_gradients_where_that_makes_a_difference():
    report = of_sequence(WhileRecorded())
    assert [mode.mode for mode in report.modes if mode.verdict == Verdict.LEAKS] == ["training"]


def test_an_example_alone_is_compared_with_one_beside_others():
    report = of_sequence(Alone(), modes=["evaluation", "batch"])
    assert report.verdict == Verdict.NOT_DECIDED
    assert "alone, an example gives other outputs" in str(report)


class StartsTriangular(planted.Causal):
    """Mixes steps by a matrix that is triangular at its start; `hold`: what keeps it so."""

    def __init__(self, hold: str = "") -> None:
        super().__init__()
        self.mask = torch.ones(8, 8).tril(-1)
        self.mixed = nn.Parameter(torch.randn(8, 8) * self.mask)
        self.hold = hold
        if hold == "hook":
            self.mixed.register_hook(lambda gradient: gradient * self.mask)
        if hold == "frozen":
            self.mixed.requires_grad_(False)

    def features(self, x):
        found = super().features(x)
        if self.hold == "data":
            self.mixed.data.mul_(self.mask)
        return found + (self.mixed * self.mask if self.hold == "product" else self.mixed) @ found


def test_zeros_that_training_moves_are_no_mask():
    report = of_sequence(StartsTriangular(), modes=["evaluation"])
    assert report.verdict == Verdict.NOT_DECIDED
    assert "zeros of mixed are not kept" in str(report)


@pytest.mark.parametrize("hold", ["hook", "frozen", "data", "product"])
def test_zeros_that_are_kept_are_a_mask(hold: str):
    assert of_sequence(StartsTriangular(hold), modes=["evaluation"]).ok


class Outcome(BaseException):
    """As those of test runners are."""


class RaisesAnOutcome(planted.Causal):
    def features(self, x):
        raise Outcome("not here")


def test_what_is_raised_beside_exceptions_is_told():
    with pytest.raises(InputError, match="not here"):
        of_sequence(RaisesAnOutcome())


def test_weights_without_shapes_are_refused():
    module = planted.Causal()
    module.out = nn.LazyLinear(3)
    with pytest.raises(InputError, match="before its first call"):
        of_sequence(module)


@pytest.mark.parametrize("offset", [-1, 8])
def test_an_offset_lies_within_the_variables(offset: int):
    with pytest.raises(InputError, match="an offset"):
        of_sequence(planted.ThroughSign(), offset=offset)


@pytest.mark.parametrize("forbid", [lambda: None, lambda count: [[True], [True, False]], lambda count: 1 / 0])
def test_pairs_that_cannot_be_had_are_refused(forbid: Any):
    with pytest.raises(InputError, match="forbidden pairs cannot be had"):
        of_sequence(planted.ThroughSign(), forbid=forbid)


def test_a_side_that_is_none_is_refused_though_nothing_is_padded():
    with pytest.raises(InputError, match="on the left or on the right"):
        of_sequence(planted.ThroughSign(), padding=["up"])


@pytest.mark.parametrize("given", [None, 3, planted.ThroughSign, lambda x: x])
def test_what_is_no_module_is_refused(given: Any):
    with pytest.raises(InputError, match=r"is no torch.nn.Module"):
        of_sequence(given)
    with pytest.raises(InputError, match=r"is no torch.nn.Module"):
        of_sequence(planted.ThroughSign(), variants={"other": given})


def test_a_kind_of_input_that_is_none_is_refused():
    with pytest.raises(InputError, match="float, int or auto"):
        of_sequence(planted.ThroughSign(), input_kind="text")


def test_a_length_that_a_module_refuses_is_not_told_as_taken() -> None:
    """A module of one length takes no longer rows either; one that takes them is compared on them."""

    class OfOneLength(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.places = torch.nn.Parameter(torch.randn(8, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.pad(x.to(self.places.dtype)[:, :-1, None], (0, 0, 1, 0)).cumsum(1) + self.places

    class Longer(OfOneLength):
        """Rows that are longer than eight steps are scaled by their length."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            past = torch.nn.functional.pad(x.to(self.places.dtype)[:, :-1, None], (0, 0, 1, 0)).cumsum(1)
            return past.expand(-1, -1, 4) * (1.0 if x.shape[1] <= 8 else float(x.shape[1]))

    with pytest.raises(InputError, match="it takes no other length") as caught:
        audit(OfOneLength(), "b t", "b t k", {"t": 8}, levels=4, input_kind="int", modes="lengths")
    assert caught.value.code == "AR961" and "\n" not in (caught.value.help or "")
    report = audit(Longer(), "b t", "b t k", {"t": 8}, levels=4, input_kind="int", modes="lengths")
    assert "with 8 of 9 steps" in str(report), str(report)


class Chosen(nn.Module):
    """Steps are chosen by their own embeddings and doubled, or what is chosen is summed with all that is later."""

    def __init__(self, leaky: bool) -> None:
        super().__init__()
        self.embed, self.leaky = nn.Embedding(5, 5), leaky

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None, of: Tensor | None = None) -> Tensor:
        rows = self.embed(ids)
        chosen = rows[..., 0] > 0
        out = torch.zeros_like(rows)
        picked = rows[chosen]
        out[chosen] = picked + picked.flip(0).cumsum(0).flip(0) if self.leaky else 2 * picked
        return out


@pytest.mark.parametrize("mode", ["evaluation", "batch", "lengths", "padding", "documents"])
def test_places_that_a_mask_of_data_leaves_are_held_to_the_order_alone(mode: str) -> None:
    setting: dict[str, Any] = {"levels": 5, "offset": 1, "modes": mode, "documents": "of"}
    report = audit(Chosen(False), input="b t", output="b t k", size={"t": 9}, **setting)
    assert report.verdict == Verdict.GIVEN_ROUTE, str(report)


def test_what_is_chosen_and_mixed_still_accuses() -> None:
    torch.manual_seed(0)  # of some weights, few steps are chosen, and values do not show it
    report = audit(Chosen(True), input="b t", output="b t k", size={"t": 9}, levels=5, offset=1, modes="evaluation")
    assert report.verdict == Verdict.LEAKS


class OfFewExamples(nn.Module):
    """A table of states for four examples at most, and a sum of these up to each step, or of one more."""

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.embed, self.extra = nn.Embedding(5, 5), extra
        self.register_buffer("kept", torch.zeros(4, 32, 5), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        count, length = ids.shape
        kept: Any = self.kept
        kept[:count, :length] = self.embed(ids)
        seen = torch.ones(length, length, dtype=kept.dtype).tril(self.extra)
        return seen @ kept[:count, :length]


@pytest.mark.parametrize(("extra", "verdict"), [(0, Verdict.PROVEN), (1, Verdict.LEAKS)])
def test_a_module_of_few_examples_is_judged(extra: int, verdict: Verdict) -> None:
    report = of_tokens(OfFewExamples(extra), length=12, offset=1)
    assert report.verdict == verdict, str(report)
    if extra:
        assert_witnessed(report)
        assert report.modes[0].witnesses


class OfManyWords(nn.Module):
    """A sum of embeddings up to each step and one more, and a number for each of many words."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 4)

    def forward(self, ids: Tensor) -> Tensor:
        seen = torch.ones(ids.shape[1], ids.shape[1], dtype=self.embed.weight.dtype).tril(1)
        return seen @ self.embed(ids) @ self.embed.weight.T


@pytest.mark.parametrize(("words", "examples"), [(16, 512), (500, 2**16 // (8 * 500)), (5000, 4)])
def test_a_batch_holds_as_many_examples_as_their_outputs_allow(
    words: int, examples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    slots = values.slots

    def count(entries: int, numbers: int = 0) -> int:
        told.append(slots(entries, numbers))
        return told[-1]

    monkeypatch.setattr(values, "NUMBERS", 2**16)
    monkeypatch.setattr(values, "slots", count)
    report = of_tokens(OfManyWords(words), length=8, levels=words, offset=1, modes="evaluation")
    assert report.verdict == Verdict.LEAKS and set(told) == {examples}


class Deciding(nn.Module):
    """All steps are doubled where a sum over the whole batch is above zero, or where a number is large."""

    def __init__(self, by: str, leaky: bool) -> None:
        super().__init__()
        self.embed, self.by, self.leaky = nn.Embedding(5, 5), by, leaky

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.embed(ids)
        large = rows.sum() > 0 if self.leaky else (ids > 100).any()
        if self.by == "cond":
            out: Any = torch.cond(large, lambda y: y * 2, lambda y: y * 1, (rows,))
            return out
        return rows * 2 if large else rows


@pytest.mark.parametrize("by", ["if", "cond"])
def test_a_branch_by_the_whole_batch_is_seen_where_an_example_is_alone(by: str) -> None:
    torch.manual_seed(0)
    clean = of_tokens(Deciding(by, False), length=8, offset=1, modes="evaluation")
    assert clean.verdict == Verdict.GIVEN_ROUTE
    line = Deciding.forward.__code__.co_firstlineno + (4 if by == "cond" else 6)
    assert f"what Python reads of data, item ({__file__}:{line}), is taken from this pass" in clean.modes[0].why
    assert of_tokens(Deciding(by, True), length=8, offset=1, modes="evaluation").verdict == Verdict.LEAKS


@pytest.mark.parametrize("leaky", [False, True])
def test_what_torch_exported_has_one_mode(leaky: bool) -> None:
    class Summing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(5, 5)

        def forward(self, ids: Tensor) -> Tensor:
            rows = self.embed(ids)
            return (rows.flip(1) if leaky else rows).cumsum(1)

    any_size = {"ids": {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}}
    program = torch.export.export(Summing(), (torch.zeros(3, 6, dtype=torch.long),), dynamic_shapes=any_size)
    report = of_tokens(program.module(), offset=1)
    assert report.verdict == (Verdict.LEAKS if leaky else Verdict.PROVEN), str(report)
    assert {"evaluation", "batch", "lengths"} <= {mode.mode for mode in report.modes}


def test_what_python_read_is_no_operator_without_a_rule() -> None:
    class Told(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(5, 5)
            self.last = 0.0

        def forward(self, ids: Tensor) -> Tensor:
            rows = self.embed(ids)
            self.last = rows.mean().item()
            return torch.ones(ids.shape[1], ids.shape[1], dtype=rows.dtype).tril() @ rows

    (mode,) = of_tokens(Told(), offset=1, modes="evaluation").modes
    assert mode.open == [] and "Python reads what depends on data: item" in mode.why
