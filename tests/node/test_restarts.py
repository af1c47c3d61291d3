"""kubelet.restart, docker.restart and containerd.restart: by whom, when, and what is told of everybody else."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.acting import SANDBOX, WAITS, Record, Site
from tests.node.imitation import CONTAINER, HANG

# The old process of this name ends, and a younger one begins that holds on to nothing of the script's.
RESTART = """act "$@"
kill -KILL $(cat "$MARK/{name}.pid")
: >"$MARK/{name}.pid"
begin='ln -s /proc/$$ "$MARK/root/proc/$$"; echo $$ >"$MARK/{name}.pid"; while :; do sleep 7; done'
"$MARK/processes/{name}" -c "$begin" </dev/null >/dev/null 2>&1 &
"""
RELOADS = """reload() {{
  if grep -q '"live-restore" *: *true' {json}; then echo true; else echo false; fi >{live}.new
  mv {live}.new {live} # whole at any moment
}}
trap reload HUP
while :; do read -r forever; done"""


def daemon(site: Site, name: str, script: str = WAITS, *arguments: str) -> int:
    pid = site.process(name, *arguments, script=script)
    (site.node.folder / f"{name}.pid").write_text(f"{pid}\n")
    if "trap" in script:
        caught = re.compile(r"^SigCgt:\t[0-9a-f]{15}[13579bdf]$", re.MULTILINE)  # SIGHUP is the last bit
        site.node.until(lambda: caught.search(Path(f"/proc/{pid}/status").read_text()) is not None)
    return pid


def by_script(site: Site, unit: str, name: str, script: str = RESTART) -> None:
    site.init_script(unit, script.format(name=name))


def by_systemd(site: Site, unit: str, name: str, script: str = RESTART, kill_mode: str = "process") -> None:
    """`MainPID` is what the file of the daemon's pid says."""
    (site.root / "run/systemd/system").mkdir(parents=True)
    site.tool(
        "systemctl",
        f"""case "$1 $2 $3 $4" in
  "show -p LoadState {unit}") echo LoadState=loaded ;;
  "show containerd "*) printf 'MainPID=%s\\nKillMode=%s\\n' "$(cat "$MARK/{name}.pid")" {kill_mode} ;;
  "restart {unit} "*) {script.format(name=name)} ;;
esac
""",
    )


# ---- kubelet.restart


@pytest.mark.parametrize("init", [by_script, by_systemd])
def test_the_kubelet_is_restarted_by_whoever_knows_it(any_site: Site, init: Callable[[Site, str, str], None]) -> None:
    old = daemon(any_site, "kubelet")
    init(any_site, "kubelet", "kubelet")

    done = any_site.do("kubelet.restart")
    new = any_site.successor("kubelet")

    assert done.result == "done"
    assert done.why.endswith(f"the kubelet is pid {new} now")
    assert done.said == (f"before: pid {old}", f"after: pid {new}")
    assert any_site.acts == ["kubelet restart" if init is by_script else "systemctl restart kubelet"]


def test_a_daemon_is_started_with_nothing_of_ours(any_site: Site) -> None:
    """Neither our locks nor our ignored signals, our mask, our folder or our environment."""
    seen = any_site.node.folder / "seen"
    look = f"{{ umask; pwd; ls /proc/$$/fd; grep SigIgn /proc/$$/status; env; }} >{seen}\n"
    any_site.init_script("kubelet", look)
    any_site.impatient()

    any_site.do("kubelet.restart")

    lines = seen.read_text().splitlines()
    assert lines[:2] == ["0022", "/"]
    assert not {"3", "7", "8", "9"} & set(lines)
    ours = subprocess.run(["dash", "-c", "grep SigIgn /proc/$$/status"], capture_output=True, text=True, check=True)
    assert ours.stdout.strip() in lines  # what was ignored before it began, no shell can change
    assert {line.split("=")[0] for line in lines if "=" in line} == {"PATH", "PWD", "MARK"}


