r"""
The node program's answer, read back: `name exit_code ms out_bytes err_bytes\\n`, then that many bytes of each.

Lengths decide, so nothing a probe printed can pass for a frame. The last frame is named `end`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_HEADER = re.compile(rb"([a-z][a-z0-9_.]{0,40}(?:/[0-9a-f-]{1,64})?) (\d{1,3}) (\d{1,9}) (\d{1,9}) (\d{1,9})")
_HEADER_LIMIT = 160  # bytes; the longest header that the program writes is 150
TIMED_OUT = 124  # timeout(1), when the limit was reached
KILLED = 137  # timeout -k, when the program did not heed SIGTERM


class MalformedError(Exception):
    """The bytes are not the node program's answer; the text says where and how, in clean words."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One probe's answer: what it printed, how it ended and how long it took."""

    name: str
    exit_code: int
    ms: int
    out: bytes
    err: bytes

    @property
    def timed_out(self) -> bool:
        return self.exit_code in (TIMED_OUT, KILLED)


Frames = Mapping[str, Frame]


def read(data: bytes) -> Frames:
    """
    All frames by name, without `end`.

    Raises `MalformedError` for a header of another form, a length past the end, a name said twice, bytes after
    `end`, or no `end` at all (the answer was cut).
    """
    frames: dict[str, Frame] = {}
    at = 0
    while at < len(data):
        stop = data.find(b"\n", at, at + _HEADER_LIMIT)
        match = _HEADER.fullmatch(data[at:stop]) if stop >= 0 else None
        if match is None:
            raise MalformedError(f"byte {at}: expected a frame header")
        name = match[1].decode("ascii")
        exit_code, ms, out_bytes, err_bytes = (int(group) for group in match.groups()[1:])
        body = stop + 1
        after = body + out_bytes + err_bytes
        if after > len(data):
            raise MalformedError(f"frame {name} promises {out_bytes + err_bytes} bytes, {len(data) - body} follow")
        if name == "end":
            if after != len(data):
                raise MalformedError(f"{len(data) - after} bytes follow the last frame")
            return frames
        if name in frames:
            raise MalformedError(f"frame {name} comes twice")
        out = data[body : body + out_bytes]
        frames[name] = Frame(name, exit_code, ms, out, data[body + out_bytes : after])
        at = after
    raise MalformedError("the answer ends before its last frame")
