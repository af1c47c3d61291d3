"""`users.*` and `usergroups.*`."""

from bot.demo.workspace.calls import Args, NotOk
from bot.demo.workspace.cast import BOT_USER, GROUPS, TEAM, Json, account, bot_account
from bot.demo.workspace.state import Workspace


def info(workspace: Workspace, args: Args) -> Json:
    user_id = args.word("user")
    if user_id == BOT_USER:
        return {"user": bot_account()}
    user = workspace.users.get(user_id)
    if user is None:
        raise NotOk("user_not_found")
    return {"user": account(user, email="users:read.email" in workspace.scopes)}


def listed(workspace: Workspace, args: Args) -> Json:
    """Those of this team: who comes from another is not among them."""
    del args
    email = "users:read.email" in workspace.scopes
    members = [account(each, email=email) for each in workspace.users.values() if each.team == TEAM]
    return {
        "members": [*members, bot_account()],
        "cache_ts": int(workspace.clock()),
        "response_metadata": {"next_cursor": ""},
    }


def group(workspace: Workspace, args: Args) -> Json:
    del workspace
    users = GROUPS.get(args.word("usergroup"))
    if users is None:
        raise NotOk("no_such_subteam")
    return {"users": list(users)}
