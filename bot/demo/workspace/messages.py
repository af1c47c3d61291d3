"""A message, and the two ways in which it is told: to the app by the Web API, and to the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.demo.workspace.cast import APP, BOT, BOT_NAME, BOT_USER, TEAM, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    id: str
    name: str
    title: str
    mimetype: str
    raw: bytes

    def told(self, base: str) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title,
            "mimetype": self.mimetype,
            "size": len(self.raw),
            "user": BOT_USER,
            "mode": "hosted",
            "is_external": False,
            "url_private": f"{base}/files/{self.id}",
            "url_private_download": f"{base}/files/{self.id}",
        }

    def shown(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "size": len(self.raw),
            "mimetype": self.mimetype,
            "url": f"/files/{self.id}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`only`: the one who sees it, of an ephemeral message. `edited`: when, if people are shown that it was."""

    channel: str
    user: str
    ts: str = ""
    text: str = ""
    blocks: tuple[Json, ...] = ()
    thread: str = ""
    broadcast: bool = False
    only: str = ""
    metadata: Json | None = None
    files: tuple[File, ...] = ()
    edited: str = ""

    @property
    def ours(self) -> bool:
        return self.user == BOT_USER

    @property
    def in_channel(self) -> bool:
        """Whether it stands in the channel, and not in a thread only."""
        return self.thread in ("", self.ts) or self.broadcast

    def told(self, base: str, replies: Sequence["Message"] = (), *, metadata: bool = False) -> Json:
        """As the Web API has it."""
        told: Json = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text, "team": TEAM}
        if self.ours:
            profile = {"id": BOT, "app_id": APP, "name": BOT_NAME, "team_id": TEAM, "deleted": False}
            told |= {"bot_id": BOT, "app_id": APP, "bot_profile": profile}
        if self.blocks:
            told["blocks"] = list(self.blocks)
        if self.files:
            told["files"] = [each.told(base) for each in self.files]
        if self.edited:
            told["edited"] = {"user": self.user, "ts": self.edited}
        if metadata and self.metadata:
            told["metadata"] = self.metadata
        if self.thread:
            told["thread_ts"] = self.thread
        if self.broadcast:
            told["subtype"] = "thread_broadcast"
        if replies:
            told |= {
                "thread_ts": self.ts,
                "reply_count": len(replies),
                "reply_users": sorted({each.user for each in replies}),
                "latest_reply": replies[-1].ts,
                "is_locked": False,
            }
        return told

    def shown(self, replies: int = 0) -> Json:
        """As the page has it."""
        by: Json = {"bot_id": BOT, "username": BOT_NAME} if self.ours else {"user": self.user, "username": self.user}
        thread: Json = {"thread_ts": self.thread} if self.thread else {}
        return {
            **by,
            **thread,
            "ts": self.ts,
            "text": self.text,
            "blocks": list(self.blocks),
            "files": [each.shown() for each in self.files],
            "edited": bool(self.edited),
            "reply_count": replies,
        }
