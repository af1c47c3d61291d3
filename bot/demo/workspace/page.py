"""The page's side of the workspace: what it shows, what people do on it, and the news as they come."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.demo.workspace import acts, cast
from bot.demo.workspace.calls import NotOk, parsed
from bot.demo.workspace.cast import Json
from bot.demo.workspace.state import Workspace

_NUMBER = re.compile(r"[0-9]{1,18}")  # of news
_ALIVE_S = 15.0  # after which an idle stream says that it is there


def state(workspace: Workspace, user_id: str) -> Json:
    """All that one person sees. Without a name, the first of those who can be played."""
    with workspace.lock:
        me = workspace.user(user_id or next(iter(workspace.users)))
        # Slack shows the app's own messages to a person in its sidebar once there are any
        channels = [each for each in workspace.board.of(me.id) if not each.direct or workspace.board.messages(each.id)]
        home, view = workspace.views.home(me.id), workspace.views.top(me.id)
        replies = workspace.board.replies
        stage = workspace.stage
        return {
            "team": {"id": cast.TEAM, "name": "Demo", "domain": cast.DOMAIN},
            "me": cast.shown(me),
            "users": [cast.shown(each) for each in workspace.users.values()],
            "channels": [{"id": each.id, "name": cast.BOT_NAME if each.direct else each.name} for each in channels],
            "messages": {
                each.id: [told.shown(len(replies(each.id, told.ts))) for told in workspace.board.messages(each.id)]
                for each in channels
            },
            "ephemeral": {
                each.id: [told.shown() for told in workspace.board.whispers(each.id, me.id)] for each in channels
            },
            "home": home.told() if home else None,
            "view": view.told() if view else None,
            "commands": [
                {"command": each.name, "description": each.description, "usage_hint": each.usage_hint}
                for each in stage.commands
            ],
            "stories": [
                {"id": each.id, "title": each.title, "about": each.about, "after": each.after} for each in stage.stories
            ],
            "seq": workspace.news.seq,
        }


def routes(workspace: Workspace, closing: asyncio.Event) -> list[Route]:
    """`closing`: when set, the streams end."""

    async def show(request: Request) -> Response:
        try:
            return JSONResponse(state(workspace, request.query_params.get("user", "")))
        except NotOk as refused:
            return JSONResponse(refused.told, 404)

    async def events(request: Request) -> Response:
        user, after = request.query_params.get("user", ""), request.query_params.get("after", "0")
        # A browser that lost its stream says itself what it had last.
        last = request.headers.get("last-event-id", after)
        if user not in workspace.users or not _NUMBER.fullmatch(last):
            return JSONResponse({"ok": False, "error": "user_not_found"}, 404)
        stream = _stream(workspace, user, int(last), closing)
        return StreamingResponse(stream, media_type="text/event-stream")

    async def act(request: Request) -> Response:
        does = _ACTS.get(request.path_params["act"])
        if does is None:
            return JSONResponse({"ok": False, "error": "not_found"}, 404)
        return await _answered(request, partial(does, workspace))

    async def suggest(request: Request) -> Response:
        found = await asyncio.to_thread(workspace.stage.suggest, request.query_params.get("text", ""))
        return JSONResponse({"suggestions": [{"text": each.text, "about": each.about} for each in found]})

    return [
        Route("/page/state", show),
        Route("/page/events", events),
        Route("/page/suggest", suggest),
        Route("/page/{act}", act, methods=["POST"]),
    ]


async def _answered(request: Request, does: Callable[[Json], Awaitable[Json]]) -> Response:
    """Only JSON is heard: a form of another page's could be sent without a question, JSON cannot."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return JSONResponse({"ok": False, "error": "json_only"}, 415)
    try:
        given = parsed(await request.body())
    except ValueError:
        given = None
    if not isinstance(given, dict):
        return JSONResponse({"ok": False, "error": "invalid_request"}, 400)
    try:
        return JSONResponse(await does(given))
    except NotOk as refused:
        return JSONResponse(refused.told)


def _at_once(does: Callable[[Workspace, Mapping[str, Any]], None]) -> "Act":
    async def done(workspace: Workspace, given: Json) -> Json:
        with workspace.lock:
            does(workspace, given)
        return {"ok": True}

    return done


async def _submitted(workspace: Workspace, given: Json) -> Json:
    with workspace.lock:
        answer = acts.submit(workspace, given)
    return await asyncio.wrap_future(answer)


async def _told(workspace: Workspace, given: Json) -> Json:
    """The story plays on; nobody waits for its end."""
    name = given.get("story")
    if not any(each.id == name for each in workspace.stage.stories):
        raise NotOk("no_such_story")
    threading.Thread(target=workspace.stage.tell, args=(name,), name=f"story {name}", daemon=True).start()
    return {"ok": True}


Act = Callable[[Workspace, Json], Awaitable[Json]]
_ACTS: Mapping[str, Act] = {
    "command": _at_once(acts.command),
    "click": _at_once(acts.click),
    "close": _at_once(acts.close),
    "home": _at_once(acts.home),
    "submit": _submitted,
    "story": _told,
}


async def _stream(workspace: Workspace, user: str, after: int, closing: asyncio.Event) -> AsyncIterator[str]:
    news, loop = asyncio.Event(), asyncio.get_running_loop()

    def wake() -> None:
        loop.call_soon_threadsafe(news.set)

    stop = workspace.listen(wake)
    over = asyncio.create_task(closing.wait())
    try:
        yield ": here\n\n"
        while not closing.is_set():
            news.clear()
            with workspace.lock:
                fresh = workspace.news.after(after, user)
            for each in fresh:
                after = each["seq"]
                yield f"id: {after}\ndata: {json.dumps(each)}\n\n"
            if not fresh:
                woken = asyncio.create_task(news.wait())
                try:
                    done, _ = await asyncio.wait({woken, over}, timeout=_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
                finally:  # a visitor who goes away ends it here
                    woken.cancel()
                if woken not in done:
                    yield ": here\n\n"
    finally:
        over.cancel()
        stop()
