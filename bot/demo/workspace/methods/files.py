"""`files.*`: an upload in three steps."""

from bot.demo.workspace.calls import Args, NotOk
from bot.demo.workspace.cast import BOT_USER, Json
from bot.demo.workspace.messages import Message
from bot.demo.workspace.methods.chat import writable
from bot.demo.workspace.state import Workspace


def announce(workspace: Workspace, args: Args) -> Json:
    file_id, place = workspace.files.announce(args.word("filename"), args.number("length", 0))
    return {"file_id": file_id, "upload_url": f"{workspace.base}/upload/{place}"}


def complete(workspace: Workspace, args: Args) -> Json:
    """Without a channel the files stay the app's own."""
    asked = args.tree("files", "invalid_arguments")
    if not isinstance(asked, list) or not asked or not all(isinstance(each, dict) for each in asked):
        raise NotOk("invalid_arguments", "[ERROR] must provide an array [json-pointer:/files]")
    channel = writable(workspace, args.word("channel_id")) if "channel_id" in args else None
    if channel is not None and "thread_ts" in args:
        workspace.board.must_be_thread(channel.id, args.word("thread_ts"))
    whole = workspace.files.complete({str(each.get("id")): str(each.get("title") or "") for each in asked})
    if channel is not None:
        workspace.board.post(
            Message(
                channel=channel.id,
                user=BOT_USER,
                text=args.word("initial_comment", ""),
                thread=args.word("thread_ts", ""),
                files=whole,
            )
        )
    return {"files": [each.told(workspace.base) for each in whole]}
