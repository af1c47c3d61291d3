"""Whom the app is told about, whom it is not, and what each of them can do."""

from tests.demo.workspace.desk import (
    ADA,
    BEN,
    CHANNEL,
    ELSEWHERE,
    GONE,
    GRID,
    GUEST,
    OUTSIDE,
    SHARED,
    Desk,
    Json,
    Line,
    buttons,
    refused,
)

FLAGS = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted")


KINDS: tuple[tuple[str, str, set[str]], ...] = (
    (ADA, "T0DEMO", set()),
    (GRID, "T0DEMO", set()),
    (GUEST, "T0DEMO", {"is_restricted", "is_ultra_restricted"}),
    (GONE, "T0DEMO", {"deleted"}),
    (OUTSIDE, "T0OTHER", set()),
    ("U0BOT", "T0DEMO", {"is_bot"}),
)


def test_what_slack_says_of_each_kind(desk: Desk) -> None:
    """Nobody is called a stranger: whoever shares a channel with the app is none."""
    for user, team, flags in KINDS:
        told = desk.app.users_info(user=user)["user"]

        assert told["team_id"] == team
        assert {flag for flag in FLAGS if told[flag]} == flags
        assert not told.get("is_stranger")
        assert "email" not in told["profile"]
        assert ("enterprise_user" in told) is (user == GRID)


def test_nobody_is_not_found(desk: Desk) -> None:
    assert refused(desk.app.users_info, user="U0NOBODY")["error"] == "user_not_found"


def test_a_user_group_that_there_is_and_one_that_there_is_not(desk: Desk) -> None:
    assert desk.app.usergroups_users_list(usergroup="S0SRE")["users"] == [ADA, BEN]
    assert refused(desk.app.usergroups_users_list, usergroup="S0NONE")["error"] == "no_such_subteam"
    desk.workspace.is_free = True
    assert refused(desk.app.usergroups_users_list, usergroup="S0SRE")["error"] == "plan_upgrade_required"


# ---- what a click says of the one who clicked


def test_a_click_names_the_clickers_own_team_beside_ours(desk: Desk, line: Line) -> None:
    for user, channel, team in ((ADA, CHANNEL, "T0DEMO"), (GUEST, CHANNEL, "T0DEMO"), (OUTSIDE, SHARED, "T0OTHER")):
        ts = desk.post(channel=channel, blocks=[buttons()])

        assert desk.click(ts, "go", user, channel)["ok"]
        payload = line.next()["payload"]

        assert (payload["user"]["id"], payload["user"]["team_id"]) == (user, team)
        assert payload["team"]["id"] == "T0DEMO"
        assert payload["enterprise"] is None
        where = {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False}
        assert payload["container"] == where
        assert [each["value"] for each in payload["actions"]] == ["1"]


def test_a_click_out_of_a_grid_names_the_enterprise(desk: Desk, line: Line) -> None:
    desk.click(desk.post(blocks=[buttons()]), "go", GRID)

    payload = line.next()["payload"]

    assert payload["user"]["id"] == "W0GRID"
    assert payload["enterprise"]["id"] == "E0DEMO"


# ---- what Slack's own interface does not let people do


def test_who_has_left_can_do_nothing(desk: Desk) -> None:
    ts = desk.post(blocks=[buttons()])

    assert desk.click(ts, "go", GONE)["error"] == "account_inactive"
    assert desk.type("list", GONE)["error"] == "account_inactive"
    assert desk.act("home", user=GONE)["error"] == "account_inactive"
    assert desk.type("list", "U0NOBODY")["error"] == "user_not_found"


def test_commands_and_the_app_home_are_the_teams_own(desk: Desk) -> None:
    assert desk.type("list", OUTSIDE, SHARED)["error"] == "not_for_other_organisations"
    assert desk.act("home", user=OUTSIDE)["error"] == "not_for_other_organisations"


def test_nobody_acts_where_they_are_not(desk: Desk) -> None:
    shared = desk.post(channel=SHARED, blocks=[buttons()])

    assert desk.click(shared, "go", ADA, SHARED)["error"] == "not_in_channel"
    assert desk.type("list", ADA, ELSEWHERE)["error"] == "not_in_channel"
    assert desk.type("list", ADA, "C0OLD")["error"] == "not_in_channel"


def test_an_ephemeral_message_is_clicked_by_its_one_reader_only(desk: Desk, line: Line) -> None:
    told = desk.app.chat_postEphemeral(channel=CHANNEL, user=ADA, text="psst", blocks=[buttons()])

    assert desk.click(told["message_ts"], "go", BEN)["error"] == "message_not_found"
    assert desk.click(told["message_ts"], "go", ADA)["ok"]
    assert line.next()["payload"]["container"]["is_ephemeral"] is True


def test_a_button_that_is_no_longer_there_cannot_be_clicked(desk: Desk) -> None:
    ts = desk.post(blocks=[buttons("approve")])
    desk.app.chat_update(channel=CHANNEL, ts=ts, text="over")

    assert desk.click(ts, "approve")["error"] == "no_such_button"


def test_a_button_sends_its_own_value_whatever_the_page_says(desk: Desk, line: Line) -> None:
    ts = desk.post(blocks=[buttons()])

    told: Json = {"channel": CHANNEL, "ts": ts, "block_id": "buttons", "action_id": "go", "value": "2"}
    assert desk.act("click", user=ADA, **told)["ok"]

    assert line.next()["payload"]["actions"][0]["value"] == "1"


# ---- commands


TYPED = (
    ("diagnose zookeeper0-0", "diagnose zookeeper0-0"),
    ("diagnose prod/web.example.com", "diagnose prod/<http://web.example.com|web.example.com>"),
    ("see https://example.com/a?b=1", "see <https://example.com/a?b=1>"),
    ("ask @ada in #on-call", "ask <@U0ADA|ada> in <#C0ONCALL|on-call>"),
    ("ask @nobody in #nowhere", "ask @nobody in #nowhere"),
    ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
    ("<@U0ADA> <!channel>", "&lt;@U0ADA&gt; &lt;!channel&gt;"),
    ("diagnose “zookeeper0\N{EN DASH}0”", "diagnose “zookeeper0\N{EN DASH}0”"),
    ("dance", "dance"),
    ("", ""),
)


def test_how_a_commands_text_arrives(desk: Desk, line: Line) -> None:
    for typed, heard in TYPED:
        assert desk.type(typed)["ok"]
        envelope = line.next()

        assert envelope["type"] == "slash_commands"
        payload = envelope["payload"]
        assert payload["text"] == heard
        assert (payload["command"], payload["user_id"], payload["team_id"]) == ("/terminating", ADA, "T0DEMO")
        assert (payload["channel_id"], payload["channel_name"]) == (CHANNEL, "on-call")


def test_a_command_that_no_app_has(desk: Desk) -> None:
    assert desk.act("command", user=ADA, channel=CHANNEL, command="/remind", text="")["error"] == "unknown_command"
