"""A node that says just what a test wants it to say."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from bot.core.facts import ContainerId, Facts, Known, NodeAnswers, PodUid, Value
from bot.core.pods import Asked, Question
from bot.probes import answers
from bot.probes.frames import Frame

NOW = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
BOOTED = 1795459746  # 2026-11-23T18:49:06Z
UID = PodUid("852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111")
OTHER_UID = PodUid("d7ed7f35-fc56-46d6-ab6e-3bec49062347")
ID = ContainerId("ebe2ddd9ed5b1fe0a2e775f892ec32926dd83b59804c998475ca9b9986445d1f")
SANDBOX_ID = ContainerId("157e0cf4925e6ae38bc4168968199a03ec7d3be4f76a2404088d7ebd2d08ec33")
OTHER_ID = ContainerId("9c65ee9535abf7dddc363427de29028435b5fea11853439dfe2f31e931e90840")
POD = Asked(uid=UID, namespace="prod", name="zookeeper0-0", containers=(ID,))
DOCKER = Question(runtime="docker", pods=(POD,))
CRI = Question(runtime="containerd", pods=(POD,))

POD_DIR = f"/kubepods/burstable/pod{UID}"
NODE = f"epoch=1795467600\nbtime={BOOTED}\n"

Said = str | bytes | Frame


def ended(code: int, err: str = "", out: str = "") -> Frame:
    return Frame("", code, 30, out.encode(), err.encode())


LATE = Frame("", 124, 8004, b"", b"")


def heard(frames: Mapping[str, Said], question: Question = DOCKER) -> NodeAnswers:
    return answers({name: _frame(name, words) for name, words in frames.items()}, question, NOW)


def of_node(frames: Mapping[str, Said], question: Question = DOCKER) -> dict[str, Value]:
    return values(heard(frames, question).node)


def of_pod(frames: Mapping[str, Said], question: Question = DOCKER) -> dict[str, Value]:
    return values(heard(frames, question).pods[UID])


def of_container(frames: Mapping[str, Said], question: Question = DOCKER, id_: ContainerId = ID) -> dict[str, Value]:
    return values(heard(frames, question).containers[id_])


def values(facts: Facts) -> dict[str, Value]:
    """Each fact's value, or `? ` and why it is not known."""
    return {
        name: fact.answer.value if isinstance(fact.answer, Known) else f"? {fact.answer.why}"
        for name, fact in facts.items()
    }


def process(pid: int, name: str = "sleep", **said: object) -> str:
    """A record of the `processes` frame."""
    started, parent, letter = said.get("started", 5000), said.get("parent", 1), said.get("state", "S")
    lines = [f"pid {pid}", f"stat {pid} ({name}) {letter} {parent} {' '.join(['0'] * 17)} {started} 0 0"]
    lines += [f"{key} {said[key]}" for key in ("wchan", "pending", "threads", "cmdline") if key in said]
    cgroups = said.get("cgroups", ("0::/",))
    assert isinstance(cgroups, tuple)
    return "".join(f"{line}\n" for line in [*lines, *(f"cgroup {path}" for path in cgroups)])


def shim_v1(pid: int, id_: str = ID, **said: object) -> str:
    path = f"/var/lib/docker/containerd/daemon/io.containerd.runtime.v1.linux/moby/{id_}"
    return process(
        pid, "containerd-shim", cmdline=f"containerd-shim -namespace moby -workdir {path} -address /x", **said
    )


def shim_v2(pid: int, id_: str = ID, namespace: str = "moby", **said: object) -> str:
    words = (
        f"/usr/bin/containerd-shim-runc-v2 -namespace {namespace} -id {id_} -address /run/containerd/containerd.sock"
    )
    return process(pid, "containerd-shim", **{"cmdline": words, **said})


def inspect(id_: str = ID, name: str = "/x", /, **state: object) -> str:
    whole = {"Status": "running", "Pid": 24724, "ExitCode": 0, "OOMKilled": False, **state}
    whole = {"StartedAt": "2026-11-23T20:25:07.268122019Z", "FinishedAt": "0001-01-01T00:00:00Z", **whole}
    return json.dumps({"Id": id_, "Name": name, "State": whole})


def _frame(name: str, words: Said) -> Frame:
    if isinstance(words, Frame):
        return Frame(name, words.exit_code, words.ms, words.out, words.err)
    return Frame(name, 0, 30, words.encode() if isinstance(words, str) else words, b"")
