"""Everything that is ever asked of an API server, each with the right it needs: the whole power of this edge."""

from collections.abc import Mapping
from dataclasses import dataclass

Names = Mapping[str, str]  # the blanks of a path, or the parameters of a query


@dataclass(frozen=True, slots=True)
class Request:
    verb: str
    api_group: str
    resource: str
    path: str
    accept: str = "application/json"

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


# https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches; an old server ignores it
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

PODS = Request("list", "", "pods", "/api/v1/pods", METADATA_ONLY)
PODS_OF_NAMESPACE = Request("list", "", "pods", "/api/v1/namespaces/{namespace}/pods", METADATA_ONLY)
POD = Request("get", "", "pods", "/api/v1/namespaces/{namespace}/pods/{name}")
NODE = Request("get", "", "nodes", "/api/v1/nodes/{name}")
EVENTS = Request("list", "", "events", "/api/v1/namespaces/{namespace}/events")
CLAIM = Request("get", "", "persistentvolumeclaims", "/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}")
ATTACHMENTS = Request("list", "storage.k8s.io", "volumeattachments", "/apis/storage.k8s.io/v1/volumeattachments")
REPLICASET = Request("get", "apps", "replicasets", "/apis/apps/v1/namespaces/{namespace}/replicasets/{name}")
JOB = Request("get", "batch", "jobs", "/apis/batch/v1/namespaces/{namespace}/jobs/{name}")
NAMESPACE = Request("get", "", "namespaces", "/api/v1/namespaces/{name}")
_BUDGETS = "/apis/policy/{}/poddisruptionbudgets"
BUDGETS = Request("list", "policy", "poddisruptionbudgets", _BUDGETS.format("v1"))  # from Kubernetes 1.21
OLD_BUDGETS = Request("list", "policy", "poddisruptionbudgets", _BUDGETS.format("v1beta1"))  # up to 1.24
READS = (
    PODS,
    PODS_OF_NAMESPACE,
    POD,
    NODE,
    EVENTS,
    CLAIM,
    ATTACHMENTS,
    REPLICASET,
    JOB,
    NAMESPACE,
    BUDGETS,
    OLD_BUDGETS,
)

DELETE_POD = Request("delete", "", "pods", POD.path)
PATCH_POD = Request("patch", "", "pods", POD.path)
PATCH_NODE = Request("patch", "", "nodes", NODE.path)
WRITES = (DELETE_POD, PATCH_POD, PATCH_NODE)
REQUESTS = (*READS, *WRITES)
