"""Messages on the wire, asked for as the bot asks for them: what Slack takes, what it cuts, and what it refuses."""

from dataclasses import replace

from bot.demo.workspace import Says
from bot.demo.workspace.state import SCOPES
from tests.demo.workspace.desk import (
    ADA,
    BEN,
    CHANNEL,
    ELSEWHERE,
    GONE,
    OLD,
    OUTSIDE,
    PRIVATE,
    SHARED,
    Desk,
    Json,
    Line,
    button,
    buttons,
    eventually,
    messages_of,
    refused,
    section,
)


def only(desk: Desk) -> dict[str, object]:
    [message] = desk.app.conversations_history(channel=CHANNEL, include_all_metadata=True)["messages"]
    return dict(message)


# ---- posting


def test_a_message_can_be_read_back_and_is_the_apps_own(desk: Desk) -> None:
    ts = desk.post(blocks=[section(), buttons("go")], metadata={"event_type": "e", "event_payload": {"mark": "1"}})

    found = only(desk)

    assert found["ts"] == ts
    assert found["user"] == desk.app.auth_test()["user_id"]
    assert found["metadata"] == {"event_type": "e", "event_payload": {"mark": "1"}}
    assert [each["type"] for each in found["blocks"]] == ["section", "actions"]  # type: ignore[attr-defined]  # a list
    assert "metadata" not in desk.app.conversations_history(channel=CHANNEL)["messages"][0]


def test_where_the_app_may_not_post(desk: Desk) -> None:
    errors = {"C0NOWHERE": "channel_not_found", PRIVATE: "channel_not_found", ELSEWHERE: "not_in_channel"}
    for channel, error in {**errors, OLD: "is_archived"}.items():
        assert refused(desk.app.chat_postMessage, channel=channel, text="hello")["error"] == error


def test_a_public_channel_that_it_is_not_in_takes_a_scope(desk: Desk) -> None:
    desk.workspace.scopes = SCOPES | {"chat:write.public"}

    assert desk.app.chat_postMessage(channel=ELSEWHERE, text="hello")["ok"]
    assert refused(desk.app.chat_postMessage, channel=PRIVATE, text="hello")["error"] == "channel_not_found"


def test_a_persons_id_is_the_conversation_with_them(desk: Desk) -> None:
    answer = desk.app.chat_postMessage(channel=ADA, text="hello")

    assert answer["channel"].startswith("D")
    assert [each["text"] for each in desk.seen(ADA)["messages"][answer["channel"]]] == ["hello"]


def test_nothing_to_say_is_refused(desk: Desk) -> None:
    nothings: tuple[Json, ...] = ({}, {"text": ""}, {"blocks": []})
    for nothing in nothings:
        desk.later(60)
        told = refused(desk.app.api_call, api_method="chat.postMessage", json={"channel": CHANNEL, **nothing})
        assert told["error"] == "no_text"


def test_a_text_is_cut_after_40000_characters_however_many_bytes_each_has(desk: Desk) -> None:
    for letter in "xé🔴":
        desk.later(60)
        answer = desk.app.chat_postMessage(channel=CHANNEL, text=letter * 40_001)
        assert answer["message"]["text"] == letter * 40_000
        assert answer["response_metadata"]["warnings"] == ["message_truncated"]

        whole = desk.app.chat_postMessage(channel=CHANNEL, text=letter * 40_000)
        assert "response_metadata" not in whole.data


def test_blocks_of_13200_characters_in_all_and_not_one_more(desk: Desk) -> None:
    full = [section("x" * 3_000) for _ in range(4)]

    desk.post(blocks=[*full, section("x" * 1_200)])
    desk.later(60)
    over = refused(desk.app.chat_postMessage, channel=CHANNEL, text="x", blocks=[*full, section("x" * 1_201)])

    assert over["error"] == "msg_blocks_too_long"


def test_50_blocks_and_not_one_more(desk: Desk) -> None:
    desk.post(blocks=[{"type": "divider"}] * 50)
    desk.later(60)

    over = refused(desk.app.chat_postMessage, channel=CHANNEL, text="x", blocks=[{"type": "divider"}] * 51)

    assert over["error"] == "invalid_blocks"
    assert messages_of(over) == ["[ERROR] no more than 50 items allowed [json-pointer:/blocks]"]


