"""The table of the guide: each kind, the mode that finds it and how long that takes, and what common tests say."""

from __future__ import annotations

import re

from tests.leakbench.audits import audited
from tests.leakbench.cases import CASES, Case
from tests.leakbench.peers import NAMES, Peers, measure

_SECONDS = re.compile(r"\| \d+\.\d\d \|")
SIGNS = {"found": "found", "missed": "–", "false alarm": "false alarm", "no answer": "cannot run"}


def markdown() -> str:
    """The table, and a line that counts it."""
    rows = [(case, measure(case), audited(case, "faulty").seconds) for case in CASES]
    heading = ["kind", "what was reported", "found in", "seconds", *NAMES]
    lines = ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading)]
    lines += ["| " + " | ".join(row(case, peers, f"{seconds:.2f}")) + " |" for case, peers, seconds in rows]
    return "\n".join([*lines, "", counts([peers for _, peers, _ in rows])])


def row(case: Case, peers: Peers, seconds: str) -> tuple[str, ...]:
    """The cells of a case."""
    kind = f"[{case.title}]({case.seen})" if case.seen else case.title
    return (kind, case.report, case.mode, seconds, *(SIGNS[said] for said in (peers.gradient, peers.suffix, peers.nan)))


def counts(all_peers: list[Peers]) -> str:
    """How many each common test finds, and on how many twins it raises a false alarm."""
    parts: list[str] = []
    for position, name in enumerate(NAMES):
        said = [(peers.gradient, peers.suffix, peers.nan)[position] for peers in all_peers]
        alarms = said.count("false alarm")
        parts.append(
            f"{name} finds {said.count('found')}" + f", with {alarms} false alarm{'s' * (alarms != 1)}" * bool(alarms)
        )
    return f"Of {len(all_peers)} kinds, " + "; ".join(parts) + "."


def without_seconds(text: str) -> str:
    """A page without what differs from run to run."""
    return _SECONDS.sub("| |", text)
