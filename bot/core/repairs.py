"""
The closed catalogue of repairs, and which of them can work here.

A repair is a verb: playbooks name it, nothing can be added to it from outside. Whether it works depends on the versions
found on the node; what is said here was measured on five stacks from docker 18.09.9 to containerd 1.7.24, or read in
their source. A repair that cannot work, or that is not proved to be safe, is withheld with the reason.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bot.core.causes import Cause, Subject, said
from bot.core.facts import Facts, Known, Unknown, Value
from bot.core.versions import Version, version

Risk = Literal["low", "medium", "high", "critical"]


Hand = Literal["node", "api", "person"]
Kind = Literal["conditional", "destructive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """
    One verb of the catalogue.

    `by`: whose hand does it; what a person does, the bot only names. `kind`: a conditional step carries what it may
    hit, and asked twice it answers instead of acting twice; a destructive one is never sent again. `needs`: facts that
    identify what is hit.
    """

    id: str
    risk: Risk
    does: str
    by: Hand
    kind: Kind
    needs: tuple[str, ...] = ()
    wide: bool = False  # more on the node than one dead container feels it


_NODE = ("node.boot_id",)

CATALOGUE: tuple[Repair, ...] = (
    Repair(
        id="container.stop",
        risk="low",
        does="docker stop of the dead container: dockerd takes over the exit that containerd kept",
        by="node",
        kind="conditional",
        needs=(*_NODE, "process.alive", "docker.container.pid"),
    ),
    Repair(
        id="shim.reap",
        risk="low",
        does="kill -KILL of the dead container's shim: containerd publishes the exit again",
        by="node",
        kind="destructive",
        needs=(*_NODE, "process.alive", "shim.pid", "shim.started"),
    ),
    Repair(
        id="cgroup.thaw",
        risk="medium",
        does="thaws the container's cgroup: the pending kill lands",
        by="node",
        kind="conditional",
        needs=(*_NODE, "cgroup.frozen"),
    ),
    Repair(
        id="pod.delete",
        risk="medium",
        does="asks the API server again to delete this pod: one that has ended goes at once",
        by="api",
        kind="conditional",
    ),
    Repair(
        id="kubelet.restart",
        risk="medium",
        does="starts the kubelet again; containers keep running",
        by="node",
        kind="destructive",
        needs=_NODE,
        wide=True,
    ),
    Repair(id="node.cordon", risk="low", does="no new pods on the node", by="api", kind="conditional"),
    Repair(id="node.uncordon", risk="low", does="new pods on the node again", by="api", kind="conditional"),
    Repair(
        id="containerd.restart",
        risk="high",
        does="restarts containerd",
        by="node",
        kind="destructive",
        needs=_NODE,
        wide=True,
    ),
    Repair(
        id="docker.restart",
        risk="high",
        does="restarts dockerd: on its return it reads every container's state anew",
        by="node",
        kind="destructive",
        needs=_NODE,
        wide=True,
    ),
    Repair(
        id="node.drain",
        risk="high",
        does="evicts the node's pods, within their disruption budgets",
        by="person",
        kind="destructive",
        wide=True,
    ),
    Repair(
        id="pod.force_delete",
        risk="high",
        does="removes the API object, whatever the node still does",
        by="api",
        kind="conditional",
    ),
    Repair(
        id="finalizer.remove",
        risk="critical",
        does="takes one finalizer off the pod, without the controller that put it there",
        by="api",
        kind="conditional",
    ),
    Repair(
        id="node.out_of_service",
        risk="critical",
        does="declares the machine dead: its pods are force-deleted, its volumes detached",
        by="person",
        kind="destructive",
        wide=True,
    ),
    Repair(id="node.reboot", risk="critical", does="reboots the machine", by="person", kind="destructive", wide=True),
)

BY_ID: Mapping[str, Repair] = {repair.id: repair for repair in CATALOGUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """
    It can work here. `touches` counts what else is hit; `notes` are what a voter should know beforehand.

    Of `choices` one has to be said with the request, where there are any.
    """

    repair: Repair
    risk: Risk
    touches: str
    notes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    repair: Repair
    why: str


Assessment = Offered | Withheld


@dataclass(frozen=True, slots=True)
class Scene:
    """The container at fault and its siblings in the pod, as far as they are known."""

    subject: Subject
    siblings: tuple[Subject, ...]

    @property
    def facts(self) -> Facts:
        return self.subject.facts

    def value(self, name: str) -> Value | None:
        """None when it is not known: ask `why` then."""
        return _value(self.facts, name)

    def why(self, name: str) -> str:
        fact = self.facts.get(name)
        return fact.answer.why.rstrip(".") if fact is not None and isinstance(fact.answer, Unknown) else "not asked"

    def version(self, name: str) -> Version | None:
        value = self.value(name)
        return version(value) if isinstance(value, str) else None


def ladder(cause: Cause, subject: Subject, subjects: tuple[Subject, ...]) -> tuple[Assessment, ...]:
    """The cause's repairs, least destructive first, each offered or withheld. Unknown ids are the loader's business."""
    return tuple(assess(BY_ID[id_], subject, subjects) for id_ in cause.repairs)


def assess(repair: Repair, subject: Subject, subjects: tuple[Subject, ...]) -> Assessment:
    """Whether one repair can work on this container, its pod or its node."""
    return _ASSESSORS[repair.id](repair, Scene(subject, tuple(other for other in subjects if other is not subject)))


def _container_stop(repair: Repair, scene: Scene) -> Assessment:
    if why := _not_proved_dead(scene) or _not_asked_safely(scene):
        return Withheld(repair=repair, why=why)
    found = scene.version("docker.version")
    if found is None:
        why = (
            f"it says {scene.value('docker.version')}" if scene.value("docker.version") else scene.why("docker.version")
        )
        return Withheld(repair=repair, why=f"dockerd's version is not known: {why}")
    if found < (20, 10, 0):  # moby#41227 and #41341, first in 20.10.0; measured on 18.09.9, three of three
        why = "docker stop returns success and changes nothing before docker 20.10"
        return Withheld(repair=repair, why=f"{why}; this node runs {scene.value('docker.version')}")
    if scene.value("shim.alive") is not False and scene.value("shim.answers") is not True:
        why = f"whether its shim answers is not known: {scene.why('shim.answers')}"
        hangs = "docker stop does not return while the shim hangs"
        return Withheld(repair=repair, why=why if scene.value("shim.answers") is None else hangs)
    notes = ["docker marks it exited after about 10 s"]
    if scene.value("containerd.task.status") == "absent":
        # Measured: 0 on 26.1.5 (nothing left to ask), 255 on 20.10.5 and 20.10.24.
        code = "0, a success that never was" if found >= (23, 0, 0) else "255"
        notes.append(f"docker will record exit code {code}: containerd no longer has the true one")
    return Offered(repair=repair, risk=repair.risk, touches=_ONE_DEAD, notes=tuple(notes))


def _shim_reap(repair: Repair, scene: Scene) -> Assessment:
    if scene.value("shim.alive") is False:
        return Withheld(repair=repair, why="there is no shim to reap")
    if why := _not_proved_dead(scene):
        return Withheld(repair=repair, why=why)
    if scene.value("shim.alive") is not True:
        return Withheld(repair=repair, why=f"its shim was not found: {scene.why('shim.alive')}")
    for needed in ("shim.pid", "shim.started", "shim.shared"):
        if scene.value(needed) is None:
            return Withheld(repair=repair, why=f"{needed} is not known: {scene.why(needed)}")
    if why := _silent(scene, "containerd"):
        return Withheld(repair=repair, why=f"{why}: it would not see the shim die")
    if scene.value("shim.shared") is True:
        return _shared_reap(repair, scene)
    noticed = _docker_notices(scene)
    if noticed is None:
        return Offered(repair=repair, risk=repair.risk, touches=_ONE_DEAD, notes=("docker marks it exited within 5 s",))
    if scene.value("shim.answers") is False:
        notes = (noticed, "a docker stop must follow, and docker will record exit code 255")
        return Offered(repair=repair, risk=repair.risk, touches=_ONE_DEAD, notes=notes)
    return Withheld(repair=repair, why=f"{noticed}; docker stop ends it without")


def _shared_reap(repair: Repair, scene: Scene) -> Assessment:
    """Through CRI the shim serves the whole pod: its pause process and every sibling end with it."""
    alive = tuple(other for other in scene.siblings if _value(other.facts, "process.alive") is True)
    untold = tuple(other.name for other in scene.siblings if _value(other.facts, "process.alive") is None)
    if untold:
        return Withheld(repair=repair, why=f"whether {', '.join(untold)} still runs under the same shim is not known")
    names = ", ".join(other.name for other in alive) or "nothing"
    touches = f"the whole pod; still running under this shim: {names}"
    risk: Risk = repair.risk if all(_is_pause(other) for other in alive) else "medium"
    return Offered(repair=repair, risk=risk, touches=touches, notes=("the kubelet removes the pod in 4 to 17 s",))


def _is_pause(other: Subject) -> bool:
    """A workload may be named so too; only containers of the pod's status are known to the API server."""
    return other.name == "sandbox" and "api.container.state" not in other.facts


