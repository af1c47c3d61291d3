"""
Who may, at every way in: each handler that is registered, for each kind of person, with the payload that Slack sends.

Ways in are read from the app itself, so that one which nobody listed here fails the test.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_bolt import App
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse

from bot.core.acts import Acted
from bot.core.consent import Group, Person, Right
from bot.core.facts import Unknown
from bot.core.guards import Policy
from bot.core.phases import Diagnosed, Proposed, Unsettled
from bot.core.refusals import Refusal
from bot.core.spoken import Said, Wanted
from bot.demo.workspace import ServerError, payloads
from bot.demo.workspace.cast import SISTER_TEAM, TEAM, User
from bot.demo.workspace.rates import Rates
from bot.demo.workspace.views import View
from bot.edges.slack import Directory, Roll
from bot.edges.slack.hears import COMMAND, Hears
from bot.edges.store import tables
from tests.clicking import CHANNEL, eventually
from tests.core import samples
from tests.edges.slack.office import POD, Office, Sights
from tests.town import CLUSTER, EVERYTHING, policy

Json = dict[str, Any]

ASKS: Mapping[str, frozenset[Right]] = {CLUSTER: frozenset[Right](("request",))}
SHARED = "C0SHARED"
GREY = "#6b7280"
MORE = (
    User(id="U0MULTI", name="multi", role="multi", color=GREY),
    User(id="U0ROBOT", name="robot", role="robot", color=GREY),
    User(id="U0STRANGER", name="stranger", role="stranger", color=GREY, team="T0OTHER"),
    User(id="U0BROKEN", name="broken", role="none", color=GREY),
    User(id="U0MEMBER", name="member", role="none", color=GREY),
)
EVERYBODY = ("U0ADA", "U0BEN", "U0MULTI", "U0GUEST", "U0ROBOT", "U0STRANGER", "U0BROKEN", "U0OUTSIDE", "U0GONE")
ROLL = Roll(
    # All but the members of the group are listed by name: it is not the want of a name that keeps the others out.
    {(each, TEAM): each.removeprefix("U0").lower() for each in EVERYBODY},
    {"@sre": ("S0SRE", TEAM)},
)
PEOPLE: Mapping[str, Person] = {
    **{name: Person(id=name, rights=EVERYTHING) for name in ROLL.listed.values()},
    "ada": Person(id="ada", rights=ASKS),
    "@sre": Group(id="@sre", rights=EVERYTHING, members=Unknown("nobody has asked Slack")),
}


# ---- the kinds of people


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`door`: what they read when they are not let in; `rights` of those who are."""

    user: str
    door: str = ""
    rights: frozenset[str] = frozenset()
    spoil: Callable[[Json], None] = lambda _: None
    sees: bool = True  # false: nothing reaches this person but an answer to the very click
    has_home: bool = True  # only those of the team have a home tab


def _claims(team: str | None) -> Callable[[Json], None]:
    """The team of whoever acts, as this kind of payload has it."""

    def spoil(body: Json) -> None:
        if isinstance(body.get("user"), dict):
            body["user"]["team_id"] = team
        else:
            body["team_id"] = team

    return spoil


def _nobody(body: Json) -> None:
    body.pop("user", None)
    body.pop("user_id", None)
    body.get("event", {}).pop("user", None)


def _org_wide(body: Json) -> None:
    """An app of a whole Enterprise Grid is told no team of where it was clicked."""
    if "team" in body:
        body["team"] = None
    body["is_enterprise_install"] = True


BOTH = frozenset({"request", "approve"})
ELSE, GUEST = "is not of this team", "is a guest, a bot or no longer a member"
KINDS: Mapping[str, Kind] = {
    "an approver": Kind(user="U0BEN", rights=BOTH),
    "who may ask only": Kind(user="U0ADA", rights=frozenset({"request"})),
    "who is not listed": Kind(user="U0MALLORY"),
    "a member of the group": Kind(user="U0MEMBER", rights=BOTH),
    "a member of the group, of a grid": Kind(user="W0GRID", rights=BOTH),
    "the same in another team of the grid": Kind(user="W0GRID", rights=BOTH, spoil=_claims(SISTER_TEAM)),
    "an approver where the app is org-wide": Kind(user="U0BEN", rights=BOTH, spoil=_org_wide),
    "a guest of one channel": Kind(user="U0GUEST", door=GUEST),
    "a guest of several channels": Kind(user="U0MULTI", door=GUEST),
    "a bot": Kind(user="U0ROBOT", door=GUEST),
    "who left": Kind(user="U0GONE", door=GUEST, sees=False),
    "who shares no channel": Kind(user="U0STRANGER", door=ELSE, sees=False),
    "the approver's id in another team": Kind(user="U0BEN", door=ELSE, spoil=_claims("T0OTHER")),
    "no team at all": Kind(user="U0BEN", door=ELSE, spoil=_claims(None)),
    "another organisation": Kind(user="U0OUTSIDE", door=ELSE, has_home=False),
    "another organisation that claims our team": Kind(user="U0OUTSIDE", door=ELSE, spoil=_claims(TEAM), has_home=False),
    "nobody": Kind(user="U0BEN", door="did not say who you are", spoil=_nobody, sees=False),
    "nobody that Slack knows": Kind(user="U0NOBODY", door="could not be looked up", sees=False),
    "whose account cannot be read": Kind(user="U0BROKEN", door="could not be looked up"),
}


