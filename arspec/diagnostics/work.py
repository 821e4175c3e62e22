"""What reading a spec costs, counted in things and not in seconds, so that it is the same on every machine.

Each kind of thing has a limit. Whoever is about to make some of them says so first, and is refused where they are too
many: a hostile spec costs no more than the limits together allow.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of thing that is counted: the name of its limit, the limit, the code of the refusal, what it is in words,
    and how to make fewer.

    steps: what one of it costs beside the others, in about microseconds."""

    limit: str
    most: int
    code: str
    what: str
    help: str
    steps: float


KINDS = {
    "characters": Kind("MAX_TEXT", 1 << 20, "AR222", "characters, those of the specs that it extends counted in",
                       "shorten its texts", 4),
    "values": Kind("MAX_VALUES", 1 << 19, "AR222", "values, those of a block counted for each of its instances",
                   "repeat less, or make the lists shorter", 4),
    "expressions": Kind("MAX_EXPRESSIONS", 1 << 21, "AR222",
                        "characters in its expressions and masks, those of a block "
                        "counted for each of its instances", "repeat less", 1),
    "names": Kind("MAX_NAMES", 1 << 21, "AR222", "names, those that a block can use counted for each of its instances",
                  "repeat less, or state fewer parameters, inputs and outputs", 0.3),
    "nodes": Kind("MAX_NODES", 20_000, "AR211", "nodes and instances of blocks", "repeat less", 100),
    "references": Kind("MAX_FOLLOWED", 1 << 20, "AR211", "nodes that its references name or pass by", "repeat less",
                       0.2),
    "sites": Kind("MAX_SITES", 1 << 28, "AR413", "sites of all its nodes", "repeat less, or make the data smaller", 0),
    "reads": Kind("MAX_READS", 1 << 29, "AR413", "operations to work out, of masks and of the tables that say which "
                  "site reads which", "make the data, the kernels or the masks smaller", 0.005),
}  # fmt: skip


class Work:
    """Counts what is made while one spec is read, by the names of KINDS."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(KINDS, 0)

    def room(self, kind: str) -> int:
        """How many more of a kind there may be."""
        return KINDS[kind].most - self.counts[kind]

    def take(self, kind: str, count: int) -> bool:
        """Counts what is about to be made. False, and nothing counted, where there is no room for it."""
        total = self.counts[kind] + count
        if total > KINDS[kind].most:
            return False
        self.counts[kind] = total
        return True

    @property
    def steps(self) -> float:
        """All of it together, in steps of about a microsecond on one core."""
        return sum(KINDS[kind].steps * count for kind, count in self.counts.items())
