"""Links between services: `{$service: db}` is the address by which one service reaches another."""

from __future__ import annotations

import pytest

from homelab.config.lock import Lock
from tests import build
from tests.household import Changes
from tests.services.test_uses import IMAGE, app
from tests.vpn.stack import NAMESPACE
from tests.vpn.stack import stack as vpn_stack

OPTION = "services.navidrome.settings.Db"


def reader(value: object = None, host: str = "nas", **more: object) -> Changes:
    """Navidrome on nas, with an option that refers to another service."""
    value = {"$service": "ollama"} if value is None else value
    return {"host": host, "options": {OPTION: value}, **more}


def linked(
    name: str = "navidrome", to: str = "ollama", port: str = "web", **services: Changes
) -> str:
    plan = build.plan({"services": services})
    (caller,) = plan.instances(name)
    link = plan.link(caller, to, port)
    assert link is not None
    return link.url


def container(port: int = 8080, **said: object) -> Changes:
    return {**app(8080, "nas"), "container": {"image": IMAGE, "port": 80, **said}, "port": port}


def test_a_service_of_the_same_host_is_at_its_loopback() -> None:
    assert linked(navidrome=reader(), ollama={"host": "nas"}) == "http://127.0.0.1:11434"


def test_a_service_of_another_host_is_at_the_address_that_its_host_dials() -> None:
    services: Changes = {"navidrome": reader(), "ollama": {"host": "pi"}}
    plan = build.plan({"services": services})
    link = plan.link(plan.instances("navidrome")[0], "ollama")
    assert link is not None
    assert link.url == "http://192.168.1.2:11434"
    plan = build.plan({**build.TAILNET, **joined(), "services": services})
    link = plan.link(plan.instances("navidrome")[0], "ollama")
    assert link is not None
    assert link.url == "http://100.64.0.2:11434"


def joined() -> Changes:
    return {"hosts": {h: {"tailscale": {}} for h in ("pi", "nas")}}


def test_the_instance_of_the_own_host_has_precedence() -> None:
    tagged = {h: {"tags": ["metrics"]} for h in ("pi", "nas")}
    services = {
        "navidrome": reader({"$service": "node-exporter"}),
        "node-exporter": {"tags": ["metrics"]},
    }
    plan = build.plan({"hosts": tagged, "services": services})
    link = plan.link(plan.instances("navidrome")[0], "node-exporter")
    assert link is not None
    assert link.host == "127.0.0.1"


def test_a_container_reaches_its_host_by_podmans_name() -> None:
    services = {
        "app": container(environment={"DB": {"$service": "ollama"}}),
        "ollama": {"host": "nas"},
    }
    text = build.render({"services": services})["nas"]["services/app.nix"]
    assert 'DB = "http://host.containers.internal:11434";' in text


def test_containers_of_one_network_use_the_name_and_the_inner_port() -> None:
    services = {
        "app": container(network="media", command=["run", {"$text": "{service[web].host}:x"}]),
        "web": container(8081, network="media"),
    }
    assert linked("app", "web", **services) == "http://web:80"
    text = build.render({"services": services})["nas"]["services/app.nix"]
    assert '"web:x"' in text


def test_a_service_of_the_host_reaches_a_container_where_it_is_published() -> None:
    web = container(8081)
    web = {k: v for k, v in web.items() if k != "auth"} | {"routes": []}
    assert linked(to="web", navidrome=reader({"$service": "web"}), web=web) == (
        "http://127.0.0.1:8081"
    )
    # A call from another host takes the loopback address away.
    called = {
        "navidrome": reader({"$service": "web"}),
        "web": web,
        "caller": {**app(8082, "pi", uses=["web"])},
    }
    assert linked(to="web", **called) == "http://192.168.1.3:8081"


def test_a_service_in_a_vpn_namespace_is_at_its_end_of_the_link() -> None:
    changes = vpn_stack(jellyfin={"vpn": NAMESPACE}, navidrome={"vpn": NAMESPACE})
    plan = build.plan(changes)
    inside, other = (plan.service(n) for n in ("jellyfin", "navidrome"))
    assert inside is not None
    assert other is not None
    link = plan.link(inside, "navidrome")
    assert link is not None
    assert link.host == "127.0.0.1"
    changes = vpn_stack(jellyfin={"vpn": None}, navidrome={"vpn": NAMESPACE})
    plan = build.plan(changes)
    outside = plan.service("jellyfin")
    assert outside is not None
    link = plan.link(outside, "navidrome")
    assert link is not None
    assert link.host == "10.200.1.2"


def test_a_device_outside_of_the_stack_is_where_it_says() -> None:
    nas = {"external": {"address": "192.168.1.5", "port": 5001, "scheme": "https"}}
    text = build.render({"services": {"navidrome": reader({"$service": "dsm"}), "dsm": nas}})
    assert 'Db = "https://192.168.1.5:5001";' in text["nas"]["services/navidrome.nix"]


