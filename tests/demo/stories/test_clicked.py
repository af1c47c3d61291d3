"""Each story of the demo, played by clicking: what a visitor reads and does, at a desk, on a phone, in the dark."""

import re

import pytest
from playwright.sync_api import expect

from bot.demo.cluster.kinds import PODS
from bot.demo.cluster.stories import BUILD, ZOOKEEPER
from bot.demo.show import Demo
from tests.demo.stories.conftest import Visits
from tests.demo.stories.visit import ASK, HEALED_S, Visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LOST_EXIT, BUILD_STORY, SILENT = (
    "The container that died unheard",
    "The build that may not leave",
    "The node that went silent",
)
DIAGNOSE = "/terminating diagnose prod/zookeeper0-0"


def uid(up: Demo, key: tuple[str, str]) -> str:
    found = up.town.cluster.registry.store.get(PODS, key)
    return str(found["metadata"]["uid"]) if found else ""


def begun(visits: Visits, story: str, **look: bool) -> Visit:
    visit = visits(**look)
    visit.start(story)
    visit.reads("🔴 STUCK")
    return visit


def asked(visits: Visits, **look: bool) -> Visit:
    """Ada has asked for the fix of the founding story, with its thread open."""
    visit = begun(visits, LOST_EXIT, **look)
    visit.request()
    visit.reads("🟡 WAITING FOR APPROVAL")
    visit.open_thread()
    expect(visit.thread.get_by_role("button", name="Approve")).to_be_visible()
    return visit


def test_the_lost_exit_event(visits: Visits, up: Demo) -> None:
    """From the alert to its end, while two others look on, who never reload."""
    before = uid(up, ZOOKEEPER)
    ada, phone, dark = begun(visits, LOST_EXIT), visits(phone=True), visits(dark=True)
    ada.reads("🔴 STUCK", "1 pod on node-17", "prod/zookeeper0-0", "The container is dead, but dockerd never heard")

    ada.command.press_sequentially("/ter")
    ada.page.get_by_role("option", name="/terminating").click()
    ada.command.press_sequentially("diag")
    ada.page.get_by_role("option", name="/terminating diagnose").click()
    ada.command.press_sequentially(" zoo")
    ada.page.get_by_role("option", name=DIAGNOSE).click()
    expect(ada.command).to_have_value(DIAGNOSE)
    ada.page.get_by_role("button", name="Send").click()
    ada.is_told("Who says what about.*prod/zookeeper0-0.*docker.*running.*containerd.*STOPPED")

    ada.open_thread()
    expect(ada.thread).to_contain_text(re.compile("OOM kill.*Ruled out.*shim-hung: the shim answers", re.DOTALL))
    file = ada.thread.get_by_role("button", name=re.compile(r"^evidence-1-\w+\.txt")).first
    file.click()
    expect(ada.window).to_contain_text("java invoked oom-killer")
    ada.window.get_by_role("button", name="Close").click()

    ada.request()
    for visit in (ada, phone, dark):
        visit.reads("🟡 WAITING FOR APPROVAL", "Ada")
    expect(ada.thread.get_by_role("button", name="Approve")).to_be_in_viewport()
    expect(ada.hint).to_contain_text("You asked, so somebody else approves.")
    ada.approve()
    ada.is_told("someone else approves it. Ben can")

    ada.as_("Mallory")
    expect(ada.thread).to_be_visible()
    ada.approve()
    ada.is_told("not among the people|can't approve")
    ada.reads("🟡 WAITING FOR APPROVAL")
    assert uid(up, ZOOKEEPER) == before

    ada.as_("Ben")
    expect(ada.hint).to_contain_text("Ada asked.")
    ada.approve()
    for visit in (ada, phone, dark):
        visit.reads("🟢 RESOLVED", "asked by Ada, approved by Ben", within_s=HEALED_S)
        visit.fits()
    assert uid(up, ZOOKEEPER) not in ("", before)
    expect(ada.alerts).to_have_count(1)
    expect(ada.page.get_by_role("button", name="Approve")).to_have_count(0)


def test_a_finalizer_takes_two_and_its_controller_is_better(visits: Visits, up: Demo) -> None:
    """On a phone, all of it."""
    visit = begun(visits, BUILD_STORY, phone=True)
    visit.reads("ci/build-8812", "a finalizer holds the object")
    visit.request()
    visit.fits()
    visit.fill("the build server is being replaced", "Request")
    visit.reads("🟡 WAITING FOR APPROVAL", "2 people")

    expect(visit.hint).to_contain_text("You asked, so others approve: two, and this demo has one.")
    visit.as_("Ben")
    visit.open_thread()
    expect(visit.thread).to_contain_text("the build server is being replaced")
    visit.thread.get_by_role("button", name="Approve").click()
    visit.window.get_by_role("textbox").fill("build-8812")
    visit.window.get_by_role("button", name="Approve", exact=True).click()
    expect(visit.window).to_contain_text("That is another name. Type the one that stands above.")
    visit.fill("node-12", "Approve")
    expect(visit.thread.get_by_role("article", name="terminating", exact=True).last).to_contain_text("Ben approved")
    visit.fits()
    assert uid(up, BUILD)

    expect(visit.hint).to_contain_text("This takes two who did not ask")
    visit.hint.get_by_role("button", name="The controller comes back").click()
    visit.page.get_by_role("button", name="Close the thread").click()
    visit.reads("🟢 RESOLVED BY ITSELF")
    assert not uid(up, BUILD)


