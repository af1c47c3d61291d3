"""The commands about incidents, on a real database with a history, each as a person types it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app, shapes
from bot.core.acts import Acted
from bot.core.audit import Link
from bot.core.hostile import plain
from bot.core.phases import Incident, Proposed
from bot.core.plans import Plan
from bot.core.spoken import Said, Wanted
from bot.edges.store import Sql, open_store
from bot.engine import Engine
from bot.settings import machine
from tests.core.samples import UID
from tests.town import CLUSTER, Board, Clock, Town, policy

ME = machine.login()


class Night:
    """One incident of the town, as far as it has come, and the settings of a person who looks at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "terminating.yaml"
        self.people({"ada": {"login": ME, "request": "*", "approve": "*"}, "ben": {"approve": "*"}})
        self.clock = Clock()
        self.town = Town(self.clock, stuck={"zookeeper0-0": UID})
        self.store: Sql = open_store(f"sqlite:///{folder}/terminating.db", migrate=True)
        self.engine = Engine(self.store, self.town, Board(), policy(), self.clock, "night")

    def people(self, people: dict[str, Any]) -> None:
        clusters = {CLUSTER: {"kubeconfig": "none"}}
        self.settings.write_text(json.dumps({"clusters": clusters, "people": people}))

    def work(self) -> None:
        while True:
            with self.store.writing() as tx:
                job = tx.take("night", self.clock())
            if job is None:
                return
            self.engine.perform(job)

    def seen(self) -> None:
        self.engine.sweep(CLUSTER)
        self.work()

    def planned(self) -> None:
        self.seen()
        wanted = Wanted(incident=1, pod="", repair="container.stop", option="", person="ada", reason="")
        assert isinstance(self.engine.request(wanted), Incident)

    def unknown(self) -> None:
        """The reply to an act was lost, and no evidence is left."""
        self.town.acts = [Acted("unknown", "the connection ended")]
        self.planned()
        vote = Said(incident=1, ballot="approve", person="ben", digest=self.plan().digest, via="a test")
        assert isinstance(self.engine.vote(vote), Incident)
        self.work()

    def plan(self) -> Plan:
        phase = self.incident().phase
        assert isinstance(phase, Proposed)
        return phase.plan

    def incident(self) -> Incident:
        found = self.store.incident(1)
        assert found is not None
        return found

    def run(self, *words: str) -> Result:
        runner = CliRunner(env={"HOME": str(self.folder), "NO_COLOR": "1", "COLUMNS": None})
        return runner.invoke(app, (*words, "--config", str(self.settings)), catch_exceptions=False)

    def said(self, *words: str) -> str:
        result = self.run(*words)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    def refused(self, *words: str) -> str:
        result = self.run(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        line = result.stderr.removesuffix("\n")
        assert line == plain(line, 1_000)
        return line


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    night = Night(tmp_path)
    yield night
    night.engine.stop()
    night.store.close()


def test_without_incidents_the_list_says_so(night: Night) -> None:
    assert night.said("incidents") == "0 incidents, 0 open\n"
    assert json.loads(night.said("incidents", "-o", "json")) == {"incidents": []}


def test_incidents_are_a_table_or_json(night: Night) -> None:
    night.planned()

    assert "1   WAITING FOR APPROVAL  prod-eu  node-17  1     docker-lost-exit-event\n" in night.said("incidents")
    assert json.loads(night.said("incidents", "-o", "json")) == {
        "incidents": [
            {
                "id": 1,
                "cluster": "prod-eu",
                "hold": "node/node-17",
                "status": "WAITING FOR APPROVAL",
                "phase": "proposed",
                "pods": 1,
                "cause": "docker-lost-exit-event",
                "opened": "2025-11-20T12:00:00Z",
                "closed": None,
            }
        ]
    }


def test_an_incident_is_a_card_or_json_with_its_plan(night: Night) -> None:
    night.planned()

    said = night.said("incident", "1")
    assert said.startswith("WAITING FOR APPROVAL  1 pod on node-17 · prod-eu")
    assert "ben can." in said
    found = json.loads(night.said("incident", "1", "-o", "json"))["incident"]
    assert found["plan"]["repair"] == "container.stop"
    assert found["plan"]["op"] == found["plan"]["digest"][:32]
    assert found["plan"]["target"]["pod_uid"] == UID
    assert found["plan"]["needs"] == {"votes": 1, "typed": None, "reason": False}
    assert found["finding"]["cause"] == "docker-lost-exit-event"
    assert found["pods"][0]["deadline"] == "2025-11-20T11:48:00Z"
    assert found["votes"] == found["executions"] == []


def test_an_incident_that_is_not_there_is_one_line(night: Night) -> None:
    assert "there is none" in night.refused("incident", "7")


def test_what_was_voted_and_done_is_in_the_json(night: Night) -> None:
    night.unknown()

    found = json.loads(night.said("incident", "1", "-o", "json"))["incident"]
    assert found["status"] == "OUTCOME UNKNOWN"
    assert [(each["person"], each["ballot"], each["via"]) for each in found["votes"]] == [("ben", "approve", "a test")]
    (execution,) = found["executions"]
    assert (execution["state"], execution["requester"], execution["approvers"]) == ("unsettled", "ada", ["ben"])
    assert execution["ended"] is None


def test_an_unknown_outcome_is_settled_by_who_may(night: Night) -> None:
    night.unknown()

    said = night.said("settle", "1", "not-done", "--reason", "the node says burnt")

    assert said.startswith("incident 1 is open: STUCK  1 pod on node-17")
    assert night.incident().last == "ada settled it: container.stop was not done. the node says burnt"
    assert "Nothing to settle" in night.refused("settle", "1", "done", "--reason", "again")


def test_who_is_not_listed_settles_and_resumes_nothing_whatever_their_name(night: Night) -> None:
    night.unknown()
    night.people({"ada": {"approve": "*"}, ME: {"approve": "*"}})  # neither is said to log in here

    no = f"login {ME} is not among the people of the settings. Nothing was done."
    assert night.refused("settle", "1", "done", "--reason", "x") == no
    assert night.refused("resume", "--reason", "x") == no
    assert night.said("pause", "maintenance") == "Fixes are paused. Diagnosis goes on.\n"


def test_a_pause_lasts_until_somebody_says_why_it_ends(night: Night) -> None:
    night.seen()
    night.said("pause", "network maintenance")

    wanted = Wanted(incident=1, pod="", repair="container.stop", option="", person="ada", reason="")
    assert "by ada: network maintenance" in str(night.engine.request(wanted))
    assert "reason" in night.refused("resume", "--reason", " ")
    there_are = "resuming on prod-us failed: no cluster prod-us. There are: prod-eu."
    assert night.refused("resume", "--reason", "x", "--cluster", "prod-us") == there_are
    assert night.said("resume", "--reason", "it is over", "--cluster", CLUSTER) == "Fixes go on.\n"
    assert isinstance(night.engine.request(wanted), Incident)


def test_where_the_settings_list_nobody_a_pause_ends_once_they_do(night: Night) -> None:
    night.people({})
    night.said("pause", "x")

    assert night.refused("resume", "--reason", "x").startswith("Nobody may resume: ")
    night.people({"ada": {"login": ME, "approve": "*"}})
    assert night.said("resume", "--reason", "x") == "Fixes go on.\n"


def test_the_audit_log_is_shown_whole_or_of_one_incident(night: Night) -> None:
    night.planned()
    night.said("pause", "x")

    rows = night.said("audit", "show").splitlines()
    assert [line.split()[0] for line in rows] == [str(n) for n in range(1, len(rows) + 1)]
    assert [line.split(" ", 3)[3] for line in night.said("audit", "show", "--incident", "1").splitlines()] == [
        "seen incident 1",
        "judged incident 1 · open to diagnosed",
        f"asked incident 1 by ada · diagnosed to proposed · container.stop · plan {night.plan().digest[:8]}",
    ]
    assert rows[-1].endswith(f" paused by ada · terminal of {ME} · x")
    assert "paused" not in night.said("audit", "show", "--incident", "1")
    as_json = [json.loads(line) for line in night.said("audit", "show", "-o", "json").splitlines()]
    assert [row["kind"] for row in as_json][-1] == "paused"
    assert as_json[1]["prev"] == as_json[0]["hash"]


def test_each_row_says_what_was_decided_and_a_refusal_why(night: Night) -> None:
    night.unknown()
    night.refused("settle", "1", "done", "--reason", " ")

    rows = [line.split(" ", 3)[3] for line in night.said("audit", "show", "--incident", "1").splitlines()]
    plan = rows[2].split(" · ")[-1]
    assert rows[3:] == [
        f"voted incident 1 by ben · proposed to checking · container.stop · approve · a test · {plan}",
        f"rechecked incident 1 · checking to acting · container.stop · {plan}",
        f"sending incident 1 · container.stop · {plan}",
        f"reported incident 1 · acting to unsettled · container.stop · unknown · the connection ended · {plan}",
        f"refused incident 1 by ada · settled · terminal of {ME} · reason-needed · settling needs a reason in writing.",
    ]


@pytest.mark.parametrize(
    "body", [b"\xff", b"[]", b"", b'{"says": 5}', b'{"at": null, "says": {"plan": []}}', b'{"seq": 8}']
)
def test_a_row_that_was_tampered_with_is_shown_all_the_same(body: bytes) -> None:
    link = Link(7, body, "0" * 64, "1" * 64)

    assert shapes.told(link).startswith("7 ")
    assert shapes.told(link) == plain(shapes.told(link), 1_000)
    assert json.loads(shapes.row(link))["seq"] == 7


def test_an_audit_log_is_verified_and_its_head_can_be_kept_elsewhere(night: Night) -> None:
    night.planned()
    count = len(night.said("audit", "show").splitlines())

    said = night.said("audit", "verify")
    assert said.startswith(f"{count} rows, as they were written; the head is {count} ")

    anchors = night.folder / "anchors"
    anchors.write_text(f"{count + 1} {'0' * 64}\n")
    assert "is not as it was written: " in night.refused("audit", "verify", "--anchors", str(anchors))


def test_a_database_that_is_not_there_is_one_line_and_is_not_made(tmp_path: Path) -> None:
    settings = tmp_path / "terminating.yaml"
    settings.write_text("clusters: {a: {}}\n")

    result = CliRunner(env={"HOME": str(tmp_path)}).invoke(app, ("incidents", "--config", str(settings)))

    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("incident", str(2**31)),
        ("plan", "web"),
        ("incident",),
        ("incident", "x"),
        ("incident", "0"),
        ("settle", "1", "maybe", "--reason", "x"),
        ("settle", "1", "done"),
        ("resume",),
        ("audit",),
        ("audit", "show", "--incident", "x"),
    ],
    ids=" ".join,
)
def test_wrong_words_end_with_exit_code_2_and_nothing_on_stdout(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, words)

    assert result.exit_code == 2
    assert result.stdout == "" or words == ("audit",)


