"""One node's answer with the question it answers: what every parser is given."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.core.facts import ContainerId, Fact, Known, PodUid, Unknown
from bot.core.pods import Question
from bot.probes.frames import Frame, Frames
from bot.probes.reading import NOT_ASKED, lines
from bot.probes.table import Table

Answer = Known | Unknown
Finding = tuple[str, Fact]  # the container's id or the pod's UID that the fact is about; empty for the node's
Findings = Iterator[Finding]

SANDBOX = "sandbox"
NODE = ""

_SOCKET = re.compile(r"# socket (/[\w./-]{1,200})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A container that was asked about or discovered; `pod` is None when it is of none of the pods asked about."""

    pod: PodUid | None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    frames: Frames
    question: Question
    now: datetime
    table: Table
    containers: Mapping[ContainerId, Found]

    def frame(self, name: str, subject: str = "") -> Frame:
        """What was answered, or a frame that says it was not asked."""
        full = f"{name}/{subject}" if subject else name
        return self.frames.get(full, Frame(full, NOT_ASKED, 0, b"", b""))

    def of_pod(self, pod: PodUid) -> tuple[ContainerId, ...]:
        return tuple(id_ for id_, found in self.containers.items() if found.pod == pod)

    @property
    def ctr(self) -> str:
        """The ctr command as one would type it on this node."""
        frame = self.frame("containerd.version")
        match = _SOCKET.fullmatch(lines(frame.out)[0])
        namespace = "moby" if self.question.runtime == "docker" else "k8s.io"
        return f"ctr -a {match[1]} -n {namespace}" if match else f"ctr -n {namespace}"


def short(container: ContainerId) -> str:
    """As docker shortens it; enough to type, too little to act on."""
    return container[:12]
