"""What people type: every line is a command or one line of help, and none is ever a traceback."""

from dataclasses import asdict, astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.hostile import plain
from bot.core.repairs import CATALOGUE
from bot.edges.console.words import (
    MOST,
    USAGE,
    Approve,
    Command,
    Help,
    List,
    Pause,
    Quit,
    Reject,
    Request,
    Resume,
    Settle,
    Show,
    parse,
)

DIGEST = "9f2c41d7"

CONTROL = "That line has control characters in it: nothing was done"


def request(**given: str) -> Request:
    words = {"pod": "", "repair": "shim.reap", "option": "", "reason": "", **given}
    return Request(person="ada", incident=1042, **words)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("list", List()),
        ("  LIST  ", List()),
        ("ada> list", List()),
        ("help", Help()),
        ("quit", Quit()),
        ("show 1042", Show(1042)),
        ("ben> approve 1042 9f2c41d7", Approve(person="ben", incident=1042, digest=DIGEST, typed="")),
        ("ben>approve 1042 9F2C41D7 node-17", Approve(person="ben", incident=1042, digest=DIGEST, typed="node-17")),
        ("ben > approve 1042 " + "ab" * 32, Approve(person="ben", incident=1042, digest="ab" * 32, typed="")),
        ("ben> reject 1042 9f2c41d7", Reject(person="ben", incident=1042, digest=DIGEST, reason="")),
        (
            "ben> reject 1042 9f2c41d7 not at noon, please",
            Reject(person="ben", incident=1042, digest=DIGEST, reason="not at noon, please"),
        ),
        ("ada> request 1042 shim.reap", request()),
        ("ada> request 1042 zookeeper0-0 shim.reap", request(pod="zookeeper0-0")),
        ("ada> request 1042 prod/zookeeper0-0 shim.reap", request(pod="prod/zookeeper0-0")),
        (
            "ada> request 1042 prod/zookeeper0-0 docker.restart without-live-restore because it is 3 a.m.",
            request(
                pod="prod/zookeeper0-0",
                repair="docker.restart",
                option="without-live-restore",
                reason="it is 3 a.m.",
            ),
        ),
        ("ada> request 1042 shim.reap because because", request(reason="because")),
        ("ada> request 1042 shim.reap docker.restart", request(pod="shim.reap", repair="docker.restart")),
        ("ada> request 1042 node.reboot", request(repair="node.reboot")),
        ("ben> settle 1042 done I looked", Settle(person="ben", incident=1042, done=True, reason="I looked")),
        ("ben> settle 1042 not-done gone", Settle(person="ben", incident=1042, done=False, reason="gone")),
        ("ada> pause", Pause(person="ada", reason="")),
        ("ada> pause network maintenance", Pause(person="ada", reason="network maintenance")),
        ("ben> resume it is over", Resume(person="ben", reason="it is over")),
        ("ada.l-1> pause x\r", Pause(person="ada.l-1", reason="x")),
        ("ada>\tpause the \u202etxet", Pause(person="ada", reason="the txet")),
    ],
)
def test_a_line_is_the_command_that_it_says(line: str, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("approve 1042 9f2c41d7", f"Say who is speaking: {USAGE['approve']}"),
        ("pause", f"Say who is speaking: {USAGE['pause']}"),
        ("ben> approve", f"Say: {USAGE['approve']}"),
        ("ben> approve 1042", f"Say: {USAGE['approve']}"),
        ("ben> approve 1042 9f2c41d", f"Say: {USAGE['approve']}"),  # seven digits
        ("ben> approve 1042 9f2c41dg", f"Say: {USAGE['approve']}"),
        ("ben> approve 1042 " + "a" * 65, f"Say: {USAGE['approve']}"),
        ("ben> approve 1042 9f2c41d7 node-17 node-18", f"Say: {USAGE['approve']}"),
        ("ben> approve x 9f2c41d7", f"Say: {USAGE['approve']}"),
        ("ben> approve -1 9f2c41d7", f"Say: {USAGE['approve']}"),
        ("ben> approve 1e3 9f2c41d7", f"Say: {USAGE['approve']}"),
        ("ben> approve \u00b2 9f2c41d7", f"Say: {USAGE['approve']}"),  # a digit, but no number
        ("ben> approve 1234567890 9f2c41d7", f"Say: {USAGE['approve']}"),
        ("ben> settle 1042 maybe I looked", f"Say: {USAGE['settle']}"),
        ("ben> settle 1042 done", f"Say: {USAGE['settle']}"),
        ("ben> resume", f"Say: {USAGE['resume']}"),
        ("show", f"Say: {USAGE['show']}"),
        ("show prod/zookeeper0-0", f"Say: {USAGE['show']}"),
        ("list all", f"Say: {USAGE['list']}"),
        ("quit now", f"Say: {USAGE['quit']}"),
        ("ada> request 1042 shim.reap because", f"Say: {USAGE['request']}"),
        ("ada> approves 1042 9f2c41d7", 'Not understood: "ada> approves 1042 9f2c41d7"; `help` lists what is'),
        ("> approve 1042 9f2c41d7", 'Not understood: "> approve 1042 9f2c41d7"; `help` lists what is'),
        ("a b> approve 1042 9f2c41d7", 'Not understood: "a b> approve 1042 9f2c41d7"; `help` lists what is'),
        ("ada>ben> pause", 'Not understood: "ada>ben> pause"; `help` lists what is'),
        ("", 'Not understood: ""; `help` lists what is'),
        ("\u202e", 'Not understood: ""; `help` lists what is'),
        ("\x00\x1b]0;title\x07", CONTROL),
        ("ben> approve 1042 9f2c41d7\x1b[D", CONTROL),
        ("ben> approve 1042 9f2c41d8\b7", CONTROL),
        ("ada> pause \x9b31mred", CONTROL),
        ("rm -rf /", 'Not understood: "rm -rf /"; `help` lists what is'),
        ("x" * (MOST + 1), f"That line is longer than {MOST} characters: nothing was done"),
    ],
)
def test_what_is_no_command_is_told_what_would_be_one(line: str, why: str) -> None:
    found = parse(line)

    assert isinstance(found, Help)
    assert found.why.startswith(why)
    assert found.why == plain(found.why, 1_000)


