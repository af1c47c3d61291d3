"""Settings: read once, every fault at once with file, line and a suggestion, each one clean line."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bot import settings
from bot.core.facts import NodeName
from bot.core.hostile import plain
from bot.settings import ClusterSettings, Fault, Jump, NodeAddress, SettingsError, Ssh, load, shipped

EXAMPLE = shipped("config") / "terminating.yaml"


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


def only_cluster(file: Path, content: str) -> ClusterSettings:
    file.write_text(content, encoding="utf-8")
    (cluster,) = load(file).clusters
    return cluster


def test_the_shipped_example_says_what_it_says() -> None:
    found = load(EXAMPLE)

    assert found.clusters == (
        ClusterSettings(
            name="prod-eu",
            kubeconfig=Path("/etc/terminating/prod-eu.kubeconfig"),
            context="prod-eu",
            overdue=timedelta(seconds=60),
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
        ),
    )


@pytest.mark.parametrize("model", [settings._File, settings._Cluster, settings._Ssh, settings._Node])
def test_every_setting_is_explained_in_the_shipped_example(model: type[settings._Model]) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()

    for key in model.model_fields:
        at = [n for n, line in enumerate(lines) if re.match(rf" *(# )?{key}:", line)]
        assert at, f"{key} is not in {EXAMPLE.name}"
        assert any("#" in lines[n] or lines[n - 1].lstrip().startswith("#") for n in at), f"{key} has no comment"


def test_without_a_file_the_current_context_is_the_one_cluster() -> None:
    found = load(None)

    assert [cluster.name for cluster in found.clusters] == ["current"]
    assert found.clusters[0].kubeconfig is None
    assert found.clusters[0].overdue == timedelta(seconds=60)
    assert found.ssh_config == found.home / ".ssh" / "config"


def test_what_is_not_said_has_its_default(file: Path) -> None:
    cluster = only_cluster(file, "clusters: {a: {}}")

    assert cluster == ClusterSettings(
        name="a",
        kubeconfig=None,
        context=None,
        overdue=timedelta(seconds=60),
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

    assert str(caught.value) == f"{tmp_path / name}:1: cannot be read: {expected}"


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
