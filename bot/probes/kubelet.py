"""The kubelet's log about the pods asked after. It supports a verdict and never decides one: lines come and go."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.core.facts import Fact, Known, Unknown
from bot.core.hostile import plain
from bot.core.pods import Asked
from bot.probes.reading import LOG_CAP, lines, trouble
from bot.probes.visit import NODE, Answer, Findings, Visit

LOG = (
    "kubelet.stop_timeouts",
    "kubelet.termination_failures",
    "kubelet.no_ref",
    "kubelet.unmount_errors",
    "kubelet.cni_errors",
    "kubelet.last_error",
    "kubelet.pleg_unhealthy",
)

# klog: Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg. What stands before it is rsyslog's or the journal's; file:line
# moves with every release and is not looked at.
_HEADER = re.compile(r"(?:^|[ \t])([IWEF])(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{6})[ \t]+\d+ [\w.-]{1,80}:\d+\] ")
_UID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_SOURCE = re.compile(r"# source((?: (?:journal|/[\w./-]{1,200}))+)")

# Messages up to 1.20, and as structured logging has them since; anchored, since what follows may quote a workload.
_STOP = re.compile(r'(?:StopContainer|StopPodSandbox) "[^"]*" from|"(?:StopContainer|StopPodSandbox) from')
_SANDBOX = re.compile(r'StopPodSandbox "[^"]*" from|"StopPodSandbox from')
_TOO_LATE = re.compile(r"DeadlineExceeded|context deadline exceeded|operation timeout")
_NETWORK = re.compile(r"networkPlugin cni failed|(?:destroy|tear ?down).{0,200}\bnetwork\b", re.IGNORECASE)
_CNI = re.compile(r'"?Error deleting .{1,300} from network')
_NO_REF = re.compile(r"No ref for container ")
_VOLUME = re.compile(
    r'Operation for .{1,2000}(?:UnmountVolume|UnmountDevice|TearDown)|"?(?:UnmountVolume|UnmountDevice)\b|'
    r'"?[Uu]nmount failed|"?Error cleaning subPath|"?Orphaned pod'
)
# One failed try writes a line of each kind, so the kind seen most often counts the tries.
_FAILURES = {
    "termination": re.compile(r'Container "[^"]*" termination failed|"Container termination failed'),
    "kill": re.compile(r'killContainer "[^"]*"\(.{1,300}\) for pod "[^"]*" failed|"Kill container failed"'),
    "sync": re.compile(r'"?Error syncing pod.{0,4000}(?:KillContainerError|KillPodSandboxError|CRI violation)'),
    "pod": re.compile(r'"?Failed killing the pod|error killing pod: '),
}
_PLEG = re.compile(r'"?[Ss]kipping pod synchronization.{0,2000}PLEG is not healthy')


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    severity: str
    at: datetime
    text: str


def log(visit: Visit) -> Findings:
    frame = visit.frame("kubelet.log")
    raw = [line for line in lines(frame.out, LOG_CAP) if line]
    match = _SOURCE.fullmatch(raw[0]) if raw else None
    source = "the kubelet's log"
    if match is not None:
        raw, source = (
            raw[1:],
            ", ".join("journalctl -u kubelet" if place == "journal" else place for place in match[1].split()),
        )
    read = [line for text in raw if (line := _line(text, visit.now)) is not None]
    wrong = trouble(frame, "the kubelet's log")
    if not wrong and raw and not read:
        wrong = "the kubelet's log has another format than klog's"
    for asked in visit.question.pods:
        for name, answer in _of_pod(list(_about(visit, asked, read)), wrong).items():
            yield asked.uid, Fact(f"kubelet.{name}", answer, source)
    unhealthy = sum(1 for line in read if _PLEG.match(line.text))
    yield NODE, Fact("kubelet.pleg_unhealthy", _count(unhealthy, wrong), source)


def _of_pod(about: list[Line], wrong: str) -> dict[str, Answer]:
    def seen(pattern: re.Pattern[str], also: re.Pattern[str] | None = None) -> int:
        return sum(1 for line in about if pattern.match(line.text) and (also is None or also.search(line.text)))

    errors = [line for line in about if line.severity in "EF"]
    last = max(errors, key=lambda line: line.at, default=None)
    none = Unknown(wrong or "the kubelet's log has no error about this pod")
    return {
        "stop_timeouts": _count(seen(_STOP, _TOO_LATE), wrong),
        "termination_failures": _count(max(seen(pattern) for pattern in _FAILURES.values()), wrong),
        "no_ref": _count(seen(_NO_REF), wrong),
        "unmount_errors": _count(seen(_VOLUME), wrong),
        "cni_errors": _count(seen(_SANDBOX, _NETWORK) + seen(_CNI), wrong),
        "last_error": none if last is None else Known(plain(last.text)),
    }


def _about(visit: Visit, asked: Asked, read: Iterable[Line]) -> Iterable[Line]:
    """Lines with the pod's UID or a container of it; with its name only where no UID says that it is another's."""
    tokens = (asked.uid, *visit.of_pod(asked.uid))
    names = (f"{asked.name}_{asked.namespace}(", f'pod="{asked.namespace}/{asked.name}"')
    for line in read:
        named = any(name in line.text for name in names) and not _UID.search(line.text)
        if named or any(token in line.text for token in tokens):
            yield line


def _line(text: str, now: datetime) -> Line | None:
    """None without a klog header: the rest of a message of several lines."""
    match = _HEADER.search(text)
    if match is None:
        return None
    severity = match[1]
    month, day, hour, minute, second, microsecond = (int(group) for group in match.groups()[1:])
    for year in (now.year + 1, now.year, now.year - 1):  # klog writes no year
        try:
            at = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
        except ValueError:
            continue
        if at <= now + timedelta(days=1):
            return Line(severity=severity, at=at, text=text[match.end() :])
    return None


def _count(found: int, wrong: str) -> Answer:
    """What was read before something went wrong is still true; that nothing was found is not."""
    return Known(found) if found or not wrong else Unknown(wrong)
