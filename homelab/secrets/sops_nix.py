"""Stored secrets with sops-nix: a host decrypts its file with its SSH host key."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.host_options import WIFI
from homelab.nix import Attrs, Module, Nix, Path, Raw, Text, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import FOR_USERS, host_file, secret_name, sops_file
from homelab.secrets.model import Secret
from homelab.system.model import Host

FILE = "secrets.yaml"
"""Path of the host's sops file in the host's tree."""
_SHARED = "shared-secrets"
"""Directory in a host's tree with the sops files that it shares with others."""
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"


def tree_path(plan: Plan, host: str, key: str) -> tuple[str, str]:
    """The sops file from which a host reads a key: its path beside the stack file, and its path in
    the host's tree.
    """
    path = sops_file(plan.stack, host, key)
    return path, FILE if path == host_file(plan.stack, host) else f"{_SHARED}/{path}"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The host's stored secrets."""
    stored = [s for s in plan.secrets.on(host.name) if s.source == "stored"]
    if host.config.state == "retired":
        # A retired host has no services, but it still needs its Wi-Fi password.
        stored = [s for s in stored if s.name == secret_name(*WIFI)]
    if not stored or not host.is_nixos:
        return
    persistence = host.config.persistence
    # Secrets are decrypted before persisted files are bind-mounted into /etc.
    root = persistence.root.rstrip("/") if persistence else ""
    # The tree of a host with shared secrets alone has no file of its own.
    has_own = any(tree_path(plan, host.name, s.key)[1] == FILE for s in stored)
    secrets: dict[str, Nix] = {s.name: _entry(plan, s) for s in stored}
    body = merge(
        attrs("sops.defaultSopsFile", Path(FILE)) if has_own else {},
        attrs("sops.age.sshKeyPaths", [root + _HOST_KEY]),
        # Otherwise sops-nix would use an RSA host key with GnuPG.
        attrs("sops.gnupg.sshKeyPaths", []),
        attrs("sops.secrets", secrets),
    )
    templates: dict[str, Nix] = {s.name: _template(s) for s in stored if s.form == "env"}
    if templates:
        body = merge(body, attrs("sops.templates", templates))
    yield Module(
        "secrets.nix",
        "Stored secrets, decrypted on this host with its SSH host key",
        derived=body,
        flakes=(("sops-nix", "nixosModules.sops"),),
    )


def _entry(plan: Plan, secret: Secret) -> Attrs:
    # Set for each secret, because the owner may set another default file or format.
    _, file = tree_path(plan, secret.host, secret.key)
    entry: Attrs = {"format": "yaml", "key": secret.key, "sopsFile": Path(file)}
    if secret.path.startswith(FOR_USERS):
        return entry | {"neededForUsers": True}
    if secret.form == "file":
        entry |= _access(secret)
    return entry


def _template(secret: Secret) -> Attrs:
    """An environment file for systemd; sops-nix inserts the values on the host."""
    parts: list[str | Raw] = []
    for variable, template in secret.env:
        before, _, after = template.partition("{value}")
        value = Raw(f'config.sops.placeholder."{secret.name}"')
        parts += [f"{variable}={before}", value, f"{after}\n"]
    return {"content": Text(tuple(parts), indented=True), **_access(secret)}


def _access(secret: Secret) -> Attrs:
    access: Attrs = {"mode": secret.mode, "owner": secret.owner}
    if secret.units:
        access["restartUnits"] = list(secret.units)
    return access
