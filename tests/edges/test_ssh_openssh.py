"""The SSH edge against a real OpenSSH server on loopback."""

import getpass
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import paramiko
import pytest

from bot.core.facts import NodeName
from bot.edges.ssh import Pool, Target, from_openssh_config
from bot.ports import Garbled, Outage, Refused, TimedOut, Unreachable
from tests.edges.hostile_sshd import HostileSshd, known_hosts_line, new_key, says_nothing, write_key

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin") or ""
pytestmark = pytest.mark.skipif(not SSHD, reason="no sshd is installed (openssh-server)")

SOON = timedelta(seconds=15)
WORDS = ("probe", "docker", "8")
PROGRAM = (
    b"""#!/bin/sh
case $1 in
    fail) echo "no such thing" >&2; exit 2 ;;
    hang) echo begun; exec sleep 20 ;;
    flood) exec cat /dev/zero ;;
    killed) kill -9 $$ ;;
    die) kill -9 $PPID; exec sleep 20 ;;
    big) exec head -c 3000000 /dev/zero ;;
esac
printf 'words: %s\\n' "$*"
"""
    + b"# a comment\n" * 1200
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    port: int
    host_key: Path
    log: Path

    def accepted(self) -> int:
        """How many logins it has let in; also how many TCP connections it has served."""
        return self.log.read_text().count("Accepted publickey")


@contextmanager
def sshd(folder: Path, authorized: str, extra: str = "") -> Iterator[Sshd]:
    folder.mkdir()
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd started by root insists on it
    keys = []
    for kind in ("ed25519", "rsa"):
        keys.append(folder / f"host_{kind}")
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", keys[-1]], check=True)
    (folder / "authorized_keys").write_text(authorized)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "sshd_config"
    lines = [
        "ListenAddress 127.0.0.1",
        f"Port {port}",
        *(f"HostKey {key}" for key in keys),
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "PidFile none",
        "LogLevel VERBOSE",
        extra,
    ]
    config.write_text("\n".join(lines) + "\n")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield Sshd(port=port, host_key=keys[0], log=folder / "log")
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until it listens; each try is a connection of its own, refused at once as long as it does not."""
    tick = threading.Event()
    for _ in range(100):
        assert process.poll() is None, "sshd did not start"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            tick.wait(0.05)
        else:
            return
    pytest.fail("sshd does not listen")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openssh")


@pytest.fixture(scope="module")
def key(folder: Path) -> Path:
    return write_key(folder / "id_ed25519")


@pytest.fixture(scope="module")
def server(folder: Path, key: Path) -> Iterator[Sshd]:
    with sshd(folder / "server", public(key)) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path, server: Sshd, key: Path) -> Target:
    return target_at(tmp_path, server, key)


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(PROGRAM) as pool:
        yield pool


def public(key: Path) -> str:
    return subprocess.run(["ssh-keygen", "-y", "-f", key], check=True, capture_output=True, text=True).stdout


def target_at(folder: Path, server: Sshd, key: Path) -> Target:
    known = folder / f"known_hosts_{server.port}"
    known.write_text(f"[127.0.0.1]:{server.port} {server.host_key.with_suffix('.pub').read_text()}")
    return Target(
        name=NodeName("node1"),
        host="127.0.0.1",
        port=server.port,
        user=getpass.getuser(),
        key=key,
        known_hosts=(known,),
        become="none",
        program="piped",
    )


def test_a_piped_program_answers(pool: Pool, target: Target) -> None:
    assert pool.ask(target, ("probe", "it's", "$HOME; x"), SOON) == b"words: probe it's $HOME; x\n"


def test_a_long_answer_comes_whole(pool: Pool, target: Target) -> None:
    assert pool.ask(target, ("big",), SOON) == bytes(3_000_000)


def test_many_asks_are_one_login(pool: Pool, target: Target, server: Sshd) -> None:
    before = server.accepted()

    for _ in range(5):
        pool.ask(target, WORDS, SOON)

    assert server.accepted() == before + 1


def test_an_installed_program_sees_only_words(tmp_path: Path, key: Path, pool: Pool) -> None:
    forced = tmp_path / "forced"
    forced.write_text('#!/bin/sh\ncat\nprintf "asked: %s" "$SSH_ORIGINAL_COMMAND"\n')
    forced.chmod(0o755)
    with sshd(tmp_path / "forcing", f'restrict,command="{forced}" {public(key)}') as server:
        target = replace(target_at(tmp_path, server, key), program="installed")

        assert pool.ask(target, WORDS, SOON) == b"asked: terminating-node probe docker 8"


@pytest.mark.parametrize(
    ("word", "kind", "says"),
    [
        ("fail", Garbled, "exit status 2 after 0 bytes: no such thing"),
        ("hang", TimedOut, "6 bytes had come"),
        ("flood", Garbled, "more than"),
        ("killed", Garbled, "after 0 bytes"),
        ("die", Garbled, "after 0 bytes"),
    ],
)
def test_a_program_that_goes_wrong_is_one_clear_line(
    pool: Pool, target: Target, word: str, kind: type[Outage], says: str
) -> None:
    limit = timedelta(seconds=1.5) if kind is TimedOut else SOON

    with pytest.raises(kind) as caught:
        pool.ask(target, (word,), limit)

    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_sudo_that_refuses_is_a_refusal(pool: Pool, tmp_path: Path, key: Path) -> None:
    with sshd(tmp_path / "sudo", f'command="echo sudo: a password is required >&2; exit 1" {public(key)}') as server:
        with pytest.raises(Refused) as caught:
            pool.ask(replace(target_at(tmp_path, server, key), program="installed"), WORDS, SOON)

        assert "exit status 1 after 0 bytes: sudo: a password is required" in caught.value.why
        assert "node-setup" in caught.value.then


def test_a_changed_key_shows_the_fingerprints_of_ssh_keygen(pool: Pool, target: Target, server: Sshd) -> None:
    other = new_key()
    target.known_hosts[0].write_text(known_hosts_line(f"[127.0.0.1]:{server.port}", other))
    print_it: list[str | Path] = ["ssh-keygen", "-l", "-f", server.host_key]
    fingerprint = subprocess.run(print_it, check=True, capture_output=True, text=True).stdout.split()[1]

    with pytest.raises(Refused) as caught:
        pool.ask(target, WORDS, SOON)

    assert fingerprint in caught.value.why
    assert other.fingerprint in caught.value.why


def test_the_pinned_type_is_asked_for(pool: Pool, target: Target, server: Sshd) -> None:
    rsa = (server.host_key.parent / "host_rsa.pub").read_text()
    target.known_hosts[0].write_text(f"[127.0.0.1]:{server.port} {rsa}")

    assert pool.ask(target, WORDS, SOON) == b"words: probe docker 8\n"


def test_hashed_names_are_known(pool: Pool, target: Target) -> None:
    known = target.known_hosts[0]
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    assert known.read_text().startswith("|1|")

    assert pool.ask(target, WORDS, SOON) == b"words: probe docker 8\n"


def test_a_key_that_is_not_authorized_is_refused(pool: Pool, target: Target, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not let"):
        pool.ask(replace(target, key=write_key(tmp_path / "stranger")), WORDS, SOON)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_keys_of_each_kind_log_in(pool: Pool, tmp_path: Path, kind: str) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key], check=True)
    with sshd(tmp_path / "kinds", public(key)) as server:
        assert pool.ask(target_at(tmp_path, server, key), WORDS, SOON) == b"words: probe docker 8\n"


def test_a_certificate_beside_the_key_logs_in(pool: Pool, tmp_path: Path, key: Path) -> None:
    authority, certified = write_key(tmp_path / "ca"), tmp_path / "certified"
    shutil.copy(key, certified)
    signed = certified.with_suffix(".pub")
    signed.write_text(public(key))
    sign: list[str | Path] = ["ssh-keygen", "-q", "-s", authority, "-I", "bot", "-n", getpass.getuser(), signed]
    subprocess.run(sign, check=True)
    (tmp_path / "ca.pub").write_text(public(authority))
    with sshd(tmp_path / "certs", "", f"TrustedUserCAKeys {tmp_path}/ca.pub") as server:
        assert pool.ask(target_at(tmp_path, server, certified), WORDS, SOON) == b"words: probe docker 8\n"


def test_an_agent_is_asked_when_the_target_says_so(
    pool: Pool, target: Target, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.PIPE) as agent:
        try:
            assert agent.stdout is not None
            agent.stdout.readline()  # it prints where it listens, then serves
            subprocess.run(["ssh-add", "-q", key], check=True, capture_output=True)

            assert pool.ask(replace(target, key=None, agent=True), WORDS, SOON) == b"words: probe docker 8\n"
        finally:
            agent.terminate()


def test_a_node_behind_a_jump_host_is_reached_and_both_keys_are_checked(
    pool: Pool, tmp_path: Path, target: Target, server: Sshd, key: Path
) -> None:
    with sshd(tmp_path / "inner", public(key)) as inner:
        behind = replace(target_at(tmp_path, inner, key), jump=target)
        further = replace(target, name=NodeName("node3"), jump=behind)
        before = server.accepted()

        assert pool.ask(behind, WORDS, SOON) == b"words: probe docker 8\n"
        assert pool.ask(further, ("big",), SOON) == bytes(3_000_000)
        assert (server.accepted() - before, inner.accepted()) == (2, 1)

        wrong = tmp_path / "wrong"
        wrong.write_text("")
        with pytest.raises(Refused, match="host key is not known") as at_node:
            pool.ask(replace(behind, known_hosts=(wrong,)), WORDS, SOON)
        with pytest.raises(Refused, match="host key is not known") as at_jump:
            pool.ask(replace(behind, jump=replace(target, known_hosts=(wrong,))), WORDS, SOON)
        assert "the way to" in at_jump.value.whom
        assert "the way to" not in at_node.value.whom


def test_a_dead_node_behind_a_jump_host_does_not_cut_the_others(pool: Pool, target: Target, server: Sshd) -> None:
    with HostileSshd(greet=says_nothing) as mute, socket.create_server(("127.0.0.1", 0)) as closed:
        pool.ask(target, WORDS, SOON)
        before = server.accepted()
        port = closed.getsockname()[1]
        closed.close()
        with pytest.raises(TimedOut):
            pool.ask(replace(target, port=mute.port, jump=target), WORDS, timedelta(seconds=0.7))
        with pytest.raises(Unreachable, match="opens no way to it"):
            pool.ask(replace(target, port=port, jump=target), WORDS, SOON)

        assert pool.ask(target, WORDS, SOON) == b"words: probe docker 8\n"
        assert server.accepted() == before


def test_a_jump_host_that_forwards_nothing_is_a_refusal(pool: Pool, tmp_path: Path, target: Target, key: Path) -> None:
    with sshd(tmp_path / "strict", public(key), "AllowTcpForwarding no") as strict:
        hop = target_at(tmp_path, strict, key)

        with pytest.raises(Refused, match="opens no way to it"):
            pool.ask(replace(target, jump=hop), WORDS, SOON)


def test_the_settings_of_an_openssh_configuration_work(pool: Pool, tmp_path: Path, target: Target, key: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host node1\n  Port {target.port}\n  IdentityFile {key}\n  UserKnownHostsFile {target.known_hosts[0]}\n"
    )

    read = from_openssh_config(config, NodeName("node1"), host="127.0.0.1", user=getpass.getuser())

    assert pool.ask(read, WORDS, SOON) == b"words: probe docker 8\n"


def test_nothing_is_left_when_the_pool_is_closed(target: Target) -> None:
    with Pool(PROGRAM) as pool:
        pool.ask(target, WORDS, SOON)

    left = [thread for thread in threading.enumerate() if isinstance(thread, paramiko.Transport | threading.Timer)]
    assert left == []
