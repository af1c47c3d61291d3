"""Settings: read once, every fault at once with file, line and a suggestion, each one clean line."""

import os
import pwd
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from bot.core.consent import Group, Person, Right, may
from bot.core.facts import NodeName, Unknown
from bot.core.guards import Policy, Rates, Window, until_open
from bot.core.hostile import plain
from bot.settings import (
    ClusterSettings,
    Fault,
    HttpMode,
    Jump,
    NodeAddress,
    Repairs,
    Settings,
    SettingsError,
    SlackGroup,
    SlackId,
    SocketMode,
    Ssh,
    Workspace,
    load,
    machine,
    reading,
    seal_key,
    shipped,
    signing_secret,
    token,
)

EXAMPLE = shipped("config") / "terminating.yaml"
BOTH: frozenset[Right] = frozenset({"request", "approve"})


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests may themselves run in a pod."""
    for name in ("NODE_NAME", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "terminating.yaml"


def faults(file: Path, content: str | bytes) -> list[str]:
    """Each fault without its file: `line: what`."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]
    assert all(str(fault).startswith(f"{file}:") for fault in caught.value.faults)
    return [str(fault).removeprefix(f"{file}:") for fault in caught.value.faults]


def loaded(file: Path, content: str) -> Settings:
    file.write_text(content, encoding="utf-8")
    return load(file)


def only_cluster(file: Path, content: str) -> ClusterSettings:
    (cluster,) = loaded(file, content).clusters
    return cluster


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and every one that its keys lead to."""
    yield model
    waiting: list[object] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        kind = waiting.pop()
        waiting.extend(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from models(kind)


def test_the_shipped_example_says_what_it_says() -> None:
    found = load(EXAMPLE)

    assert found.clusters == (
        ClusterSettings(
            name="prod-eu",
            kubeconfig=Path("/etc/terminating/prod-eu.kubeconfig"),
            context="prod-eu",
            overdue=timedelta(seconds=60),
            sweep=timedelta(seconds=30),
            ssh=Ssh(
                user="terminating",
                port=22,
                key=Path("/etc/terminating/id_ed25519"),
                known_hosts=(Path("/etc/terminating/known_hosts"),),
                become="sudo",
                program="installed",
                agent=False,
                jump=None,
                limit=timedelta(seconds=20),
            ),
            nodes={NodeName("node1"): NodeAddress(address="127.0.0.1", port=2222)},
            channel="C012ABCDEF",
        ),
    )
    assert found.workspace == Workspace(
        mode=SocketMode(Path("/etc/terminating/slack-app-token")),
        bot_token=Path("/etc/terminating/slack-bot-token"),
        api="https://slack.com/api/",
    )
    assert found.database == "sqlite:////var/lib/terminating/terminating.db"
    assert found.vote_key == Path("/var/lib/terminating/vote.key")
    assert found.people == {
        "ada": Person(id="ada", rights={"prod-eu": BOTH}),
        "ben": Person(id="ben", rights={"prod-eu": BOTH}),
        "@sre-prod-eu": Group(id="@sre-prod-eu", rights={"prod-eu": BOTH}, members=Unknown("nobody has asked Slack")),
    }
    assert found.groups == {"@sre-prod-eu": SlackGroup("S012ABCDEF", "T034ABCDEF")}
    assert found.logins == {"ada": "ada", "ben": "ben"}
    assert found.slack == {SlackId("U012ABCDEF", "T034ABCDEF"): "ada"}
    assert found.repairs == Repairs(
        go_file=None,
        own_node=None,
        rates=Rates(),
        storm_nodes=3,
        storm_within=timedelta(minutes=10),
        verify_within=timedelta(minutes=5),
        windows=(
            Window(
                name="quarter's end",
                days=frozenset(range(5)),
                start=22 * 60,
                end=6 * 60,
                zone=ZoneInfo("Europe/Berlin"),
                clusters=frozenset({"prod-eu"}),
            ),
        ),
    )


@pytest.mark.parametrize("model", list(models(reading._File)))
def test_every_setting_is_explained_in_the_shipped_example(model: type[BaseModel]) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()

    for key in (field.alias or name for name, field in model.model_fields.items()):
        at = [n for n, line in enumerate(lines) if re.match(rf" *(# |- )?{key}:", line)]
        assert at, f"{key} is not in {EXAMPLE.name}"
        assert any("#" in lines[n] or lines[n - 1].lstrip().startswith("#") for n in at), f"{key} has no comment"


def test_without_a_file_the_current_context_is_the_one_cluster() -> None:
    found = load(None)

    assert [cluster.name for cluster in found.clusters] == ["current"]
    assert found.clusters[0].kubeconfig is None
    assert found.clusters[0].overdue == timedelta(seconds=60)
    assert found.ssh_config == found.home / ".ssh" / "config"
    assert (found.database, found.vote_key) == ("sqlite:///terminating.db", Path("terminating.key"))
    assert (found.people, found.logins, found.slack) == ({}, {}, {})


def test_what_is_not_said_has_its_default(file: Path) -> None:
    cluster = only_cluster(file, "clusters: {a: {}}")

    assert cluster == ClusterSettings(
        name="a",
        kubeconfig=None,
        context=None,
        overdue=timedelta(seconds=60),
        sweep=timedelta(seconds=30),
        ssh=Ssh(
            user=None,
            port=None,
            key=None,
            known_hosts=(),
            become=None,
            program="piped",
            agent=False,
            jump=None,
            limit=timedelta(seconds=20),
        ),
        nodes={},
    )


def test_a_tilde_is_the_home_of_the_user(file: Path) -> None:
    cluster = only_cluster(file, "clusters: {a: {kubeconfig: ~/a, ssh: {key: ~/b, known_hosts: [~/c, /d]}}}")

    home = Path.home()
    assert (cluster.kubeconfig, cluster.ssh.key, cluster.ssh.known_hosts) == (
        home / "a",
        home / "b",
        (home / "c", Path("/d")),
    )


def test_what_is_relative_starts_from_the_folder_of_the_file(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    found = loaded(
        file,
        """\
