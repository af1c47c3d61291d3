"""Which containers a node's answer is about: those asked after, and those that the node found for the same pods."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from bot.core.facts import ContainerId, PodUid
from bot.core.hostile import plain
from bot.core.pods import Question
from bot.probes import docker, shims
from bot.probes.frames import Frames
from bot.probes.reading import ID, lines
from bot.probes.table import Table, directories, table
from bot.probes.visit import SANDBOX, Found, Visit

_PAUSE = "POD"  # what the kubelet calls a pod's sandbox in docker
_PAUSE_IMAGE = re.compile(r"(?:\S*/)?pause(?:[:@]\S*)?")
_BELOW_POD = re.compile(
    r"pod(?P<pod>[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?/"
    r"(?:[a-z]+-)*(?P<container>[0-9a-f]{64})(?![0-9a-f])"  # docker-ID.scope, cri-containerd-ID.scope, or the bare id
)
_ASKED_ALONE = ("docker.inspect", "containerd.task", "containerd.shim")


def arrive(frames: Frames, question: Question, now: datetime) -> Visit:
    """
    Everything that the parsers need, found once.

    What was asked counts first; whatever a node says of a container's pod counts only for a pod that was asked after.
    """
    visit = Visit(frames=frames, question=question, now=now, table=Table(), containers={})
    visit = replace(visit, table=table(visit.frame("processes")))
    containers: dict[ContainerId, Found] = {}
    for container, found in _found(visit):
        before = containers.get(container, Found(pod=found.pod))
        if before.pod == found.pod or before.pod is None:
            containers[container] = Found(pod=found.pod or before.pod, name=before.name or found.name)
    visit = replace(visit, containers=containers)
    return replace(visit, containers={id_: _sandboxed(visit, id_, found) for id_, found in containers.items()})


def _found(visit: Visit) -> Iterator[tuple[ContainerId, Found]]:
    pods = {asked.uid for asked in visit.question.pods}
    for asked in visit.question.pods:
        yield from ((id_, Found(pod=asked.uid)) for id_ in asked.containers if ID.fullmatch(id_))
    names = [(id_, row.name) for id_, row in docker.rows(visit.frame("docker.ps")).items()]
    names += [(id_, docker.inspected_name(visit.frame("docker.inspect", id_), id_)) for id_ in _ids(visit)]
    for id_, full in names:
        parts = docker.kubelet_name(full)
        if parts is not None and parts[1] in pods:
            yield id_, Found(pod=PodUid(parts[1]), name=_said(parts[0]))
    for asked in visit.question.pods:
        for line in lines(visit.frame("containerd.containers", asked.uid).out):
            cells = line.split()
            if cells and ID.fullmatch(cells[0]):
                pause = len(cells) > 1 and _PAUSE_IMAGE.fullmatch(cells[1])
                yield ContainerId(cells[0]), Found(pod=asked.uid, name=SANDBOX if pause else "")
    for path in _paths(visit):
        match = _BELOW_POD.search(path)
        if match is not None and (pod := match["pod"].replace("_", "-")) in pods:
            yield ContainerId(match["container"]), Found(pod=PodUid(pod))
    yield from ((id_, Found(pod=None)) for id_ in _ids(visit))


def _ids(visit: Visit) -> Iterator[ContainerId]:
    """The containers that the node asked about one by one."""
    for name in visit.frames:
        asked, _, id_ = name.partition("/")
        if asked in _ASKED_ALONE and ID.fullmatch(id_):
            yield ContainerId(id_)


def _paths(visit: Visit) -> Iterator[str]:
    yield from (directory.path for directory in directories(visit.frame("cgroup")))
    yield from (path for process in visit.table.processes.values() for path in process.cgroups)


def _said(name: str) -> str:
    return SANDBOX if name == _PAUSE else plain(name, 63)  # characters; a DNS label, RFC 1123


def _sandboxed(visit: Visit, container: ContainerId, found: Found) -> Found:
    """Through CRI a shim has the id of its pod's sandbox."""
    if found.name or visit.question.runtime == "docker":
        return found
    leads = any(shim.id == container for shim in shims.of(visit, container))
    return replace(found, name=SANDBOX) if leads else found
