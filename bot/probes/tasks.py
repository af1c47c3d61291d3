"""What containerd says, by ctr: the list of tasks, one task's processes, and what its shim answers for itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.core.facts import ContainerId
from bot.probes.frames import Frame
from bot.probes.reading import ID, PID_MAX, document, lines, moment, number, trouble, whole_number, words
from bot.probes.visit import Visit, short

STATUSES = ("UNKNOWN", "CREATED", "RUNNING", "STOPPED", "PAUSED", "PAUSING")  # containerd, api/types/task
ANSWERED = ("CREATED", "RUNNING", "STOPPED", "PAUSED", "PAUSING")  # the shim gave it; UNKNOWN is said in its place

_ABSENT = ("no running task found", ": not found")
_TOO_LATE = ("DeadlineExceeded", "context deadline exceeded")
_INFO_ID = re.compile(r"ExecID:([0-9a-f]{64})\b")
_EXIT_STATUS_MAX = 0xFFFFFFFF  # uint32, containerd, api/services/tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    pid: int  # 0: containerd could not ask the shim
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """`ctr task ps` of one container: its pids where it answered, in order; `init` where it says which that is."""

    pids: tuple[int, ...] = ()
    init: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the shim says of the container's own process, asked past containerd."""

    status: str
    pid: int | None
    exit_code: int | None
    exited: datetime | None


def rows(frame: Frame) -> Mapping[ContainerId, Row]:
    """The list of tasks; empty unless ctr ended well."""
    found: dict[ContainerId, Row] = {}
    for line in lines(frame.out) if frame.exit_code == 0 else ():
        cells = line.split()
        pid = number(cells[1], PID_MAX) if len(cells) == 3 else None  # noqa: PLR2004 -- TASK, PID, STATUS
        if pid is not None and ID.fullmatch(cells[0]) and cells[2] in STATUSES:
            found.setdefault(ContainerId(cells[0]), Row(pid=pid, status=cells[2]))
    return found


def listed(frame: Frame, container: ContainerId) -> Listed | None:
    """None unless ctr answered. Up to containerd 1.2 INFO names the process: the container's own has its id."""
    rows_ = lines(frame.out)
    if frame.exit_code != 0 or rows_[0].split()[:1] != ["PID"]:
        return None
    pids: list[int] = []
    init: int | None = None
    for row in rows_[1:]:
        cells = row.split(maxsplit=1)
        pid = number(cells[0], PID_MAX) if cells else None
        if pid:
            pids.append(pid)
            match = _INFO_ID.search(row)
            init = pid if match and match[1] == container and init is None else init
    return Listed(pids=tuple(pids), init=init if init or len(pids) != 1 else pids[0])


def has_no_task(frame: Frame) -> bool:
    return not frame.timed_out and frame.exit_code != 0 and any(phrase in words(frame) for phrase in _ABSENT)


def ran_out_of_time(frame: Frame) -> bool:
    return frame.timed_out or (frame.exit_code != 0 and any(phrase in words(frame) for phrase in _TOO_LATE))


def state(frame: Frame) -> State | None:
    """None unless the shim answered. A status comes as a number or, from newer ctr, as a word."""
    answer = document(frame.out) if frame.exit_code == 0 else {}
    status = answer.get("status")
    word = STATUSES[status] if type(status) is int and 0 <= status < len(STATUSES) else status
    if not isinstance(word, str) or word not in STATUSES:
        return None
    return State(
        status=word,
        pid=whole_number(answer.get("pid"), PID_MAX) or None,
        exit_code=whole_number(answer.get("exit_status", 0), _EXIT_STATUS_MAX),
        exited=moment(answer.get("exited_at")),
    )


def init_pid(visit: Visit, container: ContainerId) -> int | None:
    """The pid of the container's own process as containerd or the shim has it; None where neither can say."""
    row = rows(visit.frame("containerd.tasks")).get(container)
    if row is not None and row.pid:
        return row.pid
    said = state(visit.frame("containerd.shim", container))
    if said is not None and said.pid is not None:
        return said.pid
    answer = listed(visit.frame("containerd.task", container), container)
    return answer.init if answer is not None else None


def list_asked(visit: Visit) -> str:
    return f"{visit.ctr} task ls"


def task_asked(visit: Visit, container: ContainerId) -> str:
    return f"{visit.ctr} task ps {short(container)}"


def state_asked(visit: Visit, container: ContainerId) -> str:
    return f"{visit.ctr} shim --id {short(container)} state"


def answers(visit: Visit) -> bool | None:
    """Whether containerd itself returned an answer; None when ctr could not be run."""
    frame = visit.frame("containerd.version")
    if not trouble(frame, "ctr version"):
        return True
    refused = ("connection refused", "no such file or directory", "failed to dial", *_TOO_LATE)
    return False if frame.timed_out or any(phrase in words(frame) for phrase in refused) else None
