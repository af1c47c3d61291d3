"""
How a payload is described: small checks that are put together, and say where what they were given is wrong.

A check yields its complaints in Slack's words, each with the JSON pointer of the place.
"""

from collections.abc import Callable, Iterator, Mapping

Check = Callable[[object, str], Iterator[str]]


def complaint(what: str, path: str) -> str:
    return f"[ERROR] {what} [json-pointer:{path}]"


def word(most: int, least: int = 0) -> Check:
    """Text, as long as that in code points."""

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield complaint("must provide a string", path)
        elif len(value) < least:
            yield complaint(f"must be more than {least - 1} characters", path)
        elif len(value) > most:
            yield complaint(f"must be less than {most + 1} characters", path)

    return check


def one_of(*values: object) -> Check:
    def check(value: object, path: str) -> Iterator[str]:
        if value not in values:
            yield complaint(f"must be one of {', '.join(map(str, values))}", path)

    return check


def flag(value: object, path: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield complaint("must provide a boolean", path)


def whole(least: int, most: int) -> Check:
    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            yield complaint(f"must be a number from {least} to {most}", path)

    return check


def many(each: Check, most: int, least: int = 1) -> Check:
    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield complaint("must provide an array", path)
            return
        if len(value) > most:
            yield complaint(f"no more than {most} items allowed", path)
        if len(value) < least:
            yield complaint(f"no fewer than {least} items allowed", path)
        for n, item in enumerate(value):
            yield from each(item, f"{path}/{n}")

    return check


def shape(needs: Mapping[str, Check], may: Mapping[str, Check] | None = None) -> Check:
    """An object with these keys, and no others. `type` is not asked for: whoever chose this shape read it."""
    known = {**needs, **(may or {})}

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield complaint("must provide an object", path)
            return
        for name in needs.keys() - value.keys():
            yield complaint(f"missing required field: {name}", path)
        for name, inside in value.items():
            if name in known:
                yield from known[name](inside, f"{path}/{name}")
            elif name != "type":
                yield complaint(f"invalid additional property: {name}", path)

    return check


def by_type(shapes: Mapping[str, Check]) -> Check:
    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield complaint("must provide an object", path)
            return
        kind = value.get("type")
        if isinstance(kind, str) and kind in shapes:
            yield from shapes[kind](value, path)
        else:
            yield complaint(f"unsupported type: {kind}", f"{path}/type")

    return check


def both(first: Check, second: Check) -> Check:
    """The second is asked only where the first has no complaint, and so may rely on it."""

    def check(value: object, path: str) -> Iterator[str]:
        found = list(first(value, path))
        yield from found or second(value, path)

    return check


def text(most: int, *kinds: str, least: int = 1) -> Check:
    """A text object: of both kinds, unless told."""
    content = word(most, least)
    shapes = {
        "plain_text": shape({"text": content}, {"emoji": flag}),
        "mrkdwn": shape({"text": content}, {"verbatim": flag}),
    }
    return by_type({kind: shapes[kind] for kind in kinds or shapes})


def plain(most: int) -> Check:
    return text(most, "plain_text")
