"""Streams are not buffered, and limits are enforced or refused by every proxy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.problems import InvalidStackError
from homelab.proxy.model import CIPHERS
from homelab.proxy.registry import PROXIES
from tests import build
from tests.household import Changes, household
from tests.proxy import rig
from tests.proxy.nixos import options
from tests.proxy.running import ALIKE
from tests.proxy.stack import changes
from tests.proxy.tables import module_of
from tests.proxy.test_request_table import CLIENT, Row, Running, _run, inside
from tests.tools.options import check_module
from tests.tools.programs import formatted

PLUGIN = {"module": "github.com/caddy-dns/cloudflare", "version": "v0.2.4"}
HASH = "sha256-pRrLBlYRaAyMYwPXeTy4WqWNRu/L9K6Mn2src11dGh8="


@pytest.fixture(scope="module", params=ALIKE)
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A real proxy on the rendered configuration."""
    with ExitStack() as stack:
        yield _run(request.param, tmp_path_factory.mktemp(request.param), stack)


def _request(name: str, path: str, *more: str) -> bytes:
    lines = (f"Host: {inside(name)}", f"Cookie: {rig.SIGNED_IN}", "Connection: close", *more)
    return "\r\n".join((path, *lines, "", "")).encode()


@pytest.mark.parametrize("name", ["plain", "gated"])
@pytest.mark.requirement("S0-15")
def test_a_client_receives_an_event_before_the_next_is_sent(proxy: Running, name: str) -> None:
    """A buffering proxy would wait for ever. Also behind the auth proxy."""
    connection = rig.connect(proxy.place.https, sni=inside(name), source=CLIENT)
    with connection, connection.makefile("rwb") as stream:
        stream.write(_request(name, "GET /events HTTP/1.1"))
        stream.flush()
        events = (line for line in stream if line.startswith(b"data: "))
        assert next(events) == b"data: first\n"
        rig.HEARD.set()
        assert next(events) == b"data: heard\n"


@pytest.mark.parametrize("name", ["plain", "gated"])
@pytest.mark.requirement("S0-15")
def test_an_upload_reaches_the_app_while_it_is_sent(proxy: Running, name: str) -> None:
    """The proxy does not buffer an upload on disk."""
    half = b"x" * 1_000_000
    rig.ARRIVED.clear()
    connection = rig.connect(proxy.place.https, sni=inside(name), source=CLIENT)
    with connection, connection.makefile("rb") as stream:
        length = f"Content-Length: {2 * len(half)}"
        connection.sendall(_request(name, "PUT /upload HTTP/1.1", length) + half)
        assert rig.ARRIVED.wait(10)
        connection.sendall(half)
        assert b" 200 " in stream.readline()
        assert f'"body": {2 * len(half)}'.encode() in stream.read()


