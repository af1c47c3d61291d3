"""What the app answers to a command or a click: to the one who acted, to all, or in the place of what was clicked."""

from dataclasses import replace

from bot.demo.workspace.calls import Args, NotOk
from bot.demo.workspace.cast import BOT_USER, Json
from bot.demo.workspace.drafts import draft
from bot.demo.workspace.hooks import Hook
from bot.demo.workspace.messages import Message
from bot.demo.workspace.state import Workspace


def use_hook(workspace: Workspace, hook_id: str, payload: Json) -> tuple[int, str]:
    """A response URL: the HTTP status and the text that answer it."""
    with workspace.lock:
        hook = workspace.hooks.use(hook_id)
        if isinstance(hook, str):
            return 404, hook
        try:
            respond(workspace, hook, payload)
        except NotOk as refused:
            return 400, refused.error
        return 200, "ok"


def respond(workspace: Workspace, hook: Hook, payload: Json, *, typed: str = "") -> None:
    """`typed`: the command's line, which all see beside an answer that all see."""
    args = Args(payload)
    original = _original(workspace, hook)
    if args.flag("delete_original"):
        if original is None:
            raise NotOk("message_not_found")
        workspace.board.delete(original)
        return
    said = draft(args)
    text, blocks = said.text or "", said.blocks or ()
    if args.flag("replace_original") and original is not None:
        changed = replace(original, text=text, blocks=blocks)
        if original.only:
            workspace.board.whisper(changed)
        else:
            workspace.board.change(changed, shown_as_edited=not blocks)
        return
    fresh = Message(channel=hook.channel, user=BOT_USER, text=text, blocks=blocks, thread=args.word("thread_ts", ""))
    if args.word("response_type", "ephemeral") != "in_channel":
        workspace.board.whisper(replace(fresh, only=hook.user))
        return
    if typed:
        workspace.board.post(Message(channel=hook.channel, user=hook.user, text=typed))
    workspace.board.post(fresh)


def _original(workspace: Workspace, hook: Hook) -> Message | None:
    if not hook.ts:
        return None
    try:
        return workspace.board.visible(hook.channel, hook.ts, hook.user)
    except NotOk:
        return None
