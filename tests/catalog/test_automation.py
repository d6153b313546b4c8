"""What home automation, media and models need of each other."""

from __future__ import annotations

from typing import Any

import pytest

from tests import build

pytestmark = pytest.mark.requirement("S2-16", "S2-17", "S2-21", "S2-22")

TAILNET = {
    "name": "tail1.ts.net",
    "client_id": {"sops": "a"},
    "client_secret": {"sops": "b"},
    "owners": ["sam@example.org"],
}
QUIET = (
    *("flaresolverr", "matter-server", "mosquitto"),
    *("wyoming-faster-whisper", "wyoming-openwakeword", "wyoming-piper"),
)


def files(**services: Any) -> dict[str, str]:
    """What pi is given to run these."""
    made = {k: {"host": "pi", **v} for k, v in services.items()}
    return build.render({"services": {k.replace("_", "-"): v for k, v in made.items()}})["pi"]


def test_home_assistant_believes_the_proxy_alone() -> None:
    text = files(home_assistant={})["services/home-assistant.nix"]
    assert 'trusted_proxies = [ "127.0.0.1" ];' in text
    assert "use_x_forwarded_for = true;" in text
    remote = build.render({"services": {"home-assistant": {"host": "nas"}}})["nas"]
    assert 'trusted_proxies = [ "192.168.1.2" ];' in remote["services/home-assistant.nix"]


@pytest.mark.parametrize("name", QUIET)
def test_what_speaks_no_page_has_no_name_and_listens_to_its_host_alone(name: str) -> None:
    changes = {"services": {name: {"host": "nas"}}}
    plan = build.plan(changes)
    assert plan.routes_of(name) == ()
    assert not [p for p in plan.firewall.ports if p.owner == name]
    assert "0.0.0.0" not in build.render(changes)["nas"][f"services/{name}.nix"]


@pytest.mark.parametrize("name", ["mosquitto", "wyoming-piper"])
@pytest.mark.requirement("S0-56")
def test_home_assistant_asks_it_on_another_host_and_nobody_else_does(name: str) -> None:
    """`uses` opens the port, to its caller's host."""
    uses = {"home-assistant": {"host": "pi", "uses": [name]}, name: {"host": "nas"}}
    changes = {"tailnet": TAILNET, "services": uses}
    plan = build.plan(changes)
    (port,) = [p for p in plan.firewall.ports if p.owner == name]
    assert (port.host, port.scope, port.why) == ("nas", "tailnet", "called by pi")
    assert plan.routes_of(name) == ()
    assert "0.0.0.0" in build.render(changes)["nas"][f"services/{name}.nix"]
    assert plan.tailnet is not None
    told = [g.src for g in plan.tailnet.grants if f"tcp:{port.port}" in g.ip and "nas" in g.dst]
    assert told == [("pi",)]


@pytest.mark.parametrize("name", ["matter-server", "flaresolverr"])
@pytest.mark.requirement("S3-03")
def test_what_obeys_everybody_is_never_asked_from_another_host(name: str) -> None:
    uses = {"home-assistant": {"host": "pi", "uses": [name]}, name: {"host": "nas"}}
    found = build.found({"tailnet": TAILNET, "services": uses}, "exposure-never")
    assert found
    assert all(p.way_out == "write services.home-assistant.host: nas" for p in found)


def test_mosquitto_reads_the_password_of_its_client_from_a_file() -> None:
    text = files(mosquitto={})["services/mosquitto.nix"]
    assert 'passwordFile = "/run/homelab/secrets/mosquitto-home-assistant";' in text
    assert "omitPasswordAuth" not in text


