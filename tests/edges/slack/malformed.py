"""Requests that are not Slack's: families of bytes, each of which would be a click of Ada's but for one thing."""

import gzip
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from bot.edges.slack.http_mode import MOST, PATH
from tests.edges.slack.signing import EVENT, FORM, Header, interaction, now, request, seal, stamped

MARK = "of-nobodys-business"  # in every body; in no log
_WORD = st.text(st.characters(codec="ascii", exclude_characters="\x7f", min_codepoint=32), min_size=1, max_size=20).map(
    str.strip
)
_HEX = "0123456789abcdef"
_POST = b"POST " + PATH.encode()


@dataclass(frozen=True)
class Sent:
    """`half_close`: the sender has nothing more to say, and says so."""

    raw: bytes
    half_close: bool = False


Family = st.SearchStrategy[Sent]


def click(value: str = MARK) -> dict[str, Any]:
    """One that is heard, if it is signed."""
    return {
        "type": "block_actions",
        "user": {"id": "U0ADA", "team_id": "T0DEMO"},
        "team": {"id": "T0DEMO"},
        "actions": [{"type": "button", "action_id": "approve", "block_id": "ballot", "value": value}],
        "response_url": "",
    }


CLICK = interaction(click())
HOME = {"type": "event_callback", "team_id": "T0DEMO", "event": {"type": "app_home_opened", "user": "U0ADA", "x": MARK}}
COMMAND = {"command": "/terminating", "text": MARK, "user_id": "U0ADA", "team_id": "T0DEMO", "channel_id": "C0ONCALL"}


def _raw(made: Callable[..., bytes], *drawn: st.SearchStrategy[Any]) -> Family:
    """Made as late as it is sent: what is signed is signed now."""
    return st.tuples(*drawn).map(lambda values: Sent(made(*values)))


def _sealed(body: bytes, stamp: bytes | None = None) -> bytes:
    return seal(now() if stamp is None else stamp, body)


def _at(stamp: bytes, body: bytes = CLICK) -> bytes:
    """Signed for this timestamp, whatever it is."""
    return request(body, stamped(stamp, seal(stamp, body)))


def _ago(seconds: int) -> bytes:
    return _at(str(int(time.time()) - seconds).encode())


def _with(signature: Callable[[bytes], bytes]) -> bytes:
    """What becomes of the right signature."""
    stamp = now()
    return request(CLICK, stamped(stamp, signature(seal(stamp, CLICK))))


def _other_body(body: bytes) -> bytes:
    """Signed for `CLICK`, and sent with another."""
    stamp = now()
    return request(body, stamped(stamp, seal(stamp, CLICK)))


def _headers(*headers: Header, body: bytes = CLICK, length: bool = True) -> bytes:
    """Rightly signed, with these beside the length."""
    own = [(b"Content-Length", str(len(body)).encode())] if length else []
    return request(body, headers=[(b"Host", b"bot"), *headers, *own])


def _first(line: bytes) -> bytes:
    return request(CLICK, first=line)


def _line(line: bytes) -> bytes:
    """One line more among the headers of what is rightly signed."""
    head, _, rest = request(CLICK).partition(b"\r\n")
    return head + b"\r\n" + line + b"\r\n" + rest


def _chunked(parts: list[bytes], *, body: bytes = CLICK) -> bytes:
    """Signed for `body`, sent in these."""
    stamp = now()
    headers = [(b"Host", b"bot"), (b"Content-Type", FORM), (b"Transfer-Encoding", b"chunked")]
    return request(b"", stamped(stamp, seal(stamp, body)), headers=headers) + b"".join(parts)


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _nested(depth: int, opened: str, closed: str) -> str:
    return '{"type": "block_actions", "x": ' + opened * depth + closed * depth + "}"


def _payload(text: str) -> bytes:
    return request(b"payload=" + quote(text).encode())


def _event(text: str) -> bytes:
    return request(text.encode(), kind=EVENT)


