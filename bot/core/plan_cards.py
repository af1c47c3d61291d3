"""
What people read before they agree to a plan: what happens, only if what holds, what it touches, what is lost.

Neutral parts, without a terminal or a chat in them. Times are UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from bot.core.cards import SHORT_ID, lasting
from bot.core.consent import RULES, Person, Vote, able
from bot.core.findings import Finding
from bot.core.plans import Plan
from bot.core.repairs import BY_ID, CATALOGUE, Risk


@dataclass(frozen=True, slots=True)
class Part:
    """A heading with its lines."""

    label: str
    lines: tuple[str, ...]


class _Told(NamedTuple):
    """Of one verb, with the names of its plan to be filled in."""

    happens: str
    only_if: str
    afterwards: str
    lost: str


_REMOVED = "the kubelet removes the pod"
_NOTHING = "nothing that runs"
_DEAD = "no process of the container lives"
_DAEMON = "systemctl restart {unit}, or /etc/init.d/{unit} restart"

_RANK: Mapping[str, int] = {each.id: n for n, each in enumerate(CATALOGUE)}  # least destructive first

# By the repair, and for one that can be done in several ways by the first of its words too.
_TOLD: Mapping[str, _Told] = {
    "container.stop": _Told(
        "docker stop of container {container} ({name})",
        f"docker still says running, with pid {{pid}}; that pid is nobody's now; {_DEAD}; containerd answers",
        f"dockerd marks it exited, {_REMOVED}",
        _NOTHING,
    ),
    "shim.reap": _Told(
        "kill -KILL {shim}, the shim of container {container} ({name})",
        f"pid, start time and container of the shim still match, and {_DEAD}",
        f"containerd publishes the exit, {_REMOVED}",
        _NOTHING,
    ),
    "cgroup.thaw": _Told(
        "the cgroups of container {container} ({name}) and of its pod are thawed",
        "one of them is frozen, and none above the pod",
        f"the pending kill lands, {_REMOVED}",
        "a pause that somebody may have made on purpose",
    ),
    "kubelet.restart": _Told(
        _DAEMON.format(unit="kubelet"),
        "something on the node knows how to restart it",
        "the kubelet takes up its deletions anew",
        _NOTHING,
    ),
    "docker.restart on": _Told(
        _DAEMON.format(unit="docker"),
        "live-restore is still on",
        f"dockerd reads every container's state anew, {_REMOVED}",
        _NOTHING,
    ),
    "docker.restart switch": _Told(
        f"live-restore is put into daemon.json and taken by a reload; then {_DAEMON.format(unit='docker')}",
        "live-restore is still off, and dockerd takes it without a restart; else the old file is put back",
        f"dockerd reads every container's state anew, {_REMOVED}; live-restore stays on",
        _NOTHING,
    ),
    "docker.restart off": _Told(
        f"{_DAEMON.format(unit='docker')}, and every container stops with it",
        "live-restore is still off, and at most {word} containers run",
        f"dockerd reads every container's state anew, {_REMOVED}; the kubelet starts the others again",
        "what {stops} running containers were doing",
    ),
    "containerd.restart": _Told(
        "systemctl restart containerd",
        "its systemd unit still says KillMode=process",
        f"containerd reads every task's state anew, {_REMOVED}",
        _NOTHING,
    ),
    "pod.delete": _Told(
        "a DELETE of pod {pod} by its UID, with its own grace period",
        "a pod of that name still has the UID {uid}",
        "the API server lets go of a pod that has ended",
        _NOTHING,
    ),
    "pod.force_delete": _Told(
        "a DELETE of pod {pod} by its UID, with a grace period of 0",
        "a pod of that name still has the UID {uid}",
        "the API server forgets the pod; what is left on the node stays there",
        "nothing on the node; nothing there is mended either",
    ),
    "finalizer.remove": _Told(
        "a PATCH that takes the finalizer {word} off pod {pod}, and no other",
        "a pod of that name still has the UID {uid}, and this finalizer",
        "once no finalizer is left, the API server removes the pod",
        "what the controller of {word} has not done yet",
    ),
    "node.cordon": _Told(
        "a PATCH of node {node}: unschedulable",
        "a node of that name still has the same UID",
        "it takes no new pods until somebody uncordons it",
        _NOTHING,
    ),
    "node.uncordon": _Told(
        "a PATCH of node {node}: schedulable",
        "a node of that name still has the same UID",
        "it takes new pods",
        _NOTHING,
    ),
}

# In a sentence: who asks to do what. By the repair, and for one that can be done in several ways by its first word too.
_DEEDS: Mapping[str, str] = {
    "container.stop": "stop the dead container through docker",
    "shim.reap": "reap the dead container's shim",
    "cgroup.thaw": "thaw the container's cgroup",
    "pod.delete": "delete the pod once more",
    "kubelet.restart": "restart the kubelet",
    "docker.restart": "restart dockerd",
    "docker.restart switch": "switch live-restore on and restart dockerd",
    "docker.restart off": "restart dockerd and every container with it",
    "containerd.restart": "restart containerd",
    "pod.force_delete": "force-delete the pod",
    "finalizer.remove": "take a finalizer off the pod",
    "node.cordon": "cordon the node",
    "node.uncordon": "uncordon the node",
    "node.drain": "drain the node",
    "node.out_of_service": "declare the node out of service",
    "node.reboot": "reboot the node",
}


def plan_parts(
    plan: Plan, people: Mapping[str, Person], *, votes: Sequence[Vote] = (), finding: Finding | None = None
) -> tuple[Part, ...]:
    """
    The whole card of a plan. With a finding, also why nothing less is proposed; with people, also who can approve.

    One of no incident was drawn for a look only: nobody asked, it does not expire, and there is nothing to vote on.
    """
    told = _told(plan)
    on_node = BY_ID[plan.repair].by == "node"
    where = "by the node program" if on_node else "by the API server"
    same = "same boot, same machine; checked again on the node" if on_node else "checked within the request itself"
    parts = [
        Part("Asked" if plan.incident else "Plan", (_asked(plan),)),
        Part("What happens", (f"{told.happens}, {where}",)),
        Part("Only if", (f"{told.only_if} ({same})",)),
        Part("Touches", _touches(plan)),
        Part("Afterwards", (_afterwards(plan, told), *plan.notes)),
    ]
    if finding is not None and (less := _less(plan, finding)):
        parts.append(Part("Why not less", less))
    kept = (
        f"; what the node said is kept: evidence {finding.evidence[:SHORT_ID]}" if finding and finding.evidence else ""
    )
    parts.append(Part("Lost", (told.lost + kept,)))
    parts.append(Part("Needs", _needs(plan, people, votes)))
    if plan.incident:
        parts.append(Part("Plan", (f"{plan.digest[:SHORT_ID]} of incident {plan.incident}",)))
    return tuple(parts)


def asks(plan: Plan) -> str:
    """Who wants what, where: the first line of a plan."""
    done = f"take the finalizer {plan.words[0]} off the pod" if plan.repair == "finalizer.remove" else None
    way = " ".join((plan.repair, *plan.words[:1]))
    what = done or deed(way if way in _DEEDS else plan.repair)
    return f"{plan.requester} asks to {what} · {place_of(plan)} · {plan.risk} risk"


def deed(repair: str) -> str:
    """A repair as what somebody does: `reap the dead container's shim`."""
    return _DEEDS[repair]


def voted(votes: Sequence[Vote]) -> tuple[str, ...]:
    return tuple(f"{vote.person} approved {clock(vote.at)} ({vote.via})." for vote in votes)


def agreement(risk: Risk, whose: str) -> str:
    """How many must agree."""
    rule = RULES[risk]
    return f"1 approval, not {whose}" if rule.votes == 1 else f"{rule.votes} people's approval, not {whose}"


def place_of(plan: Plan) -> str:
    """Pod and node, as people name them."""
    target = plan.target
    pod = f"{target.namespace}/{target.pod}"
    return f"{pod} on {target.node}" if target.node else pod


def spoken(repair: str) -> str:
    """A repair in a sentence: `shim reap`."""
    return repair.replace(".", " ").replace("_", " ")


def clock(at: datetime) -> str:
    return at.strftime("%d %b %H:%M:%S UTC").lstrip("0")


def _how_many(people: Mapping[str, Person], cluster: str, but: Sequence[str]) -> int:
    return sum("approve" in each.rights.get(cluster, ()) for name, each in people.items() if name not in but)


def _told(plan: Plan) -> _Told:
    target = plan.target
    found = _TOLD.get(plan.repair) or _TOLD[" ".join((plan.repair, *plan.words[:1]))]
    names = {
        "container": (target.container or "")[:SHORT_ID],
        "name": target.container_name,
        "pid": target.pid,
        "shim": target.shim_pid,
        "pod": f"{target.namespace}/{target.pod}",
        "uid": target.pod_uid,
        "node": target.node,
        "word": plan.words[-1] if plan.words else "",
        "stops": plan.touches.stops,
    }
    return _Told(*(text.format(**names) for text in found))


def _asked(plan: Plan) -> str:
    what = f"{plan.repair} ({plan.risk} risk) for {place_of(plan)}"
    if not plan.incident:
        return what
    because = f": “{plan.reason}”" if plan.reason else ""
    return f"{plan.requester} asks for {what}{because}"


def _touches(plan: Plan) -> tuple[str, ...]:
    touched = plan.touches
    lines = [touched.says]
    if touched.others:
        pods = "1 other pod" if touched.others == 1 else f"{touched.others} other pods"
        lines.append(f"{pods} on {plan.target.node}: not touched")
    if touched.stateful:
        lines.append(f"Among them: {', '.join(touched.stateful)}")
    if touched.single:
        lines.append(f"The only pod of: {', '.join(touched.single)}")
    if touched.budgets_at_zero:
        lines.append(
            f"PodDisruptionBudgets that allow 0 disruptions (they block it): {', '.join(touched.budgets_at_zero)}"
        )
    return tuple(lines)


def _afterwards(plan: Plan, told: _Told) -> str:
    if not plan.clear_for:
        return told.afterwards
    return f"{told.afterwards}; believed once it has stayed clear for {lasting(plan.clear_for)}"


def _less(plan: Plan, finding: Finding) -> tuple[str, ...]:
    """What is less destructive: why it cannot work here, or that it could."""
    withheld = [f"{repair}: {why}" for repair, why in finding.withheld if _RANK[repair] < _RANK[plan.repair]]
    offered = [each.repair for each in finding.offers if _RANK[each.repair] < _RANK[plan.repair]]
    return (*withheld, f"Offered too: {', '.join(offered)}") if offered else tuple(withheld)


def _needs(plan: Plan, people: Mapping[str, Person], votes: Sequence[Vote]) -> tuple[str, ...]:
    rule = RULES[plan.risk]
    if plan.incident:
        but = (plan.requester, *(vote.person for vote in votes))
        whose, until = f"{plan.requester}'s", f"open until {clock(plan.expires)}"
    else:
        but, whose, until = (), "the requester's", f"open for {lasting(rule.lives)}"
    lines = [f"{agreement(plan.risk, whose)} · {until}"]
    if rule.typed:
        lines.append(f"Each types the name {plan.to_type}.")
    if rule.reason and not plan.incident:
        lines.append("A reason in writing.")
    lines.extend(voted(votes))
    if people:
        lines.append(f"{able(people, 'approve', plan.target.cluster, but)} can.")
    if people and _how_many(people, plan.target.cluster, but) < rule.votes - len(votes):
        lines.append("That is too few: somebody has to be given the right to approve there.")
    return tuple(lines)
