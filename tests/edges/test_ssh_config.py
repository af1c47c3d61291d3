"""What an OpenSSH client configuration says about a node, without running or resolving anything."""

from pathlib import Path

import pytest

from bot.core.facts import NodeName
from bot.edges.ssh import Target, from_openssh_config
from bot.ports import Refused

NODE1 = NodeName("node1")


def read(config: Path | str) -> Target:
    return from_openssh_config(config, NODE1, host="10.0.0.1", user="ada")


def test_values_of_the_host_are_taken(tmp_path: Path) -> None:
    (tmp_path / "second").touch()
    target = read(
        f"""
        Host node*
          HostName 10.9.9.9
          Port 2222
          User terminating
          IdentityFile {tmp_path}/first
          IdentityFile {tmp_path}/second
          IdentityAgent /somewhere
          UserKnownHostsFile {tmp_path}/known {tmp_path}/known2
        Host *
          User nobody
        """
    )

    assert (target.name, target.host, target.port, target.user) == (NODE1, "10.9.9.9", 2222, "terminating")
    assert target.key == tmp_path / "second"
    assert target.known_hosts[:2] == (tmp_path / "known", tmp_path / "known2")
    assert (target.become, target.program, target.agent, target.jump) == ("sudo", "piped", False, None)


def test_what_the_file_does_not_say_comes_from_the_caller(tmp_path: Path) -> None:
    target = read(tmp_path / "no such file")

    assert (target.host, target.port, target.user) == ("10.0.0.1", 22, "ada")
    assert target.known_hosts[0] == Path("~/.ssh/known_hosts").expanduser()


def test_root_needs_no_sudo() -> None:
    assert read("User root").become == "none"


def test_a_key_that_is_not_there_is_named_so_that_the_refusal_can_name_it(tmp_path: Path) -> None:
    assert read(f"IdentityFile {tmp_path}/gone").key == tmp_path / "gone"


def test_jump_hosts_are_a_chain_each_with_its_own_settings() -> None:
    target = read(
        """
        Host node1
          ProxyJump ben@bastion:2022,inner
        Host bastion
          HostName bastion.example.com
          User ada
        Host inner
          HostName 10.1.1.1
        Host gate
          HostName gate.example.com
        Host bastion
          ProxyJump gate
        """
    )

    inner = target.jump
    assert inner is not None
    assert (inner.name, inner.host, inner.port) == ("inner", "10.1.1.1", 22)
    bastion = inner.jump
    assert bastion is not None
    assert (bastion.host, bastion.port, bastion.user) == ("bastion.example.com", 2022, "ben")
    assert bastion.jump is not None
    assert bastion.jump.host == "gate.example.com"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('Match exec "touch {ran}"\n  User ben', "Match exec"),
        ('match host node1 !EXEC "touch {ran}"', "Match exec"),
        ("Match=\"exec\" 'touch {ran}'", "Match exec"),
        ("Host node1\n  ProxyCommand touch {ran}", "ProxyCommand"),
        ("Host node1\n  ProxyJump node1", "circles"),
        ("Port many", "many is no port"),
        ("Port 70000", "70000 is no port"),
        ("ProxyJump a@b@c:1:2", "cannot be read"),
        ('Match host "node1', "cannot be read"),
        ("Host\nUser", "cannot be read"),
    ],
)
def test_what_would_run_a_program_or_cannot_be_read_is_refused(tmp_path: Path, text: str, why: str) -> None:
    ran = tmp_path / "ran"

    with pytest.raises(Refused) as caught:
        read(text.replace("{ran}", str(ran)))

    assert why in caught.value.why
    assert str(caught.value).isprintable()
    assert not ran.exists()


def test_a_program_that_another_host_needs_is_not_in_the_way() -> None:
    assert read("Host other\n  ProxyCommand nc %h %p\nHost node1\n  Port 23").port == 23


def test_names_are_never_canonicalised() -> None:
    assert read("CanonicalizeHostname yes\nCanonicalDomains invalid").host == "10.0.0.1"


def test_an_included_file_is_read_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("Host node1\n  User ben\n")
    (tmp_path / "b.conf").write_text("Host node1\n  User mallory\n")
    config = tmp_path / "config"
    config.write_text(f"Include {tmp_path}/*.conf\nPort 2222\nHost node1\n  User ada\n")

    target = read(config)

    assert (target.user, target.port) == ("ben", 2222)


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(f"Include {config}\n")

    with pytest.raises(Refused, match="too deeply"):
        read(config)


def test_an_include_inside_a_block_is_refused_rather_than_misread(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host other\n  Include more\n")

    with pytest.raises(Refused, match="not understood"):
        read(config)
