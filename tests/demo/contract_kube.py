"""
What holds of any API server of Kubernetes 1.20, said over plain HTTPS: of the demo's and of a real one alike.

Each function makes what it needs, under names of its own, and asks through the wire only.
"""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

Object = dict[str, Any]

PODS = "/api/v1/namespaces/default/pods"
NODE = "contract-node"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
NO_SUCH_UID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    content: Any  # the JSON, or the text where it is none
    headers: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Kube:
    """A client that knows nothing but HTTP; with a token that may do everything."""

    url: str
    token: str | None
    ca: Path

    def ask(self, verb: str, path: str, body: object = None, **headers: str) -> Answer:
        """Header names are written with underscores."""
        try:
            with self._opened(verb, path, body, headers) as answer:
                return Answer(answer.status, _read(answer.read()), answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _read(error.read()), error.headers)

    def get(self, path: str, **headers: str) -> Object:
        answer = self.ask("GET", path, **headers)
        assert answer.code == 200, answer
        found: Object = answer.content
        return found

    def make(self, path: str, content: Object) -> Object:
        answer = self.ask("POST", path, content)
        assert answer.code == 201, answer
        made: Object = answer.content
        return made

    def delete(self, path: str, **options: object) -> Answer:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        return self.ask("DELETE", path, body)

    def patch(self, path: str, patch: object, content_type: str = JSON_PATCH) -> Answer:
        return self.ask("PATCH", path, patch, Content_Type=content_type)

    def watch(self, path: str) -> Iterator[Object]:
        """Each event, until the server ends the stream."""
        with self._opened("GET", path, None, {}) as answer:
            for line in answer:
                yield json.loads(line)

    def pod(self, name: str, *, node: str = NODE, grace: int = 30, **metadata: object) -> Object:
        spec = {
            **({"nodeName": node} if node else {}),
            "containers": [{"name": "main", "image": "x"}],
            "terminationGracePeriodSeconds": grace,
        }
        names = {"name": name, "namespace": "default", **metadata}
        return self.make(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": names, "spec": spec})

    def metadata(self, name: str) -> Object:
        found: Object = self.get(f"{PODS}/{name}")["metadata"]
        return found

    def gone(self, name: str) -> bool:
        return self.ask("GET", f"{PODS}/{name}").code == 404

    def _opened(self, verb: str, path: str, body: object, headers: dict[str, str]) -> Any:
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        raw = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, raw, sent, method=verb)  # noqa: S310  # https to loopback
        context = ssl.create_default_context(cafile=str(self.ca))
        return urllib.request.urlopen(request, context=context, timeout=30)  # noqa: S310  # the same


# ---- who may ask


def a_wrong_token_is_nobodys(kube: Kube) -> None:
    answer = Kube(url=kube.url, token="wrong", ca=kube.ca).ask("GET", PODS)  # noqa: S106  # that is what it is

    assert answer.code == answer.content["code"] == 401
    assert (answer.content["kind"], answer.content["reason"]) == ("Status", "Unauthorized")


def who_shows_no_token_may_nothing(kube: Kube) -> None:
    answer = Kube(url=kube.url, token=None, ca=kube.ca).ask("GET", "/api/v1/pods")

    assert (answer.code, answer.content["reason"], answer.content["details"]) == (403, "Forbidden", {"kind": "pods"})
    assert answer.content["message"] == (
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope'
    )


def everybody_may_ask_what_they_may(kube: Kube) -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "delete", "resource": "pods", "namespace": "default"}},
    }

    made = kube.make("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)

    assert made["status"]["allowed"] is True


# ---- one object


def an_object_that_is_not_there_is_a_status(kube: Kube) -> None:
    answer = kube.ask("GET", f"{PODS}/nobody")

    assert answer.content == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "nobody" not found',
        "reason": "NotFound",
        "details": {"name": "nobody", "kind": "pods"},
        "code": 404,
    }


def an_object_of_a_group_is_named_with_it(kube: Kube) -> None:
    answer = kube.ask("GET", "/apis/apps/v1/namespaces/default/replicasets/nobody")

    assert answer.content["message"] == 'replicasets.apps "nobody" not found'
    assert answer.content["details"] == {"name": "nobody", "group": "apps", "kind": "replicasets"}


