"""`views.*`: windows for the person who just acted, and everybody's App Home."""

from bot.demo.workspace.calls import Args, NotOk
from bot.demo.workspace.cast import Json
from bot.demo.workspace.state import Workspace
from bot.demo.workspace.views import checked


def opened(workspace: Workspace, args: Args) -> Json:
    body = checked(args.tree("view", "invalid_arguments"), "modal")
    user = workspace.triggers.exchange(args.word("trigger_id"))
    return {"view": workspace.views.open(user, body).told()}


def push(workspace: Workspace, args: Args) -> Json:
    body = checked(args.tree("view", "invalid_arguments"), "modal")
    user = workspace.triggers.exchange(args.word("trigger_id"))
    return {"view": workspace.views.push(user, body).told()}


def update(workspace: Workspace, args: Args) -> Json:
    view = workspace.views.find(args.word("view_id", ""), args.word("external_id", ""))
    body = checked(args.tree("view", "invalid_arguments"), "home" if view.body["type"] == "home" else "modal")
    return {"view": workspace.views.update(view, body, args.word("hash", "")).told()}


def publish(workspace: Workspace, args: Args) -> Json:
    user = workspace.users.get(args.word("user_id"))
    if user is None or user.role in ("gone", "outside", "stranger"):
        raise NotOk("invalid_arguments", "[ERROR] invalid user_id")
    body = checked(args.tree("view", "invalid_arguments"), "home")
    return {"view": workspace.views.publish(user.id, body, args.word("hash", "")).told()}
