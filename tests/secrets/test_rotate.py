"""`homelab secret rotate`: one secret changes, and its hosts and units are named."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from homelab.config.load import load_stack_config
from homelab.ops.project.documents import read_stack_document
from homelab.secrets.sops_file import parse_sops_file
from tests.secrets.conftest import Bench
from tests.secrets.test_commands import PASTE, TOKEN, leaves
from tests.stackdir import NAME

MINIFLUX: dict[str, Any] = {
    "services": {"miniflux": {"host": "nas", "audience": "family", "auth": "oidc"}},
    "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
}
OTHER = "cf-" + "b2C3" * 12


def epochs(bench: Bench) -> dict[str, int]:
    return load_stack_config(read_stack_document(bench.directory, NAME)).secrets.epochs


@pytest.mark.requirement("S0-76", "S4-26")
def test_one_client_secret_changes_with_its_hash_and_both_hosts_are_named(bench: Bench) -> None:
    bench.write(MINIFLUX)
    before = {p: p.read_bytes() for p in bench.directory.rglob("*") if p.is_file()}
    dry = bench.call("secret", "rotate", "miniflux-oidc", "--dry-run")
    assert dry.code == 0, dry.err
    assert {p: p.read_bytes() for p in bench.directory.rglob("*") if p.is_file()} == before
    said = bench.call("secret", "rotate", "miniflux-oidc")
    units = "authelia-main.service on pi, miniflux.service on nas"
    assert said.out.splitlines() == [
        f"Pulumi.{NAME}.yaml: secrets.epochs.miniflux.oidc is 2",
        "this replaces miniflux-oidc on nas, authelia-oidc-miniflux on pi",
        f"next: pulumi up, which sends it to nas, pi and restarts {units}",
    ]
    assert epochs(bench) == {"miniflux.oidc": 2}
    assert bench.call("secret", "rotate", "authelia-oidc-miniflux").code == 0
    assert epochs(bench) == {"miniflux.oidc": 3}, "the hash names the same pair"


def test_a_name_that_no_secret_has_gets_the_nearest_of_every_kind(bench: Bench) -> None:
    bench.write(MINIFLUX)
    said = bench.call("secret", "rotate", "miniflux-odic")
    assert said.code == 2
    assert 'there is no secret "miniflux-odic"; did you mean "miniflux-oidc"?' in said.err


@pytest.mark.parametrize(("name", "host"), [("miniflux-oidc", "pi"), ("authelia-users", "nas")])
def test_a_host_without_the_secret_gets_the_host_that_has_it(
    bench: Bench, name: str, host: str
) -> None:
    bench.write(MINIFLUX)
    said = bench.call("secret", "rotate", name, "--host", host)
    other = {"pi": "nas", "nas": "pi"}[host]
    assert f"{host} does not have {name}; write --host {other}" in said.err
    assert f"{host} does not" not in bench.call("secret", "rotate", name, "--host", other).err


def test_a_secret_that_has_encrypted_data_is_not_rotated(bench: Bench) -> None:
    bench.write(PASTE)
    said = bench.call("secret", "rotate", "restic-b2")
    assert said.code == 1
    assert "no other value decrypts what this one encrypted: restic-b2 (the existing" in said.err
    assert "restic key add" in said.err
    assert "homelab lock --rotate restic.b2" in said.err
    assert epochs(bench) == {}


@pytest.mark.long
@pytest.mark.requirement("S4-26")
def test_a_stored_secret_gets_another_value_and_a_new_day(bench: Bench) -> None:
    stored = {"paste/file": {"generate": "hex", "limit": "30d"}}
    bench.write({**PASTE, "secrets": {"stored": stored}})
    assert "is missing; homelab secret set" in bench.call("secret", "rotate", "paste/file").err
    assert bench.call("secret", "set", "paste/token", "--stdin", stdin=TOKEN).code == 0
    assert bench.call("secret", "set", "paste/file", "--generate", "hex").code == 0
    file = bench.directory / "secrets/nas.yaml"
    old = yaml.safe_load(bench.read("secrets/nas.yaml"))["paste"]
    dry = bench.call("secret", "rotate", "paste/file", "--dry-run")
    assert dry.out.splitlines()[0] == "paste/file in secrets/nas.yaml becomes a new hex"
    assert yaml.safe_load(bench.read("secrets/nas.yaml"))["paste"] == old
    said = bench.call("secret", "rotate", "paste/file")
    assert said.out.splitlines() == [
        "paste/file is in secrets/nas.yaml",
        "next: pulumi up, which sends it to nas and restarts podman-paste.service on nas",
    ]
    typed = bench.call("secret", "rotate", "paste-token", "--stdin", stdin=OTHER)
    assert typed.out.splitlines()[-1] == "after the switch, revoke the old one where you got it"
    new = yaml.safe_load(bench.read("secrets/nas.yaml"))["paste"]
    assert new["file"] != old["file"]
    assert (old["token"], new["token"]) == (TOKEN, OTHER)
    parsed = parse_sops_file("", file.read_text())
    assert parsed.changed["paste/file"] == parsed.modified
    assert leaves(bench, new["file"], OTHER) == []


def test_the_value_that_is_stored_already_rotates_nothing(bench: Bench) -> None:
    bench.write(PASTE)
    assert bench.call("secret", "set", "paste/token", "--stdin", stdin=TOKEN).code == 0
    before = (bench.directory / "secrets/nas.yaml").read_text()
    said = bench.call("secret", "rotate", "paste/token", "--stdin", stdin=TOKEN)
    assert said.code == 1
    assert "this is the present value of paste/token" in said.err
    assert TOKEN not in said.err
    assert (bench.directory / "secrets/nas.yaml").read_text() == before


def test_the_master_key_is_replaced_only_on_request(bench: Bench) -> None:
    bench.write(PASTE)
    make = ("secret", "set", "secrets.master", "--generate", "base64")
    assert bench.call(*make).code == 0
    before = bench.read("secrets/deploy.yaml")
    assert "replaces every derived secret" in bench.call("secret", "rotate", "secrets.master").err
    assert "add --replace" in bench.call(*make).err
    assert bench.read("secrets/deploy.yaml") == before
    assert bench.call(*make, "--replace").code == 0
    assert bench.read("secrets/deploy.yaml") != before
    wrong = bench.call("secret", "set", "paste/token", "--replace", "--stdin", stdin=TOKEN)
    assert "--replace is for the master key" in wrong.err


@pytest.mark.requirement("S4-26")
def test_an_issued_secret_is_rotated_by_its_epoch_or_its_resource(bench: Bench) -> None:
    bench.write({**PASTE, "cloudflare": {"tunnel": {"host": "pi"}}})
    said = bench.call("secret", "rotate", "acme-cloudflare")
    assert epochs(bench) == {"acme": 2}
    assert said.out.splitlines()[-1] == "after the switch, it revokes the old one"
    assert "pulumi up --replace URN" in bench.call(
        "secret", "rotate", "cloudflared-credentials"
    ).err  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("miniflux",), "miniflux is a service; name one of its secrets: miniflux-admin,"),
        (("miniflux-oicd",), 'there is no secret "miniflux-oicd"; did you mean "miniflux-oidc"?'),
        (("miniflux-oidc", "--stdin"), "is derived, so it takes no value of yours"),
        (("miniflux-oidc", "--stdin", "--generate", "hex"), "a value has one source"),
    ],
)
def test_a_wrong_rotation_says_what_to_write(
    bench: Bench, words: tuple[str, ...], message: str
) -> None:
    bench.write(MINIFLUX)
    said = bench.call("secret", "rotate", *words)
    assert said.code == 2, said.out
    assert message in said.err
