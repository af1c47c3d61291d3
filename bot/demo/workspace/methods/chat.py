"""`chat.*`: what the app posts, changes, takes back, and says to one person only."""

from dataclasses import replace

from bot.demo.workspace.calls import Args, NotOk
from bot.demo.workspace.cast import BOT_USER, Channel, Json
from bot.demo.workspace.drafts import draft, metadata, too_long_for_update
from bot.demo.workspace.messages import Message
from bot.demo.workspace.state import Workspace


def post(workspace: Workspace, args: Args) -> Json:
    said = draft(args)
    channel = writable(workspace, args.word("channel"))
    made = workspace.board.post(
        Message(
            channel=channel.id,
            user=BOT_USER,
            text=said.text or "",
            blocks=said.blocks or (),
            thread=args.word("thread_ts", ""),
            broadcast=args.flag("reply_broadcast") and "thread_ts" in args,
            metadata=metadata(args) or None,
        )
    )
    told = made.told(workspace.base, metadata=True)
    return {"channel": channel.id, "ts": made.ts, "message": told, **said.warnings}


def update(workspace: Workspace, args: Args) -> Json:
    """Text without blocks takes the blocks away, and people are shown that the message was edited."""
    channel = workspace.board.channel(args.word("channel"))
    message = workspace.board.message(channel.id, args.word("ts"))
    if not message.ours:
        raise NotOk("cant_update_message")
    if channel.archived:
        raise NotOk("is_inactive")
    said = draft(args)
    if said.text is not None and too_long_for_update(said.text):
        raise NotOk("msg_too_long")
    data = metadata(args)
    changed = replace(
        message,
        text=message.text if said.text is None else said.text,
        blocks=said.blocks or (),
        metadata=message.metadata if data is None else data or None,
    )
    made = workspace.board.change(changed, shown_as_edited=not said.blocks)
    told = made.told(workspace.base, workspace.board.replies(channel.id, made.ts), metadata=True)
    return {"channel": channel.id, "ts": made.ts, "text": made.text, "message": told, **said.warnings}


def delete(workspace: Workspace, args: Args) -> Json:
    channel = workspace.board.channel(args.word("channel"))
    message = workspace.board.message(channel.id, args.word("ts"))
    if not message.ours:
        raise NotOk("cant_delete_message")
    workspace.board.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def whisper(workspace: Workspace, args: Args) -> Json:
    said = draft(args)
    channel = writable(workspace, args.word("channel"))
    user = args.word("user")
    found = workspace.users.get(user)
    if user not in channel.members or found is None or found.role == "gone":
        raise NotOk("user_not_in_channel")
    made = workspace.board.whisper(
        Message(
            channel=channel.id,
            user=BOT_USER,
            text=said.text or "",
            blocks=said.blocks or (),
            thread=args.word("thread_ts", ""),
            only=user,
        )
    )
    return {"message_ts": made.ts, **said.warnings}


def writable(workspace: Workspace, channel_id: str) -> Channel:
    """A channel that the app may write in; a user's id is its conversation with the app."""
    user = workspace.users.get(channel_id)
    if user is not None:
        return workspace.board.direct(user.id)
    channel = workspace.board.channel(channel_id)
    if channel.archived:
        raise NotOk("is_archived")
    if BOT_USER not in channel.members and ("chat:write.public" not in workspace.scopes or channel.private):
        raise NotOk("not_in_channel")
    return channel
