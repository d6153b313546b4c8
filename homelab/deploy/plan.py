"""The waves: which hosts switch together, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from homelab.config.deploy import DeployMode
from homelab.config.stack import StackConfig
from homelab.deploy.model import BUILD_USER, WavePlan, wake_command
from homelab.deploy.policy import DeployPolicy, Probe, restart_of
from homelab.deploy.windows import DAYS, Window
from homelab.monitoring.model import HEARTBEAT, SPACE
from homelab.network.between import dialled
from homelab.services.model import Service
from homelab.system.home import may_fail as home_may_fail
from homelab.system.model import Host
from homelab.system.store import cache_flags, netrc_of


def plan_waves(
    stack_config: StackConfig, hosts: Mapping[str, Host], services: tuple[Service, ...] = ()
) -> tuple[WavePlan, ...]:
    """Waves in order: the canary, builders, the others, then each host that the deployer needs.

    A held or planned host is in no wave. An offline host is in the same wave as the always-on
    hosts that nothing depends on: when it cannot be reached, only its own switch fails.
    """
    deployed = [h for h in sorted(hosts) if hosts[h].is_deployed]
    caches = {s.host for s in services if s.entry.serves_packages}
    canary = [h for h in deployed if h == stack_config.deploy.canary]
    last = [h for h in _last(stack_config, hosts, caches) if h in deployed and h not in canary]
    builders = sorted(
        {
            name
            for h in hosts.values()
            for name in (h.config.build.host, h.config.build.copy_from)
            if name in deployed and name not in (*last, *canary)
        }
    )
    awake = [h for h in deployed if hosts[h].always_on and h not in (*last, *canary, *builders)]
    offline = [
        h for h in deployed if not hosts[h].always_on and h not in (*last, *canary, *builders)
    ]
    waves: list[tuple[tuple[str, ...], str]] = []
    if canary:
        waves.append((tuple(canary), "the canary"))
    if builders:
        waves.append((tuple(builders), "they build for others"))
    if awake or offline:
        waves.append((tuple(sorted((*awake, *offline))), "nothing else depends on them"))
    for host in last:
        waves.append(((host,), _why(stack_config, hosts, host, caches)))
    return tuple(WavePlan(f"wave-{i + 1}", names, why) for i, (names, why) in enumerate(waves))


def _last(
    stack_config: StackConfig, hosts: Mapping[str, Host], caches: AbstractSet[str]
) -> list[str]:
    """Hosts that the rollout needs: caches first, then those that the deployer connects through."""
    if stack_config.deploy.last is not None:
        return list(stack_config.deploy.last)
    needed = {stack_config.network.dns.host, stack_config.network.entry.host, *_jumps(hosts)}
    paths = [name for name, host in sorted(hosts.items()) if name in needed or _routes(host)]
    own = [name for name, host in sorted(hosts.items()) if host.config.ssh.local]
    found = [*sorted(caches - {*paths}), *paths]
    return [*(name for name in found if name not in own), *own]


def _jumps(hosts: Mapping[str, Host]) -> AbstractSet[str]:
    """The jump hosts: a connection through one ends when it restarts its network."""
    return {host.jump.host for host in hosts.values() if host.jump is not None}


def _routes(host: Host) -> bool:
    tailscale = host.config.tailscale
    return tailscale is not None and bool(tailscale.subnet_routes or tailscale.exit_node)


def _why(
    stack_config: StackConfig, hosts: Mapping[str, Host], name: str, caches: AbstractSet[str]
) -> str:
    host, reasons = hosts[name], []
    if host.config.ssh.local:
        reasons.append("pulumi up itself")
    if host.name in caches:
        reasons.append("the cache")
    if host.name == stack_config.network.dns.host:
        reasons.append("DNS")
    if host.name == stack_config.network.entry.host:
        reasons.append("the reverse proxy")
    if _routes(host):
        reasons.append("the route from the tailnet")
    if name in _jumps(hosts):
        reasons.append("SSH to other hosts")
    return f"it carries {', '.join(reasons)}" if reasons else "deploy.last names it"


def build_flags(stack_config: StackConfig, hosts: Mapping[str, Host], host: Host) -> list[str]:
    """Flags for a build on the host: its binary caches, so that the first build uses them, and its
    remote builder and how to reach it.
    """
    builder, flags = hosts.get(host.config.build.host or ""), cache_flags(host)
    if builder is None:
        return flags
    address = dialled(stack_config, host.name, builder.name) or builder.lan
    key = "/etc/ssh/ssh_host_ed25519_key"
    machine = f"ssh-ng://{BUILD_USER}@{address} {host.config.platform} {key} 4 1 big-parallel"
    return [*flags, "--builders", machine]


def build_wake(hosts: Mapping[str, Host], host: Host) -> tuple[str, ...]:
    """The command that wakes the host's builder, and the builder's SSH address and port; empty
    unless the host wakes its own builder.
    """
    builder = hosts.get(host.config.build.host or "")
    if builder is None or not is_woken_by(builder, host):
        return ()
    return (wake_command(builder.name), builder.lan, str(builder.config.ssh.port))


def is_woken_by(offline_host: Host, host: Host) -> bool:
    """Whether `host` wakes `offline_host`."""
    offline = offline_host.config.offline
    return offline is not None and offline.wake_by == host.name


def policy_of(
    stack_config: StackConfig,
    host: Host,
    probes: tuple[Probe, ...] = (),
    *,
    stack: str = "",
    mode: DeployMode | None = None,
) -> DeployPolicy:
    """The settings of a host's preflight and switch. `mode` replaces the mode of the stack."""
    config = host.config.reboot
    sends = stack_config.monitoring.heartbeat
    heartbeat = sends.host if sends is not None else ""
    return DeployPolicy(
        host=host.name,
        mode=mode or host.config.mode or stack_config.deploy.mode,
        stack=stack,
        loader=host.config.boot.loader,
        limit=host.config.boot.limit,
        again=stack_config.deploy.again.get(host.name, ""),
        dry_run=stack_config.deploy.dry_run_first,
        netrc=netrc_of(host),
        may_fail=(
            *stack_config.deploy.may_fail,
            *home_may_fail(host, stack_config.site.owner.user),
            # A full disk is no fault of the new system.
            *((f"{SPACE}.service",) if stack_config.monitoring.full_percent is not None else ()),
            # Nor is a service elsewhere that does not answer.
            *((f"{HEARTBEAT}.service",) if heartbeat == host.name else ()),
        ),
        reboot=restart_of(config),
        unlocked=config is not None and config.unlocked,
        need_backups=stack_config.deploy.need_backups,
        clean_up=stack_config.deploy.clean_up,
        windows=tuple(
            Window(tuple(d for d in DAYS if d in w.days), w.start, w.end)
            for w in stack_config.deploy.windows
        ),
        timezone=stack_config.site.timezone if stack_config.deploy.windows else "",
        probes=probes,
    )
