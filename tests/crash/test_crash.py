"""The crash matrix: killed at every point, on both databases, for a repair by the API and for one on the node."""

import queue
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash.matrix import KINDS, Case, Outcome, Place, cases, play, recorded
from tests.crash.people import Name
from tests.crash.scene import Parent
from tests.crash.world import Kind

WORKERS = 2  # side by side; each has one process at a time

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1_800)]


@pytest.fixture(scope="module")
def both(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("both"), postgres_url)


def test_nothing_is_done_twice_or_lost_wherever_the_process_dies(
    both: Place, found: Mapping[tuple[Name, Kind], Sequence[str]]
) -> None:
    planned = [*cases(found, "sqlite"), *cases(found, "postgres")]

    outcomes = played(both, planned)

    failed = [each for each in outcomes if each.faults]
    broken = Counter(each.invariant for outcome in outcomes for each in outcome.violations)
    unknown = sum(each.unknown for each in outcomes)
    print(
        f"\ncrash points survived: {len(outcomes) - len(failed)} of {len(planned)} ({told(planned)}); "
        f"duplicates {broken['I1']}, lost {broken['truth'] + broken['I4']}, unknown and asked {unknown}"
    )
    assert not failed, "\n\n".join("\n".join((str(each.case), *each.faults)) for each in failed[:10])
    assert len(outcomes) == len(planned)


@pytest.mark.parametrize("kind", KINDS)
def test_both_databases_have_the_same_points(
    both: Place, parent: Parent, found: Mapping[tuple[Name, Kind], Sequence[str]], kind: Kind
) -> None:
    assert recorded(both, parent, "postgres", kind, "straight") == found["straight", kind]


def played(place: Place, planned: Sequence[Case]) -> Sequence[Outcome]:
    free: queue.Queue[Parent] = queue.Queue()

    def one(case: Case) -> Outcome:
        parent = free.get()
        try:
            return play(place, parent, case)
        finally:
            free.put(parent)

    parents = [Parent() for _ in range(WORKERS)]
    try:
        for parent in parents:
            free.put(parent)
        with ThreadPoolExecutor(WORKERS) as threads:
            return list(threads.map(one, planned))
    finally:
        for parent in parents:
            parent.close()


def told(planned: Sequence[Case]) -> str:
    counts = Counter(f"{each.database} {each.kind}" for each in planned)
    return ", ".join(f"{name} {count}" for name, count in counts.items())
