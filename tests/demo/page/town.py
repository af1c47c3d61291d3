"""People, a channel, and the messages of one incident as the mock-ups have them: the states that the page is shown."""

from typing import Any

Json = dict[str, Any]

CHANNEL = "C0ONCALL"
ADA, BEN, MALLORY = "U0ADA", "U0BEN", "U0MALLORY"
NOON = 1_795_521_790  # 24 Nov 2026 12:03:10 UTC
ALERT, EVIDENCE, PLAN = f"{NOON}.000100", f"{NOON + 2}.000200", f"{NOON + 60}.000300"
DIGEST = "9f2c41d7"


def shared(*messages: Json) -> Json:
    """What everybody is shown."""
    return {
        "team": {"id": "T0DEMO", "name": "Night shift"},
        "users": [
            {"id": ADA, "name": "Ada", "real_name": "Ada", "role": "on-call", "color": "#3b7dd8"},
            {"id": BEN, "name": "Ben", "real_name": "Ben", "role": "approver", "color": "#b3691f"},
            {"id": MALLORY, "name": "Mallory", "real_name": "Mallory", "role": "none", "color": "#8a4fb0"},
        ],
        "channels": [{"id": CHANNEL, "name": "on-call"}],
        "messages": {CHANNEL: list(messages)},
        "commands": [
            {"command": "/terminating", "description": "Pods that do not end, and why", "usage_hint": "diagnose POD"}
        ],
        "stories": [
            {
                "id": "lost-exit",
                "title": "The lost exit event",
                "about": "A container on node-17 is killed for its memory, and docker never hears of it. "
                "Its pod stays Terminating until somebody has the dead container's shim reaped.",
            },
            {
                "id": "finalizer",
                "title": "A finalizer nobody removes",
                "about": "The node has long let go of ci/build-8812, and example.com/cleanup holds the object. "
                "The controller that would remove it is gone.",
            },
            {
                "id": "node-lost",
                "title": "A node falls silent",
                "about": "node-9 stops reporting, with 40 pods on it. "
                "Nothing on it can be asked, so nothing on it is repaired.",
            },
        ],
    }


SUGGESTIONS = [
    {"text": "/terminating ", "about": "what is stuck now"},
    {"text": "/terminating diagnose prod/zookeeper0-0", "about": "stuck for 12 min on node-17"},
    {"text": "/terminating diagnose ci/build-8812", "about": "held by example.com/cleanup"},
    {"text": "/terminating node node-17", "about": "what hangs on that node"},
    {"text": "/terminating pause", "about": "no repairs until resumed"},
    {"text": "/terminating help", "about": "every command"},
]


def by_bot(ts: str, text: str, *blocks: Json, **more: object) -> Json:
    return {
        "ts": ts, "bot_id": "B0BOT", "username": "terminating", "text": text,
        "blocks": list(blocks), "files": [], "edited": False, "reply_count": 0, **more,
    }  # fmt: skip


def headed(text: str) -> Json:
    return _rich("head", {"type": "rich_text_section", "elements": [_text(text, bold=True)]})


def labelled(block_id: str, *parts: tuple[str, str]) -> Json:
    sections = [
        {"type": "rich_text_section", "elements": [_text(f"{label}  ", bold=True), _text(f"{words}\n")]}
        for label, words in parts
    ]
    return _rich(block_id, *sections)


def quoted(block_id: str, words: str) -> Json:
    return _rich(block_id, {"type": "rich_text_preformatted", "elements": [_text(words)]})


def foot(text: str) -> Json:
    return {"type": "context", "block_id": "foot", "elements": [{"type": "plain_text", "text": text}]}


def buttons(block_id: str, *elements: Json) -> Json:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def button(action: str, text: str, **more: object) -> Json:
    return {"type": "button", "action_id": action, "text": plain(text), "value": f"1042 {DIGEST}", **more}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": True}


def option(text: str, value: str, **more: object) -> Json:
    return {"text": plain(text), "value": value, **more}


def _rich(block_id: str, *elements: Json) -> Json:
    return {"type": "rich_text", "block_id": block_id, "elements": list(elements)}


def _text(text: str, **style: bool) -> Json:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def alert(status: str = "🔴 STUCK", *, actions: bool = True) -> Json:
    """One message per incident; its first line says how it stands."""
    asked = buttons(
        "alert-actions",
        button("request", "Request this fix", style="primary"),
        {
            "type": "static_select",
            "action_id": "other",
            "placeholder": plain("Other fixes"),
            "options": [option("docker.restart, high risk", "docker.restart"), option("pod.force_delete", "force")],
        },
        button("again", "Diagnose again"),
        {
            "type": "overflow",
            "action_id": "more",
            "options": [option("Snooze for 1 h", "snooze"), option("Show history", "history")],
        },
    )
    return by_bot(
        ALERT,
        f"{status} 2 pods on node-17 · prod-eu",
        headed(f"{status}  2 pods on node-17 · prod-eu"),
        quoted(
            "pods",
            "prod/zookeeper0-0      12 min past its deadline   StatefulSet zookeeper0, 2 of 3 ready\n"
            "prod/billing-7c9f-x2k  3 min past its deadline    Deployment billing, 6 of 6 ready elsewhere",
        ),
        labelled(
            "cause",
            (
                "Cause",
                (
                    "The container is dead, but dockerd never heard (docker-lost-exit-event)\n"
                    "Fourth time on this node in 7 days. A force delete would hide it, not end it."
                ),
            ),
            ("Next", "Reap the dead container's shim. Touches nothing else on node-17 (41 other pods)."),
        ),
        *([asked] if actions else []),
        foot("incident 1042 · seen 12:03:10 UTC · diagnosed in 1.4 s"),
    )