# ---- the ways in


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """`needs`: the right without which it has no effect; empty for what all of the team may."""

    sort: str  # command, event, action, view
    name: str
    phase: str
    value: str = ""
    comes: str = "an effect"  # an effect, an answer, a modal, the home tab
    needs: frozenset[str] = frozenset()
    at_home: bool = False

    def __str__(self) -> str:
        return f"{self.sort} {self.name}{' at home' if self.at_home else ''}"


ASK, AGREE = frozenset({"request"}), frozenset({"approve"})
DANGEROUS = "docker.restart"
WAYS = (
    Way(sort="command", name=COMMAND, phase="diagnosed", value="list", comes="an answer"),
    Way(sort="event", name="app_home_opened", phase="diagnosed", comes="the home tab"),
    Way(sort="action", name="request", phase="diagnosed", value="1 container.stop {pod}", needs=ASK),
    Way(sort="action", name="request_other", phase="diagnosed", value=f"1 {DANGEROUS} {{pod}}", needs=ASK),
    Way(sort="action", name="approve", phase="proposed", value="1 {plan}", needs=AGREE),
    Way(sort="action", name="approve_typed", phase="dangerous", value="1 {plan}", comes="a modal"),
    Way(sort="action", name="reject", phase="proposed", value="1 {plan}", comes="a modal"),
    Way(sort="action", name="settle_done", phase="unsettled", value="1", comes="a modal"),
    Way(sort="action", name="settle_not_done", phase="unsettled", value="1", comes="a modal"),
    Way(sort="action", name="diagnose", phase="diagnosed", value="1", comes="an answer"),
    Way(sort="action", name="diagnose_place", phase="diagnosed", value=f"{CLUSTER}/prod/{POD}", comes="an answer"),
    Way(sort="action", name="pause", phase="diagnosed", value="home", comes="a modal", at_home=True),
    Way(sort="action", name="resume", phase="diagnosed", value="home", comes="a modal", at_home=True),
    Way(sort="action", name="of_last_year", phase="diagnosed", value="1", comes="an answer"),
    Way(sort="view", name="request", phase="diagnosed", value="1 container.stop {pod}", needs=ASK),
    Way(sort="view", name="approve", phase="dangerous", value="1 {plan}", needs=AGREE),
    Way(sort="view", name="reject", phase="proposed", value="1 {plan}", needs=ASK),
    Way(sort="view", name="settle", phase="unsettled", value="1 done", needs=AGREE),
    Way(sort="view", name="pause", phase="diagnosed", value="pause", at_home=True),
    Way(sort="view", name="resume", phase="paused", value="resume", needs=AGREE, at_home=True),
    Way(sort="view", name="of_last_year", phase="diagnosed", value="1", comes="an answer"),
)


PHASES = ("diagnosed", "paused", "dangerous", "proposed", "unsettled")


