"""Slack is gone for two hours: the work goes on, Slack is not hammered, and afterwards each incident is told once."""

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

import pytest
import sqlalchemy as sa

from bot.core.facts import NodeName, PodUid
from bot.core.phases import Closed, Diagnosed, Incident, Seen
from bot.core.pods import Hold
from bot.demo.workspace import Says, Workspace
from bot.edges.store import tables
from bot.engine.lanes import TELLING
from tests.clicking import CHANNEL, eventually
from tests.edges.slack.office import Office
from tests.town import CLUSTER, Town

OUT = timedelta(hours=2)
LONGEST_S = 60  # between two tries
SOCKET = "apps.connections.open"  # asked for by the library, by itself


class Country(Town):
    """A town where each pod is stuck on a node of its own."""

    def sweep(self, cluster: str, known: Sequence[Incident]) -> Mapping[Hold, Seen]:
        assert cluster == CLUSTER
        before = {each.hold: {member.uid for member in each.members} for each in known}
        held = {Hold(kind="node", name=NodeName(f"node-of-{pod}")): self._member(pod) for pod in self.stuck}
        return {
            hold: Seen(
                members=(held[hold],) if hold in held else (),
                gone=frozenset(before.get(hold, set()) - ({held[hold].uid} if hold in held else set())),
            )
            for hold in {**held, **before}
        }


@dataclass
class Night(Office):
    """An office with one clock for all, also for Slack, and the engine's own workers."""

    def __post_init__(self) -> None:
        self.workspace = Workspace(clock=lambda: self.now().timestamp())

    def stuck_pods(self) -> Town:
        return Country(self.clock)

    def now(self) -> datetime:
        return self.clock.now

    def stuck(self, *pods: str) -> None:
        self.town.stuck |= {each: PodUid(str(uuid5(NAMESPACE_DNS, each))) for each in pods}
        self.engine.sweep(CLUSTER)

    def passes(self, seconds: float) -> None:
        """So much time, and then what is due."""
        self.clock.now += timedelta(seconds=seconds)
        self.engine.tick()
        self.engine.drain()
        pause, end = threading.Event(), time.monotonic() + 30
        while any(lane.in_hand for lane in self.engine._lanes):
            assert time.monotonic() < end, "a worker hangs"
            pause.wait(0.002)

    def untold(self) -> int:
        jobs = tables.jobs.c
        waiting = sa.select(sa.func.count()).where(jobs.effect == "tell", jobs.finished.is_(None))
        with self.store.turn(reading=True) as connection:
            return int(connection.execute(waiting).scalar_one())

    def catches_up(self) -> float:
        """Until all is told; after how many seconds."""
        began = self.clock.now
        while self.untold():
            assert self.clock.now - began < timedelta(hours=1)
            self.passes(1)
        return (self.clock.now - began).total_seconds()

    def marks(self) -> Counter[str]:
        found = self.workspace.messages(CHANNEL)
        return Counter(each.metadata["event_payload"]["mark"] for each in found if each.metadata)

    def alert_of(self, id_: int) -> str:
        (found,) = (
            each
            for each in self.workspace.messages(CHANNEL)
            if each.metadata and each.metadata["event_payload"]["mark"] == f"{id_} alert"
        )
        return json.dumps(found.blocks, ensure_ascii=False)


def of_pod(night: Night, pod: str) -> Incident:
    return next(each for each in night.store.history(1_000) if each.hold.name == f"node-of-{pod}")


