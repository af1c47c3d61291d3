"""A way to PostgreSQL that can be cut at a commit: before the server hears of it, or before its answer comes back."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

Cut = Literal["before", "after"]
_NAME = ".s.PGSQL.5432"
_COMMIT = b"COMMIT\0"  # as a whole query: transactions begin with READ COMMITTED


class Proxy:
    """`cut` is taken at the next commit, once."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.cut: Cut | None = None
        self._server = str(server / _NAME)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / _NAME))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accepting, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(10)

    def _accepting(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._passing, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _passing(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            with suppress(OSError):
                while words := client.recv(65536):
                    if _COMMIT in words and self.cut:
                        self._cut_off(client, server, words)
                        break
                    server.sendall(words)
            for side in (server, client):
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            back.join(10)

    def _cut_off(self, client: socket.socket, server: socket.socket, words: bytes) -> None:
        cut, self.cut = self.cut, None
        client.shutdown(socket.SHUT_WR)  # whatever the server answers is not heard
        if cut == "after":
            server.sendall(words)
            server.shutdown(socket.SHUT_WR)  # and the server hears no more: it ends once it has answered


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """To the end of the source, whether or not the sink still takes it."""
    with suppress(OSError):
        while words := source.recv(65536):
            with suppress(OSError):
                sink.sendall(words)


@contextmanager
def proxied(url: str, folder: Path) -> Iterator[tuple[Proxy, str]]:
    """A proxy in this folder (of a short path), and the URL of the same database by way of it."""
    made = sa.make_url(url)
    with ExitStack() as stack:
        proxy = Proxy(folder, Path(str(made.query["host"])))
        stack.callback(proxy.close)
        yield proxy, made.set(query={"host": str(folder)}).render_as_string(hide_password=False)
