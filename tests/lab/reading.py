"""What the tests read in the program's JSON, and until when they wait for it."""

from typing import Any

from tests.lab.conftest import Bot, Json
from tests.lab.machines import eventually

LATE_S = 7  # the settings of the lab allow 5


def cause(diagnosis: Json) -> Any:
    return diagnosis["verdict"]["cause"]


def evidence(diagnosis: Json) -> dict[str, Any]:
    return {each["fact"]: each["value"] for each in diagnosis["verdict"]["evidence"]}


def ruled_out(diagnosis: Json) -> dict[str, Any]:
    return {each["cause"]: (each["fact"], each["value"]) for each in diagnosis["verdict"]["ruled_out"]}


def repairs(diagnosis: Json) -> list[str]:
    return [each["id"] for each in diagnosis["verdict"]["repairs"]]


def until_late(bot: Bot, *names: str) -> None:
    def late() -> bool:
        found.update({each["name"]: each["overdue_s"] for each in bot.scan()["stuck"]})
        return all(found.get(name, 0) >= LATE_S for name in names)

    found: dict[str, int] = {}
    eventually(f"{', '.join(names)} to be stuck", late, 60)
