"""A real API server keeps the contract that the demo's keeps: else the demo would lie."""

from collections.abc import Callable, Iterator

import pytest

from tests.bench.bare_apiserver import TOKEN, bare_apiserver, missing
from tests.demo.contract_kube import CONTRACT, Kube

pytestmark = [pytest.mark.lab, pytest.mark.skipif(missing() != "", reason=missing())]


@pytest.fixture(scope="module")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    with bare_apiserver(tmp_path_factory.mktemp("contract")) as real:
        yield Kube(url=real.url, token=TOKEN, ca=real.ca)


@pytest.mark.parametrize("holds", CONTRACT, ids=lambda each: each.__name__)
def test_a_real_cluster(kube: Kube, holds: Callable[[Kube], None]) -> None:
    holds(kube)
