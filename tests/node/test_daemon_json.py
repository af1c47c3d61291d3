"""docker.restart with `switch`: live-restore put into daemon.json, or the file as it was."""

import json
from pathlib import Path

import pytest

from tests.node.acting import OP, Record, Site
from tests.node.test_restarts import RELOADS, by_script, daemon, docker

FORMS = (
    "{}",
    "{ }\n",
    "{\n}\n",
    '{"log-level":"info"}',
    '{"log-level": "info", "live-restore": false}\n',
    '{"live-restore":false}',
    '{\n  "live-restore" : false ,\n  "debug": true\n}\n',
    '{\n    "log-opts": {\n        "max-size": "10m"\n    },\n    "hosts": ["fd://"]\n}\n',
    '{\r\n  "debug": true\r\n}\r\n',
    '{\r\n  "live-restore": false,\r\n  "debug": true\r\n}\r\n',
    '  {"debug": true}  \n\n',
    '{"labels": ["a}b{\\"[", "\\\\"], "live-restore": false}',
    '{"log-opts": {"a": {"b": [[], {}]}}, "live-restore": false, "debug": true}',
    '{"labels": ["größe=1"]}',
)
UNFIT = (
    "",
    "\n",
    "[]",
    "null",
    '{"debug": true',
    '\ufeff{"debug": true}',
    '// a comment\n{"debug": true}',
    '{"labels": ["\\"live-restore\\": false, "]}',
    '{"labels": ["live-restore"]}',
    '{"log-opts": {"live-restore": false}}',
    '{"runtimes": [{"live-restore": false}]}',
    '{"live-restore": "false"}',
    '{"live-restore": null}',
    '{"live-restore": false, "live-restore": false}',
    '{"Live-Restore": false}',
    '{"debug": true}\0',
    '{"x": "' + "y" * 20_000 + '"}',
)


def switched(site: Site, form: str | None) -> tuple[Record, Path]:
    docker(site, live="false")
    by_script(site, "docker", "dockerd")
    path = site.root / "etc/docker/daemon.json"
    if form is not None:
        site.node.file("etc/docker/daemon.json", form.encode())
        path.chmod(0o640)
    return site.do("docker.restart", "switch", 0), path


@pytest.mark.parametrize("form", FORMS)
def test_live_restore_is_put_into_a_daemon_json(site: Site, form: str) -> None:
    done, path = switched(site, form)
    site.successor("dockerd")

    assert done.result == "done"
    assert done.said[1] == "live-restore switched on in /etc/docker/daemon.json"
    assert json.loads(path.read_bytes()) == json.loads(form) | {"live-restore": True}
    assert path.read_bytes().count(b"\r") in {form.count("\r"), form.count("\r") + 1}
    assert path.stat().st_mode & 0o777 == 0o640
    assert (site.ledger / f"daemon.json.{OP}").read_bytes() == form.encode()
    assert [file.name for file in path.parent.iterdir()] == ["daemon.json"]


def test_where_there_is_no_daemon_json_one_is_made(any_site: Site) -> None:
    done, path = switched(any_site, None)
    any_site.successor("dockerd")

    assert (done.result, json.loads(path.read_text())) == ("done", {"live-restore": True})
    assert path.stat().st_mode & 0o777 == 0o644


def test_one_that_says_so_already_is_only_read_again(site: Site) -> None:
    form = '{"live-restore":  true}'
    done, path = switched(site, form)
    site.successor("dockerd")

    assert (done.result, path.read_text()) == ("done", form)


@pytest.mark.parametrize("form", UNFIT)
def test_one_that_cannot_safely_be_edited_is_left_alone(site: Site, form: str) -> None:
    done, path = switched(site, form)

    assert (done.result, done.why.partition(":")[0]) == ("refused", "/etc/docker/daemon.json")
    assert path.read_bytes() == form.encode()
    assert site.acts == []


def test_a_link_is_left_alone(site: Site) -> None:
    site.node.file("managed.json", "{}")
    (site.root / "etc/docker").mkdir(parents=True)
    (site.root / "etc/docker/daemon.json").symlink_to(site.root / "managed.json")

    done, path = switched(site, None)

    assert (done.result, path.is_symlink(), path.read_text()) == ("refused", True, "{}")


@pytest.mark.parametrize("form", ['{"debug": true}\n', None])
def test_if_dockerd_does_not_take_it_the_old_one_is_put_back(any_site: Site, form: str | None) -> None:
    docker(any_site, live="false")
    any_site.running[-1].kill()
    any_site.impatient()
    reloads = any_site.node.folder / "reloads"
    old = daemon(any_site, "dockerd", f"trap 'echo >>{reloads}' HUP\nwhile :; do read -r forever; done")
    by_script(any_site, "docker", "dockerd")
    path = any_site.root / "etc/docker/daemon.json"
    if form is not None:
        any_site.node.file("etc/docker/daemon.json", form)

    done = any_site.do("docker.restart", "switch", 0)

    assert (done.result, done.why) == (
        "refused",
        "dockerd did not take live-restore from /etc/docker/daemon.json within 10 s; the file is as it was",
    )
    assert (path.read_text() if path.exists() else None) == form
    any_site.node.until(lambda: reloads.read_text() == "\n\n")
    assert any_site.acts == []
    assert any_site.alive(old)


def test_a_dockerd_that_dies_of_it_is_a_failure(site: Site) -> None:
    docker(site, live="false")
    site.running[-1].kill()
    site.impatient()
    daemon(site, "dockerd")
    by_script(site, "docker", "dockerd")

    done = site.do("docker.restart", "switch", 0)

    assert (done.result, done.why) == (
        "failed",
        "dockerd ended when it was to read /etc/docker/daemon.json again, which is as it was",
    )
    assert site.acts == []


def test_the_file_that_dockerd_was_started_with_is_the_one(site: Site) -> None:
    json_file, said = site.node.file("etc/other.json", "{}"), site.node.file("live", "false\n")
    docker(site, live="false")
    site.running[-1].kill()
    daemon(site, "dockerd", RELOADS.format(json=json_file, live=said), "--config-file", "/etc/other.json")
    by_script(site, "docker", "dockerd")

    done = site.do("docker.restart", "switch", 0)
    site.successor("dockerd")

    assert (done.result, json_file.read_text()) == ("done", '{"live-restore": true}\n')
