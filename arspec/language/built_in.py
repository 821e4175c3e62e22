"""The parameters that arspec itself gives."""

from __future__ import annotations

BUILT_IN = {
    "head": "numbers that the head needs, over all channels of a pixel",
    "levels": "levels of the data",
    "channels": "channels of the data",
    "groups": "channel groups: the channels where they are generated one after another, else 1",
    "i": "the number of the repetition, from 0",
}
