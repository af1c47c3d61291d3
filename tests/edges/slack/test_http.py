"""Slack over HTTP: whole flows, and what is refused on the way, at a real server over the real engine."""

import json
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from slack_bolt import App

from bot.core.phases import Closed, Proposed
from bot.edges.slack import Directory, Ears, RequestUrl, Seals
from bot.edges.slack.http_mode import CONNECTIONS, READ_S
from bot.ports import Refused
from tests.clicking import eventually
from tests.edges.slack.malformed import CLICK, COMMAND, FAMILIES, HOME, MARK, Family, Sent, click
from tests.edges.slack.office import Counted, Office, Sights
from tests.edges.slack.signing import EVENT, FORM, SECRET, interaction, now, request, seal, sent, stamped

CHECK = "url_verification"
SUBMISSION = {**click(), "type": "view_submission", "view": {"type": "modal", "callback_id": "approve", "id": "V1"}}
ODD = (
    *("type", "user", "team", "enterprise", "channel", "view", "actions", "event", "message", "command", "state"),
    *("authorizations", "is_enterprise_install", "is_ext_shared_channel", "container", "response_urls", "callback_id"),
    *("function_data", "function_execution_id", "bot_access_token", "previous_message", "item", "team_id", "user_id"),
)
ODDITIES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "x", "event_callback", "block_actions"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*ODD, "id"]), inner, max_size=3),
    max_leaves=8,
)
REFUSALS = frozenset({400, 401, 404, 405, 409, 413, 415, 431})
UNANSWERED = frozenset(  # these may end without a word: nothing was asked yet, or more is sent than is read
    {
        "a body over the cap",
        "a body over the cap, in chunks",
        "a body that breaks off",
        "bytes of chance",
        "headers without end",
        "too many headers",
    }
)
EXAMPLES, MANY = 15, 150  # of each family


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path, over_http=True).opened() as office:
        yield office


def seen(office: Office) -> None:
    office.engine.sweep("prod-eu")
    office.work()
    office.told()


def proposed(office: Office) -> Proposed:
    seen(office)
    office.click("ada", "request")
    phase = office.phase("Proposed").phase
    office.told()
    assert isinstance(phase, Proposed)
    return phase


def test_from_a_click_to_done(office: Office) -> None:
    proposed(office)
    office.click("ben", "approve")
    office.phase("Checking")
    office.told()
    for _ in range(12):
        office.later(seconds=5)

    assert isinstance(office.incident().phase, Closed)
    assert len(office.town.done) == 1
    assert office.hears.entered == 2
    assert all(each.in_time for each in office.workspace.deliveries())


def test_a_command_a_modal_and_the_home_tab(office: Office) -> None:
    proposed(office)
    office.type("mallory", "diagnose zookeeper0-0")
    office.whispered("mallory", "Who says what about container zookeeper")
    office.click_home("ben")
    eventually("the home tab", lambda: "Waits for your approval" in json.dumps(office.state("ben")["home"]))
    office.click("ben", "reject")
    office.fill("ben", reason="not before the backup")
    office.phase("Open")

    assert office.town.done == []
    assert all(each.in_time for each in office.workspace.deliveries())


# ---- what is not Slack's


def test_what_is_malformed_or_forged_is_refused_and_nothing_hears_of_it(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refused = refuse_all(office, EXAMPLES)

    assert len(FAMILIES) >= 30
    assert office.hears.entered == 0
    assert refused > len(FAMILIES)
    assert MARK not in caplog.text
    print(f"{len(FAMILIES)} families, {refused} of {refused} refused, 0 answered 5xx, 0 handler calls")
    assert sent(office.request_url.port, request(CLICK)).status == 200  # what all of them were but for one thing
    eventually("it to be heard", lambda: office.hears.entered == 1)


def refuse_all(office: Office, examples: int) -> int:
    """How many were."""
    refused = 0

    def refuse(name: str, family: Family) -> None:
        @given(family)
        @settings(
            deadline=None,
            max_examples=examples,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def each(attempt: Sent) -> None:
            nonlocal refused
            note(name)
            answer = sent(office.request_url.port, attempt.raw, half_close=attempt.half_close)
            assert answer.status in REFUSALS or (answer.status == 0 and name in UNANSWERED), (name, answer)
            refused += 1

        each()

    for name, family in FAMILIES.items():
        refuse(name, family)
    return refused


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_many_of_each_family_are_refused(office: Office) -> None:
    refused = refuse_all(office, MANY)

    assert office.hears.entered == 0
    print(f"{len(FAMILIES)} families, {refused} of {refused} refused, 0 answered 5xx, 0 handler calls")


def test_what_is_sent_a_hundred_times_at_once_runs_once(office: Office) -> None:
    phase = proposed(office)
    before = office.hears.entered
    body = interaction(
        {**click(f"{office.incident().id} {phase.plan.digest}"), "user": {"id": "U0BEN", "team_id": "T0DEMO"}}
    )
    raw = request(body)

    with ThreadPoolExecutor(50) as senders:
        answers = [each.status for each in senders.map(lambda _: sent(office.request_url.port, raw), range(100))]
    office.phase("Checking")
    for _ in range(12):
        office.later(seconds=5)

    assert sorted(answers) == [200] + [409] * 99
    assert office.hears.entered == before + 1
    assert len(office.town.done) == 1
    print(f"{answers.count(409)} of 99 repetitions refused, {len(office.town.done)} execution")


@given(st.data())
@settings(deadline=None, max_examples=150, database=None, suppress_health_check=list(HealthCheck))
def odd(office: Office, value: str, data: st.DataObject) -> None:
    payload = {**data.draw(st.sampled_from([click(value), SUBMISSION, HOME, COMMAND])), "trigger_id": str(uuid.uuid4())}
    payload |= data.draw(st.dictionaries(st.sampled_from(ODD), ODDITIES, min_size=1, max_size=3))
    if payload.get("type") == "event_callback":
        raw = request(json.dumps(payload).encode(), kind=EVENT)
    else:
        raw = request(interaction(payload))

    assert sent(office.request_url.port, raw).status in {200, 400, 404}


def test_what_is_signed_and_odd_does_nothing(office: Office) -> None:
    phase = proposed(office)

    odd(office, f"{office.incident().id} {phase.plan.digest}")  # Ada asked, so none of hers is a vote

    assert office.incident().phase == phase
    assert office.town.done == []


# ---- what is Slack's


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(request, id="as Slack sends it"),
        pytest.param(lambda body: request(body, kind=FORM + b'; charset="UTF-8"'), id="with its charset"),
        pytest.param(lambda body: request(body, first=b"POST /slack/events HTTP/1.0"), id="by an old proxy"),
        pytest.param(lambda body: request(body, first=b"POST /slack/events?a=b HTTP/1.1"), id="with a query"),
        pytest.param(
            lambda body: request(
                b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
                stamped(now(), seal(now(), body)),
                headers=[(b"Host", b"bot"), (b"Content-Type", FORM), (b"Transfer-Encoding", b"chunked")],
            ),
            id="in chunks",
        ),
    ],
)
def test_a_click_is_heard_however_it_is_carried(office: Office, raw: Callable[[bytes], bytes]) -> None:
    assert sent(office.request_url.port, raw(CLICK)).status == 200
    eventually("it to be heard", lambda: office.hears.entered == 1)


