"""One request to one API server: the connection, its time limits, and each failure as one of the outages."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from urllib3 import exceptions as http
from urllib3.util.ssl_match_hostname import CertificateError

from bot.core.hostile import plain
from bot.core.rights import as_rule
from bot.edges.kube.credentials import UNUSABLE, unusable
from bot.edges.kube.requests import Names, Request
from bot.ports import Garbled, Missing, Outage, Refused, TimedOut, Unreachable
from bot.probes import api

CONNECT_S = 5  # one that has not answered a SYN by now is not there
LIST_FACTOR = 8  # so many times the limit of one object for a whole list
ANSWER_CAP = 1 << 16  # bytes read of why a write was refused
SUCCESS = range(200, 300)
OBJECT_CAP = 16 << 20  # bytes; etcd keeps no object above 1.5 MiB
LIST_CAP = 256 << 20  # bytes held at once; a server that ignores "metadata only" and `limit` sends every pod whole
NOTHING: Names = MappingProxyType({})
LOOK = "Check what answers at the server address of the kubeconfig"
_CHUNK = 1 << 16

Eat = Callable[[bytearray], None]  # may take from an answer that is still arriving

_Failure = tuple[type[Outage], str, str]  # which outage, why, what to do

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_CERTIFICATE_FAULTS: Mapping[int, str] = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed and not the CA of the kubeconfig",
    19: "comes from a CA that the kubeconfig does not name",
    20: "comes from a CA that the kubeconfig does not name",
    21: "comes from a CA that the kubeconfig does not name",
    62: "is for another host name",
    64: "is for another address",
}


def leave(_: bytearray) -> None:
    """Take nothing: the answer is small."""


class NotSentError(Exception):
    """The connection failed before the request left: nothing was done. The text says how."""


class LostError(Exception):
    """The connection failed when the request may have been read: what came of it is not known. The text says how."""


class TokenGoneError(Exception):
    """HTTP 410 for a continue token: the list has to be read again from its start."""


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytearray
    at: datetime  # the API server's own time


@dataclass(frozen=True, slots=True)
class Reply:
    """What a write was answered; `body` holds the reason where it was refused."""

    status: int
    body: bytes


class _Outgoing:
    """
    A body that knows whether it was asked for: until then, not even the headers are known to have left.

    An API server reads a body to its announced end before it does anything.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.begun = False

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        yield self.raw


