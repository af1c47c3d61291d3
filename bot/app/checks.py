"""
`terminating check`: can everything be reached, and is it allowed, before it is needed at night.

Each check is one question, and says what it found; an Outage is its no. Nothing is changed anywhere.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic

from bot.app.clusters import Program
from bot.app.running import clock
from bot.core.facts import NodeName
from bot.core.hostile import plain
from bot.core.rights import REPAIR_RULES, RULES, Rule, as_rule
from bot.edges.slack import Web
from bot.edges.store import open_store
from bot.ports import Garbled, Missing, Outage, Refused
from bot.settings import (
    ClusterSettings,
    Settings,
    SettingsError,
    SlackGroup,
    SocketMode,
    Workspace,
    playbooks,
    seal_key,
    shipped,
    signing_secret,
    token,
)

_SKEW = timedelta(seconds=30)  # more, and times on cards and in logs no longer fit together
_ASKERS = 4  # questions to one API server at once
_ROLE = "`terminating rbac --repairs` prints the whole role."

Question = tuple[str, str, Callable[[], str]]  # where, what of it, and how to find out


@dataclass(frozen=True, slots=True)
class Checked:
    what: str
    fine: bool
    says: str


def checks(settings: Settings, nodes: Sequence[str]) -> Iterator[Checked]:
    """
    One after the other, each as soon as it is known. Without `nodes`, those that the settings name.

    Where the first question of a place fails, the others there are not asked: they would fail of the same. Only a
    node that was given by name is still answered for.
    """
    typed = {plain(name) for name in nodes}
    asked, silent = set[str](), dict[str, str]()
    with Program(settings, ()) as program:
        for where, what, question in _questions(settings, program, nodes):
            if where in silent:
                if what in typed:
                    yield Checked(f"{where} {what}", fine=False, says=f"not asked: {silent[where]} failed, see above")
                continue
            try:
                yield Checked(f"{where} {what}".strip(), fine=True, says=question())
            except (Outage, SettingsError) as no:
                place = f"{where} {what}".strip()
                if where not in asked:
                    silent[where] = place
                yield Checked(place, fine=False, says=str(no))
            asked.add(where)


def _questions(settings: Settings, program: Program, nodes: Sequence[str]) -> Iterator[Question]:
    yield "playbooks", "", lambda: f"{len(playbooks(None))} causes"
    yield "database", "", lambda: _database(settings)
    for each in settings.clusters:
        yield each.name, "pods", partial(_pods, program, each)
        yield each.name, "rights", partial(_rights, program, each, RULES, "looking")
        if any(person.rights.get(each.name) for person in settings.people.values()):
            yield each.name, "rights", partial(_rights, program, each, REPAIR_RULES, "repairs")
        for name in nodes or sorted(each.nodes):
            yield each.name, plain(name), partial(_node, program, each, NodeName(name))
    if settings.workspace is not None:
        yield from _of_slack(settings, settings.workspace)


def _database(settings: Settings) -> str:
    if settings.vote_key.exists():  # `run` makes one where there is none
        seal_key(settings.vote_key)
    try:
        store = open_store(settings.database, migrate=False)
    except Missing:
        return "not there yet: `terminating run` makes it"
    try:
        head = store.head()
    finally:
        store.close()
    return f"{store.name}: {head.seq} rows of the audit log"


def _pods(program: Program, settings: ClusterSettings) -> str:
    began = monotonic()
    sweep = program.cluster(settings).deleting()
    took, off = monotonic() - began, abs(clock() - sweep.at)
    if off > _SKEW:
        why = f"its clock is {off.total_seconds():.0f} s off this machine's"
        raise Garbled("comparing clocks", settings.name, why, "Look at NTP on both.")
    late = len([each for each in sweep.pods if each.deadline is not None])
    return f"{sweep.total:,} pods, {late} being deleted, read in {took:.1f} s"


def _rights(program: Program, settings: ClusterSettings, rules: Sequence[Rule], what: str) -> str:
    cluster = program.cluster(settings)
    rights = [
        (verb, rule.api_group, resource, name)
        for rule in rules
        for resource in rule.resources
        for verb in rule.verbs
        for name in rule.names or ("",)
    ]
    with ThreadPoolExecutor(_ASKERS) as threads:
        held = list(threads.map(lambda right: cluster.may(*right), rights))
    lacking = [as_rule(*right[:3]) for right, has in zip(rights, held, strict=True) if not has]
    if lacking:
        raise Refused(f"the rights for {what}", settings.name, f"not granted: {', '.join(lacking)}", _ROLE)
    return f"has the {len(rights)} rights for {what}"


def _node(program: Program, settings: ClusterSettings, name: NodeName) -> str:
    node = program.cluster(settings).node(name)
    if node.exists is False:
        raise Missing("looking for the node", settings.name, f"it has no node {plain(name)}", "Check its name.")
    said = program.told(settings, node, ("version",), settings.ssh.limit).decode(errors="replace").strip()
    ours = _version()
    if said != ours:
        why, then = f"it answers {plain(said, 60)!r}, not {ours!r}", "Run the script of `terminating node-setup` there."
        raise Garbled("asking its version", plain(name), why, then)
    return f"{ours} answers"


def _version() -> str:
    """What the program that is shipped would answer: the line after its `version() {`."""
    lines = iter((shipped("node") / "terminating-node").read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.startswith("version() {"))
    return shlex.split(next(lines))[1]


def _of_slack(settings: Settings, workspace: Workspace) -> Iterator[Question]:
    try:
        web = Web(token(workspace.bot_token, "xoxb-"), workspace.api)
        hears = _hears(web, workspace)
    except SettingsError as error:
        yield "slack", "tokens", partial(_raised, error)
        return
    yield "slack", "bot token", lambda: f"is of team {web.team()}"
    yield hears
    for each in settings.clusters:
        if each.channel is not None:
            yield "slack", plain(each.channel), partial(web.told_in, each.channel)
    for name, kept in sorted(settings.groups.items()):
        yield "slack", name, partial(_group, web, kept)
    for identity, person in sorted(settings.slack.items(), key=lambda item: item[1]):
        yield "slack", person, partial(_person, web, identity.user, identity.team)


def _hears(web: Web, workspace: Workspace) -> Question:
    """Raises `SettingsError` for a secret that cannot be used."""
    mode = workspace.mode
    if isinstance(mode, SocketMode):
        app_token = token(mode.app_token, "xapp-")
        return "slack", "app token", lambda: web.opens(app_token)
    signing_secret(mode.signing_secret)
    return "slack", "signing secret", lambda: f"is there; requests are expected at {mode.host}:{mode.port}"


def _person(web: Web, user: str, team: str) -> str:
    found = web.account(user)
    if team not in found.teams:
        theirs = plain(", ".join(sorted(found.teams)))
        raise Refused("looking up the person", user, f"they are of team {theirs}, not {team}", "See `people`.")
    if found.stranger:
        raise Refused("looking up the person", user, "a guest, a bot, or no longer a member", "See `people`.")
    return f"{user} is a member"


def _group(web: Web, kept: SlackGroup) -> str:
    ours, found = web.team(), web.group(kept.group)
    if kept.team != ours:
        raise Refused(
            "reading the group", kept.group, f"it is of team {kept.team}, and this is {ours}", "See `groups`."
        )
    return f"{kept.group} has {len(found)} {'member' if len(found) == 1 else 'members'}"


def _raised(error: SettingsError) -> str:
    raise error
