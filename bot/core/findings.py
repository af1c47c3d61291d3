"""What a diagnosis leaves with its incident: sentences and rows. The facts behind them are in the evidence."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core import cards
from bot.core.diagnoses import Diagnosis
from bot.core.facts import PodUid
from bot.core.repairs import Offered, Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    repair: str
    risk: Risk
    does: str
    touches: str
    notes: tuple[str, ...]
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Of one pod. `cause` is empty where none fits; `signs` are the evidence for it in a line or two.

    `evidence` is the sha256 of what the node answered, whole, and `size` how many bytes that is.
    """

    pod: str
    pod_uid: PodUid
    cause: str
    sentences: tuple[str, ...]
    signs: tuple[str, ...]
    about: str
    rows: tuple[cards.Row, ...]
    ruled_out: tuple[tuple[str, str], ...]
    not_asked: tuple[tuple[str, str], ...]
    offers: tuple[Offer, ...]
    withheld: tuple[tuple[str, str], ...]
    prevent: str
    evidence: str
    size: int
    at: datetime
    took: timedelta


def of(diagnosis: Diagnosis, evidence: str, at: datetime, took: timedelta, *, size: int = 0) -> Finding:
    verdict = diagnosis.verdict
    return Finding(
        pod=diagnosis.pod.full_name,
        pod_uid=diagnosis.pod.uid,
        cause=verdict.cause.id if verdict.cause else "",
        sentences=cards.cause(diagnosis),
        signs=cards.signs(diagnosis),
        about=cards.about(diagnosis),
        rows=cards.evidence(diagnosis),
        ruled_out=tuple((cause.id, cards.ruled_out(failed)) for cause, failed in verdict.ruled_out),
        not_asked=cards.not_asked(verdict.unknown),
        offers=tuple(_offer(each) for each in diagnosis.repairs if isinstance(each, Offered)),
        withheld=tuple((each.repair.id, each.why) for each in diagnosis.repairs if not isinstance(each, Offered)),
        prevent=verdict.cause.prevent if verdict.cause else "",
        evidence=evidence,
        size=size,
        at=at,
        took=took,
    )


def _offer(offered: Offered) -> Offer:
    return Offer(
        repair=offered.repair.id,
        risk=offered.risk,
        does=offered.repair.does,
        touches=offered.touches,
        notes=offered.notes,
        choices=offered.choices,
    )
