"""The SSH edge at the wire, against a server in this process that is told how to misbehave."""

import logging
import random
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import paramiko
import pytest

from bot.edges.ssh import Pool
from bot.ports import Garbled, Outage, Refused, TimedOut, Unreachable
from tests.edges.hostile_sshd import (
    Behaviour,
    Greeting,
    HostileSshd,
    answering,
    dripping,
    flooding,
    flooding_past_the_window,
    flooding_stderr,
    hanging_up,
    heard,
    says_nothing,
    silent,
)
from tests.edges.ssh_targets import PROGRAM, SHORT, SOON, WORDS, TargetOf, refusal, targets


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(PROGRAM, out_cap_bytes=64 << 10, err_cap_bytes=8 << 10) as pool:
        yield pool


@pytest.fixture
def target_of(tmp_path: Path) -> TargetOf:
    return targets(tmp_path)


def echoing(sshd_stdin: list[bytes]) -> Behaviour:
    def behave(channel: paramiko.Channel, stop: threading.Event) -> None:  # noqa: ARG001
        sshd_stdin.append(heard(channel))
        channel.sendall(b"end 0 5 0 0\n")
        channel.send_exit_status(0)

    return behave


# what is sent


def test_a_piped_program_goes_to_stdin_of_a_shell_under_sudo(pool: Pool, target_of: TargetOf) -> None:
    stdin: list[bytes] = []
    with HostileSshd(echoing(stdin)) as sshd:
        answer = pool.ask(target_of(sshd), ("probe", "docker", "8", "it's"), SOON)

        assert answer == b"end 0 5 0 0\n"
        assert sshd.commands == ["sudo -n sh -s -- probe docker 8 'it'\"'\"'s'"]
        assert stdin == [PROGRAM]


@pytest.mark.parametrize(("user", "become"), [("root", "sudo"), ("ada", "none")])
def test_who_is_root_or_becomes_nobody_needs_no_sudo(pool: Pool, target_of: TargetOf, user: str, become: Any) -> None:
    with HostileSshd(users=(user,)) as sshd:
        pool.ask(replace(target_of(sshd), user=user, become=become), WORDS, SOON)

        assert sshd.commands == ["sh -s -- probe docker 8"]


def test_an_installed_program_gets_only_words(pool: Pool, target_of: TargetOf) -> None:
    stdin: list[bytes] = []
    with HostileSshd(echoing(stdin)) as sshd:
        pool.ask(replace(target_of(sshd), program="installed"), WORDS, SOON)

        assert sshd.commands == ["terminating-node probe docker 8"]
        assert stdin == [b""]


def test_a_program_that_nobody_reads_does_not_block_its_answer(target_of: TargetOf) -> None:
    def deaf(channel: paramiko.Channel, stop: threading.Event) -> None:  # noqa: ARG001
        channel.recv(1)
        channel.sendall(b"answer")
        channel.send_exit_status(0)

    with HostileSshd(deaf) as sshd, Pool(b"x" * (8 << 20)) as pool:
        assert pool.ask(target_of(sshd), WORDS, SOON) == b"answer"


# one connection


def test_one_connection_serves_many_asks(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _: pool.ask(target, WORDS, SOON), range(8)))

        assert answers == [b"ok"] * 8
        assert sshd.connections == 1


def test_beyond_so_many_idle_connections_the_oldest_goes(target_of: TargetOf) -> None:
    with (
        HostileSshd() as one,
        HostileSshd() as two,
        HostileSshd() as three,
        Pool(PROGRAM, most_idle=2) as pool,
    ):
        for sshd in (one, two, one, three, one, two):
            pool.ask(target_of(sshd), WORDS, SOON)

        assert [sshd.connections for sshd in (one, two, three)] == [1, 2, 1]


def test_different_nodes_are_asked_side_by_side(pool: Pool, target_of: TargetOf) -> None:
    together = threading.Barrier(2, timeout=5)

    def meeting(channel: paramiko.Channel, stop: threading.Event) -> None:
        heard(channel)
        together.wait()
        answering(b"met")(channel, stop)

    with HostileSshd(meeting) as one, HostileSshd(meeting) as two, ThreadPoolExecutor(2) as threads:
        answers = threads.map(lambda target: pool.ask(target, WORDS, SOON), (target_of(one), target_of(two)))

        assert list(answers) == [b"met", b"met"]


def test_a_kept_connection_that_died_is_replaced_without_a_word(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)
        pool.ask(target, WORDS, SOON)
        sshd.drop()

        assert pool.ask(target, WORDS, SOON) == b"ok"
        assert (sshd.connections, len(sshd.commands)) == (2, 2)


