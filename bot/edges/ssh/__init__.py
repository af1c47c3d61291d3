"""
Nodes, asked by SSH: one kept connection per node, one exec per ask, one wall deadline over all of it.

A host key is pinned or refused. What a node sends is counted as it comes, capped, and cleaned before anyone sees it.
The one door to paramiko; nothing here knows what the words or the answer mean.
"""

from bot.edges.ssh.config import from_openssh_config
from bot.edges.ssh.pool import Pool
from bot.edges.ssh.targets import Target

__all__ = ["Pool", "Target", "from_openssh_config"]
