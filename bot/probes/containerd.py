"""What containerd knows of itself and of each container's task."""

from bot.core.facts import ContainerId, Fact, Known, Unknown
from bot.core.hostile import plain
from bot.probes import tasks
from bot.probes.processes import init, left
from bot.probes.reading import OUTPUT_CAP, lines, trouble
from bot.probes.visit import NODE, Answer, Findings, Visit

DAEMON = ("containerd.answers", "containerd.version", "containerd.list_answers")
TASKS = ("containerd.task.status", "containerd.task.pid", "containerd.task.exit_code", "containerd.task.exited")


def daemon(visit: Visit) -> Findings:
    frame, asked = visit.frame("containerd.version"), f"{visit.ctr} version"
    answers = tasks.answers(visit)
    wrong = trouble(frame, asked)
    yield NODE, Fact("containerd.answers", Unknown(wrong) if answers is None else Known(answers), asked)
    yield NODE, Fact("containerd.version", Unknown(wrong) if wrong else _version(visit), asked)
    listing = visit.frame("containerd.tasks")
    if tasks.ran_out_of_time(listing) or not trouble(listing, "ctr"):
        returned: Answer = Known(not tasks.ran_out_of_time(listing))
    else:
        returned = Unknown(trouble(listing, tasks.list_asked(visit)))
    yield NODE, Fact("containerd.list_answers", returned, tasks.list_asked(visit))


def known_tasks(visit: Visit) -> Findings:
    frozen = {
        container for container, fact in left(visit) if fact.name == "cgroup.frozen" and fact.answer == Known(True)
    }
    found = tasks.rows(visit.frame("containerd.tasks"))
    for container in visit.containers:
        listed = container in found
        source = tasks.list_asked(visit) if listed else tasks.task_asked(visit, container)
        yield container, Fact("containerd.task.status", _status(visit, container, frozen=container in frozen), source)
        yield container, Fact("containerd.task.pid", _pid(visit, container), source)
        code, exited = _ended(visit, container)
        asked = tasks.state_asked(visit, container)
        yield container, Fact("containerd.task.exit_code", code, asked)
        yield container, Fact("containerd.task.exited", exited, asked)


def _ended(visit: Visit, container: ContainerId) -> tuple[Answer, Answer]:
    """The exit status and its time, as the shim kept them."""
    frame = visit.frame("containerd.shim", container)
    said = tasks.state(frame)
    if said is None:
        why = trouble(frame, tasks.state_asked(visit, container)) or "the shim's state cannot be read"
        return Unknown(why), Unknown(why)
    if said.status != "STOPPED":
        return Unknown(f"to its shim it is {said.status}"), Unknown(f"to its shim it is {said.status}")
    code: Answer = Unknown("the shim gives no exit status") if said.exit_code is None else Known(said.exit_code)
    return code, Unknown("the shim gives no time") if said.exited is None else Known(said.exited)


def _version(visit: Visit) -> Answer:
    server = False
    for line in lines(visit.frame("containerd.version").out):
        server = server or line.startswith("Server:")
        name, _, value = line.strip().partition(":")
        if server and name == "Version" and value.strip():
            return Known(plain(value, 80))
    return Unknown("ctr version does not say")


def _status(visit: Visit, container: ContainerId, *, frozen: bool) -> Answer:
    """By the list of all tasks where it returned, else by asking for this one: one hung shim can blind the list."""
    listing, task = visit.frame("containerd.tasks"), visit.frame("containerd.task", container)
    row = tasks.rows(listing).get(container)
    if row is not None:
        return Known(row.status)
    answered = tasks.listed(task, container)
    said = tasks.state(visit.frame("containerd.shim", container))
    wrong = trouble(listing, tasks.list_asked(visit))
    if not wrong and len(listing.out) < OUTPUT_CAP and lines(listing.out)[0].split()[:1] == ["TASK"]:
        return Known("absent") if answered is None and said is None else Unknown("ctr task ls and ctr task ps disagree")
    if said is not None:
        return Known(said.status)
    if tasks.has_no_task(task):
        return Known("absent")
    if answered is None:
        reasons = (wrong or "the list of tasks was cut", trouble(task, tasks.task_asked(visit, container)))
        return Unknown("; ".join(filter(None, reasons)))
    return _by_its_process(visit, container, answered, frozen=frozen)


def _by_its_process(visit: Visit, container: ContainerId, answered: tasks.Listed, *, frozen: bool) -> Answer:
    """A task that has ended still answers `ctr task ps`, with no pids; a paused one answers like one that runs."""
    alive = init(visit, container)["process.alive"]
    if isinstance(alive, Unknown):
        return alive
    if alive.value is True and answered.pids:
        return Known("PAUSED" if frozen else "RUNNING")
    if alive.value is False and not answered.pids:
        return Known("STOPPED")
    return Unknown("ctr task ps and the process table disagree")


def _pid(visit: Visit, container: ContainerId) -> Answer:
    pid = tasks.init_pid(visit, container)
    return Unknown("containerd gives no pid for it") if pid is None else Known(pid)