def test_a_kubelet_that_was_down_is_started(site: Site) -> None:
    daemon(site, "kubelet")
    site.running[-1].kill()
    by_script(site, "kubelet", "kubelet")

    done = site.do("kubelet.restart")

    assert (done.result, done.said) == ("done", ("before: no process", f"after: pid {site.successor('kubelet')}"))


def test_without_an_init_that_knows_it_nothing_is_restarted(any_site: Site) -> None:
    (any_site.root / "run/systemd/system").mkdir(parents=True)

    done = any_site.do("kubelet.restart")

    assert done.result == "refused"
    assert done.why.startswith("no init system that knows kubelet")


@pytest.mark.parametrize("mode", [0o644, 0o775, 0o757])
def test_an_init_script_that_others_may_write_is_not_run(site: Site, mode: int) -> None:
    site.init_script("kubelet", "act\n")
    (site.root / "etc/init.d/kubelet").chmod(mode)

    assert site.do("kubelet.restart").result == "refused"
    assert site.acts == []


def test_an_init_script_of_another_user_is_not_run(site: Site) -> None:
    site.init_script("kubelet", "act\n")
    os.chown(site.root / "etc/init.d/kubelet", 1, 0)

    assert site.do("kubelet.restart").result == "refused"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("act; exit 3\n", "/etc/init.d/kubelet restart: exit code 3"),
        (f"act\n{HANG}", "/etc/init.d/kubelet restart: it was ended after 3 s"),
        ("act\n", "no younger kubelet that lives for 2 s was seen within 20 s"),
        (
            RESTART.format(name="kubelet").replace("while", "exit; while"),
            "no younger kubelet that lives for 2 s was seen within 20 s",
        ),
    ],
)
def test_a_restart_that_does_not_succeed_is_a_failure(site: Site, script: str, why: str) -> None:
    daemon(site, "kubelet")
    site.init_script("kubelet", script)
    site.impatient()

    done = site.do("kubelet.restart")

    assert (done.result, done.why) == ("failed", why)


# ---- docker.restart


def docker(site: Site, live: str = "true", running: int = 2) -> int:
    """A dockerd that reads its daemon.json on SIGHUP, and a docker that asks it. Empty: it does not answer."""
    said = site.node.file("live", f"{live}\n" if live else "")
    json_file = site.root / "etc/docker/daemon.json"
    site.tool(
        "docker",
        f"""[ -s {said} ] || {{ {HANG} }}
case $1 in
  info) cat {said}; echo 'WARNING: No swap limit support' >&2 ;;
  ps) seq {running} ;;
esac
""",
    )
    return daemon(site, "dockerd", RELOADS.format(json=json_file, live=said))


def test_with_live_restore_the_containers_keep_their_processes(any_site: Site) -> None:
    old = docker(any_site)
    first, second = any_site.caged(CONTAINER), any_site.caged(SANDBOX)
    by_script(any_site, "docker", "dockerd")

    done = any_site.do("docker.restart", "on", 0)
    new = any_site.successor("dockerd")

    assert done.result == "done"
    assert done.why == f"restarted by /etc/init.d/docker: dockerd is pid {new} now"
    assert done.said[:2] == (f"before: pid {old}", f"after: pid {new}, live-restore true")
    assert done.said[2:] == (
        "kept 2 of 2",
        *(f"before {SANDBOX} {second}", f"after {SANDBOX} {second}"),
        *(f"before {CONTAINER} {first}", f"after {CONTAINER} {first}"),
    )
    assert any_site.alive(first)
    assert any_site.alive(second)


def test_without_it_those_that_stopped_are_told_first(site: Site) -> None:
    docker(site, live="false")
    first, second = site.caged(CONTAINER), site.caged(SANDBOX)
    by_systemd(site, "docker", "dockerd", f"kill -KILL {first}\n{RESTART}")

    done = site.do("docker.restart", "off", 2)
    site.successor("dockerd")

    assert done.result == "done"
    assert done.said[2:] == (
        "kept 1 of 2",
        *(f"before {CONTAINER} {first}", f"after {CONTAINER} gone"),
        *(f"before {SANDBOX} {second}", f"after {SANDBOX} {second}"),
    )


