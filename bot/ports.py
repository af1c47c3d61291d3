"""
What the edges promise: callable types for the one who asks, and the one family of outages they raise.

An outage is about the world, not about the request: each names what was asked of whom, why it failed, and what a
person can do. Its text is one clean line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.core.facts import NodeName
from bot.core.pods import Question

Ask = Callable[[NodeName, Question, timedelta], bytes]  # the node program's whole output; raises Outage


@dataclass(slots=True, eq=False)
class Outage(Exception):  # noqa: N818  # "Outage" is the word; the classes below say what kind
    """`asked` of `whom` failed: `why`; `then` says what to do. All four are clean single lines."""

    asked: str
    whom: str
    why: str
    then: str

    def __str__(self) -> str:
        return f"{self.asked} on {self.whom} failed: {self.why}. {self.then}"


class Unreachable(Outage):
    """No connection: nothing was asked."""


class TimedOut(Outage):
    """It was asked and did not answer in its time."""


class Refused(Outage):
    """It answered no: wrong credentials, no right, an unknown host key."""


class Missing(Outage):
    """It answered: there is no such object."""


class Garbled(Outage):
    """It answered, and the answer cannot be trusted."""
