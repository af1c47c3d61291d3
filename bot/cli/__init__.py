"""
What a person types in a terminal: words in, text or JSON out, exit code 0, 1 or 2.

A failure is one line on stderr (what was tried, on what, what to do) and nothing on stdout. Not here: any decision.
"""

import io
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import demo, desk
from bot.cli.common import As, Config, Folder, Output, fail, one_line, playbooks, settings

app = typer.Typer(
    name="terminating",
    help="Finds pods stuck in Terminating, proves why on the node, and offers the least destructive repair.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: it answers in a tenth of a second, and reads the same without colour
    pretty_exceptions_enable=False,
)
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"  # of a namespace: RFC 1123
books = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The causes that are known, one file each.")


def main() -> None:
    if sys.stdout is None:  # the caller closed it: there is nobody to answer
        sys.exit(1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for a terminal that is not UTF-8
    try:
        app(standalone_mode=True)
    except OSError as error:  # a full disk behind the pipe; what the edges meet is an Outage
        sys.stderr.write(f"writing the answer failed: {error.strerror}. Look at where the output goes.\n")
        sys.exit(1)


def _version(asked: bool) -> None:
    from importlib.metadata import version

    if asked:
        typer.echo(f"terminating {version('terminating')}")
        raise typer.Exit


@app.callback()
def options(
    shown: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del shown


@app.command()
def scan(config: Config = None, output: As = Output.TABLE) -> None:
    """
    What is stuck now, in every configured cluster.

    Exit code 1 if a cluster could not be read, with a line on stderr; the others are shown all the same.
    """
    from bot.app import Program
    from bot.cli import shapes
    from bot.edges import console

    with one_line(), console.progress() as say, Program(settings(config), ()) as program:
        found = program.scan(say)
    errors = [cluster.error for cluster in found.clusters if cluster.error is not None]
    if len(errors) == len(found.clusters):
        fail("\n".join(errors))
    if output is Output.JSON:
        typer.echo(shapes.text(shapes.scan(found)))
    else:
        console.show_scan(found)
    if errors:
        fail("\n".join(errors))


@app.command()
def diagnose(
    pod: Annotated[str, typer.Argument(metavar="POD", help="POD, NAMESPACE/POD or CLUSTER/NAMESPACE/POD.")],
    config: Config = None,
    output: As = Output.TABLE,
) -> None:
    """
    Why one pod is stuck, and what would mend it.

    The cause, the evidence layer by layer, what was ruled out and by which fact, and the repairs that can work here.
    """
    from bot.app import Program
    from bot.cli import shapes
    from bot.edges import console

    with one_line(), console.progress() as say, Program(settings(config), playbooks(None)) as program:
        found = program.diagnose(pod, say)
    if output is Output.JSON:
        typer.echo(shapes.text(shapes.diagnosed(found)))
    else:
        console.show_diagnosis(found.diagnosis, found.took)


@app.command()
def check(
    nodes: Annotated[list[str] | None, typer.Argument(metavar="[NODE]...", help="Nodes to ask over SSH.")] = None,
    config: Config = None,
) -> None:
    """
    Can everything be reached, and is it allowed: database, API server and rights, nodes over SSH, Slack.

    Changes nothing. Without NODE, the nodes that the settings name. Exit code 1 if anything is not as it has to be.
    """
    from bot.app.checks import checks

    fine = True
    with one_line():
        for each in checks(settings(config), nodes or ()):
            typer.echo(f"{'ok' if each.fine else 'FAIL':4}  {each.what:20}  {each.says}")
            fine = fine and each.fine
    if not fine:
        raise typer.Exit(1)


@books.command("list")
def listplaybooks(folder: Folder = None) -> None:
    """Every cause, one line each."""
    with one_line():
        causes = playbooks(folder)
    width = max(len(cause.id) for cause in causes)
    for cause in causes:
        typer.echo(f"{cause.id:{width}}  {cause.title}")


@books.command("show")
def show_playbook(id_: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """One cause: what must hold, what it means, who says so."""
    from bot.edges import console

    with one_line():
        cause = next((each for each in playbooks(None) if each.id == id_), None)
        if cause is None:
            fail(f'no playbook "{console.clean(id_)}"; see `terminating playbooks list`')
    console.show_cause(cause)


@books.command("check")
def checkplaybooks(folder: Folder = None) -> None:
    """
    Validate playbooks.

    Prints each fault with file, line and a suggestion.
    """
    with one_line():
        causes = playbooks(folder)
    typer.echo(f"{len(causes)} playbooks, no faults")


@app.command("node-setup")
def node_setup(
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The bot's public key (.pub).")] = None,
    user: Annotated[
        str, typer.Option("--user", help="The account on the node that the bot logs in to.")
    ] = "terminating",
    repairs: Annotated[bool, typer.Option("--repairs", help="The key may also carry out repairs.")] = False,
) -> None:
    """
    The script that sets up a node for the bot.

    To be read first and then run on the node as root. It holds the program that the bot runs there, the authorized_keys
    line and the sudoers line. Without --repairs, the bot can only look.
    """
    from bot.app import node_setup as script

    with one_line():
        typer.echo(script(user, key, repairs=repairs), nl=False)


def _name(value: str) -> str:
    from bot.probes.api import is_name

    if not is_name(value):
        raise typer.BadParameter('expected lower-case letters, digits, "-" and ".", 253 characters at most')
    return value


def _namespace(value: str) -> str:
    if not re.fullmatch(_LABEL, value):
        raise typer.BadParameter('expected lower-case letters, digits and "-", 63 characters at most')
    return value


@app.command()
def rbac(
    name: Annotated[
        str, typer.Option("--name", callback=_name, help="Of the ServiceAccount, role and binding.")
    ] = "terminating",
    namespace: Annotated[
        str, typer.Option("--namespace", callback=_namespace, help="Where the ServiceAccount lives.")
    ] = "terminating",
    repairs: Annotated[bool, typer.Option("--repairs", help="What repairs change, too.")] = False,
) -> None:
    """
    The rights the bot needs, as YAML for kubectl.

    No others: it reads pods, nodes and what is around them, and no secrets. With --repairs it may also delete pods,
    take finalizers off them, and cordon nodes.
    """
    from bot.core import rights

    with one_line():
        typer.echo(rights.manifest(name, namespace, repairs=repairs), nl=False)


app.add_typer(books, name="playbooks")
app.add_typer(desk.commands)
app.add_typer(demo.commands)
app.add_typer(desk.audit, name="audit")