@pytest.mark.requirement("S2-22")
def test_cockpit_listens_where_it_is_told_and_nowhere_beside() -> None:
    """An empty entry takes back what the module's own socket says before it."""
    text = files(cockpit={})["services/cockpit.nix"]
    assert 'listenStreams = lib.mkAfter [\n      ""\n      "127.0.0.1:9090"\n    ];' in text
    assert 'allowed-origins = [ "https://cockpit.home.example.org" ];' in text
    old = {
        "nixpkgs": {"default": {"release": "25.05"}},
        "services": {"cockpit": {"host": "pi"}},
    }
    before = build.render(old)["pi"]["services/cockpit.nix"]
    assert 'Origins = "https://cockpit.home.example.org";' in before
    assert "allowed-origins" not in before


@pytest.mark.requirement("S2-22")
def test_cockpit_and_prometheus_do_not_share_a_port() -> None:
    """The error names both."""
    both = {"services": {"cockpit": {"host": "pi"}, "prometheus": {"host": "pi"}}}
    (problem,) = [p for p in build.found(both, "port-unique") if "9090" in p.what]
    assert "cockpit and prometheus" in problem.what


@pytest.mark.requirement("S2-21", "S0-53")
def test_who_files_what_another_downloads_can_read_and_link_it() -> None:
    """One group, and permissions that let it."""
    datasets = {
        name: {"host": "pi", "path": f"/data/{name}", "tier": "re-derivable", "group": "media"}
        for name in ("downloads", "media")
    }
    services = {
        "transmission": {"host": "pi", "datasets": {"downloads": "downloads"}},
        "sonarr": {"host": "pi", "datasets": {"downloads": "downloads", "media": "media"}},
    }
    made = build.render({"datasets": datasets, "services": services})["pi"]
    assert 'download-dir = "/data/downloads";' in made["services/transmission.nix"]
    assert 'umask = "002";' in made["services/transmission.nix"]
    sandbox = (
        made["hardening.nix"].split("homelab.hardening.units.sonarr =")[1].split("UMask = ")[1]
    )
    assert sandbox.startswith('"0002"')
    assert made["storage.nix"].count('SupplementaryGroups = [ "media" ];') == 2


@pytest.mark.requirement("S2-17")
def test_litellm_has_a_key_that_no_file_of_its_tree_holds() -> None:
    text = files(litellm={})["services/litellm.nix"]
    assert 'environmentFile = "/run/homelab/secrets/litellm-key";' in text
    assert 'master_key = "os.environ/LITELLM_MASTER_KEY";' in text


@pytest.mark.requirement("S2-17")
def test_litellm_finds_ollama_wherever_it_runs_and_at_any_port() -> None:
    for host, port, address in (
        ("nas", 11434, "http://127.0.0.1:11434"),
        ("nas", 12000, "http://127.0.0.1:12000"),
        ("pi", 12000, "http://192.168.1.2:12000"),
    ):
        services = {
            "litellm": {"host": "nas", "port": 4000, "connects": ["ollama"]},
            "ollama": {"host": host, "port": port},
        }
        text = build.render({"services": services})["nas"]["connections.nix"]
        assert f'OLLAMA_API_BASE = "{address}";' in text


@pytest.mark.requirement("S2-17")
def test_a_model_in_the_tunnel_has_access_before_it_unless_a_reason_is_written() -> None:
    """Ollama has no sign-in of its own. `public: true` is no reason."""
    route = {"publish": "tunnel", "audience": "public", "auth": "none"}
    changes: dict[str, Any] = {
        "cloudflare": {"tunnel": {"host": "pi"}},
        "services": {"ollama": {"host": "nas", **route}},
    }
    cloudflare = build.plan(changes).cloudflare
    assert cloudflare is not None
    assert [(a.route, a.policies) for a in cloudflare.apps] == [("ollama", ("members",))]
    changes["services"] = {"ollama": {"host": "nas", **route, "public": True}}
    with pytest.raises(Exception, match=r"services\.ollama\.public"):
        build.plan(changes)


@pytest.mark.requirement("S0-71")
def test_the_border_router_waits_for_the_release_that_has_it() -> None:
    """And says which one that is."""
    (problem,) = build.found(
        {"services": {"openthread-border-router": {"host": "pi"}}}, "module-available"
    )
    assert "needs NixOS 26.05" in problem.what
