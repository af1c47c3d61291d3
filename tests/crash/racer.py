"""
One of several bots on one database: a whole engine with its threads, its metronome, and people who click.

Its world is a folder that all share. What an operation id was used for is a file that only one can make; an effect is
a line. Now and then the process stops itself at the worst moment: the act is decided and not yet sent, or done and not
yet told.
"""

import json
import logging
import os
import random
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.acts import Acted
from bot.core.causes import judge
from bot.core.consent import Person, Right
from bot.core.diagnoses import Diagnosis
from bot.core.facts import NodeName, PodUid
from bot.core.guards import Policy
from bot.core.phases import Incident, Looked, Member, Proposed, Seen
from bot.core.plans import Examined, Plan
from bot.core.pods import Container, Hold, Pod
from bot.core.refusals import Refusal
from bot.core.repairs import ladder
from bot.core.spoken import Said, Wanted
from bot.edges.schedule import Metronome
from bot.edges.store import Sql, open_store
from bot.engine import Engine
from bot.ports import Missing, Outage, TimedOut
from tests.core import samples
from tests.crash.world import CANARY, KEY, Board, Kept, shown
from tests.town import LOST

NODE = NodeName("node-17")
HOLD = Hold(kind="node", name=NODE)
PATIENCE = timedelta(seconds=0.5)
CAUSE = replace(LOST, clear_for=timedelta())
TROUBLE = 0.03  # of all acts, each way
WRONG = 0.1  # of all clicks: a second vote, the requester's own, somebody's who may not, one on another plan
WAVE = 64  # plans that are open at about the same time
AGAIN_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    folder: str
    url: str
    number: int
    of: int
    plans: int
    seed: int


def clusters(plans: int) -> tuple[str, ...]:
    return tuple(f"cluster-{number:04}" for number in range(plans))


def policy(plans: int) -> Policy:
    """Ada asks, Ben agrees; Mallory may ask only."""
    rights: Mapping[str, tuple[Right, ...]] = {
        "ada": ("request", "approve"),
        "ben": ("request", "approve"),
        "mallory": ("request",),
    }
    people = {
        name: Person(id=name, rights={each: frozenset(has) for each in clusters(plans)}) for name, has in rights.items()
    }
    return Policy(people=people, seal_key=KEY, own_node=None, owner_patience=PATIENCE)


def now() -> datetime:
    return datetime.now(UTC)


