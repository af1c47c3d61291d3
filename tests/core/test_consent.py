"""Who may do what, how many must agree, and why a vote from another hand is none."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.consent import RULES, Group, Person, Vote, able, genuine, held, may, may_resume, sealed
from bot.core.facts import Unknown
from bot.core.phases import Acting, Checking, Proposed, Rechecked, Sending, Voted
from bot.core.refusals import Refusal
from tests.core.incident_samples import (
    CLUSTER,
    EVERYTHING,
    FINALIZER,
    KEY,
    MINUTE,
    NODE,
    PEOPLE,
    SECOND,
    SEEN,
    SIGHT,
    acting,
    approved,
    asked,
    first,
    plan,
    policy,
    proposed,
    rights,
    step,
    taken,
    vote,
    with_plan,
)

STATEFUL = SIGHT.but(api__pod__owner="StatefulSet/zookeeper0")
LOW, MEDIUM, HIGH = plan("container.stop"), plan("kubelet.restart"), plan("docker.restart")
CRITICAL = plan("pod.force_delete", STATEFUL)
OF_EACH_RISK = {each.risk: each for each in (LOW, MEDIUM, HIGH, CRITICAL)}


def code(answer: object) -> str:
    return answer.code if isinstance(answer, Refusal) else "accepted"


# ---- the table


def test_what_each_risk_asks_for() -> None:
    table = {risk: (rule.votes, rule.typed, rule.reason, rule.lives // MINUTE) for risk, rule in RULES.items()}

    assert table == {
        "low": (1, False, False, 15),
        "medium": (1, False, True, 15),
        "high": (2, True, False, 10),
        "critical": (2, True, True, 10),
    }


def test_the_samples_cover_every_risk() -> None:
    assert list(OF_EACH_RISK) == list(RULES)


@pytest.mark.parametrize("risk", OF_EACH_RISK)
def test_a_plan_is_checked_with_its_last_vote_and_not_before(risk: str) -> None:
    of = OF_EACH_RISK[risk]  # type: ignore[index]  # its keys are risks
    incident = proposed(of)
    phases = []
    for person in ("ben", "mallory")[: RULES[of.risk].votes]:
        incident = taken(incident, Voted(vote=vote(of, person)))
        phases.append(type(incident.phase))

    assert phases == [Proposed] * (RULES[of.risk].votes - 1) + [Checking]


@pytest.mark.parametrize("risk", OF_EACH_RISK)
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_asked_for_where_the_risk_wants_one(risk: str, reason: str) -> None:
    of = replace(OF_EACH_RISK[risk], reason=reason)  # type: ignore[index]  # its keys are risks

    assert code(step(first(), asked(of))) == ("reason-needed" if RULES[of.risk].reason else "accepted")


@pytest.mark.parametrize("risk", OF_EACH_RISK)
def test_a_plan_lives_so_long_and_not_a_moment_longer(risk: str) -> None:
    of = OF_EACH_RISK[risk]  # type: ignore[index]  # its keys are risks
    ends = SEEN + RULES[of.risk].lives
    moments = (ends - SECOND, ends, ends + SECOND)

    votes = [code(step(proposed(of), Voted(vote=vote(of)), at)) for at in moments]
    sends = [taken(acting(of), Sending(op=of.op), at).phase for at in moments]

    assert of.expires == ends
    assert votes == ["accepted", "expired", "expired"]
    assert [isinstance(each, Acting) for each in sends] == [True, False, False]


# ---- one vote


@pytest.mark.parametrize("person", ["ben", "mallory"])
def test_anybody_else_with_the_right_may_agree(person: str) -> None:
    assert code(step(proposed(LOW), Voted(vote=vote(LOW, person)))) == "accepted"


@pytest.mark.parametrize("of", OF_EACH_RISK.values(), ids=OF_EACH_RISK)
def test_nobody_agrees_to_what_they_asked_for(of: object) -> None:
    answer = step(proposed(of), Voted(vote=vote(of, "ada")))  # type: ignore[arg-type]  # a plan

    assert answer == Refusal("own-request", "ada asked for this fix, so someone else approves it. ben or mallory can.")


def test_the_same_person_counts_once() -> None:
    once = taken(proposed(HIGH), Voted(vote=vote(HIGH)))

    assert code(step(once, Voted(vote=vote(HIGH)))) == "voted-already"
    assert code(step(once, Voted(vote=vote(HIGH, at=SEEN + SECOND, via="another way in")))) == "voted-already"


def test_a_double_click_is_refused_once_it_is_approved() -> None:
    assert code(step(approved(LOW), Voted(vote=vote(LOW)))) == "no-plan"


def test_a_vote_counts_for_the_plan_that_was_shown_only() -> None:
    newer = plan("container.stop", at=SEEN + SECOND)

    answer = step(proposed(newer), Voted(vote=vote(LOW)))

    assert answer == Refusal(
        "old-digest", "The open plan of incident 1 is not this one. Nothing was done. Look at its card."
    )


@pytest.mark.parametrize("typed", ["", "node-18", "NODE-17", "node-17 "])
@pytest.mark.parametrize("of", [HIGH, CRITICAL], ids=["high", "critical"])
def test_the_name_is_typed_as_it_is(of: object, typed: str) -> None:
    answer = step(proposed(of), Voted(vote=vote(of, typed=typed)))  # type: ignore[arg-type]  # a plan

    assert code(answer) == "typed-wrong"
    assert NODE in str(answer)


def test_what_is_on_no_node_is_agreed_to_by_the_pod_s_name() -> None:
    nowhere = replace(SIGHT, node=None, node_exists=False, node_uid=None)
    of = plan("finalizer.remove", nowhere)

    assert of.to_type == "zookeeper0-0"
    assert code(step(proposed(of), Voted(vote=vote(of, typed="zookeeper0-0")))) == "accepted"
    assert code(step(proposed(of), Voted(vote=vote(of, typed=NODE)))) == "typed-wrong"


@pytest.mark.parametrize(
    ("person", "held", "ballot", "expected"),
    [
        ("ben", ("request", "approve"), "reject", "accepted"),
        ("ben", ("request",), "reject", "accepted"),
        ("ben", ("approve",), "reject", "accepted"),
        ("ben", (), "reject", "no-right"),
        ("ada", ("request", "approve"), "reject", "accepted"),
        ("ada", ("request",), "reject", "accepted"),
        ("ben", ("approve",), "approve", "accepted"),
        ("ben", ("request",), "approve", "no-right"),
    ],
)
def test_rejecting_is_the_safe_direction(person: str, held: tuple[str, ...], ballot: str, expected: str) -> None:
    people = {**PEOPLE, person: Person(id=person, rights={CLUSTER: frozenset(held)})}  # type: ignore[arg-type]  # rights

    answer = step(proposed(LOW), Voted(vote=vote(LOW, person, ballot=ballot)), policy=policy(people=people))

    assert code(answer) == expected


def test_a_rejection_ends_the_plan_and_says_why() -> None:
    rejected = taken(proposed(HIGH), Voted(vote=vote(HIGH, ballot="reject", reason="the backup runs")))
    silently = taken(proposed(HIGH), Voted(vote=vote(HIGH, "ada", ballot="reject")))

    assert rejected.last == "ben rejected docker.restart: the backup runs."
    assert silently.last == "ada rejected docker.restart."
    assert rejected.executions == silently.executions == ()


# ---- rights


def test_rights_are_those_of_one_cluster() -> None:
    people = {"ada": Person(id="ada", rights=rights("request", "approve", cluster="prod-us"))}

    assert may(people, "ada", "approve", "prod-us") is None
    assert may(people, "ada", "approve", CLUSTER) == Refusal("no-right", "ada may not approve in prod-eu. Nobody can.")
    assert code(may(people, "ben", "request", CLUSTER)) == "not-listed"


def test_one_resumes_where_they_may_approve_and_all_at_once_only_where_anybody_may_anything() -> None:
    people = {
        "ada": Person(id="ada", rights=rights("approve", cluster="prod-us")),
        "ben": Person(id="ben", rights=rights("request", cluster=CLUSTER)),
    }

    assert may_resume(people, "ada", "prod-us") is None
    assert code(may_resume(people, "ada", "")) == "no-right"
    assert may_resume({"ada": people["ada"]}, "ada", "") is None


@pytest.mark.parametrize(
    "people", [{}, {"ada": Person(id="ada", rights={})}, {"ada": Person(id="ada", rights=rights("request"))}]
)
@pytest.mark.parametrize("cluster", ["", CLUSTER])
def test_where_nobody_may_approve_nobody_resumes_and_hears_what_to_do(people: dict[str, Person], cluster: str) -> None:
    no = may_resume(people, "ada", cluster)

    assert code(no) == "nobody-resumes"
    assert "Name somebody under `people`" in str(no)


@pytest.mark.parametrize(
    ("names", "but", "says"),
    [
        ((), (), "Nobody"),
        (("ada",), (), "ada"),
        (("mallory", "ada"), (), "ada or mallory"),
        (("mallory", "ben", "ada"), (), "ada, ben or mallory"),
        (("mallory", "ben", "ada"), ("ben",), "ada or mallory"),
        (("ada",), ("ada",), "Nobody"),
    ],
)
def test_those_who_can_are_named(names: tuple[str, ...], but: tuple[str, ...], says: str) -> None:
    people: Mapping[str, Person] = {name: Person(id=name, rights=EVERYTHING) for name in names}

    assert able(people, "approve", CLUSTER, but=but) == says


LEFT_OUT = {
    "the requester may no longer ask": ("ada", rights("approve"), "no-right"),
    "the requester is not listed any more": ("ada", None, "not-listed"),
    "the voter may no longer approve": ("ben", rights("request"), "no-right"),
    "the voter is not listed any more": ("ben", None, "not-listed"),
}


@pytest.mark.parametrize("moment", ["before the intent", "before it is sent"])
@pytest.mark.parametrize("change", LEFT_OUT)
def test_rights_are_those_of_the_moment_and_not_of_the_click(change: str, moment: str) -> None:
    who, left, expected = LEFT_OUT[change]
    people = {name: each for name, each in PEOPLE.items() if name != who}
    if left is not None:
        people[who] = Person(id=who, rights=left)
    event = Rechecked(now=LOW) if moment == "before the intent" else Sending(op=LOW.op)
    before = approved(LOW) if moment == "before the intent" else acting(LOW)

    after = taken(before, event, policy=policy(people=people))

    assert after.executions[-1].state == "not-done"
    assert after.last == str(may(people, who, "request" if who == "ada" else "approve", CLUSTER))
    assert code(may(people, who, "request" if who == "ada" else "approve", CLUSTER)) == expected


def test_one_of_two_voters_without_rights_is_one_too_few() -> None:
    people = {**PEOPLE, "mallory": Person(id="mallory", rights=rights("request"))}

    after = taken(approved(HIGH), Rechecked(now=HIGH), policy=policy(people=people))

    assert after.last == "mallory may not approve in prod-eu. ada or ben can."


# ---- groups

BY_NAME = {"ada": PEOPLE["ada"]}


def sre(*members: str, blind: str = "", **more: str) -> Group:
    return Group(
        id="@sre",
        rights=rights("request", "approve", **more),
        members=Unknown(blind) if blind else frozenset(members),
    )


def test_a_right_is_held_by_name_or_by_a_group_or_by_both() -> None:
    people = {**PEOPLE, "@sre": sre("ben", "U012 of T034")}

    assert held(people, "ada", "approve", CLUSTER) == ("ada",)
    assert held(people, "ben", "approve", CLUSTER) == ("@sre", "ben")
    assert held(people, "U012 of T034", "approve", CLUSTER) == ("@sre",)
    assert held(people, "U013 of T034", "approve", CLUSTER) == ()
    assert may(people, "U012 of T034", "approve", CLUSTER) is None


def test_a_group_of_one_cluster_may_nothing_in_another() -> None:
    people = {"@sre": sre("U012 of T034", cluster="prod-us")}

    assert may(people, "U012 of T034", "approve", CLUSTER) == Refusal(
        "no-right", "U012 of T034 may not approve in prod-eu. Nobody can."
    )


def test_nobody_is_in_a_group_that_cannot_be_read_and_the_refusal_says_so() -> None:
    people = {**BY_NAME, "@sre": sre(blind="missing_scope")}

    assert may(people, "ada", "approve", CLUSTER) is None
    assert may(people, "U012 of T034", "approve", CLUSTER) == Refusal(
        "group-unknown",
        "Whether U012 of T034 may approve in prod-eu is not known: @sre could not be read (missing_scope).",
    )


def test_who_calls_themselves_as_a_group_is_not_in_it() -> None:
    assert code(may({"@sre": sre("ben")}, "@sre", "approve", CLUSTER)) == "no-right"


@pytest.mark.parametrize(
    ("people", "says"),
    [
        ({"@sre": sre()}, "Members of @sre"),
        ({"ben": PEOPLE["ben"], "@sre": sre(blind="it is down")}, "ben or members of @sre"),
        ({**PEOPLE, "@sre": sre(), "@zrh": replace(sre(), id="@zrh")}, "ada, ben, mallory or members of @sre or @zrh"),
    ],
)
def test_groups_that_can_are_named(people: Mapping[str, Person], says: str) -> None:
    assert able(people, "approve", CLUSTER, but=()) == says


def test_who_asked_does_not_approve_as_a_member_either() -> None:
    people = {"@sre": sre("ada", "ben")}

    own = step(proposed(LOW), Voted(vote=vote(LOW, "ada")), policy=policy(people=people))

    assert own == Refusal("own-request", "ada asked for this fix, so someone else approves it. Members of @sre can.")
    assert code(step(proposed(LOW), Voted(vote=vote(LOW, "ben")), policy=policy(people=people))) == "accepted"


GONE = {
    "the voter left the group": (sre("ada"), "no-right"),
    "the group cannot be read": (sre(blind="Slack is down"), "group-unknown"),
    "the group has no rights any more": (Group(id="@sre", rights={}, members=frozenset({"ben"})), "no-right"),
}


@pytest.mark.parametrize("moment", ["before the intent", "before it is sent"])
@pytest.mark.parametrize("change", GONE)
def test_a_membership_is_that_of_the_moment_and_not_of_the_click(change: str, moment: str) -> None:
    group, expected = GONE[change]
    people = {**BY_NAME, "@sre": group}
    event = Rechecked(now=LOW) if moment == "before the intent" else Sending(op=LOW.op)
    before = approved(LOW) if moment == "before the intent" else acting(LOW)

    after = taken(before, event, policy=policy(people=people))

    assert after.executions[-1].state == "not-done"
    assert after.last == str(may(people, "ben", "approve", CLUSTER))
    assert code(may(people, "ben", "approve", CLUSTER)) == expected


# ---- seals

FORGED: Mapping[str, object] = {
    "person": "mallory",
    "ballot": "reject",
    "digest": HIGH.digest,
    "at": SEEN + timedelta(microseconds=1),
    "via": "console as ben",
    "typed": "node-17",
    "reason": "because",
    "seal": "0" * 64,
}


def test_every_field_of_a_vote_is_forged_below() -> None:
    assert set(FORGED) == {each.name for each in fields(Vote)}


@pytest.mark.parametrize("name", FORGED)
def test_a_vote_changed_after_it_was_sealed_is_none(name: str) -> None:
    forged = replace(vote(LOW), **{name: FORGED[name]})  # type: ignore[arg-type]  # of that field's type
    checking = with_plan(approved(LOW).phase)
    assert isinstance(checking, Checking)
    incident = replace(approved(LOW), phase=replace(checking, votes=(forged,)))

    after = taken(incident, Rechecked(now=LOW))

    assert not genuine(forged, KEY)
    assert "its seal does not fit" in after.last
    assert after.executions[-1].state == "not-done"


def test_votes_written_by_another_hand_are_none_until_the_last_moment() -> None:
    phase = with_plan(acting(LOW).phase)
    assert isinstance(phase, Acting)
    unsealed = replace(vote(LOW), seal="")
    other_key = replace(unsealed, seal=sealed(unsealed, b"another key"))
    for votes, says in (
        ((other_key,), "its seal does not fit"),
        ((vote(HIGH),), "its seal does not fit"),  # genuine, and of another plan
        ((), "0 of 1 votes"),
        ((vote(LOW, ballot="reject"),), "0 of 1 votes"),
        ((vote(LOW, "ada"),), "0 of 1 votes"),
    ):
        after = taken(replace(acting(LOW), phase=replace(phase, votes=votes)), Sending(op=LOW.op))

        assert says in after.last, votes
        assert after.executions[-1].state == "not-done"


@pytest.mark.parametrize(
    "votes",
    [(vote(HIGH),), (vote(HIGH), vote(HIGH, at=SEEN + SECOND)), (vote(HIGH), vote(HIGH, "mallory", typed="node-18"))],
    ids=["one", "one person twice", "one without the name"],
)
def test_two_people_are_two(votes: tuple[Vote, ...]) -> None:
    phase = with_plan(approved(HIGH).phase)
    assert isinstance(phase, Checking)

    after = taken(replace(approved(HIGH), phase=replace(phase, votes=votes)), Rechecked(now=HIGH))

    assert after.last == "The plan has 1 of 2 votes."


def test_a_plan_whose_expiry_was_moved_has_no_votes() -> None:
    phase = with_plan(approved(LOW).phase)
    assert isinstance(phase, Checking)
    longer = replace(LOW, expires=LOW.expires + timedelta(days=1))

    after = taken(replace(approved(LOW), phase=replace(phase, plan=longer)), Rechecked(now=longer))

    assert "its seal does not fit" in after.last


def test_parts_of_a_vote_do_not_flow_into_each_other() -> None:
    one = vote(LOW, via="a", typed="bc", reason="")
    other = vote(LOW, via="ab", typed="c", reason="")

    assert sealed(one, KEY) != sealed(other, KEY)


ANY_TEXT = st.text(st.characters(blacklist_categories=()), max_size=8)


@given(words=st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT), seal=ANY_TEXT)
def test_any_words_can_be_sealed_and_any_seal_be_looked_at(words: tuple[str, str, str, str], seal: str) -> None:
    person, via, typed, reason = words
    cast = vote(LOW, person, via=via, typed=typed, reason=reason)

    assert genuine(cast, KEY)
    assert not genuine(replace(cast, seal=seal), KEY)


def test_the_critical_finalizer_is_named_with_its_node() -> None:
    assert plan("finalizer.remove", option=FINALIZER).to_type == NODE
