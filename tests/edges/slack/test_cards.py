"""The messages of every phase: what people read and can click, and that Slack takes it, whatever the words."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bot.core.cards import Row
from bot.core.facts import Unknown
from bot.core.phases import Closed, Incident
from bot.core.weeks import week
from bot.demo.workspace.drafts import blocks_of, too_long_for_update
from bot.demo.workspace.views import checked
from bot.edges.slack.cards import ALERT, Message, ended, messages, over
from bot.edges.slack.rich import LONGEST_QUOTE, LONGEST_TEXT, MOST_BLOCKS, MOST_CHARACTERS, characters, escaped
from bot.edges.slack.views import Standing, home
from bot.ports import Watched
from tests.core.incident_samples import MINUTE, PEOPLE, SEEN, in_every_phase, plan

STAGES: Mapping[str, Incident] = {
    **in_every_phase(plan("shim.reap")),
    **{f"{name}, dangerous": each for name, each in in_every_phase(plan("docker.restart")).items()},
}
HOSTILE = (
    "<!channel>",
    "<@U0ADA>",
    "<https://evil.example|docs>",
    "*bold* _it_ ~no~ `code` ```fence```",
    "&lt;!here&gt;",
    "a\u2028b",
    "x" * 5_000,
    "20 Nov 12:00:00 UTC",
    "31 Feb 99:99:99 UTC",
    "",
)
OUR_DATE = re.compile(r"<!date\^\d+\^\{date_short_pretty\} \{time(?:_secs)?\}(?: \(\{ago\}\))?\|[\w:. -]+>", re.ASCII)
each_stage = pytest.mark.parametrize("name", STAGES)


def made(incident: Incident) -> tuple[Message, ...]:
    return messages(incident, PEOPLE, SEEN + MINUTE)


def texts(tree: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the kind of what it stands in."""
    if isinstance(tree, dict):
        kind = f"{path}/{tree['type']}" if isinstance(tree.get("type"), str) else path
        for key, value in tree.items():
            if key == "text" and isinstance(value, str):
                yield kind, value
            else:
                yield from texts(value, kind)
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from texts(each, path)


def actions(message: Message) -> list[str]:
    return [each["action_id"] for block in message.blocks if block["type"] == "actions" for each in block["elements"]]


def said(message: Message) -> str:
    return "\n".join(text for _, text in texts(list(message.blocks)))


@each_stage
def test_slacks_own_models_know_every_block(name: str) -> None:
    for message in made(STAGES[name]):
        for block in message.blocks:
            parsed = Block.parse(dict(block))
            assert parsed is not None
            assert json.loads(json.dumps(parsed.to_dict())) == block


@each_stage
def test_every_message_is_within_the_limits(name: str) -> None:
    for message in made(STAGES[name]):
        assert len(message.blocks) <= MOST_BLOCKS
        assert sum(map(characters, message.blocks)) <= MOST_CHARACTERS
        assert len(message.text.encode()) <= 4_000
        assert all(1 <= len(text) <= max(LONGEST_TEXT, LONGEST_QUOTE) for _, text in texts(list(message.blocks)))


@each_stage
def test_the_same_incident_has_the_same_messages(name: str) -> None:
    assert made(STAGES[name]) == made(STAGES[name])
    assert made(STAGES[name])[0].part == ALERT
    assert len({each.part for each in made(STAGES[name])}) == len(made(STAGES[name]))


CLICKED = {
    "open": [["diagnose"]],
    "open and blind": [["diagnose"]],
    "diagnosed": [["request", "request_other", "diagnose"], []],
    "proposed": [[], [], ["approve", "reject"]],
    "proposed, dangerous": [[], [], ["approve_typed", "reject"]],
    "unsettled": [["settle_done", "settle_not_done"], [], []],
}


@each_stage
def test_only_what_can_be_done_now_can_be_clicked(name: str) -> None:
    found = [actions(each) for each in made(STAGES[name])]

    wanted = CLICKED.get(name, CLICKED.get(name.removesuffix(", dangerous")))
    assert found == (wanted if wanted is not None else [[] for _ in found])


def test_buttons_carry_ids_and_a_digest_and_nothing_else() -> None:
    for name, incident in STAGES.items():
        for message in made(incident):
            for block in message.blocks:
                for element in block.get("elements", ()) if block["type"] == "actions" else ():
                    values = [element["value"]] if "value" in element else [o["value"] for o in element["options"]]
                    for value in values:
                        assert value.split(" ")[0] == str(incident.id), name
                        assert len(value) <= 150


