"""What is installed from the wheel, away from the checkout, has everything it needs with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.settings import playbooks
from tests.edges.hostile_sshd import new_key

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files; the dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "built")]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True, timeout=50)
    (wheel,) = (folder / "built").glob("terminating-*.whl")
    offline = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
    install = [sys.executable, "-m", "pip", "install", *offline, "--target", str(folder / "site"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=50)
    return folder / "site"


def python(installed: Path, home: Path, *words: str) -> str:
    """What it prints, started in an empty folder."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(installed)}
    command = [sys.executable, "-W", "error", "-B", *words]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_is_the_installed_program_that_runs(installed: Path, tmp_path: Path) -> None:
    where = Path(python(installed, tmp_path, "-c", "import bot; print(bot.__file__)").strip())

    assert where.is_relative_to(installed)
    assert not where.is_relative_to(CHECKOUT)


def test_every_playbook_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    listed = python(installed, tmp_path, "-m", "bot", "playbooks", "list")

    assert [line.split()[0] for line in listed.splitlines()] == [cause.id for cause in playbooks()]
    assert (
        python(installed, tmp_path, "-m", "bot", "playbooks", "check") == f"{len(playbooks())} playbooks, no faults\n"
    )


def test_the_node_program_and_the_example_settings_are_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    public = tmp_path / "id.pub"
    public.write_text(f"ssh-ed25519 {new_key().get_base64()} ada\n")

    script = python(installed, tmp_path, "-m", "bot", "node-setup", "--key", str(public))

    assert (CHECKOUT / "bot" / "node" / "terminating-node").read_text().rstrip() in script
    for name in ("config/terminating.yaml", "config/slack-manifest.yaml", "node/terminating-node"):
        assert (installed / "bot" / name).read_bytes()
    assert not [path for path in installed.rglob("*") if "tests" in path.parts]


def test_the_command_is_called_terminating(installed: Path, tmp_path: Path) -> None:
    usage = python(installed, tmp_path, str(installed / "bin" / "terminating"), "--help")

    assert usage.startswith("Usage: terminating ")
