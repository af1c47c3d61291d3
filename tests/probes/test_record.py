"""The record of one operation: what is told is taken, and nothing else passes for one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.probes.record import Left, NotARecordError, Record, beside, read

OP = "0123456789abcdef0123456789abcdef"
WHOLE = f"""terminating-node-op 1
op {OP}
words shim.reap 5a7e6f0e-0d52-4a31-8f0b-6c8ad0a1b2c3 - docker abc 12 34
began 1764000000
ended 1764000002
result done
why shim 12 was ended
said before abc 11
said after abc 11
end
"""


def test_a_whole_record() -> None:
    assert read(WHOLE.encode(), OP) == Record(
        op=OP,
        words=("shim.reap", "5a7e6f0e-0d52-4a31-8f0b-6c8ad0a1b2c3", "-", "docker", "abc", "12", "34"),
        result="done",
        why="shim 12 was ended",
        said=("before abc 11", "after abc 11"),
    )


def test_an_id_that_was_burnt_before_it_was_seen_has_no_words() -> None:
    burnt = f"terminating-node-op 1\nop {OP}\nwords -\nbegan 1764000000\nresult burnt\nwhy never seen\nend\n"

    assert read(burnt.encode(), OP) == Record(op=OP, words=(), result="burnt", why="never seen", said=())


POD = "5a7e6f0e-0d52-4a31-8f0b-6c8ad0a1b2c3"


def counted(*lines: str) -> Record:
    return read(WHOLE.replace("end\n", "".join(f"{line}\n" for line in (*lines, "end"))).encode(), OP)


def test_who_kept_their_pid_is_counted_without_the_pod_that_was_repaired() -> None:
    found = counted("kept 41 43", f"left 21 {POD} pause", f"left 22 {POD} java -Xmx")

    assert found.kept == (41, 43)
    assert found.left[1] == Left(pid=22, pod=POD, name="java -Xmx")
    assert beside(found, POD, "node1") == (
        "41 of 41 other containers and daemons of node1 kept their pid and start time."
    )


def test_who_did_not_is_named() -> None:
    left = [f"left {pid} other-pod nginx" for pid in range(31, 37)]
    found = counted("kept 1 8", "left 12 - kubelet", *left)

    assert beside(found, POD, "node1") == (
        "1 of 8 other containers and daemons of node1 kept their pid and start time, but not "
        '"kubelet" (pid 12), "nginx" (pid 31), "nginx" (pid 32), "nginx" (pid 33), "nginx" (pid 34) and 2 more.'
    )


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("kept 0 0",),
        ("kept 5 4",),
        ("kept many 4",),
        ("kept 1 1", "kept 2 2"),
        ("kept 0 1", f"left 21 {POD} pause"),
        ("kept 0 1", "kept", f"left 21 {POD} \x1b[2J"),
    ],
)
def test_where_nobody_counted_nothing_is_said(lines: tuple[str, ...]) -> None:
    assert beside(counted(*lines), POD, "node1") == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"end\n",
        WHOLE.encode()[:-1],
        WHOLE.encode().replace(b"end\n", b""),
        WHOLE.replace(OP, OP[::-1]).encode(),
        WHOLE.replace("result done", "result fine").encode(),
        WHOLE.replace("result done\n", "").encode(),
        WHOLE.replace("result done", "result done\nresult refused").encode(),
        WHOLE.replace("op " + OP, "op " + OP + "\nop " + OP[::-1]).encode(),
        WHOLE.replace("began", "BEGAN").encode(),
        b"motd: welcome\n" + WHOLE.encode(),
        WHOLE.replace("end\n", "said " + "x" * 70_000 + "\nend\n").encode(),
    ],
)
def test_what_is_not_one_whole_record_of_this_operation_is_none(raw: bytes) -> None:
    with pytest.raises(NotARecordError):
        read(raw, OP)


def test_words_of_a_node_are_cleaned() -> None:
    hostile = WHOLE.replace("why shim 12 was ended", "why \x1b[31mred\x1b[0m \u202eevil <!channel>")

    assert read(hostile.encode(), OP).why == "red evil <!channel>"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for each in (raw, WHOLE.encode() + raw, WHOLE.encode().replace(b"shim 12", raw)):
        with suppress(NotARecordError):
            assert read(each, OP).op == OP
