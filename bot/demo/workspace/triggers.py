"""Trigger ids: with one of them the app may open a window for the person who just acted. Three seconds, once."""

import secrets
from dataclasses import dataclass

from bot.demo.workspace.calls import NotOk
from bot.demo.workspace.ids import Clock, secret

_LASTS_S = 3.0  # docs.slack.dev/interactivity/handling-user-interaction


@dataclass(slots=True)
class _Trigger:
    user: str
    since: float
    used: bool = False


class Triggers:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._triggers: dict[str, _Trigger] = {}

    def issue(self, user: str) -> str:
        made = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secret()}"
        self._triggers[made] = _Trigger(user, self._clock())
        return made

    def exchange(self, trigger_id: str) -> str:
        """Whose it is."""
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise NotOk("invalid_trigger_id")
        if trigger.used:
            raise NotOk("exchanged_trigger_id")
        if self._clock() - trigger.since > _LASTS_S:
            raise NotOk("expired_trigger_id")
        trigger.used = True
        return trigger.user
