"""What the app is sent when people act, shaped as docs.slack.dev/reference/interaction-payloads has it."""

from bot.demo.workspace import values
from bot.demo.workspace.cast import APP, BOT_USER, DOMAIN, ENTERPRISE, TEAM, Channel, Json, User, direct
from bot.demo.workspace.hooks import Hook
from bot.demo.workspace.ids import named
from bot.demo.workspace.messages import Message
from bot.demo.workspace.state import Workspace
from bot.demo.workspace.views import View

_TOKEN = "of-no-use"  # noqa: S105  # the verification token that Slack has given up, and still sends


def _team() -> Json:
    return {"id": TEAM, "domain": DOMAIN}


def _person(user: User) -> Json:
    """`team_id` is whose member it is; `team`, beside it in the payload, is where was clicked."""
    return {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team}


def _from(workspace: Workspace, kind: str, user: User) -> Json:
    return {
        "type": kind,
        "user": _person(user),
        "api_app_id": APP,
        "token": _TOKEN,
        "team": _team(),
        "enterprise": {"id": ENTERPRISE, "name": "Demo"} if user.role == "grid" else None,
        "is_enterprise_install": False,
        "trigger_id": workspace.triggers.issue(user.id),
    }


def command(workspace: Workspace, user: User, channel: Channel, name: str, text: str) -> Json:
    hook = workspace.hooks.issue(Hook(user=user.id, channel=channel.id))
    return {
        "token": _TOKEN,
        "team_id": TEAM,
        "team_domain": DOMAIN,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.direct else channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": name,
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": f"{workspace.base}/hook/{hook}",
        "trigger_id": workspace.triggers.issue(user.id),
    }


def message_action(workspace: Workspace, user: User, channel: Channel, message: Message, action: Json) -> Json:
    hook = workspace.hooks.issue(Hook(user=user.id, channel=channel.id, ts=message.ts))
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": bool(message.only),
    }
    if message.thread:
        container["thread_ts"] = message.thread
    replies = workspace.board.replies(channel.id, message.ts)
    return {
        **_from(workspace, "block_actions", user),
        "container": container,
        "channel": {"id": channel.id, "name": "directmessage" if channel.direct else channel.name},
        "message": message.told(workspace.base, replies),
        "state": {"values": values.initial(message.blocks)},
        "response_url": f"{workspace.base}/hook/{hook}",
        "actions": [action],
    }


def view_action(workspace: Workspace, user: User, view: View, action: Json) -> Json:
    """No channel and no response_url: a view stands nowhere."""
    return {
        **_from(workspace, "block_actions", user),
        "container": {"type": "view", "view_id": view.id},
        "view": view.told(),
        "state": {"values": view.values},
        "actions": [action],
    }


def submission(workspace: Workspace, user: User, view: View) -> Json:
    return {**_from(workspace, "view_submission", user), "view": view.told(), "response_urls": []}


def closing(workspace: Workspace, user: User, view: View) -> Json:
    told = {**_from(workspace, "view_closed", user), "view": view.told(), "is_cleared": False}
    del told["trigger_id"]
    return told


def home_opened(workspace: Workspace, user: User) -> Json:
    at = workspace.clock()
    event: Json = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": direct(user.id).id,
        "tab": "home",
        "event_ts": f"{at:.6f}",
    }
    view = workspace.views.home(user.id)
    if view is not None:
        event["view"] = view.told()
    seen_by = {"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True}
    return {
        "token": _TOKEN,
        "team_id": TEAM,
        "context_team_id": TEAM,
        "context_enterprise_id": None,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": named("Ev"),
        "event_time": int(at),
        "authorizations": [{**seen_by, "is_enterprise_install": False}],
        "is_ext_shared_channel": False,
        "event_context": named("4-"),
    }
