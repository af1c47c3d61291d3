"""
A real cluster on this machine: the control plane, node1 with dockerd, node2 with containerd through CRI.

Other docker versions join as nodes when they are asked for (see `stacks`).
Each node is a machine of its own (see `machines`), reached by its own sshd on a port of the loopback address.
"""

import fcntl
import json
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bot.core.accounts import MADE
from tests.lab.machines import CLEAN, LabError, Machine, eventually, make_cgroups, remove_cgroups, thaw
from tests.lab.stacks import HOME, JOINING, NODES, Stack, service

HERE = Path(__file__).parent
PREFIX = "terminating-lab-"
TOKEN = "lab-admin-token"  # noqa: S105  # of a server that lives for minutes, on loopback
IMAGE, PAUSE = "docker.io/lab/busybox:1", "k8s.gcr.io/pause:3.2"

RUNC = """#!/bin/sh
# First on dockerd's PATH, and not a runtime of its own: a reload of docker 26 forgets a --default-runtime.
# Without CAP_SYS_RESOURCE a negative OOM score, which the kubelet gives a sandbox, makes runc die: clamp it to 0.
bundle= before=
for word; do
  [ "$before" = --bundle ] && bundle=$word
  before=$word
done
if [ -n "$bundle" ] && [ -f "$bundle/config.json" ]; then
  jq -c 'if (.process.oomScoreAdj // 0) < 0 then .process.oomScoreAdj = 0 else . end' "$bundle/config.json" \\
    >"$bundle/config.json.lab" && mv "$bundle/config.json.lab" "$bundle/config.json"
fi
exec /usr/sbin/runc "$@"
"""
DOCKERD = ("/usr/sbin/dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false")
CONTAINERD = """version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "k8s.gcr.io/pause:3.2"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
"""
LOOPBACK = {"cniVersion": "0.4.0", "name": "lo", "plugins": [{"type": "loopback"}]}
RSYSLOG = """module(load="imuxsock" SysSock.Name="/run/log.sock" SysSock.RateLimit.Interval="0")
$MaxMessageSize 64k
*.* action(type="omfile" file="/var/log/messages" template="RSYSLOG_TraditionalFileFormat")
"""
SSHD = """ListenAddress 127.0.0.1
Port {port}
HostKey /run/ssh_host_ed25519_key
PidFile /run/sshd.pid
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers terminating
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Node(Machine):
    """A machine with a kubelet and an sshd."""

    def __init__(self, stack: Stack, lab: "Lab", tree: Path | None = None) -> None:
        make_cgroups(f"lab-{stack.node}")
        super().__init__(stack.node, lab.folder / stack.node, tree, (lab.folder, lab.binaries))
        self._lab, self.stack = lab, stack
        self.port = free_port()
        self.key = lab.folder / "id_ed25519"
        self._ports = (free_port(), free_port())
        (self.folder / "run/rsyslog.conf").write_text(RSYSLOG)
        self.start(["rsyslogd", "-n", "-f", "/run/rsyslog.conf", "-i", "/run/rsyslog.pid"], log="/var/log/rsyslogd")
        eventually(f"the log of {self.name}", (self.folder / "run/log.sock").exists, 10)
        self._sshd()
        self._services()

    @property
    def docker(self) -> bool:
        return self.stack.docker

    @property
    def known_host(self) -> str:
        key = (self.folder / "run/ssh_host_ed25519_key.pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {key[0]} {key[1]}"

    def _sshd(self) -> None:
        self.run("ssh-keygen -q -t ed25519 -N '' -f /run/ssh_host_ed25519_key")
        (self.folder / "run/sshd.conf").write_text(SSHD.format(port=self.port))
        self.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/run/sshd.conf"])

    def set_up(self, script: str) -> None:
        """Runs what `terminating node-setup` prints, as root on the node."""
        self.run("sh -s", given=script.encode())

    def _services(self) -> None:
        """The daemons that a person restarts there, as scripts; and what they need in files."""
        self._executable("etc/init.d/kubelet", service("kubelet", self._kubelet()))
        if self.docker:
            self._executable("usr/local/sbin/runc", RUNC)
            self._executable("etc/init.d/docker", service("docker", DOCKERD))
            return
        (self.folder / "run/containerd.toml").write_text(CONTAINERD)
        (self.folder / "etc/cni/net.d").mkdir()
        (self.folder / "etc/cni/net.d/10-lo.conflist").write_text(json.dumps(LOOPBACK))

    def _executable(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)
        (self.folder / path).chmod(0o755)

    def start_runtime(self) -> None:
        if self.docker:
            self.start_docker()
        else:
            self.start_containerd()

    def start_docker(self) -> None:
        self.run("/etc/init.d/docker start")
        eventually("dockerd", lambda: "Server" in self.run("/usr/bin/docker version", check=False, within=5))

    def start_containerd(self) -> None:
        self.start(["/usr/bin/containerd", "--config", "/run/containerd.toml"])
        eventually("containerd", lambda: self.run("ctr version", check=False, within=5))

    def start_kubelet(self) -> None:
        self.run("/etc/init.d/kubelet start")

    def _kubelet(self) -> list[str]:
        runtime = ["--container-runtime=docker"]
        if not self.docker:
            runtime = [
                "--container-runtime=remote",
                "--container-runtime-endpoint=unix:///run/containerd/containerd.sock",
            ]
        return [
            f"{self._lab.binaries}/kubelet", f"--kubeconfig={self._lab.admin}", f"--hostname-override={self.name}",
            "--cgroup-driver=cgroupfs", f"--cgroup-root=/lab-{self.name}", "--fail-swap-on=false", "--eviction-hard=",
            "--enforce-node-allocatable=", "--resolv-conf=", f"--pod-infra-container-image={PAUSE}",
            "--runtime-request-timeout=10s", f"--port={self._ports[0]}", f"--healthz-port={self._ports[1]}",
            "--read-only-port=0", "--address=127.0.0.1", *runtime,
        ]  # fmt: skip

    def ssh(self, command: str) -> "subprocess.CompletedProcess[bytes]":
        """What a person's own ssh gets there, as the bot's account."""
        return subprocess.run(
            ["ssh", "-F", "none", "-i", str(self.key), "-p", str(self.port), "-o", "BatchMode=yes",
             "-o", f"UserKnownHostsFile={self._lab.known_hosts}", "terminating@127.0.0.1", command],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
        )  # fmt: skip


class Lab:
    """Up when entered, gone when left; one at a time on a machine."""

    def __init__(self, binaries: Path, *, stacks: bool = False) -> None:
        """With `stacks` the nodes of the other Debians are there from the start."""
        self.binaries, self._stacks = binaries, stacks
        self._joined: dict[str, Node] = {}
        self._stack = ExitStack()
        self.took = 0.0

    def __enter__(self) -> Self:
        began = time.monotonic()
        try:
            self._claim()
            self._control()
            self._nodes()
            with ThreadPoolExecutor(2) as threads:
                list(threads.map(self.join, JOINING if self._stacks else ()))
        except BaseException:
            self._stack.close()
            raise
        self.took = time.monotonic() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _claim(self) -> None:
        """One lab at a time; what one that was killed left behind goes first."""
        lock = self._stack.enter_context(open("/run/lock/terminating-lab", "w"))  # noqa: PTH123, SIM115  # held for long
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another lab runs on this machine") from error
        if not Path("/sys/fs/cgroup/freezer").is_dir():
            raise LabError("this machine has no cgroup v1 freezer: boot with systemd.unified_cgroup_hierarchy=0")
        for node in NODES:
            thaw(f"lab-{node}")
            remove_cgroups(f"lab-{node}")
        for left in Path("/var/tmp").glob(f"{PREFIX}*"):  # noqa: S108  # the lock says that nobody uses them
            shutil.rmtree(left, ignore_errors=True)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/var/tmp"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        self.known_hosts = self.folder / "known_hosts"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "id_ed25519")], check=True
        )

    def _control(self) -> None:
        self.control = Machine("control", self.folder / "control")
        self._stack.callback(self.control.close)
        certs, etcd, peer, self.api_port = self.folder / "certs", free_port(), free_port(), free_port()
        certs.mkdir()
        (certs / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
        subprocess.run(["openssl", "genrsa", "-out", str(certs / "sa.key"), "2048"], check=True, capture_output=True)
        self.control.start(
            ["etcd", f"--data-dir={self.folder}/etcd", "--unsafe-no-fsync",
             f"--listen-client-urls=http://127.0.0.1:{etcd}", f"--advertise-client-urls=http://127.0.0.1:{etcd}",
             f"--listen-peer-urls=http://127.0.0.1:{peer}"], log="/var/log/etcd"
        )  # fmt: skip
        self.control.start(
            [f"{self.binaries}/kube-apiserver", f"--etcd-servers=http://127.0.0.1:{etcd}",
             f"--secure-port={self.api_port}", "--bind-address=127.0.0.1", f"--cert-dir={certs}",
             f"--token-auth-file={certs}/tokens.csv", f"--service-account-key-file={certs}/sa.key",
             f"--service-account-signing-key-file={certs}/sa.key", "--service-account-issuer=https://lab",
             "--authorization-mode=RBAC", "--allow-privileged=true", "--disable-admission-plugins=ServiceAccount"],
            log="/var/log/apiserver",
        )  # fmt: skip
        self.ca = certs / "apiserver.crt"
        self.admin = self.kubeconfig("admin", TOKEN)
        eventually("the API server", lambda: self.kubectl("get --raw /readyz", check=False) == "ok")
        self.control.start(
            [f"{self.binaries}/kube-controller-manager", f"--kubeconfig={self.admin}", "--port=0", "--secure-port=0",
             "--use-service-account-credentials=false", f"--service-account-private-key-file={certs}/sa.key",
             "--node-monitor-grace-period=16s", "--leader-elect=false"], log="/var/log/controller-manager"
        )  # fmt: skip

    def _nodes(self) -> None:
        # One account for both nodes, which share /etc/passwd; as the set-up script would make it, with a home per node.
        made = f"-c '{MADE}' -d /home/terminating terminating"
        account = f"id terminating >/dev/null 2>&1 && usermod {made} || useradd -M -p '*' -s /bin/sh {made}"
        subprocess.run(["sh", "-c", account], check=True, capture_output=True)
        self.node1, self.node2 = (self._node(stack) for stack in HOME)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(Node.start_runtime, (self.node1, self.node2)))
        self._images()
        for node in (self.node1, self.node2):
            node.start_kubelet()
        for node in (self.node1, self.node2):
            self.until_ready(node)

    def _node(self, stack: Stack, tree: Path | None = None) -> Node:
        node = Node(stack, self, tree)
        self._stack.callback(node.close)
        with self.known_hosts.open("a") as file:
            file.write(f"{node.known_host}\n")
        return node

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.node1, self.node2, *self._joined.values())

    def join(self, suite: str) -> Node:
        """The node whose docker is that of another Debian, `bullseye` or `trixie`; made when it is first asked for."""
        if suite not in self._joined:
            node = self._node(JOINING[suite], trees()[suite])
            node.start_docker()
            node.run(f"/usr/bin/docker load -i {self._archive}", within=120)
            node.start_kubelet()
            self.until_ready(node)
            self._joined[suite] = node
        return self._joined[suite]

    def _images(self) -> None:
        """One image of busybox, under the names of the pods' and of the sandbox's; carried over to containerd."""
        build = "mkdir -p /run/image/bin && cp /bin/busybox /run/image/bin/ && cd /run/image/bin && " + " && ".join(
            f"ln -sf busybox {name}" for name in ("sh", "sleep", "tail", "true", "cat", "dd")
        )
        self.node1.run(build)
        # Ends at SIGTERM as the real pause does: one that ignores it costs 10 s and a StopPodSandbox error each time.
        pause = """-c 'CMD ["/bin/sh", "-c", "trap \\"exit 0\\" TERM; sleep 10000000 & wait"]'"""
        for name in (IMAGE, PAUSE):
            self.node1.run(f"tar -C /run/image -c . | /usr/bin/docker import {pause} - {name}")
        self._archive = self.folder / "images.tar"
        self.node1.run(f"/usr/bin/docker save -o {self._archive} {IMAGE} {PAUSE}")
        self.node2.run(f"ctr -n k8s.io images import {self._archive}")

    def until_ready(self, node: Node, *, ready: bool = True) -> None:
        def is_ready() -> bool:
            answer = self.kubectl(f"get node {node.name} -o json", check=False)
            if not answer:
                return False
            conditions = json.loads(answer)["status"].get("conditions", [])
            return any(each["type"] == "Ready" and (each["status"] == "True") == ready for each in conditions)

        eventually(f"{node.name} to be {'' if ready else 'not '}Ready", is_ready, 90)

    def kubeconfig(self, name: str, token: str) -> Path:
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "lab",
                    "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": name}}],
                    "users": [{"name": name, "user": {"token": token}}],
                    "clusters": [
                        {
                            "name": "lab",
                            "cluster": {
                                "server": f"https://127.0.0.1:{self.api_port}",
                                "certificate-authority": str(self.ca),
                            },
                        }
                    ],
                }
            )
        )
        path.chmod(0o600)
        return path

    def kubectl(self, words: str, *, check: bool = True, given: str = "") -> str:
        done = subprocess.run(
            [f"{self.binaries}/kubectl", f"--kubeconfig={self.admin}", *shlex.split(words)],
            env=CLEAN, input=given, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise LabError(f"kubectl {words}: {done.stderr.strip()}")
        return done.stdout if done.returncode == 0 else ""

    def grant(self, manifest: str, namespace: str, name: str) -> Path:
        """Applies what `terminating rbac` prints; the kubeconfig of that service account, with those rights only."""
        self.kubectl("apply -f -", given=manifest)
        request = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
        where = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.kubectl(f"create --raw {where} -f -", given=request)
        return self.kubeconfig(name, json.loads(answer)["status"]["token"])

    def pod(self, name: str, node: Node, **more: Any) -> str:
        """A running busybox pod in the namespace default; its uid. `more` goes into its spec."""
        memory, command = more.pop("memory", None), more.pop("command", ["sleep", "100000"])
        finalizers, sidecar = more.pop("finalizers", []), more.pop("sidecar", False)
        limits = {"resources": {"limits": {"memory": memory}}} if memory else {}
        container = {"name": "app", "image": IMAGE, "imagePullPolicy": "Never", "command": command, **limits}
        beside = {"name": "sidecar", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "100000"]}
        spec = {
            "nodeName": node.name,
            "hostNetwork": True,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "tolerations": [{"operator": "Exists"}],
            "containers": [container, beside] if sidecar else [container],
            **more,
        }
        metadata = {"name": name, "namespace": "default", "finalizers": finalizers}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.kubectl("create -f -", given=json.dumps(pod))
        eventually(f"{name} to run", lambda: self.read(name)["status"].get("phase") == "Running", 90)
        return str(self.read(name)["metadata"]["uid"])

    def read(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.kubectl(f"get pod {name} -o json"))
        return answer

    def exists(self, name: str) -> bool:
        return bool(self.kubectl(f"get pod {name} -o name", check=False))

    def container(self, name: str) -> str:
        """The 64-digit id of the pod's container app."""
        statuses = self.read(name)["status"]["containerStatuses"]
        return str(next(each for each in statuses if each["name"] == "app")["containerID"].split("//")[1])

    def delete(self, name: str, *, grace: int | None = None) -> None:
        words = f"delete pod {name} --wait=false" + (f" --grace-period={grace}" if grace is not None else "")
        self.kubectl(words)


def installed() -> Path:
    """The folder of the Kubernetes programs, as `tests/lab/install` prints it."""
    return Path(_install().splitlines()[-1])


def trees() -> dict[str, Path]:
    """The folder of each other Debian, by its suite."""
    rows = _install("stacks").splitlines()[:-1]
    return {suite: Path(folder) for suite, folder in (row.split(" ", 1) for row in rows)}


def _install(*words: str) -> str:
    command = [str(HERE / "install"), *words]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    if done.returncode != 0:
        raise LabError("tests/lab/install failed; what it said is above")
    return done.stdout.strip()
