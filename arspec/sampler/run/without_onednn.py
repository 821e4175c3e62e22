"""torch as small steps want it."""

from __future__ import annotations

from threading import Lock

import torch


class WithoutOneDNN:
    """Keeps torch from calling oneDNN for functions of a few numbers, where the call takes longer than the function (a
    gelu of 512 numbers: 7 µs against 1), as long as any thread is within. Products that the executor has packed for
    oneDNN stay with it."""

    def __init__(self) -> None:
        self.inside, self.before, self.lock = 0, True, Lock()

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.before = torch.backends.mkldnn.enabled
                torch.backends.mkldnn.enabled = False
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                torch.backends.mkldnn.enabled = self.before


WITHOUT_ONEDNN = WithoutOneDNN()
