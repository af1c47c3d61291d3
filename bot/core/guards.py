"""
What stops a repair that people agreed on: asked when a plan is made, at each vote, and again at the last moment.

Stop conditions are stronger than go conditions, and what is not known stops too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from bot.core.consent import Person
from bot.core.facts import NodeName, Unknown
from bot.core.plans import Plan
from bot.core.refusals import Refusal, refusal
from bot.core.repairs import BY_ID, Risk

State = Literal["checking", "acting", "verifying", "unsettled", "done", "failed", "not-done"]
LOCKING: frozenset[State] = frozenset({"checking", "acting", "verifying", "unsettled"})
RUNNING: frozenset[State] = LOCKING - {"unsettled"}
_DAY = timedelta(days=1)
_BREAKS_AFTER: Mapping[Risk, int] = {"low": 2, "medium": 2, "high": 1, "critical": 1}  # failed or unknown verifications


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """The one attempt to carry out one plan. `op` is the operation id on the node; `place` is what it locks."""

    op: str
    plan: str
    incident: int
    repair: str
    cause: str
    cluster: str
    place: str
    node: NodeName | None
    state: State
    claimed: datetime
    intent: datetime | None = None
    ended: datetime | None = None
    why: str = ""
    blamed: bool = False  # it failed, or its outcome was unknown at some time: what the breaker counts
    requester: str = ""
    reason: str = ""  # of the request
    approvers: tuple[str, ...] = ()

    @property
    def locks(self) -> bool:
        return self.state in LOCKING

    @property
    def runs(self) -> bool:
        return self.state in RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    who: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """No repairs from `start` to `end`, minutes since midnight by the wall clock of `zone`; over it if end <= start."""

    name: str
    days: frozenset[int]  # Monday is 0: the day on which the window starts
    start: int
    end: int
    zone: ZoneInfo
    clusters: frozenset[str]  # empty: all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Per node: repairs that more than one dead container feels, in half an hour and in a day; others in an hour."""

    wide_half_hour: int = 1
    wide_day: int = 2
    narrow_hour: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the settings say: it changes only when they do, but for who is in a group."""

    people: Mapping[str, Person]  # and groups, by their ids
    seal_key: bytes = field(repr=False)
    own_node: NodeName | Unknown | None  # None: the bot runs on no node of a cluster
    rates: Rates = Rates()
    windows: tuple[Window, ...] = ()
    storm_nodes: int = 3
    storm_within: timedelta = timedelta(minutes=10)
    verify_within: timedelta = timedelta(minutes=5)
    owner_patience: timedelta = timedelta(seconds=60)  # without a sign of life, a process on the same store is dead


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What else is going on, read in the transaction that decides."""

    pause: Pause | Unknown | None
    executions: Sequence[Execution]  # of the last day at least, and every one that locks
    struck: Mapping[str, Sequence[tuple[str, datetime]]]  # cluster -> (node, since when) of open incidents on nodes
    resumed: Mapping[str, datetime]  # cluster -> when a person last looked at its failures; "" for all
    playbooks: Mapping[str, str]  # cause -> digest of its file as it is now


def stopped(plan: Plan, policy: Policy, around: Around, now: datetime) -> Refusal | None:
    """The first guard that says no. The plan's own execution does not stand in its way."""
    for guard in _GUARDS:
        if found := guard(plan, policy, around, now):
            return found
    return None


def paused(pause: Pause | Unknown | None) -> Refusal | None:
    """What a pause says to whoever wants something done."""
    match pause:
        case None:
            return None
        case Unknown(why):
            return refusal("pause-unknown", why=why)
        case Pause():
            return refusal("paused", since=_clock(pause.since), who=pause.who, reason=pause.reason or "no reason given")
        case _:
            assert_never(pause)


def _paused(_: Plan, __: Policy, around: Around, ___: datetime) -> Refusal | None:
    return paused(around.pause)


def _storm(plan: Plan, policy: Policy, around: Around, now: datetime) -> Refusal | None:
    began = now - policy.storm_within
    nodes = {node for node, since in around.struck.get(plan.target.cluster, ()) if since > began}
    if len(nodes) < policy.storm_nodes:
        return None
    return refusal("storm", nodes=len(nodes), within=_span(policy.storm_within))


