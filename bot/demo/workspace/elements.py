"""
What stands inside blocks, by Slack's rules: buttons, menus, inputs and rich text.

The numbers are those of docs.slack.dev/reference/block-kit, where every limit counts Unicode code points.
"""

from collections.abc import Iterator, Mapping

from bot.demo.workspace.cast import Json
from bot.demo.workspace.shapes import (
    Check,
    both,
    by_type,
    complaint,
    flag,
    many,
    one_of,
    plain,
    shape,
    text,
    whole,
    word,
)

LONGEST_ID = 255  # block_id and action_id
URL = word(3_000, 1)
MOST_INPUT = 3_000

_ID = word(LONGEST_ID, 1)
_CONFIRM = shape(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
_OPTION = shape({"text": text(75), "value": word(150, 1)}, {"description": text(75), "url": URL})
_PLAIN_OPTION = shape({"text": plain(75), "value": word(150, 1)}, {"description": plain(75), "url": URL})
_GROUP = shape({"label": plain(75), "options": many(_PLAIN_OPTION, 100)})


def options(element: Json) -> list[Json]:
    """All of them, those in groups too."""
    grouped = [option for group in element.get("option_groups", []) for option in group["options"]]
    return [*element.get("options", []), *grouped]


def _chosen_from(value: object, path: str) -> Iterator[str]:
    """Values differ, what is chosen at first is among them, and they are listed or grouped."""
    assert isinstance(value, dict)  # noqa: S101  # the shape was looked at first
    if ("options" in value) == ("option_groups" in value):
        yield complaint("must have either options or option_groups", path)
        return
    listed = options(value)
    values = [each["value"] for each in listed]
    if len(set(values)) < len(values):
        yield complaint("option values must be unique", path)
    first = [value["initial_option"]] if "initial_option" in value else value.get("initial_options", [])
    if any(each not in listed for each in first):
        yield complaint("initial option is not among the options", path)


def _lengths(value: object, path: str) -> Iterator[str]:
    assert isinstance(value, dict)  # noqa: S101  # the same
    if value.get("min_length", 0) > value.get("max_length", MOST_INPUT):
        yield complaint("min_length must not exceed max_length", path)


_ACTS: Mapping[str, Check] = {"action_id": _ID}
_CONFIRMED: Mapping[str, Check] = {**_ACTS, "confirm": _CONFIRM}
_FOCUSED: Mapping[str, Check] = {**_CONFIRMED, "focus_on_load": flag}
_HELD: Mapping[str, Check] = {**_FOCUSED, "placeholder": plain(150)}
_DISPATCH = shape({"trigger_actions_on": many(one_of("on_enter_pressed", "on_character_entered"), 2)})
_TYPED: Mapping[str, Check] = {
    **_ACTS,
    "focus_on_load": flag,
    "placeholder": plain(150),
    "initial_value": word(MOST_INPUT),
    "dispatch_action_config": _DISPATCH,
}

_MENU: Mapping[str, Check] = {"options": many(_PLAIN_OPTION, 100), "option_groups": many(_GROUP, 100)}

BUTTON = shape(
    {"text": plain(75)},
    {
        **_CONFIRMED,
        "url": URL,
        "value": word(2_000, 1),
        "style": one_of("primary", "danger"),
        "accessibility_label": word(75, 1),
    },
)
IMAGE = shape({"image_url": URL, "alt_text": word(2_000, 1)})
STATIC_SELECT = both(shape({}, {**_HELD, **_MENU, "initial_option": _PLAIN_OPTION}), _chosen_from)
MULTI_STATIC_SELECT = both(
    shape({}, {**_HELD, **_MENU, "initial_options": many(_PLAIN_OPTION, 100), "max_selected_items": whole(1, 100)}),
    _chosen_from,
)
OVERFLOW = both(shape({"options": many(_PLAIN_OPTION, 5)}, _CONFIRMED), _chosen_from)
RADIO = both(shape({"options": many(_OPTION, 10)}, {**_FOCUSED, "initial_option": _OPTION}), _chosen_from)
CHECKBOXES = both(
    shape({"options": many(_OPTION, 10)}, {**_FOCUSED, "initial_options": many(_OPTION, 10)}), _chosen_from
)
PLAIN_TEXT_INPUT = both(
    shape(
        {},
        {
            **_TYPED,
            "multiline": flag,
            "min_length": whole(0, MOST_INPUT),
            "max_length": whole(1, MOST_INPUT),
        },
    ),
    _lengths,
)
NUMBER_INPUT = shape(
    {"is_decimal_allowed": flag}, {**_TYPED, "min_value": word(MOST_INPUT), "max_value": word(MOST_INPUT)}
)
DATEPICKER = shape({}, {**_HELD, "initial_date": word(10, 10)})
TIMEPICKER = shape({}, {**_HELD, "initial_time": word(5, 5), "timezone": word(100)})

_ANY_USER: Mapping[str, Check] = {
    "users_select": shape({}, {**_HELD, "initial_user": word(LONGEST_ID)}),
    "channels_select": shape({}, {**_HELD, "initial_channel": word(LONGEST_ID)}),
}
_CHOICES: Mapping[str, Check] = {
    **_ANY_USER,
    "static_select": STATIC_SELECT,
    "multi_static_select": MULTI_STATIC_SELECT,
    "radio_buttons": RADIO,
    "checkboxes": CHECKBOXES,
    "datepicker": DATEPICKER,
    "timepicker": TIMEPICKER,
}
IN_ACTIONS = by_type(
    {name: each for name, each in _CHOICES.items() if not name.startswith("multi_")}
    | {"button": BUTTON, "overflow": OVERFLOW}
)
ACCESSORY = by_type({**_CHOICES, "button": BUTTON, "overflow": OVERFLOW, "image": IMAGE})
IN_INPUT = by_type(
    {
        **_CHOICES,
        "plain_text_input": PLAIN_TEXT_INPUT,
        "email_text_input": shape({}, _TYPED),
        "url_text_input": shape({}, _TYPED),
        "number_input": NUMBER_INPUT,
    }
)
IN_CONTEXT = by_type(
    {
        "image": IMAGE,
        "plain_text": shape({"text": word(3_000, 1)}, {"emoji": flag}),
        "mrkdwn": shape({"text": word(3_000, 1)}, {"verbatim": flag}),
    }
)

_FEEDBACK = shape({"text": plain(75), "value": word(2_000, 1)}, {"accessibility_label": word(75, 1)})
IN_CONTEXT_ACTIONS = by_type(
    {
        "feedback_buttons": shape({"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, _ACTS),
        "icon_button": shape(
            {"icon": one_of("trash"), "text": plain(75)},
            {**_CONFIRMED, "value": word(2_000, 1), "accessibility_label": word(75, 1)},
        ),
    }
)

# ---- rich text

_STYLE = shape({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight", "unlink"), flag))
_STYLED: Mapping[str, Check] = {"style": _STYLE}
_NAME = word(LONGEST_ID, 1)
_TEXT = word(3_000, 1)
_INLINE = by_type(
    {
        "text": shape({"text": _TEXT}, _STYLED),
        "link": shape({"url": URL}, {**_STYLED, "text": _TEXT}),
        "emoji": shape({"name": _NAME}, {**_STYLED, "skin_tone": whole(1, 6), "unicode": _NAME}),
        "user": shape({"user_id": _NAME}, _STYLED),
        "usergroup": shape({"usergroup_id": _NAME}, _STYLED),
        "channel": shape({"channel_id": _NAME}, _STYLED),
        "team": shape({"team_id": _NAME}, _STYLED),
        "date": shape({"timestamp": whole(0, 10**11), "format": _NAME}, {**_STYLED, "fallback": _TEXT, "url": URL}),
        "broadcast": shape({"range": one_of("here", "channel", "everyone")}, _STYLED),
        "color": shape({"value": _NAME}, _STYLED),
    }
)
_MOST_INLINE = 1_000
_INSIDE: Mapping[str, Check] = {"elements": many(_INLINE, _MOST_INLINE, 0)}
_BORDER: Mapping[str, Check] = {"border": whole(0, 1)}
_SECTION = shape(_INSIDE)
IN_RICH_TEXT = by_type(
    {
        "rich_text_section": _SECTION,
        "rich_text_preformatted": shape(_INSIDE, _BORDER),
        "rich_text_quote": shape(_INSIDE),
        "rich_text_list": shape(
            {
                "elements": many(by_type({"rich_text_section": _SECTION}), _MOST_INLINE),
                "style": one_of("bullet", "ordered"),
            },
            {**_BORDER, "indent": whole(0, 8), "offset": whole(0, 10_000)},
        ),
    }
)
RICH_TEXT: Mapping[str, Check] = {"elements": many(IN_RICH_TEXT, _MOST_INLINE)}
