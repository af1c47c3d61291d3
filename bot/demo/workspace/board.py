"""The channels and what stands in them. Every change is news to those who are in the channel."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bot.demo.workspace.calls import NotOk
from bot.demo.workspace.cast import BOT_USER, Channel, direct
from bot.demo.workspace.ids import Stamps
from bot.demo.workspace.messages import Message
from bot.demo.workspace.news import News


class Board:
    def __init__(self, channels: Iterable[Channel], stamps: Stamps, news: News) -> None:
        self._channels = {each.id: each for each in channels}
        self._stamps = stamps
        self._news = news
        self._messages: dict[str, dict[str, Message]] = {}
        self._whispers: dict[str, dict[str, Message]] = {}

    # ---- channels

    def channel(self, channel_id: str) -> Channel:
        """One that the app can see: public, or it is in it."""
        found = self._channels.get(channel_id)
        if found is None or (found.private and BOT_USER not in found.members):
            raise NotOk("channel_not_found")
        return found

    def direct(self, user: str) -> Channel:
        made = direct(user)
        return self._channels.setdefault(made.id, made)

    def of(self, user: str) -> tuple[Channel, ...]:
        """Those that stand in this person's sidebar."""
        return tuple(each for each in self._channels.values() if user in each.members and not each.archived)

    def archive(self, channel_id: str) -> None:
        self._channels[channel_id] = replace(self._channels[channel_id], archived=True)

    # ---- messages

    def messages(self, channel_id: str) -> tuple[Message, ...]:
        """Oldest first."""
        return tuple(self._messages.get(channel_id, {}).values())

    def message(self, channel_id: str, ts: str) -> Message:
        found = self._messages.get(channel_id, {}).get(ts)
        if found is None:
            raise NotOk("message_not_found")
        return found

    def replies(self, channel_id: str, ts: str) -> tuple[Message, ...]:
        return tuple(each for each in self.messages(channel_id) if each.thread == ts and each.ts != ts)

    def must_be_thread(self, channel_id: str, ts: str) -> None:
        """A message of its own, which others can stand under."""
        parent = self._messages.get(channel_id, {}).get(ts)
        if parent is None or parent.thread not in ("", parent.ts):
            raise NotOk("thread_not_found")

    def post(self, message: Message) -> Message:
        if message.thread:
            self.must_be_thread(message.channel, message.thread)
        made = replace(message, ts=self._stamps.next())
        self._messages.setdefault(message.channel, {})[made.ts] = made
        self._tell(made)
        return made

    def change(self, message: Message, *, shown_as_edited: bool) -> Message:
        made = replace(message, edited=self._stamps.next() if shown_as_edited else message.edited)
        self._messages[message.channel][message.ts] = made
        self._tell(made)
        return made

    def delete(self, message: Message) -> None:
        held = self._whispers if message.only else self._messages
        held.get(message.channel, {}).pop(message.ts, None)
        self._news.tell("message_deleted", self._who_sees(message), channel=message.channel, ts=message.ts)

    # ---- for one person's eyes

    def whispers(self, channel_id: str, user: str) -> tuple[Message, ...]:
        return tuple(each for each in self._whispers.get(channel_id, {}).values() if each.only == user)

    def whisper(self, message: Message) -> Message:
        """New without a ts; with one, in the place of the old."""
        made = message if message.ts else replace(message, ts=self._stamps.next())
        self._whispers.setdefault(message.channel, {})[made.ts] = made
        self._news.tell("ephemeral", (made.only,), channel=made.channel, message=made.shown())
        return made

    def visible(self, channel_id: str, ts: str, user: str) -> Message:
        """What this person sees under that ts."""
        channel = self._channels.get(channel_id)
        if channel is None or user not in channel.members:
            raise NotOk("not_in_channel")
        for held in (self._messages, self._whispers):
            found = held.get(channel_id, {}).get(ts)
            if found is not None and found.only in ("", user):
                return found
        raise NotOk("message_not_found")

    def all_of(self, user: str) -> Mapping[str, tuple[Message, ...]]:
        return {each.id: self.messages(each.id) for each in self.of(user)}

    def _tell(self, message: Message) -> None:
        replies = len(self.replies(message.channel, message.ts))
        self._news.tell("message", self._who_sees(message), channel=message.channel, message=message.shown(replies))

    def _who_sees(self, message: Message) -> Iterable[str]:
        return (message.only,) if message.only else self._channels[message.channel].members
