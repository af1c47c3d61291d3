"""Who and what the workspace holds when it starts: one team, its people and strangers, channels, and a user group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]

TEAM, DOMAIN = "T0DEMO", "demo"
OTHER_TEAM = "T0OTHER"
ENTERPRISE = "E0DEMO"
APP, BOT, BOT_USER, BOT_NAME = "A0DEMO", "B0BOT", "U0BOT", "terminating"

SISTER_TEAM = "T0SISTER"  # of the same Enterprise Grid

Role = Literal["on-call", "approver", "none", "guest", "multi", "robot", "outside", "stranger", "gone", "grid"]
PLAYED: frozenset[Role] = frozenset({"on-call", "approver", "none"})  # whom a person at the page acts as


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """
    `guest`: of one channel; `multi`: of several. `gone`: deactivated. `stranger`: shares no channel with the app.

    `grid`: a member whose id starts with W, as some do in an Enterprise Grid, and of two of its teams.
    """

    id: str
    name: str
    role: Role
    color: str
    team: str = TEAM

    @property
    def real_name(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    id: str
    name: str
    members: frozenset[str]
    private: bool = False
    archived: bool = False
    shared: bool = False  # with another organisation
    direct: bool = False  # the app and one person


USERS: Mapping[str, User] = {
    user.id: user
    for user in (
        User(id="U0ADA", name="ada", role="on-call", color="#7a4fbf"),
        User(id="U0BEN", name="ben", role="approver", color="#1f7a5c"),
        User(id="U0MALLORY", name="mallory", role="none", color="#b0582a"),
        User(id="U0GUEST", name="guest", role="guest", color="#6b7280"),
        User(id="U0OUTSIDE", name="outsider", role="outside", color="#6b7280", team=OTHER_TEAM),
        User(id="U0GONE", name="gone", role="gone", color="#6b7280"),
        User(id="W0GRID", name="grid", role="grid", color="#6b7280"),
    )
}

CHANNELS: tuple[Channel, ...] = (
    Channel(
        id="C0ONCALL",
        name="on-call",
        members=frozenset({"U0ADA", "U0BEN", "U0MALLORY", "U0GUEST", "W0GRID", BOT_USER}),
    ),
    Channel(id="C0SHARED", name="with-partners", members=frozenset({"U0OUTSIDE", "W0GRID", BOT_USER}), shared=True),
    Channel(id="C0ELSEWHERE", name="elsewhere", members=frozenset({"W0GRID"})),
    Channel(id="C0PRIVATE", name="private", members=frozenset({"W0GRID"}), private=True),
    Channel(id="C0OLD", name="old-incidents", members=frozenset({"U0ADA", BOT_USER}), archived=True),
)

GROUPS: Mapping[str, tuple[str, ...]] = {"S0SRE": ("U0ADA", "U0BEN")}


def direct(user: str) -> Channel:
    """The app's own conversation with one person."""
    return Channel(id=f"D{user[1:]}", name=user, members=frozenset({user, BOT_USER}), direct=True)


def account(user: User, *, email: bool) -> Json:
    """A user as `users.info` has them. `is_stranger` is absent: whoever shares a channel with the app is none."""
    profile = {"real_name": user.real_name, "display_name": user.name, "team": user.team}
    if email and user.team == TEAM:
        profile["email"] = f"{user.name}@demo.example"
    told: Json = {
        "id": user.id,
        "team_id": user.team,
        "name": user.name,
        "deleted": user.role == "gone",
        "color": user.color.removeprefix("#"),
        "real_name": user.real_name,
        "tz": "Europe/Amsterdam",
        "tz_label": "Central European Time",
        "tz_offset": 3600,
        "profile": profile,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": user.role in ("guest", "multi"),
        "is_ultra_restricted": user.role == "guest",
        "is_bot": user.role == "robot",
        "is_app_user": False,
        "updated": 1_700_000_000,
    }
    if user.role == "stranger":
        told["is_stranger"] = True
    if user.role == "grid":
        told["enterprise_user"] = {"id": user.id, "enterprise_id": ENTERPRISE, "teams": [TEAM, SISTER_TEAM]}
    return told


def bot_account() -> Json:
    told = account(User(id=BOT_USER, name=BOT_NAME, role="none", color="#334155"), email=False)
    return {**told, "is_bot": True, "profile": {**told["profile"], "api_app_id": APP, "bot_id": BOT}}


def shown(user: User) -> Json:
    """A user as the page has them."""
    return {
        "id": user.id,
        "name": user.real_name,
        "real_name": user.real_name,
        "role": user.role,
        "color": user.color,
    }


def conversation(channel: Channel) -> Json:
    """A channel as `conversations.info` has it."""
    if channel.direct:
        user = next(iter(channel.members - {BOT_USER}))
        return {"id": channel.id, "is_im": True, "is_channel": False, "user": user, "is_archived": False}
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.private,
        "is_group": channel.private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_general": False,
        "is_shared": channel.shared,
        "is_org_shared": False,
        "is_ext_shared": channel.shared,
        "is_member": BOT_USER in channel.members,
        "context_team_id": TEAM,
        "created": 1_700_000_000,
        "creator": "U0ADA",
        "shared_team_ids": [TEAM, OTHER_TEAM] if channel.shared else [TEAM],
    }
