"""Work beside the conversation: proofs at once, what takes longer after them, and nothing that is no longer wanted.

Two threads: one proves, the other finds contexts and mends. While there is something to prove, the second one waits
between two nodes. Work whose text has changed ends between two nodes (`arspec.progress.while_wanted`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from arspec.lsp.documents import Ticket
from arspec.progress import GivenUp, while_wanted

T = TypeVar("T")
PATIENCE = 0.5  # seconds that slow work waits for a proof before it looks again whether it is wanted

log = logging.getLogger("arspec.lsp")


class Background:
    """Runs work for texts. `begun` and `given_up` count it."""

    def __init__(self) -> None:
        self._quick = ThreadPoolExecutor(1, "arspec-proof")
        self._slow = ThreadPoolExecutor(1, "arspec-contexts")
        self._lock = threading.Lock()
        self._proving = 0
        self._quiet = threading.Event()
        self._quiet.set()
        self._ended = False
        self.begun = self.given_up = 0

    def prove(self, ticket: Ticket, work: Callable[[], T]) -> Future[T | None]:
        """The result of quick work, None where it was given up or failed."""
        with self._lock:
            self._proving += 1
            self._quiet.clear()
        return self._submit(self._quick, work, lambda: self._wanted(ticket), self._proved)

    def study(self, ticket: Ticket, work: Callable[[], T]) -> Future[T | None]:
        """The result of slow work, None where it was given up or failed."""

        def wanted() -> bool:
            while self._wanted(ticket) and not self._quiet.wait(PATIENCE):
                pass
            return self._wanted(ticket)

        return self._submit(self._slow, work, wanted, lambda: None)

    def end(self) -> None:
        """No further work; what runs ends between two nodes."""
        self._ended = True
        self._quiet.set()
        for pool in (self._quick, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)

    def _wanted(self, ticket: Ticket) -> bool:
        return ticket.wanted and not self._ended

    def _proved(self) -> None:
        with self._lock:
            self._proving -= 1
            if not self._proving:
                self._quiet.set()

    def _submit(
        self, pool: ThreadPoolExecutor, work: Callable[[], T], wanted: Callable[[], bool], after: Callable[[], None]
    ) -> Future[T | None]:
        def run() -> T | None:
            try:
                if not wanted():
                    raise GivenUp
                with while_wanted(wanted):
                    return work()
            except GivenUp:
                self.given_up += 1
            except Exception:  # the server goes on; who reads its log sees why
                log.exception("work on a text failed")
            finally:
                after()
            return None

        if self._ended:
            gone: Future[T | None] = Future()
            gone.set_result(None)
            return gone
        self.begun += 1
        return pool.submit(run)
