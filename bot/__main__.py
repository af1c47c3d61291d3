"""`python -m bot` is `terminating`."""

from bot.cli import main

main()
