"""
What people do in each story. They know only what they were shown, and what they have done themselves.

A deed is in their diary once it was answered. Who was interrupted does it again: clicking again must be safe.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

from bot.core.phases import Incident
from bot.core.refusals import Refusal
from bot.core.spoken import Said, Wanted
from bot.engine import Engine
from tests.crash.points import Points
from tests.crash.world import CLUSTER, NODE, POD, REPAIR, VOTERS, Kept, Kind

PATIENCE = 3  # looks at what is shown, until somebody no longer believes that it will change

Answer = Incident | Refusal | None
Name = Literal["straight", "found late", "talk", "no reply", "unsettled", "orphan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`troubles` happen once each; the process before the first one of the case died at `after`."""

    name: Name
    troubles: frozenset[str] = frozenset()
    talk: bool = False
    after: str = ""
    away: timedelta = timedelta(minutes=2)  # until somebody starts the bot again


STORIES: Mapping[Name, Story] = {
    each.name: each
    for each in (
        Story(name="straight"),
        Story(name="found late", away=timedelta(minutes=20)),
        Story(name="talk", talk=True, troubles=frozenset({"diagnose examine", "tell show", "recheck examine"})),
        Story(name="no reply", troubles=frozenset({"no reply", "ask ask"})),
        Story(name="unsettled", troubles=frozenset({"cut off", "look blind"})),
        Story(name="orphan", after="act act:sent, at work#1"),
    )
}


@dataclass(slots=True)
class Crowd:
    """Ada asks; the others vote. `pass_by` is their patience."""

    story: Story
    kind: Kind
    engine: Engine
    kept: Kept
    points: Points
    pass_by: Callable[[timedelta], None]
    _waits_for: str = ""
    _waited: int = 0

    def act(self) -> bool:
        """The next thing that somebody does, seeing what they see; False when all wait."""
        shown = self._shown()
        if shown is None:
            return False
        if self.story.talk:
            return self._talk_on(str(shown["phase"]))
        match shown["phase"]:
            case "diagnosed":
                return self._ask()
            case "proposed":
                return self._agree(shown)
            case "unsettled" if not shown["asking"]:
                return self._deed("settle", self._settle)
        return False

    def content(self) -> bool:
        """Whether nobody wants anything any more."""
        shown = self._shown()
        if shown is None:
            return False
        if self.story.talk and shown["phase"] == "diagnosed":
            return all(self._did(deed) for deed, _, _ in self._talk())
        return bool(shown["phase"] == "closed")

    # ---- the story in which nothing gets done

    def _talk(self) -> tuple[tuple[str, str, Callable[[], Answer]], ...]:
        return (
            ("pause", "diagnosed", self._pause),
            ("ask while paused", "diagnosed", self._request),
            ("resume", "diagnosed", self._resume),
            ("ask", "diagnosed", self._request),
            ("vote for oneself", "proposed", lambda: self._vote("ada")),
            ("vote for another plan", "proposed", lambda: self._vote("ben", digest="0" * 64)),
            ("forget", "proposed", self._forget),
            ("ask again", "diagnosed", self._request),
            ("agree, and think again", "proposed", self._think_again),
            ("resume again", "diagnosed", self._resume),
            ("ask once more", "diagnosed", self._request),
            ("reject", "proposed", lambda: self._vote("ben", ballot="reject")),
        )

    def _talk_on(self, phase: str) -> bool:
        for deed, when, does in self._talk():
            if self._did(deed):
                continue
            if phase == when:
                return self._deed(deed, does)
            self._waited = self._waited + 1 if self._waits_for == deed else 1
            self._waits_for = deed
            if self._waited > PATIENCE:  # it was done, and the answer was lost
                return self._deed(deed, lambda: None)
            return False
        return False

    def _forget(self) -> Answer:
        self.pass_by(timedelta(minutes=16))
        return None

    def _think_again(self) -> Answer:
        for voter in VOTERS[self.kind]:
            self._vote(voter)
        return self._pause()

    # ---- single deeds

    def _ask(self) -> bool:
        answers = [json.loads(line) for line in self.kept.lines("diary")]
        if answers and answers[-1]["answer"] == "breaker":
            return self._deed("look at what failed", self._resume)
        return self._deed("ask", self._request)

    def _agree(self, shown: Mapping[str, object]) -> bool:
        votes = shown["votes"]
        missing = [each for each in VOTERS[self.kind] if isinstance(votes, list) and each not in votes]
        for voter in missing:
            if not self._did(f"{voter} on {shown['digest']}"):
                return self._deed(f"{voter} on {shown['digest']}", partial(self._vote, voter))
        return False

    def _request(self) -> Answer:
        self._heard("request")
        wanted = Wanted(
            incident=self._incident(), pod=POD, repair=REPAIR[self.kind], option="", person="ada", reason="it is stuck"
        )
        return self.engine.request(wanted)

    def _vote(self, person: str, *, digest: str = "", ballot: Literal["approve", "reject"] = "approve") -> Answer:
        self._heard("vote")
        open_plan = self._plan()
        cast = {"person": person, "ballot": ballot, "digest": digest or open_plan}
        self.kept.add("votes", json.dumps(cast, sort_keys=True))
        said = Said(
            incident=self._incident(),
            ballot=ballot,
            person=person,
            digest=digest or open_plan,
            via="the terminal",
            typed=NODE if self.kind == "api" else "",
        )
        return self.engine.vote(said)

    def _settle(self) -> Answer:
        self._heard("settle")
        done = self.kept.has("effects")
        return self.engine.settle(self._incident(), "ben", "looked at the node and at the API", done=done)

    def _pause(self) -> Answer:
        self._heard("pause")
        self.engine.pause("mallory", "the network is being mended")
        return None

    def _resume(self) -> Answer:
        self._heard("resume")
        return self.engine.resume("ben", "the network is back", CLUSTER)

    # ---- what they know

    def _heard(self, what: str) -> None:
        self.points.doing = what
        self.points.reached("heard:after")

    def _deed(self, deed: str, does: Callable[[], Answer]) -> bool:
        answer = does()
        said = answer.code if isinstance(answer, Refusal) else ""
        self.kept.add("diary", json.dumps({"deed": deed, "answer": said}))
        return True

    def _did(self, deed: str) -> bool:
        return any(json.loads(line)["deed"] == deed for line in self.kept.lines("diary"))

    def _shown(self) -> Mapping[str, object] | None:
        lines = self.kept.lines("chat")
        found: Mapping[str, object] | None = json.loads(lines[-1]) if lines else None
        return found

    def _incident(self) -> int:
        """Not always the first number: PostgreSQL does not give one back that was never committed."""
        shown = self._shown()
        return int(str(shown["incident"])) if shown else 0

    def _plan(self) -> str:
        shown = self._shown()
        return str(shown["digest"]) if shown and "digest" in shown else "0" * 64
