"""Addresses of an MQTT broker on a host that runs none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule, texts
from homelab.system.model import Host

BROKER = "no-broker"
_HERE = re.compile(r"^mqtts?://(?:[^@/\s]*@)?(?:localhost|127\.0\.0\.1|\[::1\])(?::(\d+))?/?$")
_PORT = 1883


@rule("services.**")
def broker(setting: Setting, view: View) -> Iterator[Opening]:
    """A service that would wait for a broker forever."""
    for text in texts(setting.value):
        found = _HERE.match(text.strip())
        if found is None or setting.contained or _runs(view, int(found[1] or _PORT)):
            continue
        near = [s for s in view.plan.services if s.entry.name == "mosquitto"]
        way_out = (
            f'write {{$text: "mqtt://{{service[{near[0].name}]}}"}}, the broker on {near[0].host}'
            if near
            else f"add services.mosquitto: {{host: {view.host.name}}}, or write its address"
        )
        yield Opening(
            BROKER,
            f"{setting.name} is {text.strip()}, and no service of {view.host.name} listens there",
            way_out,
            acceptable=True,
        )


def _runs(view: View, port: int) -> bool:
    """Whether a service of the host or one of its hand-written modules is the broker."""
    host: Host = view.host
    ports = {p.port for s in view.plan.on(host.name) for p in s.ports if p.protocol == "tcp"}
    by_hand = any(s.path[:2] == ("services", "mosquitto") for s in view.settings)
    return port in ports or by_hand
