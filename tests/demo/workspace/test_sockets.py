"""Socket Mode, frame by frame, and with the library's own client: who gets an envelope, when, and how often."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain

import pytest
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from bot.demo.workspace import Delivery
from tests.demo.workspace.desk import ADA, BEN, CHANNEL, Desk, Json, Line, buttons, eventually


def only(desk: Desk) -> Delivery:
    [delivery] = desk.workspace.deliveries()
    return delivery


def warnings_of(desk: Desk, user: str = ADA) -> list[str]:
    return [each["reason"] for each in desk.workspace.news.after(0, user) if each["type"] == "warning"]


def acked(desk: Desk, envelope: Json) -> Delivery:
    def look() -> Delivery | None:
        found = (each for each in desk.workspace.deliveries() if each.envelope == envelope["envelope_id"])
        return next((each for each in found if each.acked_s is not None), None)

    return eventually("an acknowledgement", look)


# ---- connections


def test_hello_counts_the_connections(desk: Desk, line: Line) -> None:
    assert line.hello["type"] == "hello"
    assert line.hello["num_connections"] == 1
    assert line.hello["connection_info"] == {"app_id": "A0DEMO"}
    assert line.hello["debug_info"]["approximate_connection_time"] == 3_600
    with desk.line() as second:
        assert second.hello["num_connections"] == 2


def test_an_address_is_good_once_and_for_a_short_time(desk: Desk) -> None:
    def is_refused(address: str) -> bool:
        try:
            with connect(address):
                return False
        except InvalidStatus:
            return True

    used, old = desk.way_in(), desk.way_in()
    assert not is_refused(used)
    assert is_refused(used)
    desk.later(31)
    assert is_refused(old)
    assert is_refused(f"{desk.url.replace('http', 'ws')}/socket/guessed")


def test_the_eleventh_connection_is_sent_away(desk: Desk) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(desk.line()) for _ in range(10)]
        eleventh = stack.enter_context(desk.line())

        assert [each.hello["num_connections"] for each in lines] == list(range(1, 11))
        assert (eleventh.hello["type"], eleventh.hello["reason"]) == ("disconnect", "too_many_websockets")
        assert eleventh.ended()
        assert desk.workspace.connected() == 10


def test_after_a_warning_it_goes_on_and_after_a_request_to_go_nothing_more_comes(desk: Desk, line: Line) -> None:
    desk.workspace.say_goodbye("warning")
    assert (line.next() | {"debug_info": 0}) == {"type": "disconnect", "reason": "warning", "debug_info": 0}
    desk.type("still here")
    assert line.next()["type"] == "slash_commands"

    desk.workspace.say_goodbye("refresh_requested")
    assert line.next()["reason"] == "refresh_requested"
    with desk.line() as fresh:
        desk.type("to the new one")
        assert fresh.next()["payload"]["text"] == "to the new one"
        assert line.quiet()
        desk.later(11)
        assert line.ended()


def test_a_connection_lasts_an_hour_and_hears_of_its_end_before(desk: Desk, line: Line) -> None:
    desk.later(3_589)
    assert line.quiet()

    desk.later(2)
    assert line.next()["reason"] == "warning"
    desk.later(9)
    assert line.next()["reason"] == "refresh_requested"
    desk.later(11)
    assert line.ended()
    assert desk.workspace.connected() == 0


def test_a_connection_that_breaks_says_nothing(desk: Desk, line: Line) -> None:
    desk.workspace.cut()

    with pytest.raises(ConnectionClosed) as caught:
        line.next()
    assert caught.value.rcvd is None
    assert desk.workspace.connected() == 0


def test_garbage_on_a_socket_is_ignored(desk: Desk, line: Line) -> None:
    desk.type("list")
    envelope = line.next()
    for garbage in ("", "{", "[]", "7", "null", "[" * 5_000, '{"envelope_id": ["x"]}', '{"envelope_id": "x"}'):
        line.socket.send(garbage)

    line.ack(envelope)

    assert acked(desk, envelope).in_time


def test_bytes_end_a_socket(line: Line) -> None:
    line.socket.send(b"\x00\xff")

    assert line.ended()


# ---- envelopes


def test_an_envelope_goes_to_one_of_the_connections_and_no_app_can_count_on_which(desk: Desk) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(desk.line()) for _ in range(3)]

        for n in range(9):
            desk.type(str(n))

        heard = [[each.next()["payload"]["text"] for _ in range(3)] for each in lines]
        assert sorted(chain(*heard)) == [str(n) for n in range(9)]
        assert all(each.quiet() for each in lines)
        assert {each.line for each in desk.workspace.deliveries()} == {1, 2, 3}


def test_an_acknowledgement_within_three_seconds_is_recorded_as_in_time(desk: Desk, line: Line) -> None:
    desk.type("list")
    envelope = line.next()
    desk.later(2.9)
    line.ack(envelope)

    delivery = acked(desk, envelope)

    assert delivery.acked_s == pytest.approx(2.9)
    assert delivery.in_time
    assert warnings_of(desk) == []


def test_one_that_comes_later_is_late_and_its_answer_is_shown_to_nobody(desk: Desk, line: Line) -> None:
    desk.type("list")
    envelope = line.next()
    desk.later(3.1)
    assert warnings_of(desk) == ["operation_timeout"]

    line.ack(envelope, {"text": "too late"})

    assert not acked(desk, envelope).in_time
    assert desk.workspace.whispers(CHANNEL, ADA) == ()


def test_without_a_connection_a_command_is_lost_and_its_person_hears_of_it(desk: Desk) -> None:
    assert desk.type("list")["ok"]

    assert warnings_of(desk) == ["dispatch_failed"]
    assert (only(desk).line, only(desk).acked_s) == (0, None)
    desk.later(0)
    with desk.line() as line:
        desk.workspace.send_again(only(desk).envelope)  # it is over: an answer has nobody to go to
        line.ack(line.next(), {"text": "after all"})
        eventually("the acknowledgement", lambda: only(desk).acked_s is not None)

        desk.later(600)
        assert line.quiet()
    assert desk.workspace.whispers(CHANNEL, ADA) == ()


def test_an_event_that_is_not_acknowledged_comes_three_times_more(desk: Desk, line: Line) -> None:
    desk.act("home", user=ADA)
    seen = [line.next()]
    for wait in (0, 60, 300):
        desk.later(3.1)
        desk.later(wait)
        seen.append(line.next())
    desk.later(3.1)
    desk.later(1_000)

    assert line.quiet()
    assert [each["retry_attempt"] for each in seen] == [0, 1, 2, 3]
    assert [each["retry_reason"] for each in seen] == ["", "timeout", "timeout", "timeout"]
    assert {each["type"] for each in seen} == {"events_api"}
    assert len({each["payload"]["event_id"] for each in seen}) == 1
    assert len({each["envelope_id"] for each in seen}) == 4


def test_an_event_that_is_acknowledged_comes_once(desk: Desk, line: Line) -> None:
    desk.act("home", user=ADA)
    line.ack(envelope := line.next())
    acked(desk, envelope)

    desk.later(600)

    assert line.quiet()


def test_an_event_for_an_app_that_was_away_is_there_when_it_comes_back(desk: Desk) -> None:
    desk.act("home", user=ADA)
    desk.later(0)
    assert len(desk.workspace.deliveries()) == 2

    with desk.line() as line:
        desk.later(61)
        envelope = line.next()
        assert (envelope["retry_attempt"], envelope["retry_reason"]) == (2, "connection_failed")


def test_an_envelope_that_comes_twice_has_one_id(desk: Desk, line: Line) -> None:
    desk.click(desk.post(blocks=[buttons()]), "go")
    first = line.next()

    desk.workspace.send_again(first["envelope_id"])
    again = line.next()

    assert again == first
    line.ack(first)
    acked(desk, first)
    line.ack(again)
    assert only(desk).envelope == first["envelope_id"]


def test_two_people_click_at_once_and_one_clicks_twice(desk: Desk, line: Line) -> None:
    ts = desk.post(blocks=[buttons()])
    with ThreadPoolExecutor(3) as threads:
        clicks = list(threads.map(lambda user: desk.click(ts, "go", user), (ADA, BEN, ADA)))

    assert clicks == [{"ok": True}] * 3
    heard = [line.next() for _ in range(3)]
    assert sorted(each["payload"]["user"]["id"] for each in heard) == [ADA, ADA, BEN]
    assert len({each["envelope_id"] for each in heard}) == 3
    assert len({each["payload"]["trigger_id"] for each in heard}) == 3


def test_a_message_of_months_ago_can_still_be_clicked(desk: Desk) -> None:
    ts = desk.post(blocks=[buttons("approve")])
    desk.later(120 * 86_400)

    with desk.line() as line:
        assert desk.click(ts, "approve")["ok"]

        payload = line.next()["payload"]
        assert payload["container"]["message_ts"] == ts
        assert float(payload["actions"][0]["action_ts"]) - float(ts) > 100 * 86_400


# ---- with the library's own client


def answer(client: BaseSocketModeClient, request: SocketModeRequest) -> None:
    client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))


@pytest.mark.crash
def test_the_librarys_client_comes_back_when_asked_to_go_and_after_a_break(desk: Desk) -> None:
    client = SocketModeClient(desk.workspace.app_token, web_client=desk.app, ping_interval=0.2)
    client.socket_mode_request_listeners.append(answer)
    client.connect()
    try:
        acknowledged_on(desk, 1)
        desk.workspace.say_goodbye("warning")
        acknowledged_on(desk, 2)
        desk.workspace.say_goodbye("refresh_requested")
        acknowledged_on(desk, 3)
        desk.workspace.cut()
        acknowledged_on(desk, 4)
    finally:
        desk.workspace.down(True)
        client.close()


def acknowledged_on(desk: Desk, number: int) -> None:
    """A command reaches the app on its so-manieth connection, and is acknowledged."""

    def look() -> bool:
        desk.type("list")
        return any(each.line == number and each.in_time for each in desk.workspace.deliveries())

    eventually(f"an acknowledgement on connection {number}", look)
