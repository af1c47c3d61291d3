"""Wiring: settings in, a program out. The only room that knows everyone; it owns the clock and the threads."""

from pathlib import Path

from bot.app.clusters import Program
from bot.core import accounts
from bot.core.hostile import plain
from bot.ports import Refused
from bot.settings import shipped

__all__ = ["Program", "node_setup"]


def node_setup(user: str, key: Path | None, *, repairs: bool = False) -> str:
    """A node's set-up, for looking or for repairs too. Raises `Refused` when the key cannot or must not be used."""
    asked = "writing the node's set-up"
    if key is None:
        raise Refused(asked, "--key", "no public key was named", "ssh-keygen -t ed25519 makes one; give its .pub file.")
    try:
        program = (shipped("node") / "terminating-node").read_text(encoding="utf-8")
        return accounts.setup_script(program, user, key.read_text(encoding="utf-8"), repairs=repairs)
    except (OSError, UnicodeDecodeError) as error:
        why = (isinstance(error, OSError) and error.strerror) or "it is no text"
        raise Refused(asked, plain(str(key)), f"it cannot be read: {why}", "Name a .pub file.") from error
    except accounts.UnfitError as error:
        raise Refused(asked, plain(f"{user}, {key}"), str(error), "Name another.") from error
