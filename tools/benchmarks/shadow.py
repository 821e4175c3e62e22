"""`tools/bench shadow`: what a proof by labels costs at full length, beside one forward pass of the same module.

Each module has a process of its own. The proof is a labelled pass and a closed one; for PixelCNN++ its exact contexts
are had as well, all pairs of them.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from statistics import median
from typing import Any

from tools.benchmarks.measure import Options, Row, alone, forget_peak, peak, seconds, spec_path

TOKENS = 4096
CASES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("GPT2LMHeadModel", {"n_positions": 2 * TOKENS}, {}),
    ("LlamaForCausalLM", {}, {}),
    ("LlamaForCausalLM", {}, {"attn_implementation": "eager"}),
    ("MistralForCausalLM", {"sliding_window": 1024}, {}),
    ("MistralForCausalLM", {"sliding_window": 1024}, {"attn_implementation": "eager"}),
    ("MixtralForCausalLM", {}, {}),
    ("MixtralForCausalLM", {}, {"experts_implementation": "eager"}),
    ("Mamba2ForCausalLM", {}, {}),
    ("Mamba2ForCausalLM", {"chunk_size": 256}, {}),
]
SMALL = {"height": 8, "width": 8, "filters": 6, "resnets": 1, "components": 2}


def run(options: Options) -> list[Row]:
    """A row for every decoder of CASES, and two for PixelCNN++."""
    rows: list[Row] = []
    for name, config, built in CASES[1:2] if options.small else CASES:
        options.say(f"{name} {config} {built}: the proof")
        given = {"name": name, "config": config, "built": built, "tokens": 64 if options.small else TOKENS}
        rows.append(shown(name, given, alone("shadow", repeat=options.repeat, **given)))
    options.say("pixelcnn_pp: the proof and the contexts")
    spec = {"spec": str(spec_path("pixelcnn_pp")), "params": SMALL if options.small else {}}
    for contexts in (False, True):
        rows.append(shown("pixelcnn_pp", spec, alone("shadow", repeat=1, contexts=contexts, **spec)))
    return rows


def shown(name: str, given: dict[str, Any], found: Row) -> Row:
    """The row of what a process measured."""
    setting = ", ".join(
        f"{key}={value}" for key, value in [*given.get("config", {}).items(), *given.get("built", {}).items()]
    )
    return {
        "name": name, "setting": f"{found['variables']:,} variables" + (f", {setting}" if setting else ""),
        "seconds": found["seconds"], "baseline": "one pass of its module", "baseline_seconds": found["forward"],
        "ratio": found["seconds"] / found["forward"], "floor": True, "bytes": found["peak"],
        "note": f"{found['said']}, peak {found['peak'] / 1e9:.2f} GB with all that the process holds",
    }  # fmt: skip


def decoder(name: str, config: dict[str, Any], built: dict[str, str], tokens: int, repeat: int) -> dict[str, Any]:
    """The proof of a tiny decoder of transformers."""
    import torch

    from arspec.auditing.transformers import load_causal

    causal = load_causal(f"transformers:{name}", config, length=64)
    model = causal.build(**built)
    ids, other = torch.randint(causal.levels, (2, 1, tokens), generator=torch.Generator().manual_seed(0))
    limit = torch.arange(tokens)[None, :, None]
    return proof(lambda x: model(x).logits, ids, other, torch.arange(tokens).expand(1, -1), limit, repeat)


def compiled(spec: str, params: dict[str, Any], contexts: bool, repeat: int) -> dict[str, Any]:
    """The proof of a compiled spec, or its contexts."""
    import torch

    import arspec
    from arspec.shadow.contexts import contexts as contexts_of
    from arspec.verification.subject import subject_of

    model = arspec.compile(arspec.load(spec, params=params)).eval()
    data, order, variable = model.spec.data, model.graph.members[0].order, subject_of(model).variable
    x, other = torch.randint(min(data.channel_levels), (2, 1, *data.shape), generator=torch.Generator().manual_seed(0))
    x, other = model.data_tensor(x), model.data_tensor(other)
    ranks, number = torch.tensor(order.rank), torch.tensor(variable).reshape(1, *data.shape)

    def rows(x: torch.Tensor) -> torch.Tensor:  # without the look at whether the values are of the alphabet
        return model.rows(model.run({model.graph.data: x}, 0))

    if not contexts:
        return proof(rows, x, other, ranks[number], ranks[None, :, None] - 1, repeat)
    outputs = torch.arange(len(ranks))[None, :, None]
    with torch.no_grad():
        rows(x)
        forward = median([seconds(lambda: rows(x)) for _ in range(3)])
        found: list[Any] = []
        taken = seconds(lambda: found.append(contexts_of(lambda: rows(x), [(x, number)], len(ranks), outputs)))
    legal = order.rank[:, None] > order.rank[None, :]
    seen = found[0].reads
    said = f"contexts: {int((seen & ~legal).sum())} leaks, {int((legal & ~seen).sum()):,} pairs unseen"
    return {"seconds": taken, "forward": forward, "variables": len(ranks), "said": said}


def proof(run: Any, x: Any, other: Any, ranks: Any, limit: Any, repeat: int) -> dict[str, Any]:
    """A labelled pass and a closed one on `x`; strict first, and with the route given where strict labels do not do."""
    import torch

    from arspec.shadow import Closing, trace

    middle = int(ranks.max()) // 2
    said = "not decided"

    def prove() -> str:
        for route in (False, True):
            closing = Closing([middle])
            traced = trace(lambda: run(given), [(given, ranks)], route_given=route, watchers=[closing])
            if bool((traced.labels(traced.output) - 2 > limit).any()):
                continue
            changed = partial(run, torch.where(ranks > middle, other, x))
            _, closure = closing.compare(changed, middle, traced)
            if closure.ok:
                return "proven, given the route" if route else "proven"
            return f"not closed: {closure.operator}: {closure.why}"
        return "not decided"

    with torch.no_grad():
        given = x.clone()
        run(given)
        forward = median([seconds(lambda: run(given)) for _ in range(5)])
        times: list[float] = []
        for _ in range(repeat):
            start = time.perf_counter()
            said = prove()
            times.append(time.perf_counter() - start)
    return {"seconds": median(times), "forward": forward, "variables": int(ranks.max()) + 1, "said": said}


def main() -> None:
    given = json.loads(sys.argv[1])
    import torch

    torch.set_num_threads(given.pop("threads"))
    forget_peak()
    found = compiled(**given) if "spec" in given else decoder(**given)
    print(json.dumps({**found, "peak": peak()}))


if __name__ == "__main__":
    main()