class Square:
    """An office in which each try begins in the phase it needs, as if the tries before had not been."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._file = office.folder / "terminating.db"
        self._plans: dict[str, str] = {}
        office.engine.sweep(CLUSTER)
        office.work()
        self._keep("diagnosed", Diagnosed)
        office.engine.pause("ben", "the network is being mended")
        self._keep("paused", Diagnosed)
        for name, repair in (("dangerous", DANGEROUS), ("proposed", "container.stop")):
            self.back("diagnosed")
            office.engine.request(
                Wanted(incident=1, pod="", repair=repair, option="", person="broken", reason="it blocks us")
            )
            self._keep(name, Proposed)
        office.town.acts = [Acted("unknown", "the connection broke")]
        said = Said(incident=1, ballot="approve", person="ben", digest=self._plans["proposed"], via="a test")
        office.engine.vote(said)
        office.work()
        self._keep("unsettled", Unsettled)

    def _keep(self, name: str, phase: type) -> None:
        found = self.office.incident().phase
        assert isinstance(found, phase), found
        self._plans[name] = found.plan.digest if isinstance(found, Proposed | Unsettled) else ""
        _copied(self._file, self._of(name))

    def back(self, name: str) -> None:
        _copied(self._of(name), self._file)
        workspace = self.office.workspace
        with workspace.lock:  # as if a minute had passed
            workspace.rates = Rates(workspace.clock)

    def _of(self, name: str) -> Path:
        return self.office.folder / f"{name}.db"

    def state(self) -> tuple[object, ...]:
        """All that a person could change. Telling it again is no change."""
        jobs = sa.select(sa.func.count()).select_from(tables.jobs).where(tables.jobs.c.effect != "tell")
        with self.office.store.turn(reading=True) as connection:
            count = connection.execute(jobs).scalar_one()
        return self.office.incident(), self.office.engine.paused(), count, tuple(self.office.town.done)

    def body(self, way: Way, user: User) -> tuple[str, Json]:
        """The envelope's kind and payload, as the workspace makes them."""
        workspace = self.office.workspace
        where = SHARED if user.role in ("outside", "stranger") else CHANNEL
        value = way.value.format(pod=samples.UID, plan=self._plans[way.phase])
        with workspace.lock:
            channel = workspace.board.channel(where)
            match way.sort:
                case "command":
                    return "slash_commands", payloads.command(workspace, user, channel, way.name, value)
                case "event":
                    return "events_api", payloads.home_opened(workspace, user)
                case "view":
                    about = f"{'' if way.at_home else where} {value}"
                    return "interactive", payloads.submission(workspace, user, _modal(way, user, about))
            action: Json = {
                "type": "button",
                "action_id": way.name,
                "block_id": "b",
                "action_ts": "1.0",
                "value": value,
            }
            if way.name in ("request_other", "diagnose_place"):
                option = {"text": {"type": "plain_text", "text": "it"}, "value": action.pop("value")}
                action |= {"type": "static_select", "selected_option": option}
            if way.at_home:
                home = replace(_modal(way, user, ""), body={"type": "home", "blocks": []})
                return "interactive", payloads.view_action(workspace, user, home, action)
            shown = workspace.board.messages(CHANNEL)[0]
            return "interactive", payloads.message_action(workspace, user, channel, shown, action)

    def send(self, kind: str, body: Json) -> None:
        workspace = self.office.workspace
        with workspace.lock:
            workspace.sockets.send(kind, body)  # type: ignore[arg-type]  # one of the three

    def told(self, user: str) -> tuple[int, object, object]:
        """How much this person was whispered, their home tab and their modal."""
        workspace = self.office.workspace
        with workspace.lock:
            whispers = [each for place in (CHANNEL, SHARED) for each in workspace.board.whispers(place, user)]
            return len(whispers), workspace.views.home(user), workspace.views.top(user)

    def heard(self, user: str) -> str:
        """The newest of what they were told."""
        workspace = self.office.workspace
        with workspace.lock:
            whispers = [each for place in (CHANNEL, SHARED) for each in workspace.board.whispers(place, user)]
            home = workspace.views.home(user)
        newest = max(whispers, key=lambda each: each.ts).text if whispers else ""
        return f"{newest}\n{json.dumps(home.body, ensure_ascii=False) if home else ''}"

    def forget(self, user: str) -> None:
        workspace = self.office.workspace
        with workspace.lock:
            for place in (CHANNEL, SHARED):
                for each in workspace.board.whispers(place, user):
                    workspace.board.delete(each)
            workspace.views._homes.pop(user, None)
            workspace.views._stacks.pop(user, None)


def _copied(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target, timeout=10)) as written:
        read.backup(written)


