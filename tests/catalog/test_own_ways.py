"""Entries whose modules have ways of their own: an Nginx within, settings that moved, exporters."""

from __future__ import annotations

import pytest

from homelab.proxy.registry import PROXIES
from tests import build
from tests.household import Changes

NEXTCLOUD: Changes = {"services": {"nextcloud": {"host": "pi"}}}
TARGETS: Changes = {
    "targets": {"b2": {"kind": "b2", "path": "bucket/restic", "credentials": {"sops": "restic/b2"}}}
}


def _file(changes: Changes, host: str, name: str) -> str:
    return build.render(changes)[host][f"services/{name}.nix"]


def _file_of(changes: Changes, host: str, path: str) -> str:
    return build.render(changes)[host][path]


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.requirement("S1-22")
def test_nextclouds_own_nginx_stays_clear_of_the_proxy(proxy: str) -> None:
    """It listens on loopback by a port of its own, under a name that nobody types."""
    changes: Changes = {**NEXTCLOUD, "network": {"entry": {"proxy": proxy}}}
    files = build.render(changes)["pi"]
    own = files["services/nextcloud.nix"]
    assert 'hostName = "nextcloud";' in own
    listen = own.split("services.nginx.virtualHosts.nextcloud.listen")[1]
    assert 'addr = "127.0.0.1";' in listen
    assert "port = 8084;" in listen
    assert "virtualHosts.nextcloud" not in files["proxy.nix"]
    assert "127.0.0.1:8084" in files["proxy.nix"]
    assert not build.found(changes, "port-unique")


@pytest.mark.requirement("S1-22")
def test_nextcloud_answers_to_the_name_that_people_type_and_believes_the_proxy() -> None:
    """Beside the name of its own virtual host, which its module says without a default."""
    text = _file(NEXTCLOUD, "pi", "nextcloud")
    assert 'trusted_domains = lib.mkAfter [ "nextcloud.home.example.org" ];' in text
    assert 'trusted_proxies = [ "127.0.0.1" ];' in text
    assert 'overwriteprotocol = "https";' in text


@pytest.mark.requirement("S1-22", "S1-37")
def test_nextclouds_files_may_lie_in_a_dataset_and_its_apps_stay() -> None:
    """Both can be written, and the dataset's own backup keeps the files."""
    plan = build.plan(
        {
            "services": {"nextcloud": {"host": "pi", "datasets": {"files": "files"}}},
            "datasets": {"files": {"host": "pi", "path": "/mnt/files", "tier": "user"}},
            "backup": TARGETS,
        }
    )
    (unit,) = [u for u in plan.hardening if u.service == "nextcloud"]
    settings = dict(unit.settings)
    assert settings["BindPaths"] == ["/mnt/files"]
    assert settings["ReadWritePaths"] == ["/var/lib/nextcloud"]
    jobs = {j.name: j for j in plan.backup.jobs}
    assert jobs["nextcloud"].paths == ("/var/backup/postgresql/nextcloud.sql.gz",)
    assert jobs["dataset-files"].paths == ("/mnt/files",)


EXPORTERS = ("node-exporter", "systemd-exporter")


@pytest.mark.requirement("S0-47", "S1-11")
def test_exporters_answer_to_a_prometheus_beside_them_alone() -> None:
    """No name, no open port; the one beside them is told of both."""
    changes: Changes = {
        "services": {**{n: {"host": "nas"} for n in EXPORTERS}, "prometheus": {"host": "nas"}}
    }
    plan = build.plan(changes)
    assert not [r for r in plan.routes if r.service in EXPORTERS]
    assert {9100, 9558}.isdisjoint(p.port for p in plan.firewall.on("nas"))
    told = _file_of(changes, "nas", "measurements.nix")
    for name, port in (("node", 9100), ("systemd", 9558)):
        text = _file(changes, "nas", f"{name}-exporter")
        assert 'listenAddress = "127.0.0.1";' in text
        assert f'job_name = "{name}";' in told
        assert f'targets = [ "127.0.0.1:{port}" ];' in told
    assert not build.found(changes, "exporter-scraped")


@pytest.mark.requirement("S0-47", "S0-56")
def test_one_prometheus_measures_the_hosts_that_have_none() -> None:
    """Over the tailnet, by a port that opens to its host and to nobody else."""
    changes: Changes = {
        "services": {
            "prometheus": {"host": "pi"},
            "node-exporter": {"host": "nas"},
            "node-pi": {"service": "node-exporter", "host": "pi"},
        }
    }
    tailnet = {
        "name": "tail1234.ts.net",
        "client_id": {"sops": "tailscale/id"},
        "client_secret": {"sops": "tailscale/secret"},
        "owners": ["sam@example.org"],
    }
    members = {name: {"tailscale": {}} for name in ("nas", "pi")}
    changes = {**changes, "tailnet": tailnet, "hosts": members}
    plan = build.plan(changes)
    told = _file_of(changes, "pi", "measurements.nix")
    assert 'targets = [ "100.64.0.3:9100" ];' in told
    assert 'targets = [ "127.0.0.1:9100" ];' in told
    assert told.count("job_name") == 1
    assert 'listenAddress = "0.0.0.0";' in _file(changes, "nas", "node-exporter")
    assert 'listenAddress = "127.0.0.1";' in _file(changes, "pi", "node-pi")
    (opened,) = [p for p in plan.firewall.on("nas") if p.port == 9100]
    assert opened.scope == "tailnet"
    assert not [p for p in plan.firewall.on("pi") if p.port == 9100]
    assert plan.tailnet is not None
    ways = [g for g in plan.tailnet.grants if "tcp:9100" in g.ip]
    assert [(g.src, g.dst) for g in ways] == [(("pi",), ("nas",))]
    assert not build.found(changes, "firewall-reach")
    assert not build.found(changes, "exporter-scraped")


