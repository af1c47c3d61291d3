"""
What people click, type and open in Slack, handed to the bot; every one of them gets an answer.

Slack waits three seconds for an acknowledgement, so that comes first, and the work goes to hands of our own.
"""

import logging
import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import Any

from slack_bolt import Ack, App

from bot.core.consent import RULES, Ballot, Person
from bot.core.phases import Diagnosed, Incident, Proposed
from bot.core.refusals import Refusal, refusal
from bot.core.spoken import Said, Wanted
from bot.core.weeks import week
from bot.edges.slack import views
from bot.edges.slack.commands import Commands, Reply
from bot.edges.slack.directory import Directory
from bot.edges.slack.door import Caller, Door, claimed
from bot.edges.slack.hands import Hands
from bot.edges.slack.rich import escaped, headed
from bot.edges.slack.switch import Switch
from bot.edges.slack.views import CHOICE, REASON, TYPED, Asking, Standing, filled
from bot.edges.slack.web import Web
from bot.edges.slack.words import parse
from bot.ports import Bot, Looks, Outage, Place

log = logging.getLogger("terminating")

Body = Mapping[str, Any]
Answer = Refusal | Reply | str | None
Do = Callable[[Caller, Body], Answer]

COMMAND = "/terminating"
_LOOKED_THROUGH = 500  # incidents
_WANTED = re.compile(r"(\d{1,9}) ([a-z_.]{1,40}) ([0-9a-f-]{1,64})", re.ASCII)
_PLAN = re.compile(r"(\d{1,9}) ([0-9a-f]{64})", re.ASCII)
_INCIDENT = re.compile(r"(\d{1,9})", re.ASCII)
_CHOSEN = re.compile(r"\d{1,3}", re.ASCII)
_STAMP = re.compile(r"\d{1,12}\.\d{1,9}", re.ASCII)
_ANSWERS_AT = re.compile(r"https?://[\w.:-]+/[\w./-]+", re.ASCII)
_FAILED = (
    "The bot failed at that, and what became of it is not known. Look at the newest message of this incident, then try "
    "again. Its log says what failed."
)
_STALE = "That button is from another time. Look at the newest message of this incident."


