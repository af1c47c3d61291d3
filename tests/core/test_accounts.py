"""What a node is given: nothing that is not plain goes into a script that root runs."""

import pytest

from bot.core.accounts import MADE, PROGRAM, UnfitError, authorized_key, setup_script, sudoers

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.mark.parametrize("comment", ["", " ada@example.com", " two words", ' "quoted" $(reboot)'])
def test_a_key_may_run_the_program_and_nothing_else(comment: str) -> None:
    assert authorized_key(f"{KEY}{comment}\n") == f'restrict,command="{PROGRAM} forced" {KEY} terminating'


def test_to_repair_must_be_said() -> None:
    assert authorized_key(KEY, repairs=True) == f'restrict,command="{PROGRAM} forced repairs" {KEY} terminating'


@pytest.mark.parametrize(
    "key",
    [
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== me",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY=",
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t",
    ],
)
def test_every_kind_of_openssh_key_is_taken(key: str) -> None:
    assert " ".join(key.split()[:2]) in authorized_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-ed25519",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        f"{KEY}\n{KEY}",
        f'command="/bin/sh" {KEY}',
        f"{KEY}\nssh-rsa AAAA",
        "ssh-ed25519 AAAA'; reboot; '",
        "ssh-dss AAAAB3NzaC1kc3M=",
    ],
)
def test_what_is_no_public_key_is_refused(key: str) -> None:
    with pytest.raises(UnfitError, match="no OpenSSH public key"):
        authorized_key(key)


@pytest.mark.parametrize("user", ["", "Ada", "a b", "a\nb", "a;b", "$(id)", "-a", "ALL=(ALL)", "a" * 32, "ä"])
def test_what_is_no_plain_user_name_is_refused(user: str) -> None:
    with pytest.raises(UnfitError, match="no plain user name"):
        sudoers(user)
    with pytest.raises(UnfitError, match="no plain user name"):
        setup_script("#!/bin/sh\n", user, KEY)


def test_the_account_may_run_the_program_as_root_and_nothing_else() -> None:
    assert sudoers("terminating") == f"terminating ALL=(root) NOPASSWD: {PROGRAM}"


def test_the_script_holds_the_program_whole_and_both_lines() -> None:
    program = "#!/bin/sh\necho \"$1\" 'quoted' `x` \\n\n"

    script = setup_script(program, "terminating", KEY)

    assert program in script
    assert f"'{sudoers('terminating')}'" in script
    assert f"'{authorized_key(KEY)}'" in script


@pytest.mark.parametrize(
    ("repairs", "says"),
    [(False, "may look, and change nothing."), (True, "may look, and carry out the repairs of that program.")],
)
def test_the_script_says_what_the_key_is_for(says: str, *, repairs: bool) -> None:
    script = setup_script("#!/bin/sh\n", "terminating", KEY, repairs=repairs)

    assert f"'{authorized_key(KEY, repairs=repairs)}'" in script
    assert says in script


def test_a_program_that_could_end_the_script_early_is_refused() -> None:
    with pytest.raises(UnfitError, match="ends it in the script"):
        setup_script("#!/bin/sh\nEND-OF-TERMINATING-NODE\nreboot\n", "terminating", KEY)


def test_root_is_not_set_up_and_no_account_that_was_there_before() -> None:
    with pytest.raises(UnfitError, match="the account must be one of its own"):
        sudoers("root")

    script = setup_script("#!/bin/sh\n", "terminating", KEY)

    assert script.index("was here before: nothing was changed") < script.index("authorized_keys")
    assert f"--comment '{MADE}'" in script
