"""A workspace, a cluster and its nodes on this machine, each at its real wire: what `terminating demo` runs on."""