def _recased(signature: bytes) -> bytes:
    """Signatures without a letter are too rare to wait for."""
    return b"v0=" + signature[3:].upper()


def _cut_short(share: float) -> Sent:
    raw = request(CLICK)
    return Sent(raw[: len(raw) - 1 - int(share * len(CLICK))], half_close=True)


def _over(extra: int) -> bytes:
    body = CLICK + b"+" * (MOST - len(CLICK) + extra)
    return request(body)


def _over_in_chunks(size: int) -> bytes:
    body = CLICK + b"+" * MOST
    return _chunked([_chunk(body[n : n + size]) for n in range(0, len(body), size)] + [_chunk(b"")], body=body)


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | _WORD, lambda inner: st.lists(inner, max_size=3))

HEADERS: Mapping[str, Family] = {
    "no timestamp": _raw(lambda: request(CLICK, stamped(b"", _sealed(CLICK))[1:])),
    "an empty timestamp": _raw(lambda: _at(b"")),
    "two timestamps": _raw(
        lambda n: request(CLICK, [*stamped(now(), _sealed(CLICK)), stamped(now() if n else b"1", b"")[0]]),
        st.integers(0, 1),
    ),
    "a timestamp of letters": _raw(lambda word: _at(word.encode()), _WORD.filter(lambda word: not word.isdigit())),
    "a timestamp with a letter": _raw(lambda word: _at(now() + word.encode()), st.sampled_from("smh.,:;Z_eL")),
    "a huge timestamp": _raw(lambda n: _at(b"9" * n), st.integers(11, 5_000)),
    "a timestamp with zeros in front": _raw(lambda n: _at(b"0" * n + now()), st.integers(2, 5_000)),
    "a timestamp with a sign": _raw(lambda sign: _at(sign + now()), st.sampled_from([b"-", b"+", b"--", b"-0"])),
    "a timestamp with a fraction": _raw(lambda n: _at(b"%b.%d" % (now(), n)), st.integers(0, 999)),
    "a timestamp in another base": _raw(lambda form: _at(form(int(now())).encode()), st.sampled_from([hex, oct, bin])),
    "a timestamp with an exponent": _raw(lambda n: _at(b"%be%d" % (now()[:-1], n)), st.integers(0, 400)),
    "a timestamp in digits of another script": _raw(
        lambda zero: _at("".join(chr(zero + int(digit)) for digit in now().decode()).encode()),
        st.sampled_from([0x0660, 0x06F0, 0x0966, 0xFF10, 0x1D7CE]),
    ),
    "an old timestamp": _raw(_ago, st.integers(302, 10**9)),
    "a timestamp to come": _raw(lambda n: _ago(-n), st.integers(302, 10**9)),
    "no signature": _raw(lambda: request(CLICK, stamped(now(), b"")[:1])),
    "an empty signature": _raw(lambda: _with(lambda _: b"")),
    "two signatures": _raw(
        lambda n: request(CLICK, [*stamped(now(), _sealed(CLICK)), stamped(b"", _sealed(CLICK) if n else b"v0=")[1]]),
        st.integers(0, 1),
    ),
    "a signature of another version": _raw(
        lambda version: _with(lambda right: version + right[2:]),
        st.sampled_from([b"v1", b"V0", b"v", b"", b"v00", b"v0=v0", b"x0"]),
    ),
    "a short signature": _raw(lambda n: _with(lambda right: right[:n]), st.integers(1, 66)),
    "a long signature": _raw(
        lambda more: _with(lambda right: right + more.encode()), st.text(_HEX, min_size=1, max_size=99)
    ),
    "a signature in capitals": _raw(lambda: _with(_recased)),
    "a signature with another letter": _raw(
        lambda n, letter: _with(lambda right: right[:n] + letter.encode() + right[n + 1 :]),
        st.integers(3, 66),
        st.sampled_from("ghxyzGZ-_=+/é "),
    ),
    "a signature of chance": _raw(
        lambda word: _with(lambda _: b"v0=" + word.encode()), st.text(_HEX, min_size=64, max_size=64)
    ),
    "a signature with another secret": _raw(
        lambda secret: request(CLICK, stamped(now(), seal(now(), CLICK, secret))), st.text(_HEX, min_size=1)
    ),
    "a signature for another time": _raw(
        lambda n: request(CLICK, stamped(now(), _sealed(CLICK, str(int(now()) - n).encode()))), st.integers(1, 299)
    ),
    "a signature for another body": _raw(
        lambda value: _other_body(interaction(click(value))), _WORD.filter(lambda value: value != MARK)
    ),
    "names of headers with an underscore": _raw(
        lambda: request(CLICK, [(name.replace(b"-", b"_"), value) for name, value in stamped(now(), _sealed(CLICK))])
    ),
}

