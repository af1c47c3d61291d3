"""The cluster: its API, its credentials, and those who act in it."""

import contextlib
import json
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.demo.cluster.certificates import certificate
from bot.demo.cluster.kinds import NAMESPACES
from bot.demo.cluster.registry import Registry
from bot.demo.cluster.serving import Server
from bot.demo.cluster.store import Clock, Store
from bot.demo.cluster.users import Users

Actor = Callable[[], None]

_TICK_S = 0.2


class Cluster:
    """
    Entered, it serves on `url` and its actors act; left, nothing of it is there.

    `kubeconfig` is the bot's, with the rights that `terminating rbac --repairs` prints; its one context is `name`.
    """

    def __init__(self, name: str, clock: Clock, port: int = 0) -> None:
        self.name = name
        self.clock = clock
        self.registry = Registry(Store(clock), clock)
        self.users = Users()
        self.kubeconfig = Path()
        self.ca = Path()
        self.url = ""
        self._port = port
        self._actors: tuple[Actor, ...] = ()
        self._over = threading.Event()
        self._open = contextlib.ExitStack()
        for each in ("default", "kube-system"):
            self.namespace(each)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            folder = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix=f"terminating-{self.name}.")))
            files = certificate(folder, self.clock())
            server = Server(self.registry, self.users, files, self._port)
            opening.callback(server.close)
            self.ca, self.url = files[0], f"https://127.0.0.1:{server.port}"
            self.kubeconfig = self._kubeconfig(folder)
            acting = threading.Thread(target=self._act, name=f"cluster {self.name}", daemon=True)
            acting.start()
            opening.callback(acting.join)
            opening.callback(self._over.set)
            self._open = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def add(self, *actors: Actor) -> None:
        """Each acts several times a second from now on, one after the other."""
        self._actors = (*self._actors, *actors)

    def namespace(self, name: str) -> None:
        if self.registry.store.get(NAMESPACES, ("", name)) is None:
            spec = {"finalizers": ["kubernetes"]}
            self.registry.place(NAMESPACES, {"metadata": {"name": name}, "spec": spec, "status": {"phase": "Active"}})

    def _act(self) -> None:
        while not self._over.wait(_TICK_S):
            for actor in self._actors:
                actor()

    def _kubeconfig(self, folder: Path) -> Path:
        path = folder / "kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.name,
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": "terminating"}}],
            "clusters": [{"name": self.name, "cluster": {"server": self.url, "certificate-authority": str(self.ca)}}],
            "users": [{"name": "terminating", "user": {"token": self.users.bot_token}}],
        }
        path.touch(0o600)
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")
        return path
