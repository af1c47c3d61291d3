"""What each node of the lab runs: which runtime, of which Debian, and how its daemons are restarted there."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A runtime and where its programs are from: `suite` names another Debian, made by `install stacks`."""

    node: str
    docker: bool
    suite: str = ""
    lost: str = "STOPPED"  # what ctr says of a task whose exit dockerd missed; nothing where containerd forgot it


HOME = (Stack(node="node1", docker=True), Stack(node="node2", docker=False))
JOINING = {
    "bullseye": Stack(node="node3", docker=True, suite="bullseye"),  # docker 20.10.5, containerd 1.4.13
    "trixie": Stack(node="node4", docker=True, suite="trixie", lost=""),  # docker 26.1.5, containerd 1.7.24
}
NODES = tuple(stack.node for stack in (*HOME, *JOINING.values()))

SCRIPT = """#!/bin/sh
# {name} of this node. Only {program} itself is told to end: what it started lives on if it can do without it.
set -eu
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin

running() {{ start-stop-daemon --status --exec {program}; }}

start() {{
  running && return
  setsid --fork sh "$0" run </dev/null >/dev/null 2>&1
  for _ in $(seq 50); do
    running && return
    sleep 0.1
  done
  return 1
}}

stop() {{ # one that is stopped hears TERM only once it is continued; one that does not end is killed after 15 s
  start-stop-daemon --stop --quiet --oknodo --signal CONT --exec {program}
  start-stop-daemon --stop --quiet --oknodo --retry TERM/15/KILL/5 --exec {program}
}}

case ${{1-}} in
  start) start ;;
  stop) stop ;;
  restart) stop && start ;;
  status) running ;;
  run) cd / && env -i PATH="$PATH" HOME=/root LC_ALL=C {words} 2>&1 | logger --socket /run/log.sock -t {daemon} ;;
  *)
    echo "usage: $0 start|stop|restart|status" >&2
    exit 2
    ;;
esac
"""


def service(name: str, argv: Sequence[str]) -> str:
    """The /etc/init.d/NAME that runs this daemon, as a host without systemd has it; what it says goes to its syslog."""
    program = shlex.quote(argv[0])
    return SCRIPT.format(name=name, program=program, daemon=Path(argv[0]).name, words=shlex.join(argv))
