"""The bot as a running process, and the desk: what a person does to its incidents from another terminal."""

import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import Event, current_thread, main_thread
from types import FrameType
from typing import Self

from bot.app.clusters import Program, Say, named
from bot.app.looker import Looker
from bot.app.world import Clusters
from bot.core.audit import Broken, Entry, Head, Link
from bot.core.facts import Unknown
from bot.core.hostile import plain
from bot.core.phases import Incident
from bot.core.plans import Plan, Request, draw
from bot.core.refusals import Refusal
from bot.edges.schedule import Metronome
from bot.edges.slack import Directory, Ears, Hears, RequestUrl, Roll, Seals, Slack, Socket, Way, Web
from bot.edges.store import Sql, anchors, open_store
from bot.engine import Engine
from bot.ports import Chat, Missing, Refused
from bot.settings import Settings, SocketMode, Workspace, seal_key, signing_secret, token

_TICK = timedelta(seconds=5)
_OUTBOX = timedelta(seconds=1)
_DAY = timedelta(days=1)
_LONGEST = 1_000  # characters of a reason


_ENDS = (signal.SIGTERM,)


def _in_front() -> bool:
    """Only the main thread hears signals: where the bot runs in another one, somebody else says when it is over."""
    return current_thread() is main_thread()


def clock() -> datetime:
    return datetime.now(UTC)


class Nobody:
    """A chat that shows nothing: the running bot does that."""

    def show(self, incident: Incident, now: datetime) -> None:
        del incident, now

    def members(self, group: str) -> Unknown:
        return Unknown(f"Slack keeps {group}, and this is a terminal")


def _nobody(_: Sql) -> Chat:
    return Nobody()


@contextmanager
def engine(settings: Settings, chat: Callable[[Sql], Chat], *, migrate: bool) -> Iterator[tuple[Engine, Sql, Program]]:
    """An engine over the configured database and clusters; nothing is connected to before it is needed."""
    with ExitStack() as stack:
        store = open_store(settings.database, migrate=migrate)
        stack.callback(store.close)
        program = stack.enter_context(Program(settings, ()))
        world = Clusters(settings, program, clock)
        policy = settings.policy(seal_key(settings.vote_key))
        made = Engine(store, world, chat(store), policy, clock, secrets.token_hex(8))
        stack.callback(made.stop)
        yield made, store, program


def run_in_slack(settings: Settings, over: Event | None = None) -> None:
    """The bot in the configured workspace, until SIGTERM, SIGINT or `over`. Raises an Outage where it is not let in."""
    workspace = settings.workspace
    if workspace is None:
        then = "Write `slack:` into the settings file, or give --console."
        raise Refused("starting", "Slack", "the settings name no workspace", then)
    web = Web(token(workspace.bot_token, "xoxb-"), workspace.api)
    way = _way(web, workspace)
    channels = {each.name: each.channel for each in settings.clusters if each.channel is not None}
    roll = Roll(
        {(id_.user, id_.team): person for id_, person in settings.slack.items()},
        {name: (each.group, each.team) for name, each in settings.groups.items()},
    )
    directory = Directory(web, roll, clock)

    def serve(bot: Engine, program: Program, until: Event) -> None:
        directory.team()
        hears = Hears(web, directory, bot, Looker(settings, program), channels.values(), clock)
        with Ears(web, hears, way), suppress(KeyboardInterrupt):
            until.wait()

    run(settings, lambda store: Slack(web, store, settings.people, channels, clock, directory), serve, over)


def _way(web: Web, workspace: Workspace) -> Way:
    mode = workspace.mode
    if isinstance(mode, SocketMode):
        return Socket(web, token(mode.app_token, "xapp-"), clock)
    return RequestUrl(Seals(signing_secret(mode.signing_secret), clock), mode.host, mode.port)


def run(
    settings: Settings,
    chat: Callable[[Sql], Chat],
    serve: Callable[[Engine, Program, Event], None],
    over: Event | None = None,
) -> None:
    """
    The bot: sweeps, ticks and the outbox, until `serve` returns or SIGTERM comes.

    `serve` reads what people say, and is given the event that says when it is over. What runs is finished first.
    """
    over = over or Event()

    def end(_: int, __: FrameType | None) -> None:
        over.set()

    with engine(settings, chat, migrate=True) as (bot, store, program):
        before = [(each, signal.signal(each, end)) for each in _ENDS] if _in_front() else []
        metronome = Metronome()
        try:
            now = clock()
            with store.writing() as tx:
                tx.note(Entry(at=now, kind="started", says={"version": version("terminating")}))
            for cluster in settings.clusters:
                metronome.every(cluster.sweep, f"the sweep of {cluster.name}", partial(bot.sweep, cluster.name))
            metronome.every(_TICK, "the tick", bot.tick)
            metronome.every(_OUTBOX, "the outbox", bot.drain)
            metronome.every(_DAY, "retention", lambda: store.retain(clock()))
            metronome.start()
            serve(bot, program, over)
        finally:
            metronome.stop()
            for each, handler in before:
                signal.signal(each, handler)


def plan(settings: Settings, words: str, repair: str, option: str, say: Say) -> Plan | Refusal:
    """The plan that a request would open now, with nothing done and nothing written down. Raises an Outage."""
    with Program(settings, ()) as program:
        where, namespace, name = program.find(words)
        say(f"looking at {namespace}/{name}")
        examined = Clusters(settings, program, clock).examine(where.name, namespace, name)
    request = Request(incident=0, repair=repair, option=option, requester=_who(settings), reason="", at=clock())
    return draw(examined, request)


class Desk:
    """The incidents of the configured database, for one person at a terminal: who they are, their login says."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._engine, self._store, _ = self._stack.enter_context(engine(self._settings, _nobody, migrate=False))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def incidents(self) -> tuple[Incident, ...]:
        return self._store.history(100)

    def incident(self, id_: int) -> Incident:
        found = self._store.incident(id_)
        if found is None:
            raise Missing("looking for the incident", str(id_), "there is none", "`terminating incidents` lists them.")
        return found

    def settle(self, id_: int, reason: str, *, done: bool) -> Incident | Refusal:
        return self._engine.settle(id_, self._person(), plain(reason, _LONGEST), done=done, via=self._via())

    def pause(self, reason: str) -> None:
        self._engine.pause(self._person(), plain(reason, _LONGEST), self._via())

    def resume(self, reason: str, cluster: str = "") -> Refusal | None:
        """Raises `Missing` for a cluster that is not in the settings."""
        if cluster:
            named(self._settings.clusters, cluster, "resuming", cluster)
        return self._engine.resume(self._person(), plain(reason, _LONGEST), cluster, self._via())

    def verify(self, anchor_file: Path | None) -> Head | Broken:
        """Of a whole log the head is then kept in the anchor file, which is made if it is not there."""
        kept = anchors.read(anchor_file) if anchor_file and anchor_file.exists() else {}
        found = self._store.verify(kept)
        if anchor_file and isinstance(found, Head) and found.seq > max(kept, default=0):
            anchors.write(anchor_file, found)
        return found

    def entries(self, incident: int | None = None) -> Iterator[Link]:
        return (link for link in self._store.links() if incident is None or link.incident == incident)

    def _via(self) -> str:
        return f"terminal of {self._settings.login}"

    def _person(self) -> str:
        return _who(self._settings)


def _who(settings: Settings) -> str:
    """The person whose login this is; else words that are nobody's name."""
    return settings.logins.get(settings.login) or f"login {settings.login}"
