"""Getting to an API server: kubeconfigs, plugins and certificates, each failure in words that one can act on."""

import os
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from bot.edges import kube
from bot.ports import Outage, Refused, TimedOut, Unreachable
from tests.edges.fake_apiserver import TOKEN, FakeApiServer, Object, certificate, kubeconfig
from tests.edges.kube_parts import SHORT, one_stuck_pod, serving


def refused(file: Path | None, context: str | None = None) -> str:
    with pytest.raises(Refused) as raised:
        kube.connect("prod-eu", file, context)
    text = str(raised.value)
    assert "prod-eu" in text
    assert "\n" not in text
    return text


def plugin(folder: Path, script: str) -> Object:
    """A user whose credentials come from this shell script."""
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "args": ["get"]}}


# -- the kubeconfig


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"there is no kubeconfig {tmp_path}/none" in refused(tmp_path / "none")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"7", b"a: [", b"\xff\xfe\x00", b"contexts: 7", b"contexts: [{}]", b"clusters: [7]", b"contexts:\n"],
)
def test_a_file_that_is_no_kubeconfig_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken").write_bytes(content)

    refused(tmp_path / "broken")


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    refused(tmp_path)


def test_a_context_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "https://127.0.0.1:1", certificate(tmp_path).file)

    text = refused(file, "elsewhere")

    assert "no context elsewhere" in text
    assert "Name one of its contexts: here" in text


def test_without_a_current_context_one_has_to_be_named(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "https://127.0.0.1:1", certificate(tmp_path).file)
    file.write_text(file.read_text().replace('"current-context": "here"', '"current-context": ""'))

    assert "no current context" in refused(file)


def test_a_ca_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "no-such-ca" in refused(kubeconfig(tmp_path, "https://127.0.0.1:1", tmp_path / "no-such-ca"))


@pytest.mark.parametrize("server", ["https://", "https://[::1", "ftp://127.0.0.1:1", "https://127.0.0.1:99999"])
def test_an_address_that_is_no_url_fails_with_an_outage(tmp_path: Path, server: str) -> None:
    file = kubeconfig(tmp_path, server, certificate(tmp_path).file)

    with pytest.raises(Outage):
        kube.connect("prod-eu", file, None, limit=SHORT).deleting()


def test_without_a_kubeconfig_the_default_one_is_used(tmp_path: Path) -> None:
    program = "from bot.edges import kube; print(kube.connect('here', None, None).deleting().total)"
    fake = one_stuck_pod()
    with serving(tmp_path, fake):
        outside = {key: value for key, value in os.environ.items() if not key.startswith("KUBERNETES_")}
        environment = {**outside, "KUBECONFIG": str(tmp_path / "kubeconfig")}

        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)

    assert (done.stdout, done.stderr) == (b"4\n", b"")


# -- credential plugins


def test_a_token_of_a_plugin_is_used(tmp_path: Path) -> None:
    user = plugin(tmp_path, f"""echo '{{"kind": "ExecCredential", "status": {{"token": "{TOKEN}"}}}}'""")
    fake = one_stuck_pod()
    with serving(tmp_path, fake):
        file = kubeconfig(tmp_path, fake.url, _ca(tmp_path), user)

        assert kube.connect("prod-eu", file, None).deleting().total == 4


def test_a_plugin_is_asked_again_when_its_token_has_expired(tmp_path: Path) -> None:
    status = f'"token": "{TOKEN}", "expirationTimestamp": "2020-01-01T00:00:00Z"'
    user = plugin(tmp_path, f"""echo asked >> {tmp_path}/times; echo '{{"status": {{{status}}}}}'""")
    fake = one_stuck_pod()
    with serving(tmp_path, fake):
        cluster = kube.connect("prod-eu", kubeconfig(tmp_path, fake.url, _ca(tmp_path), user), None)

        cluster.deleting()

    assert len((tmp_path / "times").read_text().splitlines()) >= 2


def test_a_plugin_that_fails_later_is_a_refusal_too(tmp_path: Path) -> None:
    status = f'"token": "{TOKEN}", "expirationTimestamp": "2020-01-01T00:00:00Z"'
    once = f"[ -e {tmp_path}/once ] && exit 3; touch {tmp_path}/once"
    user = plugin(tmp_path, f"""{once}; echo '{{"status": {{{status}}}}}'""")
    fake = one_stuck_pod()
    with serving(tmp_path, fake):
        cluster = kube.connect("prod-eu", kubeconfig(tmp_path, fake.url, _ca(tmp_path), user), None)

        with pytest.raises(Refused, match="ended with 3"):
            cluster.deleting()


def test_a_plugin_is_told_about_the_cluster_when_it_wants_to_know(tmp_path: Path) -> None:
    user = plugin(
        tmp_path, f"""echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/info; echo '{{"status": {{"token": "t"}}}}'"""
    )
    user["exec"]["provideClusterInfo"] = True
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "prod"}}
    file = kubeconfig(tmp_path, "https://127.0.0.1:1", certificate(tmp_path).file, user, extensions=[extension])

    kube.connect("prod-eu", file, None)

    assert '"config": {"audience": "prod"}' in (tmp_path / "info").read_text()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'your login \x1b[31mhas expired' >&2; exit 7", "ended with 7: your login has expired"),
        ("echo nonsense", "printed no ExecCredential"),
        ("echo '{}'", "printed no ExecCredential"),
        ("""echo '{"status": 7}'""", "no object"),
        ("""echo '{"status": {}}'""", "neither a token nor a certificate"),
        ("""echo '{"status": {"clientCertificateData": "x"}}'""", "neither a token nor a certificate"),
    ],
)
def test_a_plugin_that_gives_no_credentials_is_refused_in_its_own_words(tmp_path: Path, script: str, said: str) -> None:
    file = kubeconfig(tmp_path, "https://127.0.0.1:1", certificate(tmp_path).file, plugin(tmp_path, script))

    assert said in refused(file)


