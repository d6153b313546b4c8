"""Values are added to a stack file's text, and nothing else changes."""

from __future__ import annotations

import pytest

from homelab.config.stack_edit import lines_to_add, with_added, with_host, with_key, with_values

BLOCK = """\
config:
  # Ours.
  homelab:cloudflare:
    account: "1"  # the account
    zone: {name: example.org}
  homelab:hosts:
    pi:
      address: {lan: 192.168.1.2}
"""


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        ("cloudflare.adopt.tunnel", "x", '    adopt: {tunnel: x}\n    account: "1"'),
        ("cloudflare.token", "x", '    token: "x"\n    account: "1"'),
        ("cloudflare.zone.id", "0", 'zone: {id: "0", name: example.org}'),
        ("hosts.pi.address.tailnet", "100.64.0.2", 'address: {tailnet: "100.64.0.2", lan'),
        ("tailnet.adopt", "sha256:1", "  homelab:tailnet: {adopt: 'sha256:1'}\n"),
    ],
)
def test_a_value_is_added_in_the_form_of_its_mapping(place: str, value: str, line: str) -> None:
    edited = with_added(BLOCK, tuple(place.split(".")), value)
    assert line in edited
    assert "# the account" in edited
    assert "# Ours." in edited


@pytest.mark.parametrize("place", ["cloudflare.account", "cloudflare.zone.name", "cloudflare.zone"])
def test_a_value_that_is_there_is_never_replaced(place: str) -> None:
    assert with_added(BLOCK, tuple(place.split(".")), "other") == ""


@pytest.mark.parametrize(
    "text",
    [
        "config: &a\n  homelab:cloudflare: *a\n",
        "config:\n  homelab:cloudflare: &c {account: x}\n  other: *c\n",
        "config: [",
        "config:\n  homelab:cloudflare:\n",
        "",
    ],
)
def test_a_form_that_allows_no_edit_of_this_alone_is_left(text: str) -> None:
    assert with_added(text, ("cloudflare", "adopt", "tunnel"), "x") == ""


SHARED = """\
config:
  homelab:hosts:
    pi: &one {nixpkgs: default, address: {lan: 192.168.1.2}}
    nas: *one
"""


@pytest.mark.parametrize(
    "edited",
    [
        with_values(SHARED, {("hosts", "pi", "nixpkgs"): "old"}),
        with_values(SHARED, {("hosts", "nas", "interface"): "enp1s0"}),
        with_added(SHARED, ("hosts", "pi", "address", "tailnet"), "100.64.0.2"),
        with_host(SHARED, ("hosts", "pi", "nixpkgs"), "old"),
    ],
    ids=["a present value", "a new one", "an added one", "a host"],
)
def test_a_value_that_two_keys_share_is_not_changed_for_one(edited: str) -> None:
    assert edited == ""


def test_lines_for_a_person_have_the_sections_of_the_file() -> None:
    values = {("tailnet", "dns", "search"): ["a.example"], ("tailnet", "adopt"): "x"}
    assert lines_to_add(values) == (
        "homelab:tailnet:\n  dns:\n    search:\n    - a.example\n  adopt: x\n"
    )


OPTIONS = """\
config:
  homelab:services:
    jellyfin:
      host: nas
      options:
        services.a.b: 1  # why
        'services.a.c."x.y"': [2]
    web: {host: nas, options: {services.a.b: &one 1, services.q: *one}}
"""


@pytest.mark.parametrize(
    ("service", "old", "new", "line"),
    [
        ("jellyfin", "services.a.b", "services.n", "        services.n: 1  # why\n"),
        ("jellyfin", 'services.a.c."x.y"', 'n."x.y"', "        'n.\"x.y\"': [2]\n"),
        ("web", "services.a.b", "services.n", "options: {services.n: &one 1, services.q: *one}"),
    ],
)
def test_a_key_gets_another_name_and_keeps_its_value(
    service: str, old: str, new: str, line: str
) -> None:
    edited = with_key(OPTIONS, ("services", service, "options", old), new)
    assert line in edited
    changed = [
        pair
        for pair in zip(OPTIONS.splitlines(), edited.splitlines(), strict=True)
        if pair[0] != pair[1]
    ]
    assert len(changed) == 1


def test_a_key_that_is_missing_or_would_be_twice_is_left_alone() -> None:
    place = ("services", "web", "options")
    assert with_key(OPTIONS, (*place, "services.x"), "services.n") == ""
    assert with_key(OPTIONS, (*place, "services.a.b"), "services.q") == ""
    shared = "config:\n  homelab:services:\n    a: {options: &o {x.y: 1}}\n    b: {options: *o}\n"
    assert with_key(shared, ("services", "a", "options", "x.y"), "x.z") == ""
