from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bot.demo.cluster import Cluster


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster("prod-eu", clock) as up:
        yield up
