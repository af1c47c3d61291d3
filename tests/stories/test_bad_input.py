"""
Whatever is wrong, the answer is one clear line on stderr, exit code 1 and nothing on stdout, table or JSON.

Where the API server alone tells the cause, a node that cannot be asked is no failure: its facts are not known, and why.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.edges.fake_apiserver import certificate, kubeconfig
from tests.edges.hostile_sshd import (
    Behaviour,
    HostileSshd,
    answering,
    dripping,
    flooding,
    new_key,
    says_nothing,
    silent,
)
from tests.probes.replay import frames_of
from tests.stories.world import CONTAINER, NODE, POD, STATE, World, line_of, nobodys_port, wire

OUTPUTS = ("table", "json")
SHORT = "1s"
Parts = tuple[str, ...]  # of the line
Wrong = Callable[[World], Parts]

FRAMES = wire(frames_of(STATE)[0].values())
FRAMES_OF_OTHERS = FRAMES.replace(CONTAINER.encode(), b"f" * 64).replace(b"852775d6", b"99999999")


def kubeconfig_that(world: World, **cluster: object) -> None:
    """The settings name a kubeconfig like the world's, but for these values."""
    given = {"url": world.api.url, "ca": world.certificate.file, "user": None, **cluster}
    folder = world.folder / "other"
    folder.mkdir()
    file = kubeconfig(folder, given["url"], given["ca"], given["user"])  # type: ignore[arg-type]
    world.write({"lab": world.cluster(file)})


# what the API server's side can do


def no_such_pod(world: World) -> Parts:
    world.settled()
    world.api.objects["/api/v1/pods"].clear()
    return (
        "get pods prod/zookeeper0-0 on cluster lab (https://127.0.0.1:",
        "no such object (HTTP 404)",
        "Check the name",
    )


def nobody_answers(world: World) -> Parts:
    kubeconfig_that(world, url=f"https://127.0.0.1:{nobodys_port()}")
    return ("cluster lab (https://127.0.0.1:", "no connection: Connection refused", "Check the server address")


def unknown_ca(world: World) -> Parts:
    folder = world.folder / "elsewhere"
    folder.mkdir()
    kubeconfig_that(world, ca=certificate(folder).file)
    return ("its certificate", "not the CA of the kubeconfig", "nothing was sent")


def expired_credentials(world: World) -> Parts:
    kubeconfig_that(world, user={"token": "of-yesterday"})
    return ("the credentials have expired or are not accepted (HTTP 401)", "Log in or renew them")


def no_right(world: World) -> Parts:
    world.settled()
    world.api.forbidden.add("pods")
    rule = 'Grant {apiGroups: [""], resources: ["pods"], verbs: ["get"]}'
    return ("no right to get pods (HTTP 403)", rule, "`terminating rbac` prints the whole role")


def no_kubeconfig(world: World) -> Parts:
    world.write({"lab": world.cluster(world.folder / "nowhere")})
    return ("there is no kubeconfig", "nowhere", "Write one there, or name another")


def no_such_context(world: World) -> Parts:
    world.settled()
    settings = json.loads(world.settings.read_text())["clusters"]
    settings["lab"]["context"] = "prod-us"
    world.write(settings)
    return ("has no context prod-us", "Name one of its contexts: here.")


def not_a_pod(world: World) -> Parts:
    world.settled()
    world.api.objects["/api/v1/pods"][0]["kind"] = "Deployment"
    return ("it is no Pod with a name, a namespace and a UID",)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "wrong",
    [
        no_such_pod,
        nobody_answers,
        unknown_ca,
        expired_credentials,
        no_right,
        no_kubeconfig,
        no_such_context,
        not_a_pod,
    ],
)
def test_an_api_server_that_cannot_be_read_is_one_line(world: World, wrong: Wrong, output: str) -> None:
    parts = wrong(world)

    line = line_of(world.run("diagnose", POD, "-o", output))

    assert all(part in line for part in parts), line


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_name_that_fits_several_pods_lists_them(world: World, output: str) -> None:
    world.settled()
    other = json.loads(json.dumps(world.pod))
    other["metadata"] |= {"namespace": "staging", "uid": "0" * 8}
    world.api.objects["/api/v1/pods"].append(other)

    line = line_of(world.run("diagnose", "zookeeper0-0", "-o", output))

    assert "it fits 2 pods. Say which: lab/prod/zookeeper0-0, lab/staging/zookeeper0-0." in line


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("nowhere-0", "there is no pod nowhere-0"),
        ("prod-us/prod/zookeeper0-0", "no cluster prod-us. There are: lab."),
    ],
)
def test_a_pod_that_cannot_be_found_is_one_line(world: World, words: str, part: str) -> None:
    world.settled()

    assert part in line_of(world.run("diagnose", words))