def test_a_kept_connection_that_fell_silent_is_replaced_without_a_word(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)
        pool.ask(target, WORDS, SOON)
        sshd.freeze()

        assert pool.ask(target, WORDS, SOON) == b"ok"
        assert sshd.connections == 2


def test_a_refusal_of_the_program_keeps_the_connection(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd(answering(b"", b"sudo: a password is required\n", 1)) as sshd:
        target = target_of(sshd)
        refusal(pool, target)
        refusal(pool, target)

        assert sshd.connections == 1


def test_a_late_answer_gives_up_the_connection_but_not_the_node(pool: Pool, target_of: TargetOf) -> None:
    slow = [True]

    def behave(channel: paramiko.Channel, stop: threading.Event) -> None:
        (silent if slow.pop() else answering(b"ok"))(channel, stop)

    with HostileSshd(behave) as sshd:
        target = target_of(sshd)
        assert isinstance(refusal(pool, target, SHORT), TimedOut)
        slow.append(False)

        assert pool.ask(target, WORDS, SOON) == b"ok"
        assert sshd.connections == 2


def test_a_closed_pool_asks_nobody_and_leaves_no_thread(target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)
        before = {thread for thread in threading.enumerate() if isinstance(thread, paramiko.Transport)}
        pool = Pool(PROGRAM)
        pool.ask(target, WORDS, SOON)
        pool.close()

        assert isinstance(refusal(pool, target), Unreachable)
        sshd.drop()
        after = {thread for thread in threading.enumerate() if isinstance(thread, paramiko.Transport | threading.Timer)}
        assert after <= before


# hostile programs


@pytest.mark.parametrize(
    ("behave", "kind", "says"),
    [
        pytest.param(answering(b"half", status=None), Garbled, "4 bytes without an exit status", id="no exit status"),
        pytest.param(answering(b"", status=None), Garbled, "0 bytes without an exit status", id="the end at once"),
        pytest.param(answering(b"", b"sudo: a password is required\n", 1), Refused, "node-setup", id="sudo refuses"),
        pytest.param(answering(b"", b"", 1), Refused, "exit status 1 after 0 bytes", id="exit 1 and nothing said"),
        pytest.param(answering(b"", b"sh: no\n", 127), Refused, "exit status 127", id="program not found"),
        pytest.param(answering(b"", b"usage\n", 2), Garbled, "another version", id="wrong usage"),
        pytest.param(answering(b"name 0 1", b"", 3), Garbled, "exit status 3 after 8 bytes", id="another exit status"),
        pytest.param(answering(b"", b"", 4_294_967_295), Garbled, "exit status 4294967295", id="status of all ones"),
        pytest.param(answering(b"", b"\xff\x1b[2J\x1b]0;x\x07\xe2\x80\xaeevil\r\n", 1), Refused, "evil", id="terminal"),
        pytest.param(flooding, Garbled, "more than", id="endless output"),
        pytest.param(flooding_stderr, Garbled, "more than", id="endless stderr"),
        pytest.param(hanging_up, Garbled, "11 bytes without an exit status", id="hangs up half-way"),
    ],
)
def test_a_hostile_answer_is_one_clear_line(
    pool: Pool, target_of: TargetOf, behave: Behaviour, kind: type[Outage], says: str
) -> None:
    with HostileSshd(behave) as sshd:
        outage = refusal(pool, target_of(sshd))

        assert type(outage) is kind
        assert says in str(outage)


@pytest.mark.parametrize("behave", [silent, dripping])
def test_the_deadline_holds_whatever_drips(pool: Pool, target_of: TargetOf, behave: Behaviour) -> None:
    with HostileSshd(behave) as sshd:
        outage = refusal(pool, target_of(sshd), timedelta(seconds=1.2))

        assert type(outage) is TimedOut
        came = int(outage.why.split("; ")[1].split()[0])
        assert (came > 0) == (behave is dripping)


def test_a_flood_past_the_window_takes_no_memory(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd(flooding_past_the_window) as sshd:
        target = target_of(sshd)
        refusal(pool, target)
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(3):
            assert type(refusal(pool, target)) is Garbled
        after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert after_kib - before_kib < 32 * 1024


def test_a_login_that_may_not_run_programs_is_refused(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd(runs_programs="no") as sshd:
        outage = refusal(pool, target_of(sshd))

        assert type(outage) is Refused
        assert "ada may not run programs there" in outage.why


def test_an_exec_that_is_never_answered_is_late(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd(runs_programs="never says") as sshd:
        assert type(refusal(pool, target_of(sshd), SHORT)) is TimedOut


# hostile connections


def hangs_up(sock: socket.socket, stop: threading.Event) -> None:
    pass


def speaks_something_else(sock: socket.socket, stop: threading.Event) -> None:
    sock.sendall(b"HTTP/1.1 400 \x1b[31mBad\r\n" * 120)
    stop.wait()


def speaks_no_text(sock: socket.socket, stop: threading.Event) -> None:
    sock.sendall(b"SSH-2.0-\xff\xfe\x00\r\n")
    stop.wait()


def never_ends_its_line(sock: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        sock.sendall(b"SSH-" * 1024)


def announces_a_huge_packet(sock: socket.socket, stop: threading.Event) -> None:
    sock.sendall(b"SSH-2.0-hostile\r\n" + (0xFFFFFFF4).to_bytes(4, "big"))
    while not stop.is_set():
        sock.sendall(b"\0" * 4096)


def stalls_in_the_handshake(sock: socket.socket, stop: threading.Event) -> None:
    sock.sendall(b"SSH-2.0-hostile\r\n")
    stop.wait()


@pytest.mark.parametrize(
    ("greet", "kind", "says"),
    [
        pytest.param(says_nothing, TimedOut, "while it shook hands", id="accepts and never speaks"),
        pytest.param(stalls_in_the_handshake, TimedOut, "while it shook hands", id="stalls in the handshake"),
        pytest.param(hangs_up, Unreachable, "the connection ended", id="hangs up"),
        pytest.param(speaks_something_else, Garbled, "HTTP/1.1 400 Bad", id="speaks something else"),
        pytest.param(never_ends_its_line, Garbled, "sent more than", id="a line without end"),
        pytest.param(announces_a_huge_packet, Garbled, "sent more than", id="a packet of 4 GiB"),
    ],
)
def test_a_server_that_does_not_speak_ssh_is_one_clear_line(
    pool: Pool, target_of: TargetOf, greet: Greeting, kind: type[Outage], says: str
) -> None:
    limit = SHORT if kind is TimedOut else SOON
    with HostileSshd(greet=greet) as sshd:
        outage = refusal(pool, target_of(sshd), limit)

        assert type(outage) is kind, outage
        assert says in outage.why


def test_packets_of_noise_are_one_clear_line(pool: Pool, target_of: TargetOf) -> None:
    noise = random.Random(7)  # noqa: S311

    def speaks_noise(sock: socket.socket, stop: threading.Event) -> None:  # noqa: ARG001
        size = 8 * noise.randrange(2, 9)
        payload = bytes((noise.choice((20, 20, 1, 2, 4, 31)),)) + noise.randbytes(size - 10)
        sock.sendall(b"SSH-2.0-noise\r\n" + (size - 4).to_bytes(4, "big") + bytes((4,)) + payload + bytes(4))
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1 << 16)

    with HostileSshd(greet=speaks_noise) as sshd:
        target = target_of(sshd)
        kinds = {type(refusal(pool, target)) for _ in range(20)}

    assert kinds <= {Garbled, Unreachable}
    assert Garbled in kinds


def test_a_failed_connection_leaves_no_thread(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd(greet=stalls_in_the_handshake) as sshd:
        refusal(pool, target_of(sshd), SHORT)
        left = [thread for thread in threading.enumerate() if isinstance(thread, paramiko.Transport | threading.Timer)]

        assert left == []


def test_nobody_listening_is_unreachable(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)

    outage = refusal(pool, target)

    assert type(outage) is Unreachable
    assert "Connection refused" in outage.why


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 300])
def test_a_name_that_cannot_be_resolved_is_unreachable(pool: Pool, target_of: TargetOf, host: str) -> None:
    with HostileSshd() as sshd:
        target = replace(target_of(sshd), host=host)

    with pytest.raises(Unreachable) as caught:
        pool.ask(target, WORDS, SOON)

    assert "cannot be resolved" in caught.value.why
    assert str(caught.value).isprintable()


def test_hostile_words_of_a_server_reach_neither_message_nor_log(
    pool: Pool, target_of: TargetOf, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.WARNING)
    version = "SSH-2.0-\x1b[31mevil\x07"
    with HostileSshd(accepts_keys=False, version=version, banner="\x1b[2J\u202eevil\n") as sshd:
        line = str(refusal(pool, target_of(sshd)))

    assert "evil" not in line
    assert caplog.records == []
    assert capfd.readouterr().err == ""


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_open_files_do_not_grow(target_of: TargetOf) -> None:
    with HostileSshd() as sshd, Pool(PROGRAM) as pool:
        target = target_of(sshd)
        pool.ask(target, WORDS, SOON)
        before = open_files()
        for _ in range(10):
            pool.ask(target, WORDS, SOON)

        assert open_files() <= before + 2
