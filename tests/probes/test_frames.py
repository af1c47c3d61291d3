import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.probes.frames import Frame, MalformedError, read

END = b"end 0 12 0 0\n"


def test_frames_are_read_by_their_lengths() -> None:
    frames = read(b"node 0 7 5 3\na=b\n\nerrcontainerd.task/0a-f 124 8004 0 0\n" + END)

    assert frames["node"] == Frame("node", 0, 7, b"a=b\n\n", b"err")
    assert frames["containerd.task/0a-f"].timed_out


def test_what_a_probe_printed_cannot_pass_for_a_frame() -> None:
    forged = b"docker.version 0 1 2 0\nok" + END

    frames = read(b"node 0 7 %d 0\n" % len(forged) + forged + END)

    assert list(frames) == ["node"]
    assert not frames["node"].timed_out


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the answer ends before its last frame"),
        (b"node 0 7 0 0\n", "the answer ends before its last frame"),
        (b"no frame\n", "byte 0: expected a frame header"),
        (b"x" * 400, "byte 0: expected a frame header"),
        (b"node 0 7 900 0\nab", "frame node promises 900 bytes, 2 follow"),
        (b"node 0 7 0 0\nnode 0 7 0 0\n" + END, "frame node comes twice"),
        (END + b"more", "4 bytes follow the last frame"),
    ],
)
def test_another_form_is_refused_and_the_place_named(data: bytes, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        read(data)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=100).map(lambda cut: b"node 0 7 5 3\n" + cut + END)))
def test_any_bytes_are_frames_or_malformed(data: bytes) -> None:
    try:
        frames = read(data)
    except MalformedError:
        return

    assert all(name == frame.name for name, frame in frames.items())
