"""What a node needs for the bot: one account, one key bound to one program, one sudoers line. Text only."""

import re
import shlex

PROGRAM = "/usr/local/sbin/terminating-node"
MADE = "made by terminating node-setup"  # the account's comment, by which the script knows its own
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_KEY = re.compile(
    r"(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+={0,3}(?: .*)?"
)
_END = "END-OF-TERMINATING-NODE"

_SCRIPT = """#!/bin/sh
# Sets this node up for `terminating`: an account without a password, whose one key may run one program, by sudo.
# With it, the bot may {may}.
# Read it, then run it as root. To undo: remove the account, its home, {path} and /etc/sudoers.d/terminating.
set -eu
umask 022

# 1. The account. Its home is root's, so that it cannot give itself more keys
if ! id {user} >/dev/null 2>&1; then
  useradd --no-create-home --home-dir /var/lib/{user}-account --shell /bin/sh --password '*' --comment '{made}' {user}
fi
if [ "$(getent passwd {user} | cut -d: -f5)" != '{made}' ]; then
  echo 'the account {user} was here before: nothing was changed. Name another with --user.' >&2
  exit 1
fi
home=$(getent passwd {user} | cut -d: -f6)
for folder in "$home" "$home/.ssh"; do
  if [ -L "$folder" ]; then
    echo "$folder is a link: nothing more was changed" >&2
    exit 1
  fi
  mkdir -p "$folder"
  chown root:root "$folder"
  chmod 0755 "$folder"
done

# 2. The program: all that ever runs here. Owned by root, so that the account cannot change it
cat >{path}.new <<'{end}'
{program}
{end}
chown root:root {path}.new
chmod 0755 {path}.new
mv {path}.new {path}

# 3. The sudoers line, checked before it counts
printf '%s\\n' {rule} >/etc/sudoers.d/.terminating.new
chmod 0440 /etc/sudoers.d/.terminating.new
if command -v visudo >/dev/null 2>&1; then visudo -c -q -f /etc/sudoers.d/.terminating.new; fi
mv /etc/sudoers.d/.terminating.new /etc/sudoers.d/terminating

# 4. The authorized_keys line
rm -f "$home/.ssh/.new"
printf '%s\\n' {line} >"$home/.ssh/.new"
chmod 0644 "$home/.ssh/.new"
mv "$home/.ssh/.new" "$home/.ssh/authorized_keys"
"""


class UnfitError(ValueError):
    """A user name or key that must not stand in a script run by root; the text says which and why."""


def authorized_key(key: str, *, repairs: bool = False) -> str:
    """
    The line of `authorized_keys`: this key may run the program and nothing else. Raises `UnfitError`.

    Without `repairs` it may only look.
    """
    line = key.strip()
    if "\n" in line or not _KEY.fullmatch(line):
        raise UnfitError("it is no OpenSSH public key (one line: type, base64, comment)")
    bare = " ".join(line.split()[:2])
    forced = "forced repairs" if repairs else "forced"
    return f'restrict,command="{PROGRAM} {forced}" {bare} terminating'


def sudoers(user: str) -> str:
    """The line of `/etc/sudoers.d/terminating`; the program checks its own words. Raises `UnfitError`."""
    if not _USER.fullmatch(user):
        raise UnfitError("it is no plain user name (a-z, 0-9, - and _)")
    if user == "root":
        raise UnfitError("root is nobody's to give away: the account must be one of its own")
    return f"{user} ALL=(root) NOPASSWD: {PROGRAM}"


def setup_script(program: str, user: str, key: str, *, repairs: bool = False) -> str:
    """
    A POSIX sh script for root on the node; running it again changes nothing. Raises `UnfitError`.

    It stops at an account that it did not make: that one's keys are somebody's way in.
    """
    if _END in program:
        raise UnfitError("the program holds the line that ends it in the script")
    rule, line = sudoers(user), authorized_key(key, repairs=repairs)
    return _SCRIPT.format(
        may="look, and carry out the repairs of that program" if repairs else "look, and change nothing",
        user=user,
        made=MADE,
        path=PROGRAM,
        program=program.rstrip(),
        end=_END,
        rule=shlex.quote(rule),
        line=shlex.quote(line),
    )
