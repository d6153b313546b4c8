"""What daemons are told: where they listen, whom they believe, who needs no password."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.nix.source import Computed, Setting, Value
from homelab.openings.model import Opening, View, is_true, like, rule, shown, texts, when
from homelab.services.model import Service
from homelab.services.plan import ANYWHERE

_LISTENS = re.compile(
    r"(?i)^(rpc[-_])?(http[-_]?|web[-_]?|server[-_]?|gui[-_]?)?"
    r"(host|hosts|listen|addr|address|addresses|bind|ip|interface|interfaces)"
    r"([-_]?(on|addr|address|addresses|host|ip|interface))?$"
)
"""Last parts of options that say where a daemon listens: `host`, `listenAddress`, `http_addr`."""
_EVERYWHERE = re.compile(r"^(tcp://|http://|https://)?(0\.0\.0\.0|\[?::\]?|\*)(:\d+|/.*)?$")
_BELIEVES = re.compile(
    r"(?i)trusted[-_]?(prox(y|ies)|ips?|hosts?|networks?|cidrs?)|whitelist$|allow[-_]?from"
)
_ANYBODY = re.compile(r"^(0\.0\.0\.0/0|::/0|\*|any|all)$")


@rule("services.**")
def listens(setting: Setting, view: View) -> Iterator[Opening]:
    """An app that listens to everybody is kept closed by the firewall alone; one that believes what
    the gate says of a visitor believes then whoever comes by another way.
    """
    if not _LISTENS.match(setting.path[-1]) or not _is_everywhere(setting.value):
        return
    service = _service(setting, view)
    if service is None:
        return
    believed = sorted({h for r in view.plan.routes_of(service.name) for h, _ in r.headers})
    if believed:
        yield Opening(
            "listens",
            f"{setting.name} is {shown(setting.value)}: {service.name} believes {believed[0]}, and "
            "whoever asks it past the proxy could write that",
            "leave it out; the plan says where it listens",
        )
    elif service.bind != ANYWHERE:
        yield Opening(
            "listens",
            f"{setting.name} is {shown(setting.value)}, and only its own host asks "
            f"{service.name}: the firewall alone keeps it closed",
            "leave it out; the plan says where it listens",
            "warning",
            acceptable=True,
        )


def _is_everywhere(value: Value) -> bool:
    if isinstance(value, Computed):
        return False
    return any(_EVERYWHERE.fullmatch(t.strip()) for t in texts(value))


def _service(setting: Setting, view: View) -> Service | None:
    """The service of the host whose module an option belongs to."""
    module = setting.path[:2]
    for service in view.plan.on(view.host.name):
        if any(tuple(o.split(".")[:2]) == module for o in service.entry.options):
            return service
        if setting.source.startswith(f"services.{service.name}.") and not service.entry.options:
            return service
    return None


@rule("services.**")
def believes(setting: Setting, view: View) -> Iterator[Opening]:
    """Whom an app takes for the proxy, whose word on a visitor it believes."""
    if len(setting.path) < 3:
        return
    values = [t.strip() for t in texts(setting.value)]
    if _BELIEVES.search(setting.path[-1]) and any(_ANYBODY.fullmatch(v) for v in values):
        yield Opening(
            "trusts-anybody",
            f"{setting.name} is {shown(setting.value)}: whoever asks is believed",
            "name the proxy's address, or leave it out",
        )


@rule("services.grafana.settings.*.whitelist")
def grafana_whitelist(setting: Setting, view: View) -> Iterator[Opening]:
    """Grafana believes everybody where its list is empty."""
    if setting.path[3] == "auth.proxy" and setting.value in ("", None):
        yield Opening(
            "trusts-anybody",
            f"{setting.name} is empty: whoever asks is believed to be somebody else",
            "leave it out; the plan names the proxy's address",
        )


when(
    like(r"^[^#]*\btrust\s*$"),
    "services.postgresql.authentication",
    word="no-password",
    what="{option} trusts somebody without a password",
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
    what="{option}: people come in whom nobody asked who they are, or from further than meant",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)


@rule("services.grafana.settings.*.enabled")
def grafana_anonymous(setting: Setting, view: View) -> Iterator[Opening]:
    """Visitors without a name."""
    if setting.path[3] == "auth.anonymous" and setting.value is True:
        yield Opening(
            "no-password",
            f"{setting.name}: everybody whom the proxy lets in sees Grafana without a name",
            "leave it out",
            "warning",
            acceptable=True,
        )


when(
    lambda value: value in ("none", "no"),
    "services.code-server.auth",
    word="no-password",
    what="{option} is {value}: whoever reaches it has a shell",
    way_out="leave it out",
    severity="warning",
    acceptable=True,
)
when(
    lambda value: value is False,
    *("services.transmission.settings.rpc-whitelist-enabled",),
    "services.transmission.settings.rpc-host-whitelist-enabled",
    word="trusts-anybody",
    what="{option} is false: any page that a browser at home opens may steer it",
    way_out="leave it out, and name the hosts: rpc-host-whitelist",
    severity="warning",
    acceptable=True,
)


@rule("services.samba.settings.**", "services.samba.shares.**", "services.samba.enable")
def samba(setting: Setting, view: View) -> Iterator[Opening]:
    """Shares beside the datasets', where nobody signs in as the stack says."""
    part = setting.path[3] if len(setting.path) > 3 else ""
    key = setting.path[-1]
    said = str(setting.value).lower()
    guests = key in ("guest ok", "public", "guest only") and said in ("yes", "true", "1")
    if guests or (key == "map to guest" and said in ("bad user", "bad password", "bad uid")):
        yield Opening(
            "share",
            f"{setting.name} is {shown(setting.value)}: whoever reaches it needs no password",
            "drop it, and say it in datasets.….samba: guest",
        )
    elif part == "global" and key in ("hosts allow", "hosts deny", "interfaces", "smb ports"):
        yield Opening(
            "share",
            f"{setting.name} says who may ask, and the stack says that of every share",
            "leave it out",
        )
    elif setting.value is True and setting.path[-1] == "enable":
        yield Opening(
            "share",
            f"{setting.name} serves shares that no dataset describes",
            "write datasets.….samba: {}",
        )


when(
    like(r"\*\s*\(|no_root_squash|insecure\b"),
    "services.nfs.server.exports",
    word="share",
    what="{option} gives files to machines that nobody names, or with root's rights",
    way_out="name addresses, and drop no_root_squash",
    severity="warning",
    acceptable=True,
)
