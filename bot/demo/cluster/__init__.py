"""
A Kubernetes API over HTTPS that answers what the bot asks as kube-apiserver 1.20 does, and what moves behind it.

The rules are those of the real one, each with its source beside it, and the same contract runs against both. What is
not imitated is answered with 501 and says so; nothing is made up. Kubelets and controllers act on the same objects.
"""

from bot.demo.cluster.cluster import Cluster

__all__ = ["Cluster"]
