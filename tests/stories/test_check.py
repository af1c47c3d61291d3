"""`terminating check`, as a person types it before the first night, on an API server, a node and a workspace."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.demo.cluster.town import NAME, STUCK_NODE, Town
from bot.demo.workspace import Workspace, serve


@dataclass
class Place:
    """Change `given` before `check` to say something else in the settings."""

    folder: Path
    town: Town
    given: dict[str, Any]

    def check(self, *nodes: str) -> tuple[int, dict[str, str]]:
        """Exit code, and each line under its first words, without the spaces between."""
        config = self.folder / "terminating.yaml"
        config.write_text(json.dumps(self.given))
        done = subprocess.run(
            [sys.executable, "-m", "bot", "check", *nodes, "--config", str(config)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
        return done.returncode, {
            f"{fine} {rest.partition('  ')[0]}": rest.partition("  ")[2].strip() for fine, rest in lines
        }


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with Town(lambda: datetime.now(UTC)) as up:
        yield up


@pytest.fixture(scope="module")
def api() -> Iterator[tuple[Workspace, str]]:
    workspace = Workspace()
    with serve(workspace) as url:
        yield workspace, f"{url}/api/"


@pytest.fixture
def place(tmp_path: Path, town: Town, api: tuple[Workspace, str]) -> Place:
    workspace, address = api
    for name, token in (("app", workspace.app_token), ("bot", workspace.bot_token)):
        (tmp_path / name).write_text(token)
        (tmp_path / name).chmod(0o600)
    settled = town.settled()
    nodes = {STUCK_NODE: settled["nodes"][STUCK_NODE]}
    tokens = {f"{name}_token_file": str(tmp_path / name) for name in ("app", "bot")}
    given = {
        "database": f"sqlite:///{tmp_path / 'terminating.db'}",
        "clusters": {NAME: {**settled, "channel": "C0ONCALL", "nodes": nodes, "ssh": dict(settled["ssh"])}},
        "slack": {**tokens, "api": address},
        "people": {"ada": {"slack": {"user": "U0ADA", "team": "T0DEMO"}, "request": ["*"]}},
        "groups": {"sre": {"slack": {"group": "S0SRE", "team": "T0DEMO"}, "approve": ["*"]}},
    }
    return Place(tmp_path, town, given)


def test_everything_is_as_it_has_to_be(place: Place) -> None:
    code, said = place.check()

    assert code == 0, said
    assert list(said) == [
        "ok playbooks",
        "ok database",
        f"ok {NAME} pods",
        f"ok {NAME} rights",
        f"ok {NAME} {STUCK_NODE}",
        "ok slack bot token",
        "ok slack app token",
        "ok slack C0ONCALL",
        "ok slack @sre",
        "ok slack ada",
    ]
    assert said["ok slack @sre"] == "S0SRE has 2 members"
    assert said["ok database"] == "not there yet: `terminating run` makes it"
    assert said[f"ok {NAME} {STUCK_NODE}"] == "terminating-node 2 answers"
    assert not (place.folder / "terminating.db").exists()
    assert not (place.folder / "terminating.key").exists()


def test_what_is_wrong_is_said_where_it_is_wrong_and_the_rest_goes_on(place: Place) -> None:
    cluster = place.given["clusters"][NAME]
    cluster["ssh"]["known_hosts"] = "/dev/null"
    cluster["channel"] = "C0ELSEWHERE"
    place.given["groups"]["sre"]["slack"]["team"] = "T0OTHER"
    place.given["groups"]["gone"] = {"slack": {"group": "S0GONE", "team": "T0DEMO"}}
    place.given["people"]["ben"] = {"slack": {"user": "U0GUEST", "team": "T0DEMO"}}
    place.given["people"]["mallory"] = {"slack": {"user": "U0OUTSIDE", "team": "T0DEMO"}}
    (place.folder / "app").write_text("xapp-of-another")

    code, said = place.check()

    assert code == 1
    assert "its host key is not known" in said[f"FAIL {NAME} {STUCK_NODE}"]
    assert "invalid_auth" in said["FAIL slack app token"]
    assert "Invite the bot" in said["FAIL slack C0ELSEWHERE"]
    assert "it is of team T0OTHER, and this is T0DEMO" in said["FAIL slack @sre"]
    assert "no_such_subteam" in said["FAIL slack @gone"]
    assert "a guest, a bot, or no longer a member" in said["FAIL slack ben"]
    assert "T0OTHER, not T0DEMO" in said["FAIL slack mallory"]
    assert "ok slack ada" in said


def test_of_a_place_that_cannot_be_reached_nothing_else_is_asked(place: Place) -> None:
    (place.folder / "bot").write_text("xoxb-revoked")
    place.given["clusters"][NAME]["kubeconfig"] = str(place.folder / "nowhere")

    code, said = place.check()

    assert code == 1
    assert [each for each in said if NAME in each] == [f"FAIL {NAME} pods"]
    assert [each for each in said if "slack" in each] == ["FAIL slack bot token"]


def test_a_node_that_was_asked_for_is_not_passed_over_in_silence(place: Place) -> None:
    place.given["clusters"][NAME]["kubeconfig"] = str(place.folder / "nowhere")

    code, said = place.check("node-99")

    assert code == 1
    assert [each for each in said if NAME in each] == [f"FAIL {NAME} pods", f"FAIL {NAME} node-99"]
    assert said[f"FAIL {NAME} node-99"] == f"not asked: {NAME} pods failed, see above"


def test_a_right_that_is_lacking_is_named_as_a_role_would_write_it(place: Place) -> None:
    kubeconfig = json.loads(place.town.cluster.kubeconfig.read_text())
    for user in kubeconfig["users"]:
        user["user"] = {"token": place.town.cluster.users.reader_token}
    file = place.folder / "reading"
    file.write_text(json.dumps(kubeconfig))
    place.given["clusters"][NAME]["kubeconfig"] = str(file)

    code, said = place.check()

    assert code == 1
    assert said[f"ok {NAME} rights"] == "has the 10 rights for looking"
    assert '{apiGroups: [""], resources: ["pods"], verbs: ["delete"]}' in said[f"FAIL {NAME} rights"]


def test_a_node_that_the_settings_do_not_name_is_asked_by_its_name(place: Place) -> None:
    code, said = place.check("node-99")

    assert code == 1
    assert said[f"FAIL {NAME} node-99"].endswith("it has no node node-99. Check its name.")