def test_a_plugin_that_is_not_installed_is_named(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin"}}
    file = kubeconfig(tmp_path, "https://127.0.0.1:1", certificate(tmp_path).file, user)

    assert "plugin no-such-plugin is not installed" in refused(file)


# -- on the way to the server


def test_a_refused_token_is_a_refusal(tmp_path: Path) -> None:
    fake = one_stuck_pod()
    with serving(tmp_path, fake):
        file = kubeconfig(tmp_path, fake.url, _ca(tmp_path), {"token": "another"})

        with pytest.raises(Refused, match="expired or are not accepted"):
            kube.connect("prod-eu", file, None).deleting()


def test_nobody_at_the_address_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{held.getsockname()[1]}"
        file = kubeconfig(tmp_path, url, certificate(tmp_path).file)

        with pytest.raises(Unreachable, match=f"{url}.*Connection refused"):
            kube.connect("prod-eu", file, None).deleting()


def test_a_name_that_does_not_resolve_is_unreachable(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "https://nobody.invalid:6443", certificate(tmp_path).file)

    with pytest.raises(Unreachable, match="does not resolve"):
        kube.connect("prod-eu", file, None).deleting()


@pytest.mark.parametrize(
    ("name", "valid", "said"),
    [
        ("127.0.0.1", timedelta(days=-1), "has expired"),
        ("127.0.0.1", timedelta(days=3), "is not valid yet"),
        ("127.0.0.2", timedelta(days=1), "is for another address"),
    ],
)
def test_a_certificate_is_refused_for_what_is_wrong_with_it(
    tmp_path: Path, name: str, valid: timedelta, said: str
) -> None:
    fake = FakeApiServer()
    made = certificate(tmp_path, name, valid)
    server = fake.serve(made)

    with pytest.raises(Refused, match=f"{fake.url}.*its certificate {said}"):
        kube.connect("prod-eu", kubeconfig(tmp_path, fake.url, made.file), None).deleting()

    server.shutdown()
    server.server_close()
    assert fake.asked == []


def test_a_certificate_for_another_host_name_is_refused(tmp_path: Path) -> None:
    fake = FakeApiServer()
    made = certificate(tmp_path, "api.example.com")
    server = fake.serve(made)
    file = kubeconfig(tmp_path, fake.url.replace("127.0.0.1", "localhost"), made.file)

    with pytest.raises(Refused, match="its certificate is for another host name"):
        kube.connect("prod-eu", file, None).deleting()

    server.shutdown()
    server.server_close()


def test_a_certificate_of_a_stranger_is_refused_and_nothing_is_asked(tmp_path: Path) -> None:
    fake = one_stuck_pod()
    with serving(tmp_path, fake):
        (tmp_path / "other").mkdir()
        file = kubeconfig(tmp_path, fake.url, certificate(tmp_path / "other").file)

        with pytest.raises(Refused, match="its certificate"):
            kube.connect("prod-eu", file, None).deleting()

    assert fake.asked == []


def test_a_server_that_speaks_no_tls_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        cluster = kube.connect("prod-eu", kubeconfig(tmp_path, url, certificate(tmp_path).file), None, limit=SHORT)
        threads.submit(_answer_in_plain_http, server)

        with pytest.raises(Refused, match="no TLS with it"):
            cluster.deleting()


def _answer_in_plain_http(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(1 << 12)


def test_a_server_that_never_finishes_the_handshake_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        cluster = kube.connect("prod-eu", kubeconfig(tmp_path, url, certificate(tmp_path).file), None, limit=SHORT)

        with pytest.raises((TimedOut, Unreachable), match=url):
            cluster.deleting()


def test_a_kubeconfig_may_give_up_the_check_of_the_certificate(tmp_path: Path) -> None:
    fake = one_stuck_pod()
    with serving(tmp_path, fake):
        ca: Object = {"insecure-skip-tls-verify": True}
        file = kubeconfig(tmp_path, fake.url, _ca(tmp_path), **ca)

        assert kube.connect("prod-eu", file, None).deleting().total == 4


def test_a_proxy_of_the_kubeconfig_is_used_and_named_when_it_is_away(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        proxy: Object = {"proxy-url": f"http://127.0.0.1:{held.getsockname()[1]}"}
        file = kubeconfig(tmp_path, "https://127.0.0.1:1", certificate(tmp_path).file, **proxy)

        with pytest.raises(Unreachable, match="proxy"):
            kube.connect("prod-eu", file, None).deleting()


def test_a_proxy_of_the_environment_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fake = one_stuck_pod()

    with serving(tmp_path, fake) as cluster:
        assert cluster.deleting().total == 4


def _ca(folder: Path) -> Path:
    return next(folder.glob("127*.pem"))
