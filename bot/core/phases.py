"""
The words of an incident: its phases, what can happen to it, and what follows. Closed unions of frozen values.

A running incident without a plan and its votes cannot be built. Effects that read or tell are repeated until done;
`act` changes the world and is performed at most once, after `Sending` was committed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from bot.core.acts import Outcome
from bot.core.consent import Vote
from bot.core.facts import NodeName, PodUid
from bot.core.findings import Finding
from bot.core.guards import Execution
from bot.core.plans import Plan
from bot.core.pods import Hold
from bot.core.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A stuck pod of the incident."""

    namespace: str
    name: str
    uid: PodUid
    owner: str | None
    deadline: datetime
    node: NodeName | None

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


# ---- phases


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Seen, and not diagnosed; `why` says why not, once that was tried."""

    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    finding: Finding
    plan: Plan
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """Approved: everything is looked at once more."""

    finding: Finding
    plan: Plan
    votes: tuple[Vote, ...]
    approved: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """The intent is on record; `sent` once it was on its way."""

    finding: Finding
    plan: Plan
    votes: tuple[Vote, ...]
    approved: datetime
    intent: datetime
    sent: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifying:
    finding: Finding
    plan: Plan
    votes: tuple[Vote, ...]
    approved: datetime
    acted: datetime
    said: tuple[str, ...]
    clear_since: datetime | None
    last: str  # what the last look found


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """Outcome unknown: the place stays locked until evidence or a person settles it."""

    finding: Finding
    plan: Plan
    votes: tuple[Vote, ...]
    approved: datetime
    since: datetime
    why: str
    asking: bool  # whether evidence can still settle it


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    outcome: Literal["resolved", "resolved late", "resolved itself"]  # late: after a fix that had counted as failed
    at: datetime


Phase = Open | Diagnosed | Proposed | Checking | Acting | Verifying | Unsettled | Closed
Approved = Checking | Acting | Verifying | Unsettled


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`id` is 0 until it is stored. `last` is the newest thing that people should know of a plan that ended."""

    id: int
    cluster: str
    hold: Hold
    members: tuple[Member, ...]
    phase: Phase
    opened: datetime
    nth: int  # of this hold in 7 days
    executions: tuple[Execution, ...] = ()
    last: str = ""
    returned: int = 0  # how often it was reopened

    @property
    def open(self) -> bool:
        return not isinstance(self.phase, Closed)

    def with_id(self, id_: int) -> "Incident":
        return replace(self, id=id_)


# ---- events


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A sweep found these pods stuck in this hold; `gone` are those proved gone, by a read that no cache answers."""

    members: tuple[Member, ...]
    gone: frozenset[PodUid]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """The diagnosis could not be made."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A plan drawn for somebody who asked, with the finding it was drawn from."""

    finding: Finding
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    vote: Vote


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked:
    """The plan as it would be drawn now, or why it would not be."""

    now: Plan | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A worker is about to act: the last moment to stop it."""

    op: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What became of the act, by whoever sent it, or by asking afterwards."""

    op: str
    outcome: Outcome
    why: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The process that owned this execution is no more."""

    op: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One look after the act, at the API and at the node: clear, still held, or not to be seen."""

    op: str
    found: Literal["clear", "held", "blind"]
    says: str
    beside: str = (
        ""  # what became of the node's other containers meanwhile; a sentence, or nothing where nobody counted
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    person: str
    done: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time passed."""


Event = Seen | Judged | Blind | Asked | Voted | Rechecked | Sending | Reported | Lost | Looked | Settled | Tick

# ---- effects: each is about the incident it comes from

Effect = Literal[
    "tell",  # make the message match the incident
    "diagnose",
    "recheck",
    "act",
    "ask",  # what became of an act whose reply was lost: settled by evidence, if there is any
    "look",
]
EFFECTS: tuple[Effect, ...] = get_args(Effect)


AFTER: Mapping[Effect, timedelta] = {  # performed so long after its commit, not at once
    "ask": timedelta(seconds=3),
    "look": timedelta(seconds=3),
}


@dataclass(frozen=True, slots=True)
class Accepted:
    incident: Incident
    effects: tuple[Effect, ...] = ()


def name_of(phase: Phase) -> str:
    """As people and tables say it: open, diagnosed, proposed, checking, acting, verifying, unsettled, closed."""
    return type(phase).__name__.lower()
