"""
Who may do what, and how many must agree: the one place that decides it, in front of every way in.

Rights come from the settings, by person or by a group that a chat keeps; a chat or a terminal only says who is
speaking. A vote is sealed, so that a row written into the database by another hand is none.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.core.facts import Unknown
from bot.core.refusals import Refusal, refusal
from bot.core.repairs import Risk

Right = Literal["request", "approve"]
Ballot = Literal["approve", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one risk asks for; none of the voters is the requester."""

    votes: int
    typed: bool  # each vote types the node's name
    reason: bool  # the request says why
    lives: timedelta


RULES: Mapping[Risk, Rule] = {
    "low": Rule(votes=1, typed=False, reason=False, lives=timedelta(minutes=15)),
    "medium": Rule(votes=1, typed=False, reason=True, lives=timedelta(minutes=15)),
    "high": Rule(votes=2, typed=True, reason=False, lives=timedelta(minutes=10)),
    "critical": Rule(votes=2, typed=True, reason=True, lives=timedelta(minutes=10)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who holds rights: one human being, whatever accounts speak for them."""

    id: str
    rights: Mapping[str, frozenset[Right]]  # by cluster

    def has(self, who: str) -> bool:
        return who == self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Person):
    """
    Whoever is in a group that a chat keeps. Its id starts with @, which no person's does.

    `members` are ids of persons as of now. While they are not known, nobody is in it.
    """

    members: frozenset[str] | Unknown

    def has(self, who: str) -> bool:
        return not isinstance(self.members, Unknown) and who in self.members


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    person: str
    ballot: Ballot
    digest: str
    at: datetime
    via: str  # the way in: "console as ada", "slack U012 of T034"
    typed: str = ""
    reason: str = ""
    seal: str = ""


def may(people: Mapping[str, Person], who: str, right: Right, cluster: str) -> Refusal | None:
    if held(people, who, right, cluster):
        return None
    holders = _holders(people, right, cluster)
    groups = [each for each in holders if isinstance(each, Group)]
    for each in groups:
        if isinstance(each.members, Unknown):
            return refusal("group-unknown", who=who, what=right, where=cluster, group=each.id, why=each.members.why)
    if not groups and not any(each.has(who) for each in people.values()):
        return refusal("not-listed", who=who)
    return refusal("no-right", who=who, what=right, where=cluster, can=able(people, right, cluster, but=()))


def may_resume(people: Mapping[str, Person], who: str, cluster: str) -> Refusal | None:
    """In this cluster, or, without one, in all where anybody holds a right."""
    if not any("approve" in rights for each in people.values() for rights in each.rights.values()):
        return refusal("nobody-resumes")
    clusters = [cluster] if cluster else sorted({name for each in people.values() for name in each.rights})
    return next(filter(None, (may(people, who, "approve", each) for each in clusters)), None)


def held(people: Mapping[str, Person], who: str, right: Right, cluster: str) -> tuple[str, ...]:
    """By what: the person's own id, and groups that they are in."""
    return tuple(each.id for each in _holders(people, right, cluster) if each.has(who))


def able(people: Mapping[str, Person], right: Right, cluster: str, but: Sequence[str]) -> str:
    """Their names, for a sentence."""
    holders = _holders(people, right, cluster)
    names = [each.id for each in holders if not isinstance(each, Group) and each.id not in but]
    if groups := [each.id for each in holders if isinstance(each, Group)]:
        names.append(f"{'members' if names else 'Members'} of {' or '.join(groups)}")
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names) or "Nobody"


def _holders(people: Mapping[str, Person], right: Right, cluster: str) -> list[Person]:
    return [each for _, each in sorted(people.items()) if right in each.rights.get(cluster, ())]


def sealed(vote: Vote, key: bytes) -> str:
    """HMAC-SHA256 over everything the vote says, 64 hex digits."""
    said = (vote.person, vote.ballot, vote.digest, vote.at.isoformat(), vote.via, vote.typed, vote.reason)
    parts = [each.encode(errors="surrogatepass") for each in said]
    text = b"".join(str(len(part)).encode() + b":" + part for part in parts)
    return hmac.new(key, b"terminating vote 1:" + text, hashlib.sha256).hexdigest()


def genuine(vote: Vote, key: bytes) -> bool:
    return hmac.compare_digest(sealed(vote, key).encode(), vote.seal.encode(errors="surrogatepass"))
