"""Members of a user group of Slack: what they may, as of when, who they are, and what stands in the record."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from bot.core.consent import Group, Person
from bot.core.facts import Unknown
from bot.core.phases import Checking, Proposed
from bot.core.refusals import Refusal
from bot.core.spoken import Said, Wanted
from bot.demo.workspace import Says, ServerError
from bot.edges.slack import Roll
from tests.clicking import CHANNEL
from tests.edges.slack.office import Office
from tests.town import EVERYTHING, policy

TEAM, GROUP = "T0DEMO", "S0SRE"
MALLORY, GRID = f"U0MALLORY of {TEAM}", f"W0GRID of {TEAM}"
HOLDERS: Mapping[str, Person] = {
    "ben": Person(id="ben", rights=EVERYTHING),
    "@sre": Group(id="@sre", rights=EVERYTHING, members=Unknown("nobody has asked Slack")),
}
MINUTE = timedelta(minutes=1)


@contextmanager
def office_of(folder: Path, team: str = TEAM) -> Iterator[Office]:
    """Ben is listed by name and in the group, Mallory and one of the grid are in the group alone."""
    roll = Roll({("U0BEN", TEAM): "ben"}, {"@sre": (GROUP, team)})
    office = Office(folder, policy=policy(people=HOLDERS), roll=roll)
    office.workspace.groups[GROUP] = ("U0BEN", "U0MALLORY", "W0GRID")
    with office.opened():
        office.engine.sweep("prod-eu")
        office.told()
        yield office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_of(tmp_path) as office:
        yield office


def proposed(office: Office, repair: str = "container.stop", person: str = MALLORY) -> Proposed:
    wanted = Wanted(incident=1, pod="", repair=repair, option="", person=person, reason="it blocks us")
    answer = office.engine.request(wanted)
    assert not isinstance(answer, Refusal), answer
    assert isinstance(answer.phase, Proposed)
    return answer.phase


def voted(office: Office, person: str, typed: str = "") -> str:
    phase = office.incident().phase
    assert isinstance(phase, Proposed)
    said = Said(
        incident=1, ballot="approve", person=person, digest=phase.plan.digest, via="Slack, as somebody", typed=typed
    )
    answer = office.engine.vote(said)
    return answer.code if isinstance(answer, Refusal) else "accepted"


def entries(office: Office) -> list[Mapping[str, Any]]:
    return [json.loads(each.body) for each in office.store.links() if each.incident == 1]


def test_one_member_asks_another_approves_and_the_record_says_by_which_group(office: Office) -> None:
    office.click("mallory", "request")
    office.phase("Proposed")
    office.told()
    office.click("grid", "approve")
    office.phase("Checking")
    office.told()
    for _ in range(12):
        office.later(seconds=5)
    office.told()

    found = office.incident().executions[-1]
    assert (found.requester, found.approvers, found.state) == (MALLORY, (GRID,), "done")
    assert len(office.town.done) == 1
    by = {each["kind"]: each["says"].get("by") for each in entries(office)}
    assert by["asked"] == {MALLORY: ["@sre"]}
    assert by["voted"] == {GRID: ["@sre"]}
    assert by["rechecked"] == by["sending"] == {MALLORY: ["@sre"], GRID: ["@sre"]}
    shown = json.dumps(office.workspace.messages(CHANNEL)[0].blocks, ensure_ascii=False)
    assert "asked by mallory (U0MALLORY), approved by grid (W0GRID)" in shown
    assert TEAM not in shown


def test_who_is_in_no_group_is_told_who_can(office: Office) -> None:
    office.click("ada", "request")

    office.whispered("ada", "ada (U0ADA) may not request in prod-eu. ben or members of @sre can.")


def test_a_member_does_not_approve_what_they_asked_for(office: Office) -> None:
    proposed(office)
    office.told()
    office.click("mallory", "approve")

    office.whispered("mallory", "mallory (U0MALLORY) asked for this fix, so someone else approves it. ben or members")
    assert isinstance(office.incident().phase, Proposed)


def test_who_is_listed_by_name_and_in_the_group_is_one_person_with_one_vote(office: Office) -> None:
    proposed(office, "docker.restart")

    assert voted(office, "ben", "node-17") == "accepted"
    assert voted(office, "ben", "node-17") == "voted-already"
    assert voted(office, f"U0BEN of {TEAM}", "node-17") == "no-right"  # nobody: this account is Ben
    assert voted(office, GRID, "node-17") == "accepted"
    assert isinstance(office.incident().phase, Checking)


def test_a_membership_is_believed_for_a_minute_and_not_longer(office: Office) -> None:
    proposed(office)
    office.workspace.fail("usergroups.users.list", ServerError(), times=100)
    office.ahead = MINUTE / 2
    assert office.engine.rights(GRID) == EVERYTHING

    office.ahead = 2 * MINUTE
    assert office.engine.rights(GRID) == {}
    assert voted(office, GRID) == "group-unknown"
    assert voted(office, "ben") == "accepted"


def test_slack_is_asked_once_however_many_ask_at_once(office: Office) -> None:
    """Twenty calls a minute are allowed of this one."""
    office.ahead = 2 * MINUTE
    many = 40
    together = Barrier(many)

    def ask(_: int) -> object:
        together.wait()
        return office.chat.members("@sre")

    with ThreadPoolExecutor(many) as pool:
        found = set(pool.map(ask, range(many)))

    assert found == {frozenset({"ben", MALLORY, GRID})}


@pytest.mark.parametrize("error", ["missing_scope", "plan_upgrade_required", "no_such_subteam", "token_revoked"])
def test_nobody_is_in_a_group_that_cannot_be_read_and_people_hear_why(office: Office, error: str) -> None:
    office.workspace.fail("usergroups.users.list", Says(error), times=100)
    office.ahead = 2 * MINUTE
    office.click("mallory", "request")

    says = office.whispered("mallory", "@sre could not be read")
    assert "Whether mallory (U0MALLORY) may request in prod-eu is not known: @sre could not be read (usergroups" in says
    assert error in says
    assert not isinstance(office.incident().phase, Proposed)


@pytest.mark.parametrize("moment", ["before the last look", "before it is sent"])
def test_who_left_the_group_after_the_click_has_no_vote(office: Office, moment: str) -> None:
    proposed(office)
    assert voted(office, GRID) == "accepted"
    if moment == "before it is sent":
        _only(office, "recheck")
    office.workspace.groups[GROUP] = ("U0BEN", "U0MALLORY")
    office.ahead = 2 * MINUTE
    office.work()

    assert office.town.done == []
    assert office.incident().last == f"{GRID} may not approve in prod-eu. ben or members of @sre can."
    assert office.incident().executions[-1].state == "not-done"


@pytest.mark.parametrize("moment", ["before the last look", "before it is sent"])
def test_nothing_runs_while_it_is_not_known_who_is_in_the_group(office: Office, moment: str) -> None:
    proposed(office, person="ben")
    assert voted(office, GRID) == "accepted"
    if moment == "before it is sent":
        _only(office, "recheck")
    office.workspace.fail("usergroups.users.list", ServerError(), times=100)
    office.ahead = 2 * MINUTE
    office.work()

    assert office.town.done == []
    assert "@sre could not be read (usergroups" in office.incident().last


def _only(office: Office, effect: str) -> None:
    """Until this is done, and nothing after it."""
    while True:
        with office.store.writing() as tx:
            job = tx.take("office", office.clock())
        assert job is not None
        office.engine.perform(job)
        if job.effect == effect:
            return


def test_a_group_of_another_team_is_nobody_s(tmp_path: Path) -> None:
    with office_of(tmp_path, "T0OTHER") as office:
        office.click("mallory", "request")
        office.whispered("mallory", "@sre could not be read (it is of T0OTHER, and this is T0DEMO)")


def test_a_name_that_somebody_chose_to_deceive_stays_a_name(office: Office) -> None:
    users = office.workspace.users
    users["U0MALLORY"] = replace(users["U0MALLORY"], name="ben\u202e <!channel> *x*")
    office.ahead = 2 * MINUTE
    proposed(office)
    office.told()

    said = office.workspace.messages(CHANNEL)
    assert "ben <!channel> *x* (U0MALLORY) asks to" in json.dumps(said[-1].blocks)
    assert "<!channel>" not in "".join(each.text for each in said)
    context = [part for each in said for block in each.blocks for part in block["elements"] if part["type"] == "mrkdwn"]
    assert all(each["text"].startswith("<!date^") and "ben" not in each["text"] for each in context)
    assert office.incident().phase.plan.requester == MALLORY  # type: ignore[union-attr]  # it is proposed


# ---- where others read along


def alert_in(office: Office, channel: str) -> str:
    office.engine.sweep("prod-eu")
    office.told()
    return json.dumps(office.workspace.messages(channel)[0].blocks, ensure_ascii=False)


def test_nothing_can_be_clicked_in_a_channel_of_two_organisations(tmp_path: Path) -> None:
    with Office(tmp_path, channel="C0SHARED").opened() as office:
        said = alert_in(office, "C0SHARED")
        office.engine.request(Wanted(incident=1, pod="", repair="container.stop", option="", person="ada", reason=""))
        office.told()
        office.later(minutes=20)
        office.engine.tick()
        office.told()
        everything = [json.dumps(each.blocks, ensure_ascii=False) for each in office.workspace.messages("C0SHARED")]

    assert "🔴 STUCK  1 pod on node-17" in said
    assert "No buttons here: people of another organisation are in this channel." in said
    assert '"actions"' not in "".join(everything)
    over = [each for each in everything if "The plan expired" in each and "asks to" in each]
    assert len(over) == 1
    assert over[0].count("Result") == 1


def test_where_it_is_not_known_who_reads_along_nothing_can_be_clicked(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.workspace.scopes -= {"channels:read"}
    with office.opened():
        said = alert_in(office, CHANNEL)

    assert '"actions"' not in said
    assert "whether other organisations are in this channel is not known (missing_scope" in said


def test_buttons_come_and_go_with_the_other_organisation(office: Office) -> None:
    board = office.workspace.board
    alone = board._channels[CHANNEL]
    for shared in (True, False):
        board._channels[CHANNEL] = replace(alone, shared=shared)
        office.ahead += 2 * MINUTE
        office.chat.show(office.incident(), office.clock())
        said = json.dumps(office.workspace.messages(CHANNEL)[0].blocks)

        assert ("No buttons here" in said, '"actions"' in said) == (shared, not shared)