def _docker_notices(scene: Scene) -> str | None:
    """
    None if dockerd takes the exit that containerd publishes for a dead shim, else why it does not.

    Up to 23.0.0 dockerd wants the event to carry the container's pid; for v2 shims containerd sent 0 before 1.5.10, and
    in 1.6.0. Sources: moby#43491, containerd#6402; measured on 20.10.5 / 1.4.13 (no) and 20.10.24 / 1.6.20 (yes).
    """
    docker, containerd = scene.version("docker.version"), scene.version("containerd.version")
    if scene.value("shim.generation") == "v1" or (docker is not None and docker > (23, 0, 0)):
        return None
    if containerd is not None and containerd >= (1, 5, 10) and containerd != (1, 6, 0):
        return None
    if docker is None or containerd is None:
        return "whether dockerd would notice is not known, for want of the versions"
    return (
        f"dockerd {scene.value('docker.version')} will not notice: containerd {scene.value('containerd.version')} "
        "publishes a dead shim's exit with pid 0"
    )


def _cgroup_thaw(repair: Repair, scene: Scene) -> Assessment:
    if scene.value("cgroup.frozen") is not True:
        return Withheld(repair=repair, why="its cgroup is not known to be frozen")
    paused = scene.value("docker.container.state") == "paused" or scene.value("containerd.task.status") == "PAUSED"
    notes = (
        ("the runtime says paused: somebody may have done that on purpose (a backup, a checkpoint)",) if paused else ()
    )
    return Offered(repair=repair, risk=repair.risk, touches="this container only", notes=notes)


