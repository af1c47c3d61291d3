"""What every command shares: its options, and how a failure becomes one line."""

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from bot.core.causes import Cause
    from bot.settings import Settings


class Output(enum.StrEnum):
    TABLE = "table"
    JSON = "json"


Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings; else the current kubeconfig context and ~/.ssh/config."),
]
As = Annotated[Output, typer.Option("--output", "-o", help="A table for people, or JSON for programs.")]
Folder = Annotated[Path | None, typer.Argument(metavar="[DIR]", help="A folder of playbooks; else those shipped.")]


@contextmanager
def one_line() -> Iterator[None]:
    """Expected failures become their line and exit code 1; anything else is a bug and shows its trace."""
    from bot.ports import Outage
    from bot.settings import SettingsError

    try:
        yield
    except (Outage, SettingsError) as error:
        fail(str(error))


def fail(line: str) -> NoReturn:
    typer.echo(line, err=True)
    raise typer.Exit(1)


def settings(config: Path | None) -> "Settings":
    from bot.settings import load

    return load(config)


def playbooks(folder: Path | None) -> "tuple[Cause, ...]":
    from bot.settings import playbooks as read

    return read(folder)
