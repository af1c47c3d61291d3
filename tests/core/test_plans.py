"""Plans: what they are bound to, what changes their digest, what counts as another plan, and when there is none."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.causes import Condition, OneOf
from bot.core.consent import RULES
from bot.core.facts import Unknown
from bot.core.plans import Examined, Plan, Target, Touched, again, differences, draw
from bot.core.refusals import Refusal, refusal
from bot.core.repairs import BY_ID
from tests.core.incident_samples import (
    BOOT,
    CLEAR_FOR,
    CLUSTER,
    EVERY_REPAIR,
    FINALIZER,
    LOAD,
    MACHINE,
    MINUTE,
    NODE,
    ON,
    OTHER_UID,
    PLAYBOOK,
    SECOND,
    SEEN,
    SIGHT,
    Sight,
    cause,
    drawn,
    plan,
    request,
)
from tests.core.samples import CONTAINER, SIDECAR, UID, UNTOLD, hung_cri
from tests.stories.test_captures import EXPECTED, diagnosed

OFF = "without-live-restore"
REAP = plan("shim.reap")
NOWHERE = replace(SIGHT, node=None, node_exists=False, node_uid=None, load=None)
REPAIRS = (*EVERY_REPAIR[:-1], "node.cordon", "node.uncordon")  # but for draining, which is a person's


def refused(repair: str, sight: Sight = SIGHT, **changes: Any) -> tuple[str, str]:
    answer = drawn(repair, sight, **changes)
    assert isinstance(answer, Refusal), answer
    return answer.code, answer.says


# ---- what a plan says


def test_a_plan_is_bound_to_everything_that_identifies_its_target() -> None:
    assert REAP.target == Target(
        cluster=CLUSTER,
        cluster_uid="6f1d2c3b-cluster",
        namespace="prod",
        pod="zookeeper0-0",
        pod_uid=UID,
        node=NODE,
        node_uid="9a8b7c6d-node",
        boot_id=BOOT,
        machine_id=MACHINE,
        container=CONTAINER,
        container_name="zookeeper",
        pid=21877,
        shim_pid=21850,
        shim_started=8912345,
    )
    assert (REAP.cause, REAP.playbook, REAP.clear_for) == (PLAYBOOK.id, PLAYBOOK.digest, CLEAR_FOR)
    assert (REAP.requester, REAP.reason, REAP.asked, REAP.incident) == ("ada", "it blocks us", SEEN, 1)
    assert REAP.expires == SEEN + 15 * MINUTE
    assert (REAP.place, REAP.to_type, REAP.op) == (NODE, NODE, REAP.digest[:32])
    assert len(REAP.digest) == 64


def test_the_words_that_the_node_is_given() -> None:
    words = {repair: plan(repair).words for repair in REPAIRS}

    assert words == {
        "container.stop": (CONTAINER, "21877"),
        "shim.reap": ("docker", CONTAINER, "21850", "8912345"),
        "cgroup.thaw": (CONTAINER, UID),
        "pod.delete": (),
        "kubelet.restart": (),
        "docker.restart": ("switch", "0"),
        "containerd.restart": (),
        "pod.force_delete": (),
        "finalizer.remove": (FINALIZER,),
        "node.cordon": (),
        "node.uncordon": (),
    }
    assert set(words) == {each for each, repair in BY_ID.items() if repair.by != "person"}


def test_a_shim_of_a_whole_pod_is_reaped_through_cri() -> None:
    of = plan("shim.reap", replace(Sight(answers=hung_cri()), cause=cause("shim.reap", when=())))

    assert of.words == ("containerd", CONTAINER, "21850", "8912345")
    assert of.touches.says == "the whole pod; still running under this shim: nothing"


@pytest.mark.parametrize(
    ("live_restore", "option", "words", "stops"),
    [
        (True, "", ("on", "0"), 0),
        (True, OFF, ("on", "0"), 0),
        (False, "", ("switch", "0"), 0),
        (False, OFF, ("off", "12"), 12),
        (UNTOLD, OFF, ("off", "12"), 12),
    ],
)
def test_a_restart_of_dockerd_stops_nothing_unless_that_was_asked_for(
    live_restore: object, option: str, words: tuple[str, ...], stops: int
) -> None:
    of = plan("docker.restart", SIGHT.but(docker__live_restore=live_restore), option=option)

    assert (of.words, of.touches.stops) == (words, stops)


def test_what_a_restart_of_dockerd_touches() -> None:
    on, switch, off = plan("docker.restart", ON), plan("docker.restart"), plan("docker.restart", option=OFF)
    uncounted = plan("docker.restart", SIGHT.but(docker__running=UNTOLD))
    blind = plan("docker.restart", replace(SIGHT, load=None), option=OFF)

    assert on.touches == Touched(says="dockerd only: live-restore is on, containers keep running", stops=0, others=8)
    assert switch.touches.says == (
        "dockerd only: live-restore is off, and is switched on first by a reload; containers keep running"
    )
    assert switch.notes == (
        "without live-restore 12 containers would stop",
        "daemon.json is kept in /var/lib/terminating",
    )
    assert uncounted.notes[0] == "without live-restore an unknown number of containers would stop"
    assert off.touches == Touched(
        says="every container on the node stops: 12; live-restore is off",
        stops=12,
        others=0,
        stateful=LOAD.stateful,
        single=LOAD.single,
        budgets_at_zero=(),
    )
    assert blind.touches.stateful == blind.touches.single == blind.touches.budgets_at_zero == ()


def test_how_many_others_are_on_the_node() -> None:
    alone = replace(LOAD, pods=0)

    assert [plan(sight=replace(SIGHT, load=load)).touches.others for load in (LOAD, alone, None)] == [8, 0, None]


def test_the_one_finalizer_need_not_be_named() -> None:
    two = replace(SIGHT, finalizers=(FINALIZER, "example.com/other"))

    assert plan("finalizer.remove", option=FINALIZER).words == (FINALIZER,)
    other = plan("finalizer.remove", two, option="example.com/other")
    assert other.words == ("example.com/other",)
    assert "controller of example.com/other does" in other.touches.says
    assert other.notes == (f"the pod stays until these are gone too: {FINALIZER}",)
    assert plan("finalizer.remove").notes == ()


@pytest.mark.parametrize("repair", ["node.cordon", "node.uncordon"])
def test_a_node_is_cordoned_whatever_the_cause(repair: str) -> None:
    of = plan(repair, replace(SIGHT, cause=None))

    assert (of.cause, of.playbook, of.clear_for) == ("", "", timedelta())
    assert of.risk == "low"


def test_a_risk_may_be_that_of_the_pod() -> None:
    assert plan("pod.force_delete").risk == "high"
    assert plan("pod.force_delete", SIGHT.but(api__pod__owner="StatefulSet/zookeeper0")).risk == "critical"
    assert plan("pod.force_delete", NOWHERE).target.node is None


# ---- no plan

TWO = replace(SIGHT, finalizers=("a", "b"))
NOT_ASKED = Sight(answers={name: each for name, each in SIGHT.answers.items() if name != "node.boot_id"})
DELETE_ONLY = replace(SIGHT, cause=cause("pod.delete"))
OFFERED = "Offered: pod.delete, node.cordon, node.uncordon."
OLD_STOP = "docker stop returns success and changes nothing before docker 20.10; this node runs 18.09.9."


def unknown(what: str, why: str) -> tuple[str, str]:
    rest = "so nothing proves that it would hit the right thing."
    return "identity-unknown", f"No plan: {what} is not known ({why}), {rest}"


NO_PLAN: Mapping[str, tuple[str, Sight, str, tuple[str, str]]] = {
    "an unknown repair": (
        "reboot",
        DELETE_ONLY,
        "",
        ("not-of-cause", f"reboot does not help against {PLAYBOOK.id}. {OFFERED}"),
    ),
    "a repair of another cause": (
        "docker.restart",
        DELETE_ONLY,
        "",
        ("not-of-cause", f"docker.restart does not help against {PLAYBOOK.id}. {OFFERED}"),
    ),
    "no cause": (
        "docker.restart",
        replace(SIGHT, cause=None),
        "",
        ("not-of-cause", "docker.restart does not help against what was found. Offered: node.cordon, node.uncordon."),
    ),
    "a person's repair": (
        "node.drain",
        SIGHT,
        "",
        ("person-only", "node.drain is for a person to do: the bot does not carry it out."),
    ),
    "a withheld repair": (
        "container.stop",
        SIGHT.but(docker__version="18.09.9"),
        "",
        ("not-offered", f"Not offered: container.stop. {OLD_STOP}"),
    ),
    "an identity that could not be read": (
        "container.stop",
        SIGHT.but(docker__container__pid=UNTOLD),
        "",
        unknown("docker.container.pid", UNTOLD.why),
    ),
    "an identity that nobody asked for": ("kubelet.restart", NOT_ASKED, "", unknown("node.boot_id", "not asked")),
    "a node without a UID": (
        "pod.delete",
        replace(SIGHT, node_uid=None),
        "",
        unknown("the node's UID", "the API server did not say"),
    ),
    "no node to cordon": ("node.cordon", NOWHERE, "", unknown("the node's UID", "the pod is on none")),
    "a lost node to cordon": (
        "node.uncordon",
        replace(SIGHT, node_exists=False, node_uid=None),
        "",
        unknown("the node's UID", "the API server did not say"),
    ),
    "no container": (
        "cgroup.thaw",
        replace(SIGHT, container=None),
        "",
        unknown("the container", "the pod has none that is known"),
    ),
    "no runtime": (
        "shim.reap",
        SIGHT.but(api__node__runtime=UNTOLD),
        "",
        unknown("api.node.runtime", "the API server did not say"),
    ),
    "an option where there is none": (
        "container.stop",
        SIGHT,
        "--force",
        ("option-unknown", "container.stop takes no option, not --force."),
    ),
    "another option of dockerd": (
        "docker.restart",
        SIGHT,
        "now",
        ("option-unknown", "docker.restart takes without-live-restore or nothing, not now."),
    ),
    "nobody knows how many would stop": (
        "docker.restart",
        SIGHT.but(docker__running=UNTOLD),
        OFF,
        unknown("how many containers would stop", "docker info did not say"),
    ),
    "nobody knows whether live-restore is on": (
        "docker.restart",
        SIGHT.but(docker__live_restore=UNTOLD),
        "",
        unknown("docker.live_restore", "dockerd did not say"),
    ),
    "a finalizer that it has not": (
        "finalizer.remove",
        TWO,
        "c",
        ("option-unknown", "finalizer.remove takes one of a, b, not c."),
    ),
    "one of several finalizers": (
        "finalizer.remove",
        TWO,
        "",
        ("option-unknown", "finalizer.remove takes one of a, b, not nothing."),
    ),
}


@pytest.mark.parametrize("name", NO_PLAN)
def test_there_is_no_plan_and_it_says_why(name: str) -> None:
    repair, sight, option, expected = NO_PLAN[name]

    assert refused(repair, sight, option=option) == expected


NEEDED = [(each, name) for each, repair in BY_ID.items() if repair.by != "person" for name in repair.needs]


@pytest.mark.parametrize(("repair", "name"), NEEDED)
def test_what_identifies_the_target_is_known_or_there_is_no_plan(repair: str, name: str) -> None:
    without = Sight(answers={**SIGHT.answers, name: Unknown("nobody looked")})

    code, _ = refused(repair, replace(without, cause=cause(when=())))

    assert code in ("identity-unknown", "not-offered")


# ---- the digest


def flipped(value: Any) -> object:
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{value}."
        case tuple():
            return (*value, "more")
        case timedelta():
            return value + SECOND
        case None:
            return "something"
        case _:
            return value + SECOND


def with_each_field_flipped(of: Plan) -> Mapping[str, Plan]:
    plain = {each.name for each in fields(Plan)} - {"target", "touches"}
    changed = {name: replace(of, **{name: flipped(getattr(of, name))}) for name in sorted(plain)}  # type: ignore[arg-type]
    for part in ("target", "touches"):
        whole = getattr(of, part)
        for each in fields(whole):
            other = replace(whole, **{each.name: flipped(getattr(whole, each.name))})
            changed[f"{part}.{each.name}"] = replace(of, **{part: other})
    return changed


@pytest.mark.parametrize("repair", REPAIRS)
def test_the_digest_covers_every_field(repair: str) -> None:
    of = plan(repair)
    changed = with_each_field_flipped(of)

    digests = {name: each.digest for name, each in changed.items()}

    assert len(changed) == len(fields(Plan)) - 2 + len(fields(Target)) + len(fields(Touched))
    assert of.digest not in digests.values()
    assert len(set(digests.values())) == len(digests)


def test_the_same_look_and_request_give_the_same_digest() -> None:
    for repair in REPAIRS:
        assert plan(repair).digest == plan(repair).digest == replace(plan(repair)).digest


def test_nothing_flows_from_one_field_into_the_next() -> None:
    one, other = replace(REAP, words=("ab", "c")), replace(REAP, words=("a", "bc"))
    none, word = replace(REAP.target, boot_id=None), replace(REAP.target, boot_id="None")

    assert one.digest != other.digest
    assert replace(REAP, target=none).digest != replace(REAP, target=word).digest


@given(reason=st.text(st.characters(blacklist_categories=())), requester=st.text())
def test_any_words_have_a_digest(reason: str, requester: str) -> None:
    of = replace(REAP, reason=reason, requester=requester)

    assert len(of.digest) == 64
    assert (of.digest == REAP.digest) == ((reason, requester) == (REAP.reason, REAP.requester))


def test_what_only_goes_on_counting_is_no_evidence() -> None:
    later = SIGHT.but(kubelet__stop_timeouts=7, api__pod__overdue_s=900)
    other = replace(SIGHT, cause=cause(when=(Condition("docker.container.state", OneOf(("running", "paused"))),)))
    paused = replace(other, answers=other.but(docker__container__state="paused").answers)

    assert plan(sight=later).evidence == plan().evidence
    assert plan("pod.delete", paused).evidence != plan("pod.delete", other).evidence


@pytest.mark.parametrize(
    ("boot", "machine", "same"),
    [
        (BOOT, MACHINE, True),
        (BOOT, "f" * 32, True),  # a kubelet in a container has a machine id of its own
        ("another", MACHINE, True),  # it was rebooted, and the API server has not heard
        ("another", "f" * 32, False),
        (None, "f" * 32, True),
        ("another", None, True),
    ],
)
def test_another_machine_behind_the_address_is_not_repaired(boot: str | None, machine: str | None, same: bool) -> None:
    sight = replace(SIGHT, boot_id=boot, machine_id=machine)
    found = drawn("container.stop", sight)

    if same:
        assert isinstance(found, Plan)
    else:
        assert found == refusal("other-machine", node=NODE, answered=MACHINE, registered="f" * 32)
    assert isinstance(drawn("pod.force_delete", sight), Plan)


# ---- differences

SHOWN = {
    "target.cluster_uid": "the cluster is another one",
    "target.pod_uid": "the pod was recreated under the same name",
    "target.node": "the pod is on another node",
    "target.node_uid": "the node was replaced under the same name",
    "target.boot_id": "the node was rebooted",
    "target.machine_id": "the node is another machine",
    "target.container": "the container is another one",
    "target.pid": "the container's recorded pid changed",
    "target.shim_pid": "the shim is another process",
    "target.shim_started": "the shim's pid belongs to a younger process",
    "playbook": "its playbook was changed",
    "evidence": "the evidence changed",
    "risk": "the risk changed",
    "cause": "the cause is another one",
    "repair": "repair changed",
    "words": "words changed",
    "option": "option changed",
    "clear_for": "clear_for changed",
    "target.cluster": "target cluster changed",
    "target.namespace": "target namespace changed",
    "target.pod": "target pod changed",
    "target.container_name": "target container_name changed",
    "touches.says": "touches says changed",
    "touches.stops": "touches stops changed",
    "touches.stateful": "touches stateful changed",
    "touches.single": "touches single changed",
    "touches.budgets_at_zero": "touches budgets_at_zero changed",
}
ITS_OWN = {"requester", "reason", "asked", "expires", "incident", "notes", "touches.others", "does"}


def test_every_difference_that_counts_is_named() -> None:
    found = {name: differences(REAP, other) for name, other in with_each_field_flipped(REAP).items()}

    assert found == {name: (SHOWN[name],) if name in SHOWN else () for name in found}
    assert set(found) == set(SHOWN) | ITS_OWN


def test_identities_are_named_first() -> None:
    other = replace(REAP, words=("x",), playbook="p", target=replace(REAP.target, boot_id="b", pod_uid=OTHER_UID))

    assert differences(REAP, other) == (
        "the pod was recreated under the same name",
        "the node was rebooted",
        "its playbook was changed",
        "words changed",
    )


@pytest.mark.parametrize("option", ["", OFF])
def test_a_second_look_at_an_unchanged_world_draws_the_same_plan(option: str) -> None:
    of = plan("docker.restart", option=option)

    second = draw(SIGHT.examined(), again(of))

    assert again(of) == request("docker.restart", option=option)
    assert second == of
    assert isinstance(second, Plan)
    assert second.digest == of.digest
    assert differences(of, second) == ()


def test_other_pods_may_come_and_go_meanwhile() -> None:
    later = drawn("shim.reap", replace(SIGHT, load=replace(LOAD, pods=30)))

    assert isinstance(later, Plan)
    assert later.digest != REAP.digest
    assert differences(REAP, later) == ()


def test_one_container_more_that_would_stop_is_a_difference() -> None:
    of = plan("docker.restart", option=OFF)
    more = drawn("docker.restart", SIGHT.but(docker__running=13), option=OFF)

    assert isinstance(more, Plan)
    assert differences(of, more) == ("words changed", "touches says changed", "touches stops changed")


def test_another_container_of_the_same_pod_is_a_difference() -> None:
    more = drawn("container.stop", replace(SIGHT, container=SIDECAR))

    assert isinstance(more, Plan)
    assert differences(plan(), more) == ("the container is another one", "words changed")


# ---- on recorded stacks


@pytest.mark.parametrize("state", EXPECTED)
def test_a_recorded_state_has_a_plan_for_what_is_offered_and_for_nothing_else(state: str) -> None:
    found = diagnosed(state)
    pod = found.pod
    examined = Examined(
        diagnosis=found,
        cluster_uid="lab",
        node=pod.node,
        node_exists=True,
        node_uid="lab-node",
        boot_id=None,
        machine_id=None,
        load=LOAD,
        raw=b"",
        stuck=True,
        took=SECOND,
    )
    by_hand = {each.repair.id for each in found.offered if each.repair.by == "person"}

    plans = {each.repair.id: draw(examined, request(each.repair.id)) for each in found.repairs}

    drawn_for = {repair: each for repair, each in plans.items() if isinstance(each, Plan)}
    assert set(drawn_for) == {each.repair.id for each in found.offered} - by_hand
    for repair, of in drawn_for.items():
        assert all(getattr(of.target, name) is not None for name in ("pod_uid", "node", "node_uid"))
        assert of.target.boot_id is not None or BY_ID[repair].by == "api"
        assert of.expires == SEEN + RULES[of.risk].lives
        assert "None" not in of.words


def test_a_plan_is_made_of_plain_values() -> None:
    assert asdict(REAP)["target"]["pod_uid"] == UID