@pytest.mark.parametrize(
    "words",
    [
        "a/b/c/d",
        "prod/",
        "/prod/web",
        "",
        "!!",
        "web-0.",
        "w" * 254,
        "prod/No_Such_Name",
        "Prod/web-0",
        "lab/prod/Web",
        "prod/\x1b[31m\u202e",
    ],
)
def test_what_is_no_pods_name_is_refused_with_its_form_before_anything_is_asked(world: World, words: str) -> None:
    nobody_answers(world)

    assert "it is no pod's name. Say POD or NAMESPACE/POD, each of lower-case" in line_of(world.run("diagnose", words))


@pytest.mark.parametrize("words", ["web-0.example.com", "w" * 253])
def test_what_may_be_a_pods_name_is_asked_for(world: World, words: str) -> None:
    world.settled()

    assert f"there is no pod {words[:50]}" in line_of(world.run("diagnose", words))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("wrong", [nobody_answers, unknown_ca, expired_credentials])
def test_a_scan_of_no_cluster_that_can_be_read_is_one_line(world: World, wrong: Wrong, output: str) -> None:
    parts = wrong(world)

    line = line_of(world.run("scan", "-o", output))

    assert all(part in line for part in parts), line


def test_a_scan_without_the_right_names_the_rule_for_lists(world: World) -> None:
    no_right(world)

    assert '{apiGroups: [""], resources: ["pods"], verbs: ["list"]}' in line_of(world.run("scan"))


# what the node's side can do


def no_sshd(world: World) -> Parts:
    world.settled()
    return ("no TCP connection: Connection refused", "Check that its sshd runs")


def no_key(world: World) -> Parts:
    world.node(HostileSshd())
    world.settled(key=str(world.folder / "lost"))
    return ("no SSH key: tried", "lost (No such file or directory)", "IdentityFile")


def unknown_host_key(world: World) -> Parts:
    sshd = world.node(HostileSshd())
    world.settled()
    (world.folder / "known_hosts").write_text("")
    return (
        f"it offers ssh-ed25519 {sshd.host_keys[0].fingerprint}; nothing was sent",
        "Compare it with `ssh-keygen -lf`",
    )


def changed_host_key(world: World) -> Parts:
    sshd = world.node(HostileSshd())
    world.pinned = new_key()
    world.settled()
    return (
        f"it offers ssh-ed25519 {sshd.host_keys[0].fingerprint}",
        f"pinned is ssh-ed25519 {world.pinned.fingerprint}",
        "nothing was sent",
    )


def not_let_in(world: World) -> Parts:
    world.node(HostileSshd(accepts_keys=False))
    world.settled()
    return ("it does not let ada in with the key", "authorized_keys of ada")


def never_speaks(world: World) -> Parts:
    world.node(HostileSshd(greet=says_nothing))
    world.settled(SHORT)
    return ("the time of 1 s was over",)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "wrong",
    [no_sshd, no_key, unknown_host_key, changed_host_key, not_let_in, never_speaks],
    ids=lambda each: each.__name__,
)
def test_a_node_that_lets_nobody_in_is_one_line(world: World, wrong: Wrong, output: str) -> None:
    parts = wrong(world)

    line = line_of(world.run("diagnose", POD, "-o", output))

    assert all(part in line for part in (f"on {NODE} (127.0.0.1:", *parts)), line


