"""What is said on the console, handed to the bot, and its answer handed back. Nothing is decided here."""

from threading import Event
from typing import assert_never

from bot.app.running import clock
from bot.core.facts import Unknown
from bot.core.phases import Incident
from bot.core.refusals import Refusal, refusal
from bot.core.spoken import Said, Wanted
from bot.edges.console import Console
from bot.edges.console.words import (
    Approve,
    Command,
    Help,
    List,
    Pause,
    Quit,
    Reject,
    Request,
    Resume,
    Settle,
    Show,
)
from bot.ports import Bot, Outage


def converse(chat: Console, bot: Bot, over: Event) -> None:
    """Until `quit`, the end of what is typed, Ctrl-C, or until it is over."""
    try:
        chat.greet()
        _still_open(chat, bot)
        for command in chat.listen(over):
            if isinstance(command, Quit):
                return
            try:
                answer = _answer(chat, bot, command)
            except Outage as outage:
                answer = str(outage)
            if answer:
                chat.say(answer)
    except KeyboardInterrupt:
        return


def _still_open(chat: Console, bot: Bot) -> None:
    """Their cards were shown before this process began."""
    try:
        if found := bot.incidents():
            chat.table(found)
        if says := _paused(bot):
            chat.say(says)
    except Outage as outage:
        chat.say(str(outage))


def _paused(bot: Bot) -> str:
    match bot.paused():
        case None:
            return ""
        case Unknown(why):
            return f"Fixes are paused: {why}."
        case pause:
            why = pause.reason or "no reason given"
            return f"Fixes are paused since {pause.since:%Y-%m-%d %H:%M} UTC by {pause.who}: {why}."


def _answer(chat: Console, bot: Bot, command: Command) -> str:
    """One line; empty where something else was printed."""
    match command:
        case Approve() | Reject():
            return _sentence(bot.vote(_vote(chat, command)))
        case Request():
            wanted = Wanted(
                incident=command.incident,
                pod=command.pod,
                repair=command.repair,
                option=command.option,
                person=chat.person(command.person),
                reason=command.reason,
                via=chat.via(command.person),
            )
            chat.say("Looking at the pod.")
            return _sentence(bot.request(wanted))
        case Settle():
            person = chat.person(command.person)
            settled = bot.settle(command.incident, person, command.reason, done=command.done, via=chat.via(person))
            return _sentence(settled)
        case Pause():
            bot.pause(chat.person(command.person), command.reason, chat.via(command.person))
            return "Fixes are paused. Diagnosis goes on."
        case Resume():
            no = bot.resume(chat.person(command.person), command.reason, via=chat.via(command.person))
            return no.says if no is not None else "Fixes go on."
        case List() | Show() | Help() | Quit():
            return _shown(chat, bot, command)
        case _:
            assert_never(command)


def _shown(chat: Console, bot: Bot, command: List | Show | Help | Quit) -> str:
    match command:
        case List():
            chat.table(bot.incidents())
            return _paused(bot)
        case Show(incident=id_):
            found = bot.incident(id_)
            if found is None:
                return refusal("no-incident", incident=id_).says
            chat.whole(found, clock())
        case Help():
            chat.help(command)
        case Quit():
            pass
        case _:
            assert_never(command)
    return ""


def _vote(chat: Console, cast: Approve | Reject) -> Said:
    person = chat.person(cast.person)
    via = chat.via(person)
    if isinstance(cast, Approve):
        return Said(
            incident=cast.incident, ballot="approve", person=person, digest=cast.digest, via=via, typed=cast.typed
        )
    return Said(incident=cast.incident, ballot="reject", person=person, digest=cast.digest, via=via, reason=cast.reason)


def _sentence(answer: Incident | Refusal) -> str:
    """What was accepted shows on its card."""
    return answer.says if isinstance(answer, Refusal) else ""
