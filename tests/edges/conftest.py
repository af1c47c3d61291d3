"""Both databases, for whoever asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.store_parts import fresh, postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.crash)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'terminating.db'}"
    server: str = request.getfixturevalue("postgres_url")
    return fresh(server)
