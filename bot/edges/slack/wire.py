"""
One request to Slack and its answer, within a time and a size that hold for the whole of both.

The library's own time limit is for each read: whoever sends a byte every few seconds has a worker for ever. It reads
whatever size it is sent, and follows a redirection with the bot token to any address.
"""

import http.client
import io
import socket
import time
from collections.abc import Mapping
from email.message import Message
from functools import partial
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from slack_sdk import WebClient

LIMIT_S = 10  # for one request, from connecting to the last byte of the answer
LONGEST = 16 * 1024 * 1024  # bytes of an answer; a hundred of the largest messages fit


class UnconnectedError(OSError):
    """No connection came about: nothing was asked."""


class TooLongError(OSError):
    """More than `LONGEST`."""


class Client(WebClient):
    """Slack's client, whose requests go this way."""

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """All its methods come by here."""
        del url
        status, headers, body = send(req, self.timeout)
        return {"status": status, "headers": headers, "body": body.decode("utf-8", "replace")}


def send(request: Request, limit_s: float = LIMIT_S) -> tuple[int, Mapping[str, str], bytes]:
    """
    Status, headers (`Retry-After`, whatever their case was) and body.

    Raises `UnconnectedError`, alone or in a `URLError`, when nothing was asked; any other OSError, and HTTPException,
    after it.
    """
    if request.type not in ("http", "https"):
        raise UnconnectedError(f"{request.type}: is no way to Slack")
    try:
        answer: Any = _OPENER.open(request, timeout=limit_s)
    except HTTPError as error:  # an answer like any other
        answer = error
    with answer:
        body = answer.read(LONGEST + 1)
        if len(body) > LONGEST:
            raise TooLongError(f"it answers with more than {LONGEST} bytes")
        if left := getattr(answer, "length", None):  # a part may look like the whole
            raise http.client.IncompleteRead(body, left)
        return answer.status, {name.title(): value for name, value in answer.headers.items()}, body


class _Till(io.RawIOBase):
    """Reads from a socket until a moment, whatever is trickling in."""

    def __init__(self, raw: Any, sock: socket.socket, till: float) -> None:
        self._raw = raw
        self._sock = sock
        self._till = till

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        left = self._till - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *, till: float, method: str | None = None) -> None:
        super().__init__(sock, method=method)
        self.fp = io.BufferedReader(_Till(self.fp.detach(), sock, till))


class _Bounded(http.client.HTTPConnection):
    def __init__(self, host: str, **more: Any) -> None:
        super().__init__(host, **more)
        till = time.monotonic() + float(self.timeout or LIMIT_S)
        self.response_class = partial(_Response, till=till)  # type: ignore[assignment]  # it is called, and no more

    def connect(self) -> None:
        try:
            super().connect()
        except OSError as error:
            raise UnconnectedError(str(error) or type(error).__name__) from error


class _BoundedTls(_Bounded, http.client.HTTPSConnection):
    """The same over TLS."""


class _Http(HTTPHandler):
    def http_open(self, req: Request) -> http.client.HTTPResponse:
        return self.do_open(_Bounded, req)


class _Https(HTTPSHandler):
    def https_open(self, req: Request) -> http.client.HTTPResponse:
        return self.do_open(_BoundedTls, req)


class _Stays(HTTPRedirectHandler):
    """A token goes nowhere but where it was sent."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        del req, fp, code, msg, headers, newurl
        return None


_OPENER = build_opener(_Http, _Https, _Stays)
