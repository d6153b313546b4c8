"""Containers: pinned, published on loopback, and on networks where they know each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homelab.problems import InvalidStackError
from homelab.render import modules_of
from tests import build
from tests.household import Changes
from tests.tools.options import check_module
from tests.tools.programs import formatted

DIGEST = f"@sha256:{'0' * 64}"


def container(port: int, host: str = "nas", **more: object) -> Changes:
    return {
        "host": host,
        "container": {"image": f"ghcr.io/a/b:1{DIGEST}", "port": 80, **more},
        "port": port,
        "routes": [],
        "backup": {"skip": "keeps nothing"},
        "tile": {"skip": "nobody opens it"},
        "monitor": {"skip": "the app says so"},
    }


def homey(host: str = "nas", **app: object) -> Changes:
    """An app and its database on one network."""
    db = container(5432, host, network="homey")
    return {
        "services": {
            "db": db,
            "app": container(8080, host, network="homey", depends_on=["db"], **app),
        }
    }


@pytest.mark.requirement("S1-02")
def test_a_network_is_made_before_the_containers_on_it(tmp_path: Path) -> None:
    """`podman-<network>-network.service`, which each of them requires."""
    made = build.plan(homey())
    by_file = {m.file: m for m in modules_of(made, made.hosts["nas"])}
    files = ("containers.nix", "services/app.nix", "services/db.nix")
    assert [p for f in files for p in check_module(by_file[f])] == []
    texts = build.render(homey())["nas"]
    assert formatted(tmp_path, [texts[f] for f in files]) == []
    unit = texts["containers.nix"]
    for option in ("before", "requiredBy"):
        listed = re.search(rf"{option} = \[([^\]]*)\]", unit)
        assert listed is not None
        assert set(re.findall(r'"(.*?)"', listed[1])) == {"podman-app.service", "podman-db.service"}
    assert "podman network create --ignore --interface-name=pod-homey --label=homelab homey" in unit
    assert 'networks = [ "homey" ];' in texts["services/app.nix"]
    assert 'dependsOn = [ "db" ];' in texts["services/app.nix"]
    assert build.found(homey(), "container-ref") == []


@pytest.mark.requirement("S1-02")
def test_container_names_are_asked_for_on_the_bridge_alone() -> None:
    """The firewall lets Podman's own resolver answer them, and nobody else there."""
    nas = build.render(homey())["nas"]
    assert "interfaces.pod-homey = {\n" in nas["containers.nix"]
    assert "allowedUDPPorts = [ 53 ];" in nas["containers.nix"]
    assert "pod-homey" not in nas["firewall.nix"]
    assert "dns_bind_port" not in nas["containers.nix"]


@pytest.mark.requirement("S1-02")
def test_beside_the_home_resolver_podman_answers_at_another_port() -> None:
    """Port 53 of every address is taken there."""
    text = build.render(homey("pi"))["pi"]["containers.nix"]
    assert "containersConf.settings.network.dns_bind_port = 1153;" in text
    assert "allowedUDPPorts = [ 1153 ];" in text
    held = {
        (p.host, p.port, p.protocol) for p in build.plan(homey("pi")).ports if p.label == "names"
    }
    assert held == {("pi", 1153, "tcp"), ("pi", 1153, "udp")}
    assert not [p for p in build.plan(homey()).ports if p.label == "names"]
    assert build.found(homey("pi"), "port-unique") == []


@pytest.mark.requirement("S1-02")
def test_an_older_release_is_told_in_its_own_words() -> None:
    """`networks` is younger than containers are."""
    release: Changes = {"nixpkgs": {"default": {"release": "24.11"}}}
    text = build.render({**homey(), **release})["nas"]["services/app.nix"]
    assert 'extraOptions = [ "--network=homey" ];' in text


def test_without_a_network_nothing_is_made() -> None:
    assert (
        "podman network"
        not in build.render({"services": {"app": container(8080)}})["nas"]["containers.nix"]
    )
    assert "containers.nix" not in build.render()["nas"]