def two_hours_without(night: Night, incidents: int) -> None:
    for pod in ("proposed", "running"):
        night.stuck(pod)
        night.passes(1)
        night.catches_up()
        night.click("ada", "request")
        night.phase("Proposed")
        night.catches_up()
    night.click("ben", "approve")
    night.phase("Checking")
    night.workspace.down(True)
    night.passes(1)
    night.passes(1)  # the last look before it, and the act
    night.click("ben", "approve")  # it is still there, and nobody hears it
    asked = night.workspace.asked.copy()

    rounds, went = 4, 0
    for number in range(rounds):
        fresh = [f"pod-{each}" for each in range(incidents) if each % rounds == number]
        night.stuck(*fresh)
        for _ in range(45):
            night.passes(OUT.total_seconds() / rounds / 45)
        for each in fresh[::3]:  # a third of them goes by itself
            night.town.stuck.pop(each)
        night.engine.sweep(CLUSTER)
        went += len(fresh)
    assert went == incidents

    tries = (night.workspace.asked - asked).total() - (night.workspace.asked - asked)[SOCKET]
    assert tries <= OUT.total_seconds() / LONGEST_S + 10
    assert tries >= OUT.total_seconds() / LONGEST_S / 2  # nor did it give up
    assert len(night.town.done) == 1
    assert isinstance(of_pod(night, "running").phase, Closed)
    assert "🟢" not in night.alert_of(of_pod(night, "running").id)
    assert isinstance(of_pod(night, "proposed").phase, Diagnosed)  # its plan's time was up
    assert [each.id for each in night.store.history(1_000) if each.executions] == [of_pod(night, "running").id]


def told_once(night: Night, incidents: int) -> None:
    before = len(night.workspace.messages(CHANNEL))
    night.workspace.down(False)
    took = night.catches_up()

    marks, known = night.marks(), night.store.history(1_000)
    once = [each for each in known if marks[f"{each.id} alert"] == 1 and _is_final(each, night.alert_of(each.id))]
    sent = [float(each.ts) for each in night.workspace.messages(CHANNEL)[before:] if each.metadata]
    assert "asked by ada, approved by ben" in night.alert_of(of_pod(night, "running").id)
    print(f"{len(once)} of {incidents} incidents told once, {len(sent)} messages in {took:.0f} s after {OUT}")
    assert len(once) == len(known) == incidents
    assert set(marks.values()) == {1}
    assert max(sum(at <= other < at + 9.99 for other in sent) for at in sent) <= 12  # one a second
    assert took <= 2 * len(sent) + 2 * LONGEST_S


def _is_final(incident: Incident, alert: str) -> bool:
    return ("🟢 RESOLVED" if isinstance(incident.phase, Closed) else "🔴 STUCK") in alert


@pytest.mark.parametrize(
    "incidents",
    [pytest.param(30), pytest.param(300, marks=[pytest.mark.crash, pytest.mark.timeout(300)])],
)
def test_two_hours_without_slack(tmp_path: Path, incidents: int) -> None:
    night = Night(tmp_path)
    with night.opened():
        two_hours_without(night, incidents - 2)
        told_once(night, incidents)


def test_a_slack_that_hangs_holds_up_nothing_else(tmp_path: Path) -> None:
    night = Night(tmp_path)
    with night.opened():
        with night.workspace.lock:  # whatever it is asked, it does not answer
            night.stuck(*(f"pod-{each}" for each in range(20)))
            night.engine.drain()
            eventually("all diagnoses", lambda: {type(each.phase) for each in night.store.history(20)} == {Diagnosed})
            hanging = [0, TELLING]
            eventually("the rest", lambda: [len(lane.in_hand) for lane in night.engine._lanes] == hanging or None)
        while night.untold():
            night.passes(1)

        assert set(night.marks().values()) == {1}


def test_who_says_no_is_there_and_who_fails_for_one_message_is_asked_for_the_next(tmp_path: Path) -> None:
    night = Night(tmp_path)
    with night.opened():
        night.workspace.fail("chat.postMessage", Says("not_in_channel"), times=3)
        night.workspace.fail("chat.postMessage", Says("fatal_error"), times=1)
        night.stuck(*(f"pod-{each}" for each in range(10)))
        took = night.catches_up()

        assert took < 40
        assert set(night.marks().values()) == {1}
