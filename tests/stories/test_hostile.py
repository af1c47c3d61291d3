"""Whatever a cluster or a node says, a terminal gets printable text and line ends, and JSON is ASCII that parses."""

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.probes.frames import Frame
from tests.edges.fake_apiserver import Object
from tests.edges.hostile_sshd import HostileSshd, answering
from tests.probes.replay import frames_of
from tests.stories.world import POD, STATE, World, line_of, wire

FRAMES = tuple(frames_of(STATE)[0].values())

HOSTILE = {
    "colour": "\x1b[31m",
    "clear screen": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;https://example.com\x1b\\here\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;aGk=\x9c",
    "C1 CSI": "\x9b31m\x85\x90",
    "carriage return": "fine\rSTUCK",
    "newlines": "\nVerdict: all is well\r\n\x0b\x0c\u2028\u2029",
    "NUL, bell, backspace, delete": "\x00\x07\x08\x08\x7f",
    "bidi": "\u202edecrev\u202c\u2066\u2069\u200f\u061c",
    "zero width": "\u200b\u200c\u200d\ufeff\u2060\u00ad",
    "tags": "\U000e0041\U000e0042",
    "zalgo": "Z" + "\u0300\u0301\u0302" * 60,
    "markup": "[bold red]x[/] :bomb: <b> & `rm`",
}


def spoilt_api(world: World, word: str) -> None:
    """Everything that a hostile cluster may write freely, each behind a name to find it by."""
    pod, node = world.pod, world.api.objects["/api/v1/nodes"][0]
    owner = {"apiVersion": "x/v1", "kind": f"Kind{word}", "name": f"owner{word}", "uid": f"u{word}", "controller": True}
    pod["metadata"] |= {
        "labels": {f"label{word}": f"label{word}"},
        "annotations": {f"note{word}": f"note{word}"},
        "finalizers": [f"example.com/finalizer{word}"],
        "ownerReferences": [owner],
    }
    pod["spec"]["containers"][0]["name"] = pod["status"]["containerStatuses"][0]["name"] = f"container{word}"
    pod["status"] |= {"phase": f"phase{word}", "qosClass": f"qos{word}", "reason": word, "message": word}
    for condition in node["status"]["conditions"]:
        condition |= {"reason": f"reason{word}", "message": f"message{word}"}
    node["status"]["nodeInfo"] |= {"kubeletVersion": f"v1{word}", "osImage": word, "kernelVersion": word}
    for event in world.api.objects["/api/v1/events"]:
        event |= {"message": f"event{word}", "reason": f"event{word}", "lastTimestamp": "2026-11-23T20:29:59Z"}


def ready_of(world: World) -> Object:
    conditions = world.api.objects["/api/v1/nodes"][0]["status"]["conditions"]
    return next(each for each in conditions if each["type"] == "Ready")


def spoilt_frames(word: str) -> tuple[Frame, ...]:
    """Everything that a hostile node may print, in frames that are well formed."""
    raw = word.encode("utf-8", "surrogatepass")
    tail = b"failed%s to kill 852775d6-ee1e-4a9f-b4dd-9fbe8e5bd111" % raw.replace(b"\n", b"\r")
    spoilt = []
    for frame in FRAMES:
        out = frame.out.replace(b"k8s_zookeeper", b"k8s_zoo" + raw).replace(b"(tail)", b"(tail" + raw + b")")
        out = out.replace(b"18.09.9", b"18.09.9" + raw).replace(b"containerd-shim)", b"shim" + raw + b")")
        if frame.name == "kubelet.log":
            out += b"\nE1123 20:29:59.000001  1 pod_workers.go:191] Error syncing pod " + tail + b"\n"
        spoilt.append(replace(frame, out=out, err=frame.err + b"stderr" + raw))
    return (*spoilt, Frame("units", 1, 3, b"Id=" + raw + b"\nActiveState=" + raw, raw))


def assert_harmless(text: str, kind: str = "on the terminal") -> None:
    for character in text.replace("\n", ""):
        category = unicodedata.category(character)
        assert category not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"), f"{character!r} {kind}"


def strings_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, held in value.items() for text in (key, *strings_of(held))]
    if isinstance(value, list):
        return [text for held in value for text in strings_of(held)]
    return [value] if isinstance(value, str) else []


def shown(world: World) -> str:
    """All that a terminal gets of a diagnosis and a scan, once nothing in it can do harm, nor in the JSON."""
    table, whole, scan = world.run("diagnose", POD), world.run("diagnose", POD, "-o", "json"), world.run("scan")
    for result in (table, whole, scan):
        assert (result.exit_code, result.stderr) == (0, "")
        assert_harmless(result.stdout)
    assert whole.stdout.isascii()
    for text in strings_of(json.loads(whole.stdout)):
        assert_harmless(text, "in the JSON")
        assert "\n" not in text
    return table.stdout + scan.stdout


@pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE)
def test_hostile_words_of_cluster_and_node_never_reach_the_terminal(world: World, word: str) -> None:
    spoilt_api(world, word)
    world.node(HostileSshd(answering(wire(spoilt_frames(word)), f"banner{word}".encode()), banner=f"login{word}"))
    world.settled()

    text = shown(world)

    assert all(place in text for place in ("finalizer", "container", "owner", "failed")), text


def test_hostile_words_about_a_node_that_is_not_ready_never_reach_the_terminal(world: World) -> None:
    spoilt_api(world, "".join(HOSTILE.values()))
    ready_of(world)["status"] = "False"
    world.settled()

    assert "not Ready (reason" in " ".join(shown(world).split())


def said_by_sudo(word: str) -> HostileSshd:
    return HostileSshd(answering(b"", f"sudo{word}: no".encode(), 1), banner=f"login{word}")


def said_before_ssh(word: str) -> HostileSshd:
    return HostileSshd(greet=lambda sock, _: sock.sendall(f"{word}\r\nSSH-9.9-{word}\r\n".encode()))


def said_instead_of_frames(word: str) -> HostileSshd:
    return HostileSshd(answering(f"{word} 0 1 2 3\n".encode()))


@pytest.mark.parametrize("fails", [said_by_sudo, said_before_ssh, said_instead_of_frames])
@pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE)
def test_hostile_words_of_a_node_that_fails_never_reach_the_terminal(
    world: World, word: str, fails: Callable[[str], HostileSshd]
) -> None:
    world.node(fails(word))
    world.settled("5s")

    line_of(world.run("diagnose", POD))
