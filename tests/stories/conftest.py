"""The world of one story, gone when it ends."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.edges.fake_apiserver import certificate
from tests.edges.hostile_sshd import write_key
from tests.stories.world import World, founding_api


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made, api = certificate(tmp_path), founding_api()
    server = api.serve(made)
    with ExitStack() as running:
        running.callback(server.server_close)
        running.callback(server.shutdown)
        key = write_key(tmp_path / "id_ed25519")
        yield World(folder=tmp_path, certificate=made, api=api, key=key, running=running)