def test_an_address_is_proved_to_slack_by_its_challenge(office: Office) -> None:
    body = json.dumps(
        {"token": "x", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", "type": CHECK}
    )

    answer = sent(office.request_url.port, request(body.encode(), kind=EVENT))

    assert answer.status == 200
    assert json.loads(answer.body) == {"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}
    assert office.hears.entered == 0


def test_a_command_that_says_it_checks_a_certificate_is_a_command(office: Office) -> None:
    given = urlencode({**COMMAND, "ssl_check": "1", "text": "dance"}).encode()

    assert sent(office.request_url.port, request(given)).status == 200
    office.whispered("ada", "Not understood")


def test_what_the_bot_does_not_have_is_not_found(office: Office) -> None:
    other = request(urlencode({**COMMAND, "command": "/other"}).encode())
    event = request(json.dumps({**HOME, "event": {"type": "message", "user": "U0ADA"}}).encode(), kind=EVENT)

    assert [sent(office.request_url.port, each).status for each in (other, event)] == [404, 404]
    assert office.hears.entered == 0


def test_the_first_click_is_acknowledged_before_anything_is_asked_of_slack(office: Office) -> None:
    office.workspace.down(True)
    assert sent(office.request_url.port, request(interaction(click("a")))).status == 200
    office.workspace.down(False)
    assert sent(office.request_url.port, request(interaction(click("b")))).status == 200


def test_what_is_not_acknowledged_in_time_or_breaks_is_no_server_error(office: Office) -> None:
    app = App(client=office.web.client, token_verification_enabled=False, request_verification_enabled=False)
    app.action("approve")(lambda: None)
    app.command("/terminating")(lambda: 1 / 0)
    url = RequestUrl(Seals(SECRET, office.now), "127.0.0.1", 0)

    with url(app):
        answers = [sent(url.port, request(each)).status for each in (CLICK, urlencode(COMMAND).encode())]

    assert answers == [404, 404]


# ---- the server


def test_slow_ones_keep_nobody_out_and_are_cut_off(office: Office) -> None:
    port = office.request_url.port
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS + 20)]
        for n, each in enumerate(slow):
            with suppress(ConnectionError):
                each.sendall(request(CLICK)[: 20 + n])
        begun = time.monotonic()
        assert sent(port, request(CLICK)).status == 200
        assert time.monotonic() - begun < 2
        for each in slow:
            each.settimeout(READ_S + 2)
            with suppress(ConnectionError):
                assert each.recv(100) == b""


def test_a_byte_now_and_then_is_no_way_to_stay(office: Office) -> None:
    begun, pause = time.monotonic(), threading.Event()
    with socket.create_connection(("127.0.0.1", office.request_url.port)) as connection, suppress(ConnectionError):
        while time.monotonic() - begun < 2 * READ_S:
            connection.sendall(b"x")
            pause.wait(0.1)

    assert READ_S - 1 < time.monotonic() - begun < READ_S + 2


def test_it_ends_with_the_bot_and_leaves_nothing_running(tmp_path: Path) -> None:
    with Office(tmp_path, over_http=True).opened() as office:
        port = office.request_url.port
        assert sent(port, request(CLICK)).status == 200

    with pytest.raises(ConnectionRefusedError):
        sent(port, request(CLICK))
    assert not [each.name for each in threading.enumerate() if each.name.startswith("slack-http")]


def test_an_address_that_is_taken_is_said_before_anything_starts(office: Office) -> None:
    taken = RequestUrl(Seals(SECRET, office.now), "127.0.0.1", office.request_url.port)
    directory = Directory(office.web, office.roll, office.now)
    hears = Counted(office.web, directory, office.engine, Sights(office.town), (office.channel,), office.now)

    with pytest.raises(Refused, match="Address already in use"), Ears(office.web, hears, taken):
        pass
