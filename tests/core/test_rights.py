from typing import Any

import pytest
import yaml

from bot.core.rights import REPAIR_RULES, RULES, Rule, as_rule, granted, manifest
from bot.edges.kube.requests import READS, REQUESTS, WRITES, Request


def test_every_request_is_covered_by_a_rule() -> None:
    uncovered = [each for each in READS if not granted(each.verb, each.api_group, each.resource)]
    uncovered += [each for each in WRITES if not granted(each.verb, each.api_group, each.resource, repairs=True)]

    assert uncovered == []
    assert set(REQUESTS) == {*READS, *WRITES}


@pytest.mark.parametrize(("rules", "requests"), [(RULES, READS), (REPAIR_RULES, WRITES)])
def test_no_right_is_granted_that_no_request_needs(rules: tuple[Rule, ...], requests: tuple[Request, ...]) -> None:
    needed = {(each.verb, each.api_group, each.resource) for each in requests}

    given = {(verb, rule.api_group, resource) for rule in rules for resource in rule.resources for verb in rule.verbs}

    assert given == needed


@pytest.mark.parametrize(
    ("verb", "api_group", "resource"),
    [
        ("delete", "", "pods"),
        ("watch", "", "pods"),
        ("list", "", "nodes"),
        ("get", "", "nodes/proxy"),
        ("get", "", "secrets"),
        ("list", "apps", "pods"),
    ],
)
def test_what_diagnosis_does_not_need_is_not_granted(verb: str, api_group: str, resource: str) -> None:
    assert not granted(verb, api_group, resource)


@pytest.mark.parametrize(
    ("verb", "api_group", "resource"),
    [
        ("create", "", "pods/eviction"),
        ("update", "", "nodes"),
        ("delete", "", "nodes"),
        ("deletecollection", "", "pods"),
        ("patch", "", "namespaces"),
        ("patch", "apps", "statefulsets"),
    ],
)
def test_repairs_add_no_more_than_they_send(verb: str, api_group: str, resource: str) -> None:
    assert not granted(verb, api_group, resource, repairs=True)


def test_of_the_namespaces_only_the_one_that_names_the_cluster_may_be_read() -> None:
    (role,) = [each for each in _documents(manifest("a", "b")) if each["kind"] == "ClusterRole"]

    (rule,) = [each for each in role["rules"] if "namespaces" in each["resources"]]

    assert rule["resourceNames"] == ["kube-system"]
    assert yaml.safe_load(as_rule("get", "", "namespaces")) == rule


def test_a_rule_on_one_line_reads_as_a_role_writes_it() -> None:
    rule = yaml.safe_load(as_rule("get", "apps", "replicasets"))

    assert rule == {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["get"]}


def test_there_are_no_wildcards() -> None:
    words = {word for rule in (*RULES, *REPAIR_RULES) for word in (rule.api_group, *rule.resources, *rule.verbs)}

    assert not any("*" in word for word in words)


def test_the_manifest_grants_exactly_the_rules_to_one_account() -> None:
    place, account, role, binding = _documents(manifest("terminating", "ops"))
    assert (place["kind"], place["metadata"]) == ("Namespace", {"name": "ops"})

    granted_rules = [_as_written(rule) for rule in RULES]
    assert account["metadata"] == {"name": "terminating", "namespace": "ops"}
    assert role["rules"] == granted_rules
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": role["metadata"]["name"],
    }
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "terminating", "namespace": "ops"}]


def test_only_a_manifest_for_repairs_grants_a_change_and_says_so() -> None:
    looking, repairing = manifest("terminating", "ops"), manifest("terminating", "ops", repairs=True)

    assert _documents(repairing)[2]["rules"] == [_as_written(rule) for rule in (*RULES, *REPAIR_RULES)]
    assert "read-only" in looking.splitlines()[0]
    assert "may\n# delete pods, patch pods and patch nodes." in repairing
    assert not any(verb in looking for verb in ('"delete"', '"patch"', '"create"', '"update"'))


def test_the_manifest_says_why_beside_each_rule() -> None:
    text = manifest("terminating", "ops", repairs=True)

    assert all(f"# {rule.why}\n" in text for rule in (*RULES, *REPAIR_RULES))


def _as_written(rule: Rule) -> dict[str, list[str]]:
    names = {"resourceNames": list(rule.names)} if rule.names else {}
    return {
        "apiGroups": [rule.api_group],
        "resources": list(rule.resources),
        "verbs": list(rule.verbs),
        **names,
    }


def test_the_same_names_give_the_same_manifest() -> None:
    assert manifest("a", "b") == manifest("a", "b")


def test_a_name_cannot_add_a_rule_to_the_manifest() -> None:
    evil = 'x"\nrules:\n  - apiGroups: ["*"]'

    _, account, role, _ = _documents(manifest(evil, "ops"))

    assert account["metadata"]["name"] == evil
    assert len(role["rules"]) == len(RULES)


def _documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def test_a_missing_right_is_told_as_a_role_writes_it() -> None:
    rule = yaml.safe_load(as_rule("list", "storage.k8s.io", "volumeattachments"))

    assert rule == {"apiGroups": ["storage.k8s.io"], "resources": ["volumeattachments"], "verbs": ["list"]}
