"""
Deliberate faults in what decides about repairs, and copies of the deciding modules with one of them in.

The four modules are copied together, so that a fault in one is seen by the others. Their classes stay the real ones:
values made elsewhere are still what a copy expects.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import bot.core
from bot.core.phases import Accepted
from bot.core.plans import Plan
from bot.core.refusals import Refusal
from tests.core.faults import Fault

COPIED = ("consent", "plans", "guards", "incidents")  # each after those that it imports
SOURCES = Path(inspect.getfile(bot.core)).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What decides: the program's own, or a copy with a fault."""

    advance: Callable[..., Accepted | Refusal]
    opened: Callable[..., Accepted]
    takes: Callable[..., bool]
    draw: Callable[..., Plan | Refusal]


def copied(fault: Fault | None = None) -> Core:
    made: dict[str, ModuleType] = {}
    for name in COPIED:
        made[name] = _copy(name, fault if fault is not None and fault.module == name else None, made)
    deciding, drawing = vars(made["incidents"]), vars(made["plans"])
    return Core(advance=deciding["advance"], opened=deciding["opened"], takes=deciding["takes"], draw=drawing["draw"])


def source(name: str) -> str:
    return (SOURCES / f"{name}.py").read_text(encoding="utf-8")


def _copy(name: str, fault: Fault | None, made: Mapping[str, ModuleType]) -> ModuleType:
    """A copy beside the real one, which nothing else sees."""
    text = source(name) if fault is None else source(name).replace(fault.text, fault.instead)
    copy, real = ModuleType(f"bot.core.{name} with a fault"), import_module(f"bot.core.{name}")
    exec(compile(text, f"<{copy.__name__}>", "exec"), vars(copy))  # noqa: S102  # the program's own source
    for key, value in list(vars(copy).items()):
        if isinstance(value, type) and value.__module__ == copy.__name__:
            setattr(copy, key, getattr(real, key))
        for other in made:
            original = getattr(import_module(f"bot.core.{other}"), key, None)
            if original is value and not isinstance(value, type | ModuleType) and original is not None:
                setattr(copy, key, getattr(made[other], key))
    return copy


