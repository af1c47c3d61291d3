"""
All wording that people see: neutral rows and sentences, without a terminal or a chat in them.

What a node or a cluster said stands in the rows as it was cleaned at the edge; nothing here decides anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.causes import Condition, Failed, Subject, said
from bot.core.diagnoses import Diagnosis
from bot.core.facts import Fact, Facts, Unknown, Value

SHORT_ID = 8  # characters of an id where people look; whole where they copy
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400  # seconds


# What a fact means when it rules a cause out, by its value; None fits any. A fact that is not here is told by its name.
_SAYINGS: Mapping[str, tuple[tuple[Value | None, str], ...]] = {
    "api.pod.deleting": ((False, "nobody asked to delete it"),),
    "api.pod.stuck": ((True, "its time is up"), (False, "its time is not up")),
    "api.pod.finalizers": ((0, "no finalizers"),),
    "api.pod.containers_ended": ((False, "its containers have not ended, as the API server has it"),),
    "api.pod.prestop": ((False, "no preStop hook"),),
    "api.pod.containers_running": ((0, "none of its containers runs"),),
    "api.node.exists": ((True, "its node is in the cluster"), (False, "its node is gone")),
    "api.node.ready": ((True, "the node is Ready"),),
    "api.node.runtime": ((None, "the node runs {}"),),
    "docker.answers": ((True, "dockerd answers"),),
    "docker.process": (("absent", "there is no dockerd"),),
    "docker.container.state": (("absent", "docker does not have it"), (None, "docker says {}")),
    "containerd.answers": ((False, "containerd does not answer"),),
    "containerd.task.status": (("absent", "containerd has no task of it"), (None, "containerd says {}")),
    "shim.alive": ((False, "there is no shim"),),
    "shim.answers": ((True, "the shim answers"),),
    "process.alive": ((True, "its process is alive"), (False, "its process has ended")),
    "cgroup.blocked": ((0, "no thread of it is blocked in the kernel"),),
    "cgroup.frozen": ((True, "its cgroup is frozen"), (False, "its cgroup is not frozen")),
    "kubelet.active": ((True, "the kubelet runs"),),
}
# What a deciding fact is called in one line, and by its value a shorter word; what is not here is no sign of anything.
_SIGNS: Mapping[str, tuple[str, Mapping[Value, str]]] = {
    "docker.answers": ("dockerd", {True: "answers", False: "does not answer"}),
    "docker.process": ("its process", {}),
    "docker.container.state": ("docker", {}),
    "containerd.task.status": ("containerd", {"absent": "no task"}),
    "shim.answers": ("shim", {True: "answers", False: "does not answer"}),
    "process.alive": ("process", {True: "alive", False: "gone"}),
    "process.kill_pending": ("SIGKILL", {True: "pending", False: "not pending"}),
    "cgroup.frozen": ("cgroup", {True: "frozen", False: "not frozen"}),
    "cgroup.blocked": ("threads blocked in the kernel", {}),
    "kubelet.active": ("kubelet", {True: "runs", False: "not running"}),
    "api.pod.finalizer_names": ("finalizer", {}),
    "api.pod.containers_ended": ("containers", {True: "ended", False: "not ended"}),
    "api.node.ready": ("node", {True: "Ready", False: "not Ready"}),
}
_NAMED = {"api.pod.finalizers": "api.pod.finalizer_names"}  # a name says more than how many
_MOST_WANTED = 5  # facts that would tell


@dataclass(frozen=True, slots=True)
class Row:
    """What one layer says; `disagrees` when the layers below know better, or it does not answer at all."""

    layer: str
    says: str
    disagrees: bool


def lasting(span: timedelta) -> str:
    """At most two units: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`; a negative span as its length."""
    seconds = abs(int(span.total_seconds()))
    minutes, hours, days = seconds // _MINUTE, seconds // _HOUR, seconds // _DAY
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{minutes} min"
    if seconds < _DAY:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def headline(diagnosis: Diagnosis) -> str:
    """What happened to which pod, where, since when: one sentence."""
    pod = diagnosis.pod
    where = f" on {pod.node}" if pod.node else ""
    facts = diagnosis.subjects[0].facts
    late = _value(facts, "api.pod.overdue_s")
    if pod.deadline is None:
        return f"NOT STUCK  {pod.full_name}{where} · {pod.cluster}: nobody asked to delete it"
    if not isinstance(late, int):
        return f"TERMINATING  {pod.full_name}{where} · {pod.cluster}"
    past = f"{lasting(timedelta(seconds=late))} {'past' if late >= 0 else 'before'} its deadline"
    state = "STUCK" if _value(facts, "api.pod.stuck") is True else "NOT STUCK"
    return f"{state}  {pod.full_name}{where} · {pod.cluster}: {past}"


def evidence(diagnosis: Diagnosis) -> tuple[Row, ...]:
    """
    The layers that were asked, side by side, for the container at fault, or the first where none is. Times are UTC.

    A layer that was asked and did not say is there, with the reason; one that nobody asked is not.
    """
    facts = shown_subject(diagnosis).facts
    layers = [(_api, "api.pod.deleting"), (_kubelet, "kubelet.active")]
    if _value(facts, "api.node.runtime") != "containerd":
        layers.append((_docker, "docker.container.state"))
    layers += [(_containerd, "containerd.task.status"), (_shim, "shim.alive"), (_process, "process.alive")]
    layers.append((_kernel, "kernel.oom_kills.node"))
    return tuple(row(facts) for row, asked in layers if asked in facts)


def cause(diagnosis: Diagnosis) -> tuple[str, ...]:
    """What we think, or that nothing fits, with the nearest miss: never a guess dressed as a verdict."""
    verdict = diagnosis.verdict
    if verdict.cause is not None:
        lines = [f"{verdict.cause.title} ({verdict.cause.id})", verdict.cause.because]
        lines += [f"Fits as well: {other.title} ({other.id})" for other in verdict.also]
        lines += [f"Follows from it: {other.title} ({other.id})" for other in verdict.consequences]
        return tuple(lines)
    if diagnosis.pod.deadline is None:
        return ("None: this pod, by its UID, is not being deleted.",)
    lines = ["No known cause fits."]
    if verdict.ruled_out:
        near, failed = verdict.ruled_out[0]
        lines.append(f"Closest: {near.id}, except that {ruled_out(failed)}.")
    lines += [f"Could not tell: {untold.id} ({untold.title})." for untold, _ in verdict.could_not_tell]
    if wanting := [fact.name for fact in verdict.unknown]:
        more = f" and {left} more" if (left := len(wanting) - _MOST_WANTED) > 0 else ""
        lines.append(f"What would tell: {', '.join(wanting[:_MOST_WANTED])}{more}.")
    return tuple(lines)


def signs(diagnosis: Diagnosis) -> tuple[str, ...]:
    """What decided, a word for each fact, and the kill that began it; empty where no cause fits."""
    cause, subject = diagnosis.verdict.cause, diagnosis.verdict.subject
    if cause is None or subject is None:
        return ()
    words = []
    for line in cause.when:
        name = _NAMED.get(line.fact, line.fact)
        value = _value(subject.facts, name)
        if value is not None and name in _SIGNS:
            label, short = _SIGNS[name]
            words.append(f"{label}: {short.get(value, said(value))}")
    return (*([" · ".join(words)] if words else []), *_killed(subject.facts))


def about(diagnosis: Diagnosis) -> str:
    """Whom the rows are about."""
    subject = shown_subject(diagnosis)
    if subject.container is None:
        return f"pod {diagnosis.pod.full_name}"
    return f"container {subject.name} ({subject.container[:SHORT_ID]})"


def together(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Layers that are silent for one and the same reason stand in one row: a node that cannot be asked says it once."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        alike.setdefault(row.says if row.says.startswith("not known: ") else row.layer, []).append(row)
    return tuple(replace(each[0], layer="the node" if len(each) > 1 else each[0].layer) for each in alike.values())


def not_asked(facts: Iterable[Fact]) -> tuple[tuple[str, str], ...]:
    """What nobody could tell, and why: one fact of a reason by its name, several by how many there are."""
    by_reason: dict[str, list[str]] = {}
    for fact in facts:
        if isinstance(fact.answer, Unknown):
            by_reason.setdefault(fact.answer.why, []).append(fact.name)
    return tuple((names[0] if len(names) == 1 else f"{len(names)} facts", why) for why, names in by_reason.items())


def shown_subject(diagnosis: Diagnosis) -> Subject:
    """The container that the evidence card is about."""
    if diagnosis.verdict.subject is not None:
        return diagnosis.verdict.subject
    return diagnosis.subjects[0]


def ruled_out(failed: Failed) -> str:
    """Why a cause is out, in words: what was found instead of the first line that failed."""
    name, value = failed.fact.name, _value({failed.fact.name: failed.fact}, failed.fact.name)
    for found, words in _SAYINGS.get(name, ()):
        if found is None or (found == value and type(found) is type(value)):
            return words.format(_text({name: failed.fact}, name))
    return f"{name} is {_text({name: failed.fact}, name)}, not {wanted(failed.line)}"


def wanted(line: Condition) -> str:
    return str(line.test)


def _api(facts: Facts) -> Row:
    if isinstance(why := _why(facts, "api.pod.deleting"), str):
        return Row("API server", f"not known: {why}", False)
    if _value(facts, "api.pod.deleting") is not True:
        return Row("API server", f"not being deleted; phase {_text(facts, 'api.pod.phase')}", False)
    words = ["Terminating"]
    asked, deadline = _value(facts, "api.pod.asked"), _value(facts, "api.pod.deadline")
    if isinstance(asked, datetime) and isinstance(deadline, datetime):
        words.append(f"asked {_clock(asked)}, deadline {_clock(deadline)}")
    finalizers = _value(facts, "api.pod.finalizers")
    names = _text(facts, "api.pod.finalizer_names") or "without a name"
    words.append("no finalizers" if finalizers == 0 else f"finalizers: {names}")
    if _value(facts, "api.node.exists") is False:
        words.append("its node is gone")
    elif _value(facts, "api.node.ready") is False:
        words.append(f"node not Ready ({_text(facts, 'api.node.ready_reason')})")
    holding = bool(finalizers) and _value(facts, "api.pod.containers_ended") is True
    return Row("API server", "; ".join(words), holding)


def _kubelet(facts: Facts) -> Row:
    if _value(facts, "kubelet.active") is False:
        return Row("kubelet", "not running", True)
    if isinstance(why := _why(facts, "kubelet.active"), str):
        return Row("kubelet", f"not known: {why}", False)
    if isinstance(why := _why(facts, "kubelet.stop_timeouts"), str):
        return Row("kubelet", f"running; its log: {why}", False)
    counts = [
        (_value(facts, "kubelet.stop_timeouts"), "stop timed out"),
        (_value(facts, "kubelet.termination_failures"), "termination failed"),
        (_value(facts, "kubelet.unmount_errors"), "unmount failed"),
        (_value(facts, "kubelet.cni_errors"), "network teardown failed"),
        (_value(facts, "kubelet.no_ref"), "No ref for container"),
    ]
    words = [f"{what} {_times(count)}" for count, what in counts if count]
    last = _value(facts, "kubelet.last_error")
    if words and isinstance(last, str):
        words.append(f'last: "{last}"')
    return Row("kubelet", "; ".join(words) or "running; no errors about this pod", False)


def _docker(facts: Facts) -> Row:
    if _value(facts, "docker.answers") is False:
        return Row("docker", f"does not answer (process state {_text(facts, 'docker.process')})", True)
    state = _value(facts, "docker.container.state")
    if not isinstance(state, str):
        return Row("docker", f"not known: {_why(facts, 'docker.container.state')}", False)
    words = [state]
    if pid := _value(facts, "docker.container.pid"):
        words.append(f"pid {pid}")
    if isinstance(started := _value(facts, "docker.container.started"), datetime):
        words.append(f"since {_day(started)}")
    if (code := _value(facts, "docker.container.exit_code")) is not None:
        words.append(f"exit code {code}")
    alive = _value(facts, "process.alive")
    wrong = (state == "running" and alive is False) or (state in ("exited", "dead") and alive is True)
    return Row("docker", ", ".join(words), wrong)


def _containerd(facts: Facts) -> Row:
    if _value(facts, "containerd.answers") is False:
        return Row("containerd", "does not answer", True)
    status = _value(facts, "containerd.task.status")
    if not isinstance(status, str):
        return Row("containerd", f"not known: {_why(facts, 'containerd.task.status')}", False)
    words = ["no task" if status == "absent" else status]
    code, at = _value(facts, "containerd.task.exit_code"), _value(facts, "containerd.task.exited")
    if code is not None and isinstance(at, datetime):
        words.append(f"exit {code} at {_clock(at)}")
    alive = _value(facts, "process.alive")
    wrong = (status == "RUNNING" and alive is False) or (status in ("STOPPED", "absent") and alive is True)
    return Row("containerd", ", ".join(words), wrong)


def _shim(facts: Facts) -> Row:
    alive = _value(facts, "shim.alive")
    if alive is False:
        return Row("shim", "there is none", False)
    if alive is None:
        return Row("shim", f"not known: {_why(facts, 'shim.alive')}", False)
    words = [f"pid {_text(facts, 'shim.pid')} alive"]
    state = _value(facts, "shim.state")
    if state == "T":
        words.append("stopped (T)")
    elif isinstance(state, str):
        words.append(f"state {state}")
    children = _value(facts, "shim.children")
    if isinstance(children, int):
        words.append("no children" if children == 0 else f"{children} children")
    answers = _value(facts, "shim.answers")
    if answers is not None:
        words.append("answered" if answers is True else "did not answer")
    return Row("shim", ", ".join(words), answers is False)


def _process(facts: Facts) -> Row:
    frozen = _value(facts, "cgroup.frozen") is True
    alive, state = _value(facts, "process.alive"), _value(facts, "process.state")
    pid = _value(facts, "process.pid")
    who = f"pid {pid}" if pid else "its init process"
    if alive is None:
        return Row("process", f"not known: {_why(facts, 'process.alive')}", False)
    if _value(facts, "process.recycled") is True:
        return Row("process", f"{who} now belongs to something else: the container's process is gone", False)
    if alive is False:
        gone = "is a zombie: it has ended" if state == "Z" else "does not exist"
        return Row("process", f"{who} {gone}", False)
    words = [f"{who} alive, state {state or 'not known'}"]
    if frozen:
        words.append("cgroup frozen")
    if isinstance(wchan := _value(facts, "process.wchan"), str):
        words.append(f"waits in {wchan}")
    if _value(facts, "process.kill_pending") is True:
        words.append("a SIGKILL is pending")
    return Row("process", ", ".join(words), frozen or state == "D")


def _kernel(facts: Facts) -> Row:
    mine = _value(facts, "kernel.oom_kills.container")
    if mine is None and (why := _why(facts, "kernel.oom_kills.pod")) is not None:
        return Row("kernel", f"not known: {why}", False)
    if mine:
        at = _value(facts, "kernel.oom_kill.last")
        when = f" at {_clock(at)}" if isinstance(at, datetime) else ""
        task = _value(facts, "kernel.oom_kill.task")
        return Row("kernel", f"OOM kill{when} in this container ({task or 'task not known'})", False)
    words = ["no OOM kill in this container"]
    if mine is None:
        pod = _value(facts, "kernel.oom_kills.pod")
        words = [f"OOM kill in this pod {_times(pod)}" if pod else "no OOM kill in this pod"]
    if others := _value(facts, "kernel.oom_kills.node"):
        words.append(f"{others} elsewhere on the node")
    if _value(facts, "kernel.hung_tasks"):
        words.append(f'hung task: "{_text(facts, "kernel.hung_task.last")}"')
    return Row("kernel", "; ".join(words), False)


def _killed(facts: Facts) -> tuple[str, ...]:
    """For want of memory, if that is how it ended."""
    at, ended = _value(facts, "kernel.oom_kill.last"), _value(facts, "containerd.task.exited")
    if not isinstance(at, datetime):
        return ()
    seen = ended - at if isinstance(ended, datetime) else timedelta(-1)
    after = f", {lasting(seen)} before containerd saw it exit" if timedelta() <= seen < timedelta(minutes=1) else ""
    return (f"OOM-killed ({_text(facts, 'kernel.oom_kill.task')}) at {_day(at)} UTC{after}",)


def _value(facts: Facts, name: str) -> Value | None:
    fact = facts.get(name)
    return None if fact is None or isinstance(fact.answer, Unknown) else fact.answer.value


def _why(facts: Facts, name: str) -> str | None:
    fact = facts.get(name)
    if fact is None:
        return "not asked"
    return fact.answer.why if isinstance(fact.answer, Unknown) else None


def _text(facts: Facts, name: str) -> str:
    value = _value(facts, name)
    return "not known" if value is None else said(value)


def _times(count: Value | None) -> str:
    return "once" if count == 1 else f"{count} times"


def _clock(at: datetime) -> str:
    return at.strftime("%H:%M:%S")


def _day(at: datetime) -> str:
    return at.strftime("%d %b %H:%M:%S").lstrip("0")
