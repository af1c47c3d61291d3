"""The address of a machine that is off."""

import socket
from types import TracebackType
from typing import Self


class Absent:
    """A port of this machine that is taken and refuses every connection, for as long as the context lasts."""

    def __init__(self) -> None:
        self._taken = socket.socket()
        self.port = 0

    def __enter__(self) -> Self:
        self._taken.bind(("127.0.0.1", 0))  # bound and never listening: the kernel refuses, and nobody else gets it
        self.port = int(self._taken.getsockname()[1])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._taken.close()