def refused(site: Site, live: str, running: int, *words: object) -> Record:
    docker(site, live, running)
    by_script(site, "docker", "dockerd")
    before = (site.node.folder / "dockerd.pid").read_text()
    done = site.do("docker.restart", *words)
    assert done.result == "refused"
    assert site.acts == []
    assert (site.node.folder / "dockerd.pid").read_text() == before
    assert site.alive(int(before))
    return done


@pytest.mark.parametrize(
    ("live", "words", "why"),
    [
        ("false", ("on", 9), "live-restore: expected true, found false"),
        ("true", ("switch", 9), "live-restore: expected false, found true"),
        ("true", ("off", 9), "live-restore: expected false, found true"),
        ("maybe", ("on", 9), "live-restore: expected true, found no answer"),
        ("false", ("off", 2), "running containers: expected at most 2, found 3"),
    ],
)
def test_another_live_restore_than_the_planned_is_refused(
    any_site: Site, live: str, words: tuple[str, int], why: str
) -> None:
    assert refused(any_site, live, 3, *words).why == why


@pytest.mark.parametrize("planned", ["on", "switch"])
def test_what_a_mute_dockerd_cannot_tell_is_refused(site: Site, planned: str) -> None:
    site.impatient()

    assert refused(site, "", 0, planned, 0).why.endswith("found no answer")


def test_a_mute_dockerd_is_restarted_where_all_may_stop_and_the_kernel_counts(site: Site) -> None:
    site.impatient()
    old = docker(site, live="")
    os.kill(old, signal.SIGSTOP)
    site.caged(CONTAINER)
    by_script(site, "docker", "dockerd", RESTART + f"echo false >{site.root}/live\n")

    few = site.do("docker.restart", "off", 0)
    done = site.do("docker.restart", "off", 1, op="2" * 32)
    new = site.successor("dockerd")

    assert few.why == "running containers: expected at most 0, found 1"
    assert (done.result, done.said[:2]) == ("done", (f"before: pid {old}", f"after: pid {new}, live-restore false"))


def test_a_dockerd_that_does_not_come_back_is_a_failure(site: Site) -> None:
    docker(site)
    by_script(site, "docker", "dockerd", "act\n")
    site.impatient()

    done = site.do("docker.restart", "on", 0)

    assert (done.result, done.why) == ("failed", "no younger dockerd answered within 60 s")


# ---- containerd.restart


def test_containerd_is_restarted_where_the_containers_outlive_it(any_site: Site) -> None:
    old = daemon(any_site, "containerd")
    by_systemd(any_site, "containerd", "containerd")

    done = any_site.do("containerd.restart")
    new = any_site.successor("containerd")

    assert done.why == f"restarted by systemctl: containerd is pid {new} now, and answers"
    assert done.said == (f"before: pid {old}", f"after: pid {new}")


def test_where_they_would_not_it_is_refused(any_site: Site) -> None:
    daemon(any_site, "containerd")
    by_systemd(any_site, "containerd", "containerd", kill_mode="control-group")

    done = any_site.do("containerd.restart")

    assert (done.result, done.why) == ("refused", "the unit's KillMode: expected process, found control-group")
    assert any_site.acts == []


def test_an_init_script_cannot_promise_that(site: Site) -> None:
    by_script(site, "containerd", "containerd")

    done = site.do("containerd.restart")

    assert (done.result, site.acts) == ("refused", [])


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            "echo 'Job for containerd.service failed' >&2; exit 1",
            "systemctl restart: exit code 1: Job for containerd.service failed",
        ),
        (":", "containerd did not answer with another process within 30 s"),
    ],
)
def test_a_containerd_that_does_not_come_back_is_a_failure(site: Site, script: str, why: str) -> None:
    daemon(site, "containerd")
    by_systemd(site, "containerd", "containerd", f'act "$@"; {script}')
    site.impatient()

    done = site.do("containerd.restart")

    assert (done.result, done.why) == ("failed", why)
    assert site.acts == ["systemctl restart containerd"]