def test_the_parts_of_an_address_are_a_text_and_a_number() -> None:
    parts = {"host": {"$service": {"name": "ollama", "field": "host"}}}
    parts["port"] = {"$service": {"name": "ollama", "field": "port"}}
    parts["both"] = {"$text": "{service[ollama].host}:{service[ollama].port} {service[ollama]}"}
    changes: Changes = {"services": {"navidrome": reader(parts), "ollama": {"host": "nas"}}}
    text = build.render(changes)["nas"]["services/navidrome.nix"]
    assert 'host = "127.0.0.1";' in text
    assert "port = 11434;" in text
    assert '"127.0.0.1:11434 http://127.0.0.1:11434"' in text


def grpc(**said: object) -> Changes:
    return {"host": "pi", "ports": {"grpc": {"port": 9999}}, **said}


@pytest.mark.requirement("S3-04", "S0-56")
def test_a_reference_opens_the_port_that_it_names_and_no_other() -> None:
    """Firewall, grant and binding follow as from `uses`."""
    value = {"$service": {"name": "ollama", "port": "grpc", "field": "port"}}
    changes: Changes = {"services": {"navidrome": reader(value), "ollama": grpc(routes=[])}}
    plan = build.plan(changes)
    opened = {p.label: (p.scope, p.peers) for p in plan.firewall.on("pi") if p.owner == "ollama"}
    assert opened == {"grpc": ("hosts", ("192.168.1.3",))}
    assert plan.instances("ollama")[0].bind == "127.0.0.1"
    plan = build.plan({**build.TAILNET, **joined(), **changes})
    assert plan.tailnet is not None
    (grant,) = [g for g in plan.tailnet.grants if "tcp:9999" in g.ip]
    assert (grant.src, grant.dst) == (("nas",), ("pi",))
    assert f"services.navidrome.options.{OPTION}" in grant.source


def test_a_container_that_refers_to_another_port_of_its_host_may_reach_it() -> None:
    services = {
        "app": container(environment={"DB": {"$service": {"name": "ollama", "port": "grpc"}}}),
        "ollama": grpc(host="nas"),
    }
    files = build.render({"services": services})["nas"]
    assert "# App calls ollama." in files["containers.nix"]
    assert "allowedTCPPorts = [ 9999 ];" in files["containers.nix"]


def test_moving_a_service_changes_its_readers_and_nothing_else() -> None:
    services: Changes = {
        "navidrome": reader(),
        "jellyfin": {"host": "nas"},
        "ollama": {"host": "nas", "port": 11434, "routes": []},
    }
    before = build.render({"services": services})
    after = build.render(
        {"services": {**services, "ollama": {**services["ollama"], "port": 11500}}}
    )
    # These two hold the facts and the digest of the whole host.
    whole = {"facts.nix", "release-id.nix"}
    changed = {
        (host, name)
        for host, files in before.items()
        for name, text in files.items()
        if after[host].get(name) != text and name not in whole
    }
    assert changed == {("nas", "services/ollama.nix"), ("nas", "services/navidrome.nix")}
    moved = build.render({"services": {**services, "ollama": {**services["ollama"], "host": "pi"}}})
    assert 'Db = "http://192.168.1.2:11434"' in moved["nas"]["services/navidrome.nix"]
    assert moved["nas"]["services/jellyfin.nix"] == before["nas"]["services/jellyfin.nix"]


def test_two_services_may_refer_to_each_other() -> None:
    services = {
        "navidrome": reader(),
        "ollama": {
            "host": "nas",
            "options": {"services.ollama.environmentVariables.X": {"$service": "navidrome"}},
        },
    }
    assert build.found({"services": services}, "option-word") == []
    files = build.render({"services": services})["nas"]
    assert "http://127.0.0.1:4533" in files["services/ollama.nix"]