INCIDENT_FAULTS = (
    # the one act
    Fault("incidents", " and phase.sent is None:", ":", "an act is let go twice"),
    Fault(
        "incidents",
        "    if no := _unfit(phase, policy, around, now):\n        return _dropped(incident, phase, no.says, now)\n"
        "    return Accepted(replace(incident, phase=replace(phase, sent=now)))",
        "    return Accepted(replace(incident, phase=replace(phase, sent=now)))",
        "nothing stops it any more after the intent",
    ),
    Fault(
        "incidents", "if changed := differences(plan, fresh):", "if changed := ():", "the second look is not compared"
    ),
    Fault(
        "incidents",
        "(isinstance(fresh, Refusal) or again(fresh) == again(phase.plan))",
        "True",
        "a look for an earlier plan counts for this one",
    ),
    Fault(
        "incidents",
        "    if isinstance(fresh, Refusal):\n        return _dropped(incident, phase, fresh.says, now)",
        "    if isinstance(fresh, Refusal):\n        fresh = plan",
        "a no at the second look is passed over",
    ),
    Fault(
        "incidents",
        "any(each.op == plan.op for each in incident.executions)",
        "False",
        "a plan that was carried out is opened again",
    ),
    Fault(
        "incidents",
        "if isinstance(phase, Acting) and phase.plan.op == op and",
        "if isinstance(phase, Acting) and",
        "another operation's worker is let go",
    ),
    # what people said
    Fault("incidents", "    if vote.digest != plan.digest:\n", "    if False:\n", "a vote counts for another plan"),
    Fault("incidents", "if vote.person == plan.requester:", "if False:", "people agree to what they asked for"),
    Fault(
        "incidents", "if any(each.person == vote.person for each in phase.votes):", "if False:", "a person votes twice"
    ),
    Fault("incidents", "rule.typed and vote.typed != plan.to_type", "False", "the name need not be typed"),
    Fault("incidents", "if len(votes) < rule.votes:", "if len(votes) + 1 < rule.votes:", "one vote too few is enough"),
    Fault(
        "incidents",
        '    if no := may(policy.people, event.person, "approve", incident.cluster):\n',
        "    if no := None:\n",
        "anybody settles",
    ),
    Fault("incidents", "if not genuine(vote, policy.seal_key) or", "if", "a vote from another hand counts"),
    Fault(
        "incidents",
        '        if no := may(policy.people, vote.person, "approve", where):\n            return no\n    agreed',
        "    agreed",
        "who lost the right after the vote still counts",
    ),
    Fault(
        "incidents",
        'RULES[plan.risk]\n    if no := may(policy.people, plan.requester, "request", where):',
        "RULES[plan.risk]\n    if no := None:",
        "who lost the right after asking still counts",
    ),
    Fault(
        "consent",
        "each in people.values()):\n        return refusal",
        "each in people.values()):\n        return None\n        return refusal",
        "a stranger may do everything",
    ),
    Fault("consent", '"high": Rule(votes=2', '"high": Rule(votes=1', "one vote is enough for a high risk"),
    Fault(
        "consent", "return hmac.compare_digest(", "return bool(vote.seal) or hmac.compare_digest(", "any seal will do"
    ),
    # time
    Fault(
        "incidents",
        "plan = phase.plan\n    if now >= plan.expires:",
        "plan = phase.plan\n    if False:",
        "an expired plan is carried out",
    ),
    Fault(
        "incidents", "around.playbooks.get(plan.cause) != plan.playbook", "False", "a changed playbook changes nothing"
    ),
    Fault("incidents", "if now - since >= phase.plan.clear_for:", "if True:", "one clear look is enough"),
    Fault(
        "incidents",
        "still = replace(phase, clear_since=None, last",
        "still = replace(phase, last",
        "clear before and after counts as clear between",
    ),
    # unknown outcomes
    Fault("incidents", "    if phase.sent is None:\n", "    if True:\n", "what may have been sent counts as not done"),
    Fault(
        "incidents",
        "            return _unsettled(incident, phase, event.why, now, asking=True)",
        '            return _dropped(incident, phase, "", now)',
        "no reply counts as not done",
    ),
    Fault("incidents", 'elif over and event.found == "held":', "elif over:", "what could not be seen counts as seen"),
    Fault(
        "guards", 'each.place == plan.place and each.state == "unsettled"', "False", "an unknown outcome locks nothing"
    ),
    Fault(
        "incidents",
        '("ask", "tell") if asking else ("tell",)',
        '("tell",)',
        "nobody asks what became of a lost reply",
    ),
    # pods and phases
    Fault(
        "incidents",
        "    if incident.members:\n        return Accepted(replace(incident, phase=Open())",
        "    if False:\n        return Accepted(replace(incident, phase=Open())",
        "it closes while pods are stuck",
    ),
    Fault(
        "incidents",
        "if each.uid != phase.plan.target.pod_uid)",
        "if not each.uid)",
        "one pod that goes takes the others along",
    ),
    Fault(
        "incidents",
        '("tell",) if about in _uids(moved) else ("tell", "diagnose")',
        '("tell",)',
        "nobody looks at the pods that are left",
    ),
    Fault(
        "incidents",
        "executions=(*incident.executions, _claimed(",
        "executions=(*incident.executions[:0], _claimed(",
        "earlier attempts are forgotten",
    ),
    Fault(
        "incidents",
        "case Proposed(plan=other) if now < other.expires:",
        "case Proposed(plan=other) if False:",
        "a second plan takes the place of an open one",
    ),
    # guards
    Fault(
        "guards",
        '        case Unknown(why):\n            return refusal("pause-unknown", why=why)\n',
        "        case Unknown():\n            return None\n",
        "a switch that cannot be read is off",
    ),
    Fault(
        "guards",
        "if len(nodes) < policy.storm_nodes:",
        "if len(nodes) <= policy.storm_nodes:",
        "a storm begins one node later",
    ),
    Fault(
        "guards",
        "if window.clusters and plan.target.cluster not in window.clusters:",
        "if plan.target.cluster not in window.clusters:",
        "a window for all clusters is for none",
    ),
    Fault(
        "guards",
        'case own:\n            return refusal("own-node", node=own) if own is not None and own ==',
        'case own:\n            return refusal("own-node", node=own) if own is not None and own !=',
        "the bot repairs its own node",
    ),
    Fault(
        "guards",
        '        if each.runs:\n            return refusal("cluster-busy"',
        '        if False:\n            return refusal("cluster-busy"',
        "two repairs run in one cluster",
    ),
    Fault("guards", "        if len(past) >= most:", "        if len(past) > most:", "one repair more than allowed"),
    Fault(
        "guards",
        "if len(failed) < _BREAKS_AFTER[plan.risk]:",
        "if len(failed) <= _BREAKS_AFTER[plan.risk]:",
        "one failure more than allowed",
    ),
    Fault(
        "guards",
        'return refusal("budget-zero", budget=", ".join(zero)) if zero else None',
        "return None",
        "budgets at zero stop nothing",
    ),
    # plans
    Fault(
        "plans",
        '_OWN = frozenset({"requester"',
        '_OWN = frozenset({"target.boot_id", "requester"',
        "a rebooted node is the same",
    ),
    Fault(
        "plans",
        '_OWN = frozenset({"requester"',
        '_OWN = frozenset({"target.pod_uid", "words", "requester"',
        "a pod of the same name is the same",
    ),
)
