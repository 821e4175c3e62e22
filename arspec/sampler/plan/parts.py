"""Parts: the sites of each channel group of each node, in the order in which they are computed. numpy only."""

from __future__ import annotations

import itertools

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.layers.base import Node
from arspec.reads import Scan
from arspec.sampler.plan.schedule import Part
from arspec.sampler.plan.state import Figures, Pass, State, hold
from arspec.types import Bools, Ints


def part_of(node: Node, group: int, step: Ints, wave: Ints, needed: Bools, steps: int) -> Part:
    """The needed sites of one group, by step, then by wave. step, wave, needed: [S]; steps: of a sample."""
    first = group * node.out.positions
    sites = first + np.flatnonzero(needed[first : first + node.out.positions])
    sites = sites[np.lexsort((sites, wave[sites], step[sites]))]
    return Part(node, group, sites, np.searchsorted(step[sites], np.arange(steps + 1)))


def _wave(node: Node, relations: Relations) -> Ints:
    """[S]: the wave of a scan in which each site is computed; 0 of other layers."""
    scan = relations.scan(node)
    return scan.wave if scan is not None else np.zeros(node.out.sites, np.int64)


def _waves(own: list[Part], step: Ints, wave: Ints) -> dict[int, list[tuple[int, int, int]]]:
    """By step the slices (group, from, to) of a scan's parts, wave after wave."""
    found: dict[int, list[tuple[int, int, int, int]]] = {}
    for part in own:
        k, w = step[part.sites], wave[part.sites]
        edges = np.flatnonzero(np.diff(k) | np.diff(w)) + 1 if len(k) else np.empty(0, np.int64)
        cuts = [0, *edges.tolist(), len(k)]
        for lo, hi in itertools.pairwise(cuts):
            if lo < hi:
                found.setdefault(int(k[lo]), []).append((int(w[lo]), part.group, lo, hi))
    return {t: [(g, lo, hi) for _, g, lo, hi in sorted(runs)] for t, runs in found.items()}


# -- the pass --------------------------------------------------------------------------------------------------------


def _parts(state: State) -> None:
    state.groups, state.waves = {}, {}
    for node, step in state.when.items():
        wave = _wave(node, state.relations)
        own = [part_of(node, g, step, wave, state.needed[node], state.steps) for g in range(node.out.groups)]
        state.groups[node] = own
        scan = state.relations.scan(node)
        if scan is not None and _within_steps(scan, step, state.needed[node]):
            state.waves[node] = _waves(own, step, wave)


def _within_steps(scan: Scan, step: Ints, needed: Bools) -> bool:
    """Whether any site of a scan reads one of the same step. Otherwise its steps have no waves: each is computed at
    once, as those of other layers are."""
    sites = np.flatnonzero(needed)
    table = scan.own.table(sites)
    return bool(((table >= 0) & (step[table] == step[sites][:, None])).any())


def check_parts(state: State) -> None:
    """The parts of a node hold each of its needed sites once, in the slice of the site's step. The waves of a scan take
    every slice once, and each site after its own sites that it reads."""
    hold(state.groups.keys() == state.when.keys(), "a node is not in parts")
    for node, own in state.groups.items():
        sites = np.concatenate([part.sites for part in own])
        wanted = np.flatnonzero(state.needed[node])
        hold(np.array_equal(np.sort(sites), wanted), f"a site of {node.name} is in no part, or in two")
        for part in own:
            hold(
                (part.sites // node.out.positions == part.group).all(),
                f"a part of {node.name} holds another group's site",
            )
            hold(
                np.array_equal(part.steps, state.when[node][part.sites]),
                f"a site of {node.name} is in another step's slice",
            )
        if (scan := state.relations.scan(node)) is not None:
            turn = _turns(state, node) if node in state.waves else np.where(state.needed[node], state.when[node], -1)
            hold((turn[sites] >= 0).all(), f"a site of {node.name} is in no wave")
            before = np.append(turn, -1)[scan.own.table(sites)].max(1, initial=-1)
            hold((before < turn[sites]).all(), f"a site of {node.name} comes before one that it reads")


def _turns(state: State, node: Node) -> Ints:
    """[S]: when each site of a scan has its turn among all slices; -1 where it has none. Raises Unsound where it has
    two, or a slice is of another step."""
    turn = np.full(node.out.sites, -1)
    slices = [(step, *one) for step, runs in sorted(state.waves[node].items()) for one in runs]
    for number, (step, group, lo, hi) in enumerate(slices):
        part = state.groups[node][group]
        inside = part.bounds[step] <= lo < hi <= part.bounds[step + 1]
        hold(inside and (turn[part.sites[lo:hi]] == -1).all(), f"a wave of {node.name} is not one of step {step}")
        turn[part.sites[lo:hi]] = number
    return turn


def _figures(state: State) -> Figures:
    return {"parts": sum(len(part.sites) > 0 for own in state.groups.values() for part in own),
            "scans": len(state.waves),
            "waves": sum(map(len, (runs for waves in state.waves.values() for runs in waves.values())))}  # fmt: skip


PARTS = Pass(
    "parts",
    "puts the sites of each channel group into the order in which they are computed, scans wave by wave",
    ("relations", "needed", "when"), ("groups", "waves"), _parts, check_parts, _figures,
)  # fmt: skip