clusters: {a: {kubeconfig: eu.conf, ssh: {key: keys/id, known_hosts: known_hosts}}}
repairs: {go_file: go}
""",
    )

    (cluster,) = found.clusters
    assert cluster.kubeconfig == tmp_path / "eu.conf"
    assert (cluster.ssh.key, cluster.ssh.known_hosts) == (tmp_path / "keys" / "id", (tmp_path / "known_hosts",))
    assert found.database == f"sqlite:///{tmp_path}/terminating.db"
    assert found.vote_key == tmp_path / "terminating.key"
    assert found.repairs.go_file == tmp_path / "go"


def test_the_folder_of_a_file_that_is_named_relatively_is_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("clusters: {a: {}}", encoding="utf-8")
    monkeypatch.chdir(file.parent)

    assert load(Path(file.name)).vote_key == file.parent / "terminating.key"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:////var/lib/t.db", "sqlite:////var/lib/t.db"),
        ("sqlite:///~/t.db", f"sqlite:///{Path.home()}/t.db"),
        ("postgresql://ada@db/terminating", "postgresql://ada@db/terminating"),
        ("postgresql+psycopg://ada@db/terminating", "postgresql+psycopg://ada@db/terminating"),
    ],
)
def test_a_database_is_a_file_or_a_server(file: Path, written: str, meant: str) -> None:
    assert loaded(file, f"database: {written}\nclusters: {{a: {{}}}}").database == meant


@pytest.mark.parametrize("written", ["sqlite:///", "sqlite://", "mysql://ada:secret@db/x", "terminating.db", "''"])
def test_what_is_no_database_is_refused_with_an_example_and_without_its_password(file: Path, written: str) -> None:
    assert faults(file, f"database: {written}\nclusters: {{a: {{}}}}") == [
        '1: database: expected "sqlite:///PATH" or "postgresql://USER@HOST/NAME"'
    ]


def test_a_password_is_not_in_what_a_log_would_show(file: Path) -> None:
    found = loaded(file, "database: postgresql://ada:secret@db/x\nclusters: {a: {}}")

    assert "secret" not in repr(found)
    assert "sealing" not in repr(found.policy(b"sealing"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("60s", timedelta(seconds=60)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(minutes=90)),
        ("2h0m1s", timedelta(hours=2, seconds=1)),
        ("0s", timedelta()),
        ("999999h", timedelta(hours=999_999)),
    ],
)
def test_a_duration_is_written_as_people_say_it(file: Path, written: str, meant: timedelta) -> None:
    assert only_cluster(file, f"clusters: {{a: {{overdue: {written}}}}}").overdue == meant


@pytest.mark.parametrize(
    "written", ["60", "''", "'60'", "5 m", "-5s", "1.5h", "30s1m", "1d", "s", "yes", "[60s]", "99999999999999999999h"]
)
def test_what_is_no_duration_is_refused_with_an_example(file: Path, written: str) -> None:
    assert faults(file, f"clusters: {{a: {{overdue: {written}}}}}") == [
        '1: clusters.a.overdue: expected a duration like "60s", "5m" or "1h30m"'
    ]


@pytest.mark.parametrize(("written", "seconds"), [("1s", 1), ("3m", 180)])
def test_the_time_for_one_node_is_a_second_to_three_minutes(file: Path, written: str, seconds: int) -> None:
    limit = only_cluster(file, f"clusters: {{a: {{ssh: {{limit: {written}}}}}}}").ssh.limit

    assert limit == timedelta(seconds=seconds)


@pytest.mark.parametrize("written", ["0s", "3m1s"])
def test_less_or_more_time_for_one_node_is_refused(file: Path, written: str) -> None:
    assert faults(file, f"clusters: {{a: {{ssh: {{limit: {written}}}}}}}") == [
        '1: clusters.a.ssh.limit: expected a duration from "1s" to "3m"'
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("bastion", Jump(user=None, host="bastion", port=22)),
        ("me@bastion", Jump(user="me", host="bastion", port=22)),
        ("me@bastion:2222", Jump(user="me", host="bastion", port=2222)),
        ("~", None),
    ],
)
def test_a_jump_host_is_written_as_for_ssh(file: Path, written: str, meant: Jump | None) -> None:
    assert only_cluster(file, f"clusters: {{a: {{ssh: {{jump: '{written}'}}}}}}".replace("'~'", "~")).ssh.jump == meant


@pytest.mark.parametrize("written", ["a b", "'h:0'", "'h:99999'", "'@h'", "''", "22", "a@b@c"])
def test_what_is_no_jump_host_is_refused_with_an_example(file: Path, written: str) -> None:
    assert faults(file, f"clusters: {{a: {{ssh: {{jump: {written}}}}}}}") == [
        '1: clusters.a.ssh.jump: expected a jump host like "user@host:port"'
    ]


def test_all_faults_come_at_once_each_with_its_line_and_a_suggestion(file: Path) -> None:
    found = faults(
        file,
        """\