@pytest.mark.parametrize(
    ("services", "words"),
    [
        (
            {"app": container(8080, depends_on=["bd"], network="homey")},
            ['no other container "bd" runs on nas'],
        ),
        (
            {"app": container(8080, network="homey", depends_on=["app"])},
            ['no other container "app"'],
        ),
        (
            {"db": container(5432, "pi", network="homey")},
            ['no other container "db" runs on nas'],
        ),
        (
            {"db": container(5432, network="other")},
            ["app is on the network homey, and db on the network other", "network: homey for both"],
        ),
        (
            {"db": container(5432)},
            ["db on no network of its own"],
        ),
        (
            {"db": {**container(5432, network="homey"), "enable": False}},
            ['no other container "db"'],
        ),
        (
            {
                "db": None,
                "miniflux": {"host": "nas"},
                "app": container(8080, depends_on=["miniflux"]),
            },
            ['no other container "miniflux"'],
        ),
    ],
)
@pytest.mark.requirement("S1-02")
def test_a_container_waits_for_one_that_it_can_reach(services: Changes, words: list[str]) -> None:
    """`container-ref`."""
    changes = homey()
    merged = {k: v for k, v in {**changes["services"], **services}.items() if v}  # type: ignore[dict-item]
    (problem,) = build.found({"services": merged}, "container-ref")
    assert problem.where == "services.app.container.depends_on[0]"
    assert all(word in f"{problem.what}; {problem.way_out}" for word in words), problem


@pytest.mark.parametrize("image", ["a/b", "a/b:latest", "a/b:1", f"a/b:1{DIGEST[:-1]}"])
@pytest.mark.requirement("S1-02", "S2-09", "S2-23")
def test_an_image_has_its_digest(image: str) -> None:
    """`image-pinned` is kept by the type, and the message names the service."""
    changes = {"services": {"app": {**container(8080), "container": {"image": image, "port": 80}}}}
    with pytest.raises(InvalidStackError, match=r"services\.app\.container\.image"):
        build.plan(changes)


@pytest.mark.requirement("S1-02")
def test_no_stack_says_where_a_container_is_published() -> None:
    """`container-loopback-publish` is kept by the type: there is no such field."""
    with pytest.raises(InvalidStackError, match=r"services\.app\.container\.ports"):
        build.plan({"services": {"app": container(8080, ports=["0.0.0.0:80:80"])}})


@pytest.mark.parametrize(
    ("host", "tailnet", "address"),
    [
        ("pi", {}, "127.0.0.1"),
        ("nas", build.TAILNET, "100.64.0.3"),
        ("nas", {}, "192.168.1.3"),
    ],
)
@pytest.mark.requirement("S1-02", "S2-09")
def test_a_container_is_published_to_whom_the_proxy_is_and_nobody_else(
    host: str, tailnet: dict[str, object], address: str
) -> None:
    """Loopback beside the proxy, an address of its host elsewhere."""
    changes = {
        **tailnet,
        "services": {"app": {**container(8080, host), "routes": None, "auth": "none"}},
    }
    text = build.render(changes)[host]["services/app.nix"]
    assert f'ports = [ "{address}:8080:80" ];' in text


@pytest.mark.requirement("S1-02")
def test_a_network_has_a_name_that_an_interface_can_have() -> None:
    """Fifteen letters, of which four say that it is Podman's."""
    with pytest.raises(InvalidStackError, match="network"):
        build.plan({"services": {"app": container(8080, network="a-name-too-long")}})


def app(**said: object) -> Changes:
    return {"services": {"app": {**container(8080), **said}}}


@pytest.mark.parametrize(
    ("vendor", "host", "options"),
    [
        ("nvidia", {"open": True}, ["--device=nvidia.com/gpu=all"]),
        (
            "intel",
            {"generation": 9},
            ["--device=/dev/dri", "--group-add=26", "--group-add=303"],
        ),
        (
            "amd",
            {},
            ["--device=/dev/dri", "--device=/dev/kfd", "--group-add=26", "--group-add=303"],
        ),
        (
            "intel",
            {"generation": 9, "devices": ["/dev/dri/renderD129"]},
            ["--device=/dev/dri/renderD129", "--group-add=26", "--group-add=303"],
        ),
    ],
)
@pytest.mark.requirement("S0-52")
def test_graphics_come_into_a_container_by_their_vendor(
    vendor: str, host: Changes, options: list[str]
) -> None:
    """CDI for NVIDIA, device nodes for the others, and the groups that may open them."""
    changes = {**app(gpu=vendor), "hosts": {"nas": {"gpu": {"vendor": vendor, **host}}}}
    text = build.render(changes)["nas"]["services/app.nix"]
    listed = re.search(r"extraOptions = \[([^\]]*)\]", text)
    assert listed is not None
    assert re.findall(r'"(.*?)"', listed[1]) == options
    assert ("hardware.nvidia-container-toolkit.enable = true" in text) == (vendor == "nvidia")


