"""Monitoring in NixOS: Gatus on one host, and a unit on each host that reports failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from homelab.config.expansion import MONITOR
from homelab.hardening.baseline import sandbox
from homelab.monitoring.model import MonitoringPlan, Probe
from homelab.monitoring.plan import alert_route
from homelab.nix import Attrs, Comment, Lines, Module, Nix, Pkg, attrs, merge
from homelab.plan import Plan, once
from homelab.secret_paths import referred_path
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`monitoring.nix`, on the host of the monitor and on each host that reports failed units."""
    monitoring = plan.monitoring if plan.monitoring and plan.monitoring.host == host.name else None
    reports = host.name in plan.alert_hosts
    if monitoring is None and not reports:
        return
    yield Module(
        file="monitoring.nix",
        what="Monitoring: the health checks of this host, and how it reports failures",
        derived=merge(
            _gatus(plan, host, monitoring) if monitoring else {},
            merge(_notify(plan), _known(plan)) if reports else {},
        ),
    )


def _gatus(plan: Plan, host: Host, monitoring: MonitoringPlan) -> Attrs:
    service = next(s for s in plan.on(host.name) if s.name == MONITOR)
    settings: Attrs = {
        "web": {"address": service.bind, "port": service.port},
        "endpoints": [
            _literal(
                _endpoint(
                    p,
                    alerts=bool(monitoring.alerts),
                    resolver=host.name == plan.dns.host,
                    usual=plan.stack.monitoring.failures,
                )
            )
            for p in monitoring.probes
        ],
    }
    body: Attrs = {"enable": True, "settings": settings}
    more: Attrs = {}
    if monitoring.alerts:
        body["environmentFile"] = _files(plan)[0]
        ntfy: Attrs = {
            "url": monitoring.alerts,
            "topic": Comment("Gatus expands it from its environment.", "${NTFY_TOPIC}"),
            "default-alert": {
                "failure-threshold": plan.stack.monitoring.failures,
                "success-threshold": 2,
                "send-on-resolved": True,
            },
        }
        if _has_token(plan):
            ntfy["token"] = "${NTFY_TOKEN}"
            more = attrs("systemd.services.gatus.serviceConfig.EnvironmentFile", _files(plan)[1:])
        settings["alerting"] = {"ntfy": ntfy}
    return merge(attrs("services.gatus", body), more)


def _literal(value: Nix) -> Nix:
    """A setting that Gatus reads literally. Gatus expands `$name` anywhere in its file; two dollars
    stand for one.
    """
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    return value


def _files(plan: Plan) -> list[Nix]:
    """Environment files of an alert: the topic, and the token of a server that requires one."""
    ntfy = plan.stack.monitoring.ntfy
    assert ntfy is not None
    refs = (("topic", ntfy.topic), ("token", ntfy.token))
    return [referred_path(ref, "ntfy", name, "env") for name, ref in refs if ref is not None]


def _has_token(plan: Plan) -> bool:
    ntfy = plan.stack.monitoring.ntfy
    return ntfy is not None and ntfy.token is not None


def _endpoint(probe: Probe, *, alerts: bool, resolver: bool, usual: int) -> Attrs:
    body: Attrs = {
        "name": probe.name,
        "group": probe.group,
        "url": probe.url,
        "interval": probe.interval,
        "conditions": list(probe.conditions),
    }
    if probe.dns:
        body["dns"] = {"query-name": probe.dns[0], "query-type": "A"}
    if probe.headers:
        body["headers"] = dict(probe.headers)
        if probe.url.startswith("https://"):
            # Called by address, and no certificate has the address.
            body["client"] = {"insecure": True}
    elif resolver and not probe.dns:
        # The host of the resolver uses other resolvers, which do not know the internal names.
        body["client"] = {"dns-resolver": "udp://127.0.0.1:53"}
    if alerts and not probe.relaxed:
        alert: Attrs = {"type": "ntfy"}
        if probe.failures != usual:
            alert["failure-threshold"] = probe.failures
        body["alerts"] = [alert]
    return body


@once
def _known(plan: Plan) -> Attrs:
    """The name of a server of the stack in /etc/hosts: the resolver's own host, and one that takes
    its name servers from the network, cannot resolve it.
    """
    route = alert_route(plan.stack, plan.routes)
    entry = plan.hosts.get(plan.stack.network.entry.host)
    url = plan.stack.monitoring.ntfy.url if plan.stack.monitoring.ntfy is not None else ""
    address = (entry.lan or entry.tailnet) if entry is not None else ""
    if route is None or not address or urlsplit(url).hostname != route.internal:
        return {}
    return attrs("networking.hosts", {address: [route.internal]})


def _notify(plan: Plan) -> Attrs:
    """`notify@UNIT`, which other units name in OnFailure."""
    ntfy = plan.stack.monitoring.ntfy
    assert ntfy is not None
    path: list[Nix] = [Pkg("curl")]
    return attrs(
        'systemd.services."notify@"',
        {
            "description": "Report that %i failed",
            "scriptArgs": "%i",
            "path": path,
            "environment": {"NTFY_URL": ntfy.url.rstrip("/")},
            "script": Lines(notify_script(token=_has_token(plan))),
            "serviceConfig": {
                "Type": "oneshot",
                "EnvironmentFile": _files(plan) if _has_token(plan) else _files(plan)[0],
                "DynamicUser": True,
                "SupplementaryGroups": ["systemd-journal"],
                **sandbox(),
            },
        },
    )


def notify_script(*, token: bool) -> str:
    """The script of `notify@`: wait, check again whether the unit has failed, and send an alert."""
    headers = 'printf \'url = "%s/%s"\\n\' "$NTFY_URL" "$NTFY_TOPIC"'
    if token:
        headers += '; printf \'header = "Authorization: Bearer %s"\\n\' "$NTFY_TOKEN"'
    return _NOTIFY.replace("HEADERS", headers)


_NOTIFY = """\
case $1 in
  # An OnFailure of your own may name the unit with its suffix (%n).
  *.service | *.timer | *.mount | *.automount | *.swap | *.socket | *.path | *.target) unit=$1 ;;
  *) unit=$1.service ;;
esac
# A unit that has recovered by then is not reported.
sleep 120
systemctl is-failed --quiet "$unit" || exit 0
# The topic is a secret, so it stays out of the process list.
journalctl --unit "$unit" --lines 8 --no-pager --output cat |
  curl --fail --silent --show-error --retry 5 --output /dev/null \\
    --config <(HEADERS) \\
    --header "Title: $unit failed on $(uname -n)" \\
    --header 'Priority: urgent' \\
    --data-binary @-
"""