clusters:
  prod-eu:
    kubecofnig: /etc/a
    overdue: soon
    ssh:
      prot: 22
      become: root
      port: 70000
    nodes:
      node1: {adress: 10.0.0.1}
  prod-us: []
clutsers: {}
""",
    )

    assert sorted(found, key=lambda line: int(line.split(":")[0])) == [
        '3: clusters.prod-eu.kubecofnig: unknown key (did you mean "kubeconfig"?)',
        '4: clusters.prod-eu.overdue: expected a duration like "60s", "5m" or "1h30m"',
        '6: clusters.prod-eu.ssh.prot: unknown key (did you mean "port"?)',
        "7: clusters.prod-eu.ssh.become: Input should be 'sudo' or 'none'",
        "8: clusters.prod-eu.ssh.port: Input should be less than or equal to 65535",
        '10: clusters.prod-eu.nodes.node1.adress: unknown key (did you mean "address"?)',
        "11: clusters.prod-us: expected keys with their values",
        '12: clutsers: unknown key (did you mean "clusters"?)',
    ]


def test_a_key_like_no_other_is_refused_without_a_guess(file: Path) -> None:
    assert faults(file, "clusters: {prod-eu: {zzz: 30s}}") == ["1: clusters.prod-eu.zzz: unknown key"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "1: the file: expected keys with their values"),
        ("# only a comment\n", "1: the file: expected keys with their values"),
        ("- a\n- b\n", "1: the file: expected keys with their values"),
        ("clusters:\n", "1: clusters: expected keys with their values"),
        ("clusters: {}\n", "1: clusters: expected at least one entry"),
        ("clusters:\n  prod:\n", "2: clusters.prod: expected keys with their values"),
        ("clusters: {1: {}}\n", "1: clusters.1: expected text"),
        ("clusters: {a: {context: 5}}\n", "1: clusters.a.context: expected text"),
        ("clusters: {a: {ssh: {key: [a]}}}\n", "1: clusters.a.ssh.key: expected a path"),
        ("clusters: {a: {ssh: {known_hosts: [/a, 5]}}}\n", "1: clusters.a.ssh.known_hosts.1: expected a path"),
        ("clusters: {a: {ssh: {known_hosts: 5}}}\n", "1: clusters.a.ssh.known_hosts.0: expected a path"),
        ("clusters: {a: {ssh: {agent: 1}}}\n", "1: clusters.a.ssh.agent: expected yes or no"),
        ("clusters: {a: {ssh: {port: yes}}}\n", "1: clusters.a.ssh.port: expected a whole number"),
        ("clusters: {a: {ssh: {port: '22'}}}\n", "1: clusters.a.ssh.port: expected a whole number"),
        ("clusters: {a: {sweep: 0s}}\n", '1: clusters.a.sweep: expected a duration from "1s" to "1h"'),
        ("clusters: {a: {}}\npeople:\n", "2: people: expected keys with their values"),
        (
            "clusters: {a: {}}\nvote_key: ''\nrepairs: {}\nvote_keys: x\n",
            '4: vote_keys: unknown key (did you mean "vote_key"?)',
        ),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused_in_plain_words(file: Path, content: str, expected: str) -> None:
    assert faults(file, content) == [expected]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("clusters:\n  a: [1, 2\n", "3: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("clusters:\n\ta: 1\n", "2: not YAML: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2\n", "2: not YAML: but found another document"),
        ("[a]: b\n", "1: not YAML: found unhashable key"),
        ("a: !!python/object/apply:os.system [id]\n", "1: not YAML: could not determine a constructor for the tag"),
        ("a: \x1b[31mred\n", "1: not YAML: it holds a control character"),
        ("a: 2026-13-45\n", "1: a value cannot be read: month must be in 1..12"),
        (f"a: {'1' * 5000}\n", "1: a value cannot be read: Exceeds the limit"),
        (f"a: {'[' * 3000}\n", "1: it is nested too deeply"),
        (b"clusters: \xff\xfe\n", "1: is not UTF-8 text"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(file: Path, content: str | bytes, expected: str) -> None:
    (found,) = faults(file, content)

    assert found.startswith(expected)


def test_a_key_that_is_merged_in_may_be_said_again(file: Path) -> None:
    text = "clusters:\n  a: &a {context: x, overdue: 10s}\n  b:\n    <<: *a\n    context: y\n"

    assert [(each.name, each.context) for each in loaded(file, text).clusters] == [("a", "x"), ("b", "y")]


def test_a_key_that_stands_twice_is_refused_wherever_it_stands(file: Path) -> None:
    found = faults(file, "clusters:\n  a:\n    context: x\n    ssh: {port: 1, port: 2}\n    context: y\n  a: {}\n")

    assert found == ['4: key "port" stands twice', '5: key "context" stands twice', '6: key "a" stands twice']


def test_a_document_that_holds_itself_is_refused(file: Path) -> None:
    assert faults(file, "clusters: &x {a: *x}\n")[0].startswith("1: clusters.a")


def test_aliases_of_aliases_are_read_once_each(file: Path) -> None:
    """Nine of the one before, twelve times: 9 ** 12 values, were each to be looked at."""
    bomb = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 13)]

    assert faults(file, "\n".join(bomb))[0] == "1: clusters: missing"


@pytest.mark.parametrize(("name", "expected"), [("none.yaml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / name)

    assert str(caught.value) == f"{tmp_path / name}:1: cannot be read: {expected}; check its path and permissions"


@pytest.mark.parametrize(
    "word", ["\\e[31mred\\e[0m", "\\u202egnp", "two\\nlines", "\\x9b31m", "x\\u200by", "a" * 5000, "\\0"]
)
def test_hostile_words_in_a_file_become_one_clean_line(file: Path, word: str) -> None:
    for content in (f'clusters: {{a: {{"{word}": 1}}}}', f'clusters: {{"{word}": 1}}', f'"{word}": 1\n"{word}": 1'):
        for line in faults(file, content):
            assert line == plain(line, 400)


def test_a_hostile_file_name_becomes_clean_too() -> None:
    assert str(Fault(Path("a\x1b[31m\nb.yaml"), 3, "no")) == "a b.yaml:3: no"


def test_the_folders_that_come_with_the_program_are_there() -> None:
    assert (shipped("playbooks") / "shim-hung.yaml").is_file()
    assert (shipped("node") / "terminating-node").is_file()


# ---- people


def people(file: Path, lines: str) -> Settings:
    return loaded(file, f"clusters: {{prod-eu: {{}}, prod-us: {{}}}}\npeople: {{{lines}}}\n")


def people_faults(file: Path, lines: str) -> list[str]:
    return faults(file, f"clusters: {{prod-eu: {{}}, prod-us: {{}}}}\npeople:\n  {lines}\n")


def test_a_star_is_every_cluster_and_no_other(file: Path) -> None:
    found = people(file, "ada: {request: '*', approve: [prod-us]}, ben: {}").people

    assert found["ada"].rights == {"prod-eu": {"request"}, "prod-us": BOTH}
    assert found["ben"].rights == {}
    assert may(found, "ada", "approve", "prod-us") is None
    assert str(may(found, "ada", "approve", "prod-eu")) == "ada may not approve in prod-eu. Nobody can."
    assert may(found, "ada", "approve", "*") is not None


def test_a_person_without_an_account_is_listed_all_the_same(file: Path) -> None:
    found = people(file, "ada: {approve: prod-eu}, ben: {slack: {user: W012, team: T034}}")

    assert list(found.people) == ["ada", "ben"]
    assert found.logins == {}
    assert found.slack == {SlackId("W012", "T034"): "ben"}


def test_one_user_id_in_two_teams_is_two_accounts(file: Path) -> None:
    found = people(file, "ada: {slack: {user: U012, team: T034}}, ben: {slack: {user: U012, team: T035}}")

    assert found.slack == {SlackId("U012", "T034"): "ada", SlackId("U012", "T035"): "ben"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("ada: {request: [prod-ue]}", '3: people.ada.request.0: no such cluster "prod-ue" (did you mean "prod-us"?)'),
        ("ada: {approve: zzz}", '3: people.ada.approve.0: no such cluster "zzz"'),
        ("ada: {aprove: [prod-eu]}", '3: people.ada.aprove: unknown key (did you mean "approve"?)'),
        ("ada: {login: ''}", "3: people.ada.login: String should have at least 1 character"),
        ("ada: {request: 5}", "3: people.ada.request.0: expected text"),
        ("ada: {slack: {user: U012}}", "3: people.ada.slack.team: missing"),
        (
            "ada: {slack: {user: ada, team: T034}}",
            "3: people.ada.slack.user: expected the id of a Slack user, like U012ABCDEF",
        ),
        (
            "ada: {slack: {user: U012, team: U034}}",
            "3: people.ada.slack.team: expected the id of a Slack team, like T034ABCDEF",
        ),
        (
            "'ada lovelace': {}",
            "3: people.ada lovelace: expected a name of letters, digits, and . _ - alone, as people type it",
        ),
        (
            "'*': {approve: '*'}",
            "3: people.*: expected a name of letters, digits, and . _ - alone, as people type it",
        ),
        ("ada: {}\n  Ada: {}", "4: people.Ada: is ada's already: two votes take two people"),
        (
            "ada: {login: a}\n  ben:\n    login: a",
            "5: people.ben.login: is ada's already: two votes take two people",
        ),
        ("ada: {login: a}\n  ben: {login: A}", "4: people.ben.login: is ada's already: two votes take two people"),
        (
            "ada: {slack: {user: U012, team: T034}}\n  ben: {slack: {user: U012, team: T034}}",
            "4: people.ben.slack: is ada's already: two votes take two people",
        ),
    ],
)
def test_a_person_who_is_not_to_be_told_apart_is_a_fault(file: Path, lines: str, expected: str) -> None:
    assert people_faults(file, lines) == [expected]


# ---- groups

IN_SLACK = "slack: {app_token_file: a, bot_token_file: b}\n"


def group_faults(file: Path, lines: str, more: str = IN_SLACK) -> list[str]:
    return faults(file, f"clusters: {{prod-eu: {{}}, prod-us: {{}}}}\n{more}groups:\n  {lines}\n")


def test_a_group_has_rights_and_nobody_is_in_it_before_slack_is_asked(file: Path) -> None:
    group = "sre: {slack: {group: S012, team: T034}, request: '*', approve: prod-us}"
    found = loaded(
        file, f"clusters: {{prod-eu: {{}}, prod-us: {{}}}}\n{IN_SLACK}people: {{sre: {{}}}}\ngroups: {{{group}}}\n"
    )

    assert found.people["@sre"].rights == {"prod-eu": {"request"}, "prod-us": BOTH}
    assert found.people["sre"].rights == {}
    assert found.groups == {"@sre": SlackGroup("S012", "T034")}
    assert "nobody has asked Slack" in str(may(found.people, "sre", "approve", "prod-us"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("sre: {}", "4: groups.sre.slack: missing"),
        ("sre: {slack: {group: S012}}", "4: groups.sre.slack.team: missing"),
        (
            "sre: {slack: {group: sre, team: T034}}",
            "4: groups.sre.slack.group: expected the id of a Slack user group, like S012ABCDEF",
        ),
        (
            "sre: {slack: {group: S012, team: S034}}",
            "4: groups.sre.slack.team: expected the id of a Slack team, like T034ABCDEF",
        ),
        (
            "sre: {slack: {group: S012, team: T034}, approve: [prod-ue]}",
            '4: groups.sre.approve.0: no such cluster "prod-ue" (did you mean "prod-us"?)',
        ),
        (
            "'@sre': {slack: {group: S012, team: T034}}",
            "4: groups.@sre: expected a name of letters, digits, and . _ - alone, as people type it",
        ),
        (
            "sre: {slack: {group: S012, team: T034}, login: a}",
            '4: groups.sre.login: unknown key (did you mean "login"?)',
        ),
    ],
)
def test_a_group_that_cannot_be_read_is_a_fault(file: Path, lines: str, expected: str) -> None:
    assert group_faults(file, lines) == [expected]


def test_groups_without_a_workspace_are_a_fault(file: Path) -> None:
    found = group_faults(file, "sre: {slack: {group: S012, team: T034}}", more="")

    assert found == ["2: groups: nobody can say who is in them without `slack:`"]


@pytest.mark.parametrize("content", [str(2**32 - 1), "", "nobody\n", None])
def test_without_a_login_it_is_the_account_of_the_process(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "loginuid"
    if content is not None:
        path.write_text(content, encoding="ascii")

    assert machine.login(path) == pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize(("uid", "name"), [(65_534, "nobody"), (3_999_999, "3999999")])
def test_who_logged_in_counts_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, name: str
) -> None:
    path = tmp_path / "loginuid"
    path.write_text(str(uid), encoding="ascii")
    for variable in ("LOGNAME", "USER", "SUDO_USER"):
        monkeypatch.setenv(variable, "ada")

    assert machine.login(path) == name
    assert load(None).login != "ada"


# ---- what stops repairs


def repairs(file: Path, lines: str) -> Repairs:
    return loaded(file, f"clusters: {{prod-eu: {{}}}}\nrepairs: {{{lines}}}\n").repairs


def test_what_is_not_said_of_repairs_is_what_the_guards_take_anyway(file: Path) -> None:
    found = loaded(file, "clusters: {prod-eu: {}}")

    assert found.policy(b"key") == Policy(people={}, seal_key=b"key", own_node=None)
    assert found.repairs.go_file is None


def test_every_guard_hears_what_the_settings_say(file: Path) -> None:
    found = loaded(
        file,
        """\
