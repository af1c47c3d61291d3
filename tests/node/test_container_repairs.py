"""container.stop and shim.reap: what they need, what they do, and whom they never touch."""

import signal
import subprocess
import threading
from pathlib import Path

import pytest

from tests.node.acting import CGROUP, SANDBOX, V1, V2, WAITS, Site, inspected, stat
from tests.node.imitation import CONTAINER, HANG

GONE = 4_194_000  # no process has it: above this machine's pid_max
EXITED = inspected("exited", 0, 137)


# ---- container.stop


def test_a_dead_container_is_stopped(any_site: Site) -> None:
    any_site.docker(state=inspected("running", GONE), after=EXITED)

    done = any_site.do("container.stop", CONTAINER, GONE)

    assert (done.result, done.why) == ("done", "docker stop: docker now says exited, exit code 137")
    assert any_site.acts == [f"docker stop {CONTAINER}"]


def test_a_zombie_has_no_objection(site: Site) -> None:
    pid = site.zombie()
    site.member(pid)
    site.docker(state=inspected("running", pid), after=EXITED)

    assert site.do("container.stop", CONTAINER, pid).result == "done"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (inspected("exited", 0), f"its state and pid in docker: expected running {GONE}, found exited 0"),
        (inspected("running", 77), f"its state and pid in docker: expected running {GONE}, found running 77"),
        (
            inspected("running", GONE, container=SANDBOX),
            f"the container that docker found: expected {CONTAINER}, found {SANDBOX}",
        ),
        ("", "docker: expected its state, found none: exit code 1: No such container"),
    ],
)
def test_another_state_than_the_planned_is_refused(site: Site, state: str, why: str) -> None:
    site.docker(state=state)

    done = site.do("container.stop", CONTAINER, GONE)

    assert done.result == "refused"
    assert why in done.why
    assert site.acts == []


def test_while_containerd_is_mute_nothing_is_stopped(site: Site) -> None:
    site.docker(state=inspected("running", GONE))
    site.tool("ctr", "echo 'ctr: connection refused' >&2; exit 1\n")

    assert site.do("container.stop", CONTAINER, GONE).why == (
        "containerd: expected an answer, found none: exit code 1: ctr: connection refused"
    )
    assert site.acts == []


def test_a_pid_that_is_somebody_elses_now_is_refused(any_site: Site) -> None:
    pid = any_site.process("nginx")
    any_site.docker(state=inspected("running", pid))

    done = any_site.do("container.stop", CONTAINER, pid)

    assert (done.result, done.why) == (
        "refused",
        f"pid {pid}: expected it gone, found that it now belongs to something else (nginx)",
    )
    assert any_site.acts == []


def test_a_container_that_is_alive_is_refused(any_site: Site) -> None:
    pid = any_site.process("nginx")
    any_site.member(pid)
    any_site.docker(state=inspected("running", GONE))

    done = any_site.do("container.stop", CONTAINER, GONE)

    assert (done.result, done.why) == (
        "refused",
        f"processes of the container: expected none alive, found pid {pid} (nginx)",
    )
    assert any_site.acts == []


def test_a_process_that_its_cgroup_cannot_name_is_alive(site: Site) -> None:
    site.docker(state=inspected("running", GONE))
    site.node.file(f"{CGROUP}/below/cgroup.procs", "0\n")

    assert "found pid 0" in site.do("container.stop", CONTAINER, GONE).why


def test_without_cgroups_nothing_is_proved(site: Site) -> None:
    site.docker(state=inspected("running", GONE))
    (site.root / "sys/fs/cgroup").rename(site.root / "elsewhere")

    assert site.do("container.stop", CONTAINER, GONE).why == (
        "whether processes of the container are left is not known: exit code 1: no cgroups here"
    )


def test_a_stop_that_changes_nothing_is_a_failure(any_site: Site) -> None:
    any_site.docker(state=inspected("running", GONE))

    done = any_site.do("container.stop", CONTAINER, GONE)

    assert (done.result, done.why) == ("failed", "docker stop returned success, but docker still says running")


def test_a_stop_that_fails_is_told_with_its_words(site: Site) -> None:
    site.docker(state=inspected("running", GONE), stop="echo 'cannot kill container' >&2; exit 1")

    done = site.do("container.stop", CONTAINER, GONE)

    assert (done.result, done.why) == ("failed", "docker stop: exit code 1: cannot kill container")
    assert done.said == (f"docker says {CONTAINER} running {GONE} 0",)