def test_blocks_that_are_none(desk: Desk) -> None:
    for blocks in ("{", '"text"', "7", "{}", "[1e999]", r'["\ud800"]', "[" * 5_000):
        desk.later(60)
        assert refused(desk.app.chat_postMessage, channel=CHANNEL, text="x", blocks=blocks)["error"] == (
            "invalid_blocks_format"
        )


def test_metadata_is_flat_and_not_large(desk: Desk) -> None:
    def error(metadata: object) -> str:
        desk.later(60)
        return str(refused(desk.app.chat_postMessage, channel=CHANNEL, text="x", metadata=metadata)["error"])

    assert error({"event_type": "e", "event_payload": {"a": {"b": 1}}}) == "invalid_metadata_format"
    assert error({"event_type": "e", "event_payload": {"a": [[1]]}}) == "invalid_metadata_format"
    assert error({"event_payload": {"a": 1}}) == "invalid_metadata_format"
    assert error("{") == "invalid_metadata_format"
    assert error({"event_type": "e", "event_payload": {"a": "x" * 20_000}}) == "metadata_too_large"
    desk.post(metadata={"event_type": "e", "event_payload": {"a": ["b", 1]}})


def test_a_hundred_attachments_and_not_one_more(desk: Desk) -> None:
    desk.post(attachments=[{"text": "x"}] * 100)
    desk.later(60)

    over = refused(desk.app.chat_postMessage, channel=CHANNEL, text="x", attachments=[{"text": "x"}] * 101)

    assert over["error"] == "too_many_attachments"


# ---- threads


def test_a_reply_stands_under_its_message_and_not_in_the_channel(desk: Desk) -> None:
    ts = desk.post()
    reply = desk.post("reply", thread_ts=ts)
    told = desk.post("to all", thread_ts=ts, reply_broadcast=True)

    assert [each["ts"] for each in desk.app.conversations_history(channel=CHANNEL)["messages"]] == [told, ts]
    thread = desk.app.conversations_replies(channel=CHANNEL, ts=ts)["messages"]
    assert [each["ts"] for each in thread] == [ts, reply, told]
    assert thread[0]["reply_count"] == 2


def test_there_is_no_thread_under_nothing_nor_under_a_reply(desk: Desk) -> None:
    reply = desk.post("reply", thread_ts=desk.post())

    for thread in ("1.000000", reply):
        desk.later(60)
        told = refused(desk.app.chat_postMessage, channel=CHANNEL, text="x", thread_ts=thread)
        assert told["error"] == "thread_not_found"
    assert refused(desk.app.conversations_replies, channel=CHANNEL, ts="1.000000")["error"] == "thread_not_found"


def test_history_comes_in_pages_newest_first(desk: Desk) -> None:
    every = [desk.post(str(n)) for n in range(5)]

    read, cursor = [], ""
    while True:
        page = desk.app.conversations_history(channel=CHANNEL, limit=2, cursor=cursor)
        read += [each["ts"] for each in page["messages"]]
        cursor = page["response_metadata"]["next_cursor"]
        assert page["has_more"] is bool(cursor)
        if not cursor:
            break

    assert read == every[::-1]
    between = desk.app.conversations_history(channel=CHANNEL, oldest=every[1], latest=every[3])
    assert [each["ts"] for each in between["messages"]] == [every[2]]
    for given, error in (
        ({"cursor": "nonsense"}, "invalid_cursor"),
        ({"limit": 0}, "invalid_limit"),
        ({"oldest": "yesterday"}, "invalid_ts_oldest"),
        ({"limit": "9" * 5_000}, "invalid_arguments"),
    ):
        assert refused(desk.app.conversations_history, channel=CHANNEL, **given)["error"] == error


# ---- updating


def test_text_alone_takes_the_blocks_away_and_is_shown_as_edited(desk: Desk) -> None:
    ts = desk.post(blocks=[section()])

    desk.app.chat_update(channel=CHANNEL, ts=ts, text="over")

    assert "blocks" not in only(desk)
    assert "edited" in only(desk)


def test_an_update_with_blocks_is_not_shown_as_edited_and_keeps_the_metadata(desk: Desk) -> None:
    ts = desk.post(blocks=[section()], metadata={"event_type": "e", "event_payload": {"mark": "1"}})

    desk.app.chat_update(channel=CHANNEL, ts=ts, text="x", blocks=[section("new")])
    assert "edited" not in only(desk)
    assert only(desk)["metadata"] == {"event_type": "e", "event_payload": {"mark": "1"}}

    desk.app.chat_update(channel=CHANNEL, ts=ts, text="x", blocks=[], metadata={})
    assert "blocks" not in only(desk)
    assert "metadata" not in only(desk)


