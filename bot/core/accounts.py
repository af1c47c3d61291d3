"""What a node needs for the bot: one account, one key bound to one program, one sudoers line. Text only."""

import re
import shlex

PROGRAM = "/usr/local/sbin/terminating-node"
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_KEY = re.compile(
    r"(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+={0,3}(?: .*)?"
)
_END = "END-OF-TERMINATING-NODE"


class UnfitError(ValueError):
    """A user name or key that must not stand in a script run by root; the text says which and why."""


def authorized_key(key: str) -> str:
    """The line of `authorized_keys`: this key may run the program and nothing else. Raises `UnfitError`."""
    line = key.strip()
    if "\n" in line or not _KEY.fullmatch(line):
        raise UnfitError("it is no OpenSSH public key (one line: type, base64, comment)")
    bare = " ".join(line.split()[:2])
    return f'restrict,command="{PROGRAM} forced" {bare} terminating'


def sudoers(user: str) -> str:
    """The line of `/etc/sudoers.d/terminating`; the program checks its own words. Raises `UnfitError`."""
    if not _USER.fullmatch(user):
        raise UnfitError("it is no plain user name (a-z, 0-9, - and _)")
    return f"{user} ALL=(root) NOPASSWD: {PROGRAM}"


def setup_script(program: str, user: str, key: str) -> str:
    """A POSIX sh script for root on the node; running it again changes nothing. Raises `UnfitError`."""
    if _END in program:
        raise UnfitError("the program holds the line that ends it in the script")
    home = f"$(getent passwd {user} | cut -d: -f6)"
    rule = sudoers(user)
    return f"""#!/bin/sh
# Sets this node up for `terminating`: an account without a password, whose one key may run one program, by sudo.
# Read it, then run it as root. To undo: remove the three files that it writes, and the account.
set -eu
umask 022

# 1. The account
id {user} >/dev/null 2>&1 || useradd --create-home --shell /bin/sh {user}

# 2. The program: all that ever runs here. Owned by root, so that the account cannot change it.
cat >{PROGRAM}.new <<'{_END}'
{program.rstrip()}
{_END}
chown root:root {PROGRAM}.new
chmod 0755 {PROGRAM}.new
mv {PROGRAM}.new {PROGRAM}

# 3. The sudoers line, checked before it counts
printf '%s\\n' {shlex.quote(rule)} >/etc/sudoers.d/.terminating.new
chmod 0440 /etc/sudoers.d/.terminating.new
if command -v visudo >/dev/null 2>&1; then visudo -c -q -f /etc/sudoers.d/.terminating.new; fi
mv /etc/sudoers.d/.terminating.new /etc/sudoers.d/terminating

# 4. The authorized_keys line: owned by root too, so that the account cannot give itself more
home={home}
mkdir -p "$home/.ssh"
printf '%s\\n' {shlex.quote(authorized_key(key))} >"$home/.ssh/authorized_keys"
chown root:{user} "$home/.ssh" "$home/.ssh/authorized_keys"
chmod 0750 "$home/.ssh"
chmod 0640 "$home/.ssh/authorized_keys"
"""
