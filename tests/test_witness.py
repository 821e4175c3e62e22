"""The witness: the line of the author's code where a position first learns what it must not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from arspec.auditing import audit
from arspec.auditing.shown import Witness, shown_path, span
from arspec.auditing.verdicts import Verdict
from arspec.shadow.places import Place
from arspec.shadow.witness import BLOCKS
from tests.leakbench.audits import PASSES, audited
from tests.leakbench.cases import CASES, Case

LINES = [
    "layer_three_of_ten", "mask_inverted", "chomp_too_little", "transposed_crop", "circular_columns", "squeeze_excite",
    "topk_before_mask", "experts_unsorted", "made_degrees", "heads_reshaped", "value_read_by_python", "inplace_view",
    "capacity_by_batch", "batch_norm",
    "residual_around_shift", "prefix_too_wide", "training_path", "batch_time_view", "backend_without_mask",
    "cache_rotary_offset", "cache_window_lost", "padding_ignored", "documents_convolution", "filter_by_length",
    "sampler_stale", "sampler_temperature",
]  # fmt: skip


def named(case: Case) -> list[Witness]:
    """The witnesses in the mode of the case, by no more passes than an audit may take."""
    result = audited(case, "faulty", witness=True)
    assert result.passes <= PASSES
    return [witness for mode in result.report.modes if mode.mode == case.mode for witness in mode.witnesses]


@pytest.mark.parametrize("case", [case for case in CASES if case.name in LINES], ids=lambda case: case.name)
def test_the_witness_names_the_marked_line(case: Case) -> None:
    (witness,) = named(case)
    assert (str(case.file("faulty")), case.line) in witness.lines
    assert witness.chain.steps
    if case.path:
        assert witness.chain.blamed[0].place.module == case.path


@pytest.mark.long
@pytest.mark.parametrize("case", [case for case in CASES if case.name not in LINES], ids=lambda case: case.name)
def test_the_witness_names_the_marked_line_of_every_kind(case: Case) -> None:
    (witness,) = named(case)
    assert (str(case.file("faulty")), case.line) in witness.lines


class Inner(nn.Module):
    def __init__(self, ahead: int) -> None:
        super().__init__()
        self.ahead = ahead
        self.mix = nn.Linear(1, 1)

    def forward(self, h: Tensor) -> Tensor:
        h = self.mix(h)
        later = nn.functional.pad(h, (0, 0, -self.ahead, self.ahead))
        return h + later


class Outer(nn.Module):
    def __init__(self, wrong: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Inner(int(n == wrong)) for n in range(6))

    def forward(self, x: Tensor) -> Tensor:
        h = x[..., None]
        for layer in self.layers:
            h = layer(h)
        return h


@pytest.mark.parametrize("wrong", [0, 3, 5])
def test_it_names_the_layer_that_is_wrong(wrong: int) -> None:
    report = audit(Outer(wrong), "b t", "b t k", {"t": 12}, levels=9, offset=1, modes=["evaluation"])
    (witness,) = report.places
    place = witness.chain.blamed[0].place
    assert (place.module, place.function) == (f"layers.{wrong}", "forward")
    source = span(place)
    assert source is not None
    assert source.text == "nn.functional.pad(h, (0, 0, -self.ahead, self.ahead))"
    breaks = witness.chain.breaks
    assert breaks is not None
    assert witness.chain.steps[breaks].operator == "constant_pad_nd"


class EndsSooner(nn.Module):
    """Rounds until the mean over a whole row is large enough."""

    def __init__(self, enough: float) -> None:
        super().__init__()
        self.enough = enough
        self.codes = nn.Embedding(7, 4)
        self.mix = nn.Linear(4, 4)
        self.out = nn.Linear(4, 7)

    def forward(self, x: Tensor) -> Tensor:
        h = nn.functional.pad(self.codes(x), (0, 0, 1, -1))
        for _ in range(3):
            h = h + self.mix(h).tanh()
            if h.abs().mean().item() > self.enough:
                break
        return self.out(h)


def test_it_names_the_value_that_ends_a_loop_sooner() -> None:
    """The rounds that both passes run are the first ones; that the last round is missing is told by a number."""
    torch.manual_seed(0)
    report = audit(EndsSooner(0.5), "b t", "b t k", {"t": 16}, levels=7, modes=["evaluation"])
    (witness,) = report.places
    source = span(witness.chain.blamed[0].place)
    assert source is not None
    assert source.text == "h.abs().mean()"


def test_what_python_reads_is_named_where_it_leaves_a_verdict_open() -> None:
    """No value ever ends the loop, which labels cannot know: the line that reads it is told."""
    report = audit(EndsSooner(1e9), "b t", "b t k", {"t": 16}, levels=7, modes=["evaluation"])
    (mode,) = report.modes
    assert mode.verdict == Verdict.NOT_DECIDED
    assert "after Python reads what depends on data: item (" in mode.why
    assert "test_witness.py:" in mode.why
    assert mode.why.count("item") == 1


class Flexible(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(8, 16)

    def forward(self, x: Tensor) -> Tensor:
        from torch.nn.attention.flex_attention import flex_attention

        h = self.tokens(x)[:, None]

        def within_blocks(score: Tensor, b: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
            return torch.where(q // 4 >= k // 4, score, -torch.inf)

        out: Any = flex_attention(h, h, h, score_mod=within_blocks)
        return out[:, 0]


def test_an_operator_that_takes_functions_is_looked_into_and_left_as_it_was() -> None:
    module = Flexible()
    report = audit(module, "b t", "b t k", {"t": 8}, levels=8, offset=1, modes=["evaluation"])
    (witness,) = report.places
    assert witness.chain.blamed[0].place.function == "forward"
    told = [span(blame.place) for blame in witness.chain.blamed]
    assert any(source is not None and source.text.startswith("q // 4 >= k // 4") for source in told), told
    with torch.no_grad():
        assert module(torch.zeros(1, 8, dtype=torch.long)).shape == (1, 8, 16)


def test_a_report_shows_it_as_text_json_and_annotations() -> None:
    report = audit(Outer(2), "b t", "b t k", {"t": 12}, levels=9, offset=1, modes=["evaluation"])
    shown = str(report)
    assert "error[AR990]: the output for (t " in shown
    assert "^^^^" in shown
    assert "[layers.2]" in shown
    (told,) = report.json()["places"]
    assert told["lines"][0]["module"] == "layers.2"
    assert told["steps"][told["breaks"]]["operator"] == "constant_pad_nd"
    assert report.github().startswith("::error file=")
    assert "\n" not in report.github()


class Normed(nn.Module):
    """Batch statistics over an image of three channels, behind a masked convolution, which does nothing wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(3, 16, 5), nn.BatchNorm2d(16), nn.Conv2d(16, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        earlier = (torch.arange(25) < 12).view(5, 5)
        y = nn.functional.conv2d(x, self.conv.weight * earlier, padding=2)
        return self.out(self.norm(y))


def test_a_convolution_over_pixels_is_not_taken_for_one_over_blocks() -> None:
    sizes = {"c": 3, "h": 8, "w": 8}
    report = audit(Normed(), "b c h w", "b (k c) h w", sizes, modes=["training"], levels=16)
    (witness,) = report.places
    about = [blame.about for blame in witness.chain.blamed]
    assert witness.chain.blamed[0].place.module == "norm"
    assert BLOCKS not in about, about


def test_a_page_is_narrow_and_tells_each_output_once() -> None:
    sizes = {"c": 3, "h": 4, "w": 4}
    report = audit(Normed(), "b c h w", "b (k c) h w", sizes, modes=["training"], levels=16, name="n")
    told = [line for line in str(report).splitlines() if "error[" not in line]
    assert max(map(len, told)) <= 140, max(told, key=len)
    outputs = [line for line in str(audit(Outer(2), "b t", "b t k", {"t": 12}, levels=9, offset=1)).splitlines()
               if line.startswith("  the output for")]  # fmt: skip
    assert len(outputs) == len(set(outputs)) == 3
    assert not any("rank" in line for line in outputs)


def test_a_clean_module_has_none() -> None:
    report = audit(Outer(9), "b t", "b t k", {"t": 12}, levels=9, offset=1, modes=["evaluation"])
    assert report.places == []
    assert report.github() == ""


def test_a_long_row_is_told_by_a_short_one() -> None:
    report = audit(Outer(1), "b t", "b t k", {"t": 200}, levels=9, offset=1, modes=["evaluation"])
    (witness,) = report.places
    assert witness.at == "t=16"
    assert "at t=16" in str(witness)


def test_columns_are_characters_and_missing_files_have_no_text() -> None:
    assert span(Place("/nowhere/at/all.py", 3, "f")) is None
    assert shown_path(__file__).endswith("test_witness.py")


def test_the_weights_and_the_random_state_are_as_before() -> None:
    module = Outer(2)
    before = [weight.clone() for weight in module.parameters()]
    state = torch.random.get_rng_state()
    audit(module, "b t", "b t k", {"t": 12}, levels=9, offset=1, modes=["evaluation"])
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_a_picture_draws_the_way(tmp_path: Path) -> None:
    from arspec.auditing.picture import draw

    clean, leaking = (
        audit(Outer(wrong), "b t", "b t k", {"t": 12}, levels=9, offset=1, modes=["evaluation"], name="$x_\x1b[31m")
        for wrong in (9, 2)
    )
    widths: list[int] = []
    for name, report in (("clean", clean), ("leaking", leaking)):
        draw(report, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as image:
            widths.append(image.width)
    assert widths[1] > widths[0]


def test_text_of_others_steers_no_terminal(tmp_path: Path) -> None:
    """A path of a module and a line of a file may hold anything."""
    report = audit(Outer(2), "b t", "b t k", {"t": 12}, levels=9, offset=1, modes=["evaluation"])
    (witness,) = report.places
    wild = tmp_path / "wild.py"
    wild.write_text("x = 1  # \x1b[31m\u202e\n")
    first = witness.chain.blamed[0]
    place = replace(first.place, file=str(wild), line=1, module="\x1b]0;title\x07", column=0, end_line=1, end_column=9)
    changed = replace(witness, chain=replace(witness.chain, blamed=(replace(first, place=place),)))
    assert not [char for char in str(changed) if not char.isprintable() and char != "\n"]
    assert "\x1b" not in str(changed)


class Long(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = x[..., None]
        h = h.exp().log1p().sqrt().clamp(0, 9).abs().square().neg().sin().cos().tanh().sigmoid().relu().flip(1)
        return self.mix(h)


def test_many_operators_of_a_line_stand_in_lines_of_one_column() -> None:
    report = audit(Long(), "b t", "b t k", {"t": 4}, input_kind="float", modes=["evaluation"])
    told = str(report.places[0]).split("the way of the value:\n")[1].splitlines()
    row = next(k for k, line in enumerate(told) if "exp, " in line)
    column = told[row].index("exp")
    operators = [told[row][column:].partition("  ")[0], *(line.strip() for line in told[row + 1 : row + 2])]
    assert "flip" in " ".join(operators) and all(len(each) <= 40 for each in operators)
    assert all(line[:column].isspace() and not line[column].isspace() for line in told[row + 1 : row + 2])
    assert max(map(len, told)) <= 110


class Scripted(nn.Module):
    """Sums of all that is later."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 5)

    def forward(self, ids: Tensor) -> Tensor:
        return self.embed(ids).flip(1).cumsum(1)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("build", "operator", "path"),
    [
        (lambda: torch.jit.script(Scripted()), "flip", ""),
        (lambda: nn.Sequential(nn.Embedding(5, 5), nn.LayerNorm([8, 5]), nn.Linear(5, 5)), "native_layer_norm", "[1]"),
    ],
)
def test_who_calls_the_audit_is_not_the_author_of_the_module(
    build: Callable[[], nn.Module], operator: str, path: str
) -> None:
    report = audit(build(), size={"t": 8}, levels=5, offset=1, modes="evaluation")
    (witness,) = report.places
    assert f"learns of ({witness.input}) at {operator}, which no line of yours calls" in witness.message
    assert witness.message.endswith(path)
    text = str(witness)
    assert os.path.basename(__file__) not in text and "unknown" not in text
    (breaking,) = [line for line in text.splitlines() if line.endswith("<- learns here")]
    assert operator in breaking and text.splitlines()[-1].split()[-5:] == ["1", "x", "8", "x", "5"]