def _blackout(plan: Plan, policy: Policy, _: Around, now: datetime) -> Refusal | None:
    for window in policy.windows:
        if window.clusters and plan.target.cluster not in window.clusters:
            continue
        if until := until_open(window, now):
            return refusal(
                "blackout", where=plan.target.cluster, until=until.strftime("%a %H:%M %Z"), window=window.name
            )
    return None


def _own_node(plan: Plan, policy: Policy, _: Around, __: datetime) -> Refusal | None:
    if BY_ID[plan.repair].by != "node":
        return None
    match policy.own_node:
        case Unknown(why):
            return refusal("own-node-unknown", why=why)
        case own:
            return refusal("own-node", node=own) if own is not None and own == plan.target.node else None


def _locked(plan: Plan, _: Policy, around: Around, __: datetime) -> Refusal | None:
    others = [each for each in around.executions if each.op != plan.op and each.cluster == plan.target.cluster]
    for each in others:
        if each.place == plan.place and each.state == "unsettled":
            return refusal("node-locked", node=each.place, repair=each.repair, incident=each.incident)
    for each in others:
        if each.place == plan.place and each.runs:
            return refusal("node-busy", node=each.place, repair=each.repair)
    for each in others:
        if each.runs:
            return refusal("cluster-busy", cluster=each.cluster, repair=each.repair, node=each.place)
    return None


def _rate(plan: Plan, policy: Policy, around: Around, now: datetime) -> Refusal | None:
    wide, rates = BY_ID[plan.repair].wide, policy.rates
    limits = (
        ((timedelta(minutes=30), rates.wide_half_hour), (_DAY, rates.wide_day))
        if wide
        else ((timedelta(hours=1), rates.narrow_hour),)
    )
    for within, most in limits:
        past = [
            each
            for each in around.executions
            if each.op != plan.op
            and (each.cluster, each.place) == (plan.target.cluster, plan.place)
            and BY_ID[each.repair].wide == wide
            and each.state != "not-done"
            and each.intent is not None
            and each.intent > now - within
        ]
        if len(past) >= most:
            return refusal("rate", node=plan.place, count=len(past), within=_span(within), most=most)
    return None


def _breaker(plan: Plan, _: Policy, around: Around, now: datetime) -> Refusal | None:
    looked = max(around.resumed.get(plan.target.cluster, now - _DAY), around.resumed.get("", now - _DAY), now - _DAY)
    failed = [
        each
        for each in around.executions
        if each.blamed
        and each.op != plan.op
        and (each.cluster, each.cause, each.repair) == (plan.target.cluster, plan.cause, plan.repair)
        and (each.ended or each.claimed) > looked  # what ran on while a person looked was not yet seen to fail
    ]
    if len(failed) < _BREAKS_AFTER[plan.risk]:
        return None
    since = _clock(min(each.claimed for each in failed))
    where, times = plan.target.cluster, "once" if len(failed) == 1 else f"{len(failed)} times"
    return refusal(
        "breaker", repair=plan.repair, cause=plan.cause or "no cause", cluster=where, times=times, since=since
    )


def _budgets(plan: Plan, _: Policy, __: Around, ___: datetime) -> Refusal | None:
    zero = plan.touches.budgets_at_zero
    return refusal("budget-zero", budget=", ".join(zero)) if zero else None


_GUARDS: tuple[Callable[[Plan, Policy, Around, datetime], Refusal | None], ...] = (
    _paused,
    _storm,
    _blackout,
    _own_node,
    _locked,
    _rate,
    _breaker,
    _budgets,
)


def until_open(window: Window, now: datetime) -> datetime | None:
    """When the window ends, if it is on now. The wall clock of its zone counts, summer and winter."""
    local = now.astimezone(window.zone)
    for back in (0, 1):
        day = (local - timedelta(days=back)).date()
        if day.weekday() not in window.days:
            continue
        start = datetime(day.year, day.month, day.day, tzinfo=window.zone) + timedelta(minutes=window.start)
        over = window.end if window.end > window.start else window.end + 24 * 60
        end = datetime(day.year, day.month, day.day, tzinfo=window.zone) + timedelta(minutes=over)
        if start <= local < end:
            return end.replace(fold=local.fold)
    return None


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes >= 60 and minutes % 60 == 0 else f"{minutes} min"  # noqa: PLR2004  # an hour
