"""What can work here: the measured table of five stacks, every repair's own rules, and no offer without its proof."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from bot.core.causes import Subject
from bot.core.facts import Unknown, Value
from tests.core.samples import (
    ALIVE,
    BOOKWORM,
    BULLSEYE,
    DOCKER_STACKS,
    NO_SHIM,
    OLD,
    SANDBOX,
    SIDECAR,
    TRIXIE,
    UNTOLD,
    Answers,
    cause,
    hung,
    hung_cri,
    lost,
    subject,
)

WHY = UNTOLD.why
ONE_DEAD = "1 dead container; nothing else on the node"
RESTART = "offered, high: every container on the node stops: live-restore is off"
FORCE = (
    "offered, high: the API object only"
    " / it hides the fault and does not end it: container, mounts and cgroup stay on the node"
)


def words(assessment: Any) -> str:
    if hasattr(assessment, "why"):
        return f"withheld: {assessment.why}"
    return " / ".join((f"offered, {assessment.risk}: {assessment.touches}", *assessment.notes))


def assess(repairs: ModuleType, id_: str, answers: Answers, *siblings: Subject) -> str:
    at_fault = subject(answers)
    (assessment,) = repairs.ladder(cause(id_), at_fault, (at_fault, *siblings))
    return words(assessment)


def ladder(repairs: ModuleType, ids: tuple[str, ...], answers: Answers, *siblings: Subject) -> dict[str, str]:
    at_fault = subject(answers)
    found = repairs.ladder(cause(*ids), at_fault, (*siblings, at_fault))
    return {each.repair.id: words(each) for each in found}


def unknown_to_the_api(answers: Answers) -> Answers:
    """As for a pod's pause container: it is in no pod's status."""
    return {name: value for name, value in answers.items() if name != "api.container.state"}


def changed(
    repairs: ModuleType, id_: str, base: Answers, table: Mapping[tuple[tuple[str, Value | Unknown], ...], str]
) -> dict[tuple[tuple[str, Value | Unknown], ...], str]:
    return {changes: assess(repairs, id_, {**base, **dict(changes)}) for changes in table}


LOST_LADDER = ("container.stop", "shim.reap", "docker.restart", "pod.force_delete")
HUNG_LADDER = ("shim.reap", "docker.restart", "containerd.restart", "pod.force_delete")


def test_what_is_offered_for_a_lost_exit_event_on_each_stack(repairs: ModuleType) -> None:
    reap = f"offered, low: {ONE_DEAD} / docker marks it exited within 5 s"
    stop = f"offered, low: {ONE_DEAD} / docker marks it exited after about 10 s"
    no_code = "docker will record exit code 0, a success that never was: containerd no longer has the true one"
    rest = {"docker.restart": RESTART, "pod.force_delete": FORCE}
    measured = {
        OLD: {
            "container.stop": "withheld: docker stop returns success and changes nothing before docker 20.10;"
            " this node runs 18.09.9",
            "shim.reap": reap,
        },
        BULLSEYE: {
            "container.stop": stop,
            "shim.reap": "withheld: dockerd 20.10.5+dfsg1 will not notice: containerd 1.4.13~ds1 publishes"
            " a dead shim's exit with pid 0; docker stop ends it without",
        },
        BOOKWORM: {"container.stop": stop, "shim.reap": reap},
        TRIXIE: {"container.stop": f"{stop} / {no_code}", "shim.reap": "withheld: there is no shim to reap"},
    }

    found = {stack: ladder(repairs, LOST_LADDER, lost(stack)) for stack in DOCKER_STACKS}

    assert found == {stack: {**expected, **rest} for stack, expected in measured.items()}


def test_what_is_offered_for_a_hung_shim_on_each_stack(repairs: ModuleType) -> None:
    reap = f"offered, low: {ONE_DEAD} / docker marks it exited within 5 s"
    leaks = "a hung shim stays behind as a leaked process: reap it first"
    rest = {
        "docker.restart": RESTART,
        "containerd.restart": f"offered, high: containerd only: KillMode=process / {leaks}",
        "pod.force_delete": FORCE,
    }
    unnoticed = (
        f"offered, low: {ONE_DEAD} / dockerd 20.10.5+dfsg1 will not notice: containerd 1.4.13~ds1 publishes a dead"
        " shim's exit with pid 0 / a docker stop must follow, and docker will record exit code 255"
    )
    measured = {OLD: reap, BULLSEYE: unnoticed, BOOKWORM: reap, TRIXIE: reap}

    found = {stack: ladder(repairs, HUNG_LADDER, hung(stack)) for stack in DOCKER_STACKS}

    assert found == {stack: {"shim.reap": expected, **rest} for stack, expected in measured.items()}


def test_what_is_offered_for_a_hung_shim_through_cri(repairs: ModuleType) -> None:
    pause = subject({**unknown_to_the_api(hung_cri()), **ALIVE, "process.pid": 21800}, "sandbox", SANDBOX)

    found = ladder(repairs, HUNG_LADDER, hung_cri(), pause)

    assert found == {
        "shim.reap": "offered, low: the whole pod; still running under this shim: sandbox"
        " / the kubelet removes the pod in 4 to 17 s",
        "docker.restart": "withheld: the kubelet of this node uses containerd: dockerd has no part in its pods",
        "containerd.restart": "offered, high: containerd only: KillMode=process"
        " / a hung shim stays behind as a leaked process: reap it first",
        "pod.force_delete": "withheld: sandbox: process 21800 is still alive;"
        " a second pod of that name could start beside it",
    }


def test_docker_stop_is_never_offered_while_the_shim_hangs(repairs: ModuleType) -> None:
    found = [assess(repairs, "container.stop", hung(stack)) for stack in DOCKER_STACKS]

    assert all(said.startswith("withheld: docker stop ") for said in found), found


def test_container_stop(repairs: ModuleType) -> None:
    offered = f"offered, low: {ONE_DEAD} / docker marks it exited after about 10 s"
    table: dict[tuple[tuple[str, Value | Unknown], ...], str] = {
        (): offered,
        (("process.alive", True),): "withheld: process 21877 is still alive",
        (("process.alive", True), ("process.pid", UNTOLD)): "withheld: process of the container is still alive",
        (("process.alive", UNTOLD),): f"withheld: the container is not proved dead: {WHY}",
        (("cgroup.processes", 2),): "withheld: 2 of its processes are still alive",
        (("cgroup.processes", UNTOLD),): f"withheld: whether processes are left in its cgroup is not known: {WHY}",
        (("process.recycled", True),): "withheld: dockerd would kill pid 21877, which now belongs to something else",
        (("process.recycled", UNTOLD),): f"withheld: whose the pid is that dockerd would kill is not known: {WHY}",
        (("docker.answers", False),): "withheld: docker does not answer",
        (("docker.answers", UNTOLD),): f"withheld: whether docker answers is not known: {WHY}",
        (("containerd.answers", False),): "withheld: containerd does not answer:"
        " dockerd would return success and do nothing",
        (("containerd.answers", UNTOLD),): f"withheld: whether containerd answers is not known: {WHY}:"
        " dockerd would return success and do nothing",
        (("docker.version", UNTOLD),): f"withheld: dockerd's version is not known: {WHY}",
        (("docker.version", "dev"),): "withheld: dockerd's version is not known: it says dev",
        (("docker.version", "20.10.0"),): offered,
        (("docker.version", "19.03.15"),): "withheld: docker stop returns success and changes nothing"
        " before docker 20.10; this node runs 19.03.15",
        (("shim.answers", False),): "withheld: docker stop does not return while the shim hangs",
        (("shim.answers", UNTOLD),): f"withheld: whether its shim answers is not known: {WHY}",
        (("shim.answers", UNTOLD), ("shim.alive", False)): offered,
        (("containerd.task.status", "absent"),): f"{offered} / docker will record exit code 255:"
        " containerd no longer has the true one",
    }

    assert changed(repairs, "container.stop", lost(BULLSEYE), table) == table


def test_shim_reap(repairs: ModuleType) -> None:
    offered = f"offered, low: {ONE_DEAD} / docker marks it exited within 5 s"
    follow = "a docker stop must follow, and docker will record exit code 255"
    unsure = "whether dockerd would notice is not known, for want of the versions"
    table: dict[tuple[tuple[str, Value | Unknown], ...], str] = {
        (): offered,
        tuple(NO_SHIM.items()): "withheld: there is no shim to reap",
        (("process.alive", True),): "withheld: process 21877 is still alive",
        (("process.alive", UNTOLD),): f"withheld: the container is not proved dead: {WHY}",
        (("cgroup.processes", 1),): "withheld: 1 of its processes are still alive",
        (("cgroup.processes", UNTOLD),): f"withheld: whether processes are left in its cgroup is not known: {WHY}",
        (("shim.alive", UNTOLD),): f"withheld: its shim was not found: {WHY}",
        (("shim.pid", UNTOLD),): f"withheld: shim.pid is not known: {WHY}",
        (("shim.started", UNTOLD),): f"withheld: shim.started is not known: {WHY}",
        (("shim.shared", UNTOLD),): f"withheld: shim.shared is not known: {WHY}",
        (("containerd.answers", False),): "withheld: containerd does not answer: it would not see the shim die",
        (("containerd.answers", UNTOLD),): f"withheld: whether containerd answers is not known: {WHY}:"
        " it would not see the shim die",
        (("containerd.version", "1.5.9"),): "withheld: dockerd 20.10.24+dfsg1 will not notice: containerd 1.5.9"
        " publishes a dead shim's exit with pid 0; docker stop ends it without",
        (("containerd.version", "1.5.10"),): offered,
        (("containerd.version", "1.6.0"),): "withheld: dockerd 20.10.24+dfsg1 will not notice: containerd 1.6.0"
        " publishes a dead shim's exit with pid 0; docker stop ends it without",
        (("containerd.version", "1.6.0"), ("docker.version", "23.0.0")): "withheld: dockerd 23.0.0 will not notice:"
        " containerd 1.6.0 publishes a dead shim's exit with pid 0; docker stop ends it without",
        (("containerd.version", "1.6.0"), ("docker.version", "23.0.1")): offered,
        (("containerd.version", "1.6.1"),): offered,
        (("containerd.version", UNTOLD),): f"withheld: {unsure}; docker stop ends it without",
        (("containerd.version", UNTOLD), ("docker.version", "23.0.1")): offered,
        (("docker.version", UNTOLD),): offered,
        (("docker.version", UNTOLD), ("containerd.version", "1.4.13")): f"withheld: {unsure};"
        " docker stop ends it without",
        (("containerd.version", UNTOLD), ("shim.answers", False)): f"offered, low: {ONE_DEAD} / {unsure} / {follow}",
        (("containerd.version", "1.4.13"), ("shim.generation", "v1")): offered,
    }

    assert changed(repairs, "shim.reap", lost(BOOKWORM), table) == table


def test_reaping_a_shim_that_serves_the_whole_pod_names_what_runs_under_it(repairs: ModuleType) -> None:
    cri = hung_cri()
    dead = subject(cri, "dead", SIDECAR)
    live = subject({**cri, **ALIVE}, "web", SIDECAR)
    named_like_a_pause = subject({**cri, **ALIVE}, "sandbox", SIDECAR)
    pause = subject({**unknown_to_the_api(cri), **ALIVE}, "sandbox", SANDBOX)
    untold = subject({**cri, "process.alive": UNTOLD}, "web", SIDECAR)
    as_untold = subject({**cri, "process.alive": UNTOLD, "containerd.task.status": "absent"}, "log", SANDBOX)
    under, gone = "the whole pod; still running under this shim", "the kubelet removes the pod in 4 to 17 s"
    table: list[tuple[tuple[Subject, ...], str]] = [
        ((), f"offered, low: {under}: nothing / {gone}"),
        ((dead,), f"offered, low: {under}: nothing / {gone}"),
        ((pause,), f"offered, low: {under}: sandbox / {gone}"),
        ((live, pause), f"offered, medium: {under}: web, sandbox / {gone}"),
        ((named_like_a_pause,), f"offered, medium: {under}: sandbox / {gone}"),
        ((untold, pause), "withheld: whether web still runs under the same shim is not known"),
        ((untold, as_untold), "withheld: whether web, log still runs under the same shim is not known"),
    ]

    found = [assess(repairs, "shim.reap", cri, *siblings) for siblings, _ in table]

    assert found == [expected for _, expected in table]


def test_cgroup_thaw(repairs: ModuleType) -> None:
    paused = "the runtime says paused: somebody may have done that on purpose (a backup, a checkpoint)"
    offered = "offered, medium: this container only"
    table: dict[tuple[tuple[str, Value | Unknown], ...], str] = {
        (): "withheld: its cgroup is not known to be frozen",
        (("cgroup.frozen", UNTOLD),): "withheld: its cgroup is not known to be frozen",
        (("cgroup.frozen", True),): offered,
        (("cgroup.frozen", True), ("docker.container.state", "paused")): f"{offered} / {paused}",
        (("cgroup.frozen", True), ("containerd.task.status", "PAUSED")): f"{offered} / {paused}",
    }

    assert changed(repairs, "cgroup.thaw", lost(OLD), table) == table


def test_docker_restart(repairs: ModuleType) -> None:
    table: dict[tuple[tuple[str, Value | Unknown], ...], str] = {
        (): RESTART,
        (("docker.live_restore", True),): "offered, high: dockerd only: live-restore is on, containers keep running",
        (("docker.live_restore", UNTOLD),): "offered, high: every container on the node may stop:"
        f" live-restore is not known ({WHY})",
        (("api.node.runtime", "containerd"),): "withheld: the kubelet of this node uses containerd:"
        " dockerd has no part in its pods",
    }

    assert changed(repairs, "docker.restart", lost(OLD), table) == table


def test_containerd_restart(repairs: ModuleType) -> None:
    table: dict[tuple[tuple[str, Value | Unknown], ...], str] = {
        (): "offered, high: containerd only: KillMode=process",
        (("shim.answers", False),): "offered, high: containerd only: KillMode=process"
        " / a hung shim stays behind as a leaked process: reap it first",
        (("containerd.kill_mode", "control-group"),): "withheld: its unit has KillMode=control-group:"
        " every container on the node would stop",
        (("containerd.kill_mode", UNTOLD),): f"withheld: whether containers outlive it is not known: KillMode: {WHY}",
    }

    assert changed(repairs, "containerd.restart", lost(OLD), table) == table


def test_pod_force_delete(repairs: ModuleType) -> None:
    second = "a second pod of that name could start beside it"
    table: dict[tuple[tuple[str, Value | Unknown], ...], str] = {
        (): FORCE,
        (("api.pod.owner", "none"),): FORCE,
        (("api.pod.owner", "StatefulSet/zookeeper0"),): FORCE.replace("high", "critical"),
        (("api.pod.owner", UNTOLD),): FORCE.replace("high", "critical"),
        (("api.pod.finalizers", 1),): "withheld: a force delete does not pass a finalizer",
        (("api.pod.finalizers", UNTOLD),): f"withheld: whether a finalizer holds it is not known: {WHY}",
        (("process.alive", True),): f"withheld: process 21877 is still alive; {second}",
        (("process.alive", UNTOLD),): f"withheld: the container is not proved dead: {WHY}; {second}",
        (("cgroup.processes", UNTOLD),): "withheld: whether processes are left in its cgroup is not known:"
        f" {WHY}; {second}",
    }

    assert changed(repairs, "pod.force_delete", lost(OLD), table) == table


def test_a_force_delete_wants_every_container_of_the_pod_proved_dead(repairs: ModuleType) -> None:
    dead, live = subject(lost(OLD), "dead", SIDECAR), subject({**lost(OLD), **ALIVE}, "log", SANDBOX)

    assert assess(repairs, "pod.force_delete", lost(OLD), dead) == FORCE
    assert assess(repairs, "pod.force_delete", lost(OLD), dead, live) == (
        "withheld: log: process 21877 is still alive; a second pod of that name could start beside it"
    )


def test_a_force_delete_of_a_pod_whose_node_is_gone_has_no_proof(repairs: ModuleType) -> None:
    answers: Answers = {"api.pod.finalizers": 0, "api.pod.owner": "StatefulSet/a", "api.node.exists": False}

    assert assess(repairs, "pod.force_delete", answers) == (
        "withheld: the container is not proved dead: not asked; a second pod of that name could start beside it"
    )


def test_finalizer_remove(repairs: ModuleType) -> None:
    ended: Answers = {"api.pod.containers_ended": True, "api.pod.finalizer_names": "example.com/a, example.com/b"}
    running = "withheld: its containers have not ended, as far as the API server knows"
    table: dict[tuple[tuple[str, Value | Unknown], ...], str] = {
        (): "offered, critical: this pod only; the controller of the one that is removed does not get to do its part"
        " / one of example.com/a, example.com/b: the pod stays until all of them are gone",
        (("api.pod.finalizer_names", "example.com/a"),): "offered, critical: this pod only;"
        " the controller of example.com/a does not get to do its part",
        (("api.pod.finalizer_names", UNTOLD),): "offered, critical: this pod only;"
        " the controller of a finalizer that is not known does not get to do its part",
        (("api.pod.containers_ended", False),): running,
        (("api.pod.containers_ended", UNTOLD),): running,
    }

    assert changed(repairs, "finalizer.remove", ended, table) == table


def test_node_out_of_service(repairs: ModuleType) -> None:
    assert assess(repairs, "node.out_of_service", lost(OLD)) == "withheld: the machine is alive: it answered"
    assert assess(repairs, "node.out_of_service", {"node.boot_id": UNTOLD}) == (
        "withheld: the machine is not proved off: on a live one, two writers would share the volumes. "
        "Look at its console"
    )


def test_repairs_that_need_no_proof_say_what_they_touch(repairs: ModuleType) -> None:
    table = {
        "kubelet.restart": "offered, medium: the kubelet only: containers keep running",
        "node.cordon": "offered, low: new pods only",
        "node.drain": "offered, high: every pod on the node",
        "node.reboot": "offered, critical: every pod on the node",
    }

    assert ladder(repairs, tuple(table), {}) == table


def test_pod_delete(repairs: ModuleType) -> None:
    changes_nothing = "being deleted already: asked again, the API server changes nothing"
    table: dict[tuple[tuple[str, Value | Unknown], ...], str] = {
        (): "offered, medium: this pod only",
        (("api.pod.phase", "Succeeded"),): "offered, medium: this pod only",
        (("api.pod.phase", "Running"),): f"withheld: it is Running and {changes_nothing}",
        (("api.pod.phase", UNTOLD),): f"withheld: it is in a phase that is not known and {changes_nothing}",
        (("api.pod.phase", "Running"), ("api.pod.deleting", False)): "offered, medium: this pod only",
    }

    assert changed(repairs, "pod.delete", {"api.pod.phase": "Failed", "api.pod.deleting": True}, table) == table


def test_the_catalogue_is_closed(repairs: ModuleType) -> None:
    ids = [repair.id for repair in repairs.CATALOGUE]

    assert len(set(ids)) == len(ids)
    assert set(ids) == set(repairs.BY_ID) == set(ladder(repairs, tuple(ids), {}))
    assert {repair.risk for repair in repairs.CATALOGUE} == {"low", "medium", "high", "critical"}


def test_nothing_known_offers_nothing_that_needs_proof(repairs: ModuleType) -> None:
    found = ladder(repairs, NEED_PROOF, dict.fromkeys(lost(OLD), UNTOLD))

    assert all(said.startswith("withheld: ") for said in found.values()), found


NEED_PROOF = (
    "container.stop",
    "shim.reap",
    "cgroup.thaw",
    "containerd.restart",
    "pod.force_delete",
    "finalizer.remove",
)
RISKS = ("low", "medium", "high", "critical")
OTHERWISE: Mapping[str, tuple[Value | Unknown, ...]] = {
    "process.alive": (True, UNTOLD),
    "process.recycled": (True, UNTOLD),
    "cgroup.processes": (1, UNTOLD),
    "cgroup.frozen": (True,),
    "docker.answers": (False, UNTOLD),
    "docker.version": ("18.09.9", "20.10.5", "23.0.0", "26.1.5", UNTOLD),
    "docker.container.state": ("paused",),
    "containerd.answers": (False, UNTOLD),
    "containerd.version": ("1.2.6", "1.4.13", "1.6.0", "1.7.24", UNTOLD),
    "containerd.task.status": ("absent", "UNKNOWN", UNTOLD),
    "containerd.kill_mode": ("control-group", UNTOLD),
    "shim.alive": (False, UNTOLD),
    "shim.answers": (False, UNTOLD),
    "shim.shared": (True, UNTOLD),
    "shim.generation": ("v1", "v2", UNTOLD),
    "api.pod.finalizers": (1, UNTOLD),
    "api.pod.owner": ("StatefulSet/a", UNTOLD),
    "api.pod.containers_ended": (True, UNTOLD),
    "api.node.runtime": ("containerd",),
}


def test_forgetting_a_fact_never_turns_a_withheld_repair_into_an_offer_nor_lowers_its_risk(repairs: ModuleType) -> None:
    """Every sample, with any one fact otherwise, and any one fact then forgotten: of the container or its sibling."""
    for base in (lost(OLD), lost(BULLSEYE), lost(TRIXIE), hung(BULLSEYE), hung_cri()):
        for changes in ({}, *({name: value} for name, values in OTHERWISE.items() for value in values)):
            mine, beside = {**base, **changes}, {**base, **ALIVE, **changes}
            before = _levels(repairs, mine, beside)
            for name in (*OTHERWISE, "shim.pid", "shim.started"):
                for less in (
                    _levels(repairs, {**mine, name: UNTOLD}, beside),
                    _levels(repairs, mine, {**beside, name: UNTOLD}),
                ):
                    bolder = {id_ for id_ in NEED_PROOF if less[id_] < before[id_]}
                    assert not bolder, (bolder, changes, name)


def _levels(repairs: ModuleType, mine: Answers, beside: Answers) -> dict[str, int]:
    """The risk as a number, withheld above them all."""
    at_fault = subject(mine)
    found = repairs.ladder(cause(*NEED_PROOF), at_fault, (at_fault, subject(beside, "log", SIDECAR)))
    return {each.repair.id: len(RISKS) if hasattr(each, "why") else RISKS.index(each.risk) for each in found}
