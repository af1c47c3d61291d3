"""Settings, playbooks and words that cannot be used: one clear line with the file and the line in it, or the usage."""

from pathlib import Path

import pytest

from tests.edges.hostile_sshd import new_key, write_key
from tests.stories.world import POD, line_of, terminating


@pytest.mark.parametrize("command", [("scan",), ("diagnose", POD)], ids=" ".join)
@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize(
    ("content", "part"),
    [
        (
            "clusters:\n  lab:\n    kubecofnig: /a\n",
            ':3: clusters.lab.kubecofnig: unknown key (did you mean "kubeconfig"?)',
        ),
        ("clusters: {}\n", ":1: clusters: expected at least one entry"),
        (
            "clusters:\n  lab:\n    ssh: {limit: 9h}\n",
            ':3: clusters.lab.ssh.limit: expected a duration from "1s" to "3m"',
        ),
        ("clusters:\n  lab:\n    ssh:\n      key: ~nobody-here/id\n", ":4: clusters.lab.ssh.key: "),
        ("clusters:\n  a/b: {}\n", ":2: clusters.a/b"),
        ("clusters:\n\t- lab\n", ":2: not YAML"),
        ("\x00", ":1: "),
    ],
)
def test_settings_that_cannot_be_used_are_one_line_with_file_and_line(
    tmp_path: Path, content: str, part: str, command: tuple[str, ...], output: str
) -> None:
    file = tmp_path / "terminating.yaml"
    file.write_text(content)

    line = line_of(terminating(*command, "-o", output, "--config", str(file), home=tmp_path))

    assert line.startswith(str(file))
    assert part in line


def test_a_settings_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = terminating("scan", "--config", str(tmp_path / "lost.yaml"), home=tmp_path)

    assert "cannot be read: No such file or directory; check its path and permissions" in line_of(result)


def test_a_folder_without_playbooks_is_one_line(tmp_path: Path) -> None:
    assert "no playbooks here (*.yaml)" in line_of(terminating("playbooks", "check", str(tmp_path), home=tmp_path))


def test_a_faulty_playbook_is_named_with_file_line_and_suggestion(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "playbooks" / "shim-hung.yaml"
    (tmp_path / "shim-hung.yaml").write_text(shipped.read_text().replace("shim.answers:", "shim.answer:"))

    line = line_of(terminating("playbooks", "check", str(tmp_path), home=tmp_path))

    assert "shim-hung.yaml:" in line
    assert '(did you mean "shim.answers"?)' in line


def test_a_playbook_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert 'no playbook "nope"' in line_of(terminating("playbooks", "show", "nope", home=tmp_path))
    assert 'no playbook ""' in line_of(terminating("playbooks", "show", "\x1b[2J\u202e", home=tmp_path))


def test_a_node_is_not_set_up_without_a_public_key(tmp_path: Path) -> None:
    private, lost = str(write_key(tmp_path / "id")), str(tmp_path / "lost.pub")

    assert "no public key was named. ssh-keygen" in line_of(terminating("node-setup", home=tmp_path))
    for file, part in ((private, "it is no OpenSSH public key"), (lost, "No such file"), ("/dev", "Is a directory")):
        line = line_of(terminating("node-setup", "--key", file, home=tmp_path))
        assert part in line
        assert "PRIVATE" not in line


@pytest.mark.parametrize("user", ["", "root; id", "a b", "$(id)", "Ada", "-x", "ada\n"])
def test_a_node_is_not_set_up_for_a_user_that_is_no_plain_name(tmp_path: Path, user: str) -> None:
    public = tmp_path / "id.pub"
    public.write_text(f"ssh-ed25519 {new_key().get_base64()} ada\n")

    line = line_of(terminating("node-setup", "--key", str(public), f"--user={user}", home=tmp_path))

    assert "it is no plain user name" in line


@pytest.mark.parametrize(
    "words",
    [
        ("diagnose",),
        ("diagnose", POD, "more"),
        ("scan", "-o", "yaml"),
        ("scan", "--nope"),
        ("nope",),
        ("playbooks", "nope"),
        ("playbooks", "show"),
    ],
    ids=" ".join,
)
def test_wrong_words_end_with_exit_code_2_and_nothing_on_stdout(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = terminating(*words, home=tmp_path)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr
