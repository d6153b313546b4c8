"""Templates produce the naming schemes of four homelabs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from homelab.network.clients import guide
from homelab.plan import Plan
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household


@dataclass(frozen=True)
class Pattern:
    """How a homelab names its services."""

    domain: str
    zone: str
    internal: str
    public: str
    jellyfin: tuple[str, str]
    """Jellyfin's name at home and on the internet."""


PATTERNS = {
    "function.home.domain": Pattern(
        "home.example.org",
        "example.org",
        "{name}.{domain}",
        "{name}-home.{zone}",
        ("media.home.example.org", "media-home.example.org"),
    ),
    "service.domain": Pattern(
        "example.com",
        "example.com",
        "{name}.{domain}",
        "{name}.{zone}",
        ("media.example.com", "media.example.com"),
    ),
    "service-prefix.domain, local service.nixos.local": Pattern(
        "nixos.local",
        "example.org",
        "{name}.{domain}",
        "{name}-home.{zone}",
        ("media.nixos.local", "media-home.example.org"),
    ),
    "nix-service.domain": Pattern(
        "example.net",
        "example.net",
        "nix-{name}.{domain}",
        "nix-{name}.{zone}",
        ("nix-media.example.net", "nix-media.example.net"),
    ),
}


def stack(pattern: Pattern, **jellyfin: object) -> Changes:
    return household(
        {
            "site": {
                "domain": pattern.domain,
                "names": {"internal": pattern.internal, "public": pattern.public},
            },
            "cloudflare": {"zone": {"name": pattern.zone}},
            "services": {"jellyfin": {"host": "aurora", "name": "media", **jellyfin}},
        }
    )


def planned(pattern: Pattern, **jellyfin: object) -> Plan:
    return build.plan(stack(pattern, **jellyfin))


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=list(PATTERNS))
@pytest.mark.requirement("S2-07", "T11")
def test_a_template_produces_the_expected_names(pattern: Pattern) -> None:
    """The resolver, the record and the route have the same name."""
    made = planned(pattern, publish="tunnel", auth="native")
    (route,) = made.routes_of("jellyfin")
    assert (route.internal, route.public) == pattern.jellyfin
    assert pattern.jellyfin[0] in dict(made.dns.names)
    assert made.cloudflare is not None
    assert pattern.jellyfin[1] in {r.name for r in made.cloudflare.records}
    # Each is one label below its domain, so one certificate covers it.
    assert route.internal.partition(".")[2] == pattern.domain
    assert route.public.partition(".")[2] == pattern.zone
    found = build.found(stack(pattern, publish="tunnel", auth="native"), "tunnel-hostname-depth")
    assert found == []


@pytest.mark.requirement("S2-07", "T11")
def test_a_host_with_a_port_is_an_alias() -> None:
    """`nixos.local:8096`, as multicast DNS gives it without any resolver."""
    made = build.plan(
        household(
            {
                "hosts": {"aurora": {"mdns": True, "interface": "enp3s0"}},
                "services": {
                    "jellyfin": {
                        "host": "aurora",
                        "routes": [{"name": "media", "auth": "native", "lan_direct": True}],
                    }
                },
            }
        )
    )
    assert "aurora.local:8096" in guide(made)


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=list(PATTERNS))
@pytest.mark.requirement("S2-07")
def test_two_routes_of_one_name_are_named_both(pattern: Pattern) -> None:
    """`host-unique`."""
    changes = household(
        stack(pattern, publish="tunnel"),
        {"services": {"navidrome": {"host": "aurora", "name": "media", "publish": "tunnel"}}},
    )
    said = "\n".join(str(p) for p in build.found(changes, "host-unique"))
    for word in (*pattern.jellyfin, "jellyfin", "navidrome"):
        assert word in said
    assert build.found(stack(pattern, publish="tunnel"), "host-unique") == []


@pytest.mark.parametrize(
    "template", ["home.{domain}", "{service}.{domain}", "{name}", "{name}_x.y"]
)
@pytest.mark.requirement("S2-07", "T11")
def test_a_template_that_produces_an_invalid_name_is_refused(template: str) -> None:
    """Each route needs a name of its own that DNS can hold."""
    with pytest.raises(InvalidStackError, match=r"site\.names"):
        build.plan({"site": {"names": {"internal": template}}})
