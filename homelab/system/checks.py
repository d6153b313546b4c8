"""Checks of the hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import check, file_check
from homelab.grouping import leads_to
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.model import Service
from homelab.system.disk_checks import has_root
from homelab.system.model import RUNNING, Host, nixos_hosts
from homelab.system.own import are_modules_here

HOST_BOOTS = file_check(
    "host-boots",
    "error",
    "A host whose hardware module has no root file system does not boot.",
)


@check("host-known")
def host_known(plan: Plan) -> Iterator[Problem]:
    """A service, a dataset or a role on a host that does not exist would silently be missing."""
    site = plan.stack
    named = [
        (f"services.{n}.host", s.host) for n, s in site.services.items() if s.host and s.enable
    ]
    named += [("network.entry.host", site.network.entry.host)]
    if site.network.dns.host is not None:
        named += [("network.dns.host", site.network.dns.host)]
    if site.identity is not None:
        named += [("identity.host", site.identity.host)]
        named += [("identity.kanidm", site.identity.kanidm)] if site.identity.kanidm else []
    if site.cloudflare is not None and site.cloudflare.tunnel is not None:
        named += [("cloudflare.tunnel.host", site.cloudflare.tunnel.host)]
    if site.monitoring.heartbeat is not None:
        named += [("monitoring.heartbeat.host", site.monitoring.heartbeat.host)]
    named += [(f"datasets.{n}.host", d.host) for n, d in site.datasets.items()]
    named += [
        (f"backup.targets.{n}.host", t.host) for n, t in site.backup.targets.items() if t.host
    ]
    named += [(f"backup.extra.{n}.host", e.host) for n, e in site.backup.extra.items()]
    for user, member in site.site.members.items():
        hosts = member.account.hosts if member.account is not None else ()
        named += [(f"site.members.{user}.account.hosts[{i}]", h) for i, h in enumerate(hosts)]
    nixos = nixos_hosts(site.hosts).items()
    named += [(f"hosts.{n}.build.host", h.build.host) for n, h in nixos if h.build.host]
    named += [
        (f"hosts.{n}.build.copy_from", h.build.copy_from)
        for n, h in nixos
        if h.build.copy_from not in (None, "deployer")
    ]
    named += [(f"deploy.last[{i}]", h) for i, h in enumerate(site.deploy.last or [])]
    named += [(f"deploy.again.{name}", name) for name in site.deploy.again]
    if site.deploy.canary:
        named += [("deploy.canary", site.deploy.canary)]
    for where, host in named:
        if host not in plan.hosts:
            yield Problem(
                where, f'there is no host "{host}"', did_you_mean(host, plan.hosts, "hosts")
            )


@check("host-runs-services")
def host_runs_services(plan: Plan) -> Iterator[Problem]:
    """A home-manager host has no NixOS system of homelab that could run a service."""
    for service in plan.services:
        if not plan.hosts[service.host].is_nixos:
            nixos = [h.name for h in plan.hosts.values() if h.is_nixos]
            yield Problem(
                service.host_at,
                f"{service.host} is home-manager only and runs no services",
                f"place it on one of: {', '.join(nixos)}",
            )


@check("service-host-state")
def service_host_state(plan: Plan) -> Iterator[Problem]:
    """A retired or planned host runs no services, but DNS and the proxy would point to it."""
    others = [h.name for h in plan.hosts.values() if h.is_nixos and h.config.state in RUNNING]
    for service in plan.services:
        host = plan.hosts[service.host]
        # A retired or planned host may still have Tailscale, so that it can be reached.
        if host.config.state in RUNNING or service.source == f"{host.source}.tailscale":
            continue
        retired = host.config.state == "retired"
        yield Problem(
            _placed(service),
            f"{host.name} is {host.config.state}, so {service.name} does not run there"
            + ("" if retired else " yet"),
            (f"place it on one of: {', '.join(others)}; or " if others else "")
            + (f"leave {service.name} out" if retired else f"write {host.source}.state: live"),
            severity="error" if retired else "warning",
        )


def _placed(service: Service) -> str:
    """The place in the stack config that puts a service on its host."""
    source = service.source.removesuffix(".samba")
    by_tag = source == f"services.{service.name}" and service.config.host is None
    return f"{source}.{'tags' if by_tag else 'host'}"


@check("host-complete")
def host_complete(plan: Plan) -> Iterator[Problem]:
    """A live host needs an address, a pinned host key and a hardware module."""
    for host in plan.hosts.values():
        if host.is_nixos and host.config.state != "planned":
            yield from missing(host)


def missing(host: Host) -> Iterator[Problem]:
    """What a host still needs before it can be live."""
    help_ = f"; homelab bootstrap {host.name} shows how" if host.config.bootstrap else ""
    if not host.addresses:
        yield Problem(
            f"{host.source}.address",
            "a live host has an address",
            "add address: {lan: …}",
            cause=f"{host.source}.address",
        )
    if host.config.ssh.host_key is None:
        yield Problem(
            f"{host.source}.ssh.host_key",
            "nothing connects to a host whose key is not pinned, and no secret is encrypted to it",
            "write host_key: with what /etc/ssh/ssh_host_ed25519_key.pub of the host holds" + help_,
            cause=f"{host.source}.ssh.host_key",
        )
    if host.config.hardware is None and host.config.extends is None:
        yield Problem(
            f"{host.source}.hardware",
            "a system needs a root file system",
            "run nixos-generate-config on the host, copy its hardware-configuration.nix beside the "
            f"stack file, and name it: hardware: …{help_}",
        )


@check("builder-arch")
def builder_arch(plan: Plan) -> Iterator[Problem]:
    """A builder must be a NixOS host of the stack of the right platform, and another host. Hosts
    that build for each other hand a build back, and each then waits for the other's lock.
    """
    for host in plan.hosts.values():
        builder = plan.hosts.get(host.config.build.host or "")
        if builder is None:
            continue
        others = [h.name for h in plan.hosts.values() if h.is_nixos and h is not host]
        if builder.name == host.name:
            yield Problem(
                f"{host.source}.build.host", "a host builds for itself anyway", "leave it out"
            )
        elif not builder.is_nixos:
            yield Problem(
                f"{host.source}.build.host",
                f"{builder.name} ({builder.config.platform}) cannot build {host.config.platform}",
                f"name a NixOS host ({', '.join(others)}), or leave it out"
                if others
                else "leave it out",
            )
        elif leads_to(_passed_on(plan, host), builder.name, host.name):
            yield Problem(
                f"{host.source}.build.host",
                f"{builder.name} builds on {host.name} as well, so a build would wait for itself",
                "leave one of the two out",
            )


def _passed_on(plan: Plan, host: Host) -> dict[str, tuple[str, ...]]:
    """The builder to which each host passes builds of this host's platform on."""
    alike = [h for h in plan.hosts.values() if h.config.platform == host.config.platform]
    return {h.name: (h.config.build.host,) for h in alike if h.config.build.host is not None}