def _docker_restart(repair: Repair, scene: Scene) -> Assessment:
    if scene.value("api.node.runtime") == "containerd":
        return Withheld(repair=repair, why="the kubelet of this node uses containerd: dockerd has no part in its pods")
    match scene.value("docker.live_restore"):
        case True:
            touches = "dockerd only: live-restore is on, containers keep running"
        case False:
            touches = "every container on the node stops: live-restore is off"
        case _:
            touches = (
                f"every container on the node may stop: live-restore is not known ({scene.why('docker.live_restore')})"
            )
    return Offered(repair=repair, risk=repair.risk, touches=touches)


def _containerd_restart(repair: Repair, scene: Scene) -> Assessment:
    mode = scene.value("containerd.kill_mode")
    if mode is None:
        why = f"whether containers outlive it is not known: KillMode: {scene.why('containerd.kill_mode')}"
        return Withheld(repair=repair, why=why)
    if mode != "process":
        return Withheld(repair=repair, why=f"its unit has KillMode={mode}: every container on the node would stop")
    notes = (
        ("a hung shim stays behind as a leaked process: reap it first",) if scene.value("shim.answers") is False else ()
    )
    return Offered(repair=repair, risk=repair.risk, touches="containerd only: KillMode=process", notes=notes)


def _kubelet_restart(repair: Repair, _: Scene) -> Assessment:
    return Offered(repair=repair, risk=repair.risk, touches="the kubelet only: containers keep running")


def _pod_delete(repair: Repair, scene: Scene) -> Assessment:
    """Asked again, the API server lets go of a pod that has ended: pod/strategy.go CheckGracefulDelete."""
    phase = scene.value("api.pod.phase")
    if phase not in ("Succeeded", "Failed") and scene.value("api.pod.deleting") is not False:
        found = f"it is {_or(phase, 'in a phase that is not known')}"
        why = f"{found} and being deleted already: asked again, the API server changes nothing"
        return Withheld(repair=repair, why=why)
    return Offered(repair=repair, risk=repair.risk, touches="this pod only")


