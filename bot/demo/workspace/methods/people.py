"""`users.*` and `usergroups.*`."""

from bot.demo.workspace.calls import Args, NotOk
from bot.demo.workspace.cast import BOT_USER, Json, account, bot_account
from bot.demo.workspace.state import Workspace


def info(workspace: Workspace, args: Args) -> Json:
    user_id = args.word("user")
    if user_id == BOT_USER:
        return {"user": bot_account()}
    user = workspace.users.get(user_id)
    if user is None:
        raise NotOk("user_not_found")
    return {"user": account(user, email="users:read.email" in workspace.scopes)}


def group(workspace: Workspace, args: Args) -> Json:
    if workspace.is_free:
        raise NotOk("plan_upgrade_required")
    users = workspace.groups.get(args.word("usergroup"))
    if users is None:
        raise NotOk("no_such_subteam")
    return {"users": list(users)}
