"""Targets and Alertmanagers of Prometheus, data sources and dashboards of Grafana, on any host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import resources

from homelab.config.services import dashboards_of
from homelab.network.between import dialled
from homelab.nix import After, Attrs, Call, Module, Nix, Path, attrs, merge
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.system.model import Host

SCRAPED = "services.prometheus.scrapeConfigs"
_VICTORIA = "victoriametrics"
_VICTORIA_SCRAPES = "services.victoriametrics.prometheusConfig.scrape_configs"
SHIPPED = "services.journald.upload.settings.Upload.URL"
"""Address to which systemd-journal-upload sends."""
_ALERTED = "services.prometheus.alertmanagers"
_GRAFANA = "services.grafana.provision"
_DASHBOARDS = "grafana-dashboards"
"""Directory below /etc."""
_DASHBOARD = "lib/dashboard.nix"
_TARGETS = "lib/targets.json"
"""A dashboard of homelab's own: memory, boot, disks and load of each host, beside targets."""
_SOURCES = {"series": "prometheus", "logs": "loki"}
"""Types of data sources of Grafana, by the data."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`measurements.nix`, on a host that runs Prometheus, Grafana or what sends its journal."""
    here = plan.on(host.name)
    sent = [_shipped(plan, s) for s in here if "journal" in s.entry.consumes]
    parts = [
        *(_scraped(plan, s) for s in here if "metrics" in s.entry.consumes),
        *(_alerted(plan, s) for s in here if "alerts" in s.entry.consumes),
        *(_drawn(plan, s) for s in here if _SOURCES.keys() & set(s.entry.consumes)),
        *(_shown(plan, s) for s in here if s.entry.dashboards),
    ]
    measured = merge(*parts)
    derived = merge(measured, *sent)
    if derived:
        yield Module(
            "measurements.nix",
            "Targets and Alertmanagers of Prometheus, data sources and dashboards of Grafana"
            if measured
            else "Where this host sends its journal",
            derived=derived,
            extra=_files(plan, here),
        )


def read_by(plan: Plan, reader: Service) -> tuple[tuple[Service, str], ...]:
    """Services whose data a reader uses, each with the address and port that it calls."""
    found = []
    for source in plan.services:
        if source.name not in reader.asks or not source.entry.provides:
            continue
        if source.host == reader.host:
            found.append((source, f"{source.address}:{source.port}"))
        elif reader.host in source.callers:
            address = dialled(plan.stack, reader.host, source.host)
            found.append((source, f"{address}:{source.port}"))
    return tuple(found)


def _scraped(plan: Plan, prometheus: Service) -> Attrs:
    jobs: dict[str, list[Nix]] = {}
    for source, address in read_by(plan, prometheus):
        if source.entry.provides != "metrics":
            continue
        target: Nix = {"targets": [address], "labels": {"host": source.host}}
        jobs.setdefault(source.entry.job, []).append(target)
    scraped: list[Nix] = [
        {"job_name": job, "static_configs": targets} for job, targets in sorted(jobs.items())
    ]
    if not scraped:
        return {}
    if prometheus.entry.name == _VICTORIA:
        # The option takes any YAML, which joins plain lists only.
        return attrs(_VICTORIA_SCRAPES, scraped)
    return attrs(SCRAPED, After(scraped))


def _shipped(plan: Plan, sender: Service) -> Attrs:
    """Where a host sends its journal. systemd-journal-upload adds /upload."""
    places = [a for source, a in read_by(plan, sender) if source.entry.provides == "journal"]
    return attrs(SHIPPED, f"http://{places[0]}/insert/journald") if places else {}


def _alerted(plan: Plan, prometheus: Service) -> Attrs:
    found = read_by(plan, prometheus)
    targets: list[Nix] = [a for source, a in found if source.entry.provides == "alerts"]
    alerted: list[Nix] = [{"static_configs": [{"targets": targets}]}]
    return attrs(_ALERTED, After(alerted)) if targets else {}


def _files(plan: Plan, here: tuple[Service, ...]) -> tuple[tuple[str, str], ...]:
    shown = [s for s in here if s.entry.dashboards]
    names = [_DASHBOARD] if any(dashboards_of(s.config) for s in shown) else []
    names += [_TARGETS] if any(_has_targets(plan, s) for s in shown) else []
    package = resources.files("homelab.monitoring")
    return tuple(
        (name, package.joinpath(name.removeprefix("lib/")).read_text(encoding="utf-8"))
        for name in names
    )


def _has_targets(plan: Plan, grafana: Service) -> bool:
    """Whether Grafana draws what a node exporter measures, of which the dashboard is made."""
    kinds = {kind for _, kind, _ in _data_sources(plan, grafana)}
    return "prometheus" in kinds and any(s.entry.name == "node-exporter" for s in plan.services)


def _shown(plan: Plan, grafana: Service) -> Attrs:
    """The dashboards that the stack config states, and that of targets. Their inputs become data
    sources of the plan.
    """
    sources: dict[str, Nix] = {}
    for name, kind, _ in _data_sources(plan, grafana):
        sources.setdefault(kind, name)
    files: dict[str, Nix] = {
        f"{_DASHBOARDS}/{d.id}.json": {
            "source": Call(
                f"pkgs.callPackage ./{_DASHBOARD}",
                ({"id": d.id, "revision": d.revision, "hash": d.hash, "sources": {**sources}},),
            )
        }
        for d in dashboards_of(grafana.config)
    }
    if _has_targets(plan, grafana):
        files[f"{_DASHBOARDS}/homelab-targets.json"] = {"source": Path(_TARGETS)}
    if not files:
        return {}
    provider: Nix = {"name": "homelab", "options": {"path": f"/etc/{_DASHBOARDS}"}}
    return merge(
        {"environment": {"etc": files}},
        attrs(f"{_GRAFANA}.enable", True),
        attrs(f"{_GRAFANA}.dashboards.settings.providers", After([provider])),
    )


def _data_sources(plan: Plan, grafana: Service) -> list[tuple[str, str, str]]:
    """Data sources of Grafana: name, type and URL."""
    sources = [found for found in read_by(plan, grafana) if found[0].entry.provides in _SOURCES]
    titles = Counter(s.entry.title for s, _ in sources)
    names = {
        s.name: s.entry.title if titles[s.entry.title] == 1 else f"{s.entry.title} ({s.host})"
        for s, _ in sources
    }
    return [
        (names[s.name], _SOURCES[s.entry.provides], f"http://{address}") for s, address in sources
    ]


def _drawn(plan: Plan, grafana: Service) -> Attrs:
    listed: list[Nix] = [
        {"name": name, "type": kind, "url": url} for name, kind, url in _data_sources(plan, grafana)
    ]
    if not listed:
        return {}
    return merge(
        attrs(f"{_GRAFANA}.enable", True),
        attrs(f"{_GRAFANA}.datasources.settings.datasources", After(listed)),
    )
