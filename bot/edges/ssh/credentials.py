"""The keys to log in with: one key file, and the SSH agent only where it was asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.pkey import UnknownKeyType

from bot.edges.ssh.targets import Errand, Target
from bot.ports import Refused


@contextmanager
def identities(target: Target, errand: Errand) -> Iterator[tuple[paramiko.PKey, ...]]:
    """All keys to try, the file's first; read anew for each connection, so that a rotated key is found."""
    keys = _from_file(target, errand)
    if not target.agent:
        if not keys:
            why = "no SSH key is configured for it, and the SSH agent is not asked"
            raise errand.outage(Refused, why, "Name one: `key` below `ssh` in the settings, or IdentityFile.")
        yield keys
        return
    try:
        agent = paramiko.Agent()
    except (paramiko.SSHException, OSError) as error:
        raise errand.outage(Refused, "the SSH agent does not answer", "See `ssh-add -l`.") from error
    try:
        keys += tuple(agent.get_keys())
        if not keys:
            why = "no SSH key is configured for it, and the SSH agent holds none"
            raise errand.outage(Refused, why, "Load one with ssh-add, or name a key file.")
        yield keys
    finally:
        agent.close()


def _from_file(target: Target, errand: Errand) -> tuple[paramiko.PKey, ...]:
    """The key, with the certificate beside it (KEY-cert.pub) if there is one."""
    if target.key is None:
        return ()
    try:
        return (paramiko.PKey.from_path(target.key),)
    except OSError as error:
        why = f"no SSH key: tried {target.key} ({error.strerror})"
        raise errand.outage(Refused, why, "See `key` below `ssh` in the settings, or IdentityFile.") from error
    except (TypeError, paramiko.PasswordRequiredException) as error:  # TypeError: cryptography, a password is missing
        why = f"the SSH key {target.key} is encrypted, and nobody is here to type its passphrase"
        raise errand.outage(Refused, why, "Use a key of its own, without a passphrase, or the SSH agent.") from error
    except (ValueError, UnsupportedAlgorithm, paramiko.SSHException, UnknownKeyType) as error:
        why = f"{target.key} is no private key that can be read, or the certificate beside it is not its own"
        raise errand.outage(Refused, why, "Ed25519, ECDSA and RSA keys of ssh-keygen can be read.") from error
