"""Where a case takes place: a database, an API server, a node; and the processes that come and go there."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

from tests.crash.child import Run
from tests.crash.people import Name
from tests.crash.world import NAMESPACE, NODE, PID, POD, UID, Kept, Kind
from tests.edges.fake_apiserver import NOW, Certificate, FakeApiServer, Object, kubeconfig
from tests.node.acting import BOOT, MACHINE, inspected, repairable
from tests.node.imitation import CONTAINER

POD_PATH = f"/api/v1/namespaces/{NAMESPACE}/pods/{POD}"
LIMIT_S = 180  # for one process, on a busy machine
ROOT = Path(__file__).parents[2]
GONE = (503, Object())  # an answer that nobody waits for
LATE = 2  # looks at the pod before a request that was late is carried out


class Parent:
    """Everything is loaded once; each process is a fork of it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._line()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def run(self, run: Run) -> int:
        """Its exit code; minus 9 for one that was killed."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(run)) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._line())["ended"])

    def _line(self) -> str:
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], LIMIT_S)
        assert ready, f"no process of a case takes {LIMIT_S} s"
        return out.readline()


@dataclass(slots=True)
class Server(FakeApiServer):
    """Where the kubelet of the node is at work, and where the one who asks may die while asking."""

    kept: Kept = field(default_factory=lambda: Kept(Path()))
    late: Callable[[], object] | None = None
    looks: int = 0

    def answer(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Object]:
        if path == POD_PATH and self.late is not None:
            self.looks += 1
            if self.looks > LATE:
                self.arrive()
        if self.kept.has("effects"):  # docker has noticed, so the kubelet lets go
            self.objects["/api/v1/pods"].clear()
        return FakeApiServer.answer(self, path, query, accept)

    def arrive(self) -> None:
        """What was late is carried out."""
        late, self.late = self.late, None
        if late is not None:
            late()

    def change(self, verb: str, path: str, body: bytes, content_type: str) -> tuple[int, Object]:
        sent = json.loads(self.kept.lines("sent")[-1])

        def carried_out() -> tuple[int, Object]:
            before = len(self.effects)
            answer = FakeApiServer.change(self, verb, path, body, content_type)
            for _, uid in self.effects[before:]:
                self.kept.add("effects", f"{sent['op']} pod.force_delete {uid}")
            return answer

        match sent["manner"]:
            case "lost":
                os.kill(sent["pid"], signal.SIGKILL)
                return GONE
            case "late":
                self.late = carried_out
                os.kill(sent["pid"], signal.SIGKILL)
                return GONE
            case "at work":
                done = carried_out()
                os.kill(sent["pid"], signal.SIGKILL)
                return done
            case "no reply":
                self.cuts = "after"
        return carried_out()


@dataclass(frozen=True, slots=True)
class Scene:
    kept: Kept
    server: Server
    url: str
    kind: Kind
    story: Name

    def run(self, parent: Parent, owner: str, kill: str) -> int:
        run = Run(folder=str(self.kept.folder), url=self.url, kind=self.kind, story=self.story, owner=owner, kill=kill)
        return parent.run(run)

    def over(self) -> None:
        """Whatever is still on its way arrives now, and comes to its end."""
        self.server.arrive()
        self.kept.opened("start")
        self.kept.opened("gate")
        self.kept.node.until(lambda: not self.kept.node.left())


@contextmanager
def scene(certificate: Certificate, url: str, kind: Kind, story: Name) -> Iterator[Scene]:
    """One stuck pod, whose container is dead and docker has not heard."""
    with repairable("dash") as site:
        kept = Kept(site.node.folder)
        _dead_container(kept)
        (kept.folder / "go").touch()
        server = Server(objects=_objects(), kept=kept)
        listening = server.serve(certificate)
        kubeconfig(kept.folder, server.url, certificate.file)
        try:
            yield Scene(kept, server, url, kind, story)
        finally:
            listening.shutdown()
            listening.server_close()


def _dead_container(kept: Kept) -> None:
    said, then = kept.node.file("docker.state", inspected("running", PID)), inspected("exited", 0, 137)
    kept.node.tool(
        "docker",
        f"""case $1 in
  inspect) cat {said} ;;
  stop) : >"$MARK/at work"
    [ ! -p "$MARK/gate" ] || read -r go <"$MARK/gate"
    echo "$OP container.stop $2" >>"$MARK/effects"
    printf %s '{then}' >{said}; echo "$2" ;;
esac
""",
    )


def _objects() -> dict[str, list[Object]]:
    deadline = (NOW - timedelta(minutes=12)).isoformat().replace("+00:00", "Z")
    pod = {
        "kind": "Pod",
        "metadata": {
            "name": POD,
            "namespace": NAMESPACE,
            "uid": UID,
            "deletionTimestamp": deadline,
            "deletionGracePeriodSeconds": 30,
        },
        "spec": {"nodeName": NODE, "containers": [{"name": "billing"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {"name": "billing", "containerID": f"docker://{CONTAINER}", "state": {"running": {}}},
            ],
        },
    }
    info = {"containerRuntimeVersion": "docker://20.10.24", "bootID": BOOT, "machineID": MACHINE}
    node = {"kind": "Node", "metadata": {"name": NODE, "uid": "uid-of-the-node"}, "status": {"nodeInfo": info}}
    system = {"metadata": {"name": "kube-system", "uid": "uid-of-the-cluster"}}
    return {"/api/v1/pods": [pod], "/api/v1/nodes": [node], "/api/v1/namespaces": [system]}
