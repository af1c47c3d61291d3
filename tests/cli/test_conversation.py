"""What is typed reaches the bot as it was meant, and its answer reaches the one who typed."""

import io
import os
from collections.abc import Mapping
from threading import Event

import pytest

from bot.cli.conversation import converse
from bot.core.consent import Person, Right
from bot.core.facts import Unknown
from bot.core.guards import Pause
from bot.core.phases import Incident
from bot.core.refusals import Refusal, refusal
from bot.core.spoken import Said, Wanted
from bot.edges.console import Console
from bot.ports import TimedOut, Watched
from tests.core.incident_samples import PEOPLE, first, plan, proposed

NO = refusal("no-incident", incident=7)
LATE = TimedOut("committing", "the database", "it did not answer in 5 s", "Look at it.")


class Clerk:
    """A bot that writes down what it is told, and answers as it was told to."""

    def __init__(self, answer: Incident | Refusal | Exception) -> None:
        self.answer = answer
        self.heard: list[object] = []

    def incidents(self) -> tuple[Incident, ...]:
        return (first(),)

    def history(self, limit: int) -> tuple[Incident, ...]:
        return (first(),)[:limit]

    def paused(self) -> Pause | Unknown | None:
        return None

    def rights(self, person: str) -> Mapping[str, frozenset[Right]]:
        return PEOPLE[person].rights

    def people(self) -> Mapping[str, Person]:
        return PEOPLE

    def watched(self) -> tuple[Watched, ...]:
        return ()

    def incident(self, id_: int) -> Incident | None:
        return first() if id_ == 1 else None

    def diagnose(self, incident: int) -> Incident | Refusal:
        return self._heard(incident)

    def request(self, wanted: Wanted) -> Incident | Refusal:
        return self._heard(wanted)

    def vote(self, said: Said) -> Incident | Refusal:
        return self._heard(said)

    def settle(self, incident: int, person: str, reason: str, *, done: bool, via: str = "") -> Incident | Refusal:
        return self._heard((incident, person, reason, done, via))

    def pause(self, person: str, reason: str, via: str = "") -> None:
        self._heard((person, reason, via))

    def resume(self, person: str, reason: str, cluster: str = "", via: str = "") -> Refusal | None:
        answer = self._heard((person, reason, cluster, via))
        return answer if isinstance(answer, Refusal) else None

    def _heard(self, what: object) -> Incident | Refusal:
        self.heard.append(what)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def talk(typed: str, answer: Incident | Refusal | Exception = NO) -> tuple[list[object], str]:
    """What the bot heard, and what was printed after the greeting and the table of what is open."""
    source, end = os.pipe()
    os.write(end, typed.encode())
    os.close(end)
    out, clerk = io.StringIO(), Clerk(answer)
    try:
        converse(Console(PEOPLE, "root", source, out), clerk, Event())
    finally:
        os.close(source)
    return clerk.heard, out.getvalue().partition("1 incident, 1 open\n")[2]


def vote(**given: str) -> Said:
    said = {"digest": "9f2c41d7", "via": "console of root as ben", **given}
    return Said(incident=1, person="ben", **said)  # type: ignore[arg-type]  # the ballot is one of two words


@pytest.mark.parametrize(
    ("typed", "heard"),
    [
        ("ben> approve 1 9f2c41d7", vote(ballot="approve")),
        ("BEN> approve 1 9f2c41d7 node-17", vote(ballot="approve", typed="node-17")),
        ("ben> reject 1 9f2c41d7 not now", vote(ballot="reject", reason="not now")),
        (
            "Ada> request 1 prod/x docker.restart without-live-restore because it hangs",
            Wanted(
                incident=1,
                pod="prod/x",
                repair="docker.restart",
                option="without-live-restore",
                person="ada",
                reason="it hangs",
                via="console of root as Ada",
            ),
        ),
        ("ben> settle 1 not-done I looked", (1, "ben", "I looked", False, "console of root as ben")),
        ("ben> settle 1 done I looked", (1, "ben", "I looked", True, "console of root as ben")),
        ("ada> pause", ("ada", "", "console of root as ada")),
        ("ben> resume it is over", ("ben", "it is over", "", "console of root as ben")),
    ],
)
def test_each_command_is_heard_once_and_exactly(typed: str, heard: object) -> None:
    assert talk(typed)[0] == [heard]


@pytest.mark.parametrize(
    "typed",
    [
        "ben> approve 1 9f2c41d7",
        "ben> reject 1 9f2c41d7",
        "ada> request 1 shim.reap",
        "ben> settle 1 done x",
        "ben> resume x",
    ],
)
def test_a_refusal_is_told_and_an_outage_too_and_the_talk_goes_on(typed: str) -> None:
    assert talk(f"{typed}\nada> pause", NO)[1].removeprefix("Looking at the pod.\n") == (
        f"{NO.says}\nFixes are paused. Diagnosis goes on.\n"
    )
    heard, said = talk(f"{typed}\n{typed}\n", LATE)
    assert len(heard) == 2
    assert said.count(str(LATE)) == 2


def test_what_was_accepted_shows_on_its_card_alone() -> None:
    accepted = proposed(plan("shim.reap"))

    assert talk("ben> approve 1 9f2c41d7", accepted)[1] == ""
    assert talk("ada> request 1 shim.reap", accepted)[1] == "Looking at the pod.\n"
    assert talk("ben> resume over", accepted)[1] == "Fixes go on.\n"


def test_what_was_open_before_is_shown_first() -> None:
    source, end = os.pipe()
    os.close(end)
    out = io.StringIO()
    converse(Console(PEOPLE, "root", source, out), Clerk(NO), Event())
    os.close(source)

    assert out.getvalue().endswith("1   STUCK   prod-eu  node-17  1     -\n1 incident, 1 open\n")


def test_looking_tells_the_bot_nothing() -> None:
    heard, said = talk("list\nshow 1\nshow 7\nhelp\nnonsense\n")

    assert heard == []
    assert "1 incident, 1 open\n" in said
    assert "STUCK  1 pod on node-17" in said
    assert f"{NO}\n" in said
    assert "NAME> approve INCIDENT PLAN" in said
    assert 'Not understood: "nonsense"; `help` lists what is.\n' in said


def test_after_quit_nothing_is_heard() -> None:
    assert talk("quit\nada> pause\n") == ([], "")


def test_an_interrupt_ends_it_without_a_trace() -> None:
    class Interrupted(Clerk):
        def incidents(self) -> tuple[Incident, ...]:
            raise KeyboardInterrupt

    source, end = os.pipe()
    os.write(end, b"list\nada> pause\n")
    clerk = Interrupted(NO)
    converse(Console(PEOPLE, "root", source, io.StringIO()), clerk, Event())
    os.close(source)
    os.close(end)

    assert clerk.heard == []
