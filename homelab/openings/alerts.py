"""Alerts that would reach nobody: of a unit that does not exist, or with a topic in the address."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, like, rule, texts, when
from homelab.services.unit import reported

ALERT = "alert-template"
_NOTIFY = re.compile(r"^notify@")
_TEMPLATE = ("systemd", "services", "notify@")


@rule(
    "systemd.*.*.onFailure",
    "systemd.*.*.unitConfig.OnFailure",
    "systemd.*.*.onSuccess",
    "systemd.*.*.unitConfig.OnSuccess",
)
def notifies(setting: Setting, view: View) -> Iterator[Opening]:
    """A unit that starts `notify@` on a host without it: systemd ignores a unit that it lacks."""
    plan = view.plan
    own = any(other.path[:3] == _TEMPLATE for other in view.settings)
    if own or reported(plan, view.host.name):
        return
    if any(_NOTIFY.match(text) for text in texts(setting.value)):
        name = view.host.name
        hosts = ", ".join(sorted(h for h in plan.alert_hosts if reported(plan, h)))
        why = (
            f"homelab sends alerts from {hosts} alone"
            if hosts
            else "monitoring.ntfy is not set, so homelab sends no alerts"
        )
        yield Opening(
            ALERT,
            f"{setting.name} starts notify@, which {name} does not have: {why}",
            "leave it out, or make notify@ in a module of this host"
            if hosts
            else "add monitoring.ntfy: {topic: {sops: ntfy/topic}}, or leave it out",
        )


when(
    like(r"^https?://[^/]+/+[^/]"),
    "services.gatus.settings.alerting.ntfy.url",
    word="alert-topic",
    what="{option} has a topic, and Gatus sends no alert to such an address; every user of the "
    "host can read it, too",
    way_out="leave it out, and write monitoring.ntfy: {{url: https://ntfy.sh, topic: "
    "{{sops: ntfy/topic}}}}",
)
