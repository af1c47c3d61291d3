"""The kubelet's log, wherever it is: read from its end, within bounds, and only its lines."""

import gzip
import os

import pytest

from tests.node.imitation import CONTAINER, DATA, HANG, POD, Node

LINES = [
    f"Nov 23 20:2{number}:53 node0 kubelet: {line}"
    for number, line in enumerate((DATA / "kubelet-log.txt").read_text().splitlines()[1:])
    if POD in line or CONTAINER in line
][:6]
FOREIGN = "Nov 23 20:30:00 node0 dockerd: failed to get event " + "x" * 90 + "\n"


def text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def told(node: Node, *ids: str) -> tuple[str, str]:
    """The line that names the sources, and the rest."""
    first, _, rest = node.run("probe", "docker", "9", *ids).frames["kubelet.log"].out.decode().partition("\n")
    return first, rest


@pytest.fixture(autouse=True)
def _enough() -> None:
    assert len(LINES) == 6


def test_only_the_kubelets_lines_about_the_wanted_come_in_their_order(node: Node) -> None:
    pleg = (
        "Nov 23 20:31:00 node0 kubelet: E1123 skipping pod synchronization - [PLEG is not healthy: pleg was last seen]"
    )
    dockerd = f"Nov 23 20:30:00 node0 dockerd: Container {CONTAINER} failed to exit within 30 seconds\n"
    other = "Nov 23 20:30:00 node0 kubelet: I1123 of another pod\n"
    node.file("var/log/messages", text(LINES[:3]) + dockerd + other + text(LINES[3:]) + pleg + "\n")

    assert told(node, POD, CONTAINER) == ("# source /var/log/messages", text([*LINES, pleg]))


def test_a_flood_of_foreign_lines_after_them_does_not_hide_them(one_node: Node) -> None:
    one_node.file("var/log/messages", text(LINES) + FOREIGN * 375_000)

    assert told(one_node, POD, CONTAINER)[1] == text(LINES)


def test_rotated_files_are_read_oldest_first_packed_ones_too(node: Node) -> None:
    files: dict[str, str | bytes] = {
        "messages": text(LINES[4:]),
        "messages-20261122": text(LINES[2:4]),
        "messages-20261121.gz": gzip.compress(text(LINES[:2]).encode()),
        "messages-20261120.xz": b"not read",
        "messages.offset": text(LINES),
    }
    for age, (name, content) in enumerate(files.items()):
        path = node.file(f"var/log/{name}", content)
        os.utime(path, (1795460000 - age, 1795460000 - age))

    source, lines = told(node, POD, CONTAINER)

    assert source == "# source /var/log/messages /var/log/messages-20261122 /var/log/messages-20261121.gz"
    assert lines == text(LINES)


def test_a_log_with_a_nul_in_it_is_read_to_its_end(node: Node) -> None:
    node.file("var/log/syslog", text(LINES[:3]) + "\0\0\0\n" + text(LINES[3:]))

    assert told(node, POD, CONTAINER) == ("# source /var/log/syslog", text(LINES))


def test_the_journal_comes_first_and_is_put_back_in_order(node: Node) -> None:
    newest_first = node.file("journal", text(LINES[::-1]))
    node.tool("journalctl", f"cat {newest_first}\n")
    node.file("var/log/journal/x", "")
    node.file("var/log/messages", text(LINES))

    assert told(node, POD, CONTAINER) == ("# source journal", text(LINES))


def test_a_hung_journal_leaves_time_for_the_files(one_node: Node) -> None:
    one_node.tool("journalctl", HANG)
    one_node.file("var/log/journal/x", "")
    one_node.file("var/log/messages", text(LINES))

    frame = one_node.run("probe", "docker", "2", POD, CONTAINER).frames["kubelet.log"]

    assert (frame.exit_code, frame.out.decode()) == (0, "# source journal /var/log/messages\n" + text(LINES))


def test_without_any_log_that_is_told(one_node: Node) -> None:
    frame = one_node.run("probe", "docker", "9", POD).frames["kubelet.log"]

    assert (frame.exit_code, frame.out) == (1, b"")
    assert frame.err.startswith(b"no journal")


def test_of_too_many_lines_the_newest_are_kept(one_node: Node) -> None:
    many = [f"Nov 23 20:00:00 node0 kubelet: E1123 {number} {POD} {'x' * 200}" for number in range(5_000)]
    one_node.file("var/log/messages", text(many))

    source, lines = told(one_node, POD)

    assert len(source) + 1 + len(lines) <= 512 * 1024
    assert lines.endswith(text(many[-1_800:]))
