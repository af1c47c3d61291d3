"""Who may call, how often, and what goes wrong on its way: over the Web API, with the library's own client."""

import http.client
import json
from collections.abc import Callable
from functools import partial

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import ConnectionErrorRetryHandler

from bot.demo.workspace import Limited, ResetAfterCommit, Says, ServerError
from bot.demo.workspace.state import SCOPES
from tests.demo.workspace.desk import ADA, CHANNEL, SHARED, Desk, Json, home, refused

# ---- who may


def test_tokens_that_are_none(desk: Desk) -> None:
    def error(token: str | None, method: str = "auth.test") -> str:
        client = WebClient(token, base_url=f"{desk.url}/api/", retry_handlers=[])
        return str(refused(client.api_call, api_method=method)["error"])

    assert error(None) == "not_authed"
    assert error("xoxb-guessed") == "invalid_auth"
    assert error(desk.workspace.app_token) == "not_allowed_token_type"
    assert error(desk.workspace.bot_token, "apps.connections.open") == "not_allowed_token_type"
    desk.workspace.revoke()
    assert error(desk.workspace.bot_token) == "token_revoked"
    assert error(desk.workspace.app_token, "apps.connections.open") == "token_revoked"


def test_a_token_stands_in_the_header_or_in_a_form_and_not_in_json(desk: Desk) -> None:
    token = desk.workspace.bot_token

    form = desk.ask("POST", "/api/auth.test", f"token={token}".encode())
    told = desk.ask("POST", "/api/auth.test", f'{{"token": "{token}"}}'.encode(), {"Content-Type": "application/json"})

    assert form.json["ok"] is True
    assert told.json["error"] == "not_authed"


CALLS: tuple[tuple[str, Callable[[WebClient], object]], ...] = (
    ("chat:write", lambda app: app.chat_postMessage(channel=CHANNEL, text="x")),
    ("chat:write", lambda app: app.chat_update(channel=CHANNEL, ts="1.0", text="x")),
    ("chat:write", lambda app: app.chat_postEphemeral(channel=CHANNEL, user=ADA, text="x")),
    ("channels:read", lambda app: app.conversations_info(channel=CHANNEL)),
    ("channels:history", lambda app: app.conversations_history(channel=CHANNEL)),
    ("channels:history", lambda app: app.conversations_replies(channel=CHANNEL, ts="1.0")),
    ("users:read", lambda app: app.users_info(user=ADA)),
    ("usergroups:read", lambda app: app.usergroups_users_list(usergroup="S0SRE")),
    ("files:write", lambda app: app.files_getUploadURLExternal(filename="a", length=1)),
)


def test_each_method_takes_its_scope(desk: Desk) -> None:
    for scope, call in CALLS:
        desk.workspace.scopes = SCOPES - {scope}

        told = refused(call, app=desk.app)

        assert (told["error"], told["needed"]) == ("missing_scope", scope)
        assert scope not in told["provided"].split(",")


def test_an_app_home_takes_no_scope(desk: Desk) -> None:
    desk.workspace.scopes = frozenset()

    assert desk.app.views_publish(user_id=ADA, view=home())["ok"]


def test_a_method_that_is_not_there(desk: Desk) -> None:
    for method in ("chat.postMessages", "admin.users.list", "__init__", "chat"):
        assert refused(desk.app.api_call, api_method=method)["error"] == "unknown_method"


def test_arguments_that_are_missing_or_of_another_kind(desk: Desk) -> None:
    def told(**given: object) -> Json:
        return refused(desk.app.api_call, api_method="conversations.info", json=given)

    for given in ({}, {"channel": None}, {"channel": [CHANNEL]}, {"channel": True}, {"channel": {"id": CHANNEL}}):
        assert told(**given)["error"] == "invalid_arguments"
        assert "channel" in told(**given)["response_metadata"]["messages"][0]
    broken = desk.ask("POST", "/api/conversations.info", b"{", {"Content-Type": "application/json"})
    assert broken.json["error"] == "invalid_json"


# ---- how often