def _modal(way: Way, user: User, about: str) -> View:
    """One that this bot opened, filled in."""
    values = {
        "reason": {"reason": {"type": "plain_text_input", "value": "because of the backup"}},
        "typed": {"typed": {"type": "plain_text_input", "value": "node-17"}},
    }
    body = {"type": "modal", "callback_id": way.name, "private_metadata": about, "blocks": []}
    return View(id="V0MODAL", user=user.id, body=body, root="V0MODAL", values=values, hash="h")


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Square]:
    rules: Policy = policy(people=PEOPLE)
    office = Office(tmp_path_factory.mktemp("square"), policy=rules, roll=ROLL)
    office.workspace.users |= {each.id: each for each in MORE}
    channels = office.workspace.board._channels
    joined = {each.id for each in MORE if each.role != "stranger"}
    channels[CHANNEL] = replace(channels[CHANNEL], members=channels[CHANNEL].members | joined)
    office.workspace.groups["S0SRE"] = ("U0MEMBER", "W0GRID", "U0GUEST")
    with office.opened():
        yield Square(office)


def user_of(square: Square, kind: Kind) -> User:
    return square.office.workspace.users.get(kind.user, User(id=kind.user, name="?", role="none", color=GREY))


# ---- what is tried


def test_every_way_in_is_tried_and_there_is_no_other(square: Square) -> None:
    office = square.office
    directory = Directory(office.web, ROLL, office.now)
    hears = Hears(office.web, directory, office.engine, Sights(office.town), (office.channel,), office.now)
    app = App(client=office.web.client, token_verification_enabled=False)
    hears.register(app)

    reached = set()
    for way in WAYS:
        _, body = square.body(way, office.workspace.users["U0BEN"])
        asked = BoltRequest(body=body, mode="socket_mode")
        matching = (
            n for n, each in enumerate(app._listeners) if each.matches(req=asked, resp=BoltResponse(status=200))
        )
        reached.add(next(matching))
    hears.close()

    assert reached == set(range(len(app._listeners)))
    assert {each.name for each in WAYS if each.sort == "action"} == {*hears.actions, "of_last_year"}
    assert {each.name for each in WAYS if each.sort == "view"} == {*hears.views, "of_last_year"}


def outcome(square: Square, way: Way, kind: Kind, log: pytest.LogCaptureFixture) -> str:
    """One try, and what came of it: let in or refused, and how."""
    user = user_of(square, kind)
    square.back(way.phase)
    square.forget(user.id)
    log.clear()
    if user.id == "U0BROKEN":
        square.office.workspace.fail("users.info", ServerError())
    envelope, body = square.body(way, user)
    kind.spoil(body)
    before, quiet = square.state(), square.told(user.id)
    at_home = way.at_home or way.sort == "event"
    reached = "response_url" in body or (kind.sees and (kind.has_home or not at_home))

    def came() -> str | None:
        if square.state() != before:
            return "an effect"
        told = square.told(user.id)
        if told == quiet:
            return None
        if kind.door:
            assert kind.door in square.heard(user.id), square.heard(user.id)
            return "refused at the door"
        if told[2] is not None:
            return "a modal"
        says = square.heard(user.id)
        if any(each in says for each in ("may not", "is not among", "asked for this fix, so someone else")):
            return "refused"
        return "an answer" if told[0] else "the home tab"

    square.send(envelope, body)
    if not reached:
        eventually("the log to say that nobody was told", lambda: "nobody was told" in log.text)
        assert (square.state(), square.told(user.id)) == (before, quiet)
        return "refused at the door"
    found = eventually(f"{way} to come to something for {kind.user}", came)
    square.office.settled()
    assert found == "an effect" or square.state() == before
    return found


