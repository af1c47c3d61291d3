"""
A node that is not one: an SSH server over which the node program itself runs, in a root folder of its own.

What docker, containerd and the kernel say there are the words of docker 18.09.9 and containerd 1.2.6, as they were
recorded; they change as those did. Shims and dockerd are processes of this machine that do nothing and end with the
node. It needs no root, listens on 127.0.0.1 only, and leaves nothing behind.
"""

from bot.demo.node.absent import Absent
from bot.demo.node.login import Login
from bot.demo.node.machine import Node
from bot.demo.node.stack import Container, Sandboxed

__all__ = ["Absent", "Container", "Login", "Node", "Sandboxed"]
