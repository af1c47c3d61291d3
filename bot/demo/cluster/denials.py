"""The API server's no, as a Status object. Source: k8s.io/apimachinery, pkg/api/errors/errors.go."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from bot.demo.cluster.kinds import Kind

Object = dict[str, Any]


class DeniedError(Exception):
    """Nothing was changed. `details` and `metadata` are those of the Status."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": dict(metadata or {}),
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": dict(details)} if details else {}),
            "code": code,
        }


def _about(kind: Kind, name: str) -> Object:
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}


def not_found(kind: Kind, name: str) -> DeniedError:
    return DeniedError(HTTPStatus.NOT_FOUND, "NotFound", f'{kind} "{name}" not found', _about(kind, name))


def exists(kind: Kind, name: str) -> DeniedError:
    return DeniedError(HTTPStatus.CONFLICT, "AlreadyExists", f'{kind} "{name}" already exists', _about(kind, name))


def conflict(kind: Kind, name: str, why: str) -> DeniedError:
    message = f'Operation cannot be fulfilled on {kind} "{name}": {why}'
    return DeniedError(HTTPStatus.CONFLICT, "Conflict", message, _about(kind, name))


def forbidden(kind: Kind, name: str, user: str, verb: str, namespace: str) -> DeniedError:
    """k8s.io/apiserver, pkg/endpoints/handlers/responsewriters/errors.go, forbiddenMessage."""
    what = f'{kind} "{name}"' if name else str(kind)
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    asked = f'User "{user}" cannot {verb} resource "{kind.plural}" in API group "{kind.group}" {where}'
    details = {**({"name": name} if name else {}), **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
    return DeniedError(HTTPStatus.FORBIDDEN, "Forbidden", f"{what} is forbidden: {asked}", details)


def unauthorized() -> DeniedError:
    return DeniedError(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def bad_request(message: str) -> DeniedError:
    return DeniedError(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def invalid(kind: Kind, name: str, field: str, why: str, reason: str = "FieldValueInvalid") -> DeniedError:
    message = f'{kind.kind} "{name}" is invalid: {field}: {why}'
    causes = [{"reason": reason, "message": why, "field": field}]
    details = {**_about(kind, name), "kind": kind.kind, "causes": causes}
    return DeniedError(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message, details)


def does_not_apply() -> DeniedError:
    """A JSON patch one of whose steps fails; which, it does not say."""
    message = "the server rejected our request due to an error in our request"
    return DeniedError(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message)


def unknown_format(accepted: str) -> DeniedError:
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return DeniedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)


def not_acceptable() -> DeniedError:
    accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    message = f"only the following media types are accepted: {accepted}"
    return DeniedError(HTTPStatus.NOT_ACCEPTABLE, "NotAcceptable", message)


def method_not_allowed() -> DeniedError:
    message = "the server does not allow this method on the requested resource"
    return DeniedError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message)


def expired(message: str, token: str = "") -> DeniedError:
    metadata = {"continue": token} if token else {}
    return DeniedError(HTTPStatus.GONE, "Expired", message, metadata=metadata)


def too_large_version(wanted: int, current: int) -> DeniedError:
    """k8s.io/apiserver, pkg/storage/errors.go, NewTooLargeResourceVersionError."""
    message = f"Too large resource version: {wanted}, current: {current}"
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    details = {"causes": causes, "retryAfterSeconds": 1}
    return DeniedError(HTTPStatus.GATEWAY_TIMEOUT, "Timeout", f"Timeout: {message}", details)


def not_imitated(what: str) -> DeniedError:
    message = f"this cluster of the demo does not imitate {what}; nothing was done"
    return DeniedError(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", message)
