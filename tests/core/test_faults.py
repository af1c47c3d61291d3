"""The checks are worth what they catch: every deliberate fault must make at least one of them fail."""

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import bot.core
from tests.core import test_causes, test_facts, test_pods, test_repairs
from tests.core.faults import FAULTS, Fault

CHECKS = {"facts": test_facts, "pods": test_pods, "causes": test_causes, "repairs": test_repairs}
SOURCES = Path(inspect.getfile(bot.core)).parent


def test_every_deliberate_fault_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    survivors = [f"{fault.module}: {fault.why}" for fault in FAULTS if not _caught(fault)]

    with capsys.disabled():
        print(f"\n{len(FAULTS) - len(survivors)} of {len(FAULTS)} faults caught")
    assert survivors == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.why)
def test_a_fault_is_one_change_of_today_s_source(fault: Fault) -> None:
    assert _source(fault.module).count(fault.text) == 1


@pytest.mark.parametrize("name", CHECKS)
def test_an_unchanged_copy_fails_no_check(name: str) -> None:
    copy = _module(name, _source(name))

    for check in _checks(name):
        if not hasattr(check, "hypothesis"):  # the random ones have run on the original
            check(copy)


def _caught(fault: Fault) -> bool:
    mutant = _module(fault.module, _source(fault.module).replace(fault.text, fault.instead))
    return any(_fails(check, mutant) for check in _checks(fault.module))


def _fails(check: Callable[[ModuleType], None], module: ModuleType) -> bool:
    """A crash is as good as a failed assertion: either stops the change."""
    try:
        check(module)
    except Exception:  # noqa: BLE001  # whatever the fault leads to
        return True
    return False


def _checks(name: str) -> list[Callable[[ModuleType], None]]:
    """The tests of that module, those without random examples first: they are quicker to fail."""
    found = [each for title, each in vars(CHECKS[name]).items() if title.startswith("test_")]
    return sorted(found, key=lambda check: hasattr(check, "hypothesis"))


def _module(name: str, source: str) -> ModuleType:
    """A copy beside the real one, which nothing else sees."""
    module = ModuleType(f"bot.core.{name} with a fault")
    exec(compile(source, f"<{module.__name__}>", "exec"), vars(module))  # noqa: S102  # the program's own source
    return module


def _source(name: str) -> str:
    return (SOURCES / f"{name}.py").read_text(encoding="utf-8")