class Server:
    """Several threads may use it at once."""

    def __init__(self, cluster: str, configuration: Configuration, limit: timedelta) -> None:
        self._cluster = cluster
        self.limit_s = limit.total_seconds()
        self._url: str = configuration.host
        self._configuration = configuration
        self._renewal = threading.Lock()  # the client renews a token in place
        try:
            self._pool: urllib3.PoolManager = RESTClientObject(configuration).pool_manager
        except UNUSABLE as error:
            raise unusable(cluster, error) from error
        if not configuration.verify_ssl:  # the kubeconfig says so: no warning for each request
            urllib3.disable_warnings(http.InsecureRequestWarning)

    def close(self) -> None:
        self._pool.clear()

    def outage(self, kind: type[Outage], asked: str, why: str, then: str = LOOK) -> Outage:
        return kind(asked, f"cluster {plain(self._cluster)} ({plain(self._url)})", why, f"{then}.")

    def read(self, request: Request, names: Names = NOTHING, query: Names = NOTHING, eat: Eat = leave) -> Answer:
        """Raises an outage, what `eat` raises, and `TokenGoneError` for a query that continues a list."""
        return self._answered(request, names, query, eat, None)

    def ask(self, request: Request, body: object) -> Answer:
        """A question that is posted, and changes nothing. Raises an outage."""
        return self._answered(request, NOTHING, NOTHING, leave, json.dumps(body).encode())

    def _answered(self, request: Request, names: Names, query: Names, eat: Eat, content: bytes | None) -> Answer:
        asked = _asked(request, names)
        url = self._address(request, names, asked)
        fine = HTTPStatus.OK if content is None else HTTPStatus.CREATED
        try:
            response = self._sent(f"{url}?{urlencode(query)}" if query else url, request, content)
            try:
                body = self._body(response, request, asked, eat) if response.status == fine else bytearray()
            finally:
                response.close()
        except http.HTTPError as error:
            raise self.outage(_kind(error), asked, *_explained(error)) from error
        if response.status == HTTPStatus.GONE and "continue" in query:
            raise TokenGoneError
        if response.status != fine:
            kind, why, then = _refusal(request, response.status)
            raise self.outage(kind, asked, why, then)
        try:
            at = parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
        except ValueError as error:
            raise self.outage(Garbled, asked, "the answer has no date") from error
        return Answer(body=body, at=at)

    def write(self, request: Request, names: Names, body: object, content_type: str) -> Reply:
        """
        One request that changes something, sent at most once, on a connection of its own.

        Raises `NotSentError` or an outage where it provably did not leave, and `LostError` where that is not known.
        """
        asked = _asked(request, names)
        headers = {"Accept": "application/json", "Content-Type": content_type, "User-Agent": "terminating"}
        content = _Outgoing(json.dumps(body).encode())
        headers |= {"Content-Length": str(len(content.raw)), **self._credentials()}
        with self._fresh_pool() as pool:
            try:
                response = pool.request(
                    request.verb.upper(),
                    self._address(request, names, asked),
                    body=content,
                    headers=headers,
                    preload_content=False,
                    retries=False,
                    redirect=False,
                    timeout=self._timeout(),
                )
            except http.HTTPError as error:
                why = _explained(error)[0]
                raise (LostError(why) if content.begun else NotSentError(why)) from error
            try:
                return Reply(response.status, b"" if response.status in SUCCESS else self._head(response))
            finally:
                response.close()

    @contextmanager
    def _fresh_pool(self) -> Iterator[urllib3.PoolManager]:
        """A kept connection may have been closed by the server: then nobody knows whether the request was read."""
        try:
            pool: urllib3.PoolManager = RESTClientObject(self._configuration).pool_manager
        except UNUSABLE as error:
            raise unusable(self._cluster, error) from error
        try:
            yield pool
        finally:
            pool.clear()

    def _head(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """The reason beside the status, as far as it comes in its time; the status alone decides."""
        body, until = bytearray(), monotonic() + self.limit_s
        with suppress(http.HTTPError):
            while len(body) < ANSWER_CAP and monotonic() < until and (chunk := response.read1(_CHUNK)):
                body += chunk
        return bytes(body)

    def _address(self, request: Request, names: Names, asked: str) -> str:
        if not all(api.is_name(name) for name in names.values()):
            raise self.outage(Missing, asked, "Kubernetes gives no such name", "Check the name")
        return self._url + request.path.format(**{key: quote(name, "") for key, name in names.items()})

    def _timeout(self) -> urllib3.Timeout:
        return urllib3.Timeout(connect=min(CONNECT_S, self.limit_s), read=self.limit_s)

    def _sent(self, url: str, request: Request, content: bytes | None) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": request.accept, "User-Agent": "terminating", **self._credentials()}
        if content is not None:
            headers["Content-Type"] = "application/json"

        def send() -> urllib3.BaseHTTPResponse:
            return self._pool.request(
                "GET" if content is None else "POST",
                url,
                body=content,
                headers=headers,
                preload_content=False,
                retries=False,
                redirect=False,
                timeout=self._timeout(),
            )

        try:
            return send()
        except http.ProtocolError:  # a kept-alive connection that the server closed meanwhile
            return send()

    def _credentials(self) -> dict[str, str]:
        try:
            with self._renewal:
                settings: list[Any] = list(self._configuration.auth_settings().values())
        except UNUSABLE as error:
            raise unusable(self._cluster, error) from error
        return {each["key"]: each["value"] for each in settings if each["in"] == "header" and each["value"]}

    def _body(self, response: urllib3.BaseHTTPResponse, request: Request, asked: str, eat: Eat) -> bytearray:
        """The limit bounds each wait of the socket; here it bounds a server that drips."""
        cap, factor = (LIST_CAP, LIST_FACTOR) if request.verb == "list" else (OBJECT_CAP, 1)
        body, until = bytearray(), monotonic() + factor * self.limit_s
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > cap:
                raise self.outage(Garbled, asked, f"the answer is longer than {cap >> 20} MiB")
            if monotonic() > until:
                raise self.outage(TimedOut, asked, f"the answer did not end in {factor * self.limit_s:g} s")
            eat(body)
        return body


def _asked(request: Request, names: Names) -> str:
    return " ".join(filter(None, (str(request), plain("/".join(names.values())))))


def _refusal(request: Request, status: int) -> _Failure:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return Refused, "the credentials have expired or are not accepted (HTTP 401)", "Log in or renew them"
        case HTTPStatus.FORBIDDEN:
            rule = as_rule(request.verb, request.api_group, request.resource)
            return (
                Refused,
                f"no right to {request} (HTTP 403)",
                f"Grant {rule}; `terminating rbac` prints the whole role",
            )
        case HTTPStatus.NOT_FOUND:
            return Missing, "there is no such object (HTTP 404)", "Check the name, the namespace and the cluster"
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Refused, "the API server is overloaded (HTTP 429)", "Try again later"
        case HTTPStatus.GATEWAY_TIMEOUT:
            return TimedOut, "the API server did not answer its proxy in time (HTTP 504)", "Try again later"
        case HTTPStatus.BAD_GATEWAY | HTTPStatus.SERVICE_UNAVAILABLE:
            return Unreachable, f"the API server is away (HTTP {status})", "Try again later"
        case _:
            return Garbled, f"an answer that no API server gives to this (HTTP {status})", LOOK


def _kind(error: http.HTTPError) -> type[Outage]:
    match error:
        case http.ProxyError() | http.NewConnectionError() | http.ConnectTimeoutError() | http.ProtocolError():
            return Unreachable
        case http.ReadTimeoutError():
            return TimedOut
        case http.SSLError() | http.LocationValueError():
            return Refused
        case _:
            return Garbled


def _explained(error: http.HTTPError) -> tuple[str, str]:
    """Why, and what to do."""
    network = "Check the server address in the kubeconfig, the network and the VPN"
    match error:
        case http.ProxyError():
            return "the proxy of the kubeconfig cannot be reached", "Check `proxy-url` in the kubeconfig"
        case http.NameResolutionError():
            return "its host name does not resolve", network
        case http.NewConnectionError():
            return f"no connection: {_system_words(error)}", network
        case http.ConnectTimeoutError():
            return "no connection in its time", network
        case http.ReadTimeoutError():
            return "no answer in its time", "Look at the load of the API server; try again later"
        case http.ProtocolError():
            return "the connection was cut", network
        case http.SSLError():
            return _distrust(error)
        case http.LocationValueError():
            return "its address is no URL", "Check the server address in the kubeconfig"
        case _:
            return f"its answer cannot be read ({type(error).__name__})", LOOK


def _system_words(error: BaseException) -> str:
    cause = error.__cause__
    return plain(cause.strerror) if isinstance(cause, OSError) and cause.strerror else "the network refused it"


def _distrust(error: http.SSLError) -> tuple[str, str]:
    then = "Check the server address and the CA in the kubeconfig; nothing was sent"
    match error.args:
        case (ssl.SSLCertVerificationError() as fault, *_):
            code = fault.verify_code
            return f"its certificate {_CERTIFICATE_FAULTS.get(code, f'is refused (OpenSSL code {code})')}", then
        case (CertificateError(), *_):
            return "its certificate is for another host name", then
        case (ssl.SSLError() as fault, *_):
            return f"no TLS with it: {plain(fault.reason or type(fault).__name__)}", then
        case _:
            return "no TLS with it", then
