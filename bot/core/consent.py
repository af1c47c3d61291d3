"""
Who may do what, and how many must agree: the one place that decides it, in front of every way in.

Rights come from the settings, by person; a chat or a terminal only says who is speaking. A vote is sealed, so that a
row written into the database by another hand is none.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

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
    """One human being, whatever accounts speak for them."""

    id: str
    rights: Mapping[str, frozenset[Right]]  # by cluster


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
    person = people.get(who)
    if person is None:
        return refusal("not-listed", who=who)
    if right in person.rights.get(cluster, frozenset()):
        return None
    return refusal("no-right", who=who, what=right, where=cluster, can=able(people, right, cluster, but=()))


def able(people: Mapping[str, Person], right: Right, cluster: str, but: Sequence[str]) -> str:
    """Their names, for a sentence."""
    names = [name for name, each in sorted(people.items()) if right in each.rights.get(cluster, ()) and name not in but]
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names) or "Nobody"


def sealed(vote: Vote, key: bytes) -> str:
    """HMAC-SHA256 over everything the vote says, 64 hex digits."""
    said = (vote.person, vote.ballot, vote.digest, vote.at.isoformat(), vote.via, vote.typed, vote.reason)
    parts = [each.encode(errors="surrogatepass") for each in said]
    text = b"".join(str(len(part)).encode() + b":" + part for part in parts)
    return hmac.new(key, b"terminating vote 1:" + text, hashlib.sha256).hexdigest()


def genuine(vote: Vote, key: bytes) -> bool:
    return hmac.compare_digest(sealed(vote, key).encode(), vote.seal.encode(errors="surrogatepass"))
