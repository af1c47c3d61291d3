"""The node itself: who it is, what its clock and its disks say, and what is still mounted for a pod."""

import re
from collections.abc import Mapping

from bot.core.facts import Fact, Known, Unknown
from bot.core.hostile import plain
from bot.probes.reading import OUTPUT_CAP, lines, number, trouble
from bot.probes.visit import NODE, Answer, Findings, Visit

IDENTITY = ("node.boot_id", "node.machine_id", "node.kernel", "node.clock_offset_s")
DISK = ("node.disk_full", "node.disk", "node.inodes_full")
UNITS = ("containerd.kill_mode",)
MOUNTS = ("mounts.left",)

FULL = 98  # percent

_BOOT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
_KILL_MODES = ("control-group", "mixed", "process", "none")  # systemd.kill(5)
_EPOCH_MAX = 253402300799  # the last second of the year 9999
_USED = re.compile(r"\S.*\s(\d{1,3})%\s+(/.*)")


def identity(visit: Visit) -> Findings:
    frame = visit.frame("node")
    values = said(visit)
    wrong = trouble(frame, "the node program")
    epoch = number(values.get("epoch", ""), _EPOCH_MAX)
    for name, value in (
        ("boot_id", _matching(_BOOT_ID, values.get("boot_id", ""))),
        ("machine_id", _matching(_MACHINE_ID, values.get("machine_id", ""))),
        ("kernel", plain(values.get("kernel", ""), 80)),
    ):
        answer: Answer = Known(value) if value else Unknown(wrong or f"the node did not tell its {name}")
        yield NODE, Fact(f"node.{name}", answer, _SOURCES[name])
    offset: Answer = Unknown(wrong or "the node did not tell its time")
    if epoch is not None:
        offset = Known(epoch - int(visit.now.timestamp()))
    yield NODE, Fact("node.clock_offset_s", offset, "date +%s")


def disk(visit: Visit) -> Findings:
    frame = visit.frame("disk")
    wrong = trouble(frame, "df")
    text = lines(frame.out)
    middle = text.index("--") if "--" in text else len(text)
    blocks, inodes = _used(text[:middle]), _used(text[middle + 1 :])
    most = max(blocks, default=None, key=lambda place: blocks[place])
    yield NODE, Fact("node.disk_full", _full(blocks, wrong, read=bool(blocks)), "df -P")
    fullest: Answer = Unknown(wrong or "df named no filesystem")
    if most is not None:
        fullest = Known(f"{most} {blocks[most]} %")
    yield NODE, Fact("node.disk", fullest, "df -P")
    # btrfs and others have no inodes to run out of: df writes "-" for them.
    yield NODE, Fact("node.inodes_full", _full(inodes, wrong, read=len(text) > middle + 1), "df -P -i")


def units(visit: Visit) -> Findings:
    frame = visit.frame("units")
    unit = unit_of(visit, "containerd.service")
    mode = unit.get("KillMode", "")
    if unit.get("ActiveState") == "active" and mode in _KILL_MODES:
        answer: Answer = Known(mode)
    else:
        answer = Unknown(
            trouble(frame, "systemctl show containerd") or "containerd runs under no systemd unit of its own"
        )
    yield NODE, Fact("containerd.kill_mode", answer, "systemctl show containerd -p KillMode")


def mounts(visit: Visit) -> Findings:
    frame = visit.frame("mounts")
    wrong = trouble(frame, "/proc/1/mountinfo")
    if len(frame.out) >= OUTPUT_CAP:
        wrong = wrong or "the list of mounts was cut"
    for asked in visit.question.pods:
        left = sum(1 for line in lines(frame.out) if asked.uid in line)
        answer = Known(left) if left or not wrong else Unknown(wrong)
        yield asked.uid, Fact("mounts.left", answer, "/proc/1/mountinfo")


def said(visit: Visit) -> Mapping[str, str]:
    """The lines `key=value` of the node about itself."""
    pairs = (line.partition("=") for line in lines(visit.frame("node").out))
    return {key: value.strip() for key, _, value in pairs}


def unit_of(visit: Visit, name: str) -> Mapping[str, str]:
    """One systemd unit's properties; empty when systemctl did not name it."""
    block: dict[str, str] = {}
    for line in [*lines(visit.frame("units").out), ""]:
        key, _, value = line.partition("=")
        if key:
            block[key] = value.strip()
        elif block.get("Id") == name:
            return block
        else:
            block = {}
    return {}


def _used(text: list[str]) -> dict[str, int]:
    """Percent used by mount point; a line that df wrote otherwise is passed over."""
    found = (_USED.fullmatch(line) for line in text)
    return {plain(match[2], 120): int(match[1]) for match in found if match}


def _full(used: Mapping[str, int], wrong: str, *, read: bool) -> Answer:
    """One that is full is so for certain; that none is takes a df that ended well."""
    if any(percent >= FULL for percent in used.values()):
        return Known(True)
    return Known(False) if read and not wrong else Unknown(wrong or "df named no filesystem")


def _matching(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""


_SOURCES = {"boot_id": "/proc/sys/kernel/random/boot_id", "machine_id": "/etc/machine-id", "kernel": "uname -r"}
