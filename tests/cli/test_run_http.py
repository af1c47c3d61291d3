"""`terminating run` where Slack posts to it: the settings of one file, a process, and requests at its address."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from bot.app.checks import Checked, checks
from bot.demo.workspace import Workspace, serve
from bot.settings import load
from tests.clicking import CHANNEL, PEOPLE, TEAM, eventually
from tests.edges.slack.signing import SECRET, request, seal, sent, stamped

TYPED = {"command": "/terminating", "user_id": PEOPLE["ada"], "team_id": TEAM, "channel_id": CHANNEL, "text": "help"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def written(folder: Path, workspace: Workspace, url: str, port: int) -> Path:
    """The cluster is not there: nothing of this asks it."""
    for name, secret in (("secret", SECRET), ("bot", workspace.bot_token)):
        (folder / name).touch(0o600)
        (folder / name).write_text(secret, encoding="ascii")
    file = folder / "terminating.yaml"
    file.write_text(
        f"clusters: {{prod-eu: {{kubeconfig: nowhere, channel: {CHANNEL}}}}}\n"
        f"slack: {{signing_secret_file: secret, listen: '127.0.0.1:{port}', bot_token_file: bot, api: {url}/api/}}\n",
        encoding="utf-8",
    )
    return file


@contextmanager
def running(config: Path, log: Path) -> Iterator[None]:
    """Ended by SIGTERM, and then well."""
    command = [sys.executable, "-m", "bot", "run", "--config", str(config)]
    with log.open("wb") as out, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)
    assert process.returncode == 0


def test_what_is_posted_is_answered_and_what_is_forged_is_not(tmp_path: Path) -> None:
    workspace, port, log = Workspace(), free_port(), tmp_path / "log"
    body = urlencode(TYPED).encode()
    with serve(workspace) as url, running(written(tmp_path, workspace, url, port), log):
        eventually("it to listen", lambda: listens(port))
        assert sent(port, request(body, stamped(b"now", seal(b"now", body)))).status == 401
        assert workspace.whispers(CHANNEL, PEOPLE["ada"]) == ()
        assert sent(port, request(body)).status == 200
        eventually("help", lambda: workspace.whispers(CHANNEL, PEOPLE["ada"]) or None)

    said = log.read_text(encoding="utf-8")
    assert "refused with 401: no timestamp" in said
    assert PEOPLE["ada"] not in said


def listens(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def test_check_looks_at_the_secret_instead_of_a_socket(tmp_path: Path) -> None:
    workspace, port = Workspace(), free_port()
    with serve(workspace) as url:
        file = written(tmp_path, workspace, url, port)
        good = list(checks(load(file), []))
        (tmp_path / "secret").chmod(0o644)
        bad = list(checks(load(file), []))

    says = f"is there; requests are expected at 127.0.0.1:{port}"
    assert Checked("slack signing secret", fine=True, says=says) in good
    assert [each.fine for each in bad if each.what.startswith("slack")] == [False]
