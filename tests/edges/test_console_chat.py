"""The console as a chat: a card when something changed, and a command for each line, until it is over."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from bot.core.consent import Person
from bot.core.facts import PodUid
from bot.core.phases import Incident, Judged
from bot.edges.console import Console, show_incident, show_incidents, show_plan
from bot.edges.console.pages import to_type
from bot.edges.console.words import MOST, USAGE, Approve, Help, List, Pause, Quit, Show
from bot.ports import Unreachable
from tests.core.incident_samples import (
    MINUTE,
    PEOPLE,
    SEEN,
    closed,
    finding,
    first,
    in_every_phase,
    member,
    plan,
    proposed,
    taken,
    unsettled,
)

REAP = plan("shim.reap")
NOW = SEEN + MINUTE


@contextmanager
def typing() -> Iterator[tuple[int, int]]:
    """A terminal's two ends: what the console reads, and what people type into."""
    source, typed = os.pipe()
    try:
        yield source, typed
    finally:
        for end in (source, typed):
            try:
                os.close(end)
            except OSError:
                continue


def console(out: io.TextIOBase, source: int = 0, login: str = "root") -> Console:
    return Console(PEOPLE, login, source, out)  # type: ignore[arg-type]  # a text stream


def shown(incident: Incident) -> str:
    out = io.StringIO()
    console(out).show(incident, NOW)
    return out.getvalue()


# ---- what is printed


def test_a_plan_on_the_console_reads_as_a_whole() -> None:
    reap = replace(proposed(REAP), nth=4)

    assert (
        shown(reap)
        == f"""\
WAITING FOR APPROVAL  1 pod on node-17 · prod-eu · 13 min past the deadline
prod/zookeeper0-0  13 min past its deadline  StatefulSet/zookeeper0
Cause         Some cause (docker-lost-exit-event)
              Fourth time on this node in 7 days. A force delete would hide it,
              not end it.
Asked         ada asks for shim.reap (low risk) for prod/zookeeper0-0 on
              node-17: “it blocks us”
What happens  kill -KILL 21850, the shim of container 3f9a1c04 (zookeeper), by
              the node program
Only if       pid, start time and container of the shim still match, and no
              process of the container lives (same boot, same machine; checked
              again on the node)
Touches       1 dead container; nothing else on the node
              8 other pods on node-17: not touched
Afterwards    containerd publishes the exit, the kubelet removes the pod;
              believed once it has stayed clear for 20 s
              docker marks it exited within 5 s
Why not less  Offered too: container.stop
Lost          nothing that runs; what the node said is kept: evidence eeeeeeee
Needs         1 approval, not ada's · open until 20 Nov 12:29:00 UTC
              ben or mallory can.
Plan          {REAP.digest[:8]} of incident 1
incident 1 · seen 20 Nov 12:14:00 UTC · diagnosed in 1.0 s
Type  NAME> approve 1 {REAP.digest[:8]}
      NAME> reject 1 {REAP.digest[:8]} REASON

"""
    )


def test_every_stage_fits_80_columns_and_holds_no_colour_where_there_is_no_terminal() -> None:
    for of in (REAP, plan("docker.restart"), plan("finalizer.remove")):
        for incident in in_every_phase(of).values():
            text = shown(incident)
            assert max(map(len, text.split("\n"))) <= 80
            assert "\x1b" not in text
            assert not any(line != line.rstrip() for line in text.split("\n"))


def test_the_same_incident_twice_is_printed_once_and_each_change_again() -> None:
    out = io.StringIO()
    chat = console(out)

    for stage in in_every_phase(REAP).values():
        chat.show(stage, NOW)
        once = out.getvalue()
        chat.show(stage, NOW + timedelta(hours=1))
        assert out.getvalue() == once
    assert out.getvalue().count("incident 1 ·") == len({repr(each) for each in in_every_phase(REAP).values()})


