"""What people say to the bot, as it was heard: whether they may is decided elsewhere."""

from dataclasses import dataclass

from bot.core.consent import Ballot


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asked for: a repair of one pod of an incident; `pod` may be empty where there is only one."""

    incident: int
    pod: str
    repair: str
    option: str
    person: str
    reason: str
    via: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A vote as it was cast; `digest` may be its first characters."""

    incident: int
    ballot: Ballot
    person: str
    digest: str
    via: str
    typed: str = ""
    reason: str = ""
