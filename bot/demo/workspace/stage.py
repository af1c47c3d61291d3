"""What is put on for whoever looks at the page: the app's commands, the stories, and who plays and completes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A slash command as the app's manifest has it; `name` with its slash."""

    name: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`after`: the story that this one ends."""

    id: str
    title: str
    about: str
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """`text`: the whole line, as it would be typed."""

    text: str
    about: str = ""


def _nothing(story: str) -> None:
    del story


def _no_suggestions(line: str) -> Sequence[Suggestion]:
    del line
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """`tell` plays a story, by its id, in a thread of its own, for as long as it takes. `suggest` completes a line."""

    commands: Sequence[Command] = (
        Command(name="/terminating", description="Pods that are stuck in Terminating", usage_hint="diagnose POD"),
    )
    stories: Sequence[Story] = ()
    tell: Callable[[str], None] = _nothing
    suggest: Callable[[str], Sequence[Suggestion]] = _no_suggestions