@pytest.mark.requirement("S1-04", "S0-15")
def test_the_virtual_host_for_the_tunnel_listens_on_loopback_only(proxy: Running) -> None:
    """Only loopback answers on this port, unlike HTTPS."""
    socket.create_connection((CLIENT, proxy.place.https), 5).close()
    socket.create_connection(("127.0.0.1", proxy.place.tunnel), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((CLIENT, proxy.place.tunnel), 5)


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"])
@pytest.mark.requirement("S4-12")
def test_a_cipher_without_authentication_is_refused(proxy: Running, cipher: str) -> None:
    """With TLS 1.2, every proxy has the same ciphers."""

    def speak(ciphers: str) -> None:
        rig.connect(
            proxy.place.https,
            sni=inside("plain"),
            source=CLIENT,
            newest=ssl.TLSVersion.TLSv1_2,
            ciphers=ciphers,
        ).close()

    with pytest.raises((ssl.SSLError, ConnectionError)):
        speak(cipher)
    for name in CIPHERS.values():
        if "-ECDSA-" in name:
            speak(name)


def _traefik(tmp_path: Path, **entry: object) -> dict[str, Any]:
    module = module_of(build.plan(household(changes("traefik", **entry))), "traefik")
    assert check_module(module) == []
    found: dict[str, Any] = options(module, tmp_path)["services"]["traefik"]["dynamicConfigOptions"]
    return found


@pytest.mark.requirement("S4-12")
def test_traefik_has_the_same_ciphers(tmp_path: Path) -> None:
    """Go's default has two more. TLS 1.3 has no choice."""
    default = _traefik(tmp_path)["tls"]["options"]["default"]
    assert default["cipherSuites"] == list(CIPHERS)
    assert (default["minVersion"], default["sniStrict"]) == ("VersionTLS12", True)
    assert "cipherSuites" not in _traefik(tmp_path, tls_min="1.3")["tls"]["options"]["default"]


# --- how fast -------------------------------------------------------------------------------------


@pytest.mark.requirement("S4-12")
def test_only_a_client_above_the_rate_limit_is_refused(tmp_path: Path) -> None:
    """By client address, and through the tunnel by the visitor's address."""
    with ExitStack() as stack:
        running = _run("nginx", tmp_path, stack, rate_limit={"average": 1, "burst": 3})

        def burst(row: Row) -> list[int]:
            return [running.ask(row).status for _ in range(20)]

        told = burst(Row("", inside("plain")))
        assert told[:4] == [200] * 4
        assert 429 in told
        assert running.ask(Row("", inside("plain"), source="127.9.0.77")).status == 200
        for address in ("203.0.113.9", "203.0.113.10"):
            visitor = (("Cf-Connecting-Ip", address), ("Cookie", rig.SIGNED_IN))
            row = Row(
                "", "music-home.example.org", way="tunnel", headers=visitor, source="127.0.0.1"
            )
            assert burst(row)[:4] == [200] * 4


@pytest.mark.requirement("S4-12")
def test_traefik_limits_the_rate_of_every_name(tmp_path: Path) -> None:
    """The default is 50 and 100. All visitors of the tunnel have the connector's address."""
    http = _traefik(tmp_path, rate_limit={})["http"]
    assert http["middlewares"]["rate"] == {"rateLimit": {"average": 50, "burst": 100}}
    assert http["middlewares"]["rate-tunnel"]["rateLimit"]["sourceCriterion"] == {
        "requestHeaderName": "Cf-Connecting-Ip"
    }
    for router in http["routers"].values():
        if router["service"] != "noop@internal":
            kind = "rate-tunnel" if router["entryPoints"] == ["tunnel"] else "rate"
            assert kind in router["middlewares"]
            assert router["middlewares"].index(kind) < router["middlewares"].index("strip")


@pytest.mark.requirement("S4-12")
def test_a_feature_that_caddy_lacks_is_refused() -> None:
    """`chain-known`."""
    (problem,) = build.found(household(changes("caddy", rate_limit={})), "chain-known")
    assert (problem.where, "nginx or traefik" in problem.way_out) == (
        "network.entry.rate_limit",
        True,
    )
    for kind in PROXIES.keys() - {"caddy"}:
        found = build.found(household(changes(kind, rate_limit={})), "chain-known")
        assert [p for p in found if p.severity == "error"] == []


@pytest.mark.requirement("S4-12")
@pytest.mark.parametrize("kind", PROXIES)
def test_only_traefik_loses_the_address_of_visitors_through_the_tunnel(kind: str) -> None:
    """Of those whom Authelia signs in; at home, and with a passkey, nothing is lost."""
    stack = household(changes(kind))
    lost = [(p.severity, p.where) for p in build.found(stack, "chain-known")]
    assert lost == ([("warning", "network.entry.proxy")] if kind == "traefik" else [])
    at_home = {
        "authelia": {"publish": "internal", "audience": "family"},
        "music": {"routes": [{"auth": "forward", "audience": "family"}]},
    }
    assert build.found(testing.changed(stack, {"services": at_home}), "chain-known") == []


# --- plugins of Caddy -----------------------------------------------------------------------------


def _plugins(**entry: object) -> Changes:
    return household(changes("caddy", plugins=[PLUGIN], **entry))


@pytest.mark.requirement("S1-03")
def test_caddy_is_built_with_its_plugins(tmp_path: Path) -> None:
    """The module and version exactly as Go writes them, and the hash of this pin."""
    stack = _plugins(plugin_hashes={"default": HASH})
    assert build.found(stack, "plugin-hash") == []
    assert check_module(module_of(build.plan(stack), "caddy")) == []
    text = build.render(stack)["pi"]["proxy.nix"]
    assert formatted(tmp_path, [text]) == []
    assert "pkgs.caddy.withPlugins {" in text
    assert 'plugins = [ "github.com/caddy-dns/cloudflare@v0.2.4" ];' in text
    assert f'hash = "{HASH}";' in text


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.requirement("S1-35")
def test_the_proxy_reads_a_token_from_its_environment_file(proxy: str) -> None:
    """Beside the file that its module may name, and the command of the unit stays as it is."""
    token = {"ref": {"sops": "cloudflare/dns"}, "env": "CLOUDFLARE_API_TOKEN"}
    stack = household(changes(proxy), {"services": {proxy: {"secrets": {"dns": token}}}})
    files = build.render(stack)["pi"]
    text = files[f"services/{proxy}.nix"]
    assert f"systemd.services.{proxy}.serviceConfig" in text
    assert "EnvironmentFile = [" in text
    assert f"/run/secrets/rendered/{proxy}-dns" in text
    assert "ExecStart" not in text
    assert "CLOUDFLARE_API_TOKEN=${config.sops.placeholder" in files["secrets.nix"]
    assert f'restartUnits = [ "{proxy}.service" ];' in files["secrets.nix"]


@pytest.mark.requirement("S1-03")
def test_a_release_that_builds_no_plugins_is_named() -> None:
    """`chain-known`; Nix would fail at the missing function."""
    old: Changes = {"nixpkgs": {"default": {"release": "24.11"}}}
    (problem,) = build.found(household(_plugins(), old), "chain-known")
    assert problem.where == "network.entry.plugins"
    assert build.found(_plugins(), "chain-known") == []


@pytest.mark.parametrize("hashes", [{}, {"stable": HASH}])
@pytest.mark.requirement("S1-03")
def test_a_pin_without_a_hash_is_a_warning_with_the_way_to_one(hashes: dict[str, str]) -> None:
    """`plugin-hash`; the build fails before anything changes."""
    stack = _plugins(plugin_hashes=hashes)
    first, *others = build.found(stack, "plugin-hash")
    assert (first.severity, first.where) == ("warning", "network.entry.plugin_hashes")
    assert "got: sha256-…; write that as {default: sha256-…}" in first.way_out
    assert [p.where for p in others] == [f"network.entry.plugin_hashes.{h}" for h in hashes]
    assert "hash = lib.fakeHash;" in build.render(stack)["pi"]["proxy.nix"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"plugins": [PLUGIN], "proxy": "nginx"}, "plugins are for Caddy, not nginx"),
        ({"plugin_hashes": {"default": HASH}}, "there are plugin_hashes, but no plugins"),
        ({"plugins": [PLUGIN], "plugin_hashes": {"default": HASH[:-2] + "="}}, "plugin_hashes"),
        ({"plugins": [{**PLUGIN, "version": "latest"}]}, "version"),
    ],
)
@pytest.mark.requirement("S1-03")
def test_a_plugin_needs_a_module_version_and_hash(entry: Changes, words: str) -> None:
    """A hash with a missing character is refused at check time, not by Nix during the build."""
    with pytest.raises(InvalidStackError, match=words):
        build.plan({"network": {"entry": {"host": "pi", **entry}}})
