"""Which secrets each host needs, gathered from every room that demands one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.backup.model import BackupPlan
from homelab.catalog.model import SecretFact
from homelab.cloudflare.model import ACCESS, ACME_TOKEN, R2, TUNNEL_CREDENTIALS
from homelab.cloudflare.resources import CloudflarePlan
from homelab.identity.model import (
    API_KEY,
    LDAP_OWNER,
    LDAP_PASSWORD,
    IdentityConfig,
    IdentityPlan,
    api_key_source,
)
from homelab.model import SecretRef
from homelab.monitoring.model import MonitoringPlan
from homelab.monitoring.plan import MONITOR, alert_hosts
from homelab.secrets.model import Secret, SecretsPlan, secret_name, secret_path
from homelab.services.model import Service
from homelab.site.model import Site
from homelab.system.facets import WIFI, supplicant
from homelab.system.model import Host
from homelab.tailnet.model import JOIN_KEY, TailnetPlan
from homelab.vpn.model import VpnPlan
from homelab.vpn.plan import SECRET as VPN

USERS = "users"
"""The sign-in's secret that holds its user file."""
TOPIC = ("ntfy", "topic")
"""Service and name of the secret that holds the topic of the alerts."""


def plan_secrets(
    site: Site,
    hosts: Mapping[str, Host],
    services: tuple[Service, ...],
    backup: BackupPlan,
    identity: IdentityPlan | None,
    cloudflare: CloudflarePlan | None,
    tailnet: TailnetPlan | None,
    monitoring: MonitoringPlan | None,
    vpn: VpnPlan,
) -> SecretsPlan:
    """Every secret of every host, by host and name. A host gets what its own services need."""
    wanted = (
        *_of_services(site, services),
        *_of_identity(site, services, identity),
        *_of_monitoring(site, backup, monitoring),
        *_of_backup(site, backup),
        *_of_cloudflare(hosts, cloudflare),
        *_of_tailnet(tailnet),
        *_of_vpn(site, vpn),
        *_of_wifi(site, hosts),
    )
    unique = {(s.host, s.name, s.service, s.path): s for s in wanted if s.host in hosts}
    return SecretsPlan(
        secrets=tuple(unique[k] for k in sorted(unique)),
        file=site.secrets.file,
        master=site.secrets.master,
    )


def host_file(site: Site, host: str) -> str:
    """The sops file of a host, beside the stack file."""
    return site.secrets.hosts.replace("{host}", host)


def _of_services(site: Site, services: tuple[Service, ...]) -> Iterator[Secret]:
    placed: dict[str, int] = {}
    for service in services:
        placed[service.name] = placed.get(service.name, 0) + 1
    for service in services:
        # A secret moves with its service, for what it encrypted moves too.
        owner = service.name if placed[service.name] == 1 else f"{service.name}@{service.host}"
        for name, fact in sorted(service.entry.secrets.items()):
            if fact.source == "minted":
                continue
            secret = _secret(site, service.host, service.name, name, fact, service.source)
            config = service.config.secrets.get(name)
            yield replace(
                secret,
                key=(config.ref.sops or "") if config and config.ref else secret.key,
                purpose=f"{owner}/{name}" if fact.source == "derived" else "",
                mode=config.mode if config else secret.mode,
                units=tuple(f"{u}.service" for u in service.units[:1]),
                origin=f"{service.source}.secrets.{name}" if config else service.source,
            )


def _of_identity(
    site: Site, services: tuple[Service, ...], identity: IdentityPlan | None
) -> Iterator[Secret]:
    config = site.identity
    if identity is None or config is None:
        return
    here = {s.name: s for s in services if s.host == identity.host}
    provider = here.get(identity.provider)
    if provider is None:
        return
    for fact, name, ref, origin in _of_people(config):
        owned = replace(fact, owner=provider.entry.user or "root")
        yield _of_provider(site, provider, name, owned, ref, origin)
    if config.directory is not None:
        # Both ends of one password: the directory asks for it, the provider knows it.
        purpose = f"{config.directory.kind}/{LDAP_PASSWORD}"
        for service in (provider, here.get(config.directory.kind)):
            if service is not None:
                fact = SecretFact(owner=service.entry.user)
                found = _of_provider(site, service, LDAP_PASSWORD, fact, None, "identity.directory")
                epoch = site.secrets.epochs.get(config.directory.kind, 1)
                yield replace(found, purpose=purpose, epoch=epoch)
        if (directory := here.get(config.directory.kind)) is not None:
            yield _of_provider(
                site, directory, LDAP_OWNER, SecretFact(), None, "identity.directory"
            )
    if identity.clients and identity.provider == "authelia":
        hmac = SecretFact(owner=provider.entry.user, length=64)
        yield _of_provider(site, provider, "oidc-hmac", hmac, None, "identity")
    for client in identity.clients:
        hashed = SecretFact(owner=provider.entry.user)
        found = _of_provider(site, provider, client.secret, hashed, None, client.source)
        yield replace(found, purpose=client.purpose, epoch=client.epoch, hashed=True)


def _of_people(
    config: IdentityConfig,
) -> Iterator[tuple[SecretFact, str, SecretRef | None, str]]:
    """What the provider itself must know before anybody signs in."""
    if config.users is not None:
        yield SecretFact(source="stored"), USERS, config.users, "identity.users"
    if config.provider == "pocket-id":
        yield SecretFact(source=api_key_source(config)), API_KEY, config.api_key, "identity.api_key"


