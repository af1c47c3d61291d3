"""The shim between containerd and a container: which process it is, and whether it answers."""

from bot.core.facts import ContainerId, Fact, Known, Unknown
from bot.probes import tasks
from bot.probes.reading import trouble
from bot.probes.table import Process, Shim
from bot.probes.visit import Answer, Findings, Visit

SERVED = (
    "shim.alive",
    "shim.pid",
    "shim.started",
    "shim.state",
    "shim.generation",
    "shim.children",
    "shim.shared",
)
ANSWERS = ("shim.answers",)


def serving(visit: Visit) -> Findings:
    for container in visit.containers:
        answers = _served(visit, container)
        for name in SERVED:
            yield container, Fact(name, answers[name], "ps -eo pid,ppid,stat,args")


def answering(visit: Visit) -> Findings:
    for container in visit.containers:
        source = tasks.task_asked(visit, container)
        yield container, Fact("shim.answers", _answers(visit, container), source)


def of(visit: Visit, container: ContainerId) -> tuple[Shim, ...]:
    """The shims of one container; more than one only where it cannot be told which."""
    genuine = tuple(shim for shim in visit.table.shims if not _pretends(visit, shim))
    if own := tuple(shim for shim in genuine if shim.id == container):
        return own
    if visit.question.runtime == "docker":
        return ()
    inside = [process for process in visit.table.processes.values() if process.within(container)]
    if parents := _parents(genuine, inside):
        return parents
    pod = visit.containers[container].pod
    siblings = visit.of_pod(pod) if pod else ()
    if named := tuple(shim for shim in genuine if shim.id in siblings):
        return named
    return _parents(genuine, [process for process in visit.table.processes.values() if pod and process.of_pod(pod)])


def shared(visit: Visit, shim: Shim, container: ContainerId) -> bool:
    return shim.id != container or shim.namespace == "k8s.io" or visit.question.runtime == "containerd"


def _parents(genuine: tuple[Shim, ...], processes: list[Process]) -> tuple[Shim, ...]:
    parents = {process.parent for process in processes}
    return tuple(shim for shim in genuine if shim.process.pid in parents)


def _pretends(visit: Visit, shim: Shim) -> bool:
    """A workload may name itself like a shim; a shim is never inside a pod or a container that it could serve."""
    return shim.process.in_a_pod or any(shim.process.within(container) for container in visit.containers)


def _served(visit: Visit, container: ContainerId) -> dict[str, Answer]:
    found = of(visit, container)
    if not found:
        why = _not_found(visit, container)
        none: dict[str, Answer] = dict.fromkeys(SERVED, Unknown(why or "there is no shim"))
        return none if why else {**none, "shim.alive": Known(False)}
    if len(found) > 1:
        pids = ", ".join(str(shim.process.pid) for shim in found)
        many: dict[str, Answer] = dict.fromkeys(SERVED, Unknown(f"more than one process may be its shim: {pids}"))
        return {**many, "shim.alive": Known(True)}
    shim = found[0]
    children: Answer = Known(sum(1 for child in visit.table.children(shim.process.pid) if child.alive))
    return {
        "shim.alive": Known(True),
        "shim.pid": Known(shim.process.pid),
        "shim.started": Known(shim.process.started),
        "shim.state": Known(shim.process.state),
        "shim.generation": Known(shim.generation),
        "shim.children": Unknown(visit.table.missing) if visit.table.missing else children,
        "shim.shared": Known(shared(visit, shim, container)),
    }


def _not_found(visit: Visit, container: ContainerId) -> str:
    """Why a shim may be there though none was found; empty when there is none."""
    if visit.table.missing:
        return visit.table.missing
    if any(shim.id == container for shim in visit.table.shims):
        return "what calls itself its shim runs inside a pod"
    if visit.question.runtime == "docker":
        return ""
    pod = visit.containers[container].pod
    if pod is None:
        return "its sandbox, whose shim serves it, is not known"
    return trouble(visit.frame("containerd.containers", pod), f"{visit.ctr} containers ls")


def _answers(visit: Visit, container: ContainerId) -> Answer:
    """
    Whether the shim returned in its time, by every way it was asked.

    Two ways that disagree tell nothing: it may have been slow, once.
    """
    if tasks.answers(visit) is not True:
        wrong = trouble(visit.frame("containerd.version"), f"{visit.ctr} version")
        return Unknown(f"no shim can be blamed while {wrong}")
    alive = _served(visit, container)["shim.alive"]
    if alive == Known(False):
        return Unknown("there is no shim")
    task = visit.frame("containerd.task", container)
    row = tasks.rows(visit.frame("containerd.tasks")).get(container)
    yes = [
        "ctr task ps" if tasks.listed(task, container) is not None else "",
        "ctr shim state" if tasks.state(visit.frame("containerd.shim", container)) is not None else "",
        "ctr task ls" if row is not None and row.status in tasks.ANSWERED else "",
    ]
    no = [
        "ctr task ps" if tasks.ran_out_of_time(task) else "",
        "ctr task ls" if row is not None and row.status == "UNKNOWN" and row.pid == 0 else "",
    ]
    if any(yes) and any(no):
        said, silent = (", ".join(filter(None, ways)) for ways in (yes, no))
        return Unknown(f"{said} had an answer from it, {silent} had none")
    if any(yes) or any(no):
        return Known(any(yes))
    if tasks.has_no_task(task):
        return Unknown("containerd has no task to ask it about")
    return Unknown(trouble(task, tasks.task_asked(visit, container)) or "ctr task ps answered in other words")
