"""`terminating demo`: all of it on this machine, in a browser."""

from typing import Annotated

import typer

from bot.cli.common import fail, one_line

commands = typer.Typer()

_LOOKS_S = 0.5


@commands.command()
def demo(
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65_535, help="0: any that is free.")] = 8000,
) -> None:
    """
    A cluster with stuck pods, a node and a Slack workspace on this machine, with the real bot between them.

    Open the address that is printed. Nothing leaves this machine; it ends with Ctrl-C.
    """
    from concurrent.futures import TimeoutError as NotYetError

    from bot.demo.show import demo as shown

    with one_line():
        try:
            with shown(port) as up:
                typer.echo(f"The demo is at {up.url} until Ctrl-C.")
                while True:
                    try:
                        up.bot.result(_LOOKS_S)
                    except NotYetError:
                        continue
                    return
        except OSError as error:
            fail(f"starting the demo on port {port} failed: {error.strerror}. Give another --port.")
        except KeyboardInterrupt:
            return
