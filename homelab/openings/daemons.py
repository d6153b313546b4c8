"""Options of daemons: listen addresses, trusted proxies, access without a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network

from homelab.nix.source import Computed, Setting, Value
from homelab.openings.model import (
    Opening,
    View,
    is_true,
    like,
    rule,
    service_of_container,
    shown,
    texts,
    when,
)
from homelab.services.declared import declared_options, flattened
from homelab.services.model import Service
from homelab.services.plan import ANYWHERE

CONTROLLER = "controller-listens"
_LISTENS = re.compile(
    r"(?i)^(rpc[-_])?(http[-_]?|web[-_]?|server[-_]?|gui[-_]?)?"
    r"(host|hosts|listen|addr|address|addresses|bind|ip|interface|interfaces)"
    r"([-_]?(on|addr|address|addresses|host|ip|interface))?$"
)
"""Last parts of options with a daemon's listen address: `host`, `listenAddress`, `http_addr`."""
_EVERYWHERE = re.compile(r"^(tcp://|http://|https://)?(0\.0\.0\.0|\[?::\]?|\*)(:\d+|/.*)?$|^:\d+$")
_AN_ADDRESS = re.compile(r"^([a-z]+://)?(\d+(\.\d+){3}|\[?[0-9a-f]*:[0-9a-f:]*\]?)(:\d+)?(/.*)?$")
_LOOPBACK = re.compile(r"^([a-z]+://)?(127\.|\[?::1\]?(:\d|/|$))")
_BELIEVES = re.compile(
    r"(?i)trusted[-_]?(reverse[-_]?)?(prox(y|ies)|ips?|hosts?|networks?|cidrs?|sources?)"
    r"|whitelist$|allow[-_]?from"
)
_ANYBODY = ("*", "any", "all")


@rule("services.**")
def listens(setting: Setting, view: View) -> Iterator[Opening]:
    """An app that listens on every address relies on the firewall alone. If it trusts sign-in
    headers of the proxy, any client that reaches it directly can forge them.
    """
    # A container has addresses of its own, and the plan publishes its ports.
    if setting.contained or not _LISTENS.match(setting.path[-1]):
        return
    if not _is_everywhere(setting.value):
        return
    service = service_of(setting, view)
    if service is None:
        return
    believed = sorted({h for r in view.plan.routes_of(service.name) for h, _ in r.headers})
    if believed:
        yield Opening(
            "listens",
            f"{setting.name} is {shown(setting.value)}: {service.name} trusts {believed[0]}, and "
            "a client that bypasses the proxy could forge that",
            "leave it out; the plan sets its address",
        )
    elif service.bind != ANYWHERE:
        yield Opening(
            "listens",
            f"{setting.name} is {shown(setting.value)}, and only its own host uses "
            f"{service.name}: the firewall alone protects it",
            "leave it out; the plan sets its address",
            "warning",
            acceptable=True,
        )


@rule("**")
def controller_listens(setting: Setting, view: View) -> Iterator[Opening]:
    """A service that may control units, and listens on more than its own host."""
    value = setting.value
    if not _LISTENS.match(setting.path[-1]) or not isinstance(value, str):
        return
    anywhere = _EVERYWHERE.match(value) or _AN_ADDRESS.match(value)
    if not anywhere or _LOOPBACK.match(value):
        return
    for service in view.plan.on(view.host.name):
        if service.may_control is not None and _sets(service, setting):
            yield Opening(
                CONTROLLER,
                f"{setting.name} is {shown(value)}: {service.name} may control units of "
                f"{view.host.name}, and other machines could reach it",
                "write 127.0.0.1; use it through SSH",
            )


def _sets(service: Service, setting: Setting) -> bool:
    """Whether an option is one of a service: set there, or beside one that is set there."""
    if setting.source:
        return setting.source.startswith(f"services.{service.name}.")
    declared = (option.path[:-1] for option in declared_options(service.config))
    return any(len(above) > 1 and setting.path[: len(above)] == above for above in declared)


def _is_everywhere(value: Value) -> bool:
    if isinstance(value, Computed):
        return False
    return any(_EVERYWHERE.fullmatch(t.strip()) for t in texts(value))


def service_of(setting: Setting, view: View) -> Service | None:
    """The service of the host whose module, or whose container, an option belongs to."""
    if setting.contained:
        name = service_of_container(setting)
        for service in view.plan.on(view.host.name):
            of_options = service.parts and setting.source.startswith(f"{service.at('options')}.")
            if service.name == name or of_options:
                return service
        return None
    module = setting.path[:2]
    for service in view.plan.on(view.host.name):
        if any(tuple(o.split(".")[:2]) == module for o in service.entry.options):
            return service
        if setting.source.startswith(f"services.{service.name}.") and not service.entry.options:
            return service
    return None


def called(setting: Setting, service: Service | None) -> str:
    """What messages call the app of a setting: `sonarr`, or `tv (sonarr)` for a service `tv` whose
    container or module it is.
    """
    app = setting.path[1]
    return app if service is None or service.name == app else f"{service.name} ({app})"