def what_this_version_does_not_serve_is_not_found(kube: Kube) -> None:
    assert kube.ask("GET", "/apis/policy/v1/poddisruptionbudgets").code == 404
    assert kube.ask("GET", "/apis/policy/v1beta1/poddisruptionbudgets").code == 200


def what_cannot_be_had_in_that_form_is_not_acceptable(kube: Kube) -> None:
    answer = kube.ask("GET", PODS, Accept="text/plain")

    assert (answer.code, answer.content["reason"]) == (406, "NotAcceptable")


def an_object_is_made_once(kube: Kube) -> None:
    first = kube.pod("only-once")

    again = kube.ask("POST", PODS, {key: first[key] for key in ("apiVersion", "kind", "spec")} | _named("only-once"))

    assert (again.code, again.content["reason"]) == (409, "AlreadyExists")
    assert again.content["message"] == 'pods "only-once" already exists'
    assert first["status"]["phase"] == "Pending"
    assert {"uid", "resourceVersion", "creationTimestamp"} <= first["metadata"].keys()


def nothing_is_made_where_there_is_no_namespace(kube: Kube) -> None:
    content = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lost"}, "spec": {"containers": []}}

    answer = kube.ask("POST", "/api/v1/namespaces/nowhere/pods", content)

    assert (answer.code, answer.content["reason"]) == (404, "NotFound")
    assert answer.content["message"] == 'namespaces "nowhere" not found'


