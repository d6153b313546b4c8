"""Services that use others without `uses`: Prometheus its exporters, Grafana its databases, and
the monitor each app that has no page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from homelab.catalog.model import Entry
from homelab.catalog.references import WEB
from homelab.config.expansion import MONITOR
from homelab.config.service_base import ServiceConfig
from homelab.config.stack import StackConfig
from homelab.services.own import original_entry

PROMETHEUS = "prometheus"
FROM_ALL = ("alerts", "journal")
"""Data that every host sends to one service, instead of one that is nearest."""


@dataclass(frozen=True)
class Readers:
    """The services of a stack that provide data, and those that read it."""

    stack: StackConfig
    hosts_of: Callable[[str, StackConfig], tuple[str, ...]]

    def _reads(self, reader: Entry, source: Entry) -> bool:
        """Whether an entry uses the data of another. VictoriaMetrics scrapes exporters only where
        no Prometheus does: two would store every sample twice.
        """
        if not source.provides or source.provides not in reader.consumes:
            return False
        return (
            source.provides != "metrics"
            or reader.name == PROMETHEUS
            or PROMETHEUS not in self._named
        )

    @cached_property
    def _named(self) -> frozenset[str]:
        """Names of their entries."""
        return frozenset(e.name for e in self._entries.values())

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        """Entries of enabled services, by service name."""
        found = {
            name: original_entry(self.stack, name, config)
            for name, config in self.stack.services.items()
            if config.runs
        }
        return {name: entry for name, entry in found.items() if entry is not None}

    def callers(self, host: str, entry: Entry, config: ServiceConfig) -> tuple[str, ...]:
        """Hosts that use the data of a service on this host: only its own host if a reader runs
        there, otherwise every host with a reader. Alerts come from every host.
        """
        monitor = self.hosts_of(MONITOR, self.stack) if self._is_asked(entry, config) else ()
        return tuple(sorted({*monitor, *self._reading(host, entry, config)}))

    def _reading(self, host: str, entry: Entry, config: ServiceConfig) -> tuple[str, ...]:
        if not entry.provides or config.never_publish:
            return ()
        there = {
            place
            for name, other in self._entries.items()
            if self._reads(other, entry)
            for place in self.hosts_of(name, self.stack)
        }
        alone = host in there and entry.provides not in FROM_ALL
        return (host,) if alone else tuple(sorted(there))

    def read_by(self, entry: Entry) -> tuple[str, ...]:
        """Services that an entry uses."""
        if entry.name == MONITOR:
            services = self.stack.services
            return tuple(n for n, e in self._entries.items() if self._is_asked(e, services[n]))
        if not entry.consumes:
            return ()
        return tuple(n for n, e in self._entries.items() if self._reads(entry, e))

    def _is_asked(self, entry: Entry, config: ServiceConfig) -> bool:
        """Whether the monitor calls the port of the app: it has no page whose name it can call."""
        return (
            MONITOR in self._entries
            and not entry.page
            and not entry.infrastructure
            and entry.monitor in ("http", "tcp")
            and config.monitor.skip is None
            and config.routes is None
            and WEB in entry.ports
            and not (config.never_publish or entry.never_publish)
        )
