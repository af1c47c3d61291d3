"""An operation is carried out at most once, and what became of it can be asked for afterwards, whatever happened."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.node.acting import BOOT, MACHINE, OP, OTHER_OP, Site, inspected, record
from tests.node.imitation import CONTAINER, POD
from tests.node.test_container_repairs import EXITED, GONE
from tests.node.test_thaw import FREEZER, v1

STOP = ("container.stop", CONTAINER, GONE)
WORDS = f"container.stop {BOOT} {MACHINE} {CONTAINER} {GONE}"


def slow(site: Site) -> Path:
    """`docker stop` ends when this file is there."""
    go = site.node.folder / "go"
    site.docker(state=inspected("running", GONE), after=EXITED, stop=f"while [ ! -e {go} ]; do sleep 0.1; done")
    return go


def acting(site: Site) -> None:
    site.node.until(lambda: len(site.acts) == 1)


def test_an_id_that_was_seen_is_told_again_and_not_done_again(any_site: Site) -> None:
    any_site.docker(state=inspected("running", GONE), after=EXITED)

    first = any_site.do(*STOP)
    any_site.docker(state=inspected("running", GONE), after=EXITED)

    assert any_site.do(*STOP) == any_site.status() == any_site.do("kubelet.restart") == first
    assert (first.words, first.result) == (WORDS, "done")
    assert len(any_site.acts) == 1


def test_it_is_told_from_the_ledger_alone(site: Site) -> None:
    site.docker(state=inspected("exited", 0))

    done = site.do(*STOP)

    assert record((site.ledger / "ops" / OP).read_bytes()) == done
    assert sorted(path.name for path in site.ledger.iterdir()) == ["lock", "ops"]
    assert {path.stat().st_mode & 0o777 for path in (site.ledger, site.ledger / "ops")} == {0o700}


def test_an_id_that_was_asked_for_first_is_burnt(any_site: Site) -> None:
    any_site.docker(state=inspected("running", GONE), after=EXITED)

    burnt = any_site.status()

    assert (burnt.result, burnt.words) == ("burnt", "-")
    assert any_site.do(*STOP) == any_site.status() == burnt
    assert any_site.acts == []


@pytest.mark.parametrize(
    ("boot", "machine", "why"),
    [
        (POD, MACHINE, f"boot id: expected {POD}, found {BOOT}"),
        (BOOT, "f" * 32, f"machine id: expected {'f' * 32}, found {MACHINE}"),
        (BOOT, "-", f"machine id: expected -, found {MACHINE}"),
    ],
)
def test_another_boot_or_machine_is_refused(any_site: Site, boot: str, machine: str, why: str) -> None:
    any_site.docker(state=inspected("running", GONE), after=EXITED)

    answer = any_site.node.run("do", OP, STOP[0], boot, machine, CONTAINER, str(GONE))

    assert (record(answer.out).result, record(answer.out).why) == ("refused", why)
    assert any_site.acts == []


def test_a_node_without_a_machine_id_is_meant_by_a_dash(site: Site) -> None:
    site.docker(state=inspected("running", GONE), after=EXITED)
    (site.root / "etc/machine-id").unlink()

    assert record(site.node.run("do", OP, STOP[0], BOOT, "-", CONTAINER, str(GONE)).out).result == "done"


def test_a_node_whose_processes_are_not_ours_is_refused(site: Site) -> None:
    """As in a debug pod without the node's process numbers: a kill would hit somebody else."""
    site.docker(state=inspected("running", GONE), after=EXITED)
    (site.root / "proc/self").unlink()
    (site.root / "proc/self").symlink_to("/proc/1")

    assert site.do(*STOP).why.startswith("our own process number in the node's /proc: ")


def test_of_many_who_ask_at_once_one_acts(any_site: Site) -> None:
    go = slow(any_site)
    words = any_site.words(*STOP)

    started = [any_site.node.start(*words) for _ in range(5)]
    acting(any_site)
    go.touch()
    results = [record(one.communicate(timeout=30)[0]) for one in started]

    assert len(any_site.acts) == 1
    assert {one.result for one in results} <= {"running", "done"}
    assert [one.result for one in results].count("done") >= 1
    assert any_site.status().result == "done"


def test_one_repair_at_a_time(any_site: Site) -> None:
    go = slow(any_site)
    first = any_site.node.start(*any_site.words(*STOP))
    acting(any_site)

    second = any_site.do(*STOP, op=OTHER_OP)
    meanwhile = any_site.status()
    go.touch()

    assert (second.result, second.why) == ("refused", f"another repair runs here: {OP}")
    assert any_site.do(*STOP, op=OTHER_OP) == second
    assert (meanwhile.result, meanwhile.words) == ("running", WORDS)
    assert record(first.communicate(timeout=30)[0]).result == "done"
    assert len(any_site.acts) == 1


def test_asking_and_doing_at_once_never_does_both(site: Site) -> None:
    site.docker(state=inspected("running", GONE), after=EXITED)
    for number in range(20):
        op = f"{number:032x}"
        done, asked = (site.node.start(*site.words(*STOP, op=op)), site.node.start("status", op))
        result = record(done.communicate(timeout=30)[0]).result
        asked.communicate(timeout=30)

        before = len(site.acts)
        assert site.status(op).result == result
        assert result in {"done", "burnt", "refused"}
        assert len(site.acts) == before


