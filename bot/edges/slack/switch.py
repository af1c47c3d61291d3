"""The pause switch: whoever turns it is told, and so is everybody who reads along."""

import logging
from collections.abc import Callable, Collection
from datetime import datetime

from bot.core.refusals import Refusal
from bot.edges.slack.directory import Directory
from bot.edges.slack.door import Caller
from bot.edges.slack.rich import escaped, fitting, said
from bot.edges.slack.web import Web
from bot.ports import Bot, Outage

log = logging.getLogger("terminating")


class Switch:
    """`channels`: where it is told, but for the place in which it was said for all to read. It holds up nobody."""

    def __init__(
        self, web: Web, directory: Directory, bot: Bot, channels: Collection[str], clock: Callable[[], datetime]
    ) -> None:
        self._web = web
        self._directory = directory
        self._bot = bot
        self._channels = sorted(set(channels))
        self._clock = clock

    def pause(self, caller: Caller, why: str, place: str = "") -> str:
        """What to answer, for all to read."""
        self._bot.pause(caller.person, why, caller.via)
        by = f"FIXES PAUSED by {caller.person}: {why or 'no reason given'}."
        return self._announced(f"{by} Diagnosis goes on. Who may approve can resume them.", place)

    def resume(self, caller: Caller, why: str, place: str = "") -> Refusal | str:
        no = self._bot.resume(caller.person, why, via=caller.via)
        if no is not None:
            return no
        by = f"FIXES GO ON, resumed by {caller.person}: {why}."
        return self._announced(f"{by} What waits for approval can be approved.", place)

    def _announced(self, text: str, place: str) -> str:
        blocks = self._directory.named(fitting([said(text, self._clock())]))
        for channel in self._channels:
            if channel == place:
                continue
            try:
                self._web.post(channel, self._directory.named_text(escaped(text)), blocks, thread="", mark="switch")
            except Outage as outage:
                log.warning("%s was not told of the switch: %s", channel, outage)
        return text
