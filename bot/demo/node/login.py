"""The one account on the nodes: a key made for it, and the file in which the nodes' host keys are pinned."""

from pathlib import Path

import paramiko

USER = "terminating"


class Login:
    """Its two files are in `folder`, which is somebody else's to remove."""

    def __init__(self, folder: Path) -> None:
        self.user = USER
        self.key = folder / "id_ecdsa"
        self.known_hosts = folder / "known_hosts"
        made = paramiko.ECDSAKey.generate()
        self.key.touch(0o600)
        made.write_private_key_file(str(self.key))
        self.known_hosts.touch(0o600)
        self._public = made.asbytes()

    def fits(self, user: str, key: paramiko.PKey) -> bool:
        return user == self.user and key.asbytes() == self._public

    def pin(self, port: int, host_key: paramiko.PKey) -> None:
        with self.known_hosts.open("a", encoding="ascii") as file:
            file.write(f"[127.0.0.1]:{port} {host_key.get_name()} {host_key.get_base64()}\n")
