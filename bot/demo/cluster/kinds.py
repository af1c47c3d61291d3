"""The kinds of objects that this cluster has."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    `fields` may be selected by, besides metadata.name and metadata.namespace.

    `cached`: the API server keeps a watch cache of it, as of all but events (k8s.io/kubernetes,
    pkg/registry/cachesize/cachesize.go).
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    cached: bool = True
    fields: tuple[str, ...] = field(default=())

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


# k8s.io/kubernetes, pkg/apis/core/v1/conversion.go, addFieldLabelConversionsFor...
_POD_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)
_EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "source",
    "type",
)

PODS = Kind(group="", version="v1", kind="Pod", plural="pods", fields=_POD_FIELDS)
NODES = Kind(group="", version="v1", kind="Node", plural="nodes", namespaced=False, fields=("spec.unschedulable",))
EVENTS = Kind(group="", version="v1", kind="Event", plural="events", cached=False, fields=_EVENT_FIELDS)
NAMESPACES = Kind(
    group="", version="v1", kind="Namespace", plural="namespaces", namespaced=False, fields=("status.phase",)
)
CLAIMS = Kind(group="", version="v1", kind="PersistentVolumeClaim", plural="persistentvolumeclaims")
REPLICASETS = Kind(group="apps", version="v1", kind="ReplicaSet", plural="replicasets")
DEPLOYMENTS = Kind(group="apps", version="v1", kind="Deployment", plural="deployments")
STATEFULSETS = Kind(group="apps", version="v1", kind="StatefulSet", plural="statefulsets")
JOBS = Kind(group="batch", version="v1", kind="Job", plural="jobs", fields=("status.successful",))
ATTACHMENTS = Kind(
    group="storage.k8s.io", version="v1", kind="VolumeAttachment", plural="volumeattachments", namespaced=False
)
# policy/v1 came with 1.21: here, as on any 1.20, its path is not found.
BUDGETS = Kind(group="policy", version="v1beta1", kind="PodDisruptionBudget", plural="poddisruptionbudgets")

ALL = (
    PODS,
    NODES,
    EVENTS,
    NAMESPACES,
    CLAIMS,
    REPLICASETS,
    DEPLOYMENTS,
    STATEFULSETS,
    JOBS,
    ATTACHMENTS,
    BUDGETS,
)
BY_PATH: Mapping[tuple[str, str], Kind] = {(kind.root, kind.plural): kind for kind in ALL}