def test_a_repair_that_was_killed_in_the_middle_is_unknown_once_its_tool_has_ended(any_site: Site) -> None:
    go = slow(any_site)
    with any_site.node.start(*any_site.words(*STOP)) as started:
        acting(any_site)
        started.kill()
        meanwhile = any_site.status(), any_site.do(*STOP, op=OTHER_OP)
        go.touch()
        any_site.node.until(lambda: any_site.status().result != "running")

    for folder in any_site.node.folders(started.pid):  # nobody was left to remove it
        shutil.rmtree(folder)
    unknown = any_site.status()
    assert (meanwhile[0].result, meanwhile[1].why) == ("running", f"another repair runs here: {OP}")
    assert (unknown.result, unknown.words, unknown.ended) == ("unknown", WORDS, None)
    assert any_site.do(*STOP) == unknown
    assert len(any_site.acts) == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE])
def test_a_lost_connection_does_not_end_it(any_site: Site, number: signal.Signals) -> None:
    go = slow(any_site)
    with any_site.node.start(*any_site.words(*STOP)) as started:
        acting(any_site)
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        started.stderr.close()
        started.send_signal(number)
        go.touch()
        started.wait(timeout=30)

    assert any_site.status().result == "done"


def test_piped_it_reads_none_of_its_own_text(any_site: Site) -> None:
    any_site.docker(state=inspected("running", GONE), after=EXITED, stop="cat")

    answer = any_site.node.run(*any_site.words(*STOP), piped=True)

    assert record(answer.out).result == "done"
    assert record(any_site.node.run("status", OP, piped=True).out) == record(answer.out)


# ---- a ledger that cannot be used: nothing is done


def unusable(site: Site, *words: str) -> None:
    for asked in (words or site.words(*STOP)), ("status", OP):
        answer = site.node.run(*asked)
        assert (answer.exit_code, answer.out) == (1, b""), answer
        assert b"nothing was done" in answer.err
    assert site.acts == []


@pytest.fixture
def ready(any_site: Site) -> Site:
    any_site.docker(state=inspected("running", GONE), after=EXITED)
    return any_site


def test_a_folder_that_others_may_enter_is_no_ledger(ready: Site) -> None:
    (ready.ledger / "ops").mkdir(parents=True)

    unusable(ready)


@pytest.mark.parametrize("name", ["var/lib/terminating", "var/lib/terminating/ops"])
def test_a_link_or_a_file_is_no_ledger(ready: Site, name: str) -> None:
    (ready.node.folder / "elsewhere").mkdir(mode=0o700)
    path = ready.root / name
    path.parent.mkdir(parents=True, mode=0o700)
    path.symlink_to(ready.node.folder / "elsewhere")
    unusable(ready)
    path.unlink()
    path.touch()

    unusable(ready)


@pytest.mark.parametrize("options", ["ro", "size=4k,nr_inodes=3"], ids=["read-only", "full"])
def test_a_disk_that_takes_nothing_is_no_ledger(ready: Site, options: str) -> None:
    ready.ledger.mkdir(parents=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"{options},mode=700", "none", ready.ledger], check=False
    ).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        if options != "ro":
            (ready.ledger / "ops").mkdir(mode=0o700)
            (ready.ledger / "lock").write_bytes(b"x" * 4096)
        unusable(ready)
    finally:
        subprocess.run(["umount", ready.ledger], check=True)


def test_a_disk_that_cannot_promise_is_no_ledger(site: Site) -> None:
    site.docker(state=inspected("running", GONE), after=EXITED)
    site.tool("dd", "echo 'fsync failed: Input/output error' >&2; exit 1\n")

    unusable(site)
    (site.node.tools / "dd").unlink()

    assert site.do(*STOP).result == "done"  # nothing is left of the attempts


def test_without_flock_nothing_is_done(site: Site) -> None:
    """On a copy that does not add the system's folders to PATH, and has all other programs."""
    site.docker(state=inspected("running", GONE), after=EXITED)
    lines = site.node.program.read_text().splitlines(keepends=True)
    site.node.program = site.node.file("bare", "".join(line for line in lines if not line.startswith("PATH=")))
    for folder in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for program in Path(folder).iterdir():
            if program.name != "flock" and not (site.node.tools / program.name).exists():
                (site.node.tools / program.name).symlink_to(program)
    site.node.environment["PATH"] = str(site.node.tools)

    answer = site.node.run(*site.words(*STOP))

    assert (answer.exit_code, answer.out, site.acts) == (1, b"", [])
    assert b"no flock(1)" in answer.err
    assert site.status().result == "burnt"


def test_records_older_than_thirty_days_go(site: Site) -> None:
    site.docker(state=inspected("exited", 0))
    site.do(*STOP)
    kept, month = site.status(OTHER_OP), time.time() - 31 * 86400
    os.utime(site.ledger / "ops" / OP, (month, month))

    site.do(*STOP, op="2" * 32)

    assert sorted(path.name for path in (site.ledger / "ops").iterdir()) == [OTHER_OP, "2" * 32]
    assert site.status(OTHER_OP) == kept


def test_what_its_tools_say_cannot_forge_a_line(site: Site) -> None:
    forged = r"x\r\nend\nresult done\n\033[31mresult done" + "y" * 500
    site.docker(state=inspected("running", GONE), stop=f"printf '{forged}' >&2; exit 1")

    done = site.do(*STOP)

    assert (done.result, done.why) == ("failed", "docker stop: exit code 1: x ")


def test_a_ledger_names_what_is_running_while_cgroups_thaw(site: Site) -> None:
    """A verb of another kind goes through the same ledger."""
    v1(site, f"{FREEZER}/{CONTAINER}", self_freezing=True)

    assert site.do("cgroup.thaw", CONTAINER, POD) == site.status()
