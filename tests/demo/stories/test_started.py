"""`terminating demo` as anybody starts it: without being root, and at an address that answers soon."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

SOON_S = 60
NOBODY = 65534


def test_it_answers_soon_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    command = [sys.executable, "-m", "bot", "demo", "--port", "0"]
    where = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}
    with subprocess.Popen(command, env=where, stdout=subprocess.PIPE, text=True, **_anybody()) as running:
        assert running.stdout
        said = running.stdout.readline()
        address = next(word for word in said.split() if word.startswith("http://127.0.0.1:"))
        with urllib.request.urlopen(address, timeout=SOON_S) as answer:  # noqa: S310  # http, as it just said
            assert answer.status == 200
            assert b"<title>On call</title>" in answer.read()
        running.send_signal(signal.SIGINT)
        assert running.wait(SOON_S) == 0


def _anybody() -> dict[str, Any]:
    """Nobody, where it is root who tests and nobody can run this interpreter; else whoever tests."""
    nobody: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
    try:
        subprocess.run([sys.executable, "-c", ""], check=True, **nobody)
    except (PermissionError, subprocess.CalledProcessError):
        return {}
    return nobody
