"""The bot as it runs on a console, with Ada and Ben typing; and the proof that it touched nothing else."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.core.phases import Closed, Diagnosed, Incident, Proposed, name_of
from bot.core.plans import Plan
from bot.edges.store import Sql, open_store
from tests.lab.cluster import Lab, Node
from tests.lab.harm import CTR
from tests.lab.machines import LabError, eventually

NAMES = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Healed:
    """`seconds` from the last vote until the pod was gone from the API server."""

    pod: str
    repair: str
    seconds: float


class Ward:
    """`terminating run --console` in a process of its own; what it prints is kept in a file."""

    def __init__(self, lab: Lab, settings: Path, database: Path) -> None:
        self.lab, self._settings = lab, settings
        self._log = lab.folder / "console.log"
        self._out = self._log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run", "--console", "--config", str(settings)],
            stdin=subprocess.PIPE,
            stdout=self._out,
            stderr=subprocess.STDOUT,
        )
        eventually("the bot's database", database.exists, 30)
        self.store: Sql = eventually("the bot's tables", lambda: _opened(database), 30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()
        self._process.terminate()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(180)
        self._out.close()
        if error is not None:
            sys.stderr.write(self._log.read_text(errors="replace")[-6000:])

    @property
    def printed(self) -> str:
        return self._log.read_text(errors="replace")

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def incident(self, pod: str) -> Incident | None:
        """The newest incident that has, or had a plan for, this pod of the namespace default."""
        for each in self.store.history(50):
            if any(member.name == pod for member in each.members):
                return each
        return None

    def diagnosed(self, pod: str, cause: str, within: float = 90) -> Incident:
        def look() -> Incident | None:
            found = self.incident(pod)
            if found and isinstance(found.phase, Diagnosed) and found.phase.finding.pod == f"default/{pod}":
                return found if found.phase.finding.cause == cause else None
            return None

        return eventually(f"{pod} to be diagnosed as {cause}; {self._state(pod)}", look, within)

    def planned(self, incident: Incident, pod: str, repair: str, more: str = "") -> Plan:
        self.say(f"ada> request {incident.id} default/{pod} {repair} {more}".strip())
        return eventually(f"a plan to {repair} for {pod}", lambda: self._proposed(incident.id, repair), 60)

    def approve(self, plan: Plan) -> None:
        typed = f" {plan.to_type}" if plan.risk in ("high", "critical") else ""
        for person in ("ben", "second-line")[: 2 if typed else 1]:
            self.say(f"{person}> approve {plan.incident} {plan.digest[:8]}{typed}")

    def heal(
        self, pod: str, repair: str, more: str = "", meanwhile: Callable[[], object] | None = None, within: float = 150
    ) -> Healed:
        """Ada asks, Ben approves, and a third where two must; until the pod is gone and the incident says so."""
        incident = self.incident(pod)
        assert incident is not None
        plan = self.planned(incident, pod, repair, more)
        self.approve(plan)
        began = time.monotonic()
        if meanwhile is not None:
            meanwhile()
        eventually(f"{pod} to go by {repair}; {self._state(pod)}", lambda: not self.lab.exists(pod), within)
        seconds = time.monotonic() - began
        self.ended(plan, "done", within)
        return Healed(pod, repair, seconds)

    def ended(self, plan: Plan, state: str, within: float = 120) -> Incident:
        def look() -> Incident | None:
            found = self.store.incident(plan.incident)
            past = [each.state for each in found.executions if each.op == plan.op] if found else []
            return found if past == [state] else None

        try:
            return eventually(f"{plan.repair} of {plan.target.pod} to be {state}", look, within)
        except LabError as error:
            found = self.store.incident(plan.incident)
            raise LabError(f"{error}; the incident is {name_of(found.phase) if found else 'gone'}: {found}") from error

    def closed(self, incident: Incident) -> bool:
        found = self.store.incident(incident.id)
        return found is not None and isinstance(found.phase, Closed)

    def _proposed(self, incident: int, repair: str) -> Plan | None:
        found = self.store.incident(incident)
        phase = found.phase if found else None
        return phase.plan if isinstance(phase, Proposed) and phase.plan.repair == repair else None

    def _state(self, pod: str) -> str:
        found = self.incident(pod)
        return f"incident {found.id} is {name_of(found.phase)}, {found.last}" if found else "no incident"


def _opened(database: Path) -> Sql | None:
    try:
        return open_store(f"sqlite:///{database}", migrate=False)
    except Exception:  # noqa: BLE001  # it is being made by the other process
        return None


def processes(lab: Lab, node: Node, but: str = "") -> NAMES:
    """Every container of the node but one pod's, its daemons and its kubelet, each with its pid and start time."""
    if node.docker:  # docker inspect of a container whose shim hangs does not return
        named = "/usr/bin/docker ps --no-trunc --format '{{.ID}} {{.Names}}'"
        others = f"{named} | grep -v '_{but or '-'}_' | cut -d' ' -f1"
        rows = node.run(f"{others} | xargs -r /usr/bin/docker inspect -f '{{{{.Id}}}} {{{{.State.Pid}}}}'").splitlines()
        daemons = ("dockerd", "kubelet")
    else:
        uid = str(lab.read(but)["metadata"]["uid"]) if but else "of no pod"
        tasks = [row.split()[:2] for row in node.run("ctr -n k8s.io task ls").splitlines()[1:]]
        rows = [f"{id_} {pid}" for id_, pid in tasks if uid not in node.run(f"ctr -n k8s.io containers info {id_}")]
        daemons = ("containerd", "kubelet")
    found = {row.split()[0]: row.split()[1] for row in rows}
    found |= {daemon: str(pid) for daemon in daemons for pid in node.pids(daemon)}
    return {name: f"{pid} {_started(node, pid)}" for name, pid in found.items() if pid != "0"}


def exited(node: Node, container: str) -> bool:
    return node.run(f"/usr/bin/docker inspect -f '{{{{.State.Running}}}}' {container}", check=False).strip() != "true"


def containerd_has(node: Node, container: str) -> bool:
    return container in node.run(f"{CTR} task ls", check=False, within=10)


def _started(node: Node, pid: str) -> str:
    stat = node.run(f"cat /proc/{pid}/stat", check=False)
    return stat.rpartition(")")[2].split()[19] if stat else "gone"