def test_two_incidents_do_not_hide_each_other() -> None:
    out = io.StringIO()
    chat = console(out)

    for incident in (first(), replace(first(), id=2), first(), replace(first(), id=2)):
        chat.show(incident, NOW)

    assert [line for line in out.getvalue().splitlines() if line.startswith("incident ")] == [
        "incident 1 · seen 20 Nov 12:14:00 UTC",
        "incident 2 · seen 20 Nov 12:14:00 UTC",
    ]


def test_what_was_shown_long_ago_is_forgotten_first() -> None:
    out = io.StringIO()
    chat = console(out)

    for number in range(1, 1_003):
        chat.show(replace(closed(REAP), id=number), NOW)
    before = len(out.getvalue())
    chat.show(replace(closed(REAP), id=1_002), NOW)
    assert len(out.getvalue()) == before
    chat.show(replace(closed(REAP), id=1), NOW)
    assert len(out.getvalue()) > before


def test_threads_do_not_mix_their_cards() -> None:
    out = io.StringIO()
    chat = console(out)
    incidents = [replace(proposed(REAP), id=number) for number in range(1, 33)]
    threads = [Thread(target=chat.show, args=(each, NOW)) for each in incidents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    cards = out.getvalue().split("\n\n")[:-1]
    assert len(cards) == 32
    assert all(card.startswith("WAITING FOR APPROVAL") and card.count("incident 1") <= 2 for card in cards)


@pytest.mark.parametrize("write", ["show", "say", "table", "whole"])
def test_a_terminal_that_is_gone_is_an_outage(write: str) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        chat = Console(PEOPLE, "root", 0, full)
        calls = {
            "show": lambda: chat.show(first(), NOW),
            "whole": lambda: chat.whole(first(), NOW),
            "say": lambda: chat.say("a word"),
            "table": lambda: chat.table((first(),)),
        }
        with pytest.raises(Unreachable, match="writing to the terminal"):
            calls[write]()
        with pytest.raises(OSError, match="No space"):
            full.close()


def test_a_card_that_could_not_be_printed_is_printed_later() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        chat = Console(PEOPLE, "root", 0, full)
        for _ in range(2):
            with pytest.raises(Unreachable):
                chat.show(first(), NOW)
        with pytest.raises(OSError, match="No space"):
            full.close()


@pytest.mark.parametrize(
    ("incident", "words"),
    [
        (first(), ()),
        (taken(first(), Judged(finding=finding())), ("NAME> request 1 container.stop",)),
        (
            taken(first(member(), member(PodUid("x"), "web")), Judged(finding=finding())),
            ("NAME> request 1 prod/zookeeper0-0 container.stop",),
        ),
        (
            taken(first(), Judged(finding=replace(finding(), offers=finding().offers[2:]))),
            ("NAME> request 1 cgroup.thaw because REASON",),
        ),
        (taken(first(), Judged(finding=replace(finding(), offers=()))), ()),
        (
            proposed(plan("docker.restart")),
            (
                f"NAME> approve 1 {plan('docker.restart').digest[:8]} node-17",
                f"NAME> reject 1 {plan('docker.restart').digest[:8]} REASON",
            ),
        ),
        (unsettled(REAP), ("NAME> settle 1 done REASON", "NAME> settle 1 not-done REASON")),
        (closed(REAP), ()),
    ],
)
def test_the_next_words_are_there_to_be_copied(incident: Incident, words: tuple[str, ...]) -> None:
    assert to_type(incident) == words
    assert all(f"  {line}\n" in shown(incident) for line in words)


def test_incidents_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    stages = in_every_phase(REAP)

    show_incidents((stages["open"], stages["proposed"], stages["closed"]))
    show_incidents(())

    assert (
        capsys.readouterr().out
        == """\
ID  STATUS                CLUSTER  HELD BY  PODS  CAUSE
1   STUCK                 prod-eu  node-17  1     -
1   WAITING FOR APPROVAL  prod-eu  node-17  1     docker-lost-exit-event
1   RESOLVED              prod-eu  node-17  0     docker-lost-exit-event
3 incidents, 2 open
0 incidents, 0 open
"""
    )


def test_an_incident_that_was_asked_for_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show_incident(proposed(REAP), PEOPLE, NOW)

    said = capsys.readouterr().out
    assert "Who says what, times in UTC, ◀ disagrees" in said
    assert "  docker ◀    running, pid 21877" in said
    assert "Type" not in said


def test_a_plan_that_was_only_drawn_says_that_nothing_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(plan("shim.reap", incident=0), PEOPLE)

    said = capsys.readouterr().out
    assert said.startswith("What people would be asked to approve. Nothing was done.\n")
    assert "What happens  kill -KILL 21850" in said
    assert REAP.digest[:8] not in said


# ---- what is typed


def test_each_line_is_a_command_until_there_are_no_more() -> None:
    with typing() as (source, typed):
        os.write(typed, b"list\n\n  \nben> approve 1 9f2c41d7\r\nshow 7\nada> pause caf\xc3\xa9 \xff\nquit")
        os.close(typed)

        assert list(console(io.StringIO(), source).listen(Event())) == [
            List(),
            Approve(person="ben", incident=1, digest="9f2c41d7", typed=""),
            Show(7),
            Pause(person="ada", reason="café \ufffd"),
            Quit(),
        ]


def test_a_line_that_comes_in_pieces_is_one_line() -> None:
    with typing() as (source, typed):
        heard = console(io.StringIO(), source).listen(Event())
        os.write(typed, b"show")
        os.write(typed, b" 7\nli")
        assert next(heard) == Show(7)
        os.write(typed, b"st\n")
        assert next(heard) == List()


def test_a_line_without_end_is_refused_as_one_and_the_next_is_heard() -> None:
    with typing() as (source, typed):
        heard = console(io.StringIO(), source).listen(Event())
        flood = Thread(target=os.write, args=(typed, b"x" * 3_000_000 + b" ben> pause\nlist\n"))
        flood.start()

        assert next(heard) == Help(f"That line is longer than {MOST} characters: nothing was done")
        assert next(heard) == List()
        flood.join()


def test_it_is_over_when_it_is_said_to_be_over_though_nobody_types() -> None:
    with typing() as (source, _):
        over, done = Event(), Event()

        def listen() -> None:
            assert list(console(io.StringIO(), source).listen(over)) == []
            done.set()

        Thread(target=listen).start()
        assert not done.is_set()
        over.set()
        assert done.wait(10)


def test_a_terminal_that_hangs_up_ends_it() -> None:
    with typing() as (source, _):
        os.close(source)
        assert list(console(io.StringIO(), source).listen(Event())) == []


def test_a_vote_says_who_sat_there_and_whom_they_claimed_to_be() -> None:
    chat = console(io.StringIO(), login="ro\x1b[31mot\n")

    assert chat.via("ben") == "console of root as ben"


def test_a_name_is_found_in_whatever_case_it_is_typed() -> None:
    chat = Console({"Ada": Person(id="Ada", rights={})}, "root", 0, io.StringIO())

    assert [chat.person(each) for each in ("ada", "ADA", "Ada", "ben")] == ["Ada", "Ada", "Ada", "ben"]


def test_the_first_words_say_that_names_are_claims() -> None:
    out = io.StringIO()
    console(out).greet()

    assert "can claim to be anyone" in out.getvalue()
    assert "`console of root as NAME`" in out.getvalue()


def test_help_is_one_line_for_a_mistake_and_all_of_it_for_who_asks() -> None:
    out = io.StringIO()
    chat = console(out)

    chat.help(Help("Say: list"))
    chat.help(Help())

    mistake, *whole = out.getvalue().splitlines()
    assert mistake == "Say: list."
    assert whole[::2] == list(USAGE.values())
    assert max(map(len, whole)) <= 80
