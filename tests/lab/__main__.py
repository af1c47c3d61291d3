"""`python -m tests.lab [stacks]`: the cluster in the foreground until it is interrupted, to try things on."""

import signal
import sys

from tests.lab.cluster import Lab, installed

ENDS = {signal.SIGINT, signal.SIGTERM}

with Lab(installed(), stacks="stacks" in sys.argv) as lab:
    say = sys.stdout.write
    say(f"up in {lab.took:.0f} s\nKUBECONFIG={lab.admin}\n")
    for node in lab.nodes:
        say(f"{node.name}: ssh port {node.port}, nsenter --target {node.init} --mount --pid --uts --ipc\n")
    say(f"key {lab.node1.key}, known hosts {lab.known_hosts}. Ctrl-C ends it.\n")
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # else they end it at once, without a clean-up
    signal.sigwait(ENDS)