def test_the_version_is_one_line() -> None:
    assert CliRunner().invoke(app, ("--version",)).stdout == f"terminating {version('terminating')}\n"


def test_the_outcome_is_named_in_the_help_like_what_stands_beside_it() -> None:
    assert "{ID} {OUTCOME}" in CliRunner().invoke(app, ("settle", "--help")).stdout


# ---- run


def test_without_slack_in_the_settings_it_says_what_is_missing(tmp_path: Path) -> None:
    settings = tmp_path / "terminating.yaml"
    settings.write_text("clusters: {prod-eu: {}}\n", encoding="utf-8")

    result = CliRunner(env={"HOME": str(tmp_path)}).invoke(app, ("run", "--config", str(settings)))

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "starting on Slack failed: the settings name no workspace. "
        "Write `slack:` into the settings file, or give --console.\n"
    )


def started(folder: Path) -> subprocess.Popen[str]:
    """On a cluster that is not there: it says so, and stays."""
    settings = folder / "terminating.yaml"
    settings.write_text(json.dumps({"clusters": {"a": {"kubeconfig": "none"}}, "people": {"ada": {"approve": "*"}}}))
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "run", "--console", "--config", str(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )


def test_a_bot_on_a_console_answers_until_it_is_told_to_quit(tmp_path: Path) -> None:
    with started(tmp_path) as bot:
        out, err = bot.communicate(
            "list\nada> pause maintenance\nada> resume\nada> resume over\nshow 9\nquit\n", timeout=50
        )

    assert "can claim to be anyone" in out
    assert out.endswith(
        "0 incidents, 0 open\n"
        "Fixes are paused. Diagnosis goes on.\n"
        "Say: NAME> resume REASON.\n"
        "Fixes go on.\n"
        "There is no incident 9. The list of incidents has their numbers.\n"
    )
    assert bot.returncode == 0, err
    assert "Traceback" not in err
    assert "there is no kubeconfig" in err


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_bot_that_nobody_types_to(tmp_path: Path, sign: signal.Signals) -> None:
    with started(tmp_path) as bot:
        assert bot.stdout is not None
        assert bot.stderr is not None
        assert "can claim to be anyone" in bot.stdout.readline()
        bot.send_signal(sign)
        assert bot.wait(50) == 0
        assert "Traceback" not in bot.stderr.read()
