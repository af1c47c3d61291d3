"""The settings file: what each key may hold, and what all of them together mean."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from bot.core.consent import Group, Person, Right
from bot.core.facts import NodeName, Unknown
from bot.core.guards import Rates, Window
from bot.settings import machine
from bot.settings.documents import Document, Fault, Model, SettingsError, no_such
from bot.settings.kinds import Clock, Database, Duration, File, Port, Zone, address, between, one_or_more
from bot.settings.values import (
    ClusterSettings,
    HttpMode,
    Jump,
    NodeAddress,
    Repairs,
    Settings,
    SlackGroup,
    SlackId,
    SocketMode,
    Ssh,
    Workspace,
)

_JUMP = re.compile(r"(?:([^@\s:]+)@)?([^@\s:]+)(?::(\d{1,5}))?")
_CLUSTER = re.compile(r"[\w.:@-]{1,100}", re.ASCII)
_PERSON = re.compile(r"[a-z0-9][\w.-]{0,39}", re.ASCII | re.IGNORECASE)
_API = re.compile(r"(?:https://[\w.-]+(?::\d{1,5})?|http://127\.0\.0\.1:\d{1,5})/(?:[\w.-]+/)*", re.ASCII)
_PORT_MAX = 65_535
_EVERY = "*"  # cluster
_NOBODYS = "none"  # node

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: tuple[Day, ...] = get_args(Day)


def _cluster_name(name: str) -> str:
    if not _CLUSTER.fullmatch(name):
        raise ValueError("expected a name of letters, digits, and . _ : @ - alone: people type CLUSTER/NAMESPACE/POD")
    return name


def _person_name(name: str) -> str:
    if not _PERSON.fullmatch(name):
        raise ValueError("expected a name of letters, digits, and . _ - alone, as people type it")
    return name


def _jump(value: object) -> Jump | None:
    if value is None:
        return None
    match = _JUMP.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[3] or 22) <= _PORT_MAX:
        raise ValueError('expected a jump host like "user@host:port"')
    return Jump(user=match[1], host=match[2], port=int(match[3] or 22))


def _slack(kind: str, pattern: str, example: str) -> AfterValidator:
    def checked(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"expected the id of a Slack {kind}, like {example}")
        return value

    return AfterValidator(checked)


def _api(value: str) -> str:
    """Tokens go there: only over TLS, or to this machine."""
    if not _API.fullmatch(value):
        raise ValueError(
            'expected an address like "https://slack.com/api/", or http on 127.0.0.1, with a slash at its end'
        )
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(one_or_more)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000)]


class _Ssh(Model):
    user: str | None = None
    port: Port | None = None
    key: File | None = None
    known_hosts: Annotated[list[File] | None, BeforeValidator(one_or_more)] = None
    become: Literal["sudo", "none"] | None = None
    program: Literal["piped", "installed"] = "piped"
    agent: Annotated[bool, Field(strict=True)] = False
    jump: Annotated[Jump | None, BeforeValidator(_jump)] = None
    # Its share for each question (app.PROBE_SHARE) of 3 min is below the node program's own limit of 60 s.
    limit: Annotated[timedelta, between("1s", "3m")] = timedelta(seconds=20)


class _Node(Model):
    address: str | None = None
    port: Port | None = None


class _Cluster(Model):
    kubeconfig: File | None = None
    context: str | None = None
    overdue: Duration = timedelta(seconds=60)
    sweep: Annotated[timedelta, between("1s", "1h")] = timedelta(seconds=30)
    ssh: _Ssh = _Ssh()
    nodes: dict[str, _Node] = Field(default_factory=dict)
    channel: Annotated[str, _slack("channel", r"[CG][A-Z0-9]{2,20}", "C012ABCDEF")] | None = None


_Team = Annotated[str, _slack("team", r"T[A-Z0-9]{2,20}", "T034ABCDEF")]


class _Slack(Model):
    user: Annotated[str, _slack("user", r"[UW][A-Z0-9]{2,20}", "U012ABCDEF")]
    team: _Team


class _SlackGroup(Model):
    group: Annotated[str, _slack("user group", r"S[A-Z0-9]{2,20}", "S012ABCDEF")]
    team: _Team


class _Workspace(Model):
    app_token_file: File | None = None
    signing_secret_file: File | None = None
    listen: Annotated[tuple[str, int], BeforeValidator(address)] = ("127.0.0.1", 3_000)
    bot_token_file: File
    api: Annotated[str, AfterValidator(_api)] = "https://slack.com/api/"


class _Person(Model):
    login: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    slack: _Slack | None = None
    request: Names = ()
    approve: Names = ()


class _Group(Model):
    slack: _SlackGroup
    request: Names = ()
    approve: Names = ()


class _Rates(Model):
    wide_half_hour: Count = Rates().wide_half_hour
    wide_day: Count = Rates().wide_day
    narrow_hour: Count = Rates().narrow_hour


class _Storm(Model):
    nodes: Annotated[int, Field(strict=True, ge=2, le=1_000)] = 3
    within: Annotated[timedelta, between("1m", "24h")] = timedelta(minutes=10)


class _Blackout(Model):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    days: Annotated[tuple[Day, ...], BeforeValidator(one_or_more), Field(min_length=1)] = _WEEK
    start: Annotated[Clock, Field(alias="from")]
    end: Annotated[Clock, Field(alias="to")]
    zone: Zone
    clusters: Names = ()


class _Repairs(Model):
    go_file: File | None = None
    own_node: Annotated[str, Field(min_length=1)] | None = None
    rates: _Rates = _Rates()
    storm: _Storm = _Storm()
    verify_within: Annotated[timedelta, between("1m", "1h")] = timedelta(minutes=5)
    blackouts: tuple[_Blackout, ...] = ()


class _File(Model):
    database: Database = Field(default="sqlite:///terminating.db", validate_default=True)
    vote_key: File = Field(default=Path("terminating.key"), validate_default=True)
    clusters: Annotated[dict[Annotated[str, AfterValidator(_cluster_name)], _Cluster], Field(min_length=1)]
    people: dict[Annotated[str, AfterValidator(_person_name)], _Person] = Field(default_factory=dict)
    groups: dict[Annotated[str, AfterValidator(_person_name)], _Group] = Field(default_factory=dict)
    repairs: _Repairs = _Repairs()
    slack: _Workspace | None = None


def load(path: Path | None) -> Settings:
    """The settings of a file; without one, the current kubeconfig context and the ways of `~/.ssh/config`."""
    if path is None:
        return _settings(_File(clusters={"current": _Cluster()}))
    document = Document(path)
    model = document.validated(_File)
    if faults := tuple(_faults(model, document)):
        raise SettingsError(faults)
    return _settings(model)


def _faults(model: _File, document: Document) -> Iterator[Fault]:
    """What no key shows alone: clusters that are not there, two ways at once, and one account that speaks for two."""
    for at, name in _named_clusters(model):
        if name not in model.clusters:
            where = ".".join(str(step) for step in at)
            yield document.fault(at, f"{where}: {no_such('cluster', name, model.clusters)}")
    yield from _ways(model.slack, document)
    if model.groups and model.slack is None:
        yield document.fault(("groups",), "groups: nobody can say who is in them without `slack:`")
    taken: dict[tuple[str, str], str] = {}
    for id_, person in model.people.items():
        for account, at in _accounts(id_, person).items():
            other = taken.setdefault(account, id_)
            if other != id_:
                what = f"{'.'.join(at)}: is {other}'s already: two votes take two people"
                yield document.fault(at, what)


def _ways(model: _Workspace | None, document: Document) -> Iterator[Fault]:
    """Slack reaches us over a socket or by requests: with both, it would use one, and nobody could tell which."""
    if model is None:
        return
    at: tuple[str, ...] = ("slack",)
    if model.app_token_file is None and model.signing_secret_file is None:
        yield document.fault(at, "slack: missing app_token_file, or signing_secret_file where Slack can reach us")
    if model.app_token_file is not None and model.signing_secret_file is not None:
        at = ("slack", "signing_secret_file")
        yield document.fault(at, "slack.signing_secret_file: one way only: app_token_file is there already")
    if model.signing_secret_file is None and "listen" in model.model_fields_set:
        at = ("slack", "listen")
        yield document.fault(at, "slack.listen: is for signing_secret_file, which is not there")


def _named_clusters(model: _File) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Each with the place where it is named, but for the word for all of them."""
    holders: dict[tuple[str, str], _Person | _Group] = {
        **{("people", name): each for name, each in model.people.items()},
        **{("groups", name): each for name, each in model.groups.items()},
    }
    for (section, id_), holder in holders.items():
        for right, names in (("request", holder.request), ("approve", holder.approve)):
            yield from (((section, id_, right, n), name) for n, name in enumerate(names) if name != _EVERY)
    for n, window in enumerate(model.repairs.blackouts):
        yield from ((("repairs", "blackouts", n, "clusters", m), name) for m, name in enumerate(window.clusters))