def evidence() -> Json:
    """In the thread: who says what."""
    return by_bot(
        EVIDENCE,
        "Who says what about container zookeeper of prod/zookeeper0-0",
        headed("Who says what about container zookeeper (3f9a1c04) of prod/zookeeper0-0"),
        quoted(
            "rows",
            "API server  Terminating; asked 12:01:30, deadline 12:02:00; no finalizers\n"
            'kubelet     StopContainer failed 6 times, last: "operation timeout: context deadline exceeded"\n'
            "docker ◀    running, pid 21877, since 20 Nov 09:14:02\n"
            "containerd  STOPPED, exit 137 at 12:01:09\n"
            "shim        pid 21850 alive, no children, answered\n"
            "process     pid 21877 does not exist\n"
            "kernel      OOM kill at 12:01:07 in this container (java)",
        ),
        labelled(
            "ruled-out",
            ("Ruled out", "shim-hung: the shim answered\nprocess-d-state: no process of the container is left"),
            ("Could not ask", "nothing"),
        ),
        thread_ts=ALERT,
        files=[
            {
                "id": "F0EVIDENCE",
                "name": "evidence-1042.txt",
                "size": 38_211,
                "mimetype": "text/plain",
                "url": "/files/F0EVIDENCE",
            }
        ],
    )


def plan(*, decided: str = "") -> Json:
    """In the thread: what people approve, with its buttons until somebody did."""
    votes = buttons(
        "plan-votes",
        button("approve", "Approve", style="primary"),
        button(
            "reject",
            "Reject",
            style="danger",
            confirm={
                "title": plain("Reject this plan?"),
                "text": {"type": "mrkdwn", "text": "Nothing is done on *node-17*; Ada is told."},
                "confirm": plain("Reject"),
                "deny": plain("Keep it open"),
                "style": "danger",
            },
        ),
    )
    return by_bot(
        PLAN,
        "Ada asks to reap the shim of zookeeper on node-17",
        headed("🟡 Ada asks to reap the shim of zookeeper (prod/zookeeper0-0) on node-17"),
        labelled(
            "plan",
            ("What happens", "kill -KILL 21850, the shim of container 3f9a1c04 (zookeeper), by the node program"),
            ("Only if", "pid, start time and container of the shim still match (checked again on the node)"),
            ("Touches", "1 dead container; 41 other pods on node-17: not touched"),
            ("Lost", "nothing that runs"),
            ("Needs", decided or "1 approval, not Ada's · open until 12:28:00 UTC"),
        ),
        *([] if decided else [votes]),
        foot(f"plan {DIGEST}"),
        thread_ts=ALERT,
    )


def resolved() -> Json:
    return alert("🟢 RESOLVED  in 13 min · fixed by shim reap · asked by Ada, approved by Ben", actions=False)


def refusal(words: str, *, ts: str = f"{NOON + 90}.000900", **more: object) -> Json:
    return by_bot(ts, words, **more)


def modal(*blocks: Json, view_id: str = "V0PLAN") -> Json:
    """To approve what is dangerous: the node's name, typed."""
    typed = {
        "type": "input",
        "block_id": "typed",
        "label": plain("Type the node's name: node-17"),
        "hint": plain("42 pods stop: live-restore is off."),
        "element": {"type": "plain_text_input", "action_id": "name", "placeholder": plain("node-17")},
    }
    reason = {
        "type": "input",
        "block_id": "reason",
        "optional": True,
        "label": plain("Reason"),
        "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
    }
    return {
        "id": view_id,
        "type": "modal",
        "callback_id": "approve",
        "title": plain("Approve docker.restart"),
        "submit": plain("Approve"),
        "close": plain("Cancel"),
        "private_metadata": DIGEST,
        "blocks": list(blocks) or [labelled("what", ("Touches", "42 pods on node-17")), typed, reason],
    }


def app_home() -> Json:
    """The app's own page."""
    return {
        "id": "V0HOME",
        "type": "home",
        "blocks": [
            {"type": "header", "block_id": "title", "text": plain("Open incidents")},
            {
                "type": "section",
                "block_id": "waiting",
                "text": {"type": "mrkdwn", "text": "*1 approval waits for you*\nshim.reap on `node-17`, asked by Ada"},
                "accessory": button("open-plan", "Look at it", style="primary"),
            },
            {"type": "divider", "block_id": "line"},
            {
                "type": "section",
                "block_id": "week",
                "fields": [
                    {"type": "mrkdwn", "text": "*This week*\n14 incidents, 9 by docker-lost-exit-event"},
                    {"type": "mrkdwn", "text": "*Median time to gone*\n13 min"},
                    {"type": "mrkdwn", "text": "*Repeats*\nnode-17: 4 times"},
                    {"type": "mrkdwn", "text": "*Paused*\nno"},
                ],
            },
            {
                "type": "context",
                "block_id": "sweeps",
                "elements": [{"type": "mrkdwn", "text": "prod-eu read 12 s ago · prod-us can't be read since 12:40"}],
            },
        ],
    }
