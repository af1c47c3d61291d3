"""The app's manifest: the least that the bot's calls need, and what the demo's workspace grants."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.demo.workspace.methods import METHODS
from bot.demo.workspace.stage import Stage
from bot.demo.workspace.state import SCOPES
from bot.edges.slack.hears import COMMAND

ROOT = Path(__file__).parents[3]
EDGE = ROOT / "bot" / "edges" / "slack"
MANIFEST: Mapping[str, Any] = yaml.safe_load((ROOT / "config" / "slack-manifest.yaml").read_text())
GRANTED = MANIFEST["oauth_config"]["scopes"]["bot"]

# Each as docs.slack.dev/reference/methods/METHOD has it for a bot token; the bot speaks in public and private channels,
# and in no others.
NEEDS: Mapping[str, frozenset[str]] = {
    "apps.connections.open": frozenset(),  # takes the app-level token, with connections:write
    "auth.test": frozenset(),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "conversations.history": frozenset({"channels:history", "groups:history"}),
    "conversations.info": frozenset({"channels:read", "groups:read"}),
    "conversations.replies": frozenset({"channels:history", "groups:history"}),
    "files.completeUploadExternal": frozenset({"files:write"}),
    "files.getUploadURLExternal": frozenset({"files:write"}),
    "usergroups.users.list": frozenset({"usergroups:read"}),
    "users.info": frozenset({"users:read"}),
    "views.open": frozenset(),
    "views.publish": frozenset(),
}
COMMANDS = frozenset({"commands"})  # docs.slack.dev/reference/scopes/commands: to have a slash command at all


def called() -> set[str]:
    """The methods of the Web API, by what the bot's edge calls of the library's client."""
    names = {name for file in EDGE.glob("*.py") for name in re.findall(r"_client\.([a-z]+_\w+)", file.read_text())}
    methods = {each.replace("_", ".") for each in names - {"files_upload_v2"}}
    if "files_upload_v2" in names:
        methods |= {"files.getUploadURLExternal", "files.completeUploadExternal"}
    return methods


def test_the_scopes_are_those_that_the_calls_need_and_no_others() -> None:
    assert called() <= NEEDS.keys()
    needed = COMMANDS.union(*(NEEDS[each] for each in called()))

    assert sorted(GRANTED) == sorted(needed)


def test_the_demo_grants_what_the_manifest_asks_for_and_refuses_without() -> None:
    assert frozenset(GRANTED) == SCOPES
    for method in called():
        assert set(METHODS[method].scopes).issuperset(NEEDS[method])
        assert bool(METHODS[method].scopes) == bool(NEEDS[method])


def test_what_is_heard_is_what_it_asks_to_hear() -> None:
    source = (EDGE / "hears.py").read_text()
    settings = MANIFEST["settings"]
    (command,) = MANIFEST["features"]["slash_commands"]
    (shown,) = Stage().commands

    assert settings["event_subscriptions"]["bot_events"] == re.findall(r'app\.event\("(\w+)"\)', source)
    assert settings["interactivity"]["is_enabled"] is True
    assert settings["socket_mode_enabled"] is True
    assert MANIFEST["features"]["app_home"]["home_tab_enabled"] is True
    assert command["command"] == COMMAND
    assert (shown.name, shown.description, shown.usage_hint, shown.should_escape) == (
        command["command"],
        command["description"],
        command["usage_hint"],
        command["should_escape"],
    )


@pytest.mark.parametrize(
    ("words", "most"),
    [  # docs.slack.dev/reference/app-manifest
        (MANIFEST["display_information"]["name"], 35),
        (MANIFEST["display_information"]["description"], 140),
        (MANIFEST["features"]["bot_user"]["display_name"], 80),
        (MANIFEST["features"]["slash_commands"][0]["command"], 32),
    ],
)
def test_its_words_are_short_enough(words: str, most: int) -> None:
    assert 0 < len(words) <= most


def test_no_address_is_given_in_socket_mode() -> None:
    assert "url" not in " ".join(_keys(MANIFEST))


def _keys(value: object) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for each in value.values() for key in _keys(each))]
    return [key for each in value for key in _keys(each)] if isinstance(value, list) else []