WRONG: dict[str, tuple[object, str, str]] = {
    "unknown": ({"$service": "olama"}, '$service names "olama"', 'did you mean "ollama"?'),
    "in a text": (
        {"$text": "{service[olama]}"},
        '{service[…]} names "olama"',
        'did you mean "ollama"?',
    ),
    "off": ({"$service": "n8n"}, "n8n, which is switched off", "drop services.n8n.enable"),
    "planned": (
        {"$service": "miniflux"},
        "miniflux, which is only planned: after the new disk",
        "leave services.miniflux.planned out",
    ),
    "itself": ({"$service": "navidrome"}, "names navidrome itself", "{$port: web}"),
    "no such port": (
        {"$service": {"name": "ollama", "port": "wep"}},
        'names the port "wep", which ollama does not have',
        'did you mean "web"?',
    ),
    "no port": (
        {"$text": "{service[restic]}"},
        'names the port "web", which restic does not have',
        "there are no ports of restic yet",
    ),
    "no such part": (
        {"$service": {"name": "ollama", "part": "host"}},
        "$service takes the name of a service",
        "field: url|scheme|host|port}",
    ),
    "no name": ({"$service": 5}, "$service takes the name of a service", "{$service: ollama}"),
    "no such field": (
        {"$text": "{service[ollama].hots}"},
        "$text has no field {service[ollama].hots}",
        "",
    ),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.requirement("S3-04", "S2-17")
def test_a_reference_to_nothing_is_a_problem(case: str) -> None:
    value, what, way_out = WRONG[case]
    services = {
        "navidrome": reader(value),
        "ollama": {"host": "nas"},
        "n8n": {"host": "nas", "enable": False},
        "miniflux": {"host": "nas", "planned": "after the new disk"},
        "restic": {"host": "nas", "module": {"stateless": "it only runs", "units": ["x"]}},
    }
    (problem,) = build.found({"services": services}, "option-word")
    assert problem.where == f"services.navidrome.options.{OPTION}"
    assert what in problem.what
    assert way_out in problem.way_out
    # The rest of the stack can still be rendered.
    assert "navidrome.nix" in " ".join(build.render({"services": services})["nas"])


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"$service": "olama"}, '$service names "olama"'),
        ({"$secret": "x"}, "$secret is a path of the host, or no text"),
        ({"$text": "{dataset[music]}"}, 'app has no dataset "music"'),
        ({"$txet": "x"}, "there is no reference $txet"),
    ],
)
def test_a_wrong_reference_in_a_container_is_a_problem(value: object, what: str) -> None:
    services = {"app": container(environment={"DB": value}), "ollama": {"host": "nas"}}
    problem = build.found({"services": services}, "option-word")[0]
    assert problem.where == "services.app.container.environment.DB"
    assert what in problem.what
    assert "DB" not in build.render({"services": services})["nas"]["services/app.nix"]


def test_a_reference_inside_a_vpn_follows_the_rule_of_uses() -> None:
    changes = vpn_stack(
        jellyfin={
            "vpn": NAMESPACE,
            "options": {"systemd.services.x.environment.Y": {"$service": "navidrome"}},
        },
        navidrome={"vpn": None},
    )
    (problem,) = build.found(changes, "vpn-uses")
    assert problem.where == "services.jellyfin.options.systemd.services.x.environment.Y"


def test_the_lock_keeps_the_port_that_readers_have() -> None:
    lock = Lock.model_validate({"services": {"ollama": {"host": "nas", "port": 12000}}})
    plan = build.plan({"services": {"navidrome": reader(), "ollama": {"host": "nas"}}}, lock)
    link = plan.link(plan.instances("navidrome")[0], "ollama")
    assert link is not None
    assert link.url == "http://127.0.0.1:12000"


@pytest.mark.parametrize("value", [{"$text": "10.0.0.0/8"}, {"$port": "web"}])
def test_a_forced_text_replaces_that_of_a_module_and_the_checks_see_it(value: object) -> None:
    path = "services.jellyfin.address"
    jellyfin = {"host": "nas", "options": {path: {"$force": value}}}
    text = build.render({"services": {"jellyfin": jellyfin}})["nas"]["services/jellyfin.nix"]
    assert "address = lib.mkForce " in text
    opened = {"networking.firewall.extraInputRules": {"$force": {"$text": "accept"}}}
    jellyfin = {"host": "nas", "options": opened}
    assert build.found({"services": {"jellyfin": jellyfin}}, "open-firewall-ban")


def test_every_kind_fills_in_the_fields_of_a_text() -> None:
    """A container took `{url}` as text, where a unit filled it in."""
    texts = {"HOOK": "{url}/hook", "JSON": '{{"a": 1}}', "PLAIN": "$HOME"}
    parts = {"app": {"image": IMAGE, "port": 80, "environment": texts, "command": ["{url}"]}}
    kinds: dict[str, Changes] = {
        "one": {"container": {"image": IMAGE, "port": 80, "environment": texts}},
        "several": {"containers": parts},
        "unit": {"unit": {"package": "hello", "command": ["hello"], "environment": texts}},
    }
    for name, kind in kinds.items():
        service = {"host": "nas", "port": 8010, "backup": {"skip": "it stores nothing"}, **kind}
        text = build.render({"services": {name: service}})["nas"][f"services/{name}.nix"]
        assert f'HOOK = "https://{name}.home.example.org/hook";' in text
        assert r'JSON = "{\"a\": 1}";' in text
        assert 'PLAIN = "$HOME";' in text
    lost = {"host": "nas", "container": {"image": IMAGE, "port": 80, "command": ["{urll}"]}}
    (problem,) = build.found({"services": {"lost": lost}}, "option-word")
    assert problem.where == "services.lost.container.command[0]"
    assert 'did you mean "url"' in problem.way_out
