"""Checked proposals: edits of the text, and with how many of the mutations the spec is whole again."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from arspec.analysis.fix import Proposal, propose, propose_context
from arspec.analysis.fix.edits import added, apply, dropped, inserted, removed, replaced, scalar
from arspec.analysis.fix.search import cut_off, views
from arspec.analysis.report import prove
from arspec.cli.main import main
from arspec.diagnostics import InputError, Source
from arspec.language.load import from_text, load
from arspec.syntax.yaml import Map, Seq, parse, plain
from tests.mutations import (
    AXIAL,
    CODES,
    DIAGONAL,
    GATED,
    INSIDE_OUT,
    LOCAL,
    LOCATION,
    MADE,
    MIXTURE,
    MUTATIONS,
    PATCHES,
    PIXELCNN,
    PLUS,
    READS,
    ROOT,
    ROW,
    SHUFFLED,
    TCN,
    TOLD,
    WAVENET,
    Mutation,
    base,
)

SPECS = ROOT / "specs"
FEW = [
    *GATED, *LOCATION, *PIXELCNN[::2], *INSIDE_OUT, *MADE, *WAVENET, *TCN, *PLUS[::4], *DIAGONAL, *ROW, *MIXTURE,
]  # fmt: skip
READING = [*READS, *LOCAL, *AXIAL, *PATCHES, *SHUFFLED, *CODES, *TOLD]
SHARE, KEPT = 0.8, 0.99  # of the leaks that get a proposal, and of the coverage that it keeps


# -- the mutations ---------------------------------------------------------------------------------------------------


@cache
def coverage_of(name: str) -> float | None:
    """What a spec sees as it stands."""
    return prove(base(name)).coverage


def share_mended(mutations: list[Mutation]) -> float:
    """Prints what is proposed for each leaking mutation, and checks it:
    what is proposed holds and sees what is said."""
    leaking = mended = 0
    for mutation in mutations:
        spec = mutation.made()
        report = prove(spec, contexts=False)
        if report.proven:
            continue
        leaking += 1
        proposal, whole = propose(report), coverage_of(mutation.spec)
        assert whole
        kept = 0.0
        if proposal is not None:
            checked = prove(spec.variant(texts={proposal.name: proposal.text}))
            assert checked.ok and checked.coverage == pytest.approx(proposal.coverage)
            kept = proposal.coverage / whole
        mended += kept >= KEPT
        print(
            f"{'mended' if kept >= KEPT else 'NOT   '} {kept:7.2%}  {mutation}: {proposal.message if proposal else '-'}"
        )
    print(f"{mended} of {leaking} leaking mutations are mended")
    return mended / leaking


def test_most_leaks_get_a_proposal_that_mends_them():
    assert share_mended(FEW) >= SHARE


def test_most_leaks_of_what_attention_reads_get_a_proposal():
    """Windows, prefixes, chunks, keys of another grid, shuffled orders, what is given and told, further heads."""
    assert share_mended(READING) >= SHARE


@pytest.mark.long
def test_most_of_all_leaks_get_a_proposal_that_mends_them():
    assert share_mended(MUTATIONS) >= SHARE


@pytest.mark.parametrize(
    "fault, wanted",
    [
        ("gated: graph/first/params/mask is so_far", "mask: earlier"),
        ("gated: layer/down/rows is -1", "rows: 1"),
        ("gated: layer/v_conv/mask is everything", "mask: rows_so_far"),
        ("gated: graph/body/from/h is first.v", "h: first.h"),
        ("wavenet: layer/conv/padding is same", "padding: causal"),
        ("wavenet: graph/past/steps is 0", "steps: 1"),
        ("made: graph/out/mask is so_far", "mask: earlier"),
        (
            "patches: local_layer/attention/mask is that.step // $patch == this.step // $patch",
            "mask: so_far and that.step // $patch == this.step // $patch",
        ),
        ("reads: graph/far/mask is missing", "mask: done"),
    ],
)
def test_the_edit_that_a_person_would_make(fault: str, wanted: str):
    mutation = next(m for m in MUTATIONS if str(m) == fault)
    proposal = propose(prove(mutation.made()))
    assert proposal is not None
    assert [line for line in added_lines(proposal) if wanted in line]
    assert proposal.coverage == pytest.approx(prove(base(mutation.spec)).coverage)


@pytest.mark.parametrize(
    "fault",
    [
        "gated: layer/skip/mask is earlier",
        "gated: layer/v_conv/mask is rows_above",
        "made: layer/dense/mask is earlier",
    ],
)
def test_a_mask_that_is_too_strict_is_found(fault: str):
    mutation = next(m for m in MUTATIONS if str(m) == fault)
    report = prove(mutation.made())
    assert report.ok and report.coverage is not None
    proposal = propose_context(report)
    assert proposal is not None and proposal.coverage > report.coverage
    assert proposal.coverage >= KEPT * (prove(base(mutation.spec)).coverage or 0)
    assert prove(report.spec.variant(texts={proposal.name: proposal.text})).ok


def test_nothing_is_proposed_where_nothing_is_wrong():
    assert propose(prove(base("gated"))) is None
    assert propose_context(prove(base("gated"))) is None


# -- of several places -----------------------------------------------------------------------------------------------

BARE_CNN = """\
arspec: 1
data: {kind: image, height: 5, width: 5, channels: 3, levels: 4}
graph:
  first: {layer: conv, kernel: 3, out: 6, mask: earlier}
  second: {layer: conv, kernel: 3, out: 6}
  logits: {layer: conv, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""
BARE_GPT = """\
arspec: 1
data: {kind: sequence, length: 8, levels: 4}
blocks:
  layer:
    inputs: {h: stream}
    nodes:
      q: {layer: conv, from: h, out: 4}
      attention: {layer: attention, from: q, keys: q, values: q, heads: 1}
      sum: {layer: add, from: [attention, h]}
    outputs: {h: sum}
graph:
  tokens: {layer: embedding, from: x, out: 4}
  body: {block: layer, from: tokens, repeat: 2}
  logits: {layer: conv, from: body.h, out: $head}
head: {kind: categorical, from: logits}
"""


@pytest.mark.parametrize(
    "text, wanted",
    [
        (BARE_CNN, ["kernel: 3, out: 6, mask: so_far", "kernel: 1, out: $head, mask: so_far"]),
        (BARE_GPT, ["heads: 1, mask: so_far", "layer: shift", "from: shifted"]),
    ],
)
def test_what_has_no_mask_is_given_one_and_is_not_cut_off(text: str, wanted: list[str]):
    """A mask of the last layer alone holds too: it leaves nothing to see, or nothing to the first row."""
    report = prove(from_text(text))
    proposal = propose(report)
    assert proposal is not None and report.coverage is not None
    lines = added_lines(proposal)
    assert len(lines) == len(wanted) and all(part in line for part, line in zip(wanted, lines, strict=True))
    after = prove(from_text(proposal.text))
    assert after.ok and after.coverage == pytest.approx(proposal.coverage)
    assert proposal.coverage > report.coverage / 2


SHIFTED = """\
arspec: 1
data: {kind: sequence, length: 8, levels: 4}
graph:
  tokens: {layer: embedding, from: x, out: 4}
  shifted: {layer: shift, steps: 1}
  seen: {layer: attention, keys: shifted, values: shifted, heads: 2}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""


@pytest.mark.parametrize(
    "text, mask",
    [
        (SHIFTED, "so_far"),
        (SHIFTED.replace("heads: 2", "heads: 2, mask: everything"), "so_far"),
        (SHIFTED.replace("keys: shifted, values: shifted", "keys: tokens, values: tokens"), "earlier"),
    ],
)
def test_a_mask_lets_a_site_see_itself_where_that_is_proven(text: str, mask: str):
    """Either mask sees the whole past of what is shifted; the strict one keeps a site from its own key."""
    proposal = propose(prove(from_text(text)))
    assert proposal is not None and proposal.coverage == 1
    assert f"mask: {mask}" in added_lines(proposal)[0], proposal.message


@pytest.mark.parametrize(
    "kernel, mask, cut", [(1, "rows_above", True), (3, "rows_above", True), (1, "so_far", False), (3, "left", True)]
)
def test_a_variable_that_sees_no_more_of_its_past_is_cut_off(kernel: int, mask: str, cut: bool):
    """A window of one leaves nothing above to all; one of three leaves none to the first row."""
    text = BARE_CNN.replace("kernel: 3, out: 6}", "kernel: 3, out: 6, mask: so_far}")
    before, last = views(from_text(text)), f"kernel: {kernel}, out: $head, mask: {mask}"
    assert cut_off(lambda: before, views(from_text(text.replace("kernel: 1, out: $head", last)))) == cut


def test_faults_of_two_places_are_mended_where_both_lack_a_mask():
    right = base("made")
    text = right.source.text.replace("mask: so_far}", "}").replace("head, mask: earlier}", "head}")
    spec = right.variant(text=text)
    assert not prove(spec).ok
    proposal = propose(prove(spec))
    assert proposal is not None
    assert len(added_lines(proposal)) == 2
    assert proposal.coverage > 0.9 * (prove(right).coverage or 0)


# -- at full size, in several files, in block style ------------------------------------------------------------------


def faulty(folder: Path, name: str, right: str, wrong: str) -> Path:
    """A copy of a shipped spec with another text at one place, beside copies of the others."""
    for path in SPECS.glob("*.yaml"):
        shutil.copy(path, folder)
    path = folder / name
    text = path.read_text()
    assert text.count(right) == 1
    path.write_text(text.replace(right, wrong))
    return path


def test_a_proposal_holds_at_the_size_of_the_paper(tmp_path: Path):
    path = faulty(tmp_path, "gated_pixelcnn.yaml", "v_to_h: {layer: conv,", "v_to_h: {layer: conv, from: v_conv,")
    report = prove(load(path))
    assert not report.ok
    proposal = propose(report)
    assert proposal is not None and proposal.coverage == 1
    proposal.write()
    assert path.read_text() == proposal.text
    assert prove(load(path)).ok


def test_a_fault_in_the_spec_that_is_extended_is_mended_there(tmp_path: Path):
    path = faulty(
        tmp_path, "gated_pixelcnn.yaml", "{mask: earlier, residual: false}", "{mask: so_far, residual: false}"
    )
    heir = tmp_path / "gated_pixelcnn_class.yaml"
    before = heir.read_text()
    report = prove(load(heir, {"layers": 2}))
    assert "AR701" in {d.code for d in report.diagnostics}
    proposal = propose(report)
    assert proposal is not None and Path(proposal.name) == path
    proposal.write()
    assert heir.read_text() == before
    assert prove(load(heir, {"layers": 2})).ok
    with pytest.raises(InputError, match="has changed since it was read"):
        proposal.write()


BLOCK_STYLE = """\
arspec: 1
data: {kind: image, height: 6, width: 6, channels: 3, levels: 4}
graph:
  scaled:
    layer: scale
  first:
    layer: conv      # of the image
    kernel: 5
    out: 12{mask}    # mask A

  second:
    layer: conv
    kernel: 3
    out: $head
    mask: so_far
head: {kind: categorical, from: second}
"""


@pytest.mark.parametrize("mask", ["", "\n    mask: so_far"])
def test_block_style_and_comments_stay(mask: str):
    text = BLOCK_STYLE.replace("{mask}", mask)
    proposal = propose(prove(from_text(text)))
    assert proposal is not None
    assert "    mask: earlier" in added_lines(proposal)[0]
    assert proposal.text.count("#") == 2
    assert prove(from_text(proposal.text)).ok


def added_lines(proposal: Proposal) -> list[str]:
    """The lines that are new in the edited text."""
    found = difflib.ndiff(proposal.original.splitlines(), proposal.text.splitlines())
    return [line[2:] for line in found if line.startswith("+ ")]


# -- the command -----------------------------------------------------------------------------------------------------


def test_verify_shows_a_diff_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = faulty(tmp_path, "pixelcnn.yaml", "mask: earlier}", "mask: so_far}")
    before = path.read_text()
    small = [str(path), "--static", "--set", "height=8", "--set", "width=8", "--set", "blocks=2"]
    assert main(["verify", *small]) == 1
    shown = capsys.readouterr().out
    assert "help: write `earlier` instead of `so_far` as `mask` of 'first'" in shown
    assert "with it the spec is proven and sees" in shown
    assert main(["verify", *small, "--fix"]) == 1
    shown = capsys.readouterr().out
    assert f"--- {path}\n+++ {path}\n" in shown
    assert "\n+  first: {layer: conv, kernel: $kernel, out: 2 * $features, mask: earlier}" in shown
    assert path.read_text() == before
    assert main(["verify", *small, "--fix", "--write", "--json"]) == 0  # what stands there now holds
    (report,) = json.loads(capsys.readouterr().out)
    assert report["leaks"] and report["written"] == str(path) and report["ok"] and not report["after"]["leaks"]
    assert report["proposal"]["file"] == str(path)
    assert report["proposal"]["diff"] in shown
    assert path.read_text() == (SPECS / "pixelcnn.yaml").read_text()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert main(["verify", *small]) == 0


def test_a_proposal_needs_no_torch(tmp_path: Path):
    path = faulty(tmp_path, "made.yaml", "mask: earlier}       # equation 14", "mask: so_far}       # equation 14")
    program = (
        "import sys; from arspec.cli.main import main;"
        f"code = main(['verify', {str(path)!r}, '--static', '--fix', '--set', 'members=2', '--set', 'hidden=64']);"
        "sys.exit(code + 10 * ('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert re.search(r"^\+ .*mask: earlier", done.stdout, re.M)


# -- edits -----------------------------------------------------------------------------------------------------------

FLOW = "a: {b: 1, c: [x, y, z], d: {}}  # tail\n"
BLOCK = "a:\n  b: 1  # one\n  c:\n    - x\n    - y\n  d: 2\ne: 3\n"


def tree(text: str) -> Map:
    found = parse(Source("t", text)).get("a")  # type: ignore[attr-defined]
    assert isinstance(found, Map)
    return found


def test_edits_in_flow_style():
    a = tree(FLOW)
    c, d = a.get("c"), a.get("d")
    assert isinstance(c, Seq) and isinstance(d, Map)
    edits = [replaced(a.entries["b"][1].place, "2"), dropped(c, 1), added(d, "k", "v"), added(a, "e", "5")]
    assert apply(edits) == {"t": "a: {b: 2, c: [x, z], d: {k: v}, e: 5}  # tail\n"}
    assert apply([removed(a, "c")]) == {"t": "a: {b: 1, d: {}}  # tail\n"}
    assert apply([removed(a, "d")]) == {"t": "a: {b: 1, c: [x, y, z]}  # tail\n"}
    assert apply([dropped(c, 2)]) == {"t": "a: {b: 1, c: [x, y], d: {}}  # tail\n"}
    assert apply([inserted(a.entries["c"][0], True, "n", "0")]) == {
        "t": "a: {b: 1, n: 0, c: [x, y, z], d: {}}  # tail\n"
    }
    assert apply([added(tree("a: {b: 1,}\n"), "c", "2")]) == {"t": "a: {b: 1, c: 2}\n"}


def test_edits_in_block_style():
    a = tree(BLOCK)
    assert apply([added(a, "f", "9")]) == {"t": BLOCK.replace("  d: 2\n", "  d: 2\n  f: 9\n")}
    assert apply([added(tree("a:\n  b: 1  # one\n"), "c", "2")]) == {"t": "a:\n  b: 1  # one\n  c: 2\n"}
    assert apply([inserted(a.entries["c"][0], False, "n", "0")]) == {"t": BLOCK.replace("  c:", "  n: 0\n  c:")}
    assert plain(tree(apply([removed(a, "c")])["t"])) == {"b": 1, "d": 2}


@pytest.mark.parametrize(
    "text", ["earlier", "left or (here and A)", "that.row <= this.row", "not here", ">= 3", "a: b", "it's"]
)
def test_a_text_is_written_so_that_it_is_read_back(text: str):
    assert plain(tree(f"a: {{b: {scalar(text)}}}\n")) == {"b": text}
    assert plain(tree(f"a:\n  b: {scalar(text)}\n")) == {"b": text}
