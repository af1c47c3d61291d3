"""Words from outside: what is not of the fixed form is refused, and nothing in them is ever run."""

import shutil
import subprocess

import pytest

from tests.node.imitation import CONTAINER, POD, PROGRAM, Node

STATIC = POD.replace("-", "")  # the UID of a static pod has no dashes
HOSTILE_IDS = (
    "",
    "$(touch /tmp/x)",
    "`id`",
    f"{POD};id",
    f"{POD}\nid",
    f" {POD}",
    POD.upper(),
    POD[:-1],
    POD + "0",
    POD.replace("-", "_"),
    f"-{POD[1:]}",
    "-" * 36,
    CONTAINER[:-1],
    CONTAINER + "0",
    CONTAINER[:12],
    CONTAINER[:-1] + "g",
    CONTAINER[:-2] + "é",
    "../" * 12,
    "*",
    "?" * 64,
    "--help",
)
HOSTILE_WORDS = (
    (),
    ("--help",),
    ("version", "x"),
    ("forced", "x"),
    ("do",),
    ("probe",),
    ("probe", "docker"),
    ("probe", "docker", "5"),
    ("probe", "crio", "5", POD),
    ("probe", "docker|containerd", "5", POD),
    ("probe", "docker", "0", POD),
    ("probe", "docker", "61", POD),
    ("probe", "docker", "05", POD),
    ("probe", "docker", "5s", POD),
    ("probe", "docker", "1+1", POD),
    ("probe", "docker", "-5", POD),
    ("probe", "docker", "", POD),
    ("probe", "docker", "5", *[POD] * 257),
)
HOSTILE_COMMANDS = (
    "",
    "sh",
    "id",
    "terminating-node",
    "terminating-node forced",
    "terminating-node version x",
    "terminating-node version;id",
    "terminating-node version\nid",
    "terminating-node\nversion",
    "terminating-node  version",
    " terminating-node version",
    "terminating-node version ",
    "terminating-node\tversion",
    "/usr/local/sbin/terminating-node version",
    "./terminating-node version",
    "TERMINATING_ROOT=/tmp terminating-node version",
    "terminating-node do x shim.reap",
    f"terminating-node probe docker 5 {POD};id",
    f"terminating-node probe docker 5 {POD} && id",
    f"terminating-node probe docker 5 {POD} | id",
    f"terminating-node probe docker 5 {POD}\nid",
    "terminating-node probe docker 5 $(id)",
    "terminating-node probe docker 5 `id`",
    "terminating-node probe docker 5 *",
    "terminating-node probe docker 5 /etc/*",
    "terminating-node probe docker 5 ${PATH}",
    "terminating-node probe docker 5 'a b'",
    f"terminating-node probe docker 5 -- {POD}",
    f"terminating-node probe docker 5 --host=x {POD}",
    f"terminating-node probe docker 5 {POD} /etc/shadow",
    f"terminating-node probe docker 5 {' '.join([POD] * 257)}",
    "scp -t /tmp",
    "internal-sftp",
)


def refused(node: Node, *words: str) -> None:
    answer = node.run(*words)
    assert (answer.exit_code, answer.out) == (2, b"")
    assert answer.err.startswith(b"terminating-node: refused: ")
    assert answer.err.count(b"\n") == 1


def test_ids_of_another_form_are_refused(any_node: Node) -> None:
    for word in HOSTILE_IDS:
        refused(any_node, "probe", "docker", "5", POD, word)


def test_words_of_another_form_are_refused(any_node: Node) -> None:
    for words in HOSTILE_WORDS:
        refused(any_node, *words)


def test_a_forced_command_that_is_not_exactly_a_probe_is_refused_and_not_run(any_node: Node) -> None:
    for name in ("id", "scp", "sudo"):
        any_node.tool(name, f"touch {any_node.folder}/ran; echo 0\n")
    for command in HOSTILE_COMMANDS:
        any_node.environment["SSH_ORIGINAL_COMMAND"] = command
        refused(any_node, "forced")
    assert not (any_node.folder / "ran").exists()


def test_without_a_command_a_forced_login_is_refused(any_node: Node) -> None:
    refused(any_node, "forced")


def test_a_forced_version_is_told(any_node: Node) -> None:
    any_node.environment["SSH_ORIGINAL_COMMAND"] = "terminating-node version"

    assert any_node.run("forced").out == b"terminating-node 1\n"


def test_root_is_not_asked_to_become_root(one_node: Node) -> None:
    one_node.tool("id", "echo 0\n")
    one_node.tool("sudo", f"touch {one_node.folder}/ran\n")
    one_node.environment["SSH_ORIGINAL_COMMAND"] = f"terminating-node probe docker 5 {POD} {STATIC} {CONTAINER}"

    assert "node" in one_node.run("forced").frames
    assert not (one_node.folder / "ran").exists()


def test_another_user_becomes_root_through_this_program_alone_and_without_a_prompt(one_node: Node) -> None:
    one_node.tool("id", "echo 1000\n")
    one_node.tool("sudo", 'printf "%s\\n" "$@"\n')
    one_node.environment["SSH_ORIGINAL_COMMAND"] = f"terminating-node probe containerd 60 {POD} {CONTAINER}"

    answer = one_node.run("forced")

    assert answer.out.decode().splitlines() == ["-n", str(PROGRAM), "probe", "containerd", "60", POD, CONTAINER]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    found = subprocess.run(["shellcheck", "-s", "sh", PROGRAM], capture_output=True, text=True, check=False)

    assert found.stdout == ""


def test_it_holds_no_word_that_changes_a_node() -> None:
    """The repairs' tools must not be in it, and what it writes and ends is its own."""
    lines = [line.split("#")[0].strip() for line in PROGRAM.read_text().splitlines()]
    starts = {word for line in lines for word in line.replace("(", " ").split()}

    assert not starts & {
        "eval",
        "reboot",
        "umount",
        "mount",
        "restart",
        "stop",
        "pkill",
        "killall",
        "curl",
        "wget",
        "nc",
        "chmod",
    }
    assert [line for line in lines if line.startswith("rm ")] == ['rm -rf "$tmp"']
