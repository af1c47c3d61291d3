"""
Slack's Web API, as far as it is needed: each call once, and what goes wrong an Outage with what a person can do.

Nothing is repeated here. The library would repeat a post whose connection broke, and it may have arrived: so its
retries are off, and who calls decides.
"""

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.error import URLError
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from bot.core.hostile import plain
from bot.edges.slack.wire import LIMIT_S, Client, UnconnectedError, send
from bot.ports import Busy, Garbled, Missing, Outage, Refused, TimedOut, Unreachable

_PAGE = 100  # messages looked through for one that was lost
_PAGES = 5
_SLACK = "Slack"
_EVENT = (
    "terminating"  # of our metadata: an incident's id and a message's part, which anybody in the workspace may read
)

_STRANGE = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger", "is_app_user")
_LONGEST_NAME = 40
_OK = 200
_TOO_MANY = 429
_SERVER = 500
_REST_S, _LONGEST_REST_S = 30, 600  # where a 429 does not say how long, or says what nobody would wait for
_GONE = frozenset({"message_not_found", "edit_window_closed", "cant_update_message", "is_inactive", "thread_not_found"})
_NOT_JSON = "Received a response in a non-JSON format"  # the library's words
_THEN: Mapping[str, str] = {
    "channel_not_found": "Name a channel of this workspace, and invite the bot to a private one.",
    "not_in_channel": "Invite the bot: /invite @terminating",
    "is_archived": "Name another channel.",
    "missing_scope": "Give the app the scopes of config/slack-manifest.yaml, and install it again.",
    "invalid_auth": "Look at the bot token.",
    "token_revoked": "Install the app again, and put the new bot token in its file.",
    "account_inactive": "Install the app again, and put the new bot token in its file.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    A user as Slack has them; `stranger` for whoever is not a full member: guests, bots, the outside, those who left.

    `teams` are all that this user is a member of: in an Enterprise Grid more than one. `name` is for people to read.
    """

    id: str
    teams: frozenset[str]
    stranger: bool
    name: str


class Web:
    """Any thread may call. `base_url` is another than Slack's for a workspace on this machine."""

    def __init__(self, token: str, base_url: str = WebClient.BASE_URL, limit_s: int = LIMIT_S) -> None:
        self._client = Client(token=token, base_url=base_url, timeout=limit_s, retry_handlers=[])
        self._token = token

    @property
    def client(self) -> WebClient:
        """For the library that hears; it does not speak."""
        return self._client

    def team(self) -> str:
        """That of the token."""
        return _word(self._call(self._client.auth_test), "auth.test", "team_id")

    def socket(self, app_token: str) -> str:
        """An address for one connection, which is a secret."""
        return _word(
            self._call(self._client.apps_connections_open, app_token=app_token), "apps.connections.open", "url"
        )

    def post(self, channel: str, text: str, blocks: Sequence[Mapping[str, Any]], *, thread: str, mark: str) -> str:
        """Its ts. `mark` finds it again; `thread` is empty for a message of its own."""
        answer = self._call(
            self._client.chat_postMessage,
            channel=channel,
            text=text,
            blocks=blocks,
            metadata={"event_type": _EVENT, "event_payload": {"mark": mark}},
            unfurl_links=False,
            unfurl_media=False,
            **({"thread_ts": thread} if thread else {}),
        )
        return _word(answer, "chat.postMessage", "ts")

    def update(self, channel: str, at: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Raises `Missing` where there is no such message that could be changed."""
        self._call(self._client.chat_update, channel=channel, ts=at, text=text, blocks=blocks)

    def find(self, channel: str, *, thread: str, mark: str) -> str | None:
        """The ts of our message with this mark, if it arrived and is not too long ago."""
        method = self._client.conversations_replies if thread else self._client.conversations_history
        asked: dict[str, Any] = {"channel": channel, "limit": _PAGE, "include_all_metadata": True}
        for _ in range(_PAGES):
            answer = self._call(method, **asked, **({"ts": thread} if thread else {}))
            for message in answer.get("messages", []):
                if _is_marked(message, mark):
                    return str(message["ts"])
            asked["cursor"] = (answer.get("response_metadata") or {}).get("next_cursor")
            if not asked["cursor"]:
                return None
        return None

    def upload(self, channel: str, thread: str, name: str, raw: bytes) -> None:
        """A file into a thread."""
        place = self._call(self._client.files_getUploadURLExternal, filename=name, length=len(raw))
        self._send(_word(place, "files.getUploadURLExternal", "upload_url"), raw, "sending a file")
        whole = {"id": _word(place, "files.getUploadURLExternal", "file_id"), "title": name}
        complete = self._client.files_completeUploadExternal
        self._call(complete, files=[whole], channel_id=channel, thread_ts=thread)

    def has_file(self, channel: str, thread: str, name: str) -> bool:
        answer = self._call(self._client.conversations_replies, channel=channel, ts=thread, limit=_PAGE)
        return any(file.get("title") == name for each in answer.get("messages", []) for file in each.get("files", []))

    def whisper(self, channel: str, user: str, text: str, blocks: Sequence[Mapping[str, Any]], thread: str) -> None:
        """To one person, who may not get it: never the only copy of anything. `thread`: may be empty."""
        told = {"channel": channel, "user": user, "text": text, "blocks": blocks, "thread_ts": thread or None}
        self._call(self._client.chat_postEphemeral, **told)

    def respond(
        self, url: str, text: str, blocks: Sequence[Mapping[str, Any]], thread: str, *, public: bool = False
    ) -> None:
        """To who clicked or typed, or to all there: five times within half an hour. `thread`: may be empty."""
        whom = "in_channel" if public else "ephemeral"
        told: dict[str, Any] = {"text": text, "response_type": whom, "replace_original": False}
        if thread:
            told["thread_ts"] = thread
        if blocks:
            told["blocks"] = [dict(each) for each in blocks]
        self._send(url, json.dumps(told).encode(), "answering", {"Content-Type": "application/json"})

    def open(self, trigger: str, view: Mapping[str, Any]) -> None:
        self._call(self._client.views_open, trigger_id=trigger, view=view)

    def publish(self, user: str, view: Mapping[str, Any]) -> None:
        self._call(self._client.views_publish, user_id=user, view=view)

    def account(self, user: str) -> Account:
        found = self._part(self._client.users_info, "user", user=user)
        of, profile = found.get("enterprise_user") or {}, found.get("profile") or {}
        name = profile.get("display_name") or found.get("real_name") or profile.get("real_name") or ""
        return Account(
            id=_word(found, "users.info", "id"),
            teams=frozenset(map(str, (found.get("team_id", ""), *of.get("teams", ())))) - {""},
            stranger=any(found.get(flag) for flag in _STRANGE),
            name=plain(str(name), _LONGEST_NAME),
        )

    def group(self, group: str) -> frozenset[str]:
        users = self._call(self._client.usergroups_users_list, usergroup=group).get("users")
        if not isinstance(users, list):
            raise _unlike("usergroups.users.list", "users")
        return frozenset(map(str, users))

    def shared(self, channel: str) -> bool:
        """Whether people of another organisation read and click there."""
        return bool(self._part(self._client.conversations_info, "channel", channel=channel).get("is_ext_shared"))

    def told_in(self, channel: str) -> str:
        """That alerts arrive there, in a sentence. Raises an Outage where they would not."""
        found = self._part(self._client.conversations_info, "channel", channel=channel)
        asked, name = "looking at the channel", plain(str(found.get("name") or channel))
        if found.get("is_archived"):
            raise Refused(asked, name, "it is archived", "Name another channel.")
        if not found.get("is_member"):
            raise Missing(asked, name, "the bot is not in it", "Invite the bot: /invite @terminating")
        shared = " It is shared with another organisation." if found.get("is_ext_shared") else ""
        return f"alerts go to #{name}.{shared}"

    def opens(self, app_token: str) -> str:
        """That Slack would open a socket for this token, in a sentence; none is opened."""
        self.socket(app_token)
        return "opens a socket"

    def _part(self, method: Callable[..., SlackResponse], key: str, **asked: Any) -> dict[str, Any]:
        found = self._call(method, **asked).get(key)
        if not isinstance(found, dict):
            raise _unlike(method.__name__.replace("_", "."), key)
        return found

    def _call(self, method: Callable[..., SlackResponse], **asked: Any) -> dict[str, Any]:
        name = method.__name__.replace("_", ".")
        try:
            answer = method(**asked)
        except SlackApiError as error:
            raise self._refused(name, error) from None  # its text is the whole answer, whatever stands there
        except (OSError, SlackClientError, http.client.HTTPException) as error:
            raise self._broken(name, error) from None
        except (AttributeError, ValueError, RecursionError):  # of the library, about JSON that is no object
            raise _unlike(name, "object") from None
        return answer.data if isinstance(answer.data, dict) else {}

    def _send(self, url: str, body: bytes, what: str, headers: Mapping[str, str] | None = None) -> None:
        """To an address that Slack gave, which is a secret; without the token."""
        try:
            request = Request(url, body, dict(headers or {}), method="POST")  # noqa: S310  # `send` knows http alone
            status, told, answer = send(request, self._client.timeout)
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(what, error) from None
        except ValueError as error:
            raise Garbled(what, _SLACK, "it gave an address that is none", "See its status page.") from error
        if status == _TOO_MANY:
            raise _busy(what, told)
        if status != _OK:
            why = self._clean(f"HTTP {status} {answer[:200].decode('utf-8', 'replace')}")
            kind = TimedOut if status >= _SERVER else Refused
            raise kind(what, _SLACK, why, "It is tried again." if kind is TimedOut else "It is not sent again.")

    def _refused(self, method: str, error: SlackApiError) -> Outage:
        response = error.response
        why = self._clean(str(response.get("error", f"HTTP {response.status_code}")))
        if response.status_code == _TOO_MANY or why == "ratelimited":
            return _busy(method, response.headers)
        if why in _GONE:
            return Missing(method, _SLACK, why, "It is posted anew.")
        if response.status_code >= _SERVER or why in ("fatal_error", "internal_error", "service_unavailable"):
            return TimedOut(method, _SLACK, why, "It is tried again.")
        if response.status_code != _OK or "error" not in (response.data or {}) or why.startswith(_NOT_JSON):
            return Garbled(method, _SLACK, why, "Is that Slack? Look for a proxy, or at `slack.api` of the settings.")
        detail = "; ".join(map(str, (response.get("response_metadata") or {}).get("messages", [])))
        then = _THEN.get(why, "See docs.slack.dev for this error.")
        return Refused(method, _SLACK, self._clean(f"{why}: {detail}", 300) if detail else why, then)

    def _broken(self, method: str, error: Exception) -> Outage:
        """A connection that was never made asked nothing; one that broke may have."""
        reason = error.reason if isinstance(error, URLError) else error
        why = self._clean(str(reason) or type(reason).__name__)
        if isinstance(reason, UnconnectedError):
            return Unreachable(method, _SLACK, why, "Look at the way there: a proxy, DNS.")
        return TimedOut(method, _SLACK, why, "It is tried again.")

    def _clean(self, text: str, longest: int = 100) -> str:
        """Whoever is sent the token may say it back."""
        return plain(text.replace(self._token, "(the token)"), longest)


def _is_marked(message: Mapping[str, Any], mark: str) -> bool:
    metadata = message.get("metadata") or {}
    return metadata.get("event_type") == _EVENT and (metadata.get("event_payload") or {}).get("mark") == mark


def _word(answer: Mapping[str, Any], method: str, key: str) -> str:
    found = answer.get(key)
    if not isinstance(found, str) or not found:
        raise _unlike(method, key)
    return found


def _unlike(method: str, what: str) -> Garbled:
    return Garbled(method, _SLACK, f"its answer has no {what}", "Is that Slack? Look at `slack.api` of the settings.")


def _busy(method: str, headers: Mapping[str, Any]) -> Busy:
    seconds = str(headers.get("Retry-After", ""))
    wait = min(int(seconds[:9]), _LONGEST_REST_S) if seconds.isascii() and seconds.isdecimal() else _REST_S
    return Busy(method, _SLACK, f"it asks for {wait} s of rest", "It is sent then.", timedelta(seconds=wait))
