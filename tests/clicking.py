"""People at the page of a workspace: they read, click, fill in and type over the same wire as the page itself."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.demo.workspace import Workspace

T = TypeVar("T")

CHANNEL, TEAM = "C0ONCALL", "T0DEMO"
PEOPLE = {"ada": "U0ADA", "ben": "U0BEN", "mallory": "U0MALLORY", "grid": "W0GRID"}
PATIENCE_S = 20.0


def eventually(what: str, look: Callable[[], T | None], within: float = PATIENCE_S) -> T:
    end = time.monotonic() + within
    pause = threading.Event()
    while True:
        if (found := look()) is not None and found is not False:
            return found
        if time.monotonic() >= end:
            raise AssertionError(f"{what} did not come about in {within} s")
        pause.wait(0.02)


@dataclass
class Visitors:
    """Of the workspace that is served at `url`."""

    workspace: Workspace
    url: str

    def state(self, who: str) -> dict[str, Any]:
        return dict(self._asked(f"state?user={PEOPLE[who]}", None))

    def post(self, act: str, **given: Any) -> Mapping[str, Any]:
        return self._asked(act, json.dumps(given))

    def _asked(self, what: str, body: str | None) -> Mapping[str, Any]:
        host, headers = self.url.removeprefix("http://"), {"Content-Type": "application/json"}
        with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
            connection.request("POST" if body else "GET", f"/page/{what}", body, headers)
            return dict(json.load(connection.getresponse()))

    def button(self, action: str, within: float = 0) -> tuple[str, dict[str, Any], str]:
        """The newest message with it, the element, and its block."""
        return eventually(f"a button {action}", lambda: self._button(action), within)

    def _button(self, action: str) -> tuple[str, dict[str, Any], str] | None:
        for message in reversed(self.workspace.messages(CHANNEL)):
            for block in message.blocks:
                for element in block.get("elements", ()) if block["type"] == "actions" else ():
                    if element["action_id"] == action:
                        return message.ts, element, block["block_id"]
        return None

    def click(self, who: str, action: str, within: float = PATIENCE_S) -> None:
        """Once the button is there: the alert says so before the card with it is in the thread."""
        ts, element, block = self.button(action, within)
        given = {"user": PEOPLE[who], "channel": CHANNEL, "ts": ts, "block_id": block, "action_id": action}
        assert self.post("click", **given, **({"value": element["value"]} if "value" in element else {}))["ok"]

    def click_home(self, who: str) -> None:
        assert self.post("home", user=PEOPLE[who])["ok"]

    def fill(self, who: str, **values: str) -> None:
        """The modal that is open for this person: block id -> text."""
        view = eventually("a modal", lambda: self.state(who)["view"])
        given = {
            each["block_id"]: {each["element"]["action_id"]: _answer(each["element"], values[each["block_id"]])}
            for each in view["blocks"]
            if each["type"] == "input" and each["block_id"] in values
        }
        assert self.post("submit", user=PEOPLE[who], view_id=view["id"], values=given)["ok"]

    def type(self, who: str, text: str) -> None:
        assert self.post("command", user=PEOPLE[who], channel=CHANNEL, command="/terminating", text=text)["ok"]

    def whispered(self, who: str, words: str) -> str:
        """What only this person sees that has these words in it."""

        def look() -> str | None:
            for each in self.workspace.whispers(CHANNEL, PEOPLE[who]):
                said = f"{each.text}\n{json.dumps(each.blocks, ensure_ascii=False)}"
                if words in said:
                    return said
            return None

        return eventually(f"{who} to read {words!r}", look)

    def alert(self, *words: str, within: float = PATIENCE_S) -> str:
        """The newest alert, once all of these words stand in it."""

        def look() -> str | None:
            for each in reversed([each for each in self.workspace.messages(CHANNEL) if each.in_channel]):
                said = json.dumps(each.blocks, ensure_ascii=False)
                return said if all(word in said for word in words) else None
            return None

        return eventually(f"an alert with {words}", look, within)


def _answer(element: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    if element["type"] == "static_select":
        option = next(each for each in element["options"] if each["text"]["text"] == text)
        return {"type": "static_select", "selected_option": option}
    return {"type": element["type"], "value": text}
