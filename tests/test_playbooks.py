"""The shipped causes, held against situations as they are found; and what a faulty playbook is told."""

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
import yaml

from bot.core import repairs
from bot.core.causes import Cause, Compared, Subject, judge
from bot.core.facts import BY_NAME
from bot.core.pods import Container
from bot.probes import docker, tasks
from bot.settings import SettingsError, playbooks, shipped
from tests.core.samples import (
    ALIVE,
    BULLSEYE,
    NO_SHIM,
    OLD,
    TRIXIE,
    UNTOLD,
    Answers,
    facts,
    founding,
    hung,
    hung_cri,
    lost,
    subject,
)

FOLDER = shipped("playbooks")
SHIPPED = playbooks()
IDS = [cause.id for cause in SHIPPED]
ORDER = (
    "id",
    "title",
    "runtimes",
    "when",
    "supported_by",
    "shown",
    "because",
    "repairs",
    "clear_for",
    "explains",
    "prevent",
    "sources",
)
each_cause = pytest.mark.parametrize("cause", SHIPPED, ids=IDS)

ENDED: Answers = {
    "docker.container.state": "exited",
    "containerd.task.status": "absent",
    "api.pod.containers_ended": True,
    "api.pod.containers_running": 0,
    **NO_SHIM,
}
RUNS: Answers = {**lost(BULLSEYE), **ALIVE, "containerd.task.status": "RUNNING"}
EARLY: Answers = {**RUNS, "api.pod.stuck": False, "api.pod.overdue_s": -12}
SILENT_NODE: Answers = {
    name: value if name.startswith("api.") else UNTOLD for name, value in {**RUNS, "api.node.ready": False}.items()
}

FOUND: dict[str, tuple[Answers, ...]] = {
    "cgroup-frozen": ({**RUNS, "cgroup.frozen": True, "containerd.task.status": "PAUSED"},),
    "docker-lost-exit-event": (founding(), lost(OLD), lost(BULLSEYE), lost(TRIXIE)),
    "dockerd-hung": ({**RUNS, "docker.answers": False, "docker.container.state": UNTOLD},),
    "finalizer-pending": ({**lost(BULLSEYE), **ENDED, "api.pod.finalizers": 2},),
    "grace-not-elapsed": (EARLY,),
    "kubelet-down": ({**RUNS, "kubelet.active": False, "kubelet.process": "absent", "api.node.ready": False},),
    "node-deleted-orphans": ({**SILENT_NODE, "api.node.exists": False, "api.node.ready": UNTOLD},),
    "node-notready-or-unreachable": (SILENT_NODE,),
    "prestop-hook": ({**EARLY, "api.pod.prestop": True},),
    "process-d-state": ({**RUNS, "process.state": "D", "cgroup.blocked": 1, "process.kill_pending": True},),
    "shim-hung": (hung(OLD), hung(TRIXIE), hung_cri(), {**hung(OLD), **ALIVE}),
}
SITUATIONS = [(id_, answers) for id_, several in FOUND.items() for answers in several]

SOUND = """\
id: sample
title: A sample
runtimes: [docker]
when:
  api.pod.stuck: yes
because: Because.
repairs: [pod.delete]
prevent: Do not.
sources:
  - https://example.com/
"""


def named(answers: Answers) -> str | None:
    found = judge(SHIPPED, [subject(answers)]).cause
    return found.id if found is not None else None


