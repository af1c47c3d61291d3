"""How fast `--help` answers: nothing heavy is imported before it is needed."""

import subprocess
import sys
import time
from statistics import median

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(120)]

ROUNDS = 20


def took(*argv: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *argv], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def test_help_against_importing_typer(capsys: pytest.CaptureFixture[str]) -> None:
    took("-m", "bot", "--help")
    pairs = [(took("-m", "bot", "--help"), took("-c", "import typer")) for _ in range(ROUNDS)]

    ratio = median(ours / typer for ours, typer in pairs)

    with capsys.disabled():
        print(f"\nterminating --help ÷ import typer: {ratio:.2f} (at most 1.5, median of {ROUNDS})")
    assert ratio <= 1.5
