"""Services that use others without `uses`: Prometheus its exporters, Grafana its databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from homelab.catalog.model import Entry
from homelab.config.services import ServiceConfig
from homelab.config.stack import StackConfig
from homelab.services.own import original_entry


@dataclass(frozen=True)
class Readers:
    """The services of a stack that provide data, and those that read it."""

    stack: StackConfig
    hosts_of: Callable[[str, StackConfig], tuple[str, ...]]

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        """Entries of enabled services that provide or read data, by service name."""
        found = {
            name: original_entry(self.stack, name, config)
            for name, config in self.stack.services.items()
            if config.runs
        }
        return {n: e for n, e in found.items() if e is not None and (e.provides or e.consumes)}

    def callers(self, host: str, entry: Entry, config: ServiceConfig) -> tuple[str, ...]:
        """Hosts that use the data of a service on this host: only its own host if a reader runs
        there, otherwise every host with a reader. Alerts come from every host.
        """
        if not entry.provides or config.never_publish:
            return ()
        there = {
            place
            for name, other in self._entries.items()
            if entry.provides in other.consumes
            for place in self.hosts_of(name, self.stack)
        }
        alone = host in there and entry.provides != "alerts"
        return (host,) if alone else tuple(sorted(there))

    def read_by(self, entry: Entry) -> tuple[str, ...]:
        """Services that an entry uses."""
        return tuple(n for n, other in self._entries.items() if other.provides in entry.consumes)