ANSWERS: dict[str, tuple[Behaviour, str, str]] = {  # what it does, the limit, a part of the line
    "takes the words and is silent": (silent, SHORT, "the time of 1 s was over"),
    "says a byte every 0.2 s": (dripping, SHORT, "the time of 1 s was over"),
    "never stops": (flooding, "60s", "it printed more than 8,388,608 bytes on stdout"),
    "ends without an exit status": (answering(FRAMES, status=None), "20s", "without an exit status"),
    "says nothing and is content": (answering(b""), "20s", "the answer ends before its last frame"),
    "is no UTF-8": (answering(b"\xff\xfe\x00\xd8" * 9), "20s", "byte 0: expected a frame header"),
    "greets like a login shell": (answering(b"Welcome to node0!\n" + FRAMES), "20s", "byte 0: expected a frame header"),
    "promises more than it sends": (answering(b"node 0 9 999999 0\nabc"), "20s", "promises 999999 bytes, 3 follow"),
    "promises less than it sends": (answering(b"node 0 9 1 0\nabc\nend 0 9 0 0\n"), "20s", "expected a frame header"),
    "is cut short": (answering(FRAMES[: len(FRAMES) // 2]), "20s", "frame kernel promises"),
    "lacks its last frame": (answering(FRAMES.removesuffix(b"end 0 20 0 0\n")), "20s", "ends before its last frame"),
    "goes on after its last frame": (answering(FRAMES + b"more"), "20s", "4 bytes follow the last frame"),
    "is about containers nobody asked for": (
        answering(FRAMES_OF_OTHERS),
        "20s",
        "its answer says nothing of the containers of prod/zookeeper0-0",
    ),
    "may not run it": (answering(b"", b"sudo: a password is required\n", 1), "20s", "See that sudo lets ada run it"),
    "has no program": (answering(b"", b"sh: terminating-node: not found\n", 127), "20s", "terminating node-setup"),
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_node_whose_answer_cannot_be_trusted_is_one_line(world: World, answer: str, output: str) -> None:
    behave, limit, part = ANSWERS[answer]
    world.node(HostileSshd(behave))
    world.settled(limit)

    line = line_of(world.run("diagnose", POD, "-o", output))

    assert NODE in line
    assert part in line


def test_each_question_on_the_node_has_its_share_of_the_time(world: World) -> None:
    sshd = world.node(HostileSshd(answering(FRAMES)))
    world.settled("40s", program="installed")

    assert world.run("diagnose", POD).exit_code == 0
    assert [command.split()[:4] for command in sshd.commands] == [["terminating-node", "probe", "docker", "12"]]


@pytest.mark.parametrize(
    ("ssh", "command"),
    [
        ({"user": "ada"}, "sudo -n sh -s -- probe docker"),
        ({"user": "root"}, "sh -s -- probe docker"),
        ({"user": "ada", "become": "none"}, "sh -s -- probe docker"),
    ],
    ids=str,
)
def test_sudo_is_asked_for_unless_the_user_is_root_whoever_runs_the_program(
    world: World, ssh: dict[str, str], command: str
) -> None:
    sshd = world.node(HostileSshd(answering(FRAMES), users=("ada", "root")))
    world.settled(**ssh)

    assert world.run("diagnose", POD).exit_code == 0
    assert sshd.commands[0].startswith(command)


# where the API alone tells the cause


def finalizer_left(world: World) -> str:
    world.pod["metadata"]["finalizers"] = ["example.com/keep"]
    world.pod["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 0}}
    return "finalizer-pending"


def node_not_ready(world: World) -> str:
    conditions = world.api.objects["/api/v1/nodes"][0]["status"]["conditions"]
    ready = next(each for each in conditions if each["type"] == "Ready")
    ready |= {"status": "Unknown", "reason": "NodeStatusUnknown"}
    return "node-notready-or-unreachable"


def node_deleted(world: World) -> str:
    world.api.objects["/api/v1/nodes"].clear()
    return "node-deleted-orphans"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (finalizer_left, "no TCP connection: Connection refused"),
        (node_not_ready, "no TCP connection: Connection refused"),
        (node_deleted, "there is no node node0 to ask"),
    ],
    ids=["finalizer", "not ready", "deleted"],
)
def test_what_the_api_alone_can_tell_is_told_and_the_rest_is_not_known(
    world: World, change: Callable[[World], str], why: str
) -> None:
    world.settled()
    cause = change(world)

    table, whole = world.run("diagnose", POD), world.run("diagnose", POD, "-o", "json")

    assert (table.exit_code, table.stderr, whole.exit_code, whole.stderr) == (0, "", 0, "")
    assert f"({cause})" in table.stdout
    verdict = json.loads(whole.stdout)["verdict"]
    assert verdict["cause"] == cause
    untold = {each["fact"]: each["why"] for each in verdict["unknown"]}
    assert untold
    assert all(why in reason for fact, reason in untold.items() if not fact.startswith("api.")), untold


def test_a_pod_within_its_grace_is_said_to_be_so_and_its_node_is_left_in_peace(world: World) -> None:
    sshd = world.node(HostileSshd())
    world.settled()
    world.api.date = "Mon, 23 Nov 2026 20:26:10 GMT"

    result = world.run("diagnose", POD)

    assert result.exit_code == 0
    assert result.stdout.startswith("NOT STUCK  prod/zookeeper0-0 on node0 · lab: 18 s before its deadline\n")
    assert sshd.connections == 0


# the program as it is started


def started(*words: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "bot", *words],
        env={**kept, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=timedelta(seconds=30).total_seconds(),
        check=False,
    )


def test_without_settings_and_without_a_kubeconfig_it_says_where_it_looked(tmp_path: Path) -> None:
    done = started("scan", home=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "there is no kubeconfig ~/.kube/config." in done.stderr


def test_a_started_program_fails_in_one_line_too_even_where_colour_is_forced(world: World) -> None:
    parts = changed_host_key(world)

    done = started("diagnose", POD, "--config", str(world.settings), home=world.folder, FORCE_COLOR="1")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.removesuffix("\n").isprintable()
    assert all(part in done.stderr for part in parts)
