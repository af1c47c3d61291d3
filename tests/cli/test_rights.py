"""What is printed for others to apply grants nothing that changes anything, unless repairs are asked for."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from tests.edges.hostile_sshd import new_key


def printed(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def verbs(manifest: str) -> set[str]:
    lines = [line for line in manifest.splitlines() if line.strip().startswith("verbs:")]
    return {verb.strip(' "') for line in lines for verb in line.split("[")[1].rstrip("]").split(",")}


@pytest.mark.parametrize(
    ("words", "granted"), [((), {"get", "list"}), (("--repairs",), {"get", "list", "delete", "patch"})]
)
def test_what_changes_a_cluster_is_granted_for_repairs_alone(words: tuple[str, ...], granted: set[str]) -> None:
    assert verbs(printed("rbac", *words)) == granted


@pytest.mark.parametrize(("words", "command"), [((), "forced"), (("--repairs",), "forced repairs")])
def test_a_key_may_do_repairs_where_that_was_asked_for_alone(
    tmp_path: Path, words: tuple[str, ...], command: str
) -> None:
    public = tmp_path / "id.pub"
    public.write_text(f"ssh-ed25519 {new_key().get_base64()} ada\n")

    script = printed("node-setup", "--key", str(public), *words)

    assert f'restrict,command="/usr/local/sbin/terminating-node {command}" ssh-ed25519 ' in script


@pytest.mark.parametrize(
    ("option", "value", "form"),
    [
        ("--name", "X_Y", 'lower-case letters, digits, "-" and "."'),
        ("--name", "", "253 characters"),
        ("--name", "a" * 254, "253 characters"),
        ("--namespace", "Ops", 'lower-case letters, digits and "-"'),
        ("--namespace", "ops.eu", "63 characters"),
        ("--namespace", "-ops", "63 characters"),
        ("--namespace", "ops-", "63 characters"),
        ("--namespace", "a" * 64, "63 characters"),
    ],
)
def test_a_name_that_kubernetes_refuses_is_wrong_usage(option: str, value: str, form: str) -> None:
    result = CliRunner().invoke(app, ("rbac", f"{option}={value}"))

    assert (result.exit_code, result.stdout) == (2, "")
    assert form in result.stderr


@pytest.mark.parametrize("words", [("--name", "bot.ops"), ("--namespace", "ops-1"), ("--namespace", "a" * 63)])
def test_a_name_that_kubernetes_takes_is_printed(words: tuple[str, str]) -> None:
    assert f'name: "{words[1]}"' in printed("rbac", *words)
