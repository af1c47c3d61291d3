"""What this machine says: who runs the program, on which node, with which key, and where its folders are."""

import getpass
import os
import pwd
import re
import secrets
import stat
from importlib.resources import files
from pathlib import Path

from bot.core.facts import NodeName, Unknown
from bot.settings.documents import Fault, SettingsError

_KEY_BYTES = 32
_NOT_SET = 0xFFFF_FFFF  # what the kernel has for a process that no login led to
_TOKEN = 500  # bytes of a token at most
_SIGNING_SECRET = re.compile(r"[0-9A-Za-z]{32,100}")
_OTHERS = 0o077  # permissions of anybody but the owner


def shipped(name: str) -> Path:
    """A folder that comes with the program (`playbooks`, `config`, `node`): inside the wheel, or beside `bot/`."""
    inside = Path(str(files("bot"))) / name
    return inside if inside.is_dir() else inside.parent.parent / name


def user() -> tuple[str, Path]:
    """Login name and home. In a container the user may be a bare number: then the number, and the root folder."""
    try:
        return getpass.getuser(), Path.home()
    except (KeyError, OSError, RuntimeError):
        return str(os.getuid()), Path(os.sep)


def login(loginuid: Path = Path("/proc/self/loginuid")) -> str:
    """
    Who is at this terminal: the account that logged in to this machine, whatever `su`, `sudo` or the environment say.

    Where no login was recorded (a container, a service), it is the account that the process runs as.
    """
    try:
        uid = int(loginuid.read_text(encoding="ascii"))
    except (OSError, ValueError):
        uid = _NOT_SET
    uid = os.getuid() if uid == _NOT_SET else uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def own_node() -> NodeName | Unknown | None:
    """The node that this process runs on, which a pod learns by the downward API; None outside of a cluster."""
    if name := os.environ.get("NODE_NAME"):
        return NodeName(name)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return Unknown("NODE_NAME is not set in the bot's pod")
    return None


def seal_key(path: Path) -> bytes:
    """The key that votes are sealed with; made where there is none. Raises `SettingsError` for one that others know."""
    try:
        if not path.exists():
            _make_key(path)
        text, known = _read(path, _KEY_BYTES * 2 + 2)
    except OSError as error:
        raise SettingsError(
            (Fault(path, 1, f"the vote key cannot be read or made: {error.strerror}; check its path and permissions"),)
        ) from error
    if known:
        what = "others may read or change this key, and whoever has it can forge votes: chmod 600, or make a new one"
        raise SettingsError((Fault(path, 1, what),))
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        what = f"is no vote key: expected {_KEY_BYTES * 2} hex digits; without the file, a new key is made"
        raise SettingsError((Fault(path, 1, what),))
    return key


def token(path: Path, begins: str) -> str:
    """A Slack token of this kind (`xapp-`, `xoxb-`) from its file. Raises `SettingsError` for one that others know."""
    found = _secret(path, "token", "speaks as the bot")
    if not found.startswith(begins) or not found.isprintable() or " " in found:
        raise SettingsError((Fault(path, 1, f"is no such token: expected one line that begins with {begins}"),))
    return found


def signing_secret(path: Path) -> str:
    """The secret that Slack signs its requests with, from its file. Raises `SettingsError` for one that others know."""
    found = _secret(path, "secret", "speaks as anybody in Slack")
    if not _SIGNING_SECRET.fullmatch(found):
        what = "is no signing secret: expected one line of 32 letters and digits, from the app's basic information"
        raise SettingsError((Fault(path, 1, what),))
    return found


def _secret(path: Path, kind: str, power: str) -> str:
    try:
        text, known = _read(path, _TOKEN)
    except OSError as error:
        raise SettingsError(
            (Fault(path, 1, f"the {kind} cannot be read: {error.strerror}; check its path and permissions"),)
        ) from error
    if known:
        what = f"others may read or change this {kind}, and whoever has it {power}: chmod 600, or make a new one"
        raise SettingsError((Fault(path, 1, what),))
    return text.decode("ascii", "replace").strip()


def _read(path: Path, most: int) -> tuple[bytes, bool]:
    """What stands in it, and whether others may read or change it."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        others = bool(stat.S_IMODE(found.st_mode) & _OTHERS) or found.st_uid not in (0, os.geteuid())
        return file.read(most), others


def _make_key(path: Path) -> None:
    """Whole or not at all: of two processes that start at once, both go on to read the same key."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        try:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            pass  # the other one was first
        finally:
            draft.unlink()
