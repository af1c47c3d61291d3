"""What stands in the fields of a view or a message, as Slack's `state.values` have it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.demo.workspace.blocks import acting
from bot.demo.workspace.calls import NotOk
from bot.demo.workspace.cast import Json
from bot.demo.workspace.elements import MOST_INPUT, options


@dataclass(frozen=True, slots=True)
class _Field:
    """Under which key an element's value stands, and what it starts with."""

    key: str
    initial: str
    several: bool = False


_TEXT = _Field("value", "initial_value")
_ONE = _Field("selected_option", "initial_option")
_SEVERAL = _Field("selected_options", "initial_options", several=True)
_FIELDS: Mapping[str, _Field] = {
    "plain_text_input": _TEXT,
    "email_text_input": _TEXT,
    "url_text_input": _TEXT,
    "number_input": _TEXT,
    "static_select": _ONE,
    "radio_buttons": _ONE,
    "checkboxes": _SEVERAL,
    "multi_static_select": _SEVERAL,
    "datepicker": _Field("selected_date", "initial_date"),
    "timepicker": _Field("selected_time", "initial_time"),
    "users_select": _Field("selected_user", "initial_user"),
    "channels_select": _Field("selected_channel", "initial_channel"),
}


def initial(blocks: Iterable[Json]) -> Json:
    values: Json = {}
    for block, element in _fields(blocks):
        field = _FIELDS[element["type"]]
        values.setdefault(block["block_id"], {})[element["action_id"]] = {
            "type": element["type"],
            field.key: element.get(field.initial, [] if field.several else None),
        }
    return values


def carried(values: Json, blocks: Iterable[Json]) -> Json:
    """The values for new blocks: those of fields that were there before stay."""
    fresh = initial(blocks)
    for block, actions in fresh.items():
        for action, value in actions.items():
            before = values.get(block, {}).get(action)
            if before is not None and before["type"] == value["type"]:
                actions[action] = before
    return fresh


def filled(element: Json, given: Mapping[str, Any]) -> Json:
    """What a person put into one field. Refused where the field does not allow it."""
    field = _FIELDS[element["type"]]
    value = given.get(field.key)
    if field.several:
        chosen = value if isinstance(value, list) else []
        return {"type": element["type"], field.key: [option_of(element, each) for each in chosen]}
    if field is _ONE:
        return {"type": element["type"], field.key: None if value is None else option_of(element, value)}
    if value is not None and not isinstance(value, str):
        raise NotOk("invalid_value")
    return {"type": element["type"], field.key: value or None}


def option_of(element: Json, chosen: object) -> Json:
    """By the whole option or by its value."""
    value = chosen.get("value") if isinstance(chosen, dict) else chosen
    for each in options(element):
        if each["value"] == value:
            return each
    raise NotOk("no_such_option")


def has_field(element: Json) -> bool:
    return element["type"] in _FIELDS


def submitted(blocks: Iterable[Json], before: Json, given: Json) -> tuple[Json, dict[str, str]]:
    """All the values as they are sent, and by block what keeps them from being sent."""
    listed = list(blocks)
    values, errors = carried(before, listed), {}
    for block, element in _fields(listed):
        name, action = block["block_id"], element["action_id"]
        told = given.get(name)
        if isinstance(told, dict) and isinstance(told.get(action), dict):
            values[name][action] = filled(element, told[action])
        if block["type"] == "input" and (wrong := _wrong(block, element, values[name][action])):
            errors[name] = wrong
    return values, errors


def _wrong(block: Json, element: Json, value: Json) -> str:
    said = value[_FIELDS[element["type"]].key]
    if not said:
        return "" if block.get("optional") else "Fill this in."
    least, most = element.get("min_length", 0), element.get("max_length", MOST_INPUT)
    if isinstance(said, str) and len(said) < least:
        return f"At least {least} characters."
    if isinstance(said, str) and len(said) > most:
        return f"At most {most} characters."
    return ""


def _fields(blocks: Iterable[Json]) -> Iterator[tuple[Json, Json]]:
    for block in blocks:
        for element in acting(block):
            if has_field(element):
                yield block, element
