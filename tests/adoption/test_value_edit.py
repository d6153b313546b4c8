"""Values are added to a stack file's text, and nothing else changes."""

from __future__ import annotations

import pytest

from homelab.config.value_edit import lines_to_add, with_value

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
    edited = with_value(BLOCK, place, value)
    assert line in edited
    assert "# the account" in edited
    assert "# Ours." in edited


@pytest.mark.parametrize("place", ["cloudflare.account", "cloudflare.zone.name", "cloudflare.zone"])
def test_a_value_that_is_there_is_never_replaced(place: str) -> None:
    assert with_value(BLOCK, place, "other") == ""


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
    assert with_value(text, "cloudflare.adopt.tunnel", "x") == ""


def test_lines_for_a_person_have_the_sections_of_the_file() -> None:
    values = {"tailnet.dns.search": ["a.example"], "tailnet.adopt": "x"}
    assert lines_to_add(values) == (
        "homelab:tailnet:\n  dns:\n    search:\n    - a.example\n  adopt: x\n"
    )
