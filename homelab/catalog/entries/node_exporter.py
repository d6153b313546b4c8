"""The node exporter, which tells Prometheus how its host is."""

from homelab.catalog.model import Entry, Hardening, PortFact, PortNumber, Template

ENTRY = Entry(
    name="node-exporter",
    title="Node exporter",
    summary="Measures memory, disks, processors and networks of its host",
    category="Monitoring",
    icon="prometheus",
    homepage="https://github.com/prometheus/node_exporter",
    since="24.11",
    ports={"web": PortFact(9100)},
    gives="measurements",
    job="node",
    options={
        "services.prometheus.exporters.node.enable": True,
        "services.prometheus.exporters.node.listenAddress": Template("{bind}"),
        "services.prometheus.exporters.node.port": PortNumber(),
    },
    units=("prometheus-node-exporter",),
    user="node-exporter",
    stateless="it measures and forgets",
    monitor="Prometheus says when it no longer answers",
    page=False,
    hardening=Hardening(upstream=True, mounts=True),
)