class Yard:
    """`ports.World` of many clusters, each with one stuck pod, in files."""

    def __init__(self, folder: Path, head: Callable[[], int], chance: random.Random) -> None:
        self._kept = Kept(folder)
        self._head = head
        self._chance = chance
        self._turn = threading.Lock()

    def brake(self) -> str:
        return ""

    def playbooks(self) -> Mapping[str, str]:
        return {CAUSE.id: CAUSE.digest}

    def sweep(self, cluster: str, known: Sequence[Incident]) -> Mapping[Hold, Seen]:
        members = () if self._gone(cluster) else (_member(cluster),)
        uids = frozenset(each.uid for incident in known for each in incident.members)
        return {HOLD: Seen(members=members, gone=uids - {each.uid for each in members})}

    def examine(self, cluster: str, namespace: str, name: str) -> Examined:
        if self._gone(cluster):
            raise Missing("get pods", cluster, f"there is no pod {namespace}/{name}", "Look.")
        subject = samples.subject(samples.lost(samples.BOOKWORM))
        diagnosis = Diagnosis(
            pod=_pod(cluster),
            verdict=judge((CAUSE,), (subject,)),
            subjects=(subject,),
            repairs=ladder(CAUSE, subject, (subject,)),
        )
        return Examined(
            diagnosis=diagnosis,
            cluster_uid=f"uid-of-{cluster}",
            node=NODE,
            node_exists=True,
            node_uid="uid-of-the-node",
            boot_id=None,
            machine_id=None,
            load=None,
            raw=CANARY.encode(),
            stuck=True,
            took=timedelta(seconds=1),
        )

    def act(self, plan: Plan) -> Acted:
        line = {"op": plan.op, "digest": plan.digest, "seq": self._head(), "pid": os.getpid()}
        self._kept.add("sent", json.dumps(line, sort_keys=True))
        self._stumble()
        if not self._first(plan.op):
            return self._became(plan.op)
        self._kept.add("effects", f"{plan.op} container.stop {plan.target.container}")
        (self._kept.folder / f"gone {plan.target.cluster}").touch()
        (self._kept.folder / plan.op).write_text("done", encoding="utf-8")
        self._stumble()
        return Acted("done", "it was done")

    def ask(self, plan: Plan, since: datetime) -> Acted:
        del since
        if self._first(plan.op):
            (self._kept.folder / plan.op).write_text("burnt", encoding="utf-8")
        return self._became(plan.op)

    def look(self, plan: Plan) -> Looked:
        clear = self._gone(plan.target.cluster)
        says = "the pod is gone" if clear else "the API server still has the pod"
        return Looked(op=plan.op, found="clear" if clear else "held", says=says)

    def _first(self, op: str) -> bool:
        try:
            os.close(os.open(self._kept.folder / op, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def _became(self, op: str) -> Acted:
        match (self._kept.folder / op).read_text(encoding="utf-8"):
            case "done":
                return Acted("done", "the node has it on record")
            case "burnt":
                return Acted("not-done", "its id is burnt")
        raise TimedOut("status", NODE, "the operation is still running", "Ask again.")

    def _stumble(self) -> None:
        with self._turn:
            stumbles = self._chance.random() < TROUBLE
        if stumbles:  # whoever watches lets it go on
            os.kill(os.getpid(), signal.SIGSTOP)

    def _gone(self, cluster: str) -> bool:
        return self._kept.has(f"gone {cluster}")


class People:
    """
    Ada asks, for this process's share of the plans; then all vote on all of them, as they may and as they may not.

    They go on in waves, so that not everything is open at once, and within a wave in an order of their own.
    """

    def __init__(self, race: Race, engine: Engine, store: Sql, kept: Kept, chance: random.Random) -> None:
        self._race = race
        self._engine = engine
        self._store = store
        self._kept = kept
        self._chance = chance

    def talk(self) -> None:
        everything = clusters(self._race.plans)
        for first in range(0, len(everything), WAVE):
            wave = list(everything[first : first + WAVE])
            answered(wave[self._race.number :: self._race.of], self._ask)
            self._chance.shuffle(wave)
            answered(wave, self._vote)

    def _ask(self, cluster: str) -> bool:
        self._engine.sweep(cluster)
        with self._store.writing() as tx:
            found = [each.id for each in tx.open(cluster)]
        for id_ in found:
            wanted = Wanted(incident=id_, pod="", repair="container.stop", option="", person="ada", reason="")
            self._engine.request(wanted)
            incident = self._engine.incident(id_)  # whatever was answered, or not
            if incident is not None and isinstance(incident.phase, Proposed):
                self._kept.add("plans", json.dumps(shown(incident.phase.plan), sort_keys=True))  # it is read here
                self._kept.add(f"asked {cluster}", f"{id_} {incident.phase.plan.digest}")
                return True
        return False

    def _vote(self, cluster: str) -> bool:
        asked = self._kept.lines(f"asked {cluster}")
        if not asked:
            return False
        id_, plan = asked[0].split(" ")
        wrong = [("ben", plan), ("ada", plan), ("mallory", plan), ("ben", "0" * 64)]
        clicks = [("ben", plan), *(each for each in wrong if self._chance.random() < WRONG)]
        self._chance.shuffle(clicks)
        for person, digest in clicks:
            cast = {"person": person, "ballot": "approve", "digest": digest}
            self._kept.add("votes", json.dumps(cast, sort_keys=True))
            said = Said(incident=int(id_), ballot="approve", person=person, digest=digest, via="a race")
            answer = self._engine.vote(said)
            code = answer.code if isinstance(answer, Refusal) else "accepted"
            self._kept.add("answers", f"{person if digest == plan else 'outdated'} {code}")
        return True


def answered(all_of: Iterable[str], ask: Callable[[str], bool]) -> None:
    """Each until it is so; whom the database does not answer asks again after the others."""
    waiting = deque(all_of)
    while waiting:
        one = waiting.popleft()
        done = False
        with suppress(Outage):
            done = ask(one)
        if not done:
            waiting.append(one)
            select.select([], [], [], AGAIN_S)


def run(race: Race) -> None:
    """Until stdin ends."""
    folder, chance = Path(race.folder), random.Random(race.seed)  # noqa: S311  # drawn again the same
    kept = Kept(folder)
    with ExitStack() as stack:
        store = open_store(race.url, migrate=False)
        stack.callback(store.close)
        board = Board(kept, lambda: store.head().seq)
        yard = Yard(folder, lambda: store.head().seq, random.Random(race.seed))  # noqa: S311  # the same
        engine = Engine(store, yard, board, policy(race.plans), now, f"bot-{race.number}")
        metronome = Metronome()
        metronome.every(PATIENCE / 2, "the tick", engine.tick)
        metronome.every(PATIENCE / 2, "the outbox", engine.drain)
        metronome.start()
        people = People(race, engine, store, kept, chance)
        people.talk()
        kept.add("voted", str(race.number))
        sys.stdin.read()
        metronome.stop()
        engine.stop()


def _pod(cluster: str) -> Pod:
    pod = samples.pod(now() - timedelta(minutes=12), Container(name="zookeeper", id=samples.CONTAINER, state="running"))
    return replace(pod, cluster=cluster, uid=PodUid(f"uid-{cluster}"))


def _member(cluster: str) -> Member:
    pod = _pod(cluster)
    return Member(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        owner=pod.owner,
        deadline=samples.NOON,
        node=pod.node,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    run(Race(**json.loads(sys.argv[1])))
