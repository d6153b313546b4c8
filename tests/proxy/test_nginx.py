"""Nginx: the real program reads the text as intended, and the module implements each route."""

from __future__ import annotations

import http.client
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homelab.proxy.nginxconf import Live, directive, print_nginx, quoted
from tests import build
from tests.household import household
from tests.proxy.nixos import options
from tests.proxy.rig import free_ports
from tests.proxy.stack import changes
from tests.proxy.tables import module_of
from tests.tools.options import check_module
from tests.tools.programs import need, run

WORDS = st.text(
    st.characters(min_codepoint=1, max_codepoint=0x24F, exclude_characters="$"), min_size=1
)
"""Texts with every special character of nginx's configuration."""
FRAME = """
pid {0}/pid;
error_log {0}/error.log;
daemon off;
master_process off;
events {{ }}
http {{
access_log off;
client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c;
uwsgi_temp_path {0}/d; scgi_temp_path {0}/e;
server {{
listen 127.0.0.1:{1};
{2}
}}
}}
"""


def _file(directory: Path, port: int, body: str) -> Path:
    path = directory / "nginx.conf"
    path.write_text(FRAME.format(directory, port, body), encoding="utf-8")
    return path


def _answers(words: list[str]) -> str:
    return print_nginx(
        [
            directive("location", "=", f"/{i}", block=[directive("return", "200", word)])
            for i, word in enumerate(words)
        ]
    )


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(words=st.lists(WORDS, min_size=1, max_size=40))
@pytest.mark.requirement("T1")
def test_any_word_is_one_word_to_nginx(tmp_path: Path, words: list[str]) -> None:
    """`nginx -t` accepts every word as one argument, in every position."""
    path = _file(tmp_path, 1, _answers(words))
    done = run("nginx", "-t", "-q", "-p", tmp_path, "-c", path)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("T1")
def test_nginx_sends_every_word_unchanged(tmp_path: Path) -> None:
    """Quotes, braces, semicolons and escapes are unchanged."""
    need("nginx")
    words = [
        *(f"a{chr(c)}b{chr(c)}" for c in range(1, 0x100) if chr(c) != "$"),
        "\\",
        '\\"',
        "\\n",
        " ",
        "#",
        "{",
        "}",
        ";",
        "'",
        '"',
        "\\\\",
        "a\\'b",
    ]
    (port,) = free_ports(1)
    path = _file(tmp_path, port, _answers(words))
    process = subprocess.Popen(
        ["nginx", "-p", str(tmp_path), "-c", str(path)], stderr=subprocess.PIPE
    )
    try:
        said = [_get(process, port, i) for i in range(len(words))]
    finally:
        process.terminate()
        process.communicate()
    assert said == words


def _get(process: subprocess.Popen[bytes], port: int, index: int) -> str:
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.request("GET", f"/{index}")
            return connection.getresponse().read().decode()
        except ConnectionRefusedError:
            assert process.poll() is None
            time.sleep(0.02)
        finally:
            connection.close()


@pytest.mark.requirement("T1")
def test_text_that_nginx_cannot_represent_is_refused() -> None:
    """A dollar starts a variable, and nginx has no escape for it."""
    with pytest.raises(ValueError, match="dollar"):
        print_nginx([directive("return", "200", "a$b")])
    with pytest.raises(ValueError, match="null"):
        print_nginx([directive("return", "200", "a\0b")])
    assert quoted("/a$") == '"/a$"'
    assert print_nginx([directive("set", Live("$a"), Live("$b c"))]) == 'set $a "$b c";\n'


def _hosts(tmp_path: Path, **entry: object) -> dict[str, Any]:
    module = module_of(build.plan(household(changes("nginx", **entry))), "nginx")
    found: dict[str, Any] = options(module, tmp_path)["services"]["nginx"]
    return found


@pytest.mark.requirement("S0-15")
def test_its_options_exist() -> None:
    """Every option is one of services.nginx."""
    assert check_module(module_of(build.plan(household(changes("nginx"))), "nginx")) == []


@pytest.mark.requirement("S0-15")
def test_an_unknown_name_is_refused_on_every_listener(tmp_path: Path) -> None:
    """Without a default server, nginx would use the first one."""
    hosts = _hosts(tmp_path)["virtualHosts"]
    defaults = {k for k, h in hosts.items() if h.get("default")}
    assert defaults == {"_", "http://_"}
    for key in (*defaults, "*.home.example.org"):
        assert hosts[key]["locations"] == {"/": {"return": 404}}
    assert hosts["_"]["rejectSSL"] is True


@pytest.mark.requirement("S0-16")
def test_every_tls_name_has_the_wildcard_certificate_and_redirects_plain_http(
    tmp_path: Path,
) -> None:
    """One certificate, and 308 keeps the method of the request."""
    hosts = _hosts(tmp_path)["virtualHosts"]
    tls = {k: h for k, h in hosts.items() if k.endswith("home.example.org") and "listen" not in h}
    assert len(tls) == 9
    for host in tls.values():
        assert (host["forceSSL"], host["useACMEHost"], host["redirectCode"]) == (
            True,
            "home.example.org",
            308,
        )


@pytest.mark.requirement("S1-04")
def test_the_tunnels_names_are_on_loopback_only(tmp_path: Path) -> None:
    """The virtual host for the tunnel is on no LAN address, and also behind the auth proxy."""
    hosts = _hosts(tmp_path)["virtualHosts"]
    twins = {k: h for k, h in hosts.items() if k.startswith("http://")}
    assert set(twins) == {
        "http://_",
        "http://auth-home.example.org",
        "http://music-home.example.org",
        "http://tunes-home.example.org",
    }
    for host in twins.values():
        assert host["listen"] == [{"addr": "127.0.0.1", "port": 8180}]
        assert "useACMEHost" not in host
    assert (
        "protected.conf" in twins["http://music-home.example.org"]["locations"]["/"]["extraConfig"]
    )


@pytest.mark.requirement("S4-12")
def test_tls_and_hsts_follow_the_entry(tmp_path: Path) -> None:
    """The minimum TLS version is a list of protocols. HSTS is sent over TLS only."""
    usual = _hosts(tmp_path)
    assert usual["sslProtocols"] == "TLSv1.2 TLSv1.3"
    assert "Strict-Transport-Security" in usual["commonHttpConfig"]
    strict = _hosts(tmp_path, tls_min="1.3", hsts=False)
    assert strict["sslProtocols"] == "TLSv1.3"
    assert "Strict-Transport-Security" not in strict["commonHttpConfig"]


@pytest.mark.requirement("S0-15")
def test_without_a_route_behind_sign_in_there_is_no_auth_request(tmp_path: Path) -> None:
    """The tree contains no unused files."""
    said = changes("nginx")["services"]
    assert isinstance(said, dict)
    services = {n: s for n, s in said.items() if n not in ("gated", "music")}
    plan = build.plan(household({**changes("nginx"), "services": services}))
    assert [name for name, _ in module_of(plan, "nginx").extra] == [
        "nginx/anonymous.conf",
        "nginx/forwarded.conf",
    ]
