"""One pod, everything that was said about it, and what follows: the verdict and the repairs that can work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.core.causes import Cause, Subject, Verdict, judge
from bot.core.facts import ContainerId, NodeAnswers, merged
from bot.core.pods import Pod
from bot.core.repairs import Assessment, Offered, Withheld, ladder
from bot.core.scans import Stuck


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    pod: Pod
    verdict: Verdict
    subjects: tuple[Subject, ...]  # the pod's containers, in the order of its status, sandboxes last
    repairs: tuple[Assessment, ...]

    @property
    def offered(self) -> tuple[Offered, ...]:
        return tuple(repair for repair in self.repairs if isinstance(repair, Offered))

    @property
    def withheld(self) -> tuple[Withheld, ...]:
        return tuple(repair for repair in self.repairs if isinstance(repair, Withheld))


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    """A diagnosis, the pod as it was when it was made, and how long it took."""

    stuck: Stuck
    diagnosis: Diagnosis
    took: timedelta


def diagnose(pod: Pod, answers: Sequence[NodeAnswers], causes: Sequence[Cause]) -> Diagnosis:
    """Judges one pod by all answers together; where two speak of one fact, a known one wins, then the later."""
    subjects = subjects_of(pod, answers)
    verdict = judge(causes, subjects)
    repairs: tuple[Assessment, ...] = ()
    if verdict.cause is not None and verdict.subject is not None:
        repairs = ladder(verdict.cause, verdict.subject, subjects)
    return Diagnosis(pod=pod, verdict=verdict, subjects=subjects, repairs=repairs)


def subjects_of(pod: Pod, answers: Sequence[NodeAnswers]) -> tuple[Subject, ...]:
    """Each container of the pod, whether the API or only the node knows it; the pod itself where there is none."""
    around = [said.node for said in answers] + [said.pods.get(pod.uid, {}) for said in answers]
    names: dict[ContainerId, str] = {}
    for container in pod.containers:
        if container.id is not None:
            names[container.id] = container.name
    for said in answers:
        for id_, uid in said.belongs.items():
            if uid == pod.uid:
                names.setdefault(id_, said.names.get(id_, id_[:8]))
    subjects = tuple(
        Subject(container=id_, name=name, facts=merged(*around, *(said.containers.get(id_, {}) for said in answers)))
        for id_, name in sorted(names.items(), key=lambda each: each[1] == "sandbox")
    )
    return subjects or (Subject(container=None, name=pod.name, facts=merged(*around)),)
