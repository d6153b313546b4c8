"""The README of an ejected homelab: how to go on, where secrets are, what stays in the clouds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from homelab.deploy.model import Release
from homelab.plan import Plan
from homelab.secrets.model import Secret
from homelab.secrets.sops_nix import tree_path
from homelab.system.model import Host
from homelab.templates import filled


def readme(plan: Plan, releases: Mapping[str, Release], clouds: Sequence[str]) -> str:
    """The text, in Markdown."""
    hosts = [host for name, host in sorted(plan.hosts.items()) if name in releases]
    nixos = [host for host in hosts if host.is_nixos]
    return filled(
        "homelab.eject",
        "README.md.in",
        {
            "releases": _table(
                ("Host", "Release", "Command"),
                (
                    (h.name, releases[h.name].id, f"`{_ssh(h)} cat /etc/homelab/release`")
                    for h in nixos
                ),
            ),
            "switches": "\n".join(
                f"$ {_switch(h) if h.is_nixos else _switch_home(plan, h)}" for h in hosts
            ),
            "deployer": plan.secrets.file,
            "secrets": _table(
                ("Host", "Secret", "From", "On the host", "Read by"), _secrets(plan, hosts)
            ),
            "clouds": "\n".join(_clouds(clouds)),
        },
    )


def _clouds(clouds: Sequence[str]) -> Iterator[str]:
    if not clouds:
        yield "Nothing: this homelab uses neither Cloudflare nor Tailscale."
        return
    yield "Everything below stays as it is until someone changes it. `pulumi destroy` in the old"
    yield "repository deletes the Cloudflare resources, and with them the public names."
    yield "`pulumi stack rm --force` forgets all of them and deletes nothing."
    yield ""
    yield from (f"- {line}" for line in clouds)


def _ssh(host: Host) -> str:
    port = f" -p {host.config.ssh.port}" if host.config.ssh.port != 22 else ""
    return f"ssh{port} {host.config.ssh.user}@{host.address}"


def _switch(host: Host) -> str:
    ssh = host.config.ssh
    port = f"NIX_SSHOPTS='-p {ssh.port}' " if ssh.port != 22 else ""
    sudo = "" if ssh.user == "root" else " --use-remote-sudo"
    target = f"{ssh.user}@{host.address}"
    return f"{port}nixos-rebuild switch --flake '.#{host.name}' --target-host {target}{sudo}"


def _switch_home(plan: Plan, host: Host) -> str:
    return f"home-manager switch --flake '.#{plan.stack.site.owner.user}@{host.name}'"


def _secrets(plan: Plan, hosts: Sequence[Host]) -> Iterator[tuple[str, ...]]:
    for host in hosts:
        for secret in plan.secrets.on(host.name):
            readers = ", ".join(secret.units) or secret.service
            yield host.name, secret.name, _origin(plan, secret), f"`{secret.path}`", readers


def _origin(plan: Plan, secret: Secret) -> str:
    match secret.source:
        case "stored" if secret.key:
            place = tree_path(plan, secret.host, secret.key)[1]
            return f"`hosts/{secret.host}/{place}`, key `{secret.key}`"
        case "fetched":
            return f"1Password, `{secret.key}`"
        case "derived":
            return "derived from the master key"
        case "issued":
            return "issued by Cloudflare or Tailscale"
    return "your own module"


def _table(head: Sequence[str], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
