"""Every no that people hear: a code for programs, and one fixed sentence with the names filled in."""

from collections.abc import Mapping
from dataclasses import dataclass

SENTENCES: Mapping[str, str] = {
    # who may
    "not-listed": "{who} is not among the people of the settings. Nothing was done.",
    "no-right": "{who} may not {what} in {where}. {can} can.",
    "nobody-resumes": "Nobody may resume: the settings give nobody `approve`. "
    "Name somebody under `people`, with `login` and `approve`. Nothing was done.",
    "group-unknown": "Whether {who} may {what} in {where} is not known: {group} could not be read ({why}).",
    "own-request": "{who} asked for this fix, so someone else approves it. {can} can.",
    "voted-already": "{who} has voted on this plan already.",
    "old-digest": "The open plan of incident {incident} is not this one. Nothing was done. Look at its card.",
    "no-plan": "No plan is open for incident {incident}.",
    "plan-open": "A plan is open already: {repair}, asked by {who}. Approve or reject that first.",
    "reason-needed": "{repair} needs a reason in writing.",
    "typed-wrong": 'Type the name "{name}" to agree: {repair} is {risk} risk.',
    "bad-seal": "A vote on this plan was not written by this bot: its seal does not fit. Nothing was done.",
    "votes-missing": "The plan has {have} of {need} votes.",
    "nobody": "Slack did not say who you are. Nothing was done.",
    "other-team": "{who} is not of this team. Nothing was done.",
    "guest": "{who} is a guest, a bot or no longer a member. Nothing was done.",
    "account-unknown": "Who you are could not be looked up: {why} Nothing was done.",
    # what a plan needs
    "not-offered": "Not offered: {repair}. {why}.",
    "not-of-cause": "{repair} does not help against {cause}. Offered: {offered}.",
    "person-only": "{repair} is for a person to do: the bot does not carry it out.",
    "identity-unknown": "No plan: {what} is not known ({why}), so nothing proves that it would hit the right thing.",
    "other-machine": "No plan: {node} answers with machine id {answered}, the API server has {registered} of it. "
    "Look at its address in the settings.",
    "option-unknown": "{repair} takes {takes}, not {option}.",
    # the plan against the world
    "expired": "The plan expired at {at}. Nothing was done. Ask again, and it is drawn afresh.",
    "superseded": "This plan is out of date: {what}. Nothing was done.",
    "healed": "This plan is out of date: {what} is no longer stuck. Nothing was done.",
    "not-done": "Nothing was done: {why}.",
    "recheck-failed": "Nothing was done: the last look before acting failed. {why}",
    "playbook-changed": "This plan is out of date: the playbook {cause} was changed. Nothing was done.",
    # guards
    "paused": "Fixes are paused since {since} by {who}: {reason}. Until they go on nothing counts or is done.",
    "pause-unknown": "Fixes are paused: {why}. Until they go on nothing counts or is done.",
    "still-paused": "That is on record, but fixes stay paused: {why}.",
    "storm": "One problem, not {nodes}: stuck pods were first seen on {nodes} nodes within {within}. "
    "Fixes are withheld meanwhile.",
    "blackout": "No fixes in {where} until {until}: {window}.",
    "own-node": "The bot runs on {node} itself: someone must do this by hand.",
    "own-node-unknown": "Which node the bot runs on is not known ({why}), so it repairs none.",
    "node-locked": "{node} is locked: the outcome of {repair} there is unknown. Settle incident {incident} first.",
    "node-busy": "Another fix runs on {node}: {repair}. One at a time.",
    "cluster-busy": "Another fix runs in {cluster}: {repair} on {node}. One at a time.",
    "rate": "{node} had {count} such fixes in {within}; {most} are allowed. What comes back is another problem.",
    "breaker": "{repair} against {cause} failed or ended unknown in {cluster} since {since}: {times}. "
    "Look, then resume.",
    "budget-zero": "Not now: PodDisruptionBudget {budget} allows 0 disruptions.",
    # the flow
    "stale": "Too late: incident {incident} has moved on ({phase}).",
    "not-unknown": "Nothing to settle: incident {incident} is {phase}.",
    "which-pod": "Incident {incident} has several pods. Say which: {pods}.",
    "no-pod": "Incident {incident} has no pod {pod}. It has: {pods}.",
    "no-incident": "There is no incident {incident}. The list of incidents has their numbers.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` is a key of `SENTENCES`; `says` the sentence, whole and clean."""

    code: str
    says: str

    def __str__(self) -> str:
        return self.says


def refusal(code: str, **names: object) -> Refusal:
    """Names come cleaned: what a chat or a cluster said has been through `hostile.plain`."""
    return Refusal(code, SENTENCES[code].format(**names))
