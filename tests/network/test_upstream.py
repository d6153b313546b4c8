"""Upstream resolvers: one form in the stack, and each program's syntax in its file."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.problems import InvalidStackError
from tests.network.test_resolvers import options, plan

FORMS = {
    "https://dns.quad9.net/dns-query": "https://dns.quad9.net/dns-query",
    "https://9.9.9.9:5053/dns-query": "https://9.9.9.9:5053/dns-query",
    "tls://dns.quad9.net": "tcp-tls:dns.quad9.net",
    "tls://dns.quad9.net:853": "tcp-tls:dns.quad9.net:853",
    "9.9.9.9": "tcp+udp:9.9.9.9",
    "9.9.9.9:9953": "tcp+udp:9.9.9.9:9953",
}
"""An upstream in the stack, and in Blocky's syntax."""


@pytest.mark.requirement("S0-19")
def test_each_resolver_gets_its_own_syntax() -> None:
    """Blocky refuses tls://, and AdGuard Home would not start with tcp-tls:."""
    found: dict[str, Any] = options(plan("blocky", upstreams=[*FORMS]))
    assert found["services"]["blocky"]["settings"]["upstreams"]["groups"]["default"] == [
        *FORMS.values()
    ]
    found = options(plan("adguard", upstreams=[*FORMS]))
    assert found["services"]["adguardhome"]["settings"]["dns"]["upstream_dns"] == [*FORMS]


@pytest.mark.parametrize(
    "upstream",
    [
        *("nonsense here", "tcp-tls:dns.quad9.net:853", "https://dns.quad9.net", "dns.quad9.net"),
        *(
            "tcp+udp:9.9.9.9",
            "udp://9.9.9.9",
            "quic://dns.adguard.com",
            "sdns://AgcA",
            "",
            "tls://",
        ),
        *("9.9.9.256", "9.9.9", "9.9.9.9:0", "9.9.9.9:65536", "tls://a:70000", "[/x/]9.9.9.9"),
        *("https://dns.quad9.net:70000/q", "https://a/b c", "https://a/b?c", "# no", "9.9.9.9\n"),
    ],
)
@pytest.mark.parametrize("server", ["blocky", "adguard"])
@pytest.mark.requirement("S0-19")
def test_an_upstream_that_only_one_resolver_supports_is_refused(server: str, upstream: str) -> None:
    with pytest.raises(InvalidStackError, match="this is not a resolver"):
        plan(server, upstreams=[upstream])


@pytest.mark.parametrize(("log", "kept"), [(None, None), (True, None), (False, {"enabled": False})])
@pytest.mark.requirement("S0-19")
def test_adguard_logs_clients_unless_the_stack_says_no(
    log: bool | None, kept: dict[str, bool] | None
) -> None:
    """Its pages show the queries."""
    found = options(plan("adguard", query_log=log))
    assert found["services"]["adguardhome"]["settings"].get("querylog") == kept