def _pod_force_delete(repair: Repair, scene: Scene) -> Assessment:
    finalizers = scene.value("api.pod.finalizers")
    if finalizers is None:
        untold = f"whether a finalizer holds it is not known: {scene.why('api.pod.finalizers')}"
        return Withheld(repair=repair, why=untold)
    if finalizers != 0:
        return Withheld(repair=repair, why="a force delete does not pass a finalizer")
    for subject in (scene.subject, *scene.siblings):
        if why := _not_proved_dead(Scene(subject, ())):
            second = f"{why}; a second pod of that name could start beside it"
            return Withheld(repair=repair, why=second if len(scene.siblings) == 0 else f"{subject.name}: {second}")
    owner = scene.value("api.pod.owner")
    stateless = isinstance(owner, str) and not owner.startswith("StatefulSet/")
    risk: Risk = repair.risk if stateless else "critical"
    notes = ("it hides the fault and does not end it: container, mounts and cgroup stay on the node",)
    return Offered(repair=repair, risk=risk, touches="the API object only", notes=notes)


def _finalizer_remove(repair: Repair, scene: Scene) -> Assessment:
    if scene.value("api.pod.containers_ended") is not True:
        return Withheld(repair=repair, why="its containers have not ended, as far as the API server knows")
    names = _or(scene.value("api.pod.finalizer_names"), "a finalizer that is not known")
    choices = tuple(names.split(", "))
    if len(choices) == 1:
        return Offered(repair=repair, risk=repair.risk, touches=finalizer_touched(names))
    touches = finalizer_touched("the one that is removed")
    notes = (f"one of {names}: the pod stays until all of them are gone",)
    return Offered(repair=repair, risk=repair.risk, touches=touches, notes=notes, choices=choices)


def finalizer_touched(name: str) -> str:
    return f"this pod only; the controller of {name} does not get to do its part"


def _node_out_of_service(repair: Repair, scene: Scene) -> Assessment:
    if scene.value("node.boot_id") is not None:
        return Withheld(repair=repair, why="the machine is alive: it answered")
    why = "the machine is not proved off: on a live one, two writers would share the volumes. Look at its console"
    return Withheld(repair=repair, why=why)


def _whole_node(repair: Repair, _: Scene) -> Assessment:
    touches = "new pods only" if repair.id in ("node.cordon", "node.uncordon") else "every pod on the node"
    return Offered(repair=repair, risk=repair.risk, touches=touches)


def _not_proved_dead(scene: Scene) -> str | None:
    alive = scene.value("process.alive")
    if alive is True:
        return f"process {_or(scene.value('process.pid'), 'of the container')} is still alive"
    if alive is None:
        return f"the container is not proved dead: {scene.why('process.alive')}"
    left = scene.value("cgroup.processes")
    if left is None:
        return f"whether processes are left in its cgroup is not known: {scene.why('cgroup.processes')}"
    return f"{left} of its processes are still alive" if left != 0 else None


def _not_asked_safely(scene: Scene) -> str | None:
    """Why dockerd should not be asked to stop anything now."""
    if scene.value("process.recycled") is True:
        pid = scene.value("docker.container.pid")
        return f"dockerd would kill pid {pid}, which now belongs to something else"
    if why := _silent(scene, "docker"):
        return why
    if why := _silent(scene, "containerd"):  # measured: a stop in that window returns 0 and does nothing
        return f"{why}: dockerd would return success and do nothing"
    if scene.value("process.recycled") is None:  # moby's killProcessDirectly signals that pid, whoever has it
        return f"whose the pid is that dockerd would kill is not known: {scene.why('process.recycled')}"
    return None


def _silent(scene: Scene, daemon: Literal["docker", "containerd"]) -> str | None:
    match scene.value(f"{daemon}.answers"):
        case True:
            return None
        case None:
            return f"whether {daemon} answers is not known: {scene.why(f'{daemon}.answers')}"
        case _:
            return f"{daemon} does not answer"


def _value(facts: Facts, name: str) -> Value | None:
    fact = facts.get(name)
    return fact.answer.value if fact is not None and isinstance(fact.answer, Known) else None


def _or(value: Value | None, otherwise: str) -> str:
    return otherwise if value is None else said(value)


_ONE_DEAD = "1 dead container; nothing else on the node"

_ASSESSORS: Mapping[str, Callable[[Repair, Scene], Assessment]] = {
    "container.stop": _container_stop,
    "shim.reap": _shim_reap,
    "cgroup.thaw": _cgroup_thaw,
    "pod.delete": _pod_delete,
    "kubelet.restart": _kubelet_restart,
    "node.cordon": _whole_node,
    "node.uncordon": _whole_node,
    "containerd.restart": _containerd_restart,
    "docker.restart": _docker_restart,
    "node.drain": _whole_node,
    "pod.force_delete": _pod_force_delete,
    "finalizer.remove": _finalizer_remove,
    "node.out_of_service": _node_out_of_service,
    "node.reboot": _whole_node,
}