def _accounts(id_: str, person: _Person) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """What this person is known by, each with its place in the file. Names that differ in case alone look the same."""
    accounts: dict[tuple[str, str], tuple[str, ...]] = {("name", id_.casefold()): ("people", id_)}
    if person.login is not None:
        accounts["login", person.login.casefold()] = ("people", id_, "login")
    if person.slack is not None:
        accounts["slack", f"{person.slack.user} of {person.slack.team}"] = ("people", id_, "slack")
    return accounts


def _settings(model: _File) -> Settings:
    user, home = machine.user()
    return Settings(
        clusters=tuple(_cluster(name, each) for name, each in model.clusters.items()),
        database=model.database,
        vote_key=model.vote_key,
        people={each.id: each for each in _holders(model)},
        groups={f"@{name}": SlackGroup(each.slack.group, each.slack.team) for name, each in model.groups.items()},
        logins={each.login: id_ for id_, each in model.people.items() if each.login is not None},
        slack={
            SlackId(each.slack.user, each.slack.team): id_
            for id_, each in model.people.items()
            if each.slack is not None
        },
        repairs=_repairs(model.repairs),
        workspace=_workspace(model.slack),
        login=machine.login(),
        user=user,
        home=home,
        ssh_config=home / ".ssh" / "config",
    )