_MORE = {"agent": 0, "appliance": 1, "workhorse": 2}
"""Roles in order of trust."""


@check("builder-trust", severity="warning")
def builder_trust(plan: Plan) -> Iterator[Problem]:
    """A host that builds on another can become root there, so a break-in on a less trusted host
    would spread to a more trusted one.
    """
    for host in plan.hosts.values():
        builder = plan.hosts.get(host.config.build.host or "")
        if builder is None or host.role == "agent":
            continue
        above = _MORE[builder.role] > _MORE[host.role]
        where = f"{host.source}.build"
        if above and host.config.build.trusted is None:
            yield Problem(
                f"{where}.host",
                f"{host.name} ({host.role}) builds on {builder.name} ({builder.role}), so it can "
                "become root there",
                "leave host out and let it build for itself, or accept it with a reason: "
                f"{where}.trusted: …",
            )
        elif not above and host.config.build.trusted is not None:
            yield Problem(
                f"{where}.trusted",
                f"{builder.name} needs no more trust than {host.name}, so no reason is needed",
                "drop it",
            )


def check_own_modules(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """The hardware module of a host must have a root file system."""
    for host in plan.hosts.values():
        hardware = sources.get(host.config.hardware or "")
        known = isinstance(hardware, str) and are_modules_here(host, sources)
        if host.is_nixos and known and not has_root(host, sources):
            yield Problem(
                f"{host.source}.hardware",
                f'{host.config.hardware} has no fileSystems."/"',
                "run nixos-generate-config on the host, and copy the "
                "hardware-configuration.nix that it writes",
                check=HOST_BOOTS,
            )
