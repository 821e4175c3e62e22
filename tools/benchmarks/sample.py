"""`tools/bench sample`: the sampler, which computes every site once, against floors, against samplers written by hand,
and against the module run once per step.

The module run once per step would take hours at full size, so that its time is one median forward pass × steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from arspec.network.fingerprint import fingerprint_of
from arspec.sampler.drive.sampler import sampler_of
from tools.benchmarks import agreement
from tools.benchmarks.floors import weights_read
from tools.benchmarks.measure import Options, Row, bandwidth, floor, interleaved, medians, row, seconds, spec_path

LOOKS = 9  # at the weights, of whose times the median counts
BUDGET = 60.0  # seconds after which no further round of a measurement is begun
BATCHES = {"pixelcnn_pp": (1, 8, 64), "wavenet": (1, 16), "gpt": (1, 16)}
SMALL: dict[str, dict[str, Any]] = {
    "pixelcnn_pp": {"height": 8, "width": 8, "filters": 8, "resnets": 1},
    "wavenet": {"length": 64, "residual": 8, "skip": 8, "layers": 4, "cycle": 2},
    "gpt": {"length": 16, "width": 16, "layers": 1},
}


def run(options: Options) -> list[Row]:
    """Rows of what is named: spec files, and `pixelcnn_pp`, `wavenet`, `gpt`, which are all where nothing is."""
    by_hand = {"pixelcnn_pp": pixelcnn_pp, "wavenet": wavenet, "gpt": gpt}
    rows: list[Row] = []
    for name in options.specs or by_hand:
        rows += by_hand[name](options) if name in by_hand else any_spec(name, options)
    return rows


# -- any spec ----------------------------------------------------------------------------------------------------------


def any_spec(path: str, options: Options) -> list[Row]:
    """A spec against its own module once per step."""
    model = compiled(path, options.params)
    before = once_for_all(model)
    rows: list[Row] = []
    for batch in options.batches or (1, 8):
        rows += [{**against_module(model, batch, options), **before}, automatic(model, batch, options)]
    return rows


def once_for_all(model: Any) -> Row:
    """Seconds that folding the weights takes, once, and looking whether they have changed, at each call."""
    prepared = seconds(sampler_of(model).prepare)
    looks = [seconds(partial(fingerprint_of, model)) for _ in range(LOOKS)]
    return {"prepared": prepared, "looked": sorted(looks)[LOOKS // 2]}


def against_module(model: Any, batch: int, options: Options) -> Row:
    options.say(f"{model.spec.name}, batch {batch}: the sampler and its module")
    condition, steps = conditions_of(model, batch), steps_of(model)
    x = once(model, batch, condition)
    found = interleaved(
        {"sampler": lambda: once(model, batch, condition), "pass": forward(model, x, condition)},
        max(options.repeat, 1), BUDGET,
    )  # fmt: skip
    taken = medians(found)
    return row(
        model.spec.name, setting(model, batch), taken["sampler"], "its module once per step", taken["pass"] * steps,
        batch=batch, steps=steps, parameters=model.graph.parameters, forward=taken["pass"],
        passes=taken["sampler"] / taken["pass"], runs=len(found["sampler"]), agreement=agreeing(model, x, condition),
    )  # fmt: skip


def once(model: Any, batch: int, condition: dict[str, Any]) -> Any:
    """Every site once, whatever else might be faster: of weights that nobody trained a fixed point is soon found."""
    return model.sample(batch, seed=0, method="once", **condition)


def automatic(model: Any, batch: int, options: Options) -> Row:
    """The method that `auto` takes against the module once per step; the choice is made before."""
    from arspec.sampler.drive.method import choose

    condition, steps = conditions_of(model, batch), steps_of(model)
    chosen = choose(model, batch, condition=condition)
    x = model.sample(batch, seed=0, **condition)
    found = medians(
        interleaved(
            {"auto": lambda: model.sample(batch, seed=0, **condition), "pass": forward(model, x, condition)},
            max(options.repeat, 1), BUDGET,
        )
    )  # fmt: skip
    return row(
        f"{model.spec.name}, auto: {chosen.method}", setting(model, batch), found["auto"], "its module once per step",
        found["pass"] * steps, batch=batch, steps=steps, method=chosen.method, reason=chosen.reason,
    )  # fmt: skip


def agreeing(model: Any, x: Any, condition: dict[str, Any]) -> float:
    """The share of the draws that the module alone would have made from the same noise. Rounding may carry a draw over
    the edge between two levels, and nothing else may."""
    import torch

    from arspec.sampler.drive.noise import uniforms

    graph = model.graph
    noise = torch.from_numpy(uniforms(0, 0, len(x), graph.data.out.sites, graph.head.uniforms(graph.support)))
    with torch.inference_mode():
        drawn = graph.head.draw(graph.support, model(x, **condition), noise, 1.0)
    return (drawn == model.by_variable(x)).double().mean().item()


# -- PixelCNN++ --------------------------------------------------------------------------------------------------------


def pixelcnn_pp(options: Options) -> list[Row]:
    """Beside two floors, and beside a plain module run once per pixel."""
    import torch

    from tools.benchmarks.plain.pixelcnn_pp import PixelCNNpp

    agreement.pixelcnn_pp()
    model = at_size("pixelcnn_pp", options)
    plain, steps = PixelCNNpp(model), steps_of(model)
    before = once_for_all(model)
    read = {"as it reads them": weights_read(model, True), "site by site": weights_read(model, False)}
    rows: list[Row] = []
    for batch in options.batches or BATCHES["pixelcnn_pp"]:
        options.say(f"pixelcnn_pp, batch {batch}")
        x = torch.randint(256, (batch, *model.spec.data.shape))
        plain(x[:1])
        found = interleaved(
            {"sampler": lambda n=batch: once(model, n, {}), "pass": lambda x=x: plain(x)}, options.repeat, BUDGET
        )
        taken, speed = medians(found), bandwidth(64 if options.small else 512)
        facts = {"batch": batch, "steps": steps, "runs": len(found["sampler"]), **before}
        name, at, whole = model.spec.name, setting(model, batch), taken["sampler"]
        rows += [
            floor(name, at, whole, f"{size / 1e9:.1f} GB of weights, {how}, at {speed / 1e9:.1f} GB/s", size / speed,
                  weights_read=size, bandwidth=speed, **facts)
            for how, size in read.items()
        ]  # fmt: skip
        rows += [
            floor(name, at, whole, "one pass of a plain module", taken["pass"], **facts),
            row(name, at, whole, "a plain module once per pixel", taken["pass"] * steps, **facts),
        ]
    return rows


# -- WaveNet -----------------------------------------------------------------------------------------------------------


def wavenet(options: Options) -> list[Row]:
    """Against ring buffers by hand in eager torch, and with their step compiled; and its module once per step. Compiled
    steps are those of a stream, which keeps them."""
    import torch

    from tools.benchmarks.plain.wavenet import RingWaveNet

    agreement.wavenet(3)
    model = at_size("wavenet", options, kernel=3, length=2048)
    ring, steps = RingWaveNet(model), steps_of(model)
    before = once_for_all(model)
    rows: list[Row] = []
    for batch in options.batches or BATCHES["wavenet"]:
        options.say(f"wavenet, batch {batch}: eager and compiled ring buffers")
        speaker, noise = conditions_of(model, batch)["speaker"], agreement.uniforms_of(model, batch)
        torch.compiler.reset()
        # without a compiler's backend where it is only to be seen that it works
        step = torch.compile(ring.step, dynamic=False, backend="eager" if options.small else "inductor")
        compiling = seconds(partial(ring.sample, 2, speaker, noise, step))
        streamed = partial(stream, model, batch, steps, speaker, not options.small)
        own = seconds(streamed) - seconds(streamed)
        found = interleaved(
            {
                "sampler": partial(once, model, batch, {"speaker": speaker}),
                "stream": streamed,
                "eager": partial(ring.sample, steps, speaker, noise),
                "compiled": partial(ring.sample, steps, speaker, noise, step),
            },
            options.repeat, BUDGET,
        )  # fmt: skip
        taken, name, at = medians(found), model.spec.name, setting(model, batch)
        facts = {"batch": batch, "steps": steps, "runs": len(found["sampler"]), **before, "compiling": own}
        names = {"sampler": f"{name}, plain steps", "stream": f"{name}, steps compiled in {own:.0f} s"}
        whats = {
            "eager": "ring buffers by hand, eager",
            "compiled": f"ring buffers by hand, compiled in {compiling:.0f} s",
        }
        for ours, theirs in (("sampler", "eager"), ("stream", "eager"), ("stream", "compiled")):
            rates = {"rate": steps * batch / taken[ours], "baseline_rate": steps * batch / taken[theirs]}
            rows.append(row(names[ours], at, taken[ours], whats[theirs], taken[theirs], **rates, **facts))
        rows.append(against_module(model, batch, options))
        plain = rows[-1]["baseline_seconds"]
        rows.append(row(names["stream"], at, taken["stream"], "its module once per step", plain, **facts))
    return rows


def stream(model: Any, batch: int, steps: int, speaker: Any, compiled: bool) -> None:
    for _ in model.stream(batch, steps=steps, seed=0, speaker=speaker, compiled=compiled):
        pass


# -- GPT ---------------------------------------------------------------------------------------------------------------


def gpt(options: Options) -> list[Row]:
    """Against a loop by hand that keeps keys and values; and its module once per step."""
    from tools.benchmarks.plain.gpt import CachedGPT

    agreement.gpt()
    model = at_size("gpt", options)
    loop, steps = CachedGPT(model), steps_of(model)
    before = once_for_all(model)
    rows: list[Row] = []
    for batch in options.batches or BATCHES["gpt"]:
        options.say(f"gpt, batch {batch}")
        noise = agreement.uniforms_of(model, batch)
        runs: dict[str, Callable[[], Any]] = {
            "sampler": partial(once, model, batch, {}), "loop": partial(loop.sample, steps, noise)
        }  # fmt: skip
        interleaved(runs, 1)
        found = interleaved(runs, 5 * options.repeat, BUDGET)
        taken = medians(found)
        facts = {"batch": batch, "steps": steps, "runs": len(found["sampler"]), **before}
        at = setting(model, batch)
        rows.append(row(model.spec.name, at, taken["sampler"], "keys and values kept by hand", taken["loop"], **facts))
        rows.append(against_module(model, batch, options))
    return rows


# -- what they share ---------------------------------------------------------------------------------------------------


def compiled(path: Any, params: dict[str, Any]) -> Any:
    import arspec

    return arspec.compile(arspec.load(path, params=params)).eval()


def at_size(name: str, options: Options, **params: Any) -> Any:
    """A spec at full size, with these parameters, or small."""
    return compiled(spec_path(name), {**params, **(SMALL[name] if options.small else {}), **options.params})


def steps_of(model: Any) -> int:
    return model.graph.members[0].order.steps


def setting(model: Any, batch: int) -> str:
    return f"{'×'.join(map(str, model.spec.data.shape))}, batch {batch}"


def forward(model: Any, x: Any, condition: dict[str, Any]) -> Callable[[], None]:
    """One pass of the module."""
    import torch

    def run_once() -> None:
        with torch.inference_mode():
            model(x, **condition)

    return run_once


def conditions_of(model: Any, batch: int) -> dict[str, Any]:
    """The same random values of every condition for each example."""
    from arspec.verification.subject import random_conditions

    return {
        name: value.expand(batch, *value.shape[1:]).to(model.dtype if value.is_floating_point() else value.dtype)
        for name, value in random_conditions(model, 0).items()
    }