def a_version_that_is_still_to_come_is_waited_for_in_vain(kube: Kube) -> None:
    kube.pod("too-new")

    answer = kube.ask("GET", f"{PODS}/too-new?resourceVersion=999999999")

    assert (answer.code, answer.content["reason"]) == (504, "Timeout")
    assert "Too large resource version: 999999999, current: " in answer.content["message"]
    assert answer.content["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


def any_version_that_was_is_answered_with_what_is(kube: Kube) -> None:
    made = kube.pod("read")

    for version in ("", "?resourceVersion=0", f"?resourceVersion={made['metadata']['resourceVersion']}"):
        found = kube.ask("GET", f"{PODS}/read{version}")
        assert found.content["metadata"]["uid"] == made["metadata"]["uid"], version


# ---- lists


def a_list_has_its_items_bare(kube: Kube) -> None:
    kube.pod("bare")

    found = kube.get(f"{PODS}?fieldSelector=metadata.name=bare")

    assert (found["kind"], found["apiVersion"]) == ("PodList", "v1")
    assert [each["metadata"]["name"] for each in found["items"]] == ["bare"]
    assert {"kind", "apiVersion"} & found["items"][0].keys() == set()
    assert int(found["metadata"]["resourceVersion"]) > 0


def metadata_alone_is_told_where_it_is_asked_for(kube: Kube) -> None:
    kube.pod("metadata-only", labels={"app": "x"})

    found = kube.get(f"{PODS}?fieldSelector=metadata.name=metadata-only", Accept=PARTIAL_LIST)

    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert found["items"][0].keys() == {"kind", "apiVersion", "metadata"}
    assert (found["items"][0]["kind"], found["items"][0]["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert found["items"][0]["metadata"]["labels"] == {"app": "x"}


def pages_are_of_one_moment(kube: Kube) -> None:
    place = _namespace_with_five_pods(kube, "pages")

    first = kube.get(f"{place}?limit=2")
    kube.make(place, _pod("f", "pages"))
    second = kube.get(f"{place}?limit=2&continue={first['metadata']['continue']}")
    last = kube.get(f"{place}?limit=2&continue={second['metadata']['continue']}")

    assert [_names(page) for page in (first, second, last)] == [["a", "b"], ["c", "d"], ["e"]]
    assert [page["metadata"].get("remainingItemCount") for page in (first, second, last)] == [3, 1, None]
    assert len({page["metadata"]["resourceVersion"] for page in (first, second, last)}) == 1
    assert "continue" not in last["metadata"]


def how_many_are_left_is_not_told_with_a_selector(kube: Kube) -> None:
    place = _namespace_with_five_pods(kube, "selected")

    found = kube.get(f"{place}?limit=2&fieldSelector=spec.nodeName={NODE}")

    assert found["metadata"]["continue"]
    assert "remainingItemCount" not in found["metadata"]


def a_cached_list_is_whole_whatever_the_limit(kube: Kube) -> None:
    place = _namespace_with_five_pods(kube, "cached")
    kube.get(place)

    found = _until(lambda: kube.get(f"{place}?limit=2&resourceVersion=0"), lambda page: len(page["items"]) > 2)

    assert sorted(_names(found)) == list("abcde")
    assert "continue" not in found["metadata"]


def a_token_names_its_own_version(kube: Kube) -> None:
    place = _namespace_with_five_pods(kube, "versions")
    first = kube.get(f"{place}?limit=2")
    token, version = first["metadata"]["continue"], first["metadata"]["resourceVersion"]

    answer = kube.ask("GET", f"{place}?limit=2&continue={token}&resourceVersion={version}")

    assert (answer.code, answer.content["reason"]) == (400, "BadRequest")
    assert answer.content["message"] == "specifying resource version is not allowed when using continue"


def a_token_of_somebody_elses_is_refused(kube: Kube) -> None:
    answer = kube.ask("GET", f"{PODS}?limit=2&continue=nonsense")

    assert (answer.code, answer.content["reason"]) == (400, "BadRequest")
    assert answer.content["message"].startswith("invalid continue token: continue key is not valid")


def fields_select(kube: Kube) -> None:
    kube.pod("here", node="select-here")
    kube.pod("there", node="select-there")

    found = kube.get(
        "/api/v1/pods?fieldSelector=spec.nodeName=select-here,status.phase!=Succeeded,status.phase!=Failed"
    )
    none = kube.get("/api/v1/pods?fieldSelector=spec.nodeName=select-here,status.phase!=Pending")

    assert (_names(found), none["items"] or []) == (["here"], [])


def a_field_that_nobody_knows_is_refused(kube: Kube) -> None:
    answer = kube.ask("GET", f"{PODS}?fieldSelector=spec.colour=red")

    assert (answer.code, answer.content["reason"]) == (400, "BadRequest")
    assert "field label not supported: spec.colour" in answer.content["message"]


def events_are_found_by_whom_they_are_about(kube: Kube) -> None:
    about = {"kind": "Pod", "name": "x", "namespace": "default", "uid": "d7a5f1c2-0000-4000-8000-000000000001"}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "about-x", "namespace": "default"},
        "involvedObject": about,
        "reason": "FailedKillPod",
        "message": "error killing pod",
        "count": 3,
    }
    kube.make("/api/v1/namespaces/default/events", event)

    path = "/api/v1/namespaces/default/events?limit=500&fieldSelector=involvedObject.uid="

    assert _names(kube.get(path + about["uid"])) == ["about-x"]
    assert (kube.get(path + NO_SUCH_UID)["items"] or []) == []


# ---- deletes


def a_delete_gives_a_pod_its_own_grace(kube: Kube) -> None:
    kube.pod("graceful", grace=45)

    answer = kube.delete(f"{PODS}/graceful", propagationPolicy="Background")

    marked = kube.metadata("graceful")
    asked = datetime.fromisoformat(marked["deletionTimestamp"]) - timedelta(seconds=45)
    assert (answer.code, answer.content["kind"], marked["deletionGracePeriodSeconds"]) == (200, "Pod", 45)
    assert abs(parsedate_to_datetime(answer.headers["Date"]) - asked) <= timedelta(seconds=2)


def asked_twice_a_delete_changes_nothing(kube: Kube) -> None:
    kube.pod("twice")
    kube.delete(f"{PODS}/twice")
    marked = kube.metadata("twice")

    again, longer = kube.delete(f"{PODS}/twice"), kube.delete(f"{PODS}/twice", gracePeriodSeconds=600)

    assert (again.code, longer.code) == (200, 200)
    assert kube.metadata("twice") == marked


def a_grace_can_only_be_shortened(kube: Kube) -> None:
    kube.pod("shortened")
    kube.delete(f"{PODS}/shortened")
    before = datetime.fromisoformat(kube.metadata("shortened")["deletionTimestamp"])

    kube.delete(f"{PODS}/shortened", gracePeriodSeconds=10)

    marked = kube.metadata("shortened")
    assert marked["deletionGracePeriodSeconds"] == 10
    assert before - datetime.fromisoformat(marked["deletionTimestamp"]) == timedelta(seconds=20)


def without_a_grace_a_pod_goes_at_once(kube: Kube) -> None:
    kube.pod("forced")
    kube.delete(f"{PODS}/forced")

    answer = kube.delete(f"{PODS}/forced", gracePeriodSeconds=0)

    assert (answer.code, answer.content["kind"]) == (200, "Pod")
    assert kube.gone("forced")
    assert kube.delete(f"{PODS}/forced", gracePeriodSeconds=0).code == 404


def a_grace_may_stand_in_the_query(kube: Kube) -> None:
    kube.pod("by-query")

    assert kube.ask("DELETE", f"{PODS}/by-query?gracePeriodSeconds=0").code == 200
    assert kube.gone("by-query")


def a_pod_that_was_never_on_a_node_needs_no_grace(kube: Kube) -> None:
    kube.pod("unplaced", node="")

    assert kube.delete(f"{PODS}/unplaced").code == 200
    assert kube.gone("unplaced")


def a_pod_that_has_ended_needs_no_grace(kube: Kube) -> None:
    for phase in ("Succeeded", "Failed"):
        name = f"ended-{phase.lower()}"
        kube.pod(name)
        said = kube.patch(f"{PODS}/{name}/status", {"status": {"phase": phase}}, MERGE_PATCH)
        assert said.content["status"]["phase"] == phase

        assert kube.delete(f"{PODS}/{name}").code == 200
        assert kube.gone(name)


def a_pod_that_ends_within_its_grace_is_still_its_kubelets(kube: Kube) -> None:
    """Asked again without a grace of its own, nothing changes: the first delete's grace stands."""
    kube.pod("ends")
    kube.delete(f"{PODS}/ends")
    kube.patch(f"{PODS}/ends/status", {"status": {"phase": "Failed"}}, MERGE_PATCH)

    kube.delete(f"{PODS}/ends")

    assert kube.metadata("ends")["deletionGracePeriodSeconds"] == 30


def another_pod_of_that_name_is_left_alone(kube: Kube) -> None:
    uid = kube.pod("another")["metadata"]["uid"]

    answer = kube.delete(f"{PODS}/another", preconditions={"uid": NO_SUCH_UID}, gracePeriodSeconds=0)

    assert (answer.code, answer.content["reason"]) == (409, "Conflict")
    assert (
        f"the UID in the precondition ({NO_SUCH_UID}) does not match the UID in record ({uid})"
        in (answer.content["message"])
    )
    assert "deletionTimestamp" not in kube.metadata("another")
    assert kube.delete(f"{PODS}/another", preconditions={"uid": uid}, gracePeriodSeconds=0).code == 200


def another_version_of_that_pod_is_left_alone(kube: Kube) -> None:
    kube.pod("versioned")

    answer = kube.delete(f"{PODS}/versioned", preconditions={"resourceVersion": "1"})

    assert (answer.code, answer.content["reason"]) == (409, "Conflict")
    assert "the ResourceVersion in the precondition (1) does not match" in answer.content["message"]


def a_finalizer_outlives_a_force_delete(kube: Kube) -> None:
    kube.pod("held", finalizers=["example.com/a", "example.com/b"])

    assert kube.delete(f"{PODS}/held", gracePeriodSeconds=0).code == 200

    assert kube.metadata("held")["deletionGracePeriodSeconds"] == 0
    assert kube.patch(f"{PODS}/held", _remove(1, "example.com/b")).content["metadata"]["finalizers"] == [
        "example.com/a"
    ]
    assert kube.patch(f"{PODS}/held", _remove(0, "example.com/a")).code == 200
    assert kube.gone("held")


def a_finalizer_that_goes_within_the_grace_lets_nothing_go(kube: Kube) -> None:
    kube.pod("graced", finalizers=["example.com/a"])
    kube.delete(f"{PODS}/graced")

    assert kube.patch(f"{PODS}/graced", _remove(0, "example.com/a")).code == 200

    assert kube.metadata("graced")["deletionGracePeriodSeconds"] == 30
    assert "finalizers" not in kube.metadata("graced")


def no_finalizer_is_put_on_what_is_being_deleted(kube: Kube) -> None:
    kube.pod("late", finalizers=["example.com/a"])
    kube.delete(f"{PODS}/late")

    answer = kube.patch(f"{PODS}/late", [{"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/b"}])

    assert (answer.code, answer.content["reason"]) == (422, "Invalid")
    assert "no new finalizers can be added if the object is being deleted" in answer.content["message"]


def a_node_goes_without_a_grace(kube: Kube) -> None:
    kube.make("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "to-delete"}})

    answer = kube.delete("/api/v1/nodes/to-delete")

    assert (answer.code, answer.content["kind"], answer.content["status"]) == (200, "Status", "Success")
    assert kube.ask("GET", "/api/v1/nodes/to-delete").code == 404


# ---- patches


def a_patch_whose_test_fails_does_nothing(kube: Kube) -> None:
    before = kube.pod("tested", labels={"app": "x"})["metadata"]
    test = {"op": "test", "path": "/metadata/uid", "value": NO_SUCH_UID}

    answer = kube.patch(f"{PODS}/tested", [test, {"op": "remove", "path": "/metadata/labels/app"}])

    assert (answer.code, answer.content["reason"]) == (422, "Invalid")
    assert answer.content["message"] == "the server rejected our request due to an error in our request"
    assert kube.metadata("tested")["resourceVersion"] == before["resourceVersion"]


def a_patch_of_what_is_not_there_does_not_apply(kube: Kube) -> None:
    kube.pod("bare-of-it")

    for patch in (_remove(0, "x"), [{"op": "remove", "path": "/metadata/labels/app"}]):
        assert kube.patch(f"{PODS}/bare-of-it", patch).code == 422


def a_patch_that_changes_nothing_makes_no_version(kube: Kube) -> None:
    before = kube.pod("same", labels={"app": "x"})["metadata"]["resourceVersion"]

    answer = kube.patch(f"{PODS}/same", [{"op": "add", "path": "/metadata/labels/app", "value": "x"}])

    assert (answer.code, answer.content["metadata"]["resourceVersion"]) == (200, before)


def a_patch_of_a_form_that_nobody_knows_is_refused(kube: Kube) -> None:
    kube.pod("formless")

    answer = kube.patch(f"{PODS}/formless", [], "application/json")

    assert (answer.code, answer.content["reason"]) == (415, "UnsupportedMediaType")


def what_an_object_is_cannot_be_patched(kube: Kube) -> None:
    kube.pod("itself")
    uid = [{"op": "replace", "path": "/metadata/uid", "value": NO_SUCH_UID}]
    place = [{"op": "replace", "path": "/spec/nodeName", "value": "elsewhere"}]

    answers = [kube.patch(f"{PODS}/itself", patch) for patch in (uid, place)]

    assert [(each.code, each.content["reason"]) for each in answers] == [(422, "Invalid")] * 2


def a_patch_of_an_old_version_is_a_conflict(kube: Kube) -> None:
    kube.pod("moved-on")

    answer = kube.patch(f"{PODS}/moved-on", {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}}, MERGE_PATCH)

    assert (answer.code, answer.content["reason"]) == (409, "Conflict")
    assert "the object has been modified" in answer.content["message"]


def a_node_is_cordoned(kube: Kube) -> None:
    uid = kube.make("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "to-cordon"}})
    test = {"op": "test", "path": "/metadata/uid", "value": uid["metadata"]["uid"]}

    for wanted in (True, False):
        patch = [test, {"op": "add", "path": "/spec/unschedulable", "value": wanted}]
        answer = kube.patch("/api/v1/nodes/to-cordon", patch)

        assert (answer.code, answer.content["spec"].get("unschedulable", False)) == (200, wanted)


# ---- watches


def a_watch_tells_what_becomes_of_a_pod(kube: Kube) -> None:
    version = kube.get(f"{PODS}?limit=1")["metadata"]["resourceVersion"]
    path = f"{PODS}?watch=true&timeoutSeconds=5&fieldSelector=metadata.name=watched&resourceVersion={version}"
    kube.pod("watched")
    kube.pod("not-watched")
    kube.patch(f"{PODS}/watched", [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}])
    kube.delete(f"{PODS}/watched", gracePeriodSeconds=0)

    events = []
    for event in kube.watch(path):
        events.append(event)
        if event["type"] == "DELETED":
            break

    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    assert [event["object"]["metadata"].get("deletionGracePeriodSeconds") for event in events] == [None, None, 0, 0]
    assert {event["object"]["metadata"]["name"] for event in events} == {"watched"}
    assert {(event["object"]["kind"], event["object"]["apiVersion"]) for event in events} == {("Pod", "v1")}
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))


