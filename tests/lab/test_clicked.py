"""
The founding incident on a real cluster, ended by clicks: the bot over Socket Mode, as it runs in a workspace.

`terminating run` is a process of its own with two tokens and an address; Ada asks and Ben approves at the page.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.demo.workspace import Workspace, serve
from tests.clicking import CHANNEL, PEOPLE, TEAM, Visitors
from tests.lab import harm
from tests.lab.cluster import Lab
from tests.lab.conftest import Bot
from tests.lab.healing import exited, processes
from tests.lab.machines import eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


def settings(bot: Bot, workspace: Workspace, url: str) -> Path:
    """What a person writes: two token files, who is who in Slack, and the channel of the cluster."""
    lab = bot.lab
    bot.for_repairs(lab.node1)
    for name, token in (("app-token", workspace.app_token), ("bot-token", workspace.bot_token)):
        (lab.folder / name).write_text(token)
        (lab.folder / name).chmod(0o600)
    people = "".join(
        f"\n  {name}: {{slack: {{user: {PEOPLE[name]}, team: {TEAM}}}, request: [lab], approve: [lab]}}"
        for name in ("ada", "ben")
    )
    written = lab.folder / "slack.yaml"
    written.write_text(
        f"{bot.clusters(lab.node1)}    channel: {CHANNEL}\n"
        f"database: sqlite:///clicked.db\n"
        f"vote_key: clicked.key\n"
        f"slack: {{app_token_file: app-token, bot_token_file: bot-token, api: {url}/api/}}\n"
        f"people:{people}\n"
    )
    return written


@contextmanager
def running(bot: Bot, config: Path) -> Iterator[None]:
    log = bot.lab.folder / "clicked.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "bot", "run", "--config", str(config)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield
        except BaseException:
            sys.stderr.write(log.read_text(errors="replace")[-6000:])
            raise
        finally:
            process.terminate()
            process.wait(60)
    assert process.returncode == 0


def test_the_founding_incident_is_ended_by_two_people_who_click(lab: Lab, bot: Bot) -> None:
    node, pod = lab.node1, "zookeeper0-0"
    lab.pod("beside-zookeeper", node)
    lab.pod(pod, node, memory="32Mi")
    container = lab.container(pod)
    workspace = Workspace()
    with serve(workspace) as url, running(bot, settings(bot, workspace, url)):
        visitors = Visitors(workspace, url)
        harm.lost_exit_event(lab, node, pod)
        before = {key: value for key, value in processes(lab, node, but=pod).items() if key != "kubelet"}
        visitors.alert("STUCK", pod, "docker-lost-exit-event", within=90)
        assert not exited(node, container)

        visitors.click("ada", "request")
        visitors.alert("WAITING FOR APPROVAL", within=60)
        visitors.click("ada", "approve")
        visitors.whispered("ada", "someone else approves it")
        visitors.click("mallory", "approve")
        visitors.whispered("mallory", "Nothing was done")
        assert not exited(node, container)
        visitors.click("ben", "approve")
        began = time.monotonic()

        eventually("docker to say that it exited", lambda: exited(node, container), 60)
        node.start_kubelet()  # it was down, or its own next stop would have ended it before the bot could
        eventually("the pod to go", lambda: not lab.exists(pod), 120)
        gone = time.monotonic() - began
        visitors.alert("RESOLVED", "fixed by container stop", "asked by ada, approved by ben", within=90)
        visitors.alert("RESOLVED", "other containers and daemons of node1 kept their pid and start time")

    after = processes(lab, node)
    assert len(before) >= 3  # the one beside it and its sandbox, dockerd
    assert {key: after.get(key) for key in before} == before
    kept = f"{len(before)} of {len(before)} other processes kept their pid and start time"
    sys.stderr.write(f"\nby clicks, from Ben's vote to gone: {gone:.0f} s; {kept}\n")