def _of_provider(
    site: Site,
    service: Service,
    name: str,
    fact: SecretFact,
    ref: SecretRef | None,
    origin: str,
) -> Secret:
    found = _secret(site, service.host, service.name, name, fact, origin)
    return replace(
        found,
        key=(ref.sops or "") if ref is not None else found.key,
        purpose="" if fact.source == "stored" else f"{service.name}/{name}",
        units=tuple(f"{u}.service" for u in service.units[:1]),
    )


def _of_monitoring(
    site: Site, backup: BackupPlan, monitoring: MonitoringPlan | None
) -> Iterator[Secret]:
    ntfy = site.monitoring.ntfy
    if ntfy is None:
        return
    service, name = TOPIC
    fact = SecretFact(form="env", env=(("NTFY_TOPIC", "{value}"),), source="stored")
    for host in sorted(alert_hosts(site, backup, monitoring)):
        found = _secret(site, host, service, name, fact, "monitoring.ntfy.topic")
        here = monitoring is not None and monitoring.host == host
        yield replace(
            found, key=ntfy.topic.sops or "", units=(f"{MONITOR}.service",) if here else ()
        )


def _of_backup(site: Site, backup: BackupPlan) -> Iterator[Secret]:
    for job in backup.jobs:
        origin = f"backup.targets.{job.target}"
        derived = SecretFact()
        password = _secret(site, job.host, "restic", job.target, derived, origin)
        # A repository is of one host; the password of a lost one can be derived anywhere.
        yield replace(password, purpose=f"restic/{job.target}@{job.host}", path=job.password)
        credentials = job.environment or job.ssh_key
        bucket = site.backup.targets[job.target].bucket
        if bucket is not None:
            yield _minted(job.host, (R2, bucket), bucket, origin=f"{origin}.bucket")
        ref = site.backup.targets[job.target].credentials
        if credentials and ref is not None:
            stored = SecretFact(source="stored", stored_key=ref.sops or "")
            name = f"{job.target}-credentials"
            found = _secret(site, job.host, "restic", name, stored, f"{origin}.credentials")
            yield replace(found, key=ref.sops or "", path=credentials)


def _of_cloudflare(
    hosts: Mapping[str, Host], cloudflare: CloudflarePlan | None
) -> Iterator[Secret]:
    if cloudflare is None:
        return
    host = hosts.get(cloudflare.tunnel_host)
    if cloudflare.tunnel and host is not None:
        yield _minted(
            host.name,
            TUNNEL_CREDENTIALS,
            cloudflare.tunnel,
            # systemd hands the file over, since the module stopped having a user of its own.
            owner="root" if host.release >= "25.05" else "cloudflared",
            units=(f"cloudflared-tunnel-{cloudflare.tunnel}.service",),
            origin="cloudflare.tunnel",
        )
    for token in cloudflare.tokens:
        yield _minted(token.host, ACME_TOKEN, token.name, origin="cloudflare.zone")
    for shown in cloudflare.service_tokens:
        origin = f"cloudflare.access.service_tokens.{shown.name}"
        yield _minted(shown.host, (ACCESS, shown.name), shown.name, origin=origin)


def _of_tailnet(tailnet: TailnetPlan | None) -> Iterator[Secret]:
    for key in tailnet.keys if tailnet else ():
        origin = f"hosts.{key.host}.tailscale"
        yield _minted(key.host, JOIN_KEY, key.host, origin=origin)


def _of_vpn(site: Site, vpn: VpnPlan) -> Iterator[Secret]:
    for tunnel in vpn.vpns:
        fact = SecretFact(source="stored")
        found = _secret(site, tunnel.host, VPN, tunnel.name, fact, f"{tunnel.source}.key")
        yield replace(found, key=tunnel.key.sops or "", units=(f"{tunnel.unit}.service",))


def _of_wifi(site: Site, hosts: Mapping[str, Host]) -> Iterator[Secret]:
    for host in hosts.values():
        wifi = host.config.wifi
        if wifi is None or wifi.psk is None or wifi.backend != "wpa_supplicant":
            continue
        service, name = WIFI
        # Since 26.05 wpa_supplicant is no longer root.
        owner = "wpa_supplicant" if host.release >= "26.05" else "root"
        fact = SecretFact(source="stored", owner=owner)
        found = _secret(site, host.name, service, name, fact, f"{host.source}.wifi.psk")
        unit = f"{supplicant(host.config.interface)}.service"
        yield replace(found, key=wifi.psk.sops or "", units=(unit,))


def _secret(
    site: Site, host: str, service: str, name: str, fact: SecretFact, origin: str
) -> Secret:
    stored = fact.source == "stored"
    return Secret(
        name=secret_name(service, name),
        host=host,
        service=service,
        source=fact.source,
        path=secret_path(service, name, fact.source, fact.form),
        owner=fact.owner,
        mode="0400",
        form=fact.form,
        env=tuple((v, t.replace("{owner}", site.site.owner.user)) for v, t in fact.env),
        key=(fact.stored_key or f"{service}/{name}") if stored else "",
        purpose="",
        epoch=site.secrets.epochs.get(service, 1),
        length=fact.length,
        units=(),
        origin=origin,
    )


def _minted(
    host: str,
    what: tuple[str, str],
    purpose: str,
    *,
    origin: str,
    owner: str = "root",
    units: tuple[str, ...] = (),
) -> Secret:
    return Secret(
        name=secret_name(*what),
        host=host,
        service=what[0],
        source="minted",
        path=secret_path(*what, "minted", "file"),
        owner=owner,
        mode="0400",
        form="file",
        env=(),
        key="",
        purpose=purpose,
        epoch=1,
        length=0,
        units=units,
        origin=origin,
    )
