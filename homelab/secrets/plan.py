"""Plan the secrets that each host needs, from the plans of all packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.backup.model import BackupPlan
from homelab.catalog.model import OIDC
from homelab.certificates.model import (
    AUTHORITY_KEY,
    CREDENTIALS,
    SIGNER,
    CertificatesPlan,
    secret_of,
)
from homelab.cloudflare.model import ACCESS, ACME_TOKEN, TUNNEL_CREDENTIALS
from homelab.cloudflare.resources import CloudflarePlan
from homelab.config.fact_parts import SecretFact
from homelab.config.host_options import NETRC, PASSWORD, RECOVERY, WIFI, supplicant
from homelab.config.services import client_of
from homelab.config.stack import StackConfig
from homelab.connections.keys import API_KEY
from homelab.connections.model import Wiring
from homelab.identity.model import IdentityPlan
from homelab.monitoring.model import MonitoringPlan
from homelab.secret_paths import password_path
from homelab.secrets.backup_secrets import of_backup, of_replicas
from homelab.secrets.demand import client_fields, demanded, issued, of_host
from homelab.secrets.identity import of_identity
from homelab.secrets.model import ONEPASSWORD, Secret, SecretsPlan, scoped
from homelab.secrets.monitoring import of_alerts, of_monitoring
from homelab.services.mail import MAIL, sends_mail
from homelab.services.model import Service
from homelab.services.secret_files import readers
from homelab.storage.model import Replica
from homelab.system.model import Host
from homelab.tailnet.model import JOIN_KEY, TailnetPlan
from homelab.vpn.model import VpnPlan
from homelab.vpn.plan import SECRET as VPN


def wanted_secrets(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    services: tuple[Service, ...],
    certificates: CertificatesPlan,
    backup: BackupPlan,
    identity: IdentityPlan | None,
    cloudflare: CloudflarePlan | None,
    tailnet: TailnetPlan | None,
    vpn: VpnPlan,
    connections: tuple[Wiring, ...],
    replicas: tuple[Replica, ...],
) -> tuple[Secret, ...]:
    """What every host needs but the secrets of alerts. A host gets what its own services need."""
    return (
        *_of_services(stack, services, identity),
        *of_identity(stack, services, identity),
        *_of_certificates(stack, certificates),
        *of_monitoring(stack, services),
        *of_backup(stack, backup),
        *of_replicas(stack, replicas),
        *_of_cloudflare(hosts, cloudflare),
        *_of_tailnet(tailnet),
        *_of_vpn(stack, vpn),
        *_of_connections(stack, connections),
        *_of_databases(stack, services),
        *_of_wifi(stack, hosts),
        *_of_caches(stack, hosts),
        *_of_recovery(stack, hosts),
        *_of_owner(stack, hosts),
        *_of_members(stack, hosts),
    )


def plan_secrets(
    stack: StackConfig,
    hosts: Mapping[str, Host],
    wanted: tuple[Secret, ...],
    alert_hosts: frozenset[str],
    monitoring: MonitoringPlan | None,
) -> SecretsPlan:
    """Every secret of every host, by host and name: these, and those of alerts."""
    wanted = (*wanted, *of_alerts(stack, alert_hosts, monitoring))
    wanted = (*wanted, *_of_onepassword(stack, wanted))
    space = stack.secrets.namespace
    scopes = (
        replace(s, purpose=scoped(space, s.purpose)) if s.source == "derived" else s for s in wanted
    )
    # Equal demands give one secret; the check secret-unique reports two with the same name. A
    # home-manager host reads none: what asks for one there has a problem of its own.
    unique = {
        (s.host, s.name, s.service, s.path, s.source, s.purpose, s.key): s
        for s in scopes
        if s.host in hosts and hosts[s.host].is_nixos
    }
    return SecretsPlan(
        secrets=tuple(unique[k] for k in sorted(unique)),
        file=stack.secrets.file,
        master=stack.secrets.master,
    )


def _of_services(
    stack: StackConfig, services: tuple[Service, ...], identity: IdentityPlan | None
) -> Iterator[Secret]:
    # The first client of a service, as for the fields of its options.
    clients = {c.service: c for c in reversed(identity.clients if identity is not None else ())}
    for service in services:
        for name, fact in sorted(service.entry.secrets.items()):
            if fact.source == "issued":
                continue
            secret = demanded(stack, service.host, service.name, name, fact, service.source)
            config = service.secrets.get(name)
            ref = client_of(service.config).client_secret if name == OIDC else None
            origin = service.at("oidc.client_secret") if ref else service.source
            if (
                stack.mail is not None
                and name == MAIL
                and sends_mail(stack, service.name, service.entry)
            ):
                origin = "mail.password"
            if config is not None:
                origin = service.at(f"secrets.{name}")
            yield replace(
                secret,
                env=client_fields(secret.env, clients.get(service.name) if name == OIDC else None),
                # The purpose moves with the service, because the data that it encrypted does too.
                purpose=f"{service.owner}/{name}" if fact.source == "derived" else "",
                mode=config.mode if config else secret.mode,
                units=tuple(f"{u}.service" for u in readers(service, name)),
                origin=origin,
            )


def _of_onepassword(stack: StackConfig, wanted: tuple[Secret, ...]) -> Iterator[Secret]:
    """The token with which a host fetches secrets from 1Password."""
    onepassword = stack.secrets.onepassword
    if onepassword is None:
        return
    service, name = ONEPASSWORD
    origin = "secrets.onepassword.token"
    for host in sorted({s.host for s in wanted if s.source == "fetched"}):
        found = demanded(stack, host, service, name, SecretFact(source="stored"), origin)
        yield replace(found, key=onepassword.token.sops or "")


def _of_cloudflare(
    hosts: Mapping[str, Host], cloudflare: CloudflarePlan | None
) -> Iterator[Secret]:
    if cloudflare is None:
        return
    host = hosts.get(cloudflare.tunnel_host)
    if cloudflare.tunnel and host is not None:
        yield issued(
            host.name,
            TUNNEL_CREDENTIALS,
            cloudflare.tunnel,
            # Since 25.05 the module has no user account and systemd passes the file.
            owner="root" if host.release >= "25.05" else "cloudflared",
            units=(f"cloudflared-tunnel-{cloudflare.tunnel}.service",),
            origin="cloudflare.tunnel",
        )
    for token in cloudflare.tokens:
        yield issued(token.host, ACME_TOKEN, token.name, origin="cloudflare.zone")
    for service_token in cloudflare.service_tokens:
        name = service_token.name
        origin = f"cloudflare.access.service_tokens.{name}"
        yield issued(service_token.host, (ACCESS, name), name, origin=origin)


def _of_certificates(stack: StackConfig, certificates: CertificatesPlan) -> Iterator[Secret]:
    acme = stack.network.entry.acme
    if acme is None or not certificates.certificates:
        return
    host, where = certificates.certificates[0].host, "network.entry.acme"
    fact = SecretFact(source="stored")
    if acme.key is not None:
        found = of_host(stack, host, AUTHORITY_KEY, fact, acme.key, f"{where}.key")
        yield replace(found, units=(f"{SIGNER}.service",))
    for variable, ref in sorted(acme.credentials.items()):
        origin = f"{where}.credentials.{variable}"
        yield of_host(stack, host, (CREDENTIALS, secret_of(variable)), fact, ref, origin)


def _of_tailnet(tailnet: TailnetPlan | None) -> Iterator[Secret]:
    for key in tailnet.keys if tailnet else ():
        origin = f"hosts.{key.host}.tailscale"
        yield issued(key.host, JOIN_KEY, key.host, origin=origin)


def _of_vpn(stack: StackConfig, vpn: VpnPlan) -> Iterator[Secret]:
    for tunnel in vpn.vpns:
        fact = SecretFact(source="stored")
        what, origin = (VPN, tunnel.name), f"{tunnel.source}.key"
        found = of_host(stack, tunnel.host, what, fact, tunnel.key, origin)
        yield replace(found, units=(f"{tunnel.unit}.service",))


def _of_connections(stack: StackConfig, connections: tuple[Wiring, ...]) -> Iterator[Secret]:
    """Copies of API keys for the services that call with them."""
    for wiring in connections:
        for key in wiring.keys:
            found = demanded(stack, wiring.host, key.group, key.name, key.fact, wiring.source)
            # The timer of the connections starts again with a key that is sent. Their unit itself
            # fetches one.
            kind = "service" if key.ref is not None else "timer"
            yield replace(
                found,
                purpose=key.purpose,
                copy=True,
                epoch=stack.secrets.epoch(key.service, API_KEY),
                units=(f"{wiring.unit}.service" if key.env else f"{wiring.timer}.{kind}",),
            )


def _of_databases(stack: StackConfig, services: tuple[Service, ...]) -> Iterator[Secret]:
    """Copies of passwords on the hosts of the databases that services reach over the network."""
    for service in services:
        for database in service.databases:
            if database.by_socket:
                continue
            name, source = database.password_name, database.source
            found = demanded(stack, database.host, service.name, name, SecretFact(), source)
            unit = database.password_unit or database.redis_unit
            yield replace(
                found,
                purpose=f"{service.owner}/{database.kind}",
                copy=True,
                epoch=stack.secrets.epoch(service.name, database.kind),
                units=(f"{unit}.service",),
            )


def _of_wifi(stack: StackConfig, hosts: Mapping[str, Host]) -> Iterator[Secret]:
    for host in hosts.values():
        wifi = host.config.wifi
        if wifi is None or wifi.psk is None or wifi.backend != "wpa_supplicant":
            continue
        # Since 26.05 wpa_supplicant does not run as root.
        owner = "wpa_supplicant" if host.release >= "26.05" else "root"
        fact = SecretFact(source="stored", owner=owner)
        found = of_host(stack, host.name, WIFI, fact, wifi.psk, f"{host.source}.wifi.psk")
        unit = f"{supplicant(host.config.interface)}.service"
        yield replace(found, units=(unit,))


def _of_caches(stack: StackConfig, hosts: Mapping[str, Host]) -> Iterator[Secret]:
    """Passwords of binary caches. The Nix daemon reads them as root whenever it downloads."""
    for host in hosts.values():
        netrc = host.config.nix.netrc if host.is_nixos else None
        if netrc is not None:
            fact, origin = SecretFact(source="stored"), f"{host.source}.nix.netrc"
            yield of_host(stack, host.name, NETRC, fact, netrc, origin)


def _of_recovery(stack: StackConfig, hosts: Mapping[str, Host]) -> Iterator[Secret]:
    for host in hosts.values():
        recovery = host.config.ssh.recovery
        if recovery is None:
            continue
        origin = f"{host.source}.ssh.recovery.password"
        fact = SecretFact(source="stored")
        yield of_host(stack, host.name, RECOVERY, fact, recovery.password, origin)


def _of_members(stack: StackConfig, hosts: Mapping[str, Host]) -> Iterator[Secret]:
    for host in hosts.values():
        for member in host.members if host.is_nixos else ():
            if member.config.password is None:
                continue
            fact, origin = SecretFact(source="stored"), f"{member.source}.password"
            ref = member.config.password
            found = of_host(stack, host.name, member.secret, fact, ref, origin)
            yield replace(found, path=password_path(ref, *member.secret))


def _of_owner(stack: StackConfig, hosts: Mapping[str, Host]) -> Iterator[Secret]:
    for host in hosts.values():
        password = stack.site.owner.password
        if password is None or not host.is_nixos or not host.config.manages("accounts"):
            continue
        fact, origin = SecretFact(source="stored"), "site.owner.password"
        found = of_host(stack, host.name, PASSWORD, fact, password, origin)
        yield replace(found, path=password_path(password, *PASSWORD))
