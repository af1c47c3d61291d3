"""What `ssh NAME` would use, read from an OpenSSH client configuration. Nothing is run and nothing resolved."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import paramiko

from bot.core.facts import NodeName
from bot.edges.ssh.targets import Errand, Target
from bot.ports import Outage, Refused

_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_GLOBAL_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
_DEEPEST = 8  # jump hosts in a row, files that include files
_KEYWORD = paramiko.SSHConfig.SETTINGS_REGEX  # paramiko's own: what it takes for a keyword, this file does too
_HOP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?P<host>\[[^]]+\]|[^:@/]+)(?::(?P<port>\d{1,5}))?/?")


def from_openssh_config(config: Path | str, name: NodeName, *, host: str, user: str) -> Target:
    """
    What `ssh NAME` would use, by the path of a configuration or by its text.

    Read are HostName, Port, User, IdentityFile, UserKnownHostsFile and ProxyJump.
    `host` is the address where the file gives no HostName, `user` the login name where it gives no User. The key is the
    first file that exists, as for ssh; agents are not asked. Refuses what would run a program (`Match exec`,
    ProxyCommand).
    """
    lines = _included(config, name, 0) if isinstance(config, Path) else config.split("\n")
    parsed = paramiko.SSHConfig()
    try:
        parsed.parse(_harmless(lines, name))
        return _target(parsed, name, host, user, 0)
    except (paramiko.SSHException, LookupError, ValueError, OSError, RuntimeError) as error:
        # ValueError: quotes that do not close; LookupError, RuntimeError: a user without a name or a home
        raise _refused(name, f"it cannot be read: {error}") from error


def _target(parsed: paramiko.SSHConfig, name: NodeName, host: str, user: str, depth: int) -> Target:
    values = parsed.lookup(name)
    if values.get("proxycommand"):
        raise _refused(name, "its ProxyCommand would run a program")
    if depth > _DEEPEST:
        raise _refused(name, "its ProxyJump goes round in circles")
    port = values.get("port", "22")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise _refused(name, f"{port} is no port")
    login = values.get("user", user)
    known = values.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
    return Target(
        name=name,
        host=host if values["hostname"] == name else values["hostname"],
        port=int(port),
        user=login,
        key=_key(values),
        known_hosts=(*(Path(path).expanduser() for path in shlex.split(known)), _GLOBAL_KNOWN_HOSTS),
        become="none" if login == "root" else "sudo",
        program="piped",
        jump=_jump(parsed, values.get("proxyjump", "none"), user, depth),
    )


def _key(values: paramiko.SSHConfigDict) -> Path | None:
    """The first that exists; none of those named: the first, so that the outage names it."""
    named: object = values.get("identityfile", [])
    paths = [Path(path).expanduser() for path in named] if isinstance(named, list) else []
    usual = [Path("~/.ssh", key).expanduser() for key in _DEFAULT_KEYS]
    return next((path for path in paths or usual if path.exists()), paths[0] if paths else None)


def _jump(parsed: paramiko.SSHConfig, hops: str, user: str, depth: int) -> Target | None:
    """`ProxyJump first,second`: the second is reached through the first, the first by its own settings."""
    way: Target | None = None
    for count, hop in enumerate(() if hops.lower() == "none" else hops.split(",")):
        match = _HOP.fullmatch(hop.strip())
        if match is None:
            raise _refused(hop, "this ProxyJump cannot be read")
        alias = match["host"].strip("[]")
        target = _target(parsed, NodeName(alias), alias, user, depth + 1)
        way = Target(
            name=target.name,
            host=target.host,
            port=int(match["port"] or target.port),
            user=match["user"] or target.user,
            key=target.key,
            known_hosts=target.known_hosts,
            become="none",
            program="piped",
            jump=way if count else target.jump,
        )
    return way


def _included(path: Path, name: NodeName, depth: int) -> Iterator[str]:
    """The file's lines, each Include before the first Host or Match replaced by what it names; ssh reads it so too."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    if depth > _DEEPEST:
        raise _refused(name, f"{path} is included too deeply")
    inside = False
    for line in text.split("\n"):
        keyword, value = _words(line)
        inside = inside or keyword in ("host", "match")
        if keyword != "include":
            yield line
            continue
        if inside:
            raise _refused(name, f"an Include inside a Host or Match block of {path} is not understood")
        for pattern in shlex.split(value):
            place = Path(pattern).expanduser()
            where = place if place.is_absolute() else Path("~/.ssh").expanduser() / place
            for found in sorted(Path(where.anchor).glob(str(where.relative_to(where.anchor)))):
                yield from _included(found, name, depth + 1)
        yield "Host *"


def _harmless(lines: Iterator[str] | list[str], name: NodeName) -> Iterator[str]:
    """Without what would ask a name server; refused, when it would run a program as soon as a host is looked up."""
    for line in lines:
        keyword, value = _words(line)
        if keyword == "match" and "exec" in (word.lstrip("!").lower() for word in shlex.split(value)):
            raise _refused(name, "its `Match exec` would run a program")
        if not keyword.startswith("canonical"):
            yield line


def _words(line: str) -> tuple[str, str]:
    match = _KEYWORD.match(line.strip())
    return (match[1].lower(), match[2]) if match else ("", "")


def _refused(name: str, why: str) -> Outage:
    errand = Errand(asked="reading the OpenSSH configuration", whom=name, limit_s=0, until=0)
    return errand.outage(Refused, why, "Write the cluster's ssh settings into a file and name it with --config.")
