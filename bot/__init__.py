"""`terminating`: finds pods stuck in Terminating, proves why on the node, offers the least destructive repair."""
