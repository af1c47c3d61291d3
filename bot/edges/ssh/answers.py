"""What came back on one channel: read by one loop under a wall deadline and byte caps, then judged by how it ended."""

import select
from collections.abc import Callable
from dataclasses import dataclass

import paramiko

from bot.core.hostile import plain
from bot.edges.ssh.targets import SETUP, Errand, Target
from bot.ports import Garbled, Refused

_STATUS_S = 2.0  # how long the exit status may come after the end of the output
_PUSH_S = 0.05  # how often to look whether the other side takes more input
_NO_STATUS = -1  # paramiko's word for a channel that closed without one
_USAGE = 2
_NOT_RUN = (126, 127)  # POSIX, sh: found but not executable; not found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    out: bytes
    err: bytes
    status: int | None


def read(channel: paramiko.Channel, stdin: bytes, caps: tuple[int, int], errand: Errand) -> Answer:
    """All of it, `stdin` written meanwhile. Over a cap: Garbled; over the deadline: TimedOut."""
    out, err = bytearray(), bytearray()
    rest: bytes | None = stdin
    channel.settimeout(0.0)
    ready = select.poll()
    ready.register(channel.fileno(), select.POLLIN)
    while True:
        if rest is not None:
            rest = _pushed(channel, rest)
        ended = _pulled(channel.recv, out, caps[0]) & _pulled(channel.recv_stderr, err, caps[1])
        for got, cap, name in ((out, caps[0], "stdout"), (err, caps[1], "stderr")):
            if len(got) > cap:
                why = f"it printed more than {cap:,} bytes on {name}"
                raise errand.outage(Garbled, why, "Have someone look at this node before you trust it.")
        if ended:
            break
        left = errand.left()
        if not left:
            raise errand.late(f"it answered; {len(out):,} bytes had come")
        ready.poll(1 + int(1000 * (left if rest is None else min(left, _PUSH_S))))
    channel.status_event.wait(min(errand.left(), _STATUS_S))
    status = channel.exit_status if channel.status_event.is_set() else _NO_STATUS
    return Answer(out=bytes(out), err=bytes(err), status=None if status == _NO_STATUS else status)


def judged(answer: Answer, target: Target, errand: Errand) -> bytes:
    """The output of a program that ended well. Decides on the exit status alone; stderr is only shown."""
    if answer.status == 0:
        return answer.out
    said = f": {plain(answer.err, 200)}" if answer.err.strip() else ""
    if answer.status is None:
        why = f"it closed after {len(answer.out):,} bytes without an exit status{said}"
        raise errand.outage(Garbled, why, "Ask again; if it stays so, look into the logs of its sshd.")
    why = f"exit status {answer.status} after {len(answer.out):,} bytes{said}"
    if answer.status == 1 and not answer.out:
        raise errand.outage(Refused, why, _leave(target))
    if answer.status in _NOT_RUN:
        raise errand.outage(Refused, why, SETUP)
    if answer.status == _USAGE:
        why = f"it does not know these words, {why}"
        raise errand.outage(Garbled, why, f"Its terminating-node is of another version: {SETUP}")
    raise errand.outage(Garbled, why, "Ask again; if it stays so, run the same on the node by hand.")


def _leave(target: Target) -> str:
    if target.program == "piped" and (target.become == "none" or target.user == "root"):
        return f"See that {target.user} has a login shell there."
    return f"See that sudo lets {target.user} run it without a password: `terminating node-setup` prints the line."


def _pushed(channel: paramiko.Channel, rest: bytes) -> bytes | None:
    """What is still to be written; None when all was, or when nobody reads it: what it prints counts all the same."""
    try:
        while rest:
            sent = channel.send(rest)
            if not sent:
                return None
            rest = rest[sent:]
        channel.shutdown_write()
    except TimeoutError:
        return rest
    except OSError:
        return None
    return None


def _pulled(receive: Callable[[int], bytes], got: bytearray, cap: int) -> bool:
    """True at the end. Takes all there is up to one byte over the cap, so that a flood is not kept in the channel."""
    try:
        chunk = receive(cap - len(got) + 1)
    except TimeoutError:
        return False
    got += chunk
    return not chunk