clusters: {prod-eu: {}}
people: {ada: {approve: prod-eu}}
repairs:
  own_node: node-17
  rates: {wide_half_hour: 0, wide_day: 5, narrow_hour: 7}
  storm: {nodes: 9, within: 1h}
  verify_within: 2m
  blackouts: [{name: nights, from: "22:00", to: "06:30", zone: UTC}]
""",
    ).policy(b"key")

    assert found == Policy(
        people={"ada": Person(id="ada", rights={"prod-eu": frozenset({"approve"})})},
        seal_key=b"key",
        own_node=NodeName("node-17"),
        rates=Rates(wide_half_hour=0, wide_day=5, narrow_hour=7),
        windows=(
            Window(
                name="nights",
                days=frozenset(range(7)),
                start=1320,
                end=390,
                zone=ZoneInfo("UTC"),
                clusters=frozenset(),
            ),
        ),
        storm_nodes=9,
        storm_within=timedelta(hours=1),
        verify_within=timedelta(minutes=2),
    )


@pytest.mark.parametrize(
    ("environment", "written", "meant"),
    [
        ({}, "", None),
        ({"NODE_NAME": "node-3"}, "", NodeName("node-3")),
        ({"NODE_NAME": "node-3", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "", NodeName("node-3")),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "", Unknown("NODE_NAME is not set in the bot's pod")),
        (
            {"NODE_NAME": "", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            "",
            Unknown("NODE_NAME is not set in the bot's pod"),
        ),
        ({"NODE_NAME": "node-3"}, "own_node: node-4", NodeName("node-4")),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "own_node: none", None),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "own_node: node-4", NodeName("node-4")),
    ],
)
def test_a_bot_in_a_pod_that_does_not_know_its_node_says_so(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    written: str,
    meant: NodeName | Unknown | None,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert repairs(file, written).own_node == meant


def test_a_window_over_midnight_is_one_of_the_day_on_which_it_begins(file: Path) -> None:
    (window,) = repairs(
        file, 'blackouts: [{name: x, days: [fri], from: "22:00", to: "06:00", zone: Europe/Berlin}]'
    ).windows

    assert until_open(window, datetime(2026, 1, 10, 4, 59, tzinfo=UTC)) is not None  # Saturday, 05:59 in Berlin
    assert until_open(window, datetime(2026, 1, 10, 5, 0, tzinfo=UTC)) is None
    assert until_open(window, datetime(2026, 1, 9, 4, 59, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("from: 22:00", 'from: expected a time of day in quotes, like "22:00"'),
        ("from: '24:00'", 'from: expected a time of day in quotes, like "22:00"'),
        ("from: '7:00'", 'from: expected a time of day in quotes, like "22:00"'),
        ("start: '22:00'", 'start: unknown key (did you mean "storm"?)'),
        ("days: []", "days: expected at least one entry"),
        (
            "days: [monday]",
            "days.0: Input should be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun'",
        ),
        ("zone: Europe/Berln", 'zone: no such time zone "Europe/Berln" (did you mean "Europe/Berlin"?)'),
        ("zone: Europe", 'zone: no such time zone "Europe" (did you mean "Europe/Rome"?)'),
        ("zone: ../../etc/passwd", 'zone: no such time zone "../../etc/passwd"'),
        ("zone: ''", 'zone: no such time zone ""'),
        ("zone: 1", 'zone: expected a time zone like "Europe/Berlin"'),
        ("name: ''", "name: String should have at least 1 character"),
    ],
)
def test_a_window_that_cannot_be_meant_so_is_refused(file: Path, lines: str, expected: str) -> None:
    given = {"name": "x", "from": "'22:00'", "to": "'06:00'", "zone": "UTC"}
    key, value = lines.split(": ", 1)
    given[key] = value
    written = ", ".join(f"{name}: {said}" for name, said in given.items())

    found = faults(file, f"clusters: {{prod-eu: {{}}}}\nrepairs: {{blackouts: [{{{written}}}]}}\n")

    assert found == [f"2: repairs.blackouts.0.{expected}"]


def test_a_window_for_a_cluster_that_is_not_there_is_a_fault_of_its_line(file: Path) -> None:
    found = faults(
        file,
        """\
