"""The Web API: what a call has to pass before it is carried out, and how it is answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bot.demo.workspace.calls import Args, NotOk
from bot.demo.workspace.cast import APP, BOT, BOT_NAME, BOT_USER, TEAM, Json
from bot.demo.workspace.faults import Limited, ResetAfterCommit, Says, ServerError
from bot.demo.workspace.methods import chat, conversations, files, people, views
from bot.demo.workspace.rates import POSTING, TIER_1, TIER_2, TIER_3, TIER_4, Tier
from bot.demo.workspace.state import Workspace

Run = Callable[[Workspace, Args], Json]


@dataclass(frozen=True, slots=True)
class Method:
    """`scopes`: one of them is enough; none asks for none. `takes`: which of the two tokens."""

    run: Run
    tier: Tier
    scopes: tuple[str, ...] = ()
    takes: Literal["bot", "app"] = "bot"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Json
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cut:
    """No answer: the connection breaks."""


def auth_test(workspace: Workspace, args: Args) -> Json:
    del args
    return {
        "url": f"{workspace.base}/",
        "team": "Demo",
        "user": BOT_NAME,
        "team_id": TEAM,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "is_enterprise_install": False,
    }


def open_connection(workspace: Workspace, args: Args) -> Json:
    del args
    address = workspace.base.replace("http://", "ws://", 1)
    return {"url": f"{address}/socket/{workspace.sockets.ticket()}?app_id={APP}"}


_READ = ("channels:read", "groups:read", "im:read")
_HISTORY = ("channels:history", "groups:history", "im:history")
METHODS: Mapping[str, Method] = {
    "auth.test": Method(auth_test, TIER_4),
    "apps.connections.open": Method(open_connection, TIER_1, takes="app"),
    "chat.postMessage": Method(chat.post, POSTING, ("chat:write",)),
    "chat.update": Method(chat.update, TIER_3, ("chat:write",)),
    "chat.delete": Method(chat.delete, TIER_3, ("chat:write",)),
    "chat.postEphemeral": Method(chat.whisper, TIER_4, ("chat:write",)),
    "conversations.info": Method(conversations.info, TIER_3, _READ),
    "conversations.history": Method(conversations.history, TIER_3, _HISTORY),
    "conversations.replies": Method(conversations.replies, TIER_3, _HISTORY),
    "users.info": Method(people.info, TIER_4, ("users:read",)),
    "usergroups.users.list": Method(people.group, TIER_2, ("usergroups:read",)),
    "views.open": Method(views.opened, TIER_4),
    "views.update": Method(views.update, TIER_4),
    "views.push": Method(views.push, TIER_4),
    "views.publish": Method(views.publish, TIER_4),
    "files.getUploadURLExternal": Method(files.announce, TIER_4, ("files:write",)),
    "files.completeUploadExternal": Method(files.complete, TIER_4, ("files:write",)),
}


def answer(workspace: Workspace, name: str, token: str, given: Mapping[str, Any]) -> Answer | Cut:
    """One call, from its faults to its result."""
    with workspace.lock:
        workspace.asked[name] += 1
        if workspace.is_down:
            return Cut()
        fault = workspace.faults.take(name)
        match fault:
            case Limited(seconds=seconds):
                return _limited(seconds)
            case ServerError():
                return Answer(500, {"ok": False, "error": "internal_error"}, {})
            case Says(error=error):
                return Answer(200, NotOk(error).told, {})
            case ResetAfterCommit() | None:
                answered = _answer(workspace, name, token, Args(given))
                return Cut() if fault else answered


def _answer(workspace: Workspace, name: str, token: str, args: Args) -> Answer:
    try:
        method = _known(name)
        _authorise(workspace, method, token)
        # Posting has a limit for each channel, all else one for each method.
        key = f"{name} {args.word('channel', '')}" if method.tier == POSTING else name
        if wait_s := workspace.rates.wait_s(key, method.tier):
            return _limited(wait_s)
        body = {"ok": True, **method.run(workspace, args)}
    except NotOk as refused:
        body = refused.told
    return Answer(200, body, {"X-OAuth-Scopes": ",".join(sorted(workspace.scopes))})


def _known(name: str) -> Method:
    if name not in METHODS:
        raise NotOk("unknown_method", req_method=name)
    return METHODS[name]


def _authorise(workspace: Workspace, method: Method, token: str) -> None:
    if not token:
        raise NotOk("not_authed")
    known = {workspace.bot_token: "bot", workspace.app_token: "app"}
    if token not in known:
        raise NotOk("invalid_auth")
    if workspace.is_revoked:
        raise NotOk("token_revoked")
    if known[token] != method.takes:
        raise NotOk("not_allowed_token_type")
    if method.scopes and not workspace.scopes.intersection(method.scopes):
        raise NotOk("missing_scope", needed=method.scopes[0], provided=",".join(sorted(workspace.scopes)))


def _limited(seconds: int) -> Answer:
    return Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)})