def test_a_silent_node_is_one_message_and_nothing_is_offered(visits: Visits) -> None:
    """In the dark."""
    visit = begun(visits, SILENT, dark=True)
    visit.reads("🔴 STUCK", "40 pods on node-23", "and 35 more")
    expect(visit.alerts).to_have_count(1)
    expect(visit.alerts.get_by_role("button", name=ASK)).to_have_count(0)
    expect(visit.alerts.get_by_role("button", name="Other fixes")).to_have_count(0)
    expect(visit.hint).to_contain_text("Nothing is offered that could do harm")

    visit.hint.get_by_role("button", name="The node comes back").click()
    visit.reads("🟢 RESOLVED BY ITSELF", "node-23", within_s=HEALED_S)
    expect(visit.alerts).to_have_count(1)


def test_the_lost_exit_event_by_keyboard_alone(visits: Visits) -> None:
    """And with motion, which nobody else here sees."""
    visit = visits(motion="no-preference")
    keys = visit.page.keyboard

    def go_to(what: str, key: str = "Tab", most: int = 60) -> None:
        for _ in range(most):
            if visit.page.evaluate("name => document.activeElement.matches(name)", what):
                return
            keys.press(key)
        raise AssertionError(f"{key} never comes to {what}")

    go_to('[aria-label="Start: The container that died unheard"]')
    keys.press("Enter")
    visit.reads("🔴 STUCK")
    keys.press("/")
    keys.type("terminating diagnose zoo")
    expect(visit.page.get_by_role("option", name=DIAGNOSE)).to_be_visible()
    keys.press("Tab")
    expect(visit.command).to_have_value(DIAGNOSE)
    keys.press("Enter")
    visit.is_told("Who says what about.*prod/zookeeper0-0")

    go_to("[data-action=request]", "Shift+Tab")
    keys.press("Enter")
    visit.reads("🟡 WAITING FOR APPROVAL")
    go_to(".replies", "Shift+Tab")
    keys.press("Enter")
    expect(visit.thread.get_by_role("button", name="Approve")).to_be_visible()
    go_to('#sidebar [role=radio][tabindex="0"]')
    keys.press("ArrowDown")
    expect(visit.page.get_by_role("radio", name="Ben", checked=True).first).to_be_visible()
    go_to("#thread [data-action=approve]")
    keys.press("Enter")
    expect(visit.window.get_by_role("button", name="Not yet")).to_be_focused()
    go_to('dialog [value="yes"]')
    keys.press("Enter")
    visit.reads("🟢 RESOLVED", "asked by Ada, approved by Ben", within_s=HEALED_S)


def test_a_plan_is_rejected_with_a_reason(visits: Visits) -> None:
    visit = asked(visits, dark=True)

    visit.as_("Ben")
    visit.thread.get_by_role("button", name="Reject").click()
    visit.fill("not before the backup", "Reject")

    visit.reads("🔴 STUCK", "Ben rejected", "not before the backup")
    expect(visit.page.get_by_role("button", name="Approve")).to_have_count(0)


def test_anybody_may_pause_from_the_home_tab_and_not_anybody_resume(visits: Visits) -> None:
    visit = asked(visits)
    home = visit.page.get_by_role("region", name="App Home")

    visit.as_("Mallory")
    visit.page.get_by_role("button", name="App Home").click()
    home.get_by_role("button", name=re.compile("^Pause")).click()
    visit.fill("the network is being mended", "Pause")
    expect(home).to_contain_text("the network is being mended")
    home.get_by_role("button", name=re.compile("^Resume")).click()
    visit.fill("I would like to", "Resume")
    expect(home).to_contain_text(re.compile("not among the people|can't"))

    visit.as_("Ben")
    expect(home).to_contain_text("the network is being mended")
    visit.page.get_by_role("button", name="on-call").click()
    visit.approve()
    visit.is_told("paused")
    visit.page.get_by_role("button", name="App Home").click()
    home.get_by_role("button", name=re.compile("^Resume")).click()
    visit.fill("it is mended", "Resume")
    expect(home.get_by_role("button", name=re.compile("^Pause"))).to_be_visible()
    expect(home).to_contain_text("WAITING FOR APPROVAL")


def test_nothing_moves_for_who_wants_no_motion_and_the_place_is_kept(visits: Visits) -> None:
    visit = asked(visits)
    place = visit.page.locator("#thread-scroll")
    place.evaluate("box => box.scrollTo(0, 40)")

    for name in ("Ben", "Mallory", "Ada"):
        visit.as_(name)
        expect(visit.thread).to_be_visible()
        assert place.evaluate("box => box.scrollTop") == 40
    moving = "document.getAnimations().filter(each => each.effect.getComputedTiming().duration > 1).length"
    assert visit.page.evaluate(moving) == 0


def test_a_story_that_goes_on_does_not_begin_again(visits: Visits) -> None:
    visit = begun(visits, LOST_EXIT, phone=True)
    visit.page.get_by_role("button", name="Open the sidebar").click()
    visit.page.get_by_role("button", name="Stories").click()
    visit.start("The node comes back")
    expect(visit.hint).to_contain_text("There is nothing to end")
    visit.page.get_by_role("button", name="Open the sidebar").click()
    visit.page.get_by_role("button", name="Stories").click()
    visit.start(LOST_EXIT)
    expect(visit.hint).to_contain_text("goes on already")
    expect(visit.alerts).to_have_count(1)
