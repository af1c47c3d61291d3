"""Windows and App Homes: what is refused, who may open one and when, and what becomes of what people fill in."""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.demo.workspace.desk import (
    ADA,
    BEN,
    CHANNEL,
    Desk,
    Json,
    Line,
    buttons,
    eventually,
    field_of,
    home,
    modal,
    mrkdwn,
    plain,
    refused,
    section,
)

# ---- what is no view

BAD: tuple[object, ...] = (
    modal(title=plain("x" * 25)),
    modal(title=mrkdwn("x")),
    {"type": "modal", "blocks": [section()]},
    modal(submit=plain("x" * 25)),
    modal(close=plain("x" * 25)),
    modal(private_metadata="x" * 3_001),
    modal(callback_id="x" * 256),
    modal(external_id="x" * 256),
    modal(colour="red"),
    modal(*[{"type": "divider"}] * 101),
    modal(field_of()),
    modal({"type": "markdown", "text": "x"}),
    home(),
    [section()],
)


def test_views_that_are_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for view in BAD:
        told = refused(desk.app.api_call, api_method="views.open", json={"trigger_id": "1.2.a", "view": view})
        assert told["error"] == "invalid_arguments", view
        assert "[json-pointer:/view" in told["response_metadata"]["messages"][0]
    assert refused(desk.app.views_open, trigger_id="1.2.a", view="{")["error"] == "invalid_arguments"
    with capsys.disabled():
        print(f"\nbad views: {len(BAD)} of {len(BAD)} refused")


def test_a_view_as_large_as_it_may_be(desk: Desk) -> None:
    blocks = [section("x" * 2_900) for _ in range(90)]

    told = refused(desk.app.views_open, trigger_id="1.2.a", view=modal(*blocks))

    assert told["error"] == "view_too_large"
    most = modal(
        field_of(),
        title=plain("x" * 24),
        submit=plain("x" * 24),
        private_metadata="x" * 3_000,
        callback_id="x" * 255,
    )
    assert refused(desk.app.views_open, trigger_id="1.2.a", view=most)["error"] == "invalid_trigger_id"


def test_an_app_home_is_published_for_a_member_and_is_no_modal(desk: Desk) -> None:
    desk.app.views_publish(user_id="U0ADA", view=home(buttons()))

    assert [each["type"] for each in desk.seen("U0ADA")["home"]["blocks"]] == ["actions"]
    assert desk.seen("U0BEN")["home"] is None
    for user, view in (
        ("U0ADA", modal()),
        ("U0OUTSIDE", home()),
        ("U0NOBODY", home()),
        ("U0ADA", home(submit=plain("x"))),
    ):
        assert refused(desk.app.views_publish, user_id=user, view=view)["error"] == "invalid_arguments"


# ---- opening one


def clicked_by(desk: Desk, line: Line, user: str = ADA) -> Json:
    """What the app is told of a click."""
    desk.click(desk.post(blocks=[buttons()]), "go", user)
    envelope = line.next()
    line.ack(envelope)
    return dict(envelope["payload"])


def opened(desk: Desk, line: Line, view: Json) -> Json:
    trigger = clicked_by(desk, line)["trigger_id"]
    return dict(desk.app.views_open(trigger_id=trigger, view=view)["view"])


def test_a_trigger_is_good_for_three_seconds_and_once(desk: Desk, line: Line) -> None:
    def error(trigger: str) -> str:
        return str(refused(desk.app.views_open, trigger_id=trigger, view=modal())["error"])

    late = clicked_by(desk, line)["trigger_id"]
    desk.later(3.1)
    assert error(late) == "expired_trigger_id"

    used = clicked_by(desk, line)["trigger_id"]
    desk.later(2.9)
    assert desk.app.views_open(trigger_id=used, view=modal())["ok"]
    assert error(used) == "exchanged_trigger_id"

    spoilt = clicked_by(desk, line)["trigger_id"]
    assert refused(desk.app.views_open, trigger_id=spoilt, view=home())["error"] == "invalid_arguments"
    assert desk.app.views_open(trigger_id=spoilt, view=modal())["ok"]  # a refused view costs nothing
    assert error("1.2.guessed") == "invalid_trigger_id"


def test_a_window_is_seen_by_the_one_who_clicked(desk: Desk, line: Line) -> None:
    opened(desk, line, modal(field_of(), submit=plain("Send"), private_metadata="plan 7"))

    assert desk.seen(ADA)["view"]["title"]["text"] == "Title"
    assert desk.seen(BEN)["view"] is None


