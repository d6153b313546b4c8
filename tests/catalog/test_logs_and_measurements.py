"""Entries for logs and measurements: Loki, Alloy, InfluxDB and Telegraf."""

from __future__ import annotations

import pytest

from homelab.catalog import ENTRIES
from homelab.catalog.kit import flaws
from tests import build
from tests.build import service_file


def test_loki_deletes_old_logs_and_its_parts_call_each_other_on_loopback() -> None:
    text = service_file("loki")
    assert 'limits_config.retention_period = "744h";' in text
    assert "retention_enabled = true;" in text
    assert 'delete_request_store = "filesystem";' in text
    assert 'grpc_listen_address = "127.0.0.1";' in text
    assert 'instance_addr = "127.0.0.1";' in text


def test_alloy_sends_logs_to_loki_on_another_host() -> None:
    """`uses` opens the port of Loki to the host of Alloy."""
    changes = {
        **build.TAILNET,
        "services": {
            "alloy": {
                "host": "pi",
                "uses": ["loki"],
                "options": {'environment.etc."alloy/config.alloy".text': "// logs"},
            },
            "loki": {"host": "nas"},
        },
    }
    plan = build.plan(changes)
    (port,) = [p for p in plan.firewall.ports if p.owner == "loki"]
    assert (port.host, port.port, port.scope) == ("nas", 3100, "tailnet")
    assert not build.found(changes, "option-demanded")


def test_the_password_and_the_token_of_influxdb_are_files() -> None:
    text = service_file("influxdb2")
    assert 'passwordFile = "/run/homelab/secrets/influxdb2-admin";' in text
    assert 'tokenFile = "/run/homelab/secrets/influxdb2-token";' in text
    assert 'http-bind-address = "127.0.0.1:8086";' in text


def test_an_option_may_set_the_address_of_a_port_with_a_fixed_number() -> None:
    entry = ENTRIES["influxdb2"]
    assert not list(flaws(entry, ("25.11",)))
    web = entry.ports["web"].model_copy(update={"bindable": False})
    wrong = entry.model_copy(update={"ports": {"web": web}})
    (problem,) = flaws(wrong, ("25.11",))
    assert "an option sets its address" in problem.what


@pytest.mark.parametrize("option", ["inputs", "outputs"])
def test_telegraf_asks_for_what_it_reads_and_where_it_sends_it(option: str) -> None:
    problems = build.found({"services": {"telegraf": {"host": "pi"}}}, "option-demanded")
    assert [p for p in problems if f"services.telegraf.extraConfig.{option}" in p.what]


@pytest.mark.parametrize(
    ("name", "port", "job"),
    [("postgres-exporter", 9187, "postgres"), ("smartctl-exporter", 9633, "smartctl")],
)
def test_prometheus_reads_the_exporter_beside_it(name: str, port: int, job: str) -> None:
    changes = {"services": {name: {"host": "nas"}, "prometheus": {"host": "nas"}}}
    files = build.render(changes)["nas"]
    assert f'job_name = "{job}";' in files["measurements.nix"]
    assert f'targets = [ "127.0.0.1:{port}" ];' in files["measurements.nix"]
    assert 'listenAddress = "127.0.0.1";' in files[f"services/{name}.nix"]


def test_the_sandbox_of_the_smartctl_exporter_leaves_the_disks_to_the_module() -> None:
    plan = build.plan({"services": {"smartctl-exporter": {"host": "pi"}}})
    (unit,) = [u for u in plan.hardening if u.service == "smartctl-exporter"]
    assert not {"PrivateDevices", "CapabilityBoundingSet"} & set(dict(unit.settings))


def test_alertmanager_opens_no_port_for_other_instances_and_asks_where_alerts_go() -> None:
    assert '"--cluster.listen-address="' in service_file("alertmanager")
    assert build.found({"services": {"alertmanager": {"host": "pi"}}}, "option-demanded")