def expected(way: Way, kind: Kind) -> str:
    if kind.door:
        return "refused at the door"
    if way.needs and not way.needs & kind.rights:
        return "refused"
    return way.comes


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_who_may_at_every_way_in(
    square: Square, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    found = {(name, str(way)): outcome(square, way, kind, caplog) for name, kind in KINDS.items() for way in WAYS}

    wanted = {(name, str(way)): expected(way, kind) for name, kind in KINDS.items() for way in WAYS}
    right = sum(found[each] == wanted[each] for each in wanted)
    with capsys.disabled():
        print(f"\n{len(WAYS)} ways in x {len(KINDS)} kinds of people: {right} of {len(wanted)} as they should be")
    assert found == wanted


# ---- what goes wrong


def does_of(hears: Hears, way: Way) -> Callable[..., Any]:
    match way.sort:
        case "command":
            return hears._command
        case "event":
            return hears._home
        case _:
            return (hears.actions if way.sort == "action" else hears.views).get(way.name, hears._stale)


def places(tree: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Each place of a payload, but for who it is from and where they are answered."""
    children: list[tuple[str | int, object]] = []
    if isinstance(tree, dict):
        children = [(name, each) for name, each in tree.items() if path or name not in KEPT]
    elif isinstance(tree, list):
        children = list(enumerate(tree))
    for name, each in children:
        yield (*path, name)
        yield from places(each, (*path, name))


KEPT = frozenset({"user", "user_id", "team_id", "event", "response_url", "message", "enterprise"})
WORDS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.text(max_size=40),
    st.sampled_from(
        ["", "1", "9" * 5_000, "1 " + "0" * 64, "\ud800", "\x00", "0 - -", "٣", "1 container.stop -", "C0 "]
    ),
)
VALUES = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)


def spoiled(body: Json, path: tuple[str | int, ...], value: object) -> None:
    inside: Any = body
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", WAYS, ids=str)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_payload_holds_it_is_answered(square: Square, way: Way, data: st.DataObject) -> None:
    office, user = square.office, square.office.workspace.users["U0BEN"]
    square.back(way.phase)
    square.forget(user.id)
    _, body = square.body(way, user)
    for path in data.draw(st.lists(st.sampled_from(sorted(places(body), key=str)), max_size=3)):
        with suppress(KeyError, IndexError, TypeError):  # it is inside of what was spoiled before
            spoiled(body, path, data.draw(VALUES))
    before, quiet = square.state(), square.told(user.id)

    office.hears.enter(does_of(office.hears, way), body)

    assert (square.state(), square.told(user.id)) != (before, quiet), "nobody was answered, and nothing was done"


@pytest.mark.timeout(300)
def test_a_click_from_another_time_is_answered(square: Square, capsys: pytest.CaptureFixture[str]) -> None:
    """Messages keep their buttons, and people click on what is months old."""
    office, user = square.office, square.office.workspace.users["U0BEN"]
    tried = [(way, phase) for way in WAYS for phase in PHASES if phase != way.phase]
    answered = []
    for way, phase in tried:
        square.back(phase)
        square.forget(user.id)
        before, quiet = square.state(), square.told(user.id)
        office.hears.enter(does_of(office.hears, way), square.body(way, user)[1])
        answered.append((square.state(), square.told(user.id)) != (before, quiet))

    with capsys.disabled():
        print(f"\nclicks from another time: {sum(answered)} of {len(tried)} answered")
    assert all(answered)


NAMES = st.sampled_from(["user", "user_id", "team_id", "event", "id", "view", "actions", "channel", "type", "text"])
BODIES = st.dictionaries(
    NAMES, st.recursive(WORDS, lambda inner: st.dictionaries(NAMES, inner, max_size=3)), max_size=5
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, way=st.sampled_from(WAYS))
def test_whoever_a_payload_is_from_is_nobody_unless_slack_knows_them(square: Square, body: Json, way: Way) -> None:
    before = square.state()

    assert isinstance(square.office.hears._door.admit(body), Refusal)
    square.office.hears.enter(does_of(square.office.hears, way), body)

    assert square.state() == before


def unforeseen() -> None:
    raise RuntimeError("nobody foresaw that")


@pytest.mark.parametrize("place", ["a message", "a modal", "the home tab"])
def test_a_hand_that_fails_says_so_to_whoever_waits_and_the_next_goes_on(square: Square, place: str) -> None:
    office, user = square.office, square.office.workspace.users["U0BEN"]
    square.back("diagnosed")
    square.forget(user.id)
    way = next(each for each in WAYS if str(each) == f"{'action' if place == 'a message' else 'view'} request")
    envelope, body = square.body(way, user)
    if place == "the home tab":
        body["view"]["private_metadata"] = body["view"]["private_metadata"].removeprefix(CHANNEL)
    before = square.state()
    office.town.after_look = unforeseen

    square.send(envelope, body)

    eventually("an answer", lambda: "The bot failed at that" in square.heard(user.id))
    office.settled()
    assert square.state() == before
    square.send(*square.body(WAYS[0], user))
    eventually("the next to be answered", lambda: "Open incidents" in square.heard(user.id))


def test_a_database_that_is_not_to_be_had_is_told(square: Square) -> None:
    office, user = square.office, square.office.workspace.users["U0BEN"]
    square.back("proposed")
    square.forget(user.id)
    with closing(sqlite3.connect(office.folder / "terminating.db")) as database, database:
        database.execute("DROP TABLE incidents")

    square.send(*square.body(next(each for each in WAYS if each.name == "approve"), user))

    eventually(
        "an answer", lambda: "on the database" in square.heard(user.id) or "terminating.db" in square.heard(user.id)
    )
    office.settled()
    square.back("diagnosed")
