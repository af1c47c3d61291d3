"""Modals and App Homes: what Slack takes for one, and those that are open, three deep at most for each person."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.demo.workspace import values
from bot.demo.workspace.blocks import Surface, faults, settled
from bot.demo.workspace.calls import NotOk
from bot.demo.workspace.cast import APP, BOT, TEAM, Json
from bot.demo.workspace.ids import named, secret
from bot.demo.workspace.news import News
from bot.demo.workspace.shapes import Check, complaint, flag, plain, shape, word

_DEEPEST = 3  # docs.slack.dev/surfaces/modals: a root and two pushed
_MOST_BYTES = 250_000  # docs.slack.dev/reference/methods/views.open: view_too_large
_ANY: Check = lambda _value, _path: iter(())  # noqa: E731  # the blocks are looked at by themselves
_KEPT: Mapping[str, Check] = {"private_metadata": word(3_000), "callback_id": word(255), "external_id": word(255)}
_SHAPES: Mapping[Literal["modal", "home"], Check] = {
    "modal": shape(
        {"title": plain(24), "blocks": _ANY},
        {**_KEPT, "submit": plain(24), "close": plain(24), "clear_on_close": flag, "notify_on_close": flag},
    ),
    "home": shape({"blocks": _ANY}, _KEPT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """`body` as the app gave it, with ids for all that acts; `values` as people left it."""

    id: str
    user: str
    body: Json
    root: str
    previous: str = ""
    values: Json = field(default_factory=dict)
    hash: str

    @property
    def blocks(self) -> list[Json]:
        return list(self.body["blocks"])

    def told(self) -> Json:
        """As Slack has it, towards the app and the page."""
        body = {"private_metadata": "", "callback_id": "", "external_id": "", **self.body}
        if self.body["type"] == "modal":
            body = {"clear_on_close": False, "notify_on_close": False, "submit": None, "close": None, **body}
        return {
            **body,
            "id": self.id,
            "team_id": TEAM,
            "app_id": APP,
            "app_installed_team_id": TEAM,
            "bot_id": BOT,
            "hash": self.hash,
            "root_view_id": self.root,
            "previous_view_id": self.previous or None,
            "state": {"values": self.values},
        }


def checked(given: object, kind: Literal["modal", "home"]) -> Json:
    """The view with ids for all that acts, or a refusal that names each place."""
    if not isinstance(given, dict):
        raise NotOk("invalid_arguments", complaint("must provide an object", "/view"))
    if given.get("type") != kind:
        raise NotOk("invalid_arguments", complaint(f"unsupported type: {given.get('type')}", "/view/type"))
    if len(json.dumps(given).encode()) > _MOST_BYTES:
        raise NotOk("view_too_large")
    wrong = list(_SHAPES[kind](given, "/view")) or _wrong_blocks(given, kind)
    if wrong:
        raise NotOk("invalid_arguments", *wrong)
    return {**given, "blocks": list(settled(given["blocks"]))}


def _wrong_blocks(given: Json, kind: Surface) -> list[str]:
    found = list(faults(given["blocks"], kind, "/view/blocks"))
    if not found and kind == "modal" and "submit" not in given:
        found = [
            complaint("missing required field: submit", "/view") for each in given["blocks"] if each["type"] == "input"
        ][:1]
    return found


class Views:
    """What is open, by person. Every change is news to that person alone."""

    def __init__(self, news: News) -> None:
        self._news = news
        self._stacks: dict[str, list[View]] = {}
        self._homes: dict[str, View] = {}

    def top(self, user: str) -> View | None:
        return next(reversed(self._stacks.get(user, [])), None)

    def home(self, user: str) -> View | None:
        return self._homes.get(user)

    def find(self, view_id: str = "", external_id: str = "") -> View:
        for view in (*self._homes.values(), *(each for stack in self._stacks.values() for each in stack)):
            if view.id == view_id or (external_id and view.body.get("external_id") == external_id):
                return view
        raise NotOk("not_found")

    def open(self, user: str, body: Json) -> View:
        """As the only one this person has open."""
        self._free(body)
        made = named("V")
        view = View(id=made, user=user, body=body, root=made, values=values.initial(body["blocks"]), hash=secret())
        self._stacks[user] = [view]
        self._news.tell("view_opened", (user,), view=view.told())
        return view

    def push(self, user: str, body: Json) -> View:
        stack = self._stacks.get(user, [])
        if not stack:
            raise NotOk("not_found")
        if len(stack) >= _DEEPEST:
            raise NotOk("push_limit_reached")
        self._free(body)
        view = View(
            id=named("V"),
            user=user,
            body=body,
            root=stack[0].id,
            previous=stack[-1].id,
            values=values.initial(body["blocks"]),
            hash=secret(),
        )
        stack.append(view)
        self._news.tell("view_opened", (user,), view=view.told())
        return view

    def update(self, view: View, body: Json, known_hash: str = "") -> View:
        """Fields that stay keep what was filled in. With a hash, only if nobody changed it since."""
        if known_hash and known_hash != view.hash:
            raise NotOk("hash_conflict")
        if body.get("external_id") != view.body.get("external_id"):
            self._free(body)
        return self.put(replace(view, body=body, values=values.carried(view.values, body["blocks"]), hash=secret()))

    def put(self, view: View, *, quietly: bool = False) -> View:
        """`quietly`: the person did it, and sees it already."""
        if view.body["type"] == "home":
            self._homes[view.user] = view
            kind: Literal["home", "view_updated"] = "home"
        else:
            stack = self._stacks.get(view.user, [])
            stack[:] = [view if each.id == view.id else each for each in stack]
            kind = "view_updated"
        if not quietly and (kind == "home" or self.top(view.user) == view):
            self._news.tell(kind, (view.user,), view=view.told())
        return view

    def publish(self, user: str, body: Json, known_hash: str = "") -> View:
        before = self._homes.get(user)
        if before is not None:
            return self.update(before, body, known_hash)
        if known_hash:
            raise NotOk("hash_conflict")
        self._free(body)
        made = named("V")
        return self.put(
            View(id=made, user=user, body=body, root=made, values=values.initial(body["blocks"]), hash=secret())
        )

    def close(self, view: View, *, all_of_them: bool = False) -> None:
        stack = self._stacks.get(view.user, [])
        stack[:] = [] if all_of_them else [each for each in stack if each.id != view.id]
        below = self.top(view.user)
        self._news.tell("view_closed", (view.user,), view_id=view.id, view=below.told() if below else None)

    def _free(self, body: Json) -> None:
        external = body.get("external_id")
        if not external:
            return
        taken = (*self._homes.values(), *(each for stack in self._stacks.values() for each in stack))
        if any(each.body.get("external_id") == external for each in taken):
            raise NotOk("duplicate_external_id")
