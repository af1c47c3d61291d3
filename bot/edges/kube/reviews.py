"""Whether this account may do a thing: the API server is asked about it, and nothing is tried."""

import json

from bot.edges.kube.requests import Request
from bot.edges.kube.server import Server
from bot.ports import Garbled

# Whoever is logged in may ask this about themselves: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles
REVIEW = Request(
    "create",
    "authorization.k8s.io",
    "selfsubjectaccessreviews",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
)


def may(server: Server, verb: str, api_group: str, resource: str, name: str) -> bool:
    """In every namespace; `name` is empty for all objects of the resource. Raises an outage."""
    attributes = {"verb": verb, "group": api_group, "resource": resource, "name": name}
    asked = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = server.ask(REVIEW, asked)
    try:
        allowed = json.loads(bytes(answer.body))["status"]["allowed"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise server.outage(Garbled, str(REVIEW), "the answer is no review") from error
    return allowed is True
