"""
A kubeconfig or a service account, read by the official client into its `Configuration`.

One thing is done here instead: when a credential plugin fails, the client logs it and goes on without credentials, and
it waits for one without end. Here that is a refusal, in its own time.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.client.exceptions import OpenApiException
from kubernetes.config import exec_provider, kube_config
from urllib3.exceptions import HTTPError

from bot.core.hostile import plain
from bot.ports import Refused

PLUGIN_S = 30  # seconds; one that asks a cloud takes two
CONNECTIONS = 16  # kept open for several threads

_client: Any = kube_config  # half of it has types
_incluster: Any = config.load_incluster_config
_plugins: Any = exec_provider

# What the client raises, by its source, for a kubeconfig, a token file or a plugin that cannot be used.
UNUSABLE = (
    config.ConfigException,
    _client.yaml.YAMLError,
    _client.oauthlib.oauth2.OAuth2Error,
    OpenApiException,
    HTTPError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)


def load(cluster: str, kubeconfig: Path | None, context: str | None) -> Configuration:
    """Raises `Refused`. A proxy comes from the kubeconfig, never from the environment."""
    configuration = Configuration()
    configuration.proxy = configuration.no_proxy = None
    configuration.connection_pool_maxsize = CONNECTIONS
    try:
        if kubeconfig is not None or context is not None or not _in_a_pod(configuration):
            _read(cluster, kubeconfig, context, configuration)
    except UNUSABLE as error:
        raise unusable(cluster, error) from error
    return configuration


def unusable(cluster: str, error: BaseException) -> Refused:
    why = plain(str(error)) or type(error).__name__
    then = "Try `kubectl get pods` with the same kubeconfig and context; renew or repair what it names."
    return Refused("reading the credentials", f"cluster {plain(cluster)}", why, then)


def _in_a_pod(configuration: Configuration) -> bool:
    try:
        _incluster(client_configuration=configuration)
    except config.ConfigException:
        return False
    return True


def _read(cluster: str, kubeconfig: Path | None, context: str | None, configuration: Configuration) -> None:
    usual = _client.KUBE_CONFIG_DEFAULT_LOCATION or "~/.kube/config"  # an empty KUBECONFIG is none, as for kubectl
    where = usual if kubeconfig is None else str(kubeconfig)
    merger = _client.KubeConfigMerger(where)
    if merger.config is None:
        why = f"there is no kubeconfig {plain(where)}"
        then = "Write one there, or name another: `kubeconfig` in the settings, KUBECONFIG without settings."
        raise Refused("reading the credentials", f"cluster {plain(cluster)}", why, then)
    names = [str(each["name"]) for each in merger.config["contexts"].value]
    chosen = merger.config.safe_get("current-context") if context is None else context
    if chosen not in names:
        why = (
            f"{plain(where)} has no context {plain(str(chosen))}"
            if chosen
            else f"{plain(where)} has no current context"
        )
        then = f"Name one of its contexts: {plain(', '.join(sorted(names)))}."
        raise Refused("reading the credentials", f"cluster {plain(cluster)}", why, then)
    loader: Any = _Loader(merger.config, chosen, config_base_path=None, config_persister=merger.save_changes)
    loader.load_and_set(configuration)


class _Loader(_client.KubeConfigLoader):  # type: ignore[misc]  # its base is untyped
    def _load_from_exec_plugin(self) -> bool | None:
        """The client calls it again when the token that it gave has expired."""
        if "exec" not in self._user:
            return None
        place = self._get_base_path(self._cluster.path)
        status = _ask(_plugins.ExecProvider(self._user["exec"], place, self._cluster))
        if "token" in status:
            self.token = f"Bearer {status['token']}"
        else:
            self.cert_file = _as_file(status, "clientCertificateData")
            self.key_file = _as_file(status, "clientKeyData")
        if "expirationTimestamp" in status:
            self.expiry = _client.parse_rfc3339(status["expirationTimestamp"])
        return True


def _as_file(status: Mapping[str, Any], key: str) -> str:
    if not status.get(key):
        raise config.ConfigException("its credential plugin gave neither a token nor a certificate with its key")
    file: str = _client.FileOrData(status, "", data_key_name=key, base64_file_content=False).as_file()
    return file


def _ask(plugin: Any) -> Mapping[str, Any]:
    """Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins."""
    spec: dict[str, Any] = {"interactive": False}
    if plugin.cluster is not None:
        given = plugin.cluster.value
        extensions = {each["name"]: each["extension"] for each in given.get("extensions") or ()}
        spec["cluster"] = {**given, "config": extensions.get("client.authentication.k8s.io/exec")}
    info = json.dumps({"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec})
    name = plugin.args[0]
    try:
        done = subprocess.run(  # noqa: S603  # the program that the user's own kubeconfig names, as kubectl runs it
            plugin.args,
            cwd=plugin.cwd,
            env={**plugin.env, "KUBERNETES_EXEC_INFO": info},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PLUGIN_S,
            check=True,
        )
        status = json.loads(done.stdout)["status"]
    except FileNotFoundError as error:
        raise config.ConfigException(f"its credential plugin {name} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise config.ConfigException(f"its credential plugin {name} did not end in {PLUGIN_S} s") from error
    except subprocess.CalledProcessError as error:
        said = plain(error.stderr, 200)
        raise config.ConfigException(f"its credential plugin {name} ended with {error.returncode}: {said}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise config.ConfigException(f"its credential plugin {name} printed no ExecCredential with a status") from error
    if not isinstance(status, dict):
        raise config.ConfigException(f"its credential plugin {name} printed a status that is no object")
    return status