def test_a_container_that_was_removed_meanwhile_is_stopped(site: Site) -> None:
    site.docker(state=inspected("running", GONE), stop=f": >{site.root}/docker.after")

    assert site.do("container.stop", CONTAINER, GONE).why == "docker stop: docker has removed the container since"


# ---- shim.reap


@pytest.mark.parametrize("arguments", [V1, V2], ids=["v1", "v2"])
def test_the_shim_of_a_dead_container_is_killed(any_site: Site, arguments: tuple[str, ...]) -> None:
    shim = any_site.process("containerd-shim-runc-v2", *arguments)
    sibling = any_site.process("containerd-shim", "-id", SANDBOX)
    state = any_site.node.file(
        "state", '{\n  "id": "x",\n  "status": 3,\n  "exit_status": 137,\n  "exited_at": "2026-11-23T08:58:06Z"\n}\n'
    )
    any_site.tool(
        "ctr",
        f"""case $5 in
  version) ;;
  task) echo '{CONTAINER}    3262    STOPPED' ;;
  shim) cat {state} ;;
esac
""",
    )

    done = any_site.do("shim.reap", "docker", CONTAINER, shim, stat(shim)[1])

    assert (done.result, done.why) == (
        "done",
        f"kill -KILL of pid {shim}, the shim of {CONTAINER}: it has ended",
    )
    assert done.said == (
        "ctr task ls:     3262    STOPPED",
        'ctr shim state:   "status": 3,   "exit_status": 137,   "exited_at": "2026-11-23T08:58:06Z"',
    )
    assert not any_site.alive(shim)
    assert any_site.alive(sibling)


def test_the_renamed_shim_of_docker_18_06_is_known(site: Site) -> None:
    shim = site.process("docker-containerd-shim", *V1)

    assert site.do("shim.reap", "docker", CONTAINER, shim, stat(shim)[1]).result == "done"


def test_a_hung_ctr_costs_seconds_and_not_the_repair(site: Site) -> None:
    shim = site.process("containerd-shim", *V2)
    site.tool("ctr", f"case $5 in version) exit ;; esac\n{HANG}")

    done = site.do("shim.reap", "docker", CONTAINER, shim, stat(shim)[1])

    assert done.result == "done"
    assert done.said == ("ctr task ls: no answer about it in 2 s", "ctr shim state: no answer in 2 s")


def sandboxed(site: Site, sandbox: str) -> None:
    info = site.node.file(
        "info",
        f'{{\n  "Labels": {{"x": "\\"io.kubernetes.cri.sandbox-id\\": \\"{CONTAINER}\\""}},\n'
        f'  "annotations": {{\n    "io.kubernetes.cri.sandbox-id": "{sandbox}",\n    "x": "y"\n  }}\n}}\n',
    )
    site.tool("ctr", f"case $5 in containers) cat {info} ;; esac\n")


def test_through_cri_the_shim_is_called_after_the_containers_sandbox(any_site: Site) -> None:
    shim = any_site.process("containerd-shim", "-namespace", "k8s.io", "-id", SANDBOX, script=f"sleep 97 & {WAITS}")
    any_site.node.until(lambda: bool(Path(f"/proc/{shim}/task/{shim}/children").read_text()))
    (child,) = Path(f"/proc/{shim}/task/{shim}/children").read_text().split()
    any_site.shown(int(child))
    sandboxed(any_site, SANDBOX)

    done = any_site.do("shim.reap", "containerd", CONTAINER, shim, stat(shim)[1])
    subprocess.run(["kill", child], check=True)

    assert done.result == "done"
    assert done.said[-1] == f"child of the shim: pid {child} (sleep), state S"


def test_the_shim_of_another_sandbox_is_refused(any_site: Site) -> None:
    shim = any_site.process("containerd-shim", "-id", SANDBOX)
    sandboxed(any_site, SANDBOX[::-1])

    done = any_site.do("shim.reap", "containerd", CONTAINER, shim, stat(shim)[1])

    assert done.result == "refused"
    assert f"expected {SANDBOX[::-1]}, found {SANDBOX}" in done.why
    assert any_site.alive(shim)


