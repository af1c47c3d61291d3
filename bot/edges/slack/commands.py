"""What `/terminating` answers, to the one who typed it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from slack_sdk.models.blocks import Block, Option, StaticSelectElement

from bot.core.incident_cards import headline, status
from bot.core.phases import Incident
from bot.core.refusals import Refusal
from bot.edges.slack.cards import SIGNS, evidence_blocks
from bot.edges.slack.door import Caller
from bot.edges.slack.rich import LONGEST_LABEL, Blocks, buttons, cut, escaped, fitting, foot, headed, labelled
from bot.edges.slack.words import USAGE, Command, Diagnose, Help, History, List, Node, Pause, Resume
from bot.ports import Bot, Looks, Place

_MOST_LISTED = 20
_MOST_PLACES = 100  # options of a menu
_LOOKED_THROUGH = 500  # incidents


@dataclass(frozen=True, slots=True)
class Reply:
    """For one person. `text` is already escaped."""

    text: str
    blocks: Blocks = ()


class Commands:
    def __init__(self, bot: Bot, looks: Looks, clock: Callable[[], datetime]) -> None:
        self._bot = bot
        self._looks = looks
        self._clock = clock

    def answer(self, caller: Caller, command: Command) -> Reply:
        """Raises an Outage where it had to look, and could not."""
        match command:
            case List():
                return self._listed("Open incidents", self._bot.incidents())
            case Node(name=name):
                return self._listed(f"Incidents on {name}", self._of_node(name))
            case History(name=name):
                return self._listed(f"Incidents of {name}", self._of(name))
            case Diagnose(pod=pod):
                return self._diagnosed(pod)
            case Pause(reason=reason):
                self._bot.pause(caller.person, reason, caller.via)
                return Reply("Fixes are paused. Diagnosis goes on.")
            case Resume(reason=reason):
                no = self._bot.resume(caller.person, reason, via=caller.via)
                return Reply(escaped(no.says) if isinstance(no, Refusal) else "Fixes go on.")
            case Help(why=why):
                lines = tuple(f"/terminating {usage}: {meaning}" for usage, meaning in USAGE.items())
                return Reply(escaped(f"{why}.") if why else "Help", fitting(self._help(why, lines)))
            case _:
                assert_never(command)

    def at(self, place: Place) -> Reply:
        """One pod, looked at now."""
        now = self._clock()
        found = self._looks.look(place)
        of = next((each for each in self._bot.incidents() if found.pod_uid in {m.uid for m in each.members}), None)
        where = (
            f"incident {of.id}: see its message" if of is not None else "no incident yet: nothing can be asked for here"
        )
        blocks = [*evidence_blocks(found, now), foot(where)]
        return Reply(escaped(f"{place}: {' '.join(found.sentences[:1])}"), fitting(blocks))

    def _diagnosed(self, words: str) -> Reply:
        places = self._looks.places(words)
        if len(places) == 1:
            return self.at(places[0])
        options = [Option(value=str(each)[:150], text=cut(str(each), LONGEST_LABEL)) for each in places[:_MOST_PLACES]]
        menu = StaticSelectElement(placeholder="Which one", action_id="diagnose_place", options=options)
        says = f'"{words}" fits {len(places)} pods:'
        return Reply(escaped(says), fitting([headed(says), buttons("places", menu)]))

    def _listed(self, label: str, incidents: Sequence[Incident]) -> Reply:
        now = self._clock()
        lines = [f"{SIGNS[status(each)]} {headline(each, now)} · incident {each.id}" for each in incidents]
        more = [foot(f"and {len(lines) - _MOST_LISTED} more")] if len(lines) > _MOST_LISTED else []
        blocks = [labelled([(label, lines[:_MOST_LISTED] or ("none",))], now), *more]
        return Reply(escaped(f"{label}: {len(incidents)}"), fitting(blocks))

    def _of_node(self, name: str) -> Sequence[Incident]:
        return [each for each in self._bot.history(_LOOKED_THROUGH) if each.hold.name == name]

    def _of(self, name: str) -> Sequence[Incident]:
        """By the node, or by a pod that is in it still or that a fix of it was for."""
        last = name.rpartition("/")[2]
        return [
            each
            for each in self._bot.history(_LOOKED_THROUGH)
            if each.hold.name == name or any(last == member.name for member in each.members)
        ]

    def _help(self, why: str, lines: Sequence[str]) -> list[Block]:
        return [*([headed(f"{why}.")] if why else []), labelled([("Help", lines)], self._clock())]
