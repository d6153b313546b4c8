"""Every place of the stack that takes a secret takes one in 1Password, or refuses it with its reason."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from homelab import testing
from homelab.config.base import EarlySecretRef, SecretRef, ServiceSecretRef
from homelab.config.stack import StackConfig
from homelab.problems import InvalidStackError
from homelab.testing import changed
from tests import build
from tests.household import Changes
from tests.secrets.test_of_hosts import stack as of_hosts

pytestmark = pytest.mark.requirement("S2-03", "S3-08")
OP = {"op": "op://home/item/field"}
PATH = {"path": "/run/agenix/it"}
IMAGE = f"docker.io/a/b:1@sha256:{'0' * 64}"
TOKEN: Changes = {"secrets": {"onepassword": {"token": {"sops": "onepassword/token"}}}}
STORED = {"sops": "a/b"}


def external(**more: object) -> Changes:
    return {
        "identity": {
            "host": "pi",
            "provider": "external",
            "issuer": "https://id.example.net",
            "client": {"client_id": "proxy", **more},
        }
    }


def target(**more: object) -> Changes:
    return {"backup": {"targets": {"b": {"kind": "s3", "path": "s3.example.net/b", **more}}}}


ROOT = {"provider": "internal", "root": "ca/root.crt"}
RADICALE: Changes = {"services": {"radicale": {"host": "nas"}}}
FETCHED: Mapping[str, Any] = {
    "Issuer.credentials": lambda ref: of_hosts(ref, STORED),
    "Issuer.key": lambda ref: {
        "network": {"entry": {"acme": {**ROOT, "key": ref}}},
        "services": {"miniflux": {"host": "nas"}},
    },
    "BackupTarget.credentials": lambda ref: testing.merged(RADICALE, target(credentials=ref)),
    "BackupTarget.password": lambda ref: testing.merged(
        RADICALE, target(credentials=STORED, password=ref)
    ),
    "IdentityConfig.users": lambda ref: {"identity": {"host": "pi", "users": ref}},
    "IdentityConfig.api_key": lambda ref: {
        "identity": {"host": "pi", "provider": "pocket-id", "api_key": ref}
    },
    "ProxyClient.client_secret": lambda ref: external(client_secret=ref),
    "StatedClient.client_secret": lambda ref: testing.merged(
        external(),
        {"services": {"miniflux": {"host": "nas", "auth": "oidc", "oidc": {"client_secret": ref}}}},
    ),
    "CustomOidc.client_secret": lambda ref: testing.merged(
        external(), {"services": {"pad": {**container(), "auth": "oidc", "oidc": custom(ref)}}}
    ),
    "MailConfig.password": lambda ref: {
        "mail": {
            "host": "mail.example.net",
            "sender": "a@example.net",
            "user": "a",
            "password": ref,
        },
        "services": {"vaultwarden": {"host": "nas"}},
    },
    "Ntfy.topic": lambda ref: of_hosts(ref, STORED),
    "Ntfy.token": lambda ref: of_hosts(ref, STORED),
    "Heartbeat.url": lambda ref: {"monitoring": {"heartbeat": {"host": "nas", "url": ref}}},
    "Kuma.password": lambda ref: {
        "services": {"uptime-kuma": {"host": "nas"}},
        "monitoring": {"kuma": {"password": ref}},
    },
    "HostNix.netrc": lambda ref: of_hosts(ref, STORED),
    "VpnConfig.key": lambda ref: of_hosts(ref, STORED),
    "ServiceSecret.ref": lambda ref: {
        "services": {"miniflux": {"host": "nas", "secrets": {"admin": {"ref": ref}}}}
    },
    "SharedSecret.ref": lambda ref: {
        "services": {
            "pad": {
                "host": "nas",
                "port": 8010,
                "containers": {"app": {"image": IMAGE, "port": 80, "secrets": {"word": "WORD"}}},
                "secrets": {"word": {"ref": ref}},
            }
        }
    },
    "ContainerSecret.ref": lambda ref: {
        "services": {"pad": {**container(), "secrets": {"word": {"ref": ref}}}}
    },
}
"""Places whose secret a host fetches: model and field, and a stack with such a secret."""


def container() -> dict[str, object]:
    return {"host": "nas", "container": {"image": IMAGE, "port": 80}, "port": 8010}


def custom(ref: object) -> dict[str, object]:
    return {"redirects": ["/callback"], "env": "SECRET", "client_secret": ref}


DEPLOYER = {
    "CloudflareConfig.token": "cloudflare.token",
    "SecretsConfig.master": "secrets.master",
    "TailnetConfig.client_id": "tailnet.client_id",
    "TailnetConfig.client_secret": "tailnet.client_secret",
}
"""Places whose secret only the deployer reads, with its own `op`."""
REFUSED = {
    "OnePassword.token": "the token opens 1Password",
    "Owner.password": "before it can reach 1Password",
    "Account.password": "before it can reach 1Password",
    "Recovery.password": "before it can reach 1Password",
    "Wifi.psk": "before it can reach 1Password",
}
"""Places that cannot be in 1Password, each with the reason that it gives."""


def models() -> Iterator[type[BaseModel]]:
    """Every model of the stack config."""
    seen: list[type[BaseModel]] = [StackConfig]
    for model in seen:
        for field in model.model_fields.values():
            seen += [m for m in _models_in(field.annotation) if m not in seen]
    yield from seen


def _models_in(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _models_in(inner)


def places() -> dict[str, type[SecretRef]]:
    """Every field that takes a reference to a secret, with the kind of reference."""
    return {
        f"{model.__name__}.{name}": kind
        for model in models()
        for name, field in model.model_fields.items()
        for kind in _models_in(field.annotation)
        if issubclass(kind, SecretRef) and not issubclass(model, SecretRef)
    }


def test_every_place_is_known() -> None:
    found = places()
    ways = {
        **dict.fromkeys(FETCHED, ServiceSecretRef),
        **dict.fromkeys(DEPLOYER, SecretRef),
        **dict.fromkeys(REFUSED, EarlySecretRef),
        "OnePassword.token": SecretRef,
    }
    assert {p: k.__name__ for p, k in found.items()} == {p: k.__name__ for p, k in ways.items()}


@pytest.mark.parametrize("place", sorted(FETCHED))
def test_a_host_fetches_it_before_what_reads_it_starts(place: str) -> None:
    changes = testing.merged(TOKEN, FETCHED[place](OP))
    plan = build.plan(changes)
    fetched = [s for s in plan.secrets.secrets if s.source == "fetched"]
    assert fetched
    assert {s.key for s in fetched} == {OP["op"]}
    assert not build.found(changes, "secret-known")
    files = build.render(changes)
    for secret in fetched:
        text = files[secret.host]["fetched-secrets.nix"]
        assert OP["op"] in text
        # What reads it knows its place on the host, and no file of sops has it.
        others = [t for f, t in files[secret.host].items() if f != "fetched-secrets.nix"]
        assert any(secret.path in t for t in others), secret.path
        assert f'"/run/secrets/{secret.name}"' not in "".join(others)
        for unit in secret.units:
            assert unit.removesuffix(".service") in text, unit


@pytest.mark.parametrize("place", sorted(FETCHED))
def test_a_module_of_the_owner_may_provide_it(place: str) -> None:
    plan = build.plan(FETCHED[place](PATH))
    assert [s for s in plan.secrets.secrets if s.source == "provided"]
    assert not [s for s in plan.secrets.secrets if s.source == "fetched"]


@pytest.mark.parametrize("place", sorted(FETCHED))
def test_no_place_takes_a_path_that_a_shell_would_split(place: str) -> None:
    with pytest.raises(InvalidStackError, match=r"a shell would split or expand this path; use"):
        build.plan(FETCHED[place]({"path": "/run/agenix/b2 creds"}))


@pytest.mark.parametrize("kind", [ServiceSecretRef, EarlySecretRef])
def test_a_shell_reads_an_accepted_path_as_one_word_without_quotes(
    kind: type[ServiceSecretRef],
) -> None:
    """nixpkgs' wrapper of a restic job has `source ${environmentFile}`."""
    accepted = []
    for character in map(chr, range(0x20, 0x100)):
        for path in (f"/run/{character}/b", f"/run/a{character}b", f"/run/{character}"):
            try:
                accepted.append(kind(path=path).path or "")
            except ValueError:
                assert not re.fullmatch(r"[A-Za-z0-9_@+=-]", character), path
    assert len(accepted) > 150
    script = "".join(f"printf '%s\\n' {path}\n" for path in accepted)
    read = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True)
    assert read.stdout.splitlines() == accepted


