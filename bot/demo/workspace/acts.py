"""
What people do: type a command, click, fill in a window, open the App Home.

Each is refused with `NotOk` where Slack's own interface would not let them; otherwise the app is told, and what it
answers within three seconds is carried out. If it does not answer, the person is warned.
"""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from bot.demo.workspace import payloads, values
from bot.demo.workspace.blocks import acting
from bot.demo.workspace.calls import NotOk
from bot.demo.workspace.cast import Channel, Json, User
from bot.demo.workspace.escapes import escaped
from bot.demo.workspace.hooks import Hook
from bot.demo.workspace.replies import respond
from bot.demo.workspace.sockets import Then
from bot.demo.workspace.state import Workspace
from bot.demo.workspace.views import View, checked

_LATE = "The app did not answer within 3 seconds. It may have heard; you can try again."
_UNHEARD = "The app is not connected. Nothing was sent; try again later."
_PUZZLED = "The app answered with something that cannot be shown."


def command(workspace: Workspace, given: Mapping[str, Any]) -> None:
    user = workspace.user(given.get("user"))
    channel = _place(workspace, user, str(given.get("channel")))
    name, text = str(given.get("command")), str(given.get("text") or "")
    known = next((each for each in workspace.stage.commands if each.name == name), None)
    if known is None:
        raise NotOk("unknown_command")
    if user.role == "outside":  # docs.slack.dev/apis/slack-connect: commands belong to the installing team
        raise NotOk("not_for_other_organisations")
    sent = escaped(text, workspace.users, workspace.board.of(user.id)) if known.should_escape else text
    then = Then(
        lambda payload: _answered_command(workspace, user, channel, f"{name} {text}".strip(), payload),
        lambda why: _warn(workspace, user, why, channel=channel.id, command=name),
    )
    workspace.sockets.send("slash_commands", payloads.command(workspace, user, channel, name, sent), then)


def _answered_command(workspace: Workspace, user: User, channel: Channel, line: str, payload: Json) -> None:
    """An acknowledgement may say something: to the one who typed, or to all, who then see what was typed too."""
    if not payload:
        return
    try:
        respond(workspace, Hook(user=user.id, channel=channel.id), payload, typed=line)
    except NotOk:
        workspace.news.tell("warning", (user.id,), channel=channel.id, reason="invalid_response", text=_PUZZLED)


def click(workspace: Workspace, given: Mapping[str, Any]) -> None:
    """A button, a choice, or any other element that acts: in a message, a modal or the App Home."""
    user = workspace.user(given.get("user"))
    if given.get("view_id"):
        _click_in_view(workspace, user, given)
        return
    channel = _place(workspace, user, str(given.get("channel")))
    message = workspace.board.visible(channel.id, str(given.get("ts")), user.id)
    block, element = _element(message.blocks, given)
    action = _action(workspace, block, element, given)
    payload = payloads.message_action(workspace, user, channel, message, action)
    if values.has_field(element):
        filled = payload["state"]["values"][block["block_id"]]
        filled[element["action_id"]] = values.filled(element, given)
    then = Then(unanswered=lambda why: _warn(workspace, user, why, channel=channel.id, ts=message.ts))
    workspace.sockets.send("interactive", payload, then)


def _click_in_view(workspace: Workspace, user: User, given: Mapping[str, Any]) -> None:
    view = _view(workspace, user, given)
    block, element = _element(view.blocks, given)
    if block["type"] == "input" and not block.get("dispatch_action"):
        raise NotOk("tells_nothing_before_it_is_submitted")
    action = _action(workspace, block, element, given)
    if values.has_field(element):
        filled = {**view.values.get(block["block_id"], {}), element["action_id"]: values.filled(element, given)}
        view = workspace.views.put(replace(view, values={**view.values, block["block_id"]: filled}), quietly=True)
    then = Then(unanswered=lambda why: _warn(workspace, user, why, view_id=view.id))
    workspace.sockets.send("interactive", payloads.view_action(workspace, user, view, action), then)