def test_a_plan_that_is_over_keeps_what_was_asked_and_says_what_became_of_it() -> None:
    waiting = made(STAGES["proposed"])[-1]
    rejected = replace(STAGES["diagnosed"], last="ben rejected shim.reap: not now.")

    text, blocks = ended(rejected, waiting.part, waiting.blocks, SEEN)

    told = "\n".join(text for _, text in texts(list(blocks)))
    assert text == "⚪ NOTHING DONE: ben rejected shim.reap: not now."
    assert not any(block["type"] == "actions" for block in blocks)
    assert "ben rejected shim.reap: not now." in told
    assert "What happens" in told
    assert "WAITING FOR APPROVAL" not in told
    assert over(blocks)
    assert not over(waiting.blocks)


def test_the_alert_says_what_where_and_since_when() -> None:
    alert = made(STAGES["diagnosed"])[0]

    assert "🔴 STUCK  1 pod on node-17 · prod-eu" in said(alert)
    assert "prod/zookeeper0-0" in said(alert)
    assert alert.text.startswith("🔴 STUCK  1 pod on node-17 · prod-eu")


def test_a_time_is_shown_in_the_zone_of_whoever_reads() -> None:
    waiting = made(STAGES["proposed"])[-1]

    dates = [each for each in walk(list(waiting.blocks)) if each.get("type") == "date"]

    assert dates
    assert all(datetime.fromtimestamp(each["timestamp"], SEEN.tzinfo) >= SEEN for each in dates)
    assert all(each["fallback"].endswith(" UTC") for each in dates)


def walk(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from walk(value)
    elif isinstance(tree, list):
        for each in tree:
            yield from walk(each)


def spoiled(value: Any, word: str) -> Any:
    """Every string of it another: as if all that it knows had been said by somebody hostile."""
    if isinstance(value, str):
        return word
    if isinstance(value, tuple):
        return tuple(spoiled(each, word) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        kept = {"hold", "phase", "executions", "plan", "votes"}
        changes = {
            each.name: spoiled(getattr(value, each.name), word) for each in fields(value) if each.name not in kept
        }
        return replace(value, **changes)
    return value


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", ["open", "diagnosed", "proposed", "verifying", "unsettled"])
def test_no_word_is_ever_read_as_markup(name: str, word: str) -> None:
    incident = STAGES[name]
    phase: Any = incident.phase
    if hasattr(phase, "finding"):
        offers = phase.finding.offers
        phase = replace(phase, finding=replace(spoiled(phase.finding, word), offers=offers, evidence="e" * 64))
    bad = replace(
        incident, phase=phase, members=tuple(spoiled(each, word) for each in incident.members), last=word, cluster=word
    )

    for message in made(bad):
        for kind, text in texts(list(message.blocks)):
            assert "mrkdwn" not in kind or OUR_DATE.fullmatch(text)
            assert "markdown" not in kind
        assert not {"<", ">"} & set(message.text)
        assert len(message.blocks) <= MOST_BLOCKS
        assert sum(map(characters, message.blocks)) <= MOST_CHARACTERS


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_the_text_for_notifications_is_escaped(word: str) -> None:
    assert not {"<", ">"} & set(escaped(word))
    assert 1 <= len(escaped(word)) <= 3_000


LONG = st.one_of(st.text(max_size=30), st.integers(1, 9_000).map(lambda n: "long " * (n // 5)))
MANY = st.integers(0, 60)


@given(word=LONG, rows=MANY, out=MANY, pods=MANY, stage=st.sampled_from(sorted(STAGES)))
@settings(max_examples=60, deadline=None)
def test_however_much_there_is_to_say_slack_takes_it(word: str, rows: int, out: int, pods: int, stage: str) -> None:
    incident = STAGES[stage]
    phase: Any = incident.phase
    if hasattr(phase, "finding"):
        found = spoiled(phase.finding, word)
        found = replace(
            found,
            offers=phase.finding.offers,
            evidence="e" * 64,
            rows=(Row(word, word, disagrees=True),) * rows,
            ruled_out=((word, word),) * out,
            not_asked=((word, word),) * out,
        )
        phase = replace(phase, finding=found)
    members = tuple(spoiled(each, word) for each in incident.members) * pods
    bad = replace(incident, phase=phase, members=members, last=word)
    standing = Standing(
        incidents=tuple(replace(bad, id=n) for n in range(pods)),
        pause=Unknown(word),
        watched=(Watched(cluster=word, swept=None, blind=word),),
        past=week((), SEEN),
        people=PEOPLE,
    )

    for message in made(bad):
        assert 1 <= len(message.blocks) <= MOST_BLOCKS
        assert sum(map(characters, message.blocks)) <= MOST_CHARACTERS
        assert blocks_of(list(message.blocks))  # as the workspace takes them, or it says what is wrong
        assert not too_long_for_update(message.text)
    assert checked(home(standing, PEOPLE["ben"], SEEN), "home")


def test_closed_without_a_plan_there_is_the_alert_alone() -> None:
    closed = replace(STAGES["closed"], phase=Closed(outcome="resolved itself", at=SEEN), executions=())

    assert [each.part for each in made(closed)] == [ALERT]
    assert actions(made(closed)[0]) == []
