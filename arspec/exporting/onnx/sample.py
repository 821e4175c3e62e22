"""Draws from a model that was exported as graphs of ONNX. It needs numpy and onnxruntime, and nothing else.

    python sample.py -n 4 --seed 0 --out samples.npy
    python sample.py -n 2 --temperature 0.8 --condition label=3

In Python, from the folder of the files:

    from sample import Sampler
    x = Sampler().sample(4, seed=0)                       # integers [4, *shape]

Equal seeds give what the model itself draws from them, up to the rounding of the parameters: the noise depends on the
seed and the example's number alone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np


class Sampler:
    """The graphs of a folder, with what manifest.json says of them."""

    def __init__(self, folder: str | Path | None = None, threads: int = 0) -> None:
        self.folder = Path(folder) if folder is not None else Path(__file__).parent
        self.manifest: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        self.threads = threads
        self.start, self.step, self.draw = (self._opened(name) for name in ("start", "step", "draw"))

    def _opened(self, name: str) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        path = str(self.folder / self.manifest["graphs"][name]["file"])
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def uniforms(self, n: int, seed: int = 0, first: int = 0) -> Any:
        """[n, V, U] in [0, 1): those of example k depend on the seed and first + k alone."""
        variables, each = self.manifest["variables"], self.manifest["head"]["uniforms"]
        out = np.empty((n, variables, each))
        for k in range(n):
            bits = np.random.Philox(key=np.array([seed % (1 << 64), first + k], np.uint64))
            out[k] = np.random.Generator(bits).random(variables * each).reshape(variables, each)
        return out

    def conditions(self, n: int, given: dict[str, Any]) -> dict[str, Any]:
        """The conditions of n examples as the graphs take them: one for all, or one for each."""
        known = self.manifest["conditions"]
        if set(given) - set(known):
            raise SystemExit(f"the model has no condition {sorted(set(given) - set(known))}; it has {sorted(known)}")
        found: dict[str, Any] = {}
        for name, form in known.items():
            value = given.get(name, form["nothing"])
            if value is None:
                raise SystemExit(f"the condition {name!r} is missing")
            found[name] = np.broadcast_to(np.asarray(value, form["dtype"]), (n, *form["shape"])).copy()
        return found

    def sample(
        self, n: int, seed: int = 0, temperature: float = 1.0, conditions: dict[str, Any] | None = None,
        given: Any = None, uniforms: Any = None, first: int = 0,
    ) -> Any:  # fmt: skip
        """n examples as integers [n, *shape]. given [n, g, C] or [g, C]: the variables that are given, not modelled,
        where there are any. Temperature 0 takes the likeliest."""
        manifest = self.manifest
        noise = self.uniforms(n, seed, first) if uniforms is None else uniforms
        values = np.zeros((n, manifest["variables"], manifest["head"]["channels"]), np.int64)
        drawn = np.array(manifest["given"], np.int64)  # the numbers of the variables
        if len(drawn):
            start = manifest["start"] if given is None else given
            if start is None:
                raise SystemExit(f"the first {len(drawn)} variables are given, not modelled: say what they are")
            values[:, drawn] = np.asarray(start, np.int64)
        under = self.conditions(n, conditions or {}) if manifest["conditions"] else {"batch": np.asarray(n, np.int64)}
        state = _run(self.start, under)
        for step, sites in enumerate(manifest["order"]["steps"]):
            found = _run(self.step, {"step": np.asarray(step, np.int64), "drawn": values[:, drawn], **state})
            one = {"parameters": found.pop("parameters"), "uniforms": noise[:, sites],
                   "temperature": np.asarray(temperature or 1.0)}  # fmt: skip
            drawn = np.array(sites, np.int64)
            values[:, drawn] = _run(self.draw, one)["values" if temperature else "likeliest"]
            state.update({name.removesuffix(".next"): value for name, value in found.items()})
        scalars = values.reshape(n, -1)[:, manifest["scalars"]]
        return scalars.reshape(n, *manifest["data"]["shape"])


def _run(graph: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a graph by their names, from as many of the inputs as it takes."""
    taken = {one.name for one in graph.get_inputs()}
    outputs = [one.name for one in graph.get_outputs()]
    return dict(zip(outputs, graph.run(outputs, {name: x for name, x in given.items() if name in taken}), strict=True))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Draws samples by onnxruntime.")
    parser.add_argument("-n", type=int, default=1, help="how many (1)")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--temperature", type=float, default=1.0, help="0 takes the likeliest (1)")
    parser.add_argument("--condition", action="append", default=[], metavar="NAME=VALUE", help="a number, or JSON")
    parser.add_argument("--out", default="samples.npy", help="a .npy file of integers (samples.npy)")
    args = parser.parse_args()
    given = {name: json.loads(value) for name, _, value in (one.partition("=") for one in args.condition)}
    found = Sampler().sample(args.n, args.seed, args.temperature, given)
    np.save(args.out, found)
    print(f"{args.out}: {found.shape[0]} of the shape {found.shape[1:]}, levels {found.min()} to {found.max()}")


if __name__ == "__main__":
    main()