def test_three_windows_deep_and_no_deeper(desk: Desk, line: Line) -> None:
    root = opened(desk, line, modal())
    for depth in (2, 3):
        pushed = desk.app.views_push(trigger_id=clicked_by(desk, line)["trigger_id"], view=modal())["view"]
        assert pushed["root_view_id"] == root["id"], depth

    trigger = clicked_by(desk, line)["trigger_id"]
    assert refused(desk.app.views_push, trigger_id=trigger, view=modal())["error"] == "push_limit_reached"
    assert refused(desk.app.views_push, trigger_id=clicked_by(desk, line, BEN)["trigger_id"], view=modal())[
        "error"
    ] == ("not_found")


def test_an_update_with_an_old_hash_is_refused(desk: Desk, line: Line) -> None:
    view = opened(desk, line, modal(external_id="one"))

    desk.app.views_update(view_id=view["id"], hash=view["hash"], view=modal(section("newer")))

    told = refused(desk.app.views_update, view_id=view["id"], hash=view["hash"], view=modal())
    assert told["error"] == "hash_conflict"
    assert refused(desk.app.views_update, view_id="V0NONE", view=modal())["error"] == "not_found"
    assert desk.seen(ADA)["view"]["blocks"][0]["text"]["text"] == "newer"


def test_an_external_id_is_given_once(desk: Desk, line: Line) -> None:
    opened(desk, line, modal(external_id="one"))

    trigger = clicked_by(desk, line, BEN)["trigger_id"]
    told = refused(desk.app.views_open, trigger_id=trigger, view=modal(external_id="one"))

    assert told["error"] == "duplicate_external_id"


# ---- filling one in


def submitted(desk: Desk, view: Json, text: str | None) -> "Future[Json]":
    """It is answered when the app has answered."""
    values = {"reason": {"text": {"type": "plain_text_input", "value": text}}}
    threads = ThreadPoolExecutor(1)
    answer = threads.submit(desk.act, "submit", user=ADA, view_id=view["id"], values=values)
    threads.shutdown(wait=False)
    return answer


def reason(desk: Desk, line: Line, **also: Any) -> Json:
    return opened(desk, line, modal(field_of(**also), submit=plain("Send"), private_metadata="plan 7"))


def test_a_submission_carries_what_was_filled_in_and_closes_the_window(desk: Desk, line: Line) -> None:
    answer = submitted(desk, reason(desk, line), "not before the backup")
    envelope = line.next()
    line.ack(envelope)

    payload = envelope["payload"]
    assert payload["type"] == "view_submission"
    assert payload["view"]["state"]["values"]["reason"]["text"]["value"] == "not before the backup"
    assert payload["view"]["private_metadata"] == "plan 7"
    assert "channel" not in payload
    assert payload["response_urls"] == []
    assert answer.result(20) == {"ok": True}
    assert desk.seen(ADA)["view"] is None


def test_what_the_window_itself_holds_back(desk: Desk, line: Line) -> None:
    cases: tuple[tuple[Json, str | None, str], ...] = (
        ({}, None, "Fill this in."),
        ({"min_length": 3}, "no", "At least 3 characters."),
        ({"max_length": 3}, "no, never", "At most 3 characters."),
    )
    for also, text, error in cases:
        view = reason(desk, line, **also)

        assert submitted(desk, view, text).result(20) == {"ok": True, "errors": {"reason": error}}
        assert line.quiet()


def test_values_that_are_none_are_as_if_nothing_was_filled_in(desk: Desk, line: Line) -> None:
    view = reason(desk, line)
    cases: tuple[object, ...] = ("x", 7, None, ["reason"], {"reason": "x"}, {"reason": {"text": "x"}})
    for nonsense in (*cases, {"reason": {"text": {}}}):
        told = desk.act("submit", user=ADA, view_id=view["id"], values=nonsense)
        assert told == {"ok": True, "errors": {"reason": "Fill this in."}}
    odd = {"reason": {"text": {"value": ["x"]}}}
    assert desk.act("submit", user=ADA, view_id=view["id"], values=odd)["error"] == "invalid_value"


def test_errors_by_block_leave_the_window_open(desk: Desk, line: Line) -> None:
    view = reason(desk, line)

    answer = submitted(desk, view, "node-18")
    line.ack(line.next(), {"response_action": "errors", "errors": {"reason": "That is not its name."}})

    assert answer.result(20) == {"ok": True, "errors": {"reason": "That is not its name."}}
    assert desk.seen(ADA)["view"]["id"] == view["id"]


UNSHOWABLE: tuple[Json, ...] = (
    {"response_action": "errors", "errors": {"elsewhere": "x"}},
    {"response_action": "errors", "errors": {}},
    {"response_action": "errors"},
    {"response_action": "explode"},
    {"response_action": ["errors"]},
    {"response_action": "update", "view": home()},
    {"response_action": "update"},
)