def is_stated_by_entry(setting: Setting, service: Service | None) -> bool:
    """Whether the catalog entry of a service sets the option, so that it is what it should be if
    nobody else sets it. A container of the owner has what its image has.
    """
    if service is None or setting.contained:
        return False
    return any(o.path == setting.path for o in flattened(service.entry.options))


def is_internet(network: str) -> bool:
    """Whether a network, such as 0.0.0.0/0, is wider than a home: addresses of the internet."""
    try:
        found = ip_network(network, strict=False)
    except ValueError:
        return False
    return found.is_global and found.num_addresses > 1


@rule("services.**")
def believes(setting: Setting, view: View) -> Iterator[Opening]:
    """Addresses from which an app trusts the sign-in headers of a proxy."""
    if len(setting.path) < 3:
        return
    values = [v for t in texts(setting.value) for v in re.split(r"[,\s]+", t)]
    if _BELIEVES.search(setting.path[-1]) and any(v in _ANYBODY or is_internet(v) for v in values):
        yield Opening(
            "trusts-anybody",
            f"{setting.name} is {shown(setting.value)}: it trusts the headers of every client",
            "name the proxy's address, or leave it out",
            # Only what the plan lets in and other containers of its network reach a container.
            "warning" if setting.contained else "error",
        )


@rule('services.grafana.settings."auth.proxy".whitelist')
def grafana_whitelist(setting: Setting, view: View) -> Iterator[Opening]:
    """Grafana trusts every client if the list is empty."""
    if setting.value in ("", None):
        yield Opening(
            "trusts-anybody",
            f"{setting.name} is empty: any client can sign in as somebody else",
            "leave it out; the plan names the proxy's address",
        )


when(
    like(r"^[^#]*\btrust\s*$"),
    "services.postgresql.authentication",
    word="no-password",
    what="{option} has `trust`: it accepts clients without a password",
    way_out="use peer, or scram-sha-256",
    severity="warning",
    acceptable=True,
)
when(
    is_true,
    *("services.postgresql.enableTCPIP", "services.dendrite.openRegistration"),
    *("services.vsftpd.anonymousUser", "services.vsftpd.anonymousUploadEnable"),
    *("services.xrdp.enable", "services.shellinabox.enable", "services.ttyd.writeable"),
    "services.atuin.openRegistration",
    "services.matrix-synapse.settings.enable_registration_without_verification",
    word="no-password",
    what="{option}: clients get in without a sign-in, or from more networks than the plan has",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)


@rule('services.grafana.settings."auth.anonymous".enabled')
def grafana_anonymous(setting: Setting, view: View) -> Iterator[Opening]:
    """Anonymous access to Grafana."""
    if setting.value is True:
        yield Opening(
            "no-password",
            f"{setting.name}: everybody whom the proxy lets in uses Grafana anonymously",
            "leave it out",
            "warning",
            acceptable=True,
        )


when(
    lambda value: value in ("none", "no"),
    "services.code-server.auth",
    word="no-password",
    what="{option} is {value}: any client that reaches it gets a shell",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)
when(
    lambda value: value is False,
    *("services.transmission.settings.rpc-whitelist-enabled",),
    "services.transmission.settings.rpc-host-whitelist-enabled",
    word="trusts-anybody",
    what="{option} is false: any web page open in a browser at home can control it",
    way_out="leave it out, and name the hosts: rpc-host-whitelist",
    severity="warning",
    acceptable=True,
)


@rule("services.samba.settings.**", "services.samba.shares.**", "services.samba.enable")
def samba(setting: Setting, view: View) -> Iterator[Opening]:
    """Samba settings and shares that bypass those of the datasets."""
    part = setting.path[3] if len(setting.path) > 3 else ""
    key = setting.path[-1]
    text = str(setting.value).lower()
    guests = key in ("guest ok", "public", "guest only") and text in ("yes", "true", "1")
    if guests or (key == "map to guest" and text in ("bad user", "bad password", "bad uid")):
        yield Opening(
            "share",
            f"{setting.name} is {shown(setting.value)}: clients need no password",
            "drop it, and set it in datasets.….samba: guest",
        )
    elif part == "global" and key in ("hosts allow", "hosts deny", "interfaces", "smb ports"):
        yield Opening(
            "share",
            f"{setting.name} limits clients, and the plan already sets that for every share",
            "leave it out",
        )
    elif setting.value is True and setting.path[-1] == "enable":
        yield Opening(
            "share",
            f"{setting.name} serves a share that is not of a dataset",
            "write datasets.….samba: {}",
        )


when(
    like(r"\*\s*\(|no_root_squash|insecure\b"),
    "services.nfs.server.exports",
    word="share",
    what="{option} exports files to any machine, or with root's rights",
    way_out="name addresses, and drop no_root_squash",
    severity="warning",
    acceptable=True,
)
