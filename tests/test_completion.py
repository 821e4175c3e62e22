"""Completion of any part: every way draws from the exact conditional, enumerated, for every head and kind of order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_probability import TINY, check_drawn_by, every_tiny, everything, tiny
from torch import Tensor

import arspec
from arspec.cli.given import known_part
from arspec.cli.main import main
from arspec.completion import HOW, complete, plan
from arspec.completion.given import best_given, given_under
from arspec.diagnostics import InputError
from arspec.model import Model
from arspec.sampler.drive.sampler import Sampler, sampler_of

# way: (completions that are drawn, its settings). Chains start from one particle, that is from clamping,
# which is wrong.
WAYS = {
    "enumeration": (2000, {}),
    "rejection": (250, {"tries": 100_000}),
    "particles": (400, {"particles": 32}),
    "gibbs": (800, {"sweeps": 10, "particles": 1}),
    "metropolis": (1200, {"sweeps": 12, "particles": 1}),
}

# There are ninety such tests: a right way fails one of them in a hundred choices of the seeds.
LEAST = 1e-4
FEWER = {"channels": 1, "levels": 17, "features": 4, "layers": 1, "kernel": 3}
SMALL = {"height": 16, "width": 16, "channels": 1, "levels": 2, "features": 8, "head_features": 8, "blocks": 1}


def parts(model: Model) -> dict[str, Tensor]:
    """What is given: what comes last in the order, and every other scalar, from the second on in the order."""
    from arspec.network.ranks import scalar_ranks

    ranks = scalar_ranks(model, 0)
    place = np.argsort(np.argsort(ranks, kind="stable"), kind="stable")
    shape = model.spec.data.shape
    return {
        "last": torch.from_numpy(place >= len(ranks) // 2).view(shape),
        "alternate": torch.from_numpy(place % 2 == 1).view(shape),
    }


def exact(model: Model, x: Tensor, known: Tensor, member: int = 0) -> tuple[Tensor, Tensor]:
    """All completions and their probabilities, without arspec.completion."""
    every = everything(model)
    fitting = every[(every == x)[:, known].all(1)]
    with torch.no_grad():
        return fitting, model.log_prob(fitting, member).softmax(0)


def test_every_way_is_tested() -> None:
    assert {"auto", "order", *WAYS} == set(HOW)


# one part for each spec, both for two
CASES = [
    (name, part)
    for number, name in enumerate(TINY)
    for part in (["last", "alternate"] if name in ("categorical channels", "mixture joint channels") else
                 ["last"] if number % 2 else ["alternate"])
]  # fmt: skip


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name, part", CASES)
def test_a_way_draws_from_the_conditional(name: str, how: str, part: str) -> None:
    model, (count, settings) = tiny(name), WAYS[how]
    known = parts(model)[part]
    x = model.sample(1, seed=3)
    fitting, probability = exact(model, x, known)
    given = x.expand(count, *x.shape[1:])
    found = complete(model, given, known, how=how, member=0, seed=5, **settings)
    assert found.how == how and found.member == 0 and found.guarantee
    check_drawn_by(probability, found.values, fitting, least=LEAST)


@pytest.mark.parametrize(
    "name", ["bernoulli vector", "categorical image", "categorical vector", "mixture image", "mixture joint channels"]
)
def test_clamping_alone_is_not_the_conditional(name: str) -> None:
    """The tests above see the difference that they are about."""
    model = tiny(name)
    known, x = parts(model)["last"], model.sample(1, seed=3)
    assert not best_given(model, known, 0).exact
    fitting, probability = exact(model, x, known)
    clamped = sampler_of(model, 0).run(4000, {}, seed=5, given=x.expand(4000, *x.shape[1:]), known=known)
    with pytest.raises(AssertionError):
        check_drawn_by(probability, clamped, fitting, least=LEAST)


@every_tiny
def test_conditionals_of_channels_add_up(name: str) -> None:
    model = tiny(name)
    every, support, head = everything(model), model.graph.support, model.graph.head
    with torch.no_grad():
        parameters, value = model(every), model.by_variable(every)
        total = torch.zeros(parameters.shape[:2], dtype=torch.float64)
        for channel in range(support.channels):
            each = head.conditionals(support, parameters, value, channel)
            torch.testing.assert_close(each.exp().sum(-1), torch.ones_like(total))
            total = total + each.gather(-1, value[..., channel, None]).squeeze(-1)
        torch.testing.assert_close(total, head.log_prob(support, parameters, value))


@pytest.mark.parametrize("name", ["mixture joint channels", "categorical joint channels"])
def test_a_pixel_that_is_given_in_part(name: str) -> None:
    """Its later channels given its first: exact by the order, though the pixel is one variable."""
    model = tiny(name)
    known = torch.zeros(model.spec.data.shape, dtype=torch.bool)
    known[:, 0, 0] = True
    known[0, 0, 1] = True
    x = model.sample(1, seed=3)
    fitting, probability = exact(model, x, known)
    found = complete(model, x.expand(4000, *x.shape[1:]), known, seed=5)
    if model.spec.data.shape[1] == 1:
        assert found.how == "order"
    check_drawn_by(probability, found.values, fitting)
    with pytest.raises(InputError, match="temperature"):
        complete(model, x, known, temperature=0.5)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", ["categorical channels", "mixture joint channels", "bernoulli vector"])
def test_the_plan_counts_the_passes_that_are_made(name: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, counted = tiny(name), [0]
    run, drive = Model._below, Sampler.drive

    def counting_run(self: Model, product: Any, values: dict[Any, Tensor], *rest: Any, **more: Any) -> Tensor:
        counted[0] += len(values[self.graph.data])
        return run(self, product, values, *rest, **more)

    def counting_drive(self: Sampler, n: int, *rest: Any, **more: Any) -> Tensor:
        counted[0] += n
        return drive(self, n, *rest, **more)

    known = parts(model)["last"]
    settings: dict[str, Any] = {"sweeps": 2, "particles": 3, "tries": 5000}
    planned = plan(model, known, how, **settings)
    x = model.sample(1, seed=3, method="once")
    monkeypatch.setattr(Model, "_below", counting_run)
    monkeypatch.setattr(Sampler, "drive", counting_drive)
    complete(model, x, known, how=how, member=planned.given.member, **settings)
    assert planned.how == how and f"{planned.passes:,} passes" in str(planned)
    assert 0 < counted[0] <= planned.passes if how == "rejection" else counted[0] == planned.passes


def test_sweeps_that_take_many_passes_are_left_to_those_who_ask_for_them() -> None:
    spec = arspec.load("specs/gated_pixelcnn.yaml", params={**FEWER, "height": 8, "width": 8})
    model, known = arspec.compile(spec), torch.ones(1, 8, 8, dtype=torch.bool)
    known[0, 0, :4] = False  # 17 levels each
    few = plan(model, known)
    assert few.how == "gibbs" and few.passes == 64 + 20 * 4 * 17 and few.instead is None
    known[0, :4] = False
    many = plan(model, known)
    assert many.how == "particles" and many.passes == 64 and many.instead == ("gibbs", 64 + 20 * 32 * 17)
    assert "--how gibbs takes 10,944" in str(many)
    assert plan(model, known, sweeps=2).how == "gibbs"
    assert plan(model, known, "gibbs").passes == 10_944


def test_a_family_chooses_the_member_that_makes_it_exact() -> None:
    model = tiny("bernoulli family")
    for member in range(model.members):
        rank = model.graph.members[member].order.rank
        known = torch.from_numpy(rank < 2)
        assert given_under(model, known, member).exact
        found = complete(model, model.sample(2, seed=1), known)
        assert found.how == "order" and "exact" in found.guarantee
    with pytest.raises(InputError, match="comes first in the order"):
        complete(model, model.sample(2), torch.from_numpy(rank >= 2), how="order", member=model.members - 1)


def test_the_default_takes_any_part() -> None:
    model = tiny("mixture image")
    x = model.sample(3, seed=1)
    known = parts(model)["alternate"]
    drawn = model.complete(x, known, seed=2)
    assert torch.equal(drawn[:, known], x[:, known]) and drawn.dtype == torch.int64
    assert torch.equal(drawn, model.complete(x, known, seed=2, how="enumeration"))
    assert torch.equal(model.complete(x, torch.ones_like(known)), x)


def test_what_is_given_late_is_what_can_be_changed() -> None:
    """Of a picture of which the middle is missing, only what reads the middle weighs."""
    model = arspec.compile(arspec.load("specs/pixelcnn.yaml", SMALL))
    known = torch.ones(1, 16, 16, dtype=torch.bool)
    known[:, 2, 2] = False
    late = given_under(model, known, 0).late.reshape(16, 16)
    assert late[2, 3] and late[3, 2] and not late[:2].any() and not late[15, 15] and not late[2, :3].any()


def test_faults() -> None:
    model = tiny("bernoulli image")
    x, known = model.sample(2), parts(model)["last"]
    faults: tuple[tuple[dict[str, Any], str], ...] = (
        ({"how": "gibs"}, "AR808"),
        ({"how": "gibbs", "sweeps": 0}, "AR808"),
        ({"how": "gibbs", "temperature": 0.5}, "AR808"),
        ({"how": "order"}, "AR805"),
        ({"member": 1}, "AR816"),
    )
    for wrong, code in faults:
        with pytest.raises(InputError) as caught:
            complete(model, x, known, **wrong)
        assert caught.value.code == code
    with pytest.raises(InputError) as caught:
        complete(model, x, known[:, :1])
    assert caught.value.code == "AR805"


def test_rejection_gives_up_as_a_whole() -> None:
    model = tiny("mixture image")
    x, known = model.sample(200, seed=1), parts(model)["last"]
    with pytest.raises(InputError) as caught:
        complete(model, x, known, how="rejection", tries=1)
    assert caught.value.code == "AR820"


@pytest.mark.parametrize(
    "given, how, told",
    [
        ("top-half", "auto", "order: exact"),
        ("bottom-half", "particles", "exact in the limit of many particles"),
        ("hole", "gibbs", "exact in the limit of many sweeps"),
        ("suffix:60", "metropolis", "exact in the limit of many sweeps"),
        ("right-half", "particles", "particles: exact in the limit"),
        ("mask.png", "order", "order: exact"),
    ],
)
def test_the_command_says_what_completions_are_worth(
    given: str, how: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[:3] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    size = [p for s in ("height=8", "width=8", "channels=1", "levels=17", "features=4", "layers=1", "kernel=3")
            for p in ("--set", s)]  # fmt: skip
    given = str(tmp_path / given) if given == "mask.png" else given
    command = [
        "complete",
        "specs/gated_pixelcnn.yaml",
        *size,
        "--data",
        "digits",
        "-n",
        "2",
        "--each",
        "1",
        "--given",
        given,
    ]
    command += ["--particles", "4", "--sweeps", "1", "--device", "cpu", "--how", how]
    assert main([*command, "-o", str(tmp_path / "a.png")]) == 0
    said = capsys.readouterr()
    assert (
        told in said.out and f"2 completions by {told.split()[0].rstrip(':') if how == 'auto' else how}: " in said.err
    )
    assert main([*command, "-o", str(tmp_path / "a.npy"), "--quiet"]) == 0
    assert "completions by" not in capsys.readouterr().err
    assert np.load(tmp_path / "a.npy").shape == (2, 1, 8, 8)


@pytest.mark.parametrize(
    "given, how, told",
    [("bottomhalf", "auto", "did you mean bottom-half?"), ("hole", "enumeration", "65,536 completions at the most")],
)
def test_what_cannot_be_completed_is_told_before_it_is_announced(
    given: str, how: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = [p for s in ("height=8", "width=8", "channels=1", "levels=17", "features=4", "layers=1", "kernel=3")
            for p in ("--set", s)]  # fmt: skip
    command = ["complete", "specs/gated_pixelcnn.yaml", *size, "--data", "digits", "-n", "1", "--given", given]
    assert main([*command, "--device", "cpu", "--how", how, "-o", str(tmp_path / "a.png")]) == 2
    said = capsys.readouterr().err
    assert told in said and "completions by" not in said


def test_what_the_command_keeps() -> None:
    model = arspec.compile(arspec.load("specs/pixelcnn.yaml", SMALL))
    for given, kept in (("bottom-half", 128), ("right-half", 128), ("hole", 192), ("suffix:10", 10), ("prefix:3", 3)):
        known = known_part(given, model)
        assert known.sum() == kept
    assert known_part("suffix:10", model)[0, 15, 6:].all() and not known_part("hole", model)[0, 8, 8]
    for wrong in ("suffix:0", "suffix:256", "middle", "suffix:x"):
        with pytest.raises(InputError):
            known_part(wrong, model)
    with pytest.raises(InputError, match="for images"):
        known_part("hole", tiny("categorical sequence"))