def test_a_backup_goes_on_with_the_values_that_the_host_has() -> None:
    changes = testing.merged(TOKEN, RADICALE, target(credentials=OP, password=OP))
    text = build.render(changes)["nas"]["fetched-secrets.nix"]
    unit = text[text.index("systemd.services.restic-backups-radicale-b") :]
    assert 'wants = [ "homelab-secrets-restic.service" ];' in unit
    assert "requires" not in unit.split("};")[0]
    own = text[text.index("systemd.services.homelab-secrets-restic") :]
    assert 'wantedBy = [ "multi-user.target" ];' in own


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"secrets": {"onepassword": {"token": OP}}}, REFUSED["OnePassword.token"]),
        ({"site": {"owner": {"password": OP}}}, REFUSED["Owner.password"]),
        (
            {"hosts": {"nas": {"ssh": {"recovery": {"password": OP}}}}},
            REFUSED["Recovery.password"],
        ),
        (
            {"hosts": {"nas": {"interface": "wlan0", "wifi": {"ssid": "home", "psk": OP}}}},
            REFUSED["Wifi.psk"],
        ),
    ],
)
def test_what_is_needed_before_is_refused_with_its_reason(changes: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.plan(changes)


def test_the_deployer_reads_its_own() -> None:
    from homelab.secrets.deployer import references

    swapped = changed({"cloudflare": {"token": {"op": OP["op"], "sops": None}}}, {})
    assert references(build.plan(swapped))["cloudflare.token"].op == OP["op"]
