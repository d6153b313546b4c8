"""The bundle of an offline host: files, build script and secrets of one release, in one text.

The text is shell: functions that each feed a script of the deployment to a shell of its own. The
relay can neither read the secrets, which are sealed to the host's own key, nor change the bundle,
because the host accepts only what the owner signed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.deploy.shell import assigned, fed, function

NAMESPACE = "homelab-bundle"
"""The signature namespace (ssh-keygen -n): a signature of a bundle is valid for nothing else."""
SIGNER = "owner"
"""The principal in the host's allowed signers file."""
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
LEEWAY = 60
"""Seconds that a switch may take beyond the sum of its timeouts."""

_BASH = "bash -euo pipefail -s"
_OPEN = f'age -d -i "${{HOMELAB_ROOT:-}}{HOST_KEY}"'


@dataclass(frozen=True)
class Bundle:
    """One release for one offline host."""

    host: str
    release: str
    secrets_version: str
    policy: DeployPolicy
    stage: str
    """Script that writes the files."""
    build: str
    """Script that builds them."""
    sealed: str
    """Script that places the secrets, encrypted to the host's key (armoured age)."""
    inputs: tuple[str, ...]
    """Scripts that put private flake inputs into its store, encrypted in the same way."""
    port: int
    """The port where the host's SSH must answer afterwards."""
    paths: tuple[str, ...]
    """Names of the paths to the host."""
    units: tuple[str, ...]
    """Units that must be active afterwards."""
    activation_seconds: int
    confirm_seconds: int
    settle: int
    """Seconds in which systemd must not have restarted any service."""
    lock_seconds: int
    made: int
    """When it was made, in nanoseconds since 1970; a host refuses one older than its last."""
    since: str
    """The same time in ISO 8601."""
    deployment_id: str
    """The id of the deployment that the host begins with it."""


def identity(release: str, secrets_version: str, again: str) -> str:
    """Sixteen hex digits, equal for bundles that lead to the same result on the host."""
    text = json.dumps([release, secrets_version, again])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def bundle_text(bundle: Bundle) -> str:
    """The text to sign. It only defines variables and functions."""
    names = {
        "HOST": bundle.host,
        "RELEASE": bundle.release,
        "WHAT": identity(bundle.release, bundle.secrets_version, bundle.policy.again),
        "DEPLOYMENT_ID": bundle.deployment_id,
        "MADE": str(bundle.made),
        "SINCE": bundle.since,
        "SSH_PORT": str(bundle.port),
        # A rollback may take as long as the activation did.
        "LONGEST": str(2 * bundle.activation_seconds + bundle.confirm_seconds + LEEWAY),
    }
    opened = f"{{ {_OPEN} | {_BASH}; }}"
    bodies = {
        "stage": fed(_BASH, bundle.stage),
        # A host may have a `pull.sh` that knows of no inputs.
        "secrets": "".join(f"if ! {fed(opened, text)}then return 1; fi\n" for text in bundle.inputs)
        + fed(opened, bundle.sealed),
        "build": fed(_BASH, bundle.build),
        "activate": fed(_BASH, _activate(bundle)),
        "confirm": fed(
            _BASH,
            scripts.confirm_script(
                bundle.deployment_id,
                bundle.units,
                seal=True,
                policy=bundle.policy,
                settle=bundle.settle,
            ),
        ),
        "status": fed(
            _BASH, scripts.status_script(bundle.release, bundle.deployment_id, log_lines=40)
        ),
        "abandon": fed(_BASH, scripts.rollback_script("")),
    }
    return assigned(names) + "".join(function(name, body) for name, body in bodies.items())


def _activate(bundle: Bundle) -> str:
    return scripts.activate_script(
        bundle.release,
        bundle.deployment_id,
        bundle.policy,
        secrets_version=bundle.secrets_version,
        paths=bundle.paths,
        activation_seconds=bundle.activation_seconds,
        confirm_seconds=bundle.confirm_seconds,
        lock_seconds=bundle.lock_seconds,
    )