def a_watch_without_a_version_begins_with_what_is(kube: Kube) -> None:
    kube.pod("present")

    path = f"{PODS}?watch=true&timeoutSeconds=5&fieldSelector=metadata.name=present"
    event = next(kube.watch(path))

    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "present")


def to_a_watch_what_no_longer_fits_has_gone(kube: Kube) -> None:
    kube.pod("leaves")
    version = kube.get(f"{PODS}?limit=1")["metadata"]["resourceVersion"]
    path = f"{PODS}?watch=true&timeoutSeconds=5&resourceVersion={version}"
    kube.patch(f"{PODS}/leaves/status", {"status": {"phase": "Failed"}}, MERGE_PATCH)

    event = next(kube.watch(f"{path}&fieldSelector=metadata.name=leaves,status.phase!=Failed"))

    assert (event["type"], event["object"]["metadata"]["name"]) == ("DELETED", "leaves")


def a_watch_ends_in_its_time(kube: Kube) -> None:
    version = kube.get(f"{PODS}?limit=1")["metadata"]["resourceVersion"]
    path = f"{PODS}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name=nobody&resourceVersion={version}"

    assert list(kube.watch(path)) == []


CONTRACT: tuple[Callable[[Kube], None], ...] = (
    a_wrong_token_is_nobodys,
    who_shows_no_token_may_nothing,
    everybody_may_ask_what_they_may,
    an_object_that_is_not_there_is_a_status,
    an_object_of_a_group_is_named_with_it,
    what_this_version_does_not_serve_is_not_found,
    what_cannot_be_had_in_that_form_is_not_acceptable,
    an_object_is_made_once,
    nothing_is_made_where_there_is_no_namespace,
    a_version_that_is_still_to_come_is_waited_for_in_vain,
    any_version_that_was_is_answered_with_what_is,
    a_list_has_its_items_bare,
    metadata_alone_is_told_where_it_is_asked_for,
    pages_are_of_one_moment,
    how_many_are_left_is_not_told_with_a_selector,
    a_cached_list_is_whole_whatever_the_limit,
    a_token_names_its_own_version,
    a_token_of_somebody_elses_is_refused,
    fields_select,
    a_field_that_nobody_knows_is_refused,
    events_are_found_by_whom_they_are_about,
    a_delete_gives_a_pod_its_own_grace,
    asked_twice_a_delete_changes_nothing,
    a_grace_can_only_be_shortened,
    without_a_grace_a_pod_goes_at_once,
    a_grace_may_stand_in_the_query,
    a_pod_that_was_never_on_a_node_needs_no_grace,
    a_pod_that_has_ended_needs_no_grace,
    a_pod_that_ends_within_its_grace_is_still_its_kubelets,
    another_pod_of_that_name_is_left_alone,
    another_version_of_that_pod_is_left_alone,
    a_finalizer_outlives_a_force_delete,
    a_finalizer_that_goes_within_the_grace_lets_nothing_go,
    no_finalizer_is_put_on_what_is_being_deleted,
    a_node_goes_without_a_grace,
    a_patch_whose_test_fails_does_nothing,
    a_patch_of_what_is_not_there_does_not_apply,
    a_patch_that_changes_nothing_makes_no_version,
    a_patch_of_a_form_that_nobody_knows_is_refused,
    what_an_object_is_cannot_be_patched,
    a_patch_of_an_old_version_is_a_conflict,
    a_node_is_cordoned,
    a_watch_tells_what_becomes_of_a_pod,
    a_watch_without_a_version_begins_with_what_is,
    to_a_watch_what_no_longer_fits_has_gone,
    a_watch_ends_in_its_time,
)


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode()


def _named(name: str) -> Object:
    return {"metadata": {"name": name, "namespace": "default"}}


def _pod(name: str, namespace: str) -> Object:
    spec = {"nodeName": NODE, "containers": [{"name": "main", "image": "x"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def _namespace_with_five_pods(kube: Kube, name: str) -> str:
    """The path of its pods."""
    kube.make("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for each in "abcde":
        kube.make(f"/api/v1/namespaces/{name}/pods", _pod(each, name))
    return f"/api/v1/namespaces/{name}/pods"


def _names(page: Object) -> list[str]:
    return [each["metadata"]["name"] for each in page["items"] or ()]


def _remove(at: int, finalizer: str) -> list[Object]:
    place = f"/metadata/finalizers/{at}"
    return [{"op": "test", "path": place, "value": finalizer}, {"op": "remove", "path": place}]


def _until(look: Callable[[], Object], true: Callable[[Object], bool]) -> Object:
    """A watch cache may lag, by milliseconds; so often it is looked at."""
    for _ in range(200):
        found = look()
        if true(found):
            return found
    raise AssertionError("it did not come about")