def test_an_answer_that_cannot_be_shown_warns_and_leaves_the_window(desk: Desk, line: Line) -> None:
    view = reason(desk, line)
    for payload in UNSHOWABLE:
        answer = submitted(desk, view, "x")
        line.ack(line.next(), payload)
        assert answer.result(20) == {"ok": True}

    warned = [each["reason"] for each in desk.workspace.news.after(0, ADA) if each["type"] == "warning"]
    assert warned == ["invalid_response"] * len(UNSHOWABLE)
    assert desk.seen(ADA)["view"]["id"] == view["id"]


def test_an_answer_may_change_the_window_or_put_another_on_it(desk: Desk, line: Line) -> None:
    view = reason(desk, line)
    for action, text in (("update", "changed"), ("push", "above")):
        answer = submitted(desk, view, "x")
        line.ack(line.next(), {"response_action": action, "view": modal(field_of(), section(text), submit=plain("Go"))})
        assert answer.result(20) == {"ok": True}
        assert desk.seen(ADA)["view"]["blocks"][1]["text"]["text"] == text

    view = desk.seen(ADA)["view"]
    answer = submitted(desk, view, "x")
    line.ack(line.next(), {"response_action": "clear"})
    assert answer.result(20) == {"ok": True}
    assert desk.seen(ADA)["view"] is None


def test_a_submission_that_is_not_answered_warns_and_leaves_the_window(desk: Desk, line: Line) -> None:
    view = reason(desk, line)
    answer = submitted(desk, view, "x")
    line.next()

    desk.later(3.1)

    assert answer.result(20) == {"ok": True}
    assert desk.seen(ADA)["view"]["id"] == view["id"]


def test_a_click_at_home_has_no_channel_and_nowhere_to_respond(desk: Desk, line: Line) -> None:
    desk.app.views_publish(user_id=ADA, view=home(buttons()))
    view = desk.seen(ADA)["home"]

    assert desk.act("click", user=ADA, view_id=view["id"], block_id="buttons", action_id="go")["ok"]
    payload = line.next()["payload"]

    assert payload["container"] == {"type": "view", "view_id": view["id"]}
    assert payload["view"]["id"] == view["id"]
    assert not {"channel", "message", "response_url"} & payload.keys()
    mine = {"view_id": view["id"], "block_id": "buttons", "action_id": "go"}
    assert desk.act("click", user=BEN, **mine)["error"] == "no_such_view"


# ---- response URLs


def respond(desk: Desk, url: str, **told: object) -> tuple[int, str]:
    raw, headers = json.dumps(told).encode(), {"Content-Type": "application/json"}
    heard = desk.ask("POST", url.removeprefix(desk.url), raw, headers)
    return heard.status, heard.raw.decode()


def test_a_response_url_is_good_five_times(desk: Desk, line: Line) -> None:
    url = clicked_by(desk, line)["response_url"]

    assert [respond(desk, url, text=str(n))[0] for n in range(6)] == [200] * 5 + [404]
    assert respond(desk, url, text="x") == (404, "used_url")
    assert len(desk.workspace.whispers(CHANNEL, ADA)) == 5


def test_a_response_url_is_good_for_half_an_hour(desk: Desk, line: Line) -> None:
    url = clicked_by(desk, line)["response_url"]

    desk.later(29 * 60)
    assert respond(desk, url, text="x")[0] == 200
    desk.later(61)
    assert respond(desk, url, text="x") == (404, "expired_url")
    assert respond(desk, f"{desk.url}/hook/guessed", text="x") == (404, "no_service")


def test_what_a_response_url_does_not_take(desk: Desk, line: Line) -> None:
    url = clicked_by(desk, line)["response_url"]

    assert respond(desk, url) == (400, "no_text")
    assert desk.ask("POST", url.removeprefix(desk.url), b"text=x").status == 400
    assert desk.workspace.whispers(CHANNEL, ADA) == ()


def test_a_response_may_replace_or_delete_what_was_clicked(desk: Desk, line: Line) -> None:
    payload = clicked_by(desk, line)
    url, ts = payload["response_url"], payload["container"]["message_ts"]

    respond(desk, url, text="replaced", replace_original=True)
    assert [(each.ts, each.text, each.blocks) for each in desk.workspace.messages(CHANNEL)] == [(ts, "replaced", ())]
    respond(desk, url, text="to all", response_type="in_channel")
    assert [each.text for each in desk.workspace.messages(CHANNEL)] == ["replaced", "to all"]
    respond(desk, url, delete_original=True)
    assert [each.text for each in desk.workspace.messages(CHANNEL)] == ["to all"]
    assert respond(desk, url, delete_original=True) == (400, "message_not_found")


def test_a_command_may_be_answered_with_its_acknowledgement(desk: Desk, line: Line) -> None:
    desk.type("help")
    line.ack(line.next(), {"text": "how to use it"})

    eventually("the answer", lambda: [each.text for each in desk.workspace.whispers(CHANNEL, ADA)] == ["how to use it"])
    assert desk.workspace.messages(CHANNEL) == ()
