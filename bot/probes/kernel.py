"""The kernel's own log: who was killed for memory, and what hangs."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.core.facts import ContainerId, Fact, Known, Unknown
from bot.core.hostile import plain
from bot.probes.node import said
from bot.probes.reading import lines, moment, number, trouble
from bot.probes.table import owner
from bot.probes.visit import NODE, Answer, Findings, Visit

LOG = (
    "kernel.oom_kills.container",
    "kernel.oom_kills.pod",
    "kernel.oom_kills.node",
    "kernel.oom_kill.last",
    "kernel.oom_kill.task",
    "kernel.hung_tasks",
    "kernel.hung_task.last",
    "kernel.netdev_waits",
    "kernel.nfs_silent",
    "kernel.read_only",
)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SYSLOG = r"(?:(?P<date>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{1,40}) \S{1,255} kernel: ?)"
_SINCE = r"(?P<since>\d{1,9}\.\d{1,9})"  # boot, in seconds
_CLOCK = r"(?P<clock>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})"  # dmesg -T
_STAMP = rf"(?:\[ *(?:{_SINCE}|{_CLOCK})\] ?)"
_LINE = re.compile(rf"(?:<\d{{1,3}}>)?{_SYSLOG}?{_STAMP}?(?P<text>.*)")
_WHEN = re.compile(r"(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?: (\d{4}))?")

# Linux since 4.19 (mm/oom_kill.c, dump_oom_summary), one line for each kill.
_SUMMARY = re.compile(
    r"oom-kill:constraint=[A-Z_]{1,40},nodemask=[^=]{0,400},cpuset=[^,]*,mems_allowed=[\d,-]*,"
    r"(?:oom_memcg=(?P<limit>[^,]*)|global_oom),task_memcg=(?P<group>[^,]*),task=(?P<task>.{0,64}),pid=\d+,uid=\d+"
)
# Before: the cgroup on one line, the process on the next.
_TASK_IN = re.compile(r"Task in (?P<group>/\S*) killed as a result of limit of (?P<limit>/\S*)")
_ALL_IN = re.compile(r"Tasks in (?P<group>/\S*) are going to be killed due to memory\.oom\.group set")
_KILLED = re.compile(
    r"(?:Memory cgroup out of memory: |Out of memory(?: \([^)]*\))?: )?"
    r"Killed process \d+,? ?(?:UID \d+,? ?)?\((?P<task>.{0,64})\),? .*"
)
_HUNG = re.compile(r"INFO: task .{1,64}:\d+ blocked for more than \d+ seconds\.?.*")
_BTIME_MAX = 1 << 33  # seconds; the year 2242
_POD = re.compile(r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?![0-9a-f])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One process killed for memory. `group` is its cgroup, empty where the log does not tie it to one."""

    group: str
    task: str
    at: datetime | None

    @property
    def pod(self) -> str:
        match = _POD.search(self.group)
        return match[1].replace("_", "-") if match else ""

    @property
    def container(self) -> str:
        return owner(self.group)


def log(visit: Visit) -> Findings:
    frame = visit.frame("kernel")
    wrong = trouble(frame, "dmesg")
    read = [_line(line, visit) for line in lines(frame.out) if line]
    kills = tuple(_kills(read))
    yield from _of_node([text for text, _ in read], len(kills), wrong)
    for asked in visit.question.pods:
        containers = visit.of_pod(asked.uid)
        mine = sum(1 for kill in kills if kill.pod == asked.uid or kill.container in containers)
        yield asked.uid, Fact("kernel.oom_kills.pod", _count(mine, wrong), "dmesg")
    for container in visit.containers:
        yield from _of_container(container, [kill for kill in kills if kill.container == container], wrong)


def _of_node(texts: list[str], kills: int, wrong: str) -> Findings:
    yield NODE, Fact("kernel.oom_kills.node", _count(kills, wrong), "dmesg")
    for name, sign in _SIGNS.items():
        found = [text for text in texts if sign.fullmatch(text)]
        yield NODE, Fact(name, _count(len(found), wrong), "dmesg")
        if name == "kernel.hung_tasks":
            none = Unknown(wrong or "no task hung, by the kernel's log")
            yield NODE, Fact("kernel.hung_task.last", Known(plain(found[-1])) if found else none, "dmesg")


def _of_container(container: ContainerId, kills: list[Kill], wrong: str) -> Findings:
    none = Unknown(wrong or "no OOM kill in this container, by the kernel's log")
    times = [kill.at for kill in kills if kill.at is not None]
    untimed = Unknown("the kernel's log gives no time that can be read") if kills else none
    killed = [kill.task for kill in kills if kill.task]
    yield container, Fact("kernel.oom_kills.container", _count(len(kills), wrong), "dmesg")
    yield container, Fact("kernel.oom_kill.last", Known(max(times)) if times else untimed, "dmesg")
    yield container, Fact("kernel.oom_kill.task", Known(killed[-1]) if killed else none, "dmesg")


def _count(found: int, wrong: str) -> Answer:
    """What was found before something went wrong is still true; that nothing was found is not."""
    return Known(found) if found or not wrong else Unknown(wrong)


def _kills(read: Iterable[tuple[str, datetime | None]]) -> Iterator[Kill]:
    """
    One kill is told on two lines, its cgroup and then its process, and counts once.

    Process ids in the kernel's log are not looked at: they are soon somebody else's.
    """
    open_: Kill | None = None
    group = ""
    for text, at in read:
        match = _SUMMARY.fullmatch(text) or _TASK_IN.fullmatch(text)
        if match is not None:
            if open_ is not None:
                yield open_
            named = match.groupdict()
            inside = (named["group"] + "/").startswith((named["limit"] or "").rstrip("/") + "/")
            open_ = Kill(group=named["group"] if inside else "", task=plain(named.get("task") or "", 40), at=at)
            group = ""
        elif match := _ALL_IN.fullmatch(text):
            group = match["group"]
        elif match := _KILLED.fullmatch(text):
            task = plain(match["task"], 40)
            yield replace(open_, task=task) if open_ is not None else Kill(group=group, task=task, at=at)
            open_ = None
    if open_ is not None:
        yield open_


def _line(line: str, visit: Visit) -> tuple[str, datetime | None]:
    """The message without its stamps, and when it was written."""
    match = _LINE.fullmatch(line)
    found = match.groupdict() if match else {}
    booted = number(said(visit).get("btime", ""), _BTIME_MAX)
    at = _when(found.get("clock") or found.get("date") or "", visit.now)
    if since := found.get("since"):
        at = None if booted is None else datetime.fromtimestamp(booted, UTC) + timedelta(seconds=float(since))
    return found.get("text") or "", at


def _when(text: str, now: datetime) -> datetime | None:
    """A clock time of the node, taken as UTC; without a year, the last such day that is not ahead of tomorrow."""
    match = _WHEN.fullmatch(text)
    if match is None:
        return moment(text)
    month, day, hour, minute, second, year = match.groups()
    if month not in _MONTHS:
        return None
    for candidate in (int(year),) if year else (now.year + 1, now.year, now.year - 1):
        try:
            at = datetime(
                candidate, _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
            )
        except ValueError:
            continue
        if year or at <= now + timedelta(days=1):
            return at
    return None


_SIGNS = {
    "kernel.hung_tasks": _HUNG,
    "kernel.netdev_waits": re.compile(r"unregister_netdevice: waiting for .*"),
    "kernel.nfs_silent": re.compile(r"nfs: server .* not responding.*"),
    "kernel.read_only": re.compile(r".*Remounting filesystem read-only.*"),
}
