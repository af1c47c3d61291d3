"""`conversations.*`: channels, and what was said in them."""

import base64
import binascii
from collections.abc import Sequence
from decimal import Decimal

from bot.demo.workspace.calls import Args, NotOk
from bot.demo.workspace.cast import BOT_USER, Channel, Json, conversation
from bot.demo.workspace.ids import is_stamp
from bot.demo.workspace.messages import Message
from bot.demo.workspace.state import Workspace

_MOST = 999
_PAGE = 100


def info(workspace: Workspace, args: Args) -> Json:
    channel = _seen(workspace, args, "read")
    told = conversation(channel)
    if args.flag("include_num_members"):
        told["num_members"] = len(channel.members)
    return {"channel": told}


def history(workspace: Workspace, args: Args) -> Json:
    """Newest first; what stands in threads only is not in it."""
    channel = _joined(workspace, args)
    found = [each for each in workspace.board.messages(channel.id) if each.in_channel and _within(each, args)]
    page, cursor = _page([each.ts for each in reversed(found)], args)
    by_ts = {each.ts: each for each in found}
    told = [_told(workspace, by_ts[ts], args) for ts in page]
    return {"messages": told, "has_more": bool(cursor), "pin_count": 0, **_next(cursor)}


def replies(workspace: Workspace, args: Args) -> Json:
    """A thread, its first message in front."""
    channel = _joined(workspace, args)
    ts = args.word("ts")
    if ts not in {each.ts for each in workspace.board.messages(channel.id)}:
        raise NotOk("thread_not_found")
    parent = workspace.board.message(channel.id, ts)
    under = [each for each in workspace.board.replies(channel.id, ts) if _within(each, args)]
    by_ts = {each.ts: each for each in (parent, *under)}
    page, cursor = _page(list(by_ts), args)
    told = [_told(workspace, by_ts[each], args) for each in page]
    return {"messages": told, "has_more": bool(cursor), **_next(cursor)}


def _seen(workspace: Workspace, args: Args, what: str) -> Channel:
    channel = workspace.board.channel(args.word("channel"))
    kind = "im" if channel.direct else "groups" if channel.private else "channels"
    if f"{kind}:{what}" not in workspace.scopes:
        raise NotOk("missing_scope", needed=f"{kind}:{what}", provided=",".join(sorted(workspace.scopes)))
    return channel


def _joined(workspace: Workspace, args: Args) -> Channel:
    channel = _seen(workspace, args, "history")
    if BOT_USER not in channel.members:
        raise NotOk("not_in_channel")
    return channel


def _within(message: Message, args: Args) -> bool:
    """Between `oldest` and `latest`, which themselves count only if asked for."""
    at = Decimal(message.ts)
    oldest, latest = _moment(args, "oldest", "0"), _moment(args, "latest", str(10**12))
    return oldest <= at <= latest if args.flag("inclusive") else oldest < at < latest


def _moment(args: Args, name: str, default: str) -> Decimal:
    word = args.word(name, default)
    if not is_stamp(word):
        raise NotOk(f"invalid_ts_{name}")
    return Decimal(word)


def _told(workspace: Workspace, message: Message, args: Args) -> Json:
    under = workspace.board.replies(message.channel, message.ts)
    return message.told(workspace.base, under, metadata=args.flag("include_all_metadata"))


def _page(names: Sequence[str], args: Args) -> tuple[list[str], str]:
    """So many of the names from the cursor on, and the cursor of the next. A cursor names the one it starts with."""
    limit = min(args.number("limit", _PAGE), _MOST)
    if limit < 1:
        raise NotOk("invalid_limit")
    start, cursor = 0, args.word("cursor", "")
    if cursor:
        try:
            start = names.index(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
        except (binascii.Error, ValueError):
            raise NotOk("invalid_cursor") from None
    rest = names[start + limit : start + limit + 1]
    return list(names[start : start + limit]), base64.b64encode(f"next:{rest[0]}".encode()).decode() if rest else ""


def _next(cursor: str) -> Json:
    return {"response_metadata": {"next_cursor": cursor}}