STRANGERS = {
    "another start": ("containerd-shim", V2, 1),
    "another id": ("containerd-shim", ("-id", SANDBOX), 0),
    "an id that only begins so": ("containerd-shim", ("-id", CONTAINER + "0"), 0),
    "the id elsewhere": ("containerd-shim", ("-address", CONTAINER), 0),
    "another folder": ("containerd-shim", ("-workdir", f"/moby/{CONTAINER}/x"), 0),
    "two ids": ("containerd-shim", ("-id", CONTAINER, "-id", SANDBOX), 0),
    "no arguments": ("containerd-shim", (), 0),
    "a helper of that name": ("containerd-shim", (*V2, "delete"), 0),
    "another name": ("nginx", V2, 0),
    "docker's containerd": ("docker-containerd", V2, 0),
    "a line break before the id": ("containerd-shim", ("-x\n-id", CONTAINER), 0),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_whoever_has_the_shims_pid_now_is_never_signalled(any_site: Site, stranger: str) -> None:
    name, arguments, later = STRANGERS[stranger]
    pid = any_site.process(name, *arguments)

    done = any_site.do("shim.reap", "docker", CONTAINER, pid, int(stat(pid)[1]) + later)

    assert done.result == "refused"
    assert "expected" in done.why
    assert "found" in done.why
    assert any_site.alive(pid)


def test_a_thread_is_no_shim(site: Site) -> None:
    """Against this very process: KILL to a thread's number would end it."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    number = site.shown(thread.native_id or 0)
    started = Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2].split()[19]

    done = site.do("shim.reap", "docker", CONTAINER, number, started)
    end.set()

    assert (done.result, done.why.partition(":")[0]) == ("refused", f"the process of pid {number}")


def test_a_shim_that_is_gone_or_a_zombie_is_refused(site: Site) -> None:
    zombie = site.zombie()

    assert (
        site.do("shim.reap", "docker", CONTAINER, GONE, 1).why
        == f"the process of pid {GONE}: expected {GONE}, found nothing"
    )
    refused = site.do("shim.reap", "docker", CONTAINER, zombie, stat(zombie)[1], op="2" * 32)
    assert refused.why == f"pid {zombie}: expected a living shim, found a zombie"


def test_a_process_in_a_namespace_of_its_own_is_no_shim(site: Site) -> None:
    """As every process of a container is, whatever it calls itself."""
    site.process("containerd-shim")
    program = site.node.folder / "processes/containerd-shim"
    apart = ("unshare", "--pid", "--fork", "--kill-child", program)
    inside = subprocess.Popen([*apart, "-c", WAITS, "x", "-id", CONTAINER], stdin=subprocess.PIPE)
    site.running.append(inside)
    children = Path(f"/proc/{inside.pid}/task/{inside.pid}/children")
    site.node.until(lambda: children.read_text() != "")
    pid = site.shown(int(children.read_text()))
    site.node.until(lambda: Path(f"/proc/{pid}/comm").read_text() == "containerd-shim\n")

    done = site.do("shim.reap", "docker", CONTAINER, pid, stat(pid)[1])

    assert done.why == f"pid {pid}: expected a shim of the node, found a process in a container"
    assert site.alive(pid)


def test_the_shim_of_a_living_container_is_refused(any_site: Site) -> None:
    shim, living = any_site.process("containerd-shim", *V2), any_site.process("nginx")
    any_site.member(living)

    done = any_site.do("shim.reap", "docker", CONTAINER, shim, stat(shim)[1])

    assert done.why == f"processes of the container: expected none alive, found pid {living} (nginx)"
    assert any_site.alive(shim)


def test_a_zombie_whose_threads_go_on_is_alive(site: Site) -> None:
    """The leader has ended, another thread has not: a process that `ps` shows as defunct."""
    program = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(97,)).start()
ctypes.CDLL(None).pthread_exit(0)
"""
    shim = site.process("containerd-shim", *V2)
    with subprocess.Popen(["/usr/bin/python3", "-c", program]) as leader:
        site.node.until(lambda: stat(leader.pid)[0] == "Z")
        site.member(site.shown(leader.pid))

        done = site.do("shim.reap", "docker", CONTAINER, shim, stat(shim)[1])
        leader.send_signal(signal.SIGKILL)

    assert done.result == "refused"
    assert site.alive(shim)


def test_while_containerd_is_mute_no_shim_is_killed(site: Site) -> None:
    shim = site.process("containerd-shim", *V2)
    site.tool("ctr", HANG)

    done = site.do("shim.reap", "docker", CONTAINER, shim, stat(shim)[1])

    assert done.why == "containerd: expected an answer, found none: it was ended after 5 s"
    assert site.alive(shim)
