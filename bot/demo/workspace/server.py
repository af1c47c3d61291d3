"""The workspace on the wire, on this machine only."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.demo.workspace import page, wire
from bot.demo.workspace.files import MOST_FILE_BYTES
from bot.demo.workspace.state import Workspace

_HOST = "127.0.0.1"
_TICK_S = 0.05
_PATIENCE_S = 2  # for what is under way when it ends
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_MOST_BYTES: Mapping[str, int] = {"upload": MOST_FILE_BYTES, "page": 200_000}  # of a body, by the path's first word
_MOST_OTHER = 1_000_000  # of any other body, and of a socket's frame


@contextmanager
def serve(workspace: Workspace, port: int = 0, folder: Path | None = None) -> Iterator[str]:
    """
    Its address, as long as it is entered; port 0 lets the kernel choose. `folder`: the page's static files.

    Raises OSError where the port is taken.
    """
    with socket.create_server((_HOST, port)) as listening:
        workspace.base = f"http://{_HOST}:{listening.getsockname()[1]}"
        life = _Life(workspace)
        server = _Server(_config(_app(workspace, folder, life)), life)
        thread = threading.Thread(target=server.run, args=([listening],), name="workspace", daemon=True)
        thread.start()
        try:
            yield workspace.base
        finally:
            life.end()
            thread.join()


class _Life:
    """What goes on beside the requests: the clock's ticks, until the end, which streams wait for."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._begun = threading.Event()
        self.closing = asyncio.Event()

    @asynccontextmanager
    async def __call__(self, app: Starlette) -> AsyncIterator[None]:
        del app
        self._loop = asyncio.get_running_loop()
        self._begun.set()
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()

    def end(self) -> None:
        self._begun.wait()
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self.closing.set)

    async def _tick(self) -> None:
        while True:
            self._workspace.tick()
            await asyncio.sleep(_TICK_S)


def _app(workspace: Workspace, folder: Path | None, life: _Life) -> ASGIApp:
    routes: list[BaseRoute] = [*wire.routes(workspace), *page.routes(workspace, life.closing)]
    if folder is not None:
        routes.append(Mount("/", StaticFiles(directory=folder, html=True)))
    return _Guard(Starlette(routes=routes, lifespan=life), workspace)


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=_Protocol,
        ws="websockets-sansio",
        ws_max_size=_MOST_OTHER,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )


class _Server(uvicorn.Server):
    """Ends when its life does, and not at the next look at a flag."""

    def __init__(self, config: uvicorn.Config, life: _Life) -> None:
        super().__init__(config)
        self._life = life

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._life.closing.wait()


class _Protocol(H11Protocol):
    """Lets the app reach its own transport, to break a connection off."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Guard:
    """
    Keeps other pages' scripts away: they know neither the right Host nor have the right Origin.

    A name that somebody else's DNS points at this machine is not the one served. Nothing foreign runs on what is
    answered, and a body that is sent has an end.
    """

    def __init__(self, app: ASGIApp, workspace: Workspace) -> None:
        self._app = app
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif not self._may(Headers(scope=scope)):
            refused = PlainTextResponse("forbidden", 403) if scope["type"] == "http" else WebSocketClose()
            await refused(scope, receive, send)
        else:
            most = _MOST_BYTES.get(scope["path"].split("/")[1], _MOST_OTHER)
            await self._app(scope, _capped(receive, most), _guarded(send))

    def _may(self, headers: Headers) -> bool:
        base = self._workspace.base
        # Slack's library asks for a socket without naming the port.
        return headers.get("host") in (base.removeprefix("http://"), _HOST) and headers.get("origin", base) == base


def _capped(receive: Receive, most: int) -> Receive:
    left = most

    async def received() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return received


def _guarded(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
