"""A PostgreSQL, a place for cases, and what the stories reach when nobody is killed."""

from collections.abc import Iterator, Mapping

import pytest

from tests.crash.matrix import KINDS, Place, recorded
from tests.crash.people import STORIES, Name
from tests.crash.scene import Parent
from tests.crash.world import Kind
from tests.edges.store_parts import postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="session")
def parent() -> Iterator[Parent]:
    with Parent() as made:
        yield made


@pytest.fixture(scope="session")
def found(place: Place, parent: Parent) -> Mapping[tuple[Name, Kind], tuple[str, ...]]:
    return {(story, kind): recorded(place, parent, "sqlite", kind, story) for story in STORIES for kind in KINDS}
