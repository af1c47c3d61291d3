"""The demo's API server keeps the contract that a real one keeps."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from bot.demo.cluster import Cluster
from tests.demo import contract_kube
from tests.demo.contract_kube import CONTRACT, Kube


@pytest.fixture(scope="module")
def kube() -> Iterator[Kube]:
    with Cluster("contract", lambda: datetime.now(UTC)) as cluster:
        yield Kube(url=cluster.url, token=cluster.users.admin_token, ca=cluster.ca)


@pytest.mark.parametrize("holds", CONTRACT, ids=lambda each: each.__name__)
def test_the_demos_cluster(kube: Kube, holds: Callable[[Kube], None]) -> None:
    holds(kube)


def test_the_contract_leaves_none_of_its_own_out() -> None:
    written = {
        name
        for name, each in vars(contract_kube).items()
        if callable(each) and getattr(each, "__annotations__", {}).get("kube") is Kube and name[0] != "_"
    }

    assert written == {each.__name__ for each in CONTRACT}
