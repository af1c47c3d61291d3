"""
A small API server over HTTPS on loopback, for what happens on the wire.

It keeps the real one's manners: bearer tokens, pages with continue tokens, metadata only when it is asked for, field
selectors (an unknown one is a 400), Status objects for refusals, deletes with preconditions, graces and finalizers,
JSON patches, and a Date on each answer.
"""

import base64
import ipaddress
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.edges.fake_writes import NoError, deleted, patched

TOKEN = "a-good-token"  # noqa: S105  # of a server that lives for one test, on loopback
METADATA_ONLY = "as=PartialObjectMetadataList"
NOW = datetime(2026, 11, 23, 20, 30, tzinfo=UTC)

_SELECTABLE: Mapping[str, tuple[str, ...]] = {
    "metadata.name": ("metadata", "name"),
    "spec.nodeName": ("spec", "nodeName"),
    "status.phase": ("status", "phase"),
    "involvedObject.uid": ("involvedObject", "uid"),
}
_KIND = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
Object = dict[str, Any]
Act = Callable[[BaseHTTPRequestHandler], None]


@dataclass(slots=True)
class Asked:
    path: str
    query: Mapping[str, str]
    accept: str
    verb: str = "get"


@dataclass(slots=True)
class FakeApiServer:
    """What it holds and how it behaves; change it while it runs. `objects` by collection path, in the order listed."""

    objects: dict[str, list[Object]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)  # the last word of a collection's path
    honours_accept: bool = True
    caches: bool = False  # a watch cache answers `resourceVersion=0` whole, whatever the limit, as up to 1.30
    tokens_that_expire: int = 0  # so many continue tokens are answered with 410
    instead: dict[str, Act] = field(default_factory=dict)  # path -> what to do instead of answering
    date: str = NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")
    asked: list[Asked] = field(default_factory=list)
    effects: list[tuple[str, str]] = field(default_factory=list)  # all that became of the objects: (what, uid)
    cuts: str = ""  # "before": a write is cut off unread; "after": it is done, and its answer is cut off
    swap: Callable[[], None] | None = None  # happens just before the next write is looked at
    port: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def serve(self, certificate: "Certificate") -> ThreadingHTTPServer:
        """Listening and answering when this returns; the caller shuts it down."""
        server = _Server(("127.0.0.1", self.port), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def answer(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Object]:
        collection, _, name = path.rpartition("/")
        if (
            path.rsplit("/", 1)[-1] if path in self._collections() else collection.rsplit("/", 1)[-1]
        ) in self.forbidden:
            return 403, _status(403, "Forbidden")
        if path in self._collections():
            return self._page(path, query, accept)
        for each in self.objects.get(_everywhere(collection), []):
            if each["metadata"]["name"] == name and _in_place(each, collection):
                return 200, each
        return 404, _status(404, "NotFound")

    def change(self, verb: str, path: str, body: bytes, content_type: str) -> tuple[int, Object]:
        """A write; one at a time."""
        with self.turn:
            if self.swap is not None:
                self.swap()
            collection, _, name = path.rpartition("/")
            kind = collection.rsplit("/", 1)[-1]
            if f"{verb} {kind}" in self.forbidden:
                return 403, _status(403, "Forbidden", f'{kind} "{name}" is forbidden: User "ada" cannot {verb} it')
            held = self.objects.get(_everywhere(collection), [])
            found = next(
                (each for each in held if each["metadata"]["name"] == name and _in_place(each, collection)), None
            )
            if found is None:
                return 404, _status(404, "NotFound", f'{kind} "{name}" not found')
            uid = found["metadata"]["uid"]
            try:
                effect = (
                    deleted(held, found, json.loads(body), self.now)
                    if verb == "delete"
                    else patched(held, found, json.loads(body), content_type)
                )
            except NoError as no:
                return no.code, _status(no.code, no.reason, str(no))
            if effect:
                self.effects.append((f"{verb} {effect}", uid))
            return 200, found

    @property
    def now(self) -> datetime:
        return parsedate_to_datetime(self.date)

    def _collections(self) -> set[str]:
        known = {"/api/v1/pods", "/api/v1/events", "/apis/storage.k8s.io/v1/volumeattachments", *self.objects}
        places = {each["metadata"].get("namespace") for held in self.objects.values() for each in held}
        return known | {
            f"{root}/namespaces/{place}/{kind}"
            for root, _, kind in (path.rpartition("/") for path in known)
            for place in places
        }

    def _page(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Object]:
        found = [each for each in self.objects.get(_everywhere(path), []) if _in_place(each, path)]
        if selector := query.get("fieldSelector"):
            for term in selector.split(","):
                key, sign, value = re.fullmatch(r"([\w.]+)(!?=)(.*)", term).groups()  # type: ignore[union-attr]  # ours
                if key not in _SELECTABLE:
                    return 400, _status(400, "BadRequest")
                found = [each for each in found if (_at(each, _SELECTABLE[key]) == value) == (sign == "=")]
        if "continue" in query and "resourceVersion" in query:
            return 400, _status(400, "BadRequest")
        start = 0
        if token := query.get("continue"):
            if self.tokens_that_expire:
                self.tokens_that_expire -= 1
                return 410, _status(410, "Expired")
            start = int(base64.b64decode(token))
        whole = self.caches and query.get("resourceVersion") == "0"
        stop = len(found) if whole else start + int(query.get("limit", len(found) or 1))
        more = {"continue": base64.b64encode(str(stop).encode()).decode()} if stop < len(found) else {}
        metadata_only = self.honours_accept and METADATA_ONLY in accept
        items = [{**_KIND, "metadata": each["metadata"]} if metadata_only else each for each in found[start:stop]]
        kind = "PartialObjectMetadataList" if metadata_only else "List"
        return 200, {"kind": kind, "metadata": {"resourceVersion": "7", **more}, "items": items}


@dataclass(frozen=True, slots=True)
class Certificate:
    file: Path  # key and certificate; also its own CA


def certificate(folder: Path, name: str = "127.0.0.1", valid: timedelta = timedelta(days=1)) -> Certificate:
    """Self-signed for one address or host name; a negative `valid` has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake apiserver")])
    names: list[x509.GeneralName] = (
        [x509.IPAddress(ipaddress.ip_address(name))] if name[0].isdigit() else [x509.DNSName(name)]
    )
    end = datetime.now(UTC) + valid
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(end - timedelta(days=2))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}-{valid.days}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return Certificate(path)


def kubeconfig(folder: Path, url: str, ca: Path, user: Object | None = None, **cluster: object) -> Path:
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "ada"}}],
        "clusters": [{"name": "here", "cluster": {"server": url, "certificate-authority": str(ca), **cluster}}],
        "users": [{"name": "ada", "user": {"token": TOKEN} if user is None else user}],
    }
    path.write_text(json.dumps(content))
    return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that breaks off is what some tests are about."""


def _handler(fake: FakeApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5
        disable_nagle_algorithm = True  # headers and body are two writes

        def do_GET(self) -> None:  # the name that http.server calls
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            accept = self.headers.get("Accept", "")
            fake.asked.append(Asked(parts.path, query, accept))
            if act := fake.instead.get(parts.path):
                act(self)
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.say(401, _status(401, "Unauthorized"))
            else:
                self.say(*fake.answer(parts.path, query, accept))

        def do_DELETE(self) -> None:  # the same
            write(self, fake, "delete")

        def do_PATCH(self) -> None:  # the same
            write(self, fake, "patch")

        def say(self, status: int, content: Object) -> None:
            send(self, status, json.dumps(content, separators=(",", ":")).encode(), fake.date)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def write(handler: BaseHTTPRequestHandler, fake: FakeApiServer, verb: str) -> None:
    body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    fake.asked.append(Asked(handler.path, {}, handler.headers.get("Accept", ""), verb))
    if fake.cuts == "before":
        handler.close_connection = True
    elif act := fake.instead.get(f"{verb} {handler.path}"):
        act(handler)
    else:
        known = handler.headers.get("Authorization") == f"Bearer {TOKEN}"
        content_type = handler.headers.get("Content-Type", "")
        status, content = (
            fake.change(verb, handler.path, body, content_type) if known else (401, _status(401, "Unauthorized"))
        )
        if fake.cuts == "after":
            handler.close_connection = True
        else:
            send(handler, status, json.dumps(content).encode(), fake.date)


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, date: str | None) -> None:
    handler.send_response_only(status)
    if date is not None:
        handler.send_header("Date", date)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _everywhere(path: str) -> str:
    """The path that lists a kind in all namespaces."""
    words = path.split("/")
    if "namespaces" in words[:-1]:  # the last word is the kind itself
        at = words.index("namespaces")
        del words[at : at + 2]
    return "/".join(words)


def _in_place(each: Object, path: str) -> bool:
    words = path.split("/")
    return "namespaces" not in words[:-1] or each["metadata"].get("namespace") == words[words.index("namespaces") + 1]


def _at(each: Object, keys: Iterable[str]) -> object:
    found: Any = each
    for key in keys:
        found = found.get(key, {}) if isinstance(found, dict) else None
    return found


def _status(code: int, reason: str, message: str = "") -> Object:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    return {**status, "message": message} if message else status