BODIES: Mapping[str, Family] = {
    "a body with a byte changed": _raw(
        lambda n, bit: _other_body(CLICK[:n] + bytes([CLICK[n] ^ 1 << bit]) + CLICK[n + 1 :]),
        st.integers(0, len(CLICK) - 1),
        st.integers(0, 7),
    ),
    "a body without its end": _raw(lambda n: _other_body(CLICK[:n]), st.integers(0, len(CLICK) - 1)),
    "a body with something after it": _raw(lambda more: _other_body(CLICK + more), st.binary(min_size=1, max_size=40)),
    "a body that breaks off": st.floats(0, 0.99).map(_cut_short),
    "no body": _raw(lambda kind: request(b"", kind=kind), st.sampled_from([FORM, EVENT])),
    "a body that is packed": _raw(
        lambda level, name: _headers(
            (b"Content-Type", FORM), (b"Content-Encoding", name), body=gzip.compress(CLICK, level)
        ),
        st.integers(0, 9),
        st.sampled_from([b"gzip", b"deflate", b"br", b"identity", b""]),
    ),
    "a body that is packed and does not say so": _raw(
        lambda level: request(gzip.compress(CLICK, level)), st.integers(0, 9)
    ),
    "a body in another charset": _raw(
        lambda name, kind: request(json.dumps(HOME).encode(name), kind=kind),
        st.sampled_from(["utf-16", "utf-16-le", "utf-32", "cp037"]),
        st.sampled_from([FORM, EVENT]),
    ),
    "a body that is not UTF-8": _raw(
        lambda bad: request(b'{"type": "event_callback", "x": "' + bad + b'"}', kind=EVENT),
        st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"]),
    ),
    "a body over the cap": _raw(_over, st.integers(1, 9)),
    "a body over the cap, in chunks": _raw(_over_in_chunks, st.sampled_from([60_000, MOST])),
    "a length over the cap": _raw(
        lambda n: request(
            b"", headers=[(b"Host", b"bot"), (b"Content-Type", FORM), (b"Content-Length", str(n).encode())]
        ),
        st.integers(MOST + 1, 10**19),
    ),
    "bytes of chance, signed": _raw(request, st.binary(max_size=200)),
    "bytes of chance, signed as an event": _raw(lambda body: request(body, kind=EVENT), st.binary(max_size=200)),
    "a payload that is no JSON": _raw(
        _payload,
        st.sampled_from(["", "{", "{'a': 1}", "payload", "{}{}", '{"a": 1,}', "\x00", "[1"]),
    ),
    "a payload that is no object": _raw(lambda value: _payload(json.dumps(value)), _JSON),
    "an event that is no object": _raw(lambda value: _event(json.dumps(value)), _JSON),
    "a payload without a type": _raw(
        lambda value: _payload(json.dumps({**click(), "type": value})),
        st.none() | st.integers() | st.lists(st.integers(), max_size=2) | st.dictionaries(_WORD, _WORD, max_size=2),
    ),
    "an event in a form": _raw(
        lambda kind: _payload(json.dumps({**HOME, "type": kind})),
        st.sampled_from(["event_callback", "url_verification"]),
    ),
    "a click as an event": _raw(lambda value: _event(json.dumps(click(value))), _WORD),
    "a payload of deep JSON": _raw(
        lambda depth, marks: _payload(_nested(depth, *marks)),
        st.integers(20_000, 60_000),
        st.sampled_from([("[", "]"), ('{"a":', "}")]),
    ),
    "an event of deep JSON": _raw(
        lambda depth: _event('{"type": "event_callback", "x": ' + "[" * depth + "]" * depth + "}"),
        st.integers(20_000, 400_000),
    ),
    "a number without end": _raw(
        lambda n: _event('{"type": "event_callback", "x": ' + "9" * n + "}"), st.integers(5_000, 100_000)
    ),
    "a form with a field twice": _raw(
        lambda name: request(urlencode([*COMMAND.items(), (name, "x")]).encode()), st.sampled_from(sorted(COMMAND))
    ),
    "a payload beside other fields": _raw(lambda: request(CLICK + b"&" + urlencode(COMMAND).encode())),
    "two payloads": _raw(lambda value: request(CLICK + b"&" + interaction(click(value))), _WORD),
    "a form without a command": _raw(
        lambda text: request(urlencode({**COMMAND, "command": "", "text": text}).encode()), _WORD
    ),
    "a certificate check": _raw(lambda token: request(urlencode({"ssl_check": "1", "token": token}).encode()), _WORD),
    "a form of too many fields": _raw(
        lambda n: request(urlencode([*COMMAND.items(), *((f"x{i}", "") for i in range(n))]).encode()),
        st.integers(200, 5_000),
    ),
    "a form with a broken escape": _raw(
        lambda bad: request(urlencode(COMMAND).encode() + b"&x=" + bad),
        st.sampled_from([b"%", b"%z", b"%1", b"%zz", b"%%", b"%u0041"]),
    ),
    "a form with an escape that is not UTF-8": _raw(
        lambda bad: request(urlencode(COMMAND).encode() + b"&x=" + bad),
        st.sampled_from([b"%ff", b"%c3", b"%ed%a0%80", b"%c0%af"]),
    ),
}

