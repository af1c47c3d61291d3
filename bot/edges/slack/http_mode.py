"""
Slack over HTTP: each click, command and event is a POST of Slack's to us, for whoever can be reached from outside.

It speaks plain HTTP, on this machine unless the settings say otherwise. TLS is the business of the proxy in front of
it, and so is the limit of requests from one address. Everything is judged before the library sees it: of what is
malformed, forged or repeated nothing runs, and nothing of it is written to the log. No answer is a 5xx: what the
library does not know, refuses or breaks on is answered 404, and Slack tells the person that it came to nothing.
"""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn
from slack_bolt import App, BoltRequest, BoltResponse
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.edges.slack.payloads import EVENT, FORM, Nonsense, Payload, payload
from bot.edges.slack.signed import Forged, Repeated, Seals
from bot.ports import Refused

log = logging.getLogger("terminating")

PATH = "/slack/events"
MOST = 1 << 20  # bytes of a body: Slack's largest view, escaped, is some 750,000
_MOST_HEADERS = 1 << 14  # bytes; Slack's are some 700
CONNECTIONS = 256
READ_S = 3.0  # for a whole request, from the connection on
_WORKERS = 32  # requests that wait for their acknowledgement, for three seconds at most
_PATIENCE_S = 8  # for what is under way at the end: more than reading and acknowledging take
_SAME_S = 60  # in which one reason is logged once
_OK = 200


class RequestUrl:
    """A way to hear, by Slack's own word for it. With `port` 0 the kernel chooses one, and it is that from then on."""

    def __init__(self, seals: Seals, host: str, port: int) -> None:
        self._seals = seals
        self._host = host
        self.port = port

    @contextmanager
    def __call__(self, app: App) -> Iterator[None]:
        """Raises an Outage where the address is not to be had."""
        with self._listening() as listening, ThreadPoolExecutor(_WORKERS, thread_name_prefix="slack-http") as workers:
            server = uvicorn.Server(_config(_Desk(app, self._seals, workers)))
            thread = threading.Thread(target=server.run, args=([listening],), name="slack-http")
            thread.start()
            try:
                yield
            finally:
                server.should_exit = True
                thread.join()

    def _listening(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            made = socket.create_server((self._host, self.port), family=family, backlog=CONNECTIONS)
        except OSError as error:
            where, then = f"{self._host}:{self.port}", "Name a free port of this machine: slack.listen."
            raise Refused("listening for Slack", where, error.strerror or "no reason", then) from error
        self.port = made.getsockname()[1]
        return made


def _config(desk: "_Desk") -> uvicorn.Config:
    app = Starlette(routes=[Route(PATH, desk.hear, methods=["POST"])])
    app.router.redirect_slashes = False
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,  # its warnings are of strangers' making
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        headers=[("Connection", "close")],  # one request a connection, and one time limit for both
        timeout_graceful_shutdown=_PATIENCE_S,
    )


class _Desk:
    """Where each request is judged, and handed on or refused. In the server's thread, but for what is handed on."""

    def __init__(self, app: App, seals: Seals, workers: ThreadPoolExecutor) -> None:
        self._app = app
        self._seals = seals
        self._workers = workers
        self._logged: dict[str, float] = {}

    async def hear(self, request: Request) -> Response:
        try:
            found = await self._judged(request)
        except Forged as forged:
            return self._refused(401, str(forged))
        except Repeated:
            return self._refused(409, "heard before")
        except Nonsense:
            return self._refused(400, "signed, and not shaped as Slack's requests are")
        except HTTPException as no:
            return self._refused(no.status_code, no.detail)
        except ClientDisconnect:
            return Response(status_code=400)  # it reaches nobody
        if found.get("type") == "url_verification":  # once, when the address is written into the app's settings
            return JSONResponse({"challenge": str(found.get("challenge", ""))})
        return await self._handed_on(found)

    async def _judged(self, request: Request) -> Payload:
        if sum(len(name) + len(value) for name, value in request.scope["headers"]) > _MOST_HEADERS:
            raise HTTPException(431, "headers too long")
        kind = _kind(request.headers)
        seal = self._seals.read(_sent(request, "x-slack-request-timestamp"), _sent(request, "x-slack-signature"))
        body = await _body(request)
        self._seals.accept(seal, body)
        return payload(kind, body)

    async def _handed_on(self, found: Payload) -> Response:
        def dispatched() -> BoltResponse:
            # The library's word for what is read already, and known to come from Slack.
            return self._app.dispatch(BoltRequest(mode="socket_mode", body=found))

        done = asyncio.get_running_loop().run_in_executor(self._workers, dispatched)
        await asyncio.wait({done})
        if error := done.exception():
            return self._refused(404, f"not read by the library: {type(error).__name__}")
        answer = done.result()
        if answer.status != _OK:
            return self._refused(404, f"not acknowledged: the library says {answer.status}")
        return Response(answer.body, media_type=answer.first_headers().get("content-type"))

    def _refused(self, status: int, why: str) -> Response:
        now = time.monotonic()
        if now - self._logged.get(why, -_SAME_S) >= _SAME_S:
            self._logged[why] = now
            log.warning("a request to %s was refused with %d: %s", PATH, status, why)
        return PlainTextResponse(why, status)


def _sent(request: Request, header: str) -> list[bytes]:
    """As often as it was sent."""
    return [value for name, value in request.scope["headers"] if name == header.encode()]


def _kind(headers: Headers) -> str:
    """The content type, where it is one of the two, and in the one encoding."""
    types = headers.getlist("content-type")
    kind, *options = (each.strip().lower() for each in types[0].split(";")) if len(types) == 1 else ("",)
    if kind not in (EVENT, FORM) or any(each.replace('"', "") != "charset=utf-8" for each in options):
        raise HTTPException(415, "a content type that Slack does not send")
    if "content-encoding" in headers:
        raise HTTPException(415, "an encoding that Slack does not use")
    return kind


async def _body(request: Request) -> bytes:
    """Never more of it than the cap, whatever it says of its length."""
    too_long = HTTPException(413, f"longer than {MOST} bytes")
    if int(request.headers.get("content-length", "0")) > MOST:  # the server took it for a number already
        raise too_long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST:
            raise too_long
    return bytes(body)


class _Protocol(H11Protocol):
    """
    A connection, with a time limit: the server has one between two requests only, and none within.

    Where there are too many, the one that has been waited for longest goes, so that slow ones keep nobody out.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        self.since = self.loop.time()
        self.loop.call_later(READ_S, self._late)
        if len(self.connections) > CONNECTIONS:
            waited = [each for each in self.connections if isinstance(each, _Protocol) and each.is_awaited()]
            min(waited, key=lambda each: each.since).transport.abort()

    def is_awaited(self) -> bool:
        return self.cycle is None or self.cycle.more_body  # type: ignore[redundant-expr]  # None until there are headers

    def _late(self) -> None:
        if self.is_awaited():
            self.transport.abort()