def _cluster(name: str, model: _Cluster) -> ClusterSettings:
    ssh = model.ssh
    return ClusterSettings(
        name=name,
        kubeconfig=model.kubeconfig,
        context=model.context,
        overdue=model.overdue,
        sweep=model.sweep,
        ssh=Ssh(
            user=ssh.user,
            port=ssh.port,
            key=ssh.key,
            known_hosts=tuple(ssh.known_hosts or ()),
            become=ssh.become,
            program=ssh.program,
            agent=ssh.agent,
            jump=ssh.jump,
            limit=ssh.limit,
        ),
        nodes={
            NodeName(node): NodeAddress(address=where.address, port=where.port) for node, where in model.nodes.items()
        },
        channel=model.channel,
    )


def _workspace(model: _Workspace | None) -> Workspace | None:
    if model is None:
        return None
    mode: SocketMode | HttpMode
    if model.app_token_file is not None:
        mode = SocketMode(model.app_token_file)
    elif model.signing_secret_file is not None:
        mode = HttpMode(model.signing_secret_file, *model.listen)
    else:
        raise AssertionError("a file without either has a fault")
    return Workspace(mode=mode, bot_token=model.bot_token_file, api=model.api)


def _holders(model: _File) -> Iterator[Person]:
    """People and groups of them."""
    clusters = list(model.clusters)
    yield from (Person(id=name, rights=_rights(each, clusters)) for name, each in model.people.items())
    for name, each in model.groups.items():
        yield Group(id=f"@{name}", rights=_rights(each, clusters), members=Unknown("nobody has asked Slack"))


def _rights(model: _Person | _Group, clusters: Sequence[str]) -> Mapping[str, frozenset[Right]]:
    given: Mapping[Right, tuple[str, ...]] = {"request": model.request, "approve": model.approve}
    rights = {
        name: frozenset(right for right, names in given.items() if name in names or _EVERY in names)
        for name in clusters
    }
    return {name: held for name, held in rights.items() if held}


def _repairs(model: _Repairs) -> Repairs:
    own: NodeName | Unknown | None = machine.own_node()
    if model.own_node is not None:
        own = None if model.own_node == _NOBODYS else NodeName(model.own_node)
    return Repairs(
        go_file=model.go_file,
        own_node=own,
        rates=Rates(
            wide_half_hour=model.rates.wide_half_hour,
            wide_day=model.rates.wide_day,
            narrow_hour=model.rates.narrow_hour,
        ),
        storm_nodes=model.storm.nodes,
        storm_within=model.storm.within,
        verify_within=model.verify_within,
        windows=tuple(_window(each) for each in model.blackouts),
    )


def _window(model: _Blackout) -> Window:
    return Window(
        name=model.name,
        days=frozenset(_WEEK.index(day) for day in model.days),
        start=model.start,
        end=model.end,
        zone=model.zone,
        clusters=frozenset(model.clusters),
    )