class Hears:
    """Registers itself at a bolt `App`. `close` waits for what was begun."""

    def __init__(
        self,
        web: Web,
        directory: Directory,
        bot: Bot,
        looks: Looks,
        channels: Collection[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._web = web
        self._directory = directory
        self._door = Door(directory)
        self._bot = bot
        self._clock = clock
        self._switch = Switch(web, directory, bot, channels, clock)
        self._commands = Commands(bot, looks, self._switch, clock)
        self.hands = Hands()
        self.actions: Mapping[str, Do] = {
            "request": self._request,
            "request_other": self._request,
            "approve": self._approve,
            "approve_typed": self._approve_typed,
            "reject": self._reject,
            "settle_done": self._settle,
            "settle_not_done": self._settle,
            "diagnose": self._diagnose,
            "diagnose_place": self._diagnose_place,
            "pause": self._pause,
            "resume": self._resume,
        }
        self.views: Mapping[str, Do] = {
            "request": self._requested,
            "approve": self._approved,
            "reject": self._rejected,
            "settle": self._settled,
            "pause": self._switched,
            "resume": self._switched,
        }

    def close(self) -> None:
        self.hands.close()

    def register(self, app: App) -> None:
        app.middleware(self.hands.admit)
        app.command(COMMAND)(self._listener(self._command))
        app.event("app_home_opened")(self._listener(self._home))
        for name, does in self.actions.items():
            app.action(name)(self._listener(does))
        for name, does in self.views.items():
            app.view(name)(self._listener(does))
        app.action(re.compile(".*"))(self._listener(self._stale))
        app.view(re.compile(".*"))(self._listener(self._stale))

    def _listener(self, does: Do) -> Callable[[Ack, dict[str, Any]], None]:
        def heard(ack: Ack, body: dict[str, Any]) -> None:
            if wrong := _mistyped(body):
                ack(response_action="errors", errors=wrong)
                return
            ack()
            self.hands.do(partial(self.enter, does, body), partial(self._told, body))

        return heard

    def enter(self, does: Do, body: Body) -> None:
        """The one way in: whoever it is, whatever it was. What was clicked on the home tab shows there."""
        answer: Answer
        caller = self._door.admit(body)
        try:
            answer = caller if isinstance(caller, Refusal) else does(caller, body)
            if answer is None and isinstance(caller, Caller) and not _place(body):
                self._show_home(caller)
        except Outage as outage:
            answer = str(outage)
        if answer is not None:
            self._answer(caller, body, answer if isinstance(answer, Reply) else Reply(str(answer)))

    def _answer(self, caller: Caller | Refusal | None, body: Body, reply: Reply) -> None:
        """To the one who spoke, where they spoke if that can be; else alone on their home tab."""
        text = self._directory.named_text(escaped(reply.text))
        blocks = self._directory.named(reply.shown(self._clock()))
        url, (place, _, thread), (user, _) = body.get("response_url"), _place(body).partition("/"), claimed(body)
        ways: list[Callable[[], None]] = []
        if isinstance(url, str) and _ANSWERS_AT.fullmatch(url):
            ways.append(lambda: self._web.respond(url, text, blocks, thread, public=reply.public))
        if user and place:
            ways.append(lambda: self._web.whisper(place, user, text, blocks, thread))
        if isinstance(caller, Caller) and not place:
            ways.append(lambda: self._show_home(caller, reply.text))
        if user:
            ways.append(lambda: self._web.publish(user, views.notice(blocks)))
        for way in ways:
            try:
                way()
            except Outage as outage:
                log.warning("%s could not be told that way: %s", user, outage)
            else:
                return
        log.warning("nobody was told %r", text)

    def _told(self, body: Body, done: "Future[None]") -> None:
        """A hand that failed: it is on record, and whoever waits for it hears so."""
        if error := done.exception():
            log.error("what was clicked or typed came to nothing", exc_info=error)
            self._answer(None, body, Reply(_FAILED))

    def _stale(self, caller: Caller, body: Body) -> Answer:
        del caller, body
        return _STALE

    # ---- commands and the home tab

    def _command(self, caller: Caller, body: Body) -> Answer:
        return self._commands.answer(caller, parse(str(body.get("text", ""))), _place(body))

    def _diagnose_place(self, caller: Caller, body: Body) -> Answer:
        del caller
        cluster, _, rest = _value(body).partition("/")
        namespace, _, pod = rest.partition("/")
        return self._commands.at(Place(cluster=cluster, namespace=namespace, pod=pod)) if pod else _STALE

    def _home(self, caller: Caller, body: Body) -> Answer:
        del caller, body
        return None

    def _show_home(self, caller: Caller, notice: str = "") -> None:
        bot, now = self._bot, self._clock()
        who = Person(id=caller.person, rights=bot.rights(caller.person))
        past = week(bot.history(_LOOKED_THROUGH), now)
        standing = Standing(
            incidents=bot.incidents(), pause=bot.paused(), watched=bot.watched(), past=past, people=bot.people()
        )
        self._web.publish(caller.user, self._directory.named(views.home(standing, who, now, notice)))

    def _pause(self, caller: Caller, body: Body) -> Answer:
        del caller
        self._asked(body, "pause", "Pause all fixes", "Nothing that was not sent is sent.", needed=False)
        return None

    def _resume(self, caller: Caller, body: Body) -> Answer:
        del caller
        self._asked(body, "resume", "Resume fixes", "What failed may be tried again.", needed=True)
        return None

    def _asked(self, body: Body, callback: str, title: str, says: str, *, needed: bool) -> None:
        asking = Asking(callback=callback, title=title, submit=title.split(maxsplit=1)[0], about=_about(body, callback))
        view = views.reason(asking, [headed(says)], needed=needed)
        self._web.open(str(body.get("trigger_id", "")), view)

    def _switched(self, caller: Caller, body: Body) -> Answer:
        why = filled(_view(body), REASON)
        if _view(body).get("callback_id") == "resume":
            answer = self._switch.resume(caller, why)
            return answer if isinstance(answer, Refusal) else None
        self._switch.pause(caller, why)
        return None

    # ---- asking

    def _request(self, caller: Caller, body: Body) -> Answer:
        match = _WANTED.fullmatch(_value(body))
        if match is None:
            return _STALE
        incident = self._bot.incident(int(match[1]))
        if incident is None:
            return refusal("no-incident", incident=match[1])
        offers = incident.phase.finding.offers if isinstance(incident.phase, Diagnosed) else ()
        offer = next((each for each in offers if each.repair == match[2]), None)
        if offer is not None and (RULES[offer.risk].reason or offer.choices):
            asking = Asking(callback="request", title="Request a fix", submit="Request", about=_about(body, match[0]))
            pod = next((each.full_name for each in incident.members if each.uid == match[3]), "no pod of it")
            says = views.wanted(offer, pod, self._clock())
            view = views.reason(asking, says, needed=RULES[offer.risk].reason, choices=offer.choices)
            self._web.open(str(body.get("trigger_id", "")), view)
            return None
        return self._wanted(caller, incident, match, "", "")

    def _requested(self, caller: Caller, body: Body) -> Answer:
        view = _view(body)
        match = _WANTED.fullmatch(_told_about(view))
        incident = self._bot.incident(int(match[1])) if match else None
        if match is None or incident is None:
            return _STALE
        offers = incident.phase.finding.offers if isinstance(incident.phase, Diagnosed) else ()
        choices = next((each.choices for each in offers if each.repair == match[2]), ())
        chosen = filled(view, CHOICE)
        option = choices[int(chosen)] if _CHOSEN.fullmatch(chosen) and int(chosen) < len(choices) else ""
        return self._wanted(caller, incident, match, option, filled(view, REASON))

    def _wanted(
        self, caller: Caller, incident: Incident, match: re.Match[str], option: str, reason: str
    ) -> Refusal | None:
        pod = next((each.full_name for each in incident.members if each.uid == match[3]), None)
        if pod is None:
            return refusal("healed", what="that pod")
        answer = self._bot.request(
            Wanted(
                incident=incident.id,
                pod=pod,
                repair=match[2],
                option=option,
                person=caller.person,
                reason=reason,
                via=caller.via,
            )
        )
        return answer if isinstance(answer, Refusal) else None

    def _diagnose(self, caller: Caller, body: Body) -> Answer:
        del caller
        match = _INCIDENT.fullmatch(_value(body))
        if match is None:
            return _STALE
        answer = self._bot.diagnose(int(match[1]))
        return answer if isinstance(answer, Refusal) else f"Looked again: see the message of incident {answer.id}."

    # ---- voting

    def _approve(self, caller: Caller, body: Body) -> Answer:
        return self._vote(caller, _value(body), "approve")

    def _approve_typed(self, caller: Caller, body: Body) -> Answer:
        del caller
        match = _PLAN.fullmatch(_value(body))
        incident = self._bot.incident(int(match[1])) if match else None
        if match is None or incident is None or not isinstance(incident.phase, Proposed):
            return refusal("no-plan", incident=match[1] if match else 0)
        if incident.phase.plan.digest != match[2]:
            return refusal("old-digest", incident=incident.id)
        plan = incident.phase.plan
        about = _about(body, f"{match[0]} {plan.to_type}")
        asking = Asking(callback="approve", title="Approve a fix", submit="Approve", about=about)
        self._web.open(str(body.get("trigger_id", "")), views.typed(asking, plan, self._clock()))
        return None

    def _approved(self, caller: Caller, body: Body) -> Answer:
        view = _view(body)
        value = " ".join(_told_about(view).split(" ", 2)[:2])
        return self._vote(caller, value, "approve", typed=filled(view, TYPED).strip())

    def _reject(self, caller: Caller, body: Body) -> Answer:
        del caller
        match = _PLAN.fullmatch(_value(body))
        if match is None:
            return _STALE
        asking = Asking(callback="reject", title="Reject a fix", submit="Reject", about=_about(body, match[0]))
        view = views.reason(asking, [headed("Nothing is done, and the plan is void.")], needed=False)
        self._web.open(str(body.get("trigger_id", "")), view)
        return None

    def _rejected(self, caller: Caller, body: Body) -> Answer:
        return self._vote(caller, _told_about(_view(body)), "reject", reason=filled(_view(body), REASON))

    def _vote(self, caller: Caller, value: str, ballot: Ballot, *, typed: str = "", reason: str = "") -> Answer:
        match = _PLAN.fullmatch(value)
        if match is None:
            return _STALE
        answer = self._bot.vote(
            Said(
                incident=int(match[1]),
                ballot=ballot,
                person=caller.person,
                digest=match[2],
                via=caller.via,
                typed=typed,
                reason=reason,
            )
        )
        return answer if isinstance(answer, Refusal) else None

    # ---- what became of it

    def _settle(self, caller: Caller, body: Body) -> Answer:
        del caller
        action = _action(body)
        match = _INCIDENT.fullmatch(_value(body))
        if match is None:
            return _STALE
        outcome = "done" if action.get("action_id") == "settle_done" else "not-done"
        says = "It happened." if outcome == "done" else "It did not happen."
        about = _about(body, f"{match[1]} {outcome}")
        asking = Asking(callback="settle", title="What became of it", submit="Settle", about=about)
        self._web.open(str(body.get("trigger_id", "")), views.reason(asking, [headed(says)], needed=True))
        return None

    def _settled(self, caller: Caller, body: Body) -> Answer:
        number, _, outcome = _told_about(_view(body)).partition(" ")
        if not _INCIDENT.fullmatch(number) or outcome not in ("done", "not-done"):
            return _STALE
        why = filled(_view(body), REASON)
        answer = self._bot.settle(int(number), caller.person, why, done=outcome == "done", via=caller.via)
        return answer if isinstance(answer, Refusal) else None


def _action(body: Body) -> Mapping[str, Any]:
    actions = body.get("actions")
    return actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}


def _value(body: Body) -> str:
    action = _action(body)
    chosen = action.get("selected_option")
    return str((chosen.get("value") if isinstance(chosen, dict) else action.get("value")) or "")


def _view(body: Body) -> Mapping[str, Any]:
    view = body.get("view")
    return view if isinstance(view, dict) else {}


def _about(body: Body, what: str) -> str:
    """With the place in front, so that who fills in the modal can be answered there."""
    return f"{_place(body)} {what}"


def _told_about(view: Mapping[str, Any]) -> str:
    return str(view.get("private_metadata", "")).partition(" ")[2]


def _mistyped(body: Body) -> dict[str, str]:
    """By its field: a window that closes takes along what was typed. The engine judges for itself."""
    view = _view(body)
    if body.get("type") != "view_submission" or view.get("callback_id") != "approve":
        return {}
    expected = _told_about(view).split(" ", 2)[2:]
    if not expected or filled(view, TYPED).strip() == expected[0]:
        return {}
    return {TYPED: "That is another name. Type the one that stands above."}


def _place(body: Body) -> str:
    """`CHANNEL`, or `CHANNEL/THREAD` where somebody clicked inside a thread; nothing on the home tab."""
    channel = body.get("channel")
    if isinstance(channel, dict):
        return f"{channel.get('id', '')}{_thread(body)}"
    if view := _view(body):
        return str(view.get("private_metadata", "")).partition(" ")[0]
    return str(body.get("channel_id", ""))


def _thread(body: Body) -> str:
    """A message that has replies may name itself: who clicked it did so in the channel."""
    container = body.get("container")
    within: Mapping[str, Any] = container if isinstance(container, dict) else {}
    thread = within.get("thread_ts")
    inside = isinstance(thread, str) and _STAMP.fullmatch(thread) and thread != within.get("message_ts")
    return f"/{thread}" if inside else ""
