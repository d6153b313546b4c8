"""A release that waits for a host that sleeps: everything that brings it there, in one text.

The text is shell: functions that feed the scripts of a deployment to a shell of their own. Who
keeps it for the host can neither read its secrets, which are sealed to the host's own key, nor
change it, for the host takes what the owner signed and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from homelab.deploy import scripts
from homelab.deploy.rules import Rules
from homelab.deploy.shell import assigned, fed, function

NAMESPACE = "homelab-parcel"
"""What a signature of a parcel is good for, and of nothing else (ssh-keygen -n)."""
SIGNER = "owner"
"""Whose signature counts, in the host's file of signers."""
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
LEEWAY = 60
"""Seconds that a switch may take beyond what its parts are allowed."""

_BASH = "bash -euo pipefail -s"
_OPEN = f'age -d -i "${{HOMELAB_ROOT:-}}{HOST_KEY}"'


@dataclass(frozen=True)
class Parcel:
    """One release on its way to one host."""

    host: str
    release: str
    secrets_version: str
    rules: Rules
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
    nonce: str
    """The attempt that its switch will be."""


def identity(release: str, secrets_version: str, again: str) -> str:
    """Sixteen hex digits: the same for all parcels that would leave a host the same."""
    text = json.dumps([release, secrets_version, again])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parcel_text(parcel: Parcel) -> str:
    """The parcel, to be signed as it is. It defines and never acts."""
    names = {
        "HOST": parcel.host,
        "RELEASE": parcel.release,
        "WHAT": identity(parcel.release, parcel.secrets_version, parcel.rules.again),
        "NONCE": parcel.nonce,
        "MADE": str(parcel.made),
        "SINCE": parcel.since,
        "SSH_PORT": str(parcel.port),
        # A rollback may take as long as the activation did.
        "LONGEST": str(2 * parcel.activation_seconds + parcel.confirm_seconds + LEEWAY),
    }
    bodies = {
        "stage": fed(_BASH, parcel.stage),
        "secrets": fed(f"{{ {_OPEN} | {_BASH}; }}", parcel.sealed),
        "build": fed(_BASH, parcel.build),
        "activate": fed(_BASH, _activate(parcel)),
        "confirm": fed(
            _BASH,
            scripts.confirm_script(
                parcel.nonce, parcel.units, seal=True, rules=parcel.rules, settle=parcel.settle
            ),
        ),
        "status": fed(_BASH, scripts.status_script(parcel.release, parcel.nonce, log_lines=40)),
        "abandon": fed(_BASH, scripts.rollback_script("")),
    }
    return assigned(names) + "".join(function(name, body) for name, body in bodies.items())


def _activate(parcel: Parcel) -> str:
    return scripts.activate_script(
        parcel.release,
        parcel.nonce,
        parcel.rules,
        secrets_version=parcel.secrets_version,
        paths=parcel.paths,
        activation_seconds=parcel.activation_seconds,
        confirm_seconds=parcel.confirm_seconds,
        lock_seconds=parcel.lock_seconds,
    )
