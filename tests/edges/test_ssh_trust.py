"""Whom the SSH edge trusts and with what it logs in: host keys and keys, at the wire."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from bot.edges.ssh import Pool
from bot.ports import Refused
from tests.edges.hostile_sshd import HostileSshd, known_hosts_line, new_key, write_key
from tests.edges.ssh_targets import PROGRAM, SOON, WORDS, TargetOf, refusal, targets


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(PROGRAM) as pool:
        yield pool


@pytest.fixture
def target_of(tmp_path: Path) -> TargetOf:
    return targets(tmp_path)


# host keys


def test_an_unknown_host_key_is_refused_with_its_fingerprint(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)
        target.known_hosts[0].write_text("")

        outage = refusal(pool, target)

        assert type(outage) is Refused
        assert f"ssh-ed25519 {sshd.host_keys[0].fingerprint}" in outage.why
        assert "nothing was sent" in outage.why
        assert str(target.known_hosts[0]) in outage.then
        assert sshd.commands == []


def test_a_changed_host_key_is_refused_with_both_fingerprints(pool: Pool, target_of: TargetOf) -> None:
    pinned = new_key()
    with HostileSshd() as sshd:
        outage = refusal(pool, target_of(sshd, pinned))

        assert type(outage) is Refused
        assert f"offers ssh-ed25519 {sshd.host_keys[0].fingerprint}" in outage.why
        assert f"pinned is ssh-ed25519 {pinned.fingerprint}" in outage.why
        assert sshd.commands == []


def test_a_revoked_host_key_is_refused_although_it_is_pinned(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)
        with target.known_hosts[0].open("a") as known:
            known.write("@revoked " + known_hosts_line("*", sshd.host_keys[0]))

        outage = refusal(pool, target)

        assert type(outage) is Refused
        assert f"is revoked by {target.known_hosts[0]}:2" in outage.why


def test_lines_that_cannot_be_used_spoil_no_other(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)
        good = target.known_hosts[0].read_text()
        spoilt = "@cert-authority *.example.com ssh-rsa AAAA\n# hi\nfoo\nhost ssh-ed25519 %%%\n|1|x|y ssh-rsa AAAA\n"
        target.known_hosts[0].write_text("\xff\n" + spoilt + good, encoding="latin-1")

        assert pool.ask(target, WORDS, SOON) == b"ok"


def test_a_certificate_authority_alone_pins_nothing(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)
        target.known_hosts[0].write_text("@cert-authority " + known_hosts_line("*", sshd.host_keys[0]))

        assert "is not known" in str(refusal(pool, target))


@pytest.mark.parametrize(
    ("pattern", "accepted"),
    [
        ("[127.0.0.1]:{port}", True),
        ("other,[127.0.0.1]:{port}", True),
        ("[127.0.0.*]:{port}", True),
        ("[node1]:{port}", True),
        ("*,![127.0.0.1]:{port}", True),  # negated for the address, but good for the name
        ("*,![127.0.0.1]:{port},![node1]:{port}", False),
        ("127.0.0.1", False),
        ("[127.0.0.1]:22", False),
        ("1|127.0.0.1", False),
    ],
)
def test_host_patterns_are_read_as_ssh_reads_them(
    pool: Pool, target_of: TargetOf, pattern: str, accepted: bool
) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd)
        target.known_hosts[0].write_text(known_hosts_line(pattern.format(port=sshd.port), sshd.host_keys[0]))

        if accepted:
            assert pool.ask(target, WORDS, SOON) == b"ok"
        else:
            assert "is not known" in str(refusal(pool, target))


def test_a_key_pinned_for_the_address_outweighs_one_pinned_for_the_name(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        target = target_of(sshd, new_key())
        with target.known_hosts[0].open("a") as known:
            known.write(known_hosts_line(f"[node1]:{sshd.port}", sshd.host_keys[0]))

        assert "has changed" in str(refusal(pool, target))


def test_a_server_with_two_keys_is_asked_for_the_pinned_one(pool: Pool, target_of: TargetOf) -> None:
    rsa = paramiko.RSAKey.generate(2048)
    with HostileSshd(host_keys=(new_key(), rsa)) as sshd:
        assert pool.ask(target_of(sshd, rsa), WORDS, SOON) == b"ok"


def test_without_a_known_hosts_file_nobody_is_trusted(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd() as sshd:
        outage = refusal(pool, replace(target_of(sshd), known_hosts=()))

        assert type(outage) is Refused
        assert sshd.connections == 0


# logging in


def test_a_key_that_is_not_accepted_is_refused_with_its_name(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd(accepts_keys=False) as sshd:
        target = target_of(sshd)

        outage = refusal(pool, target)

        assert type(outage) is Refused
        assert f"does not let ada in with the key of {target.key} (ssh-ed25519 SHA256:" in outage.why


def test_a_wrong_user_is_refused(pool: Pool, target_of: TargetOf) -> None:
    with HostileSshd(users=("ben",)) as sshd:
        assert "does not let ada in" in str(refusal(pool, target_of(sshd)))


def test_a_missing_key_is_refused_before_anyone_is_asked(pool: Pool, target_of: TargetOf, tmp_path: Path) -> None:
    with HostileSshd() as sshd:
        outage = refusal(pool, replace(target_of(sshd), key=tmp_path / "gone"))

        assert type(outage) is Refused
        assert f"no SSH key: tried {tmp_path / 'gone'}" in outage.why
        assert sshd.connections == 0


def test_an_encrypted_key_is_refused(pool: Pool, target_of: TargetOf, tmp_path: Path) -> None:
    with HostileSshd() as sshd:
        outage = refusal(pool, replace(target_of(sshd), key=write_key(tmp_path / "locked", b"secret")))

        assert type(outage) is Refused
        assert "is encrypted" in outage.why


def test_a_file_that_is_no_key_is_refused(pool: Pool, target_of: TargetOf, tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("not a key")
    with HostileSshd() as sshd:
        assert "is no private key" in str(refusal(pool, replace(target_of(sshd), key=tmp_path / "junk")))


def test_without_a_key_the_agent_is_not_asked(
    pool: Pool, target_of: TargetOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HostileSshd() as sshd, socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        agent.setblocking(False)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))

        outage = refusal(pool, replace(target_of(sshd), key=None))

        assert type(outage) is Refused
        assert "no SSH key is configured" in outage.why
        with pytest.raises(BlockingIOError):
            agent.accept()
