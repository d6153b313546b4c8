"""`homelab why` names the cause of a port, a name, a resource, and what a place causes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from homelab.cli.app import app
from homelab.config.stack import StackConfig
from homelab.ops.project.differences import between, with_values
from homelab.ops.project.effects import effects
from homelab.ops.project.rehearsed import rehearsed
from homelab.ops.project.stack import open_stack
from homelab.ops.resources import resource_of
from homelab.ops.why import why as ask
from homelab.problems import UsageError
from homelab.testing import stack as recorded
from tests.build import SHIPPED

pytestmark = pytest.mark.requirement("S4-03", "S4-04")

EXAMPLES = SHIPPED.parents[1] / "examples"


def _why(*words: str) -> Result:
    return CliRunner().invoke(app, ["why", "-C", str(SHIPPED), "-s", "home", *words])


@pytest.mark.parametrize(
    ("word", "what", "where"),
    [
        ("4533", "aurora:4533/tcp navidrome (web), open to tailnet", "services.navidrome.port"),
        ("pi:53/udp", "pi:53/udp blocky", "network.dns"),
        ("media.home.example.org", "jellyfin on workstation", "services.jellyfin"),
        ("https://music-home.example.org/", "publish tunnel", "services.navidrome"),
        ("media", "jellyfin on workstation", "services.jellyfin"),
        (
            "urn:pulumi:home::homelab::homelab:hosts:Host$command:remote:Command::pi-build",
            "command:remote:Command pi-build",
            "hosts.pi",
        ),
        (
            "urn:pulumi:home::homelab::homelab:services:Service::navidrome",
            "homelab:services:Service navidrome",
            "services.navidrome",
        ),
        (
            "urn:pulumi:home::homelab::homelab:index:Homelab::home",
            "homelab:index:Homelab home",
            "site",
        ),
        (
            "urn:pulumi:home::homelab::homelab:hosts:Host$homelab:hosts:File::pi/dns.nix",
            "homelab:hosts:File pi/dns.nix",
            "network.dns",
        ),
        ("services.navidrome.port", "aurora/firewall.nix:", "services.navidrome.port"),
        ("datasets.photos", "aurora/", "datasets.photos"),
        ("dashboard.title", "aurora/dashboard.nix:", "dashboard.title"),
    ],
)
def test_a_subject_has_its_cause(word: str, what: str, where: str) -> None:
    said = _why(word).stdout
    assert what in said
    assert f"  {where}" in said
    assert "(Pulumi.home.yaml:" in said


def test_a_place_has_the_lines_of_every_host() -> None:
    said = _why("services.navidrome").stdout
    assert "aurora/services/navidrome.nix:" in said
    assert "pi/dns.nix:" in said
    places = {line.split()[0] for line in said.splitlines() if line.startswith("  ")}
    assert all(p.startswith("services.navidrome") for p in places)


def test_a_place_without_lines_of_its_own_names_the_next_place_and_the_way_to_ask() -> None:
    said = _why("services.navidrome.icon").stdout
    assert said.startswith("no line comes from services.navidrome.icon alone")
    assert "homelab diff --set services.navidrome.icon=" in said


CLOUD = "homelab:cloudflare:"
KINDS = {
    "homelab:hosts:Host": "hosts.",
    "homelab:services:Service": "",
    "homelab:services:Route": "services.",
    f"{CLOUD}CloudflareZone": "cloudflare",
    f"{CLOUD}Tunnel": "cloudflare.tunnel",
    f"{CLOUD}Pages": "cloudflare.pages.",
    "homelab:tailnet:Tailnet": "",
    "pulumi:providers:tailscale": "tailnet",
}
"""By component, the start of the places of its resources."""


@pytest.mark.parametrize(("top", "name"), [(SHIPPED, "home"), (EXAMPLES / "javiersc", "javiersc")])
def test_every_resource_comes_from_a_place_of_its_component(top: Path, name: str) -> None:
    """Its name alone may begin like that of another one: a route is called `home`, too."""
    made = recorded(top / f"Pulumi.{name}.yaml").register(preview=True).resources
    with rehearsed():
        stack = open_stack(top, name)
        found = {r.urn: resource_of(stack, r.urn) for r in made}
    assert [urn for urn, answer in found.items() if answer is None] == []
    for urn, answer in found.items():
        assert answer is not None
        types = urn.split("::")[2].split("$")
        for kind in types[-2:]:
            if kind in KINDS and not types[-1].endswith(":File"):
                assert answer[1].startswith(KINDS[kind]), urn
        if types[-1].endswith(":File"):
            host, _, file = urn.rsplit("::", 1)[1].partition("/")
            with rehearsed():
                (whole,) = (a for a in ask(stack, host) if a.origin.file == file)
            if whole.origin.place is not None:
                assert answer[1] == whole.origin.place.where


@pytest.mark.parametrize(
    "urn",
    [
        "urn:pulumi:home::homelab::made:up::pi",
        "urn:pulumi:home::homelab::homelab:hosts:Host::nas",
        "urn:pulumi:home::homelab::homelab:hosts:Host$homelab:hosts:File::pi/none.nix",
        "",
    ],
)
def test_a_resource_that_the_stack_does_not_have_has_no_cause(urn: str) -> None:
    assert isinstance(_why(urn).exception, UsageError)


def test_a_resource_of_another_stack_is_asked_there() -> None:
    said = _why("urn:pulumi:cabin::homelab::homelab:hosts:Host::hut").exception
    assert str(said) == "this is a resource of the stack cabin; ask with -s cabin"


@pytest.mark.parametrize("section", StackConfig.model_fields)
def test_every_section_says_what_comes_from_it(section: str) -> None:
    written = f"homelab:{section}:" in (SHIPPED / "Pulumi.home.yaml").read_text()
    said = _why(section)
    if written:
        assert said.exit_code == 0, said.exception
        assert f"  {section}" in said.stdout
    elif said.exit_code:
        assert f"the stack has no homelab:{section}, so nothing" in str(said.exception)


def test_a_section_of_a_cloud_alone_has_its_resources() -> None:
    said = _why("tailnet").stdout
    assert "tailnet.keys: pavilion-join\n" in said
    assert "cloudflare.records: auth-home.example.org, music-home" in _why("cloudflare").stdout


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("services.navidrom", "services.navidrome"),
        ("auroa", "aurora"),
        ("medai.home.example.org", "media.home.example.org"),
        ("1", "ai"),
    ],
)
def test_an_unknown_subject_has_the_nearest_known_one(word: str, near: str) -> None:
    done = _why(word)
    assert f'place "{word}"' in str(done.exception)
    assert near in str(done.exception)
    assert getattr(done.exception, "exit_code", 0) == 2


@pytest.mark.parametrize("port", ["4600", "4534"])
def test_a_port_that_the_stack_does_not_write_has_all_lines_with_it(port: str) -> None:
    place = "services.navidrome.port"
    with rehearsed():
        old, new = (
            open_stack(SHIPPED, "home"),
            with_values(SHIPPED, "home", [f"{place}={port}"]),
        )
        files = {f"{d.host}/{d.file}" for d in between(old, new)}
    said = _why(place).stdout
    named = {line.partition(":")[0] for line in said.splitlines() if line[0] != " "}
    assert files <= named
    assert "pi/proxy.nix" in named
    assert "tailnet.grants" in said


def test_a_choice_has_what_another_choice_changes() -> None:
    said = _why("network.entry.proxy").stdout
    assert "pi/proxy.nix:" in said
    assert "no line comes from" not in said


@pytest.mark.parametrize(
    ("place", "other"),
    [
        ("hosts.q958.ssh.port", "2222"),
        pytest.param("hosts.q958.boot.limit", "3", marks=pytest.mark.long),
        pytest.param("hosts.q958.nix.gc", "{keep: 7d}", marks=pytest.mark.long),
    ],
)
def test_every_file_that_another_value_changes_is_named(place: str, other: str) -> None:
    top = SHIPPED.parents[1] / "examples/mynixos"
    with rehearsed():
        stack = open_stack(top, "mynixos")
        changed = with_values(top, "mynixos", [f"{place}={other}"])
    before, after = (dict(s.releases["q958"].files) for s in (stack, changed))
    files = {f"q958/{file}" for file in before if before[file] != after.get(file)}
    said = CliRunner().invoke(app, ["why", "-C", str(top), "-s", "mynixos", place]).stdout
    named = {line.partition(":")[0] for line in said.splitlines() if line.startswith("q958/")}
    assert named == {f for f in files if not f.startswith("q958/release")}


def test_a_value_that_many_places_use_has_all_that_depend_on_it() -> None:
    """ACME, the dashboard, the issuer of the sign-in, the routers and the tunnel have the domain."""
    said = _why("site.domain").stdout
    for file in ("certificates", "identity", "proxy", "tunnel"):
        assert f"pi/{file}.nix:" in said, file
    assert "aurora/dashboard.nix:" in said
    assert "security.acme.certs" in said
    assert "\ntailnet." in said
    assert "users.nix" not in said, "nothing of the owner's depends on it"


def test_what_depends_on_a_value_are_the_lines_that_another_value_changes() -> None:
    """As `homelab diff --set` finds with a value that the owner chooses."""
    with rehearsed():
        old, new = (
            open_stack(SHIPPED, "home"),
            with_values(SHIPPED, "home", [f"{MAIL}=a@b.example"]),
        )
        found = effects(old, MAIL)
        assert found is not None
        files = {e.file for e in found}
        told = {f"{d.host}/{d.file}" for d in between(old, new)}
    assert files - {"cloudflare", "tailnet"} == told
    assert "cloudflare" in files, "the policy of Access has the address"


MAIL = "site.owner.email"


def test_a_value_that_nothing_depends_on_says_so_and_a_section_keeps_its_lines() -> None:
    with rehearsed():
        stack = open_stack(SHIPPED, "home")
        assert effects(stack, "services") is None
        assert effects(stack, "services.navidrome.nothing") is None


def test_a_graph_is_no_json() -> None:
    done = _why("site.domain", "--graph", "--json")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == "--json and --graph exclude each other; leave one out"


def test_the_graph_of_a_value_has_each_file_once() -> None:
    said = _why("site.domain", "--graph").stdout
    assert "flowchart LR" in said
    for part in ("certificates.nix", "dashboard.nix", "identity.nix", "proxy.nix", "tunnel.nix"):
        assert said.count(f'["{part}<br/>') == 1, part
    of_host = _why("pi", "dns.nix", "--graph").stdout
    assert '["dns.nix<br/>' in of_host
    assert 'subgraph b1["pi"]' in of_host
