"""
What the bot may do in a cluster: the closed list of RBAC rules, and the manifest that grants them.

A rule is here because a request of the API edge needs it, and no request is made that no rule covers. No wildcards, no
secrets, no `nodes/proxy` (it reaches the kubelet's exec API: it is not read-only). What changes anything is a list of
its own, granted only where the bot is to repair.
"""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`api_group` is empty for the core group, as RBAC writes it."""

    api_group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()  # of these objects only


RULES: tuple[Rule, ...] = (
    Rule(
        api_group="",
        resources=("pods",),
        verbs=("get", "list"),
        why="find the pods that are past their deadline; read the one that is diagnosed",
    ),
    Rule(
        api_group="",
        resources=("nodes",),
        verbs=("get",),
        why="the address, readiness and container runtime of the node that holds it",
    ),
    Rule(
        api_group="",
        resources=("events",),
        verbs=("list",),
        why="what the kubelet reported about that pod: FailedKillPod and its kin",
    ),
    Rule(
        api_group="",
        resources=("persistentvolumeclaims",),
        verbs=("get",),
        why="which volume stands behind each of its claims",
    ),
    Rule(
        api_group="storage.k8s.io",
        resources=("volumeattachments",),
        verbs=("list",),
        why="whether those volumes are still attached to the node",
    ),
    Rule(
        api_group="apps",
        resources=("replicasets",),
        verbs=("get",),
        why="the Deployment behind its ReplicaSet",
    ),
    Rule(
        api_group="batch",
        resources=("jobs",),
        verbs=("get",),
        why="the CronJob behind its Job",
    ),
    Rule(
        api_group="",
        resources=("namespaces",),
        verbs=("get",),
        why="the UID of kube-system, by which a plan knows its cluster",
        names=("kube-system",),
    ),
    Rule(
        api_group="policy",
        resources=("poddisruptionbudgets",),
        verbs=("list",),
        why="which budgets a repair of the whole node would break",
    ),
)

REPAIR_RULES: tuple[Rule, ...] = (
    Rule(
        api_group="",
        resources=("pods",),
        verbs=("delete", "patch"),
        why="pod.delete and pod.force_delete, by UID; finalizer.remove, one finalizer of one pod",
    ),
    Rule(
        api_group="",
        resources=("nodes",),
        verbs=("patch",),
        why="node.cordon and node.uncordon",
    ),
)


def granted(verb: str, api_group: str, resource: str, *, repairs: bool = False) -> bool:
    rules = (*RULES, *(REPAIR_RULES if repairs else ()))
    return any(verb in rule.verbs and api_group == rule.api_group and resource in rule.resources for rule in rules)


def as_rule(verb: str, api_group: str, resource: str) -> str:
    """The rule that allows exactly this, on one line, as a role writes it."""
    rules = (rule for rule in (*RULES, *REPAIR_RULES) if verb in rule.verbs and resource in rule.resources)
    names = next((rule.names for rule in rules if rule.api_group == api_group), ())
    only = f", resourceNames: {json.dumps(list(names))}" if names else ""
    return f'{{apiGroups: ["{api_group}"], resources: ["{resource}"]{only}, verbs: ["{verb}"]}}'


_MANIFEST = """\
# {purpose}
apiVersion: v1
kind: Namespace
metadata:
  name: {place}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {account}
  namespace: {place}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {account}
rules:
{rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {account}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {account}
subjects:
  - kind: ServiceAccount
    name: {account}
    namespace: {place}
"""


_LOOKING = "What terminating needs to find and diagnose stuck pods: read-only, no secrets, no wildcards."
_REPAIRING = """\
What terminating needs to find, diagnose and repair stuck pods: no secrets, no wildcards. Besides reading, it may
# delete pods, patch pods and patch nodes. RBAC can say no less: of the patches, terminating sends two, and each names
# the UID that it is for: one finalizer off a pod, and spec.unschedulable of a node. Applying the manifest without
# repairs takes these rights away again."""


def manifest(name: str, namespace: str, *, repairs: bool = False) -> str:
    """
    YAML for `kubectl apply -f -`: `namespace`, a ServiceAccount in it, a ClusterRole of the rules, and their binding.

    Read-only unless `repairs`. The same names give the same bytes. Names are quoted, not checked.
    """
    account, place = json.dumps(name), json.dumps(namespace)
    rules = "\n".join(_rendered(rule) for rule in (*RULES, *(REPAIR_RULES if repairs else ())))
    return _MANIFEST.format(purpose=_REPAIRING if repairs else _LOOKING, account=account, place=place, rules=rules)


def _rendered(rule: Rule) -> str:
    names = f"\n    resourceNames: {json.dumps(list(rule.names))}" if rule.names else ""
    return f"""\
  # {rule.why}
  - apiGroups: {json.dumps([rule.api_group])}
    resources: {json.dumps(list(rule.resources))}{names}
    verbs: {json.dumps(list(rule.verbs))}"""
