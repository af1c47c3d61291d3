"""
The nouns and every decision; standard library only, no clock, no I/O.

Code belongs here if it could be judged on a train: values in, an answer out. One word, one thing:

deadline    `metadata.deletionTimestamp`; it already contains the grace period
overdue     now - deadline; a pod is stuck when it is overdue by more than the configured time
hold        where pods are held: a node, a finalizer once the node has let go, or a node that is no more
probe       one read-only question to a node or the API; its parser is pure
fact        a named, typed answer with its source, or unknown with the reason
cause       a playbook file: which facts must hold, what that means, which repairs help
verdict     the cause (or none), its evidence, what was ruled out by which fact, what could not be asked
repair      one verb of the closed catalogue
"""
