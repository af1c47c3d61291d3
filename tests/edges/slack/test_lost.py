"""A message or a file whose reply was lost, or whose sender died: it is found again, and not sent twice."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bot.core.phases import Effect
from bot.demo.workspace import Limited, ResetAfterCommit, Says, ServerError
from bot.demo.workspace.faults import Fault, Faults
from bot.edges.slack import Directory, Slack
from bot.ports import TimedOut
from tests.clicking import CHANNEL
from tests.edges.slack.test_outage import Night, of_pod
from tests.town import CLUSTER, policy

FAULTS: Mapping[str, Callable[[], Fault]] = {
    "done, and the reply is lost": ResetAfterCommit,
    "a server error": ServerError,
    "a rest": lambda: Limited(7),
    "a fatal error": lambda: Says("fatal_error"),
}
SENDING = ("chat.postMessage", "chat.update", "files.getUploadURLExternal", "files.completeUploadExternal")
LOOKING = ("conversations.history", "conversations.replies")  # for what was lost
ONCE = Counter({"alert": 1, "evidence": 1, "file": 1})


def there(night: Night, incident: int) -> Counter[str]:
    """What stands in the channel of this incident."""
    found = night.workspace.messages(CHANNEL)
    marks = [each.metadata["event_payload"]["mark"].split() for each in found if each.metadata]
    files = [file.name.split("-") for each in found for file in each.files]
    parts = Counter(part for id_, part, *_ in marks if id_ == str(incident))
    return parts + Counter("file" for _, id_, *_ in files if id_ == str(incident))


def test_whatever_goes_wrong_with_a_call_each_message_is_there_once(tmp_path: Path) -> None:
    night, wrong = Night(tmp_path), []
    cases = [(method, fault) for method in (*SENDING, *LOOKING) for fault in FAULTS]
    with night.opened():
        for number, (method, fault) in enumerate(cases):
            with night.workspace.lock:
                night.workspace.faults = Faults()
            if method in LOOKING:
                night.workspace.fail("chat.postMessage", ResetAfterCommit(), times=2)
            night.workspace.fail(method, FAULTS[fault](), times=2)
            night.stuck(f"pod-{number}")
            night.passes(60)
            night.catches_up()
            if (found := there(night, of_pod(night, f"pod-{number}").id)) != ONCE:
                wrong.append(f"{method}, {fault}: {found}")
    print(f"{len(cases) - len(wrong)} of {len(cases)} faults, and each message is there once")
    assert wrong == []


@pytest.mark.parametrize("dies_at", ["alert", "evidence", "file"])
def test_who_comes_after_one_that_died_finds_what_it_sent(tmp_path: Path, dies_at: str) -> None:
    """The dead one had sent it, and had not written down where."""
    night = Night(tmp_path)
    with night.opened():
        night.stuck("pod")
        if dies_at != "alert":
            night.chat.show(night.incident(), night.now())
        with night.store.writing() as tx:
            job = tx.take("office", night.now(), frozenset[Effect](("diagnose",)))
        assert job is not None
        night.engine.perform(job)
        incident = night.incident()
        method = "files.completeUploadExternal" if dies_at == "file" else "chat.postMessage"
        night.workspace.fail(method, ResetAfterCommit())
        with pytest.raises(TimedOut):
            night.chat.show(incident, night.now())
        directory = Directory(night.web, night.roll, night.now)
        heir = Slack(night.web, night.store, policy().people, {CLUSTER: CHANNEL}, night.now, directory)
        heir.show(incident, night.now())

        assert there(night, incident.id) == ONCE
        assert all(post.at for post in night.store.posts(incident.id).values())
