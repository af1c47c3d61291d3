"""What holds for all tests that have the library's socket."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The library forgets the socket of a handshake that failed; `Office` collects it before its test is over."""
    for each in items:
        if each.path.is_relative_to(Path(__file__).parent):
            each.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))
