"""What stands in the audit log: every event that was taken, and every one that was refused."""

import json

import pytest

from bot.core.consent import Group
from bot.core.incidents import advance
from bot.core.phases import Accepted
from bot.core.records import granted, recorded
from bot.core.refusals import Refusal
from bot.core.spoken import Said, Wanted
from tests.core.incident_samples import (
    EVERYTHING,
    OTHER_UID,
    PEOPLE,
    SEEN,
    around,
    every_event,
    in_every_phase,
    plan,
    policy,
    rights,
    step,
    vote,
)
from tests.core.samples import UID

STOP = plan("container.stop")
PHASES, EVENTS = in_every_phase(STOP), every_event(STOP)
PLAN = {"plan": STOP.digest, "repair": STOP.repair, "words": list(STOP.words)}


def says(phase: str, event: str) -> dict[str, object]:
    """But for what every entry says."""
    before = PHASES[phase]
    answer = step(before, EVENTS[event])
    entry = recorded(EVENTS[event], before, answer, "ada", SEEN)
    common = ("from", "to", "effects", "last", "code", "event")
    return {name: each for name, each in entry.says.items() if name not in common}


def test_every_event_in_every_phase_can_be_written_down() -> None:
    for before in PHASES.values():
        for event in EVENTS.values():
            answer = step(before, event)
            entry = recorded(event, before, answer, "ada", SEEN)

            said = json.loads(entry.body())["says"]
            assert (entry.at, entry.who, entry.incident) == (SEEN, "ada", 1)
            if isinstance(answer, Refusal):
                assert (entry.kind, said["code"], said["says"]) == ("refused", answer.code, answer.says)
                assert said["event"] == type(event).__name__.lower()
            else:
                assert entry.kind == type(event).__name__.lower()
                assert (said["effects"], said["last"]) == (list(answer.effects), answer.incident.last)


def test_from_where_to_where() -> None:
    answer = step(PHASES["proposed"], EVENTS["approved"])

    entry = recorded(EVENTS["approved"], PHASES["proposed"], answer, "ben", SEEN)

    assert (entry.says["from"], entry.says["to"]) == ("proposed", "checking")


@pytest.mark.parametrize(
    ("phase", "event", "expected"),
    [
        ("open", "asked", {**PLAN, "reason": "it blocks us", "option": "", "pod": "zookeeper0-0"}),
        (
            "proposed",
            "approved",
            {**PLAN, "ballot": "approve", "via": "a test", "seal": vote(STOP).seal, "reason": ""},
        ),
        ("checking", "rechecked the same", PLAN),
        ("acting", "sending", PLAN),
        ("acting and sent", "reported done", {**PLAN, "outcome": "done", "why": "it was so"}),
        ("verifying", "looked held", {**PLAN, "found": "held", "saw": "the API server still has the pod"}),
        ("unsettled", "settled not done", {"done": False, "reason": "I looked"}),
        ("open", "seen with another", {"pods": [UID, OTHER_UID]}),
        ("open", "judged", {}),
    ],
)
def test_what_an_entry_says_of_its_event(phase: str, event: str, expected: dict[str, object]) -> None:
    assert says(phase, event) == expected


@pytest.mark.parametrize(
    ("phase", "event", "by"),
    [
        ("open", "asked", {"ada": ["@sre"]}),
        ("proposed", "approved", {"ben": ["@lead", "@sre"]}),
        ("proposed", "rejected", {"ben": ["@lead", "@sre"]}),
        ("checking", "rechecked the same", {"ada": ["@sre"], "ben": ["@lead", "@sre"]}),
        ("acting", "sending", {"ada": ["@sre"], "ben": ["@lead", "@sre"]}),
        ("unsettled", "settled not done", {"ben": ["@lead", "@sre"]}),
        ("open", "judged", {}),
    ],
)
def test_by_which_groups_a_right_was_held(phase: str, event: str, by: dict[str, list[str]]) -> None:
    people = {
        **PEOPLE,
        "@sre": Group(id="@sre", rights=EVERYTHING, members=frozenset({"ada", "ben"})),
        "@lead": Group(id="@lead", rights=rights("approve"), members=frozenset({"ben"})),
    }

    assert granted(EVENTS[event], PHASES[phase], people) == ({"by": by} if by else {})
    assert granted(EVENTS[event], PHASES[phase], PEOPLE) == {}


def test_a_name_is_one_clean_line() -> None:
    answer = advance(PHASES["open"], EVENTS["tick"], policy(), around(), SEEN)
    assert isinstance(answer, Accepted)

    entry = recorded(EVENTS["tick"], PHASES["open"], answer, "ada\nkind: forged \x1b[31m", SEEN)

    assert "\n" not in entry.who
    assert "\x1b" not in entry.who


def test_what_people_say_is_kept_as_it_was_heard() -> None:
    wanted = Wanted(incident=1, pod="", repair="docker.restart", option="", person="ada", reason=" as is ")
    said = Said(incident=1, ballot="reject", person="ben", digest="0123abcd", via="a test")

    assert wanted.reason == " as is "
    assert (said.typed, said.reason) == ("", "")
