"""What holds for all tests that have the library's socket."""

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    The library forgets the socket of a handshake that failed; `Office` collects it before its test is over.

    Its own threads draw from `random` too, while hypothesis looks whether a strategy did.
    """
    for each in items:
        if each.path.is_relative_to(Path(__file__).parent):
            each.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))
            each.add_marker(pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"))


@pytest.fixture(scope="session", autouse=True)
def _collected() -> Iterator[None]:
    """What is left of it at the end of all tests would count as a fault of the run."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
