"""The one way through, on a real database: what is repeated, what is sent once, and what is on record."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.acts import Acted
from bot.core.audit import Broken, verified
from bot.core.facts import PodUid
from bot.core.phases import Closed, Diagnosed, Incident, Open, Reported, Unsettled
from bot.core.refusals import Refusal
from tests.house import POD, House
from tests.town import CLUSTER


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(f"sqlite:///{tmp_path / 'terminating.db'}")
    yield house
    house.engine.stop()
    assert not isinstance(verified(house.store.links(), {}, house.store.head()), Broken)
    house.store.close()


def test_from_first_sight_to_resolved(house: House) -> None:
    house.approved()
    house.work()
    for _ in range(12):
        house.later(seconds=5)

    found = house.incident()
    assert isinstance(found.phase, Closed)
    assert found.phase.outcome == "resolved"
    assert len(house.town.done) == 1
    assert [each.state for each in found.executions] == ["done"]
    assert "seen" in house.kinds()
    assert house.kinds().count("sending") == 1
    assert house.board.shown[-1][1] == "Closed"


def test_what_cannot_be_diagnosed_is_said_and_tried_again(house: House) -> None:
    house.engine.sweep(CLUSTER)
    house.town.silent = 2
    house.work()

    phase = house.incident().phase
    assert isinstance(phase, Open)
    assert "nobody answers" in phase.why
    house.later(minutes=2)
    house.later(minutes=2)
    assert isinstance(house.incident().phase, Diagnosed)


def test_a_cluster_that_cannot_be_read_hides_nothing_that_is_known(house: House) -> None:
    house.see()
    house.town.silent = 1

    house.engine.sweep(CLUSTER)

    assert house.incident().members


def test_an_own_vote_a_second_vote_and_one_on_an_old_digest_are_refused(house: House) -> None:
    house.see()
    house.ask()

    answers = [house.vote("ada"), house.vote("mallory"), house.vote("ben", digest="0" * 64), house.vote("ben")]
    house.work()
    again = house.vote("ben")

    assert [each.code for each in answers[:3] if isinstance(each, Refusal)] == [
        "own-request",
        "not-listed",
        "old-digest",
    ]
    assert isinstance(again, Refusal)
    assert len(house.town.done) == 1
    assert house.kinds().count("refused") == 4


def test_a_pause_between_vote_and_act_stops_it(house: House) -> None:
    house.approved()
    house.engine.pause("ada", "network maintenance")
    house.work()

    found = house.incident()
    assert house.town.done == []
    assert "Fixes are paused" in found.last
    assert [each.state for each in found.executions] == ["not-done"]
    assert isinstance(house.engine.resume("ben", ""), Refusal)
    assert house.engine.resume("ben", "the network is back") is None


def test_a_brake_outside_the_database_stops_it_too(house: House) -> None:
    house.see()
    house.town.braked = "the file go is not there"

    answer = house.ask()

    assert isinstance(answer, Refusal)
    assert answer.code == "pause-unknown"


def test_a_lost_reply_is_asked_for_and_never_sent_again(house: House) -> None:
    house.town.acts = [Acted("unknown", "the connection ended")]
    house.approved()
    house.work()

    assert isinstance(house.incident().phase, Unsettled)
    other = house.ask(person="ben")
    house.town.asks = [Acted("not-done", "burnt")]
    house.later(minutes=5)
    assert isinstance(other, Refusal)
    assert house.town.done == []
    assert [each.state for each in house.incident().executions] == ["not-done"]


def test_a_person_settles_what_no_evidence_can(house: House) -> None:
    house.town.acts = [Acted("unknown", "the connection ended")]
    house.town.asks = [Acted("unknown", "it began, and nobody is at it any more")]
    house.approved()
    house.work()

    assert isinstance(house.engine.settle(1, "ben", "", done=True), Refusal)
    assert isinstance(house.engine.settle(1, "ben", "I looked: the shim is gone", done=True), Incident)
    assert [each.state for each in house.incident().executions] == ["done"]


def test_what_a_dead_process_had_sent_is_unknown_until_it_is_asked_for(house: House) -> None:
    house.approved()
    with house.store.writing() as tx:
        while (job := tx.take("dead", house.clock())) is not None and job.effect != "recheck":
            tx.finish(job)
    assert job is not None
    house.engine.perform(job)
    with house.store.writing() as tx:
        act = tx.take("dead", house.clock())
    assert act is not None
    house.town.asks = [Acted("done", "the node has it on record")]
    house.clock.pass_by(seconds=1)

    house.engine.tick()
    house.work()

    assert house.town.done == []
    assert next(each.state for each in house.incident().executions) == "not-done"
    assert "before anything was sent" in house.incident().last


def test_a_result_that_cannot_be_written_is_kept_until_it_can(house: House, tmp_path: Path) -> None:
    house.approved()
    house.work()
    database = tmp_path / "terminating.db"
    assert database.stat().st_mode & 0o077 == 0
    assert len(house.town.done) == 1


def test_a_job_whose_taking_was_not_heard_of_is_put_back(house: House) -> None:
    house.engine.sweep(CLUSTER)
    with house.store.writing() as tx:
        lost = tx.take("first", house.clock())
    assert lost is not None

    house.engine.tick()
    house.later(minutes=1)

    assert isinstance(house.incident().phase, Diagnosed)
    with house.store.writing() as tx:
        assert tx.taken("first") == ()


def test_a_job_that_is_in_hand_is_not_put_back(house: House) -> None:
    during: list[str] = []

    def looks_in() -> None:
        house.engine.tick()
        with house.store.writing() as tx:
            during.extend(each.effect for each in tx.taken("first"))

    house.town.after_look = looks_in
    house.engine.sweep(CLUSTER)
    house.engine.drain()
    house.engine.stop()

    assert "diagnose" in during


def test_who_comes_too_late_is_no_person_that_was_refused(house: House) -> None:
    house.see()

    assert isinstance(house.engine.submit(1, Reported(op="0" * 32, outcome="done", why="it was done")), Refusal)

    row = json.loads(list(house.store.links())[-1].body)
    assert (row["kind"], row["says"]["event"], row["says"]["why"]) == ("too-late", "reported", "it was done")


def test_resuming_is_one_row(house: House) -> None:
    house.engine.pause("ada", "network maintenance")
    house.engine.resume("ben", "the network is back")

    assert house.kinds() == ["paused", "resumed"]


def test_after_stop_there_is_no_new_intent(house: House) -> None:
    house.approved()
    house.engine.stop()
    house.work()

    assert house.town.done == []
    assert house.kinds().count("rechecked") == 0


def test_the_same_pod_name_with_another_uid_is_not_touched(house: House) -> None:
    house.approved()
    house.town.stuck[POD] = PodUid("another")
    house.work()

    assert house.town.done == []
    assert "recreated under the same name" in house.incident().last