@pytest.mark.requirement("S0-57")
def test_a_secret_is_a_file_that_a_container_cannot_write() -> None:
    """At /run/secrets, or where its app looks for it; a variable is in a file of its own."""
    changes = app(
        secrets={"key": {}, "salt": {"target": "/app/salt"}, "word": {"env": "WORD"}},
    )
    text = build.render(changes)["nas"]["services/app.nix"]
    assert '"/run/homelab/secrets/app-key:/run/secrets/key:ro"' in text
    assert '"/run/homelab/secrets/app-salt:/app/salt:ro"' in text
    assert 'environmentFiles = [ "/run/homelab/secrets/app-word" ];' in text
    assert "app-word:" not in text


@pytest.mark.requirement("S0-40")
def test_a_dataset_is_a_mount_and_its_disk_is_waited_for() -> None:
    """By name, in short or with read_only."""
    dataset = {"host": "nas", "mount": "/mnt/media", "tier": "user", "group": "media"}
    changes: Changes = {
        **app(datasets={"books": "/books", "films": {"target": "/films", "read_only": True}}),
        "datasets": {
            "books": {**dataset, "path": "/mnt/media/books"},
            "films": {**dataset, "path": "/mnt/media/films"},
        },
    }
    files = build.render(changes)["nas"]
    assert '"/mnt/media/books:/books"' in files["services/app.nix"]
    assert '"/mnt/media/films:/films:ro"' in files["services/app.nix"]
    storage = files["storage.nix"]
    # Groups of the unit are Podman's alone; who runs inside is the image's business.
    assert "podman-app" in storage
    unit = storage[storage.index("podman-app") :]
    assert 'RequiresMountsFor = [ "/mnt/media" ];' in unit
    assert "SupplementaryGroups" not in unit


@pytest.mark.requirement("S3-04")
def test_a_container_asks_a_service_of_its_host_and_no_other_port_is_open_to_it() -> None:
    """The host's loopback is not a container's, so its bridge is let in to that port."""
    changes: Changes = {
        "services": {
            "app": {**container(8080), "uses": ["ollama"]},
            "web": {**container(8081, network="homey"), "uses": ["ollama", "miniflux"]},
            "ollama": {"host": "nas"},
            "miniflux": {"host": "nas"},
        }
    }
    files = build.render(changes)["nas"]
    text = files["containers.nix"]
    assert "# App calls ollama.\n" in text
    bridges = text[text.index("interfaces") :]
    own = " ".join(bridges[bridges.index("podman0") :].split())
    assert own.startswith("podman0 = { allowedTCPPorts = [ 11434 ]; };")
    homey = " ".join(bridges[bridges.index("pod-homey") :].split())
    assert homey.startswith("pod-homey = { allowedTCPPorts = [ 53 8080 11434 ];")
    assert 'host = "0.0.0.0";' in files["services/ollama.nix"]


@pytest.mark.parametrize(
    "options",
    [
        {"virtualisation.oci-containers.containers.app.extraOptions": ["--network=host"]},
        {"virtualisation.oci-containers": {"containers": {"app": {"networks": ["host"]}}}},
        {'virtualisation.oci-containers.containers."app".extraOptions': ["--net", "host"]},
    ],
)
@pytest.mark.requirement("S1-02")
def test_on_the_hosts_network_nothing_is_published(options: Changes) -> None:
    """Podman throws such ports away, so none is written."""
    text = build.render(app(options=options))["nas"]["services/app.nix"]
    assert "ports = [" not in text


@pytest.mark.parametrize("path", ["/a:b", "/a,b", "/a'b", '/a"b', "/a\\b", "/a\nb"])
def test_a_mount_has_a_path_that_podman_reads_as_one(path: str) -> None:
    """Between colons Podman takes it apart, and no quoting helps."""
    for field in ("source", "target"):
        mount = {"source": "/a", "target": "/b", field: path}
        with pytest.raises(InvalidStackError, match=r"container\.mounts\[0\]"):
            build.plan(app(container={"image": f"a/b:1{DIGEST}", "port": 80, "mounts": [mount]}))


@pytest.mark.parametrize("name", ["host", "none", "bridge", "podman"])
def test_a_network_of_our_own_has_no_name_of_podmans(name: str) -> None:
    with pytest.raises(InvalidStackError, match="is reserved by Podman"):
        build.plan({"services": {"app": container(8080, network=name)}})
