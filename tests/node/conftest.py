from collections.abc import Iterator

import pytest

from tests.node.acting import Site, repairable
from tests.node.imitation import SHELLS, Node, made


@pytest.fixture(params=SHELLS)
def any_node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """The founding incident's node, under each shell that the program must run under."""
    with made(request.param) as furnished:
        yield furnished


@pytest.fixture(params=("dash", "busybox"))
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """The same with the machine's own awk, grep and timeout, and with busybox's."""
    with made(request.param) as furnished:
        yield furnished


@pytest.fixture
def one_node() -> Iterator[Node]:
    """The same under one shell, for what depends on neither."""
    with made("dash") as furnished:
        yield furnished


@pytest.fixture(params=["dash", *(pytest.param(shell, marks=pytest.mark.crash) for shell in ("bash", "busybox"))])
def any_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A node to repair, under each shell; those after the first with the slow proofs."""
    with repairable(request.param) as site:
        yield site


@pytest.fixture
def site() -> Iterator[Site]:
    """The same under one shell."""
    with repairable("dash") as furnished:
        yield furnished