def submit(workspace: Workspace, given: Mapping[str, Any]) -> "Future[Json]":
    """What the one who fills in is answered: errors by block, or nothing. Done at the latest when the time is up."""
    answer: Future[Json] = Future()
    user = workspace.user(given.get("user"))
    view = _view(workspace, user, given)
    if "submit" not in view.body:
        raise NotOk("no_such_button")
    told = given.get("values")
    filled, errors = values.submitted(view.blocks, view.values, told if isinstance(told, dict) else {})
    if errors:
        answer.set_result({"ok": True, "errors": errors})
        return answer
    view = workspace.views.put(replace(view, values=filled), quietly=True)

    def answered(payload: Json) -> None:
        try:
            answer.set_result({"ok": True, **_after_submission(workspace, view, payload)})
        except NotOk:
            workspace.news.tell("warning", (user.id,), view_id=view.id, reason="invalid_response", text=_PUZZLED)
            answer.set_result({"ok": True})

    def unanswered(why: str) -> None:
        _warn(workspace, user, why, view_id=view.id)
        answer.set_result({"ok": True})

    workspace.sockets.send("interactive", payloads.submission(workspace, user, view), Then(answered, unanswered))
    return answer


def _after_submission(workspace: Workspace, view: View, payload: Json) -> Json:
    """What the acknowledgement asks for. Nothing: the window closes."""
    match payload.get("response_action"):
        case None:
            workspace.views.close(view)
        case "clear":
            workspace.views.close(view, all_of_them=True)
        case "update":
            workspace.views.update(view, checked(payload.get("view"), "modal"))
        case "push":
            workspace.views.push(view.user, checked(payload.get("view"), "modal"))
        case "errors":
            return {"errors": _errors(view, payload.get("errors"))}
        case _:
            raise NotOk("invalid_response")
    return {}


def _errors(view: View, told: object) -> dict[str, str]:
    """By block, and only for blocks with an input: Slack shows no others."""
    inputs = {each["block_id"] for each in view.blocks if each["type"] == "input"}
    if not isinstance(told, dict) or not told or not told.keys() <= inputs:
        raise NotOk("invalid_response")
    return {block: str(text) for block, text in told.items()}


def close(workspace: Workspace, given: Mapping[str, Any]) -> None:
    user = workspace.user(given.get("user"))
    view = _view(workspace, user, given)
    workspace.views.close(view)
    if view.body.get("notify_on_close"):
        workspace.sockets.send("interactive", payloads.closing(workspace, user, view))


def home(workspace: Workspace, given: Mapping[str, Any]) -> None:
    user = workspace.user(given.get("user"))
    if user.role == "outside":
        raise NotOk("not_for_other_organisations")
    workspace.board.direct(user.id)
    workspace.sockets.send("events_api", payloads.home_opened(workspace, user))


def _place(workspace: Workspace, user: User, channel_id: str) -> Channel:
    found = next((each for each in workspace.board.of(user.id) if each.id == channel_id), None)
    if found is None:
        raise NotOk("not_in_channel")
    return found


def _view(workspace: Workspace, user: User, given: Mapping[str, Any]) -> View:
    """One that this person sees: the topmost modal, or the App Home."""
    for view in (workspace.views.top(user.id), workspace.views.home(user.id)):
        if view is not None and view.id == given.get("view_id"):
            return view
    raise NotOk("no_such_view")


def _element(blocks: tuple[Json, ...] | list[Json], given: Mapping[str, Any]) -> tuple[Json, Json]:
    for block in blocks:
        for element in acting(block):
            if (block["block_id"], element["action_id"]) == (given.get("block_id"), given.get("action_id")):
                return block, element
    raise NotOk("no_such_button")


def _action(workspace: Workspace, block: Json, element: Json, given: Mapping[str, Any]) -> Json:
    """A button's value is its own, whatever was said."""
    action: Json = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": f"{workspace.clock():.6f}",
    }
    if element["type"] == "overflow":
        return {**action, "selected_option": values.option_of(element, given.get("selected_option"))}
    if values.has_field(element):
        return {**action, **values.filled(element, given)}
    return {**action, **{key: element[key] for key in ("text", "value", "style") if key in element}}


def _warn(workspace: Workspace, user: User, why: str, **where: str) -> None:
    text = _UNHEARD if why == "dispatch_failed" else _LATE
    workspace.news.tell("warning", (user.id,), reason=why, text=text, **where)