clusters: {prod-eu: {}}
repairs:
  blackouts:
    - {name: a, from: "22:00", to: "06:00", zone: UTC}
    - {name: b, from: "22:00", to: "06:00", zone: UTC, clusters: [prod-eu, prod-es]}
""",
    )

    assert found == ['5: repairs.blackouts.1.clusters.1: no such cluster "prod-es" (did you mean "prod-eu"?)']


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("rates: {wide_day: -1}", "rates.wide_day: Input should be greater than or equal to 0"),
        ("rates: {wide_day: yes}", "rates.wide_day: expected a whole number"),
        ("rates: {wide_dya: 1}", 'rates.wide_dya: unknown key (did you mean "wide_day"?)'),
        ("storm: {nodes: 1}", "storm.nodes: Input should be greater than or equal to 2"),
        ("storm: {within: 30s}", 'storm.within: expected a duration from "1m" to "24h"'),
        ("verify_within: 2h", 'verify_within: expected a duration from "1m" to "1h"'),
        ("own_node: ''", "own_node: String should have at least 1 character"),
        ("go_file: 5", "go_file: expected a path"),
    ],
)
def test_a_guard_that_cannot_be_meant_so_is_refused(file: Path, lines: str, expected: str) -> None:
    assert faults(file, f"clusters: {{prod-eu: {{}}}}\nrepairs: {{{lines}}}\n") == [f"2: repairs.{expected}"]


# ---- Slack


@pytest.mark.parametrize("api", ["https://slack.com/api/", "https://slack-gov.com/api/", "http://127.0.0.1:8000/api/"])
def test_tokens_go_over_tls_or_to_this_machine(file: Path, api: str) -> None:
    given = f"slack: {{app_token_file: a, bot_token_file: b, api: '{api}'}}"
    file.write_text(f"clusters: {{prod-eu: {{channel: G0123}}}}\n{given}\n", encoding="utf-8")

    found = load(file)

    assert found.workspace == Workspace(mode=SocketMode(file.parent / "a"), bot_token=file.parent / "b", api=api)
    assert found.clusters[0].channel == "G0123"


@pytest.mark.parametrize(
    "api",
    ["http://slack.com/api/", "https://slack.com/api", "http://127.0.0.1.evil.com:1/", "https://a@b/", "file:///x/"],
)
def test_any_other_address_of_slack_is_refused(file: Path, api: str) -> None:
    given = f"clusters: {{prod-eu: {{}}}}\nslack: {{app_token_file: a, bot_token_file: b, api: '{api}'}}\n"

    (fault,) = faults(file, given)

    assert fault.startswith("2: slack.api: expected an address like")


@pytest.mark.parametrize(
    ("lines", "host", "port"),
    [
        ("", "127.0.0.1", 3_000),
        (", listen: '127.0.0.1:8080'", "127.0.0.1", 8_080),
        (", listen: '0.0.0.0:65535'", "0.0.0.0", 65_535),  # noqa: S104  # read, not opened
        (", listen: '[::1]:3000'", "::1", 3_000),
    ],
)
def test_slack_may_send_requests_instead(file: Path, lines: str, host: str, port: int) -> None:
    found = loaded(
        file, f"clusters: {{a: {{}}}}\nslack: {{signing_secret_file: s, bot_token_file: b{lines}}}\n"
    ).workspace

    assert found is not None
    assert found.mode == HttpMode(file.parent / "s", host, port)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "app_token_file: a, signing_secret_file: s",
            ["slack.signing_secret_file: one way only: app_token_file is there already"],
        ),
        (
            "api: https://slack.com/api/",
            ["slack: missing app_token_file, or signing_secret_file where Slack can reach us"],
        ),
        (
            "app_token_file: a, listen: '127.0.0.1:1'",
            ["slack.listen: is for signing_secret_file, which is not there"],
        ),
        (
            "listen: '127.0.0.1:1'",
            [
                "slack: missing app_token_file, or signing_secret_file where Slack can reach us",
                "slack.listen: is for signing_secret_file, which is not there",
            ],
        ),
    ],
)
def test_slack_reaches_us_by_one_way(file: Path, lines: str, expected: list[str]) -> None:
    given = f"clusters: {{a: {{}}}}\nslack: {{bot_token_file: b, {lines}}}\n"

    assert faults(file, given) == [f"2: {each}" for each in expected]


@pytest.mark.parametrize(
    "listen",
    ["3000", "':3000'", "localhost:3000", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "'::1:x'", "127.1:80"],
)
def test_an_address_to_listen_at_is_a_number_and_a_port(file: Path, listen: str) -> None:
    given = f"clusters: {{a: {{}}}}\nslack: {{signing_secret_file: s, bot_token_file: b, listen: {listen}}}\n"

    assert faults(file, given) == ['2: slack.listen: expected an address and a port, like "127.0.0.1:3000"']


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("8f742231b10e8888abcd99badc0de85a", 0o640, "others may read or change this secret"),
        ("xoxb-1-A0-b", 0o600, "is no signing secret: expected one line of 32 letters and digits"),
        ("8f742231b10e8888\nabcd99badc0de85a", 0o600, "is no signing secret"),
        ("", 0o600, "is no signing secret"),
        (None, 0o600, "the secret cannot be read: No such file or directory; check its path and permissions"),
    ],
)
def test_a_signing_secret_that_cannot_be_used_is_refused(tmp_path: Path, text: str | None, mode: int, why: str) -> None:
    path = tmp_path / "secret"
    if text is not None:
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    with pytest.raises(SettingsError) as caught:
        signing_secret(path)

    (fault,) = caught.value.faults
    assert fault.what.startswith(why)
    assert text is None or not text or text not in str(fault)


def test_a_signing_secret_is_its_line(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("8f742231b10e8888abcd99badc0de85a\n", encoding="utf-8")
    path.chmod(0o600)

    assert signing_secret(path) == "8f742231b10e8888abcd99badc0de85a"


def test_a_channel_is_an_id(file: Path) -> None:
    assert faults(file, "clusters: {prod-eu: {channel: '#on-call'}}\n") == [
        "1: clusters.prod-eu.channel: expected the id of a Slack channel, like C012ABCDEF"
    ]


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("xapp-1-A0-b", 0o644, "others may read or change this token"),
        ("xoxb-1-A0-b", 0o600, "is no such token: expected one line that begins with xapp-"),
        ("xapp-1\nxapp-2", 0o600, "is no such token"),
        ("xapp-\x1b[31m", 0o600, "is no such token"),
        ("", 0o600, "is no such token"),
        (None, 0o600, "the token cannot be read: No such file or directory; check its path and permissions"),
    ],
)
def test_a_token_that_cannot_be_used_is_refused(tmp_path: Path, text: str | None, mode: int, why: str) -> None:
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    with pytest.raises(SettingsError) as caught:
        token(path, "xapp-")

    assert why in str(caught.value)
    assert "xoxb-1" not in str(caught.value)


def test_a_token_is_its_line(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("xoxb-1-A0-b\n", encoding="utf-8")
    path.chmod(0o600)

    assert token(path, "xoxb-") == "xoxb-1-A0-b"


# ---- the key of the votes


def key_fault(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        seal_key(path)
    (found,) = caught.value.faults
    assert str(found).startswith(f"{path}:1: ")
    return found.what


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "terminating.key"

    key = seal_key(path)

    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="ascii") == key.hex() + "\n"
    assert seal_key(path) == key
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    path = tmp_path / "terminating.key"

    with ThreadPoolExecutor(16) as threads:
        keys = list(threads.map(lambda _: seal_key(path), range(64)))

    assert len(set(keys)) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "terminating.key"
    seal_key(path)
    path.chmod(mode)

    assert key_fault(path).startswith("others may read or change this key")


def test_a_key_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "terminating.key"
    seal_key(path)
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 65_534, 65_534)

    assert key_fault(path).startswith("others may read or change this key")


@pytest.mark.parametrize("content", [b"", b"\n", b"00" * 31, b"00" * 33, b"zz" * 32, b"\xff" * 64, b"00" * 32 + b" x"])
def test_what_is_no_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "terminating.key"
    path.touch(0o600)
    path.write_bytes(content)

    assert key_fault(path) == "is no vote key: expected 64 hex digits; without the file, a new key is made"
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("name", "why"), [("none/terminating.key", "No such file or directory"), (".", "Is a directory")]
)
def test_a_key_that_cannot_be_made_says_why(tmp_path: Path, name: str, why: str) -> None:
    assert key_fault(tmp_path / name) == f"the vote key cannot be read or made: {why}; check its path and permissions"