def limited(call: Callable[..., object], **given: object) -> int:
    """In how many seconds it may be called again."""
    with pytest.raises(SlackApiError) as caught:
        call(**given)
    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    return int(caught.value.response.headers["Retry-After"])


def test_a_channel_takes_one_message_a_second_after_a_short_burst(desk: Desk) -> None:
    for _ in range(2):
        desk.app.chat_postMessage(channel=CHANNEL, text="x")

    assert limited(desk.app.chat_postMessage, channel=CHANNEL, text="x") == 1
    desk.app.chat_postMessage(channel=SHARED, text="another channel has its own second")
    for _ in range(3):
        desk.later(1)
        desk.app.chat_postMessage(channel=CHANNEL, text="x")
        limited(desk.app.chat_postMessage, channel=CHANNEL, text="x")
    assert len(desk.workspace.messages(CHANNEL)) == 5


def test_a_method_is_limited_by_its_tier(desk: Desk) -> None:
    tiers: tuple[tuple[str, Json, int, int], ...] = (
        ("apps.connections.open", {}, 15, 60),
        ("usergroups.users.list", {"usergroup": "S0SRE"}, 20, 3),
        ("chat.update", {"channel": CHANNEL, "ts": "1.0", "text": "x"}, 50, 2),
        ("users.info", {"user": ADA}, 100, 1),
    )
    for method, asked, burst, wait in tiers:
        token = desk.workspace.app_token if method.startswith("apps.") else desk.workspace.bot_token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        call = partial(desk.ask, "POST", f"/api/{method}", json.dumps(asked).encode(), headers)

        assert {call().status for _ in range(burst)} == {200}
        assert (call().status, call().headers["retry-after"]) == (429, str(wait))
        desk.later(wait)
        assert (call().status, call().status) == (200, 429)
        assert desk.app.auth_test()["ok"]  # others go on


# ---- what goes wrong because a test asks for it


def test_a_limit_that_is_asked_for(desk: Desk) -> None:
    desk.workspace.fail("chat.postMessage", Limited(30))

    assert limited(desk.app.chat_postMessage, channel=CHANNEL, text="x") == 30
    assert desk.workspace.messages(CHANNEL) == ()
    desk.app.chat_postMessage(channel=CHANNEL, text="x")


def test_a_server_that_fails_has_done_nothing(desk: Desk) -> None:
    desk.workspace.fail("chat.postMessage", ServerError(), times=2)

    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            desk.app.chat_postMessage(channel=CHANNEL, text="x")
        assert caught.value.response.status_code == 500
    assert desk.workspace.messages(CHANNEL) == ()


def test_a_fatal_error_comes_as_any_refusal_does(desk: Desk) -> None:
    desk.workspace.fail("chat.postMessage", Says("fatal_error"))

    assert refused(desk.app.chat_postMessage, channel=CHANNEL, text="x")["error"] == "fatal_error"


def test_a_reset_after_the_commit_makes_two_messages_of_a_client_that_repeats(desk: Desk) -> None:
    desk.workspace.fail("chat.postMessage", ResetAfterCommit())
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        desk.app.chat_postMessage(channel=CHANNEL, text="once")
    assert len(desk.workspace.messages(CHANNEL)) == 1

    desk.workspace.fail("chat.postMessage", ResetAfterCommit())
    desk.later(60)
    repeats = WebClient(
        desk.workspace.bot_token, base_url=f"{desk.url}/api/", retry_handlers=[ConnectionErrorRetryHandler()]
    )
    repeats.chat_postMessage(channel=CHANNEL, text="twice")
    assert [each.text for each in desk.workspace.messages(CHANNEL)] == ["once", "twice", "twice"]


def test_a_workspace_that_is_down_answers_nothing_and_shows_what_it_has(desk: Desk) -> None:
    desk.app.chat_postMessage(channel=CHANNEL, text="before")

    desk.workspace.down(True)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        desk.app.auth_test()
    assert [each["text"] for each in desk.seen(ADA)["messages"][CHANNEL]] == ["before"]

    desk.workspace.down(False)
    assert desk.app.auth_test()["ok"]
