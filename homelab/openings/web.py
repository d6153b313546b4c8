"""Web access outside the plan: virtual hosts, tunnels, and other overlay networks."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, is_set, is_true, like, rule, when

_ONE = "drop it: the proxy has one writer, so give the service a route"

_NAMED = ("services.caddy.virtualHosts", "services.nginx.virtualHosts")


@rule(*(f"{option}.**" for option in _NAMED))
def virtual_hosts(setting: Setting, view: View) -> Iterator[Opening]:
    """A virtual host without a route has no sign-in, no monitor and no place in `homelab reach`."""
    if len(setting.path) == 3 and not is_set(setting.value):
        return
    name = setting.path[3] if len(setting.path) > 3 else ""
    last = setting.path[-1]
    if last == "extraConfig" and _is_ours(name, view) and setting.source:
        yield Opening(
            "virtual-host",
            f"{setting.name} takes effect before the sign-in and the other directives of that name",
            "leave it out",
            "warning",
            acceptable=True,
        )
        return
    yield Opening(
        "virtual-host",
        f"{setting.name}: names follow from routes, and this one would have no sign-in",
        _ONE,
    )


def _is_ours(name: str, view: View) -> bool:
    ours = {r.internal for r in view.plan.routes} | {r.public for r in view.plan.routes}
    return name.removeprefix("https://").removeprefix("http://") in ours - {""}


when(
    is_set,
    *("services.traefik.dynamicConfigOptions.**", "services.traefik.dynamic.**"),
    *("services.traefik.staticConfigOptions.entryPoints.**", "services.traefik.dynamicConfigFile"),
    *("services.traefik.staticConfigOptions.providers.**", "services.traefik.static.**"),
    *("services.traefik.staticConfigFile", "services.traefik.staticConfigOptions.api.insecure"),
    *("services.caddy.extraConfig", "services.caddy.configFile", "services.caddy.settings.**"),
    *("services.caddy.globalConfig", "services.caddy.adapter"),
    *("services.nginx.config", "services.nginx.httpConfig", "services.nginx.streamConfig"),
    *("services.nginx.defaultListen", "services.nginx.defaultListenAddresses"),
    *("services.nginx.appendHttpConfig", "services.nginx.appendConfig"),
    word="virtual-host",
    what="{option} changes what the proxy serves, outside the routes and their sign-in",
    way_out=_ONE,
)
when(
    like(r"^internal$"),
    "services.caddy.acmeCA",
    word="internal-ca",
    what='{option} is "internal": browsers refuse an internal CA',
    way_out="use the wildcard certificate",
)


@rule("services.cloudflared.tunnels.*.**")
def tunnels(setting: Setting, view: View) -> Iterator[Opening]:
    """The tunnel serves the internet, so its ingress rules follow from routes only."""
    if len(setting.path) < 5 or setting.path[4] in ("ingress", "default", "originRequest"):
        yield Opening(
            "tunnel",
            f"{setting.name}: the tunnel's ingress rules follow from routes, and Access "
            "would not protect this one",
            "drop it, and give the service a route with publish: tunnel",
        )
    else:
        yield Opening(
            "tunnel",
            f"{setting.name} changes a tunnel that the plan configures",
            "drop it, and set it in cloudflare.tunnel",
        )


when(
    like(
        r"--(advertise-(routes|exit-node|tags|connector)|ssh\b|accept-routes|accept-dns|webclient)"
    ),
    *("services.tailscale.extraUpFlags", "services.tailscale.extraSetFlags"),
    *("services.tailscale.extraDaemonFlags",),
    word="tailscale",
    what="{option} is {value}, which the tailnet policy does not allow for",
    way_out="drop it, and set it in hosts.….tailscale: subnet_routes, exit_node, ssh, tags, "
    "accept_routes",
)
when(
    is_set,
    "services.tailscale.serve.**",
    word="tailscale",
    what="{option} gives a service a tailnet name and port of its own, without the sign-in",
    way_out="drop it, and give it a route",
)
when(
    like(r"tailscale\s+(funnel|serve|set|up)\b"),
    *("systemd.services.*.script", "systemd.services.*.serviceConfig.ExecStart"),
    *("systemd.services.*.preStart", "systemd.services.*.postStart"),
    word="tailscale",
    what="{option} calls tailscale, and what it opens is not in the plan",
    way_out="drop it, and set it in hosts.….tailscale, or give the service a route",
    severity="warning",
    acceptable=True,
)
when(
    like(r"\b(nft\s+(add|insert|-f)|iptables|ip6tables|firewall-cmd|ufw)\b"),
    *("systemd.services.*.script", "systemd.services.*.serviceConfig.ExecStart"),
    *("systemd.services.*.preStart", "systemd.services.*.postStart"),
    *("networking.localCommands", "boot.postBootCommands", "system.activationScripts.**"),
    word="firewall-rules",
    what="{option} writes firewall rules by hand, and what they open is not in the plan",
    way_out="drop it, and give the service a route",
    severity="warning",
    acceptable=True,
)
when(
    is_true,
    *("services.frp.enable", "services.frp.instances.*.enable", "services.rathole.enable"),
    *("services.tor.relay.enable", "services.cloudflare-warp.enable", "services.headscale.enable"),
    *("services.miniupnpd.enable", "services.netbird.enable", "services.yggdrasil.enable"),
    *("services.mullvad-vpn.enable", "services.teamviewer.enable"),
    *("services.nebula.networks.*.enable", "services.zerotierone.enable"),
    word="other-way-in",
    what="{option} connects the home network to the outside in a way that is not in the plan",
    way_out="drop it, and give the service a route",
    severity="warning",
    acceptable=True,
)
when(
    is_set,
    "services.tor.relay.onionServices.**",
    word="other-way-in",
    what="{option} publishes a port to the internet, without the tunnel and Access",
    way_out="drop it, and give the service a route",
    severity="warning",
    acceptable=True,
)


when(
    is_set,
    "services.authelia.instances.*.settings.access_control.**",
    "services.authelia.instances.*.settingsFiles",
    "services.authelia.instances.*.settings.identity_providers.**",
    word="sign-in",
    what="{option} is {value}: who has to sign in follows from routes and identity.rules",
    way_out="leave it out; write identity.rules, or auth: and groups: at the route",
)
when(
    is_set,
    "services.authelia.instances.*.settings.authentication_backend.file.path",
    word="sign-in",
    what="{option} is {value}: the accounts in it are not those of the stack",
    way_out="leave it out; identity.users names the file of accounts",
)
_SKIPS = (
    *("skip-auth-regex", "skip-auth-route", "skip-auth-routes", "trusted-ip", "trusted-ips"),
    *("config", "htpasswd-file"),
)
"""Flags of oauth2-proxy that let requests in, and how its variables spell them."""
when(
    is_set,
    *(f"services.oauth2-proxy.extraConfig.{flag}" for flag in _SKIPS),
    *("services.oauth2-proxy.skipAuthRegexes", "services.oauth2-proxy.htpasswd.file"),
    word="sign-in",
    what="{option} is {value}: who has to sign in follows from routes and identity.rules",
    way_out="leave it out; write exempt: or auth: at the route",
)
