"""
The terminal: neutral rows and sentences of `core` laid out for 80 columns, and the words that people type there.

Only what is already clean is printed; nothing is parsed as markup, so no name can colour or link anything.
"""

from bot.core.hostile import plain as clean
from bot.edges.console.chat import Console
from bot.edges.console.layout import progress
from bot.edges.console.looks import show_cause, show_diagnosis, show_scan
from bot.edges.console.pages import show_incident, show_incidents, show_plan

__all__ = [
    "Console",
    "clean",
    "progress",
    "show_cause",
    "show_diagnosis",
    "show_incident",
    "show_incidents",
    "show_plan",
    "show_scan",
]
