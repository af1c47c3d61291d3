"""The workspace towards the app: the Web API, Socket Mode, response URLs and files, as Slack speaks them."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.demo.workspace.calls import parsed
from bot.demo.workspace.methods import Cut, answer
from bot.demo.workspace.replies import use_hook
from bot.demo.workspace.sockets import Line
from bot.demo.workspace.state import Workspace

_AT_ONCE = struct.pack("ii", 1, 0)  # linger: on, for no time; the peer gets a reset


def routes(workspace: Workspace) -> list[BaseRoute]:
    return [
        Route("/api/{method}", partial(_call, workspace), methods=["GET", "POST"]),
        Route("/hook/{hook}", partial(_hook, workspace), methods=["POST"]),
        Route("/upload/{place}", partial(_upload, workspace), methods=["POST"]),
        Route("/files/{file}", partial(_file, workspace)),
        WebSocketRoute("/socket/{ticket}", partial(_connected, workspace)),
    ]


async def _call(workspace: Workspace, request: Request) -> Response:
    given = await _arguments(request)
    if given is None:
        return JSONResponse({"ok": False, "error": "invalid_json"})
    token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    answered = answer(workspace, request.path_params["method"], token or str(given.pop("token", "")), given)
    if isinstance(answered, Cut):
        return await _broken_off(request)
    return JSONResponse(answered.body, answered.status, dict(answered.headers))


async def _hook(workspace: Workspace, request: Request) -> Response:
    if workspace.is_down:
        return await _broken_off(request)
    try:
        payload = parsed(await request.body())
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        return PlainTextResponse("invalid_payload", 400)
    status, text = use_hook(workspace, request.path_params["hook"], payload)
    return PlainTextResponse(text, status)


async def _upload(workspace: Workspace, request: Request) -> Response:
    if workspace.is_down:
        return await _broken_off(request)
    raw = await request.body()
    with workspace.lock:
        why_not = workspace.files.receive(request.path_params["place"], raw)
    return PlainTextResponse(why_not or f"OK - {len(raw)}", 400 if why_not else 200)


async def _file(workspace: Workspace, request: Request) -> Response:
    with workspace.lock:
        found = workspace.files.find(request.path_params["file"])
    if found is None:
        return PlainTextResponse("file_not_found", 404)
    # What was uploaded is read as text and never run, whatever it says it is.
    headers = {"Content-Security-Policy": "sandbox; default-src 'none'"}
    return Response(found.raw, media_type="text/plain; charset=utf-8", headers=headers)


async def _arguments(request: Request) -> dict[str, Any] | None:
    """Of the query and the body, a form or JSON; None where it says JSON and is none."""
    given: dict[str, Any] = dict(request.query_params)
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            told = parsed(body or b"{}")
        except ValueError:
            return None
        # Slack takes no token out of JSON.
        return (
            given | {name: value for name, value in told.items() if name != "token"} if isinstance(told, dict) else None
        )
    return given | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


async def _broken_off(connection: HTTPConnection) -> Response:
    """The peer hears nothing more. What is returned reaches nobody."""
    _cut(connection.scope)
    await asyncio.sleep(0)
    return Response()


def _cut(scope: Mapping[str, Any]) -> None:
    transport: asyncio.Transport = scope["state"]["transport"]
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


async def _connected(workspace: Workspace, websocket: WebSocket) -> None:
    """One of the app's sockets, from its ticket to its end."""
    with workspace.lock:
        admitted = not workspace.is_down and workspace.sockets.admits(websocket.path_params["ticket"])
    if not admitted:
        await websocket.close()
        return
    await websocket.accept()
    frames: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def put(frame: str | None) -> None:
        loop.call_soon_threadsafe(frames.put_nowait, frame)

    def cut() -> None:
        loop.call_soon_threadsafe(_cut, websocket.scope)

    line = Line(send=put, close=partial(put, None), cut=cut)
    with workspace.lock:
        workspace.sockets.connect(line)
    writing = asyncio.create_task(_written(websocket, frames))
    try:
        async for text in _read(websocket):
            with workspace.lock:
                workspace.sockets.heard(text)
    finally:
        writing.cancel()
        with workspace.lock:
            workspace.sockets.gone(line)


async def _read(websocket: WebSocket) -> AsyncIterator[str]:
    """Until it is gone, or sends what is no text."""
    with suppress(WebSocketDisconnect, KeyError, RuntimeError):
        while True:
            yield await websocket.receive_text()


async def _written(websocket: WebSocket, frames: "asyncio.Queue[str | None]") -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while (frame := await frames.get()) is not None:
            await websocket.send_text(frame)
        await websocket.close()
