"""What `/terminating` answers, to the one who typed it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from slack_sdk.models.blocks import StaticSelectElement

from bot.core.guards import paused
from bot.core.hostile import ELLIPSIS
from bot.core.phases import Incident
from bot.core.refusals import Refusal
from bot.edges.slack.cards import evidence_blocks, line
from bot.edges.slack.door import Caller
from bot.edges.slack.rich import (
    LONGEST_LABEL,
    LONGEST_VALUE,
    Blocks,
    buttons,
    fitting,
    headed,
    labelled,
    option,
    said,
)
from bot.edges.slack.switch import Switch
from bot.edges.slack.words import USAGE, Command, Diagnose, Help, History, List, Node, Pause, Resume
from bot.ports import Bot, Looks, Missing, Place

_MOST_LISTED = 20
_MOST_PLACES = 100  # options of a menu
_LOOKED_THROUGH = 500  # incidents


@dataclass(frozen=True, slots=True)
class Reply:
    """For one person or for all: a sentence, and where it is more than that the blocks of it."""

    text: str
    blocks: Blocks = ()
    public: bool = False

    def shown(self, now: datetime) -> Blocks:
        """A sentence stands in a block too: what Slack parses is the text of one that has none."""
        return self.blocks or fitting([said(self.text, now)])


class Commands:
    def __init__(self, bot: Bot, looks: Looks, switch: Switch, clock: Callable[[], datetime]) -> None:
        self._bot = bot
        self._looks = looks
        self._switch = switch
        self._clock = clock

    def answer(self, caller: Caller, command: Command, place: str) -> Reply:
        """Raises an Outage where it had to look, and could not. `place`: the channel in which it was said."""
        match command:
            case List():
                why = paused(self._bot.paused())
                return self._listed("Open incidents", self._bot.incidents(), "Nothing is stuck.", why)
            case Node(name=name):
                return self._listed(f"Incidents on {name}", self._of_node(name), f"No incident on {name} is on record.")
            case History(name=name):
                return self._listed(f"Incidents of {name}", self._of(name), f"No incident of {name} is on record.")
            case Diagnose(pod=pod):
                return self._diagnosed(pod)
            case Pause(reason=reason):
                return Reply(self._switch.pause(caller, reason, place), public=True)
            case Resume(reason=reason):
                done = self._switch.resume(caller, reason, place)
                return Reply(str(done), public=isinstance(done, str))
            case Help(why=why):
                return self._help(why)
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
        blocks = [*evidence_blocks(found, now), said(where, now)]
        return Reply(f"{place}: {' '.join(found.sentences[:1])}", fitting(blocks))

    def _diagnosed(self, words: str) -> Reply:
        try:
            places = self._looks.places(words)
        except Missing as none:
            return Reply(f"{none.why[:1].upper()}{none.why[1:]}. {none.then}")
        if len(places) == 1:
            return self.at(places[0])
        fit = [each for each in map(str, places) if len(each) <= LONGEST_VALUE]
        options = [option(each, _end(each)) for each in fit[:_MOST_PLACES]]
        says = f'"{words}" fits {len(places)} pods:'
        menu = [StaticSelectElement(placeholder="Which one", action_id="diagnose_place", options=options)]
        more = f"{len(places) - len(options)} more do not fit into the menu: say NAMESPACE/POD."
        tail = [said(more, self._clock())] if len(places) > len(options) else []
        return Reply(says, fitting([headed(says), *([buttons("places", *menu)] if options else []), *tail]))

    def _listed(self, label: str, incidents: Sequence[Incident], otherwise: str, pause: Refusal | None = None) -> Reply:
        first = [pause.says] if pause is not None else []
        if not incidents:
            return Reply(" ".join([*first, otherwise]))
        now = self._clock()
        lines = [line(each, now) for each in incidents[:_MOST_LISTED]]
        if left := len(incidents) - len(lines):
            lines.append(f"and {left} more")
        told = [*(said(each, now) for each in first), *labelled([(f"{label}\n", lines)], now)]
        return Reply(" ".join([*first, f"{label}: {len(incidents)}"]), fitting(told))

    def _of_node(self, name: str) -> Sequence[Incident]:
        return [each for each in self._bot.history(_LOOKED_THROUGH) if each.hold.name == name]

    def _of(self, name: str) -> Sequence[Incident]:
        """By the node, or by a pod: one that is in it still, or that its last words name."""
        last = name.rpartition("/")[2]
        return [
            each
            for each in self._bot.history(_LOOKED_THROUGH)
            if each.hold.name == name
            or any(last == member.name for member in each.members)
            or any(last == word.rpartition("/")[2].strip(".,:") for word in each.last.split())
        ]

    def _help(self, why: str) -> Reply:
        now = self._clock()
        lines = tuple(f"/terminating {usage}: {meaning}" for usage, meaning in USAGE.items())
        first = [headed(f"{why}.")] if why else []
        return Reply(f"{why}." if why else "Help", fitting([*first, *labelled([("What you can say\n", lines)], now)]))


def _end(place: str) -> str:
    """What tells one from another stands at the end: the pod."""
    return place if len(place) <= LONGEST_LABEL else ELLIPSIS + place[1 - LONGEST_LABEL :]
