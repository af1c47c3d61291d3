"""Hands of our own for what people ask: it may take long, and the library's five threads would be taken by it."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from slack_bolt import BoltResponse

log = logging.getLogger("terminating")

_HANDS = 16
# Where each takes twenty seconds, the last of so many is answered before its response URL is over.
MOST = 1_000


class Hands:
    """Any thread may call. `close` waits for what was begun."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_HANDS, thread_name_prefix="hands")
        self._lock = Lock()
        self._waiting = 0

    def admit(self, next_: Callable[[], BoltResponse]) -> BoltResponse:
        """In front of all listeners. What is not acknowledged, Slack itself tells the person: it did not work."""
        if self._waiting < MOST:
            return next_()
        log.error("a click or a command is not taken: %s wait already. Slack says so to whoever it was", MOST)
        return BoltResponse(status=503)

    def do(self, what: Callable[[], None], then: "Callable[[Future[None]], None]") -> None:
        """`then` hears of its end, and is part of it."""
        with self._lock:
            self._waiting += 1
        done = self._pool.submit(what)
        done.add_done_callback(then)
        done.add_done_callback(self._done)

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def _done(self, _: "Future[None]") -> None:
        with self._lock:
            self._waiting -= 1
