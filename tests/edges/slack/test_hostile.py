"""Whatever a cluster, a node or a person says, nothing of it is alive in what the workspace was sent."""

import html
import re
import time
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.facts import PodUid
from bot.core.hostile import plain
from bot.core.phases import Proposed
from bot.core.pods import Pod
from bot.core.spoken import Wanted
from bot.demo.workspace.rates import Rates
from tests.clicking import CHANNEL, PEOPLE, eventually
from tests.edges.slack.office import Office
from tests.town import CLUSTER, Town

WORDS = (
    "*bold*",
    "_italic_",
    "~struck~",
    "`code`",
    "```fence```",
    "> quote",
    "&gt; quote",
    "<!channel>",
    "<!here>",
    "<!everyone>",
    "<!channel|channel>",
    "@channel",
    "@here",
    "<@U0ADA>",
    "<@U0ADA|ada>",
    "<@W0GRID>",
    "<#C0ONCALL>",
    "<#C0ONCALL|on-call>",
    "<!subteam^S0SRE>",
    "<!subteam^S0SRE|@sre>",
    "<https://evil.example>",
    "<https://evil.example|the runbook>",
    "<mailto:ben@evil.example|ben>",
    "<tel:110|call>",
    "https://evil.example/approve",
    "[docs](https://evil.example)",
    "<javascript:alert(1)|click>",
    "javascript:alert(1)",
    "<!date^0^{date}|never>",
    "<!date^1392734382^{date_short_pretty} {time_secs}^https://evil.example|x>",
    "&lt;!channel&gt;",
    "&amp;lt;!channel&amp;gt;",
    "&#60;!channel&#62;",
    "<<!channel>>",
    "<!chan\u200bnel>",
    "\uff1c!channel\uff1e",
    ":rotating_light:",
    ":white_check_mark: approved by ben",
    "🟢 RESOLVED in 1 s",
    "\u202egnitaloser\u202c",
    "\u2066hidden\u2069 \u200f",
    "zero\u200bwidth\u200djoined\ufeff",
    "two\nlines\r\nand \u2028 more",
    "\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "nul\x00 bell\x07 del\x7f",
    "lone \ud800 surrogate \udfff",
    "z" + "\u0301" * 40 + "algo",
    "<script>alert(1)</script>",
    '"}],"text":"<!channel>',
    "{date_long} {ago} {0} %s ${HOME}",
    "20 Nov 12:00:00 UTC 31 Feb 99:99:99 UTC 0001-01-01 00:00 UTC 9999-99-99 99:99 UTC",
    "<!channel> " * 400,
    "long" * 1_000,
)
OUR_DATE = re.compile(r"<!date\^\d+\^\{date_short_pretty\} \{time(?:_secs)?\}(?: \(\{ago\}\))?\|[\d\w:. -]+>", re.ASCII)
OUR_FORMATS = {f"{{date_short_pretty}} {{{time}}}{ago}" for time in ("time", "time_secs") for ago in ("", " ({ago})")}
OUR_NAMES = re.compile(r"[\w .:/-]*", re.ASCII)
QUOTED = {"text", "date", "plain_text", "mrkdwn"}  # what may hold words, each with its own rule
SHOWN = {"rich_text", "rich_text_section", "rich_text_preformatted", "context", "actions", "divider", "input"}
ACTING = {"button", "static_select", "plain_text_input", "modal", "home"}


@dataclass
class Leaping:
    """A clock that can be put forward, so that nobody waits for a rate limit."""

    leap: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.leap


@dataclass
class Hostile(Town):
    """Everything that the API server and the node can put a word into."""

    word: str = ""

    def _pod(self, name: str) -> Pod:
        clean = plain(self.word)  # as every edge cleans what it reads
        return replace(super()._pod(name), owner=f"StatefulSet/{clean}", namespace=clean or "prod")


@dataclass
class Bad(Office):
    leaping: Leaping = field(default_factory=Leaping)

    def __post_init__(self) -> None:
        self.workspace.rates = Rates(self.leaping)  # sockets and windows live by the true time

    def stuck_pods(self) -> Hostile:
        return Hostile(self.clock)

    def later(self, **span: float) -> None:
        self.leaping.leap += 60
        self.ahead += timedelta(seconds=60)
        super().later(**span)