WIRE: Mapping[str, Family] = {
    "another content type": _raw(
        lambda kind: request(CLICK, kind=kind),
        st.sampled_from(
            [b"text/plain", b"multipart/form-data; boundary=x", b"application/xml", b"application/json5", b"*/*", b""]
        ),
    ),
    "another charset": _raw(
        lambda name: request(CLICK, kind=FORM + b"; charset=" + name),
        st.sampled_from([b"utf-16", b"latin-1", b"utf-7", b"", b"utf-8; charset=utf-7"]),
    ),
    "no content type": _raw(_headers),
    "two content types": _raw(
        lambda kind: _headers((b"Content-Type", FORM), (b"Content-Type", kind)), st.sampled_from([FORM, EVENT])
    ),
    "another method": _raw(
        lambda method: _first(method.encode() + b" " + PATH.encode() + b" HTTP/1.1"),
        st.sampled_from(["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post", "POSTS", "QUERY"]),
    ),
    "another path": _raw(
        lambda path: _first(b"POST " + path.encode() + b" HTTP/1.1"),
        st.sampled_from(
            [
                "/",
                "//",
                "/slack",
                "/slack/events/",
                "//slack/events",
                "/Slack/events",
                "/slack/events/..",
                "*",
                "http://a/",
            ]
        )
        | st.text("abc/%.~-", min_size=1, max_size=30).map(lambda path: "/" + path),
    ),
    "a signature over two lines": _raw(
        lambda n: _with(lambda right: right[:n] + b"\r\n " + right[n:]), st.integers(1, 66)
    ),
    "a header within a header": _raw(
        lambda: request(
            CLICK,
            [
                (b"X-Slack-Request-Timestamp", now() + b"\r\nX-Slack-Signature: " + _sealed(CLICK)),
                (b"X-Slack-Signature", _sealed(CLICK)),
            ],
        )
    ),
    "a line that is no header": _raw(
        _line, st.sampled_from([b"nothing", b": x", b"a b: c", b"a\x00: b", b"a: \x00", b"\xff: x"])
    ),
    "headers without end": _raw(lambda n: _line(b"X-More: " + b"x" * n), st.integers(70_000, 200_000)),
    "too many headers": _raw(
        lambda n: _line(b"\r\n".join(b"X-%d: x" % i for i in range(n))), st.integers(8_000, 9_000)
    ),
    "no host": _raw(
        lambda: request(CLICK, headers=[(b"Content-Type", FORM), (b"Content-Length", str(len(CLICK)).encode())])
    ),
    "two hosts": _raw(lambda word: _headers((b"Host", word), (b"Content-Type", FORM)), st.sampled_from([b"bot", b"x"])),
    "two lengths": _raw(
        lambda n: _headers((b"Content-Type", FORM), (b"Content-Length", str(n).encode())),
        st.integers(0, 10**6).filter(lambda n: n != len(CLICK)),
    ),
    "a length that is no number": _raw(
        lambda word: _headers((b"Content-Type", FORM), (b"Content-Length", word), length=False),
        st.sampled_from([b"-1", b"+1", b"0x10", b"1e3", b"x", b"", b"1 1", b"9" * 21, b"\xd9\xa1"]),
    ),
    "chunks that are none": _raw(
        lambda bad: _chunked([bad]),
        st.sampled_from(
            [b"x\r\n", b"-1\r\n\r\n", b"fffffffffffffffffffff\r\n", b"1\r\nab\r\n0\r\n\r\n", b"\x00" * 30 + b"\r\n"]
        ),
    ),
    "another transfer encoding": _raw(
        lambda name: _headers((b"Content-Type", FORM), (b"Transfer-Encoding", name)),
        st.sampled_from([b"gzip", b"identity", b"chunked, chunked", b"xchunked", b"gzip, chunked"]),
    ),
    "a request within a body": _raw(
        lambda: (
            request(
                b"",
                stamped(now(), _sealed(b"x")),
                headers=[
                    (b"Host", b"bot"),
                    (b"Content-Type", FORM),
                    (b"Content-Length", b"4"),
                    (b"Transfer-Encoding", b"chunked"),
                ],
            )
            + b"0\r\n\r\n"
            + request(CLICK)
        )
    ),
    "a request behind one that is refused": _raw(
        lambda n: request(CLICK, stamped(now(), b"v0=" + b"0" * 64)) * n + request(CLICK), st.integers(1, 3)
    ),
    "HTTP of another kind": _raw(
        _first,
        st.sampled_from(
            [
                _POST,
                _POST + b" HTTP/0.9x",
                _POST + b" HTTP/11",
                _POST + b" http/1.1",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            ]
        ),
    ),
    "HTTP/1.0, not signed": _raw(
        lambda word: request(CLICK, stamped(now(), word.encode()), first=_POST + b" HTTP/1.0"), _WORD
    ),
    "TLS": _raw(
        lambda rest: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rest + b"\r\n\r\n", st.binary(min_size=40)
    ),
    "bytes of chance": st.binary(min_size=1, max_size=300).map(lambda raw: Sent(raw, half_close=True)),
    "a socket that is asked for": _raw(
        lambda: request(
            b"",
            [
                (b"Upgrade", b"websocket"),
                (b"Connection", b"Upgrade"),
                (b"Sec-WebSocket-Key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
            ],
        )
    ),
    "a challenge that nobody signed": _raw(
        lambda word: request(
            json.dumps({"type": "url_verification", "challenge": word}).encode(), stamped(now(), b""), kind=EVENT
        ),
        _WORD,
    ),
    "a certificate check that nobody signed": _raw(lambda: request(b"ssl_check=1&token=x", [])),
}

FAMILIES: Mapping[str, Family] = {**HEADERS, **BODIES, **WIRE}