def fault(folder: Path, content: str) -> str:
    """The one fault of a playbook, without its folder."""
    (folder / "sample.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        playbooks(folder)
    (found,) = caught.value.faults
    return str(found).removeprefix(f"{folder}/")


def test_every_shipped_playbook_loads_and_has_a_situation_it_was_found_in() -> None:
    assert [path.stem for path in sorted(FOLDER.glob("*"))] == IDS
    assert sorted(FOUND) == IDS


@pytest.mark.parametrize(("id_", "answers"), SITUATIONS, ids=[f"{n}-{id_}" for n, (id_, _) in enumerate(SITUATIONS)])
def test_each_situation_names_its_cause(id_: str, answers: Answers) -> None:
    assert named(answers) == id_


@pytest.mark.parametrize(("id_", "answers"), SITUATIONS, ids=[f"{n}-{id_}" for n, (id_, _) in enumerate(SITUATIONS)])
def test_without_any_one_of_its_facts_the_cause_is_not_named(id_: str, answers: Answers) -> None:
    (cause,) = (each for each in SHIPPED if each.id == id_)

    for line in cause.lines:
        verdict = judge(SHIPPED, [subject({**answers, line.fact: UNTOLD})])
        held = [each.id for each in (verdict.cause, *verdict.also, *verdict.consequences) if each is not None]
        assert id_ not in held, line
        assert id_ in [each.id for each, _ in verdict.could_not_tell], line


def test_of_nothing_known_no_cause_follows() -> None:
    silent = judge(SHIPPED, [subject(dict.fromkeys(BY_NAME, UNTOLD))])
    unasked = judge(SHIPPED, [Subject(container=None, name="web-0", facts={})])

    assert silent.cause is unasked.cause is None
    assert silent.ruled_out == unasked.ruled_out == ()


def test_a_pod_that_is_well_and_not_being_deleted_has_no_cause() -> None:
    assert named({**EARLY, "api.pod.deleting": False}) is None


def test_a_pod_that_is_not_stuck_has_no_cause_to_be_so() -> None:
    for _, answers in SITUATIONS:
        assert named({**answers, "api.pod.stuck": False}) in (None, "grace-not-elapsed", "prestop-hook")


@each_cause
def test_facts_repairs_and_causes_that_it_names_exist(cause: Cause) -> None:
    assert {line.fact for line in (*cause.lines, *cause.supported_by)} | set(cause.shown) <= set(BY_NAME)
    assert set(cause.repairs) <= set(repairs.BY_ID)
    assert set(cause.explains) <= set(IDS) - {cause.id}


@each_cause
def test_it_reads_in_one_breath_and_every_source_is_public(cause: Cause) -> None:
    assert len(cause.title) <= 80
    assert not cause.title.endswith(".")
    assert cause.because.endswith(".")
    assert cause.prevent.endswith(".")
    assert cause.sources
    assert all(re.fullmatch(r"https://[a-z0-9.-]+/\S+", source) for source in cause.sources)


@each_cause
def test_its_repairs_stand_in_the_order_of_their_risk(cause: Cause) -> None:
    order = ("low", "medium", "high", "critical")
    risks = [order.index(repairs.BY_ID[id_].risk) for id_ in cause.repairs if id_ != "pod.force_delete"]

    assert risks == sorted(risks)
    assert "pod.force_delete" not in cause.repairs[:-1]  # it hides a fault and mends none


@each_cause
def test_every_repair_can_be_assessed_where_it_was_found(cause: Cause) -> None:
    for answers in FOUND[cause.id]:
        at_fault = subject(answers)

        assert len(repairs.ladder(cause, at_fault, (at_fault,))) == len(cause.repairs)


def test_a_sound_playbook_loads(tmp_path: Path) -> None:
    lines = (
        '  docker.container.state: running\n  containerd.task.status: [STOPPED, absent]\n  api.pod.overdue_s: "< 0"\n'
    )
    (tmp_path / "sample.yaml").write_text(SOUND.replace("because", f"{lines}because", 1), encoding="utf-8")

    (cause,) = playbooks(tmp_path)

    assert [f"{line.fact} {line.test}" for line in cause.lines] == [
        "api.node.runtime docker",
        "api.pod.stuck yes",
        "docker.container.state running",
        "containerd.task.status STOPPED or absent",
        "api.pod.overdue_s < 0",
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("id: sample", "id: other", '1: id "other" is not the file\'s name'),
        ("id: sample", "id: Sam_ple", "1: id: String should match pattern '^[a-z][a-z0-9-]*$'"),
        ("title: A sample", f"title: {'x' * 81}", "2: title: String should have at most 80 characters"),
        ("title: A sample\n", "", "1: title: missing"),
        ("title: A sample", "titel: A sample\ntitle: A sample", '2: titel: unknown key (did you mean "title"?)'),
        ("[docker]", "[dokcer]", "3: runtimes.0: Input should be 'docker' or 'containerd'"),
        ("  api.pod.stuck: yes\n", "", "4: when: expected keys with their values"),
        (
            "api.pod.stuck",
            "api.pod.stuk",
            '5: api.pod.stuk: no such fact "api.pod.stuk" (did you mean "api.pod.stuck"?)',
        ),
        ("stuck: yes", "stuck: 1", "5: api.pod.stuck: expected yes or no, got 1"),
        ("stuck: yes", 'stuck: "yes"', "5: api.pod.stuck: expected yes or no, got 'yes'"),
        ("stuck: yes", "stuck: [yes, 1]", "5: api.pod.stuck: expected yes or no, got 1"),
        ("stuck: yes", "stuck: []", "5: api.pod.stuck: expected at least one value"),
        ("stuck: yes", "stuck:", "5: api.pod.stuck: expected yes or no, got None"),
        ("api.pod.stuck: yes", "process.state: no", "5: process.state: expected text, got False"),
        (
            "api.pod.stuck: yes",
            'cgroup.processes: "many"',
            '5: cgroup.processes: is a number: expected a number or a comparison like ">= 1", got "many"',
        ),
        (
            "api.pod.stuck: yes",
            'cgroup.processes: "=> 1"',
            '5: cgroup.processes: is a number: expected a number or a comparison like ">= 1", got "=> 1"',
        ),
        ("api.pod.stuck: yes", "cgroup.processes: no", "5: cgroup.processes: expected a number, got False"),
        (
            "api.pod.stuck: yes",
            "api.pod.deadline: 2025-01-01",
            "5: api.pod.deadline: expected nothing: a time is only shown, got datetime.date(2025, 1, 1)",
        ),
        ("pod.delete", "pod.delet", '7: no such repair "pod.delet" (did you mean "pod.delete"?)'),
        ("pod.delete", "rm -rf", '7: no such repair "rm -rf"'),
        ("repairs:", "shown: [node.kernle]\nrepairs:", '7: no such fact "node.kernle" (did you mean "node.kernel"?)'),
        ("repairs:", "explains: [sampel]\nrepairs:", '7: no such cause "sampel" (did you mean "sample"?)'),
        (
            "repairs:",
            "supported_by: {process.alvie: no}\nrepairs:",
            '7: process.alvie: no such fact "process.alvie" (did you mean "process.alive"?)',
        ),
        ("sources:\n  - https://example.com/\n", "sources: []\n", "9: sources: expected at least one entry"),
        (
            "  api.pod.stuck: yes",
            "  containerd.task.status: [STOPED, absent]",
            '5: containerd.task.status: it is never "STOPED" (did you mean "STOPPED"?)',
        ),
        (
            "  api.pod.stuck: yes",
            "  docker.container.state: Running",
            '5: docker.container.state: it is never "Running" (did you mean "running"?)',
        ),
        ("because: Because.", "because: Because.\nbecause: Else.", '7: key "because" stands twice'),
        ("prevent: Do", "clear_for: 11m\nprevent: Do", '8: clear_for: expected a duration from "0s" to "10m"'),
        (
            "when:\n  api.pod.stuck: yes",
            "when:\n  api.pod.overdue_s: >= 1",
            "5: not YAML: expected chomping or indentation indicators, but found '='",
        ),
    ],
)
def test_a_faulty_playbook_names_file_line_and_suggestion(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    assert SOUND.count(right) == 1

    assert fault(tmp_path, SOUND.replace(right, wrong)) == f"sample.yaml:{told}"


def test_all_faults_of_all_playbooks_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SOUND.replace("sample", "a").replace("pod.stuck", "pod.stuk"), encoding="utf-8")
    (tmp_path / "b.yaml").write_text("- nothing\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_text(SOUND, encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        playbooks(tmp_path)

    assert [(each.file.name, each.line) for each in caught.value.faults] == [
        ("a.yaml", 5),
        ("b.yaml", 1),
        ("c.yaml", 1),
    ]


def test_a_file_that_would_be_passed_over_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(SOUND, encoding="utf-8")
    (tmp_path / "other.yml").write_text(SOUND, encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        playbooks(tmp_path)

    assert str(caught.value) == f"{tmp_path}/other.yml:1: would not be read: name it .yaml"


@pytest.mark.parametrize(("written", "seconds"), [("", 20), ("clear_for: 0s\n", 0), ("clear_for: 10m\n", 600)])
def test_how_long_it_stays_clear_is_the_causes_own(tmp_path: Path, written: str, seconds: int) -> None:
    (tmp_path / "sample.yaml").write_text(SOUND + written, encoding="utf-8")

    (cause,) = playbooks(tmp_path)

    assert cause.clear_for == timedelta(seconds=seconds)


@pytest.mark.parametrize("change", [b" ", b"\n", b"# a word\n"])
def test_any_change_of_its_bytes_is_another_digest(tmp_path: Path, change: bytes) -> None:
    path = tmp_path / "sample.yaml"
    path.write_bytes(SOUND.encode())
    (before,) = playbooks(tmp_path)

    path.write_bytes(SOUND.encode() + change)
    (after,) = playbooks(tmp_path)

    assert before.digest == hashlib.sha256(SOUND.encode()).hexdigest()
    assert after.digest == hashlib.sha256(path.read_bytes()).hexdigest() != before.digest


def test_a_folder_without_playbooks_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no playbooks here \(\*\.yaml\)"):
        playbooks(tmp_path)


@pytest.mark.parametrize("name", ["sample.yaml", "none"])
def test_what_is_no_folder_is_said_to_be_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "sample.yaml").write_text(SOUND, encoding="utf-8")

    with pytest.raises(SettingsError, match="is no folder: name the one that the playbooks are in"):
        playbooks(tmp_path / name)


def test_unquoted_words_mean_what_they_say() -> None:
    """YAML reads a bare `yes` and `no` as booleans: every yes-or-no line of a shipped playbook is one."""
    for cause in SHIPPED:
        for line in (*cause.when, *cause.supported_by):
            if not isinstance(line.test, Compared):
                assert {type(value) for value in line.test.values} == {BY_NAME[line.fact].type}, (cause.id, line)


def test_the_closed_lists_of_values_are_those_of_the_parsers() -> None:
    closed = {kind.name: set(kind.values) for kind in BY_NAME.values() if kind.values}

    assert closed == {
        "api.container.state": set(get_args(Container.__annotations__["state"])),
        "docker.container.state": {*docker.STATES, "absent"},
        "containerd.task.status": {*tasks.STATUSES, "absent"},
        "shim.generation": {"v1", "v2"},
    }


def test_facts_of_the_samples_exist() -> None:
    for _, answers in SITUATIONS:
        assert set(facts(answers)) <= set(BY_NAME)


def test_keys_stand_in_the_documented_order() -> None:
    for path in FOLDER.glob("*.yaml"):
        keys = list(yaml.safe_load(path.read_text(encoding="utf-8")))
        assert keys == [key for key in ORDER if key in keys], path.name
