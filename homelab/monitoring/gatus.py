"""Monitoring as NixOS knows it: Gatus on one host, and a unit that reports failures on each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.monitoring.model import MonitoringPlan, Probe
from homelab.monitoring.plan import MONITOR, alert_hosts
from homelab.nix import Attrs, Comment, Lines, Module, Nix, Pkg, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.system.model import Host

TOPIC_FILE = secret_path("ntfy", "topic", "stored", "env")
"""Environment file with NTFY_TOPIC, on each host that sends alerts."""
TOKEN_FILE = secret_path("ntfy", "token", "stored", "env")
"""The same with NTFY_TOKEN, for a server that asks for one."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`monitoring.nix`, on the monitor's host and on each that reports failures of its units."""
    monitoring = plan.monitoring if plan.monitoring and plan.monitoring.host == host.name else None
    reports = host.name in alert_hosts(plan.stack, plan.backup, plan.monitoring)
    if monitoring is None and not reports:
        return
    yield Module(
        file="monitoring.nix",
        what="Monitoring: what is watched from here, and how a failure is reported.",
        derived=merge(
            _gatus(plan, host, monitoring) if monitoring else {},
            _notify(plan) if reports else {},
        ),
    )


def _gatus(plan: Plan, host: Host, monitoring: MonitoringPlan) -> Attrs:
    service = next(s for s in plan.on(host.name) if s.name == MONITOR)
    settings: Attrs = {
        "web": {"address": service.bind, "port": service.port},
        "endpoints": [
            _literal(
                _endpoint(p, alerts=bool(monitoring.alerts), resolver=host.name == plan.dns.host)
            )
            for p in monitoring.probes
        ],
    }
    body: Attrs = {"enable": True, "settings": settings}
    more: Attrs = {}
    if monitoring.alerts:
        body["environmentFile"] = TOPIC_FILE
        ntfy: Attrs = {
            "url": monitoring.alerts,
            "topic": Comment("Gatus fills it in from its environment.", "${NTFY_TOPIC}"),
            "default-alert": {
                "failure-threshold": plan.stack.monitoring.failures,
                "success-threshold": 2,
                "send-on-resolved": True,
            },
        }
        if _has_token(plan):
            ntfy["token"] = "${NTFY_TOKEN}"
            more = attrs("systemd.services.gatus.serviceConfig.EnvironmentFile", [TOKEN_FILE])
        settings["alerting"] = {"ntfy": ntfy}
    return merge(attrs("services.gatus", body), more)


def _literal(value: Nix) -> Nix:
    """A setting that Gatus takes as it is: it fills in `$name` all over its file, and reads two
    dollars as one.
    """
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    return value


def _has_token(plan: Plan) -> bool:
    ntfy = plan.stack.monitoring.ntfy
    return ntfy is not None and ntfy.token is not None


def _endpoint(probe: Probe, *, alerts: bool, resolver: bool) -> Attrs:
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
            # Asked at its address, which no certificate names.
            body["client"] = {"insecure": True}
    elif resolver and not probe.dns:
        # The resolver's host does not ask itself, so it would not know the names of home.
        body["client"] = {"dns-resolver": "udp://127.0.0.1:53"}
    if alerts and not probe.relaxed:
        body["alerts"] = [{"type": "ntfy"}]
    return body


def _notify(plan: Plan) -> Attrs:
    """`notify@UNIT`, which others name in OnFailure."""
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
                "EnvironmentFile": [TOPIC_FILE, TOKEN_FILE] if _has_token(plan) else TOPIC_FILE,
                "DynamicUser": True,
                "SupplementaryGroups": ["systemd-journal"],
            },
        },
    )


def notify_script(*, token: bool) -> str:
    """What `notify@` runs with a unit's name: wait, look again, and write to the topic."""
    told = 'printf \'url = "%s/%s"\\n\' "$NTFY_URL" "$NTFY_TOPIC"'
    if token:
        told += '; printf \'header = "Authorization: Bearer %s"\\n\' "$NTFY_TOKEN"'
    return _NOTIFY.replace("TOLD", told)


_NOTIFY = """\
unit=$1.service
# What has mended itself by then is no news.
sleep 120
systemctl is-failed --quiet "$unit" || exit 0
# The topic is as good as a password, so it stays out of the process list.
journalctl --unit "$unit" --lines 8 --no-pager --output cat |
  curl --fail --silent --show-error --retry 5 --output /dev/null \\
    --config <(TOLD) \\
    --header "Title: $unit failed on $(uname -n)" \\
    --header 'Priority: urgent' \\
    --data-binary @-
"""
