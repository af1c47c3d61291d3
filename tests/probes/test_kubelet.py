import pytest

from tests.probes.saying import ID, LATE, OTHER_UID, UID, Said, ended, heard, of_node, of_pod

E = "E1123 20:27:09.005747   22002 any_file.go:1] "
ID_SAID = f'containerID="{ID}"'
LATE_RPC = "rpc error: code = Unknown desc = operation timeout: context deadline exceeded"


def pod(*messages: str) -> dict[str, object]:
    return {**of_pod({"kubelet.log": "".join(f"{message}\n" for message in messages)})}


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ("stop_timeouts", f'StopContainer "{ID}" from runtime service failed: {LATE_RPC}'),
        ("stop_timeouts", f'"StopContainer from runtime service failed" err="code = DeadlineExceeded" {ID_SAID}'),
        (
            "stop_timeouts",
            f'"StopPodSandbox from runtime service failed" err="context deadline exceeded" podSandboxID="{ID}"',
        ),
        ("termination_failures", f'Container "docker://{ID}" termination failed with gracePeriod 30: x'),
        (
            "termination_failures",
            f'"Container termination failed with gracePeriod" err="x" containerID="containerd://{ID}"',
        ),
        (
            "termination_failures",
            f'killContainer "app"(id={{"docker" "{ID}"}}) for pod "zookeeper0-0_prod({UID})" failed: x',
        ),
        ("termination_failures", f'"Kill container failed" err="x" containerID={{"Type":"containerd","ID":"{ID}"}}'),
        (
            "termination_failures",
            f'Error syncing pod {UID} ("a"), skipping: failed to "KillContainer" with KillContainerError: "x"',
        ),
        ("termination_failures", '"Error syncing pod, skipping" err="CRI violation: [x]" pod="prod/zookeeper0-0"'),
        ("termination_failures", f'error killing pod: failed to "KillPodSandbox" for "{UID}"'),
        ("no_ref", f'No ref for container "docker://{ID}" (zookeeper0-0_prod({UID}):app)'),
        (
            "unmount_errors",
            f'Operation for "\\"kubernetes.io/secret/{UID}\\"" failed. Error: "UnmountVolume.TearDown failed"',
        ),
        ("unmount_errors", f'"Orphaned pod found, but volumes are not cleaned up" podUID="{UID}"'),
        ("cni_errors", f'StopPodSandbox "{ID}" from runtime service failed: networkPlugin cni failed to teardown pod'),
        (
            "cni_errors",
            f'"StopPodSandbox from runtime service failed" err="failed to destroy network for sandbox" x="{ID}"',
        ),
        ("cni_errors", f'"Error deleting pod prod/x {UID} from network cbr0"'),
    ],
)
def test_a_line_counts_by_its_message_old_and_new(fact: str, message: str) -> None:
    found = pod(E + message)

    assert found[f"kubelet.{fact}"] == 1


@pytest.mark.parametrize(
    "prefix", ["", "Nov 23 20:27:09 node0 kubelet[22002]: ", "2026-11-23T20:27:09+0000 node0 kubelet[1]:\t"]
)
def test_what_rsyslog_or_the_journal_put_before_a_line_does_not_matter(prefix: str) -> None:
    assert pod(f'{prefix}{E}No ref for container "docker://{ID}"')["kubelet.no_ref"] == 1


def test_one_failed_try_that_writes_three_lines_counts_once() -> None:
    tried = (
        f'{E}Container "docker://{ID}" termination failed with gracePeriod 30: x',
        f'{E}killContainer "app"(id={{"docker" "{ID}"}}) for pod "zookeeper0-0_prod({UID})" failed: x',
        f'{E}Error syncing pod {UID}, skipping: failed with KillContainerError: "x"',
    )

    assert pod(*tried)["kubelet.termination_failures"] == 1


def test_another_failure_than_a_time_out_is_no_time_out() -> None:
    assert pod(f'{E}StopContainer "{ID}" from runtime service failed: connection refused')["kubelet.stop_timeouts"] == 0


@pytest.mark.parametrize(
    "message",
    [
        f'"Probe failed" output="StopContainer \\"{ID}\\" from runtime service failed: {LATE_RPC}"',
        f'StopContainer "{"a" * 64}" from runtime service failed: {LATE_RPC}',
        f'"StopContainer from runtime service failed" err="{LATE_RPC}" pod="prod/zookeeper0-0" podUID="{OTHER_UID}"',
    ],
)
def test_a_line_that_only_quotes_an_error_or_is_about_another_pod_does_not_count(message: str) -> None:
    assert pod(E + message)["kubelet.stop_timeouts"] == 0


def test_the_newest_error_is_told_whatever_the_order_and_year() -> None:
    found = pod(
        f"E1231 23:59:59.000000   1 a.go:1] last year {UID}",
        f"E1123 20:27:09.000000   1 a.go:1] \x1b[31mnewest\u202e {UID}",
        f"E1101 20:27:09.000000   1 a.go:1] before {UID}",
        f"I1123 20:59:59.000000   1 a.go:1] no error {UID}",
        f"E0230 20:59:59.000000   1 a.go:1] no such day {UID}",
        "the rest of a message",
    )

    assert found["kubelet.last_error"] == f"newest {UID}"


def test_without_errors_there_is_no_last_one() -> None:
    assert (
        pod(f"I1123 20:27:09.000000   1 a.go:1] {UID}")["kubelet.last_error"]
        == "? the kubelet's log has no error about this pod"
    )


@pytest.mark.parametrize(
    "message",
    [
        "skipping pod synchronization - [PLEG is not healthy: pleg was last seen active 3m4s ago; threshold is 3m0s]",
        '"Skipping pod synchronization" err="PLEG is not healthy: pleg was last seen active 3m4s ago"',
    ],
)
def test_an_unhealthy_pleg_is_the_nodes(message: str) -> None:
    assert of_node({"kubelet.log": E + message})["kubelet.pleg_unhealthy"] == 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("# source journal\n", 0),
        ("", 0),
        (
            ended(1, "no journal, /var/log/messages or /var/log/syslog here"),
            "? the kubelet's log failed: no journal, /var/log/messages or /var/log/syslog here",
        ),
        (LATE, "? the kubelet's log did not answer in 8 s"),
        (f"# source journal\nlevel=error msg={UID}\n", "? the kubelet's log has another format than klog's"),
        (ended(124, out=f'{E}No ref for container "docker://{ID}"'), 1),
    ],
)
def test_nothing_found_is_zero_only_in_a_log_that_was_read(said: Said, expected: object) -> None:
    assert of_pod({"kubelet.log": said})["kubelet.no_ref"] == expected


def test_the_source_is_named_as_one_would_type_it() -> None:
    said = heard({"kubelet.log": "# source journal /var/log/messages /var/log/messages.1\n"})

    assert said.pods[UID]["kubelet.no_ref"].source == "journalctl -u kubelet, /var/log/messages, /var/log/messages.1"
