"""What people type after `/terminating`, as commands. Pure and total: any text is a command, or a line of help."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.hostile import plain

MOST = 500  # characters
_LINK = re.compile(r"<(?:https?://|mailto:)[^|>]*\|([^>]*)>|<(?:https?://|mailto:)([^>]*)>")  # web-7.example.com
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "--"})
_NAME = r"[\w.:@-]{1,253}"
_POD = re.compile(rf"(?:pod )?({_NAME}(?:/{_NAME}){{0,2}})", re.ASCII)
_NODE = re.compile(rf"({_NAME})", re.ASCII)


@dataclass(frozen=True, slots=True)
class List:
    pass


@dataclass(frozen=True, slots=True)
class Diagnose:
    """`pod`: POD, NAMESPACE/POD or CLUSTER/NAMESPACE/POD."""

    pod: str


@dataclass(frozen=True, slots=True)
class Node:
    name: str


@dataclass(frozen=True, slots=True)
class History:
    """Of a pod or a node."""

    name: str


@dataclass(frozen=True, slots=True)
class Pause:
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    reason: str


@dataclass(frozen=True, slots=True)
class Help:
    """`why` is one clean line about what was wrong; empty for who asked for help."""

    why: str = ""


Command = List | Diagnose | Node | History | Pause | Resume | Help

USAGE: Mapping[str, str] = {
    "list": "what is open",
    "diagnose POD": "look at a pod now: POD, NAMESPACE/POD or CLUSTER/NAMESPACE/POD",
    "node NODE": "what is open on a node, and was lately",
    "history POD|NODE": "the incidents of a pod or a node",
    "pause [REASON]": "stop every fix that has not been sent; anybody may",
    "resume REASON": "end a pause, and let fixes be tried again that failed",
    "help": "this",
}


def parse(text: str) -> Command:
    said = spoken(text)
    if len(text) > MOST:
        return Help(f"That is longer than {MOST} characters: nothing was done")
    verb, _, rest = said.partition(" ")
    match verb.casefold():
        case "" | "list":
            return List() if not rest else Help(f'"list" takes nothing after it, not "{plain(rest, 60)}"')
        case "diagnose":
            found = _POD.fullmatch(rest)
            return (
                Diagnose(found[1]) if found else Help("Say: diagnose POD, or NAMESPACE/POD, or CLUSTER/NAMESPACE/POD")
            )
        case "node":
            found = _NODE.fullmatch(rest)
            return Node(found[1]) if found else Help("Say: node NODE")
        case "history":
            found = _POD.fullmatch(rest)
            return History(found[1]) if found else Help("Say: history POD, or history NODE")
        case "pause":
            return Pause(rest)
        case "resume":
            return Resume(rest) if rest else Help("Say: resume REASON")
        case "help":
            return Help()
        case _:
            return Help(f'Not understood: "{plain(said, 60)}"')


def spoken(text: str) -> str:
    """As it was typed: without the links, entities and curly quotes that Slack or a phone made of it."""
    unlinked = _LINK.sub(lambda match: match[1] or match[2] or "", text[: MOST + 1])
    return plain(html.unescape(unlinked).translate(_QUOTES), MOST)


def completed(text: str) -> tuple[str, ...]:
    """What could be typed next, for who has typed so much."""
    verb = text.lstrip().casefold()
    return tuple(each for each in USAGE if each.startswith(verb) or verb.startswith(each.partition(" ")[0]))