def test_a_repair_that_is_none_is_told_which_there_are() -> None:
    found = parse("ada> request 1042 shim.rap")

    assert isinstance(found, Help)
    assert all((each.id in found.why) == (each.by != "person") for each in CATALOGUE)


def test_every_verb_that_changes_something_takes_a_name() -> None:
    assert {verb for verb, usage in USAGE.items() if usage.startswith("NAME> ")} == {
        "request", "approve", "reject", "settle", "pause", "resume"
    }  # fmt: skip


words = st.sampled_from(
    [
        "ada>",
        "ben >",
        *USAGE,
        "1042",
        "0",
        "9f2c41d7",
        "because",
        "done",
        "not-done",
        "shim.reap",
        "prod/x",
        ">",
        "{}",
        "%s",
    ]
)
lines = st.one_of(st.text(max_size=200), st.lists(st.one_of(words, st.text(max_size=9)), max_size=9).map(" ".join))


@given(lines)
def test_whatever_the_line_its_words_are_clean_and_bounded(line: str) -> None:
    found = parse(line)

    for said in astuple(found):
        assert not isinstance(said, str) or said == plain(said, MOST)
        assert type(said) is not int or 0 <= said < 10**9
    if isinstance(found, Approve | Reject):
        assert set(found.digest) <= set("0123456789abcdef")
        assert 8 <= len(found.digest) <= 64
    if not isinstance(found, List | Show | Help | Quit):
        assert asdict(found)["person"]
