"""Slack as `ports.Chat`: an incident's messages are made to match it, each posted once and edited ever after."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime

from bot.core.consent import Person
from bot.core.facts import Unknown
from bot.core.phases import Incident, Proposed
from bot.edges.slack.cards import ALERT, PLAN, Message, ended, file_name, locked, messages, over
from bot.edges.slack.directory import Directory
from bot.edges.slack.rich import Blocks
from bot.edges.slack.turns import POSTS, UPDATES, Pace, Turns
from bot.edges.slack.web import Web
from bot.ports import Busy, Missing, Post, Posts, Refused

_FILE = "file"


class Slack:
    """`channels`: where each cluster's incidents are told; those of a cluster without one are told nowhere."""

    def __init__(
        self,
        web: Web,
        posts: Posts,
        people: Mapping[str, Person],
        channels: Mapping[str, str],
        clock: Callable[[], datetime],
        directory: Directory,
    ) -> None:
        self._web = web
        self._directory = directory
        self._posts = posts
        self._people = people
        self._channels = channels
        self._turns = Turns(clock)

    def show(self, incident: Incident, now: datetime) -> None:
        """Raises an Outage; what was sent before it is on record, so that only the rest is sent the next time."""
        channel = self._channels.get(incident.cluster)
        if channel is None:
            return
        known = dict(self._posts.posts(incident.id))
        why = self._locked(channel)
        wanted = [self._fit(each, why) for each in messages(incident, self._people, now)]
        for each in wanted:
            self._match(incident, known, each, channel)
            if each.file:
                self._attach(incident, known, each.file)
        for part in known.keys() - {each.part for each in wanted}:
            if part.startswith(PLAN):
                self._close(incident, known[part], now)

    def members(self, group: str) -> frozenset[str] | Unknown:
        return self._directory.members(group)

    def _locked(self, channel: str) -> str:
        """Why nothing may be clicked there; empty where it may."""
        try:
            return "people of another organisation are in this channel" if self._directory.shared(channel) else ""
        except Refused as refused:  # a scope is missing: that does not mend itself, and unknown is not no
            return f"whether other organisations are in this channel is not known ({refused.why})"

    def _fit(self, message: Message, why: str) -> Message:
        blocks = self._directory.named(message.blocks)
        text = self._directory.named_text(message.text)
        return replace(message, text=text, blocks=locked(blocks, why) if why else blocks)

    def _match(self, incident: Incident, known: dict[str, Post], message: Message, channel: str) -> None:
        body = json.dumps({"text": message.text, "blocks": message.blocks})
        post = known.get(message.part)
        if post is not None and post.at and post.body != body:
            try:
                self._update(incident, post, message.text, message.blocks)
            except Missing:  # somebody took it away
                post = None
        elif post is not None and post.at:
            return
        if post is None or not post.at:
            where = post.channel if post is not None else channel
            at = self._posted(incident, known, message, where, lost=post is not None)
            post = Post(part=message.part, channel=where, at=at, body=body)
        self._keep(incident, known, Post(part=message.part, channel=post.channel, at=post.at, body=body))

    def _posted(self, incident: Incident, known: dict[str, Post], message: Message, channel: str, *, lost: bool) -> str:
        """Its ts; `lost`: it was sent before, and nobody knows whether it arrived."""
        thread = known[ALERT].at if message.threaded else ""
        mark = f"{incident.id} {message.part}"
        sent = Post(part=message.part, channel=channel, at="", body="")
        if lost and (found := self._web.find(channel, thread=thread, mark=mark)):
            self._update(incident, replace(sent, at=found), message.text, message.blocks)
            return found
        with self._turn(POSTS, channel, mark, incident):
            self._keep(incident, known, sent)
            try:
                return self._web.post(channel, message.text, message.blocks, thread=thread, mark=mark)
            except Missing:  # somebody took the alert away: it is looked for, and then posted anew
                if message.threaded:
                    self._keep(incident, known, replace(known[ALERT], at="", body=""))
                raise

    def _update(self, incident: Incident, post: Post, text: str, blocks: Blocks) -> None:
        with self._turn(UPDATES, "", f"{incident.id} {post.part}", incident):
            self._web.update(post.channel, post.at, text, blocks)

    @contextmanager
    def _turn(self, pace: Pace, where: str, who: str, incident: Incident) -> Iterator[None]:
        """What waits for people, who have only so much time, goes before everything else."""
        self._turns.wait(pace, where, who, first=isinstance(incident.phase, Proposed))
        try:
            yield
        except Busy as busy:
            self._turns.rest(pace, where, busy.after)
            raise

    def _attach(self, incident: Incident, known: dict[str, Post], sha256: str) -> None:
        part, alert = f"{_FILE} {sha256}", known[ALERT]
        post, name = known.get(part), file_name(incident, sha256)
        if post is not None and post.at:
            return
        raw = self._posts.bundle(sha256)
        if raw:
            if post is None or not self._web.has_file(alert.channel, alert.at, name):
                self._keep(incident, known, Post(part=part, channel=alert.channel, at="", body=""))
                self._web.upload(alert.channel, alert.at, name, raw)
            self._keep(incident, known, Post(part=part, channel=alert.channel, at=alert.at, body=name))

    def _close(self, incident: Incident, post: Post, now: datetime) -> None:
        """Nothing is left to click on a plan that is over."""
        if not post.at or not post.body:
            return
        said = json.loads(post.body)
        if not over(tuple(said["blocks"])):
            text, blocks = ended(incident, post.part, tuple(said["blocks"]), now)
            text, blocks = self._directory.named_text(text), self._directory.named(blocks)
            with suppress(Missing):
                self._update(incident, post, text, blocks)
            body = json.dumps({"text": text, "blocks": blocks})
            self._posts.posted(incident.id, Post(part=post.part, channel=post.channel, at=post.at, body=body))

    def _keep(self, incident: Incident, known: dict[str, Post], post: Post) -> None:
        if known.get(post.part) != post:
            self._posts.posted(incident.id, post)
            known[post.part] = post
