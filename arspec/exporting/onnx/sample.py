"""Draws from a model that was exported as graphs of ONNX. It needs numpy and onnxruntime, and nothing else.

    python sample.py -n 4 --seed 0 --out samples.npy
    python sample.py -n 2 --temperature 0.8 --top-p 0.9 --condition label=3
    python sample.py -n 2 --prefix "[5, 17, 3]"

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

KEPT = 64  # bindings of a sample's steps that are kept, for steps that draw other numbers of variables


class Sampler:
    """The graphs of a folder, with what manifest.json says of them."""

    def __init__(self, folder: str | Path | None = None, threads: int = 0) -> None:
        self.folder = Path(folder) if folder is not None else Path(__file__).parent
        self.manifest: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        self.threads = threads
        self._opened: dict[str, Any] = {}

    def graph(self, name: str) -> Any:
        """The session of a graph, which is opened when it is first asked for."""
        import onnxruntime

        if name not in self._opened:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads
            options.log_severity_level = 3
            path = str(self.folder / self.manifest["graphs"][name]["file"])
            self._opened[name] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return self._opened[name]

    def uniforms(self, n: int, seed: int = 0, first: int = 0) -> Any:
        """[n, V, U] in [0, 1): those of example k depend on the seed and first + k alone."""
        variables, each = self.manifest["variables"], self.manifest["head"]["uniforms"]
        out = np.empty((n, variables, each))
        for k in range(n):
            bits = np.random.Philox(key=np.array([seed % (1 << 64), first + k], np.uint64))
            out[k] = np.random.Generator(bits).random(variables * each).reshape(variables, each)
        return out

    # -- what is given -----------------------------------------------------------------------------------------------

    def conditions(self, n: int, given: dict[str, Any]) -> dict[str, Any]:
        """The conditions of n examples as the graphs take them: one for all, or one for each. Classes also by name."""
        known = self.manifest["conditions"]
        if set(given) - set(known):
            raise SystemExit(f"the model has no condition {sorted(set(given) - set(known))}; it has {sorted(known)}")
        found: dict[str, Any] = {}
        for name, form in known.items():
            value = given.get(name)
            value = form["nothing"] if value is None else self._numbered(name, value)
            if value is None:
                raise SystemExit(f"the condition {name!r} is missing")
            value, levels = np.asarray(value), form["levels"]
            if levels is not None and not np.isin(value, [*range(levels), form["nothing"] or 0]).all():
                raise SystemExit(f"the condition {name!r} is from 0 to {levels - 1}; {value} came")
            found[name] = np.broadcast_to(value.astype(form["dtype"]), (n, *form["shape"])).copy()
        return found

    def _numbered(self, name: str, value: Any) -> Any:
        """Classes by their numbers."""
        names = self.manifest["conditions"][name]["names"]
        if isinstance(value, str):
            if value not in names:
                raise SystemExit(f"the condition {name!r} has no class {value!r}; it has {names or 'numbers alone'}")
            return names.index(value)
        return [self._numbered(name, each) for each in value] if isinstance(value, (list, tuple)) else value

    def _values(self, n: int, given: Any, known: Any) -> tuple[Any, Any]:
        """What is given, variable by variable [n, V, C], and where it is known [V, C]."""
        manifest, shape = self.manifest, tuple(self.manifest["data"]["shape"])
        width = manifest["variables"], manifest["head"]["channels"]
        values, there = np.zeros((n, *width), np.int64), np.zeros(width, bool)
        if known is not None:
            x = np.broadcast_to(np.asarray(given, np.int64), (n, *shape)).reshape(n, -1)
            kept = np.broadcast_to(np.asarray(known, bool), shape).reshape(-1)
            levels: int = manifest["data"]["levels"]
            if x[:, kept].size and not 0 <= x[:, kept].min() <= x[:, kept].max() < levels:
                raise SystemExit(f"what is given holds other numbers than the data's levels, 0 to {levels - 1}")
            values.reshape(n, -1)[:, manifest["scalars"]] = np.where(kept, x, 0)
            there.reshape(-1)[manifest["scalars"]] = kept
        elif manifest["given"]:
            if manifest["start"] is None:
                raise SystemExit(f"the first {len(manifest['given'])} variables are given, not modelled: say what they "
                                 "are by `prefix`")  # fmt: skip
            values[:, manifest["given"]] = manifest["start"]
        if not there[manifest["given"]].all() and known is not None:
            raise SystemExit(f"the first {len(manifest['given'])} variables are given, not modelled: all have to be "
                             "known")  # fmt: skip
        return values, there

    def _first(self, there: Any) -> None:
        """Refuses what is given where something comes before it in the order."""
        missing = False
        for sites in self.manifest["order"]["steps"]:
            if missing and there[sites].any():
                raise SystemExit("what is given does not come first in the order: arspec complete takes any part")
            missing = missing or not there[sites].all()

    def _begun(self, n: int, prefix: Any) -> tuple[Any, Any]:
        """Sequences that begin with a prefix, and which of their steps are known."""
        shape = self.manifest["data"]["shape"]
        rows = np.atleast_2d(np.asarray(prefix))
        if self.manifest["data"]["kind"] != "sequence" or rows.ndim != 2 or len(rows) not in (1, n):
            raise SystemExit(f"a prefix is of a sequence, [steps] or [{n}, steps]; {list(np.shape(prefix))} came")
        if not 0 < rows.shape[1] < shape[0]:
            raise SystemExit(f"a prefix has from 1 to {shape[0] - 1} steps; {rows.shape[1]} came")
        x = np.zeros((n, *shape), np.int64)
        x[:, : rows.shape[1]] = rows
        return x, np.arange(shape[0]) < rows.shape[1]

    def levels(self, text: str) -> list[int]:
        """A text as the integers of the data: a byte each, or a character each of the alphabet."""
        data = self.manifest["data"]
        if not data["text"]:
            raise SystemExit("a prompt is of a text in bytes or characters, and the model is of none: give a prefix")
        if data["alphabet"] is None:
            return [*text.encode()]
        if lacking := set(text) - set(data["alphabet"]):
            raise SystemExit(f"the model's alphabet has no {min(lacking)!r}")
        return [data["alphabet"].index(letter) for letter in text]

    # -- draws -------------------------------------------------------------------------------------------------------

    def sample(
        self, n: int, seed: int = 0, temperature: float = 1.0, conditions: dict[str, Any] | None = None,
        prefix: Any = None, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None,
        given: Any = None, known: Any = None, uniforms: Any = None, first: int = 0,
    ) -> Any:  # fmt: skip
        """n examples as integers [n, *shape]. Temperature 0 takes the likeliest; top_k, top_p and min_p leave unlikely
        levels out, in this order. prefix [k] or [n, k]: what sequences begin with. given [n, *shape] where it is known,
        [*shape]: any part that comes first in the order. first: the number of the first example, by which and the seed
        its noise is made."""
        if not temperature >= 0:
            raise SystemExit(f"a temperature is 0 or above; it was {temperature}")
        if prefix is not None:
            given, known = self._begun(n, prefix)
        values, there = self._values(n, given, known)
        self._first(there)
        noise = self.uniforms(n, seed, first) if uniforms is None else np.asarray(uniforms)
        draw = self._draw(temperature, top_k, top_p, min_p)
        steps = self.steps(n, conditions or {})
        drawn = np.array(self.manifest["given"], np.int64)  # the numbers of the variables
        for step, sites in enumerate(self.manifest["order"]["steps"]):
            parameters = steps(step, values[:, drawn])
            drawn = np.array(sites, np.int64)
            own = there[drawn]
            if not own.all():
                new = draw(parameters, noise[:, drawn])
                values[:, drawn] = np.where(own, values[:, drawn], new) if own.any() else new
        scalars = values.reshape(n, -1)[:, self.manifest["scalars"]]
        return scalars.reshape(n, *self.manifest["data"]["shape"])

    def _draw(self, temperature: float, top_k: int | None, top_p: float | None, min_p: float | None) -> Any:
        """What draws values [n, v, C] by parameters and uniforms."""
        given: dict[str, Any] = {"temperature": np.asarray(temperature or 1.0)}
        whole = (top_k, top_p, min_p) == (None, None, None)
        if not whole:
            if "truncated" not in self.manifest["graphs"]:
                raise SystemExit("the model's head draws without a probability for each level: it has temperature "
                                 "alone")  # fmt: skip
            if (top_k is not None and top_k < 1) or not 0 < (1 if top_p is None else top_p) <= 1:
                raise SystemExit("top-k is a whole number from 1, and top-p above 0 and at most 1")
            if not 0 <= (min_p or 0) <= 1:
                raise SystemExit("min-p is from 0 to 1")
            every = 2.0  # of what is left, which no sum of probabilities reaches
            given["top_k"] = np.asarray(self.manifest["data"]["levels"] if top_k is None else top_k, np.int64)
            given["top_p"] = np.asarray(every if top_p in (None, 1) else top_p, np.float64)
            given["min_p"] = np.asarray(min_p or 0.0, np.float64)
        graph = self.graph("draw" if whole or not temperature else "truncated")
        taken = {one.name for one in graph.get_inputs()}
        output = "values" if temperature else "likeliest"

        def drawn(parameters: Any, noise: Any) -> Any:
            asked = {"parameters": parameters, "uniforms": noise, **given}
            return graph.run([output], {name: x for name, x in asked.items() if name in taken})[0]

        return drawn

    def steps(self, n: int, conditions: dict[str, Any]) -> Steps:
        """The steps of n examples, from the first on."""
        under = self.conditions(n, conditions) if self.manifest["conditions"] else {}
        start = self.graph("start")
        taken, names = {one.name for one in start.get_inputs()}, [one.name for one in start.get_outputs()]
        given = {"batch": np.asarray(n, np.int64), **under}
        state = start.run(names, {name: x for name, x in given.items() if name in taken})
        return Steps(self, n, dict(zip(names, state, strict=True)))


class Steps:
    """The steps of n examples, which are gone through in their order. The state stays where it lies: a step writes
    into it what has changed."""

    def __init__(self, sampler: Sampler, n: int, state: dict[str, Any]) -> None:
        import onnxruntime

        self._value: Any = onnxruntime.OrtValue.ortvalue_from_numpy
        self.sampler, self.n = sampler, n
        self._number = np.zeros((), np.int64)
        self._state = {one["name"]: self._value(np.array(state[one["name"]])) for one in sampler.manifest["state"]}
        # where the next state is written that may not lie where the one before does; they take turns
        self._other = {one["name"]: self._value(np.array(state[one["name"]]))
                       for one in sampler.manifest["state"] if one["next"] and not one["in_place"]}  # fmt: skip
        self._bound: dict[tuple[str, int, int], tuple[Any, Any, Any, list[str], list[str]]] = {}

    def __call__(self, step: int, drawn: Any) -> Any:
        """The parameters [n, v, K] of a step's variables, from the values [n, v, C] of those of the step before. They
        stand until the next step."""
        order = self.sampler.manifest["order"]
        name, many = order["graphs"][step], len(order["steps"][step])
        key = name, drawn.shape[1], many
        if key not in self._bound:
            if len(self._bound) >= KEPT:
                self._bound.pop(next(iter(self._bound)))
            self._bound[key] = self._binding(*key)
        binding, taken, parameters, read, changed = self._bound[key]
        self._number[()], taken[...] = step, drawn
        for one in read:
            binding.bind_ortvalue_input(one, self._state[one])
        for one in changed:
            binding.bind_ortvalue_output(f"{one}.next", self._other[one])
        self.sampler.graph(name).run_with_iobinding(binding)
        for one in changed:
            self._state[one], self._other[one] = self._other[one], self._state[one]
        return parameters

    def _binding(self, name: str, before: int, many: int) -> tuple[Any, Any, Any, list[str], list[str]]:
        """A graph with its state and room for so many variables: those drawn before, and those to be drawn. What of the
        state takes turns, of what it reads and of what it changes."""
        manifest, graph = self.sampler.manifest, self.sampler.graph(name)
        head, binding = manifest["head"], graph.io_binding()
        drawn = np.zeros((self.n, before, head["channels"]), np.int64)
        parameters = np.zeros((self.n, many, head["parameters"]), manifest["dtype"])
        given = {"step": self._value(self._number), "drawn": self._value(drawn), **self._state}
        for one in graph.get_inputs():
            binding.bind_ortvalue_input(one.name, given[one.name])
        binding.bind_ortvalue_output("parameters", self._value(parameters))
        changed = {one.name.removesuffix(".next") for one in graph.get_outputs()} - {"parameters"}
        for one in changed - self._other.keys():
            binding.bind_ortvalue_output(f"{one}.next", self._state[one])
        read = [one.name for one in graph.get_inputs() if one.name in self._other]
        return binding, drawn, parameters, read, [one for one in read if one in changed]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Draws samples by onnxruntime.")
    parser.add_argument("-n", type=int, default=1, help="how many (1)")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--temperature", type=float, default=1.0, help="0 takes the likeliest (1)")
    parser.add_argument("--top-k", type=int, metavar="K", help="draw among the K likeliest levels alone")
    parser.add_argument("--top-p", type=float, metavar="P", help="among the likeliest, as few as add up to P")
    parser.add_argument("--min-p", type=float, metavar="P", help="among those P times as likely as the likeliest")
    parser.add_argument("--prefix", metavar="LIST", help="what sequences begin with: JSON, or a .npy file")
    parser.add_argument("--prompt", metavar="TEXT", help="the same of a text")
    parser.add_argument(
        "--condition", action="append", default=[], metavar="NAME=VALUE", help="a number, a class's name, JSON, or a "
        ".npy file"
    )  # fmt: skip
    parser.add_argument("--out", default="samples.npy", help="a .npy file of integers (samples.npy)")
    args = parser.parse_args()
    sampler = Sampler()
    conditions = {name: _read(value) for name, _, value in (one.partition("=") for one in args.condition)}
    prefix = None if args.prefix is None else _read(args.prefix)
    if args.prompt is not None:
        prefix = sampler.levels(args.prompt)
    found = sampler.sample(
        args.n, args.seed, args.temperature, conditions, prefix, args.top_k, args.top_p, args.min_p
    )  # fmt: skip
    np.save(args.out, found)
    print(f"{args.out}: {found.shape[0]} of the shape {found.shape[1:]}, levels {found.min()} to {found.max()}")


def _read(text: str) -> Any:
    """A .npy file, JSON, or the text itself."""
    if text.endswith(".npy"):
        return np.load(text, allow_pickle=False)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


if __name__ == "__main__":
    main()