def leaves(tree: object, kind: str = "", path: str = "") -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Every string: where it stands, the type of what it stands in, itself, and that."""
    if isinstance(tree, dict):
        kind = tree["type"] if isinstance(tree.get("type"), str) else kind
        for key, value in tree.items():
            if isinstance(value, str):
                yield f"{path}/{kind}.{key}", kind, value, {**tree, "key": key}
            else:
                yield from leaves(value, kind, f"{path}/{kind}")
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from leaves(each, kind, path)


def alive(kind: str, text: str, at: Mapping[str, Any], word: str) -> str:
    """Why this string can do something; empty where it is only read."""
    key = at["key"]
    if any(unicodedata.category(each) in ("Cc", "Cf", "Cs") and each not in "\n\u200d\ufe0f" for each in text):
        return "an invisible character"
    if key == "type":
        return "" if text in QUOTED | SHOWN | ACTING else f"a {text} element"
    if key == "text" and kind == "text":
        return ""
    if key == "text" and kind == "plain_text":
        return "" if at.get("emoji") is False or not _has(text, word) else "emoji in it are drawn"
    if key == "text" and kind == "mrkdwn":
        return "" if OUR_DATE.fullmatch(text) else "markup"
    if kind == "date":
        ours = text in OUR_FORMATS if key == "format" else OUR_NAMES.fullmatch(text)
        return "" if ours else "a date of somebody else's"
    if key in ("value", "style", "initial_value"):
        return ""  # Slack gives it back, and shows it to nobody
    return "" if OUR_NAMES.fullmatch(text) else f"{key} with a word in it"


def _has(text: str, word: str) -> bool:
    return bool(word) and (word in text or word[:20] in text)


def unescaped(text: str) -> bool:
    return bool(re.search(r"[<>]|&(?!(?:amp|lt|gt);)", text))


@dataclass
class Walk:
    """What was seen: `sinks` are the places that took a word; `found` what was alive."""

    office: Bad
    sinks: set[str] = field(default_factory=set)
    found: list[str] = field(default_factory=list)
    walked: int = 0  # messages of earlier words
    heard: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PEOPLE.values(), 0))

    def next(self) -> None:
        """What was sent until now is done with."""
        self.walked = len(self.office.workspace.messages(CHANNEL))
        self.heard = {who: len(self.office.workspace.whispers(CHANNEL, who)) for who in self.heard}

    def all(self, word: str) -> None:
        clean = plain(word)
        space = self.office.workspace
        for message in space.messages(CHANNEL)[self.walked :]:
            surface = "message" if message.in_channel else "thread"
            self.payload(surface, message.text, list(message.blocks), clean)
            self.tree(f"{surface} metadata", message.metadata or {}, clean)
            for file in message.files:
                self.tree("file", {"name": file.name, "title": file.title}, clean)
        for who, heard in self.heard.items():
            for message in space.whispers(CHANNEL, who)[heard:]:
                self.payload("whisper", message.text, list(message.blocks), clean)
        for person in PEOPLE:
            state = self.office.state(person)
            for surface in ("home", "view"):
                sent = state[surface] or {"blocks": []}
                self.tree(surface, {each: sent.get(each, "") for each in SENT}, clean)
                for n, block in enumerate(sent["blocks"], 1):
                    self.tree(f"{surface}, block {n}", block, clean)

    def payload(self, surface: str, text: str, blocks: list[dict[str, Any]], word: str) -> None:
        if _has(html.unescape(text), word):
            self.sinks.add(f"{surface} text")
        if unescaped(text):
            self.found.append(f"{surface}: {text[:80]!r} is not escaped")
        if text and not blocks:
            self.found.append(f"{surface}: {text[:80]!r} has no block, so Slack parses it")
        for n, block in enumerate(blocks, 1):
            self.tree(f"{surface}, block {n}", block, word)

    def tree(self, surface: str, tree: object, word: str) -> None:
        for path, kind, text, at in leaves(tree):
            if _has(text, word):
                self.sinks.add(f"{surface}{path}")
            if why := alive(kind, text, at, word):
                self.found.append(f"{surface}{path}: {text[:80]!r}: {why}")


SENT = ("title", "submit", "close", "private_metadata", "callback_id", "external_id")
TYPED = ("diagnose {}", "node {}", "history {}", "{}", "pause {}", "resume {}", "list", "help {}")


def answers(office: Bad) -> int:
    """To one person, or for all to read."""
    to_all = sum("FIXES" in each.text for each in office.workspace.messages(CHANNEL) if each.in_channel)
    return to_all + sum(len(office.workspace.whispers(CHANNEL, who)) for who in PEOPLE.values())


def plays(office: Bad, walk: Walk, word: str, n: int) -> None:
    """An incident of that word from first sight to the end, and everything that people can say about it."""
    town, clean = office.town, plain(word)
    typed = word.encode(errors="replace").decode()  # no keyboard sends half a character
    assert isinstance(town, Hostile)
    town.word = word
    town.more = dict.fromkeys(
        ("kubelet.last_error", "kernel.oom_kill.task", "process.wchan", "api.node.ready_reason"), clean
    )
    town.more |= {"kernel.oom_kills.container": 1, "kubelet.stop_timeouts": 2, "api.node.ready": False}
    town.stuck = {clean or "nameless": PodUid(f"{n:08}-6f0a-4b8e-9d57-2f1f3c9d4a10")}
    office.engine.sweep(CLUSTER)
    office.told()
    incident = office.incident()
    office.engine.request(
        Wanted(incident=incident.id, pod="", repair="docker.restart", option="", person="ada", reason=clean)
    )
    office.told()
    phase = office.incident().phase
    assert isinstance(phase, Proposed), phase
    office.click("ben", "approve_typed")
    eventually("the modal", lambda: office.state("ben")["view"])
    office.click_home("ben")
    walk.all(word)
    office.fill("ben", typed=typed[:260])
    office.click("ada", "reject")
    office.fill("ada", reason=typed[:400])
    office.phase("Open")
    heard = answers(office)
    for line in TYPED:
        office.type("mallory" if line.startswith("pause") else "ada", line.format(typed))
    eventually("an answer to each", lambda: answers(office) >= heard + len(TYPED))
    town.stuck = {}
    office.engine.resume("ben", clean or "none")
    office.engine.sweep(CLUSTER)
    office.told()
    office.click_home("ada")
    walk.all(word)
    office.later(hours=1)


@pytest.mark.parametrize(
    "tree",
    [
        {"type": "mrkdwn", "text": "*bold*"},
        {"type": "mrkdwn", "text": "<!date^0^{date}|20 Nov>"},
        {"type": "mrkdwn", "text": "<!date^1^{date_short_pretty} {time_secs}|<!channel>>"},
        {"type": "plain_text", "text": "*bold*"},
        {"type": "markdown", "text": "x"},
        {"type": "broadcast", "range": "channel"},
        {"type": "link", "url": "https://evil.example"},
        {"type": "date", "timestamp": 1, "format": "{date}", "fallback": "x"},
        {"type": "date", "timestamp": 1, "format": "{date_short_pretty} {time_secs}", "url": "https://evil.example?x"},
        {"type": "text", "text": "\u202ex"},
        {"name": "*bold*.txt"},
    ],
)
def test_the_walk_sees_what_is_alive(tree: dict[str, Any]) -> None:
    assert [why for _, kind, text, at in leaves(tree) if (why := alive(kind, text, at, "*bold*"))]
    assert unescaped("<!channel>")
    assert not unescaped("&lt;!channel&gt; &amp; more")


@pytest.mark.crash
@pytest.mark.timeout(240)  # a minute of clicks
def test_nothing_that_anybody_says_is_alive(tmp_path: Path, capsys: Any) -> None:
    with Bad(tmp_path).opened() as office:
        walk = Walk(office)
        for n, word in enumerate(WORDS):
            plays(office, walk, word, n)
            walk.next()
            office.leaping.leap += 600

    with capsys.disabled():
        print(f"\n{len(WORDS)} strings × {len(walk.sinks)} sinks: {len(walk.found)} alive")  # noqa: RUF001  # times
    assert walk.found == []
    assert len(WORDS) >= 40
    assert {re.split("[,/]", each)[0] for each in walk.sinks} >= {
        "message",
        "thread",
        "thread text",
        "whisper",
        "whisper text",
        "home",
        "view",
    }
