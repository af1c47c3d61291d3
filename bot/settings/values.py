"""What the settings say, as one frozen value. Nothing here is read, and nothing is left to be checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from bot.core.consent import Person
from bot.core.facts import NodeName, Unknown
from bot.core.guards import Policy, Rates, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    user: str | None
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """How nodes are reached; what is None here, `~/.ssh/config` says, for the host of the node's name."""

    user: str | None
    port: int | None
    key: Path | None
    known_hosts: tuple[Path, ...]
    become: Literal["sudo", "none"] | None
    program: Literal["piped", "installed"]
    agent: bool
    jump: Jump | None
    limit: timedelta  # connecting, logging in, asking, reading


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAddress:
    address: str | None
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    name: str
    kubeconfig: Path | None
    context: str | None
    overdue: timedelta
    sweep: timedelta
    ssh: Ssh
    nodes: Mapping[NodeName, NodeAddress]
    channel: str | None = None  # of Slack, where its incidents are told; None: nowhere


@dataclass(frozen=True, slots=True)
class SlackId:
    """A user id is unique only together with its team."""

    user: str
    team: str


@dataclass(frozen=True, slots=True)
class SlackGroup:
    """A user group, of the team that keeps it."""

    group: str
    team: str


@dataclass(frozen=True, slots=True)
class SocketMode:
    """We open a socket to Slack, with the token in this file."""

    app_token: Path


@dataclass(frozen=True, slots=True)
class HttpMode:
    """Slack sends requests to this address of ours, signed with the secret in this file."""

    signing_secret: Path
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """How Slack is reached, and reaches us; its API's address ends with a slash."""

    mode: SocketMode | HttpMode
    bot_token: Path
    api: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """When nothing may be repaired, whoever agrees. `go_file`: without this file everything is paused."""

    go_file: Path | None
    own_node: NodeName | Unknown | None  # None: the bot runs on no node of a cluster
    rates: Rates
    storm_nodes: int
    storm_within: timedelta
    verify_within: timedelta
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    clusters: tuple[ClusterSettings, ...]
    database: str = field(repr=False)  # it may hold a password
    vote_key: Path
    people: Mapping[str, Person]  # and groups, by their ids
    logins: Mapping[str, str]  # login name on this machine -> person
    slack: Mapping[SlackId, str]  # -> person
    repairs: Repairs
    login: str  # who is at this terminal, as the kernel has it: what `logins` is asked for
    user: str  # the user's name, as the environment has it: what ssh falls back to
    home: Path
    ssh_config: Path
    workspace: Workspace | None = None
    groups: Mapping[str, SlackGroup] = field(default_factory=dict)  # by the ids that they have in `people`

    def policy(self, seal_key: bytes) -> Policy:
        """What stops a repair and who may ask for one; `seal_key` is that of `vote_key`."""
        return Policy(
            people=self.people,
            seal_key=seal_key,
            own_node=self.repairs.own_node,
            rates=self.repairs.rates,
            windows=self.repairs.windows,
            storm_nodes=self.repairs.storm_nodes,
            storm_within=self.repairs.storm_within,
            verify_within=self.repairs.verify_within,
        )
