"""A release that waits for an offline host: everything that brings it there, in one text.

The text is shell: functions that feed the scripts of a deployment to a shell of their own. Who
keeps it for the host can neither read its secrets, which are sealed to the host's own key, nor
change it, for the host takes what the owner signed and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from homelab.deploy.shell import assigned, fed, function

NAMESPACE = "homelab-bundle"
"""What a signature of a bundle is good for, and of nothing else (ssh-keygen -n)."""
SIGNER = "owner"
"""Whose signature counts, in the host's file of signers."""
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
LEEWAY = 60
"""Seconds that a switch may take beyond what its parts are allowed."""

_BASH = "bash -euo pipefail -s"
_OPEN = f'age -d -i "${{HOMELAB_ROOT:-}}{HOST_KEY}"'


@dataclass(frozen=True)
class Bundle:
    """One release on its way to one host."""

    host: str
    release: str
    secrets_version: str
    policy: DeployPolicy
    stage: str
    """Script that writes the files."""
    build: str
    """Script that builds them."""
    sealed: str
    """Script that places the secrets, as armoured age for the host's key."""
    port: int
    """Where the host's SSH must answer afterwards."""
    paths: tuple[str, ...]
    """Names of the ways to the host."""
    units: tuple[str, ...]
    """Units that must be active afterwards."""
    activation_seconds: int
    confirm_seconds: int
    settle: int
    """Seconds in which no service may have been started anew."""
    lock_seconds: int
    made: int
    """When it was made, in nanoseconds since 1970; a host takes none older than its last."""
    since: str
    """The same for people."""
    deployment_id: str
    """The deployment that its switch will be."""


def identity(release: str, secrets_version: str, again: str) -> str:
    """Sixteen hex digits: the same for all bundles that would leave a host the same."""
    text = json.dumps([release, secrets_version, again])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def bundle_text(bundle: Bundle) -> str:
    """The bundle, to be signed as it is. It defines and never acts."""
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
    bodies = {
        "stage": fed(_BASH, bundle.stage),
        "secrets": fed(f"{{ {_OPEN} | {_BASH}; }}", bundle.sealed),
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
