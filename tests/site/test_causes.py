"""One cause is one problem: a walk through every key of every shipped stack."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest

from homelab.config.scalar import Value
from homelab.problems import Problem, by_cause, did_you_mean, lines_of
from tests.site.mutations import (
    EXAMPLES,
    Shipped,
    at,
    instead,
    line_of,
    parts,
    places,
    without,
)

SEVERAL = {
    "*:hosts.pavilion.role": "another role is another host: it needs a file, and its tag is gone",
    "home:monitoring": "alerts need ntfy, and the notice about the monitor's own host an address",
    "javiersc:site.names.*": "routes that state how they are published need a sign-in, each its own",
    "javiersc:services.zigbee2mqtt.enable": "a service that was off lacks several things",
    "javiersc:services.home-assistant.routes": "a published app has an upload limit and phone apps",
    "javiersc:services.ollama.routes": "what is published by default is too large and the owner's",
    "javiersc:services.homelab-ssh-mcp.never_publish": "it controls units and is the owner's",
    "javiersc:network.dns*": "without a resolver, people at home use the tunnel too, with its limits",
    "javiersc:secrets": "the master key and the token of 1Password are two secrets",
    "javiersc:services.homepage.secrets": "a tile lacks its secret, and 1Password is not used",
    "javiersc:services.cockpit.host": "its own address is that of another host",
    "mynixos:hosts.q958.disks": "each file system names another disk",
    "mynixos:hosts.q958.file_systems": "datasets, a pool and a target lack their mounts",
    "mynixos:datasets*": "Seerr is told of directories in it",
    "zakobar:hosts.pi-main": "Uptime Kuma, which gets monitors, is on it",
    "zakobar:services": "a rule names a route, and monitors a service",
    "mynixos:services.jellyfin.public": "its accepted opening is gone, and Access stops its apps",
    "nori:hosts.pavilion": "services run on it, and a grant names its tag",
    "nori:services.*.backup": "an agent is not backed up, and has no login of the target",
    "nori:cloudflare": "another issuer of certificates does not watch the monitor",
    "zakobar:services.eurovote.audience": "for the operator, it is published and has one factor",
    "zakobar:services.grafana.routes": "by default it is published, and its auth reaches further",
}
"""Places of stacks where a missing key leaves several problems, with the reason."""


def _reason(stack: str, where: str) -> str:
    return next(
        (why for pattern, why in SEVERAL.items() if fnmatch(f"{stack}:{where}", pattern)), ""
    )


@pytest.mark.parametrize(
    "name",
    [
        "cabin",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("home", *EXAMPLES)),
    ],
)
def test_a_missing_key_is_one_problem(name: str) -> None:
    """Each key down to the third level, left out and without a value."""
    stack = Shipped.read(name)
    known = {line_of(q) for p in stack.problems() for q in parts(p)}
    several: dict[str, list[str]] = {}
    found: set[str] = set()
    for place in places(stack.document.values):
        where = ".".join(place)
        for values in (
            without(stack.document.values, place),
            instead(stack.document.values, place, None),
        ):
            lines = [line_of(p) for p in stack.new_problems(values, known)]
            if len(lines) > 1:
                found.add(where)
                if not _reason(name, where):
                    several[where] = lines
    assert several == {}

    stale = {p for p in SEVERAL if p.startswith(f"{name}:")} - {
        pattern for pattern in SEVERAL for where in found if fnmatch(f"{name}:{where}", pattern)
    }
    assert not stale, "one problem now; leave it out of the list"


def test_the_way_out_that_is_shown_mends_every_place_that_is_named() -> None:
    """Another issuer gives certificates, and no tunnel."""
    stack = Shipped.read("home")
    values = dict(stack.document.values)
    for place in (("cloudflare",), ("identity",), ("services", "authelia")):
        values = dict(without(values, place))
    found = stack.new_problems(values, {line_of(p) for p in stack.problems()})
    (tunnel,) = (p for p in found if p.where == "services.navidrome.publish")
    assert tunnel.way_out.startswith("add homelab:cloudflare")
    assert "network.entry.acme" in {p.where for p in tunnel.also}

    issuer = Problem("network.entry.acme", "no issuer", "add acme: …", "a", cause="cloudflare")
    monitor = Problem("services.gatus.host", "unseen", "a second one", "b", cause="cloudflare")
    elsewhere = Problem("services.a.host", "unseen", "a second one", "b", cause="cloudflare")
    assert [(p.where, len(p.also)) for p in by_cause([issuer, monitor, elsewhere])] == [
        ("network.entry.acme", 0),
        ("services.gatus.host", 1),
    ]


MAIL: dict[str, Value] = {"host": "smtp.example.org", "sender": "h@example.org", "user": "h"}
RADARR: dict[str, Value] = {"host": "workstation", "datasets": {"media": "media"}}
WRONG: dict[str, tuple[str, Value]] = {
    "host of a service": ("services.immich.host", "aurara"),
    "host of the entry": ("network.entry.host", "pii"),
    "host of the provider": ("identity.host", "pii"),
    "host of the resolver": ("network.dns.host", "pii"),
    "host of the tunnel": ("cloudflare.tunnel", {"host": "pii"}),
    "host of the heartbeat": (
        "monitoring.heartbeat",
        {"host": "macbook", "url": {"sops": "heartbeat/url"}},
    ),
    "host that wakes": ("hosts.workstation.offline", {"wake_by": "pii"}),
    "host of a dataset": ("datasets.photos.host", "nas"),
    "host of a target": ("backup.targets.onetouch.host", "nas"),
    "group": (
        "services.navidrome.routes",
        [{"name": "music", "publish": "internal", "auth": "forward", "groups": ["admns"]}],
    ),
    "provider": ("identity.provider", "kanidm"),
    "proxy": ("network.entry.proxy", "apache"),
    "dataset": ("services.immich.datasets", {"photos": "fotos"}),
    "target": ("services.immich.backup", {"targets": ["b3"]}),
    "pin": ("hosts.pi.nixpkgs", "unstable"),
    "flake": ("services.eurovote.flake", {"input": "euro", "unit": "eurovote"}),
    "service": ("services.homepage.uses", ["imich"]),
    "GPU of a service that uses none": ("services.navidrome.gpu", "nvidia"),
    "GPU of a host that has none": ("services.immich.gpu", "nvidia"),
    "port": ("services.draw.port", 2283),
    "relay without its password": ("mail", {**MAIL, "password": {"sops": "mail/password"}}),
    "place of the sops files": ("secrets.hosts", "sops/{host}.yaml"),
    "zone of public names": ("site.names.public", "{name}.example.net"),
    "LAN": ("network.lan", {"cidr": "10.0.0.0/24", "gateway": "10.0.0.1"}),
    "address of another host": ("hosts.aurora.address.lan", "192.168.1.225"),
    "second instance": (
        "services",
        {"radarr": RADARR, "radarr-4k": {**RADARR, "service": "radarr"}},
    ),
}
"""What one mistyped or clashing value may be: the place in the home stack, and the value."""


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_one_problem(name: str) -> None:
    """`lock-current` says for every new service that the lock does not have it yet."""
    stack = Shipped.read("home")
    place, value = WRONG[name]
    path = tuple(place.split("."))
    old = at(stack.document.values, path)
    merged = {**old, **value} if isinstance(old, dict) and name == "second instance" else value
    assert not isinstance(value, dict) or isinstance(merged, dict)
    found = stack.problems(instead(stack.document.values, path, merged))
    (problem,) = [p for p in found if p.check != "lock-current"]
    assert problem.severity == "error"


REQUIRED = ("site", "nixpkgs", "network", "hosts")
SECTIONS = sorted(Shipped.read("home").document.values.keys() - {*REQUIRED})


@pytest.mark.parametrize("section", SECTIONS)
def test_a_mistyped_section_is_one_problem(section: str) -> None:
    """Nothing is said of what the stack lacks without it."""
    stack = Shipped.read("home")
    values = {f"{k}s" if k == section else k: v for k, v in stack.document.values.items()}
    (problem,) = stack.problems(values)
    assert (problem.where, problem.what) == (f"{section}s", "there is no such key")
    assert f'did you mean "{section}"?' in problem.way_out


def test_problems_with_one_cause_name_the_other_places() -> None:
    problems = [
        Problem(f"services.app-{i}.host", f'there is no host "{host}"', way_out)
        for i, host in enumerate(["pi", "pi", "nas", "pi"])
        for way_out in [did_you_mean(host, ["box"], "hosts")]
    ]
    first, second = by_cause(problems)
    assert 'there is no host "pi" (also at services.app-1.host and services.app-3.host)' in str(
        first
    )
    assert [p.where for p in first.also] == ["services.app-1.host", "services.app-3.host"]
    assert str(second).startswith('services.app-2.host: there is no host "nas"; ')
    assert [*lines_of(problems)] == [first.said(), second.said()]
    assert by_cause([first, second]) == [first, second]
    assert first.as_data()["also"] == [p.as_data() for p in first.also]


def test_an_error_at_the_cause_stands_for_the_others() -> None:
    """It has the way out that mends all of them."""
    cause = "hosts.pi.address"
    warning = Problem("a", "warned", severity="warning", cause=cause)
    error = Problem("b", "cannot reach", cause=cause)
    at_cause = Problem(cause, "has no address", cause=cause)
    (shown,) = by_cause([warning, error, at_cause])
    assert (shown.where, shown.severity) == (cause, "error")
    assert str(shown) == f"{cause}: has no address (also at a and b)"


def test_the_same_mistake_at_two_places_is_two_problems() -> None:
    """A mistyped key is mended at each place by itself."""
    way_out = did_you_mean("hsot", ["host"], "keys")
    problems = [Problem(f"services.{n}.hsot", "there is no such key", way_out) for n in "ab"]
    assert by_cause(problems) == problems


def test_problems_of_two_stacks_stay_apart() -> None:
    one, other = (Problem("a", "b", cause="identity", file=f"Pulumi.{n}.yaml") for n in ("x", "y"))
    assert by_cause([one, other]) == [one, other]
