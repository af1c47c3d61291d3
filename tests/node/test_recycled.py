"""The last look before a kill: a pid that has a new owner is never signalled, and how long the owner has for it."""

import shutil
import subprocess
import time

import pytest

from tests.node.acting import Site, stat
from tests.node.imitation import PROGRAM

ROUNDS = 500
# In a namespace of its own a pid can be given out anew at will.
RECYCLE = """
pid=$((($$ + 100)))
owner() {{ # a process that has this pid
  while :; do
    echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
    sleep 97 &
    [ $! != "$pid" ] || return 0
    kill -KILL $!
  done
}}
owner
started $pid && planned=$ticks
kill -KILL $pid
wait $pid 2>/dev/null
sleep 0.1
hits=0 rounds=0
while [ $((rounds += 1)) -le {rounds} ]; do
  owner
  signal KILL $pid $planned && hits=$((hits + 1))
  kill -0 $pid || hits=$((hits + 1))
  kill -KILL $pid
  wait $pid 2>/dev/null
done
owner
started $pid && signal KILL $pid $ticks && wait $pid 2>/dev/null
echo "hits $hits, the true one ended with $?"
"""


def functions() -> str:
    """The program without its last statement."""
    text = PROGRAM.read_text()
    return text[: text.rindex("case ${1-} in")]


def test_a_recycled_pid_is_not_signalled(any_site: Site) -> None:
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("no namespace of pids can be made here")
    script = any_site.node.file("recycle", functions() + RECYCLE.format(rounds=ROUNDS))

    ran = subprocess.run(
        [*unshare, *any_site.node.shell, script],
        env=any_site.node.variables() | {"TERMINATING_ROOT": ""},
        capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip

    assert ran.stdout.splitlines()[-1] == "hits 0, the true one ended with 137", ran.stderr[-2000:]


def test_the_window_between_the_last_look_and_the_kill(any_site: Site) -> None:
    """Printed with -s. The whole of `signal`, the look included: an upper bound."""
    pid, rounds = any_site.process("containerd-shim"), 2_000
    loop = f"n={rounds}; while [ $((n -= 1)) -ge 0 ]; do signal 0 {pid} {stat(pid)[1]} || exit 1; done"
    script = any_site.node.file("window", f"{functions()}{loop}\n")
    empty = any_site.node.file("empty", f"{functions()}{loop.replace('signal', ':')}\n")

    took = []
    for each in (script, empty):
        began = time.monotonic()
        subprocess.run([*any_site.node.shell, each], check=True, env=any_site.node.variables())
        took.append(time.monotonic() - began)

    print(f"\n{shutil.which(any_site.node.shell[0])}: {(took[0] - took[1]) / rounds * 1e6:.0f} us")
