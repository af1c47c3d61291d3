"""What dockerd says: its version and settings, and each container as `docker inspect` and `docker ps` have it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.facts import ContainerId, Fact, Known, Unknown, Value
from bot.core.hostile import plain
from bot.probes.frames import Frame
from bot.probes.reading import ID, OUTPUT_CAP, PID_MAX, document, lines, moment, trouble, whole_number, words
from bot.probes.visit import NODE, Answer, Findings, Visit, short

DAEMON = ("docker.answers", "docker.version", "docker.live_restore", "docker.running")
LISTED = ("docker.container.listed",)
INSPECTED = (
    "docker.container.state",
    "docker.container.pid",
    "docker.container.started",
    "docker.container.finished",
    "docker.container.exit_code",
    "docker.container.oom_killed",
)
STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")  # moby, container/state.go
ENDED = ("exited", "dead", "removing")

_NO_CONNECTION = ("Cannot connect to the Docker daemon", "Is the docker daemon running", "error during connect")
_ABSENT = ("No such object", "No such container")
_VERSION = re.compile(r"\s+Version:\s+(\S{1,80})\s*")
_LIVE_RESTORE = re.compile(r"\s{0,4}Live Restore Enabled: (true|false)\s*")
_RUNNING = re.compile(r"\s{0,4}Running: (\d{1,6})\s*")
_EXIT_CODE_MAX = 255
_KUBELET_NAME_PARTS = (6, 7)  # k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT, and a random number after a name clash


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    status: str
    name: str


def daemon(visit: Visit) -> Findings:
    frame = visit.frame("docker.version")
    answers = _answers(frame)
    yield NODE, Fact("docker.answers", answers, "docker version")
    silent = answers if isinstance(answers, Unknown) else _silent(frame) if answers.value is False else None
    yield NODE, Fact("docker.version", silent or _version(frame), "docker version")
    yield NODE, Fact("docker.live_restore", silent or _live_restore(visit.frame("docker.info")), "docker info")
    yield NODE, Fact("docker.running", silent or _running(visit.frame("docker.info")), "docker info")


def listed(visit: Visit) -> Findings:
    """`absent` only when docker ps answered with a whole list."""
    frame = visit.frame("docker.ps")
    wrong = trouble(frame, "docker ps")
    if not wrong and (len(frame.out) >= OUTPUT_CAP or not _columns(frame)):
        wrong = "docker ps was cut, or has other columns than expected"
    found = rows(frame)
    for container in visit.containers:
        row = found.get(container)
        answer = Known(row.status) if row else Unknown(wrong) if wrong else Known("absent")
        yield container, Fact("docker.container.listed", answer, "docker ps -a")


def inspected(visit: Visit) -> Findings:
    for container in visit.containers:
        answers = inspect(visit.frame("docker.inspect", container), container)
        for name in INSPECTED:
            yield container, Fact(name, answers[name], f"docker inspect {short(container)}")


def rows(frame: Frame) -> Mapping[ContainerId, Row]:
    """Every container by its full id; columns are found by their heads, so other columns may stand between."""
    found: dict[ContainerId, Row] = {}
    columns = _columns(frame)
    for line in lines(frame.out)[1:]:
        cells = [line[start:stop].strip() for start, stop in columns]
        if cells and ID.fullmatch(cells[0]):
            found.setdefault(ContainerId(cells[0]), Row(status=plain(cells[1], 80), name=cells[2]))
    return found


def kubelet_name(name: str) -> tuple[str, str] | None:
    """The container's name and its pod's UID, from a name that the kubelet gave to it."""
    parts = name.removeprefix("/").split("_")
    if len(parts) not in _KUBELET_NAME_PARTS or parts[0] != "k8s":
        return None
    return parts[1], parts[4]


def inspected_name(frame: Frame, container: ContainerId) -> str:
    """Empty when the answer is about another container."""
    answer = document(frame.out)
    name = answer.get("Name")
    return name if answer.get("Id") == container and isinstance(name, str) else ""


def recorded_pid(visit: Visit, container: ContainerId) -> int | None:
    answer = inspect(visit.frame("docker.inspect", container), container)["docker.container.pid"]
    return answer.value if isinstance(answer, Known) and isinstance(answer.value, int) else None


def inspect(frame: Frame, container: ContainerId) -> Mapping[str, Answer]:
    """Every fact of one docker inspect."""
    asked = f"docker inspect {short(container)}"
    wrong = trouble(frame, asked)
    if wrong and not frame.timed_out and any(phrase in words(frame) for phrase in _ABSENT):
        none = Unknown("docker has no such container")
        return {**dict.fromkeys(INSPECTED, none), "docker.container.state": Known("absent")}
    answer = document(frame.out)
    state = answer.get("State")
    if not wrong and not isinstance(state, dict):
        wrong = f"{asked} answered with something that cannot be read"
    if not wrong and answer.get("Id") != container:
        wrong = f"{asked} answered about another container"
    return dict.fromkeys(INSPECTED, Unknown(wrong)) if wrong or not isinstance(state, dict) else _state(state)


def _state(state: Mapping[str, object]) -> Mapping[str, Answer]:
    status = state.get("Status")
    if not isinstance(status, str) or status not in STATES:
        return dict.fromkeys(
            INSPECTED, Unknown(f"docker inspect gives a state that is not known: {plain(str(status), 40)}")
        )
    ended = status in ENDED
    lasts = f"docker says it is {status}"
    return {
        "docker.container.state": Known(status),
        "docker.container.pid": _value(
            whole_number(state.get("Pid"), PID_MAX) or None, "dockerd records no pid: to it the container does not run"
        ),
        "docker.container.started": _value(moment(state.get("StartedAt")), "docker records no start"),
        "docker.container.finished": _value(moment(state.get("FinishedAt")), "docker records no end")
        if ended
        else Unknown(lasts),
        "docker.container.exit_code": _value(
            whole_number(state.get("ExitCode"), _EXIT_CODE_MAX), "docker records no exit code"
        )
        if ended
        else Unknown(lasts),
        "docker.container.oom_killed": _value(_flag(state.get("OOMKilled")), "docker inspect does not say"),
    }


def _answers(frame: Frame) -> Answer:
    wrong = trouble(frame, "docker version")
    if not wrong or "Error response from daemon" in words(frame):
        return Known(True)
    if frame.timed_out or any(phrase in words(frame) for phrase in _NO_CONNECTION):
        return Known(False)
    return Unknown(wrong)


def _silent(frame: Frame) -> Unknown:
    if frame.timed_out:
        return Unknown(trouble(frame, "dockerd").replace("answer", "answer docker version"))
    return Unknown("docker version could not connect to dockerd")


def _version(frame: Frame) -> Answer:
    server = False
    for line in lines(frame.out):
        server = server or line.startswith("Server:")
        if server and (match := _VERSION.fullmatch(line)):
            return Known(plain(match[1], 80))
    return Unknown("docker version does not say")


def _live_restore(frame: Frame) -> Answer:
    said = [match[1] for line in lines(frame.out) if (match := _LIVE_RESTORE.fullmatch(line))]
    if said and not frame.timed_out:
        return Known(said[-1] == "true")
    return Unknown(trouble(frame, "docker info") or "docker info does not say")


def _running(frame: Frame) -> Known | Unknown:
    """The first such line is the daemon's own; plugins that are listed later may print anything."""
    said = [int(match[1]) for line in lines(frame.out) if (match := _RUNNING.fullmatch(line))]
    if said and not frame.timed_out:
        return Known(said[0])
    return Unknown(trouble(frame, "docker info") or "docker info does not say")


def _columns(frame: Frame) -> tuple[tuple[int, int | None], ...]:
    """Where id, status and name stand in each line; none when one of them has no head."""
    heads = [(match[0], match.start()) for match in re.finditer(r"\S+(?: \S+)*", lines(frame.out)[0])]
    stops = [*(start for _, start in heads[1:]), None]
    spans = {title: (start, stop) for (title, start), stop in zip(heads, stops, strict=False)}
    wanted = ("CONTAINER ID", "STATUS", "NAMES")
    return tuple(spans[title] for title in wanted) if all(title in spans for title in wanted) else ()


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _value(value: Value | None, otherwise: str) -> Answer:
    return Unknown(otherwise) if value is None else Known(value)
