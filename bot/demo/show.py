"""
The demo: the cluster, its nodes and the workspace of this machine, and the real bot between them.

The bot gets what it would get anywhere: a settings file, a kubeconfig, an SSH key and two Slack tokens.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from threading import Event

from bot.app import running
from bot.demo.cluster.kinds import PODS
from bot.demo.cluster.stories import ENDINGS, STORIES, Stories
from bot.demo.cluster.town import NAME, Town
from bot.demo.workspace import Stage, Story, Suggestion, Workspace, serve
from bot.edges.slack.words import USAGE, completed
from bot.settings import load

CHANNEL = "C0ONCALL"
TEAM = "T0DEMO"
_OVERDUE, _SWEEP = "5s", "2s"
_SHOWN = 8  # completions
_GOES_ON = "That story goes on already: see the channel."
_NOTHING_TO_END = "There is nothing to end: its story has not begun, or is over."


@dataclass(frozen=True, slots=True)
class Demo:
    """`url`: where its page is; `bot` is done only when the bot has ended by itself, with what it failed of."""

    url: str
    town: Town
    workspace: Workspace
    stories: Stories
    bot: Future[None]


@contextmanager
def demo(port: int = 0) -> Iterator[Demo]:
    """Everything is up when it is entered, and gone when it is left."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="terminating-demo.")))
        town = stack.enter_context(Town(running.clock))
        stories = Stories(town)
        workspace = Workspace()
        workspace.stage = _stage(town, stories, workspace)
        url = stack.enter_context(serve(workspace, port, Path(str(files("bot"))) / "demo" / "page"))
        settings = load(_settings(folder, town, workspace, url))
        over = Event()
        threads = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="the bot"))
        stack.callback(over.set)
        yield Demo(url, town, workspace, stories, threads.submit(running.run_in_slack, settings, over))


def _settings(folder: Path, town: Town, workspace: Workspace, url: str) -> Path:
    """JSON is YAML."""
    for name, token in (("app", workspace.app_token), ("bot", workspace.bot_token)):
        file = folder / name
        file.touch(0o600)
        file.write_text(token, encoding="ascii")
    every = {"request": ["*"], "approve": ["*"]}
    given = {
        "database": f"sqlite:///{folder / 'terminating.db'}",
        "vote_key": str(folder / "vote.key"),
        "clusters": {NAME: {**town.settled(), "overdue": _OVERDUE, "sweep": _SWEEP, "channel": CHANNEL}},
        "slack": {
            "app_token_file": str(folder / "app"),
            "bot_token_file": str(folder / "bot"),
            "api": f"{url}/api/",
        },
        "people": {
            "Ada": {"slack": {"user": "U0ADA", "team": TEAM}, **every},
            "Ben": {"slack": {"user": "U0BEN", "team": TEAM}, **every},
        },
        "repairs": {"own_node": "none", "storm": {"nodes": 20}},
    }
    path = folder / "terminating.yaml"
    path.write_text(json.dumps(given), encoding="utf-8")
    return path


def _stage(town: Town, stories: Stories, workspace: Workspace) -> Stage:
    def tell(story: str) -> None:
        if not stories.begin(story):
            workspace.announce(story, _NOTHING_TO_END if story in ENDINGS else _GOES_ON)

    def suggest(line: str) -> Sequence[Suggestion]:
        return _completions(town, line)

    shown = tuple(Story(id=each.id, title=each.title, about=each.tells, after=each.after) for each in STORIES)
    return Stage(stories=shown, tell=tell, suggest=suggest)


def _completions(town: Town, line: str) -> Sequence[Suggestion]:
    """Of a line that begins with the command: its verbs, and the pods that are being deleted."""
    command, _, text = line.partition(" ")
    if text.startswith("diagnose "):
        typed = text.removeprefix("diagnose ").strip()
        names = [each for each in _deleting(town) if typed in each]
        return [Suggestion(text=f"{command} diagnose {each}", about="Terminating") for each in names[:_SHOWN]]
    return [
        Suggestion(text=f"{command} {each.partition(' ')[0]}", about=USAGE[each]) for each in completed(text)[:_SHOWN]
    ]


def _deleting(town: Town) -> list[str]:
    pods = town.cluster.registry.store.all(PODS)
    return ["/".join(key) for key, found in pods.items() if "deletionTimestamp" in found["metadata"]]