@pytest.mark.requirement("S0-47")
def test_victoriametrics_scrapes_where_no_prometheus_does() -> None:
    """Two would store every sample twice."""
    changes: Changes = {
        "services": {"victoriametrics": {"host": "nas"}, "node-exporter": {"host": "nas"}}
    }
    told = _file_of(changes, "nas", "measurements.nix")
    assert "services.victoriametrics.prometheusConfig.scrape_configs = [" in told
    assert 'targets = [ "127.0.0.1:9100" ];' in told
    assert not build.found(changes, "exporter-scraped")
    both: Changes = {"services": {**changes["services"], "prometheus": {"host": "nas"}}}
    told = _file_of(both, "nas", "measurements.nix")
    assert "victoriametrics" not in told
    assert "services.prometheus.scrapeConfigs" in told


@pytest.mark.requirement("S0-48")
def test_every_host_with_the_tag_sends_its_journal_to_victorialogs() -> None:
    changes: Changes = {
        "hosts": {"nas": {"tags": ["logs"]}, "pi": {"tags": ["logs"]}},
        "services": {"victorialogs": {"host": "pi"}, "journal-upload": {"tags": ["logs"]}},
    }
    for host, address in (("pi", "127.0.0.1"), ("nas", build.plan(changes).hosts["pi"].lan)):
        there = f'Upload.URL = "http://{address}:9428/insert/journald";'
        assert there in _file_of(changes, host, "measurements.nix")
        assert "upload.enable = true" in _file(changes, host, "journal-upload")
    assert [p for p in build.plan(changes).firewall.on("pi") if p.port == 9428]
    without: Changes = {**changes, "services": {"victorialogs": {"host": "pi"}}}
    made = build.render(without)
    assert not [f for host in made for f, text in made[host].items() if "journald.upload" in text]


@pytest.mark.requirement("S0-46")
def test_the_hub_of_beszel_reaches_the_agents_of_all_hosts_and_nobody_else_does() -> None:
    """The policy of the tailnet denies what no grant allows, so an open port alone is not enough."""
    key = {"services.beszel.agent.environment.KEY": build.KEY}
    changes: Changes = {
        "hosts": {"nas": {"tags": ["measured"]}, "pi": {"tags": ["measured"]}},
        "services": {
            "beszel": {"host": "pi"},
            "beszel-agent": {"tags": ["measured"], "options": key},
        },
    }
    plan = build.plan({**build.TAILNET, **changes})
    (opened,) = [p for p in plan.firewall.on("nas") if p.port == 45876]
    assert (opened.scope, opened.why) == ("tailnet", "called by pi")
    assert not [p for p in plan.firewall.on("pi") if p.port == 45876]
    assert plan.tailnet is not None
    ways = [g for g in plan.tailnet.grants if "tcp:45876" in g.ip]
    assert [(g.src, g.dst) for g in ways] == [(("pi",), ("nas",))]
    assert not build.found(changes, "exporter-scraped")
    del changes["services"]["beszel"]
    assert {p.what for p in build.found(changes, "exporter-scraped")} == {
        "no hub of Beszel reads what beszel-agent measures on nas",
        "no hub of Beszel reads what beszel-agent measures on pi",
    }
    key["services.beszel.agent.environment.HUB_URL"] = "https://beszel.example.org"
    assert not build.found(changes, "exporter-scraped")


@pytest.mark.requirement("S1-11")
def test_measurements_that_nobody_reads_are_told_of() -> None:
    """An exporter without a Prometheus, or kept from the only one."""
    alone: Changes = {"services": {"node-exporter": {"host": "nas"}}}
    (problem,) = build.found(alone, "exporter-scraped")
    assert problem.severity == "error"
    assert "no Prometheus reads what node-exporter measures on nas" in problem.what
    kept: Changes = {
        "services": {
            "node-exporter": {"host": "nas", "never_publish": "for itself"},
            "prometheus": {"host": "pi"},
        }
    }
    assert "drop never_publish" in build.found(kept, "exporter-scraped")[0].way_out
    text = _file_of({**kept}, "nas", "services/node-exporter.nix")
    assert 'listenAddress = "127.0.0.1";' in text


