"""The commands about incidents: run the bot, look at what it knows, say what only a person can say."""

import enum
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bot.cli.common import As, Config, Output, fail, one_line, settings

if TYPE_CHECKING:
    from bot.core.refusals import Refusal

commands = typer.Typer()
audit = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What happened and who said so, in rows that cannot be changed unseen.",
)

T = TypeVar("T")
_LAST = 2**31 - 1  # of what both databases can count
Id = Annotated[int, typer.Argument(metavar="ID", min=1, max=_LAST, help="The incident's number.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in a sentence; it is kept.")]


class Outcome(enum.StrEnum):
    DONE = "done"
    NOT_DONE = "not-done"


@commands.command()
def run(
    config: Config = None,
    console: Annotated[bool, typer.Option("--console", help="People read and type here.")] = False,
) -> None:
    """
    The bot: it watches, diagnoses, and carries out what people approve.

    People read and type in Slack, or here with --console. Until `quit`, Ctrl-D, Ctrl-C or SIGTERM; what runs then is
    finished first.
    """
    from bot.app import running
    from bot.cli.conversation import converse
    from bot.edges.console import Console

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    with one_line():
        given = settings(config)
        if not console:
            running.run_in_slack(given)
            return
        if sys.stdin is None:
            fail("starting the console failed: stdin is closed. Start it in a terminal.")
        chat = Console(given.people, given.login, sys.stdin.fileno(), sys.stdout)
        running.run(given, lambda _: chat, lambda bot, _, over: converse(chat, bot, over))


@commands.command()
def plan(
    pod: Annotated[str, typer.Argument(metavar="POD", help="POD, NAMESPACE/POD or CLUSTER/NAMESPACE/POD.")],
    repair: Annotated[str, typer.Argument(metavar="REPAIR", help="As `diagnose` offers it: shim.reap, ...")],
    option: Annotated[str, typer.Option("--option", metavar="WORD", help="For a repair with a choice.")] = "",
    config: Config = None,
    output: As = Output.TABLE,
) -> None:
    """
    The plan that people would be asked to approve, and nothing is done.

    What happens, only if what still holds, what it touches, what is lost, who may approve.
    """
    from bot.app import running
    from bot.cli import shapes
    from bot.edges.console import progress, show_plan

    with one_line():
        given = settings(config)
        with progress() as say:
            drawn = running.plan(given, pod, repair, option, say)
        found = _granted(drawn)
    if output is Output.JSON:
        typer.echo(shapes.text({"plan": shapes.plan(found)}))
    else:
        show_plan(found, given.people)


@commands.command()
def incidents(config: Config = None, output: As = Output.TABLE) -> None:
    """What is open, and what was lately."""
    from bot.app import running
    from bot.cli import shapes
    from bot.edges.console import show_incidents

    with one_line(), running.Desk(settings(config)) as desk:
        found = desk.incidents()
    if output is Output.JSON:
        typer.echo(shapes.text({"incidents": [shapes.listed(each) for each in found]}))
    else:
        show_incidents(found)


@commands.command()
def incident(id_: Id, config: Config = None, output: As = Output.TABLE) -> None:
    """All that is known of one incident: cause, evidence, plan and votes, what was done before."""
    from bot.app import running
    from bot.cli import shapes
    from bot.edges.console import show_incident

    with one_line():
        given = settings(config)
        with running.Desk(given) as desk:
            found = desk.incident(id_)
    if output is Output.JSON:
        typer.echo(shapes.text({"incident": shapes.incident(found)}))
    else:
        show_incident(found, given.people, running.clock())


@commands.command()
def settle(
    id_: Id,
    outcome: Annotated[Outcome, typer.Argument(metavar="OUTCOME", help="Whether it happened.")],
    reason: Reason,
    config: Config = None,
) -> None:
    """
    Say what became of a repair whose outcome is unknown, after looking.

    The node is locked until then. Who may approve in that cluster can; who they are, their login says.
    """
    from bot.app import running
    from bot.core.incident_cards import headline
    from bot.core.phases import name_of

    with one_line(), running.Desk(settings(config)) as desk:
        found = _granted(desk.settle(id_, reason, done=outcome is Outcome.DONE))
    typer.echo(f"incident {found.id} is {name_of(found.phase)}: {headline(found, running.clock())}")


@commands.command()
def pause(
    reason: Annotated[str, typer.Argument(metavar="[REASON]", help="Why, for those who read it.")] = "",
    config: Config = None,
) -> None:
    """
    Stop all repairs that have not been sent, in every cluster. Anybody may.

    Watching and diagnosing go on.
    """
    from bot.app import running

    with one_line(), running.Desk(settings(config)) as desk:
        desk.pause(reason)
    typer.echo("Fixes are paused. Diagnosis goes on.")


@commands.command()
def resume(
    reason: Reason,
    cluster: Annotated[
        str, typer.Option("--cluster", metavar="NAME", help="Whose failures were looked at; else those of all.")
    ] = "",
    config: Config = None,
) -> None:
    """End a pause, and let a repair be tried again that failed. Who may approve can: see `people` in the settings."""
    from bot.app import running

    with one_line(), running.Desk(settings(config)) as desk:
        no = desk.resume(reason, cluster)
    if no is not None:
        fail(no.says)
    typer.echo("Fixes go on.")


@audit.command("verify")
def verify(
    anchors: Annotated[
        Path | None, typer.Option("--anchors", metavar="FILE", help="Heads, one added each time; they show a cut tail.")
    ] = None,
    config: Config = None,
) -> None:
    """Whether every row is as it was written, and none is missing. Exit code 1 names the first that is not."""
    from bot.app import running
    from bot.core.audit import Broken

    with one_line(), running.Desk(settings(config)) as desk:
        found = desk.verify(anchors)
    if isinstance(found, Broken):
        fail(
            f"the audit log is not as it was written: {found.why}. Keep the database as it is, and find out who wrote."
        )
    rows = "1 row, as it was" if found.seq == 1 else f"{found.seq:,} rows, as they were"
    typer.echo(f"{rows} written; the head is {found.seq} {found.hash}")


@audit.command("show")
def show(
    id_: Annotated[
        int | None, typer.Option("--incident", metavar="ID", min=1, max=_LAST, help="Of this one only.")
    ] = None,
    config: Config = None,
    output: As = Output.TABLE,
) -> None:
    """The rows, oldest first. As JSON: one object on a line."""
    from bot.app import running
    from bot.cli import shapes

    with one_line(), running.Desk(settings(config)) as desk:
        for link in desk.entries(id_):
            typer.echo(shapes.row(link) if output is Output.JSON else shapes.told(link))


def _granted(answer: "T | Refusal") -> T:
    """A refusal is a failure with its sentence."""
    from bot.core.refusals import Refusal

    if isinstance(answer, Refusal):
        fail(answer.says)
    return answer
