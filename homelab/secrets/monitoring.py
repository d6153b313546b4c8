"""Secrets of monitoring: of alerts, of Uptime Kuma and of the heartbeat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from homelab.config.expansion import KUMA, MONITOR
from homelab.config.fact_parts import SecretFact
from homelab.config.stack import StackConfig
from homelab.monitoring.model import (
    HEARTBEAT,
    HEARTBEAT_URL,
    KUMA_PASSWORD,
    MONITORS,
    MonitoringPlan,
)
from homelab.secrets.demand import demanded, of_host
from homelab.secrets.model import Secret
from homelab.services.model import Service

TOPIC = ("ntfy", "topic")
"""Service and name of the secret with the ntfy topic of the alerts."""
TOKEN = ("ntfy", "token")
"""Service and name of the secret with the access token of the ntfy server."""


def of_alerts(
    stack: StackConfig,
    alert_hosts: frozenset[str],
    monitoring: MonitoringPlan | None,
) -> Iterator[Secret]:
    """The topic of the alerts, and the token of their server, on every host that sends some."""
    ntfy = stack.monitoring.ntfy
    if ntfy is None:
        return
    for (service, name), ref in ((TOPIC, ntfy.topic), (TOKEN, ntfy.token)):
        if ref is None:
            continue
        variable = f"{service}_{name}".upper()
        fact = SecretFact(form="env", env={variable: "{value}"}, source="stored")
        for host in sorted(alert_hosts):
            found = of_host(stack, host, (service, name), fact, ref, f"monitoring.ntfy.{name}")
            here = monitoring is not None and monitoring.host == host
            yield replace(found, units=(f"{MONITOR}.service",) if here else ())


def of_monitoring(stack: StackConfig, services: tuple[Service, ...]) -> Iterator[Secret]:
    """The secrets of what watches, but those of alerts."""
    yield from _of_kuma(stack, services)
    yield from _of_heartbeat(stack)


def _of_kuma(stack: StackConfig, services: tuple[Service, ...]) -> Iterator[Secret]:
    """The password with which monitors are made on Uptime Kuma."""
    kuma = stack.monitoring.kuma
    host = next((s.host for s in services if s.name == KUMA), "") if kuma is not None else ""
    if kuma is None or not host:
        return
    what, fact = KUMA_PASSWORD, SecretFact()
    found = (
        demanded(stack, host, *what, fact, "monitoring.kuma")
        if kuma.password is None
        else of_host(stack, host, what, fact, kuma.password, "monitoring.kuma.password")
    )
    yield replace(found, units=(f"{MONITORS}.service",))


def _of_heartbeat(stack: StackConfig) -> Iterator[Secret]:
    """The address that a host asks to say that it runs."""
    heartbeat = stack.monitoring.heartbeat
    if heartbeat is not None:
        fact = SecretFact(source="stored")
        where = "monitoring.heartbeat.url"
        found = of_host(stack, heartbeat.host, HEARTBEAT_URL, fact, heartbeat.url, where)
        yield replace(found, units=(f"{HEARTBEAT}.service",))
