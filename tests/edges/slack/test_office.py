"""Whole flows in Slack: an alert, a request, votes and refusals, over its Web API and its socket."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.phases import Closed, Diagnosed, Incident, Proposed
from bot.core.spoken import Wanted
from bot.demo.workspace import Limited, ResetAfterCommit, ServerError
from tests.clicking import CHANNEL, eventually
from tests.edges.slack.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).opened() as office:
        yield office


def seen(office: Office) -> None:
    office.engine.sweep("prod-eu")
    office.work()
    office.told()


def asked(office: Office) -> None:
    """By Ada, for the fix that the alert offers."""
    office.click("ada", "request")
    office.phase("Proposed")
    office.told()


def alert(office: Office) -> str:
    return json.dumps(office.workspace.messages(CHANNEL)[0].blocks, ensure_ascii=False)


def test_from_the_alert_to_resolved(office: Office) -> None:
    seen(office)
    assert "🔴 STUCK  1 pod on node-17" in alert(office)

    asked(office)
    assert "🟡 WAITING FOR APPROVAL" in alert(office)
    office.click("ben", "approve")
    office.phase("Checking")
    office.told()
    for _ in range(12):
        office.later(seconds=5)
    office.told()

    found = office.incident()
    assert isinstance(found.phase, Closed)
    assert len(office.town.done) == 1
    assert "🟢 RESOLVED" in alert(office)
    assert "asked by ada, approved by ben" in alert(office)
    channel = [each for each in office.workspace.messages(CHANNEL) if each.in_channel]
    assert len(channel) == 1
    office.type("ben", "history prod/zookeeper0-0")
    assert "Incidents of prod/zookeeper0-0: 1" in office.whispered("ben", "Incidents of")


def test_who_asked_may_not_approve_and_who_is_not_listed_may_nothing(office: Office) -> None:
    seen(office)
    office.click("mallory", "request")
    office.whispered("mallory", "is not among the people of the settings")
    asked(office)

    office.click("ada", "approve")
    office.whispered("ada", "asked for this fix, so someone else approves it. ben can")
    office.click("mallory", "approve")

    assert isinstance(office.incident().phase, Proposed)
    assert office.town.done == []


def test_who_clicked_in_a_thread_is_answered_in_it(office: Office) -> None:
    seen(office)
    office.click("mallory", "request")
    office.whispered("mallory", "is not among the people of the settings")
    asked(office)

    office.click("mallory", "reject")
    office.fill("mallory", reason="because")
    eventually("the second answer", lambda: len(office.workspace.whispers(CHANNEL, "U0MALLORY")) == 2)
    office.click("ada", "approve")
    office.whispered("ada", "asked for this fix")

    root = office.workspace.messages(CHANNEL)[0].ts
    assert [each.thread for each in office.workspace.whispers(CHANNEL, "U0MALLORY")] == ["", root]
    assert [each.thread for each in office.workspace.whispers(CHANNEL, "U0ADA")] == [root]


def test_a_plan_is_rejected_with_a_reason_and_cannot_be_clicked_any_more(office: Office) -> None:
    seen(office)
    asked(office)

    office.click("ben", "reject")
    office.fill("ben", reason="not before the backup")
    office.phase("Open")
    office.told()

    assert isinstance(office.incident().phase, Diagnosed)
    assert "ben rejected container.stop: not before the backup." in alert(office)
    with pytest.raises(AssertionError, match="a button approve"):
        office.button("approve")


def test_a_name_that_is_typed_wrong_leaves_the_window_open(office: Office) -> None:
    seen(office)
    assert isinstance(office.engine.request(restart()), Incident)
    office.told()
    office.click("ben", "approve_typed")

    office.fill("ben", typed="node-71")

    assert eventually("the window", lambda: office.state("ben")["view"])["callback_id"] == "approve"
    assert office.workspace.whispers(CHANNEL, "U0BEN") == ()
    office.fill("ben", typed="node-17")
    office.told()
    assert "ben approved" in json.dumps(office.workspace.messages(CHANNEL)[-1].blocks)


def restart() -> Wanted:
    return Wanted(incident=1, pod="", repair="docker.restart", option="", person="ada", reason="it hangs")


def test_a_pod_is_diagnosed_for_whoever_asks(office: Office) -> None:
    office.type("mallory", "diagnose zookeeper0-0")
    said = office.whispered("mallory", "Who says what about container zookeeper")
    assert "no incident yet" in said

    office.type("ada", "diagnose nothing-like-that")
    office.whispered("ada", "There is no pod nothing-like-that. Check its name")
    office.type("ada", "dance")
    office.whispered("ada", 'Not understood: \\"dance\\"')


def test_fixes_are_paused_by_anybody_and_resumed_by_who_may(office: Office) -> None:
    seen(office)
    office.type("ada", "list")
    assert "Fixes are paused" not in office.whispered("ada", "Open incidents")
    office.type("mallory", "pause the network is being mended")
    eventually("all to hear of it", lambda: "FIXES PAUSED by mallory" in newest(office))
    office.type("ben", "list")
    assert "by mallory (U0MALLORY): the network is being mended" in office.whispered("ben", "Open incidents: 1")
    office.click("ada", "request")
    office.whispered("ada", "Until they go on nothing counts or is done")
    office.type("mallory", "resume I am done")
    office.whispered("mallory", "is not among the people")
    office.type("ben", "resume it is mended")
    eventually("all to hear of it", lambda: "FIXES GO ON, resumed by ben: it is mended." in newest(office))

    office.click("ada", "request")
    office.phase("Proposed")


def newest(office: Office) -> str:
    return next(each.text for each in reversed(office.workspace.messages(CHANNEL)) if each.in_channel)


def test_a_post_whose_reply_was_lost_is_found_and_not_posted_twice(office: Office) -> None:
    office.workspace.fail("chat.postMessage", ResetAfterCommit(), times=1)

    seen(office)

    assert len([each for each in office.workspace.messages(CHANNEL) if each.in_channel]) == 1
    assert "🔴 STUCK" in alert(office)


def test_what_slack_refuses_for_a_while_is_sent_afterwards(office: Office) -> None:
    office.workspace.fail("chat.postMessage", Limited(1), times=2)
    office.workspace.fail("chat.update", ServerError(), times=1)

    seen(office)
    asked(office)

    assert "🟡 WAITING FOR APPROVAL" in alert(office)
    assert len([each for each in office.workspace.messages(CHANNEL) if each.in_channel]) == 1


def test_a_click_that_is_delivered_again_and_again_is_one_vote(office: Office) -> None:
    seen(office)
    asked(office)
    office.click("ben", "approve")
    office.phase("Checking")
    envelope = office.workspace.deliveries()[-1].envelope
    for _ in range(5):
        office.workspace.send_again(envelope)
    office.told()
    for _ in range(12):
        office.later(seconds=5)

    assert len(office.town.done) == 1
    assert len(office.incident().executions) == 1


def test_an_alert_that_somebody_deleted_is_posted_anew(office: Office) -> None:
    seen(office)
    first = office.workspace.messages(CHANNEL)[0]
    office.web.client.chat_delete(channel=CHANNEL, ts=first.ts)

    office.click_home("ada")
    office.engine.request(Wanted(incident=1, pod="", repair="container.stop", option="", person="ada", reason=""))
    office.told()

    shown = [each for each in office.workspace.messages(CHANNEL) if each.in_channel]
    assert "🟡 WAITING FOR APPROVAL" in json.dumps(shown[-1].blocks, ensure_ascii=False)


def test_the_home_tab_shows_what_waits_and_the_switch(office: Office) -> None:
    seen(office)
    office.click("ada", "request")
    office.phase("Proposed")
    office.click_home("ben")

    home = eventually("the home tab", lambda: office.state("ben")["home"])

    said = json.dumps(home, ensure_ascii=False)
    assert "Waits for your approval" in said
    assert "WAITING FOR APPROVAL" in said
    assert "On: what is approved is done." in said
    assert "prod-eu: last read" in said

    office.engine.pause("ada", "a release")
    office.click_home("ben")

    def in_front() -> bool:
        shown = json.dumps(office.state("ben")["home"])
        return 0 < shown.find("by ada: a release") < shown.find("Waits for your approval")

    eventually("the pause, before what waits", in_front)


def test_a_plan_is_approved_on_the_home_tab_and_the_tab_says_so(office: Office) -> None:
    seen(office)
    asked(office)
    office.click_home("ben")
    view = eventually("the home tab", lambda: office.state("ben")["home"])
    block = next(each for each in view["blocks"] if each.get("block_id", "").startswith("ballot"))
    first = block["elements"][0]

    given = {"view_id": view["id"], "block_id": block["block_id"], "action_id": "approve", "value": first["value"]}
    assert office.post("click", user="U0BEN", **given)["ok"]

    office.phase("Checking")
    eventually(
        "the tab to be made anew",
        lambda: "Waits for your approval" not in json.dumps(office.state("ben")["home"], ensure_ascii=False) or None,
    )


def test_who_asked_is_not_waited_for(office: Office) -> None:
    seen(office)
    office.click("ada", "request")
    office.phase("Proposed")
    office.click_home("ada")

    home = eventually("the home tab", lambda: office.state("ada")["home"])

    assert "Waits for your approval" not in json.dumps(home)
    assert "WAITING FOR APPROVAL" in json.dumps(home)


def test_a_plan_ends_with_what_became_of_it_and_when(office: Office) -> None:
    seen(office)
    asked(office)
    office.click("ben", "approve")
    office.phase("Checking")
    office.told()
    for _ in range(12):
        office.later(seconds=5)
    office.told()

    plan = json.dumps(office.workspace.messages(CHANNEL)[-1].blocks, ensure_ascii=False)
    assert "🟢 DONE  plan " in plan
    assert "What happens" in plan
    assert "container.stop for prod/zookeeper0-0 on node-17 worked: the pod is gone" in plan
    assert "Asked by ada, approved by ben: last vote " in plan
    assert "approve" not in [each.get("action_id") for each in office.workspace.messages(CHANNEL)[-1].blocks]
