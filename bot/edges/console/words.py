"""
What people type on the console, as commands. Pure and total: whatever the line, it is a command or one line of help.

A name in front says who is speaking. Nothing proves it: whoever sits at the terminal may be anyone.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.core.hostile import plain
from bot.core.repairs import CATALOGUE

MOST = 1_000  # characters of a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """`digest`: the first eight of its digits at least, in lower case. `typed`: the name that a high risk asks for."""

    person: str
    incident: int
    digest: str
    typed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    person: str
    incident: int
    digest: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`pod` may be empty where there is only one."""

    person: str
    incident: int
    pod: str
    repair: str
    option: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    person: str
    incident: int
    done: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    person: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    person: str
    reason: str


@dataclass(frozen=True, slots=True)
class Show:
    incident: int


@dataclass(frozen=True, slots=True)
class List:
    pass


@dataclass(frozen=True, slots=True)
class Help:
    """`why` is one clean line about what was wrong; empty for who asked for help."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Quit:
    pass


Command = Approve | Reject | Request | Settle | Pause | Resume | Show | List | Help | Quit

USAGE: Mapping[str, str] = {
    "list": "list",
    "show": "show INCIDENT",
    "request": "NAME> request INCIDENT [[NAMESPACE/]POD] REPAIR [OPTION] [because REASON]",
    "approve": "NAME> approve INCIDENT PLAN [NODE]",
    "reject": "NAME> reject INCIDENT PLAN [REASON]",
    "settle": "NAME> settle INCIDENT done|not-done REASON",
    "pause": "NAME> pause [REASON]",
    "resume": "NAME> resume REASON",
    "help": "help",
    "quit": "quit",
}
MEANINGS: Mapping[str, str] = {
    "list": "what is open",
    "show": "all that is known of it",
    "request": "a plan is drawn and shown; nothing is done before others approve",
    "approve": "PLAN: 8 digits from its card. NODE: its name, where the risk is high",
    "reject": "ends an open plan",
    "settle": "what became of a repair whose outcome is unknown, after looking",
    "pause": "stops every repair that has not been sent; anybody may",
    "resume": "ends a pause, and lets repairs be tried again that failed",
    "help": "this",
    "quit": "the bot finishes what runs, and ends",
}
_ANYBODYS = frozenset({"list", "show", "help", "quit"})

_LINE = re.compile(r"(?:([^\s>]{1,60}) ?> ?)?([A-Za-z]+)(?: (.*))?")
_INCIDENT = "(?P<incident>[0-9]{1,9})"
_PLAN = "(?P<digest>[0-9A-Fa-f]{8,64})"
_REPAIR = "|".join(re.escape(each.id) for each in CATALOGUE)
_FORMS: Mapping[str, re.Pattern[str]] = {
    "list": re.compile(""),
    "show": re.compile(_INCIDENT),
    "request": re.compile(
        rf"{_INCIDENT}(?: (?P<pod>\S+))? (?P<repair>{_REPAIR})(?: (?!because\b)(?P<option>\S+))?"
        r"(?: because (?P<reason>.+))?"
    ),
    "approve": re.compile(rf"{_INCIDENT} {_PLAN}(?: (?P<typed>\S+))?"),
    "reject": re.compile(rf"{_INCIDENT} {_PLAN}(?: (?P<reason>.+))?"),
    "settle": re.compile(rf"{_INCIDENT} (?P<outcome>done|not-done) (?P<reason>.+)"),
    "pause": re.compile("(?P<reason>.*)"),
    "resume": re.compile("(?P<reason>.+)"),
    "help": re.compile(""),
    "quit": re.compile(""),
}


def parse(line: str) -> Command:
    if len(line) > MOST:
        return Help(f"That line is longer than {MOST} characters: nothing was done")
    if any(unicodedata.category(each) == "Cc" and each != "\t" for each in line.strip()):  # an arrow key, a paste
        return Help("That line has control characters in it: nothing was done")
    said = plain(line, MOST)
    match = _LINE.fullmatch(said)
    verb = match[2].lower() if match else ""
    if match is None or verb not in _FORMS:
        return Help(f'Not understood: "{plain(said, 60)}"; `help` lists what is')
    if verb not in _ANYBODYS and not match[1]:
        return Help(f"Say who is speaking: {USAGE[verb]}")
    found = _FORMS[verb].fullmatch(match[3] or "")
    if found is None:
        doable = ", ".join(each.id for each in CATALOGUE if each.by != "person")
        hint = f"; REPAIR is one of {doable}" if verb == "request" else ""
        return Help(f"Say: {USAGE[verb]}{hint}")
    return _MAKERS[verb](match[1] or "", {name: word or "" for name, word in found.groupdict().items()})


def _request(person: str, given: Mapping[str, str]) -> Command:
    return Request(
        person=person,
        incident=int(given["incident"]),
        pod=given["pod"],
        repair=given["repair"],
        option=given["option"],
        reason=given["reason"],
    )


def _approve(person: str, given: Mapping[str, str]) -> Command:
    digest = given["digest"].lower()
    return Approve(person=person, incident=int(given["incident"]), digest=digest, typed=given["typed"])


def _reject(person: str, given: Mapping[str, str]) -> Command:
    digest = given["digest"].lower()
    return Reject(person=person, incident=int(given["incident"]), digest=digest, reason=given["reason"])


def _settle(person: str, given: Mapping[str, str]) -> Command:
    done = given["outcome"] == "done"
    return Settle(person=person, incident=int(given["incident"]), done=done, reason=given["reason"])


_MAKERS: Mapping[str, Callable[[str, Mapping[str, str]], Command]] = {
    "list": lambda _, __: List(),
    "show": lambda _, given: Show(int(given["incident"])),
    "request": _request,
    "approve": _approve,
    "reject": _reject,
    "settle": _settle,
    "pause": lambda person, given: Pause(person=person, reason=given["reason"]),
    "resume": lambda person, given: Resume(person=person, reason=given["reason"]),
    "help": lambda _, __: Help(),
    "quit": lambda _, __: Quit(),
}
