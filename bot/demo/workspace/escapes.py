"""What becomes of a command's text for an app that asks for `should_escape`: mentions and links get brackets."""

import re
from collections.abc import Iterable, Mapping

from bot.demo.workspace.cast import Channel, User

# Whatever looks like a host gets a link, in a pod's name too: docs.slack.dev/interactivity/implementing-slash-commands
_PIECES = re.compile(
    r"(?P<url>https?://[^\s<>|]+)"
    r"|(?<![\w.@-])(?P<host>(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\.)+(?:com|org|net|io|dev|app|sh|example))(?![\w.-])"
    r"|(?<!\w)@(?P<user>[\w.-]+)"
    r"|(?<!\w)#(?P<channel>[\w-]+)"
)


def escaped(text: str, users: Mapping[str, User], channels: Iterable[Channel]) -> str:
    people = {each.name: each for each in users.values()}
    places = {each.name: each for each in channels if not each.direct}
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _PIECES.sub(lambda match: _bracketed(match, people, places), safe)


def _bracketed(match: re.Match[str], people: Mapping[str, User], places: Mapping[str, Channel]) -> str:
    if match["url"]:
        return f"<{match['url']}>"
    if match["host"]:
        return f"<http://{match['host']}|{match['host']}>"
    if match["user"]:
        user = people.get(match["user"])
        return f"<@{user.id}|{user.name}>" if user else match[0]
    place = places.get(match["channel"])
    if place is None:
        return match[0]
    return f"<#{place.id}|{'' if place.private else place.name}>"
