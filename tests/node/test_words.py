"""Words from outside: what is not of the fixed form is refused, and nothing in them is ever run."""

import re
import shutil
import subprocess

import pytest
from inline_snapshot import snapshot

from tests.node.acting import Site, record
from tests.node.imitation import CONTAINER, POD, PROGRAM, Node

STATIC = POD.replace("-", "")  # the UID of a static pod has no dashes
OP = "00c0ffee" * 4
BOOT = "2153768c-7021-4261-a831-2996c7210526"
NO_NUMBERS = ("", " ", "-1", "+1", "1.5", "0x10", "007", "1e3", "9" * 16, "1;id", "$(id)", "1\n2", "1 2")
NO_PIDS = (*NO_NUMBERS, "0", "1", "-1", "4194305", "9999999999")
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
    ("status",),
    ("status", OP, OP),
    ("status", OP.upper()),
    ("status", OP[:-1]),
    ("status", "../" * 10 + "xx"),
    ("forced", "repairs", "x"),
    ("forced", "repair"),
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
HOSTILE_REPAIRS = (
    (),
    (OP,),
    (OP, "kubelet.restart", BOOT),
    (OP[:-1], "kubelet.restart", BOOT, "-"),
    (OP + "0", "kubelet.restart", BOOT, "-"),
    (OP.upper(), "kubelet.restart", BOOT, "-"),
    (f"../{OP[3:]}", "kubelet.restart", BOOT, "-"),
    (f"{OP}\n", "kubelet.restart", BOOT, "-"),
    (OP, "kubelet.restart", BOOT[:-1], "-"),
    (OP, "kubelet.restart", STATIC, "-"),
    (OP, "kubelet.restart", "-", "-"),
    (OP, "kubelet.restart", BOOT, ""),
    (OP, "kubelet.restart", BOOT, "--"),
    (OP, "kubelet.restart", BOOT, BOOT),
    (OP, "kubelet.restart", BOOT, "-", "x"),
    (OP, "kubelet.restart 0", BOOT, "-"),
    (OP, "kubelet.stop", BOOT, "-"),
    (OP, "node.reboot", BOOT, "-"),
    (OP, "*", BOOT, "-"),
    (OP, "", BOOT, "-"),
    (OP, "containerd.restart", BOOT, "-", "now"),
    (OP, "container.stop", BOOT, "-", CONTAINER),
    (OP, "container.stop", BOOT, "-", CONTAINER[:12], "77"),
    (OP, "container.stop", BOOT, "-", "--help", "77"),
    (OP, "container.stop", BOOT, "-", CONTAINER, "77", "78"),
    *((OP, "container.stop", BOOT, "-", CONTAINER, pid) for pid in NO_PIDS),
    *((OP, "shim.reap", BOOT, "-", "docker", CONTAINER, pid, "500") for pid in NO_PIDS),
    *((OP, "shim.reap", BOOT, "-", "docker", CONTAINER, "77", number) for number in NO_NUMBERS),
    (OP, "shim.reap", BOOT, "-", "crio", CONTAINER, "77", "500"),
    (OP, "shim.reap", BOOT, "-", "docker", POD, "77", "500"),
    (OP, "shim.reap", BOOT, "-", "docker", CONTAINER, "77"),
    (OP, "shim.reap", BOOT, "-", "docker", CONTAINER, "77", "500", "-9"),
    (OP, "cgroup.thaw", BOOT, "-", CONTAINER),
    (OP, "cgroup.thaw", BOOT, "-", CONTAINER, POD.replace("-", "_")),
    (OP, "cgroup.thaw", BOOT, "-", "*" * 64, POD),
    (OP, "docker.restart", BOOT, "-"),
    (OP, "docker.restart", BOOT, "-", "on"),
    (OP, "docker.restart", BOOT, "-", "ON", "0"),
    (OP, "docker.restart", BOOT, "-", "on|off", "0"),
    *((OP, "docker.restart", BOOT, "-", "off", number) for number in NO_NUMBERS),
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
    f"terminating-node do {OP} kubelet.restart {BOOT} -",
    f"terminating-node status {OP}",
    f"repairs terminating-node status {OP}",
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

    assert any_node.run("forced").out == b"terminating-node 2\n"


def test_words_of_another_form_are_no_repair(any_node: Node) -> None:
    for words in HOSTILE_REPAIRS:
        refused(any_node, "do", *words)
    assert not (any_node.root / "var/lib/terminating").exists()


def test_a_key_for_repairs_opens_nothing_but_do_and_status_beside(any_node: Node) -> None:
    for name in ("id", "scp", "sudo"):
        any_node.tool(name, f"touch {any_node.folder}/ran; echo 0\n")
    repairs = {f"terminating-node do {OP} kubelet.restart {BOOT} -", f"terminating-node status {OP}"}
    hostile = [f"terminating-node do {' '.join(words)}" for words in HOSTILE_REPAIRS]
    for command in (*(one for one in HOSTILE_COMMANDS if one not in repairs), *hostile):
        any_node.environment["SSH_ORIGINAL_COMMAND"] = command
        refused(any_node, "forced", "repairs")
    assert not (any_node.folder / "ran").exists()
    assert not (any_node.root / "var/lib/terminating").exists()


@pytest.mark.parametrize("words", [f"do {OP} kubelet.restart {BOOT} -", f"status {OP}"])
def test_with_a_key_for_repairs_another_user_becomes_root_through_this_program(one_node: Node, words: str) -> None:
    one_node.tool("id", "echo 1000\n")
    one_node.tool("sudo", 'printf "%s\\n" "$@"\n')
    one_node.environment["SSH_ORIGINAL_COMMAND"] = f"terminating-node {words}"

    answer = one_node.run("forced", "repairs")

    assert answer.out.decode().splitlines() == ["-n", str(PROGRAM), *words.split()]


def test_with_a_key_for_repairs_root_acts_itself(any_site: Site) -> None:
    any_site.node.environment["SSH_ORIGINAL_COMMAND"] = f"terminating-node do {OP} kubelet.restart {BOOT} -"

    refused_there = record(any_site.node.run("forced", "repairs").out)
    any_site.node.environment["SSH_ORIGINAL_COMMAND"] = f"terminating-node status {OP}"

    assert refused_there.why.partition(":")[0] in {"boot id", "machine id"}
    assert record(any_site.node.run("forced", "repairs").out) == refused_there


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


def test_what_changes_a_node_stands_on_a_handful_of_lines() -> None:
    """A reader finds the whole power of the program here; a line that joins them fails this test first."""
    lines = [line.split(" #")[0].strip() for line in PROGRAM.read_text().splitlines() if not line.startswith("#")]
    changing = re.compile(r"(?:.* )?(?:act|mv|ln|cp|rm|kill|signal|mkdir) .*|.* >\"\$(?!tmp|file|into).*")

    found = [line for line in lines if changing.fullmatch(line) and " refuse '" not in line]

    assert found == snapshot(
        [
            'case $code in 124 | 137 | 143) kill -KILL "-$child" 2>/dev/null ;; esac',
            'kill -STOP "$1" 2>/dev/null || return 0',
            'kill -KILL "$1" 2>/dev/null',
            'mv "$tmp/joined" "$tmp/log"',
            'is_container "$id" && mkdir "$tmp/asked/$id" 2>/dev/null || continue',
            'mkdir -p "$ledger/ops" 2>/dev/null',
            '{ printf \'%s\\n\' "$2" >"$1" && flush "$1" && [ "$(cat "$1")" = "$2" ]; } 2>/dev/null',
            'rm -f "$new"',
            'put "$new" "$1" || { rm -f "$new" && unusable "the ledger $ledger cannot be written"; }',
            'ln "$new" "$entry" 2>/dev/null',
            'rm -f "$new"',
            'flush "$entry" || { rm -f "$entry" && unusable "the ledger $ledger cannot be written"; }',
            'rm -f "$ledger/new.$$"',
            'put "$ledger/new.$$" "$text" && mv "$ledger/new.$$" "$entry" && flush "$entry" ||',
            'while IFS= read -r old; do rm -f "$old"; done',
            '{ there >"$entry.there"; } 2>/dev/null',
            '[ -s "$entry.there" ] || rm -f "$entry.there"',
            '[ -z "$taken" ] || { echo "$op" >"$ledger/lock" && return; }',
            'started "$2" && [ "$ticks" = "$3" ] && kill "-$1" "$2" 2>/dev/null',
            'heard 60 act docker stop "$1"',
            'signal KILL "$shim" "$4" ||',
            'echo THAWED >"$dir/freezer.state"',
            'echo 0 >"$dir/cgroup.freeze"',
            'heard 60 act systemctl restart "$1"',
            'heard 60 quietly act env -i PATH="$PATH" "$init" restart',
            'rm -f "$json.$op"',
            'put_json && flush "$json.$op" && mv "$json.$op" "$json" && flush "$json" || {',
            'rm -f "$json.$op"',
            'if signal HUP "$pid" "${old#* }" && await 10 live_is_on; then',
            'signal HUP "$pid" "${old#* }"',
            'cp -p "$json" "$saved" && flush "$saved" || settle refused "${json#"$root"} could not be kept"',
            'cp -p "$saved" "$json.$op" && printf \'%s\\n\' "$edit" >"$json.$op"',
            '(umask 022 && mkdir -p "${json%/*}" && printf \'%s\\n\' "$edit" >"$json.$op")',
            '[ -e "$saved" ] || { rm -f "$json" && return; }',
            'cp -p "$saved" "$json.$op" && mv "$json.$op" "$json" && flush "$json"',
            'cd "$tmp" && mkdir asked home frames || exit 1',
            'rm -rf "$tmp"',
            'mkdir "frames/$kind" || exit 1',
            'kill "$nap"',
        ]
    )
    assert not re.search(r"\b(?:eval|reboot|umount|chmod|chown|pkill|killall|curl|wget|nc)\b", "\n".join(lines))
