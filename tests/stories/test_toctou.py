"""
What was approved is no longer what is there: nine ways, at four moments each, and never an effect.

The first moments are the engine's, on a real database. After the intent it is the node program itself that looks, at
real processes: a shim that waits to be reaped, and strangers that must live.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app.world import node_words
from bot.core.acts import Acted
from bot.core.facts import ContainerId, PodUid
from bot.core.phases import Acting, Incident
from bot.core.plans import Plan
from bot.probes import record
from tests.core.samples import UID
from tests.house import POD, House
from tests.node.acting import BOOT, MACHINE, OP, Site, repairable, stat
from tests.node.imitation import CONTAINER
from tests.town import Town

MOMENTS = ("before the vote", "between vote and re-check", "during the re-check", "between intent and act")
OTHER = ContainerId("ab" * 32)


@dataclass
class Ward(Town):
    """A town whose one hand is the real node program, at a node with a dead container and its shim."""

    site: Site = field(kw_only=True)
    strangers: list[int] = field(default_factory=list)
    ended: bool = False  # the change itself ended the shim

    def __post_init__(self) -> None:
        self.shim = self.site.process("containerd-shim-runc-v2", "-namespace", "moby", "-id", CONTAINER)
        self.container = ContainerId(CONTAINER)
        self.more = {
            "node.boot_id": BOOT,
            "node.machine_id": MACHINE,
            "shim.pid": self.shim,
            "shim.started": int(stat(self.shim)[1]),
        }

    def act(self, plan: Plan) -> Acted:
        answer = self.site.node.run("do", plan.op, *node_words(plan))
        found = record.read(answer.out, plan.op)
        if found.result == "done":
            self.done.append(plan.op)
        return Acted("done" if found.result == "done" else "not-done", found.why)

    def touched(self) -> bool:
        """By the ground truth: a signal that reached somebody."""
        killed = not self.ended and not self.site.alive(self.shim)
        return bool(self.done) or killed or not all(self.site.alive(pid) for pid in self.strangers)

    # what happens to the world; each leaves the engine's looks and the node in agreement

    def recreated(self) -> None:
        self.stuck[POD] = PodUid("another")
        self._another_shim()

    def another_container(self) -> None:
        self.container = OTHER
        self._another_shim()

    def recycled(self) -> None:
        """The shim's number is that of a younger process now."""
        stranger = self.site.process("containerd-shim-runc-v2", "-namespace", "moby", "-id", CONTAINER)
        self.strangers.append(stranger)
        self._renumber(stranger)
        self.more["shim.started"] = int(stat(stranger)[1]) + 1

    def replaced(self) -> None:
        self.node_uid = "another"
        self._machine("f" * 32)

    def rebooted(self) -> None:
        (self.site.root / "proc/sys").unlink()
        self.site.node.file("proc/sys/kernel/random/boot_id", BOOT[::-1].replace("-", "0")[:8] + BOOT[8:] + "\n")
        self.more["node.boot_id"] = BOOT[::-1]

    def another_machine(self) -> None:
        self._machine("e" * 32)

    def healed(self) -> None:
        del self.stuck[POD]
        self._end()

    def expired(self) -> None:
        self.clock.now += timedelta(minutes=16)

    def edited(self) -> None:
        self.digests = dict.fromkeys(self.digests, "e" * 64)

    def _machine(self, id_: str) -> None:
        self.site.node.file("etc/machine-id", f"{id_}\n")
        self.more["node.machine_id"] = id_

    def _another_shim(self) -> None:
        self._end()
        stranger = self.site.process("containerd-shim-runc-v2", "-namespace", "moby", "-id", OTHER)
        self.strangers.append(stranger)
        self.more |= {"shim.pid": stranger, "shim.started": int(stat(stranger)[1])}

    def _end(self) -> None:
        started = next(each for each in self.site.running if each.pid == self.shim)
        started.kill()
        started.wait()
        (self.site.root / f"proc/{self.shim}").unlink()
        self.ended = True

    def _renumber(self, stranger: int) -> None:
        link = self.site.root / f"proc/{self.shim}"
        link.unlink()
        link.symlink_to(f"/proc/{stranger}")


CHANGES: dict[str, Callable[[Ward], None]] = {
    "the pod was recreated under the same name": Ward.recreated,
    "the container is another one": Ward.another_container,
    "the shim's pid was recycled": Ward.recycled,
    "the node was replaced under its name": Ward.replaced,
    "the node was rebooted": Ward.rebooted,
    "the node is another machine": Ward.another_machine,
    "it healed by itself": Ward.healed,
    "the plan expired": Ward.expired,
    "the playbook was edited": Ward.edited,
}


@pytest.fixture
def site() -> Iterator[Site]:
    with repairable("dash") as furnished:
        yield furnished


def story(house: House, ward: Ward, change: Callable[[Ward], None], moment: str) -> None:
    """From first sight to what comes of it, with the change at its moment."""

    def now(at: str) -> None:
        if at == moment:
            change(ward)

    house.see()
    assert isinstance(house.ask("shim.reap"), Incident)
    now("before the vote")
    house.vote()
    now("between vote and re-check")
    if moment == "during the re-check":
        ward.after_look = lambda: change(ward)
    while True:
        with house.store.writing() as tx:
            job = tx.take("first", house.clock())
        if job is None:
            return
        if job.effect == "act":
            assert isinstance(house.incident().phase, Acting)
            now("between intent and act")
        house.engine.perform(job)


@pytest.mark.crash
def test_nothing_is_done_to_what_was_not_approved(tmp_path: Path) -> None:
    survived, cells = 0, [(name, moment) for name in CHANGES for moment in MOMENTS]
    for n, (name, moment) in enumerate(cells):
        with repairable("dash") as site:
            house = House(f"sqlite:///{tmp_path / f'{n}.db'}")
            ward = Ward(house.clock, stuck={POD: UID}, site=site)
            house.town = ward
            house.engine.stop()
            house.engine = house.another("first")

            story(house, ward, CHANGES[name], moment)

            found = house.incident()
            assert not ward.touched(), (name, moment)
            assert [each.state for each in found.executions] in ([], ["not-done"]), (name, moment, found.executions)
            assert found.executions or moment == "before the vote", (name, moment)
            survived += 1
            house.engine.stop()
            house.store.close()
    print(f"\nwhat changed between look and act: {survived} of {len(cells)} superseded, 0 effects")


def test_without_a_change_the_same_story_reaps_the_shim(tmp_path: Path, site: Site) -> None:
    house = House(f"sqlite:///{tmp_path / 'terminating.db'}")
    ward = Ward(house.clock, stuck={POD: UID}, site=site)
    house.town = ward
    house.engine.stop()
    house.engine = house.another("first")

    story(house, ward, Ward.expired, "never")

    assert ward.done == [house.incident().executions[0].op]
    assert ward.touched()
    assert not site.alive(ward.shim)
    assert site.status(ward.done[0]).result == "done"
    assert site.status(OP).result == "burnt"
    house.engine.stop()
    house.store.close()