def test_an_updates_text_is_4000_bytes_at_most_as_it_is_escaped(desk: Desk) -> None:
    ts = desk.post()

    for fits, over in (
        ("x" * 4_000, "x" * 4_001),
        ("é" * 2_000, "é" * 2_000 + "x"),
        ("&" * 800, "&" * 800 + "x"),  # five bytes each, once it is escaped
        ("&amp;" * 800, "&amp;" * 801),
    ):
        assert desk.app.chat_update(channel=CHANNEL, ts=ts, text=fits)["ok"]
        assert refused(desk.app.chat_update, channel=CHANNEL, ts=ts, text=over)["error"] == "msg_too_long"


def test_what_cannot_be_updated(desk: Desk, line: Line) -> None:
    def error(**given: str) -> str:
        asked = {"channel": CHANNEL, "text": "x", **given}
        return str(refused(desk.app.api_call, api_method="chat.update", params=asked)["error"])

    whisper = desk.app.chat_postEphemeral(channel=CHANNEL, user=ADA, text="psst")["message_ts"]
    ts = desk.post()
    typed = said_by_ada(desk, line)

    assert error(ts=whisper) == "message_not_found"
    assert error(ts="1.000000") == "message_not_found"
    assert error(ts=typed) == "cant_update_message"
    assert error(ts=ts, channel="C0NOWHERE") == "channel_not_found"
    assert error(ts=ts, channel=ADA) == "channel_not_found"
    assert error(ts=ts, text="") == "no_text"
    desk.workspace.fail("chat.update", Says("edit_window_closed"))
    assert error(ts=ts) == "edit_window_closed"
    desk.workspace.archive(CHANNEL)
    assert error(ts=ts) == "is_inactive"


def said_by_ada(desk: Desk, line: Line) -> str:
    """A message that is not the app's: a command that is answered for all to see."""
    desk.type("list")
    line.ack(line.next(), {"response_type": "in_channel", "text": "all of it"})
    said = eventually(
        "the command to be seen", lambda: [each for each in desk.workspace.messages(CHANNEL) if not each.ours]
    )
    return said[0].ts


def test_only_its_own_messages_can_be_taken_back(desk: Desk, line: Line) -> None:
    ts = desk.post()

    told = refused(desk.app.chat_delete, channel=CHANNEL, ts=said_by_ada(desk, line))
    assert told["error"] == "cant_delete_message"
    assert desk.app.chat_delete(channel=CHANNEL, ts=ts)["ok"]
    assert refused(desk.app.chat_delete, channel=CHANNEL, ts=ts)["error"] == "message_not_found"


# ---- to one person


def test_an_ephemeral_message_is_seen_by_one_and_stands_nowhere(desk: Desk) -> None:
    desk.app.chat_postEphemeral(channel=CHANNEL, user=ADA, text="psst", blocks=[section(accessory=button())])

    assert [each["text"] for each in desk.seen(ADA)["ephemeral"][CHANNEL]] == ["psst"]
    assert desk.seen("U0BEN")["ephemeral"][CHANNEL] == []
    assert desk.app.conversations_history(channel=CHANNEL)["messages"] == []


def test_no_ephemeral_message_to_whoever_is_not_there(desk: Desk) -> None:
    desk.workspace.users[BEN] = replace(desk.workspace.users[BEN], role="gone")
    for user in (OUTSIDE, GONE, BEN, "U0NOBODY"):
        told = refused(desk.app.chat_postEphemeral, channel=CHANNEL, user=user, text="psst")
        assert told["error"] == "user_not_in_channel"


def test_a_channel_says_whether_strangers_are_in_it(desk: Desk) -> None:
    def info(channel: str) -> dict[str, object]:
        return dict(desk.app.conversations_info(channel=channel)["channel"])

    assert info(SHARED)["is_ext_shared"] is True
    assert info(CHANNEL)["is_ext_shared"] is False
    assert info(OLD)["is_archived"] is True
    assert info(ELSEWHERE)["is_member"] is False
    for hidden in (PRIVATE, "C0NOWHERE"):
        assert refused(desk.app.conversations_info, channel=hidden)["error"] == "channel_not_found"
