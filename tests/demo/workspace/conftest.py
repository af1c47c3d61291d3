"""One workspace for each test."""

from collections.abc import Iterator

import pytest

from tests.demo.workspace.desk import Desk, Line


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk().opened() as desk:
        yield desk


@pytest.fixture
def line(desk: Desk) -> Iterator[Line]:
    """The app's only socket."""
    with desk.line() as line:
        yield line
