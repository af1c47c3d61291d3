"""What stays with an incident of its diagnosis: plain sentences and rows, and nothing that a store could not keep."""

from dataclasses import asdict, replace

from bot.core import cards, findings
from bot.core.causes import Condition, OneOf
from bot.core.findings import Offer
from tests.core.incident_samples import PLAYBOOK, SECOND, SEEN, SIGHT, Sight, cause
from tests.core.samples import OLD, UID, lost

PREVENT = "Raise the memory limit."


def test_a_finding_says_what_the_diagnosis_says() -> None:
    sight = replace(SIGHT, cause=cause("container.stop", "shim.reap", "node.drain", prevent=PREVENT))
    diagnosis = sight.diagnosis()

    found = findings.of(diagnosis, "e" * 64, SEEN, SECOND)

    assert (found.pod, found.pod_uid, found.cause, found.prevent) == ("prod/zookeeper0-0", UID, PLAYBOOK.id, PREVENT)
    assert (found.evidence, found.at, found.took) == ("e" * 64, SEEN, SECOND)
    assert (found.sentences, found.rows) == (cards.cause(diagnosis), cards.evidence(diagnosis))
    assert [each.repair for each in found.offers] == ["container.stop", "shim.reap", "node.drain"]
    assert found.offers[0] == Offer(
        repair="container.stop",
        risk="low",
        does="docker stop of the dead container: dockerd takes over the exit that containerd kept",
        touches="1 dead container; nothing else on the node",
        notes=("docker marks it exited after about 10 s",),
        choices=(),
    )
    assert found.withheld == ()


def test_what_is_withheld_stands_there_with_its_reason() -> None:
    sight = replace(Sight(answers=lost(OLD)), cause=cause("container.stop", "cgroup.thaw"))

    found = findings.of(sight.diagnosis(), "e" * 64, SEEN, SECOND)

    assert found.offers == ()
    assert found.withheld == (
        (
            "container.stop",
            "docker stop returns success and changes nothing before docker 20.10; this node runs 18.09.9",
        ),
        ("cgroup.thaw", "its cgroup is not known to be frozen"),
    )


def test_without_a_cause_what_was_ruled_out_is_left() -> None:
    other = cause(when=(Condition("docker.container.state", OneOf(("paused",))),))
    diagnosis = replace(SIGHT, cause=other).diagnosis()

    found = findings.of(diagnosis, "e" * 64, SEEN, SECOND)

    assert (found.cause, found.prevent, found.offers, found.withheld) == ("", "", (), ())
    assert found.ruled_out == ((other.id, cards.ruled_out(diagnosis.verdict.ruled_out[0][1])),)


def test_a_finding_is_made_of_plain_values() -> None:
    assert asdict(findings.of(SIGHT.diagnosis(), "e" * 64, SEEN, SECOND))["rows"][0]["layer"]
