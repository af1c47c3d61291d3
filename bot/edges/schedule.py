"""The metronome: what is done again and again, each by itself, none twice at once. The only door of APScheduler."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger("terminating")

THREADS = 16  # sweeps of clusters that hang, side by side, and still room for the others


class Metronome:
    def __init__(self) -> None:
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a beat that is skipped is not news
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(THREADS)},
            # One that comes late is done once, however many beats were missed; one that takes long is not overtaken.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def every(self, span: timedelta, name: str, do: Callable[[], None]) -> None:
        """From now on, first at once."""

        def guarded() -> None:
            try:
                do()
            except Exception:  # the scheduler's door: one beat that fails is no reason to miss the next
                log.exception("%s failed", name)

        seconds = span.total_seconds()
        self._scheduler.add_job(
            guarded, "interval", seconds=seconds, id=name, name=name, next_run_time=datetime.now(UTC)
        )

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """Waits for what runs."""
        self._scheduler.shutdown(wait=True)