@pytest.mark.requirement("S0-47", "S0-55")
def test_the_node_exporter_sees_every_file_system() -> None:
    """How full a disk is cannot be asked of an empty directory in its place."""
    plan = build.plan({"services": {"node-exporter": {"host": "nas"}}})
    (unit,) = [u for u in plan.hardening if u.service == "node-exporter"]
    assert "TemporaryFileSystem" not in dict(unit.settings)
    assert "temporary-file-system" in dict(unit.exceptions)


@pytest.mark.requirement("S1-11", "S0-49")
def test_grafana_draws_what_prometheus_measures_here_or_elsewhere() -> None:
    """Beside it by loopback, and on another host by a port that opens to it."""
    near: Changes = {"services": {"prometheus": {"host": "nas"}, "grafana": {"host": "nas"}}}
    text = _file_of(near, "nas", "measurements.nix")
    assert "datasources.settings.datasources = lib.mkAfter [" in text
    assert 'url = "http://127.0.0.1:9090";' in text
    far: Changes = {"services": {"prometheus": {"host": "nas"}, "grafana": {"host": "pi"}}}
    assert 'url = "http://192.168.1.3:9090";' in _file_of(far, "pi", "measurements.nix")
    alone: Changes = {"services": {"grafana": {"host": "pi"}}}
    assert "measurements.nix" not in build.render(alone)["pi"]


@pytest.mark.requirement("S0-49")
def test_grafana_shows_the_logs_of_loki_on_another_host() -> None:
    """The port of Loki opens to the host of Grafana, without `uses`."""
    changes: Changes = {
        **build.TAILNET,
        "services": {"loki": {"host": "nas"}, "grafana": {"host": "pi"}},
    }
    text = _file_of(changes, "pi", "measurements.nix")
    assert 'name = "Loki";' in text
    assert 'type = "loki";' in text
    assert 'url = "http://100.64.0.3:3100";' in text
    (opened,) = [p for p in build.plan(changes).firewall.ports if p.owner == "loki"]
    assert (opened.host, opened.port, opened.scope) == ("nas", 3100, "tailnet")


def test_every_prometheus_sends_its_alerts_to_the_alertmanager() -> None:
    """That of another host too, although one runs beside it."""
    config = {"services.prometheus.alertmanager.configText": "route: {receiver: people}"}
    changes: Changes = {
        **build.TAILNET,
        "services": {
            "alertmanager": {"host": "nas", "options": config},
            "prometheus": {"host": "nas"},
            "prometheus-pi": {"service": "prometheus", "host": "pi"},
        },
    }
    for host, address in (("nas", "127.0.0.1"), ("pi", "100.64.0.3")):
        text = _file_of(changes, host, "measurements.nix")
        assert "alertmanagers = lib.mkAfter [" in text
        assert f'targets = [ "{address}:9093" ];' in text
    plan = build.plan(changes)
    opened = [p for p in plan.firewall.ports if p.owner == "alertmanager" and p.port == 9093]
    assert [(p.host, p.scope) for p in opened] == [("nas", "tailnet")]
    assert plan.tailnet is not None
    ways = [(g.src, g.dst) for g in plan.tailnet.grants if "tcp:9093" in g.ip]
    assert ways == [(("pi",), ("nas",))]


@pytest.mark.parametrize(
    ("release", "here", "gone"),
    [
        ("25.05", "webhookUrl =", "environment ="),
        ("25.11", 'WEBHOOK_URL = "https://n8n.home.example.org/";', "settings ="),
    ],
)
@pytest.mark.requirement("S0-71")
def test_n8n_is_told_its_address_in_the_words_of_its_release(
    release: str, here: str, gone: str
) -> None:
    """A file of settings before 25.11, its environment since."""
    changes: Changes = {
        "nixpkgs": {"default": {"release": release}},
        "services": {"n8n": {"host": "nas"}},
    }
    text = _file(changes, "nas", "n8n")
    assert here in text
    assert gone not in text
    assert not build.found(changes, "module-available")


@pytest.mark.requirement("S1-16", "S1-17", "S1-19")
def test_attic_knows_its_address_and_what_can_be_built_again_is_not_kept() -> None:
    """Its key reaches it as a file of its environment."""
    plan = build.plan({"services": {"atticd": {"host": "nas"}}, "backup": TARGETS})
    (job,) = [j for j in plan.backup.jobs if j.name == "atticd"]
    assert "/var/lib/private/atticd/storage" in job.exclude
    (secret,) = [s for s in plan.secrets.on("nas") if s.service == "atticd"]
    assert secret.env == (("ATTIC_SERVER_TOKEN_RS256_SECRET_BASE64", "{value}"),)
    text = _file({"services": {"atticd": {"host": "nas"}}}, "nas", "atticd")
    assert 'api-endpoint = "https://atticd.home.example.org/";' in text
    assert f'environmentFile = "{secret.path}";' in text


@pytest.mark.requirement("S4-29")
def test_scrutinys_history_is_for_its_own_host() -> None:
    """InfluxDB would answer to every address of the host."""
    text = _file({"services": {"scrutiny": {"host": "nas"}}}, "nas", "scrutiny")
    assert 'http-bind-address = "127.0.0.1:8086";' in text
